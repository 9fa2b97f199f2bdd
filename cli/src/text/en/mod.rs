//! English texts of the program.

mod deliveries;
mod hints;
mod imports;
mod program;
mod store;

use super::entry::Text;

pub(crate) use hints::CHECK;

pub(super) const TEXTS: &[&[Text]] = &[store::TEXTS, imports::TEXTS, deliveries::TEXTS, program::TEXTS];

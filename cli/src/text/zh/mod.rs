//! Chinese texts of the program.

mod deliveries;
mod hints;
mod imports;
mod phrases;
mod program;
mod store;

use super::entry::Text;

pub(super) use phrases::phrase;

pub(super) const TEXTS: &[&[Text]] = &[store::TEXTS, imports::TEXTS, deliveries::TEXTS, program::TEXTS];

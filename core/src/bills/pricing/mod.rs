//! Prices applied to the lines of bills: what customers pay, the partner's margin, and prices that are doubtful.

mod block;
mod doubt;
mod margin;

pub(crate) use block::{Price, PricedBlock};
pub use doubt::Doubt;
pub use margin::{Margin, MarginRow};

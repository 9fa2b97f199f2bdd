//! Values without a store: money, days and months, account ids, digests, and the kinds of errors.

pub(crate) mod dated;
pub mod digest;
pub(crate) mod digits;
pub mod error;
pub mod label;
pub mod money;
pub mod near;
pub mod period;
pub mod reason;
pub mod uin;
pub mod visible;

//! The pages. Each takes what it shows from the library or from a command, and draws it.

pub(super) mod bill;
pub(super) mod bills;
pub(super) mod common;
mod decisions;
pub(super) mod deliveries;
pub(super) mod diff;
pub(super) mod disputes;
pub(super) mod import;
pub(super) mod journal;
pub(super) mod late;
pub(super) mod lines;
pub(super) mod lint;
mod rollup;
pub(super) mod settings;
pub(super) mod status;
pub(super) mod storage;
mod storage_calendar;

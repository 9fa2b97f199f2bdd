//! The domain and the engine of billkeep: an embedded store and export engine for cloud bills.

pub mod audit;
pub mod bills;
pub mod deliveries;
pub mod engine;
pub mod error;
pub mod exports;
pub mod formats;
pub mod partners;
pub mod values;

pub use audit::check;
pub use bills as bill;
pub use bills::{carry, ingest, lint};
pub use deliveries as delivery;
pub use deliveries::{calendar, expected, notice, retention, storage};
#[cfg(feature = "testing")]
pub use engine::testing;
pub use engine::{block, bounded, codec, journal, own_folder, requests, rollup, settings, store, timeline};
pub use exports as export;
pub use exports::{evidence, sink};
pub use formats::{naming, schema, text};
pub use partners::{contract, people, policy};

/// Prices: the rules, and what they make of bills.
pub mod price {
    pub use crate::bills::pricing::*;
    pub use crate::partners::price::*;
}

/// Accounts: the tree, and those of bills that are not in it.
pub mod accounts {
    pub use crate::bills::Unassigned;
    pub use crate::partners::accounts::*;
}
pub use values::{digest, label, money, near, period, uin, visible};

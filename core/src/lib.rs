//! The domain and the engine of billkeep: an embedded store and export engine for cloud bills.

pub mod bill;
pub mod block;
pub mod calendar;
pub mod carry;
pub mod codec;
pub mod contract;
mod dated;
pub mod delivery;
pub mod digest;
pub mod error;
pub mod evidence;
pub mod expected;
pub mod export;
pub mod ingest;
pub mod journal;
pub mod lint;
pub mod money;
pub mod naming;
pub mod period;
pub mod policy;
pub mod price;
pub mod rollup;
pub mod schema;
pub mod settings;
pub mod storage;
pub mod store;
pub mod uin;

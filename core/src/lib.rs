//! The domain and the engine of billkeep: an embedded store and export engine for cloud bills.

pub mod block;
pub mod codec;
pub mod digest;
pub mod error;
pub mod money;
pub mod period;
pub mod schema;
pub mod store;
pub mod uin;

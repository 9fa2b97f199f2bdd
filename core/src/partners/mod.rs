//! Who takes part: accounts, people, prices, contracts, and the store's policies.

pub mod accounts;
pub mod contract;
pub mod people;
pub mod policy;
pub mod price;

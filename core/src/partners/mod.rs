//! Who takes part: accounts, people, prices, contracts, and the store's policies.

pub(crate) mod accounts;
pub(crate) mod contract;
pub(crate) mod people;
pub(crate) mod policy;
pub(crate) mod price;

pub use accounts::{
    AccountDetails, AccountError, AccountRecord, AccountRole, AccountsFault, Imported, Node, Tree,
};
pub use contract::{Contract, ContractError, Rate};
pub use people::{PeopleError, Person, PersonRole, SecretHash, Token};
pub use policy::{Changed, Policy};
pub use price::{AppliedRule, Fee, Method, PriceBook, PriceError, PriceRule, Rounding, RoundingMode, Terms};

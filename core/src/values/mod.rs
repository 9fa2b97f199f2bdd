//! Values without a store: money, days and months, account ids, digests, and the kinds of errors.

pub(crate) mod dated;
pub(crate) mod digest;
pub(crate) mod digits;
pub(crate) mod error;
pub(crate) mod label;
pub(crate) mod money;
pub(crate) mod near;
pub(crate) mod period;
pub(crate) mod reason;
pub(crate) mod uin;
pub(crate) mod visible;

pub use digest::{Digest, LineHasher, from_hex, hex, lines_counted, sha256};
pub use label::BadLabel;
pub use money::{Amount, NotAnAmount, grouped};
pub use near::nearest;
pub use period::{Basis, BillMonth, Coverage, Day, TimeZone};
pub use uin::Uin;
pub use visible::{is_hidden, visible, visible_lines};

//! What a store is set up with.

use serde::{Deserialize, Serialize};

use crate::engine::store::{Records, StoreError, Table};
use crate::values::period::TimeZone;
use crate::values::uin::Uin;

/// The settings that `init` writes and nothing changes afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreSettings {
    /// The partner whose bills these are.
    pub payer: Uin,
    /// The name of the calendar that holds until another one is set ([`crate::deliveries::calendar::Calendars`]).
    pub calendar: String,
    /// The zone in which days begin.
    pub zone: TimeZone,
}

impl StoreSettings {
    /// Under which key they lie in [`Table::Meta`].
    pub const KEY: &[u8] = b"settings";

    /// Reads them.
    ///
    /// # Errors
    /// [`StoreError::Lost`] when the store has none.
    pub fn of(store: &impl Records) -> Result<StoreSettings, StoreError> {
        store.need(Table::Meta, StoreSettings::KEY)
    }
}

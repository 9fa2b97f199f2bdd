//! A new store: the payer whose bills it holds, its calendar and its time zone.

use std::path::Path;

use crate::deliveries::calendar::{CalendarError, Profile};
use crate::engine::journal::{Actor, EntryChange, append_change, record_digest};
use crate::engine::settings::StoreSettings;
use crate::engine::store::{OpenOptions, Store, StoreError, Table, Transaction};
use crate::values::period::TimeZone;
use crate::values::uin::Uin;

/// What a new store is created with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The account that owes the bills.
    pub payer: Uin,
    /// The name of a built-in calendar. Another one can be added and followed later.
    pub calendar: String,
    /// The zone in which days begin.
    pub zone: TimeZone,
    /// How the store is opened once it is there.
    pub options: OpenOptions,
}

impl Setup {
    /// The setup for a payer with the calendar `seed-2021` and default options.
    pub fn new(payer: Uin, zone: TimeZone) -> Setup {
        let calendar = Profile::SEED_2021.name.to_string();
        Setup { payer, calendar, zone, options: OpenOptions::default() }
    }

    /// Writes the settings and the journal's first entry.
    pub(crate) fn write(&self, tx: &Transaction, actor: &Actor) -> Result<(), StoreError> {
        let Setup { payer, calendar, zone, .. } = self;
        let settings = StoreSettings { payer: *payer, calendar: calendar.clone(), zone: *zone };
        tx.put(Table::Meta, StoreSettings::KEY, &settings)?;
        let detail = format!("payer {payer}, calendar {calendar}, time zone {zone}");
        let after = record_digest(tx, Table::Meta, StoreSettings::KEY)?;
        let subject = payer.to_string();
        append_change(tx, actor, EntryChange { after, ..EntryChange::new("init", &subject, &detail) })
    }
}

impl Store {
    /// Creates a store where there is no file, and opens it to read and to write.
    ///
    /// A crash never leaves half a store. The file can be read by its owner only.
    ///
    /// # Errors
    /// [`CalendarError::None`] when no built-in calendar has the name; [`StoreError::Exists`] when there is a file;
    /// [`StoreError`] when the file cannot be written.
    pub fn create(path: &Path, setup: &Setup, actor: &Actor) -> Result<Store, CalendarError> {
        if Profile::built_in(&setup.calendar).is_none() {
            return Err(CalendarError::None(setup.calendar.clone()));
        }
        Ok(Store::create_with(path, &setup.options, |tx| setup.write(tx, actor))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::audit::StoreCheck;
    use crate::engine::journal::JournalEntry;

    #[test]
    fn a_new_store_holds_its_settings_and_the_journal_records_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.redb");
        let setup = Setup::new("100010445724".parse().unwrap(), "+08:00".parse().unwrap());
        let actor = Actor { name: "ann".into(), at_unix_s: 1 };
        let unknown = Setup { calendar: "none".into(), ..setup.clone() };
        assert!(matches!(Store::create(&path, &unknown, &actor), Err(CalendarError::None(_))));
        assert!(!path.exists());
        let store = Store::create(&path, &setup, &actor).unwrap();
        let snapshot = store.read().unwrap();
        assert_eq!(StoreSettings::of(&snapshot).unwrap().payer, setup.payer);
        assert_eq!(JournalEntry::list(&snapshot).unwrap().len(), 1);
        StoreCheck::run(&snapshot, 1).unwrap();
        let again = Store::create(&path, &setup, &actor);
        assert!(matches!(again, Err(CalendarError::Store(StoreError::Exists(_)))));
    }
}

//! Whether a store is whole: every figure recomputed from the lines, every record read back from under its own key.
//!
//! That the pages are those that were written is for [`crate::engine::store::Store::check_pages`]; what they say, is looked at here.

use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::audit;
use crate::bills::dispute::Dispute;
use crate::bills::late::LateFile;
use crate::bills::readings::Readings;
use crate::bills::{self, Bill, BillError, BillView, Load, Revision, Segment};
use crate::deliveries::Delivery;
use crate::deliveries::calendar::Followed;
use crate::deliveries::calendar::Profile;
use crate::deliveries::notice::{Notice, Notifier};
use crate::deliveries::retention::Rules;
use crate::deliveries::storage::{SinkRecord, StorageAccount};
use crate::engine::codec::{self, CodecError, Layouts};
use crate::engine::journal::Proof;
use crate::engine::settings::StoreSettings;
use crate::engine::store::{Records, StoreError, Table};
use crate::partners::contract::{self, Contract};
use crate::partners::people;
use crate::partners::policy::Policy;
use crate::partners::price;

/// How much was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreCheck {
    /// How many bills.
    pub bills: u64,
    /// How many lines their current revisions have.
    pub lines: u64,
    /// How many entries the journal has.
    pub entries: u64,
}

impl StoreCheck {
    /// Looks at everything.
    ///
    /// # Errors
    /// [`BillError`] at the first figure that is not equal, and the first record that is not what was written.
    pub fn run(store: &(impl Records + Sync), threads: usize) -> Result<StoreCheck, BillError> {
        let (mut bills, mut lines) = (0, 0);
        for (found, revision) in Bill::list(store)? {
            bills::check_history(store, found.key)?;
            let view = BillView::open(store, found.key, None)?;
            view.check_sums(store, threads)?;
            bills += 1;
            lines += revision.lines();
        }
        let entries = Proof::verify(store)?.entries;
        records(store)?;
        deliveries(store)?;
        audit::compare(store)?;
        Ok(StoreCheck { bills, lines, entries })
    }
}

/// Reads the records that no figure depends on, and those that are found by a number.
fn records(store: &impl Records) -> Result<(), StoreError> {
    StoreSettings::of(store)?;
    Policy::of(store)?;
    Rules::of(store)?;
    Followed::list(store)?;
    at_home::<Bill>(store, Table::Bills, |bill| bill.key.bytes())?;
    at_home_of::<StorageAccount>(store, Table::Storage, |account| {
        account.uin.number().to_be_bytes().to_vec()
    })?;
    at_home_of::<SinkRecord>(store, Table::Sinks, |sink| sink.name.clone().into_bytes())?;
    at_home::<Contract>(store, Table::Contracts, |contract| contract::key(contract.uin, &contract.product))?;
    at_home::<price::Terms>(store, Table::Terms, |terms| terms.uin.number().to_be_bytes().to_vec())?;
    at_home::<Profile>(store, Table::Calendars, |profile| profile.name.as_bytes().to_vec())?;
    at_home::<Dispute>(store, Table::Disputes, |dispute| dispute.number.to_be_bytes().to_vec())?;
    at_home_of::<LateFile>(store, Table::Late, |late| late.number.to_be_bytes().to_vec())?;
    at_home::<Notifier>(store, Table::Notifiers, |notifier| notifier.name.as_bytes().to_vec())?;
    at_home::<Notice>(store, Table::Notices, |notice| notice.number.to_be_bytes().to_vec())?;
    at_home::<people::Person>(store, Table::People, |person| people::key(&person.name))?;
    store.list::<crate::engine::requests::KeyedRequest>(Table::Requests, &[])?;
    at_home::<Load>(store, Table::Loads, |load| load.number.to_be_bytes().to_vec())?;
    at_home::<Readings>(store, Table::Readings, |readings| readings.load.to_be_bytes().to_vec())?;
    for (key, _) in store.list::<Segment>(Table::Segments, &[])? {
        <[u8; 8]>::try_from(key.as_slice()).map_err(|_| elsewhere(Table::Segments))?;
    }
    for (key, revision) in store.list::<Revision>(Table::Revisions, &[])? {
        if !key.ends_with(&revision.number.to_be_bytes()) {
            return Err(elsewhere(Table::Revisions));
        }
    }
    crate::partners::accounts::Tree::load(store)?;
    Ok(())
}

fn elsewhere(table: Table) -> StoreError {
    StoreError::Damaged {
        what: format!("a record of `{}`", table.name()),
        why: "it lies under the key of another one".into(),
    }
}

/// Reads the records of a table, and says whether each lies where it belongs.
fn at_home<T: DeserializeOwned>(
    store: &impl Records,
    table: Table,
    home: impl Fn(&T) -> Vec<u8>,
) -> Result<(), StoreError> {
    at_home_by(store, table, codec::decode, home)
}

/// [`at_home`] for records that have several layouts.
fn at_home_of<T: Layouts>(
    store: &impl Records,
    table: Table,
    home: impl Fn(&T) -> Vec<u8>,
) -> Result<(), StoreError> {
    at_home_by(store, table, T::decode, home)
}

fn at_home_by<T>(
    store: &impl Records,
    table: Table,
    decode: impl Fn(&[u8]) -> Result<T, CodecError>,
    home: impl Fn(&T) -> Vec<u8>,
) -> Result<(), StoreError> {
    store.scan_bytes(table, &[], &mut |key, bytes| {
        let record = decode(bytes).map_err(|e| StoreError::Damaged {
            what: format!("a record of `{}`", table.name()),
            why: e.to_string(),
        })?;
        if home(&record) == key { Ok(true) } else { Err(elsewhere(table)) }
    })
}

/// Compares what the deliveries say with the manifests that were kept, and with what finds them.
fn deliveries(store: &impl Records) -> Result<(), StoreError> {
    at_home_of::<Delivery>(store, Table::Deliveries, |delivery| delivery.number.to_be_bytes().to_vec())?;
    for delivery in Delivery::list(store)? {
        let receipt = delivery.progress.receipt().or_else(|| delivery.progress.begun());
        let (Some(receipt), Some(kept)) = (receipt, Delivery::manifest(store, delivery.number)?) else {
            continue;
        };
        if <[u8; 32]>::from(Sha256::digest(kept)) != receipt.manifest_sha256 {
            return Err(StoreError::Damaged {
                what: format!("the manifest of delivery {}", delivery.number),
                why: "it is not the one that was written".into(),
            });
        }
    }
    for table in [Table::DeliveryKeys, Table::DeliverySlots] {
        for (_, number) in store.list::<u64>(table, &[])? {
            if Delivery::find(store, number)?.is_none() {
                return Err(StoreError::Lost(format!("delivery {number}")));
            }
        }
    }
    Ok(())
}

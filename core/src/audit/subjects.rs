//! What the journal's entries say of single subjects: the digest of a record, a bill, a delivery's lines.

use std::collections::BTreeMap;

use crate::bills::Bill;
use crate::deliveries::Delivery;
use crate::deliveries::calendar::FOLLOWED;
use crate::deliveries::retention::Rules;
use crate::engine::journal::Recorded;
use crate::engine::journal::{JournalEntry, record_digest};
use crate::engine::settings::StoreSettings;
use crate::engine::store::{Records, StoreError, Table};
use crate::partners::people;
use crate::partners::policy::Policy;
use crate::values::digest::hex;
use crate::values::uin::Uin;

/// A record that an entry is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct SubjectPlace {
    /// Where it lies, by the table's name.
    table: &'static str,
    key: Vec<u8>,
}

/// A digest, none for what is not there, and the entry that tells it.
type SubjectDigest = (Option<[u8; 32]>, u64);

/// The last that is told of each subject.
#[derive(Default)]
pub(super) struct Subjects {
    records: BTreeMap<SubjectPlace, (Table, String, SubjectDigest)>,
    /// The lines of deliveries.
    deliveries: BTreeMap<u64, SubjectDigest>,
}

impl Subjects {
    pub(super) fn add(&mut self, entry: &JournalEntry) {
        let told = (entry.after, entry.number);
        if matches!(entry.action.as_str(), "deliver" | "delivery rebuild") {
            if let Some(number) = delivery_number(&entry.detail).filter(|_| entry.after.is_some()) {
                self.deliveries.insert(number, told);
            }
        } else if (entry.before.is_some() || entry.after.is_some())
            && let Some((table, key, words)) = record_of(entry)
        {
            self.records.insert(SubjectPlace { table: table.name(), key }, (table, words, told));
        }
    }

    /// Returns in words what is not as it is told.
    pub(super) fn differences(&self, store: &impl Records) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        for (place, (table, words, (wanted, entry))) in &self.records {
            let there = match record_digest(store, *table, &place.key) {
                // What cannot be read is for whoever reads it.
                Err(StoreError::Damaged { what, why }) => {
                    found.push(format!("{what}: {why}"));
                    continue;
                }
                there => there?,
            };
            if there != *wanted {
                found.push(differs(&format!("{words} in `{}`", table.name()), there, *wanted, *entry));
            }
        }
        for (bill, revision) in Bill::list(store)? {
            if let Some(recorded) = Recorded::find(store, &bill.key.subject())?
                && recorded.digest != revision.digest.bytes()
            {
                let there = Some(revision.digest.bytes());
                let wanted = Some(recorded.digest);
                found.push(differs(
                    &format!("the lines of the bill for {}", bill.key),
                    there,
                    wanted,
                    recorded.entry,
                ));
            }
        }
        for (number, (wanted, entry)) in &self.deliveries {
            let there = Delivery::find(store, *number)?.map(|found| found.plan.content.bytes());
            if there != *wanted {
                found.push(differs(&format!("the lines of delivery {number}"), there, *wanted, *entry));
            }
        }
        Ok(found)
    }
}

fn differs(what: &str, there: Option<[u8; 32]>, wanted: Option<[u8; 32]>, entry: u64) -> String {
    let text = |digest: Option<[u8; 32]>| digest.map(|digest| format!("digest {}", hex(&digest)));
    match (text(there), text(wanted)) {
        (None, _) => format!("{what}: it is not there, and entry {entry} records it"),
        (_, None) => format!("{what}: it is there, and entry {entry} records that it was removed"),
        (Some(there), Some(wanted)) => format!("{what}: {there}, and entry {entry} records {wanted}"),
    }
}

/// Returns the number in `delivery 7: …`.
fn delivery_number(detail: &str) -> Option<u64> {
    detail.strip_prefix("delivery ")?.split(':').next()?.parse().ok()
}

/// Returns the record that an entry is about, where its action says which, and how people call it.
fn record_of(entry: &JournalEntry) -> Option<(Table, Vec<u8>, String)> {
    let subject = entry.subject.as_str();
    let named = |what: &str, table| Some((table, subject.as_bytes().to_vec(), format!("{what} `{subject}`")));
    let of_uin = |what: &str, table| {
        let uin: Uin = subject.parse().ok()?;
        Some((table, uin.number().to_be_bytes().to_vec(), format!("{what} of account {subject}")))
    };
    let meta = |key: &[u8], words: &str| Some((Table::Meta, key.to_vec(), words.to_owned()));
    match entry.action.as_str() {
        "sink add" | "sink change" | "sink remove" => named("sink", Table::Sinks),
        "sink test" => named("what was found of sink", Table::Probes),
        "notify add" | "notify remove" => named("notifier", Table::Notifiers),
        "calendar add" | "calendar remove" => named("calendar", Table::Calendars),
        "account set" | "account end" | "account import" => of_uin("the record", Table::Accounts),
        "init" => meta(StoreSettings::KEY, "the settings"),
        "retention set" => meta(Rules::KEY, "the retention rules"),
        "settings" if subject == "calendar" => meta(FOLLOWED, "the calendar that is followed"),
        "settings" if subject == "four_eyes" => meta(Policy::KEY, "the policy"),
        action if action.starts_with("storage ") => of_uin("bill storage", Table::Storage),
        action if action.starts_with("account price ") || action.starts_with("account column ") => {
            of_uin("the prices", Table::Terms)
        }
        action if action.starts_with("user ") => {
            Some((Table::People, people::key(subject), format!("person `{subject}`")))
        }
        _ => None,
    }
}

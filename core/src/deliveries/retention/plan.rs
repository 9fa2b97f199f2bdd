//! What may be removed on a day, and what is kept though it is old enough, and why.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use crate::bills::late::LateFile;
use crate::bills::{Bill, BillKey, BillState, Load, Revision};
use crate::deliveries::calendar::BillKind;
use crate::deliveries::{Delivery, DeliveryProgress};
use crate::engine::journal::EntryFilter;
use crate::engine::store::{Records, Table};
use crate::values::digest::hex;
use crate::values::period::Day;

use super::{RetentionError, Rules};
use crate::bills::dispute::Dispute;
use crate::engine::journal::JournalEntry;

/// Something that may be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Part and manifest of a delivery, from its sink.
    Delivery {
        /// The delivery's number.
        number: u64,
        /// The sink.
        sink: String,
        /// The part's name.
        part: String,
        /// The part's length.
        bytes: u64,
        /// The part's lines.
        lines: u64,
    },
    /// The lines of a load that only replaced revisions have.
    Lines {
        /// Of which bill.
        bill: BillKey,
        /// The load's number.
        load: u64,
        /// The file that it was made from.
        file: String,
        /// How many lines.
        lines: u64,
    },
}

/// Something that is old enough, and is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptItem {
    /// What.
    pub what: String,
    /// Why.
    pub why: &'static str,
}

/// What may be removed on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removals {
    /// Of which day.
    pub on: Day,
    /// What may go.
    pub removals: Vec<Removal>,
    /// What is kept though it is old enough.
    pub kept: Vec<KeptItem>,
}

impl Removals {
    /// Returns the digest of what may go, in hexadecimal digits: it is named to have it removed.
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(b"billkeep removals\n");
        for removal in &self.removals {
            match removal {
                Removal::Delivery { number, .. } => hasher.update(format!("delivery {number}\n")),
                Removal::Lines { load, .. } => hasher.update(format!("load {load}\n")),
            }
        }
        hex(&<[u8; 32]>::from(hasher.finalize()))
    }
}

/// Says whether a thing of a last day may go, by a rule of so many days.
fn is_old(last: Day, days: u32, on: Day) -> bool {
    on.minus_days(days).is_some_and(|limit| last < limit)
}

impl Removals {
    /// Tells what may be removed on a day. `confirmed`: evidence of confirmed bills as well.
    ///
    /// # Errors
    /// [`RetentionError`] when the store cannot be read.
    pub fn plan(store: &impl Records, on: Day, confirmed: bool) -> Result<Removals, RetentionError> {
        let rules = Rules::of(store)?;
        let mut plan = Removals { on, removals: Vec::new(), kept: Vec::new() };
        let bills: Vec<Bill> = Bill::list(store)?.into_iter().map(|(bill, _)| bill).collect();
        let delivered = Delivery::list(store)?;
        deliveries(&bills, &delivered, &rules, confirmed, &mut plan);
        if let Some(days) = rules.revisions_days {
            let uses = Uses { delivered, late: LateFile::list(store)?, confirmed };
            for bill in bills.iter().filter(|bill| is_old(bill.key.month.last_day(), days, on)) {
                lines(store, bill, &uses, &mut plan)?;
            }
        }
        Ok(plan)
    }
}

fn deliveries(bills: &[Bill], delivered: &[Delivery], rules: &Rules, confirmed: bool, plan: &mut Removals) {
    let states: BTreeMap<BillKey, BillState> = bills.iter().map(|bill| (bill.key, bill.state)).collect();
    for delivery in delivered {
        let wanted = &delivery.plan.wanted;
        let (receipt, begun) = match &delivery.progress {
            DeliveryProgress::Delivered(receipt) => (receipt, false),
            // Somebody decided before, and was interrupted.
            DeliveryProgress::Removing(receipt) => (receipt, true),
            _ => continue,
        };
        let days = rules.sinks.get(&delivery.sink).and_then(|kinds| kinds.get(&wanted.kind));
        let old = days.is_some_and(|days| is_old(wanted.coverage.last, *days, plan.on));
        if !old && !begun {
            continue;
        }
        // A month's bill is evidence as soon as the month is confirmed, whenever it was delivered.
        let whole = wanted.kind != BillKind::Daily && states.get(&wanted.bill) == Some(&BillState::Confirmed);
        if (delivery.plan.is_final || whole) && !confirmed && !begun {
            let what = format!("delivery {}, `{}`", delivery.number, receipt.part);
            plan.kept.push(KeptItem { what, why: "it is evidence of a confirmed bill" });
            continue;
        }
        plan.removals.push(Removal::Delivery {
            number: delivery.number,
            sink: delivery.sink.clone(),
            part: receipt.part.clone(),
            bytes: receipt.bytes,
            lines: receipt.rows,
        });
    }
}

/// What may need the lines of a revision.
struct Uses {
    delivered: Vec<Delivery>,
    late: Vec<LateFile>,
    /// Evidence of confirmed bills may go.
    confirmed: bool,
}

/// Finds the loads that only replaced revisions have, of which none is needed any more.
fn lines(store: &impl Records, bill: &Bill, uses: &Uses, plan: &mut Removals) -> Result<(), RetentionError> {
    let key = bill.key;
    let history = Revision::list(store, key)?;
    let needed = needed(store, key, &history, uses)?;
    let mut kept_loads: BTreeSet<u64> = uses.late.iter().map(|late| late.load).collect();
    let mut old_loads = BTreeSet::new();
    for revision in history {
        if revision.number == bill.revision {
            kept_loads.extend(revision.loads);
        } else if let Some(why) = needed.get(&revision.number) {
            plan.kept
                .push(KeptItem { what: format!("revision {} of {}", revision.number, key.subject()), why });
            kept_loads.extend(revision.loads);
        } else {
            old_loads.extend(revision.loads);
        }
    }
    for load in old_loads.difference(&kept_loads) {
        if store.get_bytes(Table::Pruned, &load.to_be_bytes())?.is_some() {
            continue;
        }
        let record: Load = store.need(Table::Loads, &load.to_be_bytes())?;
        let lines = record.digest.lines();
        plan.removals.push(Removal::Lines { bill: key, load: *load, file: record.file.name, lines });
    }
    Ok(())
}

/// Returns the revisions of which the lines are needed, and why.
fn needed(
    store: &impl Records,
    key: BillKey,
    history: &[Revision],
    uses: &Uses,
) -> Result<BTreeMap<u32, &'static str>, RetentionError> {
    let mut needed = BTreeMap::new();
    if !uses.confirmed {
        let filter = EntryFilter {
            action: Some("confirm".into()),
            subject: Some(key.subject()),
            ..EntryFilter::default()
        };
        let digests: BTreeSet<[u8; 32]> =
            JournalEntry::select(store, &filter)?.into_iter().filter_map(|entry| entry.after).collect();
        for revision in history {
            if digests.contains(&revision.digest.bytes()) {
                needed.insert(revision.number, "it was confirmed once");
            }
        }
    }
    for dispute in Dispute::list(store, Some(key))? {
        // The evidence of a dispute shows what the revision before had.
        needed.insert(dispute.revision, "a dispute is about it");
        needed.insert(dispute.revision.saturating_sub(1), "a dispute is about the one after it");
    }
    for delivery in uses.delivered.iter().filter(|d| d.plan.wanted.bill == key) {
        match delivery.progress {
            DeliveryProgress::Planned
            | DeliveryProgress::Uploading(..)
            | DeliveryProgress::Uploaded(_)
            | DeliveryProgress::Checked(_) => {
                needed.insert(delivery.plan.revision, "a delivery was planned from it")
            }
            DeliveryProgress::Delivered(_) | DeliveryProgress::Removing(_) => {
                needed.insert(delivery.plan.revision, "a bill that was made from it lies in a sink")
            }
            DeliveryProgress::Removed(..) | DeliveryProgress::Abandoned(_) => None,
        };
    }
    for late in uses.late.iter().filter(|late| late.bill == key) {
        needed.insert(late.revision, "a late file was compared with it");
    }
    Ok(needed)
}

//! Figures for a monitoring system, as a Prometheus text file that is there whole or not at all.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::context::Context;
use crate::error::CommandError;
use crate::out_file::{For, OutFile};
use billkeep_core::bills::{Bill, BillState};

use billkeep_core::deliveries::{Delivery, Notice};
use billkeep_core::engine::{JournalHead, Records, Store};

/// Writes the figures after a run, if they are wanted.
pub(crate) fn after_run(context: &Context, store: &Store, path: Option<&Path>) -> Result<(), CommandError> {
    match path {
        Some(path) => OutFile::write_all_to(
            context,
            path,
            For::All,
            text(&store.read()?, context.now_unix_s())?.as_bytes(),
        ),
        None => Ok(()),
    }
}

/// What is told of a store at a moment.
fn text(store: &impl Records, now_unix_s: i64) -> Result<String, CommandError> {
    let deliveries = Delivery::list(store)?;
    let mut out = String::new();
    let mut family = |name: &str, help: &str, rows: Vec<(String, i64)>| {
        // Writing to a text does not fail.
        let _ = writeln!(out, "# HELP billkeep_{name} {help}\n# TYPE billkeep_{name} gauge");
        for (labels, value) in rows {
            let _ = writeln!(out, "billkeep_{name}{labels} {value}");
        }
    };
    let count = |of: &dyn Fn(&Delivery) -> Option<String>| {
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        deliveries.iter().filter_map(of).for_each(|labels| *counts.entry(labels).or_default() += 1);
        counts.into_iter().collect::<Vec<_>>()
    };
    let sink = |d: &Delivery| escaped(&d.sink);
    family(
        "deliveries",
        "Deliveries by sink and state.",
        count(&|d| Some(format!("{{sink=\"{}\",state=\"{}\"}}", sink(d), d.progress.word()))),
    );
    family(
        "deliveries_failing",
        "Deliveries that are not there yet and whose last attempt failed, by sink and kind.",
        count(&|d| {
            let failure = d.failure.as_ref().filter(|_| d.progress.is_pending())?;
            Some(format!("{{sink=\"{}\",kind=\"{}\"}}", sink(d), failure.kind.word()))
        }),
    );
    let mut notices: BTreeMap<String, i64> = BTreeMap::new();
    for notice in Notice::list(store)?.iter().filter(|notice| notice.sent_unix_s.is_none()) {
        let state = if notice.failure.is_some() { "failing" } else { "waiting" };
        let labels = format!("{{notifier=\"{}\",state=\"{state}\"}}", escaped(&notice.notifier));
        *notices.entry(labels).or_default() += 1;
    }
    family(
        "notices",
        "Notices that were not told yet, by notifier and state.",
        notices.into_iter().collect(),
    );
    let mut last: BTreeMap<String, i64> = BTreeMap::new();
    let mut bytes: BTreeMap<String, i64> = BTreeMap::new();
    for delivery in &deliveries {
        let Some(receipt) = delivery.progress.receipt() else { continue };
        let labels = format!("{{sink=\"{}\"}}", sink(delivery));
        let at = last.entry(labels.clone()).or_default();
        *at = (*at).max(receipt.at_unix_s);
        *bytes.entry(labels).or_default() += i64::try_from(receipt.bytes).unwrap_or(i64::MAX);
    }
    family(
        "last_delivery_timestamp_seconds",
        "When the last delivery to a sink arrived.",
        last.into_iter().collect(),
    );
    family(
        "delivered_bytes",
        "Bytes of all parts that were delivered to a sink.",
        bytes.into_iter().collect(),
    );
    let all = [BillState::Open, BillState::Issued, BillState::Disputed, BillState::Confirmed];
    let mut states: BTreeMap<String, i64> = all.map(|state| (state.to_string(), 0)).into();
    for (bill, _) in Bill::list(store)? {
        *states.entry(bill.state.to_string()).or_default() += 1;
    }
    let states = states.into_iter().map(|(state, n)| (format!("{{state=\"{state}\"}}"), n));
    family("bills", "Bills by state.", states.collect());
    let head = JournalHead::last(store)?.map(|head| {
        let entry = i64::try_from(head.entry).unwrap_or(i64::MAX);
        (format!("{{hash=\"{}\"}}", head.hex()), entry)
    });
    family(
        "journal_entry",
        "The number of the journal's last entry, by its hash.",
        head.into_iter().collect(),
    );
    family("run_timestamp_seconds", "When these figures were written.", vec![(String::new(), now_unix_s)]);
    Ok(out)
}

/// Writes what the format of labels reserves in another way.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

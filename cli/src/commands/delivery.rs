//! `delivery`: what was delivered, and whether it is still there.

use billkeep_core::delivery::{self, Delivery as Record, Finding, Receipt};
use billkeep_core::digest::hex;
use billkeep_core::error::Kind;
use billkeep_core::period::Day;
use billkeep_core::storage;

use crate::args::Delivery;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table};

pub(crate) fn run(context: &Context, command: Delivery) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    match command {
        Delivery::List { filter } => {
            let mut deliveries = delivery::list(&reader)?;
            for wanted in filter.iter().filter(|wanted| !wanted.is_empty()) {
                let matches = matcher(wanted)?;
                deliveries.retain(|delivery| matches(delivery));
            }
            print_with(context, &deliveries, !filter.is_empty())
        }
        Delivery::Verify { sink } => {
            let mut findings = Vec::new();
            let sinks = match sink {
                Some(name) => vec![storage::sink(&reader, &name)?],
                None => storage::sinks(&reader)?,
            };
            for record in sinks {
                let sink = super::sink::open(&record).map_err(|error| {
                    billkeep_core::export::ExportError::Sink { sink: record.name.clone(), error }
                })?;
                let found = delivery::verify(&reader, &record, sink.as_ref())?;
                findings.extend(found.into_iter().map(|f| (record.name.clone(), f)));
            }
            print_findings(context, &findings)?;
            judge(context, &findings)
        }
    }
}

/// What a delivery has to be.
type Matcher = Box<dyn Fn(&Record) -> bool>;

/// Reads `FIELD=VALUE` as what a delivery has to be.
fn matcher(wanted: &str) -> Result<Matcher, CommandError> {
    let unknown = || {
        CommandError::user(format!("`{wanted}` is not a condition for deliveries")).hint(
            "write `--where FIELD=VALUE` with uin, kind, sink, state, month (2021-03) or day (2021-03-31)",
        )
    };
    let (field, value) = wanted.split_once('=').ok_or_else(unknown)?;
    let value = value.to_owned();
    let day = |text: &str| text.parse::<Day>().map_err(|e| CommandError::user(format!("`{wanted}`: {e}")));
    Ok(match field {
        "uin" => Box::new(move |d| d.plan.wanted.uin.to_string() == value),
        "kind" => Box::new(move |d| d.plan.wanted.kind.to_string() == value),
        "sink" => Box::new(move |d| d.sink == value),
        "state" => Box::new(move |d| d.progress.word() == value),
        "month" => Box::new(move |d| d.plan.wanted.bill.month.to_string() == value),
        "day" => {
            let day = day(&value)?;
            Box::new(move |d| {
                let covers = d.plan.wanted.coverage;
                (covers.first..=covers.last).contains(&day)
            })
        }
        _ => return Err(unknown()),
    })
}

pub(crate) fn print(context: &Context, deliveries: &[Record]) -> Result<(), CommandError> {
    print_with(context, deliveries, false)
}

/// Shows deliveries; with `location`, where each lies, for people too.
fn print_with(context: &Context, deliveries: &[Record], location: bool) -> Result<(), CommandError> {
    let place = Column::text("location");
    let columns = vec![
        Column::count("delivery"),
        Column::text("state"),
        Column::text("sink"),
        Column::text("uin").wide(),
        Column::text("kind"),
        Column::text("first_day"),
        Column::text("last_day"),
        Column::count("rows"),
        Column::count("bytes"),
        Column::text("part").wide(),
        Column::text("sha256").wide(),
        Column::text("due_on"),
        if location { place } else { place.wide() },
    ];
    let mut table = Table::new("billkeep.delivery.list/1", columns);
    for delivery in deliveries {
        let wanted = &delivery.plan.wanted;
        let of = |tell: fn(&Receipt) -> String| delivery.progress.receipt().map_or_else(String::new, tell);
        table.rows.push(vec![
            delivery.number.to_string(),
            delivery.progress.word().to_owned(),
            delivery.sink.clone(),
            wanted.uin.to_string(),
            wanted.kind.to_string(),
            wanted.coverage.first.to_string(),
            wanted.coverage.last.to_string(),
            of(|receipt| receipt.rows.to_string()),
            of(|receipt| receipt.bytes.to_string()),
            delivery.plan.part_name(),
            of(|receipt| hex(&receipt.sha256)),
            delivery.on.map_or_else(|| "-".to_owned(), |on| on.to_string()),
            of(|receipt| receipt.location.clone()),
        ]);
    }
    table.print(context.format)
}

fn print_findings(context: &Context, findings: &[(String, Finding)]) -> Result<(), CommandError> {
    let columns = vec![
        Column::text("sink"),
        Column::count("delivery"),
        Column::text("found"),
        Column::text("name"),
        Column::text("detail").wide(),
    ];
    let mut table = Table::new("billkeep.delivery.verify/1", columns);
    for (sink, finding) in findings {
        table.rows.push(vec![
            sink.clone(),
            finding.delivery.map_or_else(|| "-".to_owned(), |n| n.to_string()),
            finding.what.to_owned(),
            finding.name.clone(),
            finding.detail.clone(),
        ]);
    }
    table.print(context.format)
}

fn judge(context: &Context, findings: &[(String, Finding)]) -> Result<(), CommandError> {
    let count = |what: &str| findings.iter().filter(|(_, f)| f.what == what).count();
    let (ok, extra) = (count("ok"), count("extra"));
    let bad = findings.len() - ok - extra;
    if bad > 0 {
        return Err(CommandError::new(
            Kind::Damaged,
            format!("{bad} of {} delivered files are missing or altered", ok + bad),
        ));
    }
    if ok == 0 {
        context.say("Nothing was delivered to the sinks that there are.");
        return Ok(());
    }
    context.say(&format!(
        "All {ok} delivered files are as they were delivered; other files beside them: {extra}."
    ));
    Ok(())
}

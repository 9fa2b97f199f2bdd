//! `delivery`: what was delivered, and whether it is still there.

use billkeep_core::delivery::{self, Delivery as Record, Finding, Progress};
use billkeep_core::digest::hex;
use billkeep_core::error::Kind;
use billkeep_core::storage;

use crate::args::Delivery;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table};

pub(crate) fn run(context: &Context, command: Delivery) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    match command {
        Delivery::List => print(context, &delivery::list(&reader)?),
        Delivery::Verify { sink } => {
            let mut findings = Vec::new();
            let sinks = match sink {
                Some(name) => vec![storage::sink(&reader, &name)?],
                None => storage::sinks(&reader)?,
            };
            for record in sinks {
                let sink = billkeep_sinks::open(&record.url).map_err(|error| {
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

pub(crate) fn print(context: &Context, deliveries: &[Record]) -> Result<(), CommandError> {
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
    ];
    let mut table = Table::new("billkeep.delivery.list/1", columns);
    for delivery in deliveries {
        let wanted = &delivery.plan.wanted;
        let (state, rows, bytes, sha256) = match &delivery.progress {
            Progress::Planned => ("planned", String::new(), String::new(), String::new()),
            Progress::Delivered(receipt) => {
                ("delivered", receipt.rows.to_string(), receipt.bytes.to_string(), hex(&receipt.sha256))
            }
        };
        table.rows.push(vec![
            delivery.number.to_string(),
            state.to_owned(),
            delivery.sink.clone(),
            wanted.uin.to_string(),
            wanted.kind.to_string(),
            wanted.coverage.first.to_string(),
            wanted.coverage.last.to_string(),
            rows,
            bytes,
            delivery.plan.part_name(),
            sha256,
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

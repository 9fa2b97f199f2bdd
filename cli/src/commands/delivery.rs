//! `delivery`: what was delivered, and whether it is still there.

use std::process::ExitCode;

use billkeep_core::error::Kind;

use crate::args::{Delivery, HowArgs};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table, columns, counted};

use super::deliver::{sentence, with_ways};
use billkeep_core::deliveries::{
    Delivery as Record, DeliveryError, DeliveryProgress, Destination, FailureKind, NOT_AT_ANY_SINK, Rebuilt,
    RebuiltAmount, Receipt, Repaired, SinkFinding, SinkRecord, VerifyDepth, What,
};
use billkeep_core::engine::{Snapshot, Store};
use billkeep_core::exports::Audience;
use billkeep_core::values::{Day, hex, nearest};

pub(crate) fn run(context: &Context, command: Delivery) -> Result<(), CommandError> {
    match command {
        Delivery::List { filter } => list(context, &filter),
        Delivery::Show { number } => show(context, number),
        Delivery::Verify { sink, how } => verify(context, sink, how),
        Delivery::Repair { number, sink, how } => repair(context, number, sink, how),
        Delivery::Rebuild { sink } => rebuild(context, &sink).map(drop),
        Delivery::Retry { number } => {
            let store = context.write()?;
            let to = destination_of(&store, number)?;
            let cache = context.chunk_cache();
            let delivered = with_ways(context, cache.as_ref(), |ways| {
                Ok(store.retry_delivery(&to, number, ways, &context.actor())?)
            });
            if let Ok(delivery) = &delivered {
                context.say(&sentence(&store.read()?, delivery)?);
            }
            let told = super::notify::after_run(context, &store);
            delivered?;
            store.close()?;
            told
        }
        Delivery::Abandon { number, reason, leave } => abandon(context, number, &reason, leave),
    }
}

fn list(context: &Context, filter: &[String]) -> Result<(), CommandError> {
    let store = context.read()?;
    let mut deliveries = billkeep_core::deliveries::Delivery::list(&store.read()?)?;
    for wanted in filter.iter().filter(|wanted| !wanted.is_empty()) {
        let matches = matcher(wanted)?;
        deliveries.retain(|delivery| matches(delivery));
    }
    print_with(context, &deliveries, !filter.is_empty())
}

/// Opens the sink that a delivery goes to.
fn destination_of(store: &Store, number: u64) -> Result<Destination, CommandError> {
    let reader = store.read()?;
    let delivery =
        billkeep_core::deliveries::Delivery::find(&reader, number)?.ok_or(DeliveryError::None(number))?;
    let record = SinkRecord::get(&reader, &delivery.sink)?;
    if record.url != delivery.url {
        return Err(CommandError::new(
            Kind::Refused,
            format!(
                "delivery {number} is of sink `{}` at {}, which is at {} now",
                record.name, delivery.url, record.url
            ),
        )
        .hint(format!("`billkeep delivery abandon {number} --reason TEXT --leave` gives it up")));
    }
    Ok(super::open_sink::destination(record)?)
}

fn abandon(context: &Context, number: u64, reason: &str, leave: bool) -> Result<(), CommandError> {
    let store = context.write()?;
    let to = if leave { None } else { Some(destination_of(&store, number)?) };
    let actor = context.actor();
    let delivery = with_ways(context, None, |ways| {
        Ok(store.abandon_delivery(to.as_ref(), number, reason, ways, &actor)?)
    })?;
    context.say(&match &delivery.progress {
        DeliveryProgress::Abandoned(abandoned) => match &abandoned.part {
            Some(part) => format!("Gave up delivery {number}; `{part}` may lie at sink `{}`.", delivery.sink),
            None => format!("Gave up delivery {number}; nothing of it is at sink `{}`.", delivery.sink),
        },
        _ => format!("Delivery {number} had arrived already: it is {}.", delivery.progress.word()),
    });
    Ok(store.close()?)
}

/// Returns the records of one sink, or of all.
fn records(store: &Snapshot, sink: Option<String>) -> Result<Vec<SinkRecord>, CommandError> {
    Ok(match sink {
        Some(name) => vec![SinkRecord::get(store, &name)?],
        None => SinkRecord::list(store)?,
    })
}

/// Says how closely a sink is looked at.
fn how(context: &Context, args: HowArgs, to: &Destination) -> VerifyDepth {
    match args {
        HowArgs { sample: Some(percent), .. } => {
            VerifyDepth::Sample { percent, salt: context.now_unix_s().cast_unsigned() }
        }
        HowArgs { read_data: true, .. } => VerifyDepth::ReadData,
        HowArgs { head: true, .. } => VerifyDepth::Head,
        _ if to.sink.is_local() => VerifyDepth::ReadData,
        _ => VerifyDepth::Head,
    }
}

/// Checks each sink. One that cannot be reached is reported, and the others are checked all the same.
fn verify(context: &Context, sink: Option<String>, args: HowArgs) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let mut findings = Vec::new();
    let mut unreachable = Vec::new();
    for record in records(&reader, sink)? {
        let name = record.name.clone();
        let found =
            super::open_sink::destination(record).and_then(|to| to.verify(&reader, how(context, args, &to)));
        match found {
            Ok(found) => findings.extend(found.into_iter().map(|f| (name.clone(), f))),
            Err(error) if error.is_of_sink() => unreachable.push((name, error)),
            Err(error) => return Err(error.into()),
        }
    }
    print_findings(context, &findings, &unreachable)?;
    let damage = judge(context, &findings, unreachable.is_empty()).err();
    let unreachable = unreachable.into_iter().map(|(_, error)| CommandError::from(error));
    CommandError::worst(damage.into_iter().chain(unreachable).collect()).map_or(Ok(()), Err)
}

fn repair(
    context: &Context,
    number: Option<u64>,
    sink: Option<String>,
    args: HowArgs,
) -> Result<(), CommandError> {
    let store = context.write()?;
    let destinations = match number {
        Some(number) => {
            let to = destination_of(&store, number)?;
            vec![(to.record.name.clone(), Ok(to))]
        }
        None => {
            let open = |record: SinkRecord| (record.name.clone(), super::open_sink::destination(record));
            records(&store.read()?, sink)?.into_iter().map(open).collect()
        }
    };
    let cache = context.chunk_cache();
    let columns = columns("sink delivery:count name outcome why");
    let mut table = Table::new("billkeep.delivery.repair/1", columns);
    let (mut done, mut failed) = (0, Vec::new());
    for (name, to) in destinations {
        let repaired = match to {
            Ok(to) => with_ways(context, cache.as_ref(), |ways| {
                let how = how(context, args, &to);
                Ok(store.repair_deliveries(&to, number, how, ways, &context.actor()))
            })?,
            Err(error) => Err(error),
        };
        let repaired = match repaired {
            Ok(repaired) => repaired,
            Err(error) if error.is_of_sink() => {
                table.rows.push(
                    [name.as_str(), "-", "-", "unreachable", &error.to_string()].map(str::to_owned).to_vec(),
                );
                failed.push(CommandError::from(error));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for Repaired { delivery, names, outcome } in repaired {
            let (word, why) = match &outcome {
                Ok(()) => ("repaired", String::new()),
                Err(error) => ("failed", error.to_string()),
            };
            for object in names {
                done += u64::from(outcome.is_ok());
                table.rows.push(vec![
                    name.clone(),
                    delivery.to_string(),
                    object,
                    word.to_owned(),
                    why.clone(),
                ]);
            }
            failed.extend(outcome.err().map(CommandError::from));
        }
    }
    context.print(&table)?;
    store.close()?;
    context.say(&match done {
        0 if failed.is_empty() => "There was nothing to repair.".to_owned(),
        0 => "Nothing was repaired.".to_owned(),
        _ => format!("Repaired {done} files; `billkeep delivery verify` looks again."),
    });
    CommandError::worst(failed).map_or(Ok(()), Err)
}

/// The exit code if something of the sink is not in the store, and nothing is damaged.
const INCOMPLETE: u8 = 6;

/// Restores bills and deliveries from a sink.
pub(crate) fn rebuild(context: &Context, sink: &str) -> Result<ExitCode, CommandError> {
    let store = context.write()?;
    let to = super::open_sink::destination(SinkRecord::get(&store.read()?, sink)?)?;
    let (settings, actor) = (context.import_settings(), context.actor());
    let rebuilt =
        with_ways(context, None, |ways| Ok(store.rebuild_deliveries(&to, ways, &settings, &actor)?))?;
    let columns = columns("what name state detail");
    let mut table = Table::new("billkeep.delivery.rebuild/1", columns);
    for Rebuilt { what, name, made, detail } in &rebuilt {
        table.rows.push(vec![(*what).to_owned(), name.clone(), made.word().to_owned(), detail.clone()]);
    }
    context.print(&table)?;
    store.close()?;
    let count = |made: RebuiltAmount| {
        let of = |what: &str| rebuilt.iter().filter(|r| r.what == what && r.made == made).count();
        format!(
            "{} and {}",
            counted(of("bill") as u64, "bill", "bills"),
            counted(of("delivery") as u64, "delivery", "deliveries")
        )
    };
    let any = |made: RebuiltAmount| rebuilt.iter().any(|r| r.made == made);
    context.say(&format!("Rebuilt {} from sink `{sink}`.", count(RebuiltAmount::Whole)));
    if any(RebuiltAmount::Not) {
        context.say(&format!("Not rebuilt: {}. The table lists the reasons.", count(RebuiltAmount::Not)));
    }
    if any(RebuiltAmount::Damaged) {
        context.say(&format!("Damaged, nothing of them was kept: {}.", count(RebuiltAmount::Damaged)));
    }
    context.say("No sink holds the following, so it is not in the store:");
    NOT_AT_ANY_SINK.iter().for_each(|what| context.say(&format!("  {what}")));
    if any(RebuiltAmount::Damaged) {
        let damaged = rebuilt.iter().filter(|r| r.made == RebuiltAmount::Damaged).count();
        let exports = if damaged == 1 {
            "1 export does not match its manifest".to_owned()
        } else {
            format!("{damaged} exports do not match their manifests")
        };
        return Err(CommandError::new(Kind::Damaged, format!("at sink `{sink}`, {exports}"))
            .hint("import the provider's files for what is missing; a later run finds what was delivered"));
    }
    Ok(if any(RebuiltAmount::Not) { ExitCode::from(INCOMPLETE) } else { ExitCode::SUCCESS })
}

/// All that is known of a delivery, a line each.
fn show(context: &Context, number: u64) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let delivery =
        billkeep_core::deliveries::Delivery::find(&reader, number)?.ok_or(DeliveryError::None(number))?;
    let mut table = Table::new("billkeep.delivery.show/1", vec![Column::text("what"), Column::text("value")]);
    let time = |unix_s: i64| {
        chrono::DateTime::from_timestamp(unix_s, 0).map_or_else(|| unix_s.to_string(), |t| t.to_rfc3339())
    };
    let wanted = &delivery.plan.wanted;
    let mut row = |what: &str, value: String| table.rows.push(vec![what.to_owned(), value]);
    row("delivery", number.to_string());
    row("state", delivery.progress.word().to_owned());
    row("sink", delivery.sink.clone());
    row("url", delivery.url.clone());
    row("uin", wanted.uin.to_string());
    row("kind", wanted.kind.to_string());
    row("bill", wanted.bill.subject());
    row("coverage", wanted.coverage.to_string());
    row("scope", wanted.scope.words());
    row("form", wanted.form.to_string());
    row("revision", delivery.plan.revision.to_string());
    row("final", if delivery.plan.is_final { "yes" } else { "no" }.to_owned());
    row("content_digest", delivery.plan.content.hex());
    row("planned_at", time(delivery.at_unix_s));
    row("due_on", delivery.on.map_or_else(|| "-".to_owned(), |on| on.to_string()));
    row("supersedes", delivery.supersedes.map_or_else(|| "-".to_owned(), |n| n.to_string()));
    let what = delivery.progress.receipt().or(delivery.progress.begun());
    row("part", what.map_or_else(|| delivery.plan.part_name(), |r| r.part.clone()));
    row("manifest", what.map_or_else(|| delivery.plan.manifest_name(), |r| r.manifest.clone()));
    if let Some(receipt) = what {
        row("location", receipt.location.clone());
        row("bytes", receipt.bytes.to_string());
        row("sha256", hex(&receipt.sha256));
        row("tag", receipt.tag.clone().unwrap_or_else(|| "-".to_owned()));
        row("rows", receipt.rows.to_string());
        let totals = billkeep_core::deliveries::Delivery::totals(&reader, number, receipt)?;
        let word = match totals.audience() {
            Audience::Partner => "total",
            Audience::Customer => "customer_total",
        };
        row(word, totals.amounts_text().unwrap_or_else(|| "-".to_owned()));
        row("manifest_sha256", hex(&receipt.manifest_sha256));
        row("signature", receipt.signature.as_ref().map_or_else(|| "-".to_owned(), |(name, _)| name.clone()));
        if let Some((bytes, sha256)) = receipt.zip {
            row("zip_bytes", bytes.to_string());
            row("zip_sha256", hex(&sha256));
        }
    }
    if let Some(receipt) = delivery.progress.receipt() {
        row("delivered_at", time(receipt.at_unix_s));
        row("delivered_by", receipt.actor.clone());
    }
    if let DeliveryProgress::Abandoned(abandoned) = &delivery.progress {
        row("abandoned_at", time(abandoned.at_unix_s));
        row("abandoned_by", abandoned.actor.clone());
        row("abandoned_why", abandoned.why.clone());
    }
    let mut hints = Vec::new();
    if let Some(failure) = delivery.failure.as_ref().filter(|_| delivery.progress.is_pending()) {
        row("failed_at", time(failure.at_unix_s));
        row("failure", failure.kind.word().to_owned());
        row("failed_why", failure.why.clone());
        row("attempts", failure.attempts.to_string());
        row("next_attempt", failure.next_unix_s.map_or_else(|| "the next run".to_owned(), time));
        hints.push(what_to_do(failure.kind, &delivery.sink));
        hints.push(format!("`billkeep delivery retry {number}` tries it at once"));
        hints.push(format!("`billkeep delivery abandon {number} --reason TEXT` gives it up"));
    }
    context.print(&table)?;
    hints.iter().for_each(|hint| context.say(hint));
    Ok(())
}

/// Says what a person can do about a failure.
fn what_to_do(kind: FailureKind, sink: &str) -> String {
    match kind {
        FailureKind::Transient => "It may pass: a run tries it again by itself.".to_owned(),
        FailureKind::Refused => {
            format!(
                "It does not pass by itself: mend what is in the way; `billkeep sink test {sink}` tries the sink."
            )
        }
        FailureKind::Credentials => format!(
            "Give the right credentials, or allow them what is needed; `billkeep sink test {sink}` tries them."
        ),
        FailureKind::Damaged => {
            format!(
                "Something is not as it was written: `billkeep delivery verify --sink {sink}` looks at all of it."
            )
        }
    }
}

/// What a delivery has to be.
type Matcher = Box<dyn Fn(&Record) -> bool>;

/// Reads `FIELD=VALUE` as what a delivery has to be.
fn matcher(wanted: &str) -> Result<Matcher, CommandError> {
    let unknown = |field: &str| {
        let meant = nearest(field, ["uin", "kind", "sink", "state", "month", "day"]);
        let meant = meant.map_or_else(String::new, |word| format!("; did you mean `{word}`?"));
        CommandError::user(format!("`{wanted}` is not a condition for deliveries{meant}")).hint(
            "write `--where FIELD=VALUE` with uin, kind, sink, state, month (2021-03) or day (2021-03-31)",
        )
    };
    let (field, value) = wanted.split_once('=').ok_or_else(|| unknown(wanted))?;
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
        _ => return Err(unknown(field)),
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
    context.print(&table)
}

fn print_findings(
    context: &Context,
    findings: &[(String, SinkFinding)],
    unreachable: &[(String, DeliveryError)],
) -> Result<(), CommandError> {
    let columns = columns("sink delivery:count found name detail:wide");
    let mut table = Table::new("billkeep.delivery.verify/1", columns);
    for (sink, finding) in findings {
        table.rows.push(vec![
            sink.clone(),
            finding.delivery.map_or_else(|| "-".to_owned(), |n| n.to_string()),
            finding.what.word().to_owned(),
            finding.name.clone(),
            finding.detail.clone(),
        ]);
    }
    for (sink, error) in unreachable {
        table
            .rows
            .push([sink.as_str(), "-", "unreachable", "-", &error.to_string()].map(str::to_owned).to_vec());
    }
    context.print(&table)
}

fn judge(context: &Context, findings: &[(String, SinkFinding)], all: bool) -> Result<(), CommandError> {
    let count = |is: fn(What) -> bool| findings.iter().filter(|(_, f)| is(f.what)).count();
    let (ok, bad) = (count(|what| what == What::Ok), count(What::is_damage));
    let (extra, stale) = (count(|what| what == What::Extra), count(|what| what == What::Stale));
    if bad > 0 {
        return Err(CommandError::new(
            Kind::Damaged,
            format!("{bad} of {} delivered files are missing, altered or unreadable", ok + bad),
        )
        .hint("`billkeep delivery repair` sends them again"));
    }
    if stale > 0 {
        context.say(&format!("{stale} files are left of deliveries that were not finished or are gone."));
    }
    let unseen = count(|what| what == What::Unseen);
    if unseen > 0 {
        context.say(&format!(
            "{unseen} delivered files cannot be looked at: their sinks have said that they are there, and cannot look again."
        ));
    }
    match (ok, unseen) {
        (0, 0) if !all => {}
        (0, 0) => context.say("Nothing was delivered to the sinks that there are."),
        (0, _) => {}
        _ => context.say(&format!(
            "{} delivered files are as they were delivered; other files beside them: {extra}.",
            if all { format!("All {ok}") } else { format!("At the other sinks, all {ok}") }
        )),
    }
    Ok(())
}

//! `late`, also `pending`: files that wait for a decision.

use serde_json::{Value, json};

use crate::args::{Format, Late};
use crate::context::Context;
use crate::error::{CommandError, basis_option};
use crate::output::{self, Column, Table, columns};
use crate::text::short;

use billkeep_core::bills::{
    BillState, CarriedBefore, DayLoss, LateCause, LateError, LateFile, LateFile as Record, LateState, Loss,
    Smaller,
};
use billkeep_core::engine::Sums;
use billkeep_core::values::{grouped, hex};

pub(crate) fn run(context: &Context, command: Late) -> Result<(), CommandError> {
    match command {
        Late::List => {
            let store = context.read()?;
            list(context, &LateFile::list(&store.read()?)?)
        }
        Late::Show { number } => {
            let store = context.read()?;
            let reader = store.read()?;
            let late = LateFile::get(&reader, number)?;
            let before = match late.state {
                LateState::Waiting => match CarriedBefore::of(&reader, &late, &context.actor()) {
                    // A file that does not join its bill any more cannot be carried forward either.
                    Err(LateError::Combine(_)) => CarriedBefore::default(),
                    before => before?,
                },
                _ => CarriedBefore::default(),
            };
            show(context, &late, &before)
        }
        Late::Accept { number, carry_forward: true, reason, .. } => carry(context, number, &reason),
        Late::Accept { number, reopen, reason, .. } => accept(context, number, reopen, &reason),
        Late::Discard { number, reason } => {
            let store = context.write()?;
            let late = store.transact(|tx| tx.discard_late(number, &reason, &context.actor()))?;
            context.say(&format!(
                "Discarded {} {number}, `{}`; the bill is as before.",
                late.noun(),
                late.file
            ));
            Ok(store.close()?)
        }
    }
}

fn list(context: &Context, all: &[Record]) -> Result<(), CommandError> {
    let columns = vec![
        Column::count("late").titled("number"),
        Column::text("state"),
        Column::text("cause"),
        Column::text("month"),
        Column::text("basis").wide(),
        Column::count("revision").wide(),
        Column::text("file"),
        Column::count("lines"),
        Column::text("difference"),
        Column::count("accounts"),
        Column::count("load").wide(),
        Column::text("sha256").wide(),
        Column::text("time").wide(),
        Column::text("actor").wide(),
        Column::text("reason").wide(),
    ];
    let mut table = Table::new("billkeep.late.list/1", columns);
    for late in all {
        table.rows.push(vec![
            late.number.to_string(),
            late.state.to_string(),
            late.cause.word().to_owned(),
            late.bill.month.to_string(),
            late.bill.basis.to_string(),
            late.revision.to_string(),
            late.file.clone(),
            late.lines.to_string(),
            late.difference_text(),
            late.accounts().to_string(),
            late.load.to_string(),
            hex(&late.sha256),
            output::time(late.at_unix_s),
            late.actor.clone(),
            late.reason.clone().unwrap_or_default(),
        ]);
    }
    context.print(&table)
}

fn show(context: &Context, late: &Record, before: &CarriedBefore) -> Result<(), CommandError> {
    let columns = columns("owner currency lines:count difference:amount");
    let mut table = Table::new("billkeep.late.show/1", columns);
    table.more = vec![
        ("late", late.number.into()),
        ("state", late.state.to_string().into()),
        ("cause", late.cause.word().into()),
        ("reasons", reasons(&late.smaller).into()),
        ("losses", late.smaller.losses.iter().map(loss_json).collect::<Vec<_>>().into()),
        ("carried_before", carried_json(before)),
        ("month", late.bill.month.to_string().into()),
        ("basis", late.bill.basis.to_string().into()),
        ("revision", late.revision.into()),
        ("load", late.load.into()),
        ("file", late.file.clone().into()),
        ("sha256", hex(&late.sha256).into()),
        ("reason", late.reason.clone().into()),
    ];
    for effect in &late.effects {
        table.rows.push(vec![
            if effect.owner.is_empty() { "-".to_owned() } else { effect.owner.clone() },
            effect.currency.clone(),
            effect.lines.to_string(),
            effect.amount.to_string(),
        ]);
    }
    context.print(&table)?;
    if context.format == Format::Table && !late.smaller.days.is_empty() {
        let lines: String =
            losses(&late.smaller, usize::MAX).iter().map(|line| format!("{line}\n")).collect();
        context.data(format!("\n{lines}").as_bytes())?;
    }
    let compared = match (late.cause, late.revision) {
        (LateCause::Confirmed, revision) => format!(
            "It was for the bill for {}, confirmed at revision {revision};\nit would change it by {}.",
            late.bill,
            late.difference_text()
        ),
        (LateCause::Smaller, 0) => format!("There was no bill for {}.", late.bill),
        (LateCause::Smaller, revision) => format!(
            "The bill for {} was at revision {revision};\nthe file would change it by {}.",
            late.bill,
            late.difference_text()
        ),
    };
    context.say(&format!("{} {}, `{}`, is {}. {compared}", title(late), late.number, late.file, late.state));
    for reason in reasons(&late.smaller) {
        context.say(&format!("It {reason}."));
    }
    if let Some(text) = carried_text(before) {
        context.say(&format!("{text}."));
    }
    if late.state == LateState::Waiting && context.format == Format::Table {
        let reopen = if late.cause == LateCause::Confirmed { " --reopen" } else { "" };
        context.say(&format!(
            "hint: take it with `{}{reopen} --reason TEXT`\nhint: leave the bill as it is with `{} --reason TEXT`",
            command(late, "accept"),
            command(late, "discard")
        ));
    }
    Ok(())
}

/// States what of a file was carried forward before; nothing if nothing was.
pub(crate) fn carried_text(before: &CarriedBefore) -> Option<String> {
    if before.lines == 0 {
        return None;
    }
    let totals: Vec<String> = before
        .totals
        .iter()
        .map(|(currency, total)| format!("{} {currency}", total.with_sum_scale().grouped()))
        .collect();
    let with: Vec<String> = before.with.iter().map(u64::to_string).collect();
    let to: Vec<String> = before.to.iter().map(|bill| bill.month.to_string()).collect();
    Some(format!(
        "{} of it, {}, {} carried forward to {} before, with late file {}",
        output::lines(before.lines),
        totals.join(" + "),
        if before.lines == 1 { "was" } else { "were" },
        to.join(", "),
        with.join(", ")
    ))
}

/// What of a file was carried forward before, for programs.
pub(crate) fn carried_json(before: &CarriedBefore) -> Value {
    json!({
        "lines": before.lines,
        "totals": before.totals.iter().map(|(c, t)| json!({ "currency": c, "total": t.with_sum_scale().to_string() })).collect::<Vec<_>>(),
        "with": before.with,
        "months": before.to.iter().map(|bill| bill.month.to_string()).collect::<Vec<_>>(),
    })
}

/// Returns what a file is, at the beginning of a sentence.
fn title(late: &Record) -> &'static str {
    match late.cause {
        LateCause::Confirmed => "Late file",
        LateCause::Smaller => "Pending file",
    }
}

/// Returns the command that does something about a file that waits.
pub(crate) fn command(late: &Record, verb: &str) -> String {
    let group = if late.cause == LateCause::Confirmed { "late" } else { "pending" };
    format!("billkeep {group} {verb} {}", late.number)
}

/// Returns why a file is not taken without a decision: each a sentence without its subject.
pub(crate) fn reasons(smaller: &Smaller) -> Vec<String> {
    let mut all = Vec::new();
    if let (Some(first), Some(last)) = (smaller.days.first(), smaller.days.last()) {
        let totals: Vec<String> = smaller
            .totals()
            .iter()
            .map(|(currency, gone)| {
                format!("{} and {} {currency}", output::lines(gone.lines), gone.amount.grouped())
            })
            .collect();
        let days = if first.day == last.day {
            format!("on {}", first.day)
        } else {
            format!("from {} to {}", first.day, last.day)
        };
        all.push(format!("takes away {} {days}", totals.join(" + ")));
    }
    if !smaller.dropped.is_empty() {
        all.push(format!("lacks `{}`, which the replaced file had", smaller.dropped.join("`, `")));
    }
    if let Some(end) = smaller.early_end {
        let days = if end.first == end.last {
            end.first.to_string()
        } else {
            format!("{} to {}", end.first, end.last)
        };
        all.push(format!(
            "has {} for {days}, and a day before has {}",
            output::lines(end.lines),
            grouped(end.usual)
        ));
    }
    if let Some(far) = smaller.far_below {
        all.push(format!(
            "has {}, and the same days of {} have {}",
            output::lines(far.lines),
            far.month,
            grouped(far.before)
        ));
    }
    all
}

/// Returns what is gone by day, account and currency, a line for each, as many as `max`.
pub(crate) fn losses(smaller: &Smaller, max: usize) -> Vec<String> {
    if smaller.days.is_empty() {
        return Vec::new();
    }
    let mut lines = vec!["gone by day and account:".to_owned()];
    for loss in smaller.losses.iter().take(max) {
        let owner = if loss.owner.is_empty() { "-" } else { &loss.owner };
        lines.push(format!(
            "  {}  {owner:12}  {}, {} {}",
            loss.day,
            output::lines(loss.lines),
            loss.amount.grouped(),
            loss.currency
        ));
    }
    let all: u64 = smaller.days.iter().map(|day| day.accounts).sum();
    let shown = smaller.losses.len().min(max) as u64;
    if all > shown {
        lines.push(format!("  and {} more", grouped(all - shown)));
    }
    lines
}

/// Writes what is gone on a day.
pub(crate) fn day_loss(loss: &DayLoss) -> String {
    let accounts = output::counted(loss.accounts, "account", "accounts");
    format!(
        "{} {accounts}: {}, {} {}",
        loss.day,
        output::lines(loss.lines),
        loss.amount.grouped(),
        loss.currency
    )
}

/// What is gone of an account on a day, for programs.
pub(crate) fn loss_json(loss: &Loss) -> Value {
    json!({
        "day": loss.day.to_string(),
        "owner": loss.owner,
        "currency": loss.currency,
        "lines": loss.lines,
        "amount": loss.amount.to_string(),
    })
}

/// What is gone on a day, for programs.
pub(crate) fn day_loss_json(loss: &DayLoss) -> Value {
    json!({
        "day": loss.day.to_string(),
        "currency": loss.currency,
        "accounts": loss.accounts,
        "lines": loss.lines,
        "amount": loss.amount.to_string(),
    })
}

/// Warns of lines of an adjustment that its bill has already.
pub(crate) fn repeated_text(repeated: u64, lines: u64) -> Option<String> {
    (repeated > 0).then(|| {
        let (repeated, lines) = (grouped(repeated), output::lines(lines));
        format!("warning: {repeated} of {lines} in this file are in the bill already, and count twice")
    })
}

fn accept(context: &Context, number: u64, reopen: bool, reason: &str) -> Result<(), CommandError> {
    let store = context.write()?;
    let accepted = store.transact(|tx| tx.accept_late(number, reopen, reason, &context.actor()))?;
    let key = accepted.late.bill;
    match &accepted.revision {
        None => context.say(&format!(
            "Signed to reopen the bill for {key}, for {} {number}; it joins once a second person does the same.",
            accepted.late.noun()
        )),
        Some(revision) => {
            let digest = revision.digest.hex();
            context.say(&format!(
                "{} {number} is in the bill for {key}: revision {}, total {}.\nThe bill is {}.",
                title(&accepted.late),
                revision.number,
                revision.total_text(),
                accepted.state
            ));
            if context.format == Format::Table && accepted.state == BillState::Issued {
                context.say(&format!(
                    "hint: look at it, and confirm it with `billkeep bill confirm {}{} --digest {}`",
                    key.month,
                    basis_option(key.basis),
                    short(&digest)
                ));
            }
        }
    }
    if let Some(repeated) = repeated_text(accepted.repeated, accepted.late.lines) {
        context.say(&repeated);
    }
    for number in &accepted.superseded {
        context.say(&format!("Pending file {number} is superseded by it, and not in the bill."));
    }
    Ok(store.close()?)
}

fn carry(context: &Context, number: u64, reason: &str) -> Result<(), CommandError> {
    let store = context.write()?;
    let folder = context.stage();
    let settings = context.import_settings();
    let (late, report, before) = store.carry_forward(number, reason, &folder, &context.actor(), &settings)?;
    context.say(&format!(
        "{} {number}, `{}`, is carried forward: {} is in the bill for {} as {} of corrections.\n\
         The bill for {} is as it was confirmed.",
        title(&late),
        late.file,
        Sums::totals_text(&report.sums),
        report.bill,
        output::lines(report.digest.lines()),
        late.bill
    ));
    if let Some(text) = carried_text(&before) {
        context
            .say(&format!("{text}, and {} not booked again.", if before.lines == 1 { "is" } else { "are" }));
    }
    // Unless something else is staged there.
    let _ = std::fs::remove_dir(&folder);
    for dispute in &report.settled {
        context.say(&format!("Dispute {dispute} is settled by it."));
    }
    Ok(store.close()?)
}

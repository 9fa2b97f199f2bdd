//! `dispute`: lines that the partner disagrees with.

use std::collections::BTreeSet;
use std::path::Path;

use crate::args::{Dispute, OpenDispute};
use crate::context::Context;
use crate::error::CommandError;
use crate::out_file::{For, OutFile};
use crate::output::{self, Column, Table, columns};
use crate::own_error;
use billkeep_core::bills::{
    Bill, BillView, Claim, Direction, Dispute as Record, DisputeState, LINES_MAX, LineId,
};

use billkeep_core::exports::Packed;
use billkeep_core::values::Amount;

pub(crate) fn run(context: &Context, command: Dispute) -> Result<(), CommandError> {
    use DisputeState::{Accepted, Rejected, Sent, Settled, Withdrawn};
    match command {
        Dispute::Open(args) => open(context, &args),
        Dispute::List { open } => {
            let store = context.read()?;
            let mut all = billkeep_core::bills::Dispute::list(&store.read()?, None)?;
            all.retain(|d| !open || !d.state.is_end());
            list(context, &all)
        }
        Dispute::Show { number } => {
            let store = context.read()?;
            show(context, &billkeep_core::bills::Dispute::get(&store.read()?, number)?)
        }
        Dispute::Send { number, note } => advance(context, number, Sent, &note, None),
        Dispute::Accept { number, note } => advance(context, number, Accepted, &note, None),
        Dispute::Reject { number, reason } => advance(context, number, Rejected, &reason, None),
        Dispute::Withdraw { number, reason } => advance(context, number, Withdrawn, &reason, None),
        Dispute::Settle { number, reason, load } => advance(context, number, Settled, &reason, load),
        Dispute::Pack { number, output } => {
            pack(context, number, &output.unwrap_or_else(|| format!("dispute-{number}.zip").into()))
        }
        Dispute::SetAside { number, reason } => {
            let store = context.write()?;
            let dispute = store.transact(|tx| tx.set_dispute_aside(number, &reason, &context.actor()))?;
            let state = Bill::get(&store.read()?, dispute.bill)?.state;
            context.say(&format!(
                "Dispute {number} is {} and set aside; the bill for {} is {state}.",
                dispute.state, dispute.bill
            ));
            Ok(store.close()?)
        }
    }
}

fn open(context: &Context, args: &OpenDispute) -> Result<(), CommandError> {
    let OpenDispute { which, lines, filter, direction, amount, reason } = args;
    let amount = Amount::parse_cell(amount.as_bytes())
        .ok()
        .flatten()
        .ok_or_else(|| CommandError::own(own_error::NOT_AN_AMOUNT, &[&amount]))?;
    let store = context.write()?;
    let reader = store.read()?;
    let key = context.bill_key(&reader, which.month, which.basis)?;
    let lines: BTreeSet<LineId> = if filter.is_empty() {
        lines.iter().copied().collect()
    } else {
        let view = BillView::open(&reader, key, None)?;
        super::bill::line_ids(&reader, &view, filter, LINES_MAX)?
    };
    let claim = Claim { lines, direction: *direction, amount, reason };
    let dispute = store.transact(|tx| tx.open_dispute(key, claim, &context.actor()))?;
    context.say(&format!(
        "Opened dispute {} about {} of the bill for {key}, which add up to {} {}: {} {} charged {}.\nThe bill is disputed.",
        dispute.number,
        output::lines(dispute.lines.len() as u64),
        dispute.lines_total.grouped(),
        dispute.currency,
        dispute.amount.grouped(),
        dispute.currency,
        charged(dispute.direction),
    ));
    Ok(store.close()?)
}

fn charged(direction: Direction) -> &'static str {
    match direction {
        Direction::Over => "too much",
        Direction::Under => "too little",
    }
}

fn list(context: &Context, all: &[Record]) -> Result<(), CommandError> {
    let columns = columns(
        "dispute:count month basis:wide state set_aside lines:count direction amount:amount currency settled_by:count:wide reason",
    );
    let mut table = Table::new("billkeep.dispute.list/1", columns);
    for dispute in all {
        table.rows.push(vec![
            dispute.number.to_string(),
            dispute.bill.month.to_string(),
            dispute.bill.basis.to_string(),
            dispute.state.to_string(),
            if dispute.set_aside.is_some() { "yes" } else { "no" }.to_owned(),
            dispute.lines.len().to_string(),
            dispute.direction.to_string(),
            dispute.amount.to_string(),
            dispute.currency.clone(),
            dispute.settled_by.map_or_else(String::new, |load| load.to_string()),
            dispute.reason.clone(),
        ]);
    }
    context.print(&table)
}

fn show(context: &Context, dispute: &Record) -> Result<(), CommandError> {
    let columns =
        vec![Column::text("time"), Column::text("actor"), Column::text("state"), Column::text("note")];
    let mut table = Table::new("billkeep.dispute.show/1", columns);
    let lines: Vec<String> = dispute.lines.iter().map(ToString::to_string).collect();
    table.more = vec![
        ("dispute", dispute.number.into()),
        ("month", dispute.bill.month.to_string().into()),
        ("basis", dispute.bill.basis.to_string().into()),
        ("revision", dispute.revision.into()),
        ("state", dispute.state.to_string().into()),
        ("set_aside", dispute.set_aside.clone().into()),
        ("direction", dispute.direction.to_string().into()),
        ("amount", dispute.amount.to_string().into()),
        ("currency", dispute.currency.clone().into()),
        ("lines_total", dispute.lines_total.to_string().into()),
        ("settled_by", dispute.settled_by.into()),
        ("reason", dispute.reason.clone().into()),
        ("lines", lines.into()),
    ];
    for step in &dispute.history {
        table.rows.push(vec![
            output::time(step.at_unix_s),
            step.actor.clone(),
            step.state.to_string(),
            step.note.clone(),
        ]);
    }
    context.print(&table)?;
    context.say(&format!(
        "Dispute {} about {} of {} is {}: {} {} {}, of {} {}.",
        dispute.number,
        output::lines(dispute.lines.len() as u64),
        dispute.bill,
        dispute.state,
        dispute.amount.grouped(),
        dispute.currency,
        charged(dispute.direction),
        dispute.lines_total.grouped(),
        dispute.currency,
    ));
    Ok(())
}

fn advance(
    context: &Context,
    number: u64,
    state: DisputeState,
    note: &str,
    load: Option<u64>,
) -> Result<(), CommandError> {
    let store = context.write()?;
    let dispute = store.transact(|tx| tx.advance_dispute(number, state, note, load, &context.actor()))?;
    let bill_state = Bill::get(&store.read()?, dispute.bill)?.state;
    context.say(&format!("Dispute {number} is {state}; the bill for {} is {bill_state}.", dispute.bill));
    Ok(store.close()?)
}

fn pack(context: &Context, number: u64, path: &Path) -> Result<(), CommandError> {
    let store = context.read()?;
    // The file appears whole, and for its owner alone.
    let mut file = OutFile::create(context, path, For::Owner)?;
    let packed = Packed::pack(&store.read()?, number, context.thread_count(), &mut file)?;
    file.finish()?;
    context.say(&format!(
        "Wrote the evidence of dispute {number} to `{}`: {}.\n\
         {} not agree with the bill. {} changed since the revision before.",
        path.display(),
        output::lines(packed.lines as u64),
        match packed.wrong {
            1 => "1 equation does".to_owned(),
            n => format!("{n} equations do"),
        },
        output::lines(packed.changed as u64),
    ));
    Ok(())
}

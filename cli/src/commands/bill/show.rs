//! `bill show`: a bill's sums, grouped.

use serde_json::{Value, json};

use super::grouped_csv;
use crate::args::{Format, Which};
use crate::context::Context;
use crate::error::{CommandError, basis_option};
use crate::output::{self, Column, Table};
use crate::text::short;
use billkeep_core::bills::{BillError, BillField, BillState, BillView, Grouped};
use billkeep_core::formats::Column as BillColumn;

pub(super) fn show(
    context: &Context,
    which: &Which,
    by: &[String],
    revision: Option<u32>,
) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let fields = by.iter().map(|f| f.trim().parse()).collect::<Result<Vec<BillField>, BillError>>()?;
    let view = context.bill_view(&reader, which, revision)?;
    let shown = view.show(&reader, &fields, context.thread_count())?;
    if context.format == Format::Csv {
        grouped_csv::write(&shown, context.thread_count(), context.raw, &mut context.writer())?;
        say_revision(context, which, &view);
        return Ok(());
    }
    let mut table = grouped_table(&shown);
    let digest = view.revision.digest.hex();
    let current = view.revision.number == view.bill.revision;
    let totals: Vec<Value> = view
        .revision
        .sums
        .iter()
        .map(|s| json!({ "currency": s.currency, "lines": s.lines, "total": s.total().to_string() }))
        .collect();
    table.more = vec![
        ("month", which.month.to_string().into()),
        ("basis", which.basis.to_string().into()),
        ("revision", view.revision.number.into()),
        ("current", current.into()),
        ("state", view.bill.state.to_string().into()),
        ("digest", digest.clone().into()),
        ("totals", totals.into()),
    ];
    context.print(&table)?;
    say_revision(context, which, &view);
    Ok(())
}

/// Says which revision was shown, and how to confirm it.
fn say_revision(context: &Context, which: &Which, view: &BillView) {
    let digest = view.revision.digest.hex();
    let current = view.revision.number == view.bill.revision;
    let state = if current { view.bill.state.to_string() } else { "an earlier revision".to_owned() };
    context.say(&format!(
        "{}, revision {} ({state}): {}, total {}, digest {}",
        view.bill.key,
        view.revision.number,
        output::lines(view.revision.lines()),
        view.revision.total_text(),
        short(&digest)
    ));
    if current && view.bill.state == BillState::Issued {
        context.say(&format!(
            "hint: if it is right, confirm it with `billkeep bill confirm {}{} --digest {}`",
            which.month,
            basis_option(which.basis),
            short(&digest)
        ));
    }
}

/// Makes the table of a grouped bill.
pub(crate) fn grouped_table(shown: &Grouped) -> Table {
    let mut columns: Vec<Column> = shown.fields.iter().map(|f| Column::text(f.to_string())).collect();
    columns.push(Column::count("lines"));
    columns.push(Column::text("currency"));
    for column in &shown.columns {
        let amount = Column::amount(column.name());
        columns.push(if *column == BillColumn::Total { amount } else { amount.wide() });
    }
    let mut table = Table::new("billkeep.bill.show/1", columns);
    for group in shown.rows() {
        let mut row: Vec<String> = group.keys().map(str::to_owned).collect();
        row.push(group.lines().to_string());
        row.push(group.currency().to_owned());
        row.extend(group.amounts().map(|a| a.to_string()));
        table.rows.push(row);
    }
    table
}

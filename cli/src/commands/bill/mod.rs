//! `bill`: look, issue, confirm, reopen.

mod diff;
mod explain;
mod grouped_csv;
mod lint;
mod margin;
mod revisions;
mod show;

pub(crate) use lint::lint;
pub(crate) use show::grouped_table;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use crate::args::{Bill, Format, Which};
use crate::context::Context;
use crate::error::{CommandError, basis_option};
use crate::out_file::{For, OutFile};
use crate::output::{self, Column, Table};
use crate::text::short;
use billkeep_core::bills::{BillError, BillField, BillKey, BillView, Explained, LineId, ReadBlock};
use billkeep_core::engine::{Snapshot, Sums};
use billkeep_core::exports::Columns;
use billkeep_core::formats::{Column as BillColumn, Dialect};
use billkeep_core::values::{Basis, Coverage, Day, Uin};

pub(crate) fn run(context: &Context, command: Bill) -> Result<(), CommandError> {
    match command {
        Bill::List => list(context),
        Bill::Show { which, by, revision } => show::show(context, &which, &by, revision),
        Bill::Lines { which, filter, limit, revision } => lines(context, &which, &filter, limit, revision),
        Bill::Csv { which, owner, output, spreadsheet, revision } => {
            let dialect = if spreadsheet { Dialect::Spreadsheet } else { Dialect::Plain };
            csv(context, &which, owner, output.as_deref(), dialect, revision)
        }
        Bill::Margin(args) => margin::margin(context, &args),
        Bill::Diff { which, from, to, limit } => diff::diff(context, &which, from, to, limit),
        Bill::Explain { which, owner, product, day, currency, limit, revision } => {
            let wanted = Explained {
                owner: owner.map(|uin| uin.to_string()),
                product,
                day: day.map(|day| day.0),
                currency,
            };
            explain::explain(context, &which, &wanted, limit, revision)
        }
        // Has an exit code of its own, and so is run by itself.
        Bill::Lint(args) => lint(context, &args).map(|_| ()),
        Bill::Issue { which } => issue(context, &which),
        Bill::Confirm { which, digest, note } => confirm(context, &which, &digest, note.as_deref()),
        Bill::Reopen { which, reason } => reopen(context, &which, &reason),
        Bill::Defer { which, reason, on } => defer(context, &which, &reason, on),
        Bill::EmptyDay { which, day, through, reason, yes } => {
            empty_day(context, &which, Coverage { first: day, last: through.unwrap_or(day) }, &reason, yes)
        }
        Bill::Revisions { which } => revisions::run(context, &which),
    }
}

fn list(context: &Context) -> Result<(), CommandError> {
    let store = context.read()?;
    let bills = billkeep_core::bills::Bill::list(&store.read()?)?;
    // Two bills of a month are told apart by it.
    let by_paid = bills.iter().any(|(bill, _)| bill.key.basis == Basis::Paid);
    let basis = Column::text("basis");
    let columns = vec![
        Column::text("month"),
        if by_paid { basis } else { basis.wide() },
        Column::text("state"),
        Column::count("revision"),
        Column::count("lines"),
        Column::text("currency"),
        Column::amount("total"),
        Column::text("through"),
        Column::text("digest"),
    ];
    let mut table = Table::new("billkeep.bill.list/1", columns);
    for (bill, revision) in bills {
        let digest = revision.digest.hex();
        // A bill without lines has no currency, and is listed all the same.
        let none = [Sums { currency: "-".to_owned(), lines: 0, amounts: Vec::new() }];
        let sums = if revision.sums.is_empty() { &none[..] } else { &revision.sums };
        for sums in sums {
            table.rows.push(vec![
                bill.key.month.to_string(),
                bill.key.basis.to_string(),
                bill.state.to_string(),
                revision.number.to_string(),
                sums.lines.to_string(),
                sums.currency.clone(),
                sums.total().to_string(),
                revision.through.map_or_else(|| "-".to_owned(), |d| d.to_string()),
                if context.format == Format::Table { short(&digest).to_owned() } else { digest.clone() },
            ]);
        }
    }
    context.print(&table)
}

/// A condition of `--where`.
struct Condition {
    field: BillField,
    value: String,
}

fn condition(text: &str) -> Result<Condition, CommandError> {
    let (field, value) = text.split_once('=').ok_or_else(|| {
        CommandError::user(format!("`{text}` is not a condition")).hint("write it as `--where FIELD=VALUE`")
    })?;
    Ok(Condition { field: field.trim().parse::<BillField>()?, value: value.to_owned() })
}

impl Condition {
    fn holds(&self, block: &ReadBlock, row: usize, scratch: &mut Vec<u8>) -> Result<bool, BillError> {
        if self.field == BillField::Day {
            let days = block.own_days()?;
            let day = days.get(row).copied().flatten().map_or_else(|| "-".to_owned(), |d| d.to_string());
            return Ok(day == self.value);
        }
        match self.field.index_in(block.schema()) {
            Some(index) => Ok(BillField::cell_is(block.column(index)?.cell(row, scratch), &self.value)),
            None => Ok(self.value.is_empty()),
        }
    }
}

/// Is shown a line with its id, and says whether it wants more.
type Visit<'a> = dyn FnMut(LineId, &ReadBlock, usize) -> Result<bool, CommandError> + 'a;

/// Goes through the lines that meet all conditions, in the order of import.
fn matching(
    reader: &Snapshot,
    view: &BillView,
    conditions: &[Condition],
    visit: &mut Visit<'_>,
) -> Result<(), CommandError> {
    let mut scratch = Vec::new();
    for (load, segments) in &view.loads {
        let mut line = 0_u64;
        for segment in segments {
            let mut more = true;
            segment.walk_imported::<CommandError>(reader, view.bill.key.basis, &mut |block, row| {
                line += 1;
                for condition in conditions {
                    if !condition.holds(block, row, &mut scratch)? {
                        return Ok(true);
                    }
                }
                more = visit(LineId { load: load.number, line }, block, row)?;
                Ok(more)
            })?;
            if !more {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Returns the ids of the lines that meet all conditions, at most so many and one.
pub(crate) fn line_ids(
    reader: &Snapshot,
    view: &BillView,
    filter: &[String],
    limit: usize,
) -> Result<BTreeSet<LineId>, CommandError> {
    let conditions = filter.iter().map(|f| condition(f)).collect::<Result<Vec<_>, _>>()?;
    let mut found = BTreeSet::new();
    matching(reader, view, &conditions, &mut |line, _, _| {
        found.insert(line);
        Ok(found.len() <= limit)
    })?;
    Ok(found)
}

fn lines(
    context: &Context,
    which: &Which,
    filter: &[String],
    limit: u64,
    revision: Option<u32>,
) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let view = context.bill_view(&reader, which, revision)?;
    let conditions = filter.iter().map(|f| condition(f)).collect::<Result<Vec<_>, _>>()?;
    let columns = Columns::of(&view);
    // On a screen there is room for what tells a line; files and programs get every column.
    let few = [
        BillColumn::OwnerUin,
        BillColumn::ProductName,
        BillColumn::InstanceId,
        BillColumn::UsageStart,
        BillColumn::Currency,
        BillColumn::Total,
    ];
    let mut shown = vec![Column::text("line")];
    if context.format == Format::Table {
        shown.extend(few.iter().map(|c| match c {
            BillColumn::Total => Column::amount(c.name()),
            _ => Column::text(BillField::Column(*c).to_string()),
        }));
    } else {
        shown.extend(columns.headers().iter().map(Column::text));
    }
    let mut table = Table::new("billkeep.bill.lines/1", shown);
    let (mut scratch, mut matched) = (Vec::new(), 0_u64);
    matching(&reader, &view, &conditions, &mut |line, block, row| {
        matched += 1;
        if matched > limit {
            return Ok(false);
        }
        let mut cells = vec![line.to_string()];
        if context.format == Format::Table {
            for column in few {
                let index = match column {
                    BillColumn::Total => block.schema().total_index(),
                    column => block.schema().index_of(column),
                };
                let cell = match (index, column) {
                    (Some(index), _) => block.column(index)?.cell(row, &mut scratch).to_vec(),
                    (None, BillColumn::Currency) => {
                        block.schema().implied_currency().unwrap_or("").as_bytes().to_vec()
                    }
                    (None, _) => Vec::new(),
                };
                cells.push(String::from_utf8_lossy(&cell).trim().to_owned());
            }
        } else {
            cells.extend(columns.cells(block, row)?);
        }
        table.rows.push(cells);
        Ok(true)
    })?;
    context.print(&table)?;
    if matched > limit {
        context.say(&format!("more than {limit} lines match; `--limit N` shows more"));
    }
    Ok(())
}

fn csv(
    context: &Context,
    which: &Which,
    owner: Option<Uin>,
    output: Option<&Path>,
    dialect: Dialect,
    revision: Option<u32>,
) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let view = context.bill_view(&reader, which, revision)?;
    let columns = Columns::of(&view).in_dialect(dialect);
    let mut out = OutFile::create(context, output.unwrap_or(Path::new("-")), For::Group)?;
    let wanted =
        owner.map(|uin| Condition { field: BillField::Column(BillColumn::OwnerUin), value: uin.to_string() });
    let (mut text, mut scratch, mut rows) = (Vec::new(), Vec::new(), 0_u64);
    columns.write_header(&mut text);
    for segment in view.segments() {
        segment.walk_imported::<CommandError>(&reader, which.basis, &mut |block, row| {
            if let Some(wanted) = &wanted
                && !wanted.holds(block, row, &mut scratch)?
            {
                return Ok(true);
            }
            Columns::write_line(&columns, block, row, &mut text)?;
            rows += 1;
            if text.len() >= 1 << 16 {
                out.write_all(&text)?;
                text.clear();
            }
            Ok(true)
        })?;
    }
    out.write_all(&text)?;
    let is_file = !out.is_stdout();
    out.finish()?;
    if let Some(path) = output.filter(|_| is_file) {
        context.say(&format!(
            "Wrote {} of the bill for {} to `{}`.",
            output::lines(rows),
            view.bill.key,
            path.display()
        ));
        if dialect == Dialect::Plain {
            context.say("Cells are as imported; `--spreadsheet` writes them for a spreadsheet.");
        }
    }
    Ok(())
}

fn issue(context: &Context, which: &Which) -> Result<(), CommandError> {
    let store = context.write()?;
    let (key, revision) = store.transact(|tx| {
        let key = context.bill_key(tx, which.month, which.basis)?;
        Ok::<_, CommandError>((key, tx.issue_bill(key, &context.actor())?))
    })?;
    context.say(&format!("Issued {key} at revision {}, total {}.", revision.number, revision.total_text()));
    Ok(store.close()?)
}

fn confirm(context: &Context, which: &Which, prefix: &str, note: Option<&str>) -> Result<(), CommandError> {
    let store = context.write()?;
    let (key, decided): (BillKey, _) = store.transact(|tx| {
        let key = context.bill_key(tx, which.month, which.basis)?;
        Ok::<_, CommandError>((key, tx.confirm_bill(key, prefix, note, &context.actor())?))
    })?;
    let revision = &decided.revision;
    if context.format != Format::Table {
        let columns = vec![Column::text("currency"), Column::count("lines"), Column::amount("total")];
        let mut table = Table::new("billkeep.bill.confirm/1", columns);
        table.more = vec![
            ("month", which.month.to_string().into()),
            ("basis", which.basis.to_string().into()),
            ("revision", revision.number.into()),
            ("digest", revision.digest.hex().into()),
            ("state", if decided.waits { "issued" } else { "confirmed" }.into()),
        ];
        let row = |s: &Sums| vec![s.currency.clone(), s.lines.to_string(), s.total().to_string()];
        table.rows = revision.sums.iter().map(row).collect();
        context.print(&table)?;
    }
    let what = format!(
        "{key} at revision {}, {}, total {}, digest {}",
        revision.number,
        output::lines(revision.lines()),
        revision.total_text(),
        short(&revision.digest.hex())
    );
    match (decided.waits, &decided.first) {
        (true, _) => context.say(&format!(
            "Signed for {what}.\nIt is confirmed once a second person does the same: \
             `billkeep --as NAME bill confirm {}{} --digest {}`.",
            which.month,
            basis_option(which.basis),
            short(&revision.digest.hex())
        )),
        (false, None) => context.say(&format!("Confirmed {what}.")),
        (false, Some(first)) => context.say(&format!("Confirmed {what}; `{first}` signed first.")),
    }
    Ok(store.close()?)
}

fn reopen(context: &Context, which: &Which, reason: &str) -> Result<(), CommandError> {
    let store = context.write()?;
    let (key, decided) = store.transact(|tx| {
        let key = context.bill_key(tx, which.month, which.basis)?;
        Ok::<_, CommandError>((key, tx.reopen_bill(key, reason, &context.actor())?))
    })?;
    let number = decided.revision.number;
    context.say(&if decided.waits {
        format!(
            "Signed to reopen {key} at revision {number}; it is reopened once a second person does the same."
        )
    } else {
        format!("Reopened {key} at revision {number}.")
    });
    Ok(store.close()?)
}

fn empty_day(
    context: &Context,
    which: &Which,
    days: Coverage,
    reason: &str,
    yes: bool,
) -> Result<(), CommandError> {
    let store = context.write()?;
    let (key, revision) = store.transact(|tx| {
        context.must_have_come(days.first.max(days.last), yes, tx)?;
        let key = context.bill_key(tx, which.month, which.basis)?;
        Ok::<_, CommandError>((key, tx.declare_empty_days(key, days, reason, &context.actor())?))
    })?;
    let through =
        revision.through.map_or_else(String::new, |day| format!("; its lines are in through {day}"));
    let declared = if days.first == days.last {
        format!("{} of the bill for {key} as a day without use", days.first)
    } else {
        format!("{} to {} of the bill for {key} as days without use", days.first, days.last)
    };
    context.say(&format!("Declared {declared}. It is at revision {}{through}.", revision.number));
    Ok(store.close()?)
}

fn defer(context: &Context, which: &Which, reason: &str, on: Option<Day>) -> Result<(), CommandError> {
    let store = context.write()?;
    let (key, until) = store.transact(|tx| {
        let key = context.bill_key(tx, which.month, which.basis)?;
        let today = context.day(on, tx)?;
        Ok::<_, CommandError>((key, tx.defer_bill(key, today, reason, &context.actor())?))
    })?;
    context
        .say(&format!("Put the decision about the bill for {key} off until {until}; that can be done once."));
    Ok(store.close()?)
}

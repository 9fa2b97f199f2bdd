//! `bill`: look, issue, confirm, reopen.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use billkeep_core::bill::{self, BillError, BillKey, BillView, Field, ReadBlock, cell_is, walk_imported};
use billkeep_core::export::{Columns, write_line, write_quoted};
use billkeep_core::ingest::grouped;
use billkeep_core::schema::Column as BillColumn;
use billkeep_core::store::Read;
use billkeep_core::uin::Uin;
use serde_json::{Value, json};

use crate::args::{Bill, Format, Which};
use crate::context::Context;
use crate::error::{CommandError, short};
use crate::output::{self, Column, Table};

pub(crate) fn run(context: &Context, command: Bill) -> Result<(), CommandError> {
    match command {
        Bill::List => list(context),
        Bill::Show { which, by, revision } => show(context, &which, &by, revision),
        Bill::Lines { which, filter, limit, revision } => lines(context, &which, &filter, limit, revision),
        Bill::Csv { which, owner, output, revision } => {
            csv(context, &which, owner, output.as_deref(), revision)
        }
        Bill::Issue { which } => issue(context, &which),
        Bill::Confirm { which, digest, note } => confirm(context, &which, &digest, note.as_deref()),
        Bill::Reopen { which, reason } => reopen(context, &which, &reason),
    }
}

fn list(context: &Context) -> Result<(), CommandError> {
    let store = context.read()?;
    let columns = vec![
        Column::text("month"),
        Column::text("basis").wide(),
        Column::text("state"),
        Column::count("revision"),
        Column::count("lines"),
        Column::text("currency"),
        Column::amount("total"),
        Column::text("through"),
        Column::text("digest"),
    ];
    let mut table = Table::new("billkeep.bill.list/1", columns);
    for (bill, revision) in bill::list(&store.read()?)? {
        let digest = revision.digest.hex();
        for sums in &revision.sums {
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
    table.print(context.format)
}

/// Opens a bill at a revision, for looking.
fn view(
    context: &Context,
    store: &impl Read,
    which: &Which,
    revision: Option<u32>,
) -> Result<BillView, CommandError> {
    let key = context.bill_key(store, which.month, which.basis)?;
    Ok(BillView::open(store, key, revision)?)
}

fn show(context: &Context, which: &Which, by: &[String], revision: Option<u32>) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let fields = by.iter().map(|f| f.trim().parse()).collect::<Result<Vec<Field>, BillError>>()?;
    let view = view(context, &reader, which, revision)?;
    let shown = bill::show(&reader, &view, &fields)?;
    if context.format == Format::Csv {
        output::data(&grouped_csv(&shown))?;
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
    table.print(context.format)?;
    say_revision(context, which, &view);
    Ok(())
}

/// Says which revision was shown, and how to confirm it.
fn say_revision(context: &Context, which: &Which, view: &BillView) {
    let digest = view.revision.digest.hex();
    let current = view.revision.number == view.bill.revision;
    let state = if current { view.bill.state.to_string() } else { "an earlier revision".to_owned() };
    context.say(&format!(
        "{} revision {} ({state}): {}, total {}, digest {}",
        view.bill.key,
        view.revision.number,
        output::lines(view.revision.lines()),
        view.revision.total_text(),
        short(&digest)
    ));
    if current && view.bill.state == bill::State::Issued {
        context.say(&format!(
            "hint: if it is right, confirm it with `billkeep bill confirm {} --digest {}`",
            which.month,
            short(&digest)
        ));
    }
}

/// Writes a grouped bill as CSV. A month by owner, product and day has more cells than a table of texts should hold.
fn grouped_csv(shown: &bill::Grouped) -> Vec<u8> {
    let mut out = Vec::new();
    let fields = shown.fields.iter().map(ToString::to_string);
    let fixed = ["lines", "currency"].map(str::to_owned);
    let amounts = shown.columns.iter().map(|c| c.name().to_owned());
    let header: Vec<String> = fields.chain(fixed).chain(amounts).collect();
    for (i, name) in header.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_quoted(name.as_bytes(), &mut out);
    }
    out.push(b'\n');
    for group in shown.rows() {
        for key in group.keys() {
            write_quoted(key.as_bytes(), &mut out);
            out.push(b',');
        }
        out.extend_from_slice(group.lines().to_string().as_bytes());
        out.push(b',');
        write_quoted(group.currency().as_bytes(), &mut out);
        for amount in group.amounts() {
            out.push(b',');
            amount.write(&mut out);
        }
        out.push(b'\n');
    }
    out
}

/// Makes the table of a grouped bill.
pub(crate) fn grouped_table(shown: &bill::Grouped) -> Table {
    let mut columns: Vec<Column> = shown.fields.iter().map(|f| Column::text(f.to_string())).collect();
    columns.push(Column::count("lines"));
    columns.push(Column::text("currency"));
    for column in &shown.columns {
        let amount = Column::amount(column.name());
        columns.push(if *column == BillColumn::Total { amount } else { amount.wide() });
    }
    let mut table = Table::new("billkeep.bill.show/1", columns);
    for group in shown.rows() {
        let mut row: Vec<String> = group.keys().map(Cow::into_owned).collect();
        row.push(group.lines().to_string());
        row.push(group.currency().into_owned());
        row.extend(group.amounts().map(|a| a.to_string()));
        table.rows.push(row);
    }
    table
}

/// A condition of `--where`.
struct Condition {
    field: Field,
    value: String,
}

fn condition(text: &str) -> Result<Condition, CommandError> {
    let (field, value) = text.split_once('=').ok_or_else(|| {
        CommandError::user(format!("`{text}` is not a condition")).hint("write it as `--where FIELD=VALUE`")
    })?;
    Ok(Condition { field: field.trim().parse::<Field>()?, value: value.to_owned() })
}

impl Condition {
    fn holds(&self, block: &ReadBlock, row: usize, scratch: &mut Vec<u8>) -> Result<bool, BillError> {
        if self.field == Field::Day {
            let days = block.own_days()?;
            let day = days.get(row).copied().flatten().map_or_else(|| "-".to_owned(), |d| d.to_string());
            return Ok(day == self.value);
        }
        match self.field.index_in(block.schema()) {
            Some(index) => Ok(cell_is(block.column(index)?.cell(row, scratch), &self.value)),
            None => Ok(self.value.is_empty()),
        }
    }
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
    let view = view(context, &reader, which, revision)?;
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
            _ => Column::text(Field::Column(*c).to_string()),
        }));
    } else {
        shown.extend(columns.headers().iter().map(Column::text));
    }
    let mut table = Table::new("billkeep.bill.lines/1", shown);
    let (mut scratch, mut matched) = (Vec::new(), 0_u64);
    for (load, segments) in &view.loads {
        let mut number = 0_u64;
        for segment in segments {
            walk_imported::<CommandError>(&reader, segment, which.basis, &mut |block, row| {
                number += 1;
                for condition in &conditions {
                    if !condition.holds(block, row, &mut scratch)? {
                        return Ok(true);
                    }
                }
                matched += 1;
                if matched > limit {
                    return Ok(false);
                }
                let mut cells = vec![format!("{}-{number}", load.number)];
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
            if matched > limit {
                break;
            }
        }
    }
    table.print(context.format)?;
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
    revision: Option<u32>,
) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let view = view(context, &reader, which, revision)?;
    let columns = Columns::of(&view);
    let (temporary, mut out): (Option<std::path::PathBuf>, Box<dyn Write>) = match output {
        None => (None, Box::new(std::io::stdout().lock())),
        Some(path) => {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(".part");
            let temporary = path.with_file_name(name);
            let file = File::create(&temporary)
                .map_err(|e| CommandError::user(format!("`{}`: {e}", temporary.display())))?;
            (Some(temporary), Box::new(BufWriter::new(file)))
        }
    };
    let wanted =
        owner.map(|uin| Condition { field: Field::Column(BillColumn::OwnerUin), value: uin.to_string() });
    let (mut text, mut scratch, mut rows) = (Vec::new(), Vec::new(), 0_u64);
    columns.write_header(&mut text);
    for segment in view.segments() {
        walk_imported::<CommandError>(&reader, segment, which.basis, &mut |block, row| {
            if let Some(wanted) = &wanted
                && !wanted.holds(block, row, &mut scratch)?
            {
                return Ok(true);
            }
            write_line(&columns, block, row, &mut text)?;
            rows += 1;
            if text.len() >= 1 << 16 {
                out.write_all(&text)?;
                text.clear();
            }
            Ok(true)
        })?;
    }
    out.write_all(&text)?;
    out.flush()?;
    drop(out);
    if let (Some(temporary), Some(path)) = (temporary, output) {
        std::fs::rename(&temporary, path)
            .map_err(|e| CommandError::user(format!("`{}`: {e}", path.display())))?;
        context.say(&format!("Wrote {} lines of {} to `{}`.", grouped(rows), view.bill.key, path.display()));
    }
    Ok(())
}

fn issue(context: &Context, which: &Which) -> Result<(), CommandError> {
    let store = context.write()?;
    let writer = store.write()?;
    let key = context.bill_key(&writer, which.month, which.basis)?;
    let revision = bill::issue(writer, key, &context.actor())?;
    context.say(&format!("Issued {key} at revision {}, total {}.", revision.number, revision.total_text()));
    Ok(store.close()?)
}

fn confirm(context: &Context, which: &Which, prefix: &str, note: Option<&str>) -> Result<(), CommandError> {
    let store = context.write()?;
    let writer = store.write()?;
    let key: BillKey = context.bill_key(&writer, which.month, which.basis)?;
    let revision = bill::confirm(writer, key, prefix, note, &context.actor())?;
    if context.format != Format::Table {
        let columns = vec![Column::text("currency"), Column::count("lines"), Column::amount("total")];
        let mut table = Table::new("billkeep.bill.confirm/1", columns);
        table.more = vec![
            ("month", which.month.to_string().into()),
            ("basis", which.basis.to_string().into()),
            ("revision", revision.number.into()),
            ("digest", revision.digest.hex().into()),
        ];
        let row = |s: &billkeep_core::block::Sums| {
            vec![s.currency.clone(), s.lines.to_string(), s.total().to_string()]
        };
        table.rows = revision.sums.iter().map(row).collect();
        table.print(context.format)?;
    }
    context.say(&format!(
        "Confirmed {key} at revision {}, {}, total {}, digest {}.",
        revision.number,
        output::lines(revision.lines()),
        revision.total_text(),
        short(&revision.digest.hex())
    ));
    Ok(store.close()?)
}

fn reopen(context: &Context, which: &Which, reason: &str) -> Result<(), CommandError> {
    let store = context.write()?;
    let writer = store.write()?;
    let key = context.bill_key(&writer, which.month, which.basis)?;
    let revision = bill::reopen(writer, key, reason, &context.actor())?;
    context.say(&format!("Reopened {key} at revision {}.", revision.number));
    Ok(store.close()?)
}

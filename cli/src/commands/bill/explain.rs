//! `bill explain`: a sum of a bill, down to its lines and where they stand in the files.

use std::io::Write;

use console::truncate_str;
use serde_json::{Map, Value, json};

use crate::args::{Format, Which};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{self, Column, Table, write_cell};
use crate::text::short;
use billkeep_core::bills::{BillField, BillView, Explained, Load, PlacedLine, Shown};
use billkeep_core::engine::Sums;
use billkeep_core::formats::Column as BillColumn;
use billkeep_core::values::{Amount, hex};

/// The columns that tell a line from its like.
const TELLING: [BillColumn; 6] = [
    BillColumn::OwnerUin,
    BillColumn::ProductName,
    BillColumn::InstanceId,
    BillColumn::ComponentName,
    BillColumn::TransactionId,
    BillColumn::UsageStart,
];

/// The place of the instance's id among them, which a table shows.
const INSTANCE: usize = 2;
/// How much of an instance's id a table has room for.
const INSTANCE_WIDTH: usize = 16;

pub(super) fn explain(
    context: &Context,
    which: &Which,
    wanted: &Explained,
    limit: u64,
    revision: Option<u32>,
) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let view = context.bill_view(&reader, which, revision)?;
    let table = context.format == Format::Table;
    let shown = Shown { text_lines: if table { limit } else { u64::MAX }, columns: &TELLING };
    let run = |visit: &mut dyn FnMut(PlacedLine) -> Result<(), CommandError>| {
        view.explain(&reader, wanted, shown, context.thread_count(), visit)
    };
    let sums = match context.format {
        Format::Table => {
            let mut lines = Vec::new();
            let sums = run(&mut |line| {
                if (lines.len() as u64) < limit {
                    lines.push(line);
                }
                Ok(())
            })?;
            context.data(tables(&view, &sums, &lines).as_bytes())?;
            sums
        }
        Format::Csv => {
            let mut out = ExplainCsv::new(&view, context.raw, context.writer())?;
            let sums = run(&mut |line| out.line(&line))?;
            out.out.flush()?;
            sums
        }
        Format::Json => {
            let mut out = ExplainJson::new(&view, which, context.writer())?;
            let sums = run(&mut |line| out.line(&line))?;
            out.finish(&sums)?;
            sums
        }
    };
    let lines: u64 = sums.iter().map(|s| s.lines).sum();
    context.say(&format!(
        "{}, revision {}: the roll-ups have {} of this, and adding the lines up gives the same",
        view.bill.key,
        view.revision.number,
        output::lines(lines),
    ));
    if table && lines > limit {
        context.say(&format!("`--limit N` shows more than {limit} lines; `--format csv` shows all"));
    }
    Ok(())
}

/// Returns the load of a line.
fn load_of<'a>(view: &'a BillView, line: &PlacedLine) -> Option<&'a Load> {
    view.loads.iter().map(|(load, _)| load).find(|load| load.number == line.load)
}

/// The file that a line came from, by its name, its hash, and the name of the CSV in it.
fn source(view: &BillView, line: &PlacedLine) -> [String; 3] {
    let Some(load) = load_of(view, line) else { return Default::default() };
    let entry = load.file.entries.get(line.entry).map_or_else(String::new, |e| e.name.clone());
    [load.file.name.clone(), hex(&load.file.sha256), entry]
}

fn day(line: &PlacedLine) -> String {
    line.day.map_or_else(|| "-".to_owned(), |day| day.to_string())
}

fn text_line(line: &PlacedLine) -> String {
    line.text_line.map_or_else(String::new, |n| n.to_string())
}

fn amount(line: &PlacedLine, column: BillColumn) -> Amount {
    line.amounts.iter().find(|(c, _)| *c == column).map(|(_, amount)| *amount).unwrap_or_default()
}

/// Draws the sums, the files, and the lines with their places in them.
fn tables(view: &BillView, sums: &[Sums], lines: &[PlacedLine]) -> String {
    let columns = vec![
        Column::text("sum of"),
        Column::count("lines"),
        Column::text("currency"),
        Column::amount("total"),
    ];
    let mut both = Table::new("", columns);
    for sums in sums {
        for what in ["roll-ups", "lines"] {
            let row = [what.into(), sums.lines.to_string(), sums.currency.clone(), sums.total().to_string()];
            both.rows.push(row.to_vec());
        }
    }
    let mut text = both.drawn();
    if lines.is_empty() {
        return text;
    }
    let mut sources: Vec<[String; 3]> = Vec::new();
    let columns = ["line", "csv", "record", "text line", "day", "instance"]
        .map(Column::text)
        .into_iter()
        .chain([Column::text("currency"), Column::amount("total")]);
    let mut table = Table::new("", columns.collect());
    for line in lines {
        let source = source(view, line);
        let number = sources.iter().position(|s| *s == source).unwrap_or_else(|| {
            sources.push(source);
            sources.len() - 1
        });
        let instance = line.cells.get(INSTANCE).map_or("", String::as_str);
        table.rows.push(vec![
            format!("{}-{}", line.load, line.load_line),
            (number + 1).to_string(),
            line.record.to_string(),
            text_line(line),
            day(line),
            truncate_str(instance, INSTANCE_WIDTH, "..").into_owned(),
            line.currency.clone(),
            amount(line, BillColumn::Total).to_string(),
        ]);
    }
    let mut files = Table::new("", ["csv", "file", "sha-256"].map(Column::text).to_vec());
    for (number, [file, sha256, entry]) in sources.iter().enumerate() {
        files.rows.push(vec![(number + 1).to_string(), file.clone(), short(sha256).to_owned()]);
        if entry != file {
            files.rows.push(vec![String::new(), format!("in it: {entry}")]);
        }
    }
    for part in [files, table] {
        text.push('\n');
        text.push_str(&part.drawn());
    }
    text
}

/// Returns the money columns that any file of a bill has, the total first.
fn summed(view: &BillView) -> Vec<BillColumn> {
    let has = |column: &BillColumn| {
        view.segments().any(|s| s.schema.summed().iter().any(|(summed, _)| summed == column))
    };
    BillColumn::SUMMED.iter().copied().filter(has).collect()
}

/// Returns the names of a line's values.
fn names(columns: &[BillColumn]) -> Vec<String> {
    let place = ["line", "file", "sha256", "entry", "record", "text_line"].map(str::to_owned);
    let telling = TELLING.iter().map(|c| BillField::Column(*c).to_string());
    let money = columns.iter().map(|c| c.name().to_owned());
    place.into_iter().chain(telling).chain(["day", "currency"].map(str::to_owned)).chain(money).collect()
}

/// Returns a line's values.
fn values(view: &BillView, columns: &[BillColumn], line: &PlacedLine) -> Vec<String> {
    let [file, sha256, entry] = source(view, line);
    let place = [
        format!("{}-{}", line.load, line.load_line),
        file,
        sha256,
        entry,
        line.record.to_string(),
        text_line(line),
    ];
    let money = columns.iter().map(|column| amount(line, *column).to_string());
    let telling = line.cells.iter().cloned();
    place.into_iter().chain(telling).chain([day(line), line.currency.clone()]).chain(money).collect()
}

/// Writes every line as CSV.
struct ExplainCsv<'a> {
    view: &'a BillView,
    columns: Vec<BillColumn>,
    raw: bool,
    out: Box<dyn Write + Send>,
}

impl<'a> ExplainCsv<'a> {
    fn new(
        view: &'a BillView,
        raw: bool,
        out: Box<dyn Write + Send>,
    ) -> Result<ExplainCsv<'a>, CommandError> {
        let mut lines = ExplainCsv { view, columns: summed(view), raw, out };
        let names = names(&lines.columns);
        lines.record(&names)?;
        Ok(lines)
    }

    fn record(&mut self, cells: &[String]) -> Result<(), CommandError> {
        let mut text = Vec::new();
        for (at, cell) in cells.iter().enumerate() {
            if at > 0 {
                text.push(b',');
            }
            write_cell(self.raw, cell.as_bytes(), &mut text);
        }
        text.push(b'\n');
        Ok(self.out.write_all(&text)?)
    }

    fn line(&mut self, line: &PlacedLine) -> Result<(), CommandError> {
        let values = values(self.view, &self.columns, line);
        self.record(&values)
    }
}

/// Writes every line as a row of the JSON object, which is closed once the sums have been compared.
struct ExplainJson<'a> {
    view: &'a BillView,
    columns: Vec<BillColumn>,
    names: Vec<String>,
    lines: u64,
    out: Box<dyn Write + Send>,
}

impl<'a> ExplainJson<'a> {
    fn new(
        view: &'a BillView,
        which: &Which,
        out: Box<dyn Write + Send>,
    ) -> Result<ExplainJson<'a>, CommandError> {
        let columns = summed(view);
        let mut lines = ExplainJson { view, names: names(&columns), columns, lines: 0, out };
        write!(lines.out, "{{\n  \"format\": \"billkeep.bill.explain/1\",\n")?;
        for (name, value) in [
            ("month", Value::from(which.month.to_string())),
            ("basis", Value::from(which.basis.to_string())),
            ("revision", Value::from(view.revision.number)),
            ("digest", Value::from(view.revision.digest.hex())),
        ] {
            writeln!(lines.out, "  \"{name}\": {value},")?;
        }
        write!(lines.out, "  \"rows\": [")?;
        Ok(lines)
    }

    fn line(&mut self, line: &PlacedLine) -> Result<(), CommandError> {
        let value = |(name, value): (&String, String)| {
            let number = matches!(name.as_str(), "record" | "text_line");
            let value = match value.parse::<u64>() {
                Ok(n) if number => Value::from(n),
                _ => Value::from(value),
            };
            (name.clone(), value)
        };
        let values = values(self.view, &self.columns, line);
        let row: Map<String, Value> = self.names.iter().zip(values).map(value).collect();
        write!(self.out, "{}\n    {}", if self.lines == 0 { "" } else { "," }, Value::Object(row))?;
        self.lines += 1;
        Ok(())
    }

    fn finish(mut self, sums: &[Sums]) -> Result<(), CommandError> {
        let end = if self.lines == 0 { "]" } else { "\n  ]" };
        let total =
            |s: &Sums| json!({ "currency": s.currency, "lines": s.lines, "total": s.total().to_string() });
        let totals = Value::from(sums.iter().map(total).collect::<Vec<_>>());
        write!(self.out, "{end},\n  \"totals\": {totals}\n}}\n")?;
        Ok(self.out.flush()?)
    }
}

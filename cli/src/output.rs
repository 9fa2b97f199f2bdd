//! Tables, JSON and CSV on stdout; words on stderr.

use std::borrow::Cow;
use std::io::{BufRead as _, BufWriter, IsTerminal, Read as _, Write};
use std::sync::{Arc, Mutex, PoisonError};

use comfy_table::{CellAlignment, ContentArrangement, Table as Drawn, presets};
use console::measure_text_width as width;
use serde_json::{Map, Value};

use crate::args::Format;
use crate::error::CommandError;
use crate::fit;

use billkeep_core::formats::Dialect;
use billkeep_core::values;
use billkeep_core::values::{Amount, visible, visible_lines};

/// Rows to be shown in any format. Every cell is a text; numbers are right-aligned in tables.
#[derive(Clone)]
pub(crate) struct Table {
    /// The name and version of the JSON shape.
    pub(crate) shape: &'static str,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Further members of the JSON object.
    pub(crate) more: Vec<(&'static str, Value)>,
}

/// A column of a table.
#[derive(Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// What a table calls it, where that is another word than in JSON and CSV.
    title: Option<&'static str>,
    kind: CellKind,
    /// In CSV and JSON only: there is no room for it on a screen.
    wide: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CellKind {
    Text,
    Amount,
    Count,
}

impl Column {
    pub(crate) fn text(name: impl Into<String>) -> Column {
        Column { name: name.into(), title: None, kind: CellKind::Text, wide: false }
    }

    /// Amounts: strings in JSON, right-aligned with separators in tables.
    pub(crate) fn amount(name: impl Into<String>) -> Column {
        Column { name: name.into(), title: None, kind: CellKind::Amount, wide: false }
    }

    /// Counts: numbers in JSON.
    pub(crate) fn count(name: impl Into<String>) -> Column {
        Column { name: name.into(), title: None, kind: CellKind::Count, wide: false }
    }

    /// Reads a name with its kind, as [`columns`] has them.
    fn named(text: &str) -> Column {
        let mut words = text.split(':');
        let column = Column::text(words.next().unwrap_or_default());
        words.fold(column, |column, word| match word {
            "count" => Column { kind: CellKind::Count, ..column },
            "amount" => Column { kind: CellKind::Amount, ..column },
            _ => column.wide(),
        })
    }

    /// Names the column otherwise in tables.
    pub(crate) fn titled(self, title: &'static str) -> Column {
        Column { title: Some(title), ..self }
    }

    pub(crate) fn is_amount(&self) -> bool {
        self.kind == CellKind::Amount
    }

    pub(crate) fn is_number(&self) -> bool {
        self.kind != CellKind::Text
    }

    pub(crate) fn wide(self) -> Column {
        Column { wide: true, ..self }
    }
}

/// Returns columns by their names, with their kinds where they are no texts: `uin lines:count total:amount sha256:wide`.
pub(crate) fn columns(names: &str) -> Vec<Column> {
    names.split(' ').map(Column::named).collect()
}

/// A narrower screen is drawn on as if it had this many columns.
const SCREEN_COLUMNS_MIN: usize = 60;

/// A column as it is shown.
struct ShownColumn<'a> {
    column: &'a Column,
    heading: String,
    cells: Vec<String>,
    room: fit::Room,
}

/// Draws each row as a list of headings and cells, where a row has no room for all columns beside each other.
fn row_by_row(shown: &[ShownColumn<'_>], rows: usize, columns: usize) -> String {
    let headings = shown.iter().map(|column| width(&column.heading)).max().unwrap_or(0);
    let indent = " ".repeat(headings + fit::GAP);
    let mut text = String::new();
    for row in 0..rows {
        if row > 0 {
            text.push('\n');
        }
        for column in shown {
            let cell = column.cells.get(row).map_or("", String::as_str);
            if cell.is_empty() {
                continue;
            }
            let lines = fit::lines(cell, columns.saturating_sub(indent.len()));
            let filled = " ".repeat(indent.len() - width(&column.heading).min(indent.len()));
            let drawn = format!("{}{filled}{}", column.heading, lines.join(&format!("\n{indent}")));
            text.push_str(drawn.trim_end());
            text.push('\n');
        }
    }
    text
}

/// Writes a time, in UTC.
pub(crate) fn time(at_unix_s: i64) -> String {
    chrono::DateTime::from_timestamp(at_unix_s, 0)
        .map_or_else(|| at_unix_s.to_string(), |at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

impl Table {
    pub(crate) fn new(shape: &'static str, columns: Vec<Column>) -> Table {
        Table { shape, columns, rows: Vec::new(), more: Vec::new() }
    }

    /// Returns the table with its first rows alone.
    pub(crate) fn first_rows(mut self, rows: usize) -> Table {
        self.rows.truncate(rows);
        self
    }

    pub(crate) fn drawn(&self) -> String {
        // In a pipe, a row stays a line.
        let screen = console::Term::stdout().size_checked().filter(|_| console::user_attended());
        self.drawn_on(screen.map(|(_, columns)| usize::from(columns).max(SCREEN_COLUMNS_MIN)))
    }

    /// Draws the table, on a screen of so many columns or without regard to width.
    fn drawn_on(&self, screen: Option<usize>) -> String {
        let shown: Vec<ShownColumn<'_>> = self.shown();
        let rooms: Vec<fit::Room> = shown.iter().map(|column| column.room).collect();
        let columns = screen.unwrap_or(usize::MAX);
        match fit::layout(&rooms, columns) {
            Some(layout) => self.drawn_in_columns(&shown, &layout),
            None => row_by_row(&shown, self.rows.len(), columns),
        }
    }

    /// Returns the columns that a table has, with their cells as they are shown.
    fn shown(&self) -> Vec<ShownColumn<'_>> {
        self.columns
            .iter()
            .enumerate()
            .filter(|(_, column)| !column.wide)
            .map(|(at, column)| self.column_shown(at, column))
            .collect()
    }

    fn column_shown<'a>(&self, at: usize, column: &'a Column) -> ShownColumn<'a> {
        let decimals = self.decimals(at);
        let cell = |row: &Vec<String>| {
            let cell = row.get(at).map_or("", String::as_str);
            match column.kind {
                CellKind::Amount => grouped(cell, decimals),
                CellKind::Count => grouped(cell, 0),
                CellKind::Text => one_line(cell),
            }
        };
        let heading = one_line(&column.title.unwrap_or(&column.name).to_uppercase());
        let cells: Vec<String> = self.rows.iter().map(cell).collect();
        let least = |cell: &String| if column.is_number() { width(cell) } else { fit::least(cell) };
        let room = fit::Room {
            natural: cells.iter().map(|cell| width(cell)).max().unwrap_or(0).max(width(&heading)),
            least: cells.iter().map(least).max().unwrap_or(0).max(fit::least_heading(&heading)),
        };
        ShownColumn { column, heading, cells, room }
    }

    fn drawn_in_columns(&self, shown: &[ShownColumn<'_>], layout: &fit::Layout) -> String {
        let gap = u16::try_from(layout.gap).unwrap_or(0);
        let mut table = Drawn::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        let divided = |column: &ShownColumn<'_>, cell: &str, columns: usize| {
            if width(cell) <= columns || column.column.is_number() {
                cell.to_owned()
            } else {
                fit::lines(cell, columns).join("\n")
            }
        };
        table.set_header(
            shown
                .iter()
                .zip(&layout.widths)
                .map(|(column, to)| fit::heading_lines(&column.heading, *to).join("\n")),
        );
        for row in 0..self.rows.len() {
            table.add_row(shown.iter().zip(&layout.widths).map(|(column, to)| {
                column.cells.get(row).map_or_else(String::new, |cell| divided(column, cell, *to))
            }));
        }
        for (at, column) in shown.iter().enumerate() {
            if let Some(drawn) = table.column_mut(at) {
                drawn.set_padding((0, gap));
                if column.column.is_number() {
                    drawn.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        let mut text = String::new();
        for line in table.to_string().lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// Returns how wide the widest cell of each column is, its heading included.
    pub(crate) fn widths(&self) -> Vec<usize> {
        let of = |(at, column): (usize, &Column)| {
            let decimals = self.decimals(at);
            let cell = |row: &Vec<String>| {
                let cell = row.get(at).map_or("", String::as_str);
                match column.kind {
                    CellKind::Amount => width(&grouped(cell, decimals)),
                    CellKind::Count => width(&grouped(cell, 0)),
                    CellKind::Text => width(&one_line(cell)),
                }
            };
            self.rows.iter().map(cell).max().unwrap_or(0).max(width(&column.name))
        };
        self.columns.iter().enumerate().map(of).collect()
    }

    /// Returns the most decimals in a column, so that its points stand under each other.
    fn decimals(&self, column: usize) -> usize {
        let of = |row: &Vec<String>| Some(row.get(column)?.split_once('.')?.1.len());
        self.rows.iter().filter_map(of).max().unwrap_or(0)
    }

    /// Returns the table as a CSV. Unless it is raw, no cell is a formula to a spreadsheet.
    pub(crate) fn csv(&self, raw: bool) -> String {
        let mut out = Vec::new();
        let mut record = |cells: &mut dyn Iterator<Item = &str>| {
            for (i, cell) in cells.enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_cell(raw, cell.as_bytes(), &mut out);
            }
            out.push(b'\n');
        };
        record(&mut self.columns.iter().map(|c| c.name.as_str()));
        for row in &self.rows {
            record(&mut row.iter().map(String::as_str));
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    pub(crate) fn json(&self) -> String {
        let row = |row: &Vec<String>| {
            let member = |(column, cell): (&Column, &String)| {
                let value = match (column.kind, cell.parse::<i64>()) {
                    (CellKind::Count, Ok(n)) => Value::from(n),
                    _ => Value::from(cell.as_str()),
                };
                (column.name.clone(), value)
            };
            Value::Object(self.columns.iter().zip(row).map(member).collect::<Map<_, _>>())
        };
        let mut object = Map::new();
        object.insert("format".into(), Value::from(self.shape));
        for (name, value) in &self.more {
            object.insert((*name).into(), value.clone());
        }
        object.insert("rows".into(), Value::Array(self.rows.iter().map(row).collect()));
        json_text(&Value::Object(object))
    }
}

/// Appends a cell of a CSV for people: no spreadsheet takes it for a formula, unless it is to be raw.
pub(crate) fn write_cell(raw: bool, cell: &[u8], out: &mut Vec<u8>) {
    if raw {
        Dialect::write_quoted(cell, out);
    } else {
        Dialect::write_quoted(&Dialect::no_formula(cell), out);
    }
}

/// Puts separators into a number and fills up its decimals; anything else stays.
fn grouped(cell: &str, decimals: usize) -> String {
    let Ok(Some(amount)) = Amount::parse_cell(cell.as_bytes()) else { return one_line(cell) };
    let scale = u8::try_from(decimals).unwrap_or(0).max(amount.scale());
    amount.rescaled(scale).map_or_else(|| amount.grouped(), |m| Amount::new(m, scale).grouped())
}

/// Keeps a cell on its line, with what a terminal would act on made visible.
pub(crate) fn one_line(cell: &str) -> String {
    visible(cell).into_owned()
}

/// Cuts a text into lines of at most `width` columns: between words, and where a word alone is longer, in it.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let options = textwrap::Options::new(width)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit);
    textwrap::wrap(&one_line(text), options).into_iter().map(Cow::into_owned).collect()
}

pub(crate) fn json_text(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// Counts lines in words: `1 line`, `412,006 lines`.
pub(crate) fn lines(n: u64) -> String {
    values::lines_counted(n)
}

/// Returns a number with what is counted.
pub(crate) fn counted(n: u64, one: &str, several: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {several}", values::grouped(n)) }
}

/// Where what a command says goes.
#[derive(Clone)]
pub(crate) enum Output {
    /// Data to stdout, words to stderr.
    Terminal,
    /// To whoever asked for it.
    Captured(Captured),
}

/// What a command has said.
#[derive(Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Parts>>);

#[derive(Default)]
struct Parts {
    data: Vec<u8>,
    words: Vec<String>,
    tables: Option<Vec<Table>>,
    /// Where data goes instead of being kept.
    onward: Option<Box<dyn Write + Send>>,
}

impl Captured {
    /// Keeps tables as they are, not their text.
    pub(crate) fn tables() -> Captured {
        Captured(Arc::new(Mutex::new(Parts { tables: Some(Vec::new()), ..Parts::default() })))
    }

    /// Hands data on as it comes.
    pub(crate) fn onward(to: Box<dyn Write + Send>) -> Captured {
        Captured(Arc::new(Mutex::new(Parts { onward: Some(to), ..Parts::default() })))
    }

    fn with<T>(&self, f: impl FnOnce(&mut Parts) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn take_data(&self) -> Vec<u8> {
        self.with(|parts| std::mem::take(&mut parts.data))
    }

    pub(crate) fn take_words(&self) -> Vec<String> {
        self.with(|parts| std::mem::take(&mut parts.words))
    }

    pub(crate) fn take_tables(&self) -> Vec<Table> {
        self.with(|parts| parts.tables.as_mut().map(std::mem::take).unwrap_or_default())
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.with(|parts| match &mut parts.onward {
            Some(out) => out.write(bytes),
            None => parts.data.write(bytes),
        })
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.with(|parts| parts.onward.as_mut().map_or(Ok(()), Write::flush))
    }
}

impl Output {
    pub(crate) fn words(&self, text: &str) {
        match self {
            Output::Terminal => words(text),
            Output::Captured(kept) => kept.with(|parts| parts.words.push(text.to_owned())),
        }
    }

    pub(crate) fn writer(&self) -> Box<dyn Write + Send> {
        match self {
            Output::Terminal => Box::new(BufWriter::with_capacity(1 << 16, std::io::stdout())),
            Output::Captured(kept) => Box::new(BufWriter::with_capacity(1 << 16, kept.clone())),
        }
    }

    pub(crate) fn takes(&self, table: &Table) -> bool {
        match self {
            Output::Terminal => false,
            Output::Captured(kept) => kept.with(|parts| match &mut parts.tables {
                Some(tables) => {
                    tables.push(table.clone());
                    true
                }
                None => false,
            }),
        }
    }
}

/// What a person answers to a question is a word.
const ANSWER_BYTES_MAX: u64 = 100;

/// Asks a person whether they agree; where there is no terminal to ask at, nobody does.
pub(crate) fn agreed(question: &str) -> Result<bool, CommandError> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    write!(std::io::stderr(), "{} [y/N] ", visible_lines(question))?;
    let mut answer = String::new();
    std::io::stdin().lock().take(ANSWER_BYTES_MAX).read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Writes words to stderr, with what a terminal would act on made visible. All words go this way.
pub(crate) fn words(words: &str) {
    // Whoever closed stderr does not want to know.
    let _ = writeln!(std::io::stderr(), "{}", visible_lines(words));
}

/// Makes data that a person reads safe for a terminal; what programs read stays exact.
pub(crate) fn for_format(bytes: &[u8], format: Format) -> Cow<'_, [u8]> {
    match (format, std::str::from_utf8(bytes)) {
        (Format::Table, Ok(text)) => match visible_lines(text) {
            Cow::Borrowed(_) => Cow::Borrowed(bytes),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
        _ => Cow::Borrowed(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deliveries() -> Table {
        let columns = vec![
            Column::count("late").titled("number"),
            Column::text("uin"),
            Column::amount("total"),
            Column::text("why"),
        ];
        let mut table = Table::new("billkeep.test/1", columns);
        for (number, total) in [("7", "-1204.5"), ("12", "82500.34727189")] {
            let why = "not complete: lines are in through 2021-04-04, and the calendar asks for more";
            table.rows.push([number, "100010445724", total, why].map(str::to_owned).to_vec());
        }
        table
    }

    #[test]
    fn a_table_fits_a_terminal_and_keeps_amounts_ids_and_words_whole() {
        let drawn = deliveries().drawn_on(Some(60));
        assert!(drawn.lines().all(|line| width(line) <= 60), "{drawn}");
        for whole in ["82,500.34727189", "-1,204.50000000", "100010445724", "2021-04-04,", "complete:"] {
            assert!(drawn.contains(whole), "`{whole}` in\n{drawn}");
        }
        assert!(drawn.starts_with("NUMBER  UIN"), "{drawn}");
    }

    #[test]
    fn in_a_pipe_a_row_is_a_line_of_any_width() {
        let drawn = deliveries().drawn_on(None);
        assert_eq!(drawn.lines().count(), 3, "{drawn}");
        assert!(drawn.lines().nth(1).is_some_and(|line| line.ends_with("asks for more")), "{drawn}");
    }

    #[test]
    fn a_table_with_too_many_columns_is_drawn_row_by_row() {
        let mut table = deliveries();
        for name in ["first_digest", "second_digest"] {
            table.columns.push(Column::text(name));
            table.rows.iter_mut().for_each(|row| row.push("0123456789abcdef".repeat(2)));
        }
        let drawn = table.drawn_on(Some(80));
        assert!(
            drawn.contains("SECOND_DIGEST  0123456789abcdef0123456789abcdef\n\nNUMBER         12\n"),
            "{drawn}"
        );
        assert!(drawn.lines().all(|line| width(line) <= 80), "{drawn}");
    }

    #[test]
    fn json_and_csv_keep_the_names_of_columns_and_whole_cells() {
        let table = deliveries();
        assert!(
            table.json().contains("\"late\": 7") && table.csv(true).starts_with("late,uin,total,why\n7,")
        );
    }
}

//! Tables, JSON and CSV on stdout; words on stderr.

use std::borrow::Cow;
use std::io::{BufRead as _, BufWriter, IsTerminal, Read as _, Write};
use std::sync::{Arc, Mutex, PoisonError};

use billkeep_core::export::{no_formula, write_quoted};
use billkeep_core::money::Amount;
use billkeep_core::visible::{visible, visible_lines};
use comfy_table::{CellAlignment, ContentArrangement, Table as Drawn, presets};
use serde_json::{Map, Value};

use crate::args::Format;
use crate::context::Context;
use crate::error::CommandError;

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
    kind: Cells,
    /// In CSV and JSON only: there is no room for it on a screen.
    wide: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cells {
    Text,
    Amount,
    Count,
}

impl Column {
    pub(crate) fn text(name: impl Into<String>) -> Column {
        Column { name: name.into(), kind: Cells::Text, wide: false }
    }

    /// Amounts: strings in JSON, right-aligned with separators in tables.
    pub(crate) fn amount(name: impl Into<String>) -> Column {
        Column { name: name.into(), kind: Cells::Amount, wide: false }
    }

    /// Counts: numbers in JSON.
    pub(crate) fn count(name: impl Into<String>) -> Column {
        Column { name: name.into(), kind: Cells::Count, wide: false }
    }

    pub(crate) fn is_amount(&self) -> bool {
        self.kind == Cells::Amount
    }

    pub(crate) fn is_number(&self) -> bool {
        self.kind != Cells::Text
    }

    pub(crate) fn wide(self) -> Column {
        Column { wide: true, ..self }
    }
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

    pub(crate) fn print(&self, context: &Context) -> Result<(), CommandError> {
        if context.takes(self) {
            return Ok(());
        }
        let text = match context.format {
            Format::Table => self.drawn(),
            Format::Csv => self.csv(context.raw),
            Format::Json => self.json(),
        };
        context.data(text.as_bytes())
    }

    /// Returns the table with its first rows alone.
    pub(crate) fn first_rows(mut self, rows: usize) -> Table {
        self.rows.truncate(rows);
        self
    }

    pub(crate) fn drawn(&self) -> String {
        let decimals: Vec<usize> = (0..self.columns.len()).map(|i| self.decimals(i)).collect();
        let mut table = Drawn::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        // On a terminal, cells wrap to its width; in a pipe, a row stays a line.
        if let Some((_, columns)) =
            console::Term::stdout().size_checked().filter(|_| console::user_attended())
        {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns.max(60));
        }
        let shown: Vec<usize> =
            self.columns.iter().enumerate().filter(|(_, c)| !c.wide).map(|(i, _)| i).collect();
        let column = |i: &usize| self.columns.get(*i);
        table.set_header(shown.iter().filter_map(column).map(|c| one_line(&c.name.to_uppercase())));
        for row in &self.rows {
            table.add_row(shown.iter().map(|i| {
                let cell = row.get(*i).map_or("", String::as_str);
                match column(i).map(|c| c.kind) {
                    Some(Cells::Amount) => grouped(cell, decimals.get(*i).copied().unwrap_or(0)),
                    Some(Cells::Count) => grouped(cell, 0),
                    _ => one_line(cell),
                }
            }));
        }
        for (at, i) in shown.iter().enumerate() {
            if let (Some(drawn), Some(c)) = (table.column_mut(at), column(i)) {
                drawn.set_padding((0, 2));
                if c.kind != Cells::Text {
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
                    Cells::Amount => width(&grouped(cell, decimals)),
                    Cells::Count => width(&grouped(cell, 0)),
                    Cells::Text => width(&one_line(cell)),
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
    fn csv(&self, raw: bool) -> String {
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

    fn json(&self) -> String {
        let row = |row: &Vec<String>| {
            let member = |(column, cell): (&Column, &String)| {
                let value = match (column.kind, cell.parse::<i64>()) {
                    (Cells::Count, Ok(n)) => Value::from(n),
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
        write_quoted(cell, out);
    } else {
        write_quoted(&no_formula(cell), out);
    }
}

/// Puts separators into a number and fills up its decimals; anything else stays.
fn grouped(cell: &str, decimals: usize) -> String {
    let Ok(Some(amount)) = Amount::parse_cell(cell.as_bytes()) else { return one_line(cell) };
    let scale = u8::try_from(decimals).unwrap_or(0).max(amount.scale());
    amount.rescaled(scale).map_or_else(|| amount.grouped(), |m| Amount::new(m, scale).grouped())
}

/// Returns how many columns of a screen a text takes: letters from U+1100 on, Chinese ones among them, take two.
fn width(text: &str) -> usize {
    text.chars().map(|c| if c < '\u{1100}' { 1 } else { 2 }).sum()
}

/// Shortens a text to so many columns of a screen.
pub(crate) fn fitted(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut room = columns.saturating_sub(2);
    let fits = |c: &char| {
        let wide = width(c.encode_utf8(&mut [0; 4]));
        room.checked_sub(wide).inspect(|left| room = *left).is_some()
    };
    let mut short: String = text.chars().take_while(fits).collect();
    short.push_str("..");
    short
}

/// Keeps a cell on its line, with what a terminal would act on made visible.
pub(crate) fn one_line(cell: &str) -> String {
    visible(cell).into_owned()
}

/// Cuts a text into lines of at most `width` characters: between words, and where a word alone is longer, in it.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut of_line) = (String::new(), 0);
    for word in one_line(text).split(' ') {
        if of_line > 0 && of_line + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
            of_line = 0;
        } else if of_line > 0 {
            line.push(' ');
            of_line += 1;
        }
        for c in word.chars() {
            if of_line == width {
                lines.push(std::mem::take(&mut line));
                of_line = 0;
            }
            line.push(c);
            of_line += 1;
        }
    }
    lines.push(line);
    lines
}

pub(crate) fn json_text(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// Counts lines in words: `1 line`, `412,006 lines`.
pub(crate) fn lines(n: u64) -> String {
    counted(n, "line", "lines")
}

/// Returns a number with what is counted.
pub(crate) fn counted(n: u64, one: &str, several: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {several}", billkeep_core::ingest::grouped(n)) }
}

/// Where what a command says goes.
#[derive(Clone)]
pub(crate) enum Out {
    /// Data to stdout, words to stderr.
    Terminal,
    /// To whoever asked for it.
    Kept(Kept),
}

/// What a command has said.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Parts>>);

#[derive(Default)]
struct Parts {
    data: Vec<u8>,
    words: Vec<String>,
    tables: Option<Vec<Table>>,
    /// Where data goes instead of being kept.
    onward: Option<Box<dyn Write + Send>>,
}

impl Kept {
    /// Keeps tables as they are, not their text.
    pub(crate) fn tables() -> Kept {
        Kept(Arc::new(Mutex::new(Parts { tables: Some(Vec::new()), ..Parts::default() })))
    }

    /// Hands data on as it comes.
    pub(crate) fn onward(to: Box<dyn Write + Send>) -> Kept {
        Kept(Arc::new(Mutex::new(Parts { onward: Some(to), ..Parts::default() })))
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

impl Write for Kept {
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

impl Out {
    pub(crate) fn words(&self, text: &str) {
        match self {
            Out::Terminal => words(text),
            Out::Kept(kept) => kept.with(|parts| parts.words.push(text.to_owned())),
        }
    }

    pub(crate) fn writer(&self) -> Box<dyn Write + Send> {
        match self {
            Out::Terminal => Box::new(BufWriter::with_capacity(1 << 16, std::io::stdout())),
            Out::Kept(kept) => Box::new(BufWriter::with_capacity(1 << 16, kept.clone())),
        }
    }

    pub(crate) fn takes(&self, table: &Table) -> bool {
        match self {
            Out::Terminal => false,
            Out::Kept(kept) => kept.with(|parts| match &mut parts.tables {
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

    #[test]
    fn a_text_is_cut_between_words_and_a_long_word_in_itself() {
        assert_eq!(wrapped("", 5), [""]);
        assert_eq!(wrapped("one two", 7), ["one two"]);
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a 1234567890", 4), ["a", "1234", "5678", "90"]);
    }
}

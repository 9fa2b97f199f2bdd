//! What `import` reports besides figures: how a file was read, and all that is wrong with one.

use std::borrow::Cow;
use std::path::Path;

use serde_json::{Value, json};

use crate::args::Format;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{self, counted};
use crate::own_error;
use billkeep_core::bills::{FaultGroup, Faults, ImportReport, WhiteSpace};
use billkeep_core::values::{grouped, visible};

/// Says how a file was read, where that is unlike UTF-8 with commas, which cells were read as plain ones, and which have white
/// space at their ends.
pub(crate) fn readings(report: &ImportReport) -> Vec<String> {
    let several = report.file.entries.len() > 1;
    let of_csvs = report.file.entries.iter().zip(&report.readings).filter_map(|(entry, reading)| {
        let told = reading.told()?;
        Some(if several { format!("`{}`: {told}", entry.name) } else { told })
    });
    let of_cells = report.taken.iter().map(|taken| {
        let cells = cells(taken.cells);
        format!("{cells} of `{}` read as plain ones: `{}` as `{}`", taken.column, taken.first, taken.as_plain)
    });
    of_csvs.chain(of_cells).chain(white_space(report)).map(|line| visible(&line).into_owned()).collect()
}

/// How many columns with white space around their texts are named.
const WHITE_SHOWN: usize = 5;

/// Names the columns with white space that is part of their texts. What is passed over changes nothing, and providers write it: the
/// data for programs has it.
fn white_space(report: &ImportReport) -> Option<String> {
    let columns: Vec<&WhiteSpace> = report.white.iter().filter(|white| !white.is_passed_over).collect();
    let first = columns.first()?;
    let named: Vec<String> = columns
        .iter()
        .take(WHITE_SHOWN)
        .map(|white| format!("{} of `{}`", cells(white.cells), white.column))
        .collect();
    let more = match columns.len() - named.len() {
        0 => String::new(),
        1 => " and of 1 more column".to_owned(),
        more => format!(" and of {more} more columns"),
    };
    Some(format!(
        "warning: white space at the ends of {}{more} is part of the text, as in `{}`",
        named.join(", "),
        shown_white(&first.first)
    ))
}

/// Writes white space other than a single space by its number, so that it is seen.
fn shown_white(text: &str) -> String {
    let of =
        |c: char| if c.is_whitespace() && c != ' ' { format!("<U+{:04X}>", u32::from(c)) } else { c.into() };
    text.chars().map(of).collect()
}

pub(super) fn white_json(white: &WhiteSpace) -> Value {
    json!({ "column": white.column, "cells": white.cells, "first": white.first, "passed_over": white.is_passed_over })
}

fn cells(n: u64) -> String {
    counted(n, "cell", "cells")
}

fn count(n: u64) -> String {
    counted(n, "fault", "faults")
}

/// Reports all faults that a dry run found: as words, and as data where that is asked for.
pub(crate) fn tell(context: &Context, shown: &str, faults: &Faults) -> CommandError {
    // Whoever sent a file over HTTP knows its name, and not where it was put.
    let name = Path::new(shown).file_name().filter(|_| !context.is_terminal());
    let name = name.map_or(Cow::Borrowed(shown), |name| name.to_string_lossy());
    if context.format == Format::Json {
        let groups: Vec<Value> = faults.groups().iter().map(json_of).collect();
        let object = json!({
            "format": "billkeep.import-faults/1",
            "file": name,
            "faults": faults.total(),
            "groups": groups,
        });
        if let Err(error) = context.data(output::json_text(&object).as_bytes()) {
            return error;
        }
    }
    for group in faults.groups() {
        for (place, fault) in &group.first {
            context.warn(&visible(&format!("error: {place}: {fault}")));
        }
        let more = group.count.saturating_sub(group.first.len() as u64);
        if more > 0 {
            let column = group.first.first().and_then(|(_, fault)| fault.column());
            let of_column = column.map_or_else(String::new, |column| format!(" of column `{column}`"));
            context.warn(&format!("  and {} more{of_column} with this cause", grouped(more)));
        }
    }
    let kinds = faults.groups().len() as u64;
    let (told, kinds_told) = (count(faults.total()), counted(kinds, "kind", "kinds"));
    CommandError::own(
        own_error::FAULTS,
        &[&told, &kinds_told, &name, &grouped(faults.total()), &grouped(kinds)],
    )
}

fn json_of(group: &FaultGroup) -> Value {
    let column = group.first.first().and_then(|(_, fault)| fault.column());
    let first: Vec<Value> = group
        .first
        .iter()
        .map(|(place, fault)| {
            json!({
                "entry": place.entry,
                "line": place.line,
                "fault": fault.to_string(),
                "character": fault.character().map(|c| format!("U+{:04X}", u32::from(c))),
            })
        })
        .collect();
    json!({ "column": column, "count": group.count, "first": first })
}

//! Makes the columns of a table fit a terminal.
//!
//! A cell is divided between words, and a long name also behind `/`, `-`, `_` and the like. Amounts, counts, ids, days and digests
//! are never divided. Where even that does not fit, [`layout`] gives nothing, and the table is drawn row by row.

use billkeep_core::values::Amount;
use console::measure_text_width as width;

/// Words up to this width are never divided: ids with hyphens and commands' options are shorter, names of files longer.
const WORD_MAX: usize = 40;
/// Spaces between two columns.
pub(crate) const GAP: usize = 2;
/// Spaces between two columns where a screen has no room for more.
const GAP_MIN: usize = 1;

/// How a table is drawn on a screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Spaces between two columns.
    pub(crate) gap: usize,
    /// The width of each column.
    pub(crate) widths: Vec<usize>,
}

/// How much room a column takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// With every cell on one line.
    pub(crate) natural: usize,
    /// With cells divided wherever they may be.
    pub(crate) least: usize,
}

/// Returns how wide each column is drawn on a screen of `columns`, or nothing where they do not fit.
pub(crate) fn layout(rooms: &[Room], columns: usize) -> Option<Layout> {
    [GAP, GAP_MIN].into_iter().find_map(|gap| {
        let widths = widths(rooms, columns.checked_sub(gap * rooms.len().saturating_sub(1))?)?;
        Some(Layout { gap, widths })
    })
}

fn widths(rooms: &[Room], columns: usize) -> Option<Vec<usize>> {
    let capped = |cap: usize| rooms.iter().map(move |room| room.natural.min(cap).max(room.least));
    let fits = |cap: &usize| capped(*cap).sum::<usize>() <= columns;
    // The widest columns give way first, and only as far as they must.
    let widest = rooms.iter().map(|room| room.natural).max().unwrap_or(0);
    let cap = (0..=widest).rev().find(fits)?;
    Some(capped(cap).collect())
}

/// Returns the width of the longest piece of a text that is never divided.
pub(crate) fn least(text: &str) -> usize {
    words(text).into_iter().flat_map(pieces).map(width).max().unwrap_or(0)
}

/// Divides a text into lines of at most `columns`, if its pieces allow it.
pub(crate) fn lines(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words(text) {
        for (at, piece) in pieces(word).into_iter().enumerate() {
            let Some(line) = lines.last_mut() else { continue };
            // Words have a space between them, pieces of one word have none.
            let space = usize::from(at == 0 && !line.is_empty());
            if !line.is_empty() && width(line) + space + width(piece) > columns {
                lines.push(piece.to_owned());
                continue;
            }
            line.extend(std::iter::repeat_n(' ', space));
            line.push_str(piece);
        }
    }
    lines
}

/// Returns a heading with the places at which it may be divided: `CUSTOM_BILLS` behind the underscore.
pub(crate) fn heading_lines(heading: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for part in heading.split_inclusive('_') {
        match lines.last_mut() {
            Some(line) if line.is_empty() || width(line) + width(part) <= columns => line.push_str(part),
            _ => lines.push(part.to_owned()),
        }
    }
    lines
}

/// Returns the width of the longest part of a heading.
pub(crate) fn least_heading(heading: &str) -> usize {
    heading.split_inclusive('_').map(width).max().unwrap_or(0)
}

/// Returns the words of a text. The first one keeps the spaces before it, which indent rows of a tree; an amount keeps its
/// currency.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.trim_start_matches(' ').is_empty() {
        let indent = if words.is_empty() { rest.len() - rest.trim_start_matches(' ').len() } else { 0 };
        rest = if words.is_empty() { rest } else { rest.trim_start_matches(' ') };
        let end =
            |from: usize| rest.get(from..).and_then(|more| more.find(' ')).map_or(rest.len(), |at| from + at);
        let mut to = end(indent);
        let next = end(to + 1);
        let is_amount = rest.get(indent..to).is_some_and(|word| Amount::parse_cell(word.as_bytes()).is_ok());
        let is_currency = |word: &str| word.len() == 3 && word.bytes().all(|b| b.is_ascii_uppercase());
        if is_amount
            && rest.get(to + 1..next).is_some_and(|word| is_currency(word.trim_end_matches([',', ';'])))
        {
            to = next;
        }
        let (word, more) = rest.split_at_checked(to).unwrap_or((rest, ""));
        words.push(word);
        rest = more;
    }
    words
}

/// Cuts a long word behind the characters at which a reader expects it; any other word is one piece.
fn pieces(word: &str) -> Vec<&str> {
    if width(word) <= WORD_MAX {
        return vec![word];
    }
    word.split_inclusive(['/', '-', '_', '=', '&', ',', ';']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(natural: usize, least: usize) -> Room {
        Room { natural, least }
    }

    #[test]
    fn a_table_that_fits_keeps_its_widths() {
        assert_eq!(layout(&[room(10, 4), room(20, 5)], 32), Some(Layout { gap: 2, widths: vec![10, 20] }));
    }

    #[test]
    fn the_widest_column_gives_way_first() {
        assert_eq!(widths(&[room(12, 12), room(60, 9), room(8, 4)], 56), Some(vec![12, 36, 8]));
        assert_eq!(widths(&[room(40, 9), room(60, 9)], 41), Some(vec![20, 20]));
    }

    #[test]
    fn columns_that_cannot_give_way_stand_closer_or_do_not_fit() {
        let gap = |columns| layout(&[room(30, 30), room(30, 30)], columns).map(|layout| layout.gap);
        assert_eq!([62, 61, 60].map(gap), [Some(2), Some(1), None]);
    }

    #[test]
    fn a_cell_is_divided_between_words_and_keeps_all_of_them() {
        let cell = "not complete: lines are in through 2021-04-04";
        assert_eq!(least(cell), 10);
        assert_eq!(lines(cell, 15), ["not complete:", "lines are in", "through", "2021-04-04"]);
        assert_eq!(lines("", 5), [""]);
        assert_eq!(lines("2021-04-04", 3), ["2021-04-04"]);
        assert_eq!(lines("    a reseller", 9), ["    a", "reseller"]);
    }

    #[test]
    fn names_of_files_are_divided_behind_a_separator_and_digests_and_ids_never() {
        let name = "100010445724-2021-04-04-by_used_time-bill-details-6069e280dbaaa16175520009503321961.zip";
        let divided = lines(name, 40);
        assert_eq!(divided.concat(), name);
        assert!(divided.iter().all(|line| width(line) <= 40), "{divided:?}");
        for whole in ["0123456789abcdef".repeat(4), "3f2504e0-4f89-11d3-9a0c-0305e82c3301".to_owned()] {
            assert_eq!((lines(&whole, 10), least(&whole)), (vec![whole.clone()], width(&whole)));
        }
    }

    #[test]
    fn an_amount_keeps_its_currency() {
        let cell = "takes away -1,204.50 USD, and 3 lines";
        assert_eq!(least(cell), 14);
        assert_eq!(lines(cell, 14), ["takes away", "-1,204.50 USD,", "and 3 lines"]);
    }

    #[test]
    fn chinese_text_takes_two_columns_a_letter() {
        assert_eq!(lines("账单明细 账单存储", 9), ["账单明细", "账单存储"]);
        assert_eq!(least("账单明细 账"), 8);
    }

    #[test]
    fn a_heading_is_divided_behind_underscores() {
        assert_eq!(heading_lines("CUSTOM_BILLS", 7), ["CUSTOM_", "BILLS"]);
        assert_eq!(heading_lines("CUSTOM_BILLS", 12), ["CUSTOM_BILLS"]);
        assert_eq!(least_heading("FIRST_DAY"), 6);
    }
}

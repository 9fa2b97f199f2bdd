//! Checks cells by their columns, and names lines that are no lines of a bill.

use crate::formats::forms::{self, CellCause, Read};
use crate::formats::schema::{Column, ColumnClass, Schema};
use crate::values::money::is_blank;

use super::chunk::TextSource;
use super::column::{CheckedCell, Fact};
use super::fault::ImportFault;
use crate::values::Amount;

/// Checks a cell by its column's class.
pub(super) fn check_cell(
    source: &TextSource,
    column: Column,
    header: &str,
    cell: &[u8],
    currencies: &mut Vec<String>,
) -> Result<CheckedCell, ImportFault> {
    let bad = |expected: &'static str, cause: Option<CellCause>| ImportFault::Cell {
        column: header.to_owned(),
        text: shortened(cell),
        expected,
        cause,
    };
    let differs =
        |other: String| ImportFault::Differs { column: header.to_owned(), text: shortened(cell), other };
    match column.class() {
        ColumnClass::Money => checked(forms::amount(cell), |amount| amount.map_or(Fact::Blank, Fact::Amount))
            .map_err(|cause| bad("an amount", cause)),
        ColumnClass::Number => {
            checked(forms::number(cell), |()| Fact::Text).map_err(|cause| bad("a number", cause))
        }
        ColumnClass::Uin => {
            // Whose money it is, and who owes it, is told on every line.
            let read = forms::uin(cell).map_err(|cause| bad("an account id of 9 to 12 digits", cause))?;
            if column == Column::PayerUin && read.0 != source.bill.payer {
                return Err(differs(format!("this is the bill of payer {}", source.bill.payer)));
            }
            Ok(CheckedCell { fact: Fact::Uin(read.0.number()), plain: read.1 })
        }
        ColumnClass::Time | ColumnClass::Day | ColumnClass::Month if is_blank(cell) => Ok(CheckedCell::BLANK),
        ColumnClass::Time => checked(forms::time(cell, column == Column::UsageEnd), Fact::Time)
            .map_err(|cause| bad("a time like 2021-03-31 23:59:59", cause)),
        ColumnClass::Day => {
            checked(forms::day(cell), Fact::Day).map_err(|cause| bad("a day like 2021-03-31", cause))
        }
        ColumnClass::Month => {
            let (month, plain) = forms::month(cell).map_err(|cause| bad("a month like 2021-03", cause))?;
            if month != source.bill.month {
                return Err(differs(format!("this is the bill of {}", source.bill.month)));
            }
            Ok(CheckedCell { fact: Fact::Text, plain })
        }
        ColumnClass::Currency => {
            let (code, plain) =
                forms::currency(cell).map_err(|cause| bad("a currency code like USD", cause))?;
            let at = currencies.iter().position(|c| *c == code).unwrap_or_else(|| {
                currencies.push(code);
                currencies.len() - 1
            });
            Ok(CheckedCell { fact: Fact::Currency(at as u32), plain })
        }
        ColumnClass::Text if source.verbatim => Ok(CheckedCell::TEXT),
        ColumnClass::Text if column == Column::ProductName && is_total(cell) => {
            Err(ImportFault::TotalRow { text: shortened(cell) })
        }
        ColumnClass::Text => {
            let plain =
                forms::text(cell, column).map_err(|cause| bad("a text of the provider", Some(cause)))?;
            Ok(CheckedCell { fact: Fact::Text, plain })
        }
    }
}

fn checked<T>(read: Read<T>, fact: impl FnOnce(T) -> Fact) -> Result<CheckedCell, Option<CellCause>> {
    read.map(|(value, plain)| CheckedCell { fact: fact(value), plain })
}

/// Tells what a whole line is that is no line of a bill: the header once more, or a sum of others.
pub(super) fn no_line<'c>(
    cells: impl Iterator<Item = &'c [u8]> + Clone,
    schema: &Schema,
) -> Option<ImportFault> {
    let mut pairs = cells.clone().zip(schema.headers());
    if pairs.all(|(cell, header)| Amount::trim_cell(cell) == Amount::trim_cell(header.as_bytes()))
        && cells.clone().count() > 1
    {
        return Some(ImportFault::HeaderAgain);
    }
    let first = cells.clone().find(|cell| !is_blank(cell));
    if first.is_none() {
        return Some(ImportFault::EmptyLine);
    }
    let named = cells.zip(schema.columns()).filter(|(_, column)| {
        matches!(column, Some(Column::OwnerUin | Column::PayerUin | Column::ProductName))
    });
    let total = first
        .into_iter()
        .chain(named.map(|(cell, _)| cell))
        .find(|cell| is_total(cell) || begins_total(cell));
    total.map(|cell| ImportFault::TotalRow { text: shortened(cell) })
}

/// Words that stand at the beginning of a sum, without spaces and in lower case.
const TOTALS: [&str; 14] = [
    "合计",
    "总计",
    "小计",
    "共计",
    "总合计",
    "汇总",
    "总额",
    "total",
    "totals",
    "grandtotal",
    "subtotal",
    "sub-total",
    "sum",
    "总和",
];

fn folded(cell: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(cell).ok()?;
    let text: String =
        text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).take(64).collect();
    Some(text)
}

/// Says whether a cell is a word for a sum and nothing else.
fn is_total(cell: &[u8]) -> bool {
    // Words are short, and most cells are not asked further.
    cell.len() <= 32
        && folded(cell).is_some_and(|text| TOTALS.contains(&text.trim_end_matches([':', '：', '.'])))
}

/// Says whether a cell begins or ends with a word for a sum: `合计：2.00元`, `CVM 汇总`, `200000003412 Total`.
fn begins_total(cell: &[u8]) -> bool {
    let Some(text) = folded(cell) else { return false };
    let whole = std::str::from_utf8(cell).unwrap_or_default().trim().to_lowercase();
    let is_end =
        |word: &str| whole.strip_suffix(word).is_some_and(|before| before.ends_with(char::is_whitespace));
    let is_begin = |word: &str| {
        let digit = |c: char| !word.is_ascii() && c.is_ascii_digit();
        text.strip_prefix(word)
            .is_some_and(|rest| rest.starts_with([':', '：', '=']) || rest.starts_with(digit))
    };
    TOTALS.iter().any(|word| is_begin(word) || is_end(word))
}

/// Tells what is wrong with a record of another number of cells than the header.
pub(super) fn ragged(text: &[u8], cells: usize, schema: &Schema) -> ImportFault {
    if text.iter().all(|b| *b == 0) && !text.is_empty() {
        return ImportFault::NulTail;
    }
    let line = text.split(|b| matches!(b, b'\r' | b'\n')).next().unwrap_or_default();
    let record;
    // There may be millions of such lines, and hardly any has quotes.
    if line.contains(&b'"') {
        record = crate::formats::text::first_record(text, b',');
        of_cells(record.iter(), schema, cells)
    } else {
        of_cells(line.split(|b| *b == b','), schema, cells)
    }
}

/// Tells what a record of another number of cells is by what is in them.
fn of_cells<'c>(
    cells: impl Iterator<Item = &'c [u8]> + Clone,
    schema: &Schema,
    number: usize,
) -> ImportFault {
    if cells.clone().any(|cell| cell.contains(&0)) {
        return ImportFault::Nul;
    }
    let headers = schema.headers().len();
    let open = number == headers + 1 && cells.clone().last().is_some_and(is_blank);
    match no_line(cells, schema) {
        Some(fault @ (ImportFault::TotalRow { .. } | ImportFault::EmptyLine)) => fault,
        _ => ImportFault::Ragged { cells: number, headers, open },
    }
}

/// Tells of a cell that has taken whole lines of the bill in: a quote that opens in one line closes in another one. What stands
/// between then has at least as many of the file's separators as a line has. Cells of people that go on over several lines do not.
pub(super) fn swallowed(cell: &[u8], header: &str, columns: usize, separator: u8) -> Option<ImportFault> {
    let wanted = columns.checked_sub(1).filter(|wanted| *wanted > 0)?;
    let separators_of = |line: &[u8]| memchr::memchr_iter(separator, line).count();
    let mut lines = cell.split(|b| matches!(b, b'\r' | b'\n'));
    let (first, last) = (lines.next()?, lines.next_back()?);
    let within = lines.filter(|line| !line.is_empty()).map(separators_of);
    let mut count = 1;
    // The opening line up to the end and the closing one from its beginning are a line together, or more: where the quote closes at
    // another one, a cell with separators may follow in pieces.
    let whole = separators_of(first) + separators_of(last) >= wanted
        && within.inspect(|_| count += 1).all(|found| found >= wanted);
    whole.then(|| ImportFault::Swallowed { column: header.to_owned(), lines: count })
}

/// Returns a cell as it is shown: its first letters.
pub(super) fn shortened(cell: &[u8]) -> String {
    let text = String::from_utf8_lossy(cell);
    if text.chars().count() > 60 {
        text.chars().take(57).chain("...".chars()).collect()
    } else {
        text.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_that_takes_whole_lines_in_is_told_from_a_cell_of_several_lines() {
        let taken_in = |cell: &str| match swallowed(cell.as_bytes(), "Tag", 4, b',') {
            Some(ImportFault::Swallowed { lines, .. }) => lines,
            _ => 0,
        };
        // Lines of four cells; the quote opens in the third cell of one and closes in the third of another.
        assert_eq!(taken_in("x,4\n1,2,"), 1);
        assert_eq!(taken_in("x,4\r\n1,2,3,4\r\n\r\n1,2,3,4\r\n1,2,"), 3);
        assert_eq!(taken_in("x,4\r1,2,3,4\r1,2,"), 2);
        // In the last cell, and in the first one.
        assert_eq!(taken_in("\n1,2,3,4\n1,2,3,"), 2);
        assert_eq!(taken_in("x,2,3,4\n"), 1);
        for honest in [
            "",
            "x",
            "one\ntwo",
            "a, b\nc",
            "1,2,3",
            "{\n\"a\": 1,\n\"b\": 2,\n\"c\": 3\n}",
            "x,4\n1,2,3\n1,2,",
        ] {
            assert_eq!(taken_in(honest), 0, "{honest:?}");
        }
        assert_eq!(swallowed(b"a\nb", "Tag", 1, b','), None);
    }

    #[test]
    fn lines_that_add_up_others_are_named() {
        let schema = Schema::recognise(
            "OwnerAccountID,ProductName,InstanceName,TotalCost,Currency".split(',').map(str::as_bytes),
        );
        let schema = schema.unwrap();
        let of = |line: &str| no_line(line.split(',').map(str::as_bytes), &schema);
        for line in [
            "合计,,,2.00,",
            ",合 计：,,2.00,",
            "Grand Total,,,2,USD",
            ",CVM 汇总,,2,USD",
            "200000003412 Total,,,2,",
            "合计：2.00元",
            "总计2.00",
            ",,小计,2,",
            "Total:,,,,",
            "sub-total: 5",
        ] {
            assert!(matches!(of(line), Some(ImportFault::TotalRow { .. })), "{line}");
        }
        assert_eq!(
            of("OwnerAccountID,ProductName,InstanceName,TotalCost,Currency"),
            Some(ImportFault::HeaderAgain)
        );
        for line in [
            "200000003412,CVM,Total,1,USD",
            "200000003412,Total Security,x,1,USD",
            "200000003412,汇总服务,x,1,USD",
            "x",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }
}

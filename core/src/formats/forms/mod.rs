//! Cells that say one thing in an unusual way, as the cell that says it plainly.
//!
//! A program writes `100010445724`; people and spreadsheets write `'100010445724`, `="100010445724"` or full-width digits. Where a cell
//! has one reading alone, the plain cell is what is kept, hashed and exported, so that the digest is that of the plain file. A cell that
//! was always taken as it is stays as it is, to the byte. Whatever has two readings, or none, is refused with its cause.

mod cause;

use crate::formats::schema::{Column, is_invisible};
use crate::values::digits::read_time;
use crate::values::money::{Amount, DIGITS_MAX, SCALE_MAX, is_blank};
use crate::values::period::{BillMonth, Day};
use crate::values::uin::Uin;

pub use cause::CellCause;

/// Reads an account id as people write it, with what keeps a spreadsheet from reading a number.
///
/// # Errors
/// Why it is none, where that is known.
pub(crate) fn read_uin(cell: &[u8]) -> Result<Uin, Option<CellCause>> {
    uin(cell).map(|(uin, _)| uin)
}

/// What a cell was read as, and the plain cell unless it is that itself.
pub(crate) type Read<T> = Result<(T, Option<Plain>), Option<CellCause>>;

/// The plain cell that stands for another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plain {
    pub(crate) text: String,
    /// The sign of a currency that stood at an amount: the line has to be in it.
    pub(crate) sign: Option<&'static CurrencySign>,
}

impl Plain {
    fn of(text: impl Into<String>) -> Plain {
        Plain { text: text.into(), sign: None }
    }
}

/// A sign of currencies, as people write it at amounts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CurrencySign {
    pub(crate) text: &'static str,
    /// The currencies that it may stand for.
    pub(crate) currencies: &'static [&'static str],
}

/// The longer ones first.
const SIGNS: [CurrencySign; 15] = [
    CurrencySign { text: "US$", currencies: &["USD"] },
    CurrencySign { text: "HK$", currencies: &["HKD"] },
    CurrencySign { text: "NT$", currencies: &["TWD"] },
    CurrencySign { text: "S$", currencies: &["SGD"] },
    CurrencySign { text: "$", currencies: &["USD", "HKD", "SGD", "TWD", "AUD", "CAD", "NZD", "MXN"] },
    CurrencySign { text: "CN¥", currencies: &["CNY", "RMB"] },
    CurrencySign { text: "¥", currencies: &["CNY", "RMB", "JPY"] },
    CurrencySign { text: "元", currencies: &["CNY", "RMB"] },
    CurrencySign { text: "€", currencies: &["EUR"] },
    CurrencySign { text: "£", currencies: &["GBP"] },
    CurrencySign { text: "USD", currencies: &["USD"] },
    CurrencySign { text: "CNY", currencies: &["CNY", "RMB"] },
    CurrencySign { text: "RMB", currencies: &["CNY", "RMB"] },
    CurrencySign { text: "HKD", currencies: &["HKD"] },
    CurrencySign { text: "EUR", currencies: &["EUR"] },
];

/// Words and signs that name one currency.
const CURRENCIES: [(&str, &[&str]); 8] = [
    ("CNY", &["人民币", "人民币元", "元", "cn¥", "renminbi"]),
    ("USD", &["美元", "美金", "us$"]),
    ("HKD", &["港币", "港元", "hk$"]),
    ("EUR", &["欧元", "€"]),
    ("JPY", &["日元", "日圆"]),
    ("GBP", &["英镑", "£"]),
    ("SGD", &["新加坡元", "新币", "s$"]),
    ("TWD", &["新台币", "nt$"]),
];

/// Returns a cell with plain characters alone: full-width ones narrow, U+2212 as a minus, nothing invisible, no white space around it,
/// and without what tells a spreadsheet that it is text.
fn clean(cell: &[u8]) -> Option<String> {
    let plain = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{2212}' | '\u{fe63}' => '-',
        '\u{3000}' => ' ',
        '\u{ffe5}' => '¥',
        c => c,
    };
    let text: String =
        std::str::from_utf8(cell).ok()?.chars().filter(|c| !is_invisible(*c)).map(plain).collect();
    let text = text.trim();
    let quoted = text.strip_prefix("=\"").and_then(|t| t.strip_suffix('"'));
    Some(quoted.or_else(|| text.strip_prefix('\'')).unwrap_or(text).trim().to_owned())
}

/// Returns the first character that is not ASCII, or a control character, between the ends of a cell.
fn foreign_character(cell: &[u8]) -> Option<CellCause> {
    let text = std::str::from_utf8(Amount::trim_cell(cell)).ok()?;
    text.chars().find(|c| !c.is_ascii() || c.is_ascii_control()).map(CellCause::Character)
}

fn is_sheet_error(text: &str) -> bool {
    const ERRORS: [&str; 9] =
        ["#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"];
    ERRORS.iter().any(|error| text.eq_ignore_ascii_case(error))
        || (text.len() > 1 && text.bytes().all(|b| b == b'#'))
}

/// Says whether a spreadsheet has shortened an id: `2.02103E+15`.
fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    whole.len() == 1 && digits(whole) && digits(decimals) && exponent.strip_prefix('+').is_some_and(digits)
}

/// Returns a whole number that was written with decimals: `200000003412.0`.
fn without_zero_decimals(text: &str) -> Option<&str> {
    let (whole, decimals) = text.split_once('.')?;
    let is_number = !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_digit());
    (is_number && !decimals.is_empty() && decimals.bytes().all(|b| b == b'0')).then_some(whole)
}

/// Reads an account id. White space around it stays in the cell, as it always did.
pub(crate) fn uin(cell: &[u8]) -> Read<Uin> {
    if let Some(uin) = Uin::parse(Amount::trim_cell(cell)) {
        return Ok((uin, None));
    }
    let text = clean(cell).ok_or(None)?;
    let digits = without_zero_decimals(&text).unwrap_or(&text);
    if let Some(uin) = Uin::parse(digits.as_bytes()) {
        return Ok((uin, Some(Plain::of(digits))));
    }
    Err(match &text {
        text if is_scientific(text) => Some(CellCause::Scientific),
        text if is_sheet_error(text) => Some(CellCause::SheetError),
        _ => foreign_character(cell),
    })
}

/// Reads the cell of a column of texts; `Ok(None)` where it stays as it is.
///
/// In columns of ids alone, a leading apostrophe is what keeps a spreadsheet from reading a number.
pub(crate) fn text(cell: &[u8], column: Column) -> Result<Option<Plain>, CellCause> {
    let text = match cell {
        [b'\'' | b'=' | b'#', ..] | [_, b'.', ..] => {
            std::str::from_utf8(Amount::trim_cell(cell)).unwrap_or_default()
        }
        cell if is_account(column) && cell.ends_with(b"0") => std::str::from_utf8(cell).unwrap_or_default(),
        _ => return Ok(None),
    };
    if is_sheet_error(text) {
        return Err(CellCause::SheetError);
    }
    if !is_id(column) {
        return Ok(None);
    }
    if let Some(inner) =
        text.strip_prefix("=\"").and_then(|t| t.strip_suffix('"')).filter(|t| !t.contains('"'))
    {
        return Ok(Some(Plain::of(inner)));
    }
    if is_scientific(text) {
        return Err(CellCause::Scientific);
    }
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(digits) = text.strip_prefix('\'').filter(|digits| number(digits)) {
        return Ok(Some(Plain::of(digits)));
    }
    let account = without_zero_decimals(text).filter(|digits| Uin::parse(digits.as_bytes()).is_some());
    Ok(account.filter(|_| is_account(column)).map(Plain::of))
}

fn is_account(column: Column) -> bool {
    matches!(column, Column::OperatorUin | Column::ResellerUin)
}

fn is_id(column: Column) -> bool {
    is_account(column) || matches!(column, Column::TransactionId | Column::OrderId | Column::InstanceId)
}

/// Reads an amount of money; `None` where it shows none.
pub(crate) fn amount(cell: &[u8]) -> Read<Option<Amount>> {
    if let Ok(amount) = Amount::parse_cell(cell) {
        return Ok((amount, None));
    }
    let text = clean(cell).ok_or(None)?;
    if is_blank(text.as_bytes()) {
        return Ok((None, Some(Plain::of(text))));
    }
    let (plain, sign) = plain_amount(&text).ok_or_else(|| amount_cause(cell, &text))?;
    let amount = Amount::parse_cell(plain.as_bytes()).map_err(|_| amount_cause(cell, &text))?;
    Ok((amount, Some(Plain { text: plain, sign })))
}

/// Reads a number that is no money, with or without a percent sign.
pub(crate) fn number(cell: &[u8]) -> Read<()> {
    let text = Amount::trim_cell(cell);
    if Amount::parse_cell(text.strip_suffix(b"%").unwrap_or(text)).is_ok() {
        return Ok(((), None));
    }
    let clean = clean(cell).ok_or(None)?;
    let (rest, percent) = clean.strip_suffix('%').map_or((clean.as_str(), ""), |rest| (rest, "%"));
    let ((), plain) = amount(rest.as_bytes())
        .map(|(_, plain)| ((), plain))
        .map_err(|cause| cause.or(amount_cause(cell, &clean)))?;
    let plain = plain.unwrap_or_else(|| Plain::of(rest));
    Ok(((), Some(Plain { text: plain.text + percent, ..plain })))
}

/// Takes brackets, a minus behind, and a currency's sign from an amount.
fn plain_amount(text: &str) -> Option<(String, Option<&'static CurrencySign>)> {
    let (mut rest, mut negative, mut sign) = (text, false, None);
    if let Some(inner) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        (rest, negative) = (inner.trim(), true);
    } else if let Some(before) = text.strip_suffix('-') {
        (rest, negative) = (before.trim_end(), true);
    }
    // The minus stands before the sign or behind it.
    for _ in 0..2 {
        if let Some(after) = rest.strip_prefix('-').filter(|_| !negative) {
            (rest, negative) = (after, true);
        }
        let found = SIGNS.iter().find_map(|known| Some((rest.strip_prefix(known.text)?, known)));
        if let Some((after, known)) = found.filter(|_| sign.is_none()) {
            (rest, sign) = (after.trim_start(), Some(known));
        }
    }
    let found = SIGNS.iter().find_map(|known| Some((rest.strip_suffix(known.text)?, known)));
    if let Some((before, known)) = found.filter(|_| sign.is_none()) {
        (rest, sign) = (before.trim_end(), Some(known));
    }
    if !rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let zero = if rest.starts_with('.') { "0" } else { "" };
    Some((format!("{}{zero}{rest}", if negative { "-" } else { "" }), sign))
}

fn amount_cause(cell: &[u8], text: &str) -> Option<CellCause> {
    if is_sheet_error(text) {
        return Some(CellCause::SheetError);
    }
    if text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b',' | b'-' | b'+')) {
        let count = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
        let decimals = text.rsplit_once('.').map_or(0, |(_, decimals)| count(decimals));
        let after_comma = text.rsplit_once(',').map(|(_, after)| after);
        return match (count(text), decimals, after_comma) {
            (digits, _, _) if digits > DIGITS_MAX as usize => Some(CellCause::Digits(digits)),
            (_, decimals, _) if decimals > SCALE_MAX as usize => Some(CellCause::Decimals(decimals)),
            (_, _, Some(after)) if after.len() != 3 && !after.contains('.') => Some(CellCause::DecimalComma),
            _ => None,
        };
    }
    foreign_character(cell)
}

/// Reads a currency's code.
pub(crate) fn currency(cell: &[u8]) -> Read<String> {
    let is_code = |text: &str| text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
    if let Some(code) = std::str::from_utf8(Amount::trim_cell(cell)).ok().filter(|text| is_code(text)) {
        return Ok((code.to_owned(), None));
    }
    let text = clean(cell).ok_or(None)?;
    let known = |text: &str| {
        let lower = text.to_lowercase();
        CURRENCIES
            .iter()
            .find(|(_, words)| words.contains(&lower.as_str()))
            .map(|(code, _)| (*code).to_owned())
    };
    let code = known(&text).unwrap_or_else(|| text.to_ascii_uppercase());
    if is_code(&code) {
        return Ok((code.clone(), Some(Plain::of(code))));
    }
    Err(if is_sheet_error(&text) { Some(CellCause::SheetError) } else { None })
}

/// A date as somebody wrote it, and what follows it.
struct Written<'t> {
    year: i32,
    month: u32,
    day: Option<u32>,
    /// `2021-03-01`, as programs write it, and not `2021/3/1`.
    usual: bool,
    rest: &'t str,
}

/// Reads a date from the year on, with `-`, `/` or `.` between its numbers.
fn written(text: &str) -> Option<Written<'_>> {
    let number = |text: &mut &str, max: usize| {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = text.split_at_checked(digits.min(max))?;
        *text = rest;
        Some((number.parse::<u32>().ok()?, number.len()))
    };
    let mut rest = text;
    let (year, year_digits) = number(&mut rest, 4)?;
    let separator = rest.chars().next().filter(|c| year_digits == 4 && matches!(c, '-' | '/' | '.'))?;
    rest = rest.strip_prefix(separator)?;
    let (month, month_digits) = number(&mut rest, 2)?;
    let mut usual = separator == '-' && month_digits == 2;
    let mut day = None;
    if let Some(mut after) = rest.strip_prefix(separator) {
        let (number, digits) = number(&mut after, 2)?;
        (day, rest) = (Some(number), after);
        usual &= digits == 2;
    }
    Some(Written { year: i32::try_from(year).ok()?, month, day, usual, rest })
}

/// Reads a time of day behind a date.
///
/// A spreadsheet shows `2021/3/1 0:59` for 00:59:59: what it writes so has lost the seconds for good.
pub(crate) fn time(cell: &[u8], ends: bool) -> Read<i64> {
    if let Some(time) = read_time(Amount::trim_cell(cell)) {
        return Ok((time, None));
    }
    let text = clean(cell).ok_or(None)?;
    if let Some(cause) = day_cause(&text) {
        return Err(Some(cause));
    }
    let Some(Written { year, month, day: Some(day), usual, rest }) = written(&text) else {
        return Err(foreign_character(cell));
    };
    let mut date = Day::new(year, month, day).ok_or(Some(CellCause::NoSuchDay))?;
    let clock = rest.strip_prefix([' ', 'T']).map(str::trim_start);
    let Some(clock) = clock else { return Err(rest.is_empty().then_some(CellCause::NoTime)) };
    let end = clock.find(|c: char| !c.is_ascii_digit() && !matches!(c, ':' | '.')).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at_checked(end).ok_or(None)?;
    if !zone.is_empty() {
        return Err(zone.starts_with(['Z', '+', '-']).then_some(CellCause::Zone));
    }
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let parts: Vec<&str> = clock.split(':').collect();
    let two = |text: &str, min: usize| {
        text.parse::<u32>().ok().filter(|_| (min..=2).contains(&text.len())).ok_or(None)
    };
    let (hour, minute, second) = match parts.as_slice() {
        [hour, minute, second] => (two(hour, 1)?, two(minute, 2)?, two(second, 2)?),
        [hour, minute] if usual && hour.len() == 2 => (two(hour, 2)?, two(minute, 2)?, 0),
        [hour, minute] => {
            two(hour, 1)?;
            two(minute, 2)?;
            return Err(Some(CellCause::Reformatted));
        }
        _ => return Err(None),
    };
    if fraction.is_empty() || fraction.bytes().any(|b| b != b'0') {
        return Err(None);
    }
    let mut hour = hour;
    if (hour, minute, second) == (24, 0, 0) && ends {
        (date, hour) = (date.next().ok_or(Some(CellCause::NoSuchDay))?, 0);
    }
    let plain = format!("{date} {hour:02}:{minute:02}:{second:02}");
    let time = read_time(plain.as_bytes()).ok_or(Some(CellCause::NoSuchTime))?;
    Ok((time, Some(Plain::of(plain))))
}

/// Reads a day.
pub(crate) fn day(cell: &[u8]) -> Read<Day> {
    if let Some(day) = Day::parse_prefix(Amount::trim_cell(cell)) {
        return Ok((day, None));
    }
    let text = clean(cell).ok_or(None)?;
    if let Some(cause) = day_cause(&text) {
        return Err(Some(cause));
    }
    match written(&text) {
        Some(Written { year, month, day: Some(day), rest: "", .. }) => {
            let day = Day::new(year, month, day).ok_or(Some(CellCause::NoSuchDay))?;
            Ok((day, Some(Plain::of(day.to_string()))))
        }
        _ => Err(foreign_character(cell)),
    }
}

/// Reads a month.
pub(crate) fn month(cell: &[u8]) -> Read<BillMonth> {
    if let Some(month) = BillMonth::parse(Amount::trim_cell(cell)) {
        return Ok((month, None));
    }
    let text = clean(cell).ok_or(None)?;
    if let Some(cause) = day_cause(&text) {
        return Err(Some(cause));
    }
    let dashed = text.replace('年', "-");
    match written(dashed.strip_suffix('月').unwrap_or(&dashed)) {
        Some(Written { year, month, day: None, rest: "", .. }) => {
            let month = BillMonth::new(year, month).ok_or(None)?;
            Ok((month, Some(Plain::of(month.to_string()))))
        }
        Some(Written { day: Some(1), .. }) => Err(Some(CellCause::Reformatted)),
        _ => Err(foreign_character(cell)),
    }
}

/// Tells what a spreadsheet makes of days: a number of days, `Mar-21`, or an error.
fn day_cause(text: &str) -> Option<CellCause> {
    if is_sheet_error(text) {
        return Some(CellCause::SheetError);
    }
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.len() == 5 && digits(whole) && digits(decimals) {
        return Some(CellCause::DayNumber);
    }
    let word = |text: &str| text.len() == 3 && text.bytes().all(|b| b.is_ascii_alphabetic());
    let (first, second) = text.split_once(['-', ' '])?;
    ((word(first) && digits(second)) || (digits(first) && word(second))).then_some(CellCause::Reformatted)
}

#[cfg(test)]
mod tests;

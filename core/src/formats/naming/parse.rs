//! What the name of a file that came in says.
//!
//! Parsing is strict: a name is one of the known forms, with a UIN and a date that exist, or nothing is said about
//! it. Known are the provider's forms (docs/DOMAIN.md#file-names) and those of our own built-in profiles.

use crate::values::period::{Basis, BillMonth, Day};
use crate::values::uin::Uin;

use super::dates::{parse_basis, parse_day};
use super::field::NameFields;
use super::profile::BuiltIn;
use super::words::{BillKind, Per, Shape};

/// Stands between the basis and the id in the name of a consolidated bill (docs/DOMAIN.md#file-names).
const CONSOLIDATED: &str = "bill-details-consolidated_bill-";

/// The form of a file name: a row of the table in docs/DOMAIN.md#file-names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameForm {
    /// A consolidated bill with a day: month to date.
    ConsolidatedDaily,
    /// A consolidated bill without a day: the reseller's month.
    ConsolidatedMonth,
    /// Details with a day.
    DetailsDaily,
    /// Details of a month.
    DetailsMonth,
    /// A month's pack: overview, summaries and details in one zip.
    Pack,
    /// Summaries by product, project, region, billing mode and tag: ours alone.
    Summary,
    /// A day's cost allocation report.
    CostAllocation,
    /// A file in the FOCUS columns: the provider's own of a day, or that of a partner's customer.
    Focus,
    /// A partner's download of one customer's month.
    CustomerDownload,
    /// A partner's download of all customers' month.
    AllCustomersDownload,
    /// A partner's download of all second-level resellers' month.
    AllResellersDownload,
}

/// What a file is by the ending of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// `.zip`
    Zip,
    /// `.csv`
    Csv,
}

/// What a file's name says. What it does not say is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedName {
    /// The form.
    pub form: NameForm,
    /// The account that the file is named after: the payer, or in a download the customer.
    pub uin: Option<Uin>,
    /// The month; with a day, the day's month.
    pub month: Option<BillMonth>,
    /// The day, in a daily form: the last one covered.
    pub day: Option<Day>,
    /// The basis.
    pub basis: Option<Basis>,
    /// The level that the name tells: 2 by resource, 3 details.
    pub level: Option<u8>,
    /// The id: of a consolidated bill, and of our own exports.
    pub id: Option<String>,
    /// The ending.
    pub ending: Ending,
}

impl ParsedName {
    /// Parses a file's name, without folders; `None` if it has none of the known forms.
    ///
    /// Each form is taken with both endings, in capitals too, with `.gz` behind them, and with the marks that browsers and systems
    /// give to copies (`name (1).zip`, `name - Copy.csv`, `name的副本.csv`, `name.csv.csv`).
    pub fn parse(file_name: &str) -> Option<ParsedName> {
        let (stem, ending) = split_ending(file_name)?;
        // Ours first: a download's name takes any note, and ours says more.
        let name = parse_own(stem)
            .or_else(|| parse_focus_download(stem))
            .or_else(|| parse_download(stem))
            .or_else(|| parse_stored(stem))?;
        Some(name.into_parsed(ending))
    }
}

/// What a stem says: [`ParsedName`] with that which every form has.
struct StemName {
    form: NameForm,
    uin: Uin,
    date: Date,
    basis: Option<Basis>,
    level: Option<u8>,
    id: Option<String>,
}

impl StemName {
    fn new(form: NameForm, uin: Uin, date: Date) -> StemName {
        StemName { form, uin, date, basis: None, level: None, id: None }
    }

    fn into_parsed(self, ending: Ending) -> ParsedName {
        let StemName { form, uin, date, basis, level, id } = self;
        let Date { month, day } = date;
        ParsedName { form, uin: Some(uin), month: Some(month), day, basis, level, id, ending }
    }
}

/// A month, or a day and its month.
#[derive(Clone, Copy)]
struct Date {
    month: BillMonth,
    day: Option<Day>,
}

impl Date {
    /// Parses `202103` or `20210331`.
    fn parse(text: &str) -> Option<Date> {
        let month = BillMonth::parse(text.get(..6)?.as_bytes())?;
        match text.get(6..)? {
            "" => Some(Date { month, day: None }),
            day => Some(Date { month, day: Some(parse_day(month, day)?) }),
        }
    }
}

/// Cuts off the endings of a name; the outermost says what the file is. A browser may give one twice.
fn split_ending(file_name: &str) -> Option<(&str, Ending)> {
    let mut stem = without_copy_mark(file_name);
    // Packed once more; what it is, the ending before tells.
    stem = strip_suffix_ignoring_case(stem, ".gz").map_or(stem, without_copy_mark);
    let mut ending = None;
    for _ in 0..ENDINGS_MAX {
        let csv = strip_suffix_ignoring_case(stem, ".csv").map(|rest| (rest, Ending::Csv));
        let zip = || strip_suffix_ignoring_case(stem, ".zip").map(|rest| (rest, Ending::Zip));
        let Some((rest, found)) = csv.or_else(zip) else { break };
        stem = without_copy_mark(rest);
        ending.get_or_insert(found);
    }
    Some((stem, ending?))
}

/// How many endings a name may have, one behind another.
const ENDINGS_MAX: usize = 2;

/// What systems put before the name of a copy.
const COPY_BEFORE: [&str; 4] = ["Copy of ", "副本 ", "复件 ", "複件 "];
/// What systems put behind the name of a copy, before its number.
const COPY_BEHIND: [&str; 9] =
    [" - Copy", " - copy", " copy", " - 副本", "的副本", " - 複製", " - 复制", " 拷贝", " 副本"];

/// Cuts off what a browser or a system adds to the name of a copy: ` (1)`, `（1）`, ` - Copy (2)`, `的副本 2`.
fn without_copy_mark(stem: &str) -> &str {
    let stem = COPY_BEFORE.iter().find_map(|mark| stem.strip_prefix(mark)).unwrap_or(stem);
    let before_number = without_number(stem);
    let unmarked = |stem: &str| COPY_BEHIND.iter().find_map(|mark| stem.strip_suffix(mark).map(str::len));
    // A number without brackets belongs to a mark alone: names may end in numbers.
    let numbered = stem.rsplit_once(' ').filter(|(_, number)| is_copy_number(number)).map(|(rest, _)| rest);
    let length =
        unmarked(before_number).or_else(|| numbered.and_then(unmarked)).unwrap_or(before_number.len());
    stem.get(..length).unwrap_or(stem)
}

/// Cuts off a number in brackets, and the blank before it.
fn without_number(stem: &str) -> &str {
    let narrow = stem.strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
    let wide = || stem.strip_suffix('）').and_then(|rest| rest.rsplit_once('（'));
    match narrow.or_else(wide) {
        Some((name, number)) if is_copy_number(number) => name.strip_suffix(' ').unwrap_or(name),
        _ => stem,
    }
}

fn is_copy_number(text: &str) -> bool {
    (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn strip_suffix_ignoring_case<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let (rest, end) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    end.eq_ignore_ascii_case(suffix).then_some(rest)
}

/// The names that our built-in profiles give.
fn parse_own(stem: &str) -> Option<StemName> {
    let (profile, said) = BuiltIn::parse(stem)?;
    let NameFields { uin, month, last_day, kind, basis, shape, per, id, .. } = said;
    let (shape, daily) = (shape?, kind? == BillKind::Daily);
    let downloaded = profile == BuiltIn::PartnerDownload;
    let form = match (profile, shape) {
        (BuiltIn::Focus, _) => NameForm::Focus,
        (_, Shape::Pack) => NameForm::Pack,
        (_, Shape::L1) => NameForm::Summary,
        (BuiltIn::PartnerDownload, _) => match per? {
            Per::Consolidated => NameForm::CustomerDownload,
            Per::Customer => NameForm::AllCustomersDownload,
            Per::Reseller => NameForm::AllResellersDownload,
        },
        (BuiltIn::Seed2021, _) if daily => NameForm::ConsolidatedDaily,
        (BuiltIn::Seed2021, _) if kind == Some(BillKind::Reseller) => NameForm::ConsolidatedMonth,
        _ if daily => NameForm::DetailsDaily,
        _ => NameForm::DetailsMonth,
    };
    let level = match shape {
        Shape::L2 => Some(2),
        Shape::L3 | Shape::L3Monthly if downloaded => Some(3),
        _ => None,
    };
    let date = Date { month: month?, day: last_day.filter(|_| daily) };
    Some(StemName { basis, level, id: id.map(|id| id.to_string()), ..StemName::new(form, uin?, date) })
}

/// `FOCUS-bill_details-200020002001-20251209`, `…-202512`: of a partner's customer.
fn parse_focus_download(stem: &str) -> Option<StemName> {
    let (uin, date) = stem.strip_prefix("FOCUS-bill_details-")?.split_once('-')?;
    Some(StemName::new(NameForm::Focus, Uin::parse(uin.as_bytes())?, Date::parse(date)?))
}

/// `L2-bill_by_Instance-800000425835-202412-xx-test`, `L3-bill_details-{uin}-AllCustomersBills-202411-xx-test`.
///
/// What follows the month is the customer's name or a note, in any words, and may be missing.
fn parse_download(stem: &str) -> Option<StemName> {
    let (level, rest) = if let Some(rest) = stem.strip_prefix("L2-bill_by_Instance-") {
        (2, rest)
    } else {
        (3, stem.strip_prefix("L3-bill_details-")?)
    };
    let (uin, rest) = rest.split_once('-')?;
    let (form, rest) = if let Some(rest) = rest.strip_prefix("AllCustomersBills-") {
        (NameForm::AllCustomersDownload, rest)
    } else if let Some(rest) = rest.strip_prefix("AllResellersBills-") {
        (NameForm::AllResellersDownload, rest)
    } else {
        (NameForm::CustomerDownload, rest)
    };
    let (month, note) = rest.split_once('-').unwrap_or((rest, ""));
    if month.len() != 6 || note.contains(|c: char| c.is_control() || matches!(c, '/' | '\\')) {
        return None;
    }
    let name = StemName::new(form, Uin::parse(uin.as_bytes())?, Date::parse(month)?);
    Some(StemName { level: Some(level), ..name })
}

/// The names of the bucket: those that begin with a UIN.
fn parse_stored(stem: &str) -> Option<StemName> {
    let (uin, rest) = stem.split_once('-')?;
    let uin = Uin::parse(uin.as_bytes())?;
    parse_consolidated(uin, rest).or_else(|| parse_details(uin, rest))
}

/// `2021-03-04-by_used_time-bill-details-consolidated_bill-{id}`; the day may be empty.
fn parse_consolidated(uin: Uin, rest: &str) -> Option<StemName> {
    let month = BillMonth::parse(rest.get(..7)?.as_bytes())?;
    let (day, rest) = rest.get(7..)?.strip_prefix('-')?.split_once('-')?;
    let (form, day) = match day {
        "" => (NameForm::ConsolidatedMonth, None),
        day => (NameForm::ConsolidatedDaily, Some(parse_day(month, day)?)),
    };
    let (basis, rest) = rest.split_once('-')?;
    let basis = parse_basis(basis)?;
    // The provider's id is known from one sample only: any short word will do.
    let id = rest.strip_prefix(CONSOLIDATED)?;
    if !(1..=64).contains(&id.len()) || !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let name = StemName::new(form, uin, Date { month, day });
    Some(StemName { basis: Some(basis), id: Some(id.to_owned()), ..name })
}

/// `20210810-bill_details`, `202201-by_used_time-bill_details` and what else has its date in one piece.
fn parse_details(uin: Uin, rest: &str) -> Option<StemName> {
    let (date, rest) = rest.split_once('-')?;
    let date = Date::parse(date)?;
    let daily = date.day.is_some();
    let details = if daily { NameForm::DetailsDaily } else { NameForm::DetailsMonth };
    let (form, basis) = match rest {
        "bill_details" => (details, None),
        // By billing cycle, that is by the time of deduction; details.
        "按扣费周期-明细账单" => (details, Some(Basis::Paid)),
        // Cost allocation report; details.
        "分账报表-明细账单" if daily => (NameForm::CostAllocation, None),
        _ => {
            let (basis, what) = rest.split_once('-')?;
            let form = match what {
                "bill_details" => details,
                "bill_pack" if !daily => NameForm::Pack,
                "FOCUS-Bill Details" if daily => NameForm::Focus,
                _ => return None,
            };
            (form, Some(parse_basis(basis)?))
        }
    };
    Some(StemName { basis, ..StemName::new(form, uin, date) })
}

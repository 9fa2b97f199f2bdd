//! File names: how an export is named, and what the name of a file that came in says.
//!
//! Names are rendered in one profile, `seed-2021`, and parsed in every form that is known (domain, "File names").
//! The provider ends a consolidated bill's name with an id of time and chance, so that every re-issue has a new
//! name. Ours keeps the id's look and is derived from the content and the coverage: the same bill always has the
//! same name, and a retry finds what an earlier attempt left.
//!
//! Everything here is a function from values to values. Parsing is strict: a name is one of the known forms, with
//! a UIN and a date that exist, or nothing is said about it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::period::{Basis, BillMonth, Coverage, Day, TimeZone};
use crate::uin::Uin;

/// The kind of bill that an export holds (seed, bill storage §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Month to date, every day.
    Daily,
    /// The complete month.
    Monthly,
    /// The customers' lines of a confirmed month, consolidated.
    Reseller,
}

impl Kind {
    /// All kinds, in order.
    pub const ALL: [Kind; 3] = [Kind::Daily, Kind::Monthly, Kind::Reseller];

    /// Returns the word for the kind.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Daily => "daily",
            Kind::Monthly => "monthly",
            Kind::Reseller => "reseller",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Kind::ALL
            .into_iter()
            .find(|kind| kind.word() == text)
            .ok_or_else(|| format!("`{text}` is not a kind: write `daily`, `monthly` or `reseller`"))
    }
}

/// Stands between the basis and the id in the name of a consolidated bill (seed, file name sample).
const CONSOLIDATED: &str = "bill-details-consolidated_bill-";

/// What the name of an export is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportName {
    /// The account whose bill it is: the payer, a sub-account, a customer or a second-level reseller.
    pub uin: Uin,
    /// The kind.
    pub kind: Kind,
    /// The basis.
    pub basis: Basis,
    /// The days covered. A daily name shows the last one, the others its month.
    pub coverage: Coverage,
    /// The id, 33 characters: [`export_id`].
    pub id: String,
}

impl ExportName {
    /// Renders the name without its ending, in the profile `seed-2021`.
    ///
    /// - daily: `{uin}-2021-03-04-by_used_time-bill-details-consolidated_bill-{id}`
    /// - reseller: the same with nothing in the place of the day (seed, file name sample)
    /// - monthly: `{uin}-202103-by_used_time-bill_details-{id}`; the id tells a corrected month from the first one
    pub fn stem(&self) -> String {
        let ExportName { uin, kind, coverage, id, .. } = self;
        let month = coverage.last.month();
        let basis = self.basis.in_names();
        match kind {
            Kind::Daily => {
                let day = coverage.last.day_of_month();
                format!("{uin}-{month}-{day:02}-{basis}-{CONSOLIDATED}{id}")
            }
            Kind::Reseller => format!("{uin}-{month}--{basis}-{CONSOLIDATED}{id}"),
            Kind::Monthly => {
                let (year, month) = (month.year(), month.month());
                format!("{uin}-{year:04}{month:02}-{basis}-bill_details-{id}")
            }
        }
    }
}

/// Makes an export's id of the SHA-256 of its content: the same content and coverage have the same id.
///
/// The id has the look of the seed's sample ([`SeedId`]). Its second is the first moment of the day after the
/// last one covered; the rest comes from `content`. Seconds that 32 bits cannot hold are those of the nearest
/// end: no day of a [`BillMonth`] has such a second.
pub fn export_id(content: &[u8; 32], coverage: Coverage, zone: TimeZone) -> String {
    let after = coverage.last.next().unwrap_or(coverage.last);
    let second = after.start_unix_s(zone.offset_minutes()).clamp(0, i64::from(u32::MAX));
    let [m0, m1, m2, m3, d0, d1, d2, d3, d4, d5, d6, d7, ..] = *content;
    let id = SeedId {
        unix_s: u32::try_from(second).unwrap_or(u32::MAX),
        micros: u32::from_be_bytes([m0, m1, m2, m3]) % MICROS,
        digits: u64::from_be_bytes([d0, d1, d2, d3, d4, d5, d6, d7]) % DIGITS,
    };
    id.to_string()
}

/// Microseconds in a second.
const MICROS: u32 = 1_000_000;

/// The first number that ten decimal digits cannot hold.
const DIGITS: u64 = 10_000_000_000;

/// The parts of an id as the seed's sample shows it: `61121cbd` `9017a` `1628576957` `1173521960`.
///
/// 33 characters: 8 hexadecimal digits of Unix seconds and 5 of microseconds, in lower case; the same seconds in
/// 10 decimal digits; 10 decimal digits, which the provider draws by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeedId {
    /// The Unix seconds.
    pub unix_s: u32,
    /// The microseconds, less than 1,000,000.
    pub micros: u32,
    /// The last ten digits as a number.
    pub digits: u64,
}

impl fmt::Display for SeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SeedId { unix_s, micros, digits } = self;
        write!(f, "{unix_s:08x}{micros:05x}{unix_s:010}{digits:010}")
    }
}

/// Reads an id of 33 characters; `None` if it has another form or its two seconds differ.
pub fn parse_id(text: &str) -> Option<SeedId> {
    let id = SeedId {
        unix_s: u32::from_str_radix(text.get(..8)?, 16).ok()?,
        micros: u32::from_str_radix(text.get(8..13)?, 16).ok()?,
        digits: text.get(23..)?.parse().ok()?,
    };
    // The numbers' parsers take signs and capitals, and nobody has looked at the second in decimal yet:
    // what would not be written in the same way was not read rightly.
    (id.micros < MICROS && id.digits < DIGITS && id.to_string() == text).then_some(id)
}

/// The form of a file name: a row of the table in domain, "File names".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// A consolidated bill with a day: month to date (seed grammar).
    ConsolidatedDaily,
    /// A consolidated bill without a day: the reseller's month (seed grammar).
    ConsolidatedMonth,
    /// Details with a day.
    DetailsDaily,
    /// Details of a month.
    DetailsMonth,
    /// A month's pack: overview, summaries and details in one zip.
    Pack,
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
    pub form: Form,
    /// The account that the file is named after: the payer, or in a download the customer.
    pub uin: Option<Uin>,
    /// The month; with a day, the day's month.
    pub month: Option<BillMonth>,
    /// The day, in a daily form: the last one covered.
    pub day: Option<Day>,
    /// The basis.
    pub basis: Option<Basis>,
    /// The level that a download names: 2 by resource, 3 details.
    pub level: Option<u8>,
    /// The id: of a consolidated bill, and of our own monthly details.
    pub id: Option<String>,
    /// The ending.
    pub ending: Ending,
}

/// Parses a file's name, without folders; `None` if it has none of the known forms.
///
/// Each form is taken with both endings, in capitals too, and with the mark that a browser gives to a second
/// download (`name (1).zip`, `name(1).zip`).
pub fn parse(file_name: &str) -> Option<ParsedName> {
    let (stem, ending) = split_ending(file_name)?;
    let stem = without_copy_mark(stem);
    let name = parse_focus_download(stem).or_else(|| parse_download(stem)).or_else(|| parse_stored(stem))?;
    Some(name.into_parsed(ending))
}

/// What a stem says: [`ParsedName`] with that which every form has.
struct Name {
    form: Form,
    uin: Uin,
    date: Date,
    basis: Option<Basis>,
    level: Option<u8>,
    id: Option<String>,
}

impl Name {
    fn new(form: Form, uin: Uin, date: Date) -> Name {
        Name { form, uin, date, basis: None, level: None, id: None }
    }

    fn into_parsed(self, ending: Ending) -> ParsedName {
        let Name { form, uin, date, basis, level, id } = self;
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

/// Parses the two digits of a day of the month.
fn parse_day(month: BillMonth, text: &str) -> Option<Day> {
    let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    month.day(digits.then(|| text.parse().ok())??)
}

fn split_ending(file_name: &str) -> Option<(&str, Ending)> {
    let (stem, ending) = file_name.rsplit_once('.')?;
    if ending.eq_ignore_ascii_case("zip") {
        Some((stem, Ending::Zip))
    } else if ending.eq_ignore_ascii_case("csv") {
        Some((stem, Ending::Csv))
    } else {
        None
    }
}

/// Cuts off the ` (1)` or `(1)` of a browser's second download.
fn without_copy_mark(stem: &str) -> &str {
    let marked = stem.strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
    match marked {
        Some((name, number))
            if (1..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit()) =>
        {
            name.strip_suffix(' ').unwrap_or(name)
        }
        _ => stem,
    }
}

/// `FOCUS-bill_details-200020002001-20251209`, `…-202512`: of a partner's customer.
fn parse_focus_download(stem: &str) -> Option<Name> {
    let (uin, date) = stem.strip_prefix("FOCUS-bill_details-")?.split_once('-')?;
    Some(Name::new(Form::Focus, Uin::parse(uin.as_bytes())?, Date::parse(date)?))
}

/// `L2-bill_by_Instance-800000425835-202412-xx-test`, `L3-bill_details-{uin}-AllCustomersBills-202411-xx-test`.
///
/// What follows the month is the customer's name or a note, in any words, and may be missing.
fn parse_download(stem: &str) -> Option<Name> {
    let (level, rest) = if let Some(rest) = stem.strip_prefix("L2-bill_by_Instance-") {
        (2, rest)
    } else {
        (3, stem.strip_prefix("L3-bill_details-")?)
    };
    let (uin, rest) = rest.split_once('-')?;
    let (form, rest) = if let Some(rest) = rest.strip_prefix("AllCustomersBills-") {
        (Form::AllCustomersDownload, rest)
    } else if let Some(rest) = rest.strip_prefix("AllResellersBills-") {
        (Form::AllResellersDownload, rest)
    } else {
        (Form::CustomerDownload, rest)
    };
    let (month, note) = rest.split_once('-').unwrap_or((rest, ""));
    if month.len() != 6 || note.contains(|c: char| c.is_control() || matches!(c, '/' | '\\')) {
        return None;
    }
    let name = Name::new(form, Uin::parse(uin.as_bytes())?, Date::parse(month)?);
    Some(Name { level: Some(level), ..name })
}

/// The names of the bucket: those that begin with a UIN.
fn parse_stored(stem: &str) -> Option<Name> {
    let (uin, rest) = stem.split_once('-')?;
    let uin = Uin::parse(uin.as_bytes())?;
    parse_consolidated(uin, rest).or_else(|| parse_details(uin, rest))
}

/// `2021-03-04-by_used_time-bill-details-consolidated_bill-{id}`; the day may be empty (seed grammar).
fn parse_consolidated(uin: Uin, rest: &str) -> Option<Name> {
    let month = BillMonth::parse(rest.get(..7)?.as_bytes())?;
    let (day, rest) = rest.get(7..)?.strip_prefix('-')?.split_once('-')?;
    let (form, day) = match day {
        "" => (Form::ConsolidatedMonth, None),
        day => (Form::ConsolidatedDaily, Some(parse_day(month, day)?)),
    };
    let (basis, rest) = rest.split_once('-')?;
    let basis = parse_basis(basis)?;
    // The provider's id is known from one sample only: any short word will do.
    let id = rest.strip_prefix(CONSOLIDATED)?;
    if !(1..=64).contains(&id.len()) || !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let name = Name::new(form, uin, Date { month, day });
    Some(Name { basis: Some(basis), id: Some(id.to_owned()), ..name })
}

/// `20210810-bill_details`, `202201-by_used_time-bill_details` and what else has its date in one piece.
fn parse_details(uin: Uin, rest: &str) -> Option<Name> {
    let (date, rest) = rest.split_once('-')?;
    let date = Date::parse(date)?;
    let daily = date.day.is_some();
    let details = if daily { Form::DetailsDaily } else { Form::DetailsMonth };
    let (form, basis, id) = match rest {
        "bill_details" => (details, None, None),
        // By billing cycle, that is by the time of deduction; details.
        "按扣费周期-明细账单" => (details, Some(Basis::Paid), None),
        // Cost allocation report; details.
        "分账报表-明细账单" if daily => (Form::CostAllocation, None, None),
        _ => {
            let (basis, what) = rest.split_once('-')?;
            let (form, id) = match what {
                "bill_details" => (details, None),
                "bill_pack" if !daily => (Form::Pack, None),
                "FOCUS-Bill Details" if daily => (Form::Focus, None),
                // Ours alone: `ExportName::stem`.
                _ if !daily => {
                    let id = what.strip_prefix("bill_details-")?;
                    parse_id(id)?;
                    (details, Some(id.to_owned()))
                }
                _ => return None,
            };
            (form, Some(parse_basis(basis)?), id)
        }
    };
    Some(Name { basis, id, ..Name::new(form, uin, date) })
}

fn parse_basis(word: &str) -> Option<Basis> {
    [Basis::Used, Basis::Paid].into_iter().find(|basis| basis.in_names() == word)
}

#[cfg(test)]
mod tests;

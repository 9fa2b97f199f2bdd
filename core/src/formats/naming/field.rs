//! The fields of a name: how each is written and read, and what a name says when they are put together.
//!
//! All that a field writes is ASCII digits, lower-case letters, `-` and `_`, whatever the export: nothing from
//! outside gets into a name through a field.

use crate::values::period::{Basis, BillMonth, Day};
use crate::values::uin::Uin;

use super::dates::{parse_basis, parse_day};
use super::export_name::ExportName;
use super::id::{ExportId, parse_id};
use super::words::{BillKind, Per, ScopeWord, Shape, words};

/// A part of a name that differs from export to export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameField {
    /// The account that the export is named after: 9 to 12 digits.
    Uin,
    /// The account that owes the bill: 9 to 12 digits.
    Payer,
    /// The month: `2021-04`.
    Month,
    /// The month: `202104`.
    MonthCompact,
    /// The last day covered: `2021-04-06`.
    Day,
    /// The last day covered: `20210406`.
    DayCompact,
    /// The first day covered: `2021-04-01`.
    FirstDay,
    /// The last day covered, as in `day`: reads better beside `first_day`.
    LastDay,
    /// `daily`, `monthly`, `reseller`
    Kind,
    /// `by_used_time`, `by_pay_time`
    Basis,
    /// `l3`, `l3-monthly`, `l2`, `l1`, `pack`
    Shape,
    /// `consolidated`, `customer`, `reseller`
    Per,
    /// `payer`, `self`, `customers`, `owner`, `reseller`
    Scope,
    /// The export's id: 33 characters.
    Id,
}

words!(
    NameField,
    "a field of names",
    Uin = "uin",
    Payer = "payer",
    Month = "month",
    MonthCompact = "month_compact",
    Day = "day",
    DayCompact = "day_compact",
    FirstDay = "first_day",
    LastDay = "last_day",
    Kind = "kind",
    Basis = "basis",
    Shape = "shape",
    Per = "per",
    Scope = "scope",
    Id = "id",
);

/// What may stand at a place in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CharClass {
    /// This character, in lower case.
    One(char),
    /// A digit that is not 0.
    NonZero,
    /// A digit.
    Digit,
    /// A hexadecimal digit, in lower case.
    Hex,
}

impl CharClass {
    fn has(self, c: char) -> bool {
        match self {
            CharClass::One(one) => one == c,
            CharClass::NonZero => c.is_ascii_digit() && c != '0',
            CharClass::Digit => c.is_ascii_digit(),
            CharClass::Hex => c.is_ascii_digit() || ('a'..='f').contains(&c),
        }
    }

    /// Says whether a character belongs to both.
    pub(super) fn meets(self, other: CharClass) -> bool {
        match (self, other) {
            (CharClass::One(one), other) | (other, CharClass::One(one)) => other.has(one),
            // The other classes have the digits 1 to 9 in common.
            _ => true,
        }
    }
}

/// How long an id is.
const ID_BYTES: usize = 33;

impl NameField {
    /// Returns every form that the field may have, each as what may stand at each place.
    pub(super) fn forms(self) -> Vec<Vec<CharClass>> {
        let word = |word: &'static str| word.chars().map(CharClass::One).collect();
        let like = |sample: &str| {
            vec![
                sample.chars().map(|c| if c == '0' { CharClass::Digit } else { CharClass::One(c) }).collect(),
            ]
        };
        match self {
            NameField::Uin | NameField::Payer => (9..=12)
                .map(|digits| {
                    let mut form = vec![CharClass::Digit; digits];
                    form.splice(..1, [CharClass::NonZero]);
                    form
                })
                .collect(),
            NameField::Month => like("0000-00"),
            NameField::MonthCompact => like("000000"),
            NameField::Day | NameField::FirstDay | NameField::LastDay => like("0000-00-00"),
            NameField::DayCompact => like("00000000"),
            NameField::Kind => BillKind::ALL.iter().map(|one| word(one.word())).collect(),
            NameField::Basis => [Basis::Used, Basis::Paid].iter().map(|one| word(one.in_names())).collect(),
            NameField::Shape => Shape::ALL.iter().map(|one| word(one.word())).collect(),
            NameField::Per => Per::ALL.iter().map(|one| word(one.word())).collect(),
            NameField::Scope => ScopeWord::ALL.iter().map(|one| word(one.word())).collect(),
            NameField::Id => {
                let mut form = vec![CharClass::Hex; 13];
                form.resize(ID_BYTES, CharClass::Digit);
                vec![form]
            }
        }
    }

    /// Returns how long the field's text can be.
    pub(super) fn bytes_max(self) -> usize {
        self.forms().iter().map(Vec::len).max().unwrap_or(0)
    }

    /// Returns how long the field can be at the start of a text, the longest first.
    pub(super) fn lengths(self, text: &str) -> Vec<usize> {
        let fits = |form: &Vec<CharClass>| {
            let mut chars = text.chars();
            form.iter().all(|class| chars.next().is_some_and(|c| class.has(c)))
        };
        // All classes are ASCII: a place is a byte.
        let mut lengths: Vec<usize> = self.forms().iter().filter(|form| fits(form)).map(Vec::len).collect();
        lengths.sort_by(|a, b| b.cmp(a));
        lengths
    }

    /// Returns the field's text for an export.
    pub(super) fn text(self, name: &ExportName) -> String {
        let compact = |month: BillMonth| format!("{:04}{:02}", month.year(), month.month());
        let last = name.coverage.last;
        match self {
            NameField::Uin => name.uin.to_string(),
            NameField::Payer => name.payer.to_string(),
            NameField::Month => last.month().to_string(),
            NameField::MonthCompact => compact(last.month()),
            NameField::Day | NameField::LastDay => last.to_string(),
            NameField::DayCompact => format!("{}{:02}", compact(last.month()), last.day_of_month()),
            NameField::FirstDay => name.coverage.first.to_string(),
            NameField::Kind => name.kind.to_string(),
            NameField::Basis => name.basis.in_names().to_owned(),
            NameField::Shape => name.shape.to_string(),
            NameField::Per => name.per.to_string(),
            NameField::Scope => name.scope.to_string(),
            NameField::Id => name.id.to_string(),
        }
    }
}

/// What a name says. What it does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameFields {
    /// The account that the export is named after.
    pub uin: Option<Uin>,
    /// The account that owes the bill.
    pub payer: Option<Uin>,
    /// The month; with a day, the day's month.
    pub month: Option<BillMonth>,
    /// The first day covered.
    pub first_day: Option<Day>,
    /// The last day covered.
    pub last_day: Option<Day>,
    /// The kind.
    pub kind: Option<BillKind>,
    /// The basis.
    pub basis: Option<Basis>,
    /// The level of detail.
    pub shape: Option<Shape>,
    /// The division into files.
    pub per: Option<Per>,
    /// Whose lines.
    pub scope: Option<ScopeWord>,
    /// The id.
    pub id: Option<ExportId>,
}

impl NameFields {
    /// Adds what a field says; `None` if the text is not the field's, or contradicts what is there.
    pub(super) fn with(mut self, field: NameField, text: &str) -> Option<NameFields> {
        match field {
            NameField::Uin => put(&mut self.uin, Uin::parse(text.as_bytes())?)?,
            NameField::Payer => put(&mut self.payer, Uin::parse(text.as_bytes())?)?,
            NameField::Month | NameField::MonthCompact => {
                put(&mut self.month, BillMonth::parse(text.as_bytes())?)?;
            }
            NameField::Day | NameField::LastDay => {
                let day = day(text.get(..7)?, text.get(8..)?)?;
                put(&mut self.month, day.month())?;
                put(&mut self.last_day, day)?;
            }
            NameField::DayCompact => {
                let day = day(text.get(..6)?, text.get(6..)?)?;
                put(&mut self.month, day.month())?;
                put(&mut self.last_day, day)?;
            }
            NameField::FirstDay => {
                let day = day(text.get(..7)?, text.get(8..)?)?;
                put(&mut self.month, day.month())?;
                put(&mut self.first_day, day)?;
            }
            NameField::Kind => put(&mut self.kind, text.parse().ok()?)?,
            NameField::Basis => put(&mut self.basis, parse_basis(text)?)?,
            NameField::Shape => put(&mut self.shape, text.parse().ok()?)?,
            NameField::Per => put(&mut self.per, text.parse().ok()?)?,
            NameField::Scope => put(&mut self.scope, text.parse().ok()?)?,
            NameField::Id => put(&mut self.id, parse_id(text)?)?,
        }
        match (self.first_day, self.last_day) {
            (Some(first), Some(last)) if first > last => None,
            _ => Some(self),
        }
    }
}

fn day(month: &str, day: &str) -> Option<Day> {
    parse_day(BillMonth::parse(month.as_bytes())?, day)
}

/// Says a thing once; said twice, it has to be the same.
fn put<T: PartialEq + Copy>(slot: &mut Option<T>, said: T) -> Option<()> {
    (*slot.get_or_insert(said) == said).then_some(())
}

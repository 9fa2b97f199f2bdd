//! The rules: their names, what they mean, and how grave it is when a line breaks one.

use std::fmt;

/// What a line, an account or a month is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// original = list price × usage × duration
    Original,
    /// after discount = (original − RI − SP) × discount
    AfterDiscount,
    /// before tax = after discount − voucher
    BeforeTax,
    /// tax = before tax × rate
    Tax,
    /// total = before tax + tax
    Total,
    /// blended = after discount ÷ original
    Blended,
    /// customer total = (original − RI) × customer discount − customer voucher
    CustomerTotal,
    /// Figures so large that they cannot be multiplied exactly.
    TooLarge,
    /// A precision difference larger than rounding can make.
    Precision,
    /// A precision difference that does not bring the lines to two decimals.
    PrecisionGap,
    /// The same component of the same transaction more than once.
    Duplicate,
    /// Lines of one CSV that are equal in every cell.
    Repeated,
    /// A line of a day outside of the month.
    Outside,
    /// A discount above the contracted one.
    Contract,
    /// A line of an account that is not among the known ones.
    UnknownOwner,
    /// An account whose month is below zero.
    NegativeOwner,
    /// A month below zero.
    NegativeMonth,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Seen in right bills as well; told so that a person can look.
    Notice,
    /// Something that a person has to look at.
    Warning,
    /// The lines contradict themselves; a strict import refuses them.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Notice => "notice",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

impl Rule {
    /// Every rule, in the order in which findings are told.
    pub const ALL: &[Rule] = &[
        Rule::Original,
        Rule::AfterDiscount,
        Rule::BeforeTax,
        Rule::Tax,
        Rule::Total,
        Rule::Blended,
        Rule::CustomerTotal,
        Rule::TooLarge,
        Rule::Precision,
        Rule::PrecisionGap,
        Rule::Duplicate,
        Rule::Repeated,
        Rule::Outside,
        Rule::Contract,
        Rule::UnknownOwner,
        Rule::NegativeOwner,
        Rule::NegativeMonth,
    ];

    /// Returns the name, as it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Rule::Original => "original",
            Rule::AfterDiscount => "after-discount",
            Rule::BeforeTax => "before-tax",
            Rule::Tax => "tax",
            Rule::Total => "total",
            Rule::Blended => "blended",
            Rule::CustomerTotal => "customer-total",
            Rule::TooLarge => "too-large",
            Rule::Precision => "precision",
            Rule::PrecisionGap => "precision-gap",
            Rule::Duplicate => "duplicate",
            Rule::Repeated => "repeated",
            Rule::Outside => "outside",
            Rule::Contract => "contract",
            Rule::UnknownOwner => "unknown-owner",
            Rule::NegativeOwner => "negative-owner",
            Rule::NegativeMonth => "negative-month",
        }
    }

    /// Returns how grave a finding of this rule is.
    pub fn severity(self) -> Severity {
        match self {
            Rule::Original
            | Rule::AfterDiscount
            | Rule::BeforeTax
            | Rule::Tax
            | Rule::Total
            | Rule::Blended
            | Rule::CustomerTotal
            | Rule::TooLarge
            | Rule::Precision
            | Rule::Duplicate
            | Rule::Outside => Severity::Error,
            Rule::Contract | Rule::UnknownOwner | Rule::NegativeOwner | Rule::NegativeMonth => {
                Severity::Warning
            }
            // Providers write lines that are equal in every cell, and both count (docs/DOMAIN.md#mistakes-to-avoid, 3).
            // Which lines are charged together, and so rounded together, is not documented.
            Rule::Repeated | Rule::PrecisionGap => Severity::Notice,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

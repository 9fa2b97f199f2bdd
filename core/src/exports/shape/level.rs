//! What each level does with a line and with each column: the published rule of aggregation, and what it leaves open
//! (docs/SHAPES.md).

use crate::formats::schema::{Class, Column};
use crate::values::money::trim_cell;

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// Every line.
    L3,
    /// Lines aggregated by month.
    L3Monthly,
    /// By resource, with 2 decimals.
    L2,
}

impl Level {
    pub(super) fn word(self) -> &'static str {
        match self {
            Level::L3 => "l3",
            Level::L3Monthly => "l3-monthly",
            Level::L2 => "l2",
        }
    }

    /// Says what becomes of a column; `None` if the level does not have it.
    pub(super) fn role(self, column: Option<Column>) -> Option<Role> {
        use Column as C;
        let Some(column) = column else { return Some(Role::Same) };
        if column.class() == Class::Money {
            return Some(Role::Sum);
        }
        let everywhere = match column {
            C::OwnerUin
            | C::Currency
            | C::ResellerUin
            | C::ProductName
            | C::InstanceId
            | C::BillingMode
            | C::TransactionType
            | C::Region => Some(Role::Key),
            C::UsageStart => Some(Role::Earliest),
            C::UsageEnd => Some(Role::Latest),
            _ => None,
        };
        if everywhere.is_some() {
            return everywhere;
        }
        match (self, column) {
            (Level::L3, _) => Some(Role::Same),
            (Level::L3Monthly, C::SubproductName | C::ComponentType | C::ComponentName | C::PriceUnit) => {
                Some(Role::Key)
            }
            (Level::L3Monthly, C::Discount | C::ListPrice | C::TaxRate) => Some(Role::KeyNumber),
            (Level::L3Monthly, C::Usage) => Some(Role::UsageOr),
            (Level::L3Monthly, C::Duration) => Some(Role::DurationOr),
            (Level::L3Monthly, C::OrderId | C::TransactionId | C::TransactionTime) => Some(Role::None),
            (Level::L2, C::Project) => Some(Role::Key),
            (
                Level::L2,
                C::ComponentType
                | C::ComponentName
                | C::ListPrice
                | C::ContractPrice
                | C::PriceUnit
                | C::Usage
                | C::UsageUnit
                | C::Duration
                | C::DurationUnit
                | C::Discount
                | C::BlendedDiscount
                | C::SpRate
                | C::SpDeduct
                | C::RiDeductDuration,
            ) => None,
            _ => Some(Role::Same),
        }
    }
}

/// What becomes of a column's cells in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Lines of other texts are in another group.
    Key,
    /// Lines of other numbers are in another group.
    KeyNumber,
    /// The sum.
    Sum,
    /// The sum where usage is accumulated, else a key.
    UsageOr,
    /// The sum where duration is accumulated, else a key.
    DurationOr,
    /// The earliest time.
    Earliest,
    /// The latest time.
    Latest,
    /// The cell that all have, if they have the same.
    Same,
    /// Nothing.
    None,
}

impl Role {
    /// Says what becomes of a column in a group that sums usage, or duration.
    pub(super) fn of(self, accumulates_usage: bool) -> Role {
        match self {
            Role::UsageOr if accumulates_usage => Role::Sum,
            Role::DurationOr if !accumulates_usage => Role::Sum,
            Role::UsageOr | Role::DurationOr => Role::KeyNumber,
            role => role,
        }
    }

    /// Says whether one of several times is taken.
    pub(super) fn is_time(self) -> bool {
        matches!(self, Role::Earliest | Role::Latest)
    }
}

/// Says whether lines of a transaction type are merged: hourly and daily settlement, spot, and the hourly fees of reserved
/// instances and savings plans (docs/DOMAIN.md#aggregation-by-month).
pub(super) fn is_merged(transaction_type: &[u8]) -> bool {
    let text = String::from_utf8_lossy(trim_cell(transaction_type)).to_lowercase();
    let folded: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    matches!(
        folded.as_str(),
        "hourlysettlement" | "dailysettlement" | "spot" | "hourlyrifee" | "hourlysavingsplanfee"
    ) || ["小时结", "日结", "小时费用"].iter().any(|end| folded.ends_with(end))
}

/// Says whether the usage of a component is summed, and not its duration.
pub(super) fn accumulates_usage(component_name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(component_name).to_lowercase();
    ["traffic", "bandwidth", "storage", "times", "流量", "带宽", "存储", "次数"]
        .iter()
        .any(|word| name.contains(word))
}

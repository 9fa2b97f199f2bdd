//! What each level does with a line and with each column: the published rule of aggregation, and what it leaves open
//! (docs/SHAPES.md).

use crate::formats::schema::{Column, ColumnClass};

use crate::values::Amount;

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShapeLevel {
    /// Every line.
    L3,
    /// Lines aggregated by month.
    L3Monthly,
    /// By resource, with 2 decimals.
    L2,
}

impl ShapeLevel {
    pub(super) fn word(self) -> &'static str {
        match self {
            ShapeLevel::L3 => "l3",
            ShapeLevel::L3Monthly => "l3-monthly",
            ShapeLevel::L2 => "l2",
        }
    }

    /// Says what becomes of a column; `None` if the level does not have it.
    pub(super) fn role(self, column: Option<Column>) -> Option<ColumnRole> {
        use Column as C;
        let Some(column) = column else { return Some(ColumnRole::Same) };
        if column.class() == ColumnClass::Money {
            return Some(ColumnRole::Sum);
        }
        let everywhere = match column {
            C::OwnerUin
            | C::Currency
            | C::ResellerUin
            | C::ProductName
            | C::InstanceId
            | C::BillingMode
            | C::TransactionType
            | C::Region => Some(ColumnRole::Key),
            C::UsageStart => Some(ColumnRole::Earliest),
            C::UsageEnd => Some(ColumnRole::Latest),
            _ => None,
        };
        if everywhere.is_some() {
            return everywhere;
        }
        match (self, column) {
            (ShapeLevel::L3, _) => Some(ColumnRole::Same),
            (
                ShapeLevel::L3Monthly,
                C::SubproductName | C::ComponentType | C::ComponentName | C::PriceUnit,
            ) => Some(ColumnRole::Key),
            (ShapeLevel::L3Monthly, C::Discount | C::ListPrice | C::TaxRate) => Some(ColumnRole::KeyNumber),
            (ShapeLevel::L3Monthly, C::Usage) => Some(ColumnRole::UsageOr),
            (ShapeLevel::L3Monthly, C::Duration) => Some(ColumnRole::DurationOr),
            (ShapeLevel::L3Monthly, C::OrderId | C::TransactionId | C::TransactionTime) => {
                Some(ColumnRole::None)
            }
            (ShapeLevel::L2, C::Project) => Some(ColumnRole::Key),
            (
                ShapeLevel::L2,
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
            _ => Some(ColumnRole::Same),
        }
    }
}

/// What becomes of a column's cells in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnRole {
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

impl ColumnRole {
    /// Says what becomes of a column in a group that sums usage, or duration.
    pub(super) fn of(self, accumulates_usage: bool) -> ColumnRole {
        match self {
            ColumnRole::UsageOr if accumulates_usage => ColumnRole::Sum,
            ColumnRole::DurationOr if !accumulates_usage => ColumnRole::Sum,
            ColumnRole::UsageOr | ColumnRole::DurationOr => ColumnRole::KeyNumber,
            role => role,
        }
    }

    /// Says whether one of several times is taken.
    pub(super) fn is_time(self) -> bool {
        matches!(self, ColumnRole::Earliest | ColumnRole::Latest)
    }
}

/// Says whether lines of a transaction type are merged: hourly and daily settlement, spot, and the hourly fees of reserved
/// instances and savings plans (docs/DOMAIN.md#aggregation-by-month).
pub(super) fn is_merged(transaction_type: &[u8]) -> bool {
    let text = String::from_utf8_lossy(Amount::trim_cell(transaction_type)).to_lowercase();
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

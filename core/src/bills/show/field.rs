//! What lines are grouped or chosen by.

use std::fmt;
use std::str::FromStr;

use crate::bills::BillError;
use crate::formats::schema::{Column, Schema};
use crate::values::near::nearest;

/// The most fields that lines are grouped by.
pub(crate) const FIELDS_MAX: usize = 8;

/// What lines are grouped or chosen by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BillField {
    /// A canonical column.
    Column(Column),
    /// The line's own day.
    Day,
    /// A tag, by its key.
    Tag(String),
}

impl FromStr for BillField {
    type Err = BillError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(key) = text.strip_prefix("tag:") {
            return Ok(BillField::Tag(key.to_owned()));
        }
        if text == DAY {
            return Ok(BillField::Day);
        }
        let short = SHORT.iter().find(|(_, name)| *name == text).map(|(column, _)| *column);
        short.or_else(|| Column::of_name(text)).map(BillField::Column).ok_or_else(|| BillError::NoField {
            field: text.to_owned(),
            near: Column::of_header(text)
                .map(|column| name_of(column).to_owned())
                .or_else(|| nearest(text, BillField::names()).map(str::to_owned)),
        })
    }
}

/// The name of a line's own day.
const DAY: &str = "day";

/// Columns that have a shorter name besides their canonical one.
const SHORT: &[(Column, &str)] = &[
    (Column::OwnerUin, "owner"),
    (Column::PayerUin, "payer"),
    (Column::OperatorUin, "operator"),
    (Column::ResellerUin, "reseller"),
    (Column::ProductName, "product"),
    (Column::SubproductName, "subproduct"),
    (Column::ComponentName, "component"),
    (Column::InstanceId, "instance"),
];

/// Returns a column's name, the shorter one if it has one.
fn name_of(column: Column) -> &'static str {
    SHORT.iter().find(|(short, _)| *short == column).map_or(column.name(), |(_, name)| name)
}

impl fmt::Display for BillField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BillField::Column(column) => f.write_str(name_of(*column)),
            BillField::Day => f.write_str(DAY),
            BillField::Tag(key) => write!(f, "tag:{key}"),
        }
    }
}

impl BillField {
    /// Returns the names of all fields but tags: the shorter ones, in the order of bills.
    pub fn names() -> impl Iterator<Item = &'static str> {
        std::iter::once(DAY).chain(Column::ALL.iter().map(|column| name_of(*column)))
    }

    /// Returns the place of the field's column in a schema.
    pub fn index_in(&self, schema: &Schema) -> Option<usize> {
        match self {
            BillField::Column(column) => schema.index_of(*column),
            BillField::Tag(key) => schema.tag_index(key),
            BillField::Day => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_read_back_by_its_name_and_by_its_column() {
        for name in BillField::names() {
            assert_eq!(name.parse::<BillField>().unwrap().to_string(), name);
        }
        for column in Column::ALL {
            assert_eq!(column.name().parse::<BillField>().unwrap(), BillField::Column(*column));
        }
    }

    #[test]
    fn a_field_that_is_none_names_the_one_that_was_meant() {
        for (text, field) in [
            ("ownr", Some("owner")),
            ("OwnerAccountID", Some("owner")),
            ("产品名称", Some("product")),
            ("transaction-type", Some("transaction_type")),
            ("availability zone", Some("zone")),
            ("cost_centre", None),
        ] {
            match text.parse::<BillField>() {
                Err(BillError::NoField { near, .. }) => assert_eq!(near.as_deref(), field, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}

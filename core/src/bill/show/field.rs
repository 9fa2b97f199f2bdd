//! What lines are grouped or chosen by.

use std::fmt;
use std::str::FromStr;

use crate::bill::BillError;
use crate::schema::{Column, Schema};

/// The most fields that lines are grouped by.
pub const FIELDS_MAX: usize = 8;

/// What lines are grouped or chosen by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// A canonical column.
    Column(Column),
    /// The line's own day.
    Day,
    /// A tag, by its key.
    Tag(String),
}

impl FromStr for Field {
    type Err = BillError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(key) = text.strip_prefix("tag:") {
            return Ok(Field::Tag(key.to_owned()));
        }
        let column = match text {
            "day" => return Ok(Field::Day),
            "owner" => Some(Column::OwnerUin),
            "payer" => Some(Column::PayerUin),
            "operator" => Some(Column::OperatorUin),
            "reseller" => Some(Column::ResellerUin),
            "product" => Some(Column::ProductName),
            "subproduct" => Some(Column::SubproductName),
            "component" => Some(Column::ComponentName),
            "instance" => Some(Column::InstanceId),
            name => Column::of_name(name),
        };
        column.map(Field::Column).ok_or_else(|| BillError::NoField(text.to_owned()))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::Column(Column::OwnerUin) => f.write_str("owner"),
            Field::Column(Column::PayerUin) => f.write_str("payer"),
            Field::Column(Column::OperatorUin) => f.write_str("operator"),
            Field::Column(Column::ResellerUin) => f.write_str("reseller"),
            Field::Column(Column::ProductName) => f.write_str("product"),
            Field::Column(Column::SubproductName) => f.write_str("subproduct"),
            Field::Column(Column::ComponentName) => f.write_str("component"),
            Field::Column(Column::InstanceId) => f.write_str("instance"),
            Field::Column(column) => f.write_str(column.name()),
            Field::Day => f.write_str("day"),
            Field::Tag(key) => write!(f, "tag:{key}"),
        }
    }
}

impl Field {
    /// Returns the place of the field's column in a schema.
    pub fn index_in(&self, schema: &Schema) -> Option<usize> {
        match self {
            Field::Column(column) => schema.index_of(*column),
            Field::Tag(key) => schema.tag_index(key),
            Field::Day => None,
        }
    }
}

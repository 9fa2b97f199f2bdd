//! What a file's header means: canonical columns, tag columns, and columns that are only kept.
//!
//! Invariant: a schema never drops a column. What is not recognised is carried verbatim under its own header.

mod column;
mod customer;

use crate::values::error::codes;
pub use column::{Column, ColumnClass};
pub(crate) use column::{fold_header, is_invisible, tag_key};
pub use customer::ForCustomer;
pub(crate) use customer::header_for_customer;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The most columns a header may have.
pub(crate) const COLUMNS_MAX: usize = 1_024;

/// How detailed a bill's lines are (docs/DOMAIN.md#levels).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BillLevel {
    /// A line per resource.
    L2,
    /// A line per component and transaction.
    L3,
}

/// A recognised header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    headers: Vec<String>,
    columns: Vec<Option<Column>>,
    level: BillLevel,
    /// The currency that the header implies where no column tells it (元 is CNY).
    currency: Option<String>,
}

/// A header that is not a detail bill's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// Not text.
    #[error("header column {column} is not UTF-8")]
    NotUtf8 {
        /// Counted from 1.
        column: usize,
    },
    /// More columns than the limit.
    #[error("header has {columns} columns, more than {COLUMNS_MAX}")]
    TooManyColumns {
        /// How many there are.
        columns: usize,
    },
    /// Two columns mean the same.
    #[error("header columns {first} and {second} both mean `{name}`")]
    Twice {
        /// Counted from 1.
        first: usize,
        /// Counted from 1.
        second: usize,
        /// The canonical name.
        name: &'static str,
    },
    /// A FOCUS bill.
    #[error("this is a FOCUS bill; {READS}")]
    Focus,
    /// Another provider's bill.
    #[error("this is a bill of {provider}; {READS} ({})", missing_text(.missing))]
    Foreign {
        /// Whose.
        provider: &'static str,
        /// What it lacks.
        missing: Vec<Missing>,
    },
    /// Columns that every detail bill has are missing.
    #[error(
        "this is not a bill that billkeep knows: {} (the header begins `{begins}`)", missing_text(.missing)
    )]
    NotABill {
        /// The columns.
        missing: Vec<Missing>,
        /// The first few headers.
        begins: String,
    },
    /// Amounts without a currency.
    #[error("no column means `currency` (header `Currency` or `币种`), and no header names one, as 元 does")]
    NoCurrency,
}

codes!(SchemaError {
    own {
        Self::NotUtf8 { column } => User "header.encoding" { column: column },
        Self::TooManyColumns { columns } => User "header.too-many-columns" { columns: columns, max: COLUMNS_MAX },
        Self::Twice { first, second, name } => User "header.twice" { first: first, second: second, name: name },
        Self::Focus => User "header.focus" {},
        Self::Foreign { provider, missing } => User "header.foreign" { provider: provider, missing: missing_text(missing) },
        Self::NotABill { missing, begins } => User "header.not-a-bill" { missing: missing_text(missing), begins: begins },
        Self::NoCurrency => User "header.no-currency" {},
    }
    within {}
});

/// What billkeep reads, and which file that is.
pub(crate) const READS: &str = "billkeep reads L3 and L2 bills: download the bill details of the month, \
                                `PAYER-YYYYMM-by_used_time-bill_details.csv`";

/// A column that a header lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Which one.
    pub column: Column,
    /// A header that is spelled nearly like it.
    pub near: Option<String>,
}

fn missing_text(missing: &[Missing]) -> String {
    let names: Vec<String> = missing.iter().map(|m| format!("`{}`", m.column.name())).collect();
    let served = missing.iter().map(|Missing { column, near }| {
        let headers: Vec<String> = column.headers_shown().iter().map(|h| format!("`{h}`")).collect();
        let near = near.as_ref().map_or_else(String::new, |near| format!("; `{near}` is close, but another"));
        format!("`{}` has the header {}{near}", column.name(), headers.join(" or "))
    });
    format!("no column means {}; {}", names.join(", "), served.collect::<Vec<_>>().join("; "))
}

/// Headers, folded, that only another provider's bill has.
const FOREIGN: [(&str, &[&str]); 3] = [
    ("AWS (a Cost and Usage Report)", &["lineitem/", "identity/lineitemid", "line_item_usage_account_id"]),
    ("Alibaba Cloud", &["应付金额", "pretaxgrossamount"]),
    ("Azure", &["costinbillingcurrency", "metercategory"]),
];

fn foreign(headers: &[String]) -> Option<&'static str> {
    let folded: Vec<String> = headers.iter().map(|header| fold_header(header)).collect();
    let of = |marks: &[&str]| folded.iter().any(|header| marks.iter().any(|mark| header.starts_with(mark)));
    FOREIGN.iter().find(|(_, marks)| of(marks)).map(|(provider, _)| *provider)
}

impl Schema {
    /// Recognises a header.
    ///
    /// # Errors
    /// [`SchemaError`] when the header is not that of an L3 or L2 detail bill.
    pub fn recognise<'a>(cells: impl Iterator<Item = &'a [u8]>) -> Result<Schema, SchemaError> {
        let mut headers = Vec::new();
        for (i, cell) in cells.enumerate() {
            if i < COLUMNS_MAX {
                let text = std::str::from_utf8(cell).map_err(|_| SchemaError::NotUtf8 { column: i + 1 })?;
                // What nobody sees makes no other header of a known one.
                let known = text.contains(is_invisible) && Column::of_header(text).is_some();
                headers.push(if known { text.replace(is_invisible, "") } else { text.to_owned() });
            } else {
                return Err(SchemaError::TooManyColumns { columns: i + 1 });
            }
        }
        let columns: Vec<Option<Column>> = headers.iter().map(|h| Column::of_header(h)).collect();
        for (second, column) in columns.iter().enumerate() {
            let Some(column) = column else { continue };
            let first = columns.iter().position(|c| c == &Some(*column)).unwrap_or(second);
            if first != second {
                return Err(SchemaError::Twice { first: first + 1, second: second + 1, name: column.name() });
            }
        }
        let has = |column: Column| columns.contains(&Some(column));
        if headers.iter().any(|h| fold_header(h) == "billedcost") {
            return Err(SchemaError::Focus);
        }
        let total = has(Column::Total) || has(Column::AfterDiscount);
        let needed = [
            (Column::OwnerUin, has(Column::OwnerUin)),
            (Column::ProductName, has(Column::ProductName)),
            (Column::Total, total),
        ];
        let unknown =
            || headers.iter().zip(&columns).filter(|(_, column)| column.is_none()).map(|(header, _)| header);
        let lacking = needed.into_iter().filter(|(_, is_there)| !is_there).map(|(column, _)| {
            let near = unknown().filter_map(|header| Some((column.distance(header)?, header))).min();
            Missing { column, near: near.map(|(_, header)| header.clone()) }
        });
        let missing: Vec<Missing> = lacking.collect();
        if !missing.is_empty() {
            if let Some(provider) = foreign(&headers) {
                return Err(SchemaError::Foreign { provider, missing });
            }
            let begins = headers.iter().take(4).map(|h| h.chars().take(24).collect::<String>());
            return Err(SchemaError::NotABill { missing, begins: begins.collect::<Vec<_>>().join(",") });
        }
        let level = if has(Column::ComponentName) || has(Column::ComponentType) {
            BillLevel::L3
        } else {
            BillLevel::L2
        };
        // A Chinese bill has no currency column: it is in yuan, and most of its headers say (元).
        let chinese = headers.iter().any(|h| h.contains('元') || fold_header(h) == "优惠后总价");
        let currency = (!has(Column::Currency) && chinese).then(|| "CNY".to_owned());
        if !has(Column::Currency) && currency.is_none() {
            return Err(SchemaError::NoCurrency);
        }
        Ok(Schema { headers, columns, level, currency })
    }

    /// Returns the headers as the file spells them.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// Returns the meaning of each column, in the file's order.
    pub fn columns(&self) -> &[Option<Column>] {
        &self.columns
    }

    /// Returns the level of detail.
    pub fn level(&self) -> BillLevel {
        self.level
    }

    /// Returns the currency that the header implies, if no column tells it.
    pub fn implied_currency(&self) -> Option<&str> {
        self.currency.as_deref()
    }

    /// Returns the place of a column.
    pub fn index_of(&self, column: Column) -> Option<usize> {
        self.columns.iter().position(|c| *c == Some(column))
    }

    /// Returns the place of the column that `total` is taken from.
    ///
    /// English bills have a total; Chinese ones end at the price after discount, which is then the total.
    pub fn total_index(&self) -> Option<usize> {
        self.index_of(Column::Total).or_else(|| self.index_of(Column::AfterDiscount))
    }

    /// Returns the summed money columns that the schema has, the total first, with their places.
    pub fn summed(&self) -> Vec<(Column, usize)> {
        Column::SUMMED
            .iter()
            .filter_map(|c| {
                let index = if *c == Column::Total { self.total_index() } else { self.index_of(*c) };
                Some((*c, index?))
            })
            .collect()
    }

    /// Returns the place of the tag column with this key.
    pub fn tag_index(&self, key: &str) -> Option<usize> {
        self.headers.iter().position(|h| tag_key(h) == Some(key))
    }

    /// Returns a hash that is equal exactly for equal headers in equal order.
    pub fn hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        for header in &self.headers {
            hasher.update(u64::try_from(header.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(header.as_bytes());
        }
        hasher.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognise(header: &str) -> Result<Schema, SchemaError> {
        Schema::recognise(header.split(',').map(str::as_bytes))
    }

    #[test]
    fn a_chinese_bill_is_in_yuan_and_its_total_is_the_price_after_discount() {
        let schema = recognise("支付者UIN,使用者UIN,产品名称,组件名称,优惠后总价(元),标签键:env").unwrap();
        assert_eq!(schema.implied_currency(), Some("CNY"));
        assert_eq!(schema.total_index(), Some(4));
        assert_eq!(schema.level(), BillLevel::L3);
        assert_eq!(schema.tag_index("env"), Some(5));
    }

    #[test]
    fn the_smallest_file_of_the_page_of_columns_is_a_bill_and_needs_each_of_its_columns() {
        let page =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/COLUMNS.md")).unwrap();
        let (_, csv) = page.split_once("```csv\n").unwrap();
        let headers: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
        assert!(recognise(&headers.join(",")).is_ok());
        for without in 0..headers.len() {
            let rest: Vec<&str> =
                headers.iter().copied().take(without).chain(headers[without + 1..].iter().copied()).collect();
            assert!(recognise(&rest.join(",")).is_err(), "{rest:?}");
        }
    }

    #[test]
    fn an_unknown_column_is_kept_and_a_known_one_may_not_come_twice() {
        let schema = recognise("OwnerAccountID,ProductName,Site,TotalCost,Currency").unwrap();
        assert_eq!(schema.columns()[2], None);
        assert_eq!(schema.headers()[2], "Site");
        assert_eq!(
            recognise("OwnerAccountID,ProductName,Total Cost,TotalCost,Currency"),
            Err(SchemaError::Twice { first: 3, second: 4, name: "total" })
        );
    }

    #[test]
    fn a_header_that_is_no_bill_says_what_is_missing() {
        let error = recognise("name,age,city").unwrap_err().to_string();
        assert!(
            error.contains("`owner_uin`, `product_name`, `total`") && error.contains("name,age"),
            "{error}"
        );
        assert_eq!(recognise("OwnerAccountID,ProductName,TotalCost"), Err(SchemaError::NoCurrency));
    }
}

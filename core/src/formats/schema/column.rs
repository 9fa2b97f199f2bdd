//! The canonical columns of a detail bill, and how suppliers spell them.
//!
//! Spellings are those of docs/COLUMNS.md, English and Chinese. They are compared without
//! regard to case, white space and full-width brackets, since files differ in just those.

use serde::{Deserialize, Serialize};

use crate::values::near::distance;
use crate::values::period::Basis;

/// What the cells of a column hold, and so how they are checked at import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnClass {
    /// An account id, on every line.
    Uin,
    /// Any text.
    Text,
    /// A date and time, `-` or nothing.
    Time,
    /// The bill's month.
    Month,
    /// A day, `-` or nothing.
    Day,
    /// A decimal that is not money: price, usage, duration, rate.
    Number,
    /// A decimal amount of money that is added up.
    Money,
    /// A currency code.
    Currency,
}

macro_rules! columns {
    ($($code:literal $variant:ident $name:literal $class:ident [$($spelling:literal),*];)*) => {
        /// A column whose meaning is known. The numbers are written to stores and never change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Column {
            $(#[doc = concat!("`", $name, "`")] $variant = $code,)*
        }

        impl Column {
            /// Every canonical column.
            pub const ALL: &[Column] = &[$(Column::$variant),*];

            /// Returns the column's canonical name, as `--by` and `--where` take it.
            pub fn name(self) -> &'static str {
                match self { $(Column::$variant => $name,)* }
            }

            /// Returns what the column's cells hold.
            pub fn class(self) -> ColumnClass {
                match self { $(Column::$variant => ColumnClass::$class,)* }
            }

            /// Returns the number that stands for the column in stores.
            pub fn code(self) -> u16 {
                match self { $(Column::$variant => $code,)* }
            }

            fn spellings(self) -> &'static [&'static str] {
                match self { $(Column::$variant => &[$($spelling),*],)* }
            }
        }
    };
}

columns! {
    1 BillMonth "bill_month" Month ["billmonth", "billingmonth", "账单月份", "账期"];
    2 BillDay "bill_day" Day ["billday", "billingday"];
    3 PayerUin "payer_uin" Uin ["payeraccountid", "payeruin", "支付者uin"];
    4 OwnerUin "owner_uin" Uin ["owneraccountid", "owneruin", "使用者uin"];
    5 OperatorUin "operator_uin" Text ["operatoraccountid", "operatoruin", "操作者uin"];
    6 ResellerUin "reseller_uin" Text ["reselleraccountid", "reselleruin"];
    7 ProductName "product_name" Text ["productname", "产品名称"];
    8 ProductCode "product_code" Text ["productcode"];
    9 SubproductName "subproduct_name" Text ["subproductname", "子产品名称"];
    10 BillingMode "billing_mode" Text ["billingmode", "计费模式"];
    11 Project "project" Text ["projectname", "项目名称"];
    12 Region "region" Text ["region", "地域"];
    13 Zone "zone" Text ["availabilityzone", "可用区"];
    14 DomesticIntl "domestic_intl" Text ["domesticandinternational", "国内国际"];
    15 InstanceId "instance_id" Text ["instanceid", "资源id"];
    16 InstanceName "instance_name" Text ["instancename", "实例名称", "资源别名"];
    17 InstanceType "instance_type" Text ["instancetype"];
    18 TransactionType "transaction_type" Text ["transactiontype", "交易类型"];
    19 TransactionId "transaction_id" Text ["transactionid", "交易id"];
    20 TransactionTime "transaction_time" Time ["transactiontime", "扣费时间"];
    21 OrderId "order_id" Text ["orderid", "订单id"];
    22 UsageStart "usage_start" Time ["usagestarttime", "开始使用时间"];
    23 UsageEnd "usage_end" Time ["usageendtime", "结束使用时间"];
    24 ComponentType "component_type" Text ["componenttype", "组件类型"];
    25 ComponentName "component_name" Text ["componentname", "组件名称"];
    26 ListPrice "list_price" Number ["componentlistprice", "组件刊例价"];
    27 ContractPrice "contract_price" Number ["componentcontractedprice", "组件单价"];
    28 PriceUnit "price_unit" Text ["componentpricemeasurementunit", "组件价格单位"];
    29 Usage "usage" Number ["componentusage", "组件用量"];
    30 UsageUnit "usage_unit" Text ["componentusageunit", "组件用量单位"];
    31 Duration "duration" Number ["usageduration", "使用时长"];
    32 DurationUnit "duration_unit" Text ["durationunit", "时长单位"];
    33 OriginalCost "original_cost" Money ["originalcost", "组件原价", "组件原价(元)"];
    34 RiDeductDuration "ri_deduct_duration" Number ["rideduction(duration)"];
    35 RiDeductCost "ri_deduct_cost" Money ["rideduction(cost)"];
    36 SpDeduct "sp_deduct" Number ["spdeduction", "savingsplandeduction"];
    37 SpRate "sp_rate" Number ["spdeductionrate", "savingsplandeductionrate"];
    38 SpDeductCost "sp_deduct_cost" Money ["spdeduction(cost)", "savingsplandeduction(cost)"];
    39 Discount "discount" Number ["discountrate", "discountmultiplier", "折扣率"];
    40 BlendedDiscount "blended_discount" Number ["blendeddiscountmultiplier"];
    41 Currency "currency" Currency ["currency", "币种"];
    42 AfterDiscount "after_discount" Money ["totalamountafterdiscount(excludingtax)", "totalamountafterdiscount", "优惠后总价", "优惠后总价(元)"];
    43 Voucher "voucher" Money ["voucherdeduction", "代金券支出", "代金券支出(元)"];
    44 Incentive "incentive" Money ["赠送账户支出", "赠送账户支出(元)"];
    45 Cash "cash" Money ["cashpayment", "现金账户支出", "现金账户支出(元)"];
    46 Transfer "transfer" Money ["分成账户支出", "分成账户支出(元)"];
    47 BeforeTax "before_tax" Money ["amountbeforetax"];
    48 TaxRate "tax_rate" Number ["taxrate"];
    49 TaxAmount "tax_amount" Money ["taxamount"];
    50 Total "total" Money ["totalcost(includingtax)", "totalcost"];
    51 Remarks "remarks" Text ["additionalattributes"];
    52 CustomerDiscountRate "customer_discount_rate" Number ["customerdiscountrate"];
    53 BeforeVoucher "before_voucher" Money ["totalamountbeforevoucher"];
    54 CustomerVoucher "customer_voucher" Money ["customervoucherdeduction"];
    55 PaymentStatus "payment_status" Text ["paymentstatus"];
}

impl Column {
    /// The money columns that are added up, in the order in which sums are shown: the total first.
    pub const SUMMED: &[Column] = &[
        Column::Total,
        Column::OriginalCost,
        Column::AfterDiscount,
        Column::Voucher,
        Column::Incentive,
        Column::Cash,
        Column::Transfer,
        Column::BeforeTax,
        Column::TaxAmount,
        Column::RiDeductCost,
        Column::SpDeductCost,
        Column::BeforeVoucher,
        Column::CustomerVoucher,
    ];

    /// Returns the columns that give a line its day and time, the better one first.
    ///
    /// By used time it is the time of use, by pay time that of deduction (docs/DOMAIN.md#bases).
    pub fn of_time(basis: Basis) -> [Column; 2] {
        match basis {
            Basis::Used => [Column::UsageStart, Column::TransactionTime],
            Basis::Paid => [Column::TransactionTime, Column::UsageStart],
        }
    }

    /// Finds the column that a header means, if it is a known spelling.
    pub fn of_header(header: &str) -> Option<Column> {
        let folded = fold_header(header);
        Column::ALL.iter().copied().find(|c| c.spellings().contains(&folded.as_str()))
    }

    /// Returns headers that mean the column, as the provider's files spell them: for people who look for a missing one.
    pub(crate) fn headers_shown(self) -> &'static [&'static str] {
        match self {
            Column::OwnerUin => &["OwnerAccountID", "使用者UIN"],
            Column::ProductName => &["ProductName", "产品名称"],
            Column::Total => &["TotalCost", "优惠后总价(元)"],
            Column::Currency => &["Currency", "币种"],
            column => column.spellings(),
        }
    }

    /// Returns how many letters a header differs in from the nearest spelling of the column, if they are few.
    pub(crate) fn distance(self, header: &str) -> Option<usize> {
        let folded: Vec<char> = fold_header(header).chars().take(64).collect();
        let near = |spelling: &&str| {
            let spelling: Vec<char> = spelling.chars().collect();
            let distance = distance(&folded, &spelling);
            (distance <= (spelling.len() / 6).max(1) && spelling.len() > 3).then_some(distance)
        };
        self.spellings().iter().filter_map(near).min()
    }

    /// Finds the column by its canonical name.
    pub fn of_name(name: &str) -> Option<Column> {
        Column::ALL.iter().copied().find(|c| c.name() == name)
    }

    /// Finds the column by its number in stores.
    pub fn of_code(code: u16) -> Option<Column> {
        Column::ALL.iter().copied().find(|c| c.code() == code)
    }
}

impl Serialize for Column {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.code().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Column {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = u16::deserialize(deserializer)?;
        Column::of_code(code).ok_or_else(|| serde::de::Error::custom("unknown column"))
    }
}

/// Says whether a character takes no room: a zero-width space, a joiner, a mark of direction or of byte order.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// Folds a header for comparison: no white space and nothing invisible, lower case, plain brackets.
pub(crate) fn fold_header(header: &str) -> String {
    header
        .chars()
        .filter(|c| !c.is_whitespace() && !is_invisible(*c))
        .map(|c| match c {
            '（' => '(',
            '）' => ')',
            c => c,
        })
        .flat_map(char::to_lowercase)
        .collect()
}

/// Returns the key of a tag column: `tag_key:env`, `Tag Key: env` or `标签键:env` (docs/DOMAIN.md#columns).
pub(crate) fn tag_key(header: &str) -> Option<&str> {
    let (before, key) = header.split_once([':', '：'])?;
    matches!(fold_header(before).as_str(), "tag_key" | "tagkey" | "标签键").then(|| key.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn spellings_differ_by_space_case_and_language_only() {
        for (header, column) in [
            ("Payer Account ID", Column::PayerUin),
            ("OWNERACCOUNTID", Column::OwnerUin),
            ("使用者UIN", Column::OwnerUin),
            ("Product Name", Column::ProductName),
            ("产品名称", Column::ProductName),
            ("Total Cost (Including Tax)", Column::Total),
            ("SP Deduction(Cost)", Column::SpDeductCost),
            ("Savings Plan Deduction (Cost)", Column::SpDeductCost),
            ("优惠后总价（元）", Column::AfterDiscount),
            ("Total Amount After Discount (Excluding Tax)", Column::AfterDiscount),
            ("Discount\u{a0}Multiplier", Column::Discount),
            ("\u{feff}Owner\u{200b}AccountID", Column::OwnerUin),
        ] {
            assert_eq!(Column::of_header(header), Some(column), "{header}");
        }
        assert_eq!(Column::of_header("Extended Field 1"), None);
    }

    #[test]
    fn a_header_that_is_nearly_right_is_near() {
        assert_eq!(Column::Total.distance("TotalCosts"), Some(1));
        assert_eq!(Column::OwnerUin.distance("Owner Acount IDs"), Some(2));
        assert_eq!(Column::Total.distance("RealTotalCost"), None);
        assert_eq!(Column::ProductName.distance("产品名"), Some(1));
    }

    #[test]
    fn tag_columns_tell_their_key() {
        assert_eq!(tag_key("tag_key:Env"), Some("Env"));
        assert_eq!(tag_key("Tag Key: cost center"), Some("cost center"));
        assert_eq!(tag_key("标签键:负责人"), Some("负责人"));
        assert_eq!(tag_key("Tags"), None);
    }

    /// What stands between backticks.
    fn quoted(cell: &str) -> Vec<&str> {
        cell.split('`').skip(1).step_by(2).collect()
    }

    #[test]
    fn the_page_of_columns_lists_every_column_with_each_of_its_headers() {
        let page =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/COLUMNS.md")).unwrap();
        let mut listed = Vec::new();
        for row in page.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let column = Column::of_name(quoted(cells[1])[0]).unwrap_or_else(|| panic!("{row}"));
            let headers = quoted(cells[2]).into_iter().chain(quoted(cells[3]));
            let folded: HashSet<String> = headers.map(fold_header).collect();
            let known: HashSet<String> = column.spellings().iter().map(|s| (*s).to_owned()).collect();
            assert_eq!(folded, known, "{row}");
            let holds = match column.class() {
                ColumnClass::Uin => "account id",
                ColumnClass::Text => "text",
                ColumnClass::Time => "time",
                ColumnClass::Month => "month",
                ColumnClass::Day => "day",
                ColumnClass::Number => "number",
                ColumnClass::Money => "amount",
                ColumnClass::Currency => "currency code",
            };
            assert_eq!(cells[4], holds, "{row}");
            listed.push(column);
        }
        assert_eq!(listed, Column::ALL);
    }

    #[test]
    fn no_spelling_or_number_stands_for_two_columns() {
        let (mut spellings, mut codes) = (HashSet::new(), HashSet::new());
        for column in Column::ALL {
            assert!(codes.insert(column.code()), "{column:?}");
            assert_eq!(Column::of_code(column.code()), Some(*column));
            assert_eq!(Column::of_name(column.name()), Some(*column));
            for spelling in column.spellings() {
                assert_eq!(*spelling, fold_header(spelling));
                assert!(spellings.insert(*spelling), "{spelling}");
            }
        }
    }
}

//! What a customer may see of a detail bill: a decision for each column, and the reason (docs/AUDIENCE.md).
//!
//! The list is a contract: a column goes because it is named here, not because nobody thought of it. The match has no arm for
//! all others, so that a new column does not compile before somebody has decided.

use super::column::{Column, tag_key};

/// Whether a column may go to a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForCustomer {
    /// It is part of the contract.
    Goes,
    /// It goes where the partner asks for it: it shows no cost, but is nothing that a customer needs, or free text.
    OnRequest,
    /// It shows what the partner pays, or lets it be worked out.
    Never,
}

impl Column {
    /// Says whether the column may go to a customer.
    pub fn for_customer(self) -> ForCustomer {
        match self {
            // When, whose, by whom.
            Column::BillMonth
            | Column::BillDay
            | Column::PayerUin
            | Column::OwnerUin
            | Column::OperatorUin => ForCustomer::Goes,
            // What was used.
            Column::ProductName
            | Column::ProductCode
            | Column::SubproductName
            | Column::BillingMode
            | Column::Project
            | Column::Region
            | Column::Zone
            | Column::DomesticIntl
            | Column::InstanceId
            | Column::InstanceName
            | Column::InstanceType
            | Column::TransactionType
            | Column::TransactionId
            | Column::TransactionTime
            | Column::OrderId
            | Column::UsageStart
            | Column::UsageEnd
            | Column::ComponentType
            | Column::ComponentName
            | Column::Usage
            | Column::UsageUnit
            | Column::Duration
            | Column::DurationUnit => ForCustomer::Goes,
            // The list price, which anybody can look up, and what it comes to.
            Column::ListPrice | Column::PriceUnit | Column::OriginalCost | Column::Currency => {
                ForCustomer::Goes
            }
            // The customer's own price, as the provider's file tells it.
            Column::CustomerDiscountRate
            | Column::BeforeVoucher
            | Column::CustomerVoucher
            | Column::PaymentStatus => ForCustomer::Goes,
            // How the partner sells, at which rate it is taxed, and a text of the provider's that may hold anything.
            Column::ResellerUin | Column::TaxRate | Column::Remarks => ForCustomer::OnRequest,
            // What the partner pays, by which discount, with which vouchers, from which account, and with which commitments.
            Column::ContractPrice
            | Column::RiDeductDuration
            | Column::RiDeductCost
            | Column::SpDeduct
            | Column::SpRate
            | Column::SpDeductCost
            | Column::Discount
            | Column::BlendedDiscount
            | Column::AfterDiscount
            | Column::Voucher
            | Column::Incentive
            | Column::Cash
            | Column::Transfer
            | Column::BeforeTax
            | Column::TaxAmount
            | Column::Total => ForCustomer::Never,
        }
    }

    /// Says whether the column shows the partner's cost, or lets it be worked out.
    pub fn shows_cost(self) -> bool {
        self.for_customer() == ForCustomer::Never
    }
}

/// Says whether a column may go to a customer, by its header: known columns as decided, tags, which are the customer's own,
/// and no others.
pub(crate) fn header_for_customer(header: &str) -> ForCustomer {
    match Column::of_header(header) {
        Some(column) => column.for_customer(),
        None if tag_key(header).is_some() => ForCustomer::Goes,
        None => ForCustomer::OnRequest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_of_a_cost_goes_to_a_customer() {
        for header in [
            "Component Contracted Price",
            "组件单价",
            "DiscountRate",
            "Discount Multiplier",
            "折扣率",
            "Blended Discount Multiplier",
            "RI Deduction (Cost)",
            "SP Deduction(Cost)",
            "Savings Plan Deduction Rate",
            "Total Amount After Discount (Excluding Tax)",
            "优惠后总价(元)",
            "Voucher Deduction",
            "代金券支出(元)",
            "现金账户支出(元)",
            "分成账户支出(元)",
            "赠送账户支出(元)",
            "Amount Before Tax",
            "TaxAmount",
            "Total Cost (Including Tax)",
            "TotalCost",
        ] {
            assert_eq!(header_for_customer(header), ForCustomer::Never, "{header}");
        }
        assert_eq!(header_for_customer("OriginalCost"), ForCustomer::Goes);
        assert_eq!(header_for_customer("标签键:env"), ForCustomer::Goes);
        assert_eq!(header_for_customer("Partner Margin"), ForCustomer::OnRequest);
    }
}

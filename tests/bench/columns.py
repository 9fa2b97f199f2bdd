"""What the columns of a bill hold, by their English headers; any other column is text. Where there is no value stands `-`."""

ACCOUNTS = ["PayerAccountID", "OwnerAccountID", "OperatorAccountID", "ResellerAccountID"]
DECIMALS = [
    "ComponentListPrice", "ComponentContractedPrice", "ComponentUsage", "UsageDuration", "OriginalCost",
    "RIDeduction(Duration)", "RIDeduction(Cost)", "DiscountRate", "BlendedDiscountMultiplier",
    "TotalAmountAfterDiscount(ExcludingTax)", "VoucherDeduction", "AmountBeforeTax", "TaxRate", "TaxAmount", "TotalCost",
]
TIMES = ["TransactionTime", "UsageStartTime", "UsageEndTime"]

OWNER, PRODUCT, START, TOTAL = "OwnerAccountID", "ProductName", "UsageStartTime", "TotalCost"
REGION, PROJECT, CURRENCY = "Region", "ProjectName", "Currency"

ROWS_PER_FILE = 250_000
"""Rows in each CSV of a month's zip, the same for all."""

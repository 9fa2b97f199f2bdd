//! The text of an entry.

use std::fmt::Write as _;

use serde_json::Value;

/// For which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Beancount,
    Hledger,
}

/// What is booked against what.
#[derive(Clone, Debug)]
pub struct Accounts {
    pub expense: String,
    pub liability: String,
}

/// Writes a bill's entry from its manifest, and the name of its file.
///
/// # Errors
/// What the manifest lacks.
pub fn entry(manifest: &Value, format: Format, accounts: &Accounts) -> Result<(String, String), String> {
    let text = |place: &Value, what: &str| {
        place.as_str().map(str::to_owned).ok_or_else(|| format!("the manifest does not tell {what}"))
    };
    let month = text(&manifest["month"], "the month")?;
    let basis = text(&manifest["basis"], "the basis")?;
    let kind = text(&manifest["kind"], "the kind")?;
    let last = text(&manifest["coverage"]["last"], "the last day")?;
    let digest = text(&manifest["content_digest"], "the digest")?;
    let payer = text(&manifest["payer"], "the payer")?;
    let revision = manifest["revision"].as_u64().ok_or("the manifest does not tell the revision")?;
    let state = if manifest["final"] == true { "confirmed" } else { "not confirmed" };
    let totals = manifest["totals"].as_array().ok_or("the manifest tells no totals")?;
    let mut out = String::new();
    let words = format!("{kind} bill {month} of {payer}, revision {revision}, {state}");
    // Writing to a text does not fail.
    let _ = match format {
        Format::Beancount => writeln!(out, "{last} * \"Cloud\" \"{words}\"\n  digest: \"{digest}\""),
        Format::Hledger => writeln!(out, "{last} * Cloud | {words}  ; digest:{digest}"),
    };
    for total in totals {
        let currency = text(&total["currency"], "a currency")?;
        let amount = text(&total["total"], "a total")?;
        let plain = amount.strip_prefix('-').unwrap_or(&amount);
        if plain.is_empty() || !plain.chars().all(|c| c.is_ascii_digit() || c == '.') {
            return Err(format!("`{amount}` is no amount"));
        }
        // The other side, without arithmetic: a sign is put there or taken away.
        let other = if amount.starts_with('-') { plain.to_owned() } else { format!("-{plain}") };
        let _ = writeln!(
            out,
            "  {}  {amount} {currency}\n  {}  {other} {currency}",
            accounts.expense, accounts.liability
        );
    }
    let ending = if format == Format::Beancount { "beancount" } else { "journal" };
    Ok((format!("{month}-{basis}.{ending}"), out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_balances_by_currency_to_the_last_decimal() {
        let manifest = serde_json::json!({
            "month": "2021-03", "basis": "used", "kind": "monthly", "payer": "100010445724", "revision": 2, "final": true,
            "coverage": {"first": "2021-03-01", "last": "2021-03-31"}, "content_digest": "ab12",
            "totals": [{"currency": "USD", "total": "82500.34727189"}, {"currency": "CNY", "total": "-0.00000001"}],
        });
        let accounts =
            Accounts { expense: "Expenses:Cloud".into(), liability: "Liabilities:Cloud-Provider".into() };
        let (name, text) = entry(&manifest, Format::Beancount, &accounts).unwrap();
        assert_eq!(name, "2021-03-used.beancount");
        let wanted = "2021-03-31 * \"Cloud\" \"monthly bill 2021-03 of 100010445724, revision 2, confirmed\"\n  digest: \"ab12\"\n  \
             Expenses:Cloud  82500.34727189 USD\n  Liabilities:Cloud-Provider  -82500.34727189 USD\n  \
             Expenses:Cloud  -0.00000001 CNY\n  Liabilities:Cloud-Provider  0.00000001 CNY\n";
        assert_eq!(text, wanted);
        assert!(entry(&serde_json::json!({}), Format::Hledger, &accounts).is_err());
    }
}

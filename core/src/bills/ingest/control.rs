//! What a file has to come to, as its sender or its receiver states it: number of lines, totals, SHA-256.
//!
//! A transfer that stops at a line end leaves a plausible file. Control figures from elsewhere find it.

use std::fmt;

use crate::engine::block::Sums;
use crate::partners::price::{Rounding, RoundingMode as Way};
use crate::values::digest::hex;
use crate::values::money::Amount;

use crate::values::money::grouped;

/// What a file has to come to; nothing that is not stated is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// How many lines.
    pub lines: Option<u64>,
    /// Totals: all currencies of the file, each once. One alone needs no currency.
    pub totals: Vec<ControlTotal>,
    /// The SHA-256 of the file's bytes, with where it was stated.
    pub sha256: Vec<([u8; 32], String)>,
}

/// A total that a file has to come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlTotal {
    /// As many decimals as it has are compared, rounded half up.
    pub amount: Amount,
    /// Its currency, three capitals.
    pub currency: Option<String>,
}

/// A figure that is another one than was stated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Which figure.
    pub what: String,
    /// As it was stated.
    pub stated: String,
    /// As the file has it.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} was expected, and the file has {}", self.what, self.stated, self.found)
    }
}

impl Control {
    /// Compares; returns every figure that differs.
    pub(super) fn mismatches(&self, lines: u64, sums: &[Sums], sha256: &[u8; 32]) -> Vec<Mismatch> {
        let mut found = Vec::new();
        for (stated, place) in self.sha256.iter().filter(|(stated, _)| stated != sha256) {
            found.push(Mismatch {
                what: format!("SHA-256 ({place})"),
                stated: hex(stated),
                found: hex(sha256),
            });
        }
        if let Some(stated) = self.lines.filter(|stated| *stated != lines) {
            found.push(Mismatch { what: "lines".to_owned(), stated: grouped(stated), found: grouped(lines) });
        }
        found.extend(self.totals_mismatch(sums));
        found
    }

    fn totals_mismatch(&self, sums: &[Sums]) -> Option<Mismatch> {
        let holds = |stated: &ControlTotal, of: &Sums| {
            let rounding = Rounding { decimals: stated.amount.scale(), mode: Way::HalfUp };
            rounding.round(of.total()) == Some(stated.amount)
        };
        let all = match self.totals.as_slice() {
            [] => return None,
            [one] if one.currency.is_none() => match sums {
                [] => one.amount == Amount::ZERO,
                [of] => holds(one, of),
                _ => false,
            },
            stated => {
                let of = |s: &ControlTotal| sums.iter().find(|of| Some(&of.currency) == s.currency.as_ref());
                stated.len() == sums.len() && stated.iter().all(|s| of(s).is_some_and(|of| holds(s, of)))
            }
        };
        let text = |total: &ControlTotal| match &total.currency {
            Some(currency) => format!("{} {currency}", total.amount.grouped()),
            None => total.amount.grouped(),
        };
        (!all).then(|| Mismatch {
            what: "total".to_owned(),
            stated: self.totals.iter().map(text).collect::<Vec<_>>().join(" + "),
            found: Sums::totals_text(sums),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::schema::Column;

    fn sums(of: &[(&str, i128)]) -> Vec<Sums> {
        let one = |(currency, total): &(&str, i128)| Sums {
            currency: (*currency).to_owned(),
            lines: 1,
            amounts: vec![(Column::Total, Amount::new(*total, 8))],
        };
        of.iter().map(one).collect()
    }

    fn total(mantissa: i128, scale: u8, currency: Option<&str>) -> ControlTotal {
        ControlTotal { amount: Amount::new(mantissa, scale), currency: currency.map(str::to_owned) }
    }

    fn differs(totals: &[ControlTotal], of: &[(&str, i128)]) -> bool {
        let control = Control { totals: totals.to_vec(), ..Control::default() };
        !control.mismatches(1, &sums(of), &[0; 32]).is_empty()
    }

    #[test]
    fn a_total_is_compared_at_the_decimals_that_were_stated() {
        let of = [("USD", 8_250_034_727_189)];
        assert!(!differs(&[total(8_250_035, 2, None)], &of));
        assert!(!differs(&[total(8_250_035, 2, Some("USD"))], &of));
        assert!(!differs(&[total(8_250_034_727_189, 8, None)], &of));
        for wrong in
            [total(8_250_034, 2, None), total(8_250_035, 2, Some("CNY")), total(825_003_472, 4, None)]
        {
            assert!(differs(std::slice::from_ref(&wrong), &of), "{wrong:?}");
        }
    }

    #[test]
    fn every_currency_has_to_be_stated() {
        let of = [("CNY", 100_000_000), ("USD", 200_000_000)];
        let (one, two) = (total(1, 0, Some("CNY")), total(2, 0, Some("USD")));
        assert!(!differs(&[two.clone(), one.clone()], &of));
        assert!(differs(std::slice::from_ref(&one), &of) && differs(&[total(3, 0, None)], &of));
        assert!(differs(&[one, two.clone(), two], &of));
    }

    #[test]
    fn lines_and_bytes_are_compared_and_both_figures_named() {
        let control =
            Control { lines: Some(150), sha256: vec![([7; 32], "x.sha256".into())], totals: vec![] };
        let found = control.mismatches(13, &[], &[8; 32]);
        let text: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(
            text[0].contains("x.sha256") && text[0].contains("0707") && text[0].contains("0808"),
            "{text:?}"
        );
        assert_eq!(text[1], "lines: 150 was expected, and the file has 13");
        assert!(control.mismatches(150, &[], &[7; 32]).is_empty());
    }
}

//! Right lines have no findings; each wrong figure has the finding of its rule; and neither threads nor bounds matter.

use proptest::prelude::*;

use super::*;
use crate::bills::Bill;
use crate::bills::ImportMode;
use crate::bills::ingest::{self, Import, ImportError, ImportRequest};
use crate::engine::journal::Actor;
use crate::engine::settings::StoreSettings;
use crate::engine::store::{OpenOptions, Store, Table};
use crate::partners::contract::Contract;
use crate::partners::contract::Rate;
use crate::values::period::{Basis, BillMonth, Day};

const PAYER: &str = "100010445724";
const CUSTOMER: &str = "200000003412";
const STEM: &str = "100010445724-202103-by_used_time-bill_details";

/// A right line: 2.5 × 4 × 1 = 10, × 0.85 = 8.5, − 0.5 = 8, + 6% = 8.48.
const RIGHT: &[(&str, &str)] = &[
    ("OwnerAccountID", CUSTOMER),
    ("ProductName", "CVM"),
    ("TransactionType", "Hourly settlement"),
    ("TransactionID", "1"),
    ("UsageStartTime", "2021-03-05 00:00:00"),
    ("ComponentType", "CPU"),
    ("ComponentName", "S5"),
    ("InstanceID", "ins-1"),
    ("ComponentListPrice", "2.5"),
    ("ComponentUsage", "4"),
    ("UsageDuration", "1"),
    ("OriginalCost", "10.00000000"),
    ("RIDeduction(Cost)", "-"),
    ("SPDeduction(Cost)", ""),
    ("DiscountRate", "0.85"),
    ("BlendedDiscountMultiplier", "0.85000000"),
    ("Currency", "USD"),
    ("TotalAmountAfterDiscount(ExcludingTax)", "8.50000000"),
    ("VoucherDeduction", "0.5"),
    ("AmountBeforeTax", "8.00000000"),
    ("TaxRate", "0.06"),
    ("TaxAmount", "0.48"),
    ("TotalCost", "8.48"),
    ("BillMonth", "2021-03"),
    ("Remark", ""),
];

/// Headers, and lines that differ from the right one in some cells.
struct Sheet {
    columns: Vec<(&'static str, String)>,
    text: String,
}

impl Sheet {
    fn new(columns: &[(&'static str, &str)]) -> Sheet {
        let columns: Vec<_> = columns.iter().map(|(h, c)| (*h, (*c).to_owned())).collect();
        let text = columns.iter().map(|(h, _)| *h).collect::<Vec<_>>().join(",") + "\n";
        Sheet { columns, text }
    }

    fn line(mut self, changes: &[(&str, &str)]) -> Sheet {
        for (header, _) in changes {
            assert!(self.columns.iter().any(|(h, _)| h == header), "{header}");
        }
        let cell = |(header, cell): &(&str, String)| {
            let changed = changes.iter().find(|(h, _)| h == header).map(|(_, c)| (*c).to_owned());
            let cell = changed.unwrap_or_else(|| cell.clone());
            if cell.contains([',', '"', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
        };
        let cells: Vec<String> = self.columns.iter().map(cell).collect();
        self.text += &(cells.join(",") + "\n");
        self
    }
}

fn right() -> Sheet {
    Sheet::new(RIGHT)
}

/// A store with files; segments and blocks are small.
struct Stored {
    folder: tempfile::TempDir,
    store: Store,
}

impl Stored {
    fn new() -> Stored {
        let folder = tempfile::tempdir().unwrap();
        let settings = StoreSettings {
            payer: PAYER.parse().unwrap(),
            calendar: "seed-2021".into(),
            zone: "+08:00".parse().unwrap(),
        };
        let store = Store::create_with(&folder.path().join("a"), &OpenOptions::default(), |writer| {
            writer.put(Table::Meta, StoreSettings::KEY, &settings)
        });
        Stored { folder, store: store.unwrap() }
    }

    fn import(&self, name: &str, text: &str, request: &ImportRequest) -> Result<(), ImportError> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let settings = ingest::ImportSettings { segment_bytes: 700, block_rows: 3, ..Default::default() };
        let actor = Actor { name: "lin".into(), at_unix_s: 1 };
        self.store
            .import(
                &path,
                &Import { request: request.clone(), settings: settings.clone(), ..Import::by(&actor) },
            )
            .map(|_| ())
    }

    fn of(sheet: &Sheet) -> Stored {
        let stored = Stored::new();
        stored.import(&format!("{STEM}.csv"), &sheet.text, &ImportRequest::default()).unwrap();
        stored
    }

    fn view(&self) -> BillView {
        let month = BillMonth::new(2021, 3).unwrap();
        let key = BillKey { payer: PAYER.parse().unwrap(), month, basis: Basis::Used };
        BillView::open(&self.store.read().unwrap(), key, None).unwrap()
    }

    fn lint(&self, settings: &LintSettings) -> LintReport {
        self.view().lint(&self.store.read().unwrap(), settings).unwrap()
    }
}

fn found(sheet: &Sheet) -> Vec<(Rule, u64, String)> {
    brief(&Stored::of(sheet).lint(&LintSettings::default()))
}

fn brief(report: &LintReport) -> Vec<(Rule, u64, String)> {
    report.findings.iter().map(|f| (f.rule, f.count, f.stake.to_string())).collect()
}

#[test]
fn each_wrong_figure_breaks_the_equation_it_is_in_and_no_other() {
    for (changes, want) in [
        (&[("DiscountRate", "0.85")][..], None),
        (&[("ComponentUsage", "4.1")], Some((Rule::Original, "0.25000000"))),
        (&[("DiscountRate", "0.86")], Some((Rule::AfterDiscount, "0.10000000"))),
        (&[("RIDeduction(Cost)", "1")], Some((Rule::AfterDiscount, "0.85000000"))),
        (&[("SPDeduction(Cost)", "0.00000003")], Some((Rule::AfterDiscount, "0.00000003"))),
        (&[("VoucherDeduction", "-")], Some((Rule::BeforeTax, "0.50000000"))),
        (&[("TaxRate", "0.07")], Some((Rule::Tax, "0.08000000"))),
        (&[("TotalCost", "1,008.48")], Some((Rule::Total, "1000.00000000"))),
        (&[("BlendedDiscountMultiplier", "0.86")], Some((Rule::Blended, "0.10000000"))),
        // What is not shown is not checked.
        (&[("ComponentUsage", "-"), ("OriginalCost", "10")], None),
        (&[("BlendedDiscountMultiplier", "")], None),
        (&[("TotalCost", "-")], None),
        // One unit of the last decimal is let pass, two are not.
        (&[("OriginalCost", "10.00000001")], None),
        (&[("TotalCost", "8.48000001")], None),
        (&[("TotalCost", "8.48000002")], Some((Rule::Total, "0.00000002"))),
        // A line that was aggregated by month is a sum of up to 744 that were rounded.
        (&[("TransactionID", "-"), ("TotalCost", "8.48000744")], None),
        (&[("TransactionID", "-"), ("TotalCost", "8.48000745")], Some((Rule::Total, "0.00000745"))),
        (&[("UsageStartTime", "2021-04-01 00:00:00")], Some((Rule::Outside, "8.48000000"))),
        (&[("UsageStartTime", "2021-02-28 23:59:59")], Some((Rule::Outside, "8.48000000"))),
        (&[("UsageStartTime", "2021-03-31 23:59:59")], None),
    ] {
        let got = found(&right().line(changes));
        let want: Vec<_> = want.map(|(rule, stake)| (rule, 1, stake.to_owned())).into_iter().collect();
        assert_eq!(got, want, "{changes:?}");
    }
}

#[test]
fn figures_that_cannot_be_multiplied_exactly_are_told() {
    let nines = "9".repeat(26);
    let large = [("ComponentListPrice", &*nines), ("ComponentUsage", &*nines), ("UsageDuration", &*nines)];
    assert_eq!(found(&right().line(&large)), [(Rule::TooLarge, 1, "10.00000000".into())]);
}

#[test]
fn a_customers_total_is_of_the_customers_own_discount() {
    let mut columns = RIGHT.to_vec();
    columns.extend([("CustomerDiscountRate", "0.9"), ("CustomerVoucherDeduction", "1")]);
    let sheet = || Sheet::new(&columns);
    let of = |total| found(&sheet().line(&[("TotalCost", total), ("RIDeduction(Cost)", "-")]));
    assert_eq!(of("8"), []);
    assert_eq!(of("8.48"), [(Rule::CustomerTotal, 1, "0.48000000".into())]);
    // Where the customer's rate is not shown, the total is the partner's.
    assert_eq!(found(&sheet().line(&[("CustomerDiscountRate", "-"), ("TotalCost", "8.48")])), []);
}

#[test]
fn bills_by_resource_are_rounded_to_cents() {
    let columns: Vec<_> = RIGHT.iter().filter(|(h, _)| !h.starts_with("Component")).copied().collect();
    let of = |after: &str| {
        let cells = [
            ("OriginalCost", "10.01"),
            ("TotalAmountAfterDiscount(ExcludingTax)", after),
            ("BlendedDiscountMultiplier", "-"),
            ("AmountBeforeTax", "-"),
            ("TaxAmount", "-"),
        ];
        found(&Sheet::new(&columns).line(&cells))
    };
    // 8.5085
    assert_eq!((of("8.51"), of("8.50"), of("8.52")), (vec![], vec![], vec![]));
    assert_eq!(of("8.53"), [(Rule::AfterDiscount, 1, "0.02000000".into())]);
}

#[test]
fn a_component_of_a_transaction_comes_once() {
    let other = [("ComponentName", "S6")];
    let later = [("UsageStartTime", "2021-03-05 01:00:00")];
    let reversal = [("TransactionType", "Pay-as-you-go reversal")];
    assert_eq!(found(&right().line(&[]).line(&other).line(&later).line(&reversal)), []);
    // Equal in every cell, in one CSV: the provider writes such lines.
    assert_eq!(found(&right().line(&[]).line(&[]).line(&[])), [(Rule::Repeated, 2, "16.96000000".into())]);
    let again = right().line(&[]).line(&[("Remark", "again"), ("TransactionID", "\t1 ")]);
    let report = Stored::of(&again).lint(&LintSettings::default());
    assert_eq!(brief(&report), [(Rule::Duplicate, 1, "8.48000000".into())]);
    let example = &report.findings[0].examples[0];
    let line = |origin: &Option<Origin>| origin.as_ref().unwrap().line;
    assert_eq!((line(&example.origin), line(&example.repeats)), (3, 2));
    assert_eq!(found(&right().line(&[("TransactionID", "-")]).line(&[("TransactionID", "-")])), []);
}

#[test]
fn the_same_line_in_another_file_is_a_duplicate() {
    let stored = Stored::of(&right().line(&[]));
    let adjustment = ImportRequest { mode: Some(ImportMode::Adjustment), ..ImportRequest::default() };
    let text = right().line(&[("TransactionID", "2")]).line(&[]).text;
    stored.import("adjustment.csv", &text, &adjustment).unwrap();
    let report = stored.lint(&LintSettings::default());
    assert_eq!(brief(&report), [(Rule::Duplicate, 1, "8.48000000".into())]);
    let example = &report.findings[0].examples[0];
    assert_eq!(
        example.to_string(),
        format!(
            "`adjustment.csv`, line 3: transaction, component, instance and start of usage are those of another \
             line (`{STEM}.csv`, line 2)"
        )
    );
}

#[test]
fn a_precision_difference_is_held_against_what_rounding_can_make() {
    let row = |owner: &'static str, amount: &'static str| {
        let mut cells: Vec<(&str, &str)> = RIGHT.iter().map(|(h, _)| (*h, "-")).collect();
        cells.retain(|(h, _)| !matches!(*h, "Currency" | "BillMonth"));
        for (header, cell) in &mut cells {
            match *header {
                "OwnerAccountID" => *cell = owner,
                "TransactionType" => *cell = "billVirtualId",
                "TotalCost" => *cell = amount,
                _ => {}
            }
        }
        cells
    };
    // 8.48 + 8.48000001, and the row brings it to cents.
    let sheet = || right().line(&[]).line(&[("TransactionID", "2"), ("TotalCost", "8.48000001")]);
    assert_eq!(found(&sheet().line(&row(PAYER, "-0.00000001"))), []);
    assert_eq!(found(&sheet().line(&row(PAYER, "0.00999999"))), []);
    assert_eq!(
        found(&sheet().line(&row(PAYER, "-0.00000002"))),
        [(Rule::PrecisionGap, 1, "0.00000001".into())]
    );
    assert_eq!(found(&sheet().line(&row(PAYER, "-0.69"))), [(Rule::Precision, 1, "0.69000000".into())]);
    assert_eq!(found(&sheet().line(&row(CUSTOMER, "-0.00000001"))), []);
    // Another account's row is not made by this one's lines.
    assert_eq!(
        found(&sheet().line(&row("200000009999", "0.01"))),
        [(Rule::Precision, 1, "0.01000000".into())]
    );
}

#[test]
fn accounts_and_months_below_zero_are_told() {
    let refund = [
        ("ComponentUsage", "-4"),
        ("OriginalCost", "-10"),
        ("TotalAmountAfterDiscount(ExcludingTax)", "-8.5"),
        ("VoucherDeduction", "-"),
        ("AmountBeforeTax", "-8.5"),
        ("TaxAmount", "-0.51"),
        ("TotalCost", "-9.01"),
        ("OwnerAccountID", "200000009999"),
        ("TransactionID", "9"),
    ];
    let account = (Rule::NegativeOwner, 1, "9.01000000".to_owned());
    assert_eq!(
        found(&right().line(&refund)),
        [account.clone(), (Rule::NegativeMonth, 1, "9.01000000".into())]
    );
    let euros = [("Currency", "EUR"), ("TransactionID", "2"), ("OwnerAccountID", "200000009999")];
    assert_eq!(
        found(&right().line(&refund).line(&[]).line(&[("TransactionID", "3")]).line(&euros)),
        [account]
    );
}

#[test]
fn known_accounts_and_contracts_are_held_against_lines() {
    let sheet = right()
        .line(&[])
        .line(&[("OwnerAccountID", PAYER), ("TransactionID", "2")])
        .line(&[("OwnerAccountID", "200000009999"), ("TransactionID", "3")])
        .line(&[("TransactionID", "4"), ("UsageStartTime", "2021-03-20 00:00:00")])
        .line(&[("TransactionID", "5"), ("ProductName", "COS"), ("UsageStartTime", "2021-03-20 00:00:00")]);
    let stored = Stored::of(&sheet);
    let known_accounts = BTreeSet::from([CUSTOMER.parse().unwrap()]);
    let report = stored.lint(&LintSettings { known_accounts, ..LintSettings::default() });
    assert_eq!(brief(&report), [(Rule::UnknownOwner, 1, "8.48000000".into())]);
    assert!(report.findings[0].examples[0].what.contains("200000009999"));
    let day = |n| Some(BillMonth::new(2021, 3).unwrap().day(n).unwrap());
    let contracts = |discount, from: Option<Day>| {
        let rate = Rate { discount: Amount::new(discount, 2), from, to: None };
        let uin = CUSTOMER.parse().unwrap();
        let contracts = vec![Contract { uin, product: "CVM".into(), rates: vec![rate] }];
        brief(&stored.lint(&LintSettings { contracts, ..LintSettings::default() }))
    };
    assert_eq!(contracts(85, None), []);
    assert_eq!(contracts(90, None), []);
    assert_eq!(contracts(80, None), [(Rule::Contract, 2, "1.00000000".into())]);
    assert_eq!(contracts(80, day(6)), [(Rule::Contract, 1, "0.50000000".into())]);
    assert_eq!(contracts(80, day(21)), []);
}

#[test]
fn a_strict_import_refuses_what_contradicts_itself_and_takes_what_is_only_odd() {
    let strict = ImportRequest { strict: true, ..ImportRequest::default() };
    let name = format!("{STEM}.csv");
    for changes in [("TotalCost", "9"), ("UsageStartTime", "2021-05-01 00:00:00"), ("Remark", "again")] {
        let stored = Stored::new();
        let text = right().line(&[]).line(&[changes]).text;
        let error = stored.import(&name, &text, &strict).unwrap_err();
        assert!(
            matches!(&error, ImportError::Lint { findings, .. } if findings.len() == 1 || changes.0 != "Remark")
        );
        assert!(error.to_string().contains("line 3"), "{error}");
        assert!(Bill::list(&stored.store.read().unwrap()).unwrap().is_empty());
        let dry = ImportRequest { dry_run: true, ..strict.clone() };
        assert!(stored.import(&name, &text, &dry).is_err());
    }
    let stored = Stored::new();
    stored.import(&name, &right().line(&[]).line(&[]).text, &strict).unwrap();
    assert_eq!(brief(&stored.lint(&LintSettings::default())), [(Rule::Repeated, 1, "8.48000000".into())]);
}

/// Rounds half up at 8 decimals what has 8 more than that.
fn at_8(value: i128) -> i128 {
    let unit = 100_000_000;
    let (whole, rest) = (value / unit, value % unit);
    whole + if rest.abs() * 2 >= unit { value.signum() } else { 0 }
}

fn text_at_8(value: i128) -> String {
    Amount::new(value, 8).to_string()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Lines as a provider makes them, with a total and a tax that are some units off.
    #[test]
    fn what_is_off_by_more_than_a_unit_is_found_to_the_last_digit(
        lines in proptest::collection::vec(
            (1_i128..10_i128.pow(12), -10_i128.pow(11)..10_i128.pow(11), 1..10_i128.pow(8), 0..8_i128, -3..=3_i128, -3..=3_i128),
            1..12,
        ),
    ) {
        let mut sheet = right();
        let (mut taxes, mut totals) = ((0, 0), (0, 0));
        for (number, (price, usage, discount, rate, tax_off, total_off)) in lines.iter().enumerate() {
            let original = at_8(price * usage);
            let after = at_8(original * discount);
            let tax = at_8(after * rate * 1_000_000);
            // Exactly half a unit may be rounded to either side, so from there nobody can say by how much a tax is off.
            let tax_off = if (after * rate).abs() % 100 == 50 { &0 } else { tax_off };
            let total = after + tax + total_off;
            let shown_tax = tax + tax_off;
            let cells = [
                ("TransactionID", number.to_string()),
                ("ComponentListPrice", text_at_8(*price)),
                ("ComponentUsage", text_at_8(*usage)),
                ("OriginalCost", text_at_8(original)),
                ("DiscountRate", text_at_8(*discount)),
                ("BlendedDiscountMultiplier", "-".to_owned()),
                ("TotalAmountAfterDiscount(ExcludingTax)", text_at_8(after)),
                ("VoucherDeduction", "-".to_owned()),
                ("AmountBeforeTax", text_at_8(after)),
                ("TaxRate", Amount::new(*rate, 2).to_string()),
                ("TaxAmount", text_at_8(shown_tax)),
                ("TotalCost", text_at_8(total)),
            ];
            let cells: Vec<(&str, &str)> = cells.iter().map(|(h, c)| (*h, c.as_str())).collect();
            sheet = sheet.line(&cells);
            for (sum, off) in [(&mut taxes, tax_off.abs()), (&mut totals, (total_off - tax_off).abs())] {
                if off > 1 {
                    *sum = (sum.0 + 1, sum.1 + off);
                }
            }
        }
        let want: Vec<_> = [(Rule::Tax, taxes), (Rule::Total, totals)]
            .into_iter()
            .filter(|(_, (count, _))| *count > 0)
            .map(|(rule, (count, off))| (rule, count, text_at_8(off)))
            .collect();
        let mut got = found(&sheet);
        got.retain(|(rule, ..)| !matches!(rule, Rule::NegativeOwner | Rule::NegativeMonth));
        prop_assert_eq!(got, want);
    }

    #[test]
    fn threads_and_bounds_do_not_matter(
        ids in proptest::collection::vec((0..6_u8, 0..3_u8, 0..4_u8), 1..40),
    ) {
        let mut sheet = right();
        for (id, remark, total) in &ids {
            let (id, remark, total) = (id.to_string(), remark.to_string(), format!("8.4{total}"));
            sheet = sheet.line(&[("TransactionID", &id), ("Remark", &remark), ("TotalCost", &total)]);
        }
        let stored = Stored::of(&sheet);
        let (reader, view) = (stored.store.read().unwrap(), stored.view());
        let settings = LintSettings::default();
        let want = view.lint(&reader, &LintSettings { threads: 1, ..settings.clone() }).unwrap();
        prop_assert_eq!(&view.lint(&reader, &LintSettings { threads: 4, ..settings.clone() }).unwrap(), &want);
        prop_assert_eq!(&lint_alone(&reader, &view, &settings).unwrap(), &want);
        let bounds = DuplicateBounds { keys_max: 3, lines_max: 2 };
        let drive = Threads { store: &reader, threads: 2 };
        prop_assert_eq!(&examine(&drive, &view, &settings, bounds).unwrap(), &want);
        // All but one of each id are duplicates, or repeated where all of an id are equal.
        let too_many: u64 = want
            .findings
            .iter()
            .filter(|f| matches!(f.rule, Rule::Duplicate | Rule::Repeated))
            .map(|f| f.count)
            .sum();
        let distinct: BTreeSet<u8> = ids.iter().map(|(id, ..)| *id).collect();
        prop_assert_eq!(too_many, (ids.len() - distinct.len()) as u64);
    }

    /// The text is written beside the lines that are expected.
    #[test]
    fn a_line_is_told_by_the_line_of_text_on_which_it_begins(
        remarks in proptest::collection::vec("[a\n\r,\"]{0,4}", 1..40),
        wrong in any::<proptest::sample::Index>(),
    ) {
        let wrong = wrong.index(remarks.len());
        let (mut sheet, mut line) = (right(), 0);
        for (number, remark) in remarks.iter().enumerate() {
            // A lone CR outside of quotes ends a record for readers of CSV.
            let remark = remark.replace('\r', "");
            if number == wrong {
                line = sheet.text.matches('\n').count() + 1;
            }
            let id = number.to_string();
            let total = if number == wrong { "9" } else { "8.48" };
            let day = format!("2021-03-{:02} 00:00:00", 31 - number % 31);
            sheet = sheet.line(&[
                ("TransactionID", &id),
                ("TotalCost", total),
                ("Remark", &remark),
                ("UsageStartTime", &day),
            ]);
        }
        let report = Stored::of(&sheet).lint(&LintSettings::default());
        let origin = report.findings[0].examples[0].origin.clone().unwrap();
        prop_assert_eq!(origin.line, line as u64);
        prop_assert_eq!(origin.record, wrong as u64 + 1);
        prop_assert_eq!(origin.id.line, wrong as u64 + 1);
        prop_assert_eq!(origin.entry, None);
    }
}

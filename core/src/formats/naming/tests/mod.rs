use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::values::period::{Basis, BillMonth, Coverage, Day, TimeZone};
use crate::values::uin::Uin;

mod hostile;
mod profiles;

/// Tencent Cloud's file name sample.
const SAMPLE: &str =
    "100010445724-2021-03--by_used_time-bill-details-consolidated_bill-61121cbd9017a16285769571173521960.zip";
const SAMPLE_ID: &str = "61121cbd9017a16285769571173521960";

/// What exports were before they had shapes.
fn plain(uin: Uin, kind: BillKind, basis: Basis, coverage: Coverage, id: ExportId) -> ExportName {
    let (shape, per, scope) = (Shape::L3, Per::Consolidated, ScopeWord::Payer);
    ExportName { uin, payer: uin, kind, basis, coverage, shape, per, scope, id }
}

fn uin(text: &str) -> Uin {
    text.parse().unwrap()
}

fn month(text: &str) -> BillMonth {
    text.parse().unwrap()
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// Writes a parsed name in one line: what the name says, `-` where it says nothing.
fn said(file_name: &str) -> String {
    let Some(name) = ParsedName::parse(file_name) else { return "none".to_owned() };
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    format!(
        "{:?} {} {} {} {} {} {:?}",
        name.form,
        or_dash(name.uin.map(|u| u.to_string())),
        name.day.map_or_else(|| or_dash(name.month.map(|m| m.to_string())), |d| d.to_string()),
        or_dash(name.basis.map(|b| b.to_string())),
        or_dash(name.level.map(|l| format!("L{l}"))),
        or_dash(name.id),
        name.ending,
    )
}

#[test]
fn every_name_of_the_table_says_what_it_holds() {
    let table = [
        (SAMPLE, "ConsolidatedMonth 100010445724 2021-03 used - 61121cbd9017a16285769571173521960 Zip"),
        (
            "100010445724-2021-04-04-by_pay_time-bill-details-consolidated_bill-606aa0800000a16176382720000000000.zip",
            "ConsolidatedDaily 100010445724 2021-04-04 paid - 606aa0800000a16176382720000000000 Zip",
        ),
        ("200020475883-20210810-bill_details.zip", "DetailsDaily 200020475883 2021-08-10 - - - Zip"),
        (
            "200018967974-202201-by_used_time-bill_details.zip",
            "DetailsMonth 200018967974 2022-01 used - - Zip",
        ),
        (
            "100010445724-20241208-by_used_time-bill_details.zip",
            "DetailsDaily 100010445724 2024-12-08 used - - Zip",
        ),
        ("100010445724-202411-by_used_time-bill_pack.zip", "Pack 100010445724 2024-11 used - - Zip"),
        ("100010445724-202411-按扣费周期-明细账单.zip", "DetailsMonth 100010445724 2024-11 paid - - Zip"),
        (
            "100010445724-20241130-按扣费周期-明细账单.zip",
            "DetailsDaily 100010445724 2024-11-30 paid - - Zip",
        ),
        ("100047070895-20260430-分账报表-明细账单.zip", "CostAllocation 100047070895 2026-04-30 - - - Zip"),
        (
            "100010445724-20251209-by_used_time-FOCUS-Bill Details.zip",
            "Focus 100010445724 2025-12-09 used - - Zip",
        ),
        ("FOCUS-bill_details-200020002001-20251209.CSV", "Focus 200020002001 2025-12-09 - - - Csv"),
        ("FOCUS-bill_details-200020002001-202512.CSV", "Focus 200020002001 2025-12 - - - Csv"),
        (
            "L2-bill_by_Instance-800000425835-202412-xx-test.csv",
            "CustomerDownload 800000425835 2024-12 - L2 - Csv",
        ),
        (
            "L3-bill_details-800001608331-202412-xxx-test.csv",
            "CustomerDownload 800001608331 2024-12 - L3 - Csv",
        ),
        (
            "L2-bill_by_Instance-800000950266-AllCustomersBills-202411-xxx-test.zip",
            "AllCustomersDownload 800000950266 2024-11 - L2 - Zip",
        ),
        (
            "L3-bill_details-800000950266-AllCustomersBills-202411-xxx-test.zip",
            "AllCustomersDownload 800000950266 2024-11 - L3 - Zip",
        ),
        (
            "L2-bill_by_Instance-800000950266-AllResellersBills-202411-xxx-test.zip",
            "AllResellersDownload 800000950266 2024-11 - L2 - Zip",
        ),
        (
            "L3-bill_details-800000950266-AllResellersBills-202411-xxx-test.zip",
            "AllResellersDownload 800000950266 2024-11 - L3 - Zip",
        ),
    ];
    for (file_name, expected) in table {
        assert_eq!(said(file_name), expected, "{file_name}");

        let (stem, ending) = file_name.rsplit_once('.').unwrap();
        for copy in [
            "",
            " (1)",
            "(12)",
            "（1）",
            " - Copy",
            " - Copy (2)",
            " copy",
            " copy 2",
            " - 副本",
            " - 副本 (3)",
            "的副本",
            "的副本 2",
        ] {
            assert_eq!(said(&format!("{stem}{copy}.{ending}")), expected, "{stem}{copy}");
            assert_eq!(said(&format!("{stem}.{ending}{copy}")), expected, "{stem}.{ending}{copy}");
            assert_eq!(said(&format!("{stem}{copy}.{ending}.{ending}")), expected, "{stem}{copy}");
            assert_eq!(said(&format!("{stem}{copy}.{ending}.gz")), expected, "{stem}{copy}.{ending}.gz");
        }
        for copy in ["Copy of ", "副本 ", "复件 "] {
            assert_eq!(said(&format!("{copy}{stem}.{ending}")), expected, "{copy}{stem}");
        }
        for other in ["zip", "ZIP", "csv", "Csv"] {
            let (what, _) = expected.rsplit_once(' ').unwrap();
            let ending = if other.eq_ignore_ascii_case("zip") { "Zip" } else { "Csv" };
            assert_eq!(said(&format!("{stem}.{other}")), format!("{what} {ending}"), "{stem}.{other}");
        }
    }
}

#[test]
fn our_monthly_name_is_read_with_its_id() {
    assert_eq!(
        said(&format!("100010445724-202103-by_used_time-bill_details-{SAMPLE_ID}.zip")),
        format!("DetailsMonth 100010445724 2021-03 used - {SAMPLE_ID} Zip"),
    );
}

#[test]
fn a_download_needs_no_note_and_takes_any() {
    let expected = "CustomerDownload 800000425835 2024-12 - L2 - Csv";
    for note in ["", "-", "-客户 甲, Ltd.", "-a.b", "-202501"] {
        assert_eq!(said(&format!("L2-bill_by_Instance-800000425835-202412{note}.csv")), expected, "{note}");
    }
}

#[test]
fn every_other_name_says_nothing() {
    let others = [
        "",
        ".",
        ".zip",
        "-.zip",
        "bill.csv",
        "()",
        "(1).zip",
        // No ending, another one, one too many, or a folder.
        "200020475883-20210810-bill_details",
        "200020475883-20210810-bill_details.xlsx",
        "200020475883-20210810-bill_details.expected.csv",
        "200020475883-20210810-bill_details.zip.part",
        "bills/200020475883-20210810-bill_details.zip",
        "L3-bill_details-800001608331-202412-a/b.csv",
        "L3-bill_details-800001608331-202412-a\\b.csv",
        // Days and months that there are not.
        "200020475883-20210230-bill_details.zip",
        "200020475883-20210800-bill_details.zip",
        "200020475883-202113-bill_details.zip",
        "200020475883-196912-bill_details.zip",
        "200020475883-2021081-bill_details.zip",
        "200020475883-202108100-bill_details.zip",
        "200020475883-202108+1-bill_details.zip",
        "200020475883-2021-08-bill_details.zip",
        "100010445724-2021-02-29-by_used_time-bill-details-consolidated_bill-x.zip",
        "100010445724-2021-02-1-by_used_time-bill-details-consolidated_bill-x.zip",
        "100010445724-202102--by_used_time-bill-details-consolidated_bill-x.zip",
        "L3-bill_details-800001608331-20241201-x.csv",
        "FOCUS-bill_details-200020002001-20250229.CSV",
        "FOCUS-bill_details-200020002001-20251209-x.CSV",
        // UINs that there are not.
        "20002047-20210810-bill_details.zip",
        "2000204758831-20210810-bill_details.zip",
        "FOCUS-bill_details-x-20251209.CSV",
        // Words that no form has, or not there.
        "200020475883-20210810-by_time-bill_details.zip",
        "200020475883-20210810-by_used_time-bill_detail.zip",
        "200020475883-20210810-by_used_time.zip",
        "200020475883-20210810-by_used_time-bill_pack.zip",
        "200020475883-202108-by_used_time-FOCUS-Bill Details.zip",
        "200020475883-202108-分账报表-明细账单.zip",
        "200020475883-202108-明细账单.zip",
        "L2-bill_details-800001608331-202412-x.csv",
        "L3-bill_by_Instance-800001608331-202412-x.csv",
        "L1-bill_details-800001608331-202412-x.csv",
        "L3-bill_details-800001608331-AllBills-202412-x.csv",
        // Ids that there are not, or where none belongs.
        "100010445724-2021-03--by_used_time-bill-details-consolidated_bill-.zip",
        "100010445724-2021-03--by_used_time-bill-details-consolidated_bill-a-b.zip",
        "100010445724-2021-03--by_used_time-bill-details-consolidated_bill.zip",
        "100010445724-202103-by_used_time-bill_details-.zip",
        "100010445724-202103-by_used_time-bill_details-61121cbd9017a16285769581173521960.zip",
        "100010445724-202103-bill_details-61121cbd9017a16285769571173521960.zip",
        "100010445724-20210301-bill_details-61121cbd9017a16285769571173521960.zip",
        // Marks that no browser writes.
        "200020475883-20210810-bill_details ().zip",
        "200020475883-20210810-bill_details (one).zip",
        "200020475883-20210810-bill_details  (1).zip",
    ];
    for file_name in others {
        assert_eq!(said(file_name), "none", "{file_name}");
    }
}

#[test]
fn the_providers_sample_renders_and_its_id_is_a_moment_in_august() {
    let name = ExportName {
        uin: uin("100010445724"),
        payer: uin("100010445724"),
        kind: BillKind::Reseller,
        basis: Basis::Used,
        coverage: Coverage::month(month("2021-03")),
        shape: Shape::L3,
        per: Per::Consolidated,
        scope: ScopeWord::Customers,
        id: parse_id(SAMPLE_ID).unwrap(),
    };
    assert_eq!(format!("{}.zip", name.stem()), SAMPLE);

    let id = parse_id(SAMPLE_ID).unwrap();
    assert_eq!(id, ExportId { unix_s: 1_628_576_957, micros: 0x9017a, digits: 1_173_521_960 });
    assert_eq!(id.to_string(), SAMPLE_ID);
    assert_eq!(TimeZone::CHINA.day_at(i64::from(id.unix_s)), Some(day("2021-08-10")));
}

#[test]
fn daily_and_monthly_exports_have_names_of_their_own() {
    let name = |kind, basis, coverage| {
        plain(uin("909619400"), kind, basis, coverage, parse_id(SAMPLE_ID).unwrap()).stem()
    };
    assert_eq!(
        name(BillKind::Daily, Basis::Used, Coverage::month_to_date(day("2021-04-04"))),
        format!("909619400-2021-04-04-by_used_time-bill-details-consolidated_bill-{SAMPLE_ID}"),
    );
    assert_eq!(
        name(BillKind::Monthly, Basis::Used, Coverage::month(month("2021-03"))),
        format!("909619400-202103-by_used_time-bill_details-{SAMPLE_ID}"),
    );
    assert_eq!(
        name(BillKind::Monthly, Basis::Paid, Coverage::month(month("2021-12"))),
        format!("909619400-202112-by_pay_time-bill_details-{SAMPLE_ID}"),
    );
}

#[test]
fn an_id_holds_the_moment_after_the_coverage_and_the_content() {
    // 2021-04-01 00:00 in +08:00 is 2021-03-31 16:00 UTC.
    let march = Coverage::month(month("2021-03"));
    assert_eq!(
        ExportId::of(&[0; 32], march, TimeZone::CHINA).to_string(),
        "60649c80".to_owned() + "00000" + "1617206400" + "0000000000"
    );
    // 2^32 - 1 = 967,295 mod 10^6; 2^64 - 1 = 3,709,551,615 mod 10^10.
    assert_eq!(
        ExportId::of(&[0xff; 32], march, "+00:00".parse().unwrap()).to_string(),
        "60650d00".to_owned() + "ec27f" + "1617235200" + "3709551615",
    );
}

#[test]
fn the_first_and_the_last_moment_fit_an_id() {
    for (first_or_last, zone) in [
        ("1970-01-01", "+23:59"),
        ("1970-01-01", "-23:59"),
        ("2105-12-31", "+23:59"),
        ("2105-12-31", "-23:59"),
    ] {
        let zone: TimeZone = zone.parse().unwrap();
        let coverage = Coverage::month_to_date(day(first_or_last));
        let id = ExportId::of(&[7; 32], coverage, zone);
        // The second before belongs to the last day covered.
        assert_eq!(zone.day_at(i64::from(id.unix_s) - 1), Some(coverage.last));
    }
    // Beyond what a bill can have, an id is still an id.
    for year in [-262_000, 1, 262_000] {
        let coverage = Coverage::month_to_date(Day::new(year, 1, 1).unwrap());
        let id = ExportId::of(&[7; 32], coverage, TimeZone::CHINA);
        assert_eq!(parse_id(&id.to_string()), Some(id), "{year}");
    }
}

#[test]
fn an_id_of_another_form_is_refused() {
    let ids = [
        "",
        "61121cbd9017a1628576957117352196",
        "61121cbd9017a162857695711735219600",
        "61121cbd9017a16285769581173521960",
        "61121CBD9017A16285769571173521960",
        "61121cbdf424016285769571173521960",
        "+1121cbd9017a16285769571173521960",
        "61121cbd9017a1628576957+173521960",
        "61121cbd9017a1628576957-173521960",
        "é1121cbd9017a1628576957117352196",
    ];
    for id in ids {
        assert_eq!(parse_id(id), None, "{id}");
    }
}

/// A day that a bill can have.
fn any_day() -> impl Strategy<Value = Day> {
    let last = day("2105-12-31").epoch_days();
    (0..=last).prop_map(|days| Day::from_epoch_days(days).unwrap())
}

fn any_zone() -> impl Strategy<Value = TimeZone> {
    proptest::sample::select(&["+08:00", "+00:00", "-03:30", "+14:00", "-12:00"][..])
        .prop_map(|text| text.parse().unwrap())
}

fn any_name() -> impl Strategy<Value = ExportName> {
    let uins = 100_000_000_u64..1_000_000_000_000;
    let kinds = proptest::sample::select(&BillKind::ALL[..]);
    let bases = proptest::sample::select(&[Basis::Used, Basis::Paid][..]);
    (uins, kinds, bases, any_day(), any::<[u8; 32]>(), any_zone()).prop_map(
        |(uin, kind, basis, day, content, zone)| {
            let coverage = match kind {
                BillKind::Daily => Coverage::month_to_date(day),
                BillKind::Monthly | BillKind::Reseller => Coverage::month(day.month()),
            };
            let id = ExportId::of(&content, coverage, zone);
            plain(uin.to_string().parse().unwrap(), kind, basis, coverage, id)
        },
    )
}

/// Makes the export's name of what was parsed, by the forms that we write.
fn exported(name: ParsedName) -> Option<ExportName> {
    let (kind, coverage) = match (name.form, name.day) {
        (NameForm::ConsolidatedDaily, Some(day)) => (BillKind::Daily, Coverage::month_to_date(day)),
        (NameForm::ConsolidatedMonth, None) => (BillKind::Reseller, Coverage::month(name.month?)),
        (NameForm::DetailsMonth, None) => (BillKind::Monthly, Coverage::month(name.month?)),
        _ => return None,
    };
    Some(plain(name.uin?, kind, name.basis?, coverage, parse_id(&name.id?)?))
}

proptest! {
    #[test]
    fn what_is_rendered_is_parsed_back(name in any_name(), mark in "| \\([1-9]\\)") {
        let parsed = ParsedName::parse(&format!("{}{mark}.zip", name.stem()));
        prop_assert_eq!(parsed.and_then(exported), Some(name));
    }

    #[test]
    fn equal_content_has_an_equal_id_and_different_content_another(
        contents in proptest::collection::btree_set(any::<[u8; 32]>(), 1..20),
        last in any_day(),
        zone in any_zone(),
    ) {
        let coverage = Coverage::month_to_date(last);
        let ids: BTreeSet<_> = contents.iter().map(|content| ExportId::of(content, coverage, zone)).collect();
        prop_assert_eq!(ids.len(), contents.len());
        for (content, id) in contents.iter().map(|content| (content, ExportId::of(content, coverage, zone))) {
            prop_assert_eq!(id.to_string().len(), 33);
            prop_assert_eq!(parse_id(&id.to_string()), Some(id));
            prop_assert_eq!(ExportId::of(content, coverage, zone), id);
        }
    }

    #[test]
    fn ids_are_read_back(unix_s: u32, micros in 0..1_000_000_u32, digits in 0..10_000_000_000_u64) {
        let id = ExportId { unix_s, micros, digits };
        prop_assert_eq!(parse_id(&id.to_string()), Some(id));
    }

    #[test]
    fn garbage_is_none_or_a_name_and_never_a_panic(
        text in "\\PC*",
        pieces in proptest::collection::vec(
            proptest::sample::select(&[
                "-", "--", "100010445724", "2021", "03", "202103", "20210331", "by_used_time", "bill_details",
                "bill-details-consolidated_bill", "按扣费周期", "明细账单", "分账报表", "FOCUS", "L2", "L3", "账",
                "bill_by_Instance", "AllCustomersBills", " (1)", "(", ")", ".zip", ".csv", "61121cbd9017a", "é",
            ][..]),
            0..12,
        ),
    ) {
        for text in [text.clone(), pieces.concat(), format!("{}{text}.zip", pieces.concat())] {
            let _ = ParsedName::parse(&text);
            let _ = parse_id(&text);
        }
    }
}

use super::*;
use crate::values::digest::Digest;
use crate::values::period::Coverage;

const DEFAULT: &Profile = &Profile::SEED_2021;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn digest(of: u8) -> Digest {
    let mut digest = Digest::EMPTY;
    digest.add_line(&[of; 32]);
    digest
}

/// A file that is part of revision 1, the current one of [`bill`].
fn file(load: u64, mode: ImportMode, days: &str) -> ReceivedFile {
    let coverage = days.split_once("..").map(|(first, last)| Coverage { first: day(first), last: day(last) });
    let (name, digest) = (format!("{mode}-{load}.csv"), digest(load as u8));
    ReceivedFile { load, name, mode, coverage, digest, last_revision: 1, days: Vec::new() }
}

fn bill(month: &str, basis: Basis, state: BillState, files: Vec<ReceivedFile>) -> BillFiles {
    BillFiles { month: month.parse().unwrap(), basis, state, revision: 1, files, pending: Vec::new() }
}

fn whole(month: &str, basis: Basis) -> BillFiles {
    let month_days = Coverage::month(month.parse().unwrap()).to_string();
    bill(month, basis, BillState::Issued, vec![file(1, ImportMode::Monthly, &month_days)])
}

fn open(month: &str, days: &[&str]) -> BillFiles {
    let mode = if days.len() == 1 { ImportMode::Cumulative } else { ImportMode::Day };
    let files = (1..).zip(days).map(|(load, days)| file(load, mode, days)).collect();
    bill(month, Basis::Used, BillState::Open, files)
}

/// What is told on a day: month, basis, through which day lines are expected, the verdict and its days.
fn told(on: &str, bills: &[BillFiles]) -> Vec<String> {
    let one = |e: &Expectation| {
        let days = match &e.verdict {
            Verdict::Late { days } => format!(" {days}"),
            Verdict::Missing { days } => format!(" {}", Day::ranges(days)),
            _ => String::new(),
        };
        format!("{} {} {} {} {}{days}", e.month, e.basis, e.kind, e.last_day, e.verdict.word())
    };
    Expectation::list(DEFAULT, day(on), bills).iter().map(one).collect()
}

#[test]
fn what_has_come_has_arrived_with_the_files_name() {
    let bills = [whole("2021-03", Basis::Used), open("2021-04", &["2021-04-01..2021-04-04"])];
    let rows = Expectation::list(DEFAULT, day("2021-04-06"), &bills);
    let told: Vec<_> = rows.iter().map(|e| (e.kind, e.due, e.last_day, e.verdict.clone())).collect();
    let arrived = |name: &str| Verdict::Arrived { file: Some(name.to_owned()) };
    assert_eq!(
        told,
        [
            (BillKind::Monthly, day("2021-04-02"), day("2021-03-31"), arrived("monthly-1.csv")),
            (BillKind::Daily, day("2021-04-06"), day("2021-04-04"), arrived("cumulative-1.csv")),
        ]
    );
    assert_eq!(Expectation::list(DEFAULT, day("2021-04-06"), &[]), []);
    assert_eq!(Expectation::list(DEFAULT, day("2021-03-02"), &bills), []);
}

#[test]
fn a_month_is_expected_to_date_until_the_calendar_brings_it_whole() {
    let bills = [open("2021-03", &["2021-03-01..2021-03-30"])];
    assert_eq!(told("2021-04-01", &bills), ["2021-03 used daily 2021-03-30 arrived"]);
    assert_eq!(told("2021-04-02", &bills), ["2021-03 used monthly 2021-03-31 due"]);
    let [march, april] = &told("2021-04-05", &bills)[..] else { panic!() };
    assert_eq!(march, "2021-03 used monthly 2021-03-31 late 3");
    assert_eq!(april, "2021-04 used daily 2021-04-03 late 2");
    // The calendar decides: a day less behind.
    let rows = Expectation::list(&Profile::CURRENT_2024, day("2021-03-06"), &bills);
    assert_eq!(rows[0].last_day, day("2021-03-05"));
}

#[test]
fn what_lacks_is_due_on_its_day_and_late_from_the_next_on() {
    let bills = [open("2021-04", &["2021-04-01..2021-04-03"])];
    assert_eq!(told("2021-04-05", &bills), ["2021-04 used daily 2021-04-03 arrived"]);
    assert_eq!(told("2021-04-06", &bills), ["2021-04 used daily 2021-04-04 due"]);
    assert_eq!(told("2021-04-07", &bills), ["2021-04 used daily 2021-04-05 late 1"]);
    assert_eq!(told("2021-04-16", &bills), ["2021-04 used daily 2021-04-14 late 10"]);
    assert_eq!(Expectation::list(DEFAULT, day("2021-04-16"), &bills)[0].due, day("2021-04-06"));
}

#[test]
fn what_was_passed_over_is_missing_in_a_month_and_between_months() {
    let one = |d: u32| format!("2021-04-{d:02}..2021-04-{d:02}");
    let days = [1, 2, 4, 7].map(one);
    let bills = [open("2021-04", &days.each_ref().map(String::as_str))];
    assert_eq!(
        told("2021-04-10", &bills),
        [
            "2021-04 used daily 2021-04-08 missing 2021-04-03, 2021-04-05..2021-04-06",
            "2021-04 used daily 2021-04-08 due"
        ]
    );
    assert_eq!(Expectation::list(DEFAULT, day("2021-04-10"), &bills)[0].through, Some(day("2021-04-02")));
    let bills = [
        whole("2021-02", Basis::Used),
        open("2021-03", &["2021-03-01..2021-03-29"]),
        open("2021-05", &["2021-05-01..2021-05-08"]),
    ];
    assert_eq!(
        told("2021-05-10", &bills),
        [
            "2021-02 used monthly 2021-02-28 arrived",
            "2021-03 used monthly 2021-03-31 missing 2021-03-30..2021-03-31",
            "2021-04 used monthly 2021-04-30 missing 2021-04-01..2021-04-30",
            "2021-05 used daily 2021-05-08 arrived",
        ]
    );
}

#[test]
fn a_month_that_somebody_declared_complete_lacks_nothing() {
    let mut march = open("2021-03", &["2021-03-01..2021-03-29"]);
    march.state = BillState::Issued;
    let rows = Expectation::list(DEFAULT, day("2021-04-02"), &[march]);
    assert_eq!(rows[0].verdict, Verdict::Arrived { file: None });
    assert_eq!(rows[0].through, Some(day("2021-03-29")));
}

#[test]
fn a_month_by_the_other_basis_alone_is_told_and_both_are_kept_where_a_month_has_both() {
    let (used, paid) = (Basis::Used, Basis::Paid);
    let bills = [whole("2021-01", used), whole("2021-02", paid), whole("2021-03", used)];
    assert_eq!(told("2021-04-02", &bills)[1], "2021-02 used monthly 2021-02-28 wrong-basis");
    assert_eq!(told("2021-04-02", &bills).len(), 3);
    let bills = [whole("2021-01", used), whole("2021-02", paid), whole("2021-03", paid)];
    assert_eq!(told("2021-04-02", &bills)[0], "2021-01 paid monthly 2021-01-31 wrong-basis");
    let bills = [whole("2021-02", used), whole("2021-03", paid)];
    assert_eq!(told("2021-04-02", &bills)[1], "2021-03 used monthly 2021-03-31 wrong-basis");
    // With both, each is expected from its own first month on, and one that is not there is missing.
    let bills = [
        whole("2021-01", used),
        whole("2021-02", used),
        whole("2021-02", paid),
        whole("2021-03", paid),
        whole("2021-04", used),
    ];
    assert_eq!(
        told("2021-04-02", &bills),
        [
            "2021-01 used monthly 2021-01-31 arrived",
            "2021-02 used monthly 2021-02-28 arrived",
            "2021-02 paid monthly 2021-02-28 arrived",
            "2021-03 used monthly 2021-03-31 missing 2021-03-01..2021-03-31",
            "2021-03 paid monthly 2021-03-31 arrived",
        ]
    );
}

/// What is told of March on April 2, beside its arrival.
fn doubles_of(state: BillState, files: Vec<ReceivedFile>) -> Vec<Verdict> {
    let mut bill = bill("2021-03", Basis::Used, state, files);
    bill.revision = 2;
    let rows = Expectation::list(DEFAULT, day("2021-04-02"), &[bill]);
    assert_eq!(rows[0].verdict.word(), "arrived");
    rows.into_iter().skip(1).map(|e| e.verdict).collect()
}

#[test]
fn another_file_of_the_same_days_is_told_until_the_bill_is_confirmed() {
    let march = "2021-03-01..2021-03-31";
    let now = |load| ReceivedFile { last_revision: 2, ..file(load, ImportMode::Cumulative, march) };
    let replaced = Verdict::Double(Double::Replaced {
        file: "cumulative-2.csv".into(),
        earlier: "cumulative-1.csv".into(),
        revision: 1,
    });
    let twice = || vec![file(1, ImportMode::Cumulative, march), now(2)];
    assert_eq!(doubles_of(BillState::Issued, twice()), [replaced]);
    assert_eq!(doubles_of(BillState::Confirmed, twice()), []);
    // That a month grows is how it should be.
    let grown = vec![file(1, ImportMode::Cumulative, "2021-03-01..2021-03-30"), now(2)];
    assert_eq!(doubles_of(BillState::Issued, grown), []);
}

#[test]
fn an_adjustment_with_the_lines_of_a_day_that_is_in_is_told_even_of_a_confirmed_bill() {
    let at = |d: u32| day(&format!("2021-03-{d:02}"));
    let now = |load, mode, coverage, days: &[(u32, u8)]| ReceivedFile {
        last_revision: 2,
        days: days.iter().map(|(d, of)| (at(*d), digest(*of))).collect(),
        ..file(load, mode, coverage)
    };
    let month = now(1, ImportMode::Monthly, "2021-03-01..2021-03-31", &[(1, 7), (2, 8), (3, 9)]);
    let again = now(2, ImportMode::Adjustment, "", &[(2, 8), (3, 9), (4, 1)]);
    let other = now(3, ImportMode::Adjustment, "", &[(1, 8), (5, 9)]);
    let twice = Verdict::Double(Double::Twice {
        file: "adjustment-2.csv".into(),
        other: "monthly-1.csv".into(),
        days: vec![at(2), at(3)],
    });
    assert_eq!(twice.to_string().matches("2021-03-02..2021-03-03").count(), 1);
    for state in [BillState::Issued, BillState::Confirmed] {
        let found = doubles_of(state, vec![month.clone(), again.clone(), other.clone()]);
        assert_eq!(found, std::slice::from_ref(&twice));
    }
}

#[test]
fn a_day_whose_file_waits_for_a_decision_is_pending_and_not_late() {
    let mut bill = open("2021-04", &["2021-04-01..2021-04-04"]);
    let coverage = Some(Coverage { first: day("2021-04-01"), last: day("2021-04-06") });
    bill.pending.push(PendingFile { number: 3, name: "cut.csv".into(), coverage });
    let bills = [bill];
    // Through the 6th everything has come; what lacks afterwards is late as usual.
    assert_eq!(told("2021-04-08", &bills), ["2021-04 used daily 2021-04-06 pending"]);
    let later = ["2021-04 used daily 2021-04-08 pending", "2021-04 used daily 2021-04-08 late 1"];
    assert_eq!(told("2021-04-10", &bills), later);
}

use super::*;
use proptest::prelude::*;

use crate::deliveries::calendar::{Calendars, Moment};

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn daily(profile: &Profile, on: &str) -> String {
    profile.asked(day(on))[0].slot.coverage.to_string()
}

fn kinds(profile: &Profile, on: &str) -> Vec<BillKind> {
    profile.asked(day(on)).iter().map(|a| a.slot.kind).collect()
}

#[test]
fn the_examples_of_2021_hold() {
    // The examples of docs/DOMAIN.md#calendars.
    let first = &Profile::SEED_2021;
    assert_eq!(daily(first, "2021-04-06"), "2021-04-01..2021-04-04");
    assert_eq!(daily(first, "2021-04-08"), "2021-04-01..2021-04-06");
    assert_eq!(daily(first, "2021-04-01"), "2021-03-01..2021-03-30");
    assert_eq!(daily(first, "2021-04-02"), "2021-03-01..2021-03-31");
    assert_eq!(kinds(first, "2021-04-01"), [BillKind::Daily]);
    assert_eq!(kinds(first, "2021-04-02"), [BillKind::Daily, BillKind::Monthly]);
    assert_eq!(kinds(first, "2021-04-08"), [BillKind::Daily, BillKind::Monthly]);
    assert_eq!(kinds(first, "2021-04-09"), [BillKind::Daily, BillKind::Monthly, BillKind::Reseller]);
}

#[test]
fn the_newer_calendar_lies_one_day_behind_and_comes_late_on_the_first() {
    // The later calendar of docs/DOMAIN.md#calendars.
    let current = &Profile::CURRENT_2024;
    assert_eq!(daily(current, "2021-04-06"), "2021-04-01..2021-04-05");
    let from = |on: &str| current.asked(day(on))[0].from.to_string();
    assert_eq!([from("2021-04-01"), from("2021-04-02")], ["20:00", "03:00"]);
    assert_eq!(kinds(current, "2021-04-04"), [BillKind::Daily, BillKind::Monthly]);
    assert_eq!(kinds(current, "2021-04-05"), [BillKind::Daily, BillKind::Monthly, BillKind::Reseller]);
}

/// Days as (year, month, day), counted by hand: a running list, leap years by the Gregorian rule.
fn counted(from: i32, to: i32) -> Vec<(i32, u32, u32)> {
    let leap = |y: i32| (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    let mut days = Vec::new();
    for year in from..=to {
        for (i, length) in [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter().enumerate() {
            let length = if i == 1 && leap(year) { 29 } else { length };
            days.extend((1..=length).map(|d| (year, i as u32 + 1, d)));
        }
    }
    days
}

#[test]
fn coverage_of_every_day_of_2020_to_2030_equals_an_independent_count() {
    let days = counted(2019, 2030);
    let text = |(y, m, d): (i32, u32, u32)| format!("{y:04}-{m:02}-{d:02}");
    let mut checked = 0;
    for basis in [Basis::Used, Basis::Paid] {
        for (profile, lag, resellers) in [(Profile::SEED_2021, 2, 9), (Profile::CURRENT_2024, 1, 5)] {
            let profile = Profile { basis, ..profile };
            for (at, today) in days.iter().enumerate().filter(|(_, (y, ..))| *y >= 2020) {
                let (y, m, d) = *today;
                let last = days[at - lag];
                let mut want = vec![format!("daily {}..{}", text((last.0, last.1, 1)), text(last))];
                // The day before the first of this month is the last of the month before.
                let end = days[at - d as usize];
                let month = format!("{}..{}", text((end.0, end.1, 1)), text(end));
                want.extend((d >= 2).then(|| format!("monthly {month}")));
                want.extend((d >= resellers).then(|| format!("reseller {month}")));
                let asked = profile.asked(Day::new(y, m, d).unwrap());
                let got: Vec<String> =
                    asked.iter().map(|a| format!("{} {}", a.slot.kind, a.slot.coverage)).collect();
                assert_eq!(got, want, "{}, {basis}, {}", profile.name, text(*today));
                checked += 1;
            }
        }
    }
    // 11 years, of which 2020, 2024 and 2028 have a day more.
    assert_eq!(checked, 2 * 2 * (11 * 365 + 3));
}

#[test]
fn a_day_that_a_month_lacks_is_its_last() {
    let profile = Profile { monthly_day: 31, reseller_day: 30, ..Profile::SEED_2021 };
    let due = |kind, month: &str| profile.due_day(kind, month.parse().unwrap()).unwrap().to_string();
    assert_eq!(due(BillKind::Monthly, "2021-03"), "2021-04-30");
    assert_eq!(due(BillKind::Monthly, "2021-04"), "2021-05-31");
    assert_eq!(due(BillKind::Monthly, "2021-01"), "2021-02-28");
    assert_eq!(due(BillKind::Reseller, "2024-01"), "2024-02-29");
    assert_eq!(kinds(&profile, "2021-02-27"), [BillKind::Daily]);
    assert_eq!(kinds(&profile, "2021-02-28"), [BillKind::Daily, BillKind::Monthly, BillKind::Reseller]);
}

#[test]
fn a_late_refresh_offers_a_daily_bill_once_more() {
    let profile = Profile { refresh_days: Some(2), ..Profile::CURRENT_2024 };
    let told = |on: &str| -> Vec<String> {
        let asked = profile.asked(day(on)).into_iter().filter(|a| a.slot.kind == BillKind::Daily);
        asked.map(|a| format!("{} {:?}", a.slot.coverage.last, a.why)).collect()
    };
    // The bill through the 5th comes on the 6th, and once more on the 7th.
    assert_eq!(told("2021-04-06"), ["2021-04-05 Regular", "2021-04-04 Refresh"]);
    assert_eq!(told("2021-04-07"), ["2021-04-06 Regular", "2021-04-05 Refresh"]);
    // Over the end of a month as well.
    assert_eq!(told("2021-05-02"), ["2021-05-01 Regular", "2021-04-30 Refresh"]);
}

#[test]
fn bills_are_asked_for_in_their_months_only() {
    let quarters = Months::new(&[3, 6, 9, 12]).unwrap();
    let profile = Profile { reseller_months: quarters, ..Profile::SEED_2021 };
    assert!(kinds(&profile, "2021-04-09").contains(&BillKind::Reseller));
    assert!(!kinds(&profile, "2021-05-09").contains(&BillKind::Reseller));
    let months = ["2021-02", "2021-03", "2021-04"].map(|m| m.parse().unwrap());
    let overdue = profile.overdue(day("2021-06-01"), months.into_iter());
    let told: Vec<String> = overdue.iter().map(|a| format!("{} {}", a.slot.kind, a.slot.coverage)).collect();
    let wanted = [
        "monthly 2021-02-01..2021-02-28",
        "monthly 2021-03-01..2021-03-31",
        "reseller 2021-03-01..2021-03-31",
        "monthly 2021-04-01..2021-04-30",
    ];
    assert_eq!(told, wanted);
    assert_eq!(quarters.numbers(), [3, 6, 9, 12]);
    for bad in [&[][..], &[0], &[13], &[1, 12, 33]] {
        assert_eq!(Months::new(bad), None, "{bad:?}");
    }
}

pub(crate) fn calendars(profile: Profile) -> Calendars {
    Calendars::of(TimeZone::CHINA, profile, Vec::new())
}

#[test]
fn before_its_hour_a_slot_is_not_due_and_yesterdays_still_is() {
    let calendars = calendars(Profile::CURRENT_2024);
    let told = |on: &str, at: &str| {
        let asked = calendars.asked_at(Moment { day: day(on), time: at.parse().unwrap() });
        let words = |asked: &[Asked]| -> Vec<String> {
            asked.iter().map(|a| format!("{} {} as of {}", a.slot.kind, a.slot.coverage.last, a.on)).collect()
        };
        (words(&asked.now), words(&asked.later))
    };
    let of = |words: &[&str]| -> Vec<String> { words.iter().map(|w| (*w).to_owned()).collect() };
    let march = "monthly 2021-03-31 as of 2021-04-07";
    let resellers = "reseller 2021-03-31 as of 2021-04-07";
    let (sixth, seventh) = ("daily 2021-04-05 as of 2021-04-06", "daily 2021-04-06 as of 2021-04-07");
    assert_eq!(told("2021-04-07", "02:59"), (of(&[sixth, march, resellers]), of(&[seventh])));
    assert_eq!(told("2021-04-07", "03:00"), (of(&[seventh, march, resellers]), of(&[])));
    // On the first it comes in the evening, and is still offered the next morning.
    let whole = "daily 2021-03-31 as of 2021-04-01";
    assert_eq!(told("2021-04-01", "19:59").1, of(&[whole]));
    assert_eq!(told("2021-04-02", "04:00").0[..2], of(&[whole, "daily 2021-04-01 as of 2021-04-02"])[..]);
}

fn time() -> impl Strategy<Value = TimeOfDay> {
    (0..24 * 60_u16).prop_map(|m| TimeOfDay::of_minutes(m).unwrap())
}

prop_compose! {
    pub(crate) fn profiles()(
        lag in 0..=DAYS_MAX, refresh in proptest::option::of(1..=DAYS_MAX),
        (daily_at, first_at, monthly_at, reseller_at) in (time(), proptest::option::of(time()), time(), time()),
        (monthly_day, reseller_day) in (1..=31_u32, 1..=31_u32),
        months in proptest::array::uniform3(proptest::collection::vec(1..=12_u32, 1..12)),
        zone in proptest::option::of(-720..=840_i32), paid in any::<bool>(),
    ) -> Profile {
        let zone = zone.map(|m| {
            let sign = if m < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", m.abs() / 60, m.abs() % 60).parse().unwrap()
        });
        let [daily_months, monthly_months, reseller_months] = months.map(|m| Months::new(&m).unwrap());
        Profile {
            name: "mine".into(), zone, basis: if paid { Basis::Paid } else { Basis::Used },
            lag_days: lag, daily_at, first_at, refresh_days: refresh.filter(|days| *days > lag), daily_months,
            monthly_day, monthly_at, monthly_months, reseller_day, reseller_at, reseller_months,
        }
    }
}

proptest! {
    /// Whoever runs once a day, at whatever hour, is offered every daily bill, as of its day; and none before its hour.
    #[test]
    fn a_run_a_day_misses_no_daily_bill(profile in profiles(), at in time(), start in 18_000..19_000_i32) {
        let calendars = calendars(profile.clone());
        let day = |n: i32| Day::from_epoch_days(n).unwrap();
        let mut offered = Vec::new();
        for n in start..start + 70 {
            let asked = calendars.asked_at(Moment { day: day(n), time: at });
            for a in &asked.now {
                prop_assert!(a.since < day(n) || a.from <= at);
            }
            offered.extend(asked.now.iter().filter(|a| a.slot.kind == BillKind::Daily).map(|a| a.slot));
        }
        for n in start..start + 69 {
            for a in profile.asked(day(n)).into_iter().filter(|a| a.slot.kind == BillKind::Daily) {
                prop_assert!(offered.contains(&a.slot), "{} on {}", a.slot.coverage, a.on);
            }
        }
    }

    /// The days of a range ask for each bill of its months exactly once, in order.
    #[test]
    fn a_range_asks_for_each_bill_of_its_months_once(
        profile in profiles(), year in 1999..2031_i32, month in 1..=12_u32, length in 1..15_u32,
    ) {
        let first = BillMonth::new(year, month).unwrap();
        let months: Vec<BillMonth> =
            (0..length).map(|n| (month - 1 + n, year)).map(|(m, y)| BillMonth::new(y + m as i32 / 12, m % 12 + 1).unwrap()).collect();
        let range = crate::deliveries::calendar::MonthRange { first, last: *months.last().unwrap() };
        let calendars = calendars(profile.clone());
        let until = Moment { day: Day::new(2099, 1, 1).unwrap(), time: TimeOfDay::MIDNIGHT };
        let asked: Vec<Asked> = range.asked(&calendars, &BillKind::ALL, until).flat_map(|(_, asked)| asked).collect();
        prop_assert!(asked.is_sorted_by_key(|a| (a.on, a.slot.kind)));
        let mut got: Vec<String> =
            asked.iter().map(|a| format!("{} {}", a.slot.kind, a.slot.coverage.last)).collect();
        let mut want = Vec::new();
        for m in months {
            let days = (1..=31).filter_map(|d| m.day(d)).filter(|_| profile.daily_months.has(m));
            want.extend(days.map(|d| format!("daily {d}")));
            want.extend(profile.monthly_months.has(m).then(|| format!("monthly {}", m.last_day())));
            want.extend(profile.reseller_months.has(m).then(|| format!("reseller {}", m.last_day())));
        }
        got.sort();
        want.sort();
        prop_assert_eq!(got, want);
    }
}

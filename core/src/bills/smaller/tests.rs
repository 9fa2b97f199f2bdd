use proptest::prelude::*;

use super::*;

fn march() -> BillMonth {
    BillMonth::new(2021, 3).unwrap()
}

/// A cent is the unit of these tests.
fn cents(cents: i128) -> Amount {
    Amount::new(cents, 2)
}

/// Makes what the rule sees of an account's day out of two lists of lines, in cents.
fn change(before: &[i128], after: &[i128]) -> AccountDayChange {
    let mut change = AccountDayChange::default();
    let mut left = after.to_vec();
    for line in before {
        change.before.add(1, cents(*line)).unwrap();
        match left.iter().position(|other| other == line) {
            Some(at) => drop(left.remove(at)),
            None => change.removed.add_charge(cents(*line)).unwrap(),
        }
    }
    after.iter().for_each(|line| change.after.add(1, cents(*line)).unwrap());
    left.iter().for_each(|line| change.added.add_charge(cents(*line)).unwrap());
    change
}

fn compared(days: &[(u8, u64, &[i128], &[i128])]) -> DayComparison {
    let cells = days.iter().map(|(day, owner, before, after)| {
        (AccountDay { day: *day, owner: *owner, currency: "USD".into() }, change(before, after))
    });
    compare(march(), &cells.collect()).unwrap()
}

/// Lines and cents that are gone, and cents that a new rating took.
fn told(before: &[i128], after: &[i128]) -> (u64, i128, i128) {
    let found = compared(&[(4, 7, before, after)]);
    let gone = |losses: &[Loss]| losses.iter().map(|loss| loss.amount.shortest().rescaled(2).unwrap()).sum();
    let lines = found.losses.iter().map(|loss| loss.lines).sum();
    (lines, gone(&found.losses), gone(&found.rated_again))
}

#[test]
fn the_table_of_what_is_a_loss() {
    type Row = (&'static str, &'static [i128], &'static [i128], (u64, i128, i128));
    let table: &[Row] = &[
        ("nothing changes", &[100, 100], &[100, 100], (0, 0, 0)),
        ("lines are added", &[100], &[100, 50], (0, 0, 0)),
        ("a refund is added", &[100], &[100, -100], (0, 0, 0)),
        ("a refund of more than the charge is added", &[100], &[100, -250], (0, 0, 0)),
        ("refunds are added every day", &[100, -10], &[100, -10, -20], (0, 0, 0)),
        ("a line is gone", &[100, 100], &[100], (1, 100, 0)),
        ("a line without money is gone", &[100, 0], &[100], (1, 0, 0)),
        ("a refund is gone", &[100, -10], &[100], (1, 0, 0)),
        ("all lines are gone", &[100, 40], &[], (2, 140, 0)),
        ("a refund takes the place of a charge", &[100, 100], &[100, -5], (1, 100, 0)),
        ("two refunds take the place of a charge", &[100, 100], &[100, -5, -5], (1, 100, 0)),
        ("a charge becomes nothing", &[100, 100], &[100, 0], (0, 100, 0)),
        ("a charge is rated higher", &[100], &[120], (0, 0, 0)),
        ("a charge is rated a twentieth lower", &[100], &[95], (0, 0, 5)),
        ("a charge is rated more than a twentieth lower", &[100], &[94], (0, 6, 0)),
        ("a cent is free", &[2], &[1], (0, 0, 1)),
        ("one charge becomes two", &[100], &[60, 40], (0, 0, 0)),
        ("two charges become one", &[60, 40], &[100], (1, 0, 0)),
        ("rated again, and refunded as well", &[100, 100], &[99, 100, -50], (0, 0, 1)),
        ("a day that sums to little is measured by its charges", &[1_000, -990], &[960, -990], (0, 0, 40)),
    ];
    for (what, before, after, wanted) in table {
        assert_eq!(told(before, after), *wanted, "{what}");
    }
}

#[test]
fn another_account_or_day_does_not_make_up_for_a_loss() {
    let found = compared(&[(4, 7, &[100], &[]), (4, 8, &[100], &[100, 100]), (5, 7, &[100], &[100, 100])]);
    let lost: Vec<_> =
        found.losses.iter().map(|loss| (loss.day.day_of_month(), loss.owner.as_str())).collect();
    assert_eq!(lost, [(4, "7")]);
}

#[test]
fn a_rating_that_is_little_for_each_account_may_be_too_much_for_the_day() {
    // A cent is free for each of a hundred accounts, and a third of the day's money.
    let days: Vec<(u8, u64, &[i128], &[i128])> =
        (1..=100).map(|owner| (4, owner, &[3][..], &[2][..])).collect();
    let found = compared(&days);
    assert_eq!((found.losses.len(), found.rated_again.len()), (100, 0));
    let (days, _) = summed(found.losses).unwrap();
    assert_eq!((days.len(), days[0].accounts, days[0].lines, days[0].amount), (1, 100, 0, cents(100)));
}

#[test]
fn the_sums_by_day_have_every_loss_and_the_largest_are_kept() {
    let loss = |owner: u64| Loss {
        day: march().day(4).unwrap(),
        owner: owner.to_string(),
        currency: "USD".into(),
        lines: 1,
        amount: cents(i128::from(owner)),
    };
    let (days, kept) = summed((1..=1_500).map(loss).collect()).unwrap();
    assert_eq!((days[0].accounts, days[0].lines, days[0].amount), (1_500, 1_500, cents(1_500 * 1_501 / 2)));
    assert_eq!(kept.len(), 1_000);
    assert!(kept.iter().all(|loss| loss.amount > cents(500)));
}

/// From which day to which a file with these lines ends too early.
fn ends(lines: &[u64], few_before: usize, usual_run: usize) -> Option<(u32, u32)> {
    let days: Vec<(Day, u64)> =
        (1..).zip(lines).map(|(day, lines)| (march().day(day).unwrap(), *lines)).collect();
    let end = early_end(&CoveredDays { days: &days, few_before, usual_run })?;
    Some((end.first.day_of_month(), end.last.day_of_month()))
}

fn month(days: &[u64]) -> Vec<u64> {
    let mut days = days.to_vec();
    days.resize(31, 0);
    days
}

#[test]
fn the_table_of_files_that_end_too_early() {
    // The whole month, cut on its third day.
    assert_eq!(ends(&month(&[5, 5, 3]), 0, 0), Some((4, 31)));
    assert_eq!(ends(&[1_000, 1_000, 1_000, 1_000], 0, 0), None);
    // Days that have many lines are compared by their number.
    assert_eq!(ends(&[1_000, 900, 1_100, 99], 0, 0), Some((4, 4)));
    assert_eq!(ends(&[1_000, 900, 1_100, 101], 0, 0), None);
    assert_eq!(ends(&[1_000, 900, 1_100, 0], 0, 0), Some((4, 4)));
    // Small payers have a quiet day now and then, and small files say nothing.
    assert_eq!(ends(&[5, 4, 5, 0], 0, 0), None);
    assert_eq!(ends(&[5, 4, 5, 0, 0], 0, 0), Some((4, 5)));
    assert_eq!(ends(&month(&[1, 1, 1]), 0, 0), None);
    assert_eq!(ends(&month(&[9, 9]), 0, 0), None);
    assert_eq!(ends(&month(&[199]), 0, 0), Some((2, 31)));
    // As many days in a row were quiet before, in this month or the last one.
    assert_eq!(ends(&[5, 0, 0, 5, 0, 0], 0, 0), None);
    assert_eq!(ends(&[5, 4, 5, 0, 0], 0, 2), None);
    assert_eq!(ends(&month(&[199]), 0, 30), None);
    // What was taken once may go on by a day, and not by more.
    assert_eq!(ends(&[5, 4, 5, 0, 0, 0], 2, 0), None);
    assert_eq!(ends(&[5, 4, 5, 0, 0, 0, 0], 2, 0), Some((4, 7)));
    assert_eq!(ends(&[], 0, 0), None);
    assert_eq!(ends(&[0, 0, 0], 0, 0), None);
}

#[test]
fn a_month_is_far_below_the_one_before_with_less_than_a_tenth_of_its_lines() {
    let february = BillMonth::new(2021, 2).unwrap();
    assert!(far_below(february, 1_000, 99).is_some());
    assert!(far_below(february, 1_000, 100).is_none());
    assert!(far_below(february, 199, 1).is_none(), "too few lines to compare with");
}

proptest! {
    /// Whatever is added, and whatever is refunded, an account's day is no smaller for it.
    #[test]
    fn what_is_only_added_is_never_a_loss(
        before in proptest::collection::vec(-500_i128..500, 0..8),
        added in proptest::collection::vec(-500_i128..500, 0..8),
    ) {
        let after = [before.clone(), added].concat();
        prop_assert_eq!(told(&before, &after), (0, 0, 0));
    }

    /// A charge that is gone, and that nothing but refunds came for, is a loss.
    #[test]
    fn a_charge_that_is_gone_is_a_loss_whatever_is_refunded(
        kept in proptest::collection::vec(2_i128..500, 0..8),
        gone in proptest::collection::vec(2_i128..500, 1..4),
        refunds in proptest::collection::vec(-500_i128..0, 0..8),
    ) {
        let before = [kept.clone(), gone.clone()].concat();
        let after = [kept, refunds].concat();
        let (lines, amount, _) = told(&before, &after);
        prop_assert!(lines > 0);
        prop_assert!(amount > 0);
    }

    /// The losses are those of the accounts that have fewer lines or less money, and of no others.
    #[test]
    fn an_account_with_as_many_lines_and_as_much_money_has_lost_nothing(
        before in proptest::collection::vec(-500_i128..500, 0..8),
        after in proptest::collection::vec(-500_i128..500, 0..8),
    ) {
        let is_smaller = after.len() < before.len() || after.iter().sum::<i128>() < before.iter().sum();
        let (lines, amount, rated_again) = told(&before, &after);
        prop_assert!(is_smaller || (lines, amount, rated_again) == (0, 0, 0));
        prop_assert!(after.len() >= before.len() || lines > 0);
    }
}

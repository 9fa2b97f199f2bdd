//! Bills of so many owners that what is known of a segment is stored in parts: each owner's is found, and a lost part is told.

use std::fmt::Write as _;

use billkeep_core::testing::{Large, RawStore as _, RawTransaction as _};

use crate::support::bucket;
use crate::support::figures::Figures;
use crate::support::sheet::Sheet;
use crate::support::{Home, MARCH, PAYER};
use billkeep_core::bills::{Bill, BillView};
use billkeep_core::engine::{Access, OpenOptions, Records as _, Store, StoreError};

/// More than a part of a roll-up has cells, and several times what one of owner-days has.
const OWNERS: u64 = 7_000;
/// Under which number the first part of the first segment's value lies.
const PART: u64 = 1 << 16;

fn owner(number: u64) -> String {
    (200_000_000_000 + number).to_string()
}

/// A bill through a day: of each owner a line on one day, of every third one more on the 3rd, and some that are the payer's own.
fn text(through: u64) -> String {
    let mut text = "PayerAccountID,OwnerAccountID,ProductName,UsageStartTime,TotalCost,Currency\n".to_owned();
    let mut line = |owner: &str, product: &str, day: u64, cents: u64| {
        if day <= through {
            let cost = format!("{}.{:02}", cents / 100, cents % 100);
            writeln!(text, "{PAYER},{owner},{product},2021-03-{day:02} 10:00:00,{cost},USD").unwrap();
        }
    };
    for number in 0..OWNERS {
        line(&owner(number), ["CVM", "COS"][(number % 2) as usize], 1 + number % 5, number + 1);
        if number % 3 == 0 {
            line(&owner(number), "CBS", 3, 2);
        }
        if number % 1_000 == 0 {
            line(PAYER, "Support", 2, 5);
        }
    }
    text
}

/// With whom each part of owner-days but the first begins, by the rule in docs/FORMAT.md.
fn part_ends() -> Vec<u64> {
    let (mut ends, mut days) = (Vec::new(), 1);
    for number in 0..OWNERS {
        days += if number % 3 == 0 && 1 + number % 5 != 3 { 2 } else { 1 };
        if days >= 1_024 {
            ends.push(number + 1);
            days = 0;
        }
    }
    ends
}

fn home(through: &[u64]) -> Home {
    let home = Home::new();
    for day in through {
        let name = format!("{PAYER}-202103{day:02}-by_used_time-bill_details.csv");
        let file = home.write(&name, text(*day).as_bytes());
        // Its lines are of the first days only.
        home.ok(["import", "--as", "cumulative", "--accept-smaller", file.to_str().unwrap()]);
    }
    home
}

#[test]
fn each_owner_of_many_gets_what_the_file_has_of_it() {
    let home = home(&[31]);
    let sheet = Sheet::parse(text(31).as_bytes());
    let all = sheet.figures();
    home.ok(["store", "check"]).says(0, &["The store is whole"]);
    let shown = home.ok(["--format", "csv", "bill", "show", MARCH, "--by", "owner,product,day"]).stdout;
    assert_eq!(Figures::parse(&shown), all);
    // The first and the last one, some between, and those on both sides of where the first two parts of owner-days end.
    let edges = part_ends();
    let numbers = edges.iter().take(2).flat_map(|end| [end - 1, *end]);
    for number in [0, 767, 768, 1_023, 1_024, 3_500, OWNERS - 1].into_iter().chain(numbers) {
        let owner = owner(number);
        let want = all.only(|key| key.0 == owner);
        let folder = home.path(&owner);
        let to = folder.to_str().unwrap().to_owned();
        home.ok(["export", MARCH, "-o", &to, "--owner", &owner]);
        let [export] = &bucket::checked(&folder)[..] else { panic!("one export") };
        assert_eq!(export.figures(), want, "{owner}");
        let explained = home.ok(["--format", "csv", "bill", "explain", MARCH, "--owner", &owner]).stdout;
        assert_eq!(Sheet::parse(&explained).rows.len() as u64, want.lines(), "{owner}");
    }
    let nothing = home.json(["bill", "explain", MARCH, "--owner", &owner(OWNERS)]);
    assert!(nothing["rows"].as_array().unwrap().is_empty());
}

#[test]
fn a_part_that_is_lost_or_another_ones_is_told_to_whom_it_concerns() {
    for large in [Large::OwnerDayParts, Large::RollupParts] {
        for replaced in [false, true] {
            let home = home(&[31]);
            {
                let store = Store::open(&home.store(), &OpenOptions::default(), Access::Write).unwrap();
                let other = store.read().unwrap().get_large(large, PART + 1).unwrap();
                let writer = store.write().unwrap();
                writer.delete_large(large, PART).unwrap();
                if replaced {
                    writer.put_large(large, PART, &other).unwrap();
                }
                writer.commit().unwrap();
            }
            let what = format!("{large:?}, replaced {replaced}");
            let export = |number: u64, code: i32| {
                let (owner, to) = (owner(number), home.path("out"));
                let output = home.run(["export", MARCH, "-o", to.to_str().unwrap(), "--owner", &owner]);
                assert_eq!(output.code, code, "{what}: {}", output.stderr);
                // A folder that the export made goes with it.
                assert!(code == 0 || !to.exists() || bucket::zips(&to).is_empty(), "{what}");
            };
            export(0, 4);
            export(OWNERS - 1, 0);
            assert_eq!(home.run(["store", "check"]).code, 4, "{what}");
            let by_owner = home.run(["bill", "show", MARCH, "--by", "owner"]);
            assert_eq!(by_owner.code, if large == Large::RollupParts { 4 } else { 0 }, "{what}");
        }
    }
}

#[test]
fn parts_go_with_the_lines_that_they_tell_of() {
    let home = home(&[4, 31]);
    let parts = || {
        let store = Store::open(&home.store(), &OpenOptions::default(), Access::Read).unwrap();
        let reader = store.read().unwrap();
        [Large::OwnerDayParts, Large::RollupParts].map(|large| {
            let parts = (1..=2).flat_map(|segment| (0..100).map(move |place| segment * PART + place));
            let is_there = |id: &u64| match reader.get_large(large, *id) {
                Ok(_) => true,
                Err(StoreError::Lost(_)) => false,
                Err(e) => panic!("{e}"),
            };
            parts.filter(is_there).map(|id| id / PART).collect::<Vec<_>>()
        })
    };
    let before = parts();
    assert!(before.iter().all(|list| list.contains(&1) && list.contains(&2)), "{before:?}");
    home.ok(["retention", "set", "--revisions", "--days", "10"]);
    let plan = home.json(["retention", "plan", "--on", "2021-04-20"]);
    let digest = plan["digest"].as_str().unwrap();
    home.ok(["retention", "apply", "--plan", digest, "--on", "2021-04-20"]).says(0, &["lines of 1 loads"]);
    let after = parts();
    for (before, after) in before.iter().zip(&after) {
        assert!(!after.contains(&1));
        let of_second = |list: &[u64]| list.iter().filter(|segment| **segment == 2).count();
        assert_eq!(of_second(before), of_second(after));
    }
    home.ok(["store", "check"]);
    let store = Store::open(&home.store(), &OpenOptions::default(), Access::Read).unwrap();
    let reader = store.read().unwrap();
    let (march, _) = Bill::list(&reader).unwrap().remove(0);
    assert_eq!(BillView::open(&reader, march.key, None).unwrap().segments().count(), 1);
}

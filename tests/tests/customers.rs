//! What reaches customers: their own amounts and never the partner's cost, nothing unconfirmed, and nobody else's bills.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use billkeep_core::testing::{RawTransaction as _, Table};
use serde_json::Value;

use crate::audience::everything;
use crate::invariants::meddle;
use crate::notify::Hook;
use crate::support::console::Served;
use crate::support::decimal::{exact, written};
use crate::support::{Home, MARCH, Output, PAYER, STEM, bill_file};
use billkeep_core::deliveries::SinkRecord;

/// One with a discount, one with a margin on the cost, one without a price, whose sink fails.
const ALICE: &str = "200000000001";
const BOB: &str = "200000000002";
const CAROL: &str = "200000000003";

/// Owner, day, original cost and the partner's cost of the lines of a month. `more` is on top of one of them.
fn lines(more: &str) -> Vec<(&'static str, u32, i128, i128)> {
    let more = exact(more);
    vec![
        (ALICE, 1, exact("5111.10300000"), exact("4321.98765432")),
        (ALICE, 12, exact("7222.20700000"), exact("6123.45678901")),
        (ALICE, 31, exact("9333.31100000"), exact("8234.56789012") + more),
        (BOB, 2, exact("3444.41300000"), exact("2987.65432109")),
        (BOB, 31, exact("4555.51700000"), exact("3876.54321098")),
        (CAROL, 5, exact("6666.61900000"), exact("5765.43210987")),
        (CAROL, 31, exact("1777.72300000"), exact("1654.32109876")),
        (PAYER, 31, exact("1.00000000"), exact("1.00000000")),
    ]
}

/// Imports March; returns what was imported.
fn import(home: &Home, more: &str) -> Vec<(&'static str, u32, i128, i128)> {
    let lines = lines(more);
    let mut text = String::from(
        "PayerAccountID,OwnerAccountID,ProductName,UsageStartTime,OriginalCost,TotalCost,Currency\n",
    );
    for (owner, day, original, cost) in &lines {
        let (original, cost) = (written(*original), written(*cost));
        text.push_str(&format!("{PAYER},{owner},CVM,2021-03-{day:02} 10:00:00,{original},{cost},USD\n"));
    }
    home.import([home.write(&format!("{STEM}.csv"), text.as_bytes())]);
    lines
}

/// Every figure of the partner's cost of customers, of each line and of each account's month to date, in the forms in which
/// programs write amounts.
fn costs(all: &[(&str, u32, i128, i128)]) -> BTreeSet<String> {
    let mut figures = BTreeSet::new();
    for owner in [ALICE, BOB, CAROL] {
        let mut sum = 0;
        for (.., cost) in all.iter().filter(|(of, ..)| *of == owner) {
            sum += cost;
            figures.extend([*cost, sum]);
        }
    }
    let mut forms = BTreeSet::new();
    for figure in figures {
        let whole = written(figure);
        let plain = whole.trim_end_matches('0').to_owned();
        let cents = |value: i128| written(value / 1_000_000 * 1_000_000).trim_end_matches('0').to_owned();
        let (down, near) = (cents(figure), cents(figure + 500_000));
        for text in [whole, plain, down, near] {
            let (digits, decimals) = text.split_once('.').unwrap();
            let mut grouped = String::new();
            for (at, digit) in digits.chars().enumerate() {
                if at > 0 && (digits.len() - at) % 3 == 0 {
                    grouped.push(',');
                }
                grouped.push(digit);
            }
            forms.insert(format!("{grouped}.{decimals}"));
            forms.insert(text);
        }
    }
    forms
}

/// The figures of `costs` that a text shows as numbers of their own.
fn shown(text: &str, costs: &BTreeSet<String>) -> Vec<String> {
    let stands = |at: usize, figure: &str| {
        let before = text[..at].chars().next_back();
        let after = text[at + figure.len()..].chars().next();
        !before.is_some_and(|c| c.is_ascii_digit() || c == ',' || c == '.')
            && !after.is_some_and(|c| c.is_ascii_digit())
    };
    let found = |figure: &&String| text.match_indices(figure.as_str()).any(|(at, _)| stands(at, figure));
    costs.iter().filter(found).cloned().collect()
}

fn all_of(output: &Output) -> String {
    format!("{}\n{}", output.text(), output.stderr)
}

/// A store with three customers, each with a sink, and a notice of each delivery and failure to a command.
fn store(more: &str) -> (Home, Vec<(&'static str, u32, i128, i128)>) {
    let home = Home::new();
    let lines = import(&home, more);
    home.ok(["account", "price", "set", ALICE, "--discount", "0.95"]);
    home.ok(["account", "price", "set", BOB, "--cost-plus", "15", "--decimals", "2"]);
    for (uin, sink) in [(ALICE, "a"), (BOB, "b"), (CAROL, "c")] {
        add_sink(&home, sink, sink, "customer").says(0, &[]);
        home.ok(["storage", "allow", uin, "--kinds", "daily,monthly"]);
        home.ok(["storage", "authorize", uin]);
    }
    (home, lines)
}

fn add_sink(home: &Home, name: &str, folder: &str, audience: &str) -> Output {
    let url = format!("file://{}", home.path(folder).display());
    home.run(["sink", "add", name, &url, "--audience", audience])
}

fn enable(home: &Home, uin: &str, sink: &str, kinds: &str, more: &[&str]) -> Output {
    let args = ["storage", "enable", uin, "--sink", sink, "--kinds", kinds];
    home.run(args.iter().chain(more))
}

#[test]
fn the_partners_cost_is_in_nothing_that_is_told_of_a_customers_delivery() {
    let (home, before) = store("0.00000000");
    enable(&home, ALICE, "a", "daily,monthly", &["--after", "issue"]).says(0, &[]);
    enable(&home, BOB, "b", "monthly", &[]).says(0, &["wait until their month is confirmed: monthly"]);
    enable(&home, CAROL, "c", "monthly", &["--after", "issue"]).says(0, &[]);
    let hook = Hook::new();
    let on = ["--on", "delivered,failed"];
    let webhook = ["notify", "add", "chat", "--webhook", &hook.url, "--option", "allow_http=yes"];
    home.ok(webhook.into_iter().chain(on));
    let command = ["notify", "add", "books"].into_iter().chain(on);
    home.ok(command.chain(["--", "sh", "-c", "cat >> notices.json; echo >> notices.json"]));
    // Carol's folder is gone, and something is in its place.
    fs::remove_dir_all(home.path("c")).unwrap();
    fs::write(home.path("c"), "").unwrap();

    let mut told: Vec<(String, String)> = Vec::new();
    let run = |on: &str, told: &mut Vec<(String, String)>| {
        let output = home.run(["run", "--on", on, "--metrics", "m.prom"]);
        told.push((format!("run --on {on}"), all_of(&output)));
        output
    };
    // The days through the 15th; the month; the month again, corrected; and once more for whoever waits.
    run("2021-03-17", &mut told);
    assert_ne!(run("2021-04-02", &mut told).code, 0);
    let after = import(&home, "1000.00000000");
    run("2021-04-03", &mut told);
    home.confirm();
    let output = home.run(["--format", "json", "run", "--on", "2021-04-04"]);
    told.push(("run as JSON".to_owned(), all_of(&output)));

    let listed = home.json(["delivery", "list"]);
    let rows = listed["rows"].as_array().unwrap();
    let is = |uin: &str, kind: &str, state: &str| {
        rows.iter().filter(|r| r["uin"] == uin && r["kind"] == kind && r["state"] == state).count()
    };
    assert_eq!(
        (is(ALICE, "daily", "delivered"), is(ALICE, "monthly", "delivered"), is(BOB, "monthly", "delivered")),
        (2, 2, 1),
        "{listed}"
    );
    assert_eq!(is(CAROL, "monthly", "planned"), 1, "{listed}");

    for format in ["table", "json", "csv"] {
        let mut ask = |words: &[&str]| {
            let output = home.run(["--format", format].iter().chain(words));
            told.push((format!("{words:?} as {format}"), all_of(&output)));
        };
        ask(&["delivery", "list"]);
        ask(&["delivery", "list", "--where", "kind=monthly"]);
        ask(&["delivery", "verify", "--sink", "a"]);
        ask(&["due", "--on", "2021-04-02"]);
        ask(&["run", "--on", "2021-04-02", "--dry-run"]);
        ask(&["storage", "status"]);
        ask(&["storage", "history"]);
        ask(&["sink", "list"]);
        ask(&["notify", "log"]);
        ask(&["audit", "list"]);
        (1..=rows.len()).for_each(|number| ask(&["delivery", "show", &number.to_string()]));
    }
    told.push(("metrics".to_owned(), fs::read_to_string(home.path("m.prom")).unwrap()));
    for sink in ["a", "b"] {
        told.push((format!("sink {sink}"), everything(&home.path(sink))));
    }
    let notices = fs::read_to_string(home.path("notices.json")).unwrap();
    let heard = hook.heard();
    told.push(("notices by command".to_owned(), notices.clone()));
    told.push(("notices by webhook".to_owned(), heard.iter().map(Value::to_string).collect()));
    let served = Served::start(&home, "2021-04-04T03:00:00Z");
    let browser = served.sign_in(&served.link.clone());
    let mut pages = vec!["/deliveries".to_owned(), "/storage".to_owned()];
    pages.extend([ALICE, BOB, CAROL].map(|uin| format!("/storage/{uin}?month=2021-04")));
    for number in 1..=rows.len() {
        pages.push(format!("/deliveries/{number}"));
        pages.push(format!("/api/v1/deliveries/{number}"));
    }
    pages.extend(["/api/v1/deliveries".to_owned(), "/api/v1/due?on=2021-04-02".to_owned()]);
    for page in pages {
        let reply = served.get(&browser, &page).is(200);
        told.push((page, reply.text().to_owned()));
    }
    served.stop();

    let mut costs_told = costs(&before);
    costs_told.append(&mut costs(&after));
    for (what, text) in &told {
        assert!(!text.trim().is_empty() || what.contains("log"), "{what} is empty");
        let found = shown(text, &costs_told);
        assert!(found.is_empty(), "{what} shows the partner's cost {found:?}:\n{text}");
    }
    // The scan can fail: the partner's own commands show it, as decimals and for people.
    for words in [["bill", "show", MARCH, "--by", "owner"].as_slice(), &["bill", "margin", MARCH]] {
        for format in ["json", "table"] {
            let output = home.ok(["--format", format].iter().chain(words));
            assert!(shown(&all_of(&output), &costs_told).len() > 2, "{words:?} as {format}");
        }
    }
    // What is told instead is what the manifests state.
    let total = |owner: &str, of: &dyn Fn(i128, i128) -> i128| -> i128 {
        after.iter().filter(|(o, ..)| *o == owner).map(|(.., original, cost)| of(*original, *cost)).sum()
    };
    let alice = total(ALICE, &|original, _| original * 95 / 100);
    // To cents, half up.
    let bob = total(BOB, &|_, cost| (cost * 115 / 100 + 500_000) / 1_000_000 * 1_000_000);
    let figures = BTreeMap::from([(ALICE, written(alice)), (BOB, written(bob))]);
    for (uin, figure) in &figures {
        let bodies = notices.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let of: Vec<Value> = bodies
            .filter(|n| {
                n["delivery"]["uin"] == *uin
                    && n["delivery"]["kind"] == "monthly"
                    && n["event"] == "delivered"
            })
            .collect();
        let last = of.last().unwrap_or_else(|| panic!("{uin}: {notices}"));
        assert_eq!(last["delivery"]["audience"], "customer");
        assert_eq!(last["delivery"]["totals"][0]["total"].as_str().map(exact), Some(exact(figure)), "{last}");
        let number = last["delivery"]["number"].to_string();
        let facts = home.json(["delivery", "show", &number]);
        let fact = |what: &str| {
            let rows = facts["rows"].as_array().unwrap();
            rows.iter().find(|r| r["what"] == what).map(|r| r["value"].as_str().unwrap().to_owned())
        };
        let shown = fact("customer_total").unwrap();
        assert_eq!(exact(shown.trim_end_matches(" USD")), exact(figure), "{facts}");
        assert_eq!(fact("total"), None);
    }
}

#[test]
fn a_customer_gets_a_bill_once_its_month_is_confirmed_unless_that_is_said_otherwise() {
    let (home, _) = store("0");
    enable(&home, ALICE, "a", "daily,monthly", &[])
        .says(0, &["wait until their month is confirmed: daily, monthly", "--after issue"]);
    enable(&home, BOB, "b", "monthly", &["--after", "issue"]).says(0, &["go to sink `b`"]);
    enable(&home, CAROL, "c", "monthly", &["--after", "never"]).says(2, &["confirmation"]);
    let due = |uin: &str, kind: &str, on: &str| {
        let shown = home.json(["due", "--on", on]);
        let rows = shown["rows"].as_array().unwrap().clone();
        let row = rows.iter().find(|r| r["uin"] == uin && r["kind"] == kind);
        row.map(|r| format!("{} {}", r["due"].as_str().unwrap(), r["why"].as_str().unwrap()))
    };
    assert_eq!(due(ALICE, "monthly", "2021-04-02").unwrap(), "no not confirmed: the bill is issued");
    assert_eq!(due(ALICE, "daily", "2021-03-17").unwrap(), "no not confirmed: the bill is issued");
    home.ok(["run", "--on", "2021-04-02"]).says(0, &["Delivered the monthly bill of 200000000002"]);
    assert_eq!(crate::support::bucket::listing(&home.path("a")).len(), 0);
    let status = home.ok(["status", "--on", "2021-04-02"]);
    assert!(status.text().contains("2 bills wait: the month is not confirmed"), "{}", status.text());
    let rows = home.json(["storage", "status", ALICE])["rows"].clone();
    assert!(rows.as_array().unwrap().iter().all(|r| r["after"] == "confirmation"), "{rows}");
    home.confirm();
    home.ok(["run", "--on", "2021-04-03"]).says(0, &["Delivered the monthly bill of 200000000001"]);
}

#[test]
fn a_bill_that_waited_stays_due_after_its_month_and_one_from_before_the_binding_does_not() {
    let (home, _) = store("0");
    enable(&home, ALICE, "a", "monthly", &["--from", "2021-04-01"]).says(0, &[]);
    enable(&home, BOB, "b", "monthly", &["--from", "2021-05-01"]).says(0, &[]);
    home.ok(["run", "--on", "2021-04-02"]);
    home.confirm();
    // March is asked for in April; in June it is a month before the last.
    home.ok(["run", "--on", "2021-06-10"]).says(0, &["Delivered the monthly bill of 200000000001"]);
    assert_eq!(crate::support::bucket::listing(&home.path("b")).len(), 0);
    home.ok(["run", "--on", "2021-06-11"]).says(0, &["Nothing was due"]);
}

#[test]
fn a_disputed_bill_goes_to_no_customer_and_a_delivery_that_was_begun_waits() {
    let (home, _) = store("0");
    enable(&home, ALICE, "a", "monthly", &["--after", "issue"]).says(0, &[]);
    // Something stands in the way of the folder: the delivery is planned, and fails.
    fs::remove_dir_all(home.path("a")).unwrap();
    fs::write(home.path("a"), "").unwrap();
    assert_ne!(home.run(["run", "--on", "2021-04-02"]).code, 0);
    let dispute = ["dispute", "open", MARCH, "--line", "1-1", "--direction", "over", "--amount", "0.10"];
    home.ok(dispute.into_iter().chain(["--reason", "x"]));
    fs::remove_file(home.path("a")).unwrap();
    fs::create_dir(home.path("a")).unwrap();
    home.ok(["run", "--on", "2021-04-03"]).says(0, &["Nothing was due"]);
    let due = home.json(["due", "--on", "2021-04-03"])["rows"].to_string();
    assert!(due.contains("disputed: a disputed bill does not go to a customer"), "{due}");
    home.run(["delivery", "retry", "1"]).says(3, &["disputed"]);
    assert_eq!(crate::support::bucket::listing(&home.path("a")).len(), 0);
    home.ok(["dispute", "withdraw", "1", "--reason", "y"]);
    home.ok(["run", "--on", "2021-04-03"]).says(0, &["Delivered the monthly bill of 200000000001"]);
}

#[test]
fn two_customers_share_a_place_only_where_that_was_said() {
    let (home, _) = store("0");
    enable(&home, ALICE, "a", "monthly", &[]).says(0, &[]);
    enable(&home, BOB, "a", "monthly", &[]).says(3, &[ALICE, "would read both", "--shared"]);
    // A folder below another customer's is read by that customer, too.
    add_sink(&home, "below", "a/below", "customer").says(0, &[]);
    enable(&home, BOB, "below", "monthly", &[]).says(3, &[ALICE]);
    enable(&home, BOB, "b", "monthly", &[]).says(0, &[]);
    home.run(["storage", "switch", BOB, "--sink", "a", "--on", "2021-04-01"]).says(3, &[ALICE]);
    enable(&home, CAROL, "a", "monthly", &["--shared"]).says(0, &[]);
}

/// Case 245.
#[test]
fn the_same_folder_in_two_spellings_is_known_as_one_sink() {
    let home = Home::with(&[bill_file("english")]);
    add_sink(&home, "b", "out", "partner").says(0, &[]);
    std::os::unix::fs::symlink(home.path("out"), home.path("link")).unwrap();
    for spelling in ["out", "out/", "./out", "new/../out//", "link"] {
        add_sink(&home, "b2", spelling, "partner")
            .says(3, &["sink `b` is at this place already", "use sink `b`"]);
    }
    add_sink(&home, "theirs", "link/", "customer").says(3, &["other people read it"]);
    let url = format!("file://{}/", home.path("out").display());
    home.run(["sink", "add", "theirs", &url, "--audience", "customer", "--shared"])
        .says(3, &["other people"]);
    home.ok(["sink", "add", "b2", &url, "--shared"]);
    add_sink(&home, "other", "out2", "partner").says(0, &[]);
    assert_eq!(home.json(["sink", "list"])["rows"].as_array().unwrap().len(), 3);
}

#[test]
fn a_price_that_looks_mistyped_is_set_only_where_that_was_said() {
    let (home, _) = store("0");
    let set = |args: &[&str]| home.run(["account", "price", "set", ALICE].iter().chain(args));
    set(&["--discount", "0.92"]).says(0, &["100.00 becomes 92.00"]);
    set(&["--discount", "1.5"]).says(0, &["100.00 becomes 150.00"]);
    set(&["--cost-plus", "12.5"]).says(0, &["a cost of 100.00 becomes 112.50"]);
    let list = || home.json(["account", "price", "list"])["rows"].to_string();
    let before = list();
    set(&["--discount", "92"]).says(3, &["100.00 becomes 9,200.00", "--discount 0.92", "--yes"]);
    set(&["--discount", "8"]).says(3, &["100.00 becomes 800.00", "--discount 0.8", "--yes"]);
    set(&["--discount", "2.01"]).says(3, &["--yes"]);
    set(&["--cost-plus", "101"]).says(3, &["--yes"]);
    set(&["--cost-plus", "-1"]).says(3, &["below the partner's cost"]);
    // 8 % of the cost is `8`; as a factor it would be `0.08`.
    set(&["--cost-plus", "0.08"]).says(3, &["less than one percent", "--yes"]);
    // The partner pays 0.84 to 0.89 of the original cost.
    set(&["--discount", "0.8"]).says(3, &["in 2021-03", "cost the partner"]);
    set(&["--discount", "0.8", "--product", "CVM"]).says(3, &["in 2021-03"]);
    set(&["--discount", "0.8", "--product", "Elsewhere"]).says(0, &[]);
    set(&["--discount", "0.8", "--from", "2021-04-01"]).says(0, &[]);
    home.ok(["account", "price", "remove", ALICE, "--from", "2021-04-01"]);
    home.ok(["account", "price", "remove", ALICE, "--product", "Elsewhere"]);
    for (text, factor) in [
        ("92%", "0.92"),
        ("92 %", "0.92"),
        ("8% off", "0.92"),
        ("8折", "0.8"),
        ("9.2折", "0.92"),
        ("92折", "0.92"),
        ("八折", "0.8"),
        ("八五折", "0.85"),
    ] {
        let hint = format!("--discount {factor}`");
        set(&["--discount", text]).says(1, &["is not an amount", &hint]);
    }
    set(&["--cost-plus", "15%"]).says(1, &["--cost-plus 15"]);
    home.ok(["account", "contract", "set", BOB, "--product", "CVM", "--discount", "0.9"]);
    home.run(["account", "price", "set", BOB, "--discount", "0.89"]).says(3, &["the partner itself pays"]);
    set(&["--discount", "92", "--yes"]).says(0, &["100.00 becomes 9,200.00"]);
    assert_ne!(list(), before);
}

#[test]
fn names_that_people_give_have_letters_digits_and_three_signs() {
    let home = Home::new();
    let url = format!("file://{}", home.path("q").display());
    let long = "n".repeat(65);
    for name in ["x\"\ny", "", "a b", "\u{202e}a", "a/b", "..", long.as_str()] {
        home.run(["sink", "add", name, &url]).says(1, &["is not a name"]);
        home.run(["notify", "add", name, "--", "true"]).says(1, &["is not a name"]);
        assert!(!home.path("q").exists(), "what is refused makes no folder");
    }
    home.ok(["sink", "add", &long[..64], &url]);
    home.ok(["notify", "add", "books-2_v.1", "--", "true"]);
    assert_eq!(home.json(["sink", "list"])["rows"].as_array().unwrap().len(), 1);
}

/// An earlier version accepted any name.
#[test]
fn a_sink_of_an_earlier_version_with_any_name_still_works() {
    let home = Home::with(&[bill_file("english")]);
    home.sink("plain", &[]);
    let odd = "x\"\ny\\";
    meddle(&home, |writer| {
        let plain = SinkRecord::get(writer, "plain").unwrap();
        let record = SinkRecord { name: odd.to_owned(), ..plain };
        writer.put_of(Table::Sinks, odd.as_bytes(), &record).unwrap();
        writer.delete(Table::Sinks, b"plain").unwrap();
    });
    home.enable(PAYER, odd, "monthly", false);
    home.ok(["run", "--on", "2021-04-02", "--metrics", "m.prom"]).says(0, &["Delivered the monthly bill"]);
    let metrics = fs::read_to_string(home.path("m.prom")).unwrap();
    assert!(
        metrics.contains("billkeep_deliveries{sink=\"x\\\"\\ny\\\\\",state=\"delivered\"} 1"),
        "{metrics}"
    );
    assert!(metrics.lines().all(|line| line.starts_with('#') || line.starts_with("billkeep_")), "{metrics}");
    assert_eq!(home.json(["sink", "list"])["rows"][0]["name"], odd);
    home.ok(["storage", "disable", PAYER, "--yes"]);
    home.ok(["sink", "remove", odd]);
}

#[test]
fn the_margin_tells_its_rules_in_one_line() {
    let (home, _) = store("0");
    let output = home.ok(["bill", "margin", MARCH]);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(output.stderr.contains("2 rules of 2 accounts"));
}

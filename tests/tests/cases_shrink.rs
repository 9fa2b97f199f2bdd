//! Files that take lines or money away wait for a decision, and so do files that end too early.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::console::Served;
use crate::support::{Home, MARCH, PAYER, bill_file, fixture};

const OWNER: &str = "200000003412";
const HEADERS: &str =
    "PayerAccountID,OwnerAccountID,ProductName,InstanceID,UsageStartTime,TotalCost,Currency\n";

/// A line of an account on a day of March 2021.
fn line(day: u32, owner: &str, id: u32, total: &str) -> String {
    format!("{PAYER},{owner},CVM,ins-{id:08},2021-03-{day:02} 00:00:00,{total},USD\n")
}

/// A line of 1.25 USD on each of some days.
fn days(days: impl IntoIterator<Item = u32>) -> Vec<String> {
    days.into_iter().map(|day| line(day, OWNER, day, "1.25")).collect()
}

fn name(through: u32) -> String {
    format!("{PAYER}-202103{through:02}-by_used_time-bill_details.csv")
}

/// Writes the month-to-date file through a day.
fn file(home: &Home, name: &str, lines: &[String]) -> PathBuf {
    home.write(name, format!("{HEADERS}{}", lines.concat()).as_bytes())
}

/// A store with nine days of one line each.
fn nine_days() -> Home {
    let home = Home::new();
    home.import([file(&home, &name(9), &days(1..=9))]);
    home
}

fn import(home: &Home, file: &Path, more: &[&str]) -> crate::support::Output {
    home.run(["import", file.to_str().unwrap()].iter().chain(more))
}

fn list(home: &Home) -> Vec<Value> {
    home.json(["pending", "list"])["rows"].as_array().unwrap().clone()
}

/// Case 158.
#[test]
fn a_download_that_was_cut_at_a_line_end_waits_and_names_the_days_that_would_go() {
    let home = nine_days();
    let before = home.bill();
    let cut = file(&home, &name(10), &days(1..=4));
    let words = ["2021-03-05", "2021-03-09", OWNER, "5 lines and 6.25000000 USD", "pending file 1"];
    let commands = ["pending accept 1 --reason TEXT", "pending discard 1 --reason TEXT", "pending show 1"];
    import(&home, &cut, &[]).says(7, &words).says(7, &commands);
    assert_eq!(home.bill(), before);
    let status = home.json(["status", "--on", "2021-03-12"]).to_string();
    assert!(
        status.contains("takes away 5 lines and 6.25000000 USD from 2021-03-05 to 2021-03-09"),
        "{status}"
    );
    assert!(status.contains("billkeep pending show 1"), "{status}");
    let shown = home.json(["pending", "show", "1"]);
    let lost: Vec<(&str, &str, u64, &str)> = shown["losses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|loss| {
            let text = |name: &str| loss[name].as_str().unwrap();
            (text("day"), text("owner"), loss["lines"].as_u64().unwrap(), text("amount"))
        })
        .collect();
    let wanted: Vec<String> = (5..=9).map(|day| format!("2021-03-{day:02}")).collect();
    let wanted: Vec<_> = wanted.iter().map(|day| (day.as_str(), OWNER, 1, "1.25000000")).collect();
    assert_eq!(lost, wanted);
    assert_eq!(shown["cause"], "smaller");
    let shown = home.run(["pending", "show", "1"]).says(0, &["pending accept 1", "pending discard 1"]);
    assert!(shown.text().contains("2021-03-05  200000003412  1 line, 1.25000000 USD"), "{}", shown.text());
    // The same bytes again change nothing, and say what they are waiting for.
    import(&home, &cut, &[])
        .says(7, &["came before, as pending file 1, which is waiting"])
        .says(7, &commands);
    assert_eq!(list(&home).len(), 1);
    home.ok(["store", "check"]);
    home.ok(["audit", "verify"]);
}

/// Case 220, and 254 in the log: the same days with fewer lines, or with other ones.
#[test]
fn a_file_that_is_published_again_with_fewer_or_other_lines_waits() {
    let home = nine_days();
    let again = name(9).replace(".csv", " (1).csv");
    let fewer = file(&home, &again, &days(1..=4));
    import(&home, &fewer, &[]).says(7, &["takes away 5 lines and 6.25000000 USD"]);
    let others: Vec<String> = (1..=9).map(|day| line(day, "200000003413", day, "1.25")).collect();
    let others = file(&home, &name(9).replace(".csv", " (2).csv"), &others);
    import(&home, &others, &[]).says(7, &["takes away 9 lines and 11.25000000 USD", OWNER]);
    assert_eq!(home.bill_text("total"), "11.25000000");
    assert_eq!(list(&home).len(), 2);
}

/// Case 221.
#[test]
fn a_file_of_one_day_that_is_named_month_to_date_does_not_take_the_days_before_away() {
    let home = nine_days();
    let one = file(&home, &name(10), &days(10..=10));
    import(&home, &one, &[])
        .says(7, &["takes away 9 lines and 11.25000000 USD from 2021-03-01 to 2021-03-09"]);
    assert_eq!(home.bill_text("total"), "11.25000000");
    // It is what its content is, where somebody knows so.
    home.run(["pending", "discard", "1", "--reason", "it is the file of one day"])
        .says(0, &["Discarded pending file 1"]);
    assert_eq!(list(&home)[0]["state"], "discarded");
    assert_eq!(home.bill_text("total"), "11.25000000");
    home.run(["pending", "discard", "1", "--reason", "x"]).says(3, &["pending file 1 is discarded"]);
}

/// Case 222.
#[test]
fn a_zip_that_lacks_a_csv_of_the_one_before_waits_and_names_it() {
    let home = Home::new();
    let csv = |owner: &str, total: &str| format!("{HEADERS}{}", line(3, owner, 1, total));
    let zip = |name: &str, entries: &[(&str, String)]| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let mut zip = zip::ZipWriter::new(&mut bytes);
        for (name, text) in entries {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            std::io::Write::write_all(&mut zip, text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        home.write(name, &bytes.into_inner())
    };
    let [one, two, three] = [
        ("a.csv", csv(OWNER, "0.50")),
        ("b.csv", csv("200000003413", "0.25")),
        ("c.csv", csv("200000003414", "10")),
    ];
    let stem = format!("{PAYER}-202103-by_used_time-bill_details");
    home.import([zip(&format!("{stem}.zip"), &[one.clone(), two.clone(), three])]);
    let less = zip(&format!("{stem} (1).zip"), &[one, two]);
    import(&home, &less, &[])
        .says(7, &["takes away 1 line and 10.00000000 USD", "200000003414", "lacks `c.csv`"]);
    assert_eq!(home.bill_text("total"), "10.75000000");
}

#[test]
fn a_smaller_file_is_taken_once_somebody_accepts_it() {
    let home = nine_days();
    let cut = file(&home, &name(10), &days(1..=4));
    import(&home, &cut, &[]).says(7, &[]);
    home.run(["late", "accept", "1", "--reason", "the provider took them back"])
        .says(0, &["Pending file 1 is in the bill"]);
    assert_eq!(home.bill_text("total"), "5.00000000");
    assert_eq!(list(&home)[0]["state"], "accepted as revision 2");
    let journal = home.json(["audit", "list"]).to_string();
    assert!(
        journal.contains("pending accept") && journal.contains("the provider took them back"),
        "{journal}"
    );
    home.ok(["store", "check"]);
}

#[test]
fn a_script_may_take_a_smaller_file_at_once_or_later() {
    for waits_first in [false, true] {
        let home = nine_days();
        let cut = file(&home, &name(10), &days(1..=4));
        if waits_first {
            import(&home, &cut, &[]).says(7, &[]);
        }
        import(&home, &cut, &["--accept-smaller"]).says(0, &["taken away: 2021-03-05", "revision 2"]);
        assert_eq!(home.bill_text("total"), "5.00000000");
        assert_eq!(list(&home).len(), usize::from(waits_first));
        home.ok(["store", "check"]);
    }
}

#[test]
fn a_dry_run_tells_what_would_be_gone_and_keeps_nothing() {
    let home = nine_days();
    let seen = home.seen();
    let cut = file(&home, &name(10), &days(1..=4));
    import(&home, &cut, &["--dry-run"]).says(0, &["takes away 5 lines and 6.25000000 USD"]);
    import(&home, &cut, &["--dry-run", "--accept-smaller"]).says(0, &["Would import"]);
    assert_eq!((home.seen(), list(&home).len()), (seen, 0));
}

#[test]
fn programs_are_told_the_cause_and_the_losses() {
    let home = nine_days();
    let cut = file(&home, &name(10), &days(1..=8));
    let told = home.run(["--format", "json", "import", cut.to_str().unwrap()]);
    assert_eq!(told.code, 7);
    let told = &told.json()["files"][0];
    assert_eq!(
        (&told["outcome"], &told["cause"], &told["late"]),
        (&"pending".into(), &"smaller".into(), &1.into())
    );
    let loss = &told["losses"][0];
    assert_eq!(
        (&loss["day"], &loss["lines"], &loss["amount"]),
        (&"2021-03-09".into(), &1.into(), &"1.25000000".into())
    );
    assert_eq!(told["bill"]["totals"][0]["total"], "11.25000000");
}

#[test]
fn a_whole_file_that_comes_afterwards_closes_the_one_that_waits() {
    let home = nine_days();
    import(&home, &file(&home, &name(10), &days(1..=4)), &[]).says(7, &[]);
    import(&home, &file(&home, &name(10), &days(1..=10)), &[]).says(0, &["12.50000000 USD"]);
    assert_eq!(list(&home)[0]["state"], "superseded by load 3");
    let status = home.json(["status", "--on", "2021-03-12"]).to_string();
    assert!(!status.contains("pending"), "{status}");
}

#[test]
fn refunds_and_new_lines_need_no_decision_however_many_days_they_come() {
    let home = nine_days();
    let mut lines = days(1..=9);
    for day in 10..=14 {
        lines.extend(days(day..=day));
        // More than the day's charge: what is left of the account's day is below zero.
        lines.push(line(day - 8, OWNER, 900 + day, "-2.50"));
        import(&home, &file(&home, &name(day), &lines), &[]).says(0, &["Imported"]);
    }
    assert_eq!(home.bill_text("total"), "5.00000000");
    assert_eq!(list(&home).len(), 0);
}

#[test]
fn charges_that_are_rated_again_by_little_are_reported_and_taken() {
    let home = nine_days();
    let mut lines = days(1..=9);
    lines[8] = line(9, OWNER, 9, "1.20");
    import(&home, &file(&home, &name(10), &[lines.clone(), days(10..=10)].concat()), &[])
        .says(0, &["rated again: 2021-03-09 1 account: 0 lines, 0.05000000 USD"]);
    lines[8] = line(9, OWNER, 9, "0.60");
    import(&home, &file(&home, &name(11), &[lines, days(10..=11)].concat()), &[])
        .says(7, &["takes away 0 lines and 0.60000000 USD on 2021-03-09"]);
}

/// F1: a month that was cut after 13 lines, as the first file of its month.
#[test]
fn a_first_file_of_a_month_that_ends_on_its_third_day_waits_and_there_is_no_bill() {
    let home = Home::new();
    let whole = std::fs::read_to_string(bill_file("english")).unwrap();
    let cut: String = whole.split_inclusive('\n').take(20).collect();
    let cut = home.write(&format!("{PAYER}-202103-by_used_time-bill_details.csv"), cut.as_bytes());
    let words = [
        "There is not yet a bill for 2021-03 of payer 100010445724",
        "13 lines",
        "0 lines for 2021-03-04 to 2021-03-31",
    ];
    import(&home, &cut, &[]).says(7, &words);
    assert_eq!(home.json(["bill", "list"])["rows"].as_array().unwrap().len(), 0);
    let status = home.json(["status", "--on", "2021-04-02"]).to_string();
    assert!(status.contains("pending show 1"), "{status}");
    // The whole one is taken, and the other one is closed.
    let whole = home.write("again/100010445724-202103-by_used_time-bill_details.csv", whole.as_bytes());
    import(&home, &whole, &[]).says(0, &["150 lines", "issued"]);
    assert_eq!(list(&home)[0]["state"], "superseded by load 2");
    home.ok(["store", "check"]);
}

#[test]
fn a_first_file_that_waits_becomes_the_first_revision_when_it_is_accepted() {
    let home = Home::new();
    let few = file(
        &home,
        &format!("{PAYER}-202103-by_used_time-bill_details.csv"),
        &days((1..=3).flat_map(|day| [day; 5])),
    );
    import(&home, &few, &[]).says(7, &["not yet a bill for 2021-03"]);
    home.run(["pending", "accept", "1", "--reason", "a short month"]).says(0, &["revision 1", "issued"]);
    assert_eq!(home.bill()["lines"], 15);
    home.ok(["store", "check"]);
    home.ok(["audit", "verify"]);
}

#[test]
fn a_day_far_below_the_days_before_waits_and_a_quiet_day_of_a_small_payer_does_not() {
    let many = |day: u32, lines: u32| (0..lines).map(move |id| line(day, OWNER, day * 100 + id, "1"));
    let home = Home::new();
    let four: Vec<String> = (1..=4).flat_map(|day| many(day, 30)).collect();
    home.import([file(&home, &name(4), &four)]);
    let low = file(&home, &name(5), &[four, many(5, 2).collect()].concat());
    import(&home, &low, &[]).says(7, &["has 2 lines for 2021-03-05, and a day before has 30"]);
    let home = nine_days();
    let mut quiet = days(1..=9);
    quiet.push(line(9, OWNER, 99, "1"));
    import(&home, &file(&home, &name(10), &quiet), &[]).says(0, &["Imported"]);
}

#[test]
fn the_bundled_files_need_no_decision() {
    let home = Home::new();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(fixture("demo")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "zip"));
    assert!(files.len() > 30, "{files:?}");
    home.import(files);
    assert_eq!(list(&home).len(), 0);
    for shape in ["chinese", "english", "english-spaced", "several", "shuffled"] {
        let home = Home::with(&[bill_file(shape)]);
        assert_eq!(home.bill()["state"], "issued", "{shape}");
    }
}

#[test]
fn who_may_not_decide_may_not_accept_losses_at_import_either() {
    let home = nine_days();
    for (who, role) in [("ann", "admin"), ("olga", "operator"), ("abe", "approver")] {
        home.ok(["user", "set", who, "--role", role]);
    }
    let cut = file(&home, &name(10), &days(1..=4));
    let import = |who: &str, more: &[&str]| {
        home.run(["--as", who, "import", cut.to_str().unwrap()].iter().chain(more))
    };
    import("olga", &["--accept-smaller"]).says(3, &["olga", "approver"]);
    import("olga", &[]).says(7, &[]);
    home.run(["--as", "olga", "pending", "accept", "1", "--reason", "x"]).says(3, &["olga"]);
    home.run(["--as", "olga", "pending", "discard", "1", "--reason", "x"]).says(3, &["olga"]);
    home.ok(["--as", "abe", "pending", "accept", "1", "--reason", "checked"]);
    assert_eq!(home.bill_text("total"), "5.00000000");
}

#[test]
fn a_file_for_a_confirmed_bill_is_late_and_its_losses_are_listed_by_day() {
    let home = Home::with(&[bill_file("english")]);
    home.confirm();
    let text = std::fs::read_to_string(bill_file("english")).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let cut =
        home.write("100010445724-202103-by_used_time-bill_details.csv", lines[..20].concat().as_bytes());
    import(&home, &cut, &[]).says(7, &["late file 1", "late accept 1 --reopen"]);
    let shown = home.json(["late", "show", "1"]);
    assert_eq!(shown["cause"], "confirmed");
    assert!(shown["losses"].as_array().unwrap().len() > 20, "{shown}");
    home.run(["late", "accept", "1", "--reason", "x"]).says(3, &["confirmed", "--reopen"]);
    assert_eq!(home.bill_of(MARCH)["state"], "confirmed");
}

/// Case 252.
#[test]
fn nothing_is_delivered_of_days_that_a_pending_file_takes_lines_from() {
    let home = nine_days();
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "daily", false);
    import(&home, &file(&home, &name(10), &days(10..=10)), &[]).says(7, &["from 2021-03-01 to 2021-03-09"]);
    // On the 11th the calendar asks for the days through the 9th.
    assert!(home.why("2021-03-11", "daily").starts_with("pending: file 1 takes lines of these days away"));
    home.ok(["run", "--on", "2021-03-11"]);
    assert!(home.lies("bucket").is_empty());
    // The bill as it is goes out once somebody has decided that it is right.
    home.ok(["pending", "discard", "1", "--reason", "the file of one day"]);
    home.ok(["run", "--on", "2021-03-11"]);
    assert_eq!(home.lies("bucket"), ["daily 2021-03-01..2021-03-09"]);
}

#[test]
fn days_that_a_pending_file_does_not_touch_are_delivered() {
    let home = nine_days();
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "daily", false);
    // The 9th loses a line; the days through the 8th do not.
    import(&home, &file(&home, &name(10), &[days(1..=8), days(10..=10)].concat()), &[])
        .says(7, &["on 2021-03-09"]);
    home.ok(["run", "--on", "2021-03-10"]);
    home.ok(["run", "--on", "2021-03-11"]);
    assert_eq!(home.lies("bucket"), ["daily 2021-03-01..2021-03-08"]);
}

#[test]
fn a_bill_is_not_confirmed_while_a_file_that_takes_lines_away_waits() {
    let home = Home::with(&[bill_file("english")]);
    let text = std::fs::read_to_string(bill_file("english")).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let again = format!("{PAYER}-202103-by_used_time-bill_details (1).csv");
    let fewer = home.write(&again, lines[..lines.len() - 1].concat().as_bytes());
    import(&home, &fewer, &["--as", "monthly", "--month", MARCH]).says(7, &["takes away 1 line"]);
    let digest = home.bill_text("digest");
    let confirm = ["bill", "confirm", MARCH, "--digest", &digest];
    home.run(confirm).says(3, &["while pending file 1", "pending accept 1", "pending discard 1"]);
    home.ok(["pending", "discard", "1", "--reason", "cut"]);
    home.ok(confirm);
}

#[test]
fn expected_lists_the_file_that_waits_and_does_not_call_its_days_late() {
    let home = nine_days();
    import(&home, &file(&home, &name(10), &days(1..=4)), &[]).says(7, &[]);
    let rows = home.json(["expected", "--on", "2021-03-12"])["rows"].as_array().unwrap().clone();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!((&rows[0]["verdict"], &rows[0]["file"]), (&"pending".into(), &name(10).into()));
    assert_eq!(rows[0]["next"], "billkeep pending show 1");
    // A first file that waits is expected of a month that has no bill yet.
    let home = Home::new();
    let few: Vec<String> = (1..=3).flat_map(|day| (0..5).map(move |id| line(day, OWNER, id, "1"))).collect();
    import(&home, &file(&home, &format!("{PAYER}-202103-by_used_time-bill_details.csv"), &few), &[])
        .says(7, &[]);
    let rows = home.json(["expected", "--on", "2021-04-02"])["rows"].as_array().unwrap().clone();
    assert!(rows.iter().any(|row| row["verdict"] == "pending" && row["month"] == MARCH), "{rows:?}");
}

#[test]
fn whoever_wants_to_know_is_told_once_of_a_file_that_waits() {
    let home = nine_days();
    home.ok(["notify", "add", "log", "--on", "pending", "--", "sh", "-c", "cat >> heard; echo >> heard"]);
    import(&home, &file(&home, &name(10), &days(1..=4)), &[]).says(7, &[]);
    home.ok(["run", "--on", "2021-03-12"]);
    home.ok(["run", "--on", "2021-03-12"]);
    let heard = std::fs::read_to_string(home.path("heard")).unwrap();
    let heard: Vec<Value> = heard
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [notice] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!((&notice["event"], &notice["pending"]["cause"]), (&"pending".into(), &"smaller".into()));
    assert_eq!((&notice["pending"]["number"], &notice["pending"]["file"]), (&1.into(), &name(10).into()));
    assert_eq!(notice["pending"]["losses"].as_array().unwrap().len(), 5);
    assert!(notice["text"].as_str().unwrap().contains("waits for a decision as pending file 1"), "{notice}");
}

#[test]
fn the_interface_and_the_pages_show_a_file_that_waits_and_decide_on_it() {
    let home = nine_days();
    let served = Served::start(&home, "2021-03-12T03:00:00Z");
    let browser = served.sign_in(&served.link.clone());
    let cut = file(&home, &name(10), &days(1..=4));
    served.files(&browser, &[], &[(&name(10), &std::fs::read(&cut).unwrap())]);
    assert_eq!(list(&home).len(), 1);
    let all = served.get(&browser, "/late").is(200);
    assert!(all.text().contains("Pending files") && all.text().contains(&name(10)), "{}", all.text());
    let page = served.get(&browser, "/late/1").is(200);
    for words in [
        "takes lines or money away",
        "by day and account",
        "2021-03-05",
        OWNER,
        "Accept the file all the same",
    ] {
        assert!(page.text().contains(words), "`{words}` is not in {}", page.text());
    }
    assert!(!page.text().contains("carry_forward"), "there is nothing to carry forward from");
    assert!(served.get(&browser, "/").is(200).text().contains("/late/1"));
    served.form(&browser, "/language", &[("language", "zh-Hans"), ("back", "/late/1")]).is(303);
    served.form(&browser, "/late/1/accept", &[("reason", "checked"), ("back", "/late/1")]).is(303);
    assert_eq!(list(&home)[0]["state"], "accepted as revision 2");
    assert_eq!(home.bill_text("total"), "5.00000000");
}

#[test]
fn the_http_interface_reports_a_file_that_waits_as_pending_and_takes_it_if_asked() {
    let home = nine_days();
    home.ok(["user", "set", "ann", "--role", "admin"]);
    let token = home.ok(["user", "token", "ann", "--label", "test"]).text().trim().to_owned();
    let served = Served::start_as(&home, "2021-03-12T03:00:00Z", "ann", &["--no-scheduler"]);
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/octet-stream")];
    let bytes = std::fs::read(file(&home, &name(10), &days(1..=4))).unwrap();
    let target = format!("/api/v1/imports?name={}", name(10));
    let told = served.ask("POST", &target, &headers, &bytes).is(409).json();
    assert_eq!(
        (&told["error"]["kind"], &told["data"]["files"][0]["outcome"]),
        (&"pending".into(), &"pending".into())
    );
    assert_eq!(told["data"]["files"][0]["losses"].as_array().unwrap().len(), 5);
    let told = served.ask("POST", &format!("{target}&accept_smaller=true"), &headers, &bytes).is(200).json();
    assert_eq!(told["data"]["files"][0]["outcome"], "imported");
}

#[test]
fn a_pending_file_that_was_left_out_is_taken_after_all_once_somebody_says_so() {
    for imported in [false, true] {
        let home = nine_days();
        let cut = file(&home, &name(10), &days(1..=4));
        import(&home, &cut, &[]).says(7, &[]);
        home.ok(["pending", "discard", "1", "--reason", "it was cut"]);
        let after_all = "pending accept 1 --reason TEXT` takes it after all";
        import(&home, &cut, &[]).says(3, &["which is discarded", after_all]);
        assert_eq!(home.bill_text("total"), "11.25000000");
        if imported {
            import(&home, &cut, &["--accept-smaller"]).says(0, &["revision 2"]);
        } else {
            home.run(["pending", "accept", "1", "--reason", "they are gone"]).says(0, &["revision 2"]);
        }
        assert_eq!(home.bill_text("total"), "5.00000000");
        assert_eq!(list(&home)[0]["state"], "accepted as revision 2");
        home.ok(["store", "check"]);
        home.ok(["audit", "verify"]);
    }
}

#[test]
fn a_file_that_supersedes_a_pending_one_says_so_and_how_to_take_that_after_all() {
    let home = nine_days();
    let corrected = file(&home, &name(9).replace(".csv", " (1).csv"), &days(1..=8));
    import(&home, &corrected, &[]).says(7, &["pending file 1"]);
    let next = file(&home, &name(9).replace(".csv", " (2).csv"), &days((1..=9).chain([9])));
    let told = home.run(["--format", "json", "import", next.to_str().unwrap()]);
    told.says(0, &["pending file 1 is superseded by this file"]);
    let superseded: Vec<u64> = list(&home)
        .iter()
        .filter(|row| row["state"].as_str().unwrap().starts_with("superseded"))
        .map(|row| row["late"].as_u64().unwrap())
        .collect();
    assert_eq!(superseded, [1]);
    import(&home, &corrected, &[])
        .says(0, &["superseded", "pending accept 1 --reason TEXT` takes it after all"]);
    home.run(["pending", "accept", "1", "--reason", "the correction counts"]).says(0, &["revision 3"]);
    assert_eq!(home.bill_text("total"), "10.00000000");
    home.ok(["audit", "verify"]);
}

#[test]
fn the_lines_of_a_pending_file_under_a_later_day_wait_as_well() {
    let home = nine_days();
    import(&home, &file(&home, &name(10), &days(1..=4)), &[]).says(7, &["pending file 1"]);
    let later = file(&home, &name(11), &days(1..=4));
    import(&home, &later, &[]).says(7, &["pending file 2", "pending accept 2 --reason TEXT"]);
    assert_eq!(home.bill_text("total"), "11.25000000");
}

#[test]
fn a_pending_file_of_another_currency_states_its_losses_and_what_it_changes_in_all() {
    let home = nine_days();
    let other: Vec<String> = days(1..=9).iter().map(|line| line.replace(",USD", ",CNY")).collect();
    let other = file(&home, &name(9).replace(".csv", " (1).csv"), &other);
    import(&home, &other, &[])
        .says(7, &["takes away 9 lines and 11.25000000 USD", "In all it would change the bill by +11.25"])
        .says(7, &["CNY, -11.25"]);
}

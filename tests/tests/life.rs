//! Disputes, four eyes, putting off: what people do about a bill before it is confirmed.

use crate::support::decimal::{exact, written};
use crate::support::{Home, MARCH, Output, PAYER, bill_file, demo_file};

fn open(home: &Home, lines: &[&str], direction: &str, amount: &str) -> Output {
    let mut args = vec!["dispute", "open", MARCH, "--direction", direction, "--amount", amount];
    args.extend(lines.iter().flat_map(|line| ["--line", line]));
    args.extend(["--reason", "not what was agreed"]);
    home.run(args)
}

fn confirm(home: &Home) -> Output {
    home.run(["bill", "confirm", MARCH, "--digest", &home.bill_text("digest")])
}

fn state(home: &Home) -> String {
    home.bill_text("state")
}

/// A line's cells as `bill lines` tells them.
fn line(home: &Home, id: &str) -> serde_json::Value {
    let lines = home.json(["bill", "lines", MARCH, "--limit", "100000"]);
    lines["rows"].as_array().unwrap().iter().find(|r| r["line"] == id).unwrap().clone()
}

/// An adjustment of one line for the account and product of a line.
fn correction(home: &Home, of: &str, total: &str) -> std::path::PathBuf {
    let csv = home.ok(["bill", "csv", MARCH]).stdout;
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    let headers = reader.headers().unwrap().clone();
    let at: usize = of.split_once('-').unwrap().1.parse().unwrap();
    let record = reader.records().nth(at - 1).unwrap().unwrap();
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(&headers).unwrap();
    let money = ["TotalCost", "Total Cost", "Total Cost (Including Tax)"];
    let cells = headers.iter().zip(&record).map(|(h, c)| if money.contains(&h) { total } else { c });
    out.write_record(cells).unwrap();
    home.write("correction.csv", &out.into_inner().unwrap())
}

#[test]
fn a_dispute_blocks_confirming_until_its_correction_comes() {
    let home = Home::with(&[bill_file("english")]);
    open(&home, &["1-2", "1-2"], "over", "1.25").says(0, &["dispute 1", "1 line", "too much", "disputed"]);
    assert_eq!(state(&home), "disputed");
    confirm(&home).says(3, &["not settled", "dispute list --open"]);
    home.run(["dispute", "accept", "1"]).says(3, &["open", "cannot be accepted"]);
    home.ok(["dispute", "send", "1", "--note", "mail to the channel manager"]);
    home.ok(["dispute", "accept", "1"]);
    confirm(&home).says(3, &["not settled"]);

    // A correction of another amount settles nothing; the right one does.
    let wrong = correction(&home, "1-2", "-1.24");
    home.import_as(Some("adjustment"), [wrong]).says(0, &[]);
    assert_eq!(state(&home), "disputed");
    let before = exact(&home.bill_text("total"));
    let right = correction(&home, "1-2", "-1.25");
    home.import_as(Some("adjustment"), [right]).says(0, &["dispute 1 is settled"]);
    assert_eq!(state(&home), "issued");
    assert_eq!(exact(&home.bill_text("total")), before - exact("1.25000000"));
    let show = home.json(["dispute", "show", "1"]);
    assert_eq!((&show["state"], &show["settled_by"]), (&"settled".into(), &3.into()), "{show}");
    confirm(&home).says(0, &["Confirmed"]);
    home.ok(["audit", "verify"]);
}

#[test]
fn several_disputes_are_resolved_one_by_one() {
    let home = Home::with(&[bill_file("english")]);
    for (line, direction) in [("1-1", "over"), ("1-2", "under"), ("1-3", "over")] {
        open(&home, &[line], direction, "3").says(0, &[]);
    }
    home.ok(["dispute", "withdraw", "1", "--reason", "our mistake"]);
    home.ok(["dispute", "send", "2"]);
    home.ok(["dispute", "reject", "2", "--reason", "the contract says so"]);
    assert_eq!(state(&home), "disputed");
    home.ok(["dispute", "set-aside", "3", "--reason", "it is small"]);
    assert_eq!(state(&home), "issued");
    confirm(&home).says(0, &[]);
    // It goes on: what comes of it changes nothing in the confirmed bill.
    home.ok(["dispute", "send", "3"]);
    home.ok(["dispute", "accept", "3"]);
    home.ok(["dispute", "settle", "3", "--reason", "credited with April"]);
    assert_eq!(state(&home), "confirmed");
    let list = home.json(["dispute", "list", "--open"]);
    assert_eq!(list["rows"].as_array().unwrap().len(), 0, "{list}");
    let states: Vec<String> = home.json(["dispute", "list"])["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["state"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(states, ["withdrawn", "rejected", "settled"]);
}

#[test]
fn lines_are_chosen_by_their_cells_and_their_total_is_told() {
    let home = Home::with(&[bill_file("english")]);
    let owner = line(&home, "1-1")["Owner Account ID"].as_str().map(str::to_owned).unwrap_or_else(|| {
        let csv = home.ok(["bill", "csv", MARCH]).stdout;
        let mut reader = csv::Reader::from_reader(csv.as_slice());
        let at =
            reader.headers().unwrap().iter().position(|h| h.replace(' ', "") == "OwnerAccountID").unwrap();
        reader.records().next().unwrap().unwrap()[at].to_owned()
    });
    let filter = format!("owner={owner}");
    let args = ["dispute", "open", MARCH, "--where", &filter, "--direction", "under", "--amount", "10"];
    home.run(args.iter().copied().chain(["--reason", "traffic is missing"])).says(0, &["too little"]);
    let show = home.json(["dispute", "show", "1"]);
    let rows = home.json(["bill", "show", MARCH, "--by", "owner"]);
    let of_owner = rows["rows"].as_array().unwrap().iter().find(|r| r["owner"] == owner.as_str()).unwrap();
    assert_eq!(show["lines_total"], of_owner["total"], "{show}");
    assert_eq!(show["lines"].as_array().unwrap().len() as u64, of_owner["lines"].as_u64().unwrap());
}

#[test]
fn what_cannot_be_disputed_is_told() {
    let home = Home::with(&[demo_file(3, 30)]);
    open(&home, &["1-1"], "over", "1").says(3, &["not complete"]);
    home.import([demo_file(3, 31)]);
    let before = home.seen();
    open(&home, &["1-99999"], "over", "1").says(1, &["no line 1-99999", "bill lines"]);
    open(&home, &["1-1"], "over", "0").says(1, &["more than 0"]);
    open(&home, &["1-1"], "over", "-3").says(1, &["more than 0"]);
    open(&home, &["1-1"], "over", "ten").says(1, &["not an amount"]);
    open(&home, &["1-1"], "sideways", "1").says(2, &["not a direction"]);
    open(&home, &[], "over", "1").says(2, &["--where"]);
    home.run(["dispute", "show", "4"]).says(1, &["no dispute 4"]);
    assert_eq!(home.seen(), before);
    home.confirm();
    open(&home, &["1-1"], "over", "1").says(3, &["confirmed"]);
}

#[test]
fn with_four_eyes_two_people_confirm_what_both_saw() {
    let home = Home::with(&[demo_file(3, 31)]);
    home.ok(["settings", "four-eyes", "on"]);
    let digest = home.bill_text("digest");
    let confirm_as = |who: &str| home.run(["--as", who, "bill", "confirm", MARCH, "--digest", &digest]);
    confirm_as("ann").says(0, &["Signed", "second person"]);
    assert_eq!(state(&home), "issued");
    confirm_as("Ann ").says(3, &["another person"]);
    confirm_as("bob").says(0, &["Confirmed", "`ann` signed first"]);
    let reopen_as = |who: &str| home.run(["--as", who, "bill", "reopen", MARCH, "--reason", "wrong rate"]);
    reopen_as("bob").says(0, &["second person"]);
    assert_eq!(state(&home), "confirmed");
    reopen_as("bob").says(3, &["another person"]);
    reopen_as("ann").says(0, &["Reopened"]);
    assert_eq!(state(&home), "issued");
}

#[test]
fn a_signature_is_void_once_the_bill_has_changed() {
    let home = Home::with(&[bill_file("english")]);
    home.ok(["settings", "four-eyes", "on"]);
    confirm(&home).says(0, &["Signed"]);
    let seen = home.bill_text("digest");
    let (file, _) = crate::confirm::adjustment(&home);
    home.import_as(Some("adjustment"), [file]).says(0, &[]);
    home.run(["--as", "bob", "bill", "confirm", MARCH, "--digest", &seen]).says(3, &["changed since"]);
    let now = home.bill_text("digest");
    home.run(["--as", "bob", "bill", "confirm", MARCH, "--digest", &now]).says(0, &["Signed"]);
    assert_eq!(state(&home), "issued");
    home.run(["bill", "confirm", MARCH, "--digest", &now]).says(0, &["`bob` signed first"]);
}

#[test]
fn the_rule_of_four_eyes_is_not_ended_by_one_person() {
    let home = Home::with(&[bill_file("english")]);
    home.ok(["settings", "four-eyes", "on"]).says(0, &["two people"]);
    home.ok(["settings", "four-eyes", "on"]).says(0, &["nothing was changed"]);
    home.ok(["settings", "four-eyes", "off"]).says(0, &["second person"]);
    home.ok(["settings", "four-eyes", "off"]).says(0, &["second person"]);
    confirm(&home).says(0, &["Signed"]);
    home.ok(["--as", "bob", "settings", "four-eyes", "off"]).says(0, &["One person"]);
    confirm(&home).says(0, &["Confirmed"]);
    let settings = home.json(["settings", "show"]);
    let row = settings["rows"].as_array().unwrap().iter().find(|r| r["setting"] == "four_eyes").unwrap();
    assert_eq!(row["value"], "off");
}

#[test]
fn a_decision_is_put_off_once() {
    let home = Home::with(&[demo_file(3, 31)]);
    let defer =
        || home.run(["bill", "defer", MARCH, "--reason", "waiting for an answer", "--on", "2021-04-05"]);
    defer().says(0, &["2021-04-12", "once"]);
    defer().says(3, &["put off once"]);
    assert_eq!(state(&home), "issued");
    confirm(&home).says(0, &[]);
    defer().says(3, &["confirmed"]);
}

#[test]
fn every_revision_is_told_with_its_files() {
    let home = Home::with(&[bill_file("english")]);
    let (file, more) = crate::confirm::adjustment(&home);
    home.import_as(Some("adjustment"), [file]).says(0, &[]);
    let told = home.json(["bill", "revisions", MARCH]);
    let rows = told["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{told}");
    assert_eq!((&rows[1]["parent"], &rows[0]["parent"]), (&1.into(), &0.into()));
    assert!(rows[1]["files"].as_str().unwrap().ends_with("later.csv"));
    assert_eq!(rows[1]["sha256"].as_str().unwrap().split(' ').count(), 2);
    let total = |row: usize| exact(rows[row]["total"].as_str().unwrap());
    assert_eq!(total(1) - total(0), more);
    assert_eq!(written(total(1)), home.bill_text("total"));
}

/// The entries of a pack, as texts.
fn packed(home: &Home, number: &str) -> std::collections::BTreeMap<String, String> {
    let path = home.path("evidence.zip");
    home.run(["dispute", "pack", number, "-o", path.to_str().unwrap()]).says(0, &["evidence.zip"]);
    let entries = billkeep_fixtures::unzip(&std::fs::read(path).unwrap()).unwrap();
    entries.into_iter().map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap())).collect()
}

#[test]
fn the_evidence_of_a_dispute_opens_anywhere() {
    let home = Home::with(&[bill_file("english")]);
    open(&home, &["1-2", "1-5"], "over", "1.25").says(0, &[]);
    let entries = packed(&home, "1");
    assert_eq!(
        entries.keys().map(String::as_str).collect::<Vec<_>>(),
        ["arithmetic.csv", "earlier.csv", "index.html", "lines.csv", "sources.csv"]
    );
    let rows = |name: &str| {
        let text = entries[name].trim_start_matches('\u{feff}').to_owned();
        let mut reader = csv::Reader::from_reader(std::io::Cursor::new(text));
        let headers = reader.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        (headers, rows)
    };
    // Every cell of the disputed lines, and the place where each stands in the provider's file.
    let (headers, lines) = rows("lines.csv");
    let whole = home.ok(["bill", "csv", MARCH]).stdout;
    let original: Vec<csv::StringRecord> =
        csv::Reader::from_reader(whole.as_slice()).records().map(Result::unwrap).collect();
    assert_eq!(lines.len(), 2);
    for (line, at) in lines.iter().zip([2, 5]) {
        assert_eq!((&line[0], &line[3]), (format!("1-{at}").as_str(), at.to_string().as_str()));
        let cells: Vec<&str> = line.iter().skip(5).collect();
        assert_eq!(cells, original[at - 1].iter().collect::<Vec<_>>());
    }
    assert!(headers.iter().any(|h| h == "TotalCost"));
    let (_, arithmetic) = rows("arithmetic.csv");
    assert!(arithmetic.iter().any(|r| &r[1] == "total" && &r[7] == "yes"), "{arithmetic:?}");
    let (_, sources) = rows("sources.csv");
    let revisions = home.json(["bill", "revisions", MARCH]);
    assert_eq!(sources[0][2], *revisions["rows"][0]["sha256"].as_str().unwrap());
    let page = &entries["index.html"];
    assert!(page.contains("1.25") && page.contains("not what was agreed") && page.contains(&sources[0][2]));
    assert!(!page.contains("<script") && !page.contains("http"), "it needs nothing from anywhere");
    assert_eq!(packed(&home, "1"), entries, "the same evidence, the same bytes");
}

#[test]
fn evidence_shows_what_the_lines_were_before_and_hides_no_markup() {
    let home = Home::with(&[demo_file(3, 31)]);
    let csv = home.ok(["bill", "csv", MARCH]).stdout;
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    let headers = reader.headers().unwrap().clone();
    let at = headers.iter().position(|h| h == "TotalCost").unwrap();
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(&headers).unwrap();
    for (row, record) in reader.records().enumerate() {
        let record = record.unwrap();
        let cell = |(column, cell)| if (row, column) == (3, at) { "987654.32" } else { cell };
        out.write_record(record.iter().enumerate().map(cell)).unwrap();
    }
    let name = "100010445724-20210331-by_used_time-bill_details.csv";
    home.import([home.write(name, &out.into_inner().unwrap())]);
    let args =
        ["dispute", "open", MARCH, "--line", "2-4", "--line", "2-5", "--direction", "over", "--amount", "9"];
    home.run(args.iter().copied().chain(["--reason", "<b>\"wrong\" & late"])).says(0, &[]);
    let entries = packed(&home, "1");
    let earlier = &entries["earlier.csv"];
    assert!(earlier.contains("2-4,1,other,TotalCost,") && earlier.contains(",987654.32"), "{earlier}");
    assert!(earlier.contains("2-5,1,the same"), "{earlier}");
    let page = &entries["index.html"];
    assert!(page.contains("&lt;b&gt;&quot;wrong&quot; &amp; late") && !page.contains("<b>"), "{page}");
    // The changed total does not follow from the figures that it is made of.
    assert!(entries["arithmetic.csv"].contains("987654.32") && entries["arithmetic.csv"].contains(",no"));
    assert!(page.contains("not agree with the bill"), "{page}");
}

#[test]
fn the_morning_screen_tells_what_waits() {
    let home = Home::with(&[demo_file(3, 31), demo_file(4, 4)]);
    let screen = |on: &str| String::from_utf8(home.ok(["status", "--on", on]).stdout).unwrap();
    let text = screen("2021-04-08");
    assert!(
        text.contains("to be confirmed by 2021-04-09") && text.contains("billkeep bill show 2021-03"),
        "{text}"
    );
    assert!(text.contains("through 2021-04-06") && text.contains("billkeep import"), "{text}");
    assert!(text.contains("2021-04-05..2021-04-06 are not in"), "{text}");
    let empty = "billkeep bill empty-day 2021-04 --day 2021-04-05 --through 2021-04-06 --reason TEXT";
    assert!(text.contains("if nothing was used on those days") && text.contains(empty), "{text}");
    assert!(text.lines().all(|l| l.chars().count() <= 100), "{text}");
    home.ok(["bill", "defer", MARCH, "--reason", "ask first", "--on", "2021-04-08"]);
    assert!(screen("2021-04-10").contains("put off until 2021-04-15"));
    home.ok(["settings", "four-eyes", "on"]);
    let digest = home.json(["bill", "list"])["rows"][0]["digest"].as_str().unwrap().to_owned();
    home.ok(["bill", "confirm", MARCH, "--digest", &digest]);
    assert!(screen("2021-04-10").contains("`ann` has signed, a second person is missing"));
    let json = home.json(["status", "--on", "2021-04-08"]);
    let sections: Vec<&str> =
        json["rows"].as_array().unwrap().iter().map(|r| r["section"].as_str().unwrap()).collect();
    assert!(
        sections.contains(&"decide") && sections.contains(&"files") && sections.contains(&"months"),
        "{json}"
    );
}

#[test]
fn bills_that_wait_for_a_day_are_on_the_screen_of_that_very_day() {
    let home = Home::with(&[demo_file(3, 30)]);
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "daily,monthly", false);
    let due = |on: &str| -> Vec<serde_json::Value> {
        let status = home.json(["status", "--on", on]);
        status["rows"].as_array().unwrap().iter().filter(|row| row["section"] == "due").cloned().collect()
    };
    let [waits] = &due("2021-04-02")[..] else { panic!() };
    assert_eq!(waits["text"], "2 bills wait: 2021-03-31 is not in");
    assert_eq!(waits["next"], "billkeep import --mode cumulative FILE");
    let ways: Vec<&str> =
        waits["or"].as_array().unwrap().iter().map(|way| way["command"].as_str().unwrap()).collect();
    assert_eq!(
        ways,
        ["billkeep bill empty-day 2021-03 --day 2021-03-31 --reason TEXT", "billkeep bill issue 2021-03"]
    );
    // What it names lets both bills go.
    home.ok(ways[0].split(' ').skip(1));
    home.ok(["run", "--on", "2021-04-02"]);
    assert!(due("2021-04-02").is_empty());
    assert_eq!(home.json(["delivery", "list"])["rows"].as_array().unwrap().len(), 2);
}

//! Untrusted text (cases 244, 250, security 03, 10 and 20): what a file says never acts on a terminal or a page.

use crate::support::console::Served;
use crate::support::{Home, MARCH, Output, PAYER, STEM};

const NOW: &str = "2021-04-06T03:00:00Z";
/// Sets a terminal's title, clears it, turns text around, hides text.
const HOSTILE: &str = "\u{1b}]0;own\u{7}\u{1b}[2Jx\u{202e}fdp\u{2066}\u{200b}\u{9b}31m\u{2028}";

const HEADER: &str = "PayerAccountID,OwnerAccountID,ProductName,ProjectName,InstanceID,Region,UsageStartTime,TotalCost,\
    Currency,tag_key:env";

fn line(owner: &str, product: &str, total: &str) -> String {
    format!(
        "{PAYER},{owner},{product},{product},{product},{product},2021-03-02 10:00:00,{total},USD,{product}\n"
    )
}

/// A month whose every free cell is hostile.
fn hostile_bill() -> String {
    let tag = HEADER.replace("tag_key:env", "tag_key:en\u{202e}v");
    let duplicate = line("200000003412", HOSTILE, "2.5");
    format!("{tag}\n{}{duplicate}{duplicate}", line(PAYER, HOSTILE, "1.5"))
}

/// A store with that bill, and what its import told.
fn hostile_store() -> (Home, Output) {
    let home = Home::new();
    let imported = home.import([home.write(&format!("{STEM}.csv"), hostile_bill().as_bytes())]);
    (home, imported)
}

/// Gives an account a hostile name, and disputes a line for a hostile reason.
fn name_and_dispute(home: &Home) {
    home.ok(["account", "add", "200000003412", "--name", "a\u{202e}b"]);
    let words =
        ["dispute", "open", MARCH, "--line", "1-1", "--direction", "over", "--amount", "1", "--reason"];
    home.ok([&words[..], &[HOSTILE]].concat());
}

fn is_hidden(c: char) -> bool {
    c.is_control() && c != '\n'
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[track_caller]
fn is_safe(output: &Output, what: &str) {
    let all = format!("{}{}", output.text(), output.stderr);
    assert!(!all.contains(is_hidden), "{what}: {all:?}");
}

#[test]
fn cells_of_a_bill_reach_the_terminal_with_hidden_characters_shown() {
    let (home, imported) = hostile_store();
    is_safe(&imported, "import");
    name_and_dispute(&home);
    for args in [
        vec!["bill", "show", MARCH, "--by", "project"],
        vec!["bill", "show", MARCH, "--by", "product,owner"],
        vec!["bill", "show", MARCH, "--by", "tag:en\u{202e}v"],
        vec!["bill", "lines", MARCH],
        vec!["bill", "lint", MARCH],
        vec!["bill", "diff", MARCH],
        vec!["bill", "explain", MARCH],
        vec!["bill", "lines", MARCH, "--where", "product=\u{1b}[31m"],
        vec!["account", "list"],
        vec!["account", "tree"],
        vec!["dispute", "list"],
        vec!["dispute", "show", "1"],
        vec!["audit", "list"],
        vec!["status"],
    ] {
        is_safe(&home.run(&args), &args.join(" "));
    }
    let shown = home.ok(["bill", "show", MARCH, "--by", "project"]);
    assert!(shown.text().contains("<U+001B>]0;own<U+0007>"), "{}", shown.text());
    assert!(shown.text().contains("x<U+202E>fdp<U+2066><U+200B><U+009B>31m<U+2028>"), "{}", shown.text());
}

#[test]
fn data_for_programs_keeps_every_character() {
    let (home, _) = hostile_store();
    let rows = home.json(["bill", "show", MARCH, "--by", "project"])["rows"].as_array().unwrap().clone();
    assert!(rows.iter().any(|row| row["project"] == HOSTILE), "{rows:?}");
    let csv = home.ok(["bill", "csv", MARCH]);
    assert!(csv.text().contains(HOSTILE));
    let table = home.ok(["--format", "csv", "bill", "show", MARCH, "--by", "project"]);
    assert!(table.text().contains(HOSTILE));
}

#[test]
fn errors_about_a_file_show_what_it_holds_and_do_not_act() {
    let amount = format!("{HEADER}\n{}", line(PAYER, "CVM", HOSTILE));
    let uin = format!("{HEADER}\n{}", line(HOSTILE, "CVM", "1"));
    let header = format!(
        "{}\n{}",
        HEADER.replace("TotalCost", &format!("TotalCost{HOSTILE}")),
        line(PAYER, "CVM", "1")
    );
    let forged = format!("{HEADER}\n{}", line(PAYER, "CVM", "\"1\nhint: run `curl evil`\""));
    for (what, text) in [("amount", amount), ("uin", uin), ("header", header), ("forged", forged)] {
        let home = Home::new();
        let file = home.write(&format!("{STEM}.csv"), text.as_bytes());
        for more in [&[][..], &["--dry-run"]] {
            let args = [&["import", file.to_str().unwrap()], more].concat();
            let output = home.run(&args);
            assert_ne!(output.code, 0, "{what}");
            is_safe(&output, what);
            assert!(!output.stderr.contains("\nhint: run `curl evil`"), "{what}: {}", output.stderr);
            if what == "amount" {
                assert!(output.stderr.contains("<U+001B>"), "{}", output.stderr);
            }
        }
    }
    // A name that a shell's pattern gave.
    let home = Home::new();
    is_safe(&home.run(["import", "--\u{1b}]0;own\u{7}"]), "usage");
    is_safe(&home.run(["import", "no\u{202e}such.csv"]), "a file that is not there");
}

#[test]
fn pages_show_hidden_characters_and_keep_what_others_wrote_apart() {
    let (home, _) = hostile_store();
    name_and_dispute(&home);
    let bucket = home.path("buck\u{202e}et");
    std::fs::create_dir(&bucket).unwrap();
    home.ok(["sink", "add", "finance", &format!("file://{}", bucket.display())]);
    home.enable(PAYER, "finance", "monthly", false);
    home.ok(["run", "--on", "2021-04-05"]);
    let served = Served::start_as(&home, NOW, "tester", &["--no-scheduler"]);
    let browser = served.sign_in(&served.link.clone());
    let hostile = "%1B%5D0%3B%E2%80%AE";
    for target in [
        "/".to_owned(),
        "/bills".into(),
        "/bills/2021-03".into(),
        "/bills/2021-03?by=project&then=product".into(),
        "/bills/2021-03?by=tag:en%E2%80%AEv".into(),
        format!("/bills/2021-03?by={hostile}"),
        "/bills/2021-03?seen=1&ask=confirm".into(),
        "/bills/2021-03/lines".into(),
        format!("/bills/2021-03/lines?field=product&value={hostile}"),
        "/bills/2021-03/diff".into(),
        "/bills/2021-03/lint".into(),
        "/bills/2021-03/revisions".into(),
        format!("/bills/2021-03/dispute?filter=product%3D{hostile}"),
        "/import".into(),
        "/disputes".into(),
        "/disputes/1".into(),
        "/late".into(),
        "/storage".into(),
        format!("/storage/{PAYER}"),
        "/deliveries".into(),
        "/deliveries/1".into(),
        "/journal".into(),
        format!("/journal?actor={hostile}"),
        "/settings".into(),
        format!("/settings?ask=sink&name={hostile}"),
        format!("/bills/{hostile}"),
        format!("/{hostile}"),
    ] {
        let page = served.get(&browser, &target);
        let text = page.text();
        assert!(!text.contains(is_hidden), "{target}: {text:?}");
        assert!(!text.contains("panicked"), "{target}");
        apart(&target, text);
    }
    let lines = served.get(&browser, "/bills/2021-03/lines").is(200);
    assert!(lines.text().contains("<bdi>&lt;U+001B&gt;]0;own&lt;U+0007&gt;"), "{}", lines.text());
    // A form sends back what it was given: a search for the cell finds its lines.
    let found = served.get(&browser, "/bills/2021-03/lines?field=product&value=x").is(200);
    assert!(!found.text().contains("<bdi>USD"), "{}", found.text());
    let target =
        format!("/bills/2021-03/lines?field=product&value={}", crate::support::console::encoded(HOSTILE));
    let found = served.get(&browser, &target).is(200);
    assert!(found.text().contains("<bdi>USD") && found.text().contains("&#x202E;"), "{}", found.text());
}

/// Asserts that each shown number of a hidden character stands within `<bdi>`, or where there can be none.
#[track_caller]
fn apart(target: &str, page: &str) {
    let mut at = 0;
    while let Some(found) = page[at..].find("&lt;U+") {
        at += found;
        let before = &page[..at];
        let last = |text: &str| before.rfind(text).map_or(-1, |at| at as i64);
        let in_bdi = last("<bdi>") > last("</bdi>");
        // An attribute, or an element that holds text alone.
        let in_tag = last("<") > last(">");
        let alone = ["title", "option"].iter().any(|name| {
            last(&format!("<{name}>")).max(last(&format!("<{name} "))) > last(&format!("</{name}>"))
        });
        assert!(
            in_bdi || in_tag || alone,
            "{target}: {}",
            &page[at.saturating_sub(200)..page.len().min(at + 60)]
        );
        at += 1;
    }
}

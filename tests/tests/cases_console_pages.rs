//! What finance people see on the console's pages: words, amounts, links and next steps that are true.

use crate::support::console::{Browser, Reply, Served};
use crate::support::{Home, MARCH, PAYER, bill_file, demo_file};

const NOW: &str = "2021-04-08T03:00:00Z";

fn start_as(home: &Home, actor: &str) -> (Served, Browser) {
    let served = Served::start_as(home, NOW, actor, &["--no-scheduler"]);
    let browser = served.sign_in(&served.link.clone());
    (served, browser)
}

fn in_chinese(served: &Served, browser: &Browser, target: &str) -> Reply {
    let cookie = format!("{}; billkeep-language=zh-Hans", browser.cookie);
    served.ask("GET", target, &[("Cookie", &cookie)], b"")
}

/// March by pay time, of the Chinese file; its name does not say a basis.
fn import_paid(home: &Home) {
    let file = home.write("march.csv", &std::fs::read(bill_file("chinese")).unwrap());
    let file = file.to_str().unwrap();
    home.ok(["import", "--basis", "paid", "--month", MARCH, "--payer", PAYER, "--as", "monthly", file]);
}

/// The texts of a table's cells, row by row: of the table whose caption is this.
fn cells(page: &str, caption: &str) -> Vec<Vec<String>> {
    let table =
        page.split(&format!("<caption>{caption}</caption>")).nth(1).unwrap_or_else(|| panic!("{page}"));
    let rows = table.split("</table>").next().unwrap().split("<tr").skip(1);
    let text = |cell: &str| {
        let inner = cell.split_once('>').map_or("", |(_, inner)| inner);
        let mut text = String::new();
        let mut in_tag = false;
        for c in inner.chars() {
            match c {
                '<' => in_tag = true,
                '>' => in_tag = false,
                c if !in_tag => text.push(c),
                _ => {}
            }
        }
        text
    };
    let split = |row: &str| {
        let row = row.replace("</td>", "</th>");
        row.split("</th>").filter_map(|cell| cell.rfind("<t").map(|at| text(&cell[at..]))).collect()
    };
    rows.map(split).collect()
}

#[test]
fn a_late_file_is_told_as_late_and_a_rule_that_is_on_as_on() {
    let home = Home::new();
    home.import((1..=31).map(|day| demo_file(3, day)));
    for (name, role) in [("ann", "admin"), ("bob", "approver")] {
        home.ok(["--as", "ann", "user", "set", name, "--role", role]);
    }
    home.ok(["--as", "ann", "settings", "four-eyes", "on"]);
    let (served, browser) = start_as(&home, "ann");
    // April's first file was to come on the 3rd.
    let page = served.get(&browser, "/import").is(200);
    let rows = cells(page.text(), "Expected files");
    assert!(rows.iter().any(|row| row.iter().any(|cell| cell == "late")), "{rows:?}");
    assert!(rows.iter().flatten().all(|cell| cell != "Pending file"), "{rows:?}");
    let page = in_chinese(&served, &browser, "/import").is(200);
    let rows = cells(page.text(), "待接收文件");
    assert!(rows.iter().any(|row| row.iter().any(|cell| cell == "逾期")), "{rows:?}");
    // The journal tells what was set, and not a column's name.
    let page = in_chinese(&served, &browser, "/journal?action=settings").is(200);
    let rows = cells(page.text(), "操作日志");
    let row = rows.iter().find(|row| row.iter().any(|cell| cell == "双人复核"));
    assert!(row.is_some_and(|row| row.iter().any(|cell| cell == "开启")), "{rows:?}");
}

#[test]
fn a_bill_by_pay_time_is_told_apart_and_links_lead_to_it() {
    let home = Home::new();
    home.import((1..=31).map(|day| demo_file(3, day)));
    import_paid(&home);
    // What is named as the next step is about the same bill.
    home.run(["bill", "confirm", MARCH, "--basis", "paid", "--digest", "000000000000"]).says(
        3,
        &[
            "`billkeep bill show 2021-03 --basis paid`",
            "`billkeep bill confirm 2021-03 --basis paid --digest",
        ],
    );
    let open = ["dispute", "open", MARCH, "--basis", "paid", "--line", "1-1", "--direction", "over"];
    let load = home.json(["bill", "revisions", MARCH, "--basis", "paid"])["rows"].as_array().unwrap().len();
    assert_eq!(load, 1);
    let line = home.json(["bill", "lines", MARCH, "--basis", "paid", "--limit", "1"])["rows"][0]["line"]
        .as_str()
        .unwrap()
        .to_owned();
    let (served, browser) = start_as(&home, "tester");
    let dialog = served.get(&browser, "/bills/2021-03?basis=paid&ask=confirm").is(200);
    let dialog = dialog.text().split("<dialog").nth(1).unwrap().split("</dialog>").next().unwrap().to_owned();
    assert!(dialog.contains("by day of payment"), "{dialog}");
    assert!(
        served
            .get(&browser, "/bills/2021-03?basis=paid")
            .text()
            .contains("<h1><bdi>Bill Management 2021-03 · by day of payment")
    );
    let words: Vec<&str> =
        open.iter().map(|word| if *word == "1-1" { line.as_str() } else { word }).collect();
    home.ok([&words[..], &["--amount", "1", "--reason", "twice"]].concat());
    for target in ["/disputes", "/disputes/1"] {
        let page = served.get(&browser, target).is(200);
        assert!(page.text().contains("href=\"/bills/2021-03?basis=paid\""), "{target}: {}", page.text());
    }
}

#[test]
fn bills_that_are_due_by_pay_time_have_a_button_of_their_own() {
    let home = Home::new();
    home.import((1..=31).map(|day| demo_file(3, day)));
    import_paid(&home);
    home.sink("finance", &[]);
    home.enable(PAYER, "finance", "monthly", false);
    home.ok(["run", "--on", "2021-04-08"]);
    let (served, browser) = start_as(&home, "tester");
    let page = served.get(&browser, "/").is(200);
    let due =
        page.text().split("aria-labelledby=\"due\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(
        due.contains("name=\"basis\" value=\"paid\"") && !due.contains("name=\"basis\" value=\"used\""),
        "{due}"
    );
    assert!(due.contains("by pay time"), "{due}");
    served.form(&browser, "/run", &[("basis", "paid"), ("back", "/")]).is(303);
    let page = served.get(&browser, "/").is(200);
    assert!(
        page.text().contains("Delivered the monthly bill")
            && !page.text().contains("aria-labelledby=\"due\""),
        "{}",
        page.text()
    );
}

#[test]
fn a_page_tells_who_has_signed_and_offers_no_second_signature_to_them() {
    let home = Home::new();
    home.import((1..=31).map(|day| demo_file(3, day)));
    for (name, role) in [("ann", "admin"), ("bob", "approver")] {
        home.ok(["--as", "ann", "user", "set", name, "--role", role]);
    }
    home.ok(["--as", "ann", "settings", "four-eyes", "on"]);
    let digest = home.json(["bill", "list"])["rows"][0]["digest"].as_str().unwrap().to_owned();
    let (served, ann) = start_as(&home, "ann");
    let url = format!("http://{}", served.host);
    let bob = home.ok(["--as", "ann", "user", "link", "bob", "--at", &url]);
    let bob = served.sign_in(bob.text().trim());
    let asks = "/bills/2021-03?ask=confirm";
    assert!(served.get(&ann, asks).text().contains("Two people have to confirm"));
    served.form(&ann, "/bills/2021-03/confirm", &[("digest", &digest), ("back", "/bills/2021-03")]).is(303);
    let page = served.get(&ann, asks).is(200);
    assert!(page.text().contains("ann has confirmed") && !page.text().contains("<dialog"), "{}", page.text());
    let page = served.get(&bob, asks).is(200);
    assert!(page.text().contains("ann has confirmed") && page.text().contains("<dialog"), "{}", page.text());
    let note = [("digest", digest.as_str()), ("note", "checked"), ("back", "/bills/2021-03")];
    served.form(&bob, "/bills/2021-03/confirm", &note).is(303);
    let page = served.get(&ann, "/bills/2021-03").is(200);
    assert!(page.text().contains("Confirmed by bob at 2021-04-08T03:00:00Z"), "{}", page.text());
    assert!(page.text().contains("<bdi>checked</bdi>"), "{}", page.text());
}

#[test]
fn a_decision_that_was_put_off_is_told_with_its_day_and_is_not_put_off_again() {
    let home = Home::new();
    home.import((1..=31).map(|day| demo_file(3, day)));
    let (served, browser) = start_as(&home, "tester");
    // Seven days from the day on which it is put off.
    let page = served.get(&browser, "/bills/2021-03?ask=defer").is(200);
    assert!(page.text().contains("put off until 2021-04-15"), "{}", page.text());
    let fields = [("basis", "used"), ("reason", "on holiday"), ("back", "/bills/2021-03")];
    served.form(&browser, "/bills/2021-03/defer", &fields).is(303);
    served.get(&browser, "/bills").is(200);
    let page = served.get(&browser, "/bills/2021-03?ask=defer").is(200);
    assert!(page.text().contains("tester put off the decision until 2021-04-15"), "{}", page.text());
    assert!(
        page.text().contains("on holiday") && !page.text().contains("href=\"/bills/2021-03?ask=defer\""),
        "{}",
        page.text()
    );
}

#[test]
fn disputes_are_offered_only_where_they_can_be_opened() {
    let home = Home::new();
    home.import((1..=31).map(|day| demo_file(3, day)));
    let (served, browser) = start_as(&home, "tester");
    let lines = "/bills/2021-03/lines?field=owner&value=200000003412";
    let form = "/bills/2021-03/dispute?filter=owner%3D200000003412";
    assert!(served.get(&browser, lines).text().contains("/bills/2021-03/dispute?filter="));
    assert!(served.get(&browser, form).text().contains("action=\"/bills/2021-03/disputes\""));
    // Without lines, the next step is to choose some.
    let page = served.get(&browser, "/bills/2021-03/dispute").is(200);
    assert!(
        !page.text().contains("FIELD=VALUE") && page.text().contains("Choose the lines first"),
        "{}",
        page.text()
    );
    let digest = home.json(["bill", "list"])["rows"][0]["digest"].as_str().unwrap().to_owned();
    home.ok(["bill", "confirm", MARCH, "--digest", &digest]);
    assert!(!served.get(&browser, lines).text().contains("/bills/2021-03/dispute"));
    assert!(!served.get(&browser, "/bills/2021-03/lint").text().contains("/bills/2021-03/dispute"));
    let page = served.get(&browser, form).is(200);
    assert!(!page.text().contains("action=\"/bills/2021-03/disputes\""), "{}", page.text());
    assert!(page.text().contains("not yet confirmed"), "{}", page.text());
}

#[test]
fn a_check_of_a_wrong_file_tells_its_faults_and_not_where_it_was_put() {
    let home = Home::with(&[bill_file("english")]);
    let text = std::fs::read_to_string(bill_file("english")).unwrap();
    let text = format!("{}nonsense,1\r\n", text.split_inclusive('\n').next().unwrap());
    let name = format!("{PAYER}-202103-by_used_time-bill_details.csv");
    let (served, browser) = start_as(&home, "tester");
    served.files(&browser, &[("dry_run", "true")], &[(&name, text.as_bytes())]).is(303);
    let page = served.get(&browser, "/import").is(200);
    assert!(page.text().contains("line 2") && page.text().contains("has 2 cells"), "{}", page.text());
    assert!(page.text().contains(&format!("1 fault of 1 kind in `{name}`")), "{}", page.text());
    assert!(!page.text().contains(".staging"), "{}", page.text());
}

#[test]
fn a_form_of_an_earlier_session_is_refused_in_the_readers_language_with_a_way_back() {
    let home = Home::with(&[bill_file("english")]);
    let (served, browser) = start_as(&home, "tester");
    let cookie = format!("{}; billkeep-language=zh-Hans", browser.cookie);
    let referer = format!("http://{}/settings", served.host);
    let headers = [
        ("Cookie", cookie.as_str()),
        ("Referer", referer.as_str()),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let page = served.ask("POST", "/settings/four-eyes", &headers, b"csrf=old&asks=value&value=on").is(403);
    assert!(page.text().contains("请重新加载其页面"), "{}", page.text());
    assert!(page.text().contains("<a href=\"/settings\">返回</a>"), "{}", page.text());
    // No page of another site is led back to.
    let headers = [headers[0], ("Referer", "http://evil.example/settings"), headers[2]];
    let page = served.ask("POST", "/settings/four-eyes", &headers, b"csrf=old&asks=value&value=on").is(403);
    assert!(!page.text().contains("返回"), "{}", page.text());
}

#[test]
fn the_first_page_of_an_empty_store_tells_the_first_steps() {
    let home = Home::new();
    let (served, browser) = start_as(&home, "tester");
    let page = served.get(&browser, "/").is(200);
    let text = page.text();
    assert!(text.contains("href=\"/import\"") && text.contains("href=\"/settings#people\""), "{text}");
    home.ok(["user", "set", "ann", "--role", "admin"]);
    let again = Served::start_as(&home, NOW, "ann", &["--no-scheduler"]);
    let ann = again.sign_in(&again.link.clone());
    let page = again.get(&ann, "/").is(200);
    assert!(!page.text().contains("/settings#people"), "{}", page.text());
}

#[test]
fn a_delivery_that_failed_is_told_as_failed_with_what_to_do() {
    let home = Home::new();
    home.import((1..=31).map(|day| demo_file(3, day)));
    home.sink("finance", &[]);
    home.enable(PAYER, "finance", "monthly", false);
    let probe = home.path("probe.redb");
    std::fs::copy(home.store(), &probe).unwrap();
    // A copy of the store tells the file's name, at which then is a folder.
    home.ok(["run", "--on", "2021-04-02"]);
    let part = home.json(["delivery", "list"])["rows"][0]["part"].as_str().unwrap().to_owned();
    std::fs::copy(&probe, home.store()).unwrap();
    let folder = home.path("finance");
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::create_dir_all(folder.join(&part)).unwrap();
    home.run(["run", "--on", "2021-04-02"]);
    let (served, browser) = start_as(&home, "tester");
    let page = served.get(&browser, "/deliveries").is(200);
    let rows = cells(page.text(), "Deliveries");
    assert!(rows.iter().any(|row| row.iter().any(|cell| cell == "failed")), "{rows:?}");
    let page = served.get(&browser, "/deliveries/1").is(200);
    assert!(
        page.text().contains("Remove the cause") && page.text().contains("/deliveries/1/retry"),
        "{}",
        page.text()
    );
}

#[test]
fn a_file_that_waits_is_told_with_the_page_on_which_it_is_decided() {
    let home = Home::new();
    home.import((1..=4).map(|day| demo_file(4, day)));
    let csv = home.ok(["bill", "csv", "2021-04"]);
    let less: Vec<&str> = csv.text().split_inclusive('\n').take(12).collect();
    let (served, browser) = start_as(&home, "tester");
    let name = format!("{PAYER}-20210405-by_used_time-bill_details.csv");
    served.files(&browser, &[], &[(&name, less.concat().as_bytes())]).is(303);
    let page = served.get(&browser, "/import").is(200);
    assert!(page.text().contains("waits for a decision"), "{}", page.text());
    assert!(page.text().contains("class=\"button\" href=\"/late\""), "{}", page.text());
    // Neither done nor failed, and nothing that has to be typed into a terminal.
    assert!(!page.text().contains("notice good") && !page.text().contains("notice bad"), "{}", page.text());
    assert!(!page.text().contains("billkeep pending"), "{}", page.text());
}

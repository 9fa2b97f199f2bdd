//! The console's blockers, sessions and uploads (console review B1 to B8, security 11, 12 and 16, cases 320 to 323, F7).

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::support::console::{Browser, Served};
#[cfg(target_os = "linux")]
use crate::support::python;
use crate::support::{Home, PAYER, STEM, bill_file, demo_file};

const NOW: &str = "2021-04-06T03:00:00Z";

fn start(home: &Home, more: &[&str]) -> (Served, Browser) {
    let served = Served::start_as(home, NOW, "tester", &[&["--no-scheduler"], more].concat());
    let browser = served.sign_in(&served.link.clone());
    (served, browser)
}

/// Enters people, and returns a token of each.
fn people(home: &Home, all: &[(&str, &str)]) -> Vec<String> {
    for (name, role) in all {
        home.ok(["--as", all[0].0, "user", "set", name, "--role", role]);
    }
    let token = |name: &str| {
        home.ok(["--as", all[0].0, "user", "token", name, "--label", "t"]).text().trim().to_owned()
    };
    all.iter().map(|(name, _)| token(name)).collect()
}

#[test]
fn whoever_enters_the_first_person_is_that_person_and_stays_signed_in() {
    let home = Home::with(&[bill_file("english")]);
    let (served, browser) = start(&home, &[]);
    let settings = served.get(&browser, "/settings").is(200);
    assert!(
        settings.text().contains("action=\"/people/first\"") && settings.text().contains("value=\"tester\"")
    );
    served.form(&browser, "/people/first", &[("name", "ada"), ("back", "/settings")]).is(303);
    let page = served.get(&browser, "/settings").is(200);
    assert!(
        page.text().contains("stay signed in") && page.text().contains("<bdi>ada</bdi>"),
        "{}",
        page.text()
    );
    let rows = home.json(["--as", "ada", "user", "list"])["rows"].clone();
    assert_eq!((rows[0]["name"].as_str(), rows[0]["role"].as_str()), (Some("ada"), Some("admin")));
    // A second first person is refused.
    served.form(&browser, "/people/first", &[("name", "eve")]).is(409);
    // Links for others are made here, and lead to this console; `user link` knows where it is, too.
    served.form(&browser, "/users", &[("name", "paul"), ("role", "approver")]).is(303);
    served.form(&browser, "/people/paul/link", &[("back", "/settings")]).is(303);
    let page = served.get(&browser, "/settings").is(200);
    let link = page.text().split("id=\"once\" readonly value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(link.starts_with(&format!("http://{}/sign-in?link=", served.host)), "{link}");
    let paul = served.sign_in(link);
    served.get(&paul, "/bills").is(200);
    assert!(!served.get(&browser, "/settings").text().contains(link), "it is shown once");
    let printed = home.ok(["--as", "ada", "user", "link", "paul"]);
    assert!(printed.text().starts_with(&format!("http://{}/", served.host)), "{}", printed.text());
    // No viewer makes links.
    served.form(&browser, "/users", &[("name", "vera"), ("role", "viewer")]).is(303);
    served.form(&paul, "/people/ada/link", &[]).is(403);
    served.form(&paul, "/people/ada/token", &[("label", "x")]).is(403);
    served.form(&browser, "/people/vera/token", &[("label", "cron"), ("back", "/settings")]).is(303);
    let page = served.get(&browser, "/settings").is(200);
    let token = page.text().split("id=\"once\" readonly value=\"").nth(1).unwrap().split('"').next().unwrap();
    served.look(token, "/api/v1/bills").is(200);
}

#[test]
fn nothing_that_a_form_leaves_out_becomes_a_default() {
    let home = Home::with(&[bill_file("english")]);
    home.sink("finance", &[]);
    home.ok(["storage", "allow", PAYER]);
    home.ok(["storage", "authorize", PAYER]);
    let (served, browser) = start(&home, &[]);
    let stored = || {
        home.json(["storage", "status"])["rows"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["sink"] == "finance")
    };
    let enable = format!("/storage/{PAYER}/enable");
    // All kinds unticked: a browser sends none.
    served.form_of(&browser, &enable, &["sink", "kinds", "custom_bills"], &[("sink", "finance")]).is(303);
    assert!(served.get(&browser, "/").text().contains("choose at least one of `kinds`"));
    // A form that names nothing, or lacks a field, does nothing.
    served.form_of(&browser, &enable, &[], &[("sink", "finance")]).is(303);
    assert!(!stored());
    let settings = format!("/storage/{PAYER}/settings");
    let all = ["daily", "monthly", "reseller", "custom_bills"];
    served.form_of(&browser, &settings, &all, &[("daily", "finance")]).is(400);
    let none = [
        ("daily", ""),
        ("monthly", ""),
        ("reseller", ""),
        ("custom_bills", "no"),
        ("back", settings.as_str()),
    ];
    served.form(&browser, &settings, &none).is(303);
    assert!(served.get(&browser, "/").text().contains("at least one kind"));
    assert!(!stored());
    // Programs say it or leave it out, but do not say nothing.
    let token = &people(&home, &[("ada", "admin")])[0];
    let body = json!({ "sink": "finance", "kinds": [] });
    let told = served.post(token, &format!("/api/v1{enable}"), &body, &[]).is(400);
    assert!(told.text().contains("`kinds` has no value"), "{}", told.text());
    assert!(!home.json(["--as", "ada", "storage", "status"]).to_string().contains("finance"));
}

#[test]
fn the_settings_of_bill_storage_show_the_state_and_save_the_difference() {
    let home = Home::with(&[bill_file("english")]);
    home.sink("finance", &[]);
    home.sink("other", &[]);
    home.ok(["storage", "allow", PAYER]);
    home.ok(["storage", "authorize", PAYER]);
    let (served, browser) = start(&home, &[]);
    let here = format!("/storage/{PAYER}");
    let save = |daily: &str, monthly: &str, reseller: &str, custom: &str| {
        let fields =
            [("daily", daily), ("monthly", monthly), ("reseller", reseller), ("custom_bills", custom)];
        served.form(&browser, &format!("{here}/settings"), &fields).is(303);
        served.get(&browser, &here).is(200).text().to_owned()
    };
    let chosen = |page: &str, kind: &str| {
        let select =
            page.split(&format!("id=\"bucket-{kind}\"")).nth(1).unwrap().split("</select>").next().unwrap();
        select
            .split("<option ")
            .find(|o| o.contains(" selected"))
            .unwrap()
            .split('"')
            .nth(1)
            .unwrap()
            .to_owned()
    };
    let page = save("finance", "", "finance", "no");
    assert_eq!(
        [chosen(&page, "daily"), chosen(&page, "monthly"), chosen(&page, "reseller")],
        ["finance", "", "finance"]
    );
    // Reseller bills without the consent wait, here and on the first page.
    assert!(page.contains("wait for your agreement"), "{page}");
    assert!(served.get(&browser, "/").text().contains("agreement to store custom bills"));
    served.form(&browser, &format!("{here}/authorize"), &[("custom_bills", "true")]).is(303);
    assert!(!served.get(&browser, &here).text().contains("wait for your agreement"));
    // One kind is added, and taken away, and the consent is taken back; the others stay.
    let page = save("finance", "other", "finance", "yes");
    assert_eq!([chosen(&page, "daily"), chosen(&page, "monthly")], ["finance", "other"]);
    let page = save("finance", "", "finance", "no");
    assert_eq!([chosen(&page, "daily"), chosen(&page, "monthly")], ["finance", ""]);
    assert!(page.contains("wait for your agreement"));
    let page = save("other", "", "finance", "no");
    assert_eq!([chosen(&page, "daily"), chosen(&page, "reseller")], ["other", "finance"]);
    let entries = || home.json(["audit", "list"])["rows"].as_array().unwrap().len();
    let before = entries();
    assert!(save("other", "", "finance", "no").contains("nothing was changed"));
    assert_eq!(entries(), before);
}

#[test]
fn marking_as_complete_asks_with_facts_and_takes_the_month() {
    let home = Home::with(&[demo_file(4, 4)]);
    let (served, browser) = start(&home, &[]);
    let page = served.get(&browser, "/bills/2021-04?ask=issue").is(200);
    for word in [
        "Mark 2021-04 as complete?",
        "through 2021-04-04: day 4 of 30",
        "You cannot undo this",
        "name=\"typed\"",
    ] {
        assert!(page.text().contains(word), "{word}: {}", page.text());
    }
    let issue = |typed: &str| {
        served.form(&browser, "/bills/2021-04/issue", &[("basis", "used"), ("typed", typed)]).is(303);
        home.bill_text("state")
    };
    assert_eq!(issue("2021-03"), "open");
    assert_eq!(issue("2021-04"), "issued");
    for (ask, word) in [("defer", "You can put off the decision once"), ("confirm", "Confirm this bill?")] {
        let page = served.get(&browser, &format!("/bills/2021-04?ask={ask}")).is(200);
        assert!(page.text().contains(word), "{word}");
    }
    let digest = home.bill_text("digest");
    home.ok(["bill", "confirm", "2021-04", "--digest", &digest]);
    let page = served.get(&browser, "/bills/2021-04?ask=reopen").is(200);
    assert!(page.text().contains("Reopen 2021-04?") && page.text().contains("loses its confirmation"));
    let chinese = [("Cookie", browser.cookie.as_str()), ("Accept-Language", "zh")];
    let page = served.ask("GET", "/bills/2021-04?ask=reopen", &chinese, b"").is(200);
    assert!(page.text().contains("重新打开 2021-04？"), "{}", page.text());
}

#[test]
fn four_eyes_need_two_people_who_may_approve() {
    let home = Home::with(&[bill_file("english")]);
    // At a command line without people, names are believed; it warns.
    home.ok(["settings", "four-eyes", "on"]).says(0, &["warning: nobody is entered"]);
    home.ok(["settings", "four-eyes", "off"]);
    home.ok(["--as", "bob", "settings", "four-eyes", "off"]);
    let (served, browser) = start(&home, &[]);
    let page = served.get(&browser, "/settings").is(200);
    assert!(
        page.text().contains("needs two people who may approve")
            && !page.text().contains("/settings/four-eyes")
    );
    served.form(&browser, "/settings/four-eyes", &[("value", "on")]).is(303);
    assert!(served.get(&browser, "/").text().contains("two people have to be able to approve"));
    let tokens = people(&home, &[("ada", "admin"), ("olga", "operator")]);
    home.run(["--as", "ada", "settings", "four-eyes", "on"]).says(3, &["two people", "--role approver"]);
    served.post(&tokens[0], "/api/v1/settings/four-eyes", &json!({ "value": "on" }), &[]).is(409);
    home.ok(["--as", "ada", "user", "set", "paul", "--role", "approver"]);
    home.ok(["--as", "ada", "settings", "four-eyes", "on"]);
}

#[test]
fn the_csv_file_is_safe_in_a_spreadsheet_and_the_exact_one_is_beside_it() {
    let home = Home::new();
    let text = format!(
        "PayerAccountID,OwnerAccountID,ProductName,UsageStartTime,TotalCost,Currency\n\
         {PAYER},{PAYER},\"=HYPERLINK(\"\"http://evil\"\",\"\"x\"\")\",2021-03-02 10:00:00,1.5,USD\n"
    );
    home.import([home.write(&format!("{STEM}.csv"), text.as_bytes())]);
    let (served, browser) = start(&home, &[]);
    let page = served.get(&browser, "/bills/2021-03").is(200);
    let links: Vec<&str> = page
        .text()
        .split("href=\"")
        .filter_map(|rest| rest.split('"').next())
        .filter(|l| l.contains("/csv"))
        .collect();
    assert_eq!(links, ["/api/v1/bills/2021-03/csv?spreadsheet=true", "/api/v1/bills/2021-03/csv"]);
    let safe = served.get(&browser, links[0]).is(200);
    assert!(safe.body.starts_with("\u{feff}".as_bytes()));
    assert!(!safe.text().contains(",=HYPER") && !safe.text().contains(",\"=HYPER"), "{}", safe.text());
    assert!(safe.header("content-disposition").unwrap().contains(&format!("{STEM}-spreadsheet.csv")));
    let exact = served.get(&browser, links[1]).is(200);
    assert!(exact.text().contains("\"=HYPERLINK("), "{}", exact.text());
    assert!(exact.header("content-disposition").unwrap().contains(&format!("\"{STEM}.csv\"")));
}

#[test]
fn several_files_are_imported_in_the_order_of_their_days_with_a_result_each() {
    let home = Home::new();
    let (served, browser) = start(&home, &[]);
    let file = |day: u32| {
        let path = demo_file(3, day);
        (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())
    };
    let all = [file(31), file(29), file(30)];
    let mut files: Vec<(&str, &[u8])> =
        all.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    files.push(("no-bill.csv", b"a,b\n1,2\n"));
    served.files(&browser, &[], &files).is(303);
    let page = served.get(&browser, "/import").is(200).text().to_owned();
    for word in ["as revision 1", "as revision 2", "as revision 3", "`no-bill.csv`"] {
        assert!(page.contains(word), "{word}: {page}");
    }
    // An older month-to-date file after a newer one is refused: these were taken in the order of their days.
    assert_eq!(home.bill()["revision"], 3);
}

#[test]
fn what_a_hint_names_has_a_box_on_the_import_page() {
    let home = Home::new();
    let (served, browser) = start(&home, &[]);
    let text = format!(
        "PayerAccountID,OwnerAccountID,ProductName,UsageStartTime,TotalCost,Currency\n\
         {PAYER},{PAYER},CVM,2021-03-02 10:00:00,1.5,USD"
    );
    let name = format!("{STEM}.csv");
    let page = served.get(&browser, "/import").is(200).text().to_owned();
    for field in ["accept_unterminated", "strict", "dry_run", "mode", "month", "basis"] {
        assert!(page.contains(&format!("name=\"{field}\"")), "{field}");
    }
    served.files(&browser, &[], &[(&name, text.as_bytes())]).is(303);
    assert!(served.get(&browser, "/import").text().contains("accept-unterminated"));
    served.files(&browser, &[("accept_unterminated", "true")], &[(&name, text.as_bytes())]).is(303);
    assert_eq!(home.bill()["state"], "issued");
}

#[test]
fn role_and_size_are_checked_before_a_file_is_received() {
    let home = Home::new();
    let tokens = people(&home, &[("ada", "admin"), ("vera", "viewer"), ("olga", "operator")]);
    let served = Served::start_as(&home, NOW, "ada", &["--no-scheduler", "--upload-mib", "1"]);
    let staging = home.path("store.redb.staging");
    let ask = |token: &str, query: &str, declared: u64, body: &[u8]| {
        let head = format!(
            "POST /api/v1/imports?name=x.csv{query} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/octet-stream\r\nContent-Length: {declared}\r\n\r\n",
            served.host
        );
        served.raw(&head, body)
    };
    let left = || std::fs::read_dir(&staging).map_or(0, Iterator::count);
    // Answered although the body never comes: nobody waits for it.
    assert_eq!(ask(&tokens[1], "", 50 << 20, b"").status, 403);
    assert_eq!(ask(&tokens[2], "", 50 << 20, b"").status, 413);
    assert_eq!(ask(&tokens[1], "&dry_run=true", 50 << 20, b"").status, 413);
    assert_eq!(ask(&tokens[2], "&mode=nonsense", 5, b"").status, 400);
    assert_eq!(left(), 0);
    // Nobody says how large it is: it ends where it is too large.
    let mut chunked = format!(
        "POST /api/v1/imports?name=x.csv HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        served.host, tokens[2]
    )
    .into_bytes();
    for _ in 0..3 {
        chunked.extend(format!("{:x}\r\n", 1 << 19).bytes());
        chunked.extend(vec![b'a'; 1 << 19]);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    let mut stream = TcpStream::connect(&served.host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let _ = stream.write_all(&chunked);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(left(), 0);
    // All that are being received have a limit together.
    let head = |declared: u64| {
        format!(
            "POST /api/v1/imports?name=x.csv HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
             Content-Length: {declared}\r\n\r\n",
            served.host, tokens[2]
        )
    };
    let mut first = TcpStream::connect(&served.host).unwrap();
    first.write_all(head(900_000).as_bytes()).unwrap();
    first.write_all(&vec![b'a'; 700_000]).unwrap();
    // As soon as the first one is received so far, there is no room for another one.
    let refused = (0..300).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        served.raw(&head(700_000), &vec![b'a'; 700_000]).status == 503
    });
    assert!(refused);
    drop(first);
}

#[test]
fn two_hosts_a_bare_lf_and_strangers_who_dawdle_are_refused() {
    let home = Home::with(&[bill_file("english")]);
    let (served, browser) = start(&home, &[]);
    let host = served.host.clone();
    for head in [
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"),
        format!("GET / HTTP/1.1\nHost: {host}\nConnection: close\n\n"),
        format!("GET / HTTP/1.1\r\nHost: {host}\nX: y\r\nConnection: close\r\n\r\n"),
        "GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
    ] {
        assert_eq!(served.raw(&head, b"").status, 400, "{head:?}");
    }
    // More strangers than there are places send a part of a head each; whoever is signed in is answered at once.
    let dawdlers: Vec<TcpStream> = (0..300)
        .map(|_| {
            let mut stream = TcpStream::connect(&host).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
            stream
        })
        .collect();
    let begun = std::time::Instant::now();
    served.get(&browser, "/bills").is(200);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    drop(dawdlers);
}

#[test]
fn another_servers_name_is_told_on_a_page_with_the_option_that_helps() {
    let home = Home::with(&[bill_file("english")]);
    let (served, _) = start(&home, &[]);
    let headers = [("Host", "billing.example.com"), ("Accept", "text/html,*/*")];
    let page = served.ask("GET", "/", &headers, b"").is(421);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    for word in ["billing.example.com", "--host billing.example.com", "proxy_set_header Host"] {
        assert!(page.text().contains(word), "{word}: {}", page.text());
    }
    let program = served.ask("GET", "/api/v1/bills", &[("Host", "billing.example.com")], b"").is(421);
    assert_eq!(program.json()["format"], "billkeep.error/1");
}

#[test]
fn the_link_of_the_start_has_the_name_that_was_given() {
    let home = Home::new();
    home.ok(["--as", "ada", "user", "set", "ada", "--role", "admin"]);
    let more =
        ["--no-scheduler", "--listen", "0.0.0.0:0", "--insecure-plain-http", "--host", "billing.example.com"];
    let served = Served::start_listening(&home, NOW, "ada", &more);
    assert!(served.link.starts_with("https://billing.example.com/sign-in?link="), "{}", served.link);
    let link = home.ok(["--as", "ada", "user", "link", "ada"]);
    assert!(link.text().starts_with("https://billing.example.com/sign-in?link="), "{}", link.text());
}

/// Cookies know no ports: a browser sends them to whatever listens at the same host.
#[cfg(target_os = "linux")]
#[test]
fn an_address_of_its_own_keeps_sessions_from_other_ports_of_this_machine() {
    let home = Home::with(&[bill_file("english")]);
    let (served, browser) = start(&home, &["--own-address"]);
    let address: std::net::SocketAddr = served.host.parse().unwrap();
    assert!(address.ip().is_loopback() && !served.host.starts_with("127.0."), "{}", served.host);
    served.get(&browser, "/bills").is(200);
    home.run(["serve", "--listen", "0.0.0.0:0", "--own-address"]).says(1, &["--own-address"]);
}

/// Security case 16: a program of another user that a browser was brought to knows the cookie.
#[cfg(target_os = "linux")]
#[test]
fn a_session_does_not_work_for_another_user_of_this_machine() {
    use std::os::unix::fs::MetadataExt as _;
    use std::os::unix::process::CommandExt as _;
    let home = Home::with(&[bill_file("english")]);
    let (served, browser) = start(&home, &[]);
    let (host, port) = served.host.split_once(':').unwrap();
    let script = r#"exec 3<>"/dev/tcp/$1/$2" || exit
        printf 'GET /bills HTTP/1.1\r\nHost: %s:%s\r\nCookie: %s\r\nConnection: close\r\n\r\n' "$1" "$2" "$3" >&3
        read -r _ status _ <&3; echo "$status""#;
    let ask = |uid: Option<u32>| {
        let mut command = std::process::Command::new("/bin/bash");
        command.args(["-c", script, "bash", host, port, &browser.cookie]).current_dir("/");
        uid.map(|uid| command.uid(uid));
        String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_owned()
    };
    assert_eq!(ask(None), "200");
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return python::cannot(
            "a session that another user has come to know",
            "root, who can be another user",
        );
    }
    let nobody = 65_534;
    // It is sent to where people sign in.
    assert_eq!(ask(Some(nobody)), "303");
    // What the thief has tried ends nothing.
    assert_eq!(ask(None), "200");
    served.get(&browser, "/bills").is(200);
}

#[test]
fn an_admin_over_http_adds_sinks_only_where_that_was_allowed() {
    let home = Home::new();
    let tokens = people(&home, &[("ada", "admin")]);
    let allowed = home.path("allowed");
    std::fs::create_dir(&allowed).unwrap();
    let served =
        Served::start_as(&home, NOW, "ada", &["--no-scheduler", "--sink-folder", allowed.to_str().unwrap()]);
    let add = |url: &str, options: &[&str]| {
        let mut body = json!({ "name": "x", "url": url });
        if !options.is_empty() {
            body["options"] = json!(options);
        }
        served.post(&tokens[0], "/api/v1/sinks", &body, &[]).status
    };
    for url in [
        "wasm:/srv/x.wasm",
        "file:///srv/away",
        "file:///",
        "s3://b?endpoint=http://127.0.0.1:1&allow_http=yes",
    ] {
        assert_eq!(add(url, &[]), 403, "{url}");
    }
    assert_eq!(add(&format!("file://{}/../away", allowed.display()), &[]), 403);
    assert_eq!(add("s3://bucket", &["credentials=/etc/passwd"]), 403);
    assert_eq!(add(&format!("file://{}/below", allowed.display()), &[]), 200);
    assert!(home.json(["--as", "ada", "sink", "list"])["rows"].as_array().unwrap().len() == 1);
}

#[test]
fn a_scheduler_that_may_not_deliver_is_told_everywhere() {
    let home = Home::new();
    home.import([demo_file(3, 31)]);
    let served = Served::start_as(&home, "2024-03-05T04:00:00Z", "lin", &[]);
    served.looks_again();
    let status = home.ok(["status"]);
    assert!(
        status.text().contains("scheduler last went through") && status.text().contains("as `lin`"),
        "{}",
        status.text()
    );
    // The first person is somebody else: the command warns, and so does whatever is looked at afterwards.
    home.ok(["user", "set", "ada", "--role", "admin"])
        .says(0, &["warning", "scheduler of the console acts as `lin`"]);
    served.looks_again();
    let rows = home.json(["--as", "ada", "status"])["rows"].as_array().unwrap().clone();
    let row = rows.iter().find(|row| row["subject"] == "scheduler").unwrap_or_else(|| panic!("{rows:?}"));
    assert_eq!(
        (row["section"].as_str(), row["next"].as_str()),
        (Some("failed"), Some("billkeep user set lin --role operator"))
    );
    assert!(row["text"].as_str().unwrap().contains("as `lin`; it delivers nothing"), "{row}");
    let link = home.ok(["--as", "ada", "user", "link", "ada"]);
    let browser = served.sign_in(link.text().trim());
    assert!(served.get(&browser, "/").text().contains("it delivers nothing"));
    assert!(served.get(&browser, "/settings").text().contains("It delivers nothing, as lin"));
    // Once it may, it goes on.
    home.ok(["--as", "ada", "user", "set", "lin", "--role", "operator"]);
    served.looks_again();
    assert!(!home.json(["--as", "ada", "status"]).to_string().contains("it delivers nothing"));
    assert_eq!(served.stop(), Some(0));
    assert!(!home.path("store.redb.console").exists());
}

#[test]
fn two_files_of_viewers_are_checked_at_a_time_and_keep_no_operator_out() {
    let home = Home::new();
    let tokens = people(&home, &[("ada", "admin"), ("vera", "viewer"), ("olga", "operator")]);
    let served = Served::start_as(&home, NOW, "ada", &["--no-scheduler"]);
    let head = |token: &str, declared: usize| {
        format!(
            "POST /api/v1/imports?name=x.csv&dry_run=true HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
             Authorization: Bearer {token}\r\nContent-Length: {declared}\r\n\r\n",
            served.host
        )
    };
    // A file that is no bill: whoever has a place hears of it with 400.
    let ask = |token: &str| served.raw(&head(token, 3), b"a,b").status;
    assert_eq!(ask(&tokens[1]), 400);
    let begun: Vec<TcpStream> = (0..2)
        .map(|_| {
            let mut stream = TcpStream::connect(&served.host).unwrap();
            stream.write_all(head(&tokens[1], 900).as_bytes()).unwrap();
            stream.write_all(b"a,b\n").unwrap();
            stream
        })
        .collect();
    let comes = |status: u16| {
        (0..300).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            ask(&tokens[1]) == status
        })
    };
    assert!(comes(503));
    assert_eq!(ask(&tokens[2]), 400);
    drop(begun);
    assert!(comes(400));
}

//! The console over HTTP: who may do what, what a request does, and what the scheduler does.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::console::{Browser, Served, operations};
use crate::support::{CUSTOMER, Home, MARCH, PAYER, bill_file, demo_file, python};

const NOW: &str = "2021-04-06T03:00:00Z";

/// A store with people of every role, each with a token.
struct People {
    home: Home,
    tokens: Vec<(&'static str, String)>,
}

impl People {
    fn new(home: Home) -> People {
        let mut tokens = Vec::new();
        for (name, role) in [("ada", "admin"), ("olga", "operator"), ("paul", "approver"), ("vera", "viewer")]
        {
            home.ok(["--as", "ada", "user", "set", name, "--role", role]);
        }
        for name in ["ada", "olga", "paul", "vera"] {
            let token = home.ok(["--as", "ada", "user", "token", name, "--label", "test"]);
            tokens.push((name, token.text().trim().to_owned()));
        }
        People { home, tokens }
    }

    fn token(&self, name: &str) -> &str {
        &self.tokens.iter().find(|(known, _)| *known == name).unwrap().1
    }

    fn serve(&self) -> Served {
        Served::start_as(&self.home, NOW, "ada", &["--no-scheduler"])
    }

    fn browser(&self, served: &Served, name: &str) -> Browser {
        let link = self.home.ok(["--as", "ada", "user", "link", name]);
        served.sign_in(link.text().trim())
    }
}

#[test]
fn the_link_of_the_start_signs_in_once_and_pages_need_it() {
    let home = Home::with(&[bill_file("english")]);
    let served = Served::start(&home, NOW);
    let away = served.ask("GET", "/bills", &[], b"").is(303);
    assert_eq!(away.header("location"), Some("/sign-in"));
    // To look at the link does not use it up.
    let path = served.link.split(&served.host).nth(1).unwrap();
    served.ask("GET", path, &[], b"").is(200);
    let browser = served.sign_in(&served.link.clone());
    let secret = served.link.split("link=").nth(1).unwrap();
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let again = served.ask("POST", "/sign-in", &form, format!("link={secret}").as_bytes()).is(303);
    assert_eq!((again.header("location"), again.header("set-cookie")), (Some("/sign-in?failed=link"), None));

    let page = served.get(&browser, "/bills/2021-03").is(200);
    for (name, value) in [
        ("content-security-policy", "default-src 'none'"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("x-frame-options", "DENY"),
    ] {
        assert!(page.header(name).is_some_and(|header| header.contains(value)), "{name}");
    }
    assert!(!page.text().contains("<script>") && !page.text().contains("style=\""));
    let out = served.form(&browser, "/sign-out", &[]).is(303);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(served.get(&browser, "/bills").status, 303);
}

#[test]
fn every_change_is_refused_to_strangers_other_sites_and_those_who_may_not() {
    let people = People::new(Home::with(&[bill_file("english")]));
    let (home, served) = (&people.home, people.serve());
    let document = served.ask("GET", "/api/v1/openapi.json", &[], b"").is(200).json();
    let (browser, vera) = (people.browser(&served, "ada"), people.browser(&served, "vera"));
    let before = home.json(["--as", "ada", "audit", "verify"]);
    let changes: Vec<_> = operations(&document).into_iter().filter(|(method, ..)| method == "POST").collect();
    assert!(changes.len() > 30, "{}", changes.len());
    let mut refused_by_role = 0;
    for (_, path, operation) in &changes {
        let page = path.strip_prefix("/api/v1").unwrap();
        let cookie = ("Cookie", browser.cookie.as_str());
        let kind = if page == "/imports" {
            "multipart/form-data; boundary=b"
        } else {
            "application/x-www-form-urlencoded"
        };
        let form = ("Content-Type", kind);
        let json = ("Content-Type", "application/json");
        let signed = format!("csrf={}", browser.csrf);
        let ask = |target: &str, headers: &[(&str, &str)], body: &str| {
            served.ask("POST", target, headers, body.as_bytes()).status
        };
        // By another name: a page whose name was made to point here.
        assert_eq!(ask(path, &[("Host", "evil.example:80"), cookie, json], "{}"), 421, "{path}");
        assert_eq!(ask(page, &[("Host", "evil.example"), cookie, form], &signed), 421, "{page}");
        // From a page of another site, with the cookie and even the token.
        for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
            assert_eq!(ask(page, &[("Origin", origin), cookie, form], &signed), 403, "{page} {origin}");
            let headers = [("Origin", origin), cookie, ("X-CSRF-Token", browser.csrf.as_str()), json];
            assert_eq!(ask(path, &headers, "{}"), 403, "{path} {origin}");
        }
        for site in ["cross-site", "same-site"] {
            assert_eq!(ask(page, &[("Sec-Fetch-Site", site), cookie, form], &signed), 403, "{page}");
        }
        // Without the token of the session, and with another one.
        assert_eq!(ask(path, &[cookie, json], "{}"), 403, "{path}");
        if page != "/imports" {
            assert_eq!(ask(page, &[cookie, form], ""), 403, "{page}");
            assert_eq!(ask(page, &[cookie, form], "csrf=0000"), 403, "{page}");
        }
        // By nobody.
        assert_eq!(ask(path, &[json], "{}"), 401, "{path}");
        assert_eq!(ask(path, &[json, ("Authorization", "Bearer 0000")], "{}"), 401, "{path}");
        assert_eq!(ask(page, &[form], ""), 303, "{page}");
        // By a viewer, with values that a command can be made of.
        let role = operation["x-role"].as_str().unwrap_or_else(|| panic!("{path} names no role"));
        if role == "viewer" {
            continue;
        }
        let body = body_of(operation);
        let reply = served.post(people.token("vera"), &with_query(path, operation), &body, &[]);
        assert_eq!(reply.status, 403, "{path}: {}", reply.text());
        assert!(reply.text().contains("viewer"), "{}", reply.text());
        refused_by_role += 1;
        if page != "/imports" {
            let fields = form_of(&body);
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(served.form(&vera, page, &fields).status, 403, "{page}");
        }
    }
    assert!(refused_by_role > 25, "{refused_by_role}");
    assert_eq!(home.json(["--as", "ada", "audit", "verify"]), before, "something was changed");
}

/// A body of values that are of the right form.
fn body_of(operation: &Value) -> Value {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let mut body = serde_json::Map::new();
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap();
        body.insert(name.into(), sample(name, &schema["properties"][name]));
    }
    // Where one of several has to be given.
    if operation["operationId"] == "dispute-open" {
        body.insert("lines".into(), json!(["1-1"]));
    } else if operation["operationId"] == "late-accept" {
        body.insert("reopen".into(), json!(true));
    }
    Value::Object(body)
}

fn sample(name: &str, schema: &Value) -> Value {
    if schema["type"] == "array" {
        return json!([sample(name, &schema["items"])]);
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    match (name, schema["format"].as_str(), schema["type"].as_str()) {
        (_, Some("date"), _) => json!("2021-04-06"),
        (_, _, Some("integer")) => json!(1),
        ("url", ..) => json!("file:///nowhere"),
        ("digest", ..) => json!("000000"),
        ("amount", ..) => json!("1"),
        _ => json!("x"),
    }
}

fn form_of(body: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut fields = Vec::new();
    for (name, value) in body.as_object().unwrap() {
        match value.as_array() {
            Some(values) => fields.extend(values.iter().map(|value| (name.clone(), text(value)))),
            None => fields.push((name.clone(), text(value))),
        }
    }
    fields
}

fn with_query(path: &str, operation: &Value) -> String {
    if operation["operationId"] == "import" { format!("{path}?name=a.csv") } else { path.to_owned() }
}

#[test]
fn roles_hold_on_the_command_line_as_well() {
    let people = People::new(Home::with(&[bill_file("english")]));
    let home = &people.home;
    for (name, args, needs) in [
        ("vera", vec!["import", "x.csv"], "operator"),
        ("olga", vec!["bill", "confirm", MARCH, "--digest", "000000"], "approver"),
        ("paul", vec!["user", "set", "eve", "--role", "admin"], "admin"),
        ("paul", vec!["storage", "allow", PAYER], "admin"),
    ] {
        let refused = home.run([&["--as", name], args.as_slice()].concat());
        refused.says(3, &[name, needs]);
    }
    home.run(["--as", "mallory", "bill", "list"])
        .says(3, &["`mallory` is not among the people", "entered by an admin"]);
    home.ok(["--as", "vera", "bill", "list"]);
    home.ok(["--as", "olga", "import", bill_file("english").to_str().unwrap()]);
    let digest =
        home.json(["--as", "vera", "bill", "list"])["rows"][0]["digest"].as_str().unwrap().to_owned();
    home.ok(["--as", "paul", "bill", "confirm", MARCH, "--digest", &digest]);
}

#[test]
fn the_interface_gives_what_the_command_line_gives() {
    let people = People::new(Home::with(&[bill_file("english")]));
    let (home, served) = (&people.home, people.serve());
    let vera = people.token("vera");
    for (target, args) in [
        ("/api/v1/bills", vec!["bill", "list"]),
        ("/api/v1/bills/2021-03?by=owner&by=product", vec!["bill", "show", MARCH, "--by", "owner,product"]),
        ("/api/v1/bills/2021-03/lines?limit=7", vec!["bill", "lines", MARCH, "--limit", "7"]),
        ("/api/v1/bills/2021-03/lint", vec!["bill", "lint", MARCH]),
        ("/api/v1/journal?limit=3", vec!["audit", "list", "--limit", "3"]),
        ("/api/v1/due?on=2021-04-06", vec!["due", "--on", "2021-04-06"]),
        ("/api/v1/settings", vec!["settings", "show"]),
    ] {
        let over_http = served.look(vera, target).is(200);
        let by_hand = home.run([&["--as", "vera", "--format", "json"], args.as_slice()].concat());
        assert_eq!(over_http.json(), by_hand.json(), "{target}");
        let tag = over_http.header("etag").unwrap().to_owned();
        let bearer = format!("Bearer {vera}");
        let same = served.ask("GET", target, &[("Authorization", &bearer), ("If-None-Match", &tag)], b"");
        assert_eq!((same.status, same.body.len()), (304, 0));
    }
    // The file is the one that the command gives, byte for byte.
    let file = served.look(vera, "/api/v1/bills/2021-03/csv").is(200);
    assert_eq!(file.body, home.ok(["--as", "vera", "bill", "csv", MARCH]).stdout);
    assert_eq!(
        file.header("content-disposition"),
        Some("attachment; filename=\"100010445724-202103-by_used_time-bill_details.csv\"")
    );
    let one = served.look(vera, &format!("/api/v1/bills/2021-03/csv?owner={CUSTOMER}")).is(200);
    assert_eq!(one.body, home.ok(["--as", "vera", "bill", "csv", MARCH, "--owner", CUSTOMER]).stdout);
    // What is wrong is told as an error of the right kind.
    for (target, status) in [
        ("/api/v1/bills/2021-13", 400),
        ("/api/v1/bills/2019-01", 404),
        ("/api/v1/bills/2019-01/csv", 404),
        ("/api/v1/bills/2021-03?by=nonsense", 400),
        ("/api/v1/bills/2021-03?store=x", 400),
        ("/api/v1/disputes/7", 404),
        ("/api/v1/nothing", 404),
    ] {
        let told = served.look(vera, target).is(status).json();
        assert_eq!(told["format"], "billkeep.error/1", "{target}");
        assert!(!told["error"]["message"].as_str().unwrap().is_empty());
    }
    assert_eq!(served.ask("PUT", "/api/v1/bills", &[("Authorization", "Bearer x")], b"").status, 405);
}

#[test]
fn a_bill_that_changed_is_not_confirmed_and_the_difference_is_told() {
    let home = Home::new();
    home.import([demo_file(3, 30)]);
    home.ok(["bill", "issue", MARCH]);
    let served = Served::start(&home, NOW);
    let browser = served.sign_in(&served.link.clone());
    let seen = home.bill_text("digest");
    assert!(served.get(&browser, &format!("/bills/2021-03?seen={seen}")).text().contains("has not changed"));
    // Another person imports, on the command line, while this one looks.
    home.import([demo_file(3, 31)]);
    let back = format!("/bills/2021-03?seen={seen}");
    let fields = [("digest", seen.as_str()), ("back", "/bills/2021-03"), ("failed", back.as_str())];
    let reply = served.form(&browser, "/bills/2021-03/confirm", &fields).is(303);
    assert_eq!(reply.header("location"), Some(back.as_str()));
    let page = served.get(&browser, &back).is(200);
    assert!(page.text().contains("Not done") && page.text().contains("id=\"difference\""), "{}", page.text());
    assert_ne!(home.bill()["state"], "confirmed");
    // As it is now, it is.
    let now = home.bill_text("digest");
    served.form(&browser, "/bills/2021-03/confirm", &[("digest", &now), ("back", "/bills/2021-03")]).is(303);
    assert!(served.get(&browser, "/bills/2021-03").text().contains("Confirmed 2021-03"));
    assert_eq!(home.bill()["state"], "confirmed");
    let journal = home.json(["audit", "list", "--action", "confirm"]);
    assert_eq!(journal["rows"][0]["actor"], "tester");
}

#[test]
fn a_change_with_a_key_is_made_once_and_one_for_another_state_is_not() {
    let people = People::new(Home::with(&[bill_file("english")]));
    let (home, served) = (&people.home, people.serve());
    let olga = people.token("olga");
    let dispute = json!({ "lines": ["1-1"], "direction": "over", "amount": "1", "reason": "twice" });
    let open = |key: &str, body: &Value| {
        served.post(olga, "/api/v1/bills/2021-03/disputes", body, &[("Idempotency-Key", key)])
    };
    let first = open("k1", &dispute).is(200);
    let again = open("k1", &dispute).is(200);
    assert_eq!(first.body, again.body);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(home.json(["--as", "ada", "dispute", "list"])["rows"].as_array().unwrap().len(), 1);
    let other = json!({ "lines": ["1-2"], "direction": "over", "amount": "1", "reason": "twice" });
    open("k1", &other).is(409);
    // What was refused may be asked for again with the same key.
    let wrong = json!({ "lines": ["9-9"], "direction": "over", "amount": "1", "reason": "twice" });
    let refused = open("k2", &wrong).status;
    assert!((400..500).contains(&refused), "{refused}");
    assert_eq!(open("k2", &wrong).status, refused);
    // Somebody else's key is another key.
    served
        .post(people.token("paul"), "/api/v1/bills/2021-03/disputes", &other, &[("Idempotency-Key", "k1")])
        .is(200);
    let paul = people.token("paul");
    let digest = home.json(["--as", "ada", "bill", "list"])["rows"][0]["digest"].as_str().unwrap().to_owned();
    let defer = |tag: &str| {
        let body = json!({ "reason": "ask first" });
        served.post(paul, "/api/v1/bills/2021-03/defer", &body, &[("If-Match", tag)]).status
    };
    assert_eq!(defer(&format!("\"{digest}-confirmed\"")), 412);
    assert_eq!(defer("\"0000-disputed\""), 412);
}

#[test]
fn a_file_that_is_sent_is_imported_under_its_name_and_nothing_is_left() {
    let people = People::new(Home::new());
    let (home, served) = (&people.home, people.serve());
    let path = demo_file(3, 30);
    let bytes = std::fs::read(&path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let bearer = format!("Bearer {}", people.token("olga"));
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/octet-stream")];
    let told = served.ask("POST", &format!("/api/v1/imports?name={name}"), &headers, &bytes).is(200).json();
    assert_eq!(told["data"]["files"][0]["outcome"], "imported");
    assert_eq!(told["data"]["files"][0]["file"], name);
    for bad in ["..%2Fx.csv", "a%00b.csv", "%2Fetc%2Fpasswd", "."] {
        served.ask("POST", &format!("/api/v1/imports?name={bad}"), &headers, b"x").is(400);
    }
    // A page's form, with the token first.
    let browser = people.browser(&served, "olga");
    let next = demo_file(3, 31);
    let next_name = next.file_name().unwrap().to_str().unwrap();
    let next_bytes = std::fs::read(&next).unwrap();
    let thief = Browser { csrf: "0000".into(), ..browser.clone() };
    served.files(&thief, &[], &[(next_name, &next_bytes)]).is(403);
    served.files(&browser, &[], &[(next_name, &next_bytes)]).is(303);
    assert!(served.get(&browser, "/import").text().contains("as revision 2"));
    // Damaged: refused, told, and the bill is as it was.
    let before = home.json(["--as", "ada", "bill", "list"]);
    let damaged = served.ask(
        "POST",
        "/api/v1/imports?name=x-202103.zip",
        &[headers_of(&bearer)[0], headers_of(&bearer)[1]],
        &bytes[..500],
    );
    assert_eq!(damaged.status, 400, "{}", damaged.text());
    assert_eq!(home.json(["--as", "ada", "bill", "list"]), before);
    let mut staging = home.store().into_os_string();
    staging.push(".staging");
    let left = std::fs::read_dir(&staging).unwrap().count();
    assert_eq!(left, 0, "{staging:?}");
}

fn headers_of(bearer: &str) -> [(&'static str, &str); 2] {
    [("Authorization", bearer), ("Content-Type", "application/octet-stream")]
}

#[test]
fn the_scheduler_delivers_at_the_hour_catches_up_and_never_twice() {
    let home = Home::new();
    home.import([demo_file(3, 31), demo_file(4, 7)]);
    let bucket = home.sink("finance", &[]);
    home.enable(PAYER, "finance", "daily", false);
    // A manifest comes last.
    let zips = || {
        let names = std::fs::read_dir(&bucket)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".manifest.json")).count()
    };
    // 10:00 in the calendar's zone, on a day on which a daily bill is due.
    let served = Served::start(&home, "2021-04-05T02:00:00Z");
    assert!(served.until("2021-04-05T12:00:00Z", || zips() == 1), "{:?}", home.lies("finance"));
    // Three days asleep: each of them is gone through.
    assert!(served.until("2021-04-08T12:00:00Z", || zips() == 4), "{:?}", home.lies("finance"));
    let lies = home.lies("finance");
    // The same days again, a clock that was set back, and another console over the same store.
    std::fs::write(&served.clock, "2021-04-06T12:00:00Z").unwrap();
    served.looks_again();
    drop(served);
    let other = Served::start(&home, "2021-04-08T12:00:00Z");
    other.looks_again();
    assert_eq!(other.stop(), Some(0));
    assert_eq!(home.lies("finance"), lies);
    let rows = home.json(["delivery", "list"])["rows"].as_array().unwrap().clone();
    assert!(rows.iter().all(|row| row["state"] == "delivered") && rows.len() == 4, "{rows:?}");
    assert!(bucket.exists());
    home.ok(["store", "check"]);
}

#[test]
fn another_address_needs_tls_and_people() {
    let home = Home::with(&[bill_file("english")]);
    home.run(["serve", "--listen", "0.0.0.0:0"]).says(1, &["not this machine's own address", "--tls-cert"]);
    home.run(["serve", "--listen", "0.0.0.0:0", "--insecure-plain-http"])
        .says(3, &["user set NAME --role admin"]);
    let key = home.write("key.pem", b"no key");
    let cert = home.write("cert.pem", b"no certificate");
    let tls = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--tls-cert",
        cert.to_str().unwrap(),
        "--tls-key",
        key.to_str().unwrap(),
    ];
    #[cfg(unix)]
    home.run(tls).says(1, &["can be read by others", "chmod 600"]);
    #[cfg(unix)]
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    home.run(tls).says(1, &["key.pem"]);
}

#[test]
fn pages_are_in_the_language_of_the_browser_and_escape_what_people_wrote() {
    let home = Home::with(&[bill_file("english")]);
    let served = Served::start(&home, NOW);
    let browser = served.sign_in(&served.link.clone());
    let page = |accept: &str| {
        served.ask("GET", "/bills", &[("Cookie", &browser.cookie), ("Accept-Language", accept)], b"").is(200)
    };
    assert!(page("zh-CN,zh;q=0.9").text().contains("账单管理"));
    assert!(page("de,en;q=0.5").text().contains("Bill Management"));
    let chosen = served.form(&browser, "/language", &[("language", "zh-Hans"), ("back", "/bills")]).is(303);
    assert!(chosen.header("set-cookie").unwrap().starts_with("billkeep-language=zh-Hans"));
    // No page sends people elsewhere.
    for away in ["https://evil.example/", "//evil.example/", "/\\evil.example"] {
        let to = served.form(&browser, "/bills/2021-03/issue", &[("back", away)]).is(303);
        assert_eq!(to.header("location"), Some("/"), "{away}");
    }
    let script = "<script>alert(1)</script>\"'";
    let fields =
        [("lines", "1-1"), ("direction", "over"), ("amount", "1"), ("reason", script), ("back", "/disputes")];
    served.form(&browser, "/bills/2021-03/disputes", &fields).is(303);
    for target in ["/disputes", "/disputes/1", "/journal", "/"] {
        let page = served.get(&browser, target).is(200);
        assert!(!page.text().contains("<script>alert"), "{target}");
        assert!(target == "/" || page.text().contains("&lt;script&gt;alert"), "{target}");
    }
}

#[test]
fn a_request_that_is_none_is_refused_and_the_next_one_is_answered() {
    let home = Home::with(&[bill_file("english")]);
    let served = Served::start(&home, NOW);
    let browser = served.sign_in(&served.link.clone());
    let host = served.host.clone();
    for head in [
        "nonsense\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"),
        format!("GET /{} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", "a".repeat(1 << 20)),
    ] {
        let reply = served.raw(&head, b"");
        assert!(reply.status == 0 || (300..500).contains(&reply.status), "{}", reply.status);
    }
    let large = vec![b'a'; 2 << 20];
    let headers =
        [("Cookie", browser.cookie.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(served.ask("POST", "/settings/four-eyes", &headers, &large).status, 400);
    let deep = "[".repeat(100_000);
    let json = [
        ("Cookie", browser.cookie.as_str()),
        ("X-CSRF-Token", browser.csrf.as_str()),
        ("Content-Type", "application/json"),
    ];
    assert_eq!(served.ask("POST", "/api/v1/settings/four-eyes", &json, deep.as_bytes()).status, 400);
    served.get(&browser, "/").is(200);
    assert_eq!(served.stop(), Some(0));
}

#[test]
fn with_a_certificate_browsers_come_by_tls_and_cookies_stay_on_it() {
    const TEST: &str = "with_a_certificate_browsers_come_by_tls_and_cookies_stay_on_it";
    let home = Home::with(&[bill_file("english")]);
    let (key, cert) = (home.path("key.pem"), home.path("cert.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout"])
        .args([&key, Path::new("-out"), &cert])
        .output();
    let (Some(python), true) = (python::python(), made.is_ok_and(|output| output.status.success())) else {
        return python::skip(TEST, "openssl and python3");
    };
    #[cfg(unix)]
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let tls = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap(), "--no-scheduler"];
    let served = Served::start_as(&home, NOW, "tester", &tls);
    assert!(served.link.starts_with("https://"), "{}", served.link);
    let script = "import http.client, ssl, sys, urllib.parse as u\n\
        link = u.urlparse(sys.argv[1])\n\
        c = http.client.HTTPSConnection(link.netloc, context=ssl.create_default_context(cafile=sys.argv[2]))\n\
        c.request('POST', '/sign-in', link.query, {'Content-Type': 'application/x-www-form-urlencoded'})\n\
        r = c.getresponse(); r.read(); cookie = r.headers['set-cookie']\n\
        c.request('GET', '/bills', headers={'Cookie': cookie.split(';')[0]})\n\
        r = c.getresponse(); print(r.status, 'Secure' in cookie, b'2021-03' in r.read())";
    let said = python::run(&python, script, &[OsStr::new(&served.link), cert.as_os_str()]);
    assert_eq!(said.trim(), "200 True True");
    // Without TLS nothing is answered.
    assert_eq!(served.ask("GET", "/", &[], b"").status, 0);
}

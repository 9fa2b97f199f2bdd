//! Who is told of what happened, by a real command and a real webhook.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::support::console::Served;
use crate::support::{Home, MARCH, PAYER};

/// A webhook that answers what it is told to, and keeps what it was sent.
pub struct Hook {
    pub url: String,
    answers: Arc<Mutex<Vec<u16>>>,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl Hook {
    pub fn new() -> Hook {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (answers, heard) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let hook = Hook { url, answers: answers.clone(), heard: heard.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                        break;
                    }
                    if let Some(told) = line.to_lowercase().strip_prefix("content-length:") {
                        length = told.trim().parse().unwrap();
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let answer = answers.lock().unwrap().pop().unwrap_or(200);
                heard.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
                let text =
                    format!("HTTP/1.1 {answer} Well\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
                reader.get_mut().write_all(text.as_bytes()).unwrap();
            }
        });
        hook
    }

    pub fn heard(&self) -> Vec<Value> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

/// A month in the store, its daily and monthly bills enabled, and a webhook.
fn told() -> (Home, Hook) {
    let home = Home::new();
    home.month_to_date(3, 31);
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "daily,monthly", false);
    let hook = Hook::new();
    home.ok(["notify", "add", "chat", "--webhook", &hook.url, "--option", "allow_http=yes"])
        .says(0, &["delivered, failed, waiting"]);
    (home, hook)
}

fn of<'a>(heard: &'a [Value], event: &str) -> Vec<&'a Value> {
    heard.iter().filter(|told| told["event"] == event).collect()
}

#[test]
fn what_is_delivered_is_told_once_with_its_figures() {
    let (home, hook) = told();
    home.ok(["run", "--on", "2021-04-02"]).says(0, &["Told 2 notices."]);
    let heard = hook.heard();
    let [first, second] = of(&heard, "delivered")[..] else { panic!("{heard:?}") };
    for told in [first, second] {
        assert_eq!(told["format"], "billkeep.notice/1");
        assert_eq!(told["bill"]["month"], MARCH);
        let delivery = &told["delivery"];
        assert_eq!((&delivery["rows"], &delivery["totals"][0]["total"]), (&62.into(), &"93.00000992".into()));
        let path = home.path("bucket").join(delivery["part"].as_str().unwrap());
        let bytes = fs::read(&path).unwrap();
        assert_eq!(delivery["sha256"], crate::support::sha256::sha256(&bytes));
        assert!(told["text"].as_str().unwrap().contains("62 lines, total 93.00000992 USD"), "{told}");
    }
    assert_ne!(first["id"], second["id"]);
    home.ok(["run", "--on", "2021-04-02"]);
    assert!(hook.heard().is_empty());
    let log = home.json(["notify", "log"]);
    assert!(log["rows"].as_array().unwrap().iter().all(|row| row["sent_at"] != ""), "{log}");
}

#[test]
fn whoever_is_down_is_told_later_and_a_run_says_so() {
    let (home, hook) = told();
    hook.answers.lock().unwrap().push(503);
    // All was delivered; only the notice failed.
    home.run(["run", "--on", "2021-04-02"])
        .says(5, &["Delivered", "`chat` could not be told", "answered 503"]);
    assert_eq!(home.lies("bucket").len(), 2);
    assert_eq!(hook.heard().len(), 1);
    home.ok(["status", "--on", "2021-04-02"]);
    assert!(home.ok(["status", "--on", "2021-04-02"]).text().contains("notify send --now"));
    // Its time has not come; a run waits with it.
    home.ok(["run", "--on", "2021-04-02"]).says(0, &["2 notices wait"]);
    assert!(hook.heard().is_empty());
    home.ok(["notify", "send", "--now"]).says(0, &["Told 2 notices."]);
    let heard = hook.heard();
    assert_eq!(of(&heard, "delivered").len(), 2);
    home.ok(["notify", "send"]).says(0, &["nothing to tell"]);
    home.ok(["audit", "verify"]);
    home.ok(["store", "check"]);
}

#[test]
fn a_failure_is_told_once_in_a_row_and_by_what_it_is() {
    let (home, hook) = told();
    fs::remove_dir_all(home.path("bucket")).unwrap();
    fs::write(home.path("bucket"), "a file where the folder was").unwrap();
    assert_ne!(home.run(["run", "--on", "2021-04-02"]).code, 0);
    let heard = hook.heard();
    assert_eq!((of(&heard, "failed").len(), heard.len()), (2, 2), "{heard:?}");
    assert_eq!(heard[0]["failure"]["attempts"], 1);
    assert_eq!(heard[0]["delivery"]["sink"], "bucket");
    assert_ne!(home.run(["run", "--on", "2021-04-02"]).code, 0);
    assert!(hook.heard().is_empty(), "the same failure again is no news");
    fs::remove_file(home.path("bucket")).unwrap();
    fs::create_dir(home.path("bucket")).unwrap();
    home.run(["run", "--on", "2021-04-02"]);
    assert_eq!(of(&hook.heard(), "delivered").len(), 2);
}

#[cfg(unix)]
#[test]
fn a_command_is_told_and_what_it_cannot_do_waits() {
    use std::os::unix::fs::PermissionsExt as _;
    let (home, _hook) = told();
    home.ok(["notify", "remove", "chat"]);
    let script: PathBuf = home.write("mail", b"#!/bin/sh\ntest -e \"$1/up\" || { echo no mail >&2; exit 1; }\ncat >> \"$1/mails\"\necho >> \"$1/mails\"\n");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let folder = home.path("");
    let words = [
        "notify",
        "add",
        "mail",
        "--on",
        "delivered",
        "--",
        script.to_str().unwrap(),
        folder.to_str().unwrap(),
    ];
    home.ok(words);
    home.run(words).says(1, &["there is a notifier `mail` already"]);
    home.run(["notify", "test", "mail"]).says(5, &["exit status: 1: no mail"]);
    home.run(["run", "--on", "2021-04-02"]).says(5, &["Delivered", "no mail"]);
    home.write("up", b"");
    home.ok(["notify", "test", "mail"]).says(0, &["`mail` was told"]);
    home.ok(["notify", "send", "--now"]).says(0, &["Told 2 notices."]);
    let mails = fs::read_to_string(home.path("mails")).unwrap();
    let events: Vec<Value> = mails.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let words: Vec<&str> = events.iter().map(|told| told["event"].as_str().unwrap()).collect();
    assert_eq!(words, ["test", "delivered", "delivered"]);
    let journal = home.json(["audit", "list"]).to_string();
    assert!(journal.contains("notify add") && journal.contains("notify remove"));
}

#[test]
fn a_bill_that_waits_for_confirmation_is_told_once_for_each_revision() {
    let home = Home::new();
    home.month_to_date(3, 31);
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "reseller", true);
    let hook = Hook::new();
    home.ok([
        "notify",
        "add",
        "chat",
        "--webhook",
        &hook.url,
        "--option",
        "allow_http=yes",
        "--on",
        "waiting",
    ]);
    home.ok(["run", "--on", "2021-04-09"]);
    let heard = hook.heard();
    let [waits] = of(&heard, "waiting")[..] else { panic!("{heard:?}") };
    assert_eq!(waits["revision"]["digest"], home.bill_text("digest"));
    assert_eq!((&waits["revision"]["number"], &waits["revision"]["lines"]), (&1.into(), &62.into()));
    home.ok(["run", "--on", "2021-04-09"]);
    home.ok(["run", "--on", "2021-04-10"]);
    assert!(hook.heard().is_empty());
    home.confirm();
    home.ok(["run", "--on", "2021-04-10"]);
    // Only of what waits, it wanted to be told.
    assert!(hook.heard().is_empty());
}

#[test]
fn a_secret_is_never_kept_or_told() {
    let home = Home::new();
    home.run(["notify", "add", "a", "--webhook", "https://example.com", "--option", "token=swordfish"])
        .says(1, &["env:NAME"]);
    home.run(["notify", "add", "a", "--webhook", "http://example.com"]).says(1, &["allow_http=yes"]);
    home.run(["notify", "add", "a"]).says(2, &["--webhook"]);
    home.ok(["notify", "add", "a", "--webhook", "env:BILLKEEP_TEST_HOOK"])
        .says(0, &["cannot be told from here yet"]);
    let mut test = home.command(["notify", "test", "a"]);
    test.env("BILLKEEP_TEST_HOOK", "https://127.0.0.1:1/swordfish");
    let said = crate::support::Output::of(test.output().unwrap()).says(5, &["cannot be reached"]);
    assert!(!said.stderr.contains("swordfish"), "{}", said.stderr);
    let store = fs::read(home.store()).unwrap();
    assert!(!store.windows(9).any(|w| w == b"swordfish"));
}

#[test]
fn a_scheduler_that_delivers_nothing_is_told_once_a_day_for_each_cause() {
    let home = Home::new();
    let hook = Hook::new();
    home.ok([
        "notify",
        "add",
        "chat",
        "--webhook",
        &hook.url,
        "--option",
        "allow_http=yes",
        "--on",
        "stopped",
    ]);
    let served = Served::start_as(&home, "2024-03-05T04:00:00Z", "lin", &[]);
    served.looks_again();
    assert!(hook.heard().is_empty(), "it may deliver");
    // The webhook is down at first. The first person is somebody else, so that `lin` may do nothing.
    hook.answers.lock().unwrap().push(503);
    home.ok(["user", "set", "ada", "--role", "admin"]);
    served.looks_again();
    served.looks_again();
    let [told] = &hook.heard()[..] else { panic!("told once") };
    assert_eq!((told["event"].as_str(), told["scheduler"]["actor"].as_str()), (Some("stopped"), Some("lin")));
    let text = told["text"].as_str().unwrap();
    assert!(text.contains("delivers nothing: `lin` is not among the people of this store"), "{text}");
    // No run sends it again, so the scheduler does, under the same id, once its time has come.
    let heard = std::cell::RefCell::new(Vec::new());
    let hears = |n: usize| {
        heard.borrow_mut().extend(hook.heard());
        heard.borrow().len() >= n
    };
    assert!(served.until("2024-03-05T04:30:00Z", || hears(1)));
    served.looks_again();
    assert_eq!(*heard.borrow(), std::slice::from_ref(told));
    // Another cause, and the same one on another day.
    home.ok(["--as", "ada", "user", "set", "lin", "--role", "viewer"]);
    assert!(served.until("2024-03-05T05:00:00Z", || hears(2)));
    assert!(served.until("2024-03-06T04:00:00Z", || hears(3)));
    served.looks_again();
    assert_eq!(heard.borrow().len() + hook.heard().len(), 3);
    let why = |n: usize| heard.borrow()[n]["scheduler"]["why"].as_str().unwrap().to_owned();
    assert!(why(1).contains("needs") && why(1) == why(2), "{} {}", why(1), why(2));
    home.ok(["--as", "ada", "user", "set", "lin", "--role", "operator"]);
    served.looks_again();
    assert!(hook.heard().is_empty());
    // A console that is killed tells nothing itself.
    drop(served);
    home.ok(["--as", "ada", "notify", "send"]).says(0, &["Told 1 notice."]);
    let [told] = &hook.heard()[..] else { panic!("told once") };
    assert!(told["scheduler"]["why"].as_str().unwrap().contains("ended and does not run"), "{told}");
    home.ok(["--as", "ada", "notify", "send"]).says(0, &["nothing to tell"]);
    home.ok(["--as", "ada", "store", "check"]);
}

//! Bills go to object stores as to folders: whole, once, and as they are. The server is in this process, or one that `.ci/run` has started.

use std::collections::BTreeMap;
use std::path::Path;

use billkeep_sinks::Folder;
use billkeep_sinks::conformance::{CaseOutcome, Subject, can, run};
use serde_json::Value;

use crate::support::python;
use crate::support::real::Real;
use crate::support::s3::{KEY_ID, SECRET, Server, keys};
use crate::support::{Home, PAYER, bucket, demo_file};
use billkeep_core::deliveries::{Enable, PayerLines, SinkPlaces, Statement};
use billkeep_core::engine::{Access, Actor, OpenOptions, Store};
use billkeep_core::exports::{Sink, SinkError};
use billkeep_core::formats::BillKind;

/// A part that goes in five pieces.
const LARGE_BYTES: u64 = (64 << 20) + 5;

fn options(options: &[String]) -> BTreeMap<String, String> {
    options.iter().filter_map(|o| o.split_once('=')).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

/// Asks a destination everything, and fails where it does not do what every sink must.
#[track_caller]
fn conforms(subject: &Subject<'_>) -> Vec<CaseOutcome> {
    let outcomes = run(subject);
    let faults: Vec<&CaseOutcome> = outcomes.iter().filter(|o| o.is_fault()).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(outcomes.len() >= 25);
    outcomes
}

fn subject<'a>(
    open: &'a (dyn Fn() -> Result<Box<dyn Sink>, SinkError> + Sync),
    stage: &'a Path,
) -> Subject<'a> {
    Subject {
        open,
        wrong_credentials: None,
        missing: None,
        full: None,
        stage,
        large_bytes: LARGE_BYTES,
        many: 0,
    }
}

#[test]
fn a_folder_does_what_every_sink_must() {
    let (dir, stage) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let open = || Ok(Box::new(Folder::create(&dir.path().join("bucket"))?) as Box<dyn Sink>);
    let file = dir.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let missing = || Ok(Box::new(Folder::create(&file.join("bucket"))?) as Box<dyn Sink>);
    let subject = Subject { missing: Some(&missing), many: 1_200, ..subject(&open, stage.path()) };
    let outcomes = conforms(&subject);
    assert!(can(&outcomes, "create-only") && !can(&outcomes, "tag"));
}

#[test]
fn s3_does_what_every_sink_must() {
    let (server, stage) = (Server::start(), tempfile::tempdir().unwrap());
    server.bucket("bills");
    let options = options(&server.s3_options());
    let open = || billkeep_sinks::open("s3://bills/a/b", &options, &keys);
    let wrong = |name: &str| keys(name).map(|value| if value == SECRET { "wrong".to_owned() } else { value });
    let wrong_credentials = || billkeep_sinks::open("s3://bills/a/b", &options, &wrong);
    let subject =
        Subject { wrong_credentials: Some(&wrong_credentials), many: 1_200, ..subject(&open, stage.path()) };
    let outcomes = conforms(&subject);
    assert!(can(&outcomes, "tag"), "{outcomes:#?}");
}

/// Hours of network, elsewhere: off unless `BILLKEEP_TEST_LARGE_GIB` says how many GiB.
#[test]
fn a_part_of_gibibytes_is_streamed() {
    let Some(gib) = std::env::var("BILLKEEP_TEST_LARGE_GIB").ok().map(|gib| gib.parse::<u64>().unwrap())
    else {
        return;
    };
    let (server, stage, dir) = (Server::start(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    server.bucket("bills");
    let options = options(&server.s3_options());
    let bucket = || billkeep_sinks::open("s3://bills/large", &options, &keys);
    let folder = || Ok(Box::new(Folder::create(dir.path())?) as Box<dyn Sink>);
    conforms(&Subject { large_bytes: gib << 30, ..subject(&bucket, stage.path()) });
    conforms(&Subject { large_bytes: gib << 30, ..subject(&folder, stage.path()) });
}

/// Runs in a process that may mount: see [`a_full_disk_is_told_and_what_fits_later_is_delivered`].
#[cfg(target_os = "linux")]
#[test]
#[ignore = "started by another test, on a disk of its own"]
fn on_a_small_disk() {
    let disk = std::path::PathBuf::from(std::env::var_os("BILLKEEP_TEST_SMALL_DISK").unwrap());
    let (dir, stage) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let open = || Ok(Box::new(Folder::create(&dir.path().join("bucket"))?) as Box<dyn Sink>);
    let full = || Ok(Box::new(Folder::create(&disk.join("probe"))?) as Box<dyn Sink>);
    let outcomes = conforms(&Subject { full: Some(&full), ..subject(&open, stage.path()) });
    assert!(can(&outcomes, "full"), "{outcomes:#?}");

    // A disk on which nothing more has room, and a program that delivers to it.
    let home = Home::with(&[demo_file(3, 31)]);
    let out = disk.join("out");
    home.ok(["sink", "add", "bucket", &format!("file://{}", out.display())]);
    home.enable(PAYER, "bucket", "daily,monthly", false);
    let filler = disk.join("filler");
    let mut bytes = 4 << 20;
    let mut file = std::fs::File::create(&filler).unwrap();
    while bytes > 0 {
        match std::io::Write::write(&mut file, &vec![1; bytes]) {
            Ok(_) => {}
            Err(_) => bytes /= 2,
        }
    }
    let folder = out.to_str().unwrap();
    home.run(["run", "--on", "2021-04-02"])
        .says(1, &["No space left", folder, "hint: nothing is lost; make room"]);
    let status = home.ok(["status", "--on", "2021-04-02"]);
    assert!(status.text().contains("No space left") && status.text().contains("billkeep delivery show"));
    let seen = Folder::create(&out).unwrap().list().unwrap();
    assert!(seen.is_empty(), "{seen:?}");
    let staged: Vec<_> = std::fs::read_dir(out.join(".billkeep-staging")).unwrap().collect();
    let left: u64 = staged.into_iter().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(left, 0, "half-written files take the room that there is");
    // What is open takes its room still.
    drop(file);
    std::fs::remove_file(&filler).unwrap();
    home.run(["run", "--on", "2021-04-02"]).says(0, &[]);
    assert_eq!(bucket::checked(&out).len(), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_what_fits_later_is_delivered() {
    let disk = tempfile::tempdir().unwrap();
    // Mounts are seen by this process and its children alone, and end with them.
    let own = |script: &str| {
        let mut command = std::process::Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-ec", script, "sh"]).arg(disk.path());
        command
    };
    let mount = r#"mount -t tmpfs -o size=4m none "$1""#;
    if !own(mount).output().is_ok_and(|output| output.status.success()) {
        // Nothing that can be installed changes that.
        return python::cannot("a full disk", "a system that lets this user mount in a namespace of his own");
    }
    let mut inner = own(&format!(r#"{mount}; shift; exec "$@""#));
    // The file may have been built anew, and be gone by now under its name; and what runs cannot be started from there.
    let program =
        std::env::current_exe().unwrap().with_file_name(format!("small-disk-{}", std::process::id()));
    std::fs::copy("/proc/self/exe", &program).unwrap();
    inner.arg(&program).args(["--ignored", "--exact", "object::on_a_small_disk"]);
    let output = inner.env("BILLKEEP_TEST_SMALL_DISK", disk.path()).output().unwrap();
    std::fs::remove_file(&program).unwrap();
    let [said, errors] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success() && said.contains("1 passed"), "{:?}: {said}{errors}", output.status);
}

#[test]
fn cos_is_reached_by_its_own_hosts_and_does_what_every_sink_must() {
    let (server, stage) = (Server::start(), tempfile::tempdir().unwrap());
    let folder = server.bucket("bills-1250000000");
    let options = options(&server.cos_options());
    let open = || billkeep_sinks::open("cos://bills-1250000000/daily", &options, &keys);
    // The server does not know COS's header, so it cannot refuse a name; the look before does.
    conforms(&subject(&open, stage.path()));
    open().unwrap().put_new("m.json", b"x").unwrap();
    assert_eq!(std::fs::read(folder.join("daily/m.json")).unwrap(), b"x");
}

#[test]
fn moto_makes_the_bucket_conforms_and_other_peoples_clients_read_what_was_delivered() {
    let Some(moto) = Real::moto() else {
        return python::skip(
            "delivery to another server",
            "a Python with moto and awscli in BILLKEEP_TEST_PYTHON",
        );
    };
    let outcomes = serves(&moto, true, false);
    assert!(can(&outcomes, "create-only") && can(&outcomes, "tag"), "{outcomes:#?}");
}

#[test]
fn a_server_in_a_process_of_its_own_conforms_and_other_peoples_clients_read_what_was_delivered() {
    match (Real::s3s_fs(), std::env::var_os("BILLKEEP_TEST_PYTHON")) {
        (Some(server), Some(_)) => {
            // It answers for a bucket that is not there as for an empty one.
            serves(&server, false, true);
        }
        _ => python::skip(
            "delivery to a server of its own",
            "the program `s3s-fs` in BILLKEEP_TEST_S3S_FS, and a Python with awscli in BILLKEEP_TEST_PYTHON",
        ),
    }
}

/// Off unless `BILLKEEP_TEST_GARAGE` names the program: it takes a quarter of an hour to build.
#[test]
fn a_server_that_knows_no_condition_is_found_out_and_delivered_to_all_the_same() {
    if let Some(garage) = Real::garage("bills") {
        let outcomes = serves(&garage, true, false);
        assert!(!can(&outcomes, "create-only"), "{outcomes:#?}");
    }
}

/// Asks a server all that every sink must do, delivers to it, and reads back with clients of others; returns what it can.
fn serves(server: &Real, tells_missing: bool, looks_then_writes: bool) -> Vec<CaseOutcome> {
    let stage = tempfile::tempdir().unwrap();
    let options_of = options(&server.options());
    let missing = || billkeep_sinks::open("s3://nowhere", &options_of, &keys);
    billkeep_sinks::create_bucket("s3://bills", &options_of, &keys).unwrap();
    let open = || billkeep_sinks::open("s3://bills/probe", &options_of, &keys);
    let missing: &(dyn Fn() -> Result<Box<dyn Sink>, SinkError> + Sync) = &missing;
    let missing = tells_missing.then_some(missing);
    let subject = Subject { missing, many: 1_050, ..subject(&open, stage.path()) };
    let outcomes = conforms(&subject);

    let home = journey("s3://bills/out", &server.options());
    let (code, _, said) = run_with_keys(&home, &["run", "--on", "2021-04-02"]);
    assert_eq!(code, Some(0), "{said}");
    let folder = home.path("synced");
    server.sync("bills/out", &folder);
    assert_eq!(bucket::checked(&folder).len(), 2);
    let (code, shown, said) = run_with_keys(&home, &["--format", "csv", "sink", "test", "bucket"]);
    assert_eq!(code, Some(0), "{shown}{said}");
    // Whether one that looks and then writes refuses a name that is taken at the same moment is a matter of chance.
    let told = if can(&outcomes, "create-only") { "yes" } else { "no" };
    let list = home.json(["sink", "list"]);
    let listed = list["rows"][0]["create_only"].as_str().unwrap();
    assert!(listed == told || looks_then_writes && ["yes", "no"].contains(&listed), "{list}");
    // Nothing of the probe is left.
    let again = home.path("again");
    server.sync("bills/out", &again);
    assert_eq!(bucket::listing(&again), bucket::listing(&folder));
    outcomes
}

#[test]
fn prefixes_of_a_bucket_do_not_see_each_other() {
    let server = Server::start();
    server.bucket("bills");
    let options = options(&server.s3_options());
    let open = |url: &str| billkeep_sinks::open(url, &options, &keys).unwrap();
    let (whole, one, other) = (open("s3://bills"), open("s3://bills/one"), open("s3://bills/one/two"));
    for sink in [&whole, &one, &other] {
        sink.put_new("m.json", sink.location("").as_bytes()).unwrap();
        assert_eq!(sink.list().unwrap(), ["m.json"]);
    }
    assert_eq!(one.location("m.json"), "s3://bills/one/m.json");
}

/// A store with five weeks of bills, enabled for a bucket of the server.
fn journey(url: &str, options: &[String]) -> Home {
    let march = (1..=31).map(|day| demo_file(3, day));
    let files: Vec<_> = march.chain((1..=7).map(|day| demo_file(4, day))).collect();
    let home = Home::with(&files);
    let mut args = vec!["sink".to_owned(), "add".into(), "bucket".into(), url.into()];
    options.iter().for_each(|option| args.extend(["--option".into(), option.clone()]));
    let mut add = home.command(&args);
    with_keys(&mut add);
    assert!(add.output().unwrap().status.success());
    for args in [
        &["storage", "allow", PAYER][..],
        &["storage", "authorize", PAYER],
        &["storage", "enable", PAYER, "--sink", "bucket", "--kinds", "daily,monthly"],
    ] {
        let output = with_keys(&mut home.command(args)).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    home
}

fn with_keys(command: &mut std::process::Command) -> &mut std::process::Command {
    command.env("AWS_ACCESS_KEY_ID", KEY_ID).env("AWS_SECRET_ACCESS_KEY", SECRET)
}

/// Runs the program with keys, and returns what it said and its code.
fn run_with_keys(home: &Home, args: &[&str]) -> (Option<i32>, String, String) {
    let output = with_keys(&mut home.command(args)).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn bills_go_to_a_bucket_once_and_are_what_a_folder_would_have() {
    let server = Server::start();
    let at_server = server.bucket("bills");
    let home = journey("s3://bills/of/march", &server.s3_options());
    let (code, _, said) = run_with_keys(&home, &["run", "--on", "2021-04-02"]);
    assert_eq!(code, Some(0), "{said}");
    let folder = at_server.join("of/march");
    let exports = bucket::checked(&folder);
    assert_eq!(exports.len(), 2);
    // The same store's bills in a folder are the same files.
    let beside = home.path("folder");
    home.ok(["export", "2021-03", "--kind", "monthly", "-o", beside.to_str().unwrap()]);
    let files = |folder| bucket::without_entries(bucket::listing(folder));
    let (there, here) = (files(&folder), files(&beside));
    assert!(here.iter().all(|(name, bytes)| there.get(name) == Some(bytes)));

    let (code, _, said) = run_with_keys(&home, &["run", "--on", "2021-04-02"]);
    assert!(code == Some(0) && said.contains("Nothing was due"), "{said}");
    for how in ["--head", "--read-data", "--sample=100%"] {
        let (code, _, said) = run_with_keys(&home, &["delivery", "verify", how]);
        assert!(code == Some(0) && said.contains("All 4 delivered files"), "{how}: {said}");
    }

    // Damage is found by its length alone, or by reading, and mended.
    let zip = exports[0].name.clone();
    let bytes = std::fs::read(folder.join(&zip)).unwrap();
    std::fs::write(folder.join(&zip), &bytes[1..]).unwrap();
    assert_eq!(run_with_keys(&home, &["delivery", "verify"]).0, Some(4));
    let mut altered = bytes.clone();
    altered[20] ^= 1;
    std::fs::write(folder.join(&zip), &altered).unwrap();
    let (code, shown, _) = run_with_keys(&home, &["--format", "json", "delivery", "verify", "--read-data"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let bad: Vec<&Value> =
        shown["rows"].as_array().unwrap().iter().filter(|r| r["found"] == "altered").collect();
    assert!(code == Some(4) && bad.len() == 1 && bad[0]["name"] == zip.as_str(), "{shown}");
    let (code, _, said) = run_with_keys(&home, &["delivery", "repair", "--read-data"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(std::fs::read(folder.join(&zip)).unwrap(), bytes);
    assert_eq!(run_with_keys(&home, &["delivery", "verify", "--read-data"]).0, Some(0));
}

#[test]
fn a_secret_is_nowhere_and_wrong_ones_are_told_with_what_to_do() {
    let server = Server::start();
    server.bucket("bills");
    let home = journey("s3://bills", &server.s3_options());
    let run = |secret: &str| {
        let mut command = home.command(["run", "--on", "2021-04-02"]);
        let output =
            command.env("AWS_ACCESS_KEY_ID", KEY_ID).env("AWS_SECRET_ACCESS_KEY", secret).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = run("not-the-right-one-9f");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("AWS_SECRET_ACCESS_KEY") && !said.contains("not-the-right-one-9f"), "{said}");
    let list = home.json(["delivery", "list"]);
    assert_eq!(list["rows"].as_array().unwrap().len(), 2, "{list}");
    let shown = home.json(["delivery", "show", "1"]);
    let row = |what: &str| {
        let rows = shown["rows"].as_array().unwrap();
        rows.iter().find(|r| r["what"] == what).map(|r| r["value"].as_str().unwrap().to_owned())
    };
    assert_eq!(row("failure").as_deref(), Some("credentials"), "{shown}");
    let status = String::from_utf8(home.ok(["status"]).stdout).unwrap();
    assert!(status.contains("billkeep delivery show 1"), "{status}");

    let (code, said) = run(SECRET);
    assert_eq!(code, Some(0), "{said}");
    let store = std::fs::read(home.store()).unwrap();
    for secret in [SECRET, "not-the-right-one-9f"] {
        let is_in = |bytes: &[u8]| bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!is_in(&store) && !is_in(home.seen().as_bytes()) && !is_in(said.as_bytes()));
    }
}

#[test]
fn a_server_that_is_down_is_waited_for_and_another_run_says_so() {
    let server = Server::start();
    server.bucket("bills");
    let mut options = server.s3_options();
    options.extend(["retries=0".to_owned(), "timeout_s=5".to_owned()]);
    let home = journey("s3://bills", &options);
    drop(server);
    let (code, _, said) = run_with_keys(&home, &["run", "--on", "2021-04-02"]);
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains(": cannot be reached: http://127.0.0.1:"), "{said}");
    assert!(!said.contains("Generic") && !said.contains("Error performing"), "{said}");
    let (code, _, said) = run_with_keys(&home, &["run", "--on", "2021-04-02"]);
    assert!(code == Some(5) && said.contains("is tried again in"), "{said}");
    let (code, _, said) = run_with_keys(&home, &["delivery", "retry", "1"]);
    assert!(code == Some(5) && !said.contains("is tried again in"), "{said}");
    home.run(["delivery", "abandon", "1", "--reason", "the bucket is gone", "--leave"])
        .says(0, &["Gave up delivery 1"]);
    let list = home.json(["delivery", "list", "--where", "state=abandoned"]);
    assert_eq!(list["rows"].as_array().unwrap().len(), 1);
}

#[test]
fn two_programs_that_run_at_once_deliver_everything_once() {
    let server = Server::start();
    let folder = server.bucket("bills");
    let home = journey("s3://bills", &server.s3_options());
    let start = || with_keys(&mut home.command(["run", "--on", "2021-04-02"])).spawn().unwrap();
    let programs: Vec<_> = (0..3).map(|_| start()).collect();
    for mut program in programs {
        assert!(program.wait().unwrap().success());
    }
    assert_eq!(bucket::checked(&folder).len(), 2);
    let list = home.json(["delivery", "list"]);
    let states: Vec<&str> =
        list["rows"].as_array().unwrap().iter().map(|r| r["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["delivered", "delivered"]);
    let entries = home.json(["audit", "list"]);
    let receipts = entries["rows"].as_array().unwrap().iter().filter(|e| e["action"] == "deliver").count();
    assert_eq!(receipts, 2, "{entries}");
}

/// Sends Ctrl-C to a run while it waits with its delivery of this number.
#[cfg(unix)]
#[track_caller]
fn ends_at_a_safe_point(number: usize) {
    let home = Home::with(&[demo_file(3, 31)]);
    // A server that takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("endpoint=http://{}", silent.local_addr().unwrap());
    let mut add = home.command(["sink", "add", "bucket", "s3://bills", "--option", &endpoint]);
    let added = with_keys(add.args([
        "--option",
        "allow_http=yes",
        "--option",
        "timeout_s=3",
        "--option",
        "retries=0",
    ]));
    assert!(added.output().unwrap().status.success());
    home.ok(["storage", "allow", PAYER]);
    home.ok(["storage", "authorize", PAYER]);
    // Enabling tries the sink, which does not answer: it is enabled by the library.
    {
        let store = Store::open(&home.store(), &OpenOptions::default(), Access::Write).unwrap();
        let actor = Actor { name: "ann".into(), at_unix_s: 1 };
        let wanted = Enable {
            uin: PAYER.parse().unwrap(),
            sink: "bucket".into(),
            kinds: vec![BillKind::Daily, BillKind::Monthly],
            lines: PayerLines::All,
            after: None,
            places: SinkPlaces::default(),
            shared: false,
            custom_bills: false,
            from: None,
        };
        let said = Statement { actor: &actor, reason: None };
        let today = "2021-04-02".parse().unwrap();
        store.transact(|tx| tx.enable_storage(&wanted, None, today, said)).unwrap();
        store.close().unwrap();
    }
    let mut run = home.command(["run", "--on", "2021-04-02"]);
    let mut child = with_keys(&mut run).stderr(std::process::Stdio::piped()).spawn().unwrap();
    // It has planned, and waits for the server; those before have failed.
    while home.json(["delivery", "list"])["rows"].as_array().unwrap().len() < number {
        if child.try_wait().unwrap().is_some() {
            panic!("it ended before: {:?}", child.wait_with_output().unwrap());
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let signalled =
        std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signalled.success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(5), "{said}");
    // What would have come after it was not begun.
    assert_eq!(home.json(["delivery", "list"])["rows"].as_array().unwrap().len(), number, "{said}");
    home.ok(["audit", "verify"]);
    home.ok(["store", "check"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_run_at_a_safe_point_and_nothing_more_is_begun() {
    ends_at_a_safe_point(1);
}

#[cfg(unix)]
#[test]
fn the_first_ctrl_c_is_the_first_whatever_was_delivered_before() {
    ends_at_a_safe_point(2);
}

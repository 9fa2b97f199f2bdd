//! Sinks that somebody else has written: what they can do, what they cannot, and what is left of the bad ones.
//!
//! The guest is `plugins/guests/tester`, built and kept in `fixtures/plugins`: it does what its settings say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use billkeep_sinks::wasm::{CodeOrigin, Grants, Plugin, PluginFile, WasmSink};
use sha2::{Digest as _, Sha256};

use crate::support::script::{Asked, Reply, Script};
use billkeep_core::exports::ObjectMeta;
use billkeep_core::exports::{Sink, SinkError, Staged, Unwatched, Watch};
use billkeep_core::values::hex;

const SECRET: &str = "canary-9d1c7a55";

fn tester() -> PathBuf {
    golden("tester")
}

/// A plugin that is kept as it was built once.
fn golden(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/plugins")).join(format!("{name}.wasm"))
}

/// The largest that a plugin in the fixtures may be: whoever looks through the repository should not stumble over binaries.
const GOLDEN_BYTES: u64 = 64 << 10;

#[test]
fn golden_plugins_are_small() {
    let mut seen = 0;
    for entry in std::fs::read_dir(tester().parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        if entry.path().extension().is_some_and(|ending| ending == "wasm") {
            let bytes = entry.metadata().unwrap().len();
            assert!(bytes < GOLDEN_BYTES, "{:?} has {bytes} bytes", entry.file_name());
            seen += 1;
        }
    }
    assert!(seen >= 3);
}

/// Looks names up as if secrets were in the environment; nothing that was compiled is kept.
fn env(name: &str) -> Option<String> {
    (name == "TOKEN").then(|| SECRET.to_owned())
}

fn options(options: &[(&str, &str)]) -> BTreeMap<String, String> {
    options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn open(said: &[(&str, &str)]) -> Result<WasmSink, SinkError> {
    let file = PluginFile::read(&tester()).unwrap();
    WasmSink::of(&file, &Grants::of(&options(said)).unwrap(), "", None, &env)
}

fn mode(mode: &str) -> WasmSink {
    open(&[("set.mode", mode), ("allow_state", "1MiB"), ("timeout_s", "2")]).unwrap()
}

struct Part {
    _dir: tempfile::TempDir,
    staged: Staged,
}

fn part_of(bytes: &[u8]) -> Part {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("part");
    std::fs::write(&path, bytes).unwrap();
    let sha256 = Sha256::digest(bytes).into();
    let tags = vec![("object", "part".to_owned())];
    Part { _dir: dir, staged: Staged { path, bytes: bytes.len() as u64, sha256, tags } }
}

fn put(sink: &WasmSink, name: &str, bytes: &[u8]) -> Result<(), SinkError> {
    sink.put(name, &part_of(bytes).staged, &Unwatched).map(drop)
}

#[track_caller]
fn refused(result: Result<(), SinkError>, words: &[&str]) -> SinkError {
    let error = result.expect_err("it was accepted");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
    assert!(!text.contains(SECRET) && !text.chars().any(char::is_control), "{text}");
    error
}

#[test]
fn an_honest_plugin_is_a_sink_like_any_other() {
    use billkeep_sinks::conformance::{Subject, run};
    // What a program would keep in the store stays in one sink here.
    let sink = Arc::new(open(&[("allow_state", "4MiB")]).unwrap());
    let shared = || Ok(Box::new(sink.clone()) as Box<dyn Sink>);
    let stage = tempfile::tempdir().unwrap();
    let outcomes = run(&Subject {
        open: &shared,
        wrong_credentials: None,
        missing: None,
        full: None,
        stage: stage.path(),
        large_bytes: 0,
        many: 0,
    });
    let faults: Vec<_> = outcomes.iter().filter(|o| o.is_fault()).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn what_goes_to_a_plugin_can_be_signed_and_encrypted_like_all_else() {
    let more =
        options(&[("sign_key", "/keys/sign.pem"), ("encrypt_manifest", "no"), ("allow_state", "1MiB")]);
    assert_eq!(Grants::of(&more).unwrap().state_bytes, 1 << 20);
    assert!(Grants::of(&options(&[("region", "x")])).is_err());
}

#[test]
fn what_a_file_is_can_be_told_without_running_it() {
    let file = PluginFile::read(&tester()).unwrap();
    assert_eq!(file.interface, "0.1.0");
    assert!(file.is_readable() && file.wants("http") && file.wants("secrets") && file.wants("state"));
    assert_eq!(file.sha256, <[u8; 32]>::from(Sha256::digest(std::fs::read(tester()).unwrap())));
    let bytes = std::fs::read(tester()).unwrap();
    for (bad, words) in [
        (&b""[..], "it is not WebAssembly"),
        (b"PK\x03\x04not a plugin", "it is not WebAssembly"),
        (b"\0asm\x01\0\0\0", "it does not export"),
        (b"\0asm\x07\0\0\0", "of a version"),
        (&bytes[..bytes.len() / 2], "it is damaged"),
    ] {
        let error = PluginFile::of(&tester(), bad).expect_err("it is no plugin");
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_file_that_is_not_the_one_that_was_trusted_is_not_run() {
    let trusted = hex(&PluginFile::read(&tester()).unwrap().sha256);
    assert!(open(&[("sha256", &trusted)]).is_ok());
    refused(
        open(&[("sha256", &"0".repeat(64))]).map(drop),
        &["another file than the one that was trusted", "(sha256 0000", "now 45e7be9d27fd"],
    );
}

#[test]
fn settings_are_looked_at_before_anything_is_sent_and_all_that_is_wrong_is_told() {
    refused(open(&[("set.mode", "refused")]).map(drop), &["`/mode`: it may not be", "`/url`: nor may this"]);
    refused(open(&[("set.n", "three")]).map(drop), &["setting `n` has to be a JSON integer"]);
}

#[test]
fn the_kind_of_an_error_says_what_the_host_does() {
    let error = |kind: &str| refused(put(&mode(kind), "a.zip", b"x"), &[]);
    assert!(matches!(error("transient"), SinkError::Transient(_)));
    assert!(matches!(error("throttled"), SinkError::Throttled { wait_s: 90, .. }));
    assert!(matches!(error("corrupt"), SinkError::Damaged(_)));
    assert!(matches!(error("rejected"), SinkError::Setup(_)));
    assert_eq!(error("conflict"), SinkError::Conflict { name: "a.zip".into() });
    assert!(matches!(error("auth"), SinkError::Credentials(_)));
    assert!(matches!(error("config"), SinkError::Setup(why) if why.contains("`/mode`")));
    assert!(matches!(error("fatal"), SinkError::Setup(why) if why.contains("TESTER-1, status 418")));
}

#[test]
fn a_receipt_is_compared_with_what_was_handed_over() {
    let bytes = vec![7; 300_000];
    for (lie, words) in [
        ("short-receipt", "answers for 299999 bytes of `a.zip`, which has 300000"),
        ("long-receipt", "answers for 18446744073709551615 bytes"),
        ("nothing-read", "has read or sent 0 of 300000 bytes"),
        ("half-read", "has read or sent 150000 of 300000 bytes"),
        ("wrong-checksum", "the target has sha256 000000"),
    ] {
        let sink = mode(lie);
        let error = refused(put(&sink, "a.zip", &bytes), &[words]);
        assert!(matches!(error, SinkError::Damaged(_)), "{error:?}");
        assert!(
            sink.memory()
                .unwrap()
                .of("receipt/")
                .iter()
                .all(|(_, kept)| !String::from_utf8_lossy(kept).contains("tester:"))
        );
    }
    assert_eq!(put(&mode("right-checksum"), "a.zip", &bytes), Ok(()));
    let sink = mode("long-location");
    let _ = put(&sink, "a.zip", &bytes);
    assert!(sink.location("a.zip").len() <= 500);
    let sink = mode("rude-location");
    put(&sink, "a.zip", &bytes).unwrap();
    assert!(!sink.location("a.zip").contains('\u{1b}'));
}

#[test]
fn whatever_a_guest_does_ends_that_call_and_nothing_else() {
    let cases: [(&str, &[&str]); 13] = [
        ("trap@put", &["broke off in `put`", "unreachable"]),
        ("panic@put", &["asked to panic in put"]),
        ("trap@check", &["broke off in `check`"]),
        ("panic@commit", &["broke off in `commit`"]),
        ("trap@stat", &["broke off in `stat`"]),
        ("trap@list", &["broke off in `list`"]),
        ("trap@delete", &["broke off in `delete`"]),
        ("loop@put", &["did not end `put` within 2 s"]),
        ("loop@stat", &["did not end `stat` within 2 s"]),
        ("recurse@put", &["broke off in `put`", "memory access"]),
        ("memory@put", &["has hit its 64 MiB of memory"]),
        ("stray@put", &["out of bounds"]),
        ("random@put", &["random bytes were asked for"]),
    ];
    for (what, words) in cases {
        let sink = mode(what);
        let result = match what.rsplit('@').next().unwrap() {
            "put" => put(&sink, "a.zip", b"some bytes"),
            "check" => sink.check(),
            "commit" => sink.put_new("a.manifest.json", b"{}").map(drop),
            "stat" => sink.head("a.zip").map(drop),
            "list" => sink.list().map(drop),
            _ => sink.remove("a.zip"),
        };
        refused(result, words);
        // The next one is none the worse.
        assert_eq!(put(&mode(""), "a.zip", b"some bytes"), Ok(()));
    }
    for what in ["trap@validate", "loop@validate"] {
        refused(open(&[("set.mode", what), ("timeout_s", "2")]).map(drop), &["`validate`"]);
    }
}

#[test]
fn what_a_guest_asks_for_has_limits() {
    let said = |what: &str, words: &[&str]| drop(refused(put(&mode(what), "a.zip", b"0123456789"), words));
    said("slices", &["HOST-HANDLES after 102"]);
    said("slice-beyond", &["HOST-SLICE", "a slice of 1 bytes at 10 goes beyond 10 bytes"]);
    said("read-beyond", &["0 bytes beyond its end"]);
    said("state@put", &["bytes would be remembered, and 1048576 were granted"]);
    said("secret@put", &["secret `OTHER` was not granted"]);
    let _ = put(&mode("many-tags"), "a.zip", b"x");
    let no_state = open(&[]).unwrap();
    refused(put(&no_state, "a.zip", b"x"), &["no state was granted"]);
    // Known digests of `0123456789`.
    said(
        "digests",
        &[
            "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882",
            "87acec17cd9dcd20a716cc2cf67417b71c8a7016",
            "781e5e245d69b566979b86e28d23f2c7",
            "a684c7c6",
            "HOST-DIGEST",
        ],
    );
}

#[test]
fn a_flood_of_words_is_cut_and_control_characters_do_not_get_through() {
    for (what, check) in [("log-flood@put", 70_000), ("log-control@put", 100)] {
        let said = Arc::new(Mutex::new(String::new()));
        let heard = said.clone();
        let listener: billkeep_sinks::wasm::Listener = Arc::new(move |line| {
            let mut said = heard.lock().unwrap();
            said.push_str(&line.text);
            said.push('\n');
        });
        let file = PluginFile::read(&tester()).unwrap();
        let grants = Grants::of(&options(&[("set.mode", what), ("allow_state", "1MiB")])).unwrap();
        let sink = WasmSink::of(&file, &grants, "", Some(listener), &env).unwrap();
        put(&sink, "a.zip", b"x").unwrap();
        let said = said.lock().unwrap();
        assert!(!said.is_empty() && said.len() < check, "{} bytes", said.len());
        assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said}");
    }
}

#[test]
fn an_upload_goes_on_where_an_attempt_has_ended_and_the_state_goes_with_it() {
    let bytes: Vec<u8> = (0..100_001_u32).map(|n| n as u8).collect();
    let first = mode("resume");
    let error = refused(put(&first, "a.zip", &bytes), &["one half is there"]);
    assert!(matches!(error, SinkError::Transient(_)));
    // Another program: it remembers what the store would have kept.
    let second = mode("resume");
    for (name, value) in first.memory().unwrap().of("") {
        second.memory().unwrap().set(&name, Some(value));
    }
    assert_eq!(put(&second, "a.zip", &bytes), Ok(()));
    // Without the memory, the second half is none.
    refused(put(&mode("resume"), "a.zip", &bytes), &["one half"]);
}

#[test]
fn somebody_who_wants_to_stop_does_not_wait_for_a_guest() {
    struct Stops;
    impl Watch for Stops {
        fn begun(&self, _token: &str) -> Result<(), SinkError> {
            Ok(())
        }
        fn sent(&self, _bytes: u64) {}
        fn stopped(&self) -> bool {
            static ASKED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
            ASKED.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 3
        }
    }
    for what in ["loop@put", "waits"] {
        let sink = open(&[("set.mode", what), ("timeout_s", "60")]).unwrap();
        // Without an end, it would take the 60 s, and be told as that.
        let error = sink.put("a.zip", &part_of(b"x").staged, &Stops).expect_err("it was stopped");
        assert!(
            matches!(&error, SinkError::Stopped) || error.to_string().contains("stopped as asked"),
            "{error}"
        );
    }
}

fn to_server(server: &Script, said: &[(&str, &str)]) -> WasmSink {
    let url = server.url();
    let host = format!("http://{}", server.address);
    let mut all = vec![("set.url", url.as_str()), ("allow_hosts", host.as_str()), ("timeout_s", "3")];
    all.extend(said);
    open(&all).unwrap()
}

#[test]
fn a_part_goes_over_the_hosts_http_whole_and_once_and_secrets_are_only_there() {
    let server = Script::start(|asked: &Asked| {
        // A server that shows people what they sent.
        Reply::Answer(200, Vec::new(), format!("{:?}", asked.headers).into_bytes())
    });
    let sink = to_server(
        &server,
        &[("set.mode", "with-secret"), ("allow_secrets", "TOKEN"), ("allow_state", "1MiB")],
    );
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 7) as u8).collect();
    put(&sink, "a.zip", &bytes).unwrap();
    put(&sink, "a.zip", &bytes).unwrap();
    let asked = server.asked();
    let puts: Vec<&Asked> = asked.iter().filter(|a| a.method == "PUT").collect();
    assert_eq!(puts.len(), 2);
    for asked in &puts {
        assert_eq!((asked.path.as_str(), asked.body == bytes), ("/a.zip", true));
        assert_eq!(asked.headers["authorization"], format!("Bearer {SECRET}"));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
        let message = hex(&<[u8; 32]>::from(Sha256::digest(&bytes)));
        assert_eq!(asked.headers["x-signature"], hex(ring::hmac::sign(&key, message.as_bytes()).as_ref()));
        assert_eq!(asked.headers["idempotency-key"], puts[0].headers["idempotency-key"]);
    }
    for (name, kept) in sink.memory().unwrap().of("") {
        assert!(!name.contains(SECRET) && !String::from_utf8_lossy(&kept).contains(SECRET));
    }
}

#[test]
fn requests_go_where_it_was_granted_and_nowhere_else() {
    let server = Script::start(|_| Reply::status(200));
    let port = server.address.port();
    let ask = |url: &str, hosts: &str, words: &[&str]| {
        let sink = open(&[("set.url", url), ("allow_hosts", hosts), ("timeout_s", "3")]).unwrap();
        refused(put(&sink, "a.zip", b"x"), words);
    };
    ask(&server.url(), "", &["was not granted"]);
    ask(&server.url(), "api.example.com:443", &["was not granted"]);
    ask(
        &format!("http://localhost:{port}"),
        &format!("http://localhost:{port}"),
        &["which is not a public address"],
    );
    ask(&format!("http://127.0.0.1:{port}"), &format!("http://localhost:{port}"), &["was not granted"]);
    ask(&format!("http://[::ffff:127.0.0.1]:{port}"), "http://127.0.0.1", &["was not granted"]);
    ask("file:///etc/passwd", &format!("http://127.0.0.1:{port}"), &["was not granted"]);
    ask("not a url", &format!("http://127.0.0.1:{port}"), &["relative URL"]);
    ask("https://no-such-host.invalid", "no-such-host.invalid:443", &["no-such-host.invalid"]);
    // A name that was granted with an address goes to that one, whatever else it stands for.
    let named = format!("http://localhost:{port}=127.0.0.1");
    let sink = open(&[("set.url", &format!("http://localhost:{port}")), ("allow_hosts", &named)]).unwrap();
    assert_eq!(put(&sink, "a.zip", b"x"), Ok(()));
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn headers_that_would_change_the_request_are_refused() {
    let server = Script::start(|_| Reply::status(200));
    for header in [
        "host",
        "Content-Length",
        "transfer-encoding",
        "connection",
        ":authority",
        "X-Forwarded-For",
        "proxy-authorization",
    ] {
        let sink = to_server(&server, &[("set.mode", &format!("header:{header}"))]);
        refused(put(&sink, "a.zip", b"x"), &["is the host's"]);
    }
    let sink = to_server(&server, &[("set.mode", "header:bad name")]);
    refused(put(&sink, "a.zip", b"x"), &["is no header"]);
    assert!(server.asked().is_empty());
}

#[test]
fn what_servers_do_becomes_the_right_kind() {
    let server =
        Script::start(|asked: &Asked| match asked.path.trim_start_matches('/').trim_end_matches(".zip") {
            "redirect" => Reply::with(302, "location", "http://169.254.169.254/latest/meta-data"),
            "later" => Reply::with(429, "retry-after", "77"),
            "date" => Reply::with(503, "retry-after", "Fri, 31 Dec 2100 00:00:00 GMT"),
            "drip" => Reply::Drip,
            "silence" => Reply::Silence,
            "reset" => Reply::Reset,
            "large" => Reply::Answer(200, Vec::new(), vec![b'x'; 3 << 20]),
            "liar" => Reply::Raw(b"HTTP/1.1 200 X\r\ncontent-length: 9999999999\r\n\r\nx".to_vec()),
            "headers" => Reply::Raw(
                [b"HTTP/1.1 200 X\r\n".to_vec(), b"x: y\r\n".repeat(500_000), b"\r\n".to_vec()].concat(),
            ),
            "header" => Reply::Raw([b"HTTP/1.1 200 X\r\nx: ".to_vec(), vec![b'y'; 20 << 20]].concat()),
            "garbage" => Reply::Raw(vec![0xff; 1_000]),
            "short" => Reply::Raw(b"HTTP/1.1 200 X\r\ncontent-length: 10\r\n\r\nabc".to_vec()),
            status => Reply::status(status.parse().unwrap()),
        });
    let sink = to_server(&server, &[]);
    let ask = |name: &str| refused(put(&sink, &format!("{name}.zip"), b"x"), &[]);
    for (name, kind) in [
        ("401", "credentials"),
        ("403", "credentials"),
        ("409", "conflict"),
        ("412", "conflict"),
        ("413", "setup"),
        ("422", "setup"),
        ("404", "setup"),
        ("500", "passing"),
        ("502", "passing"),
        ("503", "passing"),
        ("429", "throttled"),
        ("later", "throttled"),
        ("date", "throttled"),
        ("redirect", "setup"),
        ("reset", "passing"),
        ("silence", "passing"),
        ("drip", "passing"),
        ("large", "setup"),
        ("liar", "setup"),
        ("headers", "passing"),
        ("header", "passing"),
        ("garbage", "passing"),
        ("short", "passing"),
    ] {
        let error = ask(name);
        let found = match &error {
            SinkError::Credentials(_) => "credentials",
            SinkError::Conflict { .. } => "conflict",
            SinkError::Setup(_) => "setup",
            SinkError::Transient(_) => "passing",
            SinkError::Throttled { .. } => "throttled",
            _ => "else",
        };
        assert_eq!(found, kind, "{name}: {error}");
    }
    assert!(matches!(ask("later"), SinkError::Throttled { wait_s: 77, .. }));
    assert!(matches!(ask("date"), SinkError::Throttled { wait_s, .. } if wait_s > 1_000_000_000));
    // Nobody was led elsewhere.
    assert!(server.asked().iter().all(|asked| !asked.path.contains("meta-data")));
}

#[test]
fn what_was_compiled_is_kept_and_never_run_unless_this_program_wrote_it() {
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().join("plugins");
    let place = folder.to_str().unwrap().to_owned();
    let env = move |name: &str| (name == "BILLKEEP_PLUGIN_CACHE").then(|| place.clone());
    let from = || {
        let file = PluginFile::read(&tester()).unwrap();
        let grants = Grants::of(&options(&[("allow_state", "1MiB")])).unwrap();
        let sink = WasmSink::of(&file, &grants, "", None, &env).unwrap();
        put(&sink, "a.zip", b"x").unwrap();
        sink.plugin().origin()
    };
    assert_eq!((from(), from()), (CodeOrigin::Compiled, CodeOrigin::Kept));
    let file = || {
        let mut entries = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path());
        entries.find(|path| is_compiled(path)).unwrap()
    };
    let whole = std::fs::read(file()).unwrap();
    let image = whole.len() - 36;
    let change = |path: &Path, bytes: &[u8]| {
        // It can only be read; with other rights it would not even be looked at.
        std::fs::remove_file(path).unwrap();
        std::fs::write(path, bytes).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    };
    // What it was is run from another file as well: what comes now is not refused for being another file.
    change(&file(), &whole);
    assert_eq!(from(), CodeOrigin::Kept);
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let added = |at: usize| {
        let mut bytes = whole.clone();
        bytes.insert(at, 0);
        bytes
    };
    // The layout before this one: the magic and the code stood before the image.
    let before = [b"BKC1", &whole[image..image + 32], &whole[..image]].concat();
    let damages = [
        ("the first bit", flipped(0)),
        ("a bit in the middle", flipped(image / 2)),
        ("the image's last bit", flipped(image - 1)),
        ("the code", flipped(image)),
        ("the magic", flipped(image + 32)),
        ("no end", whole[..whole.len() - 1].to_vec()),
        ("no code", whole[..image].to_vec()),
        ("an image of half the length", [&whole[..image / 2], &whole[image..]].concat()),
        ("a byte before the code", added(image)),
        ("a byte behind the end", added(whole.len())),
        ("nothing but an end", whole[image..].to_vec()),
        ("nothing", Vec::new()),
        ("the layout before this one", before),
    ];
    for (what, bytes) in damages {
        change(&file(), &bytes);
        assert_eq!((from(), from()), (CodeOrigin::Compiled, CodeOrigin::Kept), "{what}");
    }
    // A file of this program's own, but of another plugin.
    let path = file();
    let ready = || ready_in(&folder, "index");
    assert_eq!((ready(), ready()), (CodeOrigin::Compiled, CodeOrigin::Kept));
    let mut names = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path());
    let others = names.find(|p| *p != path && is_compiled(p)).unwrap();
    std::fs::rename(&others, &path).unwrap();
    assert_eq!((from(), from()), (CodeOrigin::Compiled, CodeOrigin::Kept), "another name");
    change(&folder.join("key"), &[7; 32]);
    assert_eq!((from(), from()), (CodeOrigin::Compiled, CodeOrigin::Kept), "another key");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Only root can give files away.
        let nobody = 65_534;
        if std::os::unix::fs::chown(file(), Some(nobody), None).is_ok() {
            assert_eq!((from(), from()), (CodeOrigin::Compiled, CodeOrigin::Kept), "another user's file");
            std::os::unix::fs::chown(&folder, Some(nobody), None).unwrap();
            let twice = (from(), from());
            assert_eq!(twice, (CodeOrigin::Compiled, CodeOrigin::Compiled), "another user's folder");
            std::os::unix::fs::chown(&folder, Some(0), None).unwrap();
        }
        std::fs::set_permissions(file(), std::fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(from(), CodeOrigin::Compiled, "others may write it");
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!((from(), from()), (CodeOrigin::Compiled, CodeOrigin::Compiled), "others may write there");
    }
}

/// Of what lies in the folder of compiled plugins, neither the key nor the marks of when they were used.
fn is_compiled(path: &Path) -> bool {
    path.extension().is_none() && path.file_name().unwrap() != "key"
}

/// Gets a golden plugin ready with such a folder of compiled ones.
fn ready_in(folder: &Path, name: &str) -> CodeOrigin {
    let env = |name: &str| (name == "BILLKEEP_PLUGIN_CACHE").then(|| folder.to_str().unwrap().to_owned());
    let file = PluginFile::read(&golden(name)).unwrap();
    Plugin::load(&file, &Grants::of(&options(&[])).unwrap(), None, &env).unwrap().origin()
}

#[test]
fn what_was_compiled_and_not_used_for_long_is_removed_when_another_one_is() {
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().join("plugins");
    let ready = |name: &str| ready_in(&folder, name);
    let all = || std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect::<Vec<_>>();
    let compiled = || all().iter().filter(|path| is_compiled(path)).count();
    let age = |days: u64| {
        let then = std::time::SystemTime::now() - Duration::from_hours(24 * days);
        for path in all() {
            std::fs::File::open(&path).unwrap().set_modified(then).unwrap();
        }
    };
    let notes = folder.join("notes.txt");
    ready("tester");
    std::fs::write(&notes, "somebody's").unwrap();
    age(89);
    ready("index");
    assert_eq!(compiled(), 2);
    age(91);
    // It is used, and so stays; the other one does not.
    ready("index");
    ready("upload");
    assert_eq!((compiled(), all().len()), (2, 2 * 2 + 2), "{:?}", all());
    assert!(notes.exists() && folder.join("key").exists());
    ready("tester");
    assert_eq!(compiled(), 3);
}

#[test]
fn of_what_was_compiled_a_gibibyte_is_kept() {
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().join("plugins");
    let ready = |name: &str| ready_in(&folder, name);
    ready("index");
    // Files of 400 MiB without content: they take no room on the disk. The last has a mark that says it was used since.
    let long = |letter: &str, days: u64, ending: &str, bytes: u64| {
        let path = folder.join(format!("{}-{}{ending}", letter.repeat(64), letter.repeat(16)));
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(bytes).unwrap();
        file.set_modified(std::time::SystemTime::now() - Duration::from_hours(24 * days)).unwrap();
        path
    };
    let [a, b, c] = ["a", "b", "c"].map(|letter| long(letter, 7, "", 400 << 20));
    long("a", 5, ".used", 0);
    let mark = long("b", 6, ".used", 0);
    long("c", 1, ".used", 0);
    // What is there is not looked at when nothing was compiled.
    assert_eq!(ready("index"), CodeOrigin::Kept);
    assert!(b.exists());
    ready("upload");
    assert_eq!([&a, &b, &mark, &c].map(|path| path.exists()), [true, false, false, true]);
    assert_eq!(ready("index"), CodeOrigin::Kept);
}

#[test]
fn a_manifest_is_read_back_and_a_run_is_committed_once() {
    let sink = mode("");
    put(&sink, "a.zip", b"part").unwrap();
    assert!(sink.put_new("a.manifest.json", b"{}").unwrap());
    assert_eq!(ObjectMeta::read_small(&sink, "a.manifest.json").unwrap().as_deref(), Some(&b"{}"[..]));
    assert!(!sink.put_new("a.manifest.json", b"{\"other\":1}").unwrap());
    assert_eq!(ObjectMeta::read_small(&sink, "a.manifest.json").unwrap().as_deref(), Some(&b"{}"[..]));
    assert_eq!(sink.list().unwrap(), ["a.manifest.json", "a.zip"]);
}

#[test]
fn a_plugin_that_gives_back_more_than_was_asked_for_is_not_believed() {
    let sink = mode("reads-too-much");
    put(&sink, "a.zip", b"part").unwrap();
    let error = ObjectMeta::read_small(&sink, "a.zip").unwrap_err();
    assert!(error.to_string().contains("5 bytes came where 4 were asked for"), "{error}");
}

/// The example that uploads in pieces, to a server.
fn upload(server: &Script, more: &[(&str, &str)]) -> WasmSink {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/plugins/upload.wasm"));
    let file = PluginFile::read(&path).unwrap();
    let (url, host) = (format!("{}/in", server.url()), server.url());
    let mut said = vec![("set.url", url.as_str()), ("allow_hosts", &host), ("allow_secrets", "UPLOAD_KEY")];
    said.extend(more);
    let env = |name: &str| (name == "UPLOAD_KEY").then(|| SECRET.to_owned());
    WasmSink::of(&file, &Grants::of(&options(&said)).unwrap(), "", None, &env).unwrap()
}

#[test]
fn an_upload_in_pieces_sends_no_piece_twice_that_has_arrived() {
    let fails = std::sync::atomic::AtomicU32::new(0);
    let server = Script::start(move |asked: &Asked| {
        // The third piece does not arrive at first.
        let third =
            asked.headers.get("content-range").is_some_and(|range| range.starts_with("bytes 2097152-"));
        match third && fails.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 {
            true => Reply::Reset,
            false => Reply::status(200),
        }
    });
    let sink = upload(&server, &[("set.piece_mib", "1"), ("allow_state", "64KiB")]);
    let bytes: Vec<u8> = (0..(5 << 20) + 7_u32).map(|n| (n >> 3) as u8).collect();
    let error = refused(put(&sink, "a.zip", &bytes), &["HTTP"]);
    assert!(matches!(error, SinkError::Transient(_)));
    put(&sink, "a.zip", &bytes).unwrap();
    let mut ranges: Vec<(u64, Vec<u8>)> = Vec::new();
    for asked in server.asked() {
        let range = asked.headers["content-range"].strip_prefix("bytes ").unwrap();
        let first = range.split('-').next().unwrap().parse().unwrap();
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
        let url = format!("{}/in/a.zip", server.url());
        let digest = hex(&<[u8; 32]>::from(Sha256::digest(&asked.body)));
        let message = ["PUT", &url, &asked.headers["x-date"], &digest].join("\n");
        assert_eq!(asked.headers["x-signature"], hex(ring::hmac::sign(&key, message.as_bytes()).as_ref()));
        ranges.push((first, asked.body));
    }
    // Six pieces, and the one that was cut.
    assert_eq!(ranges.len(), 7);
    ranges.dedup_by_key(|(first, _)| *first);
    let whole: Vec<u8> = ranges.into_iter().flat_map(|(_, body)| body).collect();
    assert!(whole == bytes);
}

/// Off unless `BILLKEEP_TEST_LARGE_GIB` says how many GiB.
#[test]
fn a_part_of_gibibytes_goes_through_a_plugin_with_64_mib() {
    let Some(gib) = std::env::var("BILLKEEP_TEST_LARGE_GIB").ok().map(|gib| gib.parse::<u64>().unwrap())
    else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("part");
    // Zeros that take no room on the disk.
    let bytes = gib << 30;
    std::fs::File::create(&path).unwrap().set_len(bytes).unwrap();
    let mut hasher = Sha256::new();
    let block = vec![0; 1 << 20];
    (0..bytes >> 20).for_each(|_| hasher.update(&block));
    let staged = Staged { path, bytes, sha256: hasher.finalize().into(), tags: Vec::new() };
    for piece_mib in ["1024", "64"] {
        let server = Script::start_forgetful(|_| Reply::status(200));
        let sink = upload(&server, &[("set.piece_mib", piece_mib), ("allow_state", "64KiB")]);
        sink.put("a.zip", &staged, &Unwatched).unwrap();
        assert_eq!(server.asked().iter().map(|asked| asked.bytes).sum::<u64>(), bytes);
    }
}

#[test]
fn of_a_plugin_that_cannot_look_what_is_small_is_remembered_byte_by_byte() {
    let server = Script::start(|_| Reply::status(200));
    let sink = upload(&server, &[]);
    assert!(!sink.looks());
    put(&sink, "a.zip.age", b"part").unwrap();
    // An encrypted manifest, and a signature: bytes that are no text.
    let (manifest, signature) = ("a.manifest.json.age", "a.manifest.json.age.sig");
    assert!(sink.put_new(signature, &[0xff; 64]).unwrap());
    assert!(sink.put_new(manifest, &[0xfe; 500]).unwrap());
    assert_eq!(ObjectMeta::read_small(&sink, signature).unwrap().as_deref(), Some(&[0xff; 64][..]));
    assert_eq!(ObjectMeta::read_small(&sink, manifest).unwrap().as_deref(), Some(&[0xfe; 500][..]));
    assert!(!sink.put_new(manifest, &[0xfd; 500]).unwrap());
    assert_eq!(server.asked().len(), 3);
    // What was committed is somebody else's to remove; what was begun and not committed is given up.
    refused(sink.remove("a.zip.age"), &["cannot remove what it has delivered"]);
    put(&sink, "b.zip", b"part").unwrap();
    sink.remove("b.zip").unwrap();
    assert_eq!((sink.head("b.zip").unwrap(), sink.head("never.zip").unwrap()), (None, None));
    assert!(ObjectMeta::read_small(&sink, "b.zip").unwrap().is_none());
}

#[test]
fn a_module_whose_types_are_of_two_packages_is_told_and_does_not_use_up_the_stack() {
    let whole = std::fs::read(tester()).unwrap();
    let name = b"billkeep:sink/";
    let places: Vec<usize> = (0..whole.len()).filter(|at| whole[*at..].starts_with(name)).collect();
    let mut told = 0;
    for place in &places {
        // Another version of the same package is another package.
        let mut bytes = whole.clone();
        let Some(version) = bytes[*place..].iter().position(|b| *b == b'@').filter(|far| *far < 40) else {
            continue;
        };
        bytes[place + version + 1] = b'7';
        if PluginFile::of(&tester(), &bytes)
            .is_err_and(|why| why.contains("its types are of packages `billkeep:sink@"))
        {
            told += 1;
        }
    }
    assert!(told > 2, "{told} of {}", places.len());
}

#[test]
fn bytes_by_chance_and_files_that_were_changed_are_told_and_never_panic() {
    let seeds: Vec<Vec<u8>> =
        ["tester", "upload", "index"].map(golden).map(|path| std::fs::read(path).unwrap()).into();
    // Each round is its own, so that one can be looked at again: `N`, or `FROM..TO`.
    let asked = std::env::var("BILLKEEP_TEST_PLUGIN_MUTATIONS").unwrap_or_else(|_| "100".into());
    let (from, to) = asked.split_once("..").unwrap_or(("0", &asked));
    let rounds = from.parse::<u64>().unwrap()..to.parse::<u64>().unwrap();
    let all = rounds.end - rounds.start;
    let (mut plugins, mut not, mut runs) = (0, 0, 0);
    for round in rounds {
        let _said = SayRound(round);
        if round % 10_000 == 9_999 {
            eprintln!("round {round}: {plugins} plugins, {runs} run, {not} are none");
        }
        let mut rng = billkeep_fixtures::Rng::new(round);
        let mut bytes = seeds[rng.below(seeds.len() as u64) as usize].clone();
        for _ in 0..=rng.below(4) {
            if bytes.is_empty() {
                break;
            }
            let at = rng.below(bytes.len() as u64) as usize;
            let to = (at + rng.below(64) as usize).min(bytes.len());
            match rng.below(7) {
                0 => bytes[at] ^= 1 << rng.below(8),
                1 => bytes[at] = rng.below(256) as u8,
                2 => bytes.truncate(at.max(8)),
                3 => drop(bytes.drain(at..to)),
                // Said twice, said elsewhere, and anything.
                4 => {
                    let stretch = bytes[at..to].to_vec();
                    bytes.splice(at..at, stretch);
                }
                5 => {
                    let stretch = bytes[at..to].to_vec();
                    let other = rng.below(bytes.len() as u64) as usize;
                    let end = (other + stretch.len()).min(bytes.len());
                    bytes.splice(other..end, stretch);
                }
                _ => bytes[at..to].iter_mut().for_each(|byte| *byte = rng.below(256) as u8),
            }
        }
        match PluginFile::of(&tester(), &bytes) {
            Ok(file) => {
                plugins += 1;
                // It may do anything now: what counts is that it comes to an end, and that this program goes on.
                let grants = Grants::of(&options(&[("timeout_s", "1")])).unwrap();
                let Ok(plugin) = Plugin::load(&file, &grants, None, &env) else { continue };
                if plugin.describe().is_ok() && plugin.validate("{\"mode\":\"x\"}").is_ok() {
                    runs += 1;
                }
            }
            Err(_) => not += 1,
        }
    }
    assert!(runs > 0 || all < 100, "of {plugins} plugins none has run");
    assert!(plugins + not == all && (not > 0 || all < 100));
}

/// Says which round it was that panicked.
struct SayRound(u64);

impl Drop for SayRound {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("BILLKEEP_TEST_PLUGIN_MUTATIONS={}..{} does it again", self.0, self.0 + 1);
        }
    }
}

//! Guests that no compiler would make: they break the rules of the boundary itself. Each is a page of WebAssembly text.

use std::path::Path;
use std::time::Duration;

use billkeep_core::exports::{Sink as _, Staged, Unwatched};
use billkeep_sinks::Options;
use billkeep_sinks::wasm::{Grants, Plugin, PluginFile, WasmSink};
use wit_component::StringEncoding;

/// What the functions of a guest do, each as a page of text. As it is, it describes itself with nothing, accepts all settings, opens
/// a session, and breaks off in every call of that.
pub struct Guest<'a> {
    pub imports: &'a str,
    pub realloc: &'a str,
    pub validate: &'a str,
    pub abort: &'a str,
    pub more: &'a str,
}

impl Default for Guest<'_> {
    fn default() -> Self {
        let validate = "(i32.const 1024)";
        Guest { imports: "", realloc: REALLOC, validate, abort: "unreachable", more: "" }
    }
}

impl Guest<'_> {
    /// Returns the module, with the types of the interface in it.
    pub fn module(&self) -> Vec<u8> {
        let Guest { imports, realloc, validate, abort, more } = self;
        let text = format!(
            r#"(module
            (import "[export]billkeep:sink/sink@0.1.0" "[resource-new]session" (func $new (param i32) (result i32)))
            {imports}
            (memory (export "memory") 2)
            {more}
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
            (func (export "billkeep:sink/sink@0.1.0#describe") (result i32) (i32.const 2048))
            (func (export "billkeep:sink/sink@0.1.0#validate") (param i32 i32) (result i32) {validate})
            (func (export "billkeep:sink/sink@0.1.0#open") (param i32 i32) (result i32)
                (i32.store (i32.const 3080) (call $new (i32.const 7))) (i32.const 3072))
            (func (export "billkeep:sink/sink@0.1.0#[dtor]session") (param i32))
            (func (export "billkeep:sink/sink@0.1.0#[method]session.check") (param i32) (result i32) unreachable)
            (func (export "billkeep:sink/sink@0.1.0#[method]session.put")
                (param i32 i32 i32 i32 i32 i64 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) unreachable)
            (func (export "billkeep:sink/sink@0.1.0#[method]session.commit")
                (param i32 i32 i32 i32 i32) (result i32) unreachable)
            (func (export "billkeep:sink/sink@0.1.0#[method]session.abort") (param i32 i32 i32) (result i32) {abort})
        )"#
        );
        let mut resolve = wit_parser::Resolve::default();
        let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/wit/0.1");
        let (package, _) = resolve.push_path(wit).unwrap();
        let world = resolve.select_world(&[package], Some("sink-plugin")).unwrap();
        let mut module = wat::parse_str(&text).unwrap();
        wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        module
    }
}

/// Has a guest validate settings; returns what is wrong with them.
fn validate(body: &str, realloc: &str, more: &str) -> String {
    answer(&Guest { validate: body, realloc, more, ..Guest::default() })
}

fn answer(guest: &Guest<'_>) -> String {
    let file = PluginFile::of(Path::new("raw.wasm"), guest.module()).unwrap();
    let mut grants = Grants::of(&Options::new()).unwrap();
    grants.timeout = Duration::from_secs(2);
    let plugin = Plugin::load(&file, &grants, None, &|_| None).unwrap();
    match plugin.validate("{\"a\":1}") {
        Ok(problems) => {
            format!("{} problems: {}", problems.len(), problems.first().map_or("", |p| &p.message))
        }
        Err(error) => error.to_string(),
    }
}

/// Room for what the host hands over.
const REALLOC: &str = "i32.const 4096";

/// A list of so many errors at 8192, of which the first has a code and a message of so many bytes at 16384.
fn list(count: u32, message_bytes: u32) -> String {
    format!(
        "(i32.store (i32.const 1024) (i32.const 8192)) (i32.store (i32.const 1028) (i32.const {count}))
         (i32.store (i32.const 8196) (i32.const 16384)) (i32.store (i32.const 8200) (i32.const 1))
         (i32.store (i32.const 8204) (i32.const 16384)) (i32.store (i32.const 8208) (i32.const {message_bytes}))"
    )
}

fn returning(before: &str) -> String {
    format!("{before} (i32.const 1024)")
}

#[test]
fn a_guest_that_keeps_to_the_rules_is_heard() {
    let data = r#"(data (i32.const 16384) "it is not right")"#;
    assert_eq!(validate(&returning(&list(1, 15)), REALLOC, data), "1 problems: it is not right");
    assert_eq!(validate(&returning(&list(0, 0)), REALLOC, ""), "0 problems: ");
}

#[test]
fn what_breaks_the_rules_of_the_boundary_breaks_off_the_call() {
    let recursion = "(func $again (result i32) (call $again))";
    let table = "(table $t 1 funcref)";
    let forever = "(loop $l (br $l)) unreachable";
    let cases: [(&str, String, &str, &str, &str); 14] = [
        ("a text that is none", returning(&list(1, 4)), REALLOC, r#"(data (i32.const 16384) "\ff\fe\ff\fe")"#, "utf-8"),
        ("a list beyond its memory", returning(&list(1_000_000, 1)), REALLOC, "", "out of bounds"),
        ("a list as long as can be", returning(&list(u32::MAX, 1)), REALLOC, "", "out of bounds"),
        ("a text beyond its memory", returning(&list(1, 1_000_000)), REALLOC, "", "out of bounds"),
        ("an answer beyond its memory", "(i32.const -8)".into(), REALLOC, "", "out of bounds"),
        ("an answer at an odd place", "(i32.const 1025)".into(), REALLOC, "", "align"),
        (
            "a kind that there is not",
            returning(&format!("{} (i32.store8 (i32.const 8192) (i32.const 99))", list(1, 1))),
            REALLOC,
            "",
            "discriminant",
        ),
        (
            "an option that is neither",
            returning(&format!("{} (i32.store8 (i32.const 8216) (i32.const 7))", list(1, 1))),
            REALLOC,
            "",
            "option",
        ),
        ("room that is not its own", returning(&list(0, 0)), "i32.const -16", "", "beyond end of memory"),
        ("room that is never found", returning(&list(0, 0)), forever, "", "within 2 s"),
        ("calls without an end", "(call $again)".into(), REALLOC, recursion, "called itself too often"),
        (
            "memory without an end",
            "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 64)) (i32.const -1)))) unreachable".into(),
            REALLOC,
            "",
            "has hit its 64 MiB of memory",
        ),
        (
            "a table without an end",
            "(loop $l (br_if $l (i32.ne (table.grow $t (ref.null func) (i32.const 65536)) (i32.const -1)))) unreachable".into(),
            REALLOC,
            table,
            "has hit its 1000000 elements of tables",
        ),
        ("a division by nothing", "(i32.div_u (i32.const 1) (i32.const 0))".into(), REALLOC, "", "divide by zero"),
    ];
    for (what, body, realloc, more, words) in cases {
        let said = validate(&body, realloc, more);
        assert!(said.contains(words), "{what}: `{words}` is not in: {said}");
    }
}

/// Many records that all point at the same bytes are few in the guest, and would be many in the host.
#[test]
fn the_hosts_memory_does_not_grow_by_what_a_list_claims() {
    // 1,100 errors whose messages are the same 64 KiB: 69 MiB, from two pages of memory.
    let one = "(local $n i32)
        (loop $l
            (i32.store (i32.add (i32.const 8204) (i32.mul (local.get $n) (i32.const 56))) (i32.const 65536))
            (i32.store (i32.add (i32.const 8208) (i32.mul (local.get $n) (i32.const 56))) (i32.const 65536))
            (i32.store (i32.add (i32.const 8196) (i32.mul (local.get $n) (i32.const 56))) (i32.const 16384))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $l (i32.lt_u (local.get $n) (i32.const 1100))))
        (i32.store (i32.const 1024) (i32.const 8192)) (i32.store (i32.const 1028) (i32.const 1100))";
    // As many as fit are taken.
    let few = validate(&returning(&one.replace("(i32.const 1100)", "(i32.const 500)")), REALLOC, "");
    assert!(few.starts_with("100 problems") && few.len() < 2_000, "{few}");
    let before = resident_kib();
    for _ in 0..5 {
        let said = validate(&returning(one), REALLOC, "");
        assert!(said.contains("broke off"), "{said}");
    }
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 200 << 10, "{grown} KiB more than before");
}

/// A guest without any grant that deletes keys of 128 KiB, each another one: 1 GiB of them, in two pages of its memory.
#[test]
fn the_hosts_memory_does_not_grow_by_keys_that_are_deleted() {
    let imports = r#"(import "billkeep:sink/state@0.1.0" "delete" (func $delete (param i32 i32)))"#;
    let deletes = "(local $n i32)
        (loop $l
            (i32.store8 (i32.const 0) (i32.add (i32.const 64) (i32.and (local.get $n) (i32.const 63))))
            (i32.store8 (i32.const 1) (i32.add (i32.const 64) (i32.shr_u (local.get $n) (i32.const 8))))
            (i32.store8 (i32.const 2) (i32.and (i32.shr_u (local.get $n) (i32.const 6)) (i32.const 3)))
            (call $delete (i32.const 0) (i32.const 131072))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $l (i32.lt_u (local.get $n) (i32.const 8192))))
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 131072)) (i32.const 1024)";
    let before = resident_kib();
    let said = answer(&Guest { imports, validate: deletes, ..Guest::default() });
    // It either ends, or is ended; what counts is what is left of it.
    assert!(said.starts_with("0 problems") || said.contains("within 2 s"), "{said}");
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 200 << 10, "{grown} KiB more than before");
}

/// A plugin that cannot look is asked to abort when what it has begun is given up.
#[test]
fn a_guest_that_breaks_off_in_abort_ends_that_call_alone() {
    let file = PluginFile::of(Path::new("raw.wasm"), Guest::default().module()).unwrap();
    let grants = Grants::of(&Options::new()).unwrap();
    let sink = WasmSink::of(&file, &grants, "", None, &|_| None).unwrap();
    assert!(!sink.looks());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("part");
    std::fs::write(&path, b"x").unwrap();
    let staged = Staged { path, bytes: 1, sha256: [0; 32], tags: Vec::new() };
    let put = sink.put("a.zip", &staged, &Unwatched).unwrap_err().to_string();
    assert!(put.contains("broke off in `put`"), "{put}");
    for _ in 0..2 {
        let abort = sink.remove("a.zip").unwrap_err().to_string();
        assert!(abort.contains("broke off in `abort`") && abort.contains("unreachable"), "{abort}");
    }
}

/// How much of the machine's memory this process has; nothing where the system does not say.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

//! Settings are read as a library for JSON reads them.

use billkeep_plugin::{Settings, Value};
use serde_json::Value as Theirs;

/// What a library reads, in this crate's form; nothing where it reads no object.
fn theirs(text: &str) -> Option<Value> {
    fn of(value: &Theirs) -> Value {
        match value {
            Theirs::Null => Value::Null,
            Theirs::Bool(flag) => Value::Flag(*flag),
            Theirs::Number(number) => Value::Number(number.to_string()),
            Theirs::String(text) => Value::Text(text.clone()),
            Theirs::Array(all) => Value::List(all.iter().map(of).collect()),
            Theirs::Object(all) => {
                Value::Object(all.iter().map(|(name, value)| (name.clone(), of(value))).collect())
            }
        }
    }
    serde_json::from_str(text).ok().filter(Theirs::is_object).as_ref().map(of)
}

/// The library keeps names in order, the last of equal ones, and numbers in a form of its own.
fn plain(value: &Value) -> Value {
    match value {
        Value::Number(text) => {
            let number: serde_json::Number = serde_json::from_str(text).expect("what is read is a number");
            Value::Number(number.to_string())
        }
        Value::List(all) => Value::List(all.iter().map(plain).collect()),
        Value::Object(all) => {
            let all: std::collections::BTreeMap<_, _> =
                all.iter().map(|(name, value)| (name.clone(), plain(value))).collect();
            Value::Object(all.into_iter().collect())
        }
        other => other.clone(),
    }
}

fn same(text: &str) {
    let ours = Settings::read(text).ok().map(|settings| plain(settings.value()));
    assert_eq!(ours, theirs(text), "{text:?}");
}

#[test]
fn what_is_no_json_object_is_no_settings() {
    for text in [
        "",
        " ",
        "null",
        "[]",
        "1",
        "\"x\"",
        "{",
        "}",
        "{}x",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":[1,]}",
        "{\"a\":[,1]}",
        "{\"a\":[1 2]}",
        "{\"a\":[1}",
        "{\"a\":tru}",
        "{\"a\":True}",
        "{\"a\":nullx}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"",
        "{\"a\":\"\\",
        "\u{feff}{}",
        "{\"a\":1}\u{a0}",
    ] {
        assert_eq!(theirs(text), None, "{text:?}");
        assert!(Settings::read(text).is_err(), "{text:?}");
    }
    let deep = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
    assert!(Settings::read(&deep(60)).is_ok());
    assert!(Settings::read(&deep(100_000)).is_err());
}

#[test]
fn numbers_are_those_of_json() {
    for number in [
        "0",
        "-0",
        "1",
        "-1",
        "10",
        "01",
        "-01",
        "+1",
        "1.",
        ".5",
        "1.5",
        "-1.50",
        "1e3",
        "1E+3",
        "1e-3",
        "1e",
        "1e+",
        "e1",
        "1.e1",
        "0.0",
        "0x10",
        "18446744073709551615",
        "--1",
        "-",
        "1-1",
        "1+1",
        "NaN",
        "Infinity",
        "1_000",
    ] {
        same(&format!("{{\"a\":{number}}}"));
    }
    let of = |number: &str| Settings::read(&format!("{{\"a\":{number}}}")).unwrap().number("a", 7);
    assert_eq!(of("18446744073709551615").unwrap(), u64::MAX);
    assert_eq!(of("null").unwrap(), 7);
    for no_whole in ["18446744073709551616", "-1", "1.0", "1e3", "\"1\""] {
        assert!(of(no_whole).is_err(), "{no_whole}");
    }
}

#[test]
fn texts_come_with_all_that_can_be_escaped() {
    for text in [
        "plain",
        "账单 \u{1f4a9}",
        "\\\"\\\\\\/\\b\\f\\n\\r\\t",
        "\\u8d26\\u5355",
        "\\ud83d\\udca9",
        "\\ud83d",
        "\\ud83dx",
        "\\ud83d\\n",
        "\\ud83d\\u0041",
        "\\udca9",
        "\\u0000",
        "\\u00e9\\uFFFD",
        "\\uuuuu",
        "\\u+123",
        "\u{7f}",
        "\u{1f}",
    ] {
        same(&format!("{{\"{text}\":\"{text}\"}}"));
    }
}

#[test]
fn settings_by_chance_are_read_as_a_library_reads_them() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |of: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % of as u64) as usize
    };
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\"",
        "\"\\u00e9\"",
        "1",
        "-2.5e-3",
        "true",
        "null",
        " ",
        "\n",
        "{\"a\":1}",
        "[]",
        "\"c\":",
        "0",
        "\\",
        "\"",
        "x",
    ];
    for _ in 0..200_000 {
        let text: String = (0..draw(9)).map(|_| pieces[draw(pieces.len())]).collect();
        same(&format!("{{\"s\":{text}}}"));
        same(&text);
    }
}

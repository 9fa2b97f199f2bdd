use std::collections::{BTreeMap, BTreeSet};

use billkeep_core::error::codes;

use super::*;

/// Fields that an error around another one adds, and those that the program makes.
const ADDED: [&str; 7] = ["file", "entry", "line", "more", "sink", "basis_option", "short_digest"];

fn entries(language: Language) -> BTreeMap<&'static str, (&'static str, &'static [&'static str])> {
    texts(language)
        .iter()
        .flat_map(|texts| texts.iter())
        .map(|(key, fact, hints)| (*key, (*fact, *hints)))
        .collect()
}

#[test]
fn every_code_has_texts_in_every_language_and_no_text_is_of_another() {
    let (english, chinese) = (entries(Language::English), entries(Language::Chinese));
    let known: BTreeMap<&str, &[&str]> = codes()
        .chain(billkeep_sinks::codes())
        .chain(crate::own_error::CODES)
        .map(|(code, fields)| (*code, *fields))
        .collect();
    let mut wrong = BTreeSet::new();
    for code in known.keys() {
        if !english.contains_key(code) {
            wrong.insert(format!("{code} has no English text"));
        }
        if chinese.get(code).is_none_or(|(fact, _)| fact.is_empty()) {
            wrong.insert(format!("{code} has no Chinese text"));
        }
    }
    for (key, (fact, hints)) in english.iter().chain(&chinese) {
        let (code, condition) = parts(key);
        let Some(fields) = known.get(code) else {
            wrong.insert(format!("{key} is no code"));
            continue;
        };
        let used =
            hints.iter().chain([fact]).flat_map(|text| names(text)).chain(condition.map(|(name, ..)| name));
        wrong.extend(
            used.filter(|name| !fields.contains(name) && !ADDED.contains(name))
                .map(|name| format!("{key} has no field {name}")),
        );
    }
    for (key, (_, hints)) in &english {
        if chinese.get(key).is_none_or(|(_, others)| others.len() != hints.len()) {
            wrong.insert(format!("{key} has other hints in Chinese"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn fields_fill_a_text_and_optional_parts_go_where_they_are_empty() {
    let fields = [("a", "1".to_owned()), ("b", String::new())];
    let text = |text| filled(text, &fields, Language::English);
    assert_eq!(text("x {a}⟦, y {b}⟧⟦, z {a}⟧."), "x 1, z 1.");
    assert_eq!(text("{c}|{a}"), "|1");
}

#[test]
fn a_condition_chooses_hints_and_keeps_the_fact() {
    let fields = [
        ("state", "open".to_owned()),
        ("why", "the month is not complete".to_owned()),
        ("month", "2021-03".to_owned()),
    ];
    let told = told(Language::Chinese, "bill.state", &fields);
    assert!(told.fact.contains("未出账：本月账单尚未出全"), "{}", told.fact);
    assert!(told.hints.iter().any(|hint| hint.contains("billkeep bill issue 2021-03")), "{:?}", told.hints);
}

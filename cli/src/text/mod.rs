//! What people read of an error: the fact and what to do about it, by code and fields, in one folder for each language.
//!
//! The library states each fact in English. So an English entry says only what to do, unless the program says the fact better.

mod en;
mod entry;
mod zh;

use std::borrow::Cow;

use billkeep_core::error::ErrorField;

pub(crate) use en::CHECK;
use entry::Text;

/// A language that people read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Chinese,
}

/// What a language says of an error.
pub(crate) struct Told {
    /// The fact; empty where the library's own sentence is it.
    pub(crate) fact: String,
    /// What to do.
    pub(crate) hints: Vec<String>,
}

/// Returns the texts of an error.
pub(crate) fn told(language: Language, code: &str, fields: &[ErrorField]) -> Told {
    let all = texts(language).iter().flat_map(|texts| texts.iter());
    let fits: Vec<&Text> = all.filter(|(key, ..)| fits(key, code, fields)).collect();
    let fact = fits.iter().map(|(_, fact, _)| *fact).find(|fact| !fact.is_empty()).unwrap_or_default();
    let hints = fits.first().map_or(&[][..], |(.., hints)| *hints);
    Told {
        fact: filled(fact, fields, language),
        hints: hints.iter().map(|hint| filled(hint, fields, Language::English)).collect(),
    }
}

/// Returns a sentence of the libraries in a language, or as it is.
pub(crate) fn phrase(language: Language, text: &str) -> Cow<'_, str> {
    match language {
        Language::English => text.into(),
        Language::Chinese => zh::phrase("why", text),
    }
}

/// The digits of a digest that people are shown and asked for.
pub(crate) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

fn texts(language: Language) -> &'static [&'static [Text]] {
    match language {
        Language::English => en::TEXTS,
        Language::Chinese => zh::TEXTS,
    }
}

/// Splits a key into its code and its condition: a field, a sign and a value.
fn parts(key: &str) -> (&str, Option<(&str, char, &str)>) {
    let Some((code, condition)) = key.split_once('[') else { return (key, None) };
    let condition = condition.trim_end_matches(']');
    let sign = condition.find(['=', '~']);
    let split = sign.and_then(|at| {
        Some((condition.get(..at)?, condition.get(at..)?.chars().next()?, condition.get(at + 1..)?))
    });
    (code, split)
}

fn fits(key: &str, code: &str, fields: &[ErrorField]) -> bool {
    let (of, condition) = parts(key);
    of == code
        && condition.is_none_or(|(name, sign, wanted)| {
            let value = value(name, fields).unwrap_or_default();
            if sign == '=' { value == wanted } else { value.contains(wanted) }
        })
}

/// Returns the value of a field, or of one that the program makes of others.
fn value(name: &str, fields: &[ErrorField]) -> Option<String> {
    let given = |name: &str| fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
    match name {
        "basis_option" => Some(if given("basis") == Some("paid") { " --basis paid" } else { "" }.to_owned()),
        "short_digest" => given("digest").map(|digest| short(digest).to_owned()),
        _ => given(name).map(str::to_owned),
    }
}

/// Puts values into a text.
fn filled(text: &str, fields: &[ErrorField], language: Language) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('⟦') {
        let Some((inner, tail)) = after.split_once('⟧') else { break };
        out.push_str(&with_values(before, fields, language));
        if names(inner).all(|name| value(name, fields).is_some_and(|value| !value.is_empty())) {
            out.push_str(&with_values(inner, fields, language));
        }
        rest = tail;
    }
    out.push_str(&with_values(rest, fields, language));
    out
}

/// Puts values into a text without optional parts.
fn with_values(text: &str, fields: &[ErrorField], language: Language) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else { break };
        let value = value(name, fields).unwrap_or_default();
        out.push_str(before);
        match language {
            Language::English => out.push_str(&value),
            Language::Chinese => out.push_str(&zh::phrase(name, &value)),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// Returns the names of the fields of a text.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|part| part.split_once('}').map(|(name, _)| name))
}

#[cfg(test)]
mod tests;

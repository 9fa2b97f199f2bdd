//! Text from outside, made safe to show to a person.
//!
//! A cell, a file's name or a server's answer may hold characters that a terminal acts on, that turn the order of the text
//! around, or that nobody sees. [`visible`] replaces each of them by its number: `<U+202E>`. Whatever writes foreign text to a
//! terminal, a log or a page calls it. Data for programs (JSON, CSV, exports) stays exact.

use std::borrow::Cow;

use unicode_general_category::{GeneralCategory, get_general_category};

/// Replaces every character that is not seen, or that changes how others are seen, by `<U+XXXX>`.
pub fn visible(text: &str) -> Cow<'_, str> {
    replaced(text, is_hidden)
}

/// Does the same for a text of several lines: line feeds stay.
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    replaced(text, |c| c != '\n' && is_hidden(c))
}

/// Returns whether a character is not seen, or changes how others are seen.
///
/// These are control characters (Cc), format characters (Cf: directions, zero width, tags), line and paragraph separators,
/// and the fillers that Unicode draws as nothing.
pub fn is_hidden(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    let filler = matches!(
        c,
        '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{2065}' | '\u{2800}'
            | '\u{3164}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}'
    );
    filler
        || matches!(
            get_general_category(c),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
        )
}

fn replaced(text: &str, is_replaced: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_replaced) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_replaced(c) {
            out.push_str(&format!("<U+{:04X}>", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_acts_on_and_what_nobody_sees_is_shown_by_its_number() {
        for (text, shown) in [
            ("云服务器 CVM é", "云服务器 CVM é"),
            ("\u{1b}[31m9", "<U+001B>[31m9"),
            ("a\u{7}\u{7f}\u{9b}2J", "a<U+0007><U+007F><U+009B>2J"),
            ("x\u{202e}fdp", "x<U+202E>fdp"),
            ("\u{2066}a\u{2069}\u{200b}\u{200d}\u{feff}", "<U+2066>a<U+2069><U+200B><U+200D><U+FEFF>"),
            ("a\u{2028}b\u{2029}c\nd\te\r", "a<U+2028>b<U+2029>c<U+000A>d<U+0009>e<U+000D>"),
            ("\u{ad}\u{61c}\u{180e}\u{3164}\u{e0041}", "<U+00AD><U+061C><U+180E><U+3164><U+E0041>"),
        ] {
            assert_eq!(visible(text), shown);
        }
        assert_eq!(visible_lines("a\r\nb\u{202e}"), "a<U+000D>\nb<U+202E>");
    }

    #[test]
    fn a_text_without_such_characters_is_not_copied() {
        assert!(matches!(visible("2021-03, 82,509.34 USD, 金额"), Cow::Borrowed(_)));
    }
}

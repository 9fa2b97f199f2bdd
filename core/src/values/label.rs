//! The one rule for names that people give to sinks, notifiers and calendars.
//!
//! Such names stand in commands, tables, logs and metrics, so they hold nothing that any of these reads as its own. What an
//! earlier version has taken under another name still works.

use crate::values::error::codes;

/// The most characters of a name.
pub(crate) const LABEL_CHARS_MAX: usize = 64;

/// A text that is no such name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a name: a name has 1 to {LABEL_CHARS_MAX} letters, digits, `-`, `_` or `.`, and begins with a letter or a digit", .0.escape_debug())]
pub struct BadLabel(String);

codes!(BadLabel {
    own { Self(name) => User "name.bad" { name: name.escape_debug() }, }
    within {}
});

/// Checks a name.
///
/// # Errors
/// [`BadLabel`] unless it has 1 to 64 of the letters a to z and A to Z, digits, `-`, `_` and `.`, the first of them a letter or
/// a digit.
pub(crate) fn check_label(name: &str) -> Result<(), BadLabel> {
    let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    let begins = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if fits && begins && name.len() <= LABEL_CHARS_MAX {
        Ok(())
    } else {
        let shown: String = name.chars().take(LABEL_CHARS_MAX).collect();
        Err(BadLabel(shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_letters_digits_and_three_signs() {
        let longest = "a".repeat(LABEL_CHARS_MAX);
        for good in ["a", "7", "books-2_v.1", "A", longest.as_str()] {
            assert_eq!(check_label(good), Ok(()), "{good}");
        }
        let too_long = "a".repeat(LABEL_CHARS_MAX + 1);
        for bad in [
            "",
            " ",
            "a b",
            "x\"\ny",
            "x\u{1b}[31m",
            "a\u{202e}b",
            "-a",
            ".",
            "..",
            "a/b",
            "é",
            too_long.as_str(),
        ] {
            assert!(check_label(bad).is_err(), "{bad:?}");
        }
        let text = check_label("x\"\ny").unwrap_err().to_string();
        assert!(!text.contains('\n') && text.contains("\\n"), "{text}");
    }
}

//! Why a template of names is refused.

use crate::values::error::codes;

use super::field::NameField;

/// How long a name may be without its ending, in bytes.
///
/// File systems take 255. An ending, the number of a part, or what a program adds to a copy's name must still fit.
pub(crate) const MAX_STEM_BYTES: usize = 200;

/// Why a template is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateFault {
    /// A brace is opened and not closed.
    #[error("the `{{` at character {at} has no `}}`")]
    Unclosed {
        /// Where, from 1.
        at: usize,
    },
    /// A brace is closed and not opened.
    #[error("the `}}` at character {at} has no `{{`")]
    Unopened {
        /// Where, from 1.
        at: usize,
    },
    /// There is no such field.
    #[error("`{{{0}}}` is not a field; the fields are {fields}", fields = all_fields())]
    UnknownField(String),
    /// A field stands twice. A name is not made safer by it, and may be made too long.
    #[error("`{{{0}}}` stands twice; once is enough")]
    Twice(NameField),
    /// A field without which different exports would have one name.
    #[error("`{{{0}}}` is missing, and without it two exports could have one name")]
    Missing(NameField),
    /// A character that some system refuses, takes for something else, or rewrites.
    #[error(
        "the character {shown} (U+{code:04X}) may not stand in a name; text between fields has letters, digits, \
         spaces and ! ' ( ) + , - . = @ _",
        shown = quoted(*.0), code = u32::from(*.0)
    )]
    Character(char),
    /// The first character would hide the file, or make an option of its name.
    #[error("a name may not begin with {}", quoted(*.0))]
    Begin(char),
    /// The last character is one that Windows cuts off.
    #[error("a name may not end with {}", quoted(*.0))]
    End(char),
    /// `..` leads out of a folder where a name is taken for a path.
    #[error("`..` may not stand in a name")]
    Dots,
    /// Windows would take the name for a device.
    #[error("`{0}` before the first dot is a device on Windows")]
    Device(String),
    /// A name could be too long.
    #[error("a name could have {bytes} bytes without its ending, and {MAX_STEM_BYTES} is the most")]
    Long {
        /// How long the longest name is.
        bytes: usize,
    },
    /// A name could be read in two ways.
    #[error(
        "where `{{{0}}}` ends could not be told in every name; put other text between it and what follows"
    )]
    Ambiguous(NameField),
}

codes!(TemplateFault { own { fault => User "naming.fault" { why: fault }, } within {} });

fn all_fields() -> String {
    let fields: Vec<String> = NameField::ALL.iter().map(|field| format!("`{{{field}}}`")).collect();
    fields.join(" ")
}

pub(super) fn quoted(c: char) -> String {
    if c == ' ' { "a space".to_owned() } else { format!("`{}`", c.escape_debug()) }
}

/// Returns outside text as it may be shown: on one line, without marks that change how the rest is read, and short.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 120;
    let mut shown = String::new();
    for c in text.chars() {
        if shown.len() >= MOST {
            shown.push('…');
            break;
        }
        shown.extend(c.escape_debug());
    }
    shown
}

/// Returns the field of this word.
pub(super) fn named(word: &str) -> Result<NameField, TemplateFault> {
    word.parse().map_err(|_| TemplateFault::UnknownField(shown(word)))
}

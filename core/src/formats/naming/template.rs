//! Templates of names: literal text with fields in braces, `{uin}-{month}-{kind}-{id}`.
//!
//! A template is looked at once, when it is made. What passes makes nothing but names that any file system and any
//! object store takes, that differ for different exports however letters are compared, and that are read back in
//! one way only. How each rule is kept stands at the fault that names it.

use std::fmt;

use super::ambiguity::ambiguous;
use super::export_name::ExportName;
use super::fault::{MAX_STEM_BYTES, TemplateFault, named};
use super::field::{NameField, NameFields};
use super::piece::TemplatePiece;

/// The fields that tell exports apart.
///
/// The id comes from all that an export is, and has 10^16 values for a day: enough for one account's exports, and not
/// for those of hundreds of thousands of accounts on each day of ten years.
const NEEDED: [NameField; 2] = [NameField::Id, NameField::Uin];

/// The characters of a literal beside letters and digits.
const MARKS: &str = " !'()+,-.=@_";

/// The names that Windows keeps for devices, with any ending.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// A template that has passed all checks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Template {
    text: String,
    pieces: Vec<TemplatePiece>,
}

impl Template {
    /// Makes a template of its text.
    ///
    /// # Errors
    /// The first [`TemplateFault`] that is found.
    pub fn new(text: &str) -> Result<Template, TemplateFault> {
        let template = Template::of_pieces(text, pieces(text)?)?;
        for field in NEEDED {
            if !template.pieces.contains(&TemplatePiece::Field(field)) {
                return Err(TemplateFault::Missing(field));
            }
        }
        template.check_length()?;
        match ambiguous(&template.pieces) {
            Some(field) => Err(TemplateFault::Ambiguous(field)),
            None => Ok(template),
        }
    }

    fn of_pieces(text: &str, pieces: Vec<TemplatePiece>) -> Result<Template, TemplateFault> {
        for (at, piece) in pieces.iter().enumerate() {
            match piece {
                TemplatePiece::Literal(literal) => {
                    if let Some(c) = literal.chars().find(|c| !is_allowed(*c)) {
                        return Err(TemplateFault::Character(c));
                    }
                    if literal.contains("..") {
                        return Err(TemplateFault::Dots);
                    }
                }
                TemplatePiece::Field(field) => {
                    if pieces.iter().skip(at + 1).any(|other| other == piece) {
                        return Err(TemplateFault::Twice(*field));
                    }
                }
            }
        }
        if let Some(TemplatePiece::Literal(literal)) = pieces.first() {
            if let Some(c) = literal.chars().next().filter(|c| matches!(c, '.' | ' ' | '-')) {
                return Err(TemplateFault::Begin(c));
            }
            // Text with a field in it is no device: no field has a device's word.
            if let Some((base, _)) = literal.split_once('.').filter(|(base, _)| is_device(base)) {
                return Err(TemplateFault::Device(base.to_owned()));
            }
        }
        if let Some(TemplatePiece::Literal(literal)) = pieces.last()
            && let Some(c) = literal.chars().next_back().filter(|c| matches!(c, '.' | ' '))
        {
            return Err(TemplateFault::End(c));
        }
        Ok(Template { text: text.to_owned(), pieces })
    }

    fn check_length(&self) -> Result<(), TemplateFault> {
        let bytes = self.pieces.iter().map(|piece| match piece {
            TemplatePiece::Literal(literal) => literal.len(),
            TemplatePiece::Field(field) => field.bytes_max(),
        });
        match bytes.sum() {
            bytes if bytes > MAX_STEM_BYTES => Err(TemplateFault::Long { bytes }),
            _ => Ok(()),
        }
    }

    /// Returns the fields, in their order.
    pub fn fields(&self) -> impl Iterator<Item = NameField> {
        self.pieces.iter().filter_map(|piece| match piece {
            TemplatePiece::Literal(_) => None,
            TemplatePiece::Field(field) => Some(*field),
        })
    }

    /// Renders the name of an export, without its ending.
    pub fn stem(&self, name: &ExportName) -> String {
        let mut stem = String::with_capacity(self.text.len() + 64);
        for piece in &self.pieces {
            match piece {
                TemplatePiece::Literal(literal) => stem.push_str(literal),
                TemplatePiece::Field(field) => stem.push_str(&field.text(name)),
            }
        }
        stem
    }

    /// Returns what a name says, `None` if it was not made by this template.
    pub fn parse_stem(&self, stem: &str) -> Option<NameFields> {
        read(&self.pieces, stem, NameFields::default())
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// Reads a text by pieces. As templates are not ambiguous, the first reading is the only one.
fn read(pieces: &[TemplatePiece], text: &str, said: NameFields) -> Option<NameFields> {
    let Some((piece, pieces)) = pieces.split_first() else { return text.is_empty().then_some(said) };
    match piece {
        TemplatePiece::Literal(literal) => read(pieces, text.strip_prefix(literal.as_str())?, said),
        TemplatePiece::Field(field) => field.lengths(text).into_iter().find_map(|length| {
            let (own, rest) = text.split_at_checked(length)?;
            read(pieces, rest, said.clone().with(*field, own)?)
        }),
    }
}

/// Cuts a template's text into pieces.
fn pieces(text: &str) -> Result<Vec<TemplatePiece>, TemplateFault> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let character = |rest: &str| text.chars().count() - rest.chars().count() + 1;
    while let Some(at) = rest.find(['{', '}']) {
        let (literal, from_brace) = rest.split_at(at);
        let Some(inside) = from_brace.strip_prefix('{') else {
            return Err(TemplateFault::Unopened { at: character(from_brace) });
        };
        let word = match inside.find(['{', '}']) {
            Some(end) if inside.get(end..).is_some_and(|end| end.starts_with('}')) => {
                let (word, closed) = inside.split_at(end);
                rest = closed.get(1..).unwrap_or_default();
                word
            }
            _ => return Err(TemplateFault::Unclosed { at: character(from_brace) }),
        };
        if !literal.is_empty() {
            pieces.push(TemplatePiece::Literal(literal.to_owned()));
        }
        pieces.push(TemplatePiece::Field(named(word)?));
    }
    if !rest.is_empty() {
        pieces.push(TemplatePiece::Literal(rest.to_owned()));
    }
    Ok(pieces)
}

/// Says whether a character may stand between fields: every system keeps it as it is.
///
/// Letters are those of Latin, Cyrillic, Japanese, Korean and Chinese writing that have one code point in every
/// normal form that file systems use for a composed letter, and one partner in the other case.
fn is_allowed(c: char) -> bool {
    match c {
        '\0'..='\x7f' => c.is_ascii_alphanumeric() || MARKS.contains(c),
        // Multiplication and division signs; letters whose other case is not one letter of their own.
        '×' | '÷' | 'İ' | 'ı' | 'ĸ' | 'ŀ' | 'Ŀ' | 'ŉ' => false,
        'À'..='ž' => true,
        // Combining marks stand between these two stretches.
        '\u{400}'..='\u{481}' | '\u{48a}'..='\u{4ff}' => true,
        'ぁ'..='ゖ' | 'ァ'..='ヺ' | 'ー' => true,
        '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '가'..='힣' => true,
        _ => false,
    }
}

/// Says whether Windows takes the text for a device, whatever comes after it and a dot.
fn is_device(base: &str) -> bool {
    let base = base.trim_end_matches(' ').to_ascii_lowercase();
    let port = base.strip_prefix("com").or_else(|| base.strip_prefix("lpt"));
    DEVICES.contains(&base.as_str())
        || port.is_some_and(|number| number.len() == 1 && number.bytes().all(|b| b.is_ascii_digit()))
}

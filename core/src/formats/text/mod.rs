//! Text as people's programs save it: its encoding, what separates its cells, and where its header is.
//!
//! Everything behind this module is UTF-8 with commas. A file that is so already passes through untouched. What is decided here
//! is decided from a bounded number of bytes at the beginning, and it is reported.

mod commas;
mod decode;
mod detect;
mod head;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::values::near::no_word;

pub(crate) use commas::Commas;
#[cfg(test)]
pub(crate) use decode::encoded_gb18030;
pub(crate) use decode::{Decoding, bad_bytes, gb18030};
pub(crate) use detect::{Detected, detect};
pub(crate) use head::{HeadFault, LINES_ABOVE_MAX, find_head, first_record, in_full};

/// UTF-8's byte order mark, which bills often begin with.
pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// How a file's bytes stand for characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// UTF-8, and so ASCII.
    #[default]
    Utf8,
    /// GB18030, and so GBK and GB2312: what Chinese spreadsheets save.
    Gb18030,
    /// UTF-16, the low byte first.
    Utf16Le,
    /// UTF-16, the high byte first.
    Utf16Be,
}

impl Encoding {
    const ALL: [(Encoding, &str, &[&str]); 4] = [
        (Encoding::Utf8, "UTF-8", &["utf-8", "utf8"]),
        (Encoding::Gb18030, "GB18030", &["gb18030", "gbk", "gb2312"]),
        (Encoding::Utf16Le, "UTF-16LE", &["utf-16le", "utf-16", "utf16"]),
        (Encoding::Utf16Be, "UTF-16BE", &["utf-16be"]),
    ];
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Encoding::ALL.iter().find(|(encoding, ..)| encoding == self);
        f.write_str(known.map_or("UTF-8", |(_, name, _)| name))
    }
}

impl FromStr for Encoding {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.to_ascii_lowercase();
        let known = Encoding::ALL.iter().find(|(.., names)| names.contains(&lower.as_str()));
        known
            .map(|(encoding, ..)| *encoding)
            .ok_or_else(|| no_word(text, "an encoding", &["utf-8", "gb18030", "gbk", "utf-16le", "utf-16be"]))
    }
}

/// How an encoding is found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detection {
    /// From the bytes at the beginning.
    #[default]
    Beginning,
    /// From the bytes around the first one that is not ASCII, however late it comes.
    FirstForeign,
    /// It was said.
    Said(Encoding),
}

/// How one CSV was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvReading {
    /// Its encoding.
    pub encoding: Encoding,
    /// What separates its cells: a comma, a tab, a semicolon or a vertical bar.
    pub separator: char,
    /// How many lines of text stand above its header.
    pub above: u64,
}

impl Default for CsvReading {
    fn default() -> Self {
        CsvReading { encoding: Encoding::Utf8, separator: ',', above: 0 }
    }
}

impl CsvReading {
    /// Says what is unlike UTF-8 with commas and the header in the first line; `None` where nothing is.
    pub fn told(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.encoding != Encoding::Utf8 {
            parts.push(format!("read as {}", self.encoding));
        }
        match self.separator {
            ',' => {}
            '\t' => parts.push("cells separated by tabs".to_owned()),
            ';' => parts.push("cells separated by semicolons".to_owned()),
            other => parts.push(format!("cells separated by `{other}`")),
        }
        if self.above > 0 {
            parts.push(format!("header found in line {}", self.above + 1));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

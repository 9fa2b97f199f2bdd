//! Cells that tabs or semicolons separate, as cells that commas separate.
//!
//! Every cell that is not empty is put in quotes, so that a comma inside it stays its own. Line ends stay where they are, and so do
//! the numbers of lines.

use std::io::{ErrorKind, Read};

/// What is read at once.
const READ_BYTES: usize = 64 << 10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum QuoteState {
    /// Nothing of the cell has come.
    Start,
    /// In a cell that began without quotes, or after its closing quote.
    Unquoted,
    Quoted,
    /// After a quote inside quotes: it closes, or is the first of two.
    QuoteInQuoted,
}

/// Text with commas, made of text with another separator.
pub(crate) struct Commas<R> {
    inner: R,
    separator: u8,
    state: QuoteState,
    text: Vec<u8>,
    text_at: usize,
    ended: bool,
}

impl<R: Read> Commas<R> {
    pub(crate) fn new(inner: R, separator: u8) -> Commas<R> {
        Commas { inner, separator, state: QuoteState::Start, text: Vec::new(), text_at: 0, ended: false }
    }

    fn take(&mut self, raw: &[u8]) {
        for byte in raw {
            let ends_cell = *byte == self.separator || matches!(byte, b'\n' | b'\r');
            match self.state {
                QuoteState::Quoted => {
                    if *byte == b'"' {
                        self.state = QuoteState::QuoteInQuoted;
                    } else {
                        self.text.push(*byte);
                    }
                }
                QuoteState::QuoteInQuoted if *byte == b'"' => {
                    self.text.extend(b"\"\"");
                    self.state = QuoteState::Quoted;
                }
                _ if ends_cell => {
                    if self.state != QuoteState::Start {
                        self.text.push(b'"');
                    }
                    self.text.push(if *byte == self.separator { b',' } else { *byte });
                    self.state = QuoteState::Start;
                }
                QuoteState::Start => {
                    self.text.push(b'"');
                    self.state = if *byte == b'"' { QuoteState::Quoted } else { QuoteState::Unquoted };
                    if *byte != b'"' {
                        self.text.push(*byte);
                    }
                }
                QuoteState::Unquoted | QuoteState::QuoteInQuoted => {
                    self.state = QuoteState::Unquoted;
                    if *byte == b'"' {
                        self.text.push(b'"');
                    }
                    self.text.push(*byte);
                }
            }
        }
    }
}

impl<R: Read> Read for Commas<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.text_at >= self.text.len() && !self.ended {
            self.text.clear();
            self.text_at = 0;
            let mut raw = vec![0; READ_BYTES];
            let got = loop {
                match self.inner.read(&mut raw) {
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    got => break got?,
                }
            };
            self.take(raw.get(..got).unwrap_or_default());
            if got == 0 {
                self.ended = true;
                // A quote that was never closed stays open: what reads the text finds it.
                if matches!(self.state, QuoteState::Unquoted | QuoteState::QuoteInQuoted) {
                    self.text.push(b'"');
                }
            }
        }
        let got = self.text.get(self.text_at..).unwrap_or_default().read(out)?;
        self.text_at += got;
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn records(text: &[u8], separator: u8) -> Vec<Vec<Vec<u8>>> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator)
            .from_reader(text);
        reader.byte_records().map(|r| r.unwrap().iter().map(<[u8]>::to_vec).collect()).collect()
    }

    fn with_commas(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        Commas::new(text.as_bytes(), b';').read_to_end(&mut out).unwrap();
        out
    }

    proptest! {
        #[test]
        fn cells_stay_what_they_are(text in "[a;,\"\n\r]{0,60}") {
            let made = with_commas(&text);
            prop_assert_eq!(records(&made, b','), records(text.as_bytes(), b';'));
            let ends = |text: &[u8]| text.iter().filter(|b| **b == b'\n').count();
            prop_assert_eq!(ends(&made), ends(text.as_bytes()));
        }
    }
}

//! Cuts a CSV's bytes into stretches of whole records.
//!
//! A line end is LF, CR LF, or CR alone. One inside a quoted cell does not end a record. The rules are those of the `csv` crate, which parses
//! the stretches: a quote opens a quoted cell only at the cell's beginning; inside, two quotes are one; after
//! the closing quote the cell goes on as if unquoted. The cut depends on the bytes alone, so that two files
//! that begin alike are cut alike, and what is in the store already is found again.

use std::io::{ErrorKind, Read};

use crossbeam_channel::Receiver;
use sha2::{Digest as _, Sha256};

use crate::formats::line_ends::line_ends;
use crate::formats::text::BYTE_ORDER_MARK;

use super::fault::ImportFault;

/// How much is asked from the reader at once: it stays in the processor's own cache until it is looked at and hashed.
const READ_BYTES: usize = 256 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SplitState {
    /// Where a quote would open a quoted cell.
    CellStart,
    /// In a cell without quotes, or after its closing quote.
    Unquoted,
    /// Between the quotes.
    Quoted,
    /// Just after a quote inside quotes: it closes, or is the first of two.
    QuoteInQuoted,
}

/// A stretch of whole records.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TextChunk {
    /// The bytes; the last record of the file may lack its line end.
    pub(crate) bytes: Vec<u8>,
    /// The line of text on which it begins, counted from 1.
    pub(crate) first_line: u64,
    /// The SHA-256 of the text from its beginning to the end of this stretch.
    pub(crate) text_hash: [u8; 32],
}

/// Why the bytes could not be cut.
#[derive(Debug)]
pub(crate) enum SplitError {
    Io(std::io::Error),
    /// With the line on which it begins.
    Fault(ImportFault, u64),
}

/// Cuts one CSV.
pub(crate) struct Splitter<R> {
    reader: R,
    stretch_bytes: usize,
    record_bytes_max: usize,
    /// What was read and not yet given out, and room.
    buffer: Vec<u8>,
    /// How much was read.
    filled: usize,
    /// Stretches that nobody needs any more: their memory is used again.
    spare: Receiver<Vec<u8>>,
    /// Up to where the buffer was looked at.
    seen: usize,
    state: SplitState,
    /// The end of the last whole record in `buffer`.
    record_end: usize,
    line: u64,
    quote_at: usize,
    finished: bool,
    /// Whether a CR alone is searched for: a file without LF has no other line ends, and few files have any.
    returns: bool,
    /// Whether the header ends in CR LF.
    crlf: bool,
    /// Of all text up to `hashed`.
    hasher: Sha256,
    hashed: usize,
    /// How many line ends there are up to there.
    line_ends: u64,
    /// How much text was given out, and how many stretches.
    given: u64,
    stretches: u32,
}

impl<R: Read> Splitter<R> {
    /// Begins with a CSV; stretches come back through `spare` when nobody needs them any more.
    pub(crate) fn new(
        reader: R,
        stretch_bytes: usize,
        record_bytes_max: usize,
        spare: Receiver<Vec<u8>>,
    ) -> Self {
        Splitter {
            reader,
            stretch_bytes,
            record_bytes_max,
            buffer: Vec::new(),
            filled: 0,
            spare,
            seen: 0,
            state: SplitState::CellStart,
            record_end: 0,
            line: 1,
            quote_at: 0,
            finished: false,
            returns: false,
            crlf: false,
            hasher: Sha256::new(),
            hashed: 0,
            line_ends: 0,
            given: 0,
            stretches: 0,
        }
    }

    /// Has so many lines of the file stand above the text.
    pub(crate) fn below(mut self, lines: u64) -> Self {
        self.line += lines;
        self
    }

    /// Returns the SHA-256 of the text that was given out, and its length.
    pub(crate) fn finish(self) -> ([u8; 32], u64) {
        (self.hasher.finalize().into(), self.given)
    }

    /// Returns whether the last stretch was given out.
    pub(crate) fn is_at_end(&self) -> bool {
        self.finished && self.filled == 0
    }

    /// Returns whether the header ends in CR LF. A file that does and ends in a CR has lost an LF, and perhaps more.
    pub(crate) fn is_crlf(&self) -> bool {
        self.crlf
    }

    /// Returns how much text the next stretch has at least: the first ones have less, so that nobody waits long for them.
    fn wanted(&self) -> usize {
        (self.stretch_bytes >> 2_u32.saturating_sub(self.stretches)).max(1)
    }

    fn text(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }

    /// Returns the first record without its line end, as bytes; `None` for an empty file.
    pub(crate) fn header(&mut self) -> Result<Option<Vec<u8>>, SplitError> {
        while self.record_end == 0 && !self.finished {
            let first = self.filled == 0;
            self.fill()?;
            if first && self.text().starts_with(BYTE_ORDER_MARK) {
                self.seen = BYTE_ORDER_MARK.len();
            }
            self.look(true);
            if self.record_end == 0 {
                self.must_not_be_long()?;
            }
        }
        if self.finished && self.record_end == 0 {
            if self.state == SplitState::Quoted {
                return Err(SplitError::Fault(ImportFault::UnclosedQuote, self.line_of(self.quote_at)));
            }
            self.record_end = self.filled;
        }
        if self.filled == 0 {
            return Ok(None);
        }
        let header = self.take().bytes;
        self.returns = header.ends_with(b"\r");
        self.crlf = header.ends_with(b"\r\n");
        Ok(Some(header))
    }

    /// Returns the next stretch; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<TextChunk>, SplitError> {
        loop {
            self.look(false);
            if self.record_end >= self.wanted() {
                break;
            }
            if self.finished {
                if self.state == SplitState::Quoted {
                    return Err(SplitError::Fault(ImportFault::UnclosedQuote, self.line_of(self.quote_at)));
                }
                self.record_end = self.filled;
                break;
            }
            if self.may_have_missed_returns() {
                self.returns = true;
                self.seen = self.record_end;
                self.state = SplitState::CellStart;
                continue;
            }
            self.must_not_be_long()?;
            self.hash();
            self.fill()?;
        }
        if self.filled == 0 {
            return Ok(None);
        }
        self.stretches += 1;
        Ok(Some(self.take()))
    }

    /// Returns whether what looks like one long record may be many that end in a CR alone.
    fn may_have_missed_returns(&self) -> bool {
        let open = self.text().get(self.record_end..).unwrap_or_default();
        !self.returns && open.len() > READ_BYTES && memchr::memchr(b'\r', open).is_some()
    }

    /// Refuses a record that goes on for longer than any does, before the rest of the file is read for it.
    fn must_not_be_long(&self) -> Result<(), SplitError> {
        if self.filled - self.record_end <= self.record_bytes_max {
            return Ok(());
        }
        // An open quote swallows the rest of the file: name the quote, not the length.
        let (fault, at) = match self.state {
            SplitState::Quoted => (ImportFault::UnclosedQuote, self.quote_at),
            _ => (ImportFault::LongRecord { max: self.record_bytes_max }, self.record_end),
        };
        Err(SplitError::Fault(fault, self.line_of(at)))
    }

    fn line_of(&self, at: usize) -> u64 {
        let before = self.text().get(..at).unwrap_or_default();
        self.line + line_ends(before)
    }

    fn fill(&mut self) -> Result<(), SplitError> {
        let end = self.filled + READ_BYTES;
        if self.buffer.len() < end {
            // A large file's stretch gets all the room that it needs at once: growing by doubling would take twice as much.
            // What is reserved takes no memory until it is used.
            let room = self.stretch_bytes.saturating_add(2 * READ_BYTES);
            if self.filled >= 2 * READ_BYTES && self.buffer.capacity() < room {
                self.buffer.reserve_exact(room - self.buffer.len());
            }
            self.buffer.resize(end, 0);
        }
        while let Some(room) = self.buffer.get_mut(self.filled..end).filter(|room| !room.is_empty()) {
            match self.reader.read(room) {
                Ok(0) => {
                    self.finished = true;
                    break;
                }
                Ok(got) => self.filled += got,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(SplitError::Io(e)),
            }
        }
        Ok(())
    }

    /// Hashes the whole records that are there, and counts their lines, while they are still in the processor's cache.
    fn hash(&mut self) {
        let new = self.buffer.get(self.hashed..self.record_end).unwrap_or_default();
        self.hasher.update(new);
        self.line_ends += line_ends(new);
        self.hashed = self.record_end;
    }

    /// Gives out the whole records that are there.
    fn take(&mut self) -> TextChunk {
        self.hash();
        let end = self.record_end;
        let rest = self.buffer.get(end..self.filled).unwrap_or_default();
        let mut next = self.spare.try_recv().unwrap_or_default();
        if next.len() < rest.len() {
            next.resize(rest.len(), 0);
        }
        for (to, from) in next.iter_mut().zip(rest) {
            *to = *from;
        }
        self.filled = rest.len();
        let mut bytes = std::mem::replace(&mut self.buffer, next);
        bytes.truncate(end);
        let first_line = self.line;
        self.line += std::mem::take(&mut self.line_ends);
        self.given += end as u64;
        self.seen = self.seen.saturating_sub(end);
        self.quote_at = self.quote_at.saturating_sub(end);
        self.record_end = 0;
        self.hashed = 0;
        TextChunk { bytes, first_line, text_hash: self.hasher.clone().finalize().into() }
    }

    /// Follows quotes and line ends over what was not looked at yet; stops at the first record end if asked.
    fn look(&mut self, stop_at_first: bool) {
        let wanted = self.wanted();
        while let Some(rest) = self.buffer.get(self.seen..self.filled).filter(|r| !r.is_empty()) {
            if self.record_end >= wanted {
                return; // Enough: what follows belongs to the next stretch.
            }
            match self.state {
                SplitState::Quoted => match memchr::memchr(b'"', rest) {
                    Some(at) => {
                        self.seen += at + 1;
                        self.state = SplitState::QuoteInQuoted;
                    }
                    None => self.seen = self.filled,
                },
                SplitState::QuoteInQuoted => {
                    if rest.first() == Some(&b'"') {
                        self.seen += 1;
                        self.state = SplitState::Quoted;
                    } else {
                        self.state = SplitState::Unquoted;
                    }
                }
                SplitState::CellStart | SplitState::Unquoted => {
                    // Only a quote at a cell's beginning matters, so the quotes are what is searched for.
                    let found = if self.returns || stop_at_first {
                        memchr::memchr3(b'"', b'\n', b'\r', rest)
                    } else {
                        memchr::memchr2(b'"', b'\n', rest)
                    };
                    let Some(at) = found else {
                        self.state = match rest.last() {
                            Some(b',' | b'\r') => SplitState::CellStart,
                            _ => SplitState::Unquoted,
                        };
                        self.seen = self.filled;
                        continue;
                    };
                    let before = at.checked_sub(1).and_then(|i| rest.get(i));
                    let at_start = match before {
                        // A record may have a byte order mark before it, where files were put together.
                        Some(0xbf) => self.seen == self.record_end && rest.get(..at) == Some(BYTE_ORDER_MARK),
                        Some(b) => matches!(b, b',' | b'\r'),
                        None => self.state == SplitState::CellStart,
                    };
                    match (rest.get(at), rest.get(at + 1)) {
                        // Whether an LF follows, the next bytes tell.
                        (Some(b'\r'), None) if !self.finished => {
                            self.seen += at;
                            self.state = SplitState::Unquoted;
                            return;
                        }
                        (Some(b'\r'), Some(b'\n')) => {
                            self.seen += at + 1;
                            self.state = SplitState::CellStart;
                        }
                        (Some(b'\r' | b'\n'), _) => {
                            self.seen += at + 1;
                            self.record_end = self.seen;
                            self.state = SplitState::CellStart;
                            if stop_at_first {
                                return;
                            }
                        }
                        _ => {
                            if at_start {
                                self.quote_at = self.seen + at;
                                self.state = SplitState::Quoted;
                            } else {
                                self.state = SplitState::Unquoted;
                            }
                            self.seen += at + 1;
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stretches(text: &[u8], stretch_bytes: usize) -> Result<Vec<TextChunk>, SplitError> {
        let (back, spare) = crossbeam_channel::unbounded();
        let mut splitter = Splitter::new(text, stretch_bytes, 1 << 20, spare);
        let mut all = Vec::new();
        let mut before = Vec::new();
        while let Some(stretch) = splitter.next()? {
            before.extend_from_slice(&stretch.bytes);
            assert_eq!(stretch.text_hash, crate::values::digest::sha256(&before));
            // What comes back is used again, whatever it holds.
            back.send(vec![b'\n'; all.len() * 7]).unwrap();
            all.push(stretch);
        }
        assert_eq!(splitter.finish(), (crate::values::digest::sha256(&before), before.len() as u64));
        Ok(all)
    }

    fn records(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
        reader.byte_records().map(|r| r.unwrap().iter().map(<[u8]>::to_vec).collect()).collect()
    }

    #[test]
    fn a_line_end_between_quotes_does_not_end_a_record() {
        let text = b"a,\"x\ny\"\"\n\",b\nc,d,e\n";
        let got = stretches(text, 1).unwrap();
        assert_eq!(got.len(), 2);
        assert_eq!(got[0].bytes, b"a,\"x\ny\"\"\n\",b\n");
        assert_eq!((got[1].first_line, got[1].bytes.as_slice()), (4, &b"c,d,e\n"[..]));
    }

    #[test]
    fn a_return_alone_ends_a_record_and_counts_as_a_line() {
        // What is read at once ends in the middle of a CR LF now and then.
        let line = "a,\"b\rc\",d\r";
        for (head, last) in [("h,i,j\r", "x,y,z\r"), ("h,i,j\n", "x,y,z"), ("h,i,j\r\n", "x,y,z\n")] {
            let text = format!("{head}{}{last}", line.repeat(READ_BYTES / line.len() * 3));
            let mut splitter =
                Splitter::new(text.as_bytes(), 1_000, 2 * READ_BYTES, crossbeam_channel::never());
            assert_eq!(splitter.header().unwrap().unwrap(), head.as_bytes());
            let (mut whole, mut stretches) = (head.as_bytes().to_vec(), 0);
            while let Some(stretch) = splitter.next().unwrap() {
                let before = std::str::from_utf8(&whole).unwrap().replace("\r\n", "\n").replace('\r', "\n");
                assert_eq!(stretch.first_line, 1 + before.matches('\n').count() as u64);
                assert!(splitter.is_at_end() || stretch.bytes.ends_with(b"d\r"), "it ends with a record");
                whole.extend_from_slice(&stretch.bytes);
                stretches += 1;
            }
            assert!(stretches > 100, "{stretches}");
            assert_eq!(whole, text.as_bytes());
        }
    }

    #[test]
    fn an_open_quote_is_found_where_it_opens() {
        let error = stretches(b"a,b\nc,d\n\"e,f\ng,h\n", 4).unwrap_err();
        assert!(matches!(error, SplitError::Fault(ImportFault::UnclosedQuote, 3)), "{error:?}");
    }

    #[test]
    fn a_file_without_a_line_end_is_refused_before_all_of_it_is_read() {
        let endless = || std::io::repeat(b'a').take(1 << 30);
        let mut splitter = Splitter::new(endless(), 1 << 20, 3 << 20, crossbeam_channel::never());
        let error = splitter.header().unwrap_err();
        assert!(matches!(error, SplitError::Fault(ImportFault::LongRecord { .. }, 1)), "{error:?}");
        assert!(splitter.buffer.len() < 6 << 20, "{}", splitter.buffer.len());
        let mut quoted =
            Splitter::new((&b"h\"\n\""[..]).chain(endless()), 1 << 20, 3 << 20, crossbeam_channel::never());
        quoted.header().unwrap();
        assert!(matches!(quoted.next().unwrap_err(), SplitError::Fault(ImportFault::UnclosedQuote, 2)));
        let mut open =
            Splitter::new((&b"\""[..]).chain(endless()), 1 << 20, 3 << 20, crossbeam_channel::never());
        assert!(matches!(open.header().unwrap_err(), SplitError::Fault(ImportFault::UnclosedQuote, 1)));
    }

    #[test]
    fn a_header_is_taken_first_and_a_last_line_without_end_is_kept() {
        let mut splitter =
            Splitter::new(&b"\"h\n1\",h2\r\na,b"[..], 1_000, 1_000, crossbeam_channel::never());
        assert_eq!(splitter.header().unwrap().unwrap(), b"\"h\n1\",h2\r\n");
        let last = splitter.next().unwrap().unwrap();
        assert_eq!((last.first_line, last.bytes.as_slice()), (3, &b"a,b"[..]));
        assert!(splitter.next().unwrap().is_none());
    }

    /// Cuts a text after its header.
    fn after_header(text: &[u8], stretch_bytes: usize) -> Result<Vec<TextChunk>, SplitError> {
        let mut splitter = Splitter::new(text, stretch_bytes, 1 << 20, crossbeam_channel::never());
        let Some(header) = splitter.header()? else { return Ok(Vec::new()) };
        let mut all = vec![TextChunk { bytes: header, first_line: 1, text_hash: [0; 32] }];
        while let Some(stretch) = splitter.next()? {
            all.push(stretch);
        }
        Ok(all)
    }

    proptest! {
        #[test]
        fn line_ends_of_any_kind_give_the_same_records(
            lines in proptest::collection::vec(("[ab]{0,3}", "[ab\n]{0,3}", 0_usize..3), 1..30),
            stretch_bytes in 1_usize..40,
        ) {
            const ENDS: [&str; 3] = ["\n", "\r\n", "\r"];
            let text = |end: &dyn Fn(usize) -> &'static str| -> String {
                lines.iter().map(|(plain, quoted, kind)| format!("x{plain},\"{quoted}\"{}", end(*kind))).collect()
            };
            let mixed = text(&|kind| ENDS[kind]);
            let expected = records(text(&|_| "\n").as_bytes());
            for text in [mixed, text(&|_| "\r\n"), text(&|_| "\r")] {
                let got = after_header(text.as_bytes(), stretch_bytes).unwrap();
                // The header is one record, and no record is lost, cut or doubled.
                prop_assert_eq!(records(&got[0].bytes), &expected[..1]);
                let apart: Vec<_> = got.iter().flat_map(|s| records(&s.bytes)).collect();
                prop_assert_eq!(&apart, &expected);
                let mut line = 1;
                for stretch in &got {
                    prop_assert_eq!(stretch.first_line, line);
                    let plain = String::from_utf8(stretch.bytes.clone()).unwrap().replace("\r\n", "\n").replace('\r', "\n");
                    line += plain.matches('\n').count() as u64;
                }
            }
        }

        #[test]
        fn stretches_hold_the_records_that_the_parser_sees(
            text in "[a\",\n\r]{0,60}", stretch_bytes in 1_usize..20) {
            if let Ok(got) = stretches(text.as_bytes(), stretch_bytes) {
                let whole: Vec<u8> = got.iter().flat_map(|s| s.bytes.clone()).collect();
                prop_assert_eq!(&whole, text.as_bytes());
                let apart: Vec<_> = got.iter().flat_map(|s| records(&s.bytes)).collect();
                prop_assert_eq!(apart, records(text.as_bytes()));
                prop_assert!(got.iter().all(|s| !s.bytes.is_empty()));
            }
        }
    }
}

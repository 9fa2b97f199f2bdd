//! Finds the cells of a stretch of CSV text, without copying them.
//!
//! The rules are those of the `csv` crate. Nearly all records are plain: cells without quotes, or wholly in
//! quotes. For those a cell is a range of the text; only where two quotes stand for one is a copy made. Whatever
//! is not plain (text after a closing quote, a lone CR) is read by the `csv` crate itself, and a
//! property in the tests says that both ways agree.

use memchr::{memchr, memchr_iter};

use crate::formats::text::BYTE_ORDER_MARK;

use super::marks::Marks;

/// A cell, as a range of the text, or of the copies that follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CellSpan {
    from: u32,
    to: u32,
}

impl CellSpan {
    /// Returns where the cell begins, and its length.
    pub(super) fn place(self) -> (usize, usize) {
        (self.from as usize, (self.to - self.from) as usize)
    }
}

/// A record with more or fewer cells than the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ragged {
    /// Where in the text it begins.
    pub(super) offset: u32,
    /// How many cells it has.
    pub(super) cells: usize,
}

/// The cells of a stretch, record by record.
///
/// Where the cells are is known of the records that were found last; of all others where they begin. What is still wanted
/// of a cell when more records are found is its [`CellSpan`].
pub(super) struct ChunkCells<'a> {
    text: &'a [u8],
    /// Cells that had to be copied; their ranges go on where the text ends.
    copies: Vec<u8>,
    columns: usize,
    /// The cells of the records that were found last.
    spans: Vec<CellSpan>,
    /// The first of these records.
    first: usize,
    /// Where each record begins in the text.
    offsets: Vec<u32>,
    /// Those of the records that were found last in which a quoted cell goes on over a line end.
    broken: Vec<usize>,
    /// Up to where records have been found.
    at: usize,
    /// Whether the records that were found last, and what was between them, may hold a NUL.
    odd: bool,
}

/// For a number of bytes, up to 16, the bits that they have at the low end of a number.
const KEEP: [u128; 17] = {
    let mut keep = [0; 17];
    let mut bytes = 1;
    while bytes < keep.len() {
        keep[bytes] = keep[bytes - 1] << 8 | 0xff;
        bytes += 1;
    }
    keep
};

/// What a record was found to be.
enum RecordCells {
    /// Its cells have been noted; the next one begins here.
    Plain(usize),
    /// The `csv` crate has to read it.
    Odd,
    /// The text ends before it.
    None,
}

impl<'a> ChunkCells<'a> {
    /// Begins with a text, of which no record has been found yet.
    ///
    /// # Errors
    /// Texts beyond 2 GiB.
    pub(super) fn new(text: &'a [u8], columns: usize) -> Result<ChunkCells<'a>, String> {
        if text.len() > (u32::MAX / 2) as usize {
            return Err("a stretch of text is longer than 2 GiB".into());
        }
        Ok(ChunkCells {
            text,
            copies: Vec::new(),
            columns,
            spans: Vec::new(),
            first: 0,
            offsets: Vec::new(),
            broken: Vec::new(),
            at: 0,
            odd: false,
        })
    }

    /// Finds the cells of so many more records that have as many as there are columns; the others are told of apart, and
    /// finding ends once there are `ragged_max` of them. Returns whether there may be more records.
    ///
    /// # Errors
    /// The `csv` crate's words, should it fail.
    pub(super) fn find(
        &mut self,
        records: usize,
        ragged_max: usize,
        ragged: &mut Vec<Ragged>,
    ) -> Result<bool, String> {
        self.first = self.offsets.len();
        self.spans.clear();
        self.broken.clear();
        self.odd = false;
        let until = self.first.saturating_add(records);
        let more = |cells: &Self, ragged: &[Ragged]| {
            cells.at < cells.text.len() && ragged.len() < ragged_max && cells.offsets.len() < until
        };
        while more(self, ragged) {
            self.at = self.find_plain(self.at, until, ragged_max, ragged);
            if more(self, ragged) {
                self.at = self.find_odd(self.at, until, ragged_max, ragged)?;
            }
        }
        Ok(self.at < self.text.len() && ragged.len() < ragged_max)
    }

    /// Returns how many records there will be in all, if the rest is like what there was, and makes room for them.
    pub(super) fn expect_the_rest(&mut self) -> usize {
        let records = self.offsets.len() * (self.text.len() / self.at.max(1) + 1);
        // Room that is not used costs nothing; growing copies everything.
        let records = records + records / 8;
        self.offsets.reserve(records);
        records
    }

    /// Returns how many records there are.
    pub(super) fn rows(&self) -> usize {
        self.offsets.len()
    }

    /// Returns the cells of a record that was found last.
    pub(super) fn record(&self, row: usize) -> impl Iterator<Item = &[u8]> + Clone {
        self.spans_of(row).iter().map(|span| self.at(*span))
    }

    /// Returns those of the records that were found last in which a quoted cell goes on over a line end.
    pub(super) fn broken(&self) -> &[usize] {
        &self.broken
    }

    /// Returns where the cells of a record that was found last are.
    pub(super) fn spans_of(&self, row: usize) -> &[CellSpan] {
        let Some(row) = row.checked_sub(self.first) else { return &[] };
        self.spans.get(row * self.columns..(row + 1) * self.columns).unwrap_or_default()
    }

    /// Returns where the cells of a column are, of the records that were found last.
    pub(super) fn spans_in(&self, column: usize) -> impl Iterator<Item = CellSpan> {
        self.spans.iter().skip(column).step_by(self.columns.max(1)).copied()
    }

    /// Takes a copy of a text, which a cell may be put to.
    pub(super) fn copy(&mut self, text: &[u8]) -> CellSpan {
        let from = (self.text.len() + self.copies.len()) as u32;
        self.copies.extend_from_slice(text);
        CellSpan { from, to: from + text.len() as u32 }
    }

    /// Puts another text in the place of a cell of a record that was found last; returns what was there.
    pub(super) fn put(&mut self, row: usize, column: usize, span: CellSpan) -> Option<CellSpan> {
        let at = row.checked_sub(self.first)? * self.columns + column;
        self.spans.get_mut(at).map(|slot| std::mem::replace(slot, span))
    }

    /// Returns the cell of a range.
    pub(super) fn at(&self, span: CellSpan) -> &[u8] {
        let (from, to) = (span.from as usize, span.to as usize);
        match from.checked_sub(self.text.len()) {
            None => self.text.get(from..to).unwrap_or_default(),
            Some(from) => self.copies.get(from..to - self.text.len()).unwrap_or_default(),
        }
    }

    /// Returns the first bytes of a range, as a number that has them at its low end and zeros after them.
    ///
    /// It is read as 16 bytes at once, whatever follows the range: most cells are shorter, and a copy of unknown length
    /// costs more than all else that is done with them.
    #[inline]
    pub(super) fn word(&self, from: usize, bytes: usize) -> u128 {
        let keep = KEEP.get(bytes).copied().unwrap_or(u128::MAX);
        match self.text.get(from..).and_then(|rest| rest.first_chunk::<16>()) {
            Some(word) => u128::from_le_bytes(*word) & keep,
            None => self.word_at_end(from) & keep,
        }
    }

    /// Returns up to 16 bytes of the copies, or of where the text ends.
    #[cold]
    fn word_at_end(&self, from: usize) -> u128 {
        let rest = match from.checked_sub(self.text.len()) {
            None => self.text.get(from..),
            Some(from) => self.copies.get(from..),
        };
        let mut word = [0; 16];
        for (to, byte) in word.iter_mut().zip(rest.unwrap_or_default()) {
            *to = *byte;
        }
        u128::from_le_bytes(word)
    }

    /// Adds the text of the cells of a record that was found last, one after another, to `out`.
    pub(super) fn append_record(&self, row: usize, out: &mut Vec<u8>) {
        for span in self.spans_of(row) {
            let (from, bytes) = span.place();
            if bytes > 16 {
                out.extend_from_slice(self.at(*span));
            } else {
                let end = out.len() + bytes;
                out.extend_from_slice(&self.word(from, bytes).to_le_bytes());
                out.truncate(end);
            }
        }
    }

    /// Returns up to where records have been found.
    pub(super) fn found(&self) -> usize {
        self.at
    }

    /// Says whether the records that were found last, and what was between them, may hold a NUL.
    pub(super) fn may_hold_nul(&self) -> bool {
        self.odd
    }

    /// Returns where a record begins in the text, or up to where records have been found.
    pub(super) fn offset(&self, row: usize) -> usize {
        self.offsets.get(row).map_or(self.at, |o| *o as usize)
    }

    /// Reads plain records from an offset on, until there are so many; returns where the next one begins.
    fn find_plain(
        &mut self,
        mut start: usize,
        until: usize,
        ragged_max: usize,
        ragged: &mut Vec<Ragged>,
    ) -> usize {
        let text = self.text;
        let mut marks = Marks::new(text, start);
        while start < text.len() && ragged.len() < ragged_max && self.offsets.len() < until {
            let spans_before = self.spans.len();
            let copies_before = self.copies.len();
            match self.record_of(start, &mut marks) {
                RecordCells::Plain(next) => {
                    self.end(start, spans_before, ragged);
                    start = next;
                }
                RecordCells::Odd => {
                    self.spans.truncate(spans_before);
                    self.copies.truncate(copies_before);
                    break;
                }
                RecordCells::None => start = text.len(),
            }
        }
        self.odd |= marks.odd();
        start
    }

    /// Notes the cells of one record.
    fn record_of(&mut self, start: usize, marks: &mut Marks<'_>) -> RecordCells {
        let text = self.text;
        let byte = |at: usize| text.get(at).copied();
        // Files that were put together have a mark where the next one began.
        if byte(start) == Some(BYTE_ORDER_MARK[0]) && mark_at(text, start) > 0 {
            return RecordCells::Odd;
        }
        let (mut from, mut broken) = (start, false);
        loop {
            let mark = marks.next().unwrap_or(text.len());
            match byte(mark) {
                Some(b'"') if mark == from => {
                    // In quotes: two of them are one, a single one ends the cell.
                    let mut escaped = false;
                    let close = loop {
                        let Some(at) = marks.next() else { return RecordCells::Odd };
                        if byte(at) != Some(b'"') {
                            broken |= byte(at) == Some(b'\n');
                            continue;
                        }
                        if byte(at + 1) != Some(b'"') {
                            break at;
                        }
                        escaped = true;
                        marks.next();
                    };
                    let span = self.quoted(from + 1, close, escaped);
                    self.spans.push(span);
                    let mark = marks.next().unwrap_or(text.len());
                    let between = text.get(close + 1..mark).unwrap_or_default();
                    match (byte(mark), between) {
                        (Some(b','), b"") => from = mark + 1,
                        (Some(b'\n'), b"" | b"\r") | (None, b"") => {
                            self.note_if(broken);
                            return RecordCells::Plain(mark + 1);
                        }
                        _ => return RecordCells::Odd,
                    }
                }
                // Not at the beginning of a cell: a quote like any other byte.
                Some(b'"') => {}
                Some(b',') => {
                    if marks.odd() && memchr(b'\r', text.get(from..mark).unwrap_or_default()).is_some() {
                        return RecordCells::Odd;
                    }
                    self.spans.push(CellSpan { from: from as u32, to: mark as u32 });
                    from = mark + 1;
                }
                _ => {
                    let mut cell = text.get(from..mark).unwrap_or_default();
                    if marks.odd() {
                        cell = cell.strip_suffix(b"\r").unwrap_or(cell);
                        if memchr(b'\r', cell).is_some() {
                            return RecordCells::Odd;
                        }
                    }
                    if from == start && cell.is_empty() {
                        // An empty line is no record.
                        return if mark >= text.len() {
                            RecordCells::None
                        } else {
                            RecordCells::Plain(mark + 1)
                        };
                    }
                    self.spans.push(CellSpan { from: from as u32, to: (from + cell.len()) as u32 });
                    self.note_if(broken);
                    return RecordCells::Plain(mark + 1);
                }
            }
        }
    }

    /// Notes that the record that is found now goes on over a line end, if it does.
    fn note_if(&mut self, broken: bool) {
        if broken {
            self.broken.push(self.offsets.len());
        }
    }

    fn quoted(&mut self, from: usize, to: usize, escaped: bool) -> CellSpan {
        if !escaped {
            return CellSpan { from: from as u32, to: to as u32 };
        }
        let cell = self.text.get(from..to).unwrap_or_default();
        let start = self.text.len() + self.copies.len();
        let mut rest = 0;
        for at in memchr_iter(b'"', cell) {
            // The second of two quotes was taken with the first.
            if at >= rest {
                self.copies.extend_from_slice(cell.get(rest..=at).unwrap_or_default());
                rest = at + 2;
            }
        }
        self.copies.extend_from_slice(cell.get(rest..).unwrap_or_default());
        CellSpan { from: start as u32, to: (self.text.len() + self.copies.len()) as u32 }
    }

    /// Ends a record, if it has any cells: it stays, or is told of as ragged.
    fn end(&mut self, offset: usize, spans_before: usize, ragged: &mut Vec<Ragged>) {
        match self.spans.len() - spans_before {
            0 => {}
            n if n == self.columns => self.offsets.push(offset as u32),
            n => {
                self.spans.truncate(spans_before);
                ragged.push(Ragged { offset: offset as u32, cells: n });
            }
        }
    }

    /// Has the `csv` crate read records, until there are so many; returns where the next one begins.
    ///
    /// It goes on after a record that is not plain: where there is one, there are often more.
    fn find_odd(
        &mut self,
        at: usize,
        until: usize,
        ragged_max: usize,
        ragged: &mut Vec<Ragged>,
    ) -> Result<usize, String> {
        let at = at + mark_at(self.text, at);
        let rest = self.text.get(at..).unwrap_or_default();
        self.odd = true;
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(1 << 12)
            .from_reader(rest);
        let mut record = csv::ByteRecord::new();
        let mut next = at;
        while next < self.text.len() && self.offsets.len() < until && ragged.len() < ragged_max {
            if !reader.read_byte_record(&mut record).map_err(|e| e.to_string())? {
                return Ok(self.text.len());
            }
            let begin = at
                .saturating_add(record.position().and_then(|p| usize::try_from(p.byte()).ok()).unwrap_or(0));
            // Line ends before a record are not part of it.
            let ends = self.text.get(begin..).unwrap_or_default();
            let ends = ends.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
            let before = self.spans.len();
            let mut from = self.text.len() + self.copies.len();
            self.copies.extend_from_slice(record.as_slice());
            self.note_if(record.as_slice().iter().any(|b| matches!(b, b'\r' | b'\n')));
            for cell in &record {
                self.spans.push(CellSpan { from: from as u32, to: (from + cell.len()) as u32 });
                from += cell.len();
            }
            self.end(begin + ends, before, ragged);
            let read = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
            next = at.saturating_add(read.max(1));
            // A mark before the next record is for the caller.
            let after = self.text.get(next..).unwrap_or_default();
            let ends = after.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
            if mark_at(self.text, next.saturating_add(ends)) > 0 {
                return Ok(next.saturating_add(ends));
            }
        }
        Ok(next)
    }
}

/// Returns how many bytes the byte order mark at a place has, if there is one.
fn mark_at(text: &[u8], at: usize) -> usize {
    if text.get(at..).is_some_and(|rest| rest.starts_with(BYTE_ORDER_MARK)) {
        BYTE_ORDER_MARK.len()
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Finds all records, two at a time, and shows each two.
    fn all<'t>(
        text: &'t [u8],
        columns: usize,
        show: &mut dyn FnMut(&ChunkCells<'t>, usize),
    ) -> (ChunkCells<'t>, Vec<Ragged>) {
        let (mut cells, mut ragged) = (ChunkCells::new(text, columns).unwrap(), Vec::new());
        let mut more = true;
        while more {
            let from = cells.rows();
            more = cells.find(2, usize::MAX, &mut ragged).unwrap();
            (from..cells.rows()).for_each(|row| show(&cells, row));
        }
        (cells, ragged)
    }

    fn found(text: &[u8], columns: usize) -> (Vec<Vec<Vec<u8>>>, Vec<usize>) {
        let mut records: Vec<Vec<Vec<u8>>> = Vec::new();
        let (cells, ragged) = all(text, columns, &mut |cells, row| {
            let mut text = b"before".to_vec();
            cells.append_record(row, &mut text);
            assert_eq!(text, [b"before".to_vec(), cells.record(row).flatten().copied().collect()].concat());
            records.push(cells.record(row).map(<[u8]>::to_vec).collect());
        });
        assert_eq!(records.len(), cells.rows());
        (records, ragged.iter().map(|r| r.cells).collect())
    }

    fn parsed(text: &[u8], columns: usize) -> (Vec<Vec<Vec<u8>>>, Vec<usize>) {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
        let all: Vec<Vec<Vec<u8>>> =
            reader.byte_records().map(|r| r.unwrap().iter().map(<[u8]>::to_vec).collect()).collect();
        let ragged = all.iter().map(Vec::len).filter(|n| *n != columns).collect();
        (all.into_iter().filter(|r| r.len() == columns).collect(), ragged)
    }

    #[test]
    fn cells_in_quotes_keep_commas_line_ends_and_quotes() {
        let (records, ragged) = found(b"a,\"b,\"\"1\"\"\n\",\r\nc,d\n\n\"\",\"x\"\"\",z", 3);
        let text = |r: usize, c: usize| String::from_utf8(records[r][c].clone()).unwrap();
        assert_eq!((text(0, 0), text(0, 1), text(0, 2)), ("a".into(), "b,\"1\"\n".into(), String::new()));
        assert_eq!((text(1, 0), text(1, 1), text(1, 2)), (String::new(), "x\"".into(), "z".into()));
        assert_eq!(ragged, [2]);
    }

    #[test]
    fn a_byte_order_mark_before_a_record_is_passed_over() {
        let text = "a,b\n\u{feff}c,d\n\u{feff}\"e,1\",f\n\u{feff}";
        let (records, ragged) = found(text.as_bytes(), 2);
        let records: Vec<String> =
            records.iter().map(|r| String::from_utf8(r.join(&b'|')).unwrap()).collect();
        assert_eq!((records, ragged), (vec!["a|b".to_owned(), "c|d".into(), "e,1|f".into()], vec![]));
    }

    #[test]
    fn a_record_is_where_it_begins() {
        let text = b"a,b\n\nc,\"d\n\"\ne,f\n";
        let (cells, _) = all(text, 2, &mut |_, _| ());
        assert_eq!((0..3).map(|row| cells.offset(row)).collect::<Vec<_>>(), [0, 5, 12]);
        assert_eq!(cells.offset(3), text.len());
    }

    #[test]
    fn a_return_is_seen_wherever_it_is() {
        // All found at once: what is looked at together ends within a record, between records, and far from either.
        for bytes in (5..140).chain([3 << 16]) {
            for odd in ["x\ry,z\n", "x,y\rz\n", "x,y\r\nz,\"\r\"\r\n", "\r\nx,y\r\n"] {
                let text = format!("a,{}\n{odd}c,d\n", "b".repeat(bytes - 5));
                let mut cells = ChunkCells::new(text.as_bytes(), 2).unwrap();
                let mut ragged = Vec::new();
                while cells.find(usize::MAX, usize::MAX, &mut ragged).unwrap() {}
                let record = |row| cells.record(row).map(<[u8]>::to_vec).collect();
                let records: Vec<Vec<Vec<u8>>> = (0..cells.rows()).map(record).collect();
                let ragged = ragged.iter().map(|r| r.cells).collect();
                assert_eq!((records, ragged), parsed(text.as_bytes(), 2), "{bytes} {odd:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_nul_is_never_passed_over(text in "[a\",\n\r\0]{0,8}[ab,\n]{0,80}[a\",\0\n\r]{0,60}", records in 1_usize..4) {
            let (mut cells, mut from) = (ChunkCells::new(text.as_bytes(), 2).unwrap(), 0);
            while cells.find(records, usize::MAX, &mut Vec::new()).unwrap() {
                let to = cells.found().min(text.len());
                prop_assert!(cells.may_hold_nul() || !text.as_bytes()[from..to].contains(&0));
                from = to;
            }
            prop_assert!(cells.may_hold_nul() || !text.as_bytes()[from..].contains(&0));
        }

        #[test]
        fn cells_are_those_that_the_csv_crate_finds(text in "[a\",\n\r]{0,60}", columns in 1_usize..4) {
            prop_assert_eq!(found(text.as_bytes(), columns), parsed(text.as_bytes(), columns));
        }

        #[test]
        fn and_in_texts_that_are_mostly_plain(
            cells in proptest::collection::vec("([ab]{0,3}|\"[ab,\n]{0,3}(\"\")?[ab]?\")", 0..30),
            crlf in any::<bool>(),
        ) {
            let end = if crlf { "\r\n" } else { "\n" };
            let text: String = cells.chunks(3).map(|r| r.join(",") + end).collect();
            prop_assert_eq!(found(text.as_bytes(), 3), parsed(text.as_bytes(), 3));
        }
    }
}

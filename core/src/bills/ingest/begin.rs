//! The beginning of a CSV: which encoding, which separator, and where the header is; and the text behind it, in UTF-8 with commas.
//!
//! A file that is so already is handed on as it is. Otherwise its bytes pass a decoder and a writer of commas on their way, and are
//! hashed as they come, so that the file keeps its own hash.

use std::cell::{Cell, RefCell};
use std::io::{Cursor, ErrorKind, Read};
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use crate::formats::schema::{Column, Schema, SchemaError};
use crate::formats::text::{
    BYTE_ORDER_MARK, Commas, CsvReading, Decoding, Detected, Detection, Encoding, HeadFault, bad_bytes,
    detect, find_head, first_record, in_full,
};
use crate::values::digits::read_time;

use crate::values::uin::Uin;

use super::fault::ImportFault;
use crate::values::Amount;

/// Bytes at the beginning from which everything is decided, unless the header is longer.
const HEAD_BYTES: usize = 64 << 10;

/// Bytes that a header has at most: it is looked at as a whole, under each separator.
const HEADER_BYTES_MAX: usize = 1 << 20;

/// Why a CSV cannot be read.
pub(super) enum Failed {
    Io(std::io::Error),
    Empty,
    /// With its line.
    Fault(ImportFault, u64),
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Failed {
        Failed::Io(error)
    }
}

/// What is left to ask once the text has been handed on.
pub(super) struct Facts {
    reading: CsvReading,
    encoding: Rc<Cell<Encoding>>,
    raw: Option<Rc<RefCell<(Sha256, u64)>>>,
}

impl Facts {
    pub(super) fn reading(&self) -> CsvReading {
        CsvReading { encoding: self.encoding.get(), ..self.reading }
    }

    /// Returns SHA-256 and length of the file's own bytes, unless the text is the same.
    pub(super) fn raw(&self) -> Option<([u8; 32], u64)> {
        let raw = self.raw.as_ref()?.borrow();
        Some((raw.0.clone().finalize().into(), raw.1))
    }
}

/// Reads the beginning of a CSV.
pub(super) fn begin<'r>(
    mut reader: impl Read + 'r,
    detection: Detection,
    record_bytes_max: usize,
) -> Result<(Schema, Box<dyn Read + 'r>, Facts), Failed> {
    let mut head = Vec::new();
    let mut whole = read_to(&mut reader, &mut head, HEAD_BYTES)?;
    let max = record_bytes_max.min(HEADER_BYTES_MAX);
    let has_line = |head: &[u8]| memchr::memchr2(b'\n', b'\r', head).is_some();
    while !whole && !has_line(&head) && head.len() < max {
        let more = (head.len() * 4).min(max);
        whole = read_to(&mut reader, &mut head, more)?;
    }
    if !whole && !has_line(&head) {
        return Err(Failed::Fault(ImportFault::LongRecord { max }, 1));
    }
    let late = detection == Detection::FirstForeign && head.is_ascii();
    let Detected { encoding, mark } = match detection {
        Detection::Said(said) => {
            let found = detect(&head, whole, &|_| false);
            Detected { encoding: said, mark: if found.encoding == said { found.mark } else { 0 } }
        }
        Detection::Beginning | Detection::FirstForeign => detect(&head, whole, &begins_with_chinese_header),
    };
    let after_mark = head.get(mark..).unwrap_or_default();
    let decoded;
    let text = if encoding == Encoding::Utf8 {
        after_mark.strip_prefix(BYTE_ORDER_MARK).unwrap_or(after_mark)
    } else {
        decoded = in_full(after_mark, encoding);
        &decoded
    };
    if text.is_empty() {
        return Err(Failed::Empty);
    }
    // A second mark of UTF-8 is no part of the text either.
    let mark = if encoding == Encoding::Utf8 { head.len() - text.len() } else { mark };
    let found =
        find_head(text, &|record| recognise(record, encoding)).map_err(|fault| no_header(fault, text))?;
    let reading = CsvReading { encoding, separator: char::from(found.separator), above: found.above };
    let encoding = Rc::new(Cell::new(encoding));
    let raw = Cursor::new(head).chain(reader);
    let plain = reading == CsvReading::default() && !late;
    let tap = (!plain).then(|| Rc::new(RefCell::new((Sha256::new(), 0))));
    let text: Box<dyn Read + 'r> = match &tap {
        None => Box::new(raw),
        Some(tap) => {
            let mut bytes = Tapped { inner: raw, tap: tap.clone() };
            skip(&mut bytes, mark)?;
            let mut text: Box<dyn Read + 'r> = match reading.encoding {
                Encoding::Utf8 if late => {
                    Box::new(LateEncoding { state: BeginState::Ascii(bytes), encoding: encoding.clone() })
                }
                Encoding::Utf8 => Box::new(bytes),
                other => Box::new(Decoding::new(bytes, other)),
            };
            skip(&mut text, found.above_bytes)?;
            if found.separator == b',' { text } else { Box::new(Commas::new(text, found.separator)) }
        }
    };
    Ok((found.header, text, Facts { reading, encoding, raw: tap }))
}

/// Reads until there are so many bytes; says whether that is all.
fn read_to(reader: &mut impl Read, head: &mut Vec<u8>, bytes: usize) -> std::io::Result<bool> {
    let room = bytes.saturating_sub(head.len()) as u64;
    let got = reader.by_ref().take(room).read_to_end(head)?;
    Ok((got as u64) < room)
}

fn skip(reader: &mut impl Read, bytes: usize) -> std::io::Result<()> {
    std::io::copy(&mut reader.take(bytes as u64), &mut std::io::sink()).map(|_| ())
}

/// Makes a schema of a record, or says what is wrong with it and how many of its headers are known.
fn recognise(record: &csv::ByteRecord, encoding: Encoding) -> Result<Schema, (ImportFault, usize)> {
    let text = |cell| std::str::from_utf8(cell).ok();
    let known = || record.iter().filter(|cell| text(cell).and_then(Column::of_header).is_some()).count();
    if record.iter().any(|cell| cell.contains(&0)) {
        return Err((ImportFault::Nul, known()));
    }
    Schema::recognise(record.iter()).map_err(|error| {
        let fault = match error {
            SchemaError::NotUtf8 { column } => {
                let cell = record.get(column - 1).unwrap_or_default();
                let at = std::str::from_utf8(cell).err().map_or(0, |e| e.valid_up_to());
                let bytes = bad_bytes(cell.get(at..).unwrap_or_default(), encoding);
                ImportFault::NotText { column: Some(format!("{column} of the header")), encoding, bytes }
            }
            error => error.into(),
        };
        (fault, known())
    })
}

/// Says whether a text has a header of Chinese columns in one of its first lines.
fn begins_with_chinese_header(text: &[u8]) -> bool {
    let known = |cell: &str| !cell.is_ascii() && Column::of_header(cell.trim_matches('"')).is_some();
    let lines =
        text.split(|b| matches!(b, b'\n' | b'\r')).take(2 * crate::formats::text::LINES_ABOVE_MAX as usize);
    lines
        .filter_map(|line| std::str::from_utf8(line).ok())
        .any(|line| line.split([',', '\t', ';', '|']).any(known))
}

fn no_header(fault: HeadFault<ImportFault>, text: &[u8]) -> Failed {
    if let Some((what, page)) = other_form(text) {
        return Failed::Fault(ImportFault::OtherForm { what, page }, 1);
    }
    match fault {
        HeadFault::LinesAbove { header } => Failed::Fault(ImportFault::LinesAbove { header }, 1),
        HeadFault::NoHeader { fault: ImportFault::Header(SchemaError::NotABill { .. }), line: 1 }
            if is_line(text) =>
        {
            Failed::Fault(ImportFault::HeaderAbsent, 1)
        }
        HeadFault::NoHeader { fault, line } => Failed::Fault(fault, line),
    }
}

/// Says whether a text begins with a line of a bill: an account, a time, and several cells.
fn is_line(text: &[u8]) -> bool {
    let record = first_record(text, b',');
    let has = |test: &dyn Fn(&[u8]) -> bool| record.iter().any(|cell| test(Amount::trim_cell(cell)));
    record.len() > 4 && has(&|cell| Uin::parse(cell).is_some()) && has(&|cell| read_time(cell).is_some())
}

/// Tells what a text is that is no table, and whether that is a page of the web.
fn other_form(text: &[u8]) -> Option<(&'static str, bool)> {
    let begin = text.trim_ascii_start();
    let lower: Vec<u8> = begin.iter().take(512).map(u8::to_ascii_lowercase).collect();
    let pages: [&[u8]; 4] = [b"<!doctype html", b"<html", b"<head", b"<body"];
    if pages.iter().any(|page| lower.starts_with(page))
        || (lower.starts_with(b"<") && memchr::memmem::find(&lower, b"<html").is_some())
    {
        return Some(("a web page (HTML)", true));
    }
    match begin {
        [b'<', b'?' | b'!' | b'a'..=b'z' | b'A'..=b'Z', ..] => Some(("XML, as servers send errors", true)),
        [b'{', ..] => Some(("JSON", false)),
        [b'[', rest @ ..] if matches!(rest.trim_ascii_start().first(), Some(b'{' | b'[' | b'"' | b']')) => {
            Some(("JSON", false))
        }
        _ if begin.starts_with(b"%PDF-") => Some(("a PDF", false)),
        _ if begin.starts_with(b"\xd0\xcf\x11\xe0") => {
            Some(("an old Excel file (.xls): save it as `CSV UTF-8`", false))
        }
        _ => None,
    }
}

/// Hashes and counts what passes.
struct Tapped<R> {
    inner: R,
    tap: Rc<RefCell<(Sha256, u64)>>,
}

impl<R: Read> Read for Tapped<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let got = self.inner.read(out)?;
        let mut tap = self.tap.borrow_mut();
        tap.0.update(out.get(..got).unwrap_or_default());
        tap.1 += got as u64;
        Ok(got)
    }
}

type Rest<R> = std::io::Chain<Cursor<Vec<u8>>, R>;

/// Text that was ASCII so far: the first byte that is not decides.
struct LateEncoding<R> {
    state: BeginState<R>,
    encoding: Rc<Cell<Encoding>>,
}

enum BeginState<R> {
    Ascii(R),
    Utf8(Rest<R>),
    Decoded(Decoding<Rest<R>>),
    Ended,
}

impl<R: Read> Read for LateEncoding<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let reader = match &mut self.state {
                BeginState::Utf8(rest) => return rest.read(out),
                BeginState::Decoded(rest) => return rest.read(out),
                BeginState::Ended => return Ok(0),
                BeginState::Ascii(reader) => reader,
            };
            let got = match reader.read(out) {
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                got => got?,
            };
            let new = out.get(..got).unwrap_or_default();
            let Some(at) = new.iter().position(|b| !b.is_ascii()) else { return Ok(got) };
            let mut window = new.get(at..).unwrap_or_default().to_vec();
            let whole = read_to(reader, &mut window, HEAD_BYTES.max(got))?;
            let found = detect(&window, whole, &|_| false).encoding;
            // What has no zeros so far is not UTF-16.
            let found = if found == Encoding::Gb18030 { found } else { Encoding::Utf8 };
            self.encoding.set(found);
            if let BeginState::Ascii(reader) = std::mem::replace(&mut self.state, BeginState::Ended) {
                let rest = Cursor::new(window).chain(reader);
                self.state = match found {
                    Encoding::Gb18030 => BeginState::Decoded(Decoding::new(rest, found)),
                    _ => BeginState::Utf8(rest),
                };
            }
            if at > 0 {
                return Ok(at);
            }
        }
    }
}

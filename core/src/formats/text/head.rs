//! Where a text's header is: behind a line that names the separator, or below title lines.

use std::io::Read;

use super::{BYTE_ORDER_MARK, Decoding, Encoding};

/// The most lines that may stand above a header.
pub(crate) const LINES_ABOVE_MAX: u64 = 32;

/// The separators that are tried, the usual one first.
const SEPARATORS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// Where a header is, and what was made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderPlace<T> {
    pub(crate) separator: u8,
    /// How many lines stand above it.
    pub(crate) above: u64,
    /// How many bytes of the text they have.
    pub(crate) above_bytes: usize,
    pub(crate) header: T,
}

/// Why no line is a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeadFault<E> {
    /// What is wrong with the line that is most like one, and its number.
    NoHeader { fault: E, line: u64 },
    /// The lines above the header, which is in this line, look like lines of a table themselves.
    LinesAbove { header: u64 },
}

/// Makes something of a record, or says what is wrong with it and how many of its cells are known.
type Recogniser<'a, T, E> = dyn Fn(&csv::ByteRecord) -> Result<T, (E, usize)> + 'a;

/// Looks for the header in the beginning of a text without its byte order mark.
///
/// # Errors
/// [`HeadFault`].
pub(crate) fn find_head<T, E>(
    text: &[u8],
    recognise: &Recogniser<'_, T, E>,
) -> Result<HeaderPlace<T>, HeadFault<E>> {
    let mut best: Option<(usize, E, u64)> = None;
    // The most cells of a line above that are not empty.
    let mut widest = 0;
    let (mut from, mut above, mut said) = (0, 0, None);
    while above <= LINES_ABOVE_MAX && from < text.len() {
        let rest = text.get(from..).unwrap_or_default();
        let line = line_of(rest);
        let next = from + line.len();
        if line.trim_ascii().is_empty() {
            (from, above) = (next, above + 1);
            continue;
        }
        if above == 0
            && let Some(separator) = said_separator(line)
        {
            (from, above, said) = (next, 1, Some(separator));
            continue;
        }
        let mut cells = 0;
        for separator in said.into_iter().chain(SEPARATORS) {
            // A line without the separator has one cell, which was looked at.
            if separator != b',' && said != Some(separator) && !line.contains(&separator) {
                continue;
            }
            let record = first_record(rest, separator);
            match recognise(&record) {
                Ok(_) if widest * 2 > record.len() => {
                    return Err(HeadFault::LinesAbove { header: above + 1 });
                }
                Ok(header) => return Ok(HeaderPlace { separator, above, above_bytes: from, header }),
                Err((fault, known)) => {
                    cells = cells.max(record.iter().filter(|cell| !cell.trim_ascii().is_empty()).count());
                    if best.as_ref().is_none_or(|(most, ..)| known > *most) {
                        best = Some((known, fault, above + 1));
                    }
                }
            }
        }
        widest = widest.max(cells);
        (from, above) = (next, above + 1);
    }
    match best {
        Some((_, fault, line)) => Err(HeadFault::NoHeader { fault, line }),
        None => {
            let (fault, _) = match recognise(&csv::ByteRecord::new()) {
                Err(fault) => fault,
                Ok(header) => return Ok(HeaderPlace { separator: b',', above: 0, above_bytes: 0, header }),
            };
            Err(HeadFault::NoHeader { fault, line: 1 })
        }
    }
}

/// Returns a line with its end, which is LF, CR LF or a lone CR.
fn line_of(text: &[u8]) -> &[u8] {
    let end = match memchr::memchr2(b'\n', b'\r', text) {
        Some(at) if text.get(at..at + 2) == Some(b"\r\n") => at + 2,
        Some(at) => at + 1,
        None => text.len(),
    };
    text.get(..end).unwrap_or(text)
}

/// Returns the separator that a spreadsheet's first line names: `sep=;`.
fn said_separator(line: &[u8]) -> Option<u8> {
    let line = line.trim_ascii_end();
    let line = line.strip_prefix(b"\"").and_then(|l| l.strip_suffix(b"\"")).unwrap_or(line);
    match line.split_at_checked(4)? {
        (name, [separator]) if name.eq_ignore_ascii_case(b"sep=") => Some(*separator),
        // The tab at the end was taken for white space.
        (name, []) if name.eq_ignore_ascii_case(b"sep=") => Some(b'\t'),
        _ => None,
    }
    .filter(|separator| SEPARATORS.contains(separator))
}

/// Returns the first record of a text.
pub(crate) fn first_record(text: &[u8], separator: u8) -> csv::ByteRecord {
    let mut record = csv::ByteRecord::new();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .buffer_capacity(1 << 12)
        .from_reader(text);
    // Reading from memory does not fail; a record that is not there stays empty.
    let _ = reader.read_byte_record(&mut record);
    record
}

/// Returns the text of bytes in an encoding, all of it, without a byte order mark.
pub(crate) fn in_full(bytes: &[u8], encoding: Encoding) -> Vec<u8> {
    let mut text = Vec::new();
    if encoding == Encoding::Utf8 {
        text.extend_from_slice(bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes));
    } else {
        // No byte becomes more than three. Reading from memory does not fail.
        let bytes_max = bytes.len() as u64 * 3 + 16;
        let _ = Decoding::new(bytes, encoding).take(bytes_max).read_to_end(&mut text);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str) -> Result<HeaderPlace<()>, HeadFault<usize>> {
        find_head(text.as_bytes(), &|record| {
            let known = record.iter().filter(|c| matches!(*c, b"uin" | b"name" | b"total")).count();
            if known == 3 { Ok(()) } else { Err((known, known)) }
        })
    }

    fn head(separator: u8, above: u64, above_bytes: usize) -> Result<HeaderPlace<()>, HeadFault<usize>> {
        Ok(HeaderPlace { separator, above, above_bytes, header: () })
    }

    #[test]
    fn a_header_is_found_with_any_separator_and_below_titles() {
        assert_eq!(find("uin,name,total\n1,2,3\n"), head(b',', 0, 0));
        assert_eq!(find("uin\tname\ttotal\n"), head(b'\t', 0, 0));
        assert_eq!(find("uin;name;total\r"), head(b';', 0, 0));
        assert_eq!(find("sep=;\r\nuin;name;total\n"), head(b';', 1, 7));
        assert_eq!(find("\"sep=\t\"\nuin\tname\ttotal\n"), head(b'\t', 1, 8));
        assert_eq!(find("March\n\nfrom: us\nuin,name,total\n"), head(b',', 3, 16));
        assert_eq!(find("March\r\ruin,name,total\r1,2,3"), head(b',', 2, 7));
    }

    #[test]
    fn lines_above_a_header_may_not_be_lines_of_the_table() {
        assert_eq!(find("1,2,3\nuin,name,total\n"), Err(HeadFault::LinesAbove { header: 2 }));
    }

    #[test]
    fn the_line_that_is_most_like_a_header_is_told() {
        assert_eq!(find("title\nuin,name,totals\n1,2,3\n"), Err(HeadFault::NoHeader { fault: 2, line: 2 }));
        let far = "x\n".repeat(40) + "uin,name,total\n";
        assert_eq!(find(&far), Err(HeadFault::NoHeader { fault: 0, line: 1 }));
        assert_eq!(find(""), Err(HeadFault::NoHeader { fault: 0, line: 1 }));
    }
}

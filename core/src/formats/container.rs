//! What a file is by its first bytes, whatever its name says.

/// How much of a file tells what it is.
pub(crate) const HEAD_BYTES: usize = 512;

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Zip,
    Gzip,
    /// A CSV, as far as its first bytes say.
    None,
}

/// Something that is no CSV and is not unpacked here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Foreign {
    /// A workbook of old Excel.
    #[error("it is an Excel workbook (.xls): save its sheet as “CSV UTF-8”, and import that")]
    Workbook,
    /// A zip where a CSV was expected, as workbooks are.
    #[error(
        "it is a zip, or a workbook (.xlsx): unzip it, or save its sheet as “CSV UTF-8”, and import that"
    )]
    Zip,
    /// Gzip where a CSV was expected.
    #[error("it is packed with gzip: unpack it, and import the CSV")]
    Gzip,
    /// A tar archive.
    #[error("it is a tar archive: unpack it, and import the CSVs in it")]
    Tar,
    /// One part of a zip that was split.
    #[error("it is one part of a zip that was split: put the parts together, and import the whole zip")]
    SplitZip,
    /// A program.
    #[error("it is a program, as a zip that unpacks itself is: unzip it, and import the CSVs in it")]
    Program,
    /// An archive or a packed file.
    #[error("it is packed with {0}: unpack it, and import the CSV")]
    Packed(&'static str),
    /// A document of some kind.
    #[error("it is {0}, not a CSV: download the bill as CSV")]
    Document(&'static str),
}

/// Bytes with which files begin.
const BEGINNINGS: [(&[u8], Foreign); 20] = [
    (b"PK\x07\x08", Foreign::SplitZip),
    (b"PK00PK\x03\x04", Foreign::SplitZip),
    (b"7z\xbc\xaf\x27\x1c", Foreign::Packed("7-Zip")),
    (b"Rar!\x1a\x07", Foreign::Packed("RAR")),
    (b"\xfd7zXZ\0", Foreign::Packed("xz")),
    (b"BZh", Foreign::Packed("bzip2")),
    (b"\x28\xb5\x2f\xfd", Foreign::Packed("zstd")),
    (b"LZIP", Foreign::Packed("lzip")),
    (b"\x04\x22\x4d\x18", Foreign::Packed("LZ4")),
    (b"\x1f\x9d", Foreign::Packed("compress")),
    (b"MSCF", Foreign::Packed("Cabinet")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Foreign::Workbook),
    (b"MZ", Foreign::Program),
    (b"\x7fELF", Foreign::Program),
    (b"%PDF-", Foreign::Document("a PDF")),
    (b"PAR1", Foreign::Document("a Parquet file")),
    (b"SQLite format 3\0", Foreign::Document("a database")),
    (b"\x89PNG", Foreign::Document("a picture")),
    (b"\xff\xd8\xff", Foreign::Document("a picture")),
    (b"redb\x1a\x0a", Foreign::Document("a store of this program")),
];

/// Says how a file is packed.
///
/// # Errors
/// What else it is.
pub(crate) fn packing(head: &[u8]) -> Result<Packing, Foreign> {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Ok(Packing::Zip);
    }
    if head.starts_with(b"\x1f\x8b") {
        return Ok(Packing::Gzip);
    }
    must_be_text(head).map(|()| Packing::None)
}

/// Refuses what is packed, or in a form of its own, where a CSV has to be.
pub(crate) fn must_be_csv(head: &[u8]) -> Result<(), Foreign> {
    match packing(head)? {
        Packing::Zip => Err(Foreign::Zip),
        Packing::Gzip => Err(Foreign::Gzip),
        Packing::None => Ok(()),
    }
}

/// Says whether a file that is no text is a later part of a split zip by its name, which ends in `.z02`, or by its end: the directory's
/// end stands in the last part, and names it.
pub(crate) fn is_later_part(name: &str, tail: &[u8]) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let named = ending
        .strip_prefix(['z', 'Z'])
        .is_some_and(|number| number.len() > 1 && number.bytes().all(|b| b.is_ascii_digit()));
    let end = memchr::memmem::rfind(tail, b"PK\x05\x06").and_then(|at| tail.get(at + 4..at + 6));
    named || end.is_some_and(|part| part != [0, 0])
}

fn must_be_text(head: &[u8]) -> Result<(), Foreign> {
    if head.get(257..262) == Some(b"ustar") {
        return Err(Foreign::Tar);
    }
    let known = BEGINNINGS.iter().find(|(beginning, _)| head.starts_with(beginning));
    // The letters of some are also how a header could begin: only bytes that no text has tell.
    match known {
        Some((beginning, foreign)) if beginning.iter().any(|b| !matches!(b, b' '..=b'~')) => Err(*foreign),
        Some((_, foreign)) if head.iter().any(|b| *b < b'\t') => Err(*foreign),
        _ => Ok(()),
    }
}

/// Says whether first bytes are text in some encoding.
pub(crate) fn is_text(head: &[u8]) -> bool {
    let marked = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    // UTF-16 has a zero beside each Latin letter, and no two in a row.
    let halves = head.len() / 2;
    let zeros = head.iter().filter(|b| **b == 0).count();
    let utf16 = zeros > 0 && zeros <= halves && !head.windows(2).any(|two| two == [0, 0]);
    marked || utf16 || !head.iter().any(|b| matches!(b, 0..=8 | 14..=31))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_first_bytes() {
        let mut tar = vec![b'a'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        for (head, expected) in [
            (&b"PK\x03\x04rest"[..], Ok(Packing::Zip)),
            (b"PK\x05\x06", Ok(Packing::Zip)),
            (b"\x1f\x8b\x08", Ok(Packing::Gzip)),
            (b"PK\x07\x08PK\x03\x04", Err(Foreign::SplitZip)),
            (b"7z\xbc\xaf\x27\x1c\0", Err(Foreign::Packed("7-Zip"))),
            (b"BZh91AY&SY\x01\x02", Err(Foreign::Packed("bzip2"))),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", Err(Foreign::Workbook)),
            (b"%PDF-1.7\n%\xe2\xe3\x01", Err(Foreign::Document("a PDF"))),
            (&tar, Err(Foreign::Tar)),
            (b"PayerAccountID,OwnerAccountID\n", Ok(Packing::None)),
            (b"BZh,PAR1\n1,2\n", Ok(Packing::None)),
            (b"", Ok(Packing::None)),
            (b"\xff\xfeP\0a\0", Ok(Packing::None)),
        ] {
            assert_eq!(packing(head), expected, "{head:?}");
        }
    }

    #[test]
    fn text_of_any_encoding_is_text() {
        for text in [
            &b"a,b\r\n"[..],
            b"\xef\xbb\xbfa",
            b"\xd5\xcb\xb5\xa5,b\n",
            b"\xff\xfea\0",
            b"a\0,\0b\0\n\0",
            b"\0a\0,",
        ] {
            assert!(is_text(text), "{text:?}");
        }
        for bytes in [&b"PK\x03\x04"[..], b"abc\0\0\0", b"\x01\x02"] {
            assert!(!is_text(bytes), "{bytes:?}");
        }
    }
}

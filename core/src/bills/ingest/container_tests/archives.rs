//! Zips and gzip files of every packer come in whole; what is hidden, doubled, cut or foreign is refused with its cause.
//!
//! The zips are written here byte by byte, so that they can be as wrong as they have to be.

use std::io::Write as _;

use super::super::{ImportRequest, WhySkipped};
use super::{HEADER, House, STEM, THREE, bill, import_new, line, taken};
use crate::engine::block::Sums;
use crate::formats::archive::second;

const STORED: u16 = 0;
const DEFLATE: u16 = 8;
const UTF8: u16 = 1 << 11;

/// An entry as it will stand in a zip.
#[derive(Clone)]
struct Part {
    name: Vec<u8>,
    method: u16,
    flags: u16,
    packed: Vec<u8>,
    crc: u32,
    bytes: u32,
    /// What stands behind the data.
    behind: Vec<u8>,
}

impl Part {
    fn packed(name: &[u8], text: &[u8], method: u16, packed: Vec<u8>) -> Part {
        let (crc, bytes) = (rawzip::crc32(text), u32::try_from(text.len()).unwrap());
        Part { name: name.to_vec(), method, flags: 0, packed, crc, bytes, behind: Vec::new() }
    }

    fn new(name: &str, text: &str) -> Part {
        Part::packed(name.as_bytes(), text.as_bytes(), STORED, text.as_bytes().to_vec())
    }

    fn deflated(name: &str, text: &[u8]) -> Part {
        Part::packed(name.as_bytes(), text, DEFLATE, deflate(text))
    }

    fn flagged(mut self, flags: u16) -> Part {
        self.flags |= flags;
        self
    }

    /// Appends what local header and directory have in common.
    fn common(&self, out: &mut Vec<u8>) {
        for number in [20, self.flags, self.method, 0, 0x21] {
            out.extend(number.to_le_bytes());
        }
        out.extend(self.crc.to_le_bytes());
        out.extend(u32::try_from(self.packed.len()).unwrap().to_le_bytes());
        out.extend(self.bytes.to_le_bytes());
        out.extend(u16::try_from(self.name.len()).unwrap().to_le_bytes());
        out.extend([0; 2]);
    }

    fn local(&self) -> Vec<u8> {
        let mut out = b"PK\x03\x04".to_vec();
        self.common(&mut out);
        [&out[..], &self.name, &self.packed, &self.behind].concat()
    }

    fn central(&self, at: usize) -> Vec<u8> {
        let mut out = b"PK\x01\x02\x14\x00".to_vec();
        self.common(&mut out);
        out.extend([0; 10]);
        out.extend(u32::try_from(at).unwrap().to_le_bytes());
        [out, self.name.clone()].concat()
    }
}

fn deflate(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Puts a directory behind entries that lie at these places, and a comment behind it.
fn closed(mut out: Vec<u8>, parts: &[(usize, &Part)], comment: &[u8]) -> Vec<u8> {
    let at = u32::try_from(out.len()).unwrap();
    for (place, part) in parts {
        out.extend(part.central(*place));
    }
    let (bytes, count) = (u32::try_from(out.len()).unwrap() - at, u16::try_from(parts.len()).unwrap());
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    out.extend([bytes.to_le_bytes(), at.to_le_bytes()].concat());
    out.extend(u16::try_from(comment.len()).unwrap().to_le_bytes());
    out.extend(comment);
    out
}

fn zip(parts: &[Part]) -> Vec<u8> {
    let (mut out, mut places) = (Vec::new(), Vec::new());
    for part in parts {
        places.push((out.len(), part));
        out.extend(part.local());
    }
    closed(out, &places, b"")
}

/// A bill of one line, each another.
fn single(id: &str) -> String {
    format!("{HEADER}\n{}\n", line(200_000_003_412, id, "1"))
}

fn refused(bytes: &[u8], words: &[&str]) {
    let error = import_new(&format!("{STEM}.zip"), bytes).unwrap_err().to_string();
    for word in words {
        assert!(error.contains(word), "{word:?} is not in: {error}");
    }
}

fn taken_zip(bytes: &[u8]) -> (u64, String) {
    taken(&format!("{STEM}.zip"), bytes)
}

#[test]
fn every_packer_that_zips_use_is_read() {
    let text = bill("\n");
    let three = (3, THREE.to_owned());
    let deflated = deflate(text.as_bytes());
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    bzip2.write_all(text.as_bytes()).unwrap();
    let zstd = zstd::stream::encode_all(text.as_bytes(), 3).unwrap();
    for (method, packed) in [
        (STORED, text.as_bytes().to_vec()),
        (DEFLATE, deflated.clone()),
        // Short matches are written alike in both kinds of deflate.
        (9, deflated),
        (12, bzip2.finish().unwrap()),
        (93, zstd),
    ] {
        let part = Part::packed(b"a.csv", text.as_bytes(), method, packed);
        assert_eq!(taken_zip(&zip(std::slice::from_ref(&part))), three, "{method}");
        // Packed bytes that the packer does not read belong to nothing.
        let longer = Part { packed: [&part.packed[..], b"more"].concat(), ..part };
        assert!(import_new(&format!("{STEM}.zip"), &zip(&[longer])).is_err(), "{method}");
    }
    let lzma = Part::packed(b"a.csv", text.as_bytes(), 14, from_hex(LZMA)).flagged(2);
    assert_eq!(taken_zip(&zip(&[lzma])), three);
    let xz = Part::packed(b"a.csv", text.as_bytes(), 95, b"xz".to_vec());
    refused(&zip(&[xz]), &["entry `a.csv`", "XZ", "unzip it"]);
}

/// The text of `bill("\n")`, packed by Python's `zipfile` with `ZIP_LZMA`.
const LZMA: &str = "090405005d000080000028184b26678e6879e02f1d1bb073101470c1085cf8ed40362344b8f8e5baa8b7771cdd2eb372\
    2fec40e8742fda4d16f54131ab46929f6ace1da646a9f44614d7bcb1123f86663295ae3dac2664c98553148d6ad700c2\
    6a1c984c667f774acc8c8be576257283e68a17e8a21757a2f327a0f711d4300c9cf76862ddabf25c95fcb6afb7e403bc\
    c24f6b191d9df8066b0c98b15e0916fbe22dffbc26c000";

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn an_lzma_entry_cannot_ask_for_more_memory_than_a_bill_needs() {
    let text = bill("\n");
    let mut packed = from_hex(LZMA);
    // It asks for 4 GiB, and unpacks to little: no more than that is used.
    packed[5..9].copy_from_slice(&u32::MAX.to_le_bytes());
    let part = Part::packed(b"a.csv", text.as_bytes(), 14, packed).flagged(2);
    assert_eq!(taken_zip(&zip(std::slice::from_ref(&part))).0, 3);
    let claims = Part { bytes: u32::MAX - 1, ..part };
    assert!(import_new(&format!("{STEM}.zip"), &zip(&[claims])).is_err());
}

#[test]
fn line_ends_are_as_good_in_a_zip() {
    for (header, lines) in [("\r", "\n"), ("\r", "\r"), ("\r", "\r\n"), ("\n", "\r")] {
        let text = bill("|").replacen('|', header, 1).replace('|', lines);
        assert_eq!(taken_zip(&zip(&[Part::new("a.csv", &text)])), (3, THREE.into()), "{header:?} {lines:?}");
    }
}

#[test]
fn a_zip_may_have_descriptors_comments_folders_and_the_long_form() {
    let text = bill("\n");
    let part = Part::deflated("x/a.csv", text.as_bytes()).flagged(8);
    let (crc, packed) = (part.crc.to_le_bytes(), u32::try_from(part.packed.len()).unwrap());
    let short = [&crc[..], &packed.to_le_bytes(), &part.bytes.to_le_bytes()].concat();
    let long = [&crc[..], &u64::from(packed).to_le_bytes(), &u64::from(part.bytes).to_le_bytes()].concat();
    for behind in [short, long] {
        let signed = [b"PK\x07\x08", &behind[..]].concat();
        for behind in [behind, signed] {
            let part = Part { behind, ..part.clone() };
            assert_eq!(taken_zip(&zip(&[Part::new("x/", ""), part, Part::new("b.csv", &single("z"))])).0, 4);
        }
    }
    // Other bytes of the same length are none.
    refused(&zip(&[Part { behind: vec![7; 16], ..part.clone() }]), &["16 bytes behind its entry `x/a.csv`"]);
    let plain = Part::new("a.csv", &text);
    let commented = closed(plain.local(), &[(0, &plain)], "账单 of March".as_bytes());
    assert_eq!(taken_zip(&commented).0, 3);
    let mut long = plain.local();
    let (at, directory) = (long.len() as u64, plain.central(0));
    long.extend(&directory);
    let end = long.len() as u64;
    long.extend(b"PK\x06\x06");
    long.extend([&44_u64.to_le_bytes()[..], &[45, 0, 45, 0], &[0; 8]].concat());
    for number in [1, 1, directory.len() as u64, at] {
        long.extend(number.to_le_bytes());
    }
    long.extend([&b"PK\x06\x07\0\0\0\0"[..], &end.to_le_bytes(), &1_u32.to_le_bytes()].concat());
    long.extend([&b"PK\x05\x06\0\0\0\0"[..], &[255; 12], &[0; 2]].concat());
    assert_eq!(taken_zip(&long).0, 3);
}

#[test]
fn entries_that_share_bytes_are_refused() {
    let part = Part::deflated("a.csv", bill("\n").as_bytes());
    // Names differ in the directory, and all lead to one local file.
    let others: Vec<Part> =
        (0..50).map(|n| Part { name: format!("{n}.csv").into_bytes(), ..part.clone() }).collect();
    let mut places = vec![(0, &part)];
    places.extend(others.iter().map(|other| (0, other)));
    refused(&closed(part.local(), &places, b""), &["`a.csv`", "`0.csv`", "overlap"]);
    let same: Vec<(usize, &Part)> = vec![(0, &part), (0, &part)];
    refused(&closed(part.local(), &same, b""), &["same name"]);
    // A local file within the data of another.
    let inner = Part::new("b.csv", &bill("\n"));
    let outer = Part::packed(b"a.csv", &inner.local(), STORED, inner.local());
    let within = outer.local().len() - outer.packed.len();
    refused(
        &closed(outer.local(), &[(0, &outer), (within, &inner)], b""),
        &["`a.csv`", "`b.csv`", "overlap"],
    );
    let reaching = Part { packed: vec![b'x'; 400], ..part };
    let short = reaching.local()[..200].to_vec();
    refused(&closed(short, &[(0, &reaching)], b""), &["`a.csv` reaches into the directory"]);
}

#[test]
fn bytes_that_belong_to_nothing_are_refused() {
    let (a, b) = (Part::new("a.csv", &bill("\n")), Part::new("b.csv", &single("z")));
    let whole = zip(std::slice::from_ref(&a));
    refused(&[&whole[..], &whole].concat(), &["two zips"]);
    let mut apart = a.local();
    apart.extend(b"hidden");
    let at = apart.len();
    apart.extend(b.local());
    refused(&closed(apart, &[(0, &a), (at, &b)], b""), &["6 bytes behind its entry `a.csv`"]);
    let before = [b"hidden", &a.local()[..]].concat();
    refused(&[b"PK\x03\x04", &closed(before, &[(6, &a)], b"")[..]].concat(), &["two zips"]);
    let unlisted = [a.local(), b.local()].concat();
    refused(&closed(unlisted, &[(0, &a)], b""), &["bytes behind its entry `a.csv`"]);
    let unlisted = [b.local(), a.local()].concat();
    refused(&closed(unlisted, &[(b.local().len(), &a)], b""), &["two zips"]);
    refused(&[&whole[..], b"\n"].concat(), &["1 bytes behind its end"]);
    let end = whole.len() - 22;
    refused(&[&whole[..end], b"hidden", &whole[end..]].concat(), &["damaged"]);
    let hidden = zip(&[b]);
    refused(&closed(a.local(), &[(0, &a)], &hidden), &["two zips"]);
    refused(&closed(a.local(), &[(0, &a)], b"PK\x01\x02"), &["its comment holds another zip"]);
}

#[test]
fn what_header_and_directory_say_otherwise_is_refused() {
    let a = Part::new("a.csv", &bill("\n"));
    for other in [Part { name: b"b.csv".to_vec(), ..a.clone() }, Part { method: DEFLATE, ..a.clone() }] {
        refused(&closed(a.local(), &[(0, &other)], b""), &["otherwise than the directory says"]);
    }
    refused(&zip(&[Part { crc: 7, ..a.clone() }]), &["entry `a.csv`", "checksum"]);
    let mut miscounted = zip(&[a]);
    let at = miscounted.len() - 12;
    miscounted[at] = 9;
    refused(&miscounted, &["damaged"]);
}

#[test]
fn a_csv_that_is_twice_in_a_zip_is_named_with_its_twin() {
    let text = bill("\n");
    let words = ["`one/a.csv`", "`two/a.csv`", "count twice"];
    refused(&zip(&[Part::new("one/a.csv", &text), Part::new("two/a.csv", &text)]), &words);
    // The same lines in another order, and with other line ends.
    let mut lines: Vec<&str> = text.lines().collect();
    lines[1..].reverse();
    let other = lines.join("\r\n") + "\r\n";
    refused(&zip(&[Part::new("one/a.csv", &text), Part::new("two/a.csv", &other)]), &words);
    // Customers' CSVs that merely look alike are no copies.
    let others = ["x", "y"].map(|id| Part::new(&format!("{id}.csv"), &single(id)));
    assert_eq!(taken_zip(&zip(&others)).0, 2);
}

#[test]
fn the_file_of_all_accounts_beside_files_of_single_ones_is_refused() {
    let (all, text) = (Part::new("all.csv", &bill("\n")), bill("\n"));
    let (header, lines) = text.split_once('\n').unwrap();
    let of = |name: &str, owner: &str| {
        let lines: String =
            lines.lines().filter(|line| line.contains(owner)).map(|l| l.to_owned() + "\n").collect();
        Part::new(name, &format!("{header}\n{lines}"))
    };
    let words = ["`all.csv`", "count twice", "of account 20000000341"];
    refused(&zip(&[all.clone(), of("a.csv", "200000003412"), of("b.csv", "200000003413")]), &words);
    refused(&zip(&[of("a.csv", "200000003412"), all.clone()]), &words);
    // Single accounts alone are no copies, and a line more makes it another day of the account.
    let apart = zip(&[of("a.csv", "200000003412"), of("b.csv", "200000003413")]);
    assert_eq!(taken_zip(&apart), (3, THREE.into()));
}

#[test]
fn a_bill_may_be_cut_into_parts_between_equal_lines() {
    let of = |lines: &[String]| format!("{HEADER}\n{}\n", lines.join("\n"));
    let [a, b, c] = ["a", "b", "c"].map(|id| line(200_000_003_412, id, "1"));
    let other = line(200_000_003_413, "z", "9");
    let before = line(200_000_003_411, "y", "2");
    // The first part ends with `b`, and the second one begins with it: all that both have of the account and day.
    let parts = [Part::new("1.csv", &of(&[before, b.clone()])), Part::new("2.csv", &of(&[b, other]))];
    let report = import_new(&format!("{STEM}.zip"), &zip(&parts)).unwrap();
    assert_eq!((report.digest.lines(), report.copied), (4, 1));
    let parts = [Part::new("1.csv", &of(&[a.clone(), c.clone()])), Part::new("2.csv", &of(&[a, c]))];
    refused(&zip(&parts), &["count twice"]);
}

#[test]
fn lines_that_two_csvs_have_in_common_are_counted() {
    let copied = |others: &[String]| {
        let text = format!("{HEADER}\n{}\n", others.join("\n"));
        let parts = [Part::new("a.csv", &bill("\n")), Part::new("b.csv", &text)];
        import_new(&format!("{STEM}.zip"), &zip(&parts)).unwrap().copied
    };
    let [a, z] = [("a", "1.25"), ("z", "9")].map(|(id, cost)| line(200_000_003_412, id, cost));
    assert_eq!(copied(std::slice::from_ref(&z)), 0);
    // One line of two of the account and day; twice in the second CSV; another cost is another line.
    assert_eq!(copied(&[a.clone(), z.clone()]), 1);
    assert_eq!(copied(&[a.clone(), a, z]), 2);
    assert_eq!(copied(&[line(200_000_003_412, "a", "1.26")]), 0);
}

#[test]
fn columns_in_another_order_hide_no_copy() {
    let turned = |text: &str| -> String {
        text.lines().map(|line| line.split(',').rev().collect::<Vec<_>>().join(",") + "\n").collect()
    };
    let text = bill("\n");
    let parts = [Part::new("a.csv", &text), Part::new("b.csv", &turned(&text))];
    refused(&zip(&parts), &["`a.csv`", "`b.csv`", "count twice"]);
    // Other lines under such a header are taken, and reported.
    let parts = [Part::new("a.csv", &text), Part::new("b.csv", &turned(&single("z")))];
    let report = import_new(&format!("{STEM}.zip"), &zip(&parts)).unwrap();
    assert_eq!((report.digest.lines(), report.aligned.len()), (4, 1));
    assert!(report.aligned[0].reordered && report.aligned[0].entry == "b.csv");
    // What is wrong with a line is said of the line as it stands.
    let parts = [Part::new("a.csv", &text), Part::new("b.csv", &(turned(&single("z")) + "2021-03,USD\n"))];
    refused(&zip(&parts), &["`b.csv`", "line 3", "2 cells"]);
}

#[test]
fn a_folder_that_holds_data_is_refused() {
    let parts = [Part::new("a.csv", &bill("\n")), Part::new("b.csv/", &single("z"))];
    refused(&zip(&parts), &["`b.csv/` is a folder by its name, and holds data"]);
    assert_eq!(taken_zip(&zip(&[Part::new("march/", ""), Part::new("march/a.csv", &bill("\n"))])).0, 3);
}

#[test]
fn lines_are_of_the_csv_that_they_came_from_though_one_before_has_none() {
    let house = House::new();
    let parts =
        [Part::new("0.csv", HEADER), Part::new("1.csv", &bill("\n")), Part::new("2.csv", &single("z"))];
    let path = house.put(&format!("{STEM}.zip"), &zip(&parts));
    let report = house.import(&path, &ImportRequest::default()).unwrap();
    let view = house.view(report.bill);
    let names: Vec<&str> =
        view.stretches().unwrap().iter().map(|stretch| stretch.entry.1.name.as_str()).collect();
    assert!(names.contains(&"1.csv") && names.last() == Some(&"2.csv"), "{names:?}");
    assert!(!names.contains(&"0.csv"), "{names:?}");
}

#[test]
fn junk_and_csvs_without_lines_are_left_out_and_named() {
    let parts = [
        Part::new("march/a.csv", &bill("\n")),
        Part::packed(b"march/._a.csv", b"\0\x05\x16\x07", STORED, b"\0\x05\x16\x07".to_vec()),
        Part::new("__MACOSX/march/._a.csv", "\0"),
        Part::new("march/.DS_Store", "\0\0"),
        Part::new("desktop.ini", "[.ShellClassInfo]"),
        Part::new("Thumbs.db", "\0"),
        Part::new("readme.txt", "hello"),
        Part::new("customer.csv", &format!("{HEADER}\n")),
        Part::new("other.csv", HEADER),
    ];
    let report = import_new(&format!("{STEM}.zip"), &zip(&parts)).unwrap();
    assert_eq!((report.digest.lines(), report.file.entries.len()), (3, 1));
    let skipped: Vec<(&str, WhySkipped)> = report.skipped.iter().map(|s| (s.name.as_str(), s.why)).collect();
    assert_eq!(
        skipped,
        [
            ("march/._a.csv", WhySkipped::Junk),
            ("__MACOSX/march/._a.csv", WhySkipped::Junk),
            ("march/.DS_Store", WhySkipped::Junk),
            ("desktop.ini", WhySkipped::Junk),
            ("Thumbs.db", WhySkipped::Junk),
            ("readme.txt", WhySkipped::Junk),
            ("customer.csv", WhySkipped::NoLines),
            ("other.csv", WhySkipped::NoLines),
        ]
    );
    refused(&zip(&[Part::new("a.csv", HEADER)]), &["a header and no lines"]);
    refused(&zip(&[Part::new("readme.txt", "hello")]), &["holds no CSV"]);
}

#[test]
fn names_come_from_any_system() {
    let name = |bytes: &[u8], flags| {
        let part = Part::packed(bytes, bill("\n").as_bytes(), STORED, bill("\n").into_bytes()).flagged(flags);
        import_new(&format!("{STEM}.zip"), &zip(&[part])).unwrap().file.entries[0].name.clone()
    };
    assert_eq!(name("明细账单.csv".as_bytes(), UTF8), "明细账单.csv");
    assert_eq!(name("明细账单.csv".as_bytes(), 0), "明细账单.csv");
    // GBK, as Windows writes it in China.
    assert_eq!(name(b"\xc3\xf7\xcf\xb8\xd5\xcb\xb5\xa5.csv", 0), "明细账单.csv");
    // The second byte of a GBK character may be a backslash.
    assert_eq!(name(b"\x81\x5c\\a.csv", 0), "乗/a.csv");
    assert_eq!(name(b"march\\a.csv", 0), "march/a.csv");
    let gbk = Part::packed(b"\xc3\xf7\xcf\xb8.csv", b"nonsense\n", STORED, b"nonsense\n".to_vec());
    refused(&zip(&[gbk]), &["entry `明细.csv`"]);
    for name in ["..\\a.csv", "C:\\a.csv", "\\a.csv", "a/../../b.csv"] {
        refused(&zip(&[Part::new(name, &bill("\n"))]), &["leads elsewhere"]);
    }
    let bad = Part::packed(b"\xff\xff.csv", b"", STORED, Vec::new());
    refused(&zip(&[bad]), &["the name of entry 1 is damaged"]);
    refused(&zip(&[Part::new(&"a".repeat(2_000), "")]), &["longer than"]);
}

#[test]
fn what_is_no_zip_of_csvs_is_refused_with_a_way_out() {
    let (text, a) = (bill("\n"), Part::new("a.csv", &bill("\n")));
    let whole = zip(std::slice::from_ref(&a));
    refused(&whole[..whole.len() - 40], &["cut", "download it again"]);
    refused(&zip(&[Part::new("b.zip", "PK")]), &["`b.zip` is a zip in the zip", "unzip the outer one"]);
    refused(&zip(&[Part::new("[Content_Types].xml", "<x/>")]), &["workbook", "CSV UTF-8"]);
    refused(&zip(&[Part::new("bill.xlsx", "PK")]), &["`bill.xlsx`", "CSV UTF-8"]);
    refused(&zip(&[Part::new("bill.csv.gz", "x")]), &["an archive in the zip"]);
    refused(
        &zip(&[a.clone(), Part::new("invoice.pdf", "%PDF")]),
        &["`invoice.pdf` is not a CSV", "without it"],
    );
    refused(&zip(&[a.clone().flagged(1)]), &["`a.csv` is encrypted", "password"]);
    refused(&zip(&[Part { method: 99, ..a.clone() }.flagged(1)]), &["`a.csv` is encrypted"]);
    let masked = Part::packed(b"b.csv", &whole, STORED, whole.clone());
    refused(&zip(&[masked]), &["entry `b.csv`: it is a zip, or a workbook"]);
    let packed = gzip(text.as_bytes());
    refused(&zip(&[Part::packed(b"b.csv", &packed, STORED, packed.clone())]), &["gzip: unpack it"]);
    // The last part of several: its directory lies in part 2.
    let mut last = whole.clone();
    let end = last.len() - 22;
    last[end + 4] = 2;
    refused(&last, &["one part of a zip that was split"]);
    refused(&[b"PK\x07\x08", &whole[..]].concat(), &["one part of a zip that was split"]);
    // Parts after the first begin anywhere in the packed data.
    refused(&[b"\x01\xa1\xfe\x03", &last[60..]].concat(), &["one part of a zip that was split"]);
    let second = import_new(&format!("{STEM}.z02"), b"\x01\xa1\xfe\x03").unwrap_err().to_string();
    assert!(second.contains("one part of a zip that was split"), "{second}");
    refused(&[b"MZ\x90\0", &whole[..]].concat(), &["program"]);
    refused(b"\x01\x02\x03\x04", &["neither a zip nor a CSV", "download it again"]);
    refused(b"<!DOCTYPE html>\n<html>\n", &["HTML"]);
}

#[test]
fn a_csv_under_a_zips_name_and_a_zip_under_a_csvs_name_are_what_they_are() {
    assert_eq!(taken_zip(bill("\n").as_bytes()), (3, THREE.into()));
    assert_eq!(taken(&format!("{STEM}.csv"), &zip(&[Part::new("a.csv", &bill("\n"))])), (3, THREE.into()));
}

#[test]
fn gzip_is_read_under_any_name_and_of_any_number_of_members() {
    let (text, gz) = (bill("\n"), gzip(bill("\n").as_bytes()));
    for name in ["csv.gz", "csv", "CSV.GZ", "csv (1).gz"] {
        assert_eq!(taken(&format!("{STEM}.{name}"), &gz), (3, THREE.into()), "{name}");
    }
    let (first, second) = text.as_bytes().split_at(150);
    assert_eq!(taken(&format!("{STEM}.csv.gz"), &[gzip(first), gzip(second)].concat()), (3, THREE.into()));
    let name = format!("{STEM}.csv.gz");
    let said = |bytes: &[u8]| import_new(&name, bytes).unwrap_err().to_string();
    assert!(said(&gz[..gz.len() - 12]).contains("cut"), "{}", said(&gz[..gz.len() - 12]));
    for behind in [&b"behind"[..], &[0], b"longer than the header of a member"] {
        let said = said(&[&gz[..], behind].concat());
        assert!(said.contains("bytes behind its end") && !said.contains("cut"), "{said}");
    }
    let mut tar = vec![b'a'; 1_024];
    tar[257..262].copy_from_slice(b"ustar");
    assert!(said(&gzip(&tar)).contains("tar archive"), "{}", said(&gzip(&tar)));
    let bomb = gzip(&[HEADER.as_bytes(), b"\n", &vec![b'0'; 64 << 20]].concat());
    let error = said(&bomb);
    assert!(error.contains("than a bill does") || error.contains("longer than"), "{error}");
}

#[test]
fn a_zip_as_a_whole_may_not_unpack_without_bounds() {
    // Each entry is small, and all of them together are far more than the file.
    let text = format!("{HEADER}\n{}", "\n".repeat(7 << 20));
    let part = Part::deflated("0.csv", text.as_bytes());
    let named = |n: u32| Part { name: format!("{n}.csv").into_bytes(), ..part.clone() };
    let parts: Vec<Part> = (0..40).map(named).collect();
    let bytes = zip(&parts);
    assert!(bytes.len() < 1 << 20, "{}", bytes.len());
    refused(&bytes, &["zip bomb"]);
    // Sizes that are claimed too small change nothing.
    let parts: Vec<Part> = parts.into_iter().map(|part| Part { bytes: 1_000, ..part }).collect();
    assert!(import_new(&format!("{STEM}.zip"), &zip(&parts)).is_err());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
    #[test]
    fn a_zip_with_one_bit_changed_is_refused_or_has_the_same_lines(
        at in proptest::prelude::any::<proptest::sample::Index>(),
        bit in 0..8,
    ) {
        let text = bill("\n");
        let parts = [Part::deflated("a.csv", text.as_bytes()), Part::new("b.csv", &single("z"))];
        let mut bytes = zip(&parts);
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        if let Ok(report) = import_new(&format!("{STEM}.zip"), &bytes) {
            let total = Sums::totals_text(&report.sums);
            proptest::prop_assert_eq!((report.digest.lines(), total.as_str()), (4, "11.75000000 USD"));
        }
    }
}

#[test]
fn the_same_zip_again_changes_nothing() {
    let house = House::new();
    let path = house.put(&format!("{STEM}.zip"), &zip(&[Part::deflated("a.csv", bill("\n").as_bytes())]));
    house.import(&path, &ImportRequest::default()).unwrap();
    let again = house.import(&path, &ImportRequest::default()).unwrap();
    assert!(matches!(again.outcome, super::super::Outcome::Unchanged { same_file: true, .. }));
}

#[test]
fn a_zip_in_which_a_second_reader_finds_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("again.zip");
    let text = single("a");
    std::fs::write(&path, zip(&[Part::new("a.csv", &text)])).unwrap();
    let first = || second::SecondReading {
        name: b"a.csv".to_vec(),
        from: 35,
        packed: text.len() as u64,
        unpacked: text.len() as u64,
        crc: rawzip::crc32(text.as_bytes()),
    };
    let told = |listed: &[second::SecondReading]| {
        second::must_agree(std::fs::File::open(&path).unwrap(), listed)
            .expect_err("the second reader agreed with what is not in the zip")
    };
    second::must_agree(std::fs::File::open(&path).unwrap(), &[first()]).unwrap();
    assert!(told(&[]).contains("finds 1 entries, not 0"), "{}", told(&[]));
    let others: [fn(&mut second::SecondReading); 5] = [
        |found| found.name = b"b.csv".to_vec(),
        |found| found.from += 1,
        |found| found.packed -= 1,
        |found| found.unpacked += 1,
        |found| found.crc ^= 1,
    ];
    for other in others {
        let mut found = first();
        other(&mut found);
        assert!(told(&[found]).contains("finds another entry 1"));
    }
    std::fs::write(&path, b"no zip").unwrap();
    assert!(told(&[first()]).contains("the second one says"));
}

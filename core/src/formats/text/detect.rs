//! Which encoding bytes are in, told from some of them.
//!
//! UTF-8 is checked first, since text in another encoding is hardly ever valid UTF-8. Text that is not UTF-8 is taken for GB18030
//! only on evidence: it has to be valid GB18030, made of the characters that are in use, and in more than one place. One odd cell
//! in a file of ASCII is no evidence of an encoding; the file is then UTF-8 with a fault.

use super::{BYTE_ORDER_MARK, Encoding};

/// What was found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Detected {
    pub(crate) encoding: Encoding,
    /// How many bytes the byte order mark has.
    pub(crate) mark: usize,
}

/// Bytes that are looked at for the zeros of UTF-16.
const ZEROS_BYTES: usize = 4096;

/// Tells the encoding of a text by its beginning, which may end within a character unless it is the whole text.
///
/// `header` is asked whether a decoded text begins with a known header in another script than Latin: that is evidence enough.
pub(crate) fn detect(head: &[u8], whole: bool, header: &dyn Fn(&[u8]) -> bool) -> Detected {
    let marks: [(&[u8], Encoding); 4] = [
        (BYTE_ORDER_MARK, Encoding::Utf8),
        (b"\x84\x31\x95\x33", Encoding::Gb18030),
        (b"\xff\xfe", Encoding::Utf16Le),
        (b"\xfe\xff", Encoding::Utf16Be),
    ];
    for (mark, encoding) in marks {
        if head.starts_with(mark) {
            return Detected { encoding, mark: mark.len() };
        }
    }
    let of = |encoding| Detected { encoding, mark: 0 };
    if let Some(encoding) = utf16_by_zeros(head) {
        return of(encoding);
    }
    match std::str::from_utf8(head) {
        Ok(_) => return of(Encoding::Utf8),
        // The last character goes on behind the window.
        Err(e) if e.error_len().is_none() && !whole => return of(Encoding::Utf8),
        Err(_) => {}
    }
    // A header in Chinese tells a file of which some cell is damaged as well.
    if gb18030(head, whole).is_sure(&utf8(head)) || header(&super::in_full(head, Encoding::Gb18030)) {
        of(Encoding::Gb18030)
    } else {
        of(Encoding::Utf8)
    }
}

/// Tells UTF-16 without a mark: in text of bills, every few characters are ASCII, whose high byte is zero.
fn utf16_by_zeros(head: &[u8]) -> Option<Encoding> {
    let units = head.get(..ZEROS_BYTES.min(head.len())).unwrap_or_default().as_chunks::<2>().0;
    let zeros = |at: usize| units.iter().filter(|unit| unit.get(at) == Some(&0)).count();
    let (even, odd) = (zeros(0), zeros(1));
    // A good part of the units, and hardly any on the other side: `一` is U+4E00.
    let rules = |many: usize, few: usize| many >= 3 && many * 6 >= units.len() && many > 8 * few;
    match units {
        [] => None,
        _ if rules(odd, even) => Some(Encoding::Utf16Le),
        _ if rules(even, odd) => Some(Encoding::Utf16Be),
        _ => None,
    }
}

/// What speaks for UTF-8 in bytes that are not all of it: characters of three and more bytes, and bytes that do not fit.
struct Utf8 {
    characters: usize,
    faults: usize,
}

fn utf8(head: &[u8]) -> Utf8 {
    let mut found = Utf8 { characters: 0, faults: 0 };
    for chunk in head.utf8_chunks() {
        found.characters += chunk.valid().chars().filter(|c| c.len_utf8() >= 3).count();
        found.faults += usize::from(!chunk.invalid().is_empty());
    }
    found
}

/// What speaks for GB18030.
#[derive(Default)]
struct Gb18030 {
    /// Characters of GB2312, which are those in use, and those of four bytes, which nothing else looks like.
    usual: usize,
    /// Others of two bytes, which text in other encodings looks like.
    rare: usize,
    /// Stretches of text that are not ASCII.
    runs: usize,
    /// Bytes that are no character.
    faults: usize,
}

impl Gb18030 {
    fn is_sure(&self, utf8: &Utf8) -> bool {
        self.faults == 0
            && self.runs >= 2
            && self.usual >= 4 * self.rare
            && utf8.characters * 4 <= utf8.faults
    }
}

/// Counts characters as if the bytes were GB18030.
fn gb18030(head: &[u8], whole: bool) -> Gb18030 {
    let mut found = Gb18030::default();
    let (mut rest, mut in_run) = (head, false);
    while let [first, after @ ..] = rest {
        if first.is_ascii() {
            (rest, in_run) = (after, false);
            continue;
        }
        found.runs += usize::from(!in_run);
        in_run = true;
        rest = match rest {
            [0x81..=0xfe, b'0'..=b'9', 0x81..=0xfe, b'0'..=b'9', rest @ ..] => {
                found.usual += 1;
                rest
            }
            [0xa1..=0xa9 | 0xb0..=0xf7, 0xa1..=0xfe, rest @ ..] => {
                found.usual += 1;
                rest
            }
            [0x81..=0xfe, 0x40..=0x7e | 0x80..=0xfe, rest @ ..] => {
                found.rare += 1;
                rest
            }
            // The last character goes on behind the window.
            [0x81..=0xfe] | [0x81..=0xfe, b'0'..=b'9'] | [0x81..=0xfe, b'0'..=b'9', _] if !whole => &[],
            _ => {
                found.faults += 1;
                after
            }
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Encoding {
        detect(bytes, true, &|_| false).encoding
    }

    fn gbk(text: &str) -> Vec<u8> {
        encoding_rs::GB18030.encode(text).0.into_owned()
    }

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16()
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    }

    #[test]
    fn text_is_told_by_its_bytes() {
        let text = "支付者UIN,使用者UIN,产品名称\n100010445724,200000003412,云服务器 CVM\n";
        assert_eq!(of(text.as_bytes()), Encoding::Utf8);
        assert_eq!(of(&gbk(text)), Encoding::Gb18030);
        assert_eq!(of(&utf16(text, false)), Encoding::Utf16Le);
        assert_eq!(of(&utf16(text, true)), Encoding::Utf16Be);
        assert_eq!(of(b"a,b\n1,2\n"), Encoding::Utf8);
    }

    #[test]
    fn a_mark_is_believed() {
        for (mark, encoding) in [
            (&b"\xff\xfea\0"[..], Encoding::Utf16Le),
            (b"\xfe\xff\0a", Encoding::Utf16Be),
            (b"\xef\xbb\xbfa", Encoding::Utf8),
        ] {
            assert_eq!(of(mark), encoding);
        }
    }

    #[test]
    fn one_odd_cell_is_no_evidence_of_an_encoding() {
        let odd = [b"uin,name\n1,".to_vec(), gbk("网站"), b"\n2,b\n".to_vec()].concat();
        assert_eq!(of(&odd), Encoding::Utf8);
        let mixed =
            ["名称,备注\n网站,".as_bytes(), &gbk("网站"), b",", &gbk("订单"), "\n云服务器,x\n".as_bytes()]
                .concat();
        assert_eq!(of(&mixed), Encoding::Utf8);
    }

    #[test]
    fn text_in_other_encodings_is_not_taken_for_chinese() {
        // Latin letters with accents, as Windows of western Europe saves them, and Big5.
        assert_eq!(of(b"name\nM\xfcller\nCaf\xe9 1\nStra\xdfe\n"), Encoding::Utf8);
        assert_eq!(of(&encoding_rs::BIG5.encode("名稱\n網站服務\n訂單\n測試環境\n").0), Encoding::Utf8);
    }

    #[test]
    fn zeros_at_one_place_are_not_utf_16() {
        assert_eq!(of(&[b"a,b\n1,2\n".repeat(40), vec![0; 4096]].concat()), Encoding::Utf8);
        assert_eq!(of(b"a,b\n1,\0\n3,4\n5,6\n7,8\n"), Encoding::Utf8);
    }

    #[test]
    fn a_window_may_end_within_a_character() {
        let text = "产品名称,云服务器\n".repeat(3);
        for (bytes, encoding) in [(text.as_bytes().to_vec(), Encoding::Utf8), (gbk(&text), Encoding::Gb18030)]
        {
            for cut in bytes.len() - 12..bytes.len() {
                assert_eq!(detect(&bytes[..cut], false, &|_| false).encoding, encoding, "{cut}");
            }
        }
    }
}

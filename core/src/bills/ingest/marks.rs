//! Where commas, quotes and line ends are, and whether there is a byte that bills hardly ever have: 64 bytes are looked at at once.
//!
//! In a bill one of the former comes every dozen bytes. A search that begins anew after each costs several times as much.

use wide::u8x16;

/// Bytes that are looked at at once: as many as a number has bits.
const BYTES: usize = 64;

/// The places of all marks of a text, ascending.
pub(super) struct Marks<'a> {
    text: &'a [u8],
    /// Where the bytes of `bits` begin, and where those begin that were not looked at yet.
    base: usize,
    next: usize,
    /// A bit for each mark that was found and not given out yet.
    bits: u64,
    odd: bool,
}

impl<'a> Marks<'a> {
    /// Begins at an offset.
    pub(super) fn new(text: &'a [u8], from: usize) -> Marks<'a> {
        Marks { text, base: from, next: from, bits: 0, odd: false }
    }

    /// Says whether there may be a CR or a NUL between the beginning and the mark that was found last, or the end of the text if there
    /// was none. Bytes shortly after it may be why.
    pub(super) fn odd(&self) -> bool {
        self.odd
    }
}

impl Iterator for Marks<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.bits == 0 {
            let rest = self.text.get(self.next..).filter(|rest| !rest.is_empty())?;
            let (bits, odd) = match rest.first_chunk::<BYTES>() {
                Some(bytes) => marks(bytes),
                None => {
                    let mut bytes = [b' '; BYTES];
                    for (to, byte) in bytes.iter_mut().zip(rest) {
                        *to = *byte;
                    }
                    marks(&bytes)
                }
            };
            self.bits = bits;
            self.odd |= odd;
            self.base = self.next;
            self.next += BYTES;
        }
        let at = self.base + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(at)
    }
}

/// Returns a bit for each mark, the lowest for the first byte; and whether there is a CR or a NUL.
#[inline]
fn marks(bytes: &[u8; BYTES]) -> (u64, bool) {
    let all = [b',', b'"', b'\n', b'\r', 0].map(u8x16::splat);
    let (bits, odd) = bytes.as_chunks::<16>().0.iter().rev().fold((0, u8x16::ZERO), |(bits, odd), part| {
        let part = u8x16::new(*part);
        let [comma, quote, end, cr, nul] = all.map(|mark| part.simd_eq(mark));
        (bits << 16 | u64::from((comma | quote | end).to_bitmask()), odd | cr | nul)
    });
    (bits, odd.to_bitmask() != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_marks_are_found_in_order(text in "[a\u{a0},\"\n\r]{0,300}", from in 0_usize..310) {
            let bytes = text.as_bytes();
            let plainly: Vec<usize> =
                (from..bytes.len()).filter(|at| matches!(bytes[*at], b',' | b'"' | b'\n')).collect();
            prop_assert_eq!(Marks::new(bytes, from).collect::<Vec<_>>(), plainly);
        }

        #[test]
        fn a_return_or_a_nul_is_seen_before_the_mark_after_it(text in "[ab]{0,140}[\r\0a]?[b]{0,140}[,a]?", from in 0_usize..200) {
            let bytes = text.as_bytes();
            let mut marks = Marks::new(bytes, from);
            marks.next();
            let odd = bytes.get(from..).is_some_and(|rest| rest.iter().any(|b| matches!(b, b'\r' | 0)));
            prop_assert_eq!(marks.odd(), odd);
        }
    }
}

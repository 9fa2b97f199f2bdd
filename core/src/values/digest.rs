//! The digest of a bill's lines as a multiset.
//!
//! A line's hash is SHA-256 over its header and its cells. The digest is the sum of the hashes modulo 2^256,
//! with the number of lines: it does not depend on the order of the lines nor on how they were split over
//! files, two equal lines count twice, and the digests of days, owners and loads add up to that of the bill.
//!
//! It finds every change that happens; it is not built to withstand somebody who may choose tens of thousands
//! of lines freely in order to forge a sum. What was sent is proven by the SHA-256 of the parts
//! (docs/decisions/0003-digest.md).

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::block_api::compress256;
use sha2::{Digest as _, Sha256};

/// The shortest prefix of a digest that a person may confirm by.
pub(crate) const PREFIX_MIN: usize = 6;

/// The digest of a multiset of lines: sum of the lines' hashes, and how many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Digest {
    /// Little-endian limbs of the sum modulo 2^256.
    sum: [u64; 4],
    lines: u64,
}

impl Digest {
    /// The digest of no lines.
    pub const EMPTY: Digest = Digest { sum: [0; 4], lines: 0 };

    /// Adds one line by its hash.
    pub fn add_line(&mut self, hash: &[u8; 32]) {
        self.merge(&Digest::of_sum(hash, 1));
    }

    /// Adds all the lines of another multiset.
    pub fn merge(&mut self, other: &Digest) {
        let mut carry = false;
        for (mine, theirs) in self.sum.iter_mut().zip(other.sum) {
            let (partial, first) = mine.overflowing_add(theirs);
            let (sum, second) = partial.overflowing_add(u64::from(carry));
            *mine = sum;
            carry = first || second;
        }
        self.lines = self.lines.wrapping_add(other.lines);
    }

    /// Makes the digest whose sum has these bytes, the lowest first.
    pub(crate) fn of_sum(sum: &[u8; 32], lines: u64) -> Digest {
        let mut digest = Digest { sum: [0; 4], lines };
        for (limb, bytes) in digest.sum.iter_mut().zip(sum.as_chunks::<8>().0) {
            *limb = u64::from_le_bytes(*bytes);
        }
        digest
    }

    /// Returns the bytes of the sum, the lowest first.
    pub(crate) fn sum_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (slot, limb) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.sum) {
            *slot = limb.to_le_bytes();
        }
        bytes
    }

    /// Returns how many lines there are.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Returns the 32 bytes that are shown: SHA-256 over the sum and the number of lines.
    pub fn bytes(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(b"billkeep digest 1\n");
        for limb in self.sum {
            hasher.update(limb.to_le_bytes());
        }
        hasher.update(self.lines.to_le_bytes());
        hasher.finalize().into()
    }

    /// Returns the digest as 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        hex(&self.bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

/// A block of SHA-256.
type ShaBlock = [u8; 64];

/// Hashes lines of one schema.
#[derive(Clone)]
pub struct LineHasher {
    /// The state after one whole SHA-256 block that stands for the header.
    start: [u32; 8],
    /// The texts of lines, one after another, each with its end.
    texts: Vec<u8>,
    /// Where these lines are, by length.
    places: Vec<TextPlace>,
    /// Their hashes, in the order in which they were laid out.
    hashes: Vec<[u8; 32]>,
}

/// Where a line's text is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct TextPlace {
    /// How many blocks it has.
    blocks: usize,
    /// Which line it is of those laid out.
    line: usize,
    /// Its first block.
    from: usize,
}

impl TextPlace {
    fn of<'a>(&self, blocks: &'a [ShaBlock]) -> &'a [ShaBlock] {
        blocks.get(self.from..self.from + self.blocks).unwrap_or_default()
    }
}

/// What SHA-256 begins with (FIPS 180-4, 5.3.3).
const SHA256_START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
const SHA256_BLOCK: usize = size_of::<ShaBlock>();

impl LineHasher {
    /// Makes a hasher for lines under the header with this hash.
    pub fn new(schema_hash: &[u8; 32]) -> LineHasher {
        let mut block = [0; SHA256_BLOCK];
        let parts = [&b"billkeep line 1\n"[..], &[0; 16], schema_hash];
        for (to, byte) in block.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *byte;
        }
        let mut start = SHA256_START;
        compress256(&mut start, &[block]);
        LineHasher { start, texts: Vec::new(), places: Vec::new(), hashes: Vec::new() }
    }

    /// Hashes a line of these cells.
    pub fn hash<'a>(&mut self, cells: impl Iterator<Item = &'a [u8]> + Clone) -> [u8; 32] {
        self.texts.clear();
        lay_out(&mut self.texts, cells.clone().map(<[u8]>::len), |text| {
            cells.for_each(|cell| text.extend_from_slice(cell));
        });
        let mut state = self.start;
        compress256(&mut state, self.texts.as_chunks().0);
        bytes_of(state)
    }

    /// Hashes so many lines, of which `lay_out` is told which one to lay out, with [`lay_out`]; returns their hashes in that order.
    ///
    /// Keep batches small enough for the caches of the processor.
    pub(crate) fn hash_many(
        &mut self,
        lines: usize,
        mut lay_out: impl FnMut(usize, &mut Vec<u8>),
    ) -> &[[u8; 32]] {
        let LineHasher { start, texts, places, hashes } = self;
        texts.clear();
        places.clear();
        for line in 0..lines {
            let from = texts.len() / SHA256_BLOCK;
            lay_out(line, texts);
            places.push(TextPlace { blocks: texts.len() / SHA256_BLOCK - from, line, from });
        }
        // Lines of one length end together.
        places.sort_unstable();
        let blocks = texts.as_chunks().0;
        hashes.clear();
        hashes.resize(lines, [0; 32]);
        for pair in places.chunks(2) {
            let text_of = |lane| pair.get(lane).map_or(&[][..], |place: &TextPlace| place.of(blocks));
            let states = hash_two(*start, [0, 1].map(text_of));
            for (place, state) in pair.iter().zip(states) {
                if let Some(hash) = hashes.get_mut(place.line) {
                    *hash = bytes_of(state);
                }
            }
        }
        hashes
    }
}

/// Hashes two texts: a block of the one and a block of the other in turn. Neither waits for the other, and the processor works on both.
fn hash_two(start: [u32; 8], [one, other]: [&[ShaBlock]; 2]) -> [[u32; 8]; 2] {
    let [mut first, mut second] = [start; 2];
    let both = one.len().min(other.len());
    for (one, other) in one.iter().zip(other) {
        compress256(&mut first, std::slice::from_ref(one));
        compress256(&mut second, std::slice::from_ref(other));
    }
    compress256(&mut first, one.get(both..).unwrap_or_default());
    compress256(&mut second, other.get(both..).unwrap_or_default());
    [first, second]
}

/// Lays a line out as it is hashed, after the texts of others: the lengths of its cells, so that no two lines are one text; the text that
/// `append` adds; and the end that SHA-256 has after the header's block and these.
pub(crate) fn lay_out(
    text: &mut Vec<u8>,
    lengths: impl Iterator<Item = usize> + Clone,
    append: impl FnOnce(&mut Vec<u8>),
) {
    let from = text.len();
    if lengths.clone().all(|length| length < 0x80) {
        text.extend(lengths.map(|length| length as u8));
    } else {
        for mut length in lengths {
            while length >= 0x80 {
                text.push((length & 0x7f) as u8 | 0x80);
                length >>= 7;
            }
            text.push(length as u8);
        }
    }
    append(text);
    let bits = 8 * (SHA256_BLOCK + text.len() - from) as u64;
    text.push(0x80);
    let zeros = (text.len() + 8).next_multiple_of(SHA256_BLOCK) - 8;
    text.resize(zeros, 0);
    text.extend_from_slice(&bits.to_be_bytes());
}

fn bytes_of(state: [u32; 8]) -> [u8; 32] {
    let mut hash = [0; 32];
    for (to, word) in hash.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *to = word.to_be_bytes();
    }
    hash
}

/// Hashes bytes by SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Writes bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from(if n < 10 { b'0' + n } else { b'a' + n - 10 });
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}

/// Reads a SHA-256 from its hexadecimal digits.
pub fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Counts lines in words: `1 line`, `412,006 lines`.
pub fn lines_counted(n: u64) -> String {
    match n {
        1 => "1 line".to_owned(),
        n => format!("{} lines", crate::values::money::Amount::new(i128::from(n), 0).grouped()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(lines: &[[u8; 32]]) -> Digest {
        let mut digest = Digest::EMPTY;
        lines.iter().for_each(|l| digest.add_line(l));
        digest
    }

    #[test]
    fn cells_cannot_run_into_each_other() {
        let mut hasher = LineHasher::new(&[7; 32]);
        let mut hash = |cells: &[&str]| hasher.hash(cells.iter().map(|c| c.as_bytes()));
        assert_ne!(hash(&["a", "bc"]), hash(&["ab", "c"]));
        assert_ne!(hash(&["abc"]), hash(&["abc", ""]));
        let mut other = LineHasher::new(&[8; 32]);
        assert_ne!(hash(&["abc"]), other.hash([&b"abc"[..]].into_iter()));
    }

    #[test]
    fn two_equal_lines_are_not_one() {
        assert_ne!(of(&[[1; 32]]).bytes(), of(&[[1; 32], [1; 32]]).bytes());
    }

    proptest! {
        #[test]
        fn a_line_is_hashed_as_sha256_does(cells in proptest::collection::vec("[a-z]{0,90}", 0..6)) {
            let mut whole = b"billkeep line 1\n".to_vec();
            whole.extend([0; 16]);
            whole.extend([7; 32]);
            whole.extend(cells.iter().map(|cell| cell.len() as u8));
            whole.extend(cells.concat().bytes());
            let got = LineHasher::new(&[7; 32]).hash(cells.iter().map(String::as_bytes));
            prop_assert_eq!(got, sha256(&whole));
        }

        #[test]
        fn many_lines_are_hashed_as_each_alone(
            texts in proptest::collection::vec("[a-z]{0,250}", 0..100),
            long in proptest::collection::vec(0_usize..2_000, 0..20),
        ) {
            let mut texts = texts;
            texts.extend(long.iter().map(|bytes| "z".repeat(*bytes)));
            let mut hasher = LineHasher::new(&[7; 32]);
            let many = hasher
                .hash_many(texts.len(), |line, text| {
                    let cell = texts[line].as_bytes();
                    lay_out(text, [cell.len()].into_iter(), |text| text.extend_from_slice(cell));
                })
                .to_vec();
            let alone: Vec<[u8; 32]> = texts.iter().map(|text| hasher.hash([text.as_bytes()].into_iter())).collect();
            prop_assert_eq!(many, alone);
        }

        #[test]
        fn order_and_split_do_not_matter(
            lines in proptest::collection::vec(any::<[u8; 32]>(), 0..20),
            cut in 0_usize..20,
        ) {
            let mut reversed = lines.clone();
            reversed.reverse();
            prop_assert_eq!(of(&lines), of(&reversed));
            let cut = cut.min(lines.len());
            let mut merged = of(&lines[..cut]);
            merged.merge(&of(&lines[cut..]));
            prop_assert_eq!(of(&lines), merged);
        }
    }
}

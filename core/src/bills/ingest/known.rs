//! The distinct texts of a column, found by what they are rather than by comparing them.
//!
//! Up to 31 bytes, a text with its length fits into one or two numbers, which are equal where the texts are: finding
//! it takes no walk over its bytes. Longer ones are compared.

use std::hash::{BuildHasher as _, Hash};

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::cells::{CellSpan, ChunkCells};

/// The longest texts that are one number and two numbers: the last byte is the length.
const SHORT_BYTES: usize = 15;
const MIDDLE_BYTES: usize = 31;

/// A text, as it is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LookedUpName<'a> {
    Short(Word),
    Middle(Word, Word),
    Long(&'a [u8]),
}

/// Sixteen bytes, as two numbers: a map of them takes less room than one of 128 bits, which are aligned to their size.
pub(super) type Word = (u64, u64);

fn word(bits: u128) -> Word {
    (bits as u64, (bits >> 64) as u64)
}

/// The length of a text in the last byte of a number.
fn length(bytes: usize) -> u128 {
    (bytes as u128) << 120
}

impl<'a> LookedUpName<'a> {
    #[inline]
    pub(super) fn of(cells: &'a ChunkCells<'_>, span: CellSpan) -> LookedUpName<'a> {
        let (from, bytes) = span.place();
        let begins = cells.word(from, bytes.min(16));
        if let Some(name) = LookedUpName::of_word(begins, bytes) {
            name
        } else if bytes <= MIDDLE_BYTES {
            // The first 16 bytes, and the last 15: together they are all of it.
            let rest = cells.word(from + bytes - SHORT_BYTES, SHORT_BYTES);
            LookedUpName::Middle(word(begins), word(rest | length(bytes)))
        } else {
            LookedUpName::Long(cells.at(span))
        }
    }

    /// Makes the name of a text with so many bytes out of its first 16, with zeros after them; `None` if it has more.
    #[inline]
    pub(super) fn of_word(begins: u128, bytes: usize) -> Option<LookedUpName<'a>> {
        (bytes <= SHORT_BYTES).then(|| LookedUpName::Short(word(begins | length(bytes))))
    }
}

/// Texts with their codes.
#[derive(Default)]
pub(super) struct KnownTexts {
    short: Codes<Word>,
    middle: Codes<(Word, Word)>,
    long: FxHashMap<Box<[u8]>, u32>,
}

impl KnownTexts {
    /// Returns the code of a text, which is `next` if it was not known.
    #[inline]
    pub(super) fn code(&mut self, name: LookedUpName<'_>, next: u32) -> u32 {
        match name {
            LookedUpName::Short(text) => self.short.code(text, next),
            LookedUpName::Middle(first, rest) => self.middle.code((first, rest), next),
            LookedUpName::Long(text) => match self.long.get(text) {
                Some(code) => *code,
                None => *self.long.entry(text.into()).or_insert(next),
            },
        }
    }
}

/// How many texts have a place before the map.
const RECENT: usize = 256;

/// Codes of texts that are numbers.
///
/// Most columns have few texts: each has one place where it is looked for first, which takes fewer steps than a map does.
struct Codes<K> {
    /// Without any until the first text comes.
    recent: Vec<Option<(K, u32)>>,
    all: FxHashMap<K, u32>,
}

impl<K> Default for Codes<K> {
    fn default() -> Self {
        Codes { recent: Vec::new(), all: FxHashMap::default() }
    }
}

impl<K: Copy + Eq + Hash> Codes<K> {
    #[inline]
    fn code(&mut self, text: K, next: u32) -> u32 {
        let place = FxBuildHasher.hash_one(text) as usize % RECENT;
        match self.recent.get(place) {
            Some(Some((known, code))) if *known == text => *code,
            _ => self.look_up(text, place, next),
        }
    }

    fn look_up(&mut self, text: K, place: usize, next: u32) -> u32 {
        let code = *self.all.entry(text).or_insert(next);
        if self.recent.is_empty() {
            self.recent.resize(RECENT, None);
        }
        if let Some(slot) = self.recent.get_mut(place) {
            *slot = Some((text, code));
        }
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_are_equal_where_texts_are(
            texts in proptest::collection::vec("a{0,40}|[ab]{14,17}|b?a{29,33}b?|[a-c]{0,2}", 1..20),
        ) {
            let text = texts.join(",") + ",\n";
            let mut cells = ChunkCells::new(text.as_bytes(), texts.len() + 1).unwrap();
            cells.find(1, 1, &mut Vec::new()).unwrap();
            let names: Vec<LookedUpName<'_>> = cells.spans_of(0).iter().map(|s| LookedUpName::of(&cells, *s)).collect();
            let mut known = KnownTexts::default();
            for (i, one) in texts.iter().enumerate() {
                for (j, other) in texts.iter().enumerate() {
                    prop_assert_eq!(names[i] == names[j], one == other);
                }
                let first = texts.iter().position(|t| t == one).unwrap();
                prop_assert_eq!(known.code(names[i], i as u32), first as u32);
            }
        }
    }
}

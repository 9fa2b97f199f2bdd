//! Secrets taken out of what people and plugins get to see.

use std::ops::Range;

use aho_corasick::AhoCorasick;

/// Shorter ones would be found in ordinary words.
const BYTES_MIN: usize = 4;
/// What stands for a secret in a text.
const BLOT: &str = "***";

/// Finds secrets. What it looks through is never changed before all of them were found: of two secrets of which one begins the
/// other, the rest of the longer one would stay.
#[derive(Default)]
pub(crate) struct Redactor {
    finder: Option<AhoCorasick>,
}

impl Redactor {
    /// Prepares to find these values.
    pub(crate) fn new<'a>(values: impl Iterator<Item = &'a str>) -> Result<Redactor, String> {
        let values: Vec<&str> = values.filter(|value| value.len() >= BYTES_MIN).collect();
        let finder = (!values.is_empty()).then(|| AhoCorasick::new(values)).transpose();
        Ok(Redactor {
            finder: finder.map_err(|_| "the secrets are too long to be kept out of logs".to_owned())?,
        })
    }

    /// Returns the stretches that are secrets, from the front. Those that overlap or touch are one.
    fn stretches(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let Some(finder) = &self.finder else { return Vec::new() };
        let mut united: Vec<Range<usize>> = Vec::new();
        // They come in the order of their ends.
        for found in finder.find_overlapping_iter(bytes) {
            let mut stretch = found.range();
            while let Some(last) = united.pop_if(|last| stretch.start <= last.end) {
                stretch.start = stretch.start.min(last.start);
            }
            united.push(stretch);
        }
        united
    }

    /// Takes secrets out of a text.
    pub(crate) fn redacted(&self, text: &str) -> String {
        let (mut out, mut at) = (String::with_capacity(text.len()), 0);
        // A secret is text, so it begins and ends where characters do.
        for stretch in self.stretches(text.as_bytes()) {
            out.push_str(text.get(at..stretch.start).unwrap_or_default());
            out.push_str(BLOT);
            at = stretch.end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        out
    }

    /// Overwrites secrets in bytes, which keep their length.
    pub(crate) fn blot_out(&self, bytes: &mut [u8]) {
        for stretch in self.stretches(bytes) {
            bytes.get_mut(stretch).unwrap_or_default().fill(b'*');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(secrets: &[&str], text: &str) -> (String, String) {
        let redactor = Redactor::new(secrets.iter().copied()).unwrap();
        let mut bytes = text.as_bytes().to_vec();
        redactor.blot_out(&mut bytes);
        (redactor.redacted(text), String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_secret_that_begins_another_leaves_nothing_of_it() {
        for secrets in [["hunter", "hunter2-very-long-secret"], ["hunter2-very-long-secret", "hunter"]] {
            let (text, bytes) = both(&secrets, "a hunter2-very-long-secret b hunter c");
            assert_eq!(text, "a *** b *** c");
            assert_eq!(bytes, "a ************************ b ****** c");
        }
    }

    #[test]
    fn secrets_that_overlap_end_within_each_other_or_repeat_are_gone() {
        assert_eq!(both(&["abcdef", "defghi"], "-abcdefghi-").0, "-***-");
        assert_eq!(both(&["abcdefgh", "cdef"], "-abcdefgh-cdef-").0, "-***-***-");
        assert_eq!(both(&["aaaa"], "baaaaaab").1, "b******b");
        assert_eq!(both(&["key1", "key2"], "key1key2").0, "***");
        assert_eq!(both(&["schlüssel"], "ein schlüssel!").0, "ein ***!");
    }

    #[test]
    fn what_is_too_short_to_be_a_secret_and_what_is_none_stays() {
        assert_eq!(both(&["abc"], "abc").0, "abc");
        assert_eq!(both(&[], "abcd").0, "abcd");
    }
}

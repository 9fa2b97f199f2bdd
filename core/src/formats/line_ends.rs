//! Line ends: LF, CR LF, and CR alone, as old spreadsheets write it.

/// How many bytes are counted before their count is added up: it fits a byte.
const CHUNK: usize = 240;

/// Counts the line ends of a text.
pub(crate) fn line_ends(text: &[u8]) -> u64 {
    let Some((last, all_but_last)) = text.split_last() else { return 0 };
    let next = text.get(1..).unwrap_or_default();
    let mut ends = u64::from(matches!(last, b'\n' | b'\r'));
    // A byte and the one after it, side by side: compilers make vectors of this.
    for (bytes, next) in all_but_last.chunks(CHUNK).zip(next.chunks(CHUNK)) {
        let count = bytes.iter().zip(next).fold(0_u8, |count, (byte, next)| {
            count.wrapping_add(
                u8::from(*byte == b'\n') | (u8::from(*byte == b'\r') & u8::from(*next != b'\n')),
            )
        });
        ends += u64::from(count);
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::line_ends;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_end_counts_once_however_it_is_written(text in "([ab]{0,3}(\r|\n|\r\n)?){0,200}") {
            let plain = text.replace("\r\n", "\n").replace('\r', "\n");
            prop_assert_eq!(line_ends(text.as_bytes()), plain.matches('\n').count() as u64);
        }
    }

    #[test]
    fn counts_do_not_run_over() {
        assert_eq!(line_ends(&[b'\n'; 1_000]), 1_000);
        assert_eq!(line_ends(&[b'\r'; 1_001]), 1_001);
    }
}

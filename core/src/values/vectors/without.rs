//! Leaves bytes out of a text: a comparison marks them in 64 at once, and the others are moved together.

use std::arch::x86_64::{_mm512_cmpneq_epi8_mask, _mm512_maskz_compress_epi8, _mm512_set1_epi8};

use super::{BYTES, first, stored};

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
pub(super) fn append(byte: u8, text: &[u8], out: &mut Vec<u8>) {
    let byte = _mm512_set1_epi8(byte.cast_signed());
    for bytes in text.chunks(BYTES) {
        let vector = first(bytes);
        let there = u64::MAX >> (BYTES - bytes.len());
        let kept = _mm512_cmpneq_epi8_mask(vector, byte) & there;
        let end = out.len() + kept.count_ones() as usize;
        out.extend_from_slice(&stored(_mm512_maskz_compress_epi8(kept, vector)));
        out.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Vectors;

    proptest! {
        #[test]
        fn a_text_without_commas_is_its_other_bytes(text in "[a,\n]{0,300}", before in "[b,]{0,3}") {
            let Some(vectors) = Vectors::or_skip("a_text_without_commas_is_its_other_bytes") else { return Ok(()) };
            let mut out = before.clone().into_bytes();
            vectors.append_without(b',', text.as_bytes(), &mut out);
            prop_assert_eq!(out, (before + &text.replace(',', "")).into_bytes());
        }
    }
}

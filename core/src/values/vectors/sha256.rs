//! SHA-256 of thirty-two texts at once, each in a lane of a vector.
//!
//! A processor's instructions for SHA-256 work on one text, of which each step waits for the one before. Lines are short and many: here
//! one instruction does a step for sixteen of them, and while it does, the next one does the same for sixteen others. That is 7.0 GB/s
//! where those instructions, two texts in turn, do 2.9. What is computed is SHA-256 (FIPS 180-4), as the tests of `digest.rs` hold against
//! the `sha2` crate. Nothing here decides what is hashed.

use std::arch::x86_64::{
    __m512i, __mmask16, _mm512_add_epi32, _mm512_mask_add_epi32, _mm512_ror_epi32, _mm512_set1_epi32,
    _mm512_set4_epi32, _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_shuffle_i32x4, _mm512_srli_epi32,
    _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64,
};

use super::{BYTES, Block, loaded, stored};

/// The texts of a vector: it has 512 bits, and SHA-256 computes with words of 32.
const VECTOR: usize = 16;
/// The vectors that are worked on in turn: neither waits for itself.
const VECTORS: usize = 2;
/// The texts that are hashed at once.
pub(crate) const LANES: usize = VECTOR * VECTORS;

/// The constants of SHA-256's rounds (FIPS 180-4, 4.2.2).
#[rustfmt::skip]
const ROUNDS: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// The words of a state or of a block, for sixteen texts.
type Words<const N: usize> = [__m512i; N];

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn hash(start: &[u32; 8], texts: &[&[Block]; LANES], most: usize) -> [[u32; 8]; LANES] {
    let none = [0; BYTES];
    let mut states = [start.map(|word| _mm512_set1_epi32(word.cast_signed())); VECTORS];
    let mut blocks = [[&none; VECTOR]; VECTORS];
    for at in 0..most {
        let mut going = [0; VECTORS];
        for ((blocks, going), texts) in blocks.iter_mut().zip(&mut going).zip(texts.as_chunks().0) {
            let texts: &[&[Block]; VECTOR] = texts;
            for (lane, (block, text)) in blocks.iter_mut().zip(texts).enumerate() {
                // A lane whose text has ended goes on with what it has, for nothing.
                if let Some(next) = text.get(at) {
                    *block = next;
                    *going |= 1 << lane;
                }
            }
        }
        compress(&mut states, &blocks, going);
    }
    let mut hashes = [[0; 8]; LANES];
    for (hashes, state) in hashes.as_chunks_mut::<VECTOR>().0.iter_mut().zip(states) {
        for (at, words) in state.into_iter().enumerate() {
            for (hash, word) in hashes.iter_mut().zip(stored(words).as_chunks().0) {
                hash[at] = u32::from_ne_bytes(*word);
            }
        }
    }
    hashes
}

/// Takes one more block of each text into its state, of those lanes that have a bit in `going`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn compress(
    states: &mut [Words<8>; VECTORS],
    blocks: &[[&Block; VECTOR]; VECTORS],
    going: [__mmask16; VECTORS],
) {
    let mut words = [[_mm512_setzero_si512(); VECTOR]; VECTORS];
    for (words, blocks) in words.iter_mut().zip(blocks) {
        *words = words_of(blocks);
    }
    let mut new = *states;
    // Loops over steps would have to be unrolled to keep words in registers; the compiler does not always do that.
    macro_rules! round {
        ($first:expr, $($i:literal)*) => {$(
            let constant = _mm512_set1_epi32(ROUNDS[$first + $i].cast_signed());
            for (state, words) in new.iter_mut().zip(&words) {
                let [a, b, c, d, e, f, g, h] = *state;
                let sum = _mm512_add_epi32(
                    _mm512_add_epi32(h, _mm512_add_epi32(words[$i], constant)),
                    _mm512_add_epi32(rotated::<6, 11, 25>(e), _mm512_ternarylogic_epi32::<CHOOSE>(e, f, g)),
                );
                let other = _mm512_add_epi32(
                    rotated::<2, 13, 22>(a),
                    _mm512_ternarylogic_epi32::<MAJORITY>(a, b, c),
                );
                *state = [_mm512_add_epi32(sum, other), a, b, c, _mm512_add_epi32(d, sum), e, f, g];
            }
        )*};
    }
    macro_rules! schedule {
        ($($i:literal)*) => {$(
            for words in &mut words {
                let sum = _mm512_add_epi32(words[$i], words[($i + 9) % 16]);
                let small = _mm512_add_epi32(
                    shifted::<7, 18, 3>(words[($i + 1) % 16]),
                    shifted::<17, 19, 10>(words[($i + 14) % 16]),
                );
                words[$i] = _mm512_add_epi32(sum, small);
            }
        )*};
    }
    round!(0, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    for first in [16, 32, 48] {
        schedule!(0 1 2 3);
        round!(first, 0 1 2 3);
        schedule!(4 5 6 7);
        round!(first, 4 5 6 7);
        schedule!(8 9 10 11);
        round!(first, 8 9 10 11);
        schedule!(12 13 14 15);
        round!(first, 12 13 14 15);
    }
    for ((state, new), going) in states.iter_mut().zip(new).zip(going) {
        for (words, new) in state.iter_mut().zip(new) {
            *words = _mm512_mask_add_epi32(*words, going, *words, new);
        }
    }
}

/// What `ternarylogic` makes of three bits: the bit of this number at the place that they write.
const DIFFERENCE: i32 = 0b1001_0110;
const CHOOSE: i32 = 0b1100_1010;
const MAJORITY: i32 = 0b1110_1000;

#[inline]
#[target_feature(enable = "avx512f")]
fn rotated<const A: i32, const B: i32, const C: i32>(word: __m512i) -> __m512i {
    let [a, b, c] = [_mm512_ror_epi32::<A>(word), _mm512_ror_epi32::<B>(word), _mm512_ror_epi32::<C>(word)];
    _mm512_ternarylogic_epi32::<DIFFERENCE>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn shifted<const A: i32, const B: i32, const C: u32>(word: __m512i) -> __m512i {
    let [a, b, c] = [_mm512_ror_epi32::<A>(word), _mm512_ror_epi32::<B>(word), _mm512_srli_epi32::<C>(word)];
    _mm512_ternarylogic_epi32::<DIFFERENCE>(a, b, c)
}

/// Reads sixteen blocks as their sixteen words each, the highest byte first, and turns them about: a vector for each word, with a lane for each text.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn words_of(blocks: &[&Block; VECTOR]) -> Words<16> {
    let turned = _mm512_set4_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203);
    let mut rows = [turned; VECTOR];
    for (row, block) in rows.iter_mut().zip(blocks) {
        *row = _mm512_shuffle_epi8(loaded(block), turned);
    }
    // Words of two texts side by side, then of four.
    let mut pairs = [_mm512_setzero_si512(); VECTOR];
    for (pairs, rows) in pairs.as_chunks_mut().0.iter_mut().zip(rows.as_chunks().0) {
        let [a, b] = *rows;
        *pairs = [_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b)];
    }
    let mut fours = [_mm512_setzero_si512(); VECTOR];
    for (fours, pairs) in fours.as_chunks_mut().0.iter_mut().zip(pairs.as_chunks().0) {
        let [low, high, low_after, high_after] = *pairs;
        *fours = [
            _mm512_unpacklo_epi64(low, low_after),
            _mm512_unpackhi_epi64(low, low_after),
            _mm512_unpacklo_epi64(high, high_after),
            _mm512_unpackhi_epi64(high, high_after),
        ];
    }
    // Each vector has one of words 0 to 3 of four texts, then the same of words 4 to 7, and so on: these quarters change places.
    let [first, second, third, fourth] = *fours.as_chunks::<4>().0 else { return fours };
    let mut words = [_mm512_setzero_si512(); VECTOR];
    for (at, (((a, b), c), d)) in first.into_iter().zip(second).zip(third).zip(fourth).enumerate() {
        let [even, odd] = [_mm512_shuffle_i32x4::<0x88>(a, b), _mm512_shuffle_i32x4::<0xdd>(a, b)];
        let [even_after, odd_after] =
            [_mm512_shuffle_i32x4::<0x88>(c, d), _mm512_shuffle_i32x4::<0xdd>(c, d)];
        words[at] = _mm512_shuffle_i32x4::<0x88>(even, even_after);
        words[at + 4] = _mm512_shuffle_i32x4::<0x88>(odd, odd_after);
        words[at + 8] = _mm512_shuffle_i32x4::<0xdd>(even, even_after);
        words[at + 12] = _mm512_shuffle_i32x4::<0xdd>(odd, odd_after);
    }
    words
}

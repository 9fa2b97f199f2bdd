//! What is done with vectors of 512 bits, where the processor has them: the only unsafe code of the library.
//!
//! Each is the same as what is done elsewhere without them, only faster, and a test beside it says so:
//!
//! - [`Vectors::sha256`] hashes many lines at once;
//! - [`Vectors::append_without`] leaves the commas out of a line;
//! - [`Vectors::run`] does what a closure says, compiled once more.
//!
//! Intrinsics are safe to call in functions that are compiled for what they need. Unsafe is to call these functions, which [`Vectors`]
//! allows: it is made only where the processor was asked. And unsafe is to read and write memory by pointers, in [`loaded`], [`first`] and
//! [`stored`]. Why there is such code at all: docs/decisions/0019-vectors.md.

use std::arch::x86_64::{
    __m512i, _mm512_loadu_si512, _mm512_maskz_loadu_epi8, _mm512_setzero_si512, _mm512_storeu_si512,
};

mod sha256;
mod without;

pub(crate) use sha256::LANES;

/// A block of SHA-256.
pub(crate) type Block = [u8; BYTES];

/// The bytes of a vector.
const BYTES: usize = 64;

/// Says that the processor has what this module is compiled for: AVX-512F, BW, CD, DQ, VL and VBMI2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vectors(());

impl Vectors {
    /// Asks the processor.
    ///
    /// AVX-VNNI is not used. Of the processors with AVX-512 it tells those that work on a whole vector at once (Zen 5; Sapphire Rapids and
    /// later) from those that work on its halves one after the other and gain nothing (Zen 4).
    pub(crate) fn new() -> Option<Vectors> {
        let all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512cd")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("avxvnni");
        all.then_some(Vectors(()))
    }

    /// Asks the processor on behalf of a test. What is not there cannot be installed, so the test is skipped, and says so.
    #[cfg(test)]
    pub(crate) fn or_skip(test: &str) -> Option<Vectors> {
        use std::io::Write as _;
        static SAID: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());
        let vectors = Vectors::new();
        let mut said = SAID.lock().unwrap();
        if vectors.is_none() && !said.iter().any(|name| name == test) {
            // Not `eprintln!`: the test runner keeps that to itself when the test passes.
            let words = format!("SKIPPED: {test} needs a processor with AVX-512 and AVX-VNNI\n");
            std::io::stderr().write_all(words.as_bytes()).unwrap();
            said.push(test.to_owned());
        }
        vectors
    }

    /// Does some work compiled for these vectors, if it is so short that it is compiled into this place: loops that a compiler turns
    /// into vectors by itself.
    #[allow(unsafe_code, reason = "what it calls is compiled for more than every processor has")]
    pub(crate) fn run<T>(self, work: impl FnOnce() -> T) -> T {
        // SAFETY: there is a `Vectors` only where the processor has what the function is compiled for.
        unsafe { run(work) }
    }

    /// Hashes texts by SHA-256, from the state that stands before their first blocks: of each no more than the `most` first blocks.
    /// Returns the states then.
    #[allow(unsafe_code, reason = "what it calls is compiled for more than every processor has")]
    pub(crate) fn sha256(
        self,
        start: &[u32; 8],
        texts: &[&[Block]; LANES],
        most: usize,
    ) -> [[u32; 8]; LANES] {
        // SAFETY: there is a `Vectors` only where the processor has what the function is compiled for.
        unsafe { sha256::hash(start, texts, most) }
    }

    /// Appends a text without those of its bytes that are this one.
    #[allow(unsafe_code, reason = "what it calls is compiled for more than every processor has")]
    pub(crate) fn append_without(self, byte: u8, text: &[u8], out: &mut Vec<u8>) {
        // SAFETY: there is a `Vectors` only where the processor has what the function is compiled for.
        unsafe { without::append(byte, text, out) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
fn run<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[inline]
#[target_feature(enable = "avx512f")]
#[allow(unsafe_code, reason = "memory is read by a pointer")]
fn loaded(bytes: &[u8; BYTES]) -> __m512i {
    // SAFETY: all 64 bytes that are read are there; they need not be aligned.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// Reads what there is of a vector, and zeros after it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
#[allow(unsafe_code, reason = "memory is read by a pointer")]
fn first(bytes: &[u8]) -> __m512i {
    match bytes.first_chunk() {
        Some(all) => loaded(all),
        // SAFETY: bytes beyond those that the mask has a bit for are not read; the others are there, and need not be aligned.
        None if !bytes.is_empty() => unsafe {
            _mm512_maskz_loadu_epi8(u64::MAX >> (BYTES - bytes.len()), bytes.as_ptr().cast())
        },
        None => _mm512_setzero_si512(),
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[allow(unsafe_code, reason = "memory is written by a pointer")]
fn stored(vector: __m512i) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    // SAFETY: there is room for all 64 bytes that are written, which need not be aligned.
    unsafe { _mm512_storeu_si512(bytes.as_mut_ptr().cast(), vector) }
    bytes
}

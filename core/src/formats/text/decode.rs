//! Other encodings to UTF-8, as the bytes come: the one door to `encoding_rs`.

use std::io::{ErrorKind, Read};

use encoding_rs::{Decoder, DecoderResult, GB18030, UTF_8, UTF_16BE, UTF_16LE};

use super::Encoding;

/// What is read at once.
const RAW_BYTES: usize = 64 << 10;
/// Bytes before those that were read last, which a sequence that does not fit may begin with.
const CARRY_BYTES: usize = 8;
/// Stands before bytes that do not fit. No UTF-8 has it, so whoever checks the text finds the place.
const BAD: u8 = 0xff;

/// Text in UTF-8, made of bytes in another encoding.
///
/// What does not fit becomes [`BAD`] and two bytes for each byte of it, of which none is UTF-8 either: it is found where text is checked,
/// cell by cell, and [`bad_bytes`] returns what it was.
pub(crate) struct Decoding<R> {
    inner: R,
    decoder: Decoder,
    raw: Vec<u8>,
    at: usize,
    text: Vec<u8>,
    text_at: usize,
    ended: bool,
    finished: bool,
}

impl<R: Read> Decoding<R> {
    /// Begins behind the byte order mark.
    pub(crate) fn new(inner: R, encoding: Encoding) -> Decoding<R> {
        let encoding = match encoding {
            Encoding::Utf8 => UTF_8,
            Encoding::Gb18030 => GB18030,
            Encoding::Utf16Le => UTF_16LE,
            Encoding::Utf16Be => UTF_16BE,
        };
        Decoding {
            inner,
            decoder: encoding.new_decoder_without_bom_handling(),
            raw: Vec::new(),
            at: 0,
            text: Vec::new(),
            text_at: 0,
            ended: false,
            finished: false,
        }
    }

    fn refill(&mut self) -> std::io::Result<()> {
        self.raw.drain(..self.at.saturating_sub(CARRY_BYTES));
        self.at = self.raw.len();
        let got = loop {
            self.raw.resize(self.at + RAW_BYTES, 0);
            match self.inner.read(self.raw.get_mut(self.at..).unwrap_or_default()) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                got => break got,
            }
        };
        self.raw.truncate(self.at + got.as_ref().copied().unwrap_or(0));
        self.ended = got? == 0;
        Ok(())
    }

    /// Makes more text, until there is some or the end.
    fn decode(&mut self) -> std::io::Result<()> {
        self.text.clear();
        self.text_at = 0;
        while self.text.is_empty() && !self.finished {
            if self.at == self.raw.len() && !self.ended {
                self.refill()?;
            }
            let input = self.raw.get(self.at..).unwrap_or_default();
            let room =
                self.decoder.max_utf8_buffer_length_without_replacement(input.len()).unwrap_or(RAW_BYTES);
            self.text.resize(room.max(16), 0);
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(input, &mut self.text, self.ended);
            self.at += read;
            self.text.truncate(written);
            match result {
                DecoderResult::InputEmpty => self.finished = self.ended,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(bad, after) => {
                    let end = self.at.saturating_sub(usize::from(after));
                    let from = end.saturating_sub(usize::from(bad));
                    self.text.push(BAD);
                    for byte in self.raw.get(from..end).unwrap_or_default() {
                        self.text.extend([0xf0 | byte >> 4, 0xf0 | byte & 0xf]);
                    }
                }
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Decoding<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.text_at >= self.text.len() {
            self.decode()?;
        }
        let got = self.text.get(self.text_at..).unwrap_or_default().read(out)?;
        self.text_at += got;
        Ok(got)
    }
}

/// Returns the text of GB18030; `None` unless all of it is that.
pub(crate) fn gb18030(bytes: &[u8]) -> Option<String> {
    GB18030.decode_without_bom_handling_and_without_replacement(bytes).map(Into::into)
}

/// Returns a text in GB18030.
#[cfg(test)]
pub(crate) fn encoded_gb18030(text: &str) -> Vec<u8> {
    GB18030.encode(text).0.into_owned()
}

/// Returns the bytes that do not fit at the beginning of a text that is not UTF-8, as they were in the file.
pub(crate) fn bad_bytes(text: &[u8], encoding: Encoding) -> Vec<u8> {
    // What people need to see is a few characters.
    const SHOWN: usize = 8;
    match text {
        [BAD, coded @ ..] if encoding != Encoding::Utf8 => {
            let pairs = coded
                .as_chunks::<2>()
                .0
                .iter()
                .take_while(|pair| pair.iter().all(|b| *b >= 0xf0 && *b != BAD));
            pairs.map(|[high, low]| high << 4 | low & 0xf).take(SHOWN).collect()
        }
        _ => text.iter().copied().take_while(|b| !b.is_ascii()).take(SHOWN).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives a few bytes at a time.
    struct Slowly<'a>(&'a [u8], usize);

    impl Read for Slowly<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let few = self.1.min(out.len());
            self.0.read(&mut out[..few])
        }
    }

    fn decoded(bytes: &[u8], encoding: Encoding, step: usize) -> Vec<u8> {
        let mut text = Vec::new();
        Decoding::new(Slowly(bytes, step), encoding).read_to_end(&mut text).unwrap();
        text
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in "[a-z,\"\r\n\u{4e00}-\u{9fa5}\u{1f600}-\u{1f64f}é一]{0,60}", step in 1_usize..9) {
            let units: Vec<u16> = text.encode_utf16().collect();
            let little: Vec<u8> = units.iter().flat_map(|u| u.to_le_bytes()).collect();
            let big: Vec<u8> = units.iter().flat_map(|u| u.to_be_bytes()).collect();
            let chinese = encoding_rs::GB18030.encode(&text).0.into_owned();
            for (bytes, encoding) in
                [(little, Encoding::Utf16Le), (big, Encoding::Utf16Be), (chinese, Encoding::Gb18030)]
            {
                prop_assert_eq!(decoded(&bytes, encoding, step), text.as_bytes());
            }
        }

        #[test]
        fn bytes_that_do_not_fit_are_found_and_told(before in "[a-z\u{4e00}-\u{9fa5}]{0,9}", step in 1_usize..9) {
            let mut bytes = encoding_rs::GB18030.encode(&before).0.into_owned();
            bytes.extend(b"\x81\x20,x");
            let text = decoded(&bytes, Encoding::Gb18030, step);
            prop_assert_eq!(&text[..before.len()], before.as_bytes());
            prop_assert_eq!(bad_bytes(&text[before.len()..], Encoding::Gb18030), b"\x81");
            prop_assert!(text.ends_with(b" ,x"));
            prop_assert_eq!(std::str::from_utf8(&text).unwrap_err().valid_up_to(), before.len());
        }
    }

    #[test]
    fn a_text_that_ends_within_a_character_is_not_whole() {
        for (bytes, encoding) in [
            (&b"a\xb2"[..], Encoding::Gb18030),
            (b"a\0b", Encoding::Utf16Le),
            (b"a\0\0\xd8", Encoding::Utf16Le),
        ] {
            let text = decoded(bytes, encoding, 8);
            assert!(text.starts_with(b"a") && std::str::from_utf8(&text).is_err(), "{text:x?}");
        }
    }
}

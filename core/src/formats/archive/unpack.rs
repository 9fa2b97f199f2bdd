//! Packed bytes to text: the door to the packers that zips and gzip files use.
//!
//! Sizes that a file claims are not believed: bytes are counted as they come, and reading ends where more come than a bill has.

use std::cell::Cell;
use std::io::{BufRead, Error, ErrorKind, Read};
use std::rc::Rc;

use rawzip::CompressionMethod as Method;

/// Ratios are not judged before this much has come out: short texts compress without bounds.
const RATIO_FROM_BYTES: u64 = 8 << 20;
/// How far back an LZMA stream may look.
const DICTIONARY_BYTES_MAX: u64 = 128 << 20;

/// Returns how much may come out of so many packed bytes.
pub(super) fn room(packed: u64, ratio_max: u64, bytes_max: u64) -> u64 {
    packed.max(1).saturating_mul(ratio_max).max(RATIO_FROM_BYTES).min(bytes_max)
}

/// Unpacks the data of an entry.
///
/// # Errors
/// What it is packed with, if that is not read here.
pub(super) fn unpack<'a>(
    method: Method,
    marked_end: bool,
    unpacked: u64,
    packed: impl BufRead + 'a,
) -> Result<Box<dyn Read + 'a>, String> {
    let damaged = |e: Error| format!("is damaged: {e}");
    Ok(match method {
        Method::STORE => Box::new(packed),
        Method::DEFLATE => Box::new(flate2::bufread::DeflateDecoder::new(packed)),
        Method::DEFLATE64 => Box::new(deflate64::Deflate64Decoder::with_buffer(packed)),
        Method::BZIP2 => Box::new(bzip2::bufread::BzDecoder::new(packed)),
        Method::LZMA => lzma(marked_end, unpacked, packed)?,
        Method::ZSTD | Method::ZSTD_DEPRECATED => {
            Box::new(zstd::stream::read::Decoder::with_buffer(packed).map_err(damaged)?)
        }
        Method::AES => return Err("is encrypted: unzip it with its password, and import the CSV".into()),
        other => {
            return Err(format!(
                "is packed with {}, which is not read here: unzip it, and import the CSV",
                other.name().map_or_else(|| format!("method {}", other.as_u16()), str::to_owned)
            ));
        }
    })
}

/// In a zip, an LZMA stream has a short header of its own: version, length of the properties, properties.
fn lzma<'a>(
    marked_end: bool,
    unpacked: u64,
    mut packed: impl BufRead + 'a,
) -> Result<Box<dyn Read + 'a>, String> {
    let damaged = |e: &dyn std::fmt::Display| format!("is damaged: {e}");
    let mut head = [0; 9];
    packed.read_exact(&mut head).map_err(|e| damaged(&e))?;
    let [_, _, 5, 0, properties, dictionary @ ..] = head else {
        return Err(damaged(&"it has no LZMA properties"));
    };
    let dictionary = u32::from_le_bytes(dictionary);
    // No more is looked back at than there is.
    let needed = u64::from(dictionary).min(unpacked.max(1 << 12));
    if needed > DICTIONARY_BYTES_MAX {
        return Err(format!(
            "is packed with LZMA and a dictionary of {} MiB: unzip it, and import the CSV",
            u64::from(dictionary) >> 20
        ));
    }
    let size = if marked_end { u64::MAX } else { unpacked };
    let needed = u32::try_from(needed).unwrap_or(u32::MAX);
    let reader = lzma_rust2::LzmaReader::new_with_props(packed, size, properties, needed, None);
    Ok(Box::new(reader.map_err(|e| damaged(&e))?))
}

/// Unpacks gzip, of one member or of several.
pub(crate) fn gunzip<'a>(packed: impl BufRead + 'a) -> impl Read + 'a {
    Members { member: Some(flate2::bufread::GzDecoder::new(packed)) }
}

/// The first bytes of a member of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Reads the members of a gzip file one after another. What begins like none, behind one that is whole, is foreign.
struct Members<R> {
    member: Option<flate2::bufread::GzDecoder<R>>,
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(mut member) = self.member.take() {
            let read = member.read(buffer)?;
            if read > 0 {
                self.member = Some(member);
                return Ok(read);
            }
            let mut packed = member.into_inner();
            let next = packed.fill_buf()?;
            if next.is_empty() {
                break;
            }
            if !next.iter().zip(&GZIP).all(|(found, of_gzip)| found == of_gzip) {
                return Err(Error::new(
                    ErrorKind::InvalidData,
                    "it has bytes behind its end, so it was changed; download it again",
                ));
            }
            self.member = Some(flate2::bufread::GzDecoder::new(packed));
        }
        Ok(0)
    }
}

/// Counts the bytes that are taken from it.
pub(super) struct CountedRead<R> {
    inner: R,
    taken: Rc<Cell<u64>>,
}

impl<R> CountedRead<R> {
    pub(super) fn new(inner: R) -> (CountedRead<R>, Rc<Cell<u64>>) {
        let taken = Rc::new(Cell::new(0));
        (CountedRead { inner, taken: taken.clone() }, taken)
    }
}

impl<R: BufRead> BufRead for CountedRead<R> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.taken.set(self.taken.get() + bytes as u64);
        self.inner.consume(bytes);
    }
}

impl<R: BufRead> Read for CountedRead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.taken.set(self.taken.get() + read as u64);
        Ok(read)
    }
}

/// Gives an error, rather than an end, where packed bytes are left over.
pub(super) struct Whole<R> {
    pub(super) inner: R,
    pub(super) taken: Rc<Cell<u64>>,
    /// How many there are; `None` where the unpacker reads ahead.
    pub(super) packed: Option<u64>,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.packed {
            Some(packed) if read == 0 && !buffer.is_empty() && self.taken.get() != packed => Err(Error::new(
                ErrorKind::InvalidData,
                format!(
                    "{} bytes behind its data belong to nothing",
                    packed.saturating_sub(self.taken.get())
                ),
            )),
            _ => Ok(read),
        }
    }
}

/// Gives an error, rather than an end, where more comes out than is allowed: of this part, and of the whole file.
pub(crate) struct Bounded<'a, R> {
    inner: R,
    own: u64,
    all: &'a mut u64,
}

impl<'a, R> Bounded<'a, R> {
    pub(super) fn new(inner: R, own: u64, all: &'a mut u64) -> Bounded<'a, R> {
        Bounded { inner, own, all }
    }
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.inner.read(buffer)?;
        let left = |room: u64| {
            room.checked_sub(got as u64).ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidData,
                    "it unpacks to far more than a bill does, as a zip bomb would",
                )
            })
        };
        self.own = left(self.own)?;
        *self.all = left(*self.all)?;
        Ok(got)
    }
}

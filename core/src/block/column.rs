//! One column of a block: its cells to bytes, and back to the letter.
//!
//! ```text
//! constant    the one cell
//! dictionary  entries u32, their texts, then a code of 1 or 2 bytes a row
//! integers    form u8, parameter u8, exceptions u32, (row u32, text)*, packed integers
//! raw         packed lengths, then the texts
//! ```
//!
//! The choice is made from the cells alone, so that equal rows give equal bytes.

use rustc_hash::FxHashMap;

use super::BlockError;
use super::bytes::{Put, Take};
use super::ints;
use super::text::Form;

const CONSTANT: u8 = 0;
const DICTIONARY: u8 = 1;
const INTEGERS: u8 = 2;
const RAW: u8 = 3;

/// Dictionaries up to this size are taken before anything else is tried: a code is one byte.
const DICTIONARY_SMALL: usize = 256;
/// The most cells that a dictionary may hold.
const DICTIONARY_MAX: usize = 65_536;

/// Texts one after another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

impl Texts {
    fn push(&mut self, text: &[u8]) -> Result<(), BlockError> {
        self.bytes.extend_from_slice(text);
        self.ends.push(u32::try_from(self.bytes.len()).map_err(|_| BlockError::TooLarge)?);
        Ok(())
    }

    /// Returns how many texts there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns a text; nothing beyond the last one.
    pub fn get(&self, i: usize) -> &[u8] {
        let from = i.checked_sub(1).and_then(|i| self.ends.get(i)).copied().unwrap_or(0);
        let to = self.ends.get(i).copied().unwrap_or(from);
        self.bytes.get(from as usize..to as usize).unwrap_or_default()
    }

    /// Goes through the texts.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|i| self.get(i))
    }

    fn take(take: &mut Take<'_>, n: usize) -> Result<Texts, BlockError> {
        let lengths = ints::unpack(take, n)?;
        let mut ends = Vec::with_capacity(n);
        let mut end = 0_u64;
        for length in lengths {
            end = u64::try_from(length).ok().and_then(|l| end.checked_add(l)).ok_or(BlockError::TooLarge)?;
            ends.push(u32::try_from(end).map_err(|_| BlockError::TooLarge)?);
        }
        let total = usize::try_from(end).map_err(|_| BlockError::TooLarge)?;
        Ok(Texts { ends, bytes: take.bytes(total)?.to_vec() })
    }

    fn put(&self, out: &mut Vec<u8>) {
        let mut from = 0_i64;
        let lengths: Vec<i64> = self
            .ends
            .iter()
            .map(|end| {
                let length = i64::from(*end) - from;
                from = i64::from(*end);
                length
            })
            .collect();
        ints::pack(&lengths, out);
        out.extend_from_slice(&self.bytes);
    }
}

/// A decoded column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnData {
    /// Every row has this cell.
    Constant(Vec<u8>),
    /// A code for each row, into the entries.
    Dictionary {
        /// The distinct cells.
        entries: Texts,
        /// Which one a row has.
        codes: Vec<u16>,
    },
    /// Integers that are written as cells in one form, but for the exceptions.
    Integers {
        /// How they are written.
        form: IntegerForm,
        /// A value for each row; zero where there is an exception.
        values: Vec<i64>,
        /// The rows that have another text, ascending.
        exceptions: Vec<(u32, Vec<u8>)>,
    },
    /// The texts as they are.
    Raw(Texts),
}

/// How integers are written as cells; opaque outside of the block engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntegerForm(Form);

impl IntegerForm {
    /// Returns the number of decimals, for decimals.
    pub fn scale(self) -> Option<u8> {
        match self.0 {
            Form::Fixed(scale) => Some(scale),
            _ => None,
        }
    }

    /// Says whether the integers are seconds since 1970-01-01 00:00:00.
    pub fn is_time(self) -> bool {
        self.0 == Form::Time
    }
}

impl ColumnData {
    /// Appends the cell of a row.
    pub fn write_cell(&self, row: usize, out: &mut Vec<u8>) {
        match self {
            ColumnData::Constant(cell) => out.extend_from_slice(cell),
            ColumnData::Dictionary { entries, codes } => {
                out.extend_from_slice(entries.get(codes.get(row).copied().map_or(usize::MAX, usize::from)));
            }
            ColumnData::Integers { form, values, exceptions } => match exception(exceptions, row) {
                Some(text) => out.extend_from_slice(text),
                None => form.0.write(values.get(row).copied().unwrap_or(0), out),
            },
            ColumnData::Raw(texts) => out.extend_from_slice(texts.get(row)),
        }
    }

    /// Returns the cell of a row, in `scratch` where it has to be written first.
    pub fn cell<'a>(&'a self, row: usize, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        match self {
            ColumnData::Constant(cell) => cell,
            ColumnData::Dictionary { entries, codes } => {
                entries.get(codes.get(row).copied().map_or(usize::MAX, usize::from))
            }
            ColumnData::Raw(texts) => texts.get(row),
            ColumnData::Integers { .. } => {
                scratch.clear();
                self.write_cell(row, scratch);
                scratch
            }
        }
    }

    /// Returns the integer of a row, unless the row is an exception or the column has none.
    pub fn integer(&self, row: usize) -> Option<(IntegerForm, i64)> {
        match self {
            ColumnData::Integers { form, values, exceptions } if exception(exceptions, row).is_none() => {
                Some((*form, values.get(row).copied()?))
            }
            _ => None,
        }
    }

    /// Encodes cells; returns the codec's number.
    pub(crate) fn encode(cells: &[&[u8]], out: &mut Vec<u8>) -> Result<u8, BlockError> {
        let first = cells.first().copied().unwrap_or_default();
        if cells.iter().all(|cell| *cell == first) {
            out.extend_from_slice(first);
            return Ok(CONSTANT);
        }
        let rows = cells.len();
        let mut codes: Vec<u16> = Vec::with_capacity(rows);
        let mut entries = Texts::default();
        let mut known: FxHashMap<&[u8], u16> = FxHashMap::default();
        let entries_max = (rows / 4).clamp(DICTIONARY_SMALL, DICTIONARY_MAX);
        let mut tried_integers = false;
        let mut last: (&[u8], u16) = (first, 0);
        for text in cells.iter().copied() {
            if text == last.0 && !codes.is_empty() {
                codes.push(last.1);
                continue;
            }
            let code = match known.get(text) {
                Some(code) => *code,
                None => {
                    if entries.len() == DICTIONARY_SMALL && !tried_integers {
                        tried_integers = true;
                        if encode_integers(cells, out)? {
                            return Ok(INTEGERS);
                        }
                    }
                    if entries.len() == entries_max {
                        return encode_raw(cells, out);
                    }
                    let code = u16::try_from(entries.len()).map_err(|_| BlockError::TooLarge)?;
                    entries.push(text)?;
                    known.insert(text, code);
                    code
                }
            };
            codes.push(code);
            last = (text, code);
        }
        // Few rows, most of them different: integers are smaller than a dictionary of them.
        if !tried_integers && entries.len() * 2 > rows && encode_integers(cells, out)? {
            return Ok(INTEGERS);
        }
        let mut put = Put(out);
        put.u32(u32::try_from(entries.len()).map_err(|_| BlockError::TooLarge)?);
        entries.put(out);
        if entries.len() <= DICTIONARY_SMALL {
            out.extend(codes.iter().map(|c| (*c & 0xff) as u8));
        } else {
            out.extend(codes.iter().map(|c| (*c & 0xff) as u8));
            out.extend(codes.iter().map(|c| (*c >> 8) as u8));
        }
        Ok(DICTIONARY)
    }

    pub(crate) fn decode(codec: u8, bytes: &[u8], rows: usize) -> Result<ColumnData, BlockError> {
        let mut take = Take(bytes);
        let data = match codec {
            CONSTANT => ColumnData::Constant(take.bytes(bytes.len())?.to_vec()),
            DICTIONARY => {
                let n = take.count(DICTIONARY_MAX)?;
                let entries = Texts::take(&mut take, n)?;
                let mut codes: Vec<u16> = take.bytes(rows)?.iter().map(|b| u16::from(*b)).collect();
                if n > DICTIONARY_SMALL {
                    for (code, high) in codes.iter_mut().zip(take.bytes(rows)?) {
                        *code |= u16::from(*high) << 8;
                    }
                }
                if codes.iter().any(|c| usize::from(*c) >= n) {
                    return Err(BlockError::Damaged("a code is not in the dictionary"));
                }
                ColumnData::Dictionary { entries, codes }
            }
            INTEGERS => decode_integers(&mut take, rows)?,
            RAW => ColumnData::Raw(Texts::take(&mut take, rows)?),
            _ => return Err(BlockError::Damaged("unknown codec")),
        };
        if take.0.is_empty() { Ok(data) } else { Err(BlockError::Damaged("a column has bytes too many")) }
    }
}

fn exception(exceptions: &[(u32, Vec<u8>)], row: usize) -> Option<&[u8]> {
    if exceptions.is_empty() {
        return None;
    }
    let at = exceptions.binary_search_by_key(&row, |(r, _)| *r as usize).ok()?;
    exceptions.get(at).map(|(_, text)| text.as_slice())
}

fn encode_raw(cells: &[&[u8]], out: &mut Vec<u8>) -> Result<u8, BlockError> {
    let mut texts = Texts::default();
    for cell in cells {
        texts.push(cell)?;
    }
    texts.put(out);
    Ok(RAW)
}

/// Encodes integers, if at least 15 of 16 cells have one form; `false` leaves `out` as it was.
fn encode_integers(cells: &[&[u8]], out: &mut Vec<u8>) -> Result<bool, BlockError> {
    let Some(form) = cells.iter().take(8).find_map(|cell| Form::guess(cell)) else { return Ok(false) };
    let mut values = Vec::with_capacity(cells.len());
    let mut exceptions: Vec<(u32, &[u8])> = Vec::new();
    let mut last = 0;
    for (row, text) in cells.iter().copied().enumerate() {
        match form.read(text) {
            Some(v) => {
                last = v;
                values.push(v);
            }
            None => {
                exceptions.push((u32::try_from(row).map_err(|_| BlockError::TooLarge)?, text));
                if exceptions.len() > cells.len() / 16 {
                    return Ok(false);
                }
                // The value before packs best, and is never shown.
                values.push(last);
            }
        }
    }
    let mut put = Put(out);
    let (kind, parameter) = match form {
        Form::Fixed(scale) => (0, scale),
        Form::Time => (1, 0),
        Form::Digits(width) => (2, width),
    };
    put.u8(kind);
    put.u8(parameter);
    put.u32(u32::try_from(exceptions.len()).map_err(|_| BlockError::TooLarge)?);
    for (row, text) in exceptions {
        put.u32(row);
        put.text(text)?;
    }
    ints::pack(&values, out);
    Ok(true)
}

fn decode_integers(take: &mut Take<'_>, rows: usize) -> Result<ColumnData, BlockError> {
    let form = match (take.u8()?, take.u8()?) {
        (0, scale) if scale <= 18 => Form::Fixed(scale),
        (1, 0) => Form::Time,
        (2, width) if width <= 18 => Form::Digits(width),
        _ => return Err(BlockError::Damaged("unknown form of integers")),
    };
    let n = take.count(rows)?;
    let mut exceptions: Vec<(u32, Vec<u8>)> = Vec::with_capacity(n);
    for _ in 0..n {
        let row = take.u32()?;
        if exceptions.last().is_some_and(|(before, _)| *before >= row) || row as usize >= rows {
            return Err(BlockError::Damaged("exceptions are out of order"));
        }
        exceptions.push((row, take.text()?.to_vec()));
    }
    let values = ints::unpack(take, rows)?;
    Ok(ColumnData::Integers { form: IntegerForm(form), values, exceptions })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(cells: &[Vec<u8>]) -> u8 {
        let mut bytes = Vec::new();
        let slices: Vec<&[u8]> = cells.iter().map(Vec::as_slice).collect();
        let codec = ColumnData::encode(&slices, &mut bytes).unwrap();
        let data = ColumnData::decode(codec, &bytes, cells.len()).unwrap();
        let mut scratch = Vec::new();
        for (row, want) in cells.iter().enumerate() {
            assert_eq!(data.cell(row, &mut scratch), want.as_slice());
        }
        codec
    }

    fn texts(cells: impl Iterator<Item = String>) -> Vec<Vec<u8>> {
        cells.map(String::into_bytes).collect()
    }

    #[test]
    fn each_codec_is_chosen_for_its_cells() {
        assert_eq!(round_trip(&texts((0..999).map(|_| "USD".into()))), CONSTANT);
        assert_eq!(round_trip(&texts((0..999).map(|i| format!("product {}", i % 7)))), DICTIONARY);
        assert_eq!(round_trip(&texts((0..4_000).map(|i| format!("instance-{}", i % 900)))), DICTIONARY);
        assert_eq!(round_trip(&texts((0..999).map(|i| format!("{}.{:08}", i % 3, i)))), INTEGERS);
        assert_eq!(round_trip(&texts((0..999).map(|i| format!("{}", 20_210_301_000_000_i64 + i)))), INTEGERS);
        assert_eq!(round_trip(&texts((0..999).map(|i| format!("note {i}")))), RAW);
    }

    #[test]
    fn a_few_other_texts_among_integers_are_exceptions() {
        let cells = texts((0..999).map(|i| if i % 40 == 3 { "-".into() } else { format!("{i}.50") }));
        assert_eq!(round_trip(&cells), INTEGERS);
    }

    proptest! {
        #[test]
        fn any_cells_come_back(cells in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..6),
                "-?[0-9]{1,4}(\\.[0-9]{2})?".prop_map(String::into_bytes),
                Just(b"-".to_vec()),
            ], 0..400)) {
            round_trip(&cells);
        }

        #[test]
        fn hostile_bytes_never_panic(codec in 0_u8..5, bytes in proptest::collection::vec(any::<u8>(), 0..80), rows in 0_usize..40) {
            if let Ok(data) = ColumnData::decode(codec, &bytes, rows) {
                let mut out = Vec::new();
                (0..rows).for_each(|row| data.write_cell(row, &mut out));
            }
        }
    }
}

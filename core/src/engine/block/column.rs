//! One column of a block: from bytes back to its cells, to the letter. [`super::encode`] is the way there.
//!
//! ```text
//! constant    the one cell
//! dictionary  entries u32, their texts, then a code of 1 or 2 bytes a row
//! integers    form u8, parameter u8, exceptions u32, (row u32, text)*, packed integers
//! raw         packed lengths, then the texts
//! ```

use std::cmp::Ordering;
use std::ops::Range;

use super::bytes::Take;
use super::error::BlockError;
use super::ints;
use super::text::CellForm;

pub(super) const CONSTANT: u8 = 0;
pub(super) const DICTIONARY: u8 = 1;
pub(super) const INTEGERS: u8 = 2;
pub(super) const RAW: u8 = 3;

/// Dictionaries up to this size have codes of one byte.
pub(super) const DICTIONARY_SMALL: usize = 256;
/// The most cells that a dictionary may hold.
pub(super) const DICTIONARY_MAX: usize = 65_536;

/// Texts one after another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockTexts {
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

impl BlockTexts {
    pub(super) fn push(&mut self, text: &[u8]) -> Result<(), BlockError> {
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

    /// Takes `n` texts, and keeps those at some places.
    fn take(take: &mut Take<'_>, n: usize, wanted: Range<usize>) -> Result<BlockTexts, BlockError> {
        let lengths = ints::unpack(take, n)?;
        let mut ends = Vec::with_capacity(wanted.len());
        let (mut end, mut from) = (0_u64, 0);
        for (place, length) in lengths.into_iter().enumerate() {
            if place == wanted.start {
                from = end;
            }
            end = u64::try_from(length).ok().and_then(|l| end.checked_add(l)).ok_or(BlockError::TooLarge)?;
            if wanted.contains(&place) {
                ends.push(u32::try_from(end - from).map_err(|_| BlockError::TooLarge)?);
            }
        }
        let total = usize::try_from(end).map_err(|_| BlockError::TooLarge)?;
        let bytes = take.bytes(total)?.get(usize::try_from(from).map_err(|_| BlockError::TooLarge)?..);
        let length = ends.last().copied().unwrap_or(0) as usize;
        let bytes = bytes.and_then(|bytes| bytes.get(..length)).unwrap_or_default().to_vec();
        Ok(BlockTexts { ends, bytes })
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
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
        entries: BlockTexts,
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
    Raw(BlockTexts),
}

/// How integers are written as cells; opaque outside of the block engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntegerForm(CellForm);

impl IntegerForm {
    /// Returns the number of decimals, for decimals.
    pub fn scale(self) -> Option<u8> {
        match self.0 {
            CellForm::Fixed(scale) => Some(scale),
            _ => None,
        }
    }

    /// Says whether the integers are seconds since 1970-01-01 00:00:00.
    pub fn is_time(self) -> bool {
        self.0 == CellForm::Time
    }

    /// Returns the number that an integer's cell shows in digits alone, of which the first is no zero.
    pub(crate) fn plain_number(self, value: i64) -> Option<u64> {
        let least = match self.0 {
            CellForm::Fixed(0) => 1,
            CellForm::Digits(width) => 10_i64.checked_pow(u32::from(width).checked_sub(1)?)?,
            _ => return None,
        };
        u64::try_from(value).ok().filter(|_| value >= least)
    }

    /// Returns the seconds since 1970-01-01 00:00:00 that an integer's cell shows.
    pub(crate) fn time(self, value: i64) -> Option<i64> {
        // A year of four digits.
        const END: i64 = 253_402_300_800;
        (self.is_time() && (0..END).contains(&value)).then_some(value)
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

    /// Appends the cell of a row that is an integer in disguise; `false` where it is not.
    pub(crate) fn write_integer(&self, row: usize, out: &mut Vec<u8>) -> bool {
        match self {
            ColumnData::Integers { form, values, exceptions } if exception(exceptions, row).is_none() => {
                form.0.write(values.get(row).copied().unwrap_or(0), out);
                true
            }
            _ => false,
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

    /// Compares two cells by their integers, where these tell how the texts compare: they are equal, or of texts that are all as
    /// long as each other.
    pub(crate) fn quick_order(&self, row: usize, other: &ColumnData, other_row: usize) -> Option<Ordering> {
        let ((form, value), (other_form, other_value)) = (self.integer(row)?, other.integer(other_row)?);
        let order = value.cmp(&other_value);
        (form == other_form && (form.0.sorts_as_text() || order == Ordering::Equal)).then_some(order)
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

    /// Returns the number of a row's entry, for dictionaries.
    pub(crate) fn code(&self, row: usize) -> Option<usize> {
        match self {
            ColumnData::Dictionary { codes, .. } => codes.get(row).copied().map(usize::from),
            _ => None,
        }
    }

    #[cfg(test)]
    pub(crate) fn decode(codec: u8, bytes: &[u8], rows: usize) -> Result<ColumnData, BlockError> {
        ColumnData::decode_part(codec, bytes, rows, 0..rows)
    }

    /// Decodes the cells of some of a column's rows, of which it has `rows` in all.
    pub(crate) fn decode_part(
        codec: u8,
        bytes: &[u8],
        rows: usize,
        wanted: Range<usize>,
    ) -> Result<ColumnData, BlockError> {
        let mut take = Take(bytes);
        let data = match codec {
            CONSTANT => ColumnData::Constant(take.bytes(bytes.len())?.to_vec()),
            DICTIONARY => {
                let n = take.count(DICTIONARY_MAX)?;
                let entries = BlockTexts::take(&mut take, n, 0..n)?;
                let part = |bytes: &[u8]| bytes.get(wanted.clone()).unwrap_or_default().to_vec();
                let mut codes: Vec<u16> = part(take.bytes(rows)?).into_iter().map(u16::from).collect();
                if n > DICTIONARY_SMALL {
                    for (code, high) in codes.iter_mut().zip(part(take.bytes(rows)?)) {
                        *code |= u16::from(high) << 8;
                    }
                }
                if codes.iter().any(|c| usize::from(*c) >= n) {
                    return Err(BlockError::Damaged("a code is not in the dictionary"));
                }
                if codes.len() < rows.min(n) {
                    used_entries(&entries, codes)?
                } else {
                    ColumnData::Dictionary { entries, codes }
                }
            }
            INTEGERS => decode_integers(&mut take, rows, wanted)?,
            RAW => ColumnData::Raw(BlockTexts::take(&mut take, rows, wanted)?),
            _ => return Err(BlockError::Damaged("unknown codec")),
        };
        if take.0.is_empty() { Ok(data) } else { Err(BlockError::Damaged("a column has bytes too many")) }
    }
}

/// Makes a dictionary of the entries that any row has: whoever reads a few rows goes through a few entries.
fn used_entries(entries: &BlockTexts, mut codes: Vec<u16>) -> Result<ColumnData, BlockError> {
    let mut used = codes.clone();
    used.sort_unstable();
    used.dedup();
    for code in &mut codes {
        *code = used.partition_point(|u| *u < *code) as u16;
    }
    let mut few = BlockTexts::default();
    used.iter().try_for_each(|code| few.push(entries.get(usize::from(*code))))?;
    Ok(ColumnData::Dictionary { entries: few, codes })
}

fn exception(exceptions: &[(u32, Vec<u8>)], row: usize) -> Option<&[u8]> {
    if exceptions.is_empty() {
        return None;
    }
    let at = exceptions.binary_search_by_key(&row, |(r, _)| *r as usize).ok()?;
    exceptions.get(at).map(|(_, text)| text.as_slice())
}

fn decode_integers(take: &mut Take<'_>, rows: usize, wanted: Range<usize>) -> Result<ColumnData, BlockError> {
    let form = match (take.u8()?, take.u8()?) {
        (0, scale) if scale <= 18 => CellForm::Fixed(scale),
        (1, 0) => CellForm::Time,
        (2, width) if width <= 18 => CellForm::Digits(width),
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
    let outside = |(row, _): &(u32, Vec<u8>)| !wanted.contains(&(*row as usize));
    if exceptions.iter().any(outside) {
        exceptions.retain(|one| !outside(one));
    }
    // The place of a row among those that are wanted.
    exceptions.iter_mut().for_each(|(row, _)| *row -= wanted.start as u32);
    let values = ints::unpack_part(take, rows, wanted)?;
    Ok(ColumnData::Integers { form: IntegerForm(form), values, exceptions })
}

#[cfg(test)]
mod tests {
    use super::super::encode::encode_texts;
    use super::*;
    use proptest::prelude::*;

    fn cells() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let text = |pattern: &'static str| pattern.prop_map(String::into_bytes).boxed();
        let cell = prop_oneof![
            Just("[a-c]{1,2}"),
            Just("[a-z0-9]{2}"),
            Just("-?[0-9]{1,4}\\.[0-9]{2}"),
            Just("1|2|-"),
            Just("[a-z]{0,30}"),
        ];
        cell.prop_flat_map(move |pattern| proptest::collection::vec(text(pattern), 1..900))
    }

    proptest! {
        #[test]
        fn what_an_integer_tells_is_what_its_cell_does(
            value in prop_oneof![-1_000_000_000_000_i64..1_000_000_000_000, -5_i64..1_000, 0_i64..2_000_000_000_000, 253_402_000_000_i64..253_403_000_000],
            form in prop_oneof![(0_u8..10).prop_map(CellForm::Fixed), (1_u8..18).prop_map(CellForm::Digits), Just(CellForm::Time)],
        ) {
            let mut cell = Vec::new();
            form.write(value, &mut cell);
            // Stored integers are those that some cell was read as.
            prop_assume!(form.read(&cell) == Some(value));
            let text = std::str::from_utf8(&cell).unwrap();
            let digits = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
            let number = digits.then(|| text.parse::<u64>().unwrap());
            prop_assert_eq!(IntegerForm(form).plain_number(value), number);
            if let Some(time) = IntegerForm(form).time(value) {
                prop_assert_eq!(crate::values::digits::read_time(&cell), Some(time));
            }
        }

        #[test]
        fn a_part_has_the_cells_of_the_whole(
            cells in cells(),
            ends in any::<[proptest::sample::Index; 2]>(),
        ) {
            let mut bytes = Vec::new();
            let slices: Vec<&[u8]> = cells.iter().map(Vec::as_slice).collect();
            let codec = encode_texts(&slices, &mut bytes).unwrap();
            let [a, b] = ends.map(|end| end.index(cells.len() + 1));
            let wanted = a.min(b)..a.max(b);
            let part = ColumnData::decode_part(codec, &bytes, cells.len(), wanted.clone()).unwrap();
            let mut scratch = Vec::new();
            for (row, want) in cells[wanted.clone()].iter().enumerate() {
                prop_assert_eq!(part.cell(row, &mut scratch), want.as_slice());
            }
            if let ColumnData::Dictionary { entries, .. } = &part {
                prop_assert!(entries.len() <= wanted.len().max(1) || wanted == (0..cells.len()));
            }
        }

        #[test]
        fn parts_of_hostile_bytes_never_panic(
            codec in 0_u8..5,
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
            ends in (0_usize..40, 0_usize..40, 0_usize..40),
        ) {
            let mut ends = [ends.0, ends.1, ends.2];
            ends.sort_unstable();
            let [from, to, rows] = ends;
            if let Ok(data) = ColumnData::decode_part(codec, &bytes, rows, from..to) {
                let mut out = Vec::new();
                (from..to).for_each(|row| data.write_cell(row - from, &mut out));
            }
        }
    }
}

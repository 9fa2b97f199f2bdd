//! One column of a block: from its cells to bytes.
//!
//! The choice of a codec is made from the cells alone, so that equal rows give equal bytes: one text for all rows
//! is a constant, few texts are a dictionary, numbers in disguise are integers, and the rest is raw.

use rustc_hash::FxHashMap;

use super::bytes::Put;
use super::column::{BlockTexts, CONSTANT, DICTIONARY, DICTIONARY_MAX, DICTIONARY_SMALL, INTEGERS, RAW};
use super::error::BlockError;
use super::ints;
use super::text::CellForm;

/// One in so many cells may be of another form than the integers of its column.
pub(crate) const EXCEPTION_SHARE: usize = 16;

/// The cells of a column in a block, in the form in which whoever encodes them has them.
pub(crate) enum CellsToEncode<'a> {
    /// Each row's text, of which more are different than [`entries_max`].
    Different(&'a [&'a [u8]]),
    /// The distinct texts in the order in which they first come, and which one each row has.
    Coded { entries: &'a [&'a [u8]], codes: &'a [u32] },
    /// Integers of one form, with any value in the rows that have another text.
    Integers { form: CellForm, values: &'a [i64], exceptions: &'a [(u32, &'a [u8])] },
}

impl CellsToEncode<'_> {
    /// Encodes the cells; returns the codec's number.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<u8, BlockError> {
        match self {
            CellsToEncode::Different(cells) => encode_different(cells, out),
            CellsToEncode::Coded { entries, codes } => encode_coded(entries, codes, out),
            CellsToEncode::Integers { form, values, exceptions } => {
                let first = values.first().copied().unwrap_or(0);
                if exceptions.is_empty() && values.iter().all(|v| *v == first) {
                    form.write(first, out);
                    return Ok(CONSTANT);
                }
                if exceptions.len() <= values.len() / EXCEPTION_SHARE {
                    return put_integers(*form, values, exceptions, out);
                }
                // Too many exceptions in this block: they and the written integers are texts like any others.
                let mut texts = BlockTexts::default();
                let mut exceptions = exceptions.iter().peekable();
                let mut text = Vec::new();
                for (row, value) in values.iter().enumerate() {
                    if let Some((_, cell)) = exceptions.next_if(|(at, _)| *at as usize == row) {
                        texts.push(cell)?;
                    } else {
                        text.clear();
                        form.write(*value, &mut text);
                        texts.push(&text)?;
                    }
                }
                encode_texts(&texts.iter().collect::<Vec<_>>(), out)
            }
        }
    }
}

/// Returns how many texts are still worth a dictionary.
pub(crate) fn entries_max(rows: usize) -> usize {
    (rows / 4).clamp(DICTIONARY_SMALL, DICTIONARY_MAX)
}

/// Encodes each row's text.
pub(super) fn encode_texts(cells: &[&[u8]], out: &mut Vec<u8>) -> Result<u8, BlockError> {
    let mut codes: Vec<u32> = Vec::with_capacity(cells.len());
    let mut entries: Vec<&[u8]> = Vec::new();
    let max = entries_max(cells.len());
    let mut known: FxHashMap<&[u8], u32> = FxHashMap::default();
    known.reserve(max.min(cells.len()) + 1);
    let mut last: Option<(&[u8], u32)> = None;
    for text in cells.iter().copied() {
        let code = match last {
            Some((before, code)) if before == text => code,
            _ => *known.entry(text).or_insert_with(|| {
                entries.push(text);
                entries.len() as u32 - 1
            }),
        };
        codes.push(code);
        last = Some((text, code));
        if entries.len() > max {
            return encode_different(cells, out);
        }
    }
    encode_coded(&entries, &codes, out)
}

/// Encodes more texts than a dictionary is worth.
fn encode_different(cells: &[&[u8]], out: &mut Vec<u8>) -> Result<u8, BlockError> {
    match integers_of(cells.iter().copied()) {
        Some((form, values, exceptions)) => put_integers(form, &values, &exceptions, out),
        None => put_raw(cells.iter().copied(), out),
    }
}

fn encode_coded(entries: &[&[u8]], codes: &[u32], out: &mut Vec<u8>) -> Result<u8, BlockError> {
    if let [one] = entries {
        out.extend_from_slice(one);
        return Ok(CONSTANT);
    }
    let rows = codes.len();
    let texts = || codes.iter().map(|code| entries.get(*code as usize).copied().unwrap_or_default());
    // Many texts, or few rows that mostly differ: integers are smaller than a dictionary of them.
    if (entries.len() > DICTIONARY_SMALL || entries.len() * 2 > rows)
        && let Some((form, values, exceptions)) = integers_of_coded(entries, codes)
    {
        return put_integers(form, &values, &exceptions, out);
    }
    if entries.len() > entries_max(rows) {
        return put_raw(texts(), out);
    }
    let mut put = Put(out);
    put.u32(u32::try_from(entries.len()).map_err(|_| BlockError::TooLarge)?);
    let mut list = BlockTexts::default();
    for entry in entries {
        list.push(entry)?;
    }
    list.put(out);
    out.extend(codes.iter().map(|c| (*c & 0xff) as u8));
    if entries.len() > DICTIONARY_SMALL {
        out.extend(codes.iter().map(|c| (*c >> 8) as u8));
    }
    Ok(DICTIONARY)
}

fn put_raw<'a>(cells: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) -> Result<u8, BlockError> {
    let mut texts = BlockTexts::default();
    for cell in cells {
        texts.push(cell)?;
    }
    texts.put(out);
    Ok(RAW)
}

type Integers<'a> = (CellForm, Vec<i64>, Vec<(u32, &'a [u8])>);

/// Reads cells as integers, if at least 15 of 16 have one form.
fn integers_of<'a>(cells: impl Iterator<Item = &'a [u8]> + Clone) -> Option<Integers<'a>> {
    let form = form_of(cells.clone())?;
    gather(form, cells.map(|text| (text, form.read(text))))
}

/// As [`integers_of`], for codes that were given in the order in which texts first come: each text is read once.
fn integers_of_coded<'a>(entries: &[&'a [u8]], codes: &[u32]) -> Option<Integers<'a>> {
    let text = |code: &u32| entries.get(*code as usize).copied().unwrap_or_default();
    let form = form_of(codes.iter().map(text))?;
    let mut read: Vec<Option<i64>> = Vec::with_capacity(entries.len());
    gather(
        form,
        codes.iter().map(|code| {
            if *code as usize == read.len() {
                read.push(form.read(text(code)));
            }
            (text(code), read.get(*code as usize).copied().flatten())
        }),
    )
}

fn form_of<'a>(cells: impl Iterator<Item = &'a [u8]>) -> Option<CellForm> {
    cells.take(8).find_map(CellForm::guess)
}

/// Takes cells, each with its integer if it has the form.
fn gather<'a>(form: CellForm, cells: impl Iterator<Item = (&'a [u8], Option<i64>)>) -> Option<Integers<'a>> {
    let (mut values, mut exceptions) = (Vec::with_capacity(cells.size_hint().0), Vec::new());
    let mut last = 0;
    for (row, (text, value)) in cells.enumerate() {
        match value {
            Some(value) => last = value,
            None => exceptions.push((u32::try_from(row).ok()?, text)),
        }
        // The value before an exception packs best, and is never shown.
        values.push(last);
        // A column that is none shows it soon.
        if exceptions.len() > 8 && exceptions.len() * 4 > values.len() {
            return None;
        }
    }
    (exceptions.len() <= values.len() / EXCEPTION_SHARE).then_some((form, values, exceptions))
}

fn put_integers(
    form: CellForm,
    values: &[i64],
    exceptions: &[(u32, &[u8])],
    out: &mut Vec<u8>,
) -> Result<u8, BlockError> {
    let mut put = Put(out);
    let (kind, parameter) = match form {
        CellForm::Fixed(scale) => (0, scale),
        CellForm::Time => (1, 0),
        CellForm::Digits(width) => (2, width),
    };
    put.u8(kind);
    put.u8(parameter);
    put.u32(u32::try_from(exceptions.len()).map_err(|_| BlockError::TooLarge)?);
    for (row, text) in exceptions {
        put.u32(*row);
        put.text(text)?;
    }
    ints::pack(values, out);
    Ok(INTEGERS)
}

#[cfg(test)]
mod tests {
    use super::super::ColumnData;
    use super::*;
    use proptest::prelude::*;

    fn round_trip(cells: &[Vec<u8>]) -> u8 {
        let mut bytes = Vec::new();
        let slices: Vec<&[u8]> = cells.iter().map(Vec::as_slice).collect();
        let codec = encode_texts(&slices, &mut bytes).unwrap();
        let data = ColumnData::decode(codec, &bytes, cells.len()).unwrap();
        let mut scratch = Vec::new();
        for (row, want) in cells.iter().enumerate() {
            assert_eq!(data.cell(row, &mut scratch), want.as_slice());
        }
        assert_eq!(codec, coded(&slices, &bytes));
        codec
    }

    /// Encodes the same cells from their codes; the bytes must be the same.
    fn coded(cells: &[&[u8]], want: &[u8]) -> u8 {
        let mut entries: Vec<&[u8]> = Vec::new();
        let mut codes = Vec::new();
        for cell in cells.iter().copied() {
            let known = entries.iter().position(|e| *e == cell);
            codes.push(known.unwrap_or(entries.len()) as u32);
            entries.extend(known.is_none().then_some(cell));
        }
        let mut bytes = Vec::new();
        let codec = CellsToEncode::Coded { entries: &entries, codes: &codes }.encode(&mut bytes).unwrap();
        assert_eq!(bytes, want);
        if entries.len() > entries_max(cells.len()) {
            bytes.clear();
            CellsToEncode::Different(cells).encode(&mut bytes).unwrap();
            assert_eq!(bytes, want);
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

    #[test]
    fn integers_with_too_many_exceptions_become_texts() {
        let texts = ["1.50", "-", "2.25", "x"];
        let values = [150, 150, 225, 225];
        let exceptions = [(1, &b"-"[..]), (3, &b"x"[..])];
        let mut bytes = Vec::new();
        let cells =
            CellsToEncode::Integers { form: CellForm::Fixed(2), values: &values, exceptions: &exceptions };
        let codec = cells.encode(&mut bytes).unwrap();
        let data = ColumnData::decode(codec, &bytes, 4).unwrap();
        let mut scratch = Vec::new();
        for (row, want) in texts.iter().enumerate() {
            assert_eq!(data.cell(row, &mut scratch), want.as_bytes());
        }
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

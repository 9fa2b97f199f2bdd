//! The cells of groups, as small as they can be: of a month most texts occur many times, so each is kept once.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::values::money::{Amount, is_blank};

use super::level::ColumnRole;

/// Stands where a row has no single value, or none that is shown.
pub(super) const NO_VALUE: &[u8] = b"-";

/// Texts, each of them once.
#[derive(Default)]
pub(super) struct DistinctTexts {
    numbers: FxHashMap<Rc<[u8]>, u32>,
    texts: Vec<Rc<[u8]>>,
    bytes: usize,
}

impl DistinctTexts {
    fn number(&mut self, text: &[u8]) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let kept: Rc<[u8]> = text.into();
        // What is held is bounded far below so many texts.
        let number = u32::try_from(self.texts.len()).unwrap_or(0);
        self.numbers.insert(kept.clone(), number);
        self.texts.push(kept);
        // The text, its counts, and its places in both lists.
        self.bytes += text.len() + 96;
        number
    }

    fn get(&self, number: u32) -> &[u8] {
        self.texts.get(number as usize).map_or(b"", |text| text)
    }

    /// Returns how much memory the texts take, roughly.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The cells of a column in a group that are texts. Which text it is in the end does not depend on the order of the lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupText {
    number: u32,
    /// Lines have different texts.
    pub(super) mixed: bool,
    /// The text is a time, and no cell that shows none.
    shown: bool,
}

impl GroupText {
    pub(super) fn new(role: ColumnRole, cell: &[u8], texts: &mut DistinctTexts) -> GroupText {
        GroupText { number: texts.number(cell), mixed: false, shown: role.is_time() && !is_blank(cell) }
    }

    /// Adds another line's cell.
    pub(super) fn add(&mut self, role: ColumnRole, cell: &[u8], texts: &mut DistinctTexts) {
        let held = texts.get(self.number);
        let takes = match role {
            // Of the spellings of one number the smallest.
            ColumnRole::KeyNumber => cell < held,
            ColumnRole::Earliest | ColumnRole::Latest if !is_blank(cell) => {
                let better = if role == ColumnRole::Earliest { cell < held } else { cell > held };
                !std::mem::replace(&mut self.shown, true) || better
            }
            ColumnRole::Earliest | ColumnRole::Latest if self.shown => false,
            _ => {
                self.mixed |= cell != held;
                false
            }
        };
        if takes {
            self.mixed = false;
            self.number = texts.number(cell);
        }
    }

    /// Returns the text, `-` where there is not one.
    pub(super) fn get<'a>(&self, texts: &'a DistinctTexts) -> &'a [u8] {
        if self.mixed { NO_VALUE } else { texts.get(self.number) }
    }

    /// Moves the text to other texts.
    pub(super) fn move_to(&mut self, from: &DistinctTexts, to: &mut DistinctTexts) {
        self.number = to.number(from.get(self.number));
    }
}

/// A sum of which some lines may show nothing, without the room that alignment would take.
#[derive(Clone, Copy, Debug)]
pub(super) struct CellSum {
    mantissa: [u8; 16],
    /// [`CellSum::NOTHING`] as long as no line shows an amount.
    scale: u8,
}

impl CellSum {
    /// No amount has so many decimals.
    const NOTHING: u8 = u8::MAX;

    pub(super) fn new(amount: Option<Amount>) -> CellSum {
        let (mantissa, scale) = amount.map_or((0, CellSum::NOTHING), |a| (a.mantissa(), a.scale()));
        CellSum { mantissa: mantissa.to_le_bytes(), scale }
    }

    /// Returns the sum; `None` if no line shows an amount.
    pub(super) fn get(self) -> Option<Amount> {
        (self.scale != CellSum::NOTHING).then(|| Amount::new(i128::from_le_bytes(self.mantissa), self.scale))
    }

    /// Adds an amount; `None` beyond 128 bits.
    pub(super) fn add(&mut self, amount: Amount) -> Option<()> {
        let sum = match self.get() {
            Some(held) => held.checked_add(amount)?,
            None => amount,
        };
        *self = CellSum::new(Some(sum));
        Some(())
    }
}

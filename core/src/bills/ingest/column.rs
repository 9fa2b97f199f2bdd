//! One column of a stretch, while its cells are read and checked.
//!
//! A cell is looked at once for each distinct text: columns begin as a list of texts with a code for each line,
//! and what the check of a text tells (its *fact*) is kept with the text. A column of which nearly every line has another
//! text is read as integers instead, where its texts are integers in disguise, or else kept as its texts.

use std::ops::Range;

use crate::engine::block::encode::EXCEPTION_SHARE;
use crate::engine::block::text::CellForm;
use crate::values::money::Amount;
use crate::values::period::Day;

use super::cells::{CellSpan, ChunkCells};
use super::fault::ImportFault;
use super::known::{KnownTexts, LookedUpName};
use super::white::White;
use crate::formats::forms::{CurrencySign, Plain};

/// With fewer texts than this a list of them is always worth it.
const TEXTS_MIN: usize = 512;

/// What a checked cell tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    /// Nothing beyond its text.
    Text,
    /// Nothing, as it is blank.
    Blank,
    Amount(Amount),
    Uin(u64),
    /// Seconds since 1970-01-01 00:00:00.
    Time(i64),
    Day(Day),
    /// Which of the currencies.
    Currency(u32),
    /// A fault, told of for every line that has it.
    Bad,
    /// Nothing itself: another text stands for it, by its place among the column's replaced ones.
    Replaced(u32),
}

/// Checks one distinct cell.
pub(super) type Checker<'c> = dyn FnMut(&[u8]) -> Result<CheckedCell, ImportFault> + 'c;

/// A cell for which a plain one was put.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replaced {
    pub(super) row: usize,
    pub(super) column: usize,
    /// The cell as it came.
    pub(super) was: CellSpan,
    /// The sign of a currency that it had.
    pub(super) sign: Option<&'static CurrencySign>,
}

/// A text of a column for which a plain one stands.
struct Alias {
    was: CellSpan,
    plain: Plain,
    fact: Fact,
    /// The plain text's place in the copies and its code, once it was put there.
    put: Option<(CellSpan, u32)>,
}

/// Which integers stand for a column's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disguise {
    /// None: the checks need each distinct text.
    Never,
    /// Decimals, whose fact is an amount.
    Amounts,
    /// Times.
    Times,
    /// Any form; the cells have no meaning.
    Any,
}

impl Disguise {
    fn takes(self, form: CellForm) -> bool {
        match self {
            Disguise::Never => false,
            Disguise::Amounts => matches!(form, CellForm::Fixed(_)),
            Disguise::Times => form == CellForm::Time,
            Disguise::Any => true,
        }
    }

    fn fact(self, form: CellForm, value: i64) -> Fact {
        match (self, form) {
            (Disguise::Amounts, CellForm::Fixed(scale)) => {
                Fact::Amount(Amount::new(i128::from(value), scale))
            }
            (Disguise::Times, _) => Fact::Time(value),
            _ => Fact::Text,
        }
    }
}

/// The cells of a column.
pub(super) enum Data {
    /// The distinct texts, what each tells, and which one each line has.
    Coded { entries: Vec<CellSpan>, facts: Vec<Fact>, codes: Vec<u32> },
    /// A value for each line; lines of another form are exceptions, ascending.
    Integers { form: CellForm, values: Vec<i64>, exceptions: Vec<(u32, Other)> },
    /// Nothing but the cells.
    Texts(Vec<DistinctText>),
}

/// A cell of another form than the integers of its column, with what it tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Other {
    pub(super) span: CellSpan,
    fact: Fact,
}

/// A cell of a column of which nearly every line has another one.
///
/// Its first bytes are kept, as most cells have no more: lines are told in another order than that of the text, of which each
/// would be fetched from far.
#[derive(Clone, Copy, Debug)]
pub(super) struct DistinctText {
    /// Followed by zeros where the cell is shorter.
    pub(super) begins: [u8; 16],
    pub(super) span: CellSpan,
}

impl DistinctText {
    fn of(cells: &ChunkCells<'_>, span: CellSpan) -> DistinctText {
        let (from, bytes) = span.place();
        DistinctText { begins: cells.word(from, bytes).to_le_bytes(), span }
    }

    /// Returns the cell.
    pub(super) fn at<'c>(&'c self, cells: &'c ChunkCells<'_>) -> &'c [u8] {
        self.begins.get(..self.span.place().1).unwrap_or_else(|| cells.at(self.span))
    }

    /// Says whether the cell may be one that a spreadsheet has changed: most are told from it by a few bytes.
    fn is_odd(&self) -> bool {
        let [first, second, ..] = self.begins;
        let before_last = self.span.place().1.checked_sub(2).and_then(|at| self.begins.get(at));
        matches!(first, b'\'' | b'=' | b'#') || second == b'.' || before_last == Some(&b'.')
    }

    /// Returns the cell, as it is looked up.
    pub(super) fn name<'c>(&self, cells: &'c ChunkCells<'_>) -> LookedUpName<'c> {
        let name = LookedUpName::of_word(u128::from_le_bytes(self.begins), self.span.place().1);
        name.unwrap_or_else(|| LookedUpName::of(cells, self.span))
    }
}

/// A column being read.
pub(super) struct ColumnReader {
    index: usize,
    disguise: Disguise,
    data: Data,
    known: KnownTexts,
    /// Whether any text was refused, or replaced.
    odd: bool,
    aliases: Vec<Alias>,
    /// Whether it was asked already if integers or plain texts would do better.
    settled: bool,
    /// What is found of white space, where it matters.
    white: Option<White>,
}

impl ColumnReader {
    /// With `minds_white`, cells with white space around their text are counted.
    pub(super) fn new(index: usize, disguise: Disguise, minds_white: bool) -> ColumnReader {
        let data = Data::Coded { entries: Vec::new(), facts: Vec::new(), codes: Vec::new() };
        ColumnReader {
            index,
            disguise,
            data,
            known: KnownTexts::default(),
            odd: false,
            aliases: Vec::new(),
            settled: false,
            white: minds_white.then(White::default),
        }
    }

    /// Makes room for so many lines.
    pub(super) fn expect(&mut self, rows: usize) {
        if let Data::Coded { codes, .. } = &mut self.data {
            codes.reserve(rows);
        }
    }

    /// Reads the column's cells in the lines that were found last; puts plain ones in the place of others.
    pub(super) fn read(
        &mut self,
        cells: &mut ChunkCells<'_>,
        rows: Range<usize>,
        check: &mut Checker<'_>,
        faults: &mut Vec<(usize, ImportFault)>,
        replaced: &mut Vec<Replaced>,
    ) {
        // Lines whose cells are replaced, and by which alias.
        let mut pending: Vec<(usize, u32)> = Vec::new();
        let spans = rows.clone().zip(cells.spans_in(self.index));
        match &mut self.data {
            Data::Coded { entries, facts, codes } => {
                for (row, span) in spans {
                    let code = self.known.code(LookedUpName::of(cells, span), facts.len() as u32);
                    codes.push(code);
                    let new = code as usize == facts.len();
                    if new {
                        entries.push(span);
                        facts.push(Fact::Bad);
                    }
                    // Each line that has a text which was refused is told of.
                    if (new || self.odd)
                        && let Some(fact) = facts.get_mut(code as usize)
                    {
                        if *fact == Fact::Bad {
                            match check(cells.at(span)) {
                                Ok(CheckedCell { fact: found, plain: None }) => {
                                    *fact = found;
                                    if let Some(white) = &mut self.white {
                                        white.look_at_text(cells.at(span), code, span);
                                    }
                                }
                                Ok(CheckedCell { fact: found, plain: Some(plain) }) => {
                                    *fact = Fact::Replaced(self.aliases.len() as u32);
                                    self.aliases.push(Alias { was: span, plain, fact: found, put: None });
                                    self.odd = true;
                                }
                                Err(fault) => {
                                    faults.push((row, fault));
                                    self.odd = true;
                                }
                            }
                        }
                        if let Fact::Replaced(alias) = *fact {
                            pending.push((row, alias));
                        }
                    }
                }
            }
            Data::Integers { form, values, exceptions } => {
                let mut value = values.last().copied().unwrap_or(0);
                for (row, span) in spans {
                    let text = cells.at(span);
                    match form.read(text) {
                        Some(read) => value = read,
                        None => match check(text) {
                            Ok(CheckedCell { fact, plain: None }) => {
                                exceptions.push((row as u32, Other { span, fact }));
                                if let Some(white) = &mut self.white {
                                    white.look(text, span);
                                }
                            }
                            Ok(CheckedCell { fact, plain: Some(plain) }) => {
                                pending.push((row, self.aliases.len() as u32));
                                self.aliases.push(Alias { was: span, plain, fact, put: None });
                            }
                            Err(fault) => faults.push((row, fault)),
                        },
                    }
                    // The value before an exception packs best, and is never shown.
                    values.push(value);
                }
            }
            Data::Texts(texts) => {
                let before = texts.len();
                texts.extend(spans.map(|(_, span)| DistinctText::of(cells, span)));
                for (row, text) in rows.clone().zip(texts.iter().skip(before)) {
                    let cell = text.at(cells);
                    let checked = if text.is_odd() { check(cell) } else { Ok(CheckedCell::TEXT) };
                    match checked {
                        Ok(CheckedCell { plain: None, .. }) => {
                            if let Some(white) = &mut self.white {
                                white.look(cell, text.span);
                            }
                        }
                        Ok(CheckedCell { fact, plain: Some(plain) }) => {
                            pending.push((row, self.aliases.len() as u32));
                            self.aliases.push(Alias { was: text.span, plain, fact, put: None });
                        }
                        Err(fault) => faults.push((row, fault)),
                    }
                }
            }
        }
        // Before texts are given up, with their codes.
        if let (Some(white), Data::Coded { codes, .. }) = (&mut self.white, &self.data) {
            white.count(codes.get(codes.len().saturating_sub(rows.len())..).unwrap_or_default());
        }
        for (row, alias) in pending {
            self.replace(cells, row, alias, replaced);
        }
        if !self.settled {
            self.settle(cells);
        }
    }

    /// Puts the plain text of an alias into a line's place.
    fn replace(&mut self, cells: &mut ChunkCells<'_>, row: usize, alias: u32, replaced: &mut Vec<Replaced>) {
        let Some(alias) = self.aliases.get_mut(alias as usize) else { return };
        let span = match alias.put {
            Some((span, _)) => span,
            None => cells.copy(alias.plain.text.as_bytes()),
        };
        match &mut self.data {
            Data::Coded { entries, facts, codes } => {
                let code = match alias.put {
                    Some((_, code)) => code,
                    None => self.known.code(LookedUpName::of(cells, span), facts.len() as u32),
                };
                if code as usize == facts.len() {
                    entries.push(span);
                    facts.push(alias.fact);
                }
                alias.put = Some((span, code));
                if let Some(slot) = codes.get_mut(row) {
                    *slot = code;
                }
            }
            Data::Integers { form, values, exceptions } => match form.read(cells.at(span)) {
                Some(value) => {
                    if let Some(slot) = values.get_mut(row) {
                        *slot = value;
                    }
                }
                None => {
                    let at = exceptions.partition_point(|(other, _)| (*other as usize) < row);
                    exceptions.insert(at, (row as u32, Other { span, fact: alias.fact }));
                }
            },
            Data::Texts(texts) => {
                if let Some(slot) = texts.get_mut(row) {
                    *slot = DistinctText::of(cells, span);
                }
            }
        }
        let was = cells.put(row, self.index, span).unwrap_or(alias.was);
        replaced.push(Replaced { row, column: self.index, was, sign: alias.plain.sign });
    }

    /// Gives up the list of texts where nearly every line has another one.
    fn settle(&mut self, cells: &ChunkCells<'_>) {
        let Data::Coded { entries, facts, codes } = &self.data else { return };
        if entries.len() < TEXTS_MIN || entries.len() * 2 <= codes.len() {
            return;
        }
        self.settled = true;
        let plain = entries.iter().zip(facts).filter(|(_, fact)| !matches!(fact, Fact::Replaced(_)));
        let form = plain.take(8).find_map(|(span, _)| CellForm::guess(cells.at(*span)));
        if let Some(form) = form.filter(|form| self.disguise.takes(*form)) {
            let read: Vec<Option<i64>> = entries.iter().map(|span| form.read(cells.at(*span))).collect();
            let (mut values, mut exceptions) = (Vec::with_capacity(codes.capacity()), Vec::new());
            let mut value = 0;
            for (row, code) in codes.iter().enumerate() {
                match read.get(*code as usize).copied().flatten() {
                    Some(read) => value = read,
                    None => {
                        let of = entries.get(*code as usize).zip(facts.get(*code as usize));
                        exceptions.extend(of.map(|(s, f)| (row as u32, Other { span: *s, fact: *f })));
                    }
                }
                values.push(value);
            }
            if exceptions.len() <= codes.len() / EXCEPTION_SHARE {
                self.data = Data::Integers { form, values, exceptions };
                self.known = KnownTexts::default();
                return;
            }
        }
        if self.disguise == Disguise::Any {
            let mut texts = Vec::with_capacity(codes.capacity());
            let spans = codes.iter().filter_map(|code| entries.get(*code as usize));
            texts.extend(spans.map(|span| DistinctText::of(cells, *span)));
            self.data = Data::Texts(texts);
            self.known = KnownTexts::default();
        }
    }

    /// Returns what the cell of a line tells.
    pub(super) fn fact(&self, row: usize) -> Fact {
        self.data.fact(row, self.disguise)
    }

    /// Returns what was found of white space, where it was looked for.
    pub(super) fn white(&self) -> Option<&White> {
        self.white.as_ref()
    }

    /// Returns the column as it was read.
    pub(super) fn finish(self) -> ReadColumn {
        ReadColumn { index: self.index, data: self.data }
    }
}

/// A column that has been read.
pub(super) struct ReadColumn {
    pub(super) index: usize,
    pub(super) data: Data,
}

impl ReadColumn {
    /// Returns which of its distinct texts each line has, if they were told apart.
    pub(super) fn codes(&self) -> Option<&[u32]> {
        match &self.data {
            Data::Coded { codes, .. } => Some(codes),
            Data::Integers { .. } | Data::Texts(_) => None,
        }
    }

    /// Returns the cell of a line, in `scratch` where it has to be written first.
    pub(super) fn cell<'c>(
        &'c self,
        cells: &'c ChunkCells<'_>,
        row: usize,
        scratch: &'c mut Vec<u8>,
    ) -> &'c [u8] {
        match (&self.data, self.data.span(row)) {
            (Data::Texts(texts), _) => texts.get(row).map_or(b"", |text| text.at(cells)),
            (_, Some(span)) => cells.at(span),
            (Data::Integers { form, values, .. }, None) => {
                scratch.clear();
                form.write(values.get(row).copied().unwrap_or(0), scratch);
                scratch
            }
            _ => b"",
        }
    }
}

impl Data {
    /// Returns where the cell of a line is, unless it is an integer in disguise.
    pub(super) fn span(&self, row: usize) -> Option<CellSpan> {
        match self {
            Data::Coded { entries, codes, .. } => {
                codes.get(row).and_then(|code| entries.get(*code as usize)).copied()
            }
            Data::Integers { exceptions, .. } => {
                exception(exceptions, row).and_then(|at| exceptions.get(at)).map(|(_, other)| other.span)
            }
            Data::Texts(texts) => texts.get(row).map(|text| text.span),
        }
    }

    fn fact(&self, row: usize, disguise: Disguise) -> Fact {
        match self {
            Data::Coded { facts, codes, .. } => {
                codes.get(row).and_then(|code| facts.get(*code as usize)).copied().unwrap_or(Fact::Text)
            }
            Data::Integers { form, values, exceptions } => match exception(exceptions, row) {
                Some(at) => exceptions.get(at).map_or(Fact::Text, |(_, other)| other.fact),
                None => values.get(row).map_or(Fact::Text, |value| disguise.fact(*form, *value)),
            },
            Data::Texts(_) => Fact::Text,
        }
    }
}

/// Returns the place of a line's exception.
pub(super) fn exception<T>(exceptions: &[(u32, T)], row: usize) -> Option<usize> {
    if exceptions.is_empty() {
        return None;
    }
    exceptions.binary_search_by_key(&row, |(r, _)| *r as usize).ok()
}

/// The most decimals at which amounts are kept in 64 bits.
const SCALE_MAX: u8 = 9;

/// The amounts of a column, line by line: in 64 bits at one scale, and apart where they do not fit.
pub(super) struct Amounts {
    scale: u8,
    values: Vec<i64>,
    wide: Vec<(u32, Amount)>,
}

/// Amounts of one column being added up, exactly.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ColumnSum {
    mantissa: i128,
    wide: Amount,
}

impl Amounts {
    /// Takes the amounts of a column; cells that show none count as zero.
    pub(super) fn of(column: &ReadColumn, rows: usize) -> Amounts {
        let amount = |fact: &Fact| match fact {
            Fact::Amount(amount) => *amount,
            _ => Amount::ZERO,
        };
        let mut amounts = Amounts { scale: 0, values: Vec::new(), wide: Vec::new() };
        match &column.data {
            Data::Coded { facts, codes, .. } => {
                let texts: Vec<Amount> = facts.iter().map(amount).collect();
                amounts.scale = texts.iter().map(|a| a.scale().min(SCALE_MAX)).max().unwrap_or(0);
                let narrow: Vec<Option<i64>> = texts.iter().map(|a| amounts.narrow(*a)).collect();
                amounts.values.reserve(codes.len());
                for (row, code) in codes.iter().enumerate() {
                    let value = narrow.get(*code as usize).copied().flatten();
                    if let (None, Some(amount)) = (value, texts.get(*code as usize)) {
                        amounts.wide.push((row as u32, *amount));
                    }
                    amounts.values.push(value.unwrap_or(0));
                }
            }
            Data::Integers { form: CellForm::Fixed(scale), values, exceptions } => {
                let largest =
                    exceptions.iter().map(|(_, other)| amount(&other.fact).scale()).max().unwrap_or(0);
                amounts.scale = largest.max(*scale).min(SCALE_MAX);
                if amounts.scale == *scale {
                    amounts.values.clone_from(values);
                } else {
                    for (row, value) in values.iter().enumerate() {
                        amounts.push(row, Amount::new(i128::from(*value), *scale));
                    }
                    amounts.wide.retain(|(row, _)| exception(exceptions, *row as usize).is_none());
                }
                for (row, other) in exceptions {
                    let amount = amount(&other.fact);
                    let value = amounts.narrow(amount);
                    if value.is_none() {
                        amounts.wide.push((*row, amount));
                    }
                    if let Some(slot) = amounts.values.get_mut(*row as usize) {
                        *slot = value.unwrap_or(0);
                    }
                }
                amounts.wide.sort_unstable_by_key(|(row, _)| *row);
            }
            Data::Integers { .. } | Data::Texts(_) => amounts.values.resize(rows, 0),
        }
        amounts
    }

    /// Returns the amounts of lines in an order, which has the line of each place.
    pub(super) fn sorted(&self, order: &[u32]) -> Amounts {
        let value = |row: &u32| self.values.get(*row as usize).copied().unwrap_or(0);
        let values = order.iter().map(value).collect();
        let mut wide = Vec::new();
        if !self.wide.is_empty() {
            let of = |row: &u32| exception(&self.wide, *row as usize).and_then(|at| self.wide.get(at));
            let found = order.iter().enumerate().filter_map(|(at, row)| Some((at as u32, of(row)?.1)));
            wide.extend(found);
        }
        Amounts { scale: self.scale, values, wide }
    }

    fn narrow(&self, amount: Amount) -> Option<i64> {
        amount.rescaled(self.scale).and_then(|m| i64::try_from(m).ok())
    }

    fn push(&mut self, row: usize, amount: Amount) {
        let value = self.narrow(amount);
        if value.is_none() {
            self.wide.push((row as u32, amount));
        }
        self.values.push(value.unwrap_or(0));
    }

    /// Adds the amount of a line; `None` beyond 128 bits.
    #[inline]
    pub(super) fn add(&self, row: usize, sum: &mut ColumnSum) -> Option<()> {
        // 2^64 lines of 64 bits each would have to come together.
        sum.mantissa = sum.mantissa.wrapping_add(i128::from(self.values.get(row).copied().unwrap_or(0)));
        if let Some(at) = exception(&self.wide, row) {
            sum.wide = sum.wide.checked_add(self.wide.get(at)?.1)?;
        }
        Some(())
    }

    /// Adds the amounts of some lines up; `None` beyond 128 bits.
    pub(super) fn sum_of(&self, mut rows: impl Iterator<Item = usize>) -> Option<Amount> {
        let mut sum = ColumnSum::default();
        if self.wide.is_empty() {
            let value = |row: usize| i128::from(self.values.get(row).copied().unwrap_or(0));
            sum.mantissa = rows.map(value).fold(0, i128::wrapping_add);
        } else {
            rows.try_for_each(|row| self.add(row, &mut sum))?;
        }
        self.sum(&sum)
    }

    /// Returns a sum of this column's amounts; `None` beyond 128 bits.
    pub(super) fn sum(&self, sum: &ColumnSum) -> Option<Amount> {
        Amount::new(sum.mantissa, self.scale).checked_add(sum.wide)
    }
}

/// What a cell tells, and the plain cell that stands for it where it says so in an unusual way.
pub(super) struct CheckedCell {
    pub(super) fact: Fact,
    pub(super) plain: Option<Plain>,
}

impl CheckedCell {
    pub(super) const TEXT: CheckedCell = CheckedCell { fact: Fact::Text, plain: None };
    pub(super) const BLANK: CheckedCell = CheckedCell { fact: Fact::Blank, plain: None };
}

//! Exact sums of lines by owner, product, day and currency, kept with every segment.
//!
//! Folding is associative: the roll-up of a bill is the merge of its segments' roll-ups, whatever the split
//! (`fold(a ++ b) == merge(fold a, fold b)`). Stored in the transaction that stores the lines (I1).
//!
//! ```text
//! version u8 | bytes of what follows, unpacked u32
//! | zstd of: three lists of texts (owners, products, currencies) | cells u32
//!   | packed owner, product, currency | first day i64 | packed day (0 none, 1 the first) and lines | columns u8
//!   | columns × { column u16, scale u8, packed low 64 bits, packed high 64 bits }
//! | crc32 u32 of all before
//! ```

mod names;
mod stored;

use crate::values::error::codes;
use rustc_hash::FxHashMap;

use crate::engine::block::bytes::{Put, checksummed};
use crate::engine::block::{BlockError, Sums, ints, merge_sums, squeeze};
use crate::engine::parted::{self, NewPart};
use crate::formats::schema::Column;
use crate::values::money::Amount;
use crate::values::period::Day;
use crate::values::uin::Uin;

pub use names::Names;
pub(crate) use stored::{Mantissas, NamedPart, OwnerGroup, StoredRollup, SumError};

const VERSION: u8 = 1;
/// Cells in a part, roughly. Fewer make one owner's sums cheaper, more everybody's.
const CELLS_A_PART: usize = 4_096;
/// Stands for a line without a day of its own.
const NO_DAY: i64 = i64::MIN;

/// By what the lines are grouped, as numbers into a roll-up's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CellKey {
    /// Owner.
    pub owner: u32,
    /// Product.
    pub product: u32,
    /// Currency.
    pub currency: u32,
    /// Days since 1970-01-01.
    pub day: Option<i32>,
}

/// The sums of the lines of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollupCell<'a> {
    /// By what.
    pub key: CellKey,
    /// How many lines.
    pub lines: u64,
    /// The sum of each of the roll-up's columns.
    pub amounts: &'a [Amount],
}

/// Sums that overflow 128 bits: no bill does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sum has more digits than 128 bits hold")]
pub struct Overflow;

codes!(Overflow {
    own { Self => User "money.overflow" {}, }
    within {}
});

/// A roll-up, being folded or read.
#[derive(Clone, Debug, Default)]
pub struct Rollup {
    pub(crate) owners: Names,
    pub(crate) products: Names,
    pub(crate) currencies: Names,
    columns: Vec<Column>,
    index: FxHashMap<CellKey, usize>,
    /// The keys and their counts of lines.
    cells: Vec<(CellKey, u64)>,
    /// The sums of all cells one after another, as many for each as there are columns.
    amounts: Vec<Amount>,
    last: Option<usize>,
}

/// By what cells are sorted: the ranks of their names, and the day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct RankKey {
    owner: u32,
    product: u32,
    day: i64,
    currency: u32,
}

/// Names in their order.
struct RankedNames<'a> {
    names: &'a Names,
    /// The numbers of the names, by rank.
    numbers: Vec<u32>,
    /// The ranks of the names, by number.
    ranks: Vec<u32>,
}

impl<'a> RankedNames<'a> {
    fn of(names: &'a Names) -> RankedNames<'a> {
        let mut numbers: Vec<u32> = (0..names.len() as u32).collect();
        numbers.sort_unstable_by(|a, b| names.get(*a).cmp(names.get(*b)));
        let mut ranks = vec![0; numbers.len()];
        for (rank, number) in (0..).zip(&numbers) {
            if let Some(slot) = ranks.get_mut(*number as usize) {
                *slot = rank;
            }
        }
        RankedNames { names, numbers, ranks }
    }

    fn rank(&self, number: u32) -> u32 {
        self.ranks.get(number as usize).copied().unwrap_or(0)
    }

    fn name(&self, rank: u32) -> &'a [u8] {
        self.numbers.get(rank as usize).map_or(b"", |number| self.names.get(*number))
    }

    /// Puts the names of some cells, each once, and returns each cell's place among them.
    fn put(
        &self,
        raw: &mut Vec<u8>,
        ranks: impl Iterator<Item = u32> + Clone,
    ) -> Result<Vec<i64>, BlockError> {
        let mut is_used = vec![false; self.numbers.len()];
        for rank in ranks.clone() {
            if let Some(slot) = is_used.get_mut(rank as usize) {
                *slot = true;
            }
        }
        let used: Vec<u32> = (0..).zip(is_used).filter_map(|(rank, used)| used.then_some(rank)).collect();
        let mut places = vec![0; self.numbers.len()];
        Put(raw).u32(u32::try_from(used.len()).map_err(|_| BlockError::TooLarge)?);
        for (place, rank) in (0..).zip(&used) {
            Put(raw).text(self.name(*rank))?;
            if let Some(slot) = places.get_mut(*rank as usize) {
                *slot = place;
            }
        }
        Ok(ranks.map(|rank| places.get(rank as usize).copied().unwrap_or(0)).collect())
    }
}

/// A roll-up's cells in their order.
struct Ranked<'a> {
    owners: RankedNames<'a>,
    products: RankedNames<'a>,
    currencies: RankedNames<'a>,
    cells: Vec<(RankKey, RollupCell<'a>)>,
}

impl<'a> Ranked<'a> {
    fn of(rollup: &'a Rollup) -> Ranked<'a> {
        let (owners, products) = (RankedNames::of(&rollup.owners), RankedNames::of(&rollup.products));
        let currencies = RankedNames::of(&rollup.currencies);
        let key = |key: CellKey| RankKey {
            owner: owners.rank(key.owner),
            product: products.rank(key.product),
            day: key.day.map_or(NO_DAY, i64::from),
            currency: currencies.rank(key.currency),
        };
        let mut cells: Vec<(RankKey, RollupCell<'_>)> =
            rollup.cells().map(|cell| (key(cell.key), cell)).collect();
        cells.sort_unstable_by_key(|(key, _)| *key);
        Ranked { owners, products, currencies, cells }
    }
}

impl Rollup {
    /// Makes an empty roll-up that sums these columns.
    pub fn new(columns: Vec<Column>) -> Rollup {
        Rollup { columns, ..Rollup::default() }
    }

    /// Adds a line; `amounts` has one for each of the roll-up's columns.
    ///
    /// # Errors
    /// [`Overflow`] beyond 128 bits.
    pub fn add_line(
        &mut self,
        owner: &[u8],
        product: &[u8],
        currency: &[u8],
        day: Option<Day>,
        amounts: impl Iterator<Item = Amount>,
    ) -> Result<(), Overflow> {
        let key = CellKey {
            owner: self.owners.number(owner),
            product: self.products.number(product),
            currency: self.currencies.number(currency),
            day: day.map(Day::epoch_days),
        };
        self.add(key, 1, amounts.enumerate())
    }

    /// Adds to the cell of a key: how many lines, and amounts with their places among the columns.
    pub(crate) fn add(
        &mut self,
        key: CellKey,
        lines: u64,
        amounts: impl Iterator<Item = (usize, Amount)>,
    ) -> Result<(), Overflow> {
        let at = self.place(key);
        if let Some((_, count)) = self.cells.get_mut(at) {
            *count += lines;
        }
        let n = self.columns.len();
        let Some(sums) = self.amounts.get_mut(at * n..(at + 1) * n) else { return Ok(()) };
        for (place, amount) in amounts {
            if let Some(sum) = sums.get_mut(place) {
                *sum = sum.checked_add(amount).ok_or(Overflow)?;
            }
        }
        Ok(())
    }

    /// Returns the place of a key's cell, a new one if need be.
    fn place(&mut self, key: CellKey) -> usize {
        let at = match self.last {
            Some(at) if self.cells.get(at).is_some_and(|c| c.0 == key) => at,
            _ => *self.index.entry(key).or_insert_with(|| {
                self.cells.push((key, 0));
                self.amounts.resize(self.cells.len() * self.columns.len(), Amount::ZERO);
                self.cells.len() - 1
            }),
        };
        self.last = Some(at);
        at
    }

    /// Merges another roll-up into this one; columns that only the other has are added.
    ///
    /// # Errors
    /// [`Overflow`] beyond 128 bits.
    pub fn merge(&mut self, other: &Rollup) -> Result<(), Overflow> {
        let before = self.columns.len();
        self.columns.extend(other.columns.iter().filter(|c| !self.columns.contains(c)).collect::<Vec<_>>());
        let added = self.columns.len() - before;
        if added > 0 && before > 0 {
            let none = vec![Amount::ZERO; added];
            self.amounts = self.amounts.chunks_exact(before).flat_map(|c| [c, &none].concat()).collect();
        } else if added > 0 {
            self.amounts = vec![Amount::ZERO; self.cells.len() * added];
        }
        let places: Vec<usize> =
            other.columns.iter().filter_map(|c| self.columns.iter().position(|mine| mine == c)).collect();
        let translate = |names: &mut Names, theirs: &Names| -> Vec<u32> {
            theirs.iter().map(|name| names.number(name)).collect()
        };
        let owners = translate(&mut self.owners, &other.owners);
        let products = translate(&mut self.products, &other.products);
        let currencies = translate(&mut self.currencies, &other.currencies);
        let of = |list: &[u32], number: u32| list.get(number as usize).copied().unwrap_or(u32::MAX);
        for theirs in other.cells() {
            let key = CellKey {
                owner: of(&owners, theirs.key.owner),
                product: of(&products, theirs.key.product),
                currency: of(&currencies, theirs.key.currency),
                day: theirs.key.day,
            };
            self.add(key, theirs.lines, places.iter().copied().zip(theirs.amounts.iter().copied()))?;
        }
        Ok(())
    }

    /// Returns the summed columns, in the order of each cell's amounts.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Goes through the cells, in no particular order.
    pub fn cells(&self) -> impl Iterator<Item = RollupCell<'_>> {
        let n = self.columns.len();
        self.cells.iter().enumerate().map(move |(i, (key, lines))| RollupCell {
            key: *key,
            lines: *lines,
            amounts: self.amounts.get(i * n..(i + 1) * n).unwrap_or_default(),
        })
    }

    /// Returns how many cells there are.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Returns the owners' texts.
    pub fn owners(&self) -> &Names {
        &self.owners
    }

    /// Returns the products' texts.
    pub fn products(&self) -> &Names {
        &self.products
    }

    /// Returns the currencies' texts.
    pub fn currencies(&self) -> &Names {
        &self.currencies
    }

    /// Returns the sums over all cells, one entry for each currency.
    ///
    /// # Errors
    /// [`Overflow`] beyond 128 bits.
    pub fn sums(&self) -> Result<Vec<Sums>, Overflow> {
        self.sums_where(|_| true)
    }

    /// Returns the sums over the cells that are wanted, one entry for each currency.
    ///
    /// # Errors
    /// [`Overflow`] beyond 128 bits.
    pub fn sums_where(&self, wanted: impl Fn(&RollupCell<'_>) -> bool) -> Result<Vec<Sums>, Overflow> {
        let mut by_currency: Vec<(u64, Vec<Amount>)> =
            vec![(0, vec![Amount::ZERO; self.columns.len()]); self.currencies.len()];
        for cell in self.cells().filter(wanted) {
            let Some((lines, sums)) = by_currency.get_mut(cell.key.currency as usize) else { continue };
            *lines += cell.lines;
            for (sum, amount) in sums.iter_mut().zip(cell.amounts) {
                *sum = sum.checked_add(*amount).ok_or(Overflow)?;
            }
        }
        let mut all = Vec::new();
        for (currency, (lines, sums)) in self.currencies.iter().zip(by_currency) {
            let currency = String::from_utf8_lossy(currency).into_owned();
            let amounts = self.columns.iter().copied().zip(sums).collect();
            merge_sums(&mut all, &[Sums { currency, lines, amounts }]).ok_or(Overflow)?;
        }
        all.retain(|s: &Sums| s.lines > 0);
        Ok(all)
    }

    /// Adds a cell of this roll-up to sums that are kept by currency, in order.
    ///
    /// # Errors
    /// [`Overflow`] when 128 bits do not hold a sum.
    pub fn add_cell(&self, cell: &RollupCell<'_>, sums: &mut Vec<Sums>) -> Result<(), Overflow> {
        let currency = self.currencies.get(cell.key.currency);
        let at = match sums.iter().position(|s| s.currency.as_bytes() == currency) {
            Some(at) => at,
            None => {
                let new = Sums::new(&self.currencies.text(cell.key.currency));
                let at = sums.partition_point(|s| s.currency < new.currency);
                sums.insert(at, new);
                at
            }
        };
        let Some(sums) = sums.get_mut(at) else { return Ok(()) };
        sums.lines += cell.lines;
        for (column, amount) in self.columns.iter().zip(cell.amounts) {
            sums.add(*column, *amount).ok_or(Overflow)?;
        }
        Ok(())
    }

    /// Encodes the roll-up; equal lines give equal bytes.
    ///
    /// # Errors
    /// [`BlockError::TooLarge`] for more than the layout can count.
    pub fn encode(&self) -> Result<Vec<u8>, BlockError> {
        let ranked = Ranked::of(self);
        self.encode_cells(&ranked, &ranked.cells)
    }

    /// Encodes the roll-up in parts, each a roll-up of some owners.
    ///
    /// # Errors
    /// [`BlockError::TooLarge`] for more than the layout can count.
    pub(crate) fn encode_parts(&self) -> Result<Vec<NewPart>, BlockError> {
        self.encode_cut(CELLS_A_PART)
    }

    fn encode_cut(&self, target: usize) -> Result<Vec<NewPart>, BlockError> {
        let ranked = Ranked::of(self);
        let owners: Vec<u32> = ranked.cells.iter().map(|(key, _)| key.owner).collect();
        let mut parts = Vec::new();
        let mut from = 0;
        for to in parted::cuts(&owners, target) {
            let cells = ranked.cells.get(from..to).unwrap_or_default();
            from = to;
            let (mut smallest, mut largest) = (u64::MAX, 0);
            for of_owner in cells.chunk_by(|(a, _), (b, _)| a.owner == b.owner) {
                let name = of_owner.first().map(|(key, _)| ranked.owners.name(key.owner));
                let number = name.and_then(Uin::parse).map_or(0, Uin::number);
                (smallest, largest) = (smallest.min(number), largest.max(number));
            }
            let lines = cells.iter().map(|(_, cell)| cell.lines).sum();
            let bytes = self.encode_cells(&ranked, cells)?;
            parts.push(NewPart { owners: smallest..=largest, lines, bytes });
        }
        Ok(parts)
    }

    /// Encodes some cells, with the names that they have.
    fn encode_cells(
        &self,
        ranked: &Ranked<'_>,
        cells: &[(RankKey, RollupCell<'_>)],
    ) -> Result<Vec<u8>, BlockError> {
        let mut raw = Vec::new();
        let keys = cells.iter().map(|(key, _)| key);
        let owners = ranked.owners.put(&mut raw, keys.clone().map(|key| key.owner))?;
        let products = ranked.products.put(&mut raw, keys.clone().map(|key| key.product))?;
        let currencies = ranked.currencies.put(&mut raw, keys.clone().map(|key| key.currency))?;
        Put(&mut raw).u32(u32::try_from(cells.len()).map_err(|_| BlockError::TooLarge)?);
        [owners, products, currencies].iter().for_each(|numbers| ints::pack(numbers, &mut raw));
        // Days are packed as days since the first, with 0 for none, so that "none" costs no width.
        let days = keys.map(|key| key.day);
        let first = days.clone().filter(|day| *day != NO_DAY).min().unwrap_or(0);
        Put(&mut raw).u64(first.cast_unsigned());
        let since = |day| if day == NO_DAY { 0 } else { day - first + 1 };
        ints::pack(&days.map(since).collect::<Vec<_>>(), &mut raw);
        let cells: Vec<&RollupCell<'_>> = cells.iter().map(|(_, cell)| cell).collect();
        let lines: Vec<i64> = cells.iter().map(|c| c.lines.cast_signed()).collect();
        ints::pack(&lines, &mut raw);
        Put(&mut raw).u8(u8::try_from(self.columns.len()).map_err(|_| BlockError::TooLarge)?);
        for (i, column) in self.columns.iter().enumerate() {
            let amounts: Vec<Amount> =
                cells.iter().map(|c| c.amounts.get(i).copied().unwrap_or_default()).collect();
            let scale = amounts.iter().map(|a| a.scale()).max().unwrap_or(0);
            let at_scale: Vec<i128> = amounts
                .iter()
                .map(|a| a.rescaled(scale).ok_or(BlockError::TooLarge))
                .collect::<Result<_, _>>()?;
            Put(&mut raw).u16(column.code());
            Put(&mut raw).u8(scale);
            // Where the value fits 64 bits, the high half repeats its sign, and is a constant or nearly so.
            ints::pack(&at_scale.iter().map(|v| *v as i64).collect::<Vec<_>>(), &mut raw);
            let high: Vec<i64> =
                at_scale.iter().map(|v| (v - i128::from(*v as i64)) >> 64).map(|v| v as i64).collect();
            ints::pack(&high, &mut raw);
        }
        let mut out = vec![VERSION];
        Put(&mut out).u32(u32::try_from(raw.len()).map_err(|_| BlockError::TooLarge)?);
        out.extend(squeeze(&raw)?);
        Ok(checksummed(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Line = (u8, u8, u8, Option<u8>, i64);

    fn fold(lines: &[Line]) -> Rollup {
        let mut rollup = Rollup::new(vec![Column::Total, Column::Voucher]);
        for (owner, product, currency, day, amount) in lines {
            let day = day.and_then(|d| Day::new(2021, 3, u32::from(d)));
            let scale = if *owner % 2 == 0 { 8 } else { 2 };
            let total = Amount::new(i128::from(*amount) * 5_000_000_000, scale);
            let amounts = [total, Amount::new(i128::from(*amount), 0)];
            let name = |p: &str, n: &u8| format!("{p}{n}").into_bytes();
            rollup
                .add_line(
                    &name("o", owner),
                    &name("p", product),
                    &name("C", currency),
                    day,
                    amounts.into_iter(),
                )
                .unwrap();
        }
        rollup
    }

    fn lines() -> impl Strategy<Value = Vec<Line>> {
        let line = (0_u8..5, 0_u8..3, 0_u8..2, proptest::option::of(1_u8..31), any::<i64>());
        proptest::collection::vec(line, 0..60)
    }

    proptest! {
        #[test]
        fn folding_is_associative_and_survives_storage(lines in lines(), cut in 0_usize..60) {
            let cut = cut.min(lines.len());
            let mut merged = Rollup::default();
            for part in [&lines[..cut], &lines[cut..]] {
                merged.merge(&Rollup::decode(&fold(part).encode().unwrap()).unwrap()).unwrap();
            }
            prop_assert_eq!(merged.encode().unwrap(), fold(&lines).encode().unwrap());
            prop_assert_eq!(merged.sums().unwrap(), fold(&lines).sums().unwrap());
        }

        #[test]
        fn parts_of_any_size_hold_the_roll_up_by_its_owners(lines in lines(), target in 1_usize..40) {
            let mut rollup = Rollup::new(vec![Column::Total]);
            for (owner, product, currency, _, amount) in &lines {
                // One that is no account counts as 0.
                let owner = if *owner == 3 { b"nobody".to_vec() } else { format!("20000000{owner}").into_bytes() };
                let amounts = [Amount::new(i128::from(*amount), 2)];
                rollup.add_line(&owner, &[*product], &[*currency], None, amounts.into_iter()).unwrap();
            }
            let mut merged = Rollup::default();
            for part in rollup.encode_cut(target).unwrap() {
                let decoded = Rollup::decode(&part.bytes).unwrap();
                prop_assert_eq!(decoded.cells().map(|cell| cell.lines).sum::<u64>(), part.lines);
                for owner in decoded.owners().iter() {
                    prop_assert!(part.owners.contains(&Uin::parse(owner).map_or(0, Uin::number)));
                }
                merged.merge(&decoded).unwrap();
            }
            prop_assert_eq!(merged.encode().unwrap(), rollup.encode().unwrap());
        }

        #[test]
        fn sums_of_owners_are_those_of_the_decoded_roll_up(
            lines in lines(),
            groups in proptest::collection::vec(proptest::option::of(0_u64..3), 5),
            last in 1_u32..31,
        ) {
            let bytes = fold(&lines).encode().unwrap();
            let (decoded, stored) = (Rollup::decode(&bytes).unwrap(), StoredRollup::open(&bytes).unwrap());
            let last = Day::new(2021, 3, last).map(Day::epoch_days);
            let is_wanted = |owner: usize, day: Option<i32>| day <= last || owner == 1;
            let mut sums: [Vec<Sums>; 3] = Default::default();
            for (group, one) in stored.sums_of(&groups, is_wanted).unwrap() {
                merge_sums(&mut sums[group as usize], &[one]).unwrap();
            }
            for (group, sums) in sums.iter().enumerate() {
                let is_in = |cell: &RollupCell<'_>| {
                    let owner = cell.key.owner as usize;
                    groups[owner] == Some(group as u64) && is_wanted(owner, cell.key.day)
                };
                prop_assert_eq!(sums, &decoded.sums_where(is_in).unwrap());
            }
        }
    }

    #[test]
    fn every_flipped_bit_of_a_stored_roll_up_is_found() {
        let bytes =
            fold(&[(0, 0, 0, Some(4), 7), (1, 2, 1, None, -9), (0, 1, 0, Some(3), 1)]).encode().unwrap();
        for i in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[i] ^= 1 << (i % 8);
            assert!(StoredRollup::open(&damaged).is_err(), "byte {i}");
        }
        for cut in [0, 3, bytes.len() - 1] {
            assert!(StoredRollup::open(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn columns_that_are_zero_or_fit_64_bits_are_told_from_others() {
        let mut rollup = Rollup::new(vec![Column::Total, Column::Voucher, Column::Cash]);
        for (owner, total) in [(b"1", i128::from(i64::MAX) + 1), (b"2", -5)] {
            let amounts = [Amount::new(total, 8), Amount::ZERO, Amount::new(-1, 2)];
            rollup.add_line(owner, b"CVM", b"USD", None, amounts.into_iter()).unwrap();
        }
        let stored = StoredRollup::open(&rollup.encode().unwrap()).unwrap();
        let mantissas = |column| stored.mantissas(column).unwrap();
        assert_eq!(mantissas(Column::Total), Mantissas::Wide(vec![i128::from(i64::MAX) + 1, -5]));
        assert_eq!(mantissas(Column::Voucher), Mantissas::Zero);
        assert_eq!(mantissas(Column::Cash), Mantissas::Narrow(vec![-1, -1]));
        assert_eq!(mantissas(Column::TaxAmount), Mantissas::Zero);
    }

    #[test]
    fn white_space_around_names_does_not_split_a_group() {
        let mut rollup = Rollup::new(vec![Column::Total]);
        for owner in ["200000003412", "\t200000003412", "200000003412\u{a0}"] {
            rollup.add_line(owner.as_bytes(), b"CVM", b"USD", None, [Amount::new(1, 0)].into_iter()).unwrap();
        }
        assert_eq!(rollup.len(), 1);
        assert_eq!(rollup.sums().unwrap()[0].total(), Amount::new(3, 0));
    }
}

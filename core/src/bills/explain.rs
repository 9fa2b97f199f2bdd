//! A sum of a bill, down to the lines that it is made of and the places in files where they stand.
//!
//! The sum is taken from the stored roll-ups, which also tell the segments that have any of its lines. Those are read, and
//! their lines added up again: both sums must be equal (I1).

use crate::engine::block::{Sums, merge_sums};
use crate::engine::rollup::{Overflow, Rollup, RollupCell};
use crate::engine::store::Records;
use crate::formats::schema::Column;
use crate::values::money::Amount;
use crate::values::period::Day;
use crate::values::uin::Uin;

use super::error::BillError;
use super::origin::FileSegment;
use super::read_block::{ReadBlock, map_cells};
use super::show::column_amounts;
use super::threads::{each, in_order};
use super::view::BillView;

/// Which lines: those that have all of what is named here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explained {
    /// The owner's id.
    pub owner: Option<String>,
    /// The product.
    pub product: Option<String>,
    /// The line's own day; inside, none for lines without one.
    pub day: Option<Option<Day>>,
    /// The currency.
    pub currency: Option<String>,
}

/// A line, with the place where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedLine {
    /// Its load.
    pub load: u64,
    /// Which of the load's lines it is, counted from 1 over all its CSVs.
    pub load_line: u64,
    /// The place of its CSV among those of the load's file.
    pub entry: usize,
    /// Which record of its CSV it is; 1 is the first below the header.
    pub record: u64,
    /// On which line of text it begins, if that was asked for; empty lines before it are not counted.
    pub text_line: Option<u64>,
    /// Its own day.
    pub day: Option<Day>,
    /// The currency.
    pub currency: String,
    /// Its amounts.
    pub amounts: Vec<(Column, Amount)>,
    /// Its cells under the columns that were asked for; empty where its file has no such column.
    pub cells: Vec<String>,
}

/// How lines are shown.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// For how many lines, from the first on, it is told on which line of text they begin.
    ///
    /// That takes reading all that stands before them in their files.
    pub text_lines: u64,
    /// Of which columns cells are shown.
    pub columns: &'a [Column],
}

/// What is read of a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SegmentPiece {
    /// Its lines that are wanted.
    lines: bool,
    /// On which lines of text its lines begin, or just how many it has.
    text_lines: bool,
}

impl BillView {
    /// Adds a sum up from the roll-ups and from the lines, and visits the lines in the order of import.
    ///
    /// # Errors
    /// [`BillError::DoNotTie`] when the sums differ; [`BillError`] when the store is damaged; or what `visit` returns.
    pub fn explain<E: From<BillError>>(
        &self,
        store: &(impl Records + Sync),
        wanted: &Explained,
        shown: Shown<'_>,
        threads: usize,
        visit: &mut dyn FnMut(PlacedLine) -> Result<(), E>,
    ) -> Result<Vec<Sums>, E> {
        let stretches = self.stretches().map_err(BillError::from)?;
        let owner = wanted.owner_number();
        let of_stretch = |at: usize| match stretches.get(at) {
            Some(stretch) => {
                let mut sums = Vec::new();
                for part in stretch.segment.rollups(store, |held| owner.is_none_or(|o| held.contains(&o)))? {
                    merge_sums(&mut sums, &wanted.sums(&part)?).ok_or(Overflow)?;
                }
                Ok(sums)
            }
            None => Ok(Vec::new()),
        };
        let by_stretch: Vec<Vec<Sums>> = each(threads, stretches.len(), of_stretch)?;
        let mut stored = Vec::new();
        for sums in &by_stretch {
            merge_sums(&mut stored, sums).ok_or(Overflow).map_err(BillError::from)?;
        }
        let pieces = pieces(&stretches, &by_stretch, shown.text_lines);
        let make = |at: usize| match (stretches.get(at), pieces.get(at)) {
            (Some(stretch), Some(piece)) => {
                Ok((Some(stretch), read(store, self, stretch, wanted, *piece, shown)?))
            }
            _ => Ok((None, SegmentPart::default())),
        };
        let mut sums: Vec<Sums> = Vec::new();
        let mut before: Option<(&FileSegment<'_>, u64)> = None;
        in_order::<_, E>(threads, pieces.len(), make, &mut |(stretch, read)| {
            let Some(stretch) = stretch else { return Ok(()) };
            let text_lines = match before {
                Some((last, lines)) if last.same_csv(stretch) => lines,
                _ => stretch.header_lines(store).map_err(BillError::from)?,
            };
            merge_sums(&mut sums, &read.sums).ok_or(Overflow).map_err(BillError::from)?;
            for mut line in read.lines {
                line.text_line = line.text_line.map(|inside| text_lines + inside + 1);
                visit(line)?;
            }
            before = Some((stretch, text_lines + read.text_lines));
            Ok(())
        })?;
        if sums != stored {
            let text = |sums: &[Sums]| {
                let lines: u64 = sums.iter().map(|s| s.lines).sum();
                format!("{} in {lines} lines", Sums::totals_text(sums))
            };
            return Err(E::from(BillError::DoNotTie {
                bill: self.bill.key,
                what: "the sums of roll-ups and lines",
                one: text(&stored),
                other: text(&sums),
            }));
        }
        Ok(sums)
    }
}

/// Says what has to be read of each stretch.
fn pieces(stretches: &[FileSegment<'_>], sums: &[Vec<Sums>], text_lines_of: u64) -> Vec<SegmentPiece> {
    let mut lines_before = 0;
    let mut pieces: Vec<SegmentPiece> = Vec::new();
    for sums in sums {
        let lines: u64 = sums.iter().map(|s| s.lines).sum();
        pieces.push(SegmentPiece { lines: lines > 0, text_lines: lines > 0 && lines_before < text_lines_of });
        lines_before += lines;
    }
    // Where a line of text begins is told from all that stands before it in its CSV.
    let mut after: Option<&FileSegment<'_>> = None;
    for (piece, stretch) in pieces.iter_mut().zip(stretches).rev() {
        if piece.text_lines || after.is_some_and(|after| after.same_csv(stretch)) {
            piece.text_lines = true;
            after = Some(stretch);
        }
    }
    pieces
}

/// What was read of a stretch.
#[derive(Default)]
struct SegmentPart {
    lines: Vec<PlacedLine>,
    sums: Vec<Sums>,
    text_lines: u64,
}

fn read(
    store: &impl Records,
    view: &BillView,
    stretch: &FileSegment<'_>,
    wanted: &Explained,
    piece: SegmentPiece,
    shown: Shown<'_>,
) -> Result<SegmentPart, BillError> {
    let mut read = SegmentPart::default();
    if piece == (SegmentPiece { lines: false, text_lines: false }) {
        return Ok(read);
    }
    let (segment, basis) = (stretch.segment, view.bill.key.basis);
    let order = segment.line_order(store)?;
    let inside = if piece.text_lines { segment.text_lines(store, &order, basis)? } else { Vec::new() };
    read.text_lines = inside.last().copied().unwrap_or(0);
    let owner = wanted.owner_number();
    let coverage_day = wanted.day.map(|day| {
        let month = view.bill.key.month;
        let day = day.unwrap_or(month.last_day()).clamp(month.first_day(), month.last_day());
        day.day_of_month()
    });
    let mut first_row = 0;
    for used in segment.record.blocks.iter().filter(|_| piece.lines) {
        let rows = first_row..first_row + used.rows as usize;
        first_row = rows.end;
        if owner.is_some_and(|o| o < used.owner_min || o > used.owner_max)
            || coverage_day.is_some_and(|day| day != u32::from(used.coverage_day))
        {
            continue;
        }
        let block = ReadBlock::read(store, segment, used, basis)?;
        let ordinals = order.get(rows).unwrap_or_default();
        read.add_block(stretch, &block, wanted, shown, (ordinals, &inside))?;
    }
    read.lines.sort_unstable_by_key(|line| line.record);
    Ok(read)
}

impl SegmentPart {
    fn add_block(
        &mut self,
        stretch: &FileSegment<'_>,
        block: &ReadBlock,
        wanted: &Explained,
        shown: Shown<'_>,
        (ordinals, inside): (&[u32], &[u64]),
    ) -> Result<(), BillError> {
        let rows = block.rows();
        let schema = block.schema().clone();
        let days = block.own_days()?;
        let mut is_wanted: Vec<bool> = days.iter().map(|day| wanted.day.is_none_or(|d| d == *day)).collect();
        for (column, value) in [
            (Column::OwnerUin, &wanted.owner),
            (Column::ProductName, &wanted.product),
            (Column::Currency, &wanted.currency),
        ] {
            let Some(value) = value else { continue };
            match schema.index_of(column) {
                Some(index) => {
                    let has = map_cells(block.column(index)?, rows, |cell| {
                        Amount::trim_cell(cell) == value.as_bytes()
                    });
                    is_wanted.iter_mut().zip(has).for_each(|(slot, has)| *slot &= has);
                }
                None => {
                    let implied = schema.implied_currency().filter(|_| column == Column::Currency);
                    if implied.unwrap_or_default() != value {
                        return Ok(());
                    }
                }
            }
        }
        if !is_wanted.contains(&true) {
            return Ok(());
        }
        let mut amounts: Vec<(Column, Vec<Amount>)> = Vec::new();
        for (column, index) in schema.summed() {
            amounts.push((column, column_amounts(block.column(index)?, rows)));
        }
        let mut scratch = Vec::new();
        let text = |column: Column, row: usize, scratch: &mut Vec<u8>| -> Result<String, BillError> {
            Ok(match schema.index_of(column) {
                Some(index) => {
                    String::from_utf8_lossy(Amount::trim_cell(block.column(index)?.cell(row, scratch)))
                        .into_owned()
                }
                None => String::new(),
            })
        };
        for (row, _) in is_wanted.iter().enumerate().filter(|(_, wanted)| **wanted) {
            let ordinal = ordinals.get(row).copied().unwrap_or(0);
            let currency = match schema.implied_currency() {
                Some(implied) => implied.to_owned(),
                None => text(Column::Currency, row, &mut scratch)?,
            };
            let own: Vec<(Column, Amount)> =
                amounts.iter().filter_map(|(column, all)| Some((*column, *all.get(row)?))).collect();
            let sums = Sums { currency: currency.clone(), lines: 1, amounts: own.clone() };
            merge_sums(&mut self.sums, &[sums]).ok_or(Overflow)?;
            let cells = shown.columns.iter().map(|column| text(*column, row, &mut scratch));
            let cells = cells.collect::<Result<Vec<_>, _>>()?;
            self.lines.push(PlacedLine {
                load: stretch.load.number,
                load_line: stretch.load_lines_before + u64::from(ordinal) + 1,
                entry: stretch.entry.0,
                record: stretch.records_before + u64::from(ordinal) + 1,
                text_line: inside.get(ordinal as usize).copied(),
                day: days.get(row).copied().flatten(),
                currency,
                amounts: own,
                cells,
            });
        }
        Ok(())
    }
}

impl Explained {
    /// Returns under which number lines of the owner are stored.
    fn owner_number(&self) -> Option<u64> {
        self.owner.as_ref().map(|owner| Uin::parse(owner.as_bytes()).map_or(0, Uin::number))
    }

    /// Adds up the cells of a roll-up.
    fn sums(&self, rollup: &Rollup) -> Result<Vec<Sums>, Overflow> {
        let is = |wanted: &Option<String>, name: &[u8]| wanted.as_ref().is_none_or(|w| w.as_bytes() == name);
        rollup.sums_where(|cell: &RollupCell<'_>| {
            is(&self.owner, rollup.owners().get(cell.key.owner))
                && is(&self.product, rollup.products().get(cell.key.product))
                && is(&self.currency, rollup.currencies().get(cell.key.currency))
                && self.day.is_none_or(|day| day.map(Day::epoch_days) == cell.key.day)
        })
    }
}

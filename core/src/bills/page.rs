//! Some of a bill's lines, from a place on: for whoever turns pages, however large the bill.
//!
//! Lines come in the order in which they are stored: file by file, stretch by stretch, and in each by day and owner. A page
//! without conditions reads the blocks that it shows lines of. With conditions, blocks are passed over by their owners, and the
//! rest is looked through up to a bound: then the page ends there, says so, and the next one goes on.

use std::sync::Arc;

use memchr::memmem::Finder;

use crate::engine::store::Records;
use crate::formats::schema::{Column, Schema};

use crate::values::uin::Uin;

use super::dispute::LineId;
use super::error::BillError;
use super::origin::FileSegment;
use super::read_block::{ReadBlock, map_cells};
use super::show::BillField;
use super::view::BillView;
use crate::values::Amount;

/// A place between lines: of which segment, block and row the next line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PagePlace {
    /// Which of the bill's segments, from 0.
    pub segment: u32,
    /// Which of its blocks, from 0.
    pub block: u32,
    /// Which of its rows, from 0.
    pub row: u32,
}

impl PagePlace {
    /// Returns the place before a line, counted from 0 over the whole bill; the end for one beyond it.
    pub fn of_line(view: &BillView, line: u64) -> PagePlace {
        let mut left = line;
        let mut place = PagePlace::default();
        for segment in view.segments() {
            if left < u64::from(segment.record.rows) {
                for used in &segment.record.blocks {
                    if left < u64::from(used.rows) {
                        place.row = u32::try_from(left).unwrap_or(u32::MAX);
                        return place;
                    }
                    left -= u64::from(used.rows);
                    place.block += 1;
                }
            }
            left = left.saturating_sub(u64::from(segment.record.rows));
            place = PagePlace { segment: place.segment + 1, ..PagePlace::default() };
        }
        place
    }

    /// Returns how many lines come before the place.
    pub fn lines_before(self, view: &BillView) -> u64 {
        let mut before = 0;
        for (at, segment) in (0..).zip(view.segments()) {
            if at < self.segment {
                before += u64::from(segment.record.rows);
            } else if at == self.segment {
                before += u64::from(segment.record.rows_before(self.block as usize)) + u64::from(self.row);
            }
        }
        before
    }
}

/// Which lines are wanted.
#[derive(Clone, Debug, Default)]
pub struct WantedPage {
    /// Lines with these cells.
    pub cells: Vec<(BillField, String)>,
    /// Lines with this text in any cell.
    pub text: Option<String>,
    /// From where on.
    pub from: PagePlace,
    /// At most so many.
    pub limit: usize,
    /// After how many lines that were looked at the page ends, at the end of a block.
    pub look_max: u64,
}

/// A page, beside its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Where the next page begins; none at the bill's end.
    pub next: Option<PagePlace>,
    /// Says whether the page ended because enough lines were looked at, not because it is full.
    pub cut: bool,
}

impl BillView {
    /// Visits the lines of a page, each with its id.
    ///
    /// # Errors
    /// [`BillError`] when the store is damaged, or what `visit` returns.
    pub fn page<E: From<BillError>>(
        &self,
        store: &impl Records,
        wanted: &WantedPage,
        visit: &mut dyn FnMut(LineId, &ReadBlock, usize) -> Result<(), E>,
    ) -> Result<Page, E> {
        let owner = wanted.cells.iter().find(|(field, _)| *field == BillField::Column(Column::OwnerUin));
        let owner = owner.map(|(_, value)| Uin::parse(value.as_bytes()).map_or(0, Uin::number));
        let (mut shown, mut looked) = (0, 0_u64);
        for (at, stretch) in (0_u32..).zip(self.stretches().map_err(BillError::from)?) {
            if at < wanted.from.segment {
                continue;
            }
            let first = if at == wanted.from.segment { wanted.from.block } else { 0 };
            let mut places = None;
            for (block_at, used) in (0_u32..).zip(&stretch.segment.record.blocks) {
                if block_at < first {
                    continue;
                }
                let here = PagePlace { segment: at, block: block_at, row: 0 };
                if looked >= wanted.look_max {
                    return Ok(Page { next: Some(here), cut: true });
                }
                if owner.is_some_and(|owner| !(used.owner_min..=used.owner_max).contains(&owner)) {
                    continue;
                }
                looked += u64::from(used.rows);
                let row = if (at, block_at) == (wanted.from.segment, wanted.from.block) {
                    wanted.from.row
                } else {
                    0
                };
                let block = ReadBlock::read(store, stretch.segment, used, self.bill.key.basis)?;
                let matches = matching(&block, wanted)?;
                for row in row..used.rows {
                    if matches
                        .as_ref()
                        .is_some_and(|matches| !matches.get(row as usize).copied().unwrap_or(false))
                    {
                        continue;
                    }
                    if shown == wanted.limit {
                        return Ok(Page { next: Some(PagePlace { row, ..here }), cut: false });
                    }
                    let places = match &mut places {
                        Some(places) => places,
                        none => none.insert(stretch.segment.line_order(store)?),
                    };
                    let id = line_id(
                        &stretch,
                        places,
                        stretch.segment.record.rows_before(block_at as usize) + row,
                    );
                    visit(id, &block, row as usize)?;
                    shown += 1;
                }
            }
        }
        Ok(Page { next: None, cut: false })
    }
}

fn line_id(stretch: &FileSegment<'_>, places: &[u32], at: u32) -> LineId {
    let place = places.get(at as usize).copied().unwrap_or(0);
    LineId { load: stretch.load.number, line: stretch.load_lines_before + u64::from(place) + 1 }
}

/// Says of each line of a block whether it is wanted; none without conditions.
fn matching(block: &ReadBlock, wanted: &WantedPage) -> Result<Option<Vec<bool>>, BillError> {
    if wanted.cells.is_empty() && wanted.text.is_none() {
        return Ok(None);
    }
    let rows = block.rows();
    let mut matches = vec![true; rows];
    let and = |matches: &mut [bool], other: &[bool]| {
        for (one, other) in matches.iter_mut().zip(other) {
            *one &= other;
        }
    };
    for (field, value) in &wanted.cells {
        let of_field: Vec<bool> = if *field == BillField::Day {
            let text = |day: Option<_>| {
                day.map_or_else(|| "-".to_owned(), |day: crate::values::period::Day| day.to_string())
            };
            block.own_days()?.into_iter().map(|day| text(day) == *value).collect()
        } else {
            match index_of(field, block.schema()) {
                Some(index) => map_cells(block.column(index)?, rows, |cell| BillField::cell_is(cell, value)),
                None => vec![implied(field, block.schema()) == value; rows],
            }
        };
        and(&mut matches, &of_field);
    }
    if let Some(text) = wanted.text.as_deref().filter(|text| !text.is_empty()) {
        let finder = Finder::new(text.as_bytes());
        let mut any = vec![false; rows];
        for index in 0..block.schema().headers().len() {
            let found =
                map_cells(block.column(index)?, rows, |cell| finder.find(Amount::trim_cell(cell)).is_some());
            for (one, found) in any.iter_mut().zip(found) {
                *one |= found;
            }
        }
        and(&mut matches, &any);
    }
    Ok(Some(matches))
}

fn index_of(field: &BillField, schema: &Arc<Schema>) -> Option<usize> {
    match field {
        BillField::Column(Column::Total) => schema.total_index(),
        field => field.index_in(schema),
    }
}

/// What a column that a file does not have would hold.
fn implied<'a>(field: &BillField, schema: &'a Schema) -> &'a str {
    match field {
        BillField::Column(Column::Currency) => schema.implied_currency().unwrap_or(""),
        _ => "",
    }
}

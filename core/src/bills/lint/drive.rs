//! Goes through all blocks of a bill: on several threads where the store can be read by several at once, else on one.
//!
//! An open write transaction cannot be shared by threads, and a strict import looks at lines that are only in it.

use crate::bills::{BillError, BillView, BlockUse, LineAt, ReadBlock, SegmentView, share};
use crate::engine::store::Records;

/// A block on its way to be looked at.
pub(super) struct BlockPlace<'a> {
    pub(super) segment_at: u32,
    pub(super) block_at: u32,
    pub(super) segment: &'a SegmentView,
    pub(super) used: &'a BlockUse,
}

impl BlockPlace<'_> {
    /// Returns where a row of this block lies.
    pub(super) fn line(&self, row: usize) -> LineAt {
        LineAt { segment: self.segment_at, block: self.block_at, row: row as u32 }
    }
}

/// Lists all blocks, in the order of the view.
pub(super) fn places(view: &BillView) -> Vec<BlockPlace<'_>> {
    let of_segment = |(at, segment): (usize, _)| {
        let segment: &SegmentView = segment;
        let place = move |(block_at, used)| BlockPlace {
            segment_at: at as u32,
            block_at: block_at as u32,
            segment,
            used,
        };
        segment.record.blocks.iter().enumerate().map(place)
    };
    view.segments().enumerate().flat_map(of_segment).collect()
}

/// Reads blocks, each once, and hands them to work.
pub(super) trait Drive {
    /// What blocks are read from.
    type Store: Records;

    /// Returns what blocks are read from.
    fn store(&self) -> &Self::Store;

    /// Does `work` for each place of those in the list; each thread has a state of its own.
    ///
    /// # Errors
    /// One of those that `work` returns, or the store's.
    fn each<S: Send>(
        &self,
        view: &BillView,
        places: &[&BlockPlace<'_>],
        begin: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, &BlockPlace<'_>, &ReadBlock) -> Result<(), BillError> + Sync,
    ) -> Result<Vec<S>, BillError>;
}

fn one<S>(
    store: &impl Records,
    view: &BillView,
    place: &BlockPlace<'_>,
    state: &mut S,
    work: &impl Fn(&mut S, &BlockPlace<'_>, &ReadBlock) -> Result<(), BillError>,
) -> Result<(), BillError> {
    let block = ReadBlock::read(store, place.segment, place.used, view.bill.key.basis)?;
    work(state, place, &block)
}

/// On several threads.
pub(super) struct Threads<'a, R> {
    pub(super) store: &'a R,
    pub(super) threads: usize,
}

impl<R: Records + Sync> Drive for Threads<'_, R> {
    type Store = R;

    fn store(&self) -> &R {
        self.store
    }

    fn each<S: Send>(
        &self,
        view: &BillView,
        places: &[&BlockPlace<'_>],
        begin: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, &BlockPlace<'_>, &ReadBlock) -> Result<(), BillError> + Sync,
    ) -> Result<Vec<S>, BillError> {
        share(self.threads, places.len(), begin, |state, at| match places.get(at) {
            Some(place) => one(self.store, view, place, state, &work),
            None => Ok(()),
        })
    }
}

/// On the thread that asks.
pub(super) struct Alone<'a, R> {
    pub(super) store: &'a R,
}

impl<R: Records> Drive for Alone<'_, R> {
    type Store = R;

    fn store(&self) -> &R {
        self.store
    }

    fn each<S: Send>(
        &self,
        view: &BillView,
        places: &[&BlockPlace<'_>],
        begin: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, &BlockPlace<'_>, &ReadBlock) -> Result<(), BillError> + Sync,
    ) -> Result<Vec<S>, BillError> {
        let mut state = begin();
        for place in places {
            one(self.store, view, place, &mut state, &work)?;
        }
        Ok(vec![state])
    }
}

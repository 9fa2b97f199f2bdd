//! Puts the segments of a file into the transaction, in the order of the file.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::Receiver;

use crate::bills::{BlockUse, Segment, SegmentUse, SourceEntry};
use crate::engine::block::{Sums, merge_sums};
use crate::engine::parted::{self, Parted};
use crate::engine::rollup::Overflow;
use crate::engine::store::{Large, Records, Table, Transaction};
use crate::values::digest::Digest;
use crate::values::period::Coverage;

use super::error::ImportError;
use super::faults::Faults;
use super::lines::Taken;
use super::segment;
use super::white::WhiteSpace;

/// What a worker made of a stretch.
pub(super) struct Done {
    pub(super) number: u64,
    pub(super) entry: u32,
    pub(super) key: [u8; 32],
    pub(super) result: Result<MadeSegment, ImportError>,
}

pub(super) enum MadeSegment {
    /// A segment of this text is in the store.
    Known(u64),
    Built {
        schema: std::sync::Arc<crate::formats::schema::Schema>,
        hash: [u8; 32],
        built: Box<segment::Built>,
    },
}

/// Everything that was read of a file, as it went into the transaction.
pub(super) struct Loaded {
    pub(super) segments: Vec<SegmentUse>,
    pub(super) entries: BTreeMap<u32, SourceEntry>,
    pub(super) digest: Digest,
    pub(super) sums: Vec<Sums>,
    pub(super) own_days: Option<Coverage>,
    pub(super) shared: u64,
    pub(super) taken: Vec<Taken>,
    pub(super) white: Vec<WhiteSpace>,
}

/// Puts segments into the transaction in the file's order.
pub(super) fn collect(
    writer: &Transaction,
    done: Receiver<Done>,
    all_faults: bool,
    stop: &AtomicBool,
) -> Result<Loaded, ImportError> {
    let mut loaded = Loaded {
        segments: Vec::new(),
        entries: BTreeMap::new(),
        digest: Digest::EMPTY,
        sums: Vec::new(),
        own_days: None,
        shared: 0,
        taken: Vec::new(),
        white: Vec::new(),
    };
    let mut new: HashMap<[u8; 32], u64> = HashMap::new();
    let mut waiting: BTreeMap<u64, Done> = BTreeMap::new();
    let mut next = 0;
    let mut faults = Faults::default();
    let result = (|| {
        for item in done.iter() {
            waiting.insert(item.number, item);
            while let Some(item) = waiting.remove(&next) {
                next += 1;
                match item.result {
                    Err(ImportError::Faults(found)) => {
                        faults.merge(found);
                        if !all_faults {
                            return Ok(());
                        }
                    }
                    Err(e) => return Err(e),
                    Ok(made) if faults.is_empty() => {
                        put_segment(writer, item.entry, item.key, made, &mut new, &mut loaded)?;
                    }
                    Ok(_) => {}
                }
            }
        }
        Ok(())
    })();
    stop.store(true, Ordering::Relaxed);
    // Workers must find somebody who takes what they still hold.
    done.iter().for_each(drop);
    result?;
    if faults.is_empty() { Ok(loaded) } else { Err(ImportError::Faults(faults)) }
}

fn put_segment(
    writer: &Transaction,
    entry: u32,
    key: [u8; 32],
    made: MadeSegment,
    new: &mut HashMap<[u8; 32], u64>,
    loaded: &mut Loaded,
) -> Result<(), ImportError> {
    let known = match &made {
        MadeSegment::Known(number) => Some(*number),
        MadeSegment::Built { .. } => new.get(&key).copied(),
    };
    let (number, record) = match (known, made) {
        (Some(number), _) | (None, MadeSegment::Known(number)) => {
            loaded.shared += 1;
            (number, writer.need::<Segment>(Table::Segments, &number.to_be_bytes())?)
        }
        (None, MadeSegment::Built { schema, hash, built }) => {
            built.taken.iter().for_each(|taken| Taken::merge(&mut loaded.taken, taken.clone()));
            built.white.iter().for_each(|white| WhiteSpace::merge(&mut loaded.white, white));
            let number = writer.next_id("segment")?;
            let mut blocks = Vec::new();
            for (header, bytes) in &built.blocks {
                let block = writer.next_id("block")?;
                writer.put_large(Large::Blocks, block, bytes)?;
                blocks.push(BlockUse {
                    block,
                    coverage_day: header.coverage_day,
                    rows: header.rows,
                    owner_min: header.owner_min,
                    owner_max: header.owner_max,
                });
            }
            writer.put_large(Large::Orders, number, &built.order)?;
            parted::put(writer, Parted::Rollup, number, &built.rollup)?;
            parted::put(writer, Parted::OwnerDays, number, &built.owner_days)?;
            writer.put(Table::Schemas, &hash, schema.as_ref())?;
            let record = Segment {
                schema: hash,
                rows: built.rows,
                blocks,
                sums: built.sums,
                days: built.days,
                own_days: built.own_days,
            };
            writer.put(Table::Segments, &number.to_be_bytes(), &record)?;
            writer.put(Table::SegmentKeys, &key, &number)?;
            new.insert(key, number);
            (number, record)
        }
    };
    loaded.segments.push(SegmentUse { segment: number, entry });
    for part in record.days.iter().flat_map(|day| [&day.own, &day.customers]) {
        loaded.digest.merge(part);
    }
    merge_sums(&mut loaded.sums, &record.sums).ok_or(Overflow)?;
    let control = loaded.entries.entry(entry).or_insert_with(|| SourceEntry {
        name: String::new(),
        lines: 0,
        sums: Vec::new(),
    });
    control.lines += u64::from(record.rows);
    merge_sums(&mut control.sums, &record.sums).ok_or(Overflow)?;
    if let Some(days) = record.own_days {
        let all = loaded.own_days.get_or_insert(days);
        all.first = all.first.min(days.first);
        all.last = all.last.max(days.last);
    }
    Ok(())
}

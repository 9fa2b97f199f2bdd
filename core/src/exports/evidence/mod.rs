//! The evidence of a dispute, in a zip that opens anywhere: for whoever has to be convinced, and for later.
//!
//! | entry | what |
//! |---|---|
//! | `index.html` | all of it on a page, readable offline |
//! | `lines.csv` | the disputed lines, with every column of the bill and where they stand in the provider's file |
//! | `arithmetic.csv` | the published arithmetic of each line, worked out again |
//! | `earlier.csv` | the same lines in the revision before, where there is one |
//! | `sources.csv` | the provider's files with their SHA-256 |
//!
//! The same dispute of the same store always gives the same bytes.

mod data;
mod page;

use data::{Earlier, Evidence, EvidenceLine};

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use crate::bills::dispute::{Dispute, DisputeError, LineId, each_block};
use crate::bills::lint::{LintSettings, Recomputed, recompute};
use crate::bills::origin::{LineAt, origins, stored_lines};
use crate::bills::{BillError, BillView, Comparison, LineChange, StoredLine};
use crate::engine::store::Records;
use crate::exports::{Columns, write_small};
use crate::values::error::codes;
use crate::values::reason::Reason;

/// Why the evidence of a dispute could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The dispute or its bill does not read.
    #[error(transparent)]
    Dispute(#[from] DisputeError),
    /// The zip could not be written.
    #[error("the evidence of dispute {number}: {why}")]
    Write {
        /// Which dispute.
        number: u64,
        /// Why.
        #[source]
        why: Reason,
    },
}

impl From<BillError> for EvidenceError {
    fn from(e: BillError) -> Self {
        EvidenceError::Dispute(e.into())
    }
}

codes!(EvidenceError {
    own { Self::Write { number, why } => User "evidence.write" { number: number, why: why }, }
    within { Self::Dispute(e) => e, {}, }
});

/// What a pack holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Disputed lines.
    pub lines: usize,
    /// Equations that do not come out.
    pub wrong: usize,
    /// Lines that the revision before had otherwise, or not at all.
    pub changed: usize,
}

impl Packed {
    /// Writes the evidence of a dispute as a zip.
    ///
    /// # Errors
    /// [`EvidenceError`]; what was written by then is no zip.
    pub fn pack(
        store: &(impl Records + Sync),
        number: u64,
        threads: usize,
        out: impl Write,
    ) -> Result<Packed, EvidenceError> {
        let dispute = Dispute::get(store, number)?;
        let view = BillView::open(store, dispute.bill, Some(dispute.revision))?;
        let mut evidence = Evidence {
            headers: Columns::of(&view).headers().to_vec(),
            lines: lines(store, &view, &dispute)?,
            before: None,
            dispute: &dispute,
            view: &view,
        };
        if dispute.revision > 1 {
            compare(store, &mut evidence, threads)?;
        }
        let entries = [
            ("index.html", page::page(&evidence).into_bytes()),
            ("lines.csv", evidence.lines_csv()),
            ("arithmetic.csv", evidence.arithmetic_csv()),
            ("earlier.csv", evidence.earlier_csv()),
            ("sources.csv", evidence.sources_csv()),
        ];
        write_small(out, &entries).map_err(|why| EvidenceError::Write { number, why })?;
        Ok(Packed {
            lines: evidence.lines.len(),
            wrong: evidence.lines.iter().flat_map(|l| &l.arithmetic).filter(|r| !r.agrees).count(),
            changed: evidence
                .lines
                .iter()
                .filter(|l| matches!(l.earlier, Earlier::Missing | Earlier::Other(_)))
                .count(),
        })
    }
}

/// Reads the disputed lines, in the order of their ids.
fn lines(
    store: &impl Records,
    view: &BillView,
    dispute: &Dispute,
) -> Result<Vec<EvidenceLine>, DisputeError> {
    let wanted: BTreeSet<LineId> = dispute.lines.iter().copied().collect();
    let found = stored_lines(store, view, &wanted)?;
    let at: Vec<LineAt> = found.iter().map(|(_, at)| *at).collect();
    let mut origins = origins(store, view, &at)?.into_iter();
    let columns = Columns::of(view);
    let mut lines = Vec::new();
    each_block(store, view, &found, &mut |segment, block, of_block| {
        let rows: Vec<usize> = of_block.iter().map(|(_, at)| at.row as usize).collect();
        let mut arithmetic: BTreeMap<usize, Vec<Recomputed>> = BTreeMap::new();
        for (row, one) in recompute(block, &rows, &LintSettings::default())? {
            arithmetic.entry(row).or_default().push(one);
        }
        let before = of_block.first().map_or(0, |(_, at)| segment.record.rows_before(at.block as usize));
        for (id, at) in of_block {
            let Some(origin) = origins.next() else { continue };
            lines.push(EvidenceLine {
                id: *id,
                origin,
                stored: StoredLine { segment: segment.number, row: before + at.row },
                cells: columns.cells(block, at.row as usize)?,
                arithmetic: arithmetic.remove(&(at.row as usize)).unwrap_or_default(),
                earlier: Earlier::None,
            });
        }
        Ok(())
    })?;
    lines.sort_by_key(|line| line.id);
    Ok(lines)
}

/// Finds what the disputed lines were in the revision before.
fn compare(
    store: &(impl Records + Sync),
    evidence: &mut Evidence<'_>,
    threads: usize,
) -> Result<(), DisputeError> {
    let before = evidence.view.revision.previous;
    let earlier = BillView::open(store, evidence.dispute.bill, Some(before))?;
    evidence.before = Some(before);
    let mut of: BTreeMap<StoredLine, &mut EvidenceLine> =
        evidence.lines.iter_mut().map(|l| (l.stored, l)).collect();
    of.values_mut().for_each(|line| line.earlier = Earlier::Same);
    let comparison = Comparison::new(store, &earlier, evidence.view)?;
    comparison.run::<BillError>(store, threads, &mut |change| {
        match change {
            LineChange::Added(line) => {
                if let Some(disputed) = of.get_mut(&line.stored) {
                    disputed.earlier = Earlier::Missing;
                }
            }
            LineChange::Changed { from, to, columns, .. } => {
                if let Some(disputed) = of.get_mut(&to.stored) {
                    let (was, is): (Vec<&[u8]>, Vec<&[u8]>) = (from.cells().collect(), to.cells().collect());
                    let text = |cells: &[&[u8]], at: usize| {
                        String::from_utf8_lossy(cells.get(at).copied().unwrap_or_default()).into_owned()
                    };
                    let name = |at: usize| comparison.headers().get(at).cloned().unwrap_or_default();
                    let other = columns.iter().map(|at| (name(*at), text(&was, *at), text(&is, *at)));
                    disputed.earlier = Earlier::Other(other.collect());
                }
            }
            LineChange::Removed(_) => {}
        }
        Ok(())
    })?;
    Ok(())
}

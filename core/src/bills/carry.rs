//! Carries a late file forward: books what it would change in its confirmed month into a later one that is not.
//!
//! The corrections are a CSV of their own, with the columns of the bill and four more: a line that is missing in the
//! confirmed bill as it is, a line that should not be there with its amounts negated, and for a line that is different both. Each
//! names the month and the line that it corrects. The file is imported like any other adjustment, so that it is
//! hashed, kept and shown as such. The same late file always gives the same bytes for the same month, and the month is written
//! down before anything is booked: doing it again after a stop in between books nothing twice (I8), also if that month was
//! confirmed meanwhile. What other late files of the bill have booked counts as if it stood in the bill.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::bills::Bill;
use crate::bills::ingest::{
    Import, ImportError, ImportReport, ImportRequest, ImportSettings, Outcome, file_seen,
};
use crate::bills::late::carried::{BOOKING, Booked, REFERENCES, REVERSAL};
use crate::bills::late::{self, Carried, CarriedBefore, LateError, LateFile, LateState};
use crate::bills::{
    BillError, BillKey, BillState, BillView, Comparison, DiffLine, ImportMode, LineChange, Load, StoredLine,
};
use crate::engine::journal::Actor;
use crate::engine::own_folder::{own_file, own_folder};
use crate::engine::store::{Records, Store, StoreError, Table};
use crate::formats::dialect::{CellKind, Dialect};
use crate::formats::schema::{Column, Schema};
use crate::values::digest::hex;
use crate::values::error::codes;
use crate::values::money::Amount;
use crate::values::period::BillMonth;
use crate::values::reason::Reason;

/// Why a late file could not be carried forward.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CarryError {
    /// The late file does not allow it.
    #[error(transparent)]
    Late(#[from] LateError),
    /// It changes nothing, so there is nothing to carry.
    #[error("late file {0} changes nothing in its bill: discard it")]
    Nothing(u64),
    /// All that it changes was carried forward before.
    #[error(
        "all that late file {late} changes was carried forward with late file {} before: discard it",
        late::join(with)
    )]
    Before {
        /// Which late file.
        late: u64,
        /// With which others.
        with: BTreeSet<u64>,
    },
    /// Another late file of the bill was stopped after its corrections were booked, and before that was noted.
    #[error(
        "carrying late file {0} forward was stopped before it was noted: carry that file forward again first"
    )]
    Unfinished(u64),
    /// The corrections could not be imported.
    #[error("the corrections of late file {late}: {error}")]
    Import {
        /// Which late file.
        late: u64,
        /// What is wrong.
        error: Box<ImportError>,
    },
    /// Figures that must be equal are not (I1).
    #[error("the corrections add up to {one}, and the late file changes its bill by {other}")]
    DoNotTie {
        /// What the corrections add up to.
        one: String,
        /// What the difference is.
        other: String,
    },
    /// The file of the corrections could not be written.
    #[error("`{file}`: {why}")]
    Write {
        /// Its name.
        file: String,
        /// Why.
        #[source]
        why: Reason,
    },
}

impl From<StoreError> for CarryError {
    fn from(e: StoreError) -> Self {
        CarryError::Late(e.into())
    }
}

impl From<BillError> for CarryError {
    fn from(e: BillError) -> Self {
        CarryError::Late(e.into())
    }
}

codes!(CarryError {
    own {
        Self::Nothing(late) => Refused "carry.nothing" { number: late },
        Self::Before { late, with } => Refused "carry.before" { number: late, with: late::join(with) },
        Self::Unfinished(late) => Refused "carry.unfinished" { number: late },
        Self::DoNotTie { one, other } => Damaged "carry.do-not-tie" { one: one, other: other },
        Self::Write { file, why } => User "carry.write" { file: file, why: why },
    }
    within {
        Self::Late(e) => e, {},
        Self::Import { late, error } => error, { late: late },
    }
});

impl Store {
    /// Books a late file's difference into the first later month whose bill is not confirmed.
    ///
    /// Lines that were carried forward with other late files are not booked again; how many is returned. Corrections of a file
    /// that this one replaces are taken back where this one lacks their lines. The corrections are written to a file in `folder`,
    /// which goes when they are in the store.
    ///
    /// # Errors
    /// [`CarryError`]; the confirmed bill is as before in any case.
    pub fn carry_forward(
        &self,
        number: u64,
        reason: &str,
        folder: &Path,
        actor: &Actor,
        settings: &ImportSettings,
    ) -> Result<(LateFile, ImportReport, CarriedBefore), CarryError> {
        let name = {
            let reader = self.read()?;
            let late = late::takeable(&reader, number)?;
            must_be_noted(&reader, &late)?;
            file_name(&late)
        };
        let path = folder.join(&name);
        let failed =
            |e: std::io::Error| CarryError::Write { file: path.display().to_string(), why: Reason::of(e) };
        own_folder(folder).map_err(failed)?;
        let corrections = |target: BillKey| -> Result<([u8; 32], CarriedBefore), CarryError> {
            let reader = self.read()?;
            let late = late::takeable(&reader, number)?;
            let (without, with) = late::with_and_without(&reader, &late, actor)?;
            let mut out =
                CarryHasher { out: BufWriter::new(own_file(&path).map_err(failed)?), hasher: Sha256::new() };
            let carried = Carried::of(&reader, late.bill, actor)?;
            let (lines, before) =
                write(&reader, &late, &carried, [&without, &with], target, settings.threads, &mut out)?;
            out.flush().map_err(failed)?;
            if lines == 0 {
                std::fs::remove_file(&path).map_err(failed)?;
                return Err(match before {
                    CarriedBefore { lines: 0, .. } => CarryError::Nothing(number),
                    CarriedBefore { with, .. } => CarryError::Before { late: number, with },
                });
            }
            Ok((out.hasher.finalize().into(), before))
        };
        let (target, before) = intend(self, number, &corrections)?;
        let request = ImportRequest {
            mode: Some(ImportMode::Adjustment),
            month: Some(target.month),
            basis: Some(target.basis),
            // Corrections keep the days of the month that they correct.
            accept_outside: true,
            verbatim: true,
            ..ImportRequest::default()
        };
        let mut report = self
            .import(
                &path,
                &Import { request: request.clone(), settings: settings.clone(), ..Import::by(actor) },
            )
            .map_err(|error| CarryError::Import { late: number, error: Box::new(error) })?;
        let load = match &report.outcome {
            Outcome::Imported { load, .. } | Outcome::Unchanged { load, .. } => *load,
            Outcome::Held { late, .. } => late.load,
            Outcome::DryRun { .. } => 0,
        };
        let writer = self.write()?;
        let late = late::takeable(&writer, number)?;
        let settled = late::settle(&writer, &late, actor)?;
        let late = late::decide(&writer, late, LateState::Carried { to: target, load }, reason, actor)?;
        writer.delete(Table::Meta, intention(number).as_bytes())?;
        writer.commit()?;
        report.settled.extend(settled);
        std::fs::remove_file(&path).map_err(failed)?;
        Ok((late, report, before))
    }
}

/// Returns how the file of corrections is called.
fn file_name(late: &LateFile) -> String {
    format!("correction-{}-of-{}.csv", late.number, hex(late.sha256.get(..4).unwrap_or_default()))
}

/// Refuses while corrections of another late file of the bill are booked, and not noted: they would not be compared with.
fn must_be_noted(store: &impl Records, late: &LateFile) -> Result<(), CarryError> {
    let waits = |other: &LateFile| {
        other.bill == late.bill && other.number != late.number && other.state == LateState::Waiting
    };
    for other in LateFile::list(store)?.into_iter().filter(waits) {
        let Some(target) = store.get::<BillKey>(Table::Meta, intention(other.number).as_bytes())? else {
            continue;
        };
        let name = file_name(&other);
        let is_it = |load: &Load| load.bill == target && load.file.name == name;
        if store.list::<Load>(Table::Loads, &[])?.iter().any(|(_, load)| is_it(load)) {
            return Err(CarryError::Unfinished(other.number));
        }
    }
    Ok(())
}

/// Under which key it lies in [`Table::Meta`] to which bill a late file is being carried.
fn intention(number: u64) -> String {
    format!("carrying/{number}")
}

/// Writes the corrections, and writes down to which bill they go before they are booked. An earlier attempt that has booked
/// them decides; one that was stopped before that does not.
fn intend(
    store: &Store,
    number: u64,
    corrections: &impl Fn(BillKey) -> Result<([u8; 32], CarriedBefore), CarryError>,
) -> Result<(BillKey, CarriedBefore), CarryError> {
    let before: Option<BillKey> = store.read()?.get(Table::Meta, intention(number).as_bytes())?;
    let mut written = None;
    if let Some(before) = before {
        let (sha256, carried) = corrections(before)?;
        if file_seen(&store.read()?, before, &sha256)?.is_some() {
            return Ok((before, carried));
        }
        written = Some((before, carried));
    }
    let reader = store.read()?;
    let target = target(&reader, late::takeable(&reader, number)?.bill)?;
    drop(reader);
    match written {
        Some((written, carried)) if written == target => Ok((target, carried)),
        _ => {
            let (_, carried) = corrections(target)?;
            let writer = store.write()?;
            writer.put(Table::Meta, intention(number).as_bytes(), &target)?;
            writer.commit()?;
            Ok((target, carried))
        }
    }
}

/// Hashes what is written.
struct CarryHasher<W> {
    out: W,
    hasher: Sha256,
}

impl<W: Write> Write for CarryHasher<W> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(buffer)?;
        self.hasher.update(buffer.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// Returns the first bill after another one that is not confirmed, whether it is begun or not.
fn target(store: &impl Records, of: BillKey) -> Result<BillKey, StoreError> {
    let confirmed: Vec<BillKey> = Bill::list(store)?
        .into_iter()
        .filter(|(bill, _)| bill.state == BillState::Confirmed)
        .map(|(bill, _)| bill.key)
        .collect();
    let mut key = of;
    while confirmed.contains(&key) {
        let Some(next) = key.month.last_day().next() else { break };
        key = BillKey { month: next.month(), ..key };
    }
    Ok(key)
}

/// How a line of the comparison becomes a line of the corrections.
struct Writing<'a> {
    late: &'a LateFile,
    target: BillMonth,
    /// Which columns have money, and which one the bill's month.
    money: Vec<usize>,
    month: Option<usize>,
    /// Where the references stand.
    references: [usize; REFERENCES.len()],
    columns: usize,
}

/// Writes the corrections; returns how many lines, and what was carried forward before.
fn write(
    reader: &(impl Records + Sync),
    late: &LateFile,
    carried: &Carried,
    [without, with]: [&BillView; 2],
    target: BillKey,
    threads: usize,
    out: &mut impl Write,
) -> Result<(u64, CarriedBefore), CarryError> {
    let comparison = Comparison::beside(reader, [without, with], &carried.views())?;
    let load: Load = reader.need(Table::Loads, &late.load.to_be_bytes())?;
    let mut known = BookedByOthers {
        carried,
        booked: carried.booked(reader, &comparison, &load)?,
        before: CarriedBefore::default(),
    };
    let mut headers: Vec<String> = comparison.headers().to_vec();
    let references = REFERENCES.map(|name| match headers.iter().position(|h| h == name) {
        // A correction of a correction names what it corrects itself.
        Some(at) => at,
        None => {
            headers.push(name.to_owned());
            headers.len() - 1
        }
    });
    let schema = Schema::recognise(headers.iter().map(String::as_bytes))
        .map_err(|e| CarryError::Write { file: late.file.clone(), why: Reason::of(e) })?;
    let writing = Writing {
        late,
        target: target.month,
        money: schema.summed().into_iter().map(|(_, at)| at).collect(),
        month: schema.index_of(Column::BillMonth),
        references,
        columns: headers.len(),
    };
    let mut text = Vec::new();
    record(&headers, &mut text);
    let mut lines = 0;
    let mut sums: BTreeMap<String, Amount> = BTreeMap::new();
    let mut waiting: Vec<LineChange> = Vec::new();
    let mut failed = None;
    let mut flush = |waiting: &mut Vec<LineChange>, text: &mut Vec<u8>| -> Result<(), CarryError> {
        lines +=
            writing.changes(reader, [without, with], std::mem::take(waiting), &mut known, &mut sums, text)?;
        out.write_all(text).map_err(|e| CarryError::Write { file: late.file.clone(), why: Reason::of(e) })?;
        text.clear();
        Ok(())
    };
    let diff = comparison.run::<BillError>(reader, threads, &mut |change| {
        waiting.push(change.clone());
        if waiting.len() >= WAITING_MAX && failed.is_none() {
            failed = flush(&mut waiting, &mut text).err();
        }
        Ok(())
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    flush(&mut waiting, &mut text)?;
    let net: BTreeMap<String, Amount> =
        diff.net.iter().map(|net| (net.currency.clone(), net.total())).collect();
    let told = |sums: &BTreeMap<String, Amount>| {
        let texts =
            sums.iter().filter(|(_, a)| a.mantissa() != 0).map(|(c, a)| format!("{} {c}", a.grouped()));
        texts.collect::<Vec<_>>().join(", ")
    };
    let equal = net.iter().all(|(c, a)| sums.get(c).copied().unwrap_or_default() == *a);
    if !equal {
        return Err(CarryError::DoNotTie { one: told(&sums), other: told(&net) });
    }
    let BookedByOthers { mut booked, before, .. } = known;
    let mut failed = None;
    carried.undone(reader, &comparison, &mut booked, &mut |line| {
        lines += 1;
        writing.take_back(line, &mut text);
        if text.len() >= TEXT_BYTES_MAX && failed.is_none() {
            failed = out.write_all(&text).err();
            text.clear();
        }
        Ok(())
    })?;
    let written = failed.map_or_else(|| out.write_all(&text), Err);
    written.map_err(|e| CarryError::Write { file: late.file.clone(), why: Reason::of(e) })?;
    Ok((lines, before))
}

/// What other late files have booked, and what of it was found once more.
struct BookedByOthers<'a> {
    carried: &'a Carried,
    booked: Booked,
    before: CarriedBefore,
}

/// After how many bytes corrections that are taken back are written.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// Changes that wait for the ids of their lines.
const WAITING_MAX: usize = 8_192;

fn record(cells: &[impl AsRef<[u8]>], text: &mut Vec<u8>) {
    Dialect::Plain.write_cells(cells.iter().map(|cell| (CellKind::Text, cell)), text);
}

impl Writing<'_> {
    fn changes(
        &self,
        reader: &impl Records,
        [without, with]: [&BillView; 2],
        changes: Vec<LineChange>,
        known: &mut BookedByOthers<'_>,
        sums: &mut BTreeMap<String, Amount>,
        text: &mut Vec<u8>,
    ) -> Result<u64, CarryError> {
        let mut lines: Vec<(bool, DiffLine)> = Vec::new();
        for change in changes {
            match change {
                LineChange::Added(line) => lines.push((false, line)),
                LineChange::Removed(line) => lines.push((true, line)),
                LineChange::Changed { from, to, .. } => lines.extend([(true, from), (false, to)]),
            }
        }
        for (reversed, line) in &lines {
            let total = line.amounts.first().copied().unwrap_or_default();
            let sum = sums.entry(line.currency.clone()).or_default();
            let new = if *reversed { sum.checked_sub(total) } else { sum.checked_add(total) };
            *sum = new.ok_or(crate::engine::rollup::Overflow).map_err(BillError::from)?;
        }
        let mut left = Vec::with_capacity(lines.len());
        for (reversed, line) in lines {
            match known.booked.take(&line, reversed) {
                Some(with) => known.carried.note(&mut known.before, with, &line, reversed)?,
                None => left.push((reversed, line)),
            }
        }
        let lines = left;
        let of = |reversed: bool| -> Vec<StoredLine> {
            lines.iter().filter(|(r, _)| *r == reversed).map(|(_, line)| line.stored).collect()
        };
        let old = without.line_ids(reader, &of(true))?;
        let new = with.line_ids(reader, &of(false))?;
        for (reversed, line) in &lines {
            let (ids, view) = if *reversed { (&old, without) } else { (&new, with) };
            let id = ids.get(&line.stored);
            let file = id.and_then(|id| view.loads.iter().find(|(load, _)| load.number == id.load));
            let references = [
                self.late.bill.month.to_string(),
                id.map_or_else(String::new, ToString::to_string),
                file.map_or_else(String::new, |(load, _)| load.file.name.clone()),
                if *reversed { REVERSAL } else { BOOKING }.to_owned(),
            ];
            self.line(line, *reversed, &references, text);
        }
        Ok(lines.len() as u64)
    }

    /// Writes a correction that was booked before with its amounts negated.
    fn take_back(&self, line: &DiffLine, text: &mut Vec<u8>) {
        let mut references = self
            .references
            .map(|at| String::from_utf8_lossy(line.cells().nth(at).unwrap_or_default()).into_owned());
        if let Some(kind) = references.last_mut() {
            *kind = if kind == REVERSAL { BOOKING } else { REVERSAL }.to_owned();
        }
        self.line(line, true, &references, text);
    }

    fn line(&self, line: &DiffLine, reversed: bool, references: &[String], text: &mut Vec<u8>) {
        let mut cells: Vec<Vec<u8>> = line.cells().map(<[u8]>::to_vec).collect();
        cells.resize(self.columns, Vec::new());
        if let Some(cell) = self.month.and_then(|at| cells.get_mut(at)) {
            *cell = self.target.to_string().into_bytes();
        }
        if reversed {
            for at in &self.money {
                let Some(cell) = cells.get_mut(*at) else { continue };
                // A cell that shows no amount stays as it is.
                if let Ok(Some(amount)) = Amount::parse_cell(cell) {
                    cell.clear();
                    Amount::new(-amount.mantissa(), amount.scale()).write(cell);
                }
            }
        }
        for (at, reference) in self.references.iter().zip(references) {
            if let Some(cell) = cells.get_mut(*at) {
                *cell = reference.as_bytes().to_vec();
            }
        }
        record(&cells, text);
    }
}

//! What a commit does besides: it brings the tables' sums up to date ([`super::state`]), and has the journal's entry record them.

use std::collections::BTreeMap;

use redb::{MultimapTableHandle as _, ReadableTable, TableHandle as _};

use super::state::{self, Kept, Lanes, Moved, SINCE, STEPS, Since, Sum, Sums};
use super::{Large, Read, Reader, StoreError, Table, Writer, guarded};

/// Finishes the journal's entry of a transaction with the digests that it moves; returns the entry's number.
pub(crate) type Record = Box<dyn FnOnce(&Writer, &[Moved]) -> Result<u64, StoreError>>;

/// What a transaction changes of the sums.
#[derive(Default)]
pub(super) struct Settling {
    /// Says whether the store has sums.
    pub(super) keeps_sums: bool,
    /// Says that a store of an earlier format gets them now, from all that is there.
    begins: bool,
    /// By how much each table's sums change.
    changes: BTreeMap<&'static str, Lanes>,
    record: Option<Record>,
    /// The bills that get another digest, by the subject of the entry that is to tell it.
    revised: Vec<(String, [u8; 32])>,
    /// How many entries of the journal the transaction has written.
    pub(super) entries: u64,
}

impl Settling {
    /// Returns by how much a table's sums change so far.
    pub(super) fn of(&mut self, name: &'static str) -> &mut Lanes {
        self.changes.entry(name).or_insert_with(Lanes::empty)
    }

    /// Counts a record that takes the place of another one.
    pub(super) fn counts(&mut self, table: Table, key: &[u8], before: Option<&[u8]>, after: Option<&[u8]>) {
        let Some(name) = state::counted_as(table, key).filter(|_| before != after) else { return };
        let sums = self.of(name);
        if let Some(before) = before {
            sums.take(table.name(), key, before);
        }
        if let Some(after) = after {
            sums.put(table.name(), key, after);
        }
    }
}

impl Writer {
    /// Says whether the store has sums; one of an earlier format has none.
    pub(crate) fn has_sums(&self) -> bool {
        let settling = self.settling.borrow();
        settling.keeps_sums || settling.begins
    }

    /// Gives a store of an earlier format its sums, with this commit.
    pub(crate) fn begin_sums(&self) {
        self.settling.borrow_mut().begins = true;
    }

    /// Has an entry of the journal finished when this transaction is committed. A later entry takes the place of an earlier one.
    pub(crate) fn record_at_commit(&self, record: Record) {
        let mut settling = self.settling.borrow_mut();
        settling.record = Some(record);
        settling.entries += 1;
    }

    /// Notes that a bill gets another digest.
    pub(crate) fn note_revised(&self, subject: String, digest: [u8; 32]) {
        self.settling.borrow_mut().revised.push((subject, digest));
    }

    /// Says whether a bill gets this digest in this transaction.
    pub(crate) fn is_revised(&self, subject: &str, digest: [u8; 32]) -> bool {
        self.settling.borrow().revised.iter().any(|(other, wanted)| other == subject && *wanted == digest)
    }

    pub(super) fn settle(&self) -> Result<(), StoreError> {
        let (begins, keeps_sums) = {
            let settling = self.settling.borrow();
            (settling.begins, settling.keeps_sums)
        };
        if !begins && !keeps_sums {
            return Ok(());
        }
        if begins {
            self.put_format(super::STORE_FORMAT)?;
        }
        // Its own note is counted as well.
        drop(self.open(Table::State)?);
        self.note_made(Table::State)?;
        let (changes, record) = {
            let mut settling = self.settling.borrow_mut();
            (std::mem::take(&mut settling.changes), settling.record.take())
        };
        let now = if begins { found(self)? } else { self.changed(changes)? };
        if now.is_empty() && record.is_none() {
            return Ok(());
        }
        self.keep(now, record)
    }

    /// Returns the sums of the tables that change, as they are then.
    fn changed(&self, changes: BTreeMap<&'static str, Lanes>) -> Result<BTreeMap<String, Lanes>, StoreError> {
        let mut now = BTreeMap::new();
        for (name, change) in changes {
            if change.is_empty() {
                continue;
            }
            let mut lanes = match self.get::<Kept>(Table::State, name.as_bytes())? {
                Some(kept) => kept.lanes(name)?,
                None => Lanes::empty(),
            };
            lanes.add(&change);
            now.insert(name.to_owned(), lanes);
        }
        Ok(now)
    }

    /// Has the entry record the digests, if there is one, and puts the sums.
    fn keep(&self, now: BTreeMap<String, Lanes>, record: Option<Record>) -> Result<(), StoreError> {
        let mut kept = kept(self)?;
        let mut moved = Vec::new();
        for (name, lanes) in now.iter().filter(|(name, _)| !state::is_step(name)) {
            let before = kept.get(name);
            moved.push(Moved {
                part: name.clone(),
                before: before.map(|kept| Ok::<_, StoreError>(kept.lanes(name)?.digest())).transpose()?,
                entry: before.map_or(0, |kept| kept.entry),
                after: lanes.digest(),
            });
        }
        let before: Since = self.get(Table::State, SINCE)?.unwrap_or_default();
        for (name, lanes) in &now {
            let entry = kept.get(name).map_or(0, |kept| kept.entry);
            kept.insert(name.clone(), Kept::new(entry, lanes));
        }
        let mut steps = Lanes::empty();
        for (name, kept) in kept.iter().filter(|(name, _)| state::is_step(name)) {
            steps.add(&kept.lanes(name)?);
        }
        let steps = steps.digest();
        let since = match record {
            Some(record) => {
                moved.push(Moved {
                    part: STEPS.to_owned(),
                    before: Some(before.steps),
                    entry: 0,
                    after: steps,
                });
                let number = record(self, &moved)?;
                for moved in &moved {
                    if let Some(kept) = kept.get_mut(&moved.part) {
                        kept.entry = number;
                    }
                }
                Since { commits: 0, steps }
            }
            None => Since { commits: before.commits + 1, steps },
        };
        for name in now.keys() {
            if let Some(kept) = kept.get(name) {
                self.put(Table::State, name.as_bytes(), kept)?;
            }
        }
        self.put(Table::State, SINCE, &since)
    }
}

/// Returns the sums that were kept, by table.
fn kept(store: &impl Read) -> Result<BTreeMap<String, Kept>, StoreError> {
    let mut found = BTreeMap::new();
    store.scan_bytes(Table::State, &[], &mut |key, bytes| {
        if key != SINCE {
            let name = String::from_utf8_lossy(key).into_owned();
            found.insert(name, super::decode::<Kept>(Table::State, bytes)?);
        }
        Ok(true)
    })?;
    Ok(found)
}

/// A transaction that shows what lies in the file, checksums and pieces included.
pub(super) trait Raw {
    /// Visits the records of a table; one that is not there has none.
    fn records(&self, table: Table, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError>;

    /// Visits the pieces of large values.
    fn pieces(&self, large: Large, visit: &mut dyn FnMut(u64, &[u8])) -> Result<(), StoreError>;

    /// Returns the names of all tables.
    fn names(&self) -> Result<Vec<String>, StoreError>;
}

fn visit_records(
    open: &impl ReadableTable<&'static [u8], &'static [u8]>,
    visit: &mut dyn FnMut(&[u8], &[u8]),
) -> Result<(), StoreError> {
    for entry in open.iter()? {
        let (key, value) = entry?;
        visit(key.value(), value.value());
    }
    Ok(())
}

fn visit_pieces(
    open: &impl ReadableTable<u64, &'static [u8]>,
    visit: &mut dyn FnMut(u64, &[u8]),
) -> Result<(), StoreError> {
    for entry in open.iter()? {
        let (key, value) = entry?;
        visit(key.value(), value.value());
    }
    Ok(())
}

impl Raw for Reader {
    fn records(&self, table: Table, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        match self.txn.open_table(table.definition()) {
            Ok(open) => visit_records(&open, visit),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    fn pieces(&self, large: Large, visit: &mut dyn FnMut(u64, &[u8])) -> Result<(), StoreError> {
        match self.txn.open_table(large.definition()) {
            Ok(open) => visit_pieces(&open, visit),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        let tables = self.txn.list_tables()?.map(|table| table.name().to_owned());
        let others = self.txn.list_multimap_tables()?.map(|table| table.name().to_owned());
        Ok(tables.chain(others).collect())
    }
}

impl Raw for Writer {
    fn records(&self, table: Table, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        match self.names()?.iter().any(|name| name == table.name()) {
            true => visit_records(&self.txn()?.open_table(table.definition())?, visit),
            false => Ok(()),
        }
    }

    fn pieces(&self, large: Large, visit: &mut dyn FnMut(u64, &[u8])) -> Result<(), StoreError> {
        match self.names()?.iter().any(|name| name == large.name()) {
            true => visit_pieces(&self.txn()?.open_table(large.definition())?, visit),
            false => Ok(()),
        }
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        let tables = self.txn()?.list_tables()?.map(|table| table.name().to_owned());
        let others = self.txn()?.list_multimap_tables()?.map(|table| table.name().to_owned());
        Ok(tables.chain(others).collect())
    }
}

/// Adds up what lies in the file, by table.
fn found(store: &impl Raw) -> Result<BTreeMap<String, Lanes>, StoreError> {
    guarded(|| {
        let mut sums: BTreeMap<String, Lanes> = BTreeMap::new();
        for table in Table::ALL {
            store.records(*table, &mut |key, value| {
                if let Some(name) = state::counted_as(*table, key) {
                    sums.entry(name.to_owned()).or_insert_with(Lanes::empty).put(table.name(), key, value);
                }
            })?;
        }
        for large in Large::ALL {
            store.pieces(*large, &mut |key, value| {
                let sums = sums.entry(large.name().to_owned()).or_insert_with(Lanes::empty);
                sums.put(large.name(), &key.to_le_bytes(), value);
            })?;
        }
        Ok(sums)
    })
}

/// Adds up what lies in the file, and puts what was kept beside it.
pub(super) fn sums(store: &(impl Raw + Read)) -> Result<Sums, StoreError> {
    let mut found = found(store)?;
    let kept = kept(store)?;
    for name in kept.keys() {
        found.entry(name.clone()).or_insert_with(Lanes::empty);
    }
    let mut steps = Lanes::empty();
    let mut tables = Vec::new();
    for (name, lanes) in found {
        let is_step = state::is_step(&name);
        if is_step {
            steps.add(&lanes);
        }
        let (digest, entry) = match kept.get(&name) {
            Some(kept) => (Some(kept.lanes(&name)?.digest()), kept.entry),
            None => (None, 0),
        };
        tables.push(Sum { kept: digest, entry, found: lanes.digest(), is_step, name });
    }
    let unknown = |name: &String| !state::is_known(name);
    let strangers = guarded(|| store.names())?.into_iter().filter(unknown);
    let strangers = strangers.chain(kept.keys().filter(|name| !state::is_counted(name)).cloned()).collect();
    Ok(Sums { tables, steps: steps.digest(), since: store.since()?, strangers })
}

/// What lies in a file, and changing it as somebody does who is not this program: nothing is counted.
#[cfg(test)]
pub(crate) mod behind {
    use super::super::{Large, Read as _, StoreError, Table, Writer, sealed};
    use super::{Raw as _, state};

    /// A value of either sort of table: the table's name, the key, and the bytes as they lie there.
    pub(crate) type Value = (String, Vec<u8>, Vec<u8>);

    /// Returns everything that lies in the file.
    pub(crate) fn all(writer: &Writer) -> Vec<Value> {
        let mut found = Vec::new();
        for table in Table::ALL {
            let mut visit =
                |k: &[u8], v: &[u8]| found.push((table.name().to_owned(), k.to_vec(), v.to_vec()));
            writer.records(*table, &mut visit).unwrap();
        }
        for large in Large::ALL {
            let mut visit = |k: u64, v: &[u8]| {
                found.push((large.name().to_owned(), k.to_le_bytes().to_vec(), v.to_vec()));
            };
            writer.pieces(*large, &mut visit).unwrap();
        }
        found
    }

    /// Puts bytes under a key, or takes away what is there. A record gets the checksum that it has in this place.
    pub(crate) fn put(
        writer: &Writer,
        name: &str,
        key: &[u8],
        bytes: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        if let Some(large) = Large::ALL.iter().find(|large| large.name() == name) {
            let mut open = writer.open_large(*large)?;
            let key = u64::from_le_bytes(key.try_into().unwrap());
            match bytes {
                Some(bytes) => drop(open.insert(key, bytes)?),
                None => drop(open.remove(key)?),
            }
            return Ok(());
        }
        let table = *Table::ALL.iter().find(|table| table.name() == name).unwrap();
        let mut open = writer.open(table)?;
        match bytes {
            // Five bytes of checksum come before the record.
            Some([0x80, _, _, _, _, record @ ..]) => {
                drop(open.insert(key, sealed::seal(table, key, record).as_slice())?);
            }
            Some(bytes) => drop(open.insert(key, bytes)?),
            None => drop(open.remove(key)?),
        }
        Ok(())
    }

    /// Makes the sums of a table those of what lies there, as somebody would who knows how they are made.
    pub(crate) fn forge_sums(writer: &Writer, name: &str) {
        let lanes = super::found(writer).unwrap().remove(name).unwrap_or_else(state::Lanes::empty);
        let entry = writer.get::<state::Kept>(Table::State, name.as_bytes()).unwrap().map_or(0, |k| k.entry);
        writer.put(Table::State, name.as_bytes(), &state::Kept::new(entry, &lanes)).unwrap();
    }
}

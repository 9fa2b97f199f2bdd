//! A disk in memory under the store's engine: it keeps what was done to it, fails as it is told, and shows what a loss of power
//! would leave of it.

use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex};

use billkeep_core::testing::Disk;
use billkeep_fixtures::Rng;

/// So much a disk writes at once, whole or not at all.
const SECTOR_BYTES: usize = 512;

/// What was done to a disk.
#[derive(Clone, Debug)]
pub enum Op {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Sync,
}

/// What a disk answers instead of doing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    ReadError,
    WriteError,
    ShortWrite,
    Full,
    SyncError,
}

impl Fault {
    pub const ALL: [Fault; 5] =
        [Fault::ReadError, Fault::WriteError, Fault::ShortWrite, Fault::Full, Fault::SyncError];

    fn strikes(self, call: Call) -> bool {
        match self {
            Fault::ReadError => call == Call::Read,
            Fault::WriteError | Fault::ShortWrite | Fault::Full => call == Call::Write,
            Fault::SyncError => call == Call::Sync,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Read,
    Write,
    Sync,
}

/// Bytes, and what of them would outlive a loss of power.
#[derive(Clone, Debug, Default)]
pub struct Platter {
    /// As a program sees them.
    pub bytes: Vec<u8>,
    /// What was done since the last sync.
    pending: Vec<Op>,
    /// As they were at the last sync.
    durable: Vec<u8>,
}

fn apply(bytes: &mut Vec<u8>, op: &Op, keeps: &mut dyn FnMut() -> bool) {
    match op {
        Op::Write(at, written) => {
            let at = usize::try_from(*at).unwrap();
            let end = at + written.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            let mut from = at;
            while from < end {
                let to = end.min((from / SECTOR_BYTES + 1) * SECTOR_BYTES);
                if keeps() {
                    bytes[from..to].copy_from_slice(&written[from - at..to - at]);
                }
                from = to;
            }
        }
        Op::SetLen(len) => bytes.resize(usize::try_from(*len).unwrap(), 0),
        Op::Sync => {}
    }
}

/// What a loss of power leaves of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    Nothing,
    All,
    Some,
    /// Some sectors of each write.
    Torn,
}

impl Left {
    pub const ALL: [Left; 4] = [Left::Nothing, Left::All, Left::Some, Left::Torn];
}

impl Platter {
    pub fn of(bytes: Vec<u8>) -> Platter {
        Platter { durable: bytes.clone(), bytes, pending: Vec::new() }
    }

    pub fn apply(&mut self, op: &Op) {
        apply(&mut self.bytes, op, &mut || true);
        match op {
            Op::Sync => {
                for op in self.pending.drain(..) {
                    apply(&mut self.durable, &op, &mut || true);
                }
            }
            op => self.pending.push(op.clone()),
        }
    }

    /// What is there after a loss of power.
    pub fn after_power_loss(&self, left: Left, rng: &mut Rng) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for op in &self.pending {
            match left {
                Left::Nothing => {}
                Left::All => apply(&mut bytes, op, &mut || true),
                Left::Some if rng.below(2) == 0 => apply(&mut bytes, op, &mut || true),
                Left::Some => {}
                Left::Torn => apply(&mut bytes, op, &mut || rng.below(2) == 0),
            }
        }
        bytes
    }
}

#[derive(Debug, Default)]
struct State {
    platter: Platter,
    /// Reads, writes, syncs so far.
    calls: [u64; 3],
    fault: Option<(Fault, u64)>,
    full: bool,
    log: Option<Vec<Op>>,
}

/// A disk of one program.
#[derive(Clone, Debug, Default)]
pub struct FaultyDisk(Arc<Mutex<State>>);

impl FaultyDisk {
    pub fn of(bytes: Vec<u8>) -> FaultyDisk {
        FaultyDisk(Arc::new(Mutex::new(State { platter: Platter::of(bytes), ..State::default() })))
    }

    /// Fails at the call of a number, counted from 1, among those that the fault can strike.
    pub fn failing(bytes: Vec<u8>, fault: Fault, number: u64) -> FaultyDisk {
        let disk = FaultyDisk::of(bytes);
        disk.0.lock().unwrap().fault = Some((fault, number));
        disk
    }

    /// Keeps what is done to it.
    pub fn recording(bytes: Vec<u8>) -> FaultyDisk {
        let disk = FaultyDisk::of(bytes);
        disk.0.lock().unwrap().log = Some(Vec::new());
        disk
    }

    /// What was done since it was last asked.
    pub fn take_log(&self) -> Vec<Op> {
        std::mem::take(self.0.lock().unwrap().log.as_mut().unwrap())
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().platter.bytes.clone()
    }

    pub fn after_power_loss(&self, left: Left, rng: &mut Rng) -> Vec<u8> {
        self.0.lock().unwrap().platter.after_power_loss(left, rng)
    }

    /// How many calls there were that a fault can strike.
    pub fn calls(&self, fault: Fault) -> u64 {
        let calls = self.0.lock().unwrap().calls;
        [Call::Read, Call::Write, Call::Sync]
            .into_iter()
            .filter(|c| fault.strikes(*c))
            .map(|c| calls[c as usize])
            .sum()
    }
}

impl State {
    /// Counts a call, and says what it is to fail with.
    fn call(&mut self, call: Call) -> Option<Fault> {
        self.calls[call as usize] += 1;
        let number = self.calls[call as usize];
        self.fault.filter(|(fault, at)| fault.strikes(call) && *at == number).map(|(fault, _)| fault)
    }

    fn change(&mut self, op: Op) -> Result<()> {
        let fault = self.call(if matches!(op, Op::Sync) { Call::Sync } else { Call::Write });
        self.full |= fault == Some(Fault::Full);
        if self.full && !matches!(op, Op::Sync) {
            return Err(Error::new(ErrorKind::StorageFull, "no space left on device (injected)"));
        }
        match fault {
            None | Some(Fault::Full) => {}
            Some(Fault::ShortWrite) => {
                if let Op::Write(at, bytes) = op {
                    self.platter.apply(&Op::Write(at, bytes[..bytes.len() / 2].to_vec()));
                }
                return Err(Error::other("short write (injected)"));
            }
            Some(_) => return Err(Error::other("input/output error (injected)")),
        }
        self.platter.apply(&op);
        if let Some(log) = &mut self.log {
            log.push(op);
        }
        Ok(())
    }
}

impl Disk for FaultyDisk {
    fn bytes(&self) -> Result<u64> {
        Ok(self.0.lock().unwrap().platter.bytes.len() as u64)
    }

    fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        let mut state = self.0.lock().unwrap();
        if state.call(Call::Read).is_some() {
            return Err(Error::other("input/output error (injected)"));
        }
        let at = usize::try_from(offset).unwrap();
        let found = state.platter.bytes.get(at..at + bytes.len()).ok_or(ErrorKind::UnexpectedEof)?;
        bytes.copy_from_slice(found);
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.0.lock().unwrap().change(Op::Write(offset, bytes.to_vec()))
    }

    fn set_len(&self, bytes: u64) -> Result<()> {
        self.0.lock().unwrap().change(Op::SetLen(bytes))
    }

    fn sync(&self) -> Result<()> {
        self.0.lock().unwrap().change(Op::Sync)
    }
}

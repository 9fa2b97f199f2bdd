//! A case of the suite, and the sink that it is tried at.

use std::fs;
use std::path::Path;

use billkeep_core::error::Reason;

use billkeep_core::exports::{Sink, SinkError, Staged};
use sha2::{Digest as _, Sha256};

/// What a case comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is as it must be, or it can: with what was seen.
    Yes(String),
    /// It is not, or it cannot.
    No(String),
    /// It could not be tried here.
    NotTried(String),
}

/// Whether a case has to be answered with yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Every sink must.
    Must,
    /// Some can.
    Can,
}

/// A case.
pub struct Case {
    /// Its name, for machines.
    pub name: &'static str,
    /// What is asked, for people.
    pub what: &'static str,
    /// Whether every sink must.
    pub weight: Weight,
    pub(super) run: fn(&Subject<'_>) -> Result<Answer, SinkError>,
}

/// Opens the destination once more.
pub type Opener<'a> = &'a (dyn Fn() -> Result<Box<dyn Sink>, SinkError> + Sync);

/// The sink that is looked at, and what there is to look with.
pub struct Subject<'a> {
    /// Opens it; its objects are the suite's own.
    pub open: Opener<'a>,
    /// The same destination with keys that are wrong, if that can be had.
    pub wrong_credentials: Option<Opener<'a>>,
    /// A destination that is not there, if one can be named.
    pub missing: Option<Opener<'a>>,
    /// One whose disk is full, if there is one.
    pub full: Option<Opener<'a>>,
    /// A folder for files that are put.
    pub stage: &'a Path,
    /// The length of a part that goes in several pieces; 0 to leave those cases out.
    pub large_bytes: u64,
    /// How many objects to list; 0 to leave that case out.
    pub many: usize,
}

/// What came of a case.
#[derive(Clone, Debug)]
pub struct CaseOutcome {
    /// Its name.
    pub name: &'static str,
    /// What was asked.
    pub what: &'static str,
    /// Whether every sink must.
    pub weight: Weight,
    /// The answer.
    pub answer: Answer,
}

impl CaseOutcome {
    /// Says whether the sink must do this, and does not.
    pub fn is_fault(&self) -> bool {
        self.weight == Weight::Must && matches!(self.answer, Answer::No(_))
    }
}

impl Subject<'_> {
    pub(super) fn sink(&self) -> Result<Box<dyn Sink>, SinkError> {
        (self.open)()
    }

    /// Removes all that there is.
    pub(super) fn clear(&self) -> Result<(), SinkError> {
        let sink = self.sink()?;
        sink.list()?.iter().try_for_each(|name| sink.remove(name))
    }

    /// Stages bytes as a part.
    pub(super) fn staged(&self, file: &str, bytes: &[u8]) -> Result<Staged, SinkError> {
        let path = self.stage.join(file);
        fs::write(&path, bytes).map_err(|e| stage_error(&path, e))?;
        Ok(Staged { path, bytes: bytes.len() as u64, sha256: Sha256::digest(bytes).into(), tags: Vec::new() })
    }

    /// Stages a part of so many bytes that look like noise, made of a seed.
    pub(super) fn staged_large(&self, file: &str, bytes: u64, seed: u64) -> Result<Staged, SinkError> {
        use std::io::Write as _;
        let path = self.stage.join(file);
        let mut hasher = Sha256::new();
        let write = || -> std::io::Result<[u8; 32]> {
            let mut out = std::io::BufWriter::with_capacity(1 << 20, fs::File::create(&path)?);
            let (mut left, mut state) = (bytes, seed | 1);
            let mut block = vec![0; 1 << 16];
            while left > 0 {
                for word in block.chunks_exact_mut(8) {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    word.copy_from_slice(&state.to_le_bytes());
                }
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
                let piece = block.get(..taken).unwrap_or_default();
                hasher.update(piece);
                out.write_all(piece)?;
                left -= taken as u64;
            }
            out.flush()?;
            Ok(hasher.finalize().into())
        };
        let sha256 = write().map_err(|e| stage_error(&path, e))?;
        Ok(Staged { path, bytes, sha256, tags: Vec::new() })
    }
}

fn stage_error(path: &Path, e: std::io::Error) -> SinkError {
    SinkError::Setup(Reason::at(path, e))
}

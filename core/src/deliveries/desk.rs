//! Where a delivery is made ready, and what it is made with.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::deliveries::storage::SinkRecord;
use crate::engine::own_folder::own_folder;
use crate::engine::store::{Records, StoreError, Transaction};
use crate::exports::RenderSettings;
use crate::exports::sink::{Hold, MemoryPlace, Sink, SinkError};
use crate::values::digest::hex;
use crate::values::reason::Reason;

use super::DeliveryError;

/// Encrypts what goes to a sink, so that its owner reads nothing.
pub trait Seal: Send + Sync {
    /// Returns the name of the format, as manifests tell it.
    fn format(&self) -> &'static str;

    /// Returns what names end in.
    fn suffix(&self) -> &'static str;

    /// Says whether manifests are encrypted as well.
    fn seals_manifests(&self) -> bool;

    /// Encrypts a stream.
    ///
    /// # Errors
    /// What the system says.
    fn seal(&self, from: &mut dyn std::io::Read, to: &mut dyn std::io::Write) -> std::io::Result<()>;
}

/// Signs manifests.
pub trait SignManifest: Send + Sync {
    /// Returns what the signature's name ends in, after the manifest's name.
    fn suffix(&self) -> &'static str;

    /// Returns the signature of some bytes: the same bytes have the same one.
    fn sign(&self, bytes: &[u8]) -> Vec<u8>;
}

/// A sink as it was set up, opened.
pub struct Destination {
    /// What was said of it.
    pub record: SinkRecord,
    /// The sink itself.
    pub sink: Box<dyn Sink>,
    /// Encrypts, if that was said.
    pub seal: Option<Box<dyn Seal>>,
    /// Signs, if that was said.
    pub sign: Option<Box<dyn SignManifest>>,
}

impl Destination {
    /// A sink to which plain parts and unsigned manifests go.
    pub fn plain(record: SinkRecord, sink: Box<dyn Sink>) -> Destination {
        Destination { record, sink, seal: None, sign: None }
    }

    fn place(&self) -> MemoryPlace<'_> {
        MemoryPlace { sink: &self.record.name, url: &self.record.url }
    }

    /// Reminds the sink of what the store has of its memory.
    pub(crate) fn recall(&self, store: &impl Records) -> Result<(), StoreError> {
        self.sink.memory().map_or(Ok(()), |memory| memory.load(store, &self.place()))
    }

    /// Commits, with what the sink has come to remember.
    pub(super) fn commit(&self, writer: Transaction) -> Result<(), StoreError> {
        let Some(memory) = self.sink.memory() else { return writer.commit() };
        memory.keep(&writer, &self.place())?;
        writer.commit()?;
        memory.kept();
        Ok(())
    }

    pub(crate) fn error(&self, error: SinkError) -> DeliveryError {
        DeliveryError::Sink { sink: self.record.name.clone(), error }
    }
}

/// Is told how far deliveries have come, and may stop them.
pub trait Meter: Sync {
    /// A part of so many bytes is about to be sent.
    fn begin(&self, bytes: u64);

    /// So many more bytes have arrived.
    fn sent(&self, bytes: u64);

    /// The part is there, or is not going to be.
    fn end(&self);

    /// Says whether to stop at the next point at which that is safe.
    fn stopped(&self) -> bool;
}

/// Nobody looks.
pub struct NoMeter;

impl Meter for NoMeter {
    fn begin(&self, _bytes: u64) {}

    fn sent(&self, _bytes: u64) {}

    fn end(&self) {}

    fn stopped(&self) -> bool {
        false
    }
}

/// How deliveries are made; it does not change what is delivered.
#[derive(Clone, Copy)]
pub struct Ways<'a> {
    /// How parts are rendered.
    pub render: RenderSettings<'a>,
    /// The folder in which parts are staged for sinks that have none for it. It is made when it is needed.
    pub stage: &'a Path,
    /// Who is told.
    pub meter: &'a dyn Meter,
    /// Tries at once what failed a moment ago.
    pub at_once: bool,
}

/// A sink that is held, and the folders in which its parts are staged. One program at a time delivers from a store to a sink.
pub(crate) struct Desk {
    /// For what goes to the sink.
    folder: PathBuf,
    /// For what is not to be seen at the sink: what is encrypted first.
    own: PathBuf,
    _holds: [Hold; 2],
}

/// In a sink's folder for staging: locked by the program that delivers.
const LOCK: &str = "lock";

impl Desk {
    /// Waits for the sink, and takes hold of it.
    pub(crate) fn take(to: &Destination, stage: &Path) -> Result<Desk, DeliveryError> {
        let at_sink = to.sink.stage_folder().map(Path::to_owned);
        let held = to.sink.hold().map_err(|e| to.error(e))?;
        match at_sink {
            Some(folder) if to.seal.is_none() => {
                Ok(Desk { own: folder.clone(), folder, _holds: [held, Hold::default()] })
            }
            at_sink => {
                let (own, own_held) = folder_beside_store(to, stage)?;
                Ok(Desk { folder: at_sink.unwrap_or_else(|| own.clone()), own, _holds: [held, own_held] })
            }
        }
    }

    /// Returns where something of this name is staged that goes to the sink as it is.
    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns where a part of this name is rendered.
    pub(super) fn rendered(&self, name: &str) -> PathBuf {
        self.own.join(name)
    }
}

/// Makes the folder beside the store in which a sink's parts are staged, and locks it.
fn folder_beside_store(to: &Destination, stage: &Path) -> Result<(PathBuf, Hold), DeliveryError> {
    let id = hex(&<[u8; 32]>::from(Sha256::digest(format!("{}\0{}", to.record.name, to.record.url))));
    let folder = stage.join(id.get(..16).unwrap_or(&id));
    own_folder(stage).map_err(|e| stage_error(stage, e))?;
    own_folder(&folder).map_err(|e| stage_error(&folder, e))?;
    let what = format!("sink `{}`", to.record.name);
    let hold = Hold::of_file(&folder.join(LOCK), &what).map_err(|e| to.error(e))?;
    // What a killed program left is made anew.
    for entry in fs::read_dir(&folder).map_err(|e| stage_error(&folder, e))? {
        let path = entry.map_err(|e| stage_error(&folder, e))?.path();
        if path.file_name().is_some_and(|name| name != LOCK) {
            fs::remove_file(&path).map_err(|e| stage_error(&path, e))?;
        }
    }
    Ok((folder, hold))
}

/// Says that a file could not be staged.
pub(super) fn stage_error(path: &Path, e: std::io::Error) -> DeliveryError {
    DeliveryError::Stage { path: path.display().to_string(), why: Reason::of(e) }
}

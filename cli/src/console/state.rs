//! What all requests share, who asks, and what for.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use super::fields::Fields;
use super::peer::PeerUser;
use super::rollups::Rollups;
use super::session::{Session, Sessions};
use super::words::Language;
use crate::context::Context;
use crate::error::CommandError;
use crate::own_error;
use crate::served::{Served, ServedFile};
use billkeep_core::engine::Store;
use billkeep_core::partners::PersonRole;

/// What all requests share.
pub(super) struct Console {
    /// How commands are run; holds the store open.
    pub(super) context: Context,
    pub(super) store: Arc<Store>,
    pub(super) sessions: Sessions,
    pub(super) rollups: Rollups,
    /// By which names browsers may call it.
    pub(super) hosts: BTreeSet<String>,
    /// Says whether browsers come by TLS.
    pub(super) tls: bool,
    /// The largest file, and all that are being received together.
    pub(super) upload_bytes_max: u64,
    pub(super) uploads: Arc<AtomicU64>,
    /// How many files of people who may only look are being received or checked.
    pub(super) looks: Arc<AtomicU64>,
    /// Below which folders sinks may be that are added here; anywhere in a store without people.
    pub(super) sink_folders: Vec<PathBuf>,
    /// Where browsers find it.
    pub(super) url: String,
    /// In whose name it delivers.
    pub(super) actor: Mutex<String>,
    /// What is left beside the store of all this.
    pub(super) word: Option<ServedFile>,
}

impl Console {
    /// In whose name it delivers.
    pub(super) fn actor(&self) -> String {
        self.actor.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes this person the actor of later deliveries: the one who started the console is a user of the store now.
    pub(super) fn act_as(&self, name: &str) {
        *self.actor.lock().unwrap_or_else(PoisonError::into_inner) = name.to_owned();
        self.leave(|served| served.actor = name.to_owned());
    }

    /// Changes the word that is left beside the store; what cannot be left is no reason to end.
    pub(super) fn leave(&self, change: impl FnOnce(&mut Served)) {
        if let Some(word) = &self.word {
            let _ = word.change(change);
        }
    }
}

/// Who asks.
#[derive(Clone)]
pub(super) struct Visitor {
    pub(super) name: String,
    pub(super) role: PersonRole,
    /// None for a program with a token.
    pub(super) session: Option<Arc<Session>>,
}

/// A request that has passed the gate.
pub(super) struct Request {
    /// The values in the path and the query, and of the body.
    pub(super) fields: Fields,
    pub(super) visitor: Option<Visitor>,
    /// Who of this machine asks.
    pub(super) user: PeerUser,
    pub(super) language: Language,
    /// Path and query as they were asked for.
    pub(super) target: String,
    /// Where a form wants to go when it is done.
    pub(super) back: Option<String>,
    /// The hashes of the files that were sent.
    pub(super) sent_sha256: Vec<String>,
}

impl Request {
    /// Returns a value.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields
            .get(name)
            .and_then(|values| values.first())
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    pub(super) fn visitor(&self) -> Result<&Visitor, CommandError> {
        self.visitor.as_ref().ok_or_else(|| CommandError::own(own_error::SIGNED_OUT, &[]))
    }
}

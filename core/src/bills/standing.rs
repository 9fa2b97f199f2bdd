//! What stands beside a bill until somebody decides: a decision that was put off, and the first of two signatures.

use serde::{Deserialize, Serialize};

use crate::engine::journal::Actor;
use crate::engine::store::{Records, StoreError, Table, Transaction};
use crate::partners::policy::Policy;
use crate::values::digest::Digest;
use crate::values::period::Day;

use super::error::BillError;
use super::records::{Bill, BillKey};

/// A decision that was put off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferral {
    /// Until when.
    pub until: Day,
    /// Why.
    pub reason: String,
    /// Who did it.
    pub actor: String,
    /// When, in Unix seconds.
    pub at_unix_s: i64,
}

/// What needs two people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signed {
    /// Confirming a bill.
    Confirm,
    /// Taking a confirmation back.
    Reopen,
}

/// The first of two signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Under what.
    pub what: Signed,
    /// The bill's digest, as it was seen.
    pub digest: [u8; 32],
    /// Whose.
    pub actor: String,
    /// When, in Unix seconds.
    pub at_unix_s: i64,
}

/// What stands beside a bill.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// A bill's decision is put off once at most.
    pub deferred: Option<Deferral>,
    /// It counts as long as the bill has the digest that was signed.
    pub signature: Option<Signature>,
}

impl Standing {
    /// Reads what stands beside a bill.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn of(store: &impl Records, key: BillKey) -> Result<Standing, StoreError> {
        Ok(store.get(Table::Standings, &key.bytes())?.unwrap_or_default())
    }

    pub(super) fn put(&self, writer: &Transaction, key: BillKey) -> Result<(), StoreError> {
        writer.put(Table::Standings, &key.bytes(), self)
    }

    /// Returns the first signature, if the bill is still what was signed.
    pub fn signature_on(&self, what: Signed, digest: &Digest) -> Option<&Signature> {
        self.signature.as_ref().filter(|s| s.what == what && s.digest == digest.bytes())
    }
}

/// Signs something about a bill; returns who signed before, and whether that is enough.
///
/// With four eyes, the first signature is kept and the second one must be another person's, under the same digest.
pub(super) fn sign(
    writer: &Transaction,
    bill: &Bill,
    what: Signed,
    digest: &Digest,
    actor: &Actor,
) -> Result<(bool, Option<String>), BillError> {
    if !Policy::of(writer)?.four_eyes {
        return Ok((true, None));
    }
    let mut standing = Standing::of(writer, bill.key)?;
    let first = standing.signature_on(what, digest).map(|s| s.actor.clone());
    if let Some(first) = &first
        && Policy::same_person(first, &actor.name)
    {
        return Err(BillError::SamePerson { bill: bill.key, actor: actor.name.clone() });
    }
    standing.signature = match &first {
        Some(_) => None,
        None => Some(Signature {
            what,
            digest: digest.bytes(),
            actor: actor.name.clone(),
            at_unix_s: actor.at_unix_s,
        }),
    };
    standing.put(writer, bill.key)?;
    Ok((first.is_some(), first))
}

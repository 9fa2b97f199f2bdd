//! The tree of accounts: the payer, its second-level resellers, customers, and sub-accounts, as it is on each day.
//!
//! Facts have dates and are never overwritten ([`crate::engine::timeline`]), so that a bill of last month is made of the tree of last
//! month. An account stands below one of a higher rank, so that there are no circles. Accounts that bills bring and the tree does
//! not know are *unassigned*: their lines are in every bill they belong to, and [`unassigned`] tells of them.

mod import;
mod tree;
mod unassigned;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::engine::journal::{Actor, Change, append_change, record_digest};
use crate::engine::settings::StoreSettings;
use crate::engine::store::{Records, StoreError, Table, Transaction};
use crate::engine::timeline::Timeline;
use crate::values::error::codes;
use crate::values::near::no_word;
use crate::values::period::Day;
use crate::values::uin::Uin;

pub use import::{ImportFault, Imported, import};
pub use tree::{Node, Tree};
pub use unassigned::{Unassigned, unassigned};

/// The most characters that a name may have.
const NAME_CHARS_MAX: usize = 200;

/// What an account is (docs/DOMAIN.md#parties).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// The partner, who owes the bills: the root.
    Payer,
    /// A second-level reseller.
    Reseller,
    /// A customer of the payer or of a reseller.
    Customer,
    /// A member of another account, whose bill may be stored on its own.
    SubAccount,
}

impl Role {
    /// All roles, from the highest rank down.
    pub const ALL: [Role; 4] = [Role::Payer, Role::Reseller, Role::Customer, Role::SubAccount];

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Role::Payer => "payer",
            Role::Reseller => "reseller",
            Role::Customer => "customer",
            Role::SubAccount => "sub-account",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Role::ALL.into_iter().find(|role| role.word() == text);
        found.ok_or_else(|| no_word(text, "a role", &Role::ALL.map(Role::word)))
    }
}

/// What is known of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Below which account it stands; none for the payer.
    pub parent: Option<Uin>,
}

/// An account: what is known of it, by day; `None` on days on which it is not in the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What holds when.
    pub known: Timeline<Option<Known>>,
}

/// Why the tree was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// Not a name.
    #[error("account {0}: a name has 1 to {NAME_CHARS_MAX} characters, and no control characters")]
    Name(Uin),
    /// The payer's place.
    #[error("account {0} is the payer: it is the root of the tree, with the role `payer` and no parent")]
    Payer(Uin),
    /// The role is the payer's.
    #[error("account {uin} cannot be a payer: the payer of this store is {payer}")]
    NotThePayer {
        /// Which account.
        uin: Uin,
        /// The payer.
        payer: Uin,
    },
    /// The parent is not in the tree.
    #[error("account {uin} would stand below {parent}, which is not in the tree on {day}")]
    NoParent {
        /// Which account.
        uin: Uin,
        /// Its parent.
        parent: Uin,
        /// On which day.
        day: String,
    },
    /// The parent's rank is not higher.
    #[error("account {uin}, a {role}, cannot stand below {parent}, a {parent_role}")]
    Rank {
        /// Which account.
        uin: Uin,
        /// What it is.
        role: Role,
        /// Its parent.
        parent: Uin,
        /// What that is.
        parent_role: Role,
    },
    /// There is nothing to end.
    #[error("account {0} is not in the tree on that day")]
    Unknown(Uin),
    /// The file of accounts cannot be taken.
    #[error("the accounts were not imported: {}", import::faults_text(.0))]
    Import(Vec<ImportFault>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

codes!(AccountError {
    own {
        Self::Name(uin) => User "account.name" { uin: uin },
        Self::Payer(uin) => User "account.payer" { uin: uin },
        Self::NotThePayer { uin, payer } => User "account.not-the-payer" { uin: uin, payer: payer },
        Self::NoParent { uin, parent, day } => User "account.no-parent" { uin: uin, parent: parent, day: day },
        Self::Rank { uin, role, parent, parent_role } => User "account.rank" {
            uin: uin, role: role, parent: parent, parent_role: parent_role,
        },
        Self::Unknown(uin) => User "account.unknown" { uin: uin },
        Self::Import(faults) => User "account.import" { faults: import::faults_text(faults) },
    }
    within { Self::Store(e) => e, {}, }
});

fn key(uin: Uin) -> [u8; 8] {
    uin.number().to_be_bytes()
}

/// Says something about an account from a day on; the same again changes nothing, and returns `false`.
///
/// # Errors
/// [`AccountError`] when the tree would not be one any more.
pub fn set(
    tx: &Transaction,
    uin: Uin,
    known: Known,
    from: Option<Day>,
    reason: Option<&str>,
    actor: &Actor,
) -> Result<bool, AccountError> {
    let mut tree = Tree::load(tx)?;
    let changed = tree.set(uin, Some(known), from, reason, actor)?;
    if changed {
        tree.check(uin)?;
        save(tx, &tree, uin, "account set", from, reason, actor)?;
    }
    Ok(changed)
}

/// Takes an account out of the tree from a day on; what was known of it stays readable.
///
/// # Errors
/// [`AccountError::Unknown`] when it is not there; [`AccountError::NoParent`] when others stand below it.
pub fn end(
    tx: &Transaction,
    uin: Uin,
    from: Day,
    reason: Option<&str>,
    actor: &Actor,
) -> Result<(), AccountError> {
    let mut tree = Tree::load(tx)?;
    if uin == tree.payer() {
        return Err(AccountError::Payer(uin));
    }
    if tree.on(uin, from).is_none() {
        return Err(AccountError::Unknown(uin));
    }
    tree.set(uin, None, Some(from), reason, actor)?;
    tree.check(uin)?;
    save(tx, &tree, uin, "account end", Some(from), reason, actor)?;
    Ok(())
}

/// Puts an account's record, and the journal's entry.
fn save(
    writer: &Transaction,
    tree: &Tree,
    uin: Uin,
    action: &str,
    from: Option<Day>,
    reason: Option<&str>,
    actor: &Actor,
) -> Result<(), StoreError> {
    let Some(record) = tree.record(uin) else { return Ok(()) };
    let before = record_digest(writer, Table::Accounts, &key(uin))?;
    writer.put(Table::Accounts, &key(uin), record)?;
    let after = record_digest(writer, Table::Accounts, &key(uin))?;
    let what =
        record.known.last().and_then(|change| change.value.as_ref()).map_or_else(String::new, |known| {
            let below = known.parent.map_or_else(String::new, |parent| format!(", below {parent}"));
            format!("`{}`, {}{below}", known.name, known.role)
        });
    let days = from.map_or_else(String::new, |day| format!(" from {day}"));
    let detail = format!("{what}{days}");
    let subject = uin.to_string();
    append_change(writer, actor, Change { before, after, reason, ..Change::new(action, &subject, &detail) })
}

/// Returns every account's record, by id.
fn records(store: &impl Records) -> Result<BTreeMap<Uin, Record>, StoreError> {
    let number =
        |bytes: Vec<u8>| bytes.try_into().ok().and_then(|bytes| Uin::of_number(u64::from_be_bytes(bytes)));
    let mut found = BTreeMap::new();
    for (bytes, record) in store.list::<Record>(Table::Accounts, &[])? {
        let uin = number(bytes).ok_or_else(|| StoreError::Damaged {
            what: "a record of `accounts`".into(),
            why: "its key is no account".into(),
        })?;
        found.insert(uin, record);
    }
    Ok(found)
}

/// Returns the payer of a store.
fn payer(store: &impl Records) -> Result<Uin, StoreError> {
    Ok(StoreSettings::of(store)?.payer)
}

#[cfg(test)]
mod tests;

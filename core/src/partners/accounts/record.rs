//! What is known of an account.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::engine::settings::StoreSettings;
use crate::engine::store::{Records, StoreError, Table};
use crate::engine::timeline::Timeline;
use crate::values::error::codes;
use crate::values::near::no_word;
use crate::values::uin::Uin;

/// The most characters that a name may have.
pub(super) const NAME_CHARS_MAX: usize = 200;

/// What an account is (docs/DOMAIN.md#parties).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AccountRole {
    /// The partner, who owes the bills: the root.
    Payer,
    /// A second-level reseller.
    Reseller,
    /// A customer of the payer or of a reseller.
    Customer,
    /// A member of another account, whose bill may be stored on its own.
    SubAccount,
}

impl AccountRole {
    /// All roles, from the highest rank down.
    pub const ALL: [AccountRole; 4] =
        [AccountRole::Payer, AccountRole::Reseller, AccountRole::Customer, AccountRole::SubAccount];

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            AccountRole::Payer => "payer",
            AccountRole::Reseller => "reseller",
            AccountRole::Customer => "customer",
            AccountRole::SubAccount => "sub-account",
        }
    }
}

impl fmt::Display for AccountRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for AccountRole {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = AccountRole::ALL.into_iter().find(|role| role.word() == text);
        found.ok_or_else(|| no_word(text, "a role", &AccountRole::ALL.map(AccountRole::word)))
    }
}

/// What is known of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountDetails {
    /// Its name.
    pub name: String,
    /// What it is.
    pub role: AccountRole,
    /// Below which account it stands; none for the payer.
    pub parent: Option<Uin>,
}

/// An account: what is known of it, by day; `None` on days on which it is not in the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecord {
    /// What holds when.
    pub known: Timeline<Option<AccountDetails>>,
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
        role: AccountRole,
        /// Its parent.
        parent: Uin,
        /// What that is.
        parent_role: AccountRole,
    },
    /// There is nothing to end.
    #[error("account {0} is not in the tree on that day")]
    Unknown(Uin),
    /// The file of accounts cannot be taken.
    #[error("the accounts were not imported: {}", faults_text(.0))]
    Import(Vec<AccountsFault>),
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
        Self::Import(faults) => User "account.import" { faults: faults_text(faults) },
    }
    within { Self::Store(e) => e, {}, }
});

/// Returns every account's record, by id.
pub(super) fn records(store: &impl Records) -> Result<BTreeMap<Uin, AccountRecord>, StoreError> {
    let number =
        |bytes: Vec<u8>| bytes.try_into().ok().and_then(|bytes| Uin::of_number(u64::from_be_bytes(bytes)));
    let mut found = BTreeMap::new();
    for (bytes, record) in store.list::<AccountRecord>(Table::Accounts, &[])? {
        let uin = number(bytes).ok_or_else(|| StoreError::Damaged {
            what: "a record of `accounts`".into(),
            why: "its key is no account".into(),
        })?;
        found.insert(uin, record);
    }
    Ok(found)
}

/// Returns the payer of a store.
pub(super) fn payer(store: &impl Records) -> Result<Uin, StoreError> {
    Ok(StoreSettings::of(store)?.payer)
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountsFault {
    /// In which line of the file; 0 for the file as a whole.
    pub line: u64,
    /// What.
    pub what: String,
}

pub(super) fn faults_text(faults: &[AccountsFault]) -> String {
    let mut text = String::new();
    for fault in faults.iter().take(FAULTS_SHOWN) {
        if !text.is_empty() {
            text.push_str("; ");
        }
        if fault.line > 0 {
            text.push_str(&format!("line {}: ", fault.line));
        }
        text.push_str(&fault.what);
    }
    if faults.len() > FAULTS_SHOWN {
        text.push_str(&format!("; and {} more", faults.len() - FAULTS_SHOWN));
    }
    text
}

/// Faults that are listed; the others are counted.
const FAULTS_SHOWN: usize = 20;

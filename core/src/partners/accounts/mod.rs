//! The tree of accounts: the payer, its second-level resellers, customers, and sub-accounts, as it is on each day.
//!
//! Facts have dates and are never overwritten ([`crate::engine::timeline`]), so that a bill of last month is made of the tree of last
//! month. An account stands below one of a higher rank, so that there are no circles. Accounts that bills bring and the tree does
//! not know are *unassigned*: their lines are in every bill they belong to, and [`unassigned`] tells of them.

mod import;
mod record;
mod tree;

use crate::engine::journal::{Actor, EntryChange, append_change, record_digest};
use crate::engine::store::{StoreError, Table, Transaction};
use crate::values::period::Day;
use crate::values::uin::Uin;

pub use import::Imported;
pub use record::{AccountDetails, AccountError, AccountRecord, AccountRole, AccountsFault};
pub use tree::{Node, Tree};

fn key(uin: Uin) -> [u8; 8] {
    uin.number().to_be_bytes()
}

impl Transaction {
    /// Says something about an account from a day on; the same again changes nothing, and returns `false`.
    ///
    /// # Errors
    /// [`AccountError`] when the tree would not be one any more.
    pub fn set_account(
        &self,
        uin: Uin,
        known: AccountDetails,
        from: Option<Day>,
        reason: Option<&str>,
        actor: &Actor,
    ) -> Result<bool, AccountError> {
        let mut tree = Tree::load(self)?;
        let changed = tree.set(uin, Some(known), from, reason, actor)?;
        if changed {
            tree.check(uin)?;
            save(self, &tree, uin, "account set", from, reason, actor)?;
        }
        Ok(changed)
    }

    /// Takes an account out of the tree from a day on; what was known of it stays readable.
    ///
    /// # Errors
    /// [`AccountError::Unknown`] when it is not there; [`AccountError::NoParent`] when others stand below it.
    pub fn end_account(
        &self,
        uin: Uin,
        from: Day,
        reason: Option<&str>,
        actor: &Actor,
    ) -> Result<(), AccountError> {
        let mut tree = Tree::load(self)?;
        if uin == tree.payer() {
            return Err(AccountError::Payer(uin));
        }
        if tree.on(uin, from).is_none() {
            return Err(AccountError::Unknown(uin));
        }
        tree.set(uin, None, Some(from), reason, actor)?;
        tree.check(uin)?;
        save(self, &tree, uin, "account end", Some(from), reason, actor)?;
        Ok(())
    }
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
    append_change(
        writer,
        actor,
        EntryChange { before, after, reason, ..EntryChange::new(action, &subject, &detail) },
    )
}

#[cfg(test)]
mod tests;

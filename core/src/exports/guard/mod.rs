//! The margin guard: what goes to a customer holds neither the partner's cost nor other customers.
//!
//! It stands twice. [`check_wanted`] refuses what must not be rendered, before it is. [`check_bytes`] reads the zip again that was
//! rendered, as any reader would, and knows nothing of how it was made: a renderer that leaks is caught before the part is put.

mod bytes;

#[cfg(test)]
mod tests;

pub(super) use bytes::{Allowed, check_bytes};

use crate::bills::ingest::grouped;
use crate::bills::{BillError, BillView, owners_of};
use crate::engine::store::{Records, StoreError, Table};
use crate::formats::schema::{Column, ForCustomer, header_for_customer};
use crate::partners::accounts::Tree;

use crate::values::error::codes;
use crate::values::uin::Uin;

use super::csv::Columns;
use super::form::Audience;
use super::rendered::Rendered;
use super::wanted::{Scope, WantedExport};
use crate::partners::contract::Contract;
use crate::partners::price::Terms;

/// Why something does not go to a customer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// A bill of several accounts, or of the partner itself (docs/DOMAIN.md#mistakes-to-avoid, 11).
    #[error(
        "a bill of {whose} does not go to a customer: it holds other accounts' lines and the partner's cost, in {}",
        .columns.join(", ")
    )]
    Consolidated {
        /// Whose lines it would hold.
        whose: &'static str,
        /// The columns that no customer may see.
        columns: Vec<String>,
    },
    /// The export is named after another account than the one whose lines it holds.
    #[error("the lines of account {owner} do not go to account {uin}")]
    Another {
        /// Whose lines.
        owner: Uin,
        /// After whom the export is named.
        uin: Uin,
    },
    /// What was rendered shows more than it may.
    #[error("`{name}` is not given to a customer: {}{}", .found.join("; "), and_more(*.more))]
    Leak {
        /// The part.
        name: String,
        /// What was found where.
        found: Vec<String>,
        /// How much more was found.
        more: u64,
    },
    /// What was rendered cannot be read again.
    #[error("`{name}` cannot be checked: {why}")]
    Unreadable {
        /// The part.
        name: String,
        /// What is wrong.
        why: String,
    },
}

fn and_more(more: u64) -> String {
    if more == 0 { String::new() } else { format!("; and {} more", grouped(more)) }
}

codes!(GuardError {
    own {
        Self::Consolidated { whose, columns } => Refused "guard.consolidated" { whose: whose, columns: columns.join(", ") },
        Self::Another { owner, uin } => Refused "guard.another" { owner: owner, uin: uin },
        Self::Leak { name, found, more } => Refused "guard.leak" { name: name, found: found.join("; "), more: more },
        Self::Unreadable { name, why } => Damaged "guard.unreadable" { name: name, why: why },
    }
    within {}
});

/// Says whether what is wanted may go to its audience: to a customer, one customer's lines alone.
///
/// `headers` are those of the bill, from which the columns are named that stand against it; without any, it names all columns
/// that show the partner's cost. For one customer's lines they do not matter, since an export for a customer leaves them out.
///
/// # Errors
/// [`GuardError::Consolidated`] or [`GuardError::Another`].
pub(crate) fn check_wanted(wanted: &WantedExport, headers: &[String]) -> Result<(), GuardError> {
    if wanted.form.audience == Audience::Partner {
        return Ok(());
    }
    check_scope(wanted.scope, wanted.uin, wanted.bill.payer, headers)
}

/// As [`check_wanted`], with the headers of the bill that it is wanted from.
pub(super) fn check_plan(view: &BillView, wanted: &WantedExport) -> Result<(), GuardError> {
    // Columns are looked for only where they may stand against it.
    match wanted.form.audience {
        Audience::Partner => Ok(()),
        Audience::Customer => check_wanted(wanted, Columns::of(view).headers()),
    }
}

/// Says whether lines of a scope may go to a customer, under the name of an account; see [`check_wanted`].
///
/// # Errors
/// [`GuardError::Consolidated`] or [`GuardError::Another`].
pub(crate) fn check_scope(scope: Scope, uin: Uin, payer: Uin, headers: &[String]) -> Result<(), GuardError> {
    let whose = match scope {
        Scope::Owner(owner) if owner == payer => "the partner itself",
        Scope::Owner(owner) if owner != uin => {
            return Err(GuardError::Another { owner, uin });
        }
        Scope::Owner(_) => return Ok(()),
        Scope::SelfUse => "the partner itself",
        Scope::Payer => "all accounts",
        Scope::Customers => "all customers",
        Scope::Reseller(_) => "a second-level reseller's customers",
    };
    let shows_cost = |header: &&String| header_for_customer(header) == ForCustomer::Never;
    let mut columns: Vec<String> = headers.iter().filter(shows_cost).map(|h| format!("`{h}`")).collect();
    if headers.is_empty() {
        let all = Column::ALL.iter().filter(|c| c.shows_cost());
        columns = all.map(|c| format!("`{}`", c.name())).collect();
    }
    Err(GuardError::Consolidated { whose, columns })
}

/// Returns what an export for a customer may hold: what [`check_bytes`] compares it with.
pub(super) fn allowed(
    store: &impl Records,
    view: &BillView,
    wanted: &WantedExport,
    rendered: &Rendered,
) -> Result<Allowed, BillError> {
    let (owner, payer) = (wanted.uin, wanted.bill.payer);
    let mut others = known_accounts(store, view)?;
    others.remove(&owner.number());
    others.remove(&payer.number());
    Ok(Allowed {
        owner,
        payer,
        others,
        further: Terms::get(store, owner)?.columns,
        dialect: wanted.form.dialect,
        rows: rendered.files.iter().map(|file| file.rows).collect(),
        totals: rendered.customer.as_ref().filter(|c| !c.prices.rules.is_empty()).map(|customer| {
            customer
                .sums
                .values()
                .try_fold(crate::values::money::Amount::ZERO, |sum, s| sum.checked_add(s.total))
        }),
    })
}

/// Returns every account that is known: who has lines in the bill, is in bill storage, in the tree, or has terms or a contract.
fn known_accounts(
    store: &impl Records,
    view: &BillView,
) -> Result<std::collections::HashSet<u64>, BillError> {
    let mut known = owners_of(store, view)?;
    known.extend(Terms::list(store)?.iter().map(|terms| terms.uin.number()));
    known.extend(Contract::list(store)?.iter().map(|contract| contract.uin.number()));
    known.extend(stored_accounts(store)?);
    known.extend(Tree::load(store)?.accounts().map(|(uin, _)| uin.number()));
    known.remove(&0);
    Ok(known)
}

/// Returns the accounts in bill storage, from their keys.
fn stored_accounts(store: &impl Records) -> Result<Vec<u64>, StoreError> {
    let mut accounts = Vec::new();
    store.scan_bytes(Table::Storage, &[], &mut |key, _| {
        accounts.extend(key.try_into().ok().map(u64::from_be_bytes));
        Ok(true)
    })?;
    Ok(accounts)
}

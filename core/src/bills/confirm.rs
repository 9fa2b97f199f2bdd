//! What people decide about a bill: issue, confirm, put off, reopen.
//!
//! A confirmation is compare-and-set on the digest of what was seen. Whether it is allowed is decided by
//! [`may_confirm`] and [`super::life::next`], pure functions. The rest looks up and writes.

use crate::engine::block::Sums;
use crate::engine::journal::{self, Actor, EntryChange};
use crate::engine::store::{Table, Transaction};
use crate::values::digest::PREFIX_MIN;
use crate::values::period::Day;

use super::change::{BillChange, Decided, change, refused, reopen_in};
use super::dispute;
use super::error::{BillError, Stale};
use super::late;
use super::life::{BillEvent, next};
use super::recorded::must_be_recorded;
use super::records::{Bill, BillKey, Confirmation, Revision, change_text};
use super::standing::{Deferral, Signed, Standing, sign};
use super::view::BillView;

/// Decides whether a bill may be confirmed as what has a digest that begins with `prefix`.
///
/// # Errors
/// [`BillError::Stale`] with what was seen and what is there; [`BillError::State`] when the bill is not issued.
pub(super) fn may_confirm(bill: &Bill, history: &[Revision], prefix: &str) -> Result<(), BillError> {
    let wanted = prefix.to_ascii_lowercase();
    if wanted.len() < PREFIX_MIN || !wanted.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(BillError::BadPrefix(prefix.to_owned()));
    }
    let current = history.iter().find(|r| r.number == bill.revision).ok_or(BillError::NoRevision {
        bill: bill.key,
        number: bill.revision,
        last: 0,
    })?;
    if !current.digest.hex().starts_with(&wanted) {
        let seen = history.iter().rev().find(|r| r.digest.hex().starts_with(&wanted));
        return Err(BillError::Stale(Box::new(Stale {
            bill: bill.key,
            seen: seen.map(|r| r.number),
            seen_total: seen.map_or_else(String::new, Revision::total_text),
            current: current.number,
            current_total: current.total_text(),
            difference: seen.map_or_else(String::new, |r| Sums::difference(&r.sums, &current.sums)),
            current_digest: current.digest.hex(),
            prefix: prefix.to_owned(),
        })));
    }
    match next(bill.state, BillEvent::Confirm) {
        Ok(_) => Ok(()),
        Err(refusal) => Err(refused(bill, refusal, Some(current))),
    }
}

impl Sums {
    /// Writes the new totals less the old, currency by currency.
    pub fn difference(old: &[Sums], new: &[Sums]) -> String {
        let mut currencies: Vec<&str> = old.iter().chain(new).map(|s| s.currency.as_str()).collect();
        currencies.sort_unstable();
        currencies.dedup();
        let of = |sums: &[Sums], currency: &str| {
            sums.iter().find(|s| s.currency == currency).map(Sums::total).unwrap_or_default()
        };
        let texts = currencies.iter().map(|currency| {
            let change = of(new, currency).checked_sub(of(old, currency)).unwrap_or_default();
            change_text(change, currency)
        });
        texts.collect::<Vec<_>>().join(", ")
    }
}

impl Transaction {
    /// Confirms a bill as what was seen.
    ///
    /// Everything that the confirmation rests on is read in the same transaction. The sums of the stored roll-ups and the
    /// digests of the segments are compared with the revision's; lines are not read. With four eyes, the first of two people
    /// leaves a signature only.
    ///
    /// # Errors
    /// What forbids a confirmation; [`BillError::Pending`] while a smaller file waits for the bill; [`BillError::SamePerson`] for the second signature of one person; [`BillError::DoNotTie`] when
    /// the stored figures are not equal.
    pub fn confirm_bill(
        &self,
        key: BillKey,
        prefix: &str,
        note: Option<&str>,
        actor: &Actor,
    ) -> Result<Decided, BillError> {
        let mut bill = Bill::get(self, key)?;
        may_confirm(&bill, &Revision::list(self, key)?, prefix)?;
        must_be_recorded(self, key)?;
        if let Some(late) = late::smaller_of(self, key)?.into_iter().next() {
            return Err(BillError::Pending { bill: key, number: late.number, file: late.file });
        }
        let view = BillView::open(self, key, None)?;
        view.check_rollups(self)?;
        let digest = view.digest_through(u8::MAX, true, true);
        if digest != view.revision.digest {
            return Err(BillError::DoNotTie {
                bill: key,
                what: "the digests of segments and revision",
                one: digest.hex(),
                other: view.revision.digest.hex(),
            });
        }
        let (holds, first) = sign(self, &bill, Signed::Confirm, &digest, actor)?;
        if holds {
            bill.state = next(bill.state, BillEvent::Confirm).map_err(|r| refused(&bill, r, None))?;
            bill.confirmation = Some(Confirmation {
                revision: bill.revision,
                actor: actor.name.clone(),
                at_unix_s: actor.at_unix_s,
                note: note.map(str::to_owned),
            });
            self.put(Table::Bills, &key.bytes(), &bill)?;
        }
        let detail = format!(
            "revision {}, total {}, digest {digest}{}",
            bill.revision,
            view.revision.total_text(),
            first.as_ref().map_or_else(String::new, |first| format!(", seen by `{first}` first")),
        );
        let subject = key.subject();
        let action = if holds { "confirm" } else { "confirm first" };
        let digest = Some(digest.bytes());
        let entry = EntryChange::new(action, &subject, &detail);
        journal::append_change(
            self,
            actor,
            EntryChange { before: digest, after: digest, reason: note, ..entry },
        )?;
        Ok(Decided { revision: view.revision, waits: !holds, first })
    }

    /// Declares an open bill complete, where no file says so itself.
    ///
    /// # Errors
    /// [`BillError::State`] unless the bill is open.
    pub fn issue_bill(&self, key: BillKey, actor: &Actor) -> Result<Revision, BillError> {
        let bill = Bill::get(self, key)?;
        let disputed = dispute::blocks(self, key)?;
        let said = BillChange { action: "issue", detail: "declared complete", reason: None };
        change(self, bill, BillEvent::Issue { disputed }, said, actor)
    }

    /// Puts the decision about a bill off, once; returns until when.
    ///
    /// # Errors
    /// [`BillError::State`] when it was put off before, or there is nothing to decide.
    pub fn defer_bill(
        &self,
        key: BillKey,
        today: Day,
        reason: &str,
        actor: &Actor,
    ) -> Result<Day, BillError> {
        let bill = Bill::get(self, key)?;
        let mut standing = Standing::of(self, key)?;
        let until = Standing::deferred_until(today);
        let before = standing.deferred.is_some();
        let said = BillChange { action: "defer", detail: &format!("until {until}"), reason: Some(reason) };
        change(self, bill, BillEvent::Defer { before }, said, actor)?;
        standing.deferred = Some(Deferral {
            until,
            reason: reason.to_owned(),
            actor: actor.name.clone(),
            at_unix_s: actor.at_unix_s,
        });
        standing.put(self, key)?;
        Ok(until)
    }

    /// Takes a confirmation back, for a reason. With four eyes, two people have to.
    ///
    /// # Errors
    /// [`BillError::State`] unless the bill is confirmed; [`BillError::SamePerson`] for the second signature of one person.
    pub fn reopen_bill(&self, key: BillKey, reason: &str, actor: &Actor) -> Result<Decided, BillError> {
        reopen_in(self, key, reason, actor)
    }
}

#[cfg(test)]
mod tests {
    use super::super::records::BillState;
    use super::*;
    use crate::formats::schema::Column;
    use crate::values::digest::Digest;
    use crate::values::money::Amount;
    use crate::values::period::{Basis, BillMonth};

    fn revision(number: u32, total: i128) -> Revision {
        let mut digest = Digest::EMPTY;
        digest.add_line(&[number as u8; 32]);
        let mut sums = Sums::new("USD");
        sums.lines = 1;
        sums.add(Column::Total, Amount::new(total, 8)).unwrap();
        Revision {
            number,
            previous: number - 1,
            digest,
            sums: vec![sums],
            loads: vec![],
            through: None,
            missing: vec![],
            complete: true,
            at_unix_s: 0,
            actor: String::new(),
        }
    }

    fn bill(state: BillState) -> Bill {
        let month = BillMonth::new(2021, 3).unwrap();
        let key = BillKey { payer: "100010445724".parse().unwrap(), month, basis: Basis::Used };
        Bill { key, revision: 2, state, confirmation: None }
    }

    #[test]
    fn what_was_seen_and_is_still_there_may_be_confirmed_once() {
        let history = [revision(1, 5), revision(2, 7)];
        let prefix = &history[1].digest.hex()[..12].to_uppercase();
        assert!(may_confirm(&bill(BillState::Issued), &history, prefix).is_ok());
        for state in [BillState::Open, BillState::Confirmed, BillState::Disputed] {
            assert!(matches!(may_confirm(&bill(state), &history, prefix), Err(BillError::State { .. })));
        }
        assert!(matches!(
            may_confirm(&bill(BillState::Issued), &history, "ab"),
            Err(BillError::BadPrefix(_))
        ));
    }

    #[test]
    fn a_stale_digest_is_refused_and_shows_the_difference() {
        let history = [revision(1, 500_000_000), revision(2, 720_000_001)];
        let error =
            may_confirm(&bill(BillState::Issued), &history, &history[0].digest.hex()[..8]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("5.00000000 USD") && text.contains("7.20000001 USD"), "{text}");
        assert!(text.contains("+2.20000001 USD"), "{text}");
        let BillError::Stale(stale) = error else { panic!("{error}") };
        assert_eq!((stale.seen, stale.current), (Some(1), 2));
        let error = may_confirm(&bill(BillState::Issued), &history, "00000000").unwrap_err();
        assert!(error.to_string().contains("no revision"), "{error}");
    }
}

//! The states of a bill, and the confirmation: compare-and-set on the digest of what was seen.
//!
//! Whether it is allowed is decided by [`may_confirm`], a pure function. The rest looks up and writes.

use crate::block::Sums;
use crate::digest::PREFIX_MIN;
use crate::journal::{self, Actor};
use crate::store::{Read, Table, Writer};

use super::error::{BillError, Stale};
use super::records::{Bill, BillKey, Confirmation, Revision, State};
use super::view::{BillView, bill, revisions};

/// Decides whether a bill may be confirmed as what has a digest that begins with `prefix`.
///
/// # Errors
/// [`BillError::Stale`] with what was seen and what is there; [`BillError::State`] when the bill is not issued.
pub fn may_confirm(bill: &Bill, history: &[Revision], prefix: &str) -> Result<(), BillError> {
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
            difference: seen.map_or_else(String::new, |r| difference(&r.sums, &current.sums)),
            current_digest: current.digest.hex(),
            prefix: prefix.to_owned(),
        })));
    }
    let why = match bill.state {
        State::Issued => return Ok(()),
        State::Confirmed => "it was confirmed before".to_owned(),
        State::Open => match (current.through, current.missing.as_slice()) {
            (_, [first, ..]) => format!("the month is not complete, {first} is missing"),
            (Some(through), _) => format!("the month is not complete, its lines go through {through}"),
            (None, _) => "the month is not complete, no file covers its first day".to_owned(),
        },
    };
    Err(BillError::State { bill: bill.key, state: bill.state, why })
}

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
        let sign = if change.mantissa() > 0 { "+" } else { "" };
        format!("{sign}{} {currency}", change.grouped())
    });
    texts.collect::<Vec<_>>().join(", ")
}

/// Confirms a bill as what was seen; returns the confirmed revision.
///
/// Everything that the confirmation rests on is read in the same transaction, and the stored sums are checked
/// against the lines' before it stands (I4).
///
/// # Errors
/// As [`may_confirm`]; [`BillError::DoNotTie`] when the stored figures are not equal.
pub fn confirm(
    writer: Writer,
    key: BillKey,
    prefix: &str,
    note: Option<&str>,
    actor: &Actor,
) -> Result<Revision, BillError> {
    let mut bill = bill(&writer, key)?;
    may_confirm(&bill, &revisions(&writer, key)?, prefix)?;
    let view = BillView::open(&writer, key, None)?;
    view.check_rollups(&writer)?;
    let digest = view.digest_through(u8::MAX, true, true);
    if digest != view.revision.digest {
        return Err(BillError::DoNotTie {
            bill: key,
            what: "the digests of segments and revision",
            one: digest.hex(),
            other: view.revision.digest.hex(),
        });
    }
    bill.state = State::Confirmed;
    bill.confirmation = Some(Confirmation {
        revision: bill.revision,
        actor: actor.name.clone(),
        at_unix_s: actor.at_unix_s,
        note: note.map(str::to_owned),
    });
    writer.put(Table::Bills, &key.bytes(), &bill)?;
    let detail = format!(
        "revision {}, total {}, digest {digest}{}",
        bill.revision,
        view.revision.total_text(),
        note.map_or_else(String::new, |n| format!(": {n}")),
    );
    journal::append(&writer, actor, "confirm", &key.to_string(), &detail)?;
    writer.commit()?;
    Ok(view.revision)
}

/// Declares an open bill complete, where no file says so itself.
///
/// # Errors
/// [`BillError::State`] unless the bill is open.
pub fn issue(writer: Writer, key: BillKey, actor: &Actor) -> Result<Revision, BillError> {
    let mut bill = bill(&writer, key)?;
    if bill.state != State::Open {
        let why = "only an open bill can be issued".to_owned();
        return Err(BillError::State { bill: key, state: bill.state, why });
    }
    bill.state = State::Issued;
    change_state(writer, &bill, "issue", "declared complete", actor)
}

/// Takes a confirmation back, for a reason.
///
/// # Errors
/// [`BillError::State`] unless the bill is confirmed.
pub fn reopen(writer: Writer, key: BillKey, reason: &str, actor: &Actor) -> Result<Revision, BillError> {
    let mut bill = bill(&writer, key)?;
    if bill.state != State::Confirmed {
        let why = "only a confirmed bill can be reopened".to_owned();
        return Err(BillError::State { bill: key, state: bill.state, why });
    }
    bill.state = State::Issued;
    bill.confirmation = None;
    change_state(writer, &bill, "reopen", reason, actor)
}

fn change_state(
    writer: Writer,
    bill: &Bill,
    action: &str,
    detail: &str,
    actor: &Actor,
) -> Result<Revision, BillError> {
    let revision = writer.need(Table::Revisions, &Revision::key_bytes(bill.key, bill.revision))?;
    writer.put(Table::Bills, &bill.key.bytes(), bill)?;
    let detail = format!("revision {}: {detail}", bill.revision);
    journal::append(&writer, actor, action, &bill.key.to_string(), &detail)?;
    writer.commit()?;
    Ok(revision)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::money::Amount;
    use crate::period::{Basis, BillMonth};
    use crate::schema::Column;

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

    fn bill(state: State) -> Bill {
        let month = BillMonth::new(2021, 3).unwrap();
        let key = BillKey { payer: "100010445724".parse().unwrap(), month, basis: Basis::Used };
        Bill { key, revision: 2, state, confirmation: None }
    }

    #[test]
    fn what_was_seen_and_is_still_there_may_be_confirmed_once() {
        let history = [revision(1, 5), revision(2, 7)];
        let prefix = &history[1].digest.hex()[..12].to_uppercase();
        assert!(may_confirm(&bill(State::Issued), &history, prefix).is_ok());
        for state in [State::Open, State::Confirmed] {
            assert!(matches!(may_confirm(&bill(state), &history, prefix), Err(BillError::State { .. })));
        }
        assert!(matches!(may_confirm(&bill(State::Issued), &history, "ab"), Err(BillError::BadPrefix(_))));
    }

    #[test]
    fn a_stale_digest_is_refused_and_shows_the_difference() {
        let history = [revision(1, 500_000_000), revision(2, 720_000_001)];
        let error = may_confirm(&bill(State::Issued), &history, &history[0].digest.hex()[..8]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("5.00000000 USD") && text.contains("7.20000001 USD"), "{text}");
        assert!(text.contains("+2.20000001 USD"), "{text}");
        let BillError::Stale(stale) = error else { panic!("{error}") };
        assert_eq!((stale.seen, stale.current), (Some(1), 2));
        let error = may_confirm(&bill(State::Issued), &history, "00000000").unwrap_err();
        assert!(error.to_string().contains("no revision"), "{error}");
    }
}

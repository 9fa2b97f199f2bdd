//! When a bill may leave for a sink: as soon as it is complete, or once somebody has confirmed the month.
//!
//! A customer takes a bill for final, so by default nobody but the partner gets one that is not confirmed
//! (docs/decisions/0026).

use crate::bills::BillState;
use crate::deliveries::calendar::{BillKind, WhyNot};
use crate::engine::store::Records;
use crate::exports::Audience;
use crate::values::period::{Day, TimeZone};

use super::{After, SinkRecord, StorageAccount, StorageError, Target};

impl Target {
    /// Returns what bills of a kind to this sink wait for: what was set, or the default. Reseller bills always wait for the
    /// confirmation (docs/DOMAIN.md#kinds-of-bills).
    pub fn after(&self, kind: BillKind, audience: Audience) -> After {
        match self {
            _ if kind == BillKind::Reseller => After::Confirmation,
            Target::Sink { after: Some(after), .. } => *after,
            _ => After::default_for(audience),
        }
    }
}

/// Says whether a bill in a state may leave for a sink, by what the account's binding of a day says.
///
/// # Errors
/// What is in the way.
pub(crate) fn may_leave(
    account: &StorageAccount,
    kind: BillKind,
    on: Day,
    record: &SinkRecord,
    state: BillState,
) -> Result<(), WhyNot> {
    if record.audience == Audience::Customer && state == BillState::Disputed {
        return Err(WhyNot::Disputed);
    }
    let target = account.target(kind, on);
    let after = target.map_or(After::default_for(record.audience), |t| t.after(kind, record.audience));
    if after == After::Confirmation && state != BillState::Confirmed {
        return Err(WhyNot::NotConfirmed { state });
    }
    Ok(())
}

/// Says whether an account's monthly bill that the calendar asked for first on a day stays due until it is delivered: it had to
/// wait for the confirmation, and that may come months later. Bills from before the binding do not become due by it.
///
/// # Errors
/// [`StorageError`] when the store cannot be read.
pub(crate) fn stays_due(
    store: &impl Records,
    account: &StorageAccount,
    since: Day,
    zone: TimeZone,
) -> Result<bool, StorageError> {
    let line = account.bindings.get(&BillKind::Monthly);
    let Some(change) = line.and_then(|line| line.change_on(since)) else { return Ok(false) };
    let Some(name) = change.value.sink() else { return Ok(false) };
    let record = match SinkRecord::get(store, name) {
        Err(StorageError::NoSink(_)) => return Ok(false),
        record => record?,
    };
    // Of a binding for all days, the day on which it was made counts.
    let made = change.from.or_else(|| zone.day_at(change.at_unix_s)).filter(|_| change.at_unix_s != 0);
    Ok(change.value.after(BillKind::Monthly, record.audience) == After::Confirmation
        && made.is_some_and(|made| made <= since))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::deliveries::storage::PayerLines;
    use crate::engine::journal::Actor;

    fn judged(audience: Audience, after: Option<After>, state: BillState) -> Result<(), WhyNot> {
        let uin = "200000000001".parse().unwrap();
        let mut account = StorageAccount::new(uin);
        let target = Target::Sink { sink: "s".into(), lines: PayerLines::All, after };
        let actor = Actor { name: "lin".into(), at_unix_s: 1 };
        account.bindings.entry(BillKind::Monthly).or_default().record(None, target, &actor, None);
        let record =
            SinkRecord { name: "s".into(), url: "file:///s".into(), audience, options: BTreeMap::new() };
        may_leave(&account, BillKind::Monthly, "2021-04-02".parse().unwrap(), &record, state)
    }

    #[test]
    fn a_customer_gets_no_bill_that_nobody_has_confirmed_unless_that_was_said() {
        for state in [BillState::Open, BillState::Issued] {
            let waits = Err(WhyNot::NotConfirmed { state });
            for after in [None, Some(After::Confirmation)] {
                assert_eq!(judged(Audience::Customer, after, state), waits);
            }
            assert_eq!(judged(Audience::Customer, Some(After::Issue), state), Ok(()));
            assert_eq!(judged(Audience::Partner, None, state), Ok(()));
            assert_eq!(judged(Audience::Partner, Some(After::Confirmation), state), waits);
        }
        assert_eq!(judged(Audience::Customer, None, BillState::Confirmed), Ok(()));
    }

    #[test]
    fn a_disputed_bill_goes_to_no_customer_whatever_was_said() {
        for after in [None, Some(After::Issue), Some(After::Confirmation)] {
            assert_eq!(judged(Audience::Customer, after, BillState::Disputed), Err(WhyNot::Disputed));
        }
        assert_eq!(judged(Audience::Partner, None, BillState::Disputed), Ok(()));
    }
}

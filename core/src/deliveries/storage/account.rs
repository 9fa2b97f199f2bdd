//! An account in bill storage: what it is allowed, what it agreed to, and where its bills go; and how that was stored before.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::deliveries::calendar::{AccountFacts, BillKind};
use crate::engine::codec::{self, CodecError, Layouts};
use crate::engine::journal::Actor;
use crate::engine::timeline::{DatedChange, Timeline};
use crate::values::near::no_word;
use crate::values::period::Day;
use crate::values::uin::Uin;

use super::After;

/// Which of the payer's lines its daily and monthly bills hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PayerLines {
    /// All that it owes.
    #[default]
    All,
    /// Its own, without the customers'.
    SelfUse,
}

impl fmt::Display for PayerLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            PayerLines::All => "all",
            PayerLines::SelfUse => "self",
        })
    }
}

impl FromStr for PayerLines {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(PayerLines::All),
            "self" => Ok(PayerLines::SelfUse),
            _ => Err(no_word(text, "a choice of lines", &["all", "self"])),
        }
    }
}

/// Where an account's bills of a kind go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// To a sink.
    Sink {
        /// Its name.
        sink: String,
        /// Which lines.
        lines: PayerLines,
        /// What bills wait for; without it, what is the default for whoever reads the sink.
        after: Option<After>,
    },
    /// Nowhere.
    Off,
    /// Nowhere, whichever day is asked for, until somebody enables again.
    Stopped,
}

impl Target {
    /// Returns the sink.
    pub fn sink(&self) -> Option<&str> {
        match self {
            Target::Sink { sink, .. } => Some(sink),
            Target::Off | Target::Stopped => None,
        }
    }
}

/// Returns the change that has stopped storing for every day, if that was said last.
pub(super) fn stopped(line: &Timeline<Target>) -> Option<&DatedChange<Target>> {
    line.last().filter(|change| change.value == Target::Stopped)
}

/// What an account agrees to (docs/DOMAIN.md#bill-storage, steps 2 and 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Consent {
    /// The storing role: bills may be written for the account.
    Storing,
    /// Custom bills: the customers' consolidated bills may be written.
    CustomBills,
}

impl fmt::Display for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Consent::Storing => "storing role",
            Consent::CustomBills => "custom bills",
        })
    }
}

/// A consent, for one sink or for all that have none of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// To what.
    pub consent: Consent,
    /// For which sink.
    pub sink: Option<String>,
    /// Given or revoked. It is about what may be written now, so it has no days.
    pub given: Timeline<bool>,
}

/// An account in bill storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageAccount {
    /// Its id.
    pub uin: Uin,
    /// On the allowlist? By kind of bill and day.
    pub allowed: BTreeMap<BillKind, Timeline<bool>>,
    /// What it agreed to.
    pub grants: Vec<Grant>,
    /// Where its bills go, and went, by kind and day.
    pub bindings: BTreeMap<BillKind, Timeline<Target>>,
}

impl StorageAccount {
    /// Makes an account that nothing was said of.
    pub fn new(uin: Uin) -> StorageAccount {
        StorageAccount { uin, allowed: BTreeMap::new(), grants: Vec::new(), bindings: BTreeMap::new() }
    }

    /// Says whether the account is on the allowlist for a kind of bill on a day.
    pub fn allows(&self, kind: BillKind, on: Day) -> bool {
        self.allowed.get(&kind).and_then(|line| line.on(on)).copied().unwrap_or(false)
    }

    /// Says whether a consent is given for a sink.
    pub fn grants(&self, consent: Consent, sink: &str) -> bool {
        let of = |wanted: Option<&str>| {
            let grant = self.grants.iter().find(|g| g.consent == consent && g.sink.as_deref() == wanted);
            grant.and_then(|grant| grant.given.last()).map(|change| change.value)
        };
        of(Some(sink)).or_else(|| of(None)).unwrap_or(false)
    }

    /// Says whether a consent is given for any sink.
    pub fn grants_any(&self, consent: Consent) -> bool {
        let of = |grant: &&Grant| grant.consent == consent && grant.given.last().is_some_and(|c| c.value);
        self.grants.iter().any(|grant| of(&grant))
    }

    /// Returns where bills of a kind go on a day; nowhere once storage was stopped.
    pub fn target(&self, kind: BillKind, on: Day) -> Option<&Target> {
        let line = self.bindings.get(&kind)?;
        if stopped(line).is_some() { None } else { line.on(on) }
    }

    /// Returns what the calendar needs to know.
    pub fn facts(&self, kind: BillKind, on: Day) -> AccountFacts<'_> {
        let sink = self.target(kind, on).and_then(Target::sink);
        let stopped = self.bindings.get(&kind).and_then(stopped);
        AccountFacts {
            allowed: self.allows(kind, on),
            authorised: match sink {
                Some(sink) => self.grants(Consent::Storing, sink),
                None => self.grants_any(Consent::Storing),
            },
            custom_bills: sink.is_some_and(|sink| self.grants(Consent::CustomBills, sink)),
            sink,
            stopped: stopped.and_then(|change| change.from),
        }
    }

    /// Records a consent, or that it is revoked: for one sink, or for all.
    pub(super) fn consent(
        &mut self,
        consent: Consent,
        sink: Option<&str>,
        given: bool,
        actor: &Actor,
        reason: Option<&str>,
    ) {
        let at =
            |grants: &[Grant]| grants.iter().position(|g| g.consent == consent && g.sink.as_deref() == sink);
        let at = at(&self.grants).unwrap_or_else(|| {
            self.grants.push(Grant { consent, sink: sink.map(str::to_owned), given: Timeline::default() });
            self.grants.len() - 1
        });
        // What is said of all sinks is said of each that has a word of its own.
        for (i, grant) in self.grants.iter_mut().enumerate() {
            if i == at || (sink.is_none() && grant.consent == consent) {
                grant.given.record(None, given, actor, reason);
            }
        }
    }
}

/// The first layout: one binding on a day, no names and reasons.
const FIRST_LAYOUT: u8 = 1;
/// The layout in which bindings did not say what bills wait for.
const SECOND_LAYOUT: u8 = 2;

#[derive(Serialize, Deserialize)]
enum SecondTarget {
    Sink { sink: String, lines: PayerLines },
    Off,
    Stopped,
}

#[derive(Serialize, Deserialize)]
struct StorageAccountV2 {
    uin: Uin,
    allowed: BTreeMap<BillKind, Timeline<bool>>,
    grants: Vec<Grant>,
    bindings: BTreeMap<BillKind, Timeline<SecondTarget>>,
}

impl From<SecondTarget> for Target {
    fn from(second: SecondTarget) -> Target {
        match second {
            SecondTarget::Sink { sink, lines } => Target::Sink { sink, lines, after: None },
            SecondTarget::Off => Target::Off,
            SecondTarget::Stopped => Target::Stopped,
        }
    }
}

impl From<StorageAccountV2> for StorageAccount {
    fn from(second: StorageAccountV2) -> StorageAccount {
        let StorageAccountV2 { uin, allowed, grants, bindings } = second;
        let bindings = bindings.into_iter().map(|(kind, line)| (kind, line.map(Target::from))).collect();
        StorageAccount { uin, allowed, grants, bindings }
    }
}

#[derive(Serialize, Deserialize)]
struct FirstBinding {
    sink: String,
    kinds: Vec<BillKind>,
    custom_bills: bool,
    from: Option<Day>,
    until: Option<Day>,
}

#[derive(Serialize, Deserialize)]
struct StorageAccountV1 {
    uin: Uin,
    allowed: bool,
    authorised: bool,
    bindings: Vec<FirstBinding>,
}

impl From<StorageAccountV1> for StorageAccount {
    fn from(first: StorageAccountV1) -> StorageAccount {
        // Who did it, and when, is in the journal.
        let nobody = Actor { name: String::new(), at_unix_s: 0 };
        let mut account = StorageAccount::new(first.uin);
        if first.allowed {
            for kind in BillKind::ALL {
                account.allowed.entry(kind).or_default().record(None, true, &nobody, None);
            }
        }
        if first.authorised {
            account.consent(Consent::Storing, None, true, &nobody, None);
        }
        if first.bindings.iter().any(|b| b.custom_bills) {
            account.consent(Consent::CustomBills, None, true, &nobody, None);
        }
        let mut bindings = first.bindings;
        bindings.sort_by_key(|b| b.from);
        for FirstBinding { sink, kinds, from, until, .. } in bindings {
            for kind in kinds {
                let line = account.bindings.entry(kind).or_default();
                let target = Target::Sink { sink: sink.clone(), lines: PayerLines::All, after: None };
                line.record(from, target, &nobody, None);
                if let Some(after) = until.and_then(Day::next) {
                    line.record(Some(after), Target::Off, &nobody, None);
                }
            }
        }
        account
    }
}

impl Layouts for StorageAccount {
    const NEWEST: u8 = 3;

    fn decode(bytes: &[u8]) -> Result<StorageAccount, CodecError> {
        match codec::version(bytes)? {
            FIRST_LAYOUT => {
                codec::decode_as::<StorageAccountV1>(FIRST_LAYOUT, bytes).map(StorageAccount::from)
            }
            SECOND_LAYOUT => {
                codec::decode_as::<StorageAccountV2>(SECOND_LAYOUT, bytes).map(StorageAccount::from)
            }
            _ => codec::decode_as(Self::NEWEST, bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn an_account_of_the_first_layout_is_bound_as_it_was() {
        let binding = |sink: &str, from: Option<&str>, until: Option<&str>, custom_bills| FirstBinding {
            sink: sink.into(),
            kinds: vec![BillKind::Daily, BillKind::Reseller],
            custom_bills,
            from: from.map(day),
            until: until.map(day),
        };
        let first = StorageAccountV1 {
            uin: "100010445724".parse().unwrap(),
            allowed: true,
            authorised: true,
            bindings: vec![
                binding("old", None, Some("2021-04-10"), false),
                binding("new", Some("2021-04-11"), Some("2021-04-20"), true),
            ],
        };
        let account = StorageAccount::decode(&codec::encode(&first).unwrap()).unwrap();
        let sink = |on| account.facts(BillKind::Daily, day(on)).sink;
        assert_eq!(["2021-04-10", "2021-04-11", "2021-04-21"].map(sink), [Some("old"), Some("new"), None]);
        let facts = account.facts(BillKind::Reseller, day("2021-04-12"));
        assert!(facts.allowed && facts.authorised && facts.custom_bills);
        assert_eq!(account.facts(BillKind::Monthly, day("2021-04-12")).sink, None);
        let newest = codec::encode_as(StorageAccount::NEWEST, &account).unwrap();
        assert_eq!(StorageAccount::decode(&newest), Ok(account));
    }

    #[test]
    fn a_binding_of_the_second_layout_waits_for_what_is_the_default() {
        let actor = Actor { name: "lin".into(), at_unix_s: 7 };
        let mut line = Timeline::default();
        let target = SecondTarget::Sink { sink: "theirs".into(), lines: PayerLines::SelfUse };
        line.record(Some(day("2021-04-01")), target, &actor, Some("why"));
        line.record(Some(day("2021-05-01")), SecondTarget::Off, &actor, None);
        let second = StorageAccountV2 {
            uin: "100010445724".parse().unwrap(),
            allowed: BTreeMap::new(),
            grants: Vec::new(),
            bindings: BTreeMap::from([(BillKind::Monthly, line)]),
        };
        let account = StorageAccount::decode(&codec::encode_as(SECOND_LAYOUT, &second).unwrap()).unwrap();
        let target = account.target(BillKind::Monthly, day("2021-04-30"));
        assert_eq!(
            target,
            Some(&Target::Sink { sink: "theirs".into(), lines: PayerLines::SelfUse, after: None })
        );
        assert_eq!(account.target(BillKind::Monthly, day("2021-05-01")), Some(&Target::Off));
        let first = account.bindings.get(&BillKind::Monthly).unwrap().changes().first().unwrap();
        assert_eq!((first.at_unix_s, first.actor.as_str(), first.reason.as_deref()), (7, "lin", Some("why")));
    }

    #[test]
    fn what_is_said_of_all_sinks_is_said_of_each() {
        let actor = Actor { name: "lin".into(), at_unix_s: 1 };
        let mut account = StorageAccount::new("100010445724".parse().unwrap());
        let granted =
            |account: &StorageAccount| ["a", "b"].map(|sink| account.grants(Consent::Storing, sink));
        account.consent(Consent::Storing, Some("a"), true, &actor, None);
        assert_eq!(granted(&account), [true, false]);
        account.consent(Consent::Storing, None, true, &actor, None);
        account.consent(Consent::Storing, Some("a"), false, &actor, None);
        assert_eq!(granted(&account), [false, true]);
        account.consent(Consent::Storing, None, true, &actor, None);
        assert_eq!(granted(&account), [true, true]);
        account.consent(Consent::Storing, None, false, &actor, Some("enough"));
        assert_eq!(granted(&account), [false, false]);
        assert!(!account.grants(Consent::CustomBills, "a"));
    }
}

//! The records of files that wait for a decision.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::bills::BillKey;
use crate::bills::records::change_text;
use crate::bills::smaller::Smaller;
use crate::engine::codec::{self, CodecError, Layouts};
use crate::values::money::Amount;

/// What became of a pending file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LateState {
    /// Nobody has decided yet.
    Waiting,
    /// The bill was reopened, and holds it from this revision on.
    Accepted {
        /// The revision.
        revision: u32,
    },
    /// Its difference was booked into a later month.
    Carried {
        /// Which bill has it.
        to: BillKey,
        /// As which load.
        load: u64,
    },
    /// It was decided not to take it.
    Discarded,
    /// A later file with the same days joined the bill before anybody decided.
    Superseded {
        /// The load of that file.
        load: u64,
    },
}

impl fmt::Display for LateState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LateState::Waiting => f.write_str("waiting"),
            LateState::Accepted { revision } => write!(f, "accepted as revision {revision}"),
            LateState::Carried { to, load } => {
                write!(f, "carried forward to {} as load {load}", to.subject())
            }
            LateState::Discarded => f.write_str("discarded"),
            LateState::Superseded { load } => write!(f, "superseded by load {load}"),
        }
    }
}

/// What a pending file would change for one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Whose lines; empty for lines without an owner.
    pub owner: String,
    /// In which currency.
    pub currency: String,
    /// How many lines more, or less.
    pub lines: i64,
    /// How much more, or less.
    pub amount: Amount,
}

/// Why a file waits for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LateCause {
    /// The bill is confirmed: the file is late.
    Confirmed,
    /// The file takes lines or money away, or ends too early.
    Smaller,
}

impl LateCause {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            LateCause::Confirmed => "confirmed",
            LateCause::Smaller => "smaller",
        }
    }
}

/// A file that waits for a decision, or waited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateFile {
    /// Counted from 1 within the store.
    pub number: u64,
    /// Which bill it is for.
    pub bill: BillKey,
    /// The bill's revision when it came; 0 where there was no bill.
    pub revision: u32,
    /// The load that holds its lines.
    pub load: u64,
    /// The file's name.
    pub file: String,
    /// The file's SHA-256.
    pub sha256: [u8; 32],
    /// How many lines it has.
    pub lines: u64,
    /// What it would change, by account and currency; accounts for which nothing changes are left out.
    pub effects: Vec<Effect>,
    /// What became of it.
    pub state: LateState,
    /// Why it was decided so.
    pub reason: Option<String>,
    /// When it came, in Unix seconds.
    pub at_unix_s: i64,
    /// Who brought it.
    pub actor: String,
    /// Why it waits.
    pub cause: LateCause,
    /// What it takes away, and whether it ends too early.
    pub smaller: Smaller,
}

/// The layout in which only files for confirmed bills were kept.
#[derive(Serialize, Deserialize)]
struct LateV1 {
    number: u64,
    bill: BillKey,
    revision: u32,
    load: u64,
    file: String,
    sha256: [u8; 32],
    lines: u64,
    effects: Vec<Effect>,
    state: LateState,
    reason: Option<String>,
    at_unix_s: i64,
    actor: String,
}

const FIRST_LAYOUT: u8 = 1;

impl From<LateV1> for LateFile {
    fn from(first: LateV1) -> LateFile {
        LateFile {
            number: first.number,
            bill: first.bill,
            revision: first.revision,
            load: first.load,
            file: first.file,
            sha256: first.sha256,
            lines: first.lines,
            effects: first.effects,
            state: first.state,
            reason: first.reason,
            at_unix_s: first.at_unix_s,
            actor: first.actor,
            cause: LateCause::Confirmed,
            smaller: Smaller::default(),
        }
    }
}

impl Layouts for LateFile {
    const NEWEST: u8 = 2;

    fn decode(bytes: &[u8]) -> Result<LateFile, CodecError> {
        match codec::version(bytes)? {
            FIRST_LAYOUT => codec::decode_as::<LateV1>(FIRST_LAYOUT, bytes).map(LateFile::from),
            _ => codec::decode_as(Self::NEWEST, bytes),
        }
    }
}

impl LateFile {
    /// Returns what it is, for people: `late file` or `pending file`.
    pub fn noun(&self) -> &'static str {
        match self.cause {
            LateCause::Confirmed => "late file",
            LateCause::Smaller => "pending file",
        }
    }

    /// Returns the word by which the journal calls what happens to it.
    pub(super) fn action(&self, verb: &str) -> &'static str {
        match (self.cause, verb) {
            (LateCause::Confirmed, "hold") => "late hold",
            (LateCause::Confirmed, "accept") => "late accept",
            (LateCause::Confirmed, "carry forward") => "late carry forward",
            (LateCause::Confirmed, _) => "late discard",
            (LateCause::Smaller, "hold") => "pending hold",
            (LateCause::Smaller, "accept") => "pending accept",
            (LateCause::Smaller, "supersede") => "pending supersede",
            (LateCause::Smaller, "carry forward") => "pending carry forward",
            (LateCause::Smaller, _) => "pending discard",
        }
    }

    /// Says whether it waits for a decision about what it takes away.
    pub fn is_smaller_and_waits(&self) -> bool {
        self.cause == LateCause::Smaller && self.state == LateState::Waiting
    }

    /// Says whether it was discarded or superseded: no bill has its lines, and somebody may want them after all.
    pub fn is_left_out(&self) -> bool {
        matches!(self.state, LateState::Discarded | LateState::Superseded { .. })
    }

    /// Says whether a revision of its bill has taken its lines.
    pub fn is_in(&self) -> bool {
        matches!(self.state, LateState::Accepted { .. })
    }

    /// Returns what it would change in all, currency by currency.
    pub fn difference(&self) -> BTreeMap<&str, Amount> {
        let mut all: BTreeMap<&str, Amount> = BTreeMap::new();
        for effect in &self.effects {
            let sum = all.entry(&effect.currency).or_default();
            // They were added up from sums that fit.
            *sum = sum.checked_add(effect.amount).unwrap_or(*sum);
        }
        all
    }

    /// Returns that in words: `+12.00 USD`.
    pub fn difference_text(&self) -> String {
        let texts: Vec<String> =
            self.difference().iter().map(|(currency, amount)| change_text(*amount, currency)).collect();
        if texts.is_empty() { "nothing".to_owned() } else { texts.join(", ") }
    }

    /// Returns how many accounts it would change something for.
    pub fn accounts(&self) -> usize {
        let mut owners: Vec<&str> = self.effects.iter().map(|e| e.owner.as_str()).collect();
        owners.dedup();
        owners.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::period::{Basis, BillMonth};

    /// A text as records have it: its length, and its bytes.
    fn text(text: &str) -> Vec<u8> {
        [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
    }

    /// The record that a program wrote which kept files for confirmed bills only, by the documented layout.
    fn first_layout(state: &[u8], reason: &[u8]) -> Vec<u8> {
        let effect = |owner: &str, lines: i64, mantissa: i128| {
            [&text(owner)[..], &text("USD"), &lines.to_le_bytes(), &mantissa.to_le_bytes(), &[8]].concat()
        };
        [
            &[1][..],
            &7_u64.to_le_bytes(),
            &100_010_445_724_u64.to_le_bytes(),
            &2021_i32.to_le_bytes(),
            &3_u32.to_le_bytes(),
            // By pay time.
            &1_u32.to_le_bytes(),
            &4_u32.to_le_bytes(),
            &12_u64.to_le_bytes(),
            &text("march.csv"),
            &[0xab; 32],
            &150_u64.to_le_bytes(),
            &2_u64.to_le_bytes(),
            &effect("200000003412", 2, 1_250_000_000),
            &effect("", -1, -50_000_000),
            state,
            reason,
            &1_617_000_000_i64.to_le_bytes(),
            &text("lin"),
        ]
        .concat()
    }

    #[test]
    fn a_late_file_of_the_first_layout_is_read_as_one_for_a_confirmed_bill_without_losses() {
        let payer = "100010445724".parse().unwrap();
        let key = BillKey { payer, month: BillMonth::new(2021, 3).unwrap(), basis: Basis::Paid };
        let effect = |owner: &str, lines, mantissa| Effect {
            owner: owner.into(),
            currency: "USD".into(),
            lines,
            amount: Amount::new(mantissa, 8),
        };
        let waits = LateFile {
            number: 7,
            bill: key,
            revision: 4,
            load: 12,
            file: "march.csv".into(),
            sha256: [0xab; 32],
            lines: 150,
            effects: vec![effect("200000003412", 2, 1_250_000_000), effect("", -1, -50_000_000)],
            state: LateState::Waiting,
            reason: None,
            at_unix_s: 1_617_000_000,
            actor: "lin".into(),
            cause: LateCause::Confirmed,
            smaller: Smaller::default(),
        };
        assert_eq!(LateFile::decode(&first_layout(&0_u32.to_le_bytes(), &[0])), Ok(waits.clone()));
        let why = [&[1][..], &text("agreed")].concat();
        let accepted = [&1_u32.to_le_bytes()[..], &5_u32.to_le_bytes()].concat();
        let decided = LateFile { reason: Some("agreed".into()), ..waits.clone() };
        assert_eq!(
            LateFile::decode(&first_layout(&accepted, &why)),
            Ok(LateFile { state: LateState::Accepted { revision: 5 }, ..decided.clone() })
        );
        assert_eq!(
            LateFile::decode(&first_layout(&3_u32.to_le_bytes(), &why)),
            Ok(LateFile { state: LateState::Discarded, ..decided })
        );
        // It is written in the newest layout, and another version or a byte too many is refused.
        let again = codec::encode_as(LateFile::NEWEST, &waits).unwrap();
        assert_eq!((again.first(), LateFile::decode(&again)), (Some(&2), Ok(waits)));
        let long = [&first_layout(&0_u32.to_le_bytes(), &[0])[..], &[0]].concat();
        assert!(matches!(LateFile::decode(&long), Err(CodecError::Damaged(_))));
    }
}

//! Two files where one is expected.
//!
//! Most of what could be double never gets so far: [`combine`](crate::bills::combine) lets no two files of a revision
//! cover a day, the same bytes and the same lines change nothing, and levels do not mix. A month-to-date file that
//! replaces a shorter one is how months grow. Two cases are left that a person has to look at.

use std::fmt;

use crate::bills::{BillState, ImportMode};
use crate::values::period::Day;

use super::facts::{BillFiles, ReceivedFile};

/// Two files where one is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Double {
    /// Two files of the same mode and the same days have different lines; the later import counts.
    Replaced {
        /// The one that counts.
        file: String,
        /// The one that does not any more.
        earlier: String,
        /// The last revision with the earlier one.
        revision: u32,
    },
    /// An adjustment has, for some days, exactly the lines that another file of the bill has: they count twice.
    Twice {
        /// The adjustment.
        file: String,
        /// The other one.
        other: String,
        /// The days.
        days: Vec<Day>,
    },
}

impl fmt::Display for Double {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Double::Replaced { file, earlier, revision } => {
                if file == earlier {
                    write!(
                        f,
                        "`{file}` came twice, with different lines for the same days; the later one counts"
                    )?;
                } else {
                    write!(f, "`{file}` has other lines than `{earlier}` for the same days, and counts")?;
                }
                write!(f, "; compare with revision {revision}, and confirm the bill if it is right")
            }
            Double::Twice { file, other, days } => {
                let days = Day::ranges(days);
                write!(
                    f,
                    "`{file}`, an adjustment, and `{other}` have the same lines on {days}: they count twice"
                )
            }
        }
    }
}

/// Returns what is double in a bill.
pub(super) fn doubles(bill: &BillFiles) -> Vec<Double> {
    let mut found = Vec::new();
    let active: Vec<&ReceivedFile> = bill.active().collect();
    for file in &active {
        // Whoever confirmed the bill has seen its total, and the earlier file cannot come back.
        let earlier = bill.files.iter().rev().find(|old| {
            old.coverage.is_some()
                && old.coverage == file.coverage
                && old.mode == file.mode
                && old.load < file.load
        });
        if let Some(old) =
            earlier.filter(|old| bill.state != BillState::Confirmed && old.digest != file.digest)
        {
            found.push(Double::Replaced {
                file: file.name.clone(),
                earlier: old.name.clone(),
                revision: old.last_revision,
            });
        }
    }
    for file in active.iter().filter(|file| file.mode == ImportMode::Adjustment) {
        for other in
            active.iter().filter(|other| other.mode != ImportMode::Adjustment || other.load < file.load)
        {
            let same = |(day, digest): &&(Day, _)| other.days.iter().any(|(d, of)| d == day && of == digest);
            let days: Vec<Day> = file.days.iter().filter(same).map(|(day, _)| *day).collect();
            if !days.is_empty() {
                found.push(Double::Twice { file: file.name.clone(), other: other.name.clone(), days });
            }
        }
    }
    found
}

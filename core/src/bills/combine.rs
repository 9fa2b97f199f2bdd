//! How a new load goes together with those that a bill holds: a pure rule.
//!
//! The rule keeps one promise: no day is counted twice. A file replaces an earlier one of its own mode and
//! days; where the days of two modes overlap, the new file is refused, and both are named. The order of imports
//! decides, never the order of names (docs/DOMAIN.md#mistakes-to-avoid, 1 and 7).

use crate::formats::schema::BillLevel;
use crate::values::error::codes;
use crate::values::period::{BillMonth, Coverage, Day};

use super::records::{ImportMode, Load};

/// What the rule needs to know of a load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoadPiece {
    /// The load's number; anything for the new one.
    pub load: u64,
    /// Its mode.
    pub mode: ImportMode,
    /// The days it covers; an adjustment covers none.
    pub coverage: Option<Coverage>,
    /// Its level of detail.
    pub level: BillLevel,
    /// Its file's name.
    pub file: String,
    /// Whether it is a declaration that nothing was used on its days, which any file of these days replaces.
    pub declared: bool,
}

impl From<&Load> for LoadPiece {
    fn from(load: &Load) -> LoadPiece {
        LoadPiece {
            load: load.number,
            mode: load.mode,
            coverage: load.coverage,
            level: load.level,
            file: load.file.name.clone(),
            declared: load.is_declared_empty(),
        }
    }
}

/// Why a load cannot join the others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CombineError {
    /// Days of two modes overlap.
    #[error(
        "`{new}` ({new_mode}, {new_days}) overlaps with `{old}` ({old_mode}, {old_days}), which the bill holds as \
         load {load}"
    )]
    Overlap {
        /// The new file.
        new: String,
        /// Its mode.
        new_mode: ImportMode,
        /// Its days.
        new_days: Coverage,
        /// The file that is there.
        old: String,
        /// Its mode.
        old_mode: ImportMode,
        /// Its days.
        old_days: Coverage,
        /// Its load.
        load: u64,
    },
    /// A month-to-date file that ends before the one that is there.
    #[error(
        "`{new}` goes through {new_last}, and `{old}`, which the bill holds as load {load}, through {old_last}: days \
         would be lost"
    )]
    Older {
        /// The new file.
        new: String,
        /// Its last day.
        new_last: Day,
        /// The file that is there.
        old: String,
        /// Its last day.
        old_last: Day,
        /// Its load.
        load: u64,
    },
    /// The same money at two levels of detail.
    #[error(
        "`{new}` is an {new_level:?} bill, and `{old}`, which the bill holds as load {load}, an {old_level:?} one"
    )]
    Level {
        /// The new file.
        new: String,
        /// Its level.
        new_level: BillLevel,
        /// The file that is there.
        old: String,
        /// Its level.
        old_level: BillLevel,
        /// Its load.
        load: u64,
    },
}

codes!(CombineError {
    own {
        Self::Overlap { new, new_mode, new_days, old, old_mode, old_days, load } => Refused "import.overlap" {
            new: new, new_mode: new_mode, new_days: new_days, old: old, old_mode: old_mode, old_days: old_days, load: load,
        },
        Self::Older { new, new_last, old, old_last, load } => Refused "import.older" {
            new: new, new_last: new_last, old: old, old_last: old_last, load: load,
        },
        Self::Level { new, new_level, old, old_level, load } => Refused "import.level" {
            new: new, new_level: format_args!("{new_level:?}"), old: old, old_level: format_args!("{old_level:?}"), load: load,
        },
    }
    within {}
});

/// Returns which of the active loads stay when `new` joins them.
///
/// # Errors
/// [`CombineError`] when lines would be counted twice or days lost.
pub(crate) fn combine(active: &[LoadPiece], new: &LoadPiece) -> Result<Vec<u64>, CombineError> {
    let mut kept = Vec::new();
    for old in active {
        if old.level != new.level && !old.declared && !new.declared {
            return Err(CombineError::Level {
                new: new.file.clone(),
                new_level: new.level,
                old: old.file.clone(),
                old_level: old.level,
                load: old.load,
            });
        }
        let (Some(new_days), Some(old_days)) = (new.coverage, old.coverage) else {
            kept.push(old.load);
            continue;
        };
        let overlap = new_days.first <= old_days.last && old_days.first <= new_days.last;
        if !overlap {
            kept.push(old.load);
        } else if old.declared {
            // The file says what was used on that day.
            continue;
        } else if old.mode != new.mode {
            return Err(CombineError::Overlap {
                new: new.file.clone(),
                new_mode: new.mode,
                new_days,
                old: old.file.clone(),
                old_mode: old.mode,
                old_days,
                load: old.load,
            });
        } else if new_days.last < old_days.last {
            return Err(CombineError::Older {
                new: new.file.clone(),
                new_last: new_days.last,
                old: old.file.clone(),
                old_last: old_days.last,
                load: old.load,
            });
        }
    }
    Ok(kept)
}

/// How much of a month is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Completeness {
    /// The last day of the gapless run from the first day on.
    pub through: Option<Day>,
    /// Days that nothing covers, before the last one covered.
    pub missing: Vec<Day>,
    /// Says whether every day is covered.
    pub complete: bool,
}

/// Tells how much of a month these coverages are.
pub(crate) fn completeness(
    month: BillMonth,
    coverages: impl Iterator<Item = Coverage> + Clone,
) -> Completeness {
    let covered = |day: Day| coverages.clone().any(|c| c.first <= day && day <= c.last);
    let last_covered = coverages.clone().map(|c| c.last).max();
    let (mut through, mut missing) = (None, Vec::new());
    let days = (1..=31).filter_map(|d| month.day(d));
    for day in days.filter(|d| Some(*d) <= last_covered) {
        if !covered(day) {
            missing.push(day);
        } else if missing.is_empty() {
            through = Some(day);
        }
    }
    Completeness { complete: through == Some(month.last_day()), through, missing }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(load: u64, mode: ImportMode, days: Option<(u32, u32)>) -> LoadPiece {
        let day = |d| Day::new(2021, 3, d).unwrap();
        let coverage = days.map(|(first, last)| Coverage { first: day(first), last: day(last) });
        let file = format!("{mode}-{load}.csv");
        LoadPiece { load, mode, coverage, level: BillLevel::L3, file, declared: false }
    }

    #[test]
    fn a_month_to_date_file_replaces_the_earlier_one_and_keeps_adjustments() {
        let active = [piece(1, ImportMode::Cumulative, Some((1, 4))), piece(2, ImportMode::Adjustment, None)];
        assert_eq!(combine(&active, &piece(3, ImportMode::Cumulative, Some((1, 5)))), Ok(vec![2]));
        assert_eq!(combine(&active, &piece(3, ImportMode::Cumulative, Some((1, 4)))), Ok(vec![2]));
        assert!(matches!(
            combine(&active, &piece(3, ImportMode::Cumulative, Some((1, 3)))),
            Err(CombineError::Older { load: 1, .. })
        ));
    }

    #[test]
    fn modes_may_stand_side_by_side_but_not_overlap_and_both_files_are_named() {
        let active = [piece(1, ImportMode::Cumulative, Some((1, 4)))];
        assert_eq!(combine(&active, &piece(2, ImportMode::Day, Some((5, 5)))), Ok(vec![1]));
        for new in [piece(2, ImportMode::Day, Some((4, 4))), piece(2, ImportMode::Monthly, Some((1, 31)))] {
            let error = combine(&active, &new).unwrap_err();
            assert!(matches!(error, CombineError::Overlap { .. }));
            assert!(error.to_string().contains("cumulative-1.csv") && error.to_string().contains(&new.file));
        }
    }

    #[test]
    fn levels_do_not_mix() {
        let new = LoadPiece { level: BillLevel::L2, ..piece(2, ImportMode::Adjustment, None) };
        let active = [piece(1, ImportMode::Monthly, Some((1, 31)))];
        assert!(matches!(combine(&active, &new), Err(CombineError::Level { .. })));
    }

    #[test]
    fn a_month_of_days_tells_its_gaps() {
        let month = BillMonth::new(2021, 2).unwrap();
        let day = |d| {
            let day = month.day(d).unwrap();
            Coverage { first: day, last: day }
        };
        let some = completeness(month, [day(1), day(2), day(4), day(6)].into_iter());
        assert_eq!(some.through, month.day(2));
        assert_eq!(some.missing, [month.day(3).unwrap(), month.day(5).unwrap()]);
        assert!(!some.complete);
        assert!(completeness(month, (1..=28).map(day)).complete);
        assert_eq!(completeness(month, std::iter::empty()).through, None);
    }
}

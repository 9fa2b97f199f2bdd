//! What holds from a day on: facts with dates, to which something is added and of which nothing is taken away.
//!
//! A change says from which day on something is so. Of a day, that change holds which was recorded last among those
//! that begin on it or before: a later word replaces an earlier one on its days, and the earlier one is still there to be
//! read. Who, when and why stand with every change.

use serde::{Deserialize, Serialize};

use crate::engine::journal::Actor;
use crate::values::period::Day;

/// A change: from a day on, something is so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatedChange<T> {
    /// The first day; `None` for all days before as well.
    pub from: Option<Day>,
    /// What is so.
    pub value: T,
    /// When it was recorded, in Unix seconds.
    pub at_unix_s: i64,
    /// Who recorded it.
    pub actor: String,
    /// Why, in the words of whoever did it.
    pub reason: Option<String>,
}

/// Changes, in the order in which they were recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline<T> {
    changes: Vec<DatedChange<T>>,
}

/// Days on which one change holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaySpan<'a, T> {
    /// The first day; `None` for all days before as well.
    pub from: Option<Day>,
    /// The last day; `None` for all days after as well.
    pub until: Option<Day>,
    /// The change that holds.
    pub change: &'a DatedChange<T>,
}

impl<T> DaySpan<'_, T> {
    /// Says whether a day is one of them.
    pub fn holds_on(&self, day: Day) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }
}

impl<T> Default for Timeline<T> {
    fn default() -> Self {
        Timeline { changes: Vec::new() }
    }
}

impl<T> Timeline<T> {
    /// Says whether nothing was ever recorded.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Returns all changes, in the order in which they were recorded.
    pub fn changes(&self) -> &[DatedChange<T>] {
        &self.changes
    }

    /// Returns the change that was recorded last.
    pub fn last(&self) -> Option<&DatedChange<T>> {
        self.changes.last()
    }

    /// Records a change.
    pub fn record(&mut self, from: Option<Day>, value: T, actor: &Actor, reason: Option<&str>) {
        self.changes.push(DatedChange {
            from,
            value,
            at_unix_s: actor.at_unix_s,
            actor: actor.name.clone(),
            reason: reason.map(str::to_owned),
        });
    }

    /// Returns the same changes with other values.
    pub(crate) fn map<U>(self, value: impl Fn(T) -> U) -> Timeline<U> {
        let change = |change: DatedChange<T>| DatedChange {
            from: change.from,
            value: value(change.value),
            at_unix_s: change.at_unix_s,
            actor: change.actor,
            reason: change.reason,
        };
        Timeline { changes: self.changes.into_iter().map(change).collect() }
    }

    /// Returns the change that holds on a day.
    pub fn change_on(&self, day: Day) -> Option<&DatedChange<T>> {
        self.changes.iter().rev().find(|change| change.from.is_none_or(|from| from <= day))
    }

    /// Returns what is so on a day.
    pub fn on(&self, day: Day) -> Option<&T> {
        self.change_on(day).map(|change| &change.value)
    }

    /// Returns the days and the changes that hold on them, in the order of days. Changes that hold on no day any more are
    /// not among them.
    pub fn spans(&self) -> Vec<DaySpan<'_, T>> {
        let mut spans: Vec<DaySpan<'_, T>> = Vec::new();
        let mut until = None;
        // From the last one back: a change holds until one that was recorded later begins.
        let mut first: Option<Option<Day>> = None;
        for change in self.changes.iter().rev() {
            if first.is_some_and(|first| first.is_none_or(|first| change.from.is_some_and(|f| f >= first))) {
                continue;
            }
            spans.push(DaySpan { from: change.from, until, change });
            first = Some(change.from);
            until = change.from.and_then(|from| from.minus_days(1));
            if change.from.is_none() {
                break;
            }
        }
        spans.reverse();
        spans
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(n: i32) -> Day {
        Day::from_epoch_days(18_000 + n).unwrap()
    }

    #[test]
    fn a_later_word_holds_on_its_days_and_the_earlier_one_before() {
        let actor = Actor { name: "lin".into(), at_unix_s: 7 };
        let mut line = Timeline::default();
        assert_eq!((line.on(day(1)), line.spans().len()), (None, 0));
        line.record(None, "a", &actor, Some("why"));
        line.record(Some(day(20)), "b", &actor, None);
        line.record(Some(day(10)), "c", &actor, None);
        assert_eq!([9, 10, 20, 30].map(|n| *line.on(day(n)).unwrap()), ["a", "c", "c", "c"]);
        let spans: Vec<_> = line.spans().iter().map(|s| (s.from, s.until, s.change.value)).collect();
        assert_eq!(spans, [(None, Some(day(9)), "a"), (Some(day(10)), None, "c")]);
        assert_eq!(line.changes().len(), 3);
    }

    proptest! {
        #[test]
        fn spans_say_what_each_day_says(said in proptest::collection::vec((-1..12_i32, 0..9_u8), 0..12)) {
            let actor = Actor { name: String::new(), at_unix_s: 0 };
            let mut line = Timeline::default();
            for (from, value) in &said {
                line.record((*from >= 0).then(|| day(*from)), *value, &actor, None);
            }
            for n in -2..14 {
                let want = said.iter().rev().find(|(from, _)| *from < 0 || *from <= n).map(|(_, value)| *value);
                prop_assert_eq!(line.on(day(n)).copied(), want);
                let spans = line.spans();
                let holding: Vec<u8> =
                    spans.iter().filter(|s| s.holds_on(day(n))).map(|s| s.change.value).collect();
                prop_assert_eq!(holding, want.into_iter().collect::<Vec<_>>());
            }
        }
    }
}

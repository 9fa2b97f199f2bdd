//! Lists of what holds from one day to another, of which no day has two.

use crate::values::period::Day;

/// Something that holds on some days; `None` is open at that end.
pub(crate) trait Dated: Clone {
    /// Returns the first and the last day.
    fn days(&self) -> (Option<Day>, Option<Day>);

    /// Returns the same for other days.
    fn on_days(&self, from: Option<Day>, to: Option<Day>) -> Self;

    /// Says whether it holds on a day.
    fn holds_on(&self, day: Day) -> bool {
        let (from, to) = self.days();
        from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to)
    }
}

/// Takes days away from all entries; one that goes on before and after becomes two.
pub(crate) fn cut<T: Dated>(list: &mut Vec<T>, from: Option<Day>, to: Option<Day>) {
    let mut left = Vec::new();
    for entry in list.drain(..) {
        let (first, last) = entry.days();
        if let Some(before) = from.and_then(|from| from.minus_days(1)) {
            let end = last.map_or(before, |last| last.min(before));
            if first.is_none_or(|first| first <= end) {
                left.push(entry.on_days(first, Some(end)));
            }
        }
        if let Some(after) = to.and_then(Day::next) {
            let begin = first.map_or(after, |first| first.max(after));
            if last.is_none_or(|last| begin <= last) {
                left.push(entry.on_days(Some(begin), last));
            }
        }
    }
    *list = left;
}

/// Puts an entry in the place of those that hold on its days.
pub(crate) fn replace<T: Dated>(list: &mut Vec<T>, new: T) {
    let (from, to) = new.days();
    cut(list, from, to);
    let at = list.partition_point(|entry| entry.days().0 < from);
    list.insert(at, new);
}

//! The calendars of a store: which there are, and which holds on which day.
//!
//! A store follows the calendar that `init` named until another one is set from a day on. What was set for earlier days
//! stays, so that a late run for last month asks for what was due then. A user's calendar lies in the store, and is not
//! changed or taken away once a day has followed it.

use serde::{Deserialize, Serialize};

use crate::engine::journal::{Actor, EntryChange, append_change, record_digest};
use crate::engine::settings::StoreSettings;
use crate::engine::store::{Records, StoreError, Table, Transaction};
use crate::values::error::codes;
use crate::values::label::{BadLabel, check_label};
use crate::values::period::{Day, TimeZone};

use super::BillKind;
use super::clock::Moment;
use super::profile::{Asked, Profile, Why};

/// From which day on a store follows a calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    /// The first day; none for the calendar that `init` named.
    pub from: Option<Day>,
    /// The calendar's name.
    pub name: String,
}

/// Under which key the list of those that were set lies in [`Table::Meta`].
pub(crate) const FOLLOWED: &[u8] = b"calendars followed";

/// Why a calendar was not added, taken away or followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CalendarError {
    /// No calendar of this name.
    #[error("there is no calendar `{0}`")]
    None(String),
    /// What it was to be called.
    #[error(transparent)]
    Name(#[from] BadLabel),
    /// Every store has one of this name.
    #[error("calendar `{0}` is one that every store has")]
    BuiltIn(String),
    /// The store has another one of this name.
    #[error("there is a calendar `{0}` already, with other figures")]
    Exists(String),
    /// Days follow it.
    #[error("calendar `{name}` is in use{}", from.map_or_else(String::new, |from| format!(" from {from} on")))]
    InUse {
        /// Its name.
        name: String,
        /// From which day on.
        from: Option<Day>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

codes!(CalendarError {
    own {
        Self::None(name) => User "calendar.none" { name: name },
        Self::BuiltIn(name) => User "calendar.built-in" { name: name },
        Self::Exists(name) => User "calendar.exists" { name: name },
        Self::InUse { name, from } => Refused "calendar.in-use" {
            name: name, from: from.map_or_else(String::new, |from| from.to_string()),
        },
    }
    within {
        Self::Name(e) => e, {},
        Self::Store(e) => e, {},
    }
});

/// What is due at a moment, and what will be later on the same day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AskedAt {
    /// Due.
    pub now: Vec<Asked>,
    /// Not yet.
    pub later: Vec<Asked>,
}

/// The calendars that a store follows, each from a day on.
#[derive(Clone, Debug)]
pub struct Calendars {
    zone: TimeZone,
    first: Profile,
    /// Ascending by days.
    later: Vec<(Day, Profile)>,
}

impl Calendars {
    /// Reads them.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read, or one is not there any more.
    pub fn load(store: &impl Records) -> Result<Calendars, StoreError> {
        let settings = StoreSettings::of(store)?;
        let named = |name: &str| {
            Profile::find(store, name)?.ok_or_else(|| StoreError::Lost(format!("the calendar `{name}`")))
        };
        let mut later = Vec::new();
        for Followed { from, name } in list_followed(store)? {
            later.extend(from.map(|from| Ok::<_, StoreError>((from, named(&name)?))).transpose()?);
        }
        Ok(Calendars { zone: settings.zone, first: named(&settings.calendar)?, later })
    }

    #[cfg(test)]
    pub(super) fn of(zone: TimeZone, first: Profile, later: Vec<(Day, Profile)>) -> Calendars {
        Calendars { zone, first, later }
    }

    /// Returns the calendar that holds on a day.
    pub fn on(&self, day: Day) -> &Profile {
        self.later.iter().rev().find(|(from, _)| *from <= day).map_or(&self.first, |(_, profile)| profile)
    }

    /// Returns the moment that it is at so many Unix seconds, in the zone of the calendar that holds.
    pub fn moment(&self, unix_s: i64) -> Option<Moment> {
        let in_store = Moment::at(self.zone, unix_s)?;
        match self.on(in_store.day).zone {
            Some(zone) => Moment::at(zone, unix_s),
            None => Some(in_store),
        }
    }

    /// Returns what is asked for at a moment.
    ///
    /// A daily bill is offered for a day from its hour on, so that whoever runs once a day, at whatever hour, misses none:
    /// what was asked for yesterday at a later hour than it is now is still asked for, as of yesterday.
    pub fn asked_at(&self, moment: Moment) -> AskedAt {
        let Moment { day, time } = moment;
        let yesterday = day.minus_days(1);
        let of_yesterday = yesterday.map_or_else(Vec::new, |yesterday| self.on(yesterday).asked(yesterday));
        let mut now: Vec<Asked> =
            of_yesterday.into_iter().filter(|a| a.slot.kind == BillKind::Daily && a.from > time).collect();
        let (later, today): (Vec<Asked>, Vec<Asked>) =
            self.on(day).asked(day).into_iter().partition(|a| a.since == day && a.from > time);
        for asked in today {
            if now.iter().all(|a| a.slot != asked.slot) {
                now.push(asked);
            }
        }
        AskedAt { now, later }
    }

    /// Returns what is asked for on a day and was not on the day before.
    pub fn new_on(&self, day: Day) -> Vec<Asked> {
        let before = day.minus_days(1).map_or_else(Vec::new, |before| self.on(before).asked(before));
        let new = |a: &Asked| a.why == Why::Refresh || before.iter().all(|b| b.slot != a.slot);
        self.on(day).asked(day).into_iter().filter(new).collect()
    }
}

impl Profile {
    /// Finds a calendar: one that every store has, or one of this store.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn find(store: &impl Records, name: &str) -> Result<Option<Profile>, StoreError> {
        match Profile::built_in(name) {
            Some(profile) => Ok(Some(profile.clone())),
            None => store.get(Table::Calendars, name.as_bytes()),
        }
    }

    /// Returns all calendars: those that every store has, then this store's, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn list(store: &impl Records) -> Result<Vec<Profile>, StoreError> {
        let own = store.list::<Profile>(Table::Calendars, &[])?.into_iter().map(|(_, profile)| profile);
        Ok(Profile::BUILT_IN.iter().cloned().chain(own).collect())
    }
}

fn list_followed(store: &impl Records) -> Result<Vec<Followed>, StoreError> {
    Ok(store.get(Table::Meta, FOLLOWED)?.unwrap_or_default())
}

impl Followed {
    /// Returns which calendars the store follows, ascending by days.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn list(store: &impl Records) -> Result<Vec<Followed>, StoreError> {
        let first = Followed { from: None, name: StoreSettings::of(store)?.calendar };
        Ok(std::iter::once(first).chain(list_followed(store)?).collect())
    }
}

impl Transaction {
    /// Adds a calendar; returns `false` if it was there with the same figures.
    ///
    /// # Errors
    /// [`CalendarError::BuiltIn`] or [`CalendarError::Exists`] when its name is taken.
    pub fn add_calendar(&self, profile: &Profile, actor: &Actor) -> Result<bool, CalendarError> {
        let name = &*profile.name;
        check_label(name)?;
        if Profile::built_in(name).is_some() {
            return Err(CalendarError::BuiltIn(name.to_owned()));
        }
        match Profile::find(self, name)? {
            Some(there) if there == *profile => return Ok(false),
            Some(_) => return Err(CalendarError::Exists(name.to_owned())),
            None => {}
        }
        self.put(Table::Calendars, name.as_bytes(), profile)?;
        let after = record_digest(self, Table::Calendars, name.as_bytes())?;
        let detail = profile.words();
        append_change(self, actor, EntryChange { after, ..EntryChange::new("calendar add", name, &detail) })?;
        Ok(true)
    }

    /// Takes a calendar away that no day follows.
    ///
    /// # Errors
    /// [`CalendarError::InUse`] when days follow it, or did; [`CalendarError::BuiltIn`]; [`CalendarError::None`].
    pub fn remove_calendar(&self, name: &str, actor: &Actor) -> Result<(), CalendarError> {
        if Profile::built_in(name).is_some() {
            return Err(CalendarError::BuiltIn(name.to_owned()));
        }
        if Profile::find(self, name)?.is_none() {
            return Err(CalendarError::None(name.to_owned()));
        }
        if let Some(Followed { from, .. }) = Followed::list(self)?.into_iter().find(|f| f.name == name) {
            return Err(CalendarError::InUse { name: name.to_owned(), from });
        }
        let before = record_digest(self, Table::Calendars, name.as_bytes())?;
        self.delete(Table::Calendars, name.as_bytes())?;
        append_change(self, actor, EntryChange { before, ..EntryChange::new("calendar remove", name, "") })?;
        Ok(())
    }

    /// Lets the store follow a calendar from a day on, in the place of whatever was set for that day or later ones.
    /// Returns `false` if it was so before.
    ///
    /// # Errors
    /// [`CalendarError::None`] when there is no such calendar.
    pub fn follow_calendar(&self, name: &str, from: Day, actor: &Actor) -> Result<bool, CalendarError> {
        if Profile::find(self, name)?.is_none() {
            return Err(CalendarError::None(name.to_owned()));
        }
        let there = list_followed(self)?;
        let mut list = there.clone();
        list.retain(|f| f.from.is_some_and(|first| first < from));
        let holds = list.last().map_or(StoreSettings::of(self)?.calendar, |f| f.name.clone());
        if holds != name {
            list.push(Followed { from: Some(from), name: name.to_owned() });
        }
        if list == there {
            return Ok(false);
        }
        let before = record_digest(self, Table::Meta, FOLLOWED)?;
        self.put(Table::Meta, FOLLOWED, &list)?;
        let after = record_digest(self, Table::Meta, FOLLOWED)?;
        let detail = format!("{name} from {from} on");
        let change = EntryChange { before, after, ..EntryChange::new("settings", "calendar", &detail) };
        append_change(self, actor, change)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests;

//! What every command needs: the store, the format, the actor and the clock.

use std::io::{IsTerminal, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::args::{Args, Format, Which};
use crate::clock::Clock;
use crate::error::CommandError;
use crate::output::{self, Captured, Output, Table};
use crate::own_error;
use crate::tuning::Tuning;

use billkeep_core::bills::{BillKey, BillView, ImportSettings};
use billkeep_core::deliveries::{Calendars, Moment};
use billkeep_core::engine::{
    Access, Actor, Beside, ChunkCache, OpenOptions, Records, Store, StoreError, StoreSettings, own_folder,
};
use billkeep_core::exports::RenderSettings;
use billkeep_core::partners::{Person, PersonRole};
use billkeep_core::values::{Basis, BillMonth, Day};

/// What was said before the command, and where what it says goes.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) store: PathBuf,
    pub(crate) format: Format,
    /// Cells of a CSV as they are.
    pub(crate) raw: bool,
    pub(crate) quiet: bool,
    actor: Option<String>,
    wait: Duration,
    threads: Option<usize>,
    chunk_cache_mib: u64,
    tuning: Tuning,
    pub(crate) clock: Clock,
    /// What whoever acts has to be allowed, where the store knows people.
    needs: PersonRole,
    out: Output,
    /// The store, where somebody holds it open for all commands.
    held: Option<Arc<Store>>,
}

/// A store that was opened for a command, or that is held open for many.
pub(crate) enum Opened {
    Own(Store),
    Held(Arc<Store>),
}

impl Deref for Opened {
    type Target = Store;

    fn deref(&self) -> &Store {
        match self {
            Opened::Own(store) => store,
            Opened::Held(store) => store,
        }
    }
}

impl Opened {
    /// Closes what was opened for this command.
    pub(crate) fn close(self) -> Result<(), StoreError> {
        match self {
            Opened::Own(store) => store.close(),
            Opened::Held(_) => Ok(()),
        }
    }
}

impl Context {
    pub(crate) fn new(args: &Args) -> Result<Context, CommandError> {
        Ok(Context {
            store: args.store.clone(),
            format: args.format,
            raw: args.raw,
            quiet: args.quiet,
            actor: args.acting.clone(),
            wait: Duration::from_secs(args.wait_s),
            threads: args.threads,
            chunk_cache_mib: args.chunk_cache_mib,
            tuning: Tuning::of_environment()?,
            clock: Clock::System,
            needs: PersonRole::Viewer,
            out: Output::Terminal,
            held: None,
        })
    }

    /// Returns the same context for a command that needs so much to be allowed.
    pub(crate) fn needing(&self, needs: PersonRole) -> Context {
        Context { needs, ..self.clone() }
    }

    /// Returns the same context with a store that stays open.
    pub(crate) fn holding(&self, store: Arc<Store>) -> Context {
        Context { held: Some(store), ..self.clone() }
    }

    /// Returns the same context for somebody whose commands' output is kept.
    pub(crate) fn keeping(&self, actor: &str, format: Format, kept: &Captured) -> Context {
        Context {
            actor: Some(actor.to_owned()),
            format,
            quiet: false,
            out: Output::Captured(kept.clone()),
            ..self.clone()
        }
    }

    /// Returns the same context for another store.
    pub(crate) fn with_store(&self, store: PathBuf) -> Context {
        Context { store, held: None, ..self.clone() }
    }

    pub(crate) fn options(&self) -> OpenOptions {
        OpenOptions { wait: self.wait, ..OpenOptions::default() }
    }

    /// Opens the store to look.
    pub(crate) fn read(&self) -> Result<Opened, CommandError> {
        self.open(Access::Read)
    }

    /// Opens the store to change it.
    pub(crate) fn write(&self) -> Result<Opened, CommandError> {
        self.open(Access::Write)
    }

    /// Opens the store, for whoever may do what is to be done. All commands come through here, from wherever they are given.
    fn open(&self, access: Access) -> Result<Opened, CommandError> {
        let store = match &self.held {
            Some(store) => Opened::Held(store.clone()),
            None => Opened::Own(Store::open(&self.store, &self.options(), access)?),
        };
        Person::permit(&store.read()?, &self.actor_name(), self.needs)?;
        Ok(store)
    }

    /// Compares every page of the store's file with its checksum.
    pub(crate) fn check_pages(&self) -> Result<(), CommandError> {
        Ok(Store::check_pages(&self.store, &self.options())?)
    }

    /// Returns the mode of the store's file, if other users of the machine may read or write it.
    pub(crate) fn open_to_others(&self) -> Option<String> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&self.store).ok()?.permissions().mode() & 0o777;
            (mode & 0o077 != 0).then(|| format!("{mode:04o}"))
        }
        #[cfg(not(unix))]
        None
    }

    pub(crate) fn now_unix_s(&self) -> i64 {
        self.clock.now_unix_s()
    }

    pub(crate) fn actor(&self) -> Actor {
        Actor { name: self.actor_name(), at_unix_s: self.now_unix_s() }
    }

    pub(crate) fn actor_name(&self) -> String {
        self.actor
            .clone()
            .or_else(|| std::env::var("USER").ok())
            .or_else(|| std::env::var("USERNAME").ok())
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "unknown".to_owned())
    }

    /// Returns the day that was asked for, or today in the store's time zone.
    pub(crate) fn day(&self, on: Option<Day>, store: &impl Records) -> Result<Day, CommandError> {
        if let Some(on) = on {
            return Ok(on);
        }
        let zone = StoreSettings::of(store)?.zone;
        zone.day_at(self.now_unix_s())
            .ok_or_else(|| CommandError::user("the clock is out of range; name the day with `--on`"))
    }

    /// Refuses to act on a day that has not come, unless somebody says that it is meant: what is due, or old enough, on that day is
    /// not so today.
    pub(crate) fn must_have_come(
        &self,
        day: Day,
        is_meant: bool,
        store: &impl Records,
    ) -> Result<(), CommandError> {
        // Where the calendar has another zone than the store, the later of both days is today.
        let today = self.day(None, store)?.max(self.moment(&Calendars::load(store)?)?.day);
        if is_meant || day <= today {
            return Ok(());
        }
        Err(CommandError::own(own_error::FUTURE_DAY, &[&day, &today]))
    }

    /// Returns the moment that it is, in the zone of the calendar.
    pub(crate) fn moment(&self, calendars: &Calendars) -> Result<Moment, CommandError> {
        calendars
            .moment(self.now_unix_s())
            .ok_or_else(|| CommandError::user("the clock is out of range; name the day with `--on`"))
    }

    pub(crate) fn bill_key(
        &self,
        store: &impl Records,
        month: BillMonth,
        basis: Basis,
    ) -> Result<BillKey, CommandError> {
        Ok(BillKey { payer: StoreSettings::of(store)?.payer, month, basis })
    }

    /// Opens a bill at a revision, for looking.
    pub(crate) fn bill_view(
        &self,
        store: &impl Records,
        which: &Which,
        revision: Option<u32>,
    ) -> Result<BillView, CommandError> {
        let key = self.bill_key(store, which.month, which.basis)?;
        Ok(BillView::open(store, key, revision)?)
    }

    /// Returns how many threads work at a time.
    pub(crate) fn thread_count(&self) -> usize {
        self.threads
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(2, std::num::NonZero::get).min(8))
    }

    pub(crate) fn import_settings(&self) -> ImportSettings {
        let default = ImportSettings { threads: self.thread_count(), ..ImportSettings::default() };
        self.tuning.applied_to(default)
    }

    /// Returns the chunk cache beside the store, unless none is wanted.
    pub(crate) fn chunk_cache(&self) -> Option<ChunkCache> {
        let bytes_max = self.chunk_cache_mib.saturating_mul(1 << 20);
        (bytes_max > 0).then(|| ChunkCache::new(&ChunkCache::path_of(&self.store), bytes_max))
    }

    /// Returns the folder beside the store in which parts are made ready for sinks that are no folders.
    pub(crate) fn stage(&self) -> PathBuf {
        Beside::Staging.path_of(&self.store)
    }

    /// Makes a folder of one's own in [`Context::stage`], or that folder itself.
    pub(crate) fn stage_folder(&self, folder: &Path) -> Result<(), CommandError> {
        for path in [self.stage().as_path(), folder] {
            own_folder(path).map_err(|e| CommandError::user(format!("`{}`: {e}", path.display())))?;
        }
        Ok(())
    }

    pub(crate) fn render_settings<'a>(&self, cache: Option<&'a ChunkCache>) -> RenderSettings<'a> {
        RenderSettings { threads: self.thread_count(), cache }
    }

    /// Says something to the person, unless they asked for quiet.
    pub(crate) fn say(&self, words: &str) {
        if !self.quiet {
            self.out.words(words);
        }
    }

    /// Says something to the person even where they asked for quiet.
    pub(crate) fn warn(&self, words: &str) {
        self.out.words(words);
    }

    /// Writes data: what a person reads without anything that a terminal acts on, what programs read exactly.
    pub(crate) fn data(&self, bytes: &[u8]) -> Result<(), CommandError> {
        let mut out = self.writer();
        out.write_all(&output::for_format(bytes, self.format))?;
        Ok(out.flush()?)
    }

    /// Returns what data is written to.
    pub(crate) fn writer(&self) -> Box<dyn Write + Send> {
        self.out.writer()
    }

    /// Prints a table in the format that was asked for, or gives it to whoever wants it as it is.
    pub(crate) fn print(&self, table: &Table) -> Result<(), CommandError> {
        if self.out.takes(table) {
            return Ok(());
        }
        let text = match self.format {
            Format::Table => table.drawn(),
            Format::Csv => table.csv(self.raw),
            Format::Json => table.json(),
        };
        self.data(text.as_bytes())
    }

    /// Says whether the command was given at a command line.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self.out, Output::Terminal)
    }

    pub(crate) fn shows_progress(&self) -> bool {
        matches!(self.out, Output::Terminal) && !self.quiet && std::io::stderr().is_terminal()
    }
}

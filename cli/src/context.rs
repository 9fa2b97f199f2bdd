//! What every command needs: the store, the format, the actor and the clock.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use billkeep_core::bill::BillKey;
use billkeep_core::calendar::{Calendars, Moment};
use billkeep_core::export::RenderSettings;
use billkeep_core::ingest;
use billkeep_core::journal::Actor;
use billkeep_core::period::{Basis, BillMonth, Day};
use billkeep_core::settings::StoreSettings;
use billkeep_core::store::{Access, ChunkCache, OpenOptions, Read, Store};

use crate::args::{Args, Format};
use crate::error::CommandError;

/// What was said before the command.
pub(crate) struct Context {
    pub(crate) store: PathBuf,
    pub(crate) format: Format,
    pub(crate) quiet: bool,
    actor: Option<String>,
    wait: Duration,
    threads: Option<usize>,
    chunk_cache_mib: u64,
    block_rows: Option<u32>,
    segment_mib: Option<u16>,
    level: Option<i32>,
    cache_mib: Option<usize>,
}

impl Context {
    pub(crate) fn new(args: &Args) -> Context {
        Context {
            store: args.store.clone(),
            format: args.format,
            quiet: args.quiet,
            actor: args.actor.clone(),
            wait: Duration::from_secs(args.wait_s),
            threads: args.threads,
            chunk_cache_mib: args.chunk_cache_mib,
            block_rows: args.block_rows,
            segment_mib: args.segment_mib,
            level: args.level,
            cache_mib: args.page_cache_mib,
        }
    }

    /// Returns the same context for another store.
    pub(crate) fn with_store(&self, store: PathBuf) -> Context {
        Context { store, actor: self.actor.clone(), ..*self }
    }

    pub(crate) fn options(&self) -> OpenOptions {
        let default = OpenOptions::default();
        let cache_bytes = self.cache_mib.map_or(default.cache_bytes, |mib| mib.saturating_mul(1 << 20));
        OpenOptions { wait: self.wait, cache_bytes }
    }

    /// Opens the store to look.
    pub(crate) fn read(&self) -> Result<Store, CommandError> {
        Ok(Store::open(&self.store, &self.options(), Access::Read)?)
    }

    /// Opens the store to change it.
    pub(crate) fn write(&self) -> Result<Store, CommandError> {
        Ok(Store::open(&self.store, &self.options(), Access::Write)?)
    }

    /// Compares every page of the store's file with its checksum.
    pub(crate) fn check_pages(&self) -> Result<(), CommandError> {
        Ok(Store::check_pages(&self.store, &self.options())?)
    }

    pub(crate) fn now_unix_s(&self) -> i64 {
        chrono::Utc::now().timestamp()
    }

    pub(crate) fn actor(&self) -> Actor {
        let name = self
            .actor
            .clone()
            .or_else(|| std::env::var("USER").ok())
            .or_else(|| std::env::var("USERNAME").ok())
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "unknown".to_owned());
        Actor { name, at_unix_s: self.now_unix_s() }
    }

    /// Returns the day that was asked for, or today in the store's time zone.
    pub(crate) fn day(&self, on: Option<Day>, store: &impl Read) -> Result<Day, CommandError> {
        if let Some(on) = on {
            return Ok(on);
        }
        let zone = StoreSettings::of(store)?.zone;
        zone.day_at(self.now_unix_s())
            .ok_or_else(|| CommandError::user("the clock is out of range; name the day with `--on`"))
    }

    /// Returns the moment that it is, in the zone of the calendar.
    pub(crate) fn moment(&self, calendars: &Calendars) -> Result<Moment, CommandError> {
        calendars
            .moment(self.now_unix_s())
            .ok_or_else(|| CommandError::user("the clock is out of range; name the day with `--on`"))
    }

    pub(crate) fn bill_key(
        &self,
        store: &impl Read,
        month: BillMonth,
        basis: Basis,
    ) -> Result<BillKey, CommandError> {
        Ok(BillKey { payer: StoreSettings::of(store)?.payer, month, basis })
    }

    /// Returns how many threads work at a time.
    pub(crate) fn thread_count(&self) -> usize {
        self.threads
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(2, std::num::NonZero::get).min(8))
    }

    pub(crate) fn import_settings(&self) -> ingest::Settings {
        let default = ingest::Settings::default();
        ingest::Settings {
            threads: self.thread_count(),
            block_rows: self.block_rows.unwrap_or(default.block_rows),
            segment_bytes: self.segment_mib.map_or(default.segment_bytes, |mib| usize::from(mib) << 20),
            level: self.level.unwrap_or(default.level),
        }
    }

    /// Returns the chunk cache beside the store, unless none is wanted.
    pub(crate) fn chunk_cache(&self) -> Option<ChunkCache> {
        let bytes_max = self.chunk_cache_mib.saturating_mul(1 << 20);
        (bytes_max > 0).then(|| ChunkCache::new(&ChunkCache::path_of(&self.store), bytes_max))
    }

    /// Returns the folder beside the store in which parts are made ready for sinks that are no folders.
    pub(crate) fn stage(&self) -> PathBuf {
        let mut name = self.store.file_name().unwrap_or_default().to_owned();
        name.push(".staging");
        self.store.with_file_name(name)
    }

    pub(crate) fn render_settings<'a>(&self, cache: Option<&'a ChunkCache>) -> RenderSettings<'a> {
        RenderSettings { threads: self.thread_count(), cache }
    }

    /// Says something to the person, unless they asked for quiet.
    pub(crate) fn say(&self, words: &str) {
        if !self.quiet {
            crate::output::words(words);
        }
    }

    pub(crate) fn shows_progress(&self) -> bool {
        !self.quiet && std::io::stderr().is_terminal()
    }
}

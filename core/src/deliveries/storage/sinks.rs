//! Sinks as they were set up: where they are, who reads them, and how exports to them look.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::codec::{self, CodecError, Layouts};
use crate::engine::journal::{Actor, EntryChange, append_change, record_digest};
use crate::engine::store::{Records, StoreError, Table, Transaction};
use crate::engine::timeline::Timeline;
use crate::exports::shape::can_render;
use crate::exports::{Audience, Dialect, ExportForm, Per, ROWS_PER_FILE, Shape};
use crate::formats::naming::{NameError, NameProfile};
use crate::values::label::check_label;
use crate::values::period::Day;

use super::account::stopped;
use super::{StorageError, Target};
use crate::deliveries::storage::StorageAccount;

/// A sink as it was set up. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkRecord {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// Who reads it.
    pub audience: Audience,
    /// What else was said of it, by name; [`SinkRecord::options`] reads them.
    pub options: BTreeMap<String, String>,
}

/// The options of a sink that exports depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkOptions {
    /// Rows in a CSV.
    pub rows_per_file: u64,
    /// How exports look.
    pub form: ExportForm,
    /// How they are named.
    pub naming: NameProfile,
    /// Parts are read back before their manifest is put.
    pub reads_back: bool,
    /// What only the sink itself understands.
    pub of_sink: BTreeMap<String, String>,
}

impl SinkRecord {
    /// Reads the options.
    ///
    /// # Errors
    /// [`StorageError::Option`] for one that makes no sense.
    pub fn options(&self) -> Result<SinkOptions, StorageError> {
        let mut read = SinkOptions {
            rows_per_file: ROWS_PER_FILE,
            form: ExportForm { audience: self.audience, ..ExportForm::default() },
            naming: NameProfile::default(),
            reads_back: false,
            of_sink: BTreeMap::new(),
        };
        for (name, value) in &self.options {
            let wrong = |why: String| StorageError::Option { option: format!("{name}={value}"), why };
            match name.as_str() {
                "rows_per_file" => {
                    let rows = value.parse().ok().filter(|n| *n > 0);
                    read.rows_per_file =
                        rows.ok_or_else(|| wrong(format!("`{value}` is not a number of rows")))?;
                }
                "shape" => read.form.shape = value.parse::<Shape>().map_err(wrong)?,
                "per" => read.form.per = value.parse::<Per>().map_err(wrong)?,
                "dialect" => read.form.dialect = value.parse::<Dialect>().map_err(wrong)?,
                "naming" => read.naming = value.parse().map_err(|e: NameError| wrong(e.to_string()))?,
                "check" => {
                    read.reads_back = match value.as_str() {
                        "head" => false,
                        "read" => true,
                        _ => return Err(wrong(format!("`{value}` is neither `head` nor `read`"))),
                    };
                }
                _ => {
                    read.of_sink.insert(name.clone(), value.clone());
                }
            }
        }
        can_render(read.form).map_err(|why| StorageError::Option {
            option: format!(
                "shape={}, per={}, audience {}",
                read.form.shape, read.form.per, read.form.audience
            ),
            why: why.to_owned(),
        })?;
        Ok(read)
    }
}

/// The names of the options that every sink has.
pub const SINK_OPTIONS: &str =
    "`rows_per_file=N`, `shape=SHAPE`, `per=PER`, `dialect=DIALECT`, `naming=PROFILE`, `check=head|read`";

/// The layout before, with one option.
const FIRST_LAYOUT: u8 = 1;

#[derive(Serialize, Deserialize)]
struct SinkRecordV1 {
    name: String,
    url: String,
    rows_per_file: Option<u64>,
    audience: Audience,
}

impl Layouts for SinkRecord {
    const NEWEST: u8 = 2;

    fn decode(bytes: &[u8]) -> Result<SinkRecord, CodecError> {
        match codec::version(bytes)? {
            FIRST_LAYOUT => {
                let SinkRecordV1 { name, url, rows_per_file, audience } =
                    codec::decode_as(FIRST_LAYOUT, bytes)?;
                let rows = rows_per_file.map(|rows| ("rows_per_file".to_owned(), rows.to_string()));
                Ok(SinkRecord { name, url, audience, options: rows.into_iter().collect() })
            }
            _ => codec::decode_as(Self::NEWEST, bytes),
        }
    }
}

impl SinkRecord {
    /// Returns a sink.
    ///
    /// # Errors
    /// [`StorageError::NoSink`] when there is none of this name.
    pub fn get(store: &impl Records, name: &str) -> Result<SinkRecord, StorageError> {
        store.get_of(Table::Sinks, name.as_bytes())?.ok_or_else(|| StorageError::NoSink(name.to_owned()))
    }

    /// Returns all sinks, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn list(store: &impl Records) -> Result<Vec<SinkRecord>, StoreError> {
        store.list_of(Table::Sinks)
    }
}

impl Transaction {
    /// Adds a sink.
    ///
    /// # Errors
    /// [`StorageError::Name`]; [`StorageError::SinkExists`] when there is one of this name; [`StorageError::Option`] for an option
    /// that makes no sense.
    pub fn add_sink(&self, sink: &SinkRecord, actor: &Actor) -> Result<(), StorageError> {
        put_sink(self, sink, actor)?;
        Ok(())
    }
}

pub(super) fn put_sink(writer: &Transaction, sink: &SinkRecord, actor: &Actor) -> Result<(), StorageError> {
    check_label(&sink.name).map_err(StorageError::Name)?;
    sink.options()?;
    if writer.get_bytes(Table::Sinks, sink.name.as_bytes())?.is_some() {
        return Err(StorageError::SinkExists(sink.name.clone()));
    }
    writer.put_of(Table::Sinks, sink.name.as_bytes(), sink)?;
    let after = record_digest(writer, Table::Sinks, sink.name.as_bytes())?;
    append_change(
        writer,
        actor,
        EntryChange { after, ..EntryChange::new("sink add", &sink.name, &sink.url) },
    )?;
    Ok(())
}

impl Transaction {
    /// Changes the options of a sink; its place and its readers stay.
    ///
    /// # Errors
    /// [`StorageError::NoSink`] when there is none; [`StorageError::Option`] for an option that makes no sense.
    pub fn change_sink(
        &self,
        name: &str,
        options: BTreeMap<String, String>,
        why: &str,
        actor: &Actor,
    ) -> Result<(), StorageError> {
        let found = SinkRecord::get(self, name)?;
        let changed = SinkRecord { options, ..found };
        changed.options()?;
        let before = record_digest(self, Table::Sinks, name.as_bytes())?;
        self.put_of(Table::Sinks, name.as_bytes(), &changed)?;
        let after = record_digest(self, Table::Sinks, name.as_bytes())?;
        append_change(
            self,
            actor,
            EntryChange { before, after, ..EntryChange::new("sink change", name, why) },
        )?;
        Ok(())
    }

    /// Removes a sink to which no bills go today or later. Days that belonged to it stay as they were said.
    ///
    /// # Errors
    /// [`StorageError::NoSink`] or [`StorageError::SinkInUse`].
    pub fn remove_sink(&self, name: &str, today: Day, actor: &Actor) -> Result<(), StorageError> {
        let found = SinkRecord::get(self, name)?;
        for account in StorageAccount::list(self)? {
            let goes = |line: &Timeline<Target>| {
                let later = |until: Option<Day>| until.is_none_or(|until| until >= today);
                stopped(line).is_none()
                    && line.spans().iter().any(|s| s.change.value.sink() == Some(name) && later(s.until))
            };
            if account.bindings.values().any(goes) {
                return Err(StorageError::SinkInUse { sink: name.to_owned(), uin: account.uin });
            }
        }
        let before = record_digest(self, Table::Sinks, name.as_bytes())?;
        self.delete(Table::Sinks, name.as_bytes())?;
        append_change(
            self,
            actor,
            EntryChange { before, ..EntryChange::new("sink remove", name, &found.url) },
        )?;
        Ok(())
    }
}

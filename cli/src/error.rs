//! Errors as people read them: what happened, and what to do.

use std::fmt::Display;
use std::io::ErrorKind;
use std::process::ExitCode;

use billkeep_core::error::{Coded, ErrorField, Kind};

use crate::own_error::OwnError;
use crate::text::{CHECK, Language, told};
use billkeep_core::bills::{BillError, CarryError, DisputeError, ImportError, LateError};
use billkeep_core::deliveries::{CalendarError, DeliveryError, NoticeError, RetentionError, StorageError};
use billkeep_core::engine::StoreError;
use billkeep_core::exports::{EvidenceError, ExportError};
use billkeep_core::formats::NameError;
use billkeep_core::partners::{AccountError, ContractError, PeopleError, PriceError};
use billkeep_core::values::{Basis, visible, visible_lines};

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct CommandError {
    kind: Kind,
    /// The code and the fields of an error of the library: what it is told by in another language.
    coded: Option<Box<(&'static str, Vec<ErrorField>)>>,
    /// How many hints are by that code; others were added.
    own_hints: usize,
    /// What stands before the sentence.
    about: String,
    message: String,
    hints: Vec<String>,
    broken_pipe: bool,
    /// Whoever asked may not.
    forbidden: bool,
    /// What was asked for is not there.
    absent: bool,
    /// What was sent is larger than what is taken.
    too_large: bool,
}

impl CommandError {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> CommandError {
        CommandError {
            kind,
            coded: None,
            own_hints: 0,
            about: String::new(),
            message: message.into(),
            hints: Vec::new(),
            broken_pipe: false,
            forbidden: false,
            absent: false,
            too_large: false,
        }
    }

    pub(crate) fn user(message: impl Into<String>) -> CommandError {
        CommandError::new(Kind::User, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> CommandError {
        self.hints.push(hint.into());
        self
    }

    /// Says what to do about a file that could not be written.
    pub(crate) fn hint_of_write(self, kind: ErrorKind) -> CommandError {
        match kind {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                self.hint("free some room on that disk, or name another file")
            }
            ErrorKind::FileTooLarge => self.hint(
                "raise the limit on the size of files (`ulimit -f`, or `LimitFSIZE=` of a service), and run it again",
            ),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                self.hint("name a file in a folder that you may write to")
            }
            _ => self,
        }
    }

    /// Makes an error of one of the library's: its sentence, and what the program says to do about it.
    fn of_library(error: &dyn Coded) -> CommandError {
        CommandError::of_code(error.kind(), error.code(), error.fields(), &|| error.to_string())
    }

    /// Makes an error of the program itself, with the values of its fields.
    pub(crate) fn own((kind, (code, names)): OwnError, values: &[&dyn Display]) -> CommandError {
        let fields = names.iter().zip(values).map(|(name, value)| (*name, value.to_string())).collect();
        CommandError::of_code(kind, code, fields, &String::new)
    }

    fn of_code(
        kind: Kind,
        code: &'static str,
        fields: Vec<ErrorField>,
        fact: &dyn Fn() -> String,
    ) -> CommandError {
        let told = told(Language::English, code, &fields);
        let message = if told.fact.is_empty() { fact() } else { told.fact };
        CommandError {
            own_hints: told.hints.len(),
            hints: told.hints,
            forbidden: FORBIDDEN.contains(&code),
            absent: ABSENT.contains(&code),
            coded: Some(Box::new((code, fields))),
            ..CommandError::new(kind, message)
        }
    }

    /// Returns the sentence and what to do about it, in a language. What only the program says is in English.
    pub(crate) fn told(&self, language: Language) -> (String, Vec<String>) {
        match (self.coded.as_deref(), language) {
            (Some((code, fields)), Language::Chinese) => {
                let told = told(language, code, fields);
                let added = self.hints.iter().skip(self.own_hints).cloned();
                (format!("{}{}", self.about, told.fact), told.hints.into_iter().chain(added).collect())
            }
            _ => (self.message.clone(), self.hints.clone()),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn hints(&self) -> &[String] {
        &self.hints
    }

    /// Says whether it only repeats that the store failed before, which was reported then.
    pub(crate) fn is_echo(&self) -> bool {
        self.message == StoreError::Failed.to_string()
    }

    /// Makes one error of several: the most serious one, with the messages and hints of the others.
    pub(crate) fn worst(mut errors: Vec<CommandError>) -> Option<CommandError> {
        // Damage first; then what a person has to mend; last what may pass by itself.
        let rank = |error: &CommandError| match error.kind {
            Kind::Damaged => 0,
            Kind::Internal => 1,
            Kind::User => 2,
            Kind::Refused => 3,
            Kind::Pending => 4,
            Kind::Transient => 5,
        };
        let at = (0..errors.len()).min_by_key(|at| errors.get(*at).map(rank))?;
        let mut worst = errors.remove(at);
        for other in errors {
            if other.message == worst.message {
                continue;
            }
            // Several have no sentence in another language.
            worst.coded = None;
            worst.message.push_str("\nerror: ");
            worst.message.push_str(&other.message);
            let new = other.hints.into_iter().filter(|hint| !worst.hints.contains(hint)).collect::<Vec<_>>();
            worst.hints.extend(new);
        }
        Some(worst)
    }

    /// Leaves out what `store check` has no need to advise.
    pub(crate) fn of_check(mut self) -> CommandError {
        self.hints.retain(|hint| hint != CHECK);
        self
    }

    pub(crate) fn is_forbidden(&self) -> bool {
        self.forbidden
    }

    pub(crate) fn is_absent(&self) -> bool {
        self.absent
    }

    /// Puts the thing that it is about before the message.
    pub(crate) fn about(self, what: &str) -> CommandError {
        let about = format!("`{what}`: {}", self.about);
        CommandError { message: format!("`{what}`: {}", self.message), about, ..self }
    }

    /// Says that whoever asked may not.
    pub(crate) fn forbidden(self) -> CommandError {
        CommandError { forbidden: true, ..self }
    }

    /// Says that what was asked for is not there.
    pub(crate) fn absent(self) -> CommandError {
        CommandError { absent: true, ..self }
    }

    pub(crate) fn is_too_large(&self) -> bool {
        self.too_large
    }

    /// Says that what was sent is larger than what is taken.
    pub(crate) fn too_large(self) -> CommandError {
        CommandError { too_large: true, ..self }
    }

    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.broken_pipe
    }

    /// Returns what a terminal shows of it.
    pub(crate) fn text(&self) -> String {
        let hints: String = self.hints.iter().map(|h| format!("hint: {}\n", visible(h))).collect();
        let gap = if hints.is_empty() { "" } else { "\n" };
        // Further lines are set in: a text from outside makes no hint of its own.
        let message = visible_lines(&self.message).replace('\n', "\n  ");
        format!("error: {message}\n{gap}{hints}")
    }

    /// The exit codes are part of the contract: 1 failed, 3 refused, 4 damage, 5 busy, 7 pending. (2 is clap's: usage.
    /// 6 is `bill lint`'s and others': something was found.)
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::User | Kind::Internal => 1,
            Kind::Refused => 3,
            Kind::Damaged => 4,
            Kind::Transient => 5,
            Kind::Pending => 7,
        })
    }
}

impl From<std::io::Error> for CommandError {
    fn from(e: std::io::Error) -> Self {
        let broken_pipe = e.kind() == std::io::ErrorKind::BrokenPipe;
        let error = CommandError::new(Kind::Internal, format!("cannot write: {e}")).hint_of_write(e.kind());
        CommandError { broken_pipe, ..error }
    }
}

/// Errors about something that is not there.
const ABSENT: [&str; 8] = [
    "people.nobody",
    "bill.none",
    "bill.no-revision",
    "late.none",
    "dispute.none",
    "storage.no-sink",
    "calendar.none",
    "delivery.none",
];
/// Errors about somebody who may not.
const FORBIDDEN: [&str; 2] = ["people.stranger", "people.role"];

macro_rules! of_library {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for CommandError {
            fn from(e: $error) -> Self {
                CommandError::of_library(&e)
            }
        })*
    };
}

of_library! {
    AccountError,
    BillError,
    DisputeError,
    LateError,
    CalendarError,
    CarryError,
    ContractError,
    DeliveryError,
    EvidenceError,
    ExportError,
    ImportError,
    NameError,
    NoticeError,
    PeopleError,
    PriceError,
    RetentionError,
    StorageError,
    billkeep_sinks::UrlError,
    StoreError,
}

/// The option that names a basis which is not the usual one.
pub(crate) fn basis_option(basis: Basis) -> &'static str {
    match basis {
        Basis::Used => "",
        Basis::Paid => " --basis paid",
    }
}

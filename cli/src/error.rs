//! Errors as people read them: what happened, and what to do.

use std::io::ErrorKind;
use std::process::ExitCode;

use billkeep_core::accounts::AccountError;
use billkeep_core::bill::dispute::DisputeError;
use billkeep_core::bill::late::LateError;
use billkeep_core::bill::{BillError, CombineError, Mode};
use billkeep_core::calendar::CalendarError;
use billkeep_core::carry::CarryError;
use billkeep_core::contract::ContractError;
use billkeep_core::delivery::DeliveryError;
use billkeep_core::error::Kind;
use billkeep_core::evidence::EvidenceError;
use billkeep_core::export::{ExportError, GuardError};
use billkeep_core::ingest::{Fault, ImportError};
use billkeep_core::people::PeopleError;
use billkeep_core::period::Basis;
use billkeep_core::price::PriceError;
use billkeep_core::retention::RetentionError;
use billkeep_core::sink::SinkError;
use billkeep_core::storage::StorageError;
use billkeep_core::store::StoreError;
use billkeep_core::text::Encoding;
use billkeep_core::visible::{visible, visible_lines};

/// What to do about a store that is damaged.
const CHECK: &str = "`billkeep store check` reports what is affected";
pub(crate) const RESTORE: &str = "put back a copy of the store's file that was made while no program wrote to it; docs/DELIVERY.md has what to do without one";

/// What to do where there is no room for a file.
const MAKE_ROOM: &str = "nothing is lost; make room on that disk, or raise the limit on the size of files (`ulimit -f`), and run it again";

/// Says whether the disk is full, or a file larger than the system lets this process write: that is how the system puts it.
fn lacks_room(why: &str) -> bool {
    why.contains("No space left") || why.contains("File too large")
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct CommandError {
    kind: Kind,
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

    /// Says what to do about a sink that could not do it.
    fn hints_of(self, e: &SinkError) -> CommandError {
        let hint = match e {
            SinkError::Conflict { .. } => {
                "somebody else wrote that file; move it away if it should not be there, and run again"
            }
            SinkError::Transient(_) => "run again: what was begun goes on",
            SinkError::Stopped => "nothing is lost; the same command goes on from there",
            SinkError::Credentials(_) => {
                "mend the credentials, or what they may do, and run again; `billkeep sink test NAME` tries them"
            }
            SinkError::Absent(_) => {
                "nothing was made or delivered; mount its disk, or make the folder with `mkdir` if it is to begin empty"
            }
            SinkError::Setup(why) if lacks_room(why) => MAKE_ROOM,
            SinkError::Damaged(_) => {
                "run again: it is sent anew; if it happens again, `billkeep sink test NAME`"
            }
            _ => return self,
        };
        self.hint(hint)
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
        CommandError { message: format!("`{what}`: {}", self.message), ..self }
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

impl From<StoreError> for CommandError {
    fn from(e: StoreError) -> Self {
        let error = CommandError::new(e.kind(), e.to_string());
        match e {
            StoreError::Missing(path) => error.hint(format!(
                "make one with `billkeep --store {} init --payer UIN`, or name another with `--store`",
                path.display()
            )),
            StoreError::Busy => {
                error.hint("nothing was changed; try again when the other program has finished")
            }
            StoreError::NoFolder { folder, .. } => error.hint(format!(
                "make the folder with `mkdir -p {}`, or name another store with `--store`",
                folder.display()
            )),
            StoreError::Dangling { .. } => {
                error.hint("make what the link names, or remove the link, or name another store with `--store`")
            }
            StoreError::BrokenOff(_) => error
                .hint("the store is as it was before: run it again, and if it breaks off again, `billkeep store check`"),
            StoreError::NotAStore { .. } => error.hint(
                "name another store with `--store`; if nobody needs the file, remove it, and `billkeep init` makes a store",
            ),
            StoreError::Exists(_) => error.hint("name another file with `--store`, or use the store that is there"),
            StoreError::Denied(_) => error.hint(
                "nothing was changed; the file and its folder have to be yours to write, or name another store with `--store`",
            ),
            // The engine keeps the cause to itself where it failed while it gave a change up.
            StoreError::Full(_) | StoreError::Failed => error.hint(MAKE_ROOM),
            StoreError::Io(_) => error.hint("the store is as it was before; look after its disk, and run it again"),
            StoreError::Format(_) => error.hint("use the billkeep that wrote it, or a newer one"),
            StoreError::Damaged { .. } | StoreError::Lost(_) | StoreError::Altered(_) => error
                .hint(CHECK).hint(RESTORE),
            _ => error,
        }
    }
}

impl From<PeopleError> for CommandError {
    fn from(e: PeopleError) -> Self {
        let error = CommandError::new(e.kind(), e.to_string());
        match e {
            PeopleError::Store(e) => e.into(),
            PeopleError::Nobody(_) => error.absent().hint("`billkeep user list` shows them"),
            PeopleError::Stranger(_) => error
                .forbidden()
                .hint("name yourself with `--as NAME`")
                .hint("somebody new is entered by an admin, with `billkeep user set NAME --role ROLE`"),
            PeopleError::Role { .. } => error
                .forbidden()
                .hint("an admin can give another role with `billkeep user set NAME --role ROLE`"),
            PeopleError::NoAdmin(_) => error.hint("`billkeep user set NAME --role admin` makes one"),
            PeopleError::Name(_) => error,
        }
    }
}

/// The option that names a basis which is not the usual one.
pub(crate) fn basis_option(basis: Basis) -> &'static str {
    match basis {
        Basis::Used => "",
        Basis::Paid => " --basis paid",
    }
}

impl From<BillError> for CommandError {
    fn from(e: BillError) -> Self {
        let error = CommandError::new(e.kind(), e.to_string());
        match e {
            BillError::Store(e) => e.into(),
            BillError::NoRevision { .. } => error.absent(),
            BillError::NoField { .. } => error.hint("`billkeep bill show --help` lists all fields"),
            BillError::NoBill(_) => error.absent().hint("`billkeep bill list` shows the bills that there are"),
            BillError::Stale(stale) => error
                .hint(format!(
                    "look at it again with `billkeep bill show {}{}`",
                    stale.bill.month,
                    basis_option(stale.bill.basis)
                ))
                .hint(format!(
                    "if it is right, confirm it with `billkeep bill confirm {}{} --digest {}`",
                    stale.bill.month,
                    basis_option(stale.bill.basis),
                    short(&stale.current_digest)
                )),
            BillError::Pending { number, .. } => error
                .hint(format!("`billkeep pending show {number}` shows what the file takes away"))
                .hint(format!("decide with `billkeep pending accept {number} --reason TEXT` or `billkeep pending discard {number} --reason TEXT`")),
            BillError::State { state: billkeep_core::bill::State::Disputed, .. } => error
                .hint("`billkeep dispute list --open` shows them")
                .hint("`billkeep dispute set-aside N --reason TEXT` takes one out of the way"),
            BillError::State { bill, state: billkeep_core::bill::State::Open, .. } => error.hint(format!(
                "import what is missing; if nothing is, declare the month complete with `billkeep bill issue {}{}`",
                bill.month,
                basis_option(bill.basis)
            )),
            BillError::DoNotTie { .. } | BillError::History { .. } | BillError::Block { .. } => {
                error.hint(CHECK).hint(RESTORE)
            }
            _ => error,
        }
    }
}

impl From<ImportError> for CommandError {
    fn from(e: ImportError) -> Self {
        let e = match e {
            ImportError::Store(e) => return e.into(),
            ImportError::Bill(e) => return e.into(),
            e => e,
        };
        let error = CommandError::new(e.kind(), e.to_string());
        match &e {
            ImportError::Faults(faults) => match faults.first() {
                Some((_, Fault::Unterminated)) => {
                    error.hint("if the file is complete, import it with `--accept-unterminated`")
                }
                Some((_, Fault::Cell { .. } | Fault::Ragged { .. })) => {
                    error.hint("`--dry-run` counts all faults by column and cause; nothing was imported")
                }
                Some((_, Fault::NotText { encoding: Encoding::Utf8, .. })) => error
                    .hint("if all of the file is in another encoding, name it: `--encoding gb18030`")
                    .hint("if one cell is damaged, correct that cell, or download the file again; nothing was imported"),
                _ => error.hint("nothing was imported"),
            },
            ImportError::Combine(CombineError::Overlap { new_mode: Mode::Monthly, .. }) => error.hint(
                "nothing was imported; to let the complete month replace the month-to-date file, import it with \
                 `--mode cumulative`",
            ),
            ImportError::Combine(CombineError::Older { .. }) => {
                error.hint("nothing was imported, and nothing is missing: the file that the bill holds covers these days, too")
            }
            ImportError::Combine(CombineError::Level { .. }) => error
                .hint("nothing was imported; both hold the same money, so a bill is kept at one level of detail"),
            ImportError::Combine(_) => {
                error.hint("nothing was imported; the days are in the bill already, and would be counted twice")
            }
            ImportError::Control { .. } => {
                error.hint("nothing was imported; download the file again, or correct the figure that was expected")
            }
            ImportError::OtherMonth { first, .. } => error
                .hint(format!("if it is a file of {0}, import it with `--month {0}` or under its own name", first.month()))
                .hint("if its lines belong to this month all the same, import it with `--accept-outside`"),
            ImportError::Late(_) => error.hint("nothing was imported; `billkeep late list` shows the files that wait"),
            ImportError::Lint { .. } => error.hint(
                "nothing was imported; to look at it, import it without `--strict` and run `billkeep bill lint`",
            ),
            _ => error,
        }
    }
}

impl From<DisputeError> for CommandError {
    fn from(e: DisputeError) -> Self {
        let error = CommandError::new(e.kind(), e.to_string());
        match e {
            DisputeError::Bill(e) => e.into(),
            DisputeError::None(_) => {
                error.absent().hint("`billkeep dispute list` shows the disputes that there are")
            }
            DisputeError::NoLine { bill, .. } => {
                error.hint(format!("`billkeep bill lines {}` shows lines with their ids", bill.month))
            }
            _ => error,
        }
    }
}

impl From<EvidenceError> for CommandError {
    fn from(e: EvidenceError) -> Self {
        let error = CommandError::new(e.kind(), e.to_string());
        match e {
            EvidenceError::Dispute(e) => e.into(),
            _ => error,
        }
    }
}

impl From<LateError> for CommandError {
    fn from(e: LateError) -> Self {
        let error = CommandError::new(e.kind(), e.to_string());
        match e {
            LateError::Bill(e) => e.into(),
            LateError::None(_) => error.absent().hint("`billkeep late list` shows the files that wait"),
            LateError::Confirmed { number, .. } => error
                .hint(format!("`billkeep late accept {number} --reopen --reason TEXT` reopens the bill and takes it"))
                .hint(format!(
                    "`billkeep late accept {number} --carry-forward --reason TEXT` books the difference into a later month"
                )),
            LateError::Same { number, .. } => {
                error.hint(format!("`billkeep pending discard {number} --reason TEXT` puts it away"))
            }
            LateError::Carried { number, .. } => error.hint(format!(
                "once the bill is confirmed again, `billkeep late accept {number} --carry-forward --reason TEXT` books the other lines alone"
            )),
            _ => error,
        }
    }
}

impl From<CarryError> for CommandError {
    fn from(e: CarryError) -> Self {
        let error = CommandError::new(e.kind(), e.to_string());
        match e {
            CarryError::Late(e) => e.into(),
            _ => error,
        }
    }
}

impl From<StorageError> for CommandError {
    fn from(e: StorageError) -> Self {
        let error = CommandError::new(e.kind(), e.to_string());
        match e {
            StorageError::Store(e) => e.into(),
            StorageError::NotYet { next, .. } => error.hint(format!("run `{next}` first")),
            StorageError::NoSink(_) => error.absent().hint(
                "`billkeep sink list` shows the sinks that there are; `--create URL` adds one on the way",
            ),
            StorageError::NotAllowed { uin, kind, .. } => {
                error.hint(format!("run `billkeep storage allow {uin} --kinds {kind}` first"))
            }
            StorageError::Bound { uin, .. } => error
                .hint(
                    "what belongs to a sink stays there; `billkeep storage switch` changes it from a day on",
                )
                .hint(format!("`billkeep storage history {uin}` tells which days go where")),
            StorageError::DeliveredSince { uin, on, .. } => error
                .hint(format!("say `--on {on}` or a later day"))
                .hint(format!("`billkeep storage history {uin}` tells which days go where")),
            StorageError::Shared { .. } => error
                .hint("give each customer a folder or a prefix of its own")
                .hint("`--shared` accepts that each of their readers reads all"),
            StorageError::SamePlace { at, mixed: false, .. } => {
                error.hint(format!("use sink `{at}`; `--shared` accepts a second sink at its place"))
            }
            StorageError::SamePlace { .. } => error.hint("a customer's sink needs a place of its own"),
            StorageError::SinkInUse { uin, .. } => {
                error.hint(format!("run `billkeep storage disable {uin}` first"))
            }
            _ => error,
        }
    }
}

impl From<CalendarError> for CommandError {
    fn from(e: CalendarError) -> Self {
        let error = CommandError::new(e.kind(), e.to_string());
        match e {
            CalendarError::Store(e) => e.into(),
            CalendarError::None(_) => {
                error.absent().hint("`billkeep calendar list` shows those that there are")
            }
            CalendarError::BuiltIn(_) => error.hint("a calendar of your own needs another name"),
            CalendarError::Exists(_) => error
                .hint("give it another name: days that followed the other one are asked for by its figures"),
            CalendarError::InUse { .. } => error.hint(
                "`billkeep settings show` tells which days; what is due on a day is told by its calendar",
            ),
            _ => error,
        }
    }
}

impl From<RetentionError> for CommandError {
    fn from(e: RetentionError) -> Self {
        let error = CommandError::new(e.kind(), e.to_string());
        match e {
            RetentionError::Changed { .. } => error
                .hint("name the same `--on DAY` and `--confirmed` as for the plan, if it had them")
                .hint("`billkeep retention plan` lists what may be removed now, with its digest"),
            RetentionError::NotOurs { .. } => {
                error.hint("look at it; `billkeep delivery verify` tells all that was altered")
            }
            RetentionError::Bill(e) => e.into(),
            RetentionError::Delivery(e) => e.into(),
            RetentionError::Storage(e) => e.into(),
            RetentionError::Store(e) => e.into(),
            _ => error,
        }
    }
}

impl From<AccountError> for CommandError {
    fn from(e: AccountError) -> Self {
        let error = CommandError::new(e.kind(), e.to_string());
        match e {
            AccountError::Store(e) => e.into(),
            AccountError::NoParent { parent, .. } => error.hint(format!(
                "put {parent} into the tree first: `billkeep account add {parent} --name NAME`"
            )),
            AccountError::Import(_) => error.hint("nothing was changed; mend the file and import it again"),
            _ => error.hint("`billkeep account tree` shows who stands where"),
        }
    }
}

impl From<ContractError> for CommandError {
    fn from(e: ContractError) -> Self {
        let error = CommandError::new(e.kind(), e.to_string());
        match e {
            ContractError::Store(e) => e.into(),
            ContractError::None { .. } => {
                error.hint("`billkeep account contract list` shows those that there are")
            }
            _ => error,
        }
    }
}

impl From<PriceError> for CommandError {
    fn from(e: PriceError) -> Self {
        let error = CommandError::new(e.kind(), e.to_string());
        match e {
            PriceError::Store(e) => e.into(),
            PriceError::None { .. } => {
                error.hint("`billkeep account price list` and `account column list` show what there is")
            }
            _ => error,
        }
    }
}

impl From<ExportError> for CommandError {
    fn from(e: ExportError) -> Self {
        let error = CommandError::new(e.kind(), e.to_string());
        match e {
            ExportError::Bill(e) => e.into(),
            ExportError::Guard(GuardError::Consolidated { .. }) => {
                error.hint("export one customer's lines with `--owner UIN`, or each one's with `--per customer`")
            }
            ExportError::Guard(GuardError::Leak { .. }) => error
                .hint("nothing was given; a column that was added is taken back with `billkeep account column remove`"),
            ExportError::Prices { .. } => error.hint("run again: it is planned anew"),
            ExportError::Sink { error: e, .. } => error.hints_of(&e),
            ExportError::Write(why) if lacks_room(&why) => error.hint(MAKE_ROOM),
            _ => error,
        }
    }
}

impl From<DeliveryError> for CommandError {
    fn from(e: DeliveryError) -> Self {
        let error = CommandError::new(e.kind(), e.to_string());
        match e {
            DeliveryError::Export(e) => e.into(),
            DeliveryError::Storage(e) => e.into(),
            DeliveryError::Store(e) => e.into(),
            DeliveryError::Sink { error: e, .. } => error.hints_of(&e),
            DeliveryError::Stage { why, .. } if lacks_room(&why) => error.hint(MAKE_ROOM),
            DeliveryError::Waits { number, .. } => {
                error.hint(format!("`billkeep delivery retry {number}` tries it at once"))
            }
            DeliveryError::None(_) => {
                error.absent().hint("`billkeep delivery list` shows the deliveries that there are")
            }
            _ => error,
        }
    }
}

/// The digits of a digest that people are shown and asked for.
pub(crate) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

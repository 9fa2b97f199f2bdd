//! Files that are sent: received into a folder beside the store, imported from there, and gone with it.
//!
//! Before the first byte is kept, the sender's role and the declared size are checked. All files that are there at a time have a
//! limit together.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{FromRequest, Multipart, Request as HttpRequest};
use axum::http::{HeaderMap, header};

use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt;

use super::auth::{self, Denied};
use super::command_map::CommandSpec;
use super::fields::{CSRF_FIELD, FILE, Fields};
use super::form;
use super::state::{Console, Visitor};
use super::words::Language;
use crate::commands::secret;
use crate::error::CommandError;
use crate::own_error;
use crate::permission;
use billkeep_core::partners::{PeopleError, PersonRole};
use billkeep_core::values::is_hidden;

/// How long a client that sends a file may send nothing.
const PIECE_WAIT: Duration = Duration::from_secs(30);
/// How much a field of a form beside a file may have.
const FIELD_BYTES_MAX: usize = 1 << 16;
/// How much the text around the files of a form may have.
const FORM_BYTES_MAX: u64 = 1 << 20;
/// The largest file of somebody who may look at what would come of it, and import nothing.
const LOOK_BYTES_MAX: u64 = 16 << 20;
/// How many requests with such files there are at a time: each has the processor for as long as an import.
const LOOKS_MAX: u64 = 2;
/// Files in a form, at most: those of some years.
const FILES_MAX: usize = 1_000;

/// A file that was sent, in a folder of its own that goes with it.
pub(super) struct Sent {
    pub(super) path: PathBuf,
    folder: PathBuf,
    pub(super) sha256: [u8; 32],
    /// Its share of what may be there together.
    held: Share,
    /// Its place among those that are only checked.
    _look: Option<Arc<CheckSlot>>,
}

impl Drop for Sent {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A place among the requests whose files are only checked.
struct CheckSlot(Arc<AtomicU64>);

impl CheckSlot {
    /// Takes a place for whoever may only look; others need none.
    fn take(console: &Console, visitor: Option<&Visitor>) -> Result<Option<Arc<CheckSlot>>, CommandError> {
        if visitor.is_none_or(|visitor| visitor.role >= PersonRole::Operator) {
            return Ok(None);
        }
        let before = console.looks.fetch_add(1, Ordering::Relaxed);
        let look = CheckSlot(console.looks.clone());
        if before >= LOOKS_MAX {
            return Err(CommandError::own(own_error::UPLOADS_CHECKED, &[]));
        }
        Ok(Some(Arc::new(look)))
    }
}

impl Drop for CheckSlot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How much of all uploads one has.
struct Share {
    all: Arc<AtomicU64>,
    bytes: u64,
}

impl Share {
    /// Takes more, unless all have too much together.
    fn grow(&mut self, bytes: u64, together_max: u64) -> Result<(), CommandError> {
        let before = self.all.fetch_add(bytes, Ordering::Relaxed);
        self.bytes = self.bytes.saturating_add(bytes);
        if before.saturating_add(bytes) > together_max {
            return Err(CommandError::own(own_error::NO_ROOM, &[]));
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Says how much whoever asks may send; what they may not do at all is refused.
fn allowance(
    console: &Console,
    spec: &CommandSpec,
    visitor: Option<&Visitor>,
    fields: &Fields,
) -> Result<u64, CommandError> {
    let Some(visitor) = visitor else { return Err(Denied::Unknown.forbids()) };
    let mut sample = fields.clone();
    form::take(&mut sample);
    sample.insert(FILE.to_owned(), vec!["file".to_owned()]);
    let needs = permission::needs(&spec.command(&sample)?);
    if visitor.role < needs {
        return Err(PeopleError::Role { name: visitor.name.clone(), role: visitor.role, needs }.into());
    }
    let may_import = visitor.role >= PersonRole::Operator;
    Ok(if may_import { console.upload_bytes_max } else { console.upload_bytes_max.min(LOOK_BYTES_MAX) })
}

fn too_large(bytes_max: u64) -> CommandError {
    CommandError::own(own_error::TOO_LARGE, &[&bytes_max]).too_large()
}

/// Refuses a body that is declared to be larger than what is taken.
fn check_declared(headers: &HeaderMap, bytes_max: u64) -> Result<(), CommandError> {
    let declared =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|bytes| bytes > bytes_max) { Err(too_large(bytes_max)) } else { Ok(()) }
}

/// What is sent, and by whom.
pub(super) struct Sending<'a> {
    pub(super) spec: &'a CommandSpec,
    pub(super) visitor: Option<&'a Visitor>,
    pub(super) headers: &'a HeaderMap,
    pub(super) is_api: bool,
}

/// Takes files: the body as it is, with its name in the query, or those in a form of a page.
pub(super) async fn upload(
    console: &Console,
    sending: &Sending<'_>,
    http: HttpRequest,
    fields: &mut Fields,
) -> Result<Vec<Sent>, CommandError> {
    if sending.is_api {
        return Ok(vec![body(console, sending, http, fields).await?]);
    }
    check_declared(sending.headers, console.upload_bytes_max.saturating_add(FORM_BYTES_MAX))?;
    let wrong = |why: &dyn std::fmt::Display| CommandError::own(own_error::NOT_TAKEN, &[&why]);
    let mut form = Multipart::from_request(http, &()).await.map_err(|e| wrong(&e.body_text()))?;
    let mut sent = Vec::new();
    let mut look = None;
    let has_token = |given: Option<&str>| {
        sending.visitor.is_none_or(|visitor| auth::has_csrf(visitor, sending.headers, given).is_ok())
    };
    let mut trusted = has_token(None);
    while let Some(mut field) = in_time(form.next_field()).await?.map_err(|e| wrong(&e.body_text()))? {
        let name = field.name().unwrap_or_default().to_owned();
        let Some(file_name) = field.file_name().map(str::to_owned) else {
            let mut text = Vec::new();
            while let Some(piece) = in_time(field.chunk()).await?.map_err(|e| wrong(&e.body_text()))? {
                text.extend_from_slice(&piece);
                if text.len() > FIELD_BYTES_MAX {
                    return Err(wrong(&format!("`{name}` has more than {FIELD_BYTES_MAX} bytes")));
                }
            }
            let text = String::from_utf8_lossy(&text).into_owned();
            if name == CSRF_FIELD {
                trusted = has_token(Some(&text));
            } else {
                fields.entry(name).or_default().push(text);
            }
            continue;
        };
        // The token comes first in our own forms, and the file last: nothing is written for anybody else.
        if !trusted {
            return Err(Denied::Csrf.on_page(Language::of(sending.headers).words()));
        }
        let bytes_max = allowance(console, sending.spec, sending.visitor, fields)?;
        if file_name.is_empty() {
            continue;
        }
        if sent.len() >= FILES_MAX {
            return Err(wrong(&format!("there are more than {FILES_MAX} in one form")));
        }
        if sent.is_empty() {
            look = CheckSlot::take(console, sending.visitor)?;
        }
        let (mut begun, out) = begin(console, &file_name, look.clone()).await?;
        let mut taking = Taking::new(out, bytes_max, console.upload_bytes_max);
        while let Some(piece) = in_time(field.chunk()).await?.map_err(|e| wrong(&e.body_text()))? {
            taking.take(&piece, &mut begun.held).await?;
        }
        begun.sha256 = taking.end().await?;
        sent.push(begun);
    }
    if !trusted {
        return Err(Denied::Csrf.on_page(Language::of(sending.headers).words()));
    }
    if sent.is_empty() { Err(CommandError::own(own_error::NO_FILE, &[])) } else { Ok(sent) }
}

/// Takes the one file that a body is.
async fn body(
    console: &Console,
    sending: &Sending<'_>,
    http: HttpRequest,
    fields: &mut Fields,
) -> Result<Sent, CommandError> {
    let name = fields.remove("name").and_then(|mut values| values.pop());
    let name = name.ok_or_else(|| CommandError::user("say the file's name with `?name=`"))?;
    let bytes_max = allowance(console, sending.spec, sending.visitor, fields)?;
    check_declared(sending.headers, bytes_max)?;
    let look = CheckSlot::take(console, sending.visitor)?;
    let (mut sent, out) = begin(console, &name, look).await?;
    let mut body = http.into_body().into_data_stream();
    let mut taking = Taking::new(out, bytes_max, console.upload_bytes_max);
    while let Some(piece) = in_time(futures_util::StreamExt::next(&mut body)).await? {
        let piece = piece.map_err(|e| CommandError::own(own_error::NOT_TAKEN, &[&e]))?;
        taking.take(&piece, &mut sent.held).await?;
    }
    sent.sha256 = taking.end().await?;
    Ok(sent)
}

/// Removes what uploads have left that a kill has ended.
pub(super) fn clear_uploads(stage: &Path) {
    let entries = std::fs::read_dir(stage).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("upload-")) {
        let _ = std::fs::remove_dir_all(entry.path());
    }
}

/// Opens a file of a sender's name in a new folder. The name says what the file is, so it is kept, and nothing but a name.
async fn begin(
    console: &Console,
    name: &str,
    look: Option<Arc<CheckSlot>>,
) -> Result<(Sent, tokio::io::BufWriter<tokio::fs::File>), CommandError> {
    let plain = !name.is_empty()
        && name.len() <= 255
        && name != "."
        && name != ".."
        && !name.chars().any(|c| is_hidden(c) || c == '/' || c == '\\');
    if !plain {
        return Err(CommandError::own(own_error::NOT_A_FILE_NAME, &[&name]));
    }
    let folder = console.context.stage().join(format!("upload-{}", secret()?));
    console.context.stage_folder(&folder)?;
    let held = Share { all: console.uploads.clone(), bytes: 0 };
    let sent = Sent { path: folder.join(name), folder, sha256: [0; 32], held, _look: look };
    let file = tokio::fs::File::create_new(&sent.path).await?;
    Ok((sent, tokio::io::BufWriter::with_capacity(1 << 18, file)))
}

/// A file that is being received, with its hash.
struct Taking {
    out: tokio::io::BufWriter<tokio::fs::File>,
    bytes_max: u64,
    room: u64,
    together_max: u64,
    hash: Sha256,
}

impl Taking {
    fn new(out: tokio::io::BufWriter<tokio::fs::File>, bytes_max: u64, together_max: u64) -> Taking {
        Taking { out, bytes_max, room: bytes_max, together_max, hash: Sha256::new() }
    }

    async fn take(&mut self, piece: &[u8], share: &mut Share) -> Result<(), CommandError> {
        let bytes = piece.len() as u64;
        self.room = self.room.checked_sub(bytes).ok_or_else(|| too_large(self.bytes_max))?;
        share.grow(bytes, self.together_max)?;
        self.hash.update(piece);
        Ok(self.out.write_all(piece).await?)
    }

    async fn end(mut self) -> Result<[u8; 32], CommandError> {
        self.out.flush().await?;
        Ok(self.hash.finalize().into())
    }
}

/// Waits for the next piece of a file, but not for a client that has forgotten it.
async fn in_time<T>(next: impl Future<Output = T>) -> Result<T, CommandError> {
    let late = |_| CommandError::own(own_error::STOPPED_COMING, &[]);
    tokio::time::timeout(PIECE_WAIT, next).await.map_err(late)
}

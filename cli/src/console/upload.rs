//! Files that are sent: received into a folder beside the store, imported from there, and gone with it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::extract::{FromRequest, Multipart, Request};
use axum::http::HeaderMap;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt;

use super::gate::{self, CSRF_FIELD, Stop};
use super::say::Fields;
use super::{Console, Visitor};
use crate::commands::secret;
use crate::error::CommandError;

/// How long a client that sends a file may send nothing.
const PIECE_WAIT: Duration = Duration::from_secs(30);
/// How much a field of a form beside a file may have.
const FIELD_BYTES_MAX: usize = 1 << 16;

/// The argument of a command that names the file.
pub(super) const FILE: &str = "files";

/// A file that was sent, in a folder of its own that goes with it.
pub(super) struct Sent {
    pub(super) path: PathBuf,
    folder: PathBuf,
    pub(super) sha256: [u8; 32],
}

impl Drop for Sent {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Takes a file: the body as it is, with its name in the query, or the one in a form of a page.
pub(super) async fn upload(
    console: &Console,
    visitor: Option<&Visitor>,
    headers: &HeaderMap,
    request: Request,
    fields: &mut Fields,
    api: bool,
) -> Result<Sent, CommandError> {
    let wrong = |why: &dyn std::fmt::Display| CommandError::user(format!("the file cannot be taken: {why}"));
    if api {
        let name = fields.remove("name").and_then(|mut values| values.pop());
        let name = name.ok_or_else(|| CommandError::user("say the file's name with `?name=`"))?;
        let (mut sent, out) = begin(console, &name).await?;
        let mut body = request.into_body().into_data_stream();
        let mut taking = Taking::new(out, console.upload_bytes_max);
        while let Some(piece) = in_time(futures_util::StreamExt::next(&mut body)).await? {
            taking.take(&piece.map_err(|e| wrong(&e))?).await?;
        }
        sent.sha256 = taking.end().await?;
        return Ok(sent);
    }
    let mut form = Multipart::from_request(request, &()).await.map_err(|e| wrong(&e.body_text()))?;
    let mut sent = None;
    let mut trusted = visitor.is_none_or(|visitor| gate::has_csrf(visitor, headers, None).is_ok());
    while let Some(mut field) = form.next_field().await.map_err(|e| wrong(&e.body_text()))? {
        let name = field.name().unwrap_or_default().to_owned();
        match field.file_name().map(str::to_owned) {
            None => {
                let mut text = Vec::new();
                while let Some(piece) = in_time(field.chunk()).await?.map_err(|e| wrong(&e.body_text()))? {
                    text.extend_from_slice(&piece);
                    if text.len() > FIELD_BYTES_MAX {
                        return Err(wrong(&format!("`{name}` has more than {FIELD_BYTES_MAX} bytes")));
                    }
                }
                let text = String::from_utf8_lossy(&text).into_owned();
                if name == CSRF_FIELD {
                    trusted =
                        visitor.is_none_or(|visitor| gate::has_csrf(visitor, headers, Some(&text)).is_ok());
                } else {
                    fields.entry(name).or_default().push(text);
                }
            }
            // The token comes first in our own forms: nothing is written for anybody else.
            Some(_) if !trusted => return Err(Stop::Csrf.forbids()),
            Some(file_name) => {
                if sent.is_some() {
                    return Err(wrong(&"there is more than one; send them one after another"));
                }
                let (mut begun, out) = begin(console, &file_name).await?;
                let mut taking = Taking::new(out, console.upload_bytes_max);
                while let Some(piece) = in_time(field.chunk()).await?.map_err(|e| wrong(&e.body_text()))? {
                    taking.take(&piece).await?;
                }
                begun.sha256 = taking.end().await?;
                sent = Some(begun);
            }
        }
    }
    if !trusted {
        return Err(Stop::Csrf.forbids());
    }
    sent.ok_or_else(|| CommandError::user("no file was chosen"))
}

/// Makes a folder that only its owner reads: bills lie in it.
fn private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
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
) -> Result<(Sent, tokio::io::BufWriter<tokio::fs::File>), CommandError> {
    let plain = !name.is_empty()
        && name.len() <= 255
        && name != "."
        && name != ".."
        && !name.chars().any(|c| c.is_control() || c == '/' || c == '\\');
    if !plain {
        return Err(CommandError::user(format!("`{name}` is not the name of a file")));
    }
    let folder = console.context.stage().join(format!("upload-{}", secret()?));
    private_folder(&folder)?;
    let sent = Sent { path: folder.join(name), folder, sha256: [0; 32] };
    let file = tokio::fs::File::create_new(&sent.path).await?;
    Ok((sent, tokio::io::BufWriter::with_capacity(1 << 18, file)))
}

/// A file that is being received, with its hash.
struct Taking {
    out: tokio::io::BufWriter<tokio::fs::File>,
    room: u64,
    hash: Sha256,
}

impl Taking {
    fn new(out: tokio::io::BufWriter<tokio::fs::File>, room: u64) -> Taking {
        Taking { out, room, hash: Sha256::new() }
    }

    async fn take(&mut self, piece: &[u8]) -> Result<(), CommandError> {
        self.room = self.room.checked_sub(piece.len() as u64).ok_or_else(|| {
            CommandError::user("the file is larger than is taken here")
                .hint("`--upload-mib` sets how much; or import it with `billkeep import`")
        })?;
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
    let late = |_| CommandError::user("the file stopped coming");
    tokio::time::timeout(PIECE_WAIT, next).await.map_err(late)
}

//! Answers that are neither a command's data nor a page of the store: the CSV file, signing in, style sheet and script.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use maud::html;
use tokio::sync::mpsc;

use super::answer::{Answer, Body};
use super::command_map::CommandSpec;
use super::html::{Page, View, frame};
use super::links::is_local;
use super::pages::common::parsed;
use super::state::{Console, Request};
use super::{session, words};
use crate::args::Format;
use crate::error::CommandError;
use crate::output::Captured;
use crate::own_error;

use billkeep_core::engine::StoreSettings;
use billkeep_core::partners::{Person, SecretHash};
use billkeep_core::values::{Basis, BillMonth};

const STYLE: &str = include_str!("assets/console.css");
const SCRIPT: &str = include_str!("assets/console.js");
const ICON: &str = include_str!("assets/favicon.svg");
/// Pieces that wait for a slow reader.
const PIECES: usize = 8;
/// How many files are read at a time.
const CSV_READERS_MAX: usize = 16;
/// How many bytes a piece has.
const PIECE_BYTES: usize = 1 << 16;

/// The command that writes a bill as a CSV file.
pub(super) const CSV: CommandSpec = CommandSpec {
    words: &["bill", "csv"],
    args: &["month", "basis", "owner", "spreadsheet", "revision"],
    always: &[],
};

/// The CSV file, as it comes out of the store.
pub(super) fn csv(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let command = CSV.command(&request.fields)?;
    let visitor = request.visitor()?.clone();
    let (to, mut pieces) = mpsc::channel::<std::io::Result<Bytes>>(PIECES);
    let (failed, failure) = std::sync::mpsc::channel();
    let context = console.context.clone();
    let end = to.clone();
    // A reader that does not read holds a thread: there are so many.
    let place = CsvPlace::take()?;
    let write = move || {
        let _place = place;
        let kept = Captured::onward(Box::new(Pieces { to, held: Vec::with_capacity(PIECE_BYTES) }));
        let context = context.keeping(&visitor.name, Format::Table, &kept);
        if let Err(error) = crate::commands::run_in(&context, command) {
            // What was begun is cut off, so that nobody takes it for whole.
            let _ = end.blocking_send(Err(std::io::Error::other(error.message().to_owned())));
            let _ = failed.send(error);
        }
    };
    std::thread::Builder::new().name("billkeep-csv".into()).spawn(write)?;
    // What fails before the first byte is told as an error; a file has a header at least.
    let first = match pieces.blocking_recv() {
        Some(Ok(first)) => first,
        Some(Err(_)) => {
            return Err(failure.recv().unwrap_or_else(|_| CommandError::user("nothing was written")));
        }
        None => Bytes::new(),
    };
    let name = file_name(console, request)?;
    let mut answer = Answer::new(200, "text/csv; charset=utf-8", "")
        .with("content-disposition", format!("attachment; filename=\"{name}\""));
    answer.body = Body::Stream(first, pieces);
    Ok(answer)
}

/// Returns the file's name: as the provider calls the payer's file; one for a spreadsheet has another, as its bytes differ.
fn file_name(console: &Console, request: &Request) -> Result<String, CommandError> {
    let payer = StoreSettings::of(&console.store.read()?)?.payer;
    let month: BillMonth = parsed(request.get("month").unwrap_or_default())?;
    let basis: Basis = parsed(request.get("basis").unwrap_or("used"))?;
    let owner = request.get("owner").map_or_else(String::new, |owner| format!("-of-{owner}"));
    let form = if request.get("spreadsheet") == Some("true") { "-spreadsheet" } else { "" };
    let digits: String = month.to_string().chars().filter(char::is_ascii_digit).collect();
    Ok(format!("{payer}-{digits}-{}-bill_details{owner}{form}.csv", basis.in_names()))
}

/// A file that is being read.
struct CsvPlace;

static CSV_READERS: AtomicUsize = AtomicUsize::new(0);

impl CsvPlace {
    fn take() -> Result<CsvPlace, CommandError> {
        let before = CSV_READERS.fetch_add(1, Ordering::Relaxed);
        let place = CsvPlace;
        if before < CSV_READERS_MAX {
            Ok(place)
        } else {
            Err(CommandError::own(own_error::TOO_MANY_READERS, &[]))
        }
    }
}

impl Drop for CsvPlace {
    fn drop(&mut self) {
        CSV_READERS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Collects bytes into pieces, and waits where the reader is slow.
struct Pieces {
    to: mpsc::Sender<std::io::Result<Bytes>>,
    held: Vec<u8>,
}

impl Pieces {
    fn send(&mut self) -> std::io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.held, Vec::with_capacity(PIECE_BYTES));
        let gone = |_| std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        self.to.blocking_send(Ok(piece.into())).map_err(gone)
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= PIECE_BYTES {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.send()
    }
}

pub(super) fn sign_in_page(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let words = view.words;
    let content = match request.get("link") {
        None => html! {
            @if request.get("failed").is_some() {
                div.notice.bad role="alert" { p { (words.sign_in_failed) } }
            }
            p { (words.sign_in_text) }
        },
        // Only the button signs in: a program that looks at links does not use it up.
        Some(link) => html! {
            p { (words.sign_in_ready) }
            form method="post" action="/sign-in" {
                (view.token("/"))
                input type="hidden" name="link" value=(link);
                button.primary type="submit" autofocus { (words.sign_in) }
            }
        },
    };
    Ok(Answer::html(200, frame(console, request, Page { title: words.sign_in, menu: "", content })))
}

pub(super) fn sign_in(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let hash = SecretHash::of(request.get("link").unwrap_or_default().as_bytes());
    let now = console.context.now_unix_s();
    let name = match console.sessions.follow_first(hash) {
        Some(name) => Some(name),
        // A stranger's guess does not wait for whoever writes, and keeps nobody waiting.
        None if !Person::has_link(&console.store.read()?, hash)? => None,
        None => console.store.transact(|tx| tx.follow_link(hash, now))?,
    };
    let Some(name) = name else { return Ok(Answer::see("/sign-in?failed=link")) };
    let generation = Person::generation(&console.store.read()?, &name)?;
    let cookie = console.sessions.begin(&name, generation, request.user, now)?;
    Ok(Answer::see("/").with("set-cookie", set_cookie(console, session::COOKIE, &cookie, "HttpOnly; ")))
}

fn set_cookie(console: &Console, name: &str, value: &str, more: &str) -> String {
    let secure = if console.tls { "Secure; " } else { "" };
    format!("{name}={value}; {more}{secure}SameSite=Strict; Path=/")
}

pub(super) fn sign_out(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    if let Some(session) = request.visitor.as_ref().and_then(|visitor| visitor.session.as_ref()) {
        console.sessions.end(session);
    }
    Ok(Answer::see("/sign-in")
        .with("set-cookie", set_cookie(console, session::COOKIE, "", "HttpOnly; Max-Age=0; ")))
}

pub(super) fn language(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let chosen =
        request.get("language").and_then(words::Language::of_tag).unwrap_or(words::Language::English);
    let back = request.get("back").filter(|back| is_local(back)).unwrap_or("/");
    let cookie = set_cookie(console, words::COOKIE, chosen.tag(), "Max-Age=31536000; ");
    Ok(Answer::see(back).with("set-cookie", cookie))
}

pub(super) fn style(_: &Console, _: &Request) -> Result<Answer, CommandError> {
    Ok(asset("text/css; charset=utf-8", STYLE))
}

pub(super) fn script(_: &Console, _: &Request) -> Result<Answer, CommandError> {
    Ok(asset("text/javascript; charset=utf-8", SCRIPT))
}

pub(super) fn icon(_: &Console, _: &Request) -> Result<Answer, CommandError> {
    Ok(asset("image/svg+xml", ICON))
}

fn asset(kind: &str, text: &'static str) -> Answer {
    Answer::new(200, kind, text).with("cache-control", "max-age=300".into())
}

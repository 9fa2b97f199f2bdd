//! The console: pages, the HTTP interface and the scheduler over one store, on this machine.
//!
//! A request that looks or changes is a command, said in another way ([`say`]): what it may do, what it does and what it answers
//! is decided where the command line's is. [`routes`] lists all there is. [`gate`] is passed by every request before anything
//! else. Handlers are plain functions that run on their own threads; [`server`] and [`upload`] alone are asynchronous.

mod acts;
mod body;
mod connections;
mod form;
mod gate;
mod html;
mod once;
mod openapi;
mod pages;
mod peer;
mod places;
mod rollups;
mod routes;
mod say;
mod scheduler;
mod server;
mod session;
mod shapes;
mod sinks;
mod special;
mod terms;
mod upload;
mod wire;
mod words;

use std::collections::BTreeSet;
use std::net::{IpAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use billkeep_core::error::Kind;
use billkeep_core::people::{self, Role};
use billkeep_core::store::{Access, Store};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::args::Serve;
use crate::clock::Clock;
use crate::commands;
use crate::context::Context;
use crate::error::CommandError;
use crate::served::{Served, Word};
use crate::stop;

use say::Fields;
use session::{Session, Sessions};
use words::Language;

/// What all requests share.
pub(super) struct Console {
    /// How commands are run; holds the store open.
    context: Context,
    store: Arc<Store>,
    sessions: Sessions,
    rollups: rollups::Rollups,
    /// By which names browsers may call it.
    hosts: BTreeSet<String>,
    /// Says whether browsers come by TLS.
    tls: bool,
    /// The largest file, and all that are being received together.
    upload_bytes_max: u64,
    uploads: Arc<AtomicU64>,
    /// How many files of people who may only look are being received or checked.
    looks: Arc<AtomicU64>,
    /// Below which folders sinks may be that are added here; anywhere in a store without people.
    sink_folders: Vec<PathBuf>,
    /// Where browsers find it.
    url: String,
    /// In whose name it delivers.
    actor: Mutex<String>,
    /// What is left beside the store of all this.
    word: Option<Word>,
}

impl Console {
    /// In whose name it delivers.
    fn actor(&self) -> String {
        self.actor.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Delivers in somebody's name from now on: of whoever has started it and has now entered themselves.
    fn act_as(&self, name: &str) {
        *self.actor.lock().unwrap_or_else(PoisonError::into_inner) = name.to_owned();
        self.leave(|served| served.actor = name.to_owned());
    }

    /// Changes the word that is left beside the store; what cannot be left is no reason to end.
    fn leave(&self, change: impl FnOnce(&mut Served)) {
        if let Some(word) = &self.word {
            let _ = word.change(change);
        }
    }
}

/// Who asks.
#[derive(Clone)]
pub(super) struct Visitor {
    name: String,
    role: Role,
    /// None for a program with a token.
    session: Option<Arc<Session>>,
}

/// A request that has passed the gate.
pub(super) struct Ask {
    /// The values in the path and the query, and of the body.
    fields: Fields,
    visitor: Option<Visitor>,
    /// Who of this machine asks.
    user: peer::User,
    language: Language,
    /// Path and query as they were asked for.
    target: String,
    /// Where a form wants to go when it is done.
    back: Option<String>,
    /// The hashes of the files that were sent.
    sent_sha256: Vec<String>,
}

impl Ask {
    /// Returns a value.
    fn get(&self, name: &str) -> Option<&str> {
        self.fields
            .get(name)
            .and_then(|values| values.first())
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    fn visitor(&self) -> Result<&Visitor, CommandError> {
        self.visitor.as_ref().ok_or_else(|| CommandError::new(Kind::Refused, "nobody has signed in"))
    }
}

/// What is answered.
pub(super) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

pub(super) enum Body {
    Whole(Bytes),
    /// As it comes; an error ends it early, so that nobody takes it for whole.
    Stream(Bytes, tokio::sync::mpsc::Receiver<std::io::Result<Bytes>>),
}

impl Answer {
    fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Answer {
        let headers = vec![("content-type", content_type.to_owned())];
        Answer { status, headers, body: Body::Whole(body.into()) }
    }

    fn html(status: u16, page: String) -> Answer {
        let page = form::name_fields(&html::without_hidden(page));
        Answer::new(status, "text/html; charset=utf-8", page)
    }

    fn json(status: u16, value: &Value) -> Answer {
        Answer::new(status, JSON, serde_json::to_vec(value).unwrap_or_default())
    }

    fn see(to: &str) -> Answer {
        Answer::new(303, "text/plain; charset=utf-8", "").with("location", to.to_owned())
    }

    fn with(mut self, name: &'static str, value: String) -> Answer {
        self.headers.push((name, value));
        self
    }

    /// An error, as the interface tells it.
    fn error(error: &CommandError) -> Answer {
        Answer::error_with(error, &[], &Value::Null)
    }

    /// An error of a command that has said something all the same.
    fn error_with(error: &CommandError, said: &[String], data: &Value) -> Answer {
        let status = status_of(error);
        let kind = match error.kind() {
            Kind::User => "user",
            Kind::Refused => "refused",
            Kind::Pending => "pending",
            Kind::Damaged => "damaged",
            Kind::Transient => "passing",
            Kind::Internal => "internal",
        };
        let told = json!({ "kind": kind, "message": error.message(), "hints": error.hints() });
        let mut object = json!({ "format": "billkeep.error/1", "error": told });
        if let Some(object) = object.as_object_mut().filter(|_| !data.is_null()) {
            object.insert("said".into(), said.into());
            object.insert("data".into(), data.clone());
        }
        let answer = Answer::json(status, &object);
        if status == 503 { answer.with("retry-after", "5".into()) } else { answer }
    }
}

const JSON: &str = "application/json";

/// Returns the HTTP status of an error.
fn status_of(error: &CommandError) -> u16 {
    match error.kind() {
        _ if error.is_forbidden() => 403,
        _ if error.is_absent() => 404,
        _ if error.is_too_large() => 413,
        Kind::User => 400,
        // Damage is found, not made, by whoever looks for it.
        // A file that waits is not in the bill: who asked for that must not take it for done.
        Kind::Refused | Kind::Pending | Kind::Damaged => 409,
        Kind::Transient => 503,
        Kind::Internal => 500,
    }
}

/// `serve`: runs until somebody asks to stop.
pub(crate) fn run(context: &Context, mut serve: Serve) -> Result<(), CommandError> {
    if serve.own_address {
        serve.listen.set_ip(own_address(serve.listen.ip())?);
    }
    let mut context = context.clone();
    if let Some(file) = &serve.clock {
        context.clock = Clock::of_file(file.clone())?;
    }
    let local = serve.listen.ip().is_loopback();
    if !local && serve.tls_cert.is_none() && !serve.insecure_plain_http {
        return Err(CommandError::user(format!(
            "{} is not this machine's own address, and what goes there can be read on the way",
            serve.listen
        ))
        .hint("give it a certificate with `--tls-cert FILE --tls-key FILE`")
        .hint("behind a proxy that has one, say `--insecure-plain-http`"));
    }
    let store = Arc::new(Store::open(&context.store, &context.options(), Access::Write)?);
    context = context.holding(store.clone());
    let actor = context.actor_name();
    let known = people::list(&store.read()?)?;
    if !local && known.is_empty() {
        return Err(CommandError::new(
            Kind::Refused,
            "whoever reaches another address than this machine's own could do everything",
        )
        .hint("`billkeep user set NAME --role admin` enters the first person"));
    }
    // With people in the store, deliveries are made in somebody's name too.
    people::permit(&store.read()?, &actor, Role::Operator)?;
    stop::listen()?;
    upload::clear_uploads(&context.stage());
    let failed = |e: std::io::Error| {
        CommandError::new(Kind::Internal, format!("cannot listen at {}: {e}", serve.listen))
            .hint("another program may have that port; name another with `--listen`")
    };
    let listener = TcpListener::bind(serve.listen).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let url = gate::url(&serve, address);
    let left = Served {
        url: url.clone(),
        actor: actor.clone(),
        has_scheduler: !serve.no_scheduler,
        ..Served::default()
    };
    let word = Word::leave(&context.store, left).unwrap_or_else(|e| {
        context.say(&format!(
            "warning: beside the store nothing can be written ({e}): `status` does not know of this console"
        ));
        None
    });
    let console = Arc::new(Console {
        hosts: gate::hosts(&serve, address),
        tls: serve.tls_cert.is_some(),
        sessions: Sessions::new(),
        rollups: rollups::Rollups::new(),
        upload_bytes_max: serve.upload_mib.saturating_mul(1 << 20),
        uploads: Arc::default(),
        looks: Arc::default(),
        sink_folders: serve.sink_folders.clone(),
        url,
        actor: Mutex::new(actor.clone()),
        word,
        context,
        store,
    });
    let result = server::run(&console, &serve, listener, &actor);
    // Whoever still reads keeps the store open; what was committed is durable without closing it.
    if let Ok(console) = Arc::try_unwrap(console) {
        let Console { store, context, word, .. } = console;
        drop((context, word));
        if let Ok(store) = Arc::try_unwrap(store) {
            store.close()?;
        }
    }
    result
}

/// Draws an address of this machine that no other program has by habit. A cookie goes to every port of a host: so the host is
/// another one.
fn own_address(asked: IpAddr) -> Result<IpAddr, CommandError> {
    if !asked.is_loopback() {
        return Err(CommandError::user(format!(
            "`--own-address` is for this machine alone, and `--listen` names {asked}"
        )));
    }
    let mut bytes = [0_u8; 3];
    getrandom::fill(&mut bytes)
        .map_err(|e| CommandError::new(Kind::Internal, format!("this machine gives no random bytes: {e}")))?;
    // Neither 127.0.0.x, which others use, nor the last address of all.
    let [a, b, c] = bytes;
    Ok(IpAddr::from([127, a.max(1), b, c.clamp(1, 254)]))
}

/// Runs a command for somebody.
fn run_for(
    console: &Console,
    visitor: &Visitor,
    format: crate::args::Format,
    kept: &crate::output::Kept,
    command: crate::args::Command,
) -> Result<(), CommandError> {
    sinks::may_add(console, visitor, &command)?;
    let context = console.context.keeping(&visitor.name, format, kept);
    commands::run_in(&context, command).map(|_| ())
}

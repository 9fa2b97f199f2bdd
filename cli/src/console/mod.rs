//! The console: pages, the HTTP interface and the scheduler over one store, on this machine.
//!
//! A request that looks or changes is a command, said in another way ([`command_map`]): what it may do, what it does and what it answers
//! is decided where the command line's is. [`routes`] lists all there is. [`auth`] is passed by every request before anything
//! else. Handlers are plain functions that run on their own threads; [`server`] and [`upload`] alone are asynchronous.

mod acts;
mod answer;
mod auth;
mod changes;
mod charts;
mod command_map;
mod connection_slots;
mod connections;
mod cookies;
mod etags;
mod execute;
mod fields;
mod finish;
mod form;
mod handlers;
mod html;
mod idempotency;
mod json_shapes;
mod links;
mod openapi;
mod pages;
mod peer;
mod rollups;
mod route;
mod routes;
mod scheduler;
mod server;
mod session;
mod sinks;
mod state;
mod terms;
mod upload;
mod wire;
mod words;

use std::net::{IpAddr, TcpListener};
use std::sync::{Arc, Mutex};

use billkeep_core::error::Kind;

use crate::args::Serve;
use crate::clock::Clock;
use crate::context::Context;
use crate::error::CommandError;
use crate::served::{Served, ServedFile};
use crate::stop;

use billkeep_core::engine::{Access, Store};
use billkeep_core::partners::{Person, PersonRole};
use rollups::Rollups;
use session::Sessions;
use state::Console;

/// `serve`: runs until somebody asks to stop.
pub(crate) fn run(context: &Context, mut serve: Serve) -> Result<(), CommandError> {
    if serve.own_address {
        serve.listen.set_ip(own_address(serve.listen.ip())?);
    }
    let mut context = context.needing(PersonRole::Operator);
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
    let known = Person::list(&store.read()?)?;
    if !local && known.is_empty() {
        return Err(CommandError::new(
            Kind::Refused,
            "whoever reaches another address than this machine's own could do everything",
        )
        .hint("`billkeep user set NAME --role admin` enters the first person"));
    }
    // With people in the store, deliveries are made in somebody's name too.
    Person::permit(&store.read()?, &actor, PersonRole::Operator)?;
    stop::listen()?;
    upload::clear_uploads(&context.stage());
    let failed = |e: std::io::Error| {
        CommandError::new(Kind::Internal, format!("cannot listen at {}: {e}", serve.listen))
            .hint("another program may have that port; name another with `--listen`")
    };
    let listener = TcpListener::bind(serve.listen).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let url = auth::url(&serve, address);
    let left = Served {
        url: url.clone(),
        actor: actor.clone(),
        has_scheduler: !serve.no_scheduler,
        ..Served::default()
    };
    let word = ServedFile::leave(&context.store, left).unwrap_or_else(|e| {
        context.say(&format!(
            "warning: beside the store nothing can be written ({e}): `status` does not know of this console"
        ));
        None
    });
    let console = Arc::new(Console {
        hosts: auth::hosts(&serve, address),
        tls: serve.tls_cert.is_some(),
        sessions: Sessions::new(),
        rollups: Rollups::new(),
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

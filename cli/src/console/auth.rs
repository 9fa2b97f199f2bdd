//! What every request passes first: who may call this machine by which name, from which page, and as whom.
//!
//! A page of another site can have a browser send requests here. It cannot name another host than its own (the `Host` check is
//! against names that were made to point here), cannot hide where it comes from (`Origin`, `Sec-Fetch-Site`), is sent no cookie
//! (`SameSite=Strict`), and does not know the token that every form carries. Each alone would do; all are asked for.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use axum::http::{HeaderMap, header};

use super::answer::Answer;
use super::cookies::cookie;
use super::peer::PeerUser;
use super::route::Route;
use super::session::COOKIE;
use super::state::{Console, Visitor};
use super::words::{Words, filled};
use crate::args::Serve;
use crate::error::CommandError;
use crate::own_error;

use billkeep_core::partners::{Person, SecretHash};

/// Where a header has the token.
const CSRF_HEADER: &str = "x-csrf-token";

/// Returns the names by which browsers may call a server.
pub(super) fn hosts(serve: &Serve, address: SocketAddr) -> BTreeSet<String> {
    let port = address.port();
    let mut hosts: BTreeSet<String> = serve.hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
    hosts.insert(address.to_string());
    if address.ip().is_loopback() {
        hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(|name| format!("{name}:{port}")));
    }
    hosts
}

/// Returns where browsers find it: by the first name that was given, else by its address.
pub(super) fn url(serve: &Serve, address: SocketAddr) -> String {
    // Behind a proxy, browsers come by TLS as well.
    let is_tls = serve.tls_cert.is_some() || (serve.insecure_plain_http && !serve.hosts.is_empty());
    let host = serve.hosts.first().cloned().unwrap_or_else(|| address.to_string());
    format!("{}://{host}", if is_tls { "https" } else { "http" })
}

/// Why a request does not pass.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// By a name that is not this server's; none where there is none or more than one.
    Host(Option<String>),
    /// From a page of somebody else's.
    Origin,
    /// Without the token that this server's own pages have.
    Csrf,
    /// By nobody who has signed in.
    Unknown,
}

impl Denied {
    fn error(&self) -> CommandError {
        let user = CommandError::user;
        match self {
            Denied::Host(None) => CommandError::own(own_error::NO_HOST, &[]),
            Denied::Host(Some(host)) => CommandError::user(format!("the request is for `{host}`, which is not a name of this console"))
                .hint(format!("if that is its name, start it with `billkeep serve --host {host}`"))
                .hint("a proxy in front of it has to pass the `Host` that the browser sent: `proxy_set_header Host $host;` in nginx"),
            Denied::Origin => user("the request comes from a page of another site"),
            Denied::Csrf => user("the request lacks the token of its session; load the page again"),
            Denied::Unknown => CommandError::own(own_error::SIGN_IN, &[]),
        }
    }

    /// The same as what whoever asked may not do.
    pub(super) fn forbids(&self) -> CommandError {
        self.error().forbidden()
    }

    /// The same in the words of the pages, for whoever looks at one.
    pub(super) fn on_page(&self, words: &Words) -> CommandError {
        match self {
            Denied::Host(Some(host)) => CommandError::user(filled(words.stop_host, &[host]))
                .hint(filled(words.stop_host_option, &[host]))
                .hint(words.stop_host_proxy),
            Denied::Origin => CommandError::user(words.stop_origin).forbidden(),
            Denied::Csrf => CommandError::user(words.stop_csrf).forbidden(),
            Denied::Host(None) | Denied::Unknown => self.error(),
        }
    }

    pub(super) fn answer(&self) -> Answer {
        let status = match self {
            Denied::Host(None) => 400,
            Denied::Host(Some(_)) => 421,
            Denied::Origin | Denied::Csrf => 403,
            Denied::Unknown => 401,
        };
        let answer = Answer { status, ..Answer::error(&self.error()) };
        if status == 401 { answer.with("www-authenticate", "Bearer".into()) } else { answer }
    }
}

fn text(headers: &HeaderMap, name: impl axum::http::header::AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Checks names and pages: what is known before anything of the body is read.
pub(super) fn enter(
    console: &Console,
    route: &Route,
    headers: &HeaderMap,
    user: PeerUser,
) -> Result<Option<Visitor>, Denied> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(Denied::Host(None)) };
    let host = host.to_str().map_err(|_| Denied::Host(None))?.to_ascii_lowercase();
    // The page that tells a wrong name needs its style sheet.
    if !console.hosts.contains(&host) && !route.is_asset() {
        return Err(Denied::Host(Some(host)));
    }
    if route.is_change() {
        let own = format!("{}://{host}", if console.tls { "https" } else { "http" });
        let proxied = format!("https://{host}");
        if text(headers, header::ORIGIN).is_some_and(|origin| origin != own && origin != proxied)
            || headers.contains_key(header::ORIGIN) && text(headers, header::ORIGIN).is_none()
        {
            return Err(Denied::Origin);
        }
        if text(headers, "sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
            return Err(Denied::Origin);
        }
    }
    let visitor = visitor(console, headers, user);
    if visitor.is_none() && !route.is_open() {
        return Err(Denied::Unknown);
    }
    Ok(visitor)
}

fn visitor(console: &Console, headers: &HeaderMap, user: PeerUser) -> Option<Visitor> {
    let reader = console.store.read().ok()?;
    if let Some(authorization) = text(headers, header::AUTHORIZATION) {
        let (scheme, token) = authorization.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let person = Person::of_token(&reader, SecretHash::of(token.trim().as_bytes())).ok()??;
        return Some(Visitor { name: person.name, role: person.role, session: None });
    }
    let session = console.sessions.find(&cookie(headers, COOKIE)?, user, console.context.now_unix_s())?;
    // Looked up each time: a role that was taken away is gone at once.
    let name = session.name();
    let role = Person::role_of(&reader, &name).ok()?;
    session.is_of(Person::generation(&reader, &name).ok()?).then_some(())?;
    Some(Visitor { name, role, session: Some(session) })
}

/// Checks that a change has the token of its session. Programs have a token of their own, which no browser sends by itself.
pub(super) fn has_csrf(visitor: &Visitor, headers: &HeaderMap, in_form: Option<&str>) -> Result<(), Denied> {
    let Some(session) = &visitor.session else { return Ok(()) };
    let given = text(headers, CSRF_HEADER).or(in_form).unwrap_or_default();
    // Hashed, so that how long it takes tells nothing of the token.
    if SecretHash::of(given.as_bytes()) == SecretHash::of(session.csrf.as_bytes()) {
        Ok(())
    } else {
        Err(Denied::Csrf)
    }
}

//! Requests: which handler answers, and what goes back. With `connections.rs` and `upload.rs` the asynchronous rooms of the console: every handler runs on a thread of its own kind.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body as HttpBody, to_bytes};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{DefaultBodyLimit, RawPathParams, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use billkeep_core::error::Kind;
use billkeep_core::people::Role;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use super::body::{merge, pairs};
use super::connections::{STOP_STEP, accept, tls};
use super::form;
use super::gate::{self, CSRF_FIELD, Stop};
use super::once::once;
use super::peer::User;
use super::places::Held;
use super::routes::{API, Does, Method, ROUTES, Route};
use super::say::{Fields, Saying};
use super::session::Flash;
use super::upload::{FILE, Sending, Sent, upload};
use super::words::Language;
use super::{Answer, Ask, Body, Console, Visitor, run_for, scheduler};
use crate::args::{Format, Serve};
use crate::error::CommandError;
use crate::output::Kept;

/// How long a client may take to send a body that is no file.
const BODY_WAIT: Duration = Duration::from_secs(10);
/// The largest body that is no file.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Handlers that run at a time.
const HANDLERS: usize = 16;

/// What every answer carries. Nothing of a page comes from elsewhere, and nothing in it is a script.
const HEADERS: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    ("cache-control", "no-store"),
];

/// Serves until somebody asks to stop, and then until what runs has ended.
pub(super) fn run(
    console: &Arc<Console>,
    serve: &Serve,
    listener: std::net::TcpListener,
    actor: &str,
) -> Result<(), CommandError> {
    let tls = tls(serve)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(HANDLERS)
        .enable_all()
        .build()
        .map_err(|e| failed("threads cannot be started", &e))?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).map_err(|e| failed("cannot listen", &e))?;
        let scheduler = if serve.no_scheduler { None } else { Some(scheduler::start(console.clone())?) };
        tell(console, serve, actor)?;
        accept(router(console.clone()), listener, tls).await;
        if let Some(scheduler) = scheduler {
            // What is being delivered comes to a point at which it goes on another time.
            let _ = tokio::task::spawn_blocking(move || scheduler.join()).await;
        }
        Ok::<(), CommandError>(())
    })?;
    runtime.shutdown_timeout(STOP_STEP);
    Ok(())
}

fn failed(what: &str, why: &dyn std::fmt::Display) -> CommandError {
    CommandError::new(Kind::Internal, format!("{what}: {why}"))
}

/// Says where the console is, and how to get in.
fn tell(console: &Console, serve: &Serve, actor: &str) -> Result<(), CommandError> {
    let url = &console.url;
    let link = console.sessions.first_link(actor)?;
    // Asked for, and so data: a program that starts the console reads it.
    console.context.data(format!("{url}/sign-in?link={link}\n").as_bytes())?;
    console.context.say(&format!("The console is at {url}; the link above signs `{actor}` in, once."));
    console.context.say(if serve.no_scheduler {
        "What is due is not delivered from here. Ctrl-C stops."
    } else {
        "What is due is delivered at its hour. Ctrl-C stops."
    });
    Ok(())
}

/// The values in a path; none where they are no text.
type Params = Result<RawPathParams, RawPathParamsRejection>;

fn router(console: Arc<Console>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let filter = match route.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
        };
        for path in route.paths() {
            let handler = move |State(console): State<Arc<Console>>, params: Params, request: Request| {
                handle(console, route, params, request)
            };
            router = router.route(&path, on(filter, handler));
        }
    }
    router
        .fallback(nothing)
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::disable())
        .with_state(console)
}

/// A route for what has none.
const NOWHERE: &Route = &Route { method: Method::Get, path: "/", does: Does::Page(super::pages::nothing) };

/// Tells that there is nothing, to whoever may know: names are checked as everywhere.
async fn nothing(State(console): State<Arc<Console>>, request: Request) -> Response {
    let api = request.uri().path().starts_with(API);
    match gate::enter(&console, NOWHERE, request.headers(), user(&request)) {
        Err(stop) => respond(refuse(&console, &stop, &request, api)),
        Ok(_) if api => respond(Answer::error(&CommandError::user("there is nothing at this path").absent())),
        Ok(visitor) => {
            let ask = bare(visitor, &request);
            respond(super::pages::nothing(&console, &ask).unwrap_or_else(|e| Answer::error(&e)))
        }
    }
}

async fn not_so(State(console): State<Arc<Console>>, request: Request) -> Response {
    if let Err(stop @ Stop::Host(_)) = gate::enter(&console, NOWHERE, request.headers(), user(&request)) {
        let api = request.uri().path().starts_with(API);
        return respond(refuse(&console, &stop, &request, api));
    }
    let error = CommandError::user("this path is not asked for in that way");
    respond(Answer { status: 405, ..Answer::error(&error) })
}

/// Refuses a request: a browser is shown a page, a program is told what programs read.
fn refuse(console: &Console, stop: &Stop, request: &Request, api: bool) -> Answer {
    let accepts = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let is_browser = accepts.is_some_and(|accepts| accepts.contains("text/html"));
    match stop {
        Stop::Unknown if !api => Answer::see("/sign-in"),
        Stop::Host(_) if !api && is_browser => {
            let ask = bare(None, request);
            let page = super::pages::failed(console, &ask, &stop.on_page(ask.language.words()));
            Answer { status: stop.answer().status, ..page }
        }
        _ => stop.answer(),
    }
}

/// Returns who of this machine sends a request.
fn user(request: &Request) -> User {
    request.extensions().get().copied().unwrap_or_default()
}

/// A request for a page that needs no values.
fn bare(visitor: Option<Visitor>, request: &Request) -> Ask {
    let (language, target) = (Language::of(request.headers()), request.uri().path().to_owned());
    let user = user(request);
    Ask {
        fields: Fields::new(),
        visitor,
        user,
        language,
        target,
        sent_sha256: Vec::new(),
        back: came_from(request),
    }
}

/// The page of this server from which a request came: an error leads back there.
fn came_from(request: &Request) -> Option<String> {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let (_, rest) = text(header::REFERER)?.split_once("://")?;
    let path = rest.strip_prefix(text(header::HOST)?)?;
    (is_local(path) && path != request.uri().path()).then(|| path.to_owned())
}

async fn handle(console: Arc<Console>, route: &'static Route, params: Params, request: Request) -> Response {
    let api = request.uri().path().starts_with(API);
    let visitor = match gate::enter(&console, route, request.headers(), user(&request)) {
        Ok(visitor) => visitor,
        Err(stop) => return respond(refuse(&console, &stop, &request, api)),
    };
    if let (Some(_), Some(held)) = (&visitor, request.extensions().get::<Held>()) {
        held.is_of_somebody();
    }
    // A browser is shown a page of what went wrong, not what programs read.
    let plain = bare(visitor.clone(), &request);
    respond(match answer(console.clone(), route, params, request, visitor, api).await {
        Ok(answer) => answer,
        Err(error) if api => Answer::error(&error),
        Err(error) => super::pages::failed(&console, &plain, &error),
    })
}

async fn answer(
    console: Arc<Console>,
    route: &'static Route,
    params: Params,
    request: Request,
    visitor: Option<Visitor>,
    api: bool,
) -> Result<Answer, CommandError> {
    let user = user(&request);
    let headers = request.headers().clone();
    let uri = request.uri().clone();
    let target = uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string);
    let mut fields = pairs(uri.query().unwrap_or_default().as_bytes());
    let params = params.map_err(|_| CommandError::user("the path is no text"))?;
    for (name, value) in &params {
        fields.insert(name.to_owned(), vec![value.to_owned()]);
    }
    let mut held: Vec<Sent> = Vec::new();
    if route.is_change() {
        // A form has its token among its fields; a file is not read before it was seen.
        if let Some(visitor) = visitor.as_ref().filter(|_| api) {
            gate::has_csrf(visitor, &headers, None).map_err(|stop| stop.forbids())?;
        }
        if let Does::Upload(saying) = &route.does {
            let sending = Sending { saying, visitor: visitor.as_ref(), headers: &headers, is_api: api };
            held = upload(&console, &sending, request, &mut fields).await?;
            // Whatever the sender says: the files are those that were received.
            let paths = held.iter().map(|sent| sent.path.to_string_lossy().into_owned()).collect();
            fields.insert(FILE.into(), paths);
        } else {
            let body = tokio::time::timeout(BODY_WAIT, to_bytes(request.into_body(), BODY_BYTES_MAX))
                .await
                .map_err(|_| CommandError::user("the body takes too long to come"))?
                .map_err(|e| {
                    CommandError::user(format!(
                        "the body cannot be read, or has more than {BODY_BYTES_MAX} bytes: {e}"
                    ))
                })?;
            merge(&mut fields, &headers, &body)?;
            if let (Some(visitor), false) = (&visitor, api) {
                let given = fields.remove(CSRF_FIELD).and_then(|mut values| values.pop());
                gate::has_csrf(visitor, &headers, given.as_deref())
                    .map_err(|stop| stop.on_page(Language::of(&headers).words()))?;
            }
        }
    }
    let language = Language::of(&headers);
    let sent_sha256 = held.iter().map(|sent| billkeep_core::digest::hex(&sent.sha256)).collect();
    let ask = Ask { fields, visitor, user, language, target, sent_sha256, back: None };
    let work = move || {
        let result = dispatch(&console, route, ask, &headers, api);
        drop(held);
        result
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(CommandError::new(
            Kind::Internal,
            "the program has failed at this request; its error output tells where",
        ))
    })
}

fn dispatch(
    console: &Console,
    route: &'static Route,
    ask: Ask,
    headers: &HeaderMap,
    api: bool,
) -> Result<Answer, CommandError> {
    match &route.does {
        Does::Page(handler) => {
            let visitor = ask.visitor()?;
            let context = console.context.keeping(&visitor.name, Format::Json, &Kept::default());
            context.needing(Role::Viewer).read()?;
            handler(console, &ask)
        }
        Does::Open(handler) | Does::Special(_, handler) => handler(console, &ask),
        Does::Look(saying) => look(console, saying, &ask, headers),
        Does::Change(saying) | Does::Upload(saying) if api => once(console, route, saying, ask, headers),
        Does::Change(saying) => from_form(console, route, saying, ask),
        Does::Upload(saying) => files_from_form(console, route, saying, ask),
        Does::Act(saying, more, handler) => {
            let mut ask = ask;
            let said = form::take(&mut ask.fields);
            form::check(&form::Whose { route, saying, more }, ask.language.words(), &said, &mut ask.fields)?;
            ask.back = said.back.filter(|back| is_local(back));
            handler(console, &ask)
        }
    }
}

fn look(console: &Console, saying: &Saying, ask: &Ask, headers: &HeaderMap) -> Result<Answer, CommandError> {
    let kept = Kept::default();
    run_for(console, ask.visitor()?, Format::Json, &kept, saying.command(&ask.fields)?)?;
    let data = kept.take_data();
    let mut tag: String = billkeep_core::digest::hex(&Sha256::digest(&data)).chars().take(32).collect();
    if saying.words == ["bill", "show"] && ask.get("revision").is_none() {
        // Such a tag is what an `If-Match` of a change compares.
        let bill = super::special::bill_tag(console, ask.get("month").unwrap_or_default(), ask.get("basis"))?;
        tag = format!("{bill}-{tag}");
    }
    let tag = format!("\"{tag}\"");
    let same =
        headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).is_some_and(|known| {
            let is = |known: &str| known == "*" || known.trim_start_matches("W/") == tag;
            known.split(',').any(|known| is(known.trim()))
        });
    let answer = if same { Answer::new(304, super::JSON, "") } else { Answer::new(200, super::JSON, data) };
    Ok(answer.with("etag", tag))
}

/// Has a command change something, and tells what it said.
pub(super) fn change(console: &Console, saying: &Saying, ask: &Ask) -> Result<Answer, CommandError> {
    let kept = Kept::default();
    let result = run_for(console, ask.visitor()?, Format::Json, &kept, saying.command(&ask.fields)?);
    let data: Value = serde_json::from_slice(&kept.take_data()).unwrap_or(Value::Null);
    let said = kept.take_words();
    match result {
        // Something came of it all the same: which files are missing, say, or that one waits for a decision.
        Err(error) if !data.is_null() => return Ok(Answer::error_with(&error, &said, &data)),
        result => result?,
    }
    Ok(Answer::json(200, &json!({ "format": "billkeep.changed/1", "said": said, "data": data })))
}

/// Has a page's form change something; the page after it tells what came of it.
fn from_form(
    console: &Console,
    route: &Route,
    saying: &Saying,
    mut ask: Ask,
) -> Result<Answer, CommandError> {
    let said = form::take(&mut ask.fields);
    let (back, ending) = (said.back.clone(), said.failed.clone());
    let [back, ending] = [back, ending].map(|to| to.filter(|to| is_local(to)));
    let visitor = ask.visitor()?.clone();
    let (kept, words) = (Kept::tables(), ask.language.words());
    let result = form::check(&form::Whose { route, saying, more: &[] }, words, &said, &mut ask.fields)
        .and_then(|()| saying.command(&ask.fields))
        .and_then(|command| run_for(console, &visitor, Format::Table, &kept, command));
    let mut flash = Flash { said: kept.take_words(), tables: kept.take_tables(), ..Flash::default() };
    let failed = ended(result, ask.language, &mut flash)?;
    if let Some(session) = &visitor.session {
        session.leave(flash);
    }
    Ok(Answer::see(&match (failed, ending, back) {
        (true, Some(ending), _) => ending,
        (_, _, back) => back.unwrap_or_else(|| "/".to_owned()),
    }))
}

/// Keeps for the next page how something ended; says whether it failed. Who may not do it at all is told at once.
pub(super) fn ended(
    result: Result<(), CommandError>,
    language: Language,
    flash: &mut Flash,
) -> Result<bool, CommandError> {
    match result {
        Ok(()) => Ok(false),
        Err(error) if error.is_forbidden() => Err(error),
        // What can be done about it is on a page.
        Err(error) if error.kind() == Kind::Pending => {
            flash.pending.push(error.told(language).0);
            Ok(true)
        }
        Err(error) => {
            flash.failed.push(error.told(language));
            Ok(true)
        }
    }
}

/// Imports the files of a page's form, in the order of their days, and tells of each what came of it.
fn files_from_form(
    console: &Console,
    route: &Route,
    saying: &Saying,
    mut ask: Ask,
) -> Result<Answer, CommandError> {
    let said = form::take(&mut ask.fields);
    let visitor = ask.visitor()?.clone();
    let (mut flash, words) = (Flash::default(), ask.language.words());
    let whole = form::check(&form::Whose { route, saying, more: &[] }, words, &said, &mut ask.fields);
    if !ended(whole, ask.language, &mut flash)? {
        let files: Vec<PathBuf> =
            ask.fields.remove(FILE).unwrap_or_default().into_iter().map(PathBuf::from).collect();
        for file in crate::commands::in_order(&files) {
            let mut fields = ask.fields.clone();
            fields.insert(FILE.into(), vec![file.to_string_lossy().into_owned()]);
            let kept = Kept::tables();
            let result = saying
                .command(&fields)
                .and_then(|command| run_for(console, &visitor, Format::Table, &kept, command));
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let result = result.map_err(|error| if files.len() > 1 { error.about(&name) } else { error });
            flash.said.extend(kept.take_words());
            flash.tables.extend(kept.take_tables());
            ended(result, ask.language, &mut flash)?;
        }
    }
    if let Some(session) = &visitor.session {
        session.leave(flash);
    }
    let back = said.back.filter(|back| is_local(back));
    Ok(Answer::see(&back.unwrap_or_else(|| "/import".to_owned())))
}

/// Says whether it is a path of this server: no page sends people elsewhere.
pub(super) fn is_local(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && path.bytes().all(|b| b.is_ascii_graphic())
}

fn respond(answer: Answer) -> Response {
    let body = match answer.body {
        Body::Whole(bytes) => HttpBody::from(bytes),
        Body::Stream(first, pieces) => {
            let next = |(first, mut pieces): (Option<_>, tokio::sync::mpsc::Receiver<_>)| async {
                let piece = match first {
                    Some(first) => Ok(first),
                    None => pieces.recv().await?,
                };
                Some((piece, (None, pieces)))
            };
            HttpBody::from_stream(futures_util::stream::unfold((Some(first), pieces), next))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            let name = HeaderName::from_static(name);
            // A cookie beside another one; everything else once.
            if name == header::SET_COOKIE {
                headers.append(name, value);
            } else {
                headers.insert(name, value);
            }
        }
    }
    response
}

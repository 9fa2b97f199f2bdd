//! Requests: which handler answers, and what goes back. With `connections.rs` and `upload.rs` the asynchronous rooms of the console: every handler runs on a thread of its own kind.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body as HttpBody, to_bytes};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{DefaultBodyLimit, RawPathParams, Request as HttpRequest, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use billkeep_core::error::Kind;

use tokio::net::TcpListener;

use super::answer::{Answer, Body};
use super::auth::{self, Denied};
use super::changes::{files_from_form, from_form, query};
use super::connection_slots::HeldSlot;
use super::connections::{STOP_STEP, accept, tls};
use super::fields::{CSRF_FIELD, FILE, Fields, merge, pairs};
use super::idempotency::once;
use super::links::is_local;
use super::pages::common;
use super::peer::PeerUser;
use super::route::{API, Action, Method, Route};
use super::routes::ROUTES;
use super::state::{Console, Request, Visitor};
use super::upload::{Sending, Sent, upload};
use super::words::Language;
use super::{form, openapi, scheduler};
use crate::args::{Format, Serve};
use crate::error::CommandError;
use crate::output::Captured;
use crate::own_error;
use billkeep_core::partners::PersonRole;
use billkeep_core::values;

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
            let handler = move |State(console): State<Arc<Console>>, params: Params, http: HttpRequest| {
                handle(console, route, params, http)
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
const NOWHERE: &Route = &Route { method: Method::Get, path: "/", action: Action::Page(common::nothing) };

/// Tells that there is nothing, to whoever may know: names are checked as everywhere.
async fn nothing(State(console): State<Arc<Console>>, http: HttpRequest) -> Response {
    let api = http.uri().path().starts_with(API);
    match auth::enter(&console, NOWHERE, http.headers(), user(&http)) {
        Err(denied) => respond(refuse(&console, &denied, &http, api)),
        Ok(_) if api => respond(Answer::error(&CommandError::user("there is nothing at this path").absent())),
        Ok(visitor) => {
            let request = bare(visitor, &http);
            respond(common::nothing(&console, &request).unwrap_or_else(|e| Answer::error(&e)))
        }
    }
}

async fn not_so(State(console): State<Arc<Console>>, http: HttpRequest) -> Response {
    if let Err(denied @ Denied::Host(_)) = auth::enter(&console, NOWHERE, http.headers(), user(&http)) {
        let api = http.uri().path().starts_with(API);
        return respond(refuse(&console, &denied, &http, api));
    }
    let error = CommandError::user("this path is not asked for in that way");
    respond(Answer { status: 405, ..Answer::error(&error) })
}

/// Refuses a request: a browser is shown a page, a program is told what programs read.
fn refuse(console: &Console, denied: &Denied, http: &HttpRequest, api: bool) -> Answer {
    let accepts = http.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let is_browser = accepts.is_some_and(|accepts| accepts.contains("text/html"));
    match denied {
        Denied::Unknown if !api => Answer::see("/sign-in"),
        Denied::Host(_) if !api && is_browser => {
            let request = bare(None, http);
            let page = common::failed(console, &request, &denied.on_page(request.language.words()));
            Answer { status: denied.answer().status, ..page }
        }
        _ => denied.answer(),
    }
}

/// Returns who of this machine sends a request.
fn user(http: &HttpRequest) -> PeerUser {
    http.extensions().get().copied().unwrap_or_default()
}

/// A request for a page that needs no values.
fn bare(visitor: Option<Visitor>, http: &HttpRequest) -> Request {
    let (language, target) = (Language::of(http.headers()), http.uri().path().to_owned());
    let user = user(http);
    Request {
        fields: Fields::new(),
        visitor,
        user,
        language,
        target,
        sent_sha256: Vec::new(),
        back: came_from(http),
    }
}

/// The page of this server from which a request came: an error leads back there.
fn came_from(http: &HttpRequest) -> Option<String> {
    let text = |name| http.headers().get(name).and_then(|value| value.to_str().ok());
    let (_, rest) = text(header::REFERER)?.split_once("://")?;
    let path = rest.strip_prefix(text(header::HOST)?)?;
    (is_local(path) && path != http.uri().path()).then(|| path.to_owned())
}

async fn handle(console: Arc<Console>, route: &'static Route, params: Params, http: HttpRequest) -> Response {
    let api = http.uri().path().starts_with(API);
    let visitor = match auth::enter(&console, route, http.headers(), user(&http)) {
        Ok(visitor) => visitor,
        Err(denied) => return respond(refuse(&console, &denied, &http, api)),
    };
    if let (Some(_), Some(held)) = (&visitor, http.extensions().get::<HeldSlot>()) {
        held.is_of_somebody();
    }
    // A browser is shown a page of what went wrong, not what programs read.
    let plain = bare(visitor.clone(), &http);
    respond(match answer(console.clone(), route, params, http, visitor, api).await {
        Ok(answer) => answer,
        Err(error) if api => Answer::error(&error),
        Err(error) => common::failed(&console, &plain, &error),
    })
}

async fn answer(
    console: Arc<Console>,
    route: &'static Route,
    params: Params,
    http: HttpRequest,
    visitor: Option<Visitor>,
    api: bool,
) -> Result<Answer, CommandError> {
    let user = user(&http);
    let headers = http.headers().clone();
    let uri = http.uri().clone();
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
            auth::has_csrf(visitor, &headers, None).map_err(|denied| denied.forbids())?;
        }
        if let Action::Upload(spec) = &route.action {
            let sending = Sending { spec, visitor: visitor.as_ref(), headers: &headers, is_api: api };
            held = upload(&console, &sending, http, &mut fields).await?;
            // Whatever the sender says: the files are those that were received.
            let paths = held.iter().map(|sent| sent.path.to_string_lossy().into_owned()).collect();
            fields.insert(FILE.into(), paths);
        } else {
            let body = tokio::time::timeout(BODY_WAIT, to_bytes(http.into_body(), BODY_BYTES_MAX))
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
                auth::has_csrf(visitor, &headers, given.as_deref())
                    .map_err(|denied| denied.on_page(Language::of(&headers).words()))?;
            }
        }
    }
    let language = Language::of(&headers);
    let sent_sha256 = held.iter().map(|sent| values::hex(&sent.sha256)).collect();
    let request = Request { fields, visitor, user, language, target, sent_sha256, back: None };
    let work = move || {
        let result = dispatch(&console, route, request, &headers, api);
        drop(held);
        result
    };
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(CommandError::own(own_error::REQUEST_FAILED, &[])))
}

fn dispatch(
    console: &Console,
    route: &'static Route,
    request: Request,
    headers: &HeaderMap,
    api: bool,
) -> Result<Answer, CommandError> {
    match &route.action {
        Action::Page(handler) => {
            let visitor = request.visitor()?;
            let context = console.context.keeping(&visitor.name, Format::Json, &Captured::default());
            context.needing(PersonRole::Viewer).read()?;
            handler(console, &request)
        }
        Action::Open(handler) | Action::Custom(_, handler) => handler(console, &request),
        Action::OpenApi => Ok(Answer::json(200, &openapi::document(ROUTES))),
        Action::Query(spec) => query(console, spec, &request, headers),
        Action::Change(spec) | Action::Upload(spec) if api => once(console, route, spec, request, headers),
        Action::Change(spec) => from_form(console, route, spec, request),
        Action::Upload(spec) => files_from_form(console, route, spec, request),
        Action::Form(spec, more, handler) => {
            let mut request = request;
            let said = form::take(&mut request.fields);
            form::check(
                &form::FormSource { route, spec, more },
                request.language.words(),
                &said,
                &mut request.fields,
            )?;
            request.back = said.back.filter(|back| is_local(back));
            handler(console, &request)
        }
    }
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

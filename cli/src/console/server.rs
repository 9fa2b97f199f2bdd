//! Connections, requests and bodies. With `upload.rs` the one asynchronous room of the console: every handler runs on a thread of its own kind.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
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
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::gate::{self, CSRF_FIELD, Stop};
use super::once::once;
use super::routes::{API, Does, Method, ROUTES, Route};
use super::say::{Fields, Saying};
use super::session::Flash;
use super::upload::{FILE, upload};
use super::words::Language;
use super::{Answer, Ask, Body, Console, Visitor, run_for, scheduler};
use crate::args::{Format, Serve};
use crate::error::CommandError;
use crate::output::Kept;
use crate::stop;

/// Connections at a time; more wait to be accepted.
const CONNECTIONS_MAX: usize = 256;
/// How long a client may take to send a request's head.
const HEAD_WAIT: Duration = Duration::from_secs(10);
/// How long a client may take to send a body that is no file.
const BODY_WAIT: Duration = Duration::from_secs(10);
/// The largest body that is no file.
const BODY_BYTES_MAX: usize = 1 << 20;
/// How long requests that run are waited for when the program ends.
const END_WAIT: Duration = Duration::from_secs(5);
/// Handlers that run at a time.
const HANDLERS: usize = 16;
const STOP_STEP: Duration = Duration::from_millis(100);

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
        let address = listener.local_addr().map_err(|e| failed("cannot listen", &e))?;
        tell(console, serve, actor, address)?;
        let scheduler = (!serve.no_scheduler).then(|| scheduler::start(console.clone(), actor));
        accept(console.clone(), listener, tls).await;
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
fn tell(console: &Console, serve: &Serve, actor: &str, address: SocketAddr) -> Result<(), CommandError> {
    let scheme = if console.tls { "https" } else { "http" };
    let url = format!("{scheme}://{address}");
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

fn tls(serve: &Serve) -> Result<Option<TlsAcceptor>, CommandError> {
    use pki_types::pem::PemObject;
    use tokio_rustls::rustls::{ServerConfig, crypto, pki_types};
    let (Some(cert), Some(key)) = (&serve.tls_cert, &serve.tls_key) else { return Ok(None) };
    let wrong =
        |path: &Path, why: &dyn std::fmt::Display| CommandError::user(format!("`{}`: {why}", path.display()));
    only_ours(key)?;
    let chain = pki_types::CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| wrong(cert, &e))?;
    let secret = pki_types::PrivateKeyDer::from_pem_file(key).map_err(|e| wrong(key, &e))?;
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret))
        .map_err(|e| wrong(cert, &e))?;
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

/// A key that others can read is nobody's.
fn only_ours(path: &Path) -> Result<(), CommandError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path)
            .map_err(|e| CommandError::user(format!("`{}`: {e}", path.display())))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(CommandError::user(format!("`{}` can be read by others", path.display()))
                .hint(format!("`chmod 600 {}`", path.display())));
        }
    }
    Ok(())
}

async fn accept(console: Arc<Console>, listener: TcpListener, tls: Option<TlsAcceptor>) {
    let router = router(console);
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (end, ended) = watch::channel(());
    loop {
        let Ok(place) = room.clone().acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = asked_to_stop() => break,
        };
        let Ok((stream, _)) = accepted else {
            // No more files can be opened, or the client has gone: the next one may do better.
            tokio::time::sleep(STOP_STEP).await;
            continue;
        };
        let (router, tls, ended) = (router.clone(), tls.clone(), ended.clone());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            match tls {
                None => serve_one(stream, router, ended).await,
                Some(tls) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(HEAD_WAIT, tls.accept(stream)).await {
                        serve_one(stream, router, ended).await;
                    }
                }
            }
            drop(place);
        });
    }
    drop(ended);
    let _ = end.send(());
    // All others have dropped their end once their connections are closed.
    let _ = tokio::time::timeout(END_WAIT, end.closed()).await;
}

async fn asked_to_stop() {
    while !stop::is_asked() {
        tokio::time::sleep(STOP_STEP).await;
    }
}

async fn serve_one(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    mut ended: watch::Receiver<()>,
) {
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = ended.changed() => connection.as_mut().graceful_shutdown(),
    }
    // What was begun is answered; a client that waits for nothing is let go.
    let _ = tokio::time::timeout(END_WAIT, connection).await;
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
    match gate::enter(&console, NOWHERE, request.headers()) {
        Err(stop) => respond(refuse(&stop, api)),
        Ok(_) if api => respond(Answer::error(&CommandError::user("there is nothing at this path").absent())),
        Ok(visitor) => {
            let ask = bare(visitor, &request);
            respond(super::pages::nothing(&console, &ask).unwrap_or_else(|e| Answer::error(&e)))
        }
    }
}

async fn not_so(State(console): State<Arc<Console>>, request: Request) -> Response {
    if let Err(stop @ Stop::Host) = gate::enter(&console, NOWHERE, request.headers()) {
        return respond(stop.answer());
    }
    let error = CommandError::user("this path is not asked for in that way");
    respond(Answer { status: 405, ..Answer::error(&error) })
}

fn refuse(stop: &Stop, api: bool) -> Answer {
    if *stop == Stop::Unknown && !api { Answer::see("/sign-in") } else { stop.answer() }
}

/// A request for a page that needs no values.
fn bare(visitor: Option<Visitor>, request: &Request) -> Ask {
    let (language, target) = (Language::of(request.headers()), request.uri().path().to_owned());
    Ask { fields: Fields::new(), visitor, language, target, sent_sha256: None }
}

async fn handle(console: Arc<Console>, route: &'static Route, params: Params, request: Request) -> Response {
    let api = request.uri().path().starts_with(API);
    let visitor = match gate::enter(&console, route, request.headers()) {
        Ok(visitor) => visitor,
        Err(stop) => return respond(refuse(&stop, api)),
    };
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
    let headers = request.headers().clone();
    let uri = request.uri().clone();
    let target = uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string);
    let mut fields = pairs(uri.query().unwrap_or_default().as_bytes());
    let params = params.map_err(|_| CommandError::user("the path is no text"))?;
    for (name, value) in &params {
        fields.insert(name.to_owned(), vec![value.to_owned()]);
    }
    let mut held = None;
    if route.is_change() {
        // A form has its token among its fields; a file is not read before it was seen.
        if let Some(visitor) = visitor.as_ref().filter(|_| api) {
            gate::has_csrf(visitor, &headers, None).map_err(|stop| stop.forbids())?;
        }
        if matches!(route.does, Does::Upload(_)) {
            let sent = upload(&console, visitor.as_ref(), &headers, request, &mut fields, api).await?;
            // Whatever the sender says: the file is the one that was received.
            fields.insert(FILE.into(), vec![sent.path.to_string_lossy().into_owned()]);
            held = Some(sent);
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
                gate::has_csrf(visitor, &headers, given.as_deref()).map_err(|stop| stop.forbids())?;
            }
        }
    }
    let language = Language::of(&headers);
    let sent_sha256 = held.as_ref().map(|sent| billkeep_core::digest::hex(&sent.sha256));
    let ask = Ask { fields, visitor, language, target, sent_sha256 };
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
        Does::Change(saying) | Does::Upload(saying) => from_form(console, saying, ask),
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
fn from_form(console: &Console, saying: &Saying, mut ask: Ask) -> Result<Answer, CommandError> {
    let back = ask.fields.remove("back").and_then(|mut values| values.pop()).filter(|back| is_local(back));
    let ending =
        ask.fields.remove("failed").and_then(|mut values| values.pop()).filter(|back| is_local(back));
    let kept = Kept::tables();
    let visitor = ask.visitor()?.clone();
    let result = saying
        .command(&ask.fields)
        .and_then(|command| run_for(console, &visitor, Format::Table, &kept, command));
    let failed = match result {
        Ok(()) => None,
        Err(error) if error.is_forbidden() => return Err(error),
        Err(error) => Some((error.message().to_owned(), error.hints().to_vec())),
    };
    let to = match (&failed, ending, back) {
        (Some(_), Some(ending), _) => ending,
        (_, _, back) => back.unwrap_or_else(|| "/".to_owned()),
    };
    if let Some(session) = &visitor.session {
        session.leave(Flash { said: kept.take_words(), tables: kept.take_tables(), failed });
    }
    Ok(Answer::see(&to))
}

/// Says whether it is a path of this server: no page sends people elsewhere.
pub(super) fn is_local(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && path.bytes().all(|b| b.is_ascii_graphic())
}

/// Reads `name=value&…`.
fn pairs(text: &[u8]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in url::form_urlencoded::parse(text) {
        fields.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    fields
}

/// Adds a body's values to those of path and query, which it cannot change.
fn merge(fields: &mut Fields, headers: &HeaderMap, body: &[u8]) -> Result<(), CommandError> {
    let of_path = fields.clone();
    let is = |kind: &str| {
        let value =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(';').next().is_some_and(|value| value.trim().eq_ignore_ascii_case(kind))
    };
    let given = if is("application/x-www-form-urlencoded") {
        pairs(body)
    } else if is("application/json") {
        of_json(body)?
    } else if body.is_empty() {
        Fields::new()
    } else {
        return Err(CommandError::user("the body is neither JSON nor a form: say which with `Content-Type`"));
    };
    for (name, values) in given {
        if of_path.contains_key(&name) {
            return Err(CommandError::user(format!("`{name}` is in the path or the query already")));
        }
        fields.insert(name, values);
    }
    Ok(())
}

fn of_json(body: &[u8]) -> Result<Fields, CommandError> {
    if body.is_empty() {
        return Ok(Fields::new());
    }
    let value: BTreeMap<String, Value> = serde_json::from_slice(body)
        .map_err(|e| CommandError::user(format!("the body is no JSON object: {e}")))?;
    let text = |name: &str, value: Value| match value {
        Value::String(text) => Ok(text),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        _ => Err(CommandError::user(format!("`{name}` is neither text, a number nor true or false"))),
    };
    let mut fields = Fields::new();
    for (name, value) in value {
        let values = match value {
            Value::Null => continue,
            Value::Array(values) => {
                values.into_iter().map(|value| text(&name, value)).collect::<Result<Vec<_>, _>>()?
            }
            value => vec![text(&name, value)?],
        };
        fields.insert(name, values);
    }
    Ok(fields)
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

//! One request to addresses that somebody has looked at, with a body that may be read while it is sent.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Url};

use super::client::{Unread, builder, chain, read_body};

/// A body, with its length.
pub(crate) enum RequestBody {
    None,
    Bytes(Vec<u8>),
    Stream(u64, BoxStream<'static, std::io::Result<Bytes>>),
}

/// A request. Host and length are not among its headers: they follow from the rest.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(String, String)>,
    /// Where the connection goes, whatever the name stands for by now.
    pub(crate) addresses: &'a [SocketAddr],
    pub(crate) timeout: Duration,
    /// A longer answer is an error.
    pub(crate) answer_bytes_max: u64,
}

/// An answer.
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Why there is none.
#[derive(Debug)]
pub(crate) enum RequestError {
    /// It is no request.
    Request(String),
    Connect(String),
    Tls(String),
    TimedOut,
    TooLarge(u64),
    Other(String),
}

/// Sends a request.
pub(crate) async fn send(
    request: Request<'_>,
    body: RequestBody,
    ca: Option<&str>,
) -> Result<HttpAnswer, RequestError> {
    let client = client(&request, ca).map_err(RequestError::Other)?;
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|_| RequestError::Request(format!("`{}` is no method", request.method)))?;
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let wrong = || RequestError::Request(format!("`{name}` is no header, or its value is none"));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        headers.append(name, HeaderValue::from_str(value).map_err(|_| wrong())?);
    }
    let mut sending = client.request(method, request.url).headers(headers).timeout(request.timeout);
    sending = match body {
        RequestBody::None => sending,
        RequestBody::Bytes(bytes) => sending.body(bytes),
        RequestBody::Stream(bytes, stream) => {
            sending.header(CONTENT_LENGTH, bytes).body(reqwest::Body::wrap_stream(stream))
        }
    };
    let mut answer = sending.send().await.map_err(failed)?;
    let max = request.answer_bytes_max;
    if let Some(bytes) = answer.content_length().filter(|bytes| *bytes > max) {
        return Err(RequestError::TooLarge(bytes));
    }
    let status = answer.status().as_u16();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = answer.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let mut body = Vec::new();
    let bytes_max = usize::try_from(max).unwrap_or(usize::MAX);
    read_body(&mut answer, bytes_max, &mut body).await.map_err(|unread| match unread {
        Unread::TooLong(bytes) => RequestError::TooLarge(bytes),
        Unread::Broken(e) => failed(e),
    })?;
    Ok(HttpAnswer { status, headers, body })
}

fn client(request: &Request<'_>, ca: Option<&str>) -> Result<Client, String> {
    let mut builder = builder(ca)?.no_proxy().http1_only().pool_max_idle_per_host(0);
    if let Some(host) = request.url.host_str() {
        builder = builder.resolve_to_addrs(host, request.addresses);
    }
    builder.build().map_err(|e| format!("no connection can be made: {}", chain(&e)))
}

fn failed(error: reqwest::Error) -> RequestError {
    let is = (error.is_timeout(), error.is_connect());
    let words = chain(&error.without_url());
    let lower = words.to_ascii_lowercase();
    match is {
        (true, _) => RequestError::TimedOut,
        (_, true) if ["certificate", "tls", "handshake"].iter().any(|word| lower.contains(word)) => {
            RequestError::Tls(words)
        }
        (_, true) => RequestError::Connect(words),
        _ => RequestError::Other(words),
    }
}

//! Requests that a guest asks for: looked at, and sent to the addresses that were looked at.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use url::Url;

use crate::http::vetted::{self, HttpAnswer, RequestError};

use super::bindings::billkeep::sink::http;
use super::blob::{Blob, Source};
use super::host::{Host, Shared};
use super::rule::{HostRule, allowed};
use super::text::plain;

/// The longest answer that a guest can ask for.
const ANSWER_BYTES_MAX: u32 = 16 << 20;
const HEADERS_MAX: usize = 64;
const HEADER_BYTES_MAX: usize = 32 << 10;
const URL_BYTES_MAX: usize = 8 << 10;
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"];
/// What the host says itself, or what would change where a request goes or how long it is.
const HEADERS_OF_HOST: [&str; 14] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "proxy-authorization",
    "proxy-authenticate",
    "proxy-connection",
    "forwarded",
    "http2-settings",
];
/// Where nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How much of an object is read at a time while it is sent.
const CHUNK_BYTES: u64 = 256 << 10;
/// So many requests a call may make.
const REQUESTS_MAX: u32 = 100_000;

/// A request that may be sent.
struct Vetted {
    method: String,
    url: Url,
    headers: Vec<(String, String)>,
    addresses: Vec<SocketAddr>,
}

fn denied(why: impl Into<String>) -> http::HttpError {
    http::HttpError::Denied(plain(&why.into()))
}

impl Shared {
    /// Looks at a request, finds out where it would go, and puts secrets in.
    async fn vet(&self, request: http::Request) -> Result<Vetted, http::HttpError> {
        let method = request.method.to_ascii_uppercase();
        if !METHODS.contains(&method.as_str()) {
            return Err(denied(format!("`{method}` is not sent: there is {}", METHODS.join(", "))));
        }
        if request.url.len() > URL_BYTES_MAX {
            return Err(denied(format!("the URL has more than {URL_BYTES_MAX} bytes")));
        }
        let url = Url::parse(&request.url).map_err(|e| denied(format!("`{}`: {e}", request.url)))?;
        let rule = allowed(&self.web.rules, &url).map_err(denied)?;
        let bytes: usize = request.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if request.headers.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
            let why = format!("more than {HEADERS_MAX} headers, or {HEADER_BYTES_MAX} bytes of them");
            return Err(denied(why));
        }
        let mut headers = Vec::new();
        for (name, value) in request.headers {
            let lower = name.to_ascii_lowercase();
            if HEADERS_OF_HOST.contains(&lower.as_str())
                || lower.starts_with(':')
                || lower.starts_with("x-forwarded-")
            {
                return Err(denied(format!("header `{name}` is the host's")));
            }
            let value = self.secrets.put_in(&value, rule.host()).map_err(denied)?;
            headers.push((name, value));
        }
        let addresses = addresses(&url, rule).await?;
        Ok(Vetted { method, url, headers, addresses })
    }
}

impl Host {
    fn body(&self, body: &http::Body) -> wasmtime::Result<(vetted::RequestBody, Option<Blob>)> {
        Ok(match body {
            http::Body::None => (vetted::RequestBody::None, None),
            http::Body::Bytes(bytes) => (vetted::RequestBody::Bytes(bytes.clone()), None),
            http::Body::Blob(blob) => {
                let blob = self.table.get(blob)?.clone();
                (
                    vetted::RequestBody::Stream(blob.len, chunks(blob.source.clone(), blob.from, blob.len)),
                    Some(blob),
                )
            }
        })
    }
}

/// Finds the addresses of a URL that its rule lets in.
async fn addresses(url: &Url, rule: &HostRule) -> Result<Vec<SocketAddr>, http::HttpError> {
    let port = url.port_or_known_default().unwrap_or_default();
    let found: Vec<IpAddr> = match url.host() {
        Some(url::Host::Ipv4(address)) => vec![address.into()],
        Some(url::Host::Ipv6(address)) => vec![address.into()],
        Some(url::Host::Domain(name)) => {
            let found = tokio::net::lookup_host((name, port)).await;
            let found = found.map_err(|e| http::HttpError::Dns(format!("`{name}`: {e}")))?;
            found.map(|address| address.ip()).collect()
        }
        None => return Err(denied("the URL names no host")),
    };
    let vetted = rule.vetted(&found).map_err(denied)?;
    Ok(vetted.into_iter().map(|address| SocketAddr::new(address, port)).collect())
}

/// Reads an object as it is sent.
fn chunks(
    source: Arc<Source>,
    from: u64,
    len: u64,
) -> stream::BoxStream<'static, std::io::Result<bytes::Bytes>> {
    stream::unfold(0, move |at| {
        let take = (len - at).min(CHUNK_BYTES);
        let read = (take > 0).then(|| source.read(from + at, usize::try_from(take).unwrap_or(0)));
        async move {
            match read? {
                Ok(bytes) => Some((Ok(bytes.into()), at + take)),
                // There is no more after an error.
                Err(e) => Some((Err(e), len)),
            }
        }
    })
    .boxed()
}

impl http::Host for Host {
    async fn send(
        &mut self,
        request: http::Request,
        body: http::Body,
    ) -> wasmtime::Result<Result<http::Response, http::HttpError>> {
        self.requests += 1;
        if self.requests > REQUESTS_MAX {
            return Ok(Err(denied(format!("more than {REQUESTS_MAX} requests in a call"))));
        }
        let (body, blob) = self.body(&body)?;
        let timeout = request.timeout_ms.map_or(TIMEOUT, |ms| Duration::from_millis(ms.into()));
        // The guest has to hear of it before its own time is over.
        let timeout = timeout.min(self.ends.saturating_duration_since(Instant::now()) * 9 / 10);
        let answer_bytes_max = u64::from(request.max_response_bytes.min(ANSWER_BYTES_MAX));
        let shared = self.shared.clone();
        let vetted = match shared.vet(request).await {
            Ok(vetted) => vetted,
            Err(error) => return Ok(Err(error)),
        };
        let request = vetted::Request {
            method: &vetted.method,
            url: vetted.url,
            headers: vetted.headers,
            addresses: &vetted.addresses,
            timeout,
            answer_bytes_max,
        };
        let secrets = &shared.secrets;
        let words = |words: String| plain(&secrets.redacted(&words));
        Ok(match vetted::send(request, body, shared.web.ca.as_deref()).await {
            Ok(HttpAnswer { status, headers, mut body }) => {
                if let Some(blob) = blob
                    && (200..300).contains(&status)
                {
                    self.took(blob.from, blob.len);
                }
                secrets.blot_out(&mut body);
                let headers = headers.into_iter().map(|(name, value)| (name, words(value))).collect();
                Ok(http::Response { status, headers, body })
            }
            Err(failed) => Err(match failed {
                RequestError::Request(why) => http::HttpError::Denied(words(why)),
                RequestError::Connect(why) => http::HttpError::Connect(words(why)),
                RequestError::Tls(why) => http::HttpError::Tls(words(why)),
                RequestError::TimedOut => http::HttpError::Timeout,
                RequestError::TooLarge(bytes) => http::HttpError::ResponseTooLarge(bytes),
                RequestError::Other(why) => http::HttpError::Other(words(why)),
            }),
        })
    }
}

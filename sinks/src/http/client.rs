//! The HTTP client, and posts of something small.

use std::path::Path;
use std::time::Duration;

use billkeep_core::engine::OutsideFile;
use billkeep_core::engine::SETTINGS_BYTES_MAX;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Proxy, Response};
use tokio::runtime::Runtime;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// So much of an answer is looked at.
const ANSWER_BYTES_MAX: usize = 1 << 16;

/// What is said of connections.
pub(crate) struct HttpSettings<'a> {
    /// How long a request may take.
    pub(crate) timeout: Duration,
    /// Says whether it may go in the open.
    pub(crate) allow_http: bool,
    /// A file with certificates that are trusted besides the system's.
    pub(crate) ca: Option<&'a str>,
    /// Through which proxy.
    pub(crate) proxy: Option<&'a str>,
}

/// A client.
pub(crate) struct Http {
    client: Client,
    runtime: Runtime,
}

impl Http {
    pub(crate) fn new(settings: &HttpSettings<'_>) -> Result<Http, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| format!("no connection can be made: {e}"))?;
        let mut builder = builder(settings.ca)?.timeout(settings.timeout).https_only(!settings.allow_http);
        if let Some(proxy) = settings.proxy {
            builder =
                builder.proxy(Proxy::all(proxy).map_err(|e| format!("proxy `{proxy}`: {}", chain(&e)))?);
        }
        let client = builder.build().map_err(|e| format!("no connection can be made: {}", chain(&e)))?;
        Ok(Http { client, runtime })
    }

    /// Posts, and returns status and text of the answer.
    pub(crate) fn post(
        &self,
        url: &str,
        headers: &[(&str, String)],
        body: &str,
    ) -> Result<(u16, String), String> {
        let mut request = self.client.post(url).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        self.runtime.block_on(async {
            let mut answer = request.send().await.map_err(|e| chain(&e.without_url()))?;
            let status = answer.status().as_u16();
            let mut text = Vec::new();
            // The status is the answer: a text that is too long or breaks off is cut, and the connection is closed.
            let _ = read_body(&mut answer, ANSWER_BYTES_MAX, &mut text).await;
            text.truncate(ANSWER_BYTES_MAX);
            Ok((status, String::from_utf8_lossy(&text).into_owned()))
        })
    }
}

/// Why a body was not read to its end.
pub(super) enum Unread {
    /// It has more bytes than were wanted; so many have come.
    TooLong(u64),
    Broken(reqwest::Error),
}

/// Reads a body into `bytes`, until there is more of it than `bytes_max`. The server decides how much it sends, not this program.
pub(super) async fn read_body(
    answer: &mut Response,
    bytes_max: usize,
    bytes: &mut Vec<u8>,
) -> Result<(), Unread> {
    while let Some(chunk) = answer.chunk().await.map_err(Unread::Broken)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > bytes_max {
            return Err(Unread::TooLong(bytes.len() as u64));
        }
    }
    Ok(())
}

/// Begins a client.
pub(super) fn builder(ca: Option<&str>) -> Result<ClientBuilder, String> {
    // Somebody else may have been first; it is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .user_agent(concat!("billkeep/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        // A post that is sent elsewhere becomes a request for a page, which says that all is well.
        .redirect(Policy::none());
    let Some(path) = ca else { return Ok(builder) };
    let wrong = |why: String| format!("the certificates in `{path}`: {why}");
    let pem = OutsideFile::read(Path::new(path), SETTINGS_BYTES_MAX).map_err(|e| wrong(e.to_string()))?;
    Ok(builder.tls_certs_merge(Certificate::from_pem_bundle(&pem).map_err(|e| wrong(e.to_string()))?))
}

/// Tells an error with its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if words.last() != Some(&text) {
            words.push(text);
        }
        next = error.source();
    }
    words.join(": ")
}

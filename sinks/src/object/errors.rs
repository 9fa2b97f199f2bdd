//! What object stores answer, in words, and what kind of failure it is. Never shows a secret.

use std::error::Error as _;
use std::time::SystemTime;

use billkeep_core::error::Reason;

use chrono::{DateTime, Utc};
use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

use crate::redact::Redactor;
use billkeep_core::exports::SinkError;

/// The most characters of a server's words that are passed on.
const WORDS_MAX: usize = 300;

/// What is known of the destination when an error has to be told.
#[derive(Default)]
pub(super) struct ErrorContext {
    /// Where the credentials came from.
    pub(super) credentials: String,
    /// What must not be shown.
    pub(super) secrets: Redactor,
}

/// Returns the HTTP status that an error is about, if the server has answered.
pub(super) fn status(error: &Error) -> Option<u16> {
    let text = chain(error);
    // The library keeps the number in its words only.
    let at = ["status code: ", "Server returned error response: "].iter().find_map(|mark| {
        let at = text.find(mark)?;
        text.get(at + mark.len()..)
    })?;
    at.get(..3)?.parse().ok()
}

/// Returns an error with all that caused it.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}

/// Returns what is between two tags of the server's answer.
fn tagged<'a>(text: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{tag}>"))?;
    rest.split_once(&format!("</{tag}>")).map(|(inside, _)| inside)
}

/// Returns the innermost cause of a request that the server has not answered. Of an error of the system, the kind is kept and not
/// the error, whose text may hold secrets.
fn unanswered(error: &Error) -> Option<Reason> {
    let mut source = error.source();
    while let Some(cause) = source {
        source = cause.source();
        if let Some(http) = cause.downcast_ref::<HttpError>() {
            let mut innermost: &dyn std::error::Error = http;
            while let Some(cause) = innermost.source() {
                innermost = cause;
            }
            let is_of_answer = matches!(http.kind(), HttpErrorKind::Decode | HttpErrorKind::Unknown);
            let kind = innermost.downcast_ref::<std::io::Error>().map(|e| e.kind().into());
            let said = innermost.to_string();
            return (!is_of_answer)
                .then(|| kind.map_or(said.clone().into(), |e: std::io::Error| Reason::new(said, e)));
        }
    }
    None
}

/// Returns scheme, host and port of the request that an error is about.
fn server(text: &str) -> Option<&str> {
    let (_, request) = text.rsplit_once("Error performing ")?;
    let url = request.split(' ').nth(1)?;
    let (scheme, rest) = url.split_once("://")?;
    url.get(..scheme.len() + 3 + rest.find('/').unwrap_or(rest.len()))
}

/// Takes the library's words about a request off an error: which request it was, for how long, how often.
fn without_request(text: &str) -> String {
    let Some((_, request)) = text.rsplit_once("Error performing ") else {
        let rest = text.strip_prefix("Generic ").and_then(|rest| rest.split_once(" error: "));
        return rest.map_or(text, |(_, rest)| rest).to_owned();
    };
    let rest = request.split_once(" - ").map_or(request, |(_, rest)| rest);
    let Some(answer) = rest.strip_prefix("Server returned non-2xx status code: ") else {
        return rest.to_owned();
    };
    let (status, body) = answer.split_once(": ").unwrap_or((answer.trim_end_matches(':'), ""));
    // Of a gateway's page, its title says what there is to say.
    let body =
        if body.trim_start().starts_with('<') { tagged(body, "title").unwrap_or_default() } else { body };
    let gap = if body.trim().is_empty() { "" } else { ": " };
    format!("the server answered {status}{gap}{}", body.trim())
}

/// Returns an error in few words: the server's code and message, or what the library says.
pub(super) fn words(error: &Error) -> String {
    let text = chain(error);
    let words = match (tagged(&text, "Code"), tagged(&text, "Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => without_request(&text),
    };
    let mut words: String = words.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() > WORDS_MAX {
        words = words.chars().take(WORDS_MAX).chain("…".chars()).collect();
    }
    words
}

/// What an answer with a code of its own calls for.
enum Cause {
    /// The clocks of server and machine differ.
    Clock,
    /// Temporary keys have run out.
    Expired,
    /// The server takes no checksums.
    Checksum,
    /// The bucket takes nothing that is not encrypted by the server.
    Encryption,
}

fn cause(text: &str) -> Option<Cause> {
    let code = tagged(text, "Code").unwrap_or_default();
    let message = tagged(text, "Message").unwrap_or_default().to_ascii_lowercase();
    match code {
        "RequestTimeTooSkewed" | "RequestExpired" => Some(Cause::Clock),
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => Some(Cause::Expired),
        _ if message.contains("x-amz-checksum") || message.contains("x-amz-sdk-checksum") => {
            Some(Cause::Checksum)
        }
        "AccessDenied" | "InvalidRequest" if message.contains("encrypt") => Some(Cause::Encryption),
        _ => None,
    }
}

/// Says by how much this machine's clock differs from the server's, if the answer has its time.
fn clock_text(text: &str, here: DateTime<Utc>) -> String {
    let there = tagged(text, "ServerTime").and_then(|time| time.parse::<DateTime<Utc>>().ok());
    let difference = there.map_or_else(String::new, |there| {
        let seconds = here.signed_duration_since(there).num_seconds();
        let direction = if seconds < 0 { "behind" } else { "ahead of" };
        format!(" is {} s {direction} the server's, which is at {}", seconds.abs(), there.format("%FT%TZ"))
    });
    if difference.is_empty() { " is wrong".to_owned() } else { difference }
}

impl ErrorContext {
    /// Says what an answer calls for that has a code of its own. The keys are right where the clock is wrong.
    fn by_code(&self, text: &str, said: &dyn Fn(&str) -> String) -> Option<SinkError> {
        Some(match cause(text)? {
            Cause::Clock => {
                let hint = format!(
                    "; this machine's clock{}: set the clock",
                    clock_text(text, SystemTime::now().into())
                );
                SinkError::Setup(said(&hint).into())
            }
            Cause::Expired => SinkError::Credentials(
                said(&format!(
                    "; the temporary keys have expired: get new ones; credentials: {}",
                    self.credentials
                ))
                .into(),
            ),
            Cause::Checksum => {
                SinkError::Setup(said("; the server takes no checksums: set `checksum=none`").into())
            }
            Cause::Encryption => {
                SinkError::Setup(said("; the bucket requires encryption by the server: set `sse`").into())
            }
        })
    }

    /// Tells what went wrong, and what to do.
    pub(super) fn error(&self, url: &str, what: &str, error: &Error) -> SinkError {
        let words = self.secrets.redacted(&words(error));
        let text = chain(error);
        let has = |code: &str| text.contains(code);
        let said = |hint: &str| format!("{url}: {what}: {words}{hint}");
        let who = || format!("; credentials: {}", self.credentials);
        if let Some(cause) = unanswered(error) {
            let server = server(&text).unwrap_or(url);
            let said = self.secrets.redacted(&format!("cannot be reached: {server}: {cause}"));
            return SinkError::Transient(cause.reworded(said));
        }
        if has("PathStyleDomainForbidden") {
            return SinkError::Setup(
                said("; the bucket refuses path-style requests: leave `path_style` out").into(),
            );
        }
        if has("NoSuchBucket") {
            return SinkError::Setup(said("; create the bucket, or name another").into());
        }
        if let Some(error) = self.by_code(&text, &said) {
            return error;
        }
        match (error, status(error)) {
            (Error::PermissionDenied { .. } | Error::Unauthenticated { .. }, _) | (_, Some(401 | 403)) => {
                SinkError::Credentials(said(&who()).into())
            }
            (Error::NotFound { .. }, _) => {
                SinkError::Setup(said("; is the bucket there? Create it, or name another").into())
            }
            (_, Some(408 | 409 | 425 | 429 | 500..=506 | 508..=599)) => SinkError::Transient(said("").into()),
            (_, Some(507)) => SinkError::Setup(said("; there is no room left").into()),
            (_, Some(301 | 307 | 400)) if has("region") || has("Region") => SinkError::Setup(
                said(&match tagged(&text, "Region") {
                    Some(region) => format!("; set `region={region}`"),
                    None => "; set the bucket's `region`".to_owned(),
                })
                .into(),
            ),
            (_, Some(_)) => SinkError::Setup(said("").into()),
            (Error::Generic { .. } | Error::JoinError { .. }, None) if has("without LOCATION") => {
                SinkError::Setup(said("; set the bucket's `region`").into())
            }
            (Error::Generic { .. } | Error::JoinError { .. }, None) => SinkError::Transient(said("").into()),
            _ => SinkError::Setup(said("").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hush() -> Redactor {
        Redactor::new(["hush"].into_iter()).unwrap()
    }

    fn generic(text: &str) -> Error {
        Error::Generic { store: "S3", source: text.to_owned().into() }
    }

    #[test]
    fn what_the_server_says_decides_what_kind_it_is() {
        let told = ErrorContext { credentials: "the file".into(), secrets: hush() };
        let of = |text: &str| told.error("s3://b", "`x` cannot be put", &generic(text));
        let answer = |status: u16, code: &str| {
            format!(
                "Server returned non-2xx status code: {status} X: <Error><Code>{code}</Code><Message>no hush</Message></Error>"
            )
        };
        for status in [429, 500, 503, 504] {
            assert!(matches!(of(&answer(status, "SlowDown")), SinkError::Transient(_)), "{status}");
        }
        let SinkError::Credentials(text) = of(&answer(403, "SignatureDoesNotMatch")) else { panic!() };
        assert_eq!(
            text,
            "s3://b: `x` cannot be put: SignatureDoesNotMatch: no ***; credentials: the file".into()
        );
        for (status, code) in
            [(403, "PathStyleDomainForbidden"), (404, "NoSuchBucket"), (405, "MethodNotAllowed")]
        {
            assert!(matches!(of(&answer(status, code)), SinkError::Setup(_)), "{code}");
        }
        assert!(matches!(of("connection refused"), SinkError::Transient(_)));
    }

    fn answer(status: u16, code: &str, message: &str, more: &str) -> Error {
        generic(&format!(
            "Server returned non-2xx status code: {status} X: <Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
        ))
    }

    #[test]
    fn a_server_that_does_not_answer_cannot_be_reached_and_the_cause_is_short() {
        let told = ErrorContext { secrets: hush(), ..ErrorContext::default() };
        let of = |kind| {
            let refused = std::io::Error::other("Connection refused for hush");
            let source = Box::new(HttpError::new(kind, refused));
            told.error("s3://b/p", "`x` cannot be put", &Error::Generic { store: "S3", source })
        };
        for kind in [HttpErrorKind::Connect, HttpErrorKind::Timeout, HttpErrorKind::Request] {
            let want = SinkError::Transient("cannot be reached: s3://b/p: Connection refused for ***".into());
            assert_eq!(of(kind), want);
        }
        assert!(!of(HttpErrorKind::Decode).to_string().contains("cannot be reached"));
    }

    #[test]
    fn the_request_is_not_part_of_an_answers_words() {
        let request = "Generic S3 error: Error performing PUT http://127.0.0.1:5999/b/x in 2.3s, after 5 retries, \
                       max_retries: 5, retry_timeout: 60s  - ";
        assert_eq!(server(request), Some("http://127.0.0.1:5999"));
        let listing = "Generic S3 error: Error performing list request: Error performing GET https://s3.example.com/b?list-type=2 in 1ms - x";
        assert_eq!(server(listing), Some("https://s3.example.com"));
        assert_eq!(without_request(listing), "x");
        let page = "<html><head><title>502 Bad Gateway</title></head></html>";
        for (answer, words) in [
            ("Server returned non-2xx status code: 404 Not Found: ", "the server answered 404 Not Found"),
            (
                &format!("Server returned non-2xx status code: 502 Bad Gateway: {page}"),
                "the server answered 502 Bad Gateway: 502 Bad Gateway",
            ),
            (
                "Server returned non-2xx status code: 507 Insufficient Storage: quota is used up",
                "the server answered 507 Insufficient Storage: quota is used up",
            ),
            (
                "Server returned error response: <Error></Error>",
                "Server returned error response: <Error></Error>",
            ),
        ] {
            assert_eq!(without_request(&format!("{request}{answer}")), words);
        }
        assert_eq!(without_request("Generic S3 error: Error parsing a list"), "Error parsing a list");
        assert_eq!(without_request("no such thing"), "no such thing");
    }

    #[test]
    fn the_region_that_a_server_names_is_the_one_to_set() {
        let of = |error: &Error| ErrorContext::default().error("s3://b", "x", error).to_string();
        let region = "<Region>eu-west-1</Region>";
        for (status, code) in [(400, "AuthorizationHeaderMalformed"), (301, "PermanentRedirect")] {
            assert!(of(&answer(status, code, "wrong region", region)).ends_with("; set `region=eu-west-1`"));
            assert!(of(&answer(status, code, "wrong region", "")).ends_with("; set the bucket's `region`"));
        }
    }

    #[test]
    fn a_wrong_clock_is_not_called_wrong_credentials() {
        let told = ErrorContext { credentials: "the file".into(), ..ErrorContext::default() };
        let time = "<ServerTime>2026-11-30T00:00:00Z</ServerTime>";
        let error = told.error("s3://b", "x", &answer(403, "RequestTimeTooSkewed", "too large.", time));
        let SinkError::Setup(text) = error else { panic!("{error}") };
        assert!(text.contains("the server's, which is at 2026-11-30T00:00:00Z: set the clock"), "{text}");
        assert!(!text.contains("the file"), "{text}");
        let here = "2026-11-30T00:20:00Z".parse().unwrap();
        assert!(clock_text(time, here).starts_with(" is 1200 s ahead of"));
        let here = "2026-11-29T23:59:30Z".parse().unwrap();
        assert!(clock_text(time, here).starts_with(" is 30 s behind"));
        assert_eq!(clock_text("", here), " is wrong");
    }

    #[test]
    fn expired_keys_refused_checksums_and_missing_encryption_have_their_own_advice() {
        let told = ErrorContext { credentials: "the file".into(), ..ErrorContext::default() };
        let of = |error: &Error| told.error("s3://b", "x", error);
        let SinkError::Credentials(text) = of(&answer(400, "ExpiredToken", "has expired.", "")) else {
            panic!()
        };
        assert!(text.contains("temporary keys have expired") && text.contains("the file"), "{text}");
        let refused = "Unsupported header 'x-amz-checksum-sha256' received for this API call.";
        let SinkError::Setup(text) = of(&answer(400, "InvalidRequest", refused, "")) else { panic!() };
        assert!(text.contains("checksum=none"), "{text}");
        let refused = "explicit deny: unencrypted put";
        let SinkError::Setup(text) = of(&answer(403, "AccessDenied", refused, "")) else { panic!() };
        assert!(text.contains("set `sse`"), "{text}");
        assert!(matches!(of(&answer(403, "AccessDenied", "Access Denied", "")), SinkError::Credentials(_)));
    }
}

//! What object stores answer, in words, and what kind of failure it is. Never shows a secret.

use std::error::Error as _;
use std::time::SystemTime;

use billkeep_core::sink::SinkError;
use chrono::{DateTime, Utc};
use object_store::Error;

/// The most characters of a server's words that are passed on.
const WORDS_MAX: usize = 300;

/// A shorter one is none, and would be found in any word.
const SECRET_BYTES_MIN: usize = 4;

/// What is known of the destination when an error has to be told.
#[derive(Default)]
pub(super) struct Told {
    /// Where the credentials came from.
    pub(super) credentials: String,
    /// What must not be shown.
    pub(super) secrets: Vec<String>,
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

/// Returns an error in few words: the server's code and message, or what the library says.
pub(super) fn words(error: &Error) -> String {
    let text = chain(error);
    let words = match (tagged(&text, "Code"), tagged(&text, "Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => text,
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

impl Told {
    /// Says what an answer calls for that has a code of its own. The keys are right where the clock is wrong.
    fn by_code(&self, text: &str, said: &dyn Fn(&str) -> String) -> Option<SinkError> {
        Some(match cause(text)? {
            Cause::Clock => {
                let hint = format!(
                    "; this machine's clock{}: set the clock",
                    clock_text(text, SystemTime::now().into())
                );
                SinkError::Setup(said(&hint))
            }
            Cause::Expired => SinkError::Credentials(said(&format!(
                "; the temporary keys have expired: get new ones; credentials: {}",
                self.credentials
            ))),
            Cause::Checksum => SinkError::Setup(said("; the server takes no checksums: set `checksum=none`")),
            Cause::Encryption => {
                SinkError::Setup(said("; the bucket requires encryption by the server: set `sse`"))
            }
        })
    }

    fn clean(&self, mut text: String) -> String {
        for secret in self.secrets.iter().filter(|secret| secret.len() >= SECRET_BYTES_MIN) {
            text = text.replace(secret.as_str(), "***");
        }
        text
    }

    /// Tells what went wrong, and what to do.
    pub(super) fn error(&self, url: &str, what: &str, error: &Error) -> SinkError {
        let words = self.clean(words(error));
        let text = chain(error);
        let has = |code: &str| text.contains(code);
        let said = |hint: &str| format!("{url}: {what}: {words}{hint}");
        let who = || format!("; credentials: {}", self.credentials);
        if has("PathStyleDomainForbidden") {
            return SinkError::Setup(said(
                "; the bucket refuses path-style requests: leave `path_style` out",
            ));
        }
        if has("NoSuchBucket") {
            return SinkError::Setup(said("; create the bucket, or name another"));
        }
        if let Some(error) = self.by_code(&text, &said) {
            return error;
        }
        match (error, status(error)) {
            (Error::PermissionDenied { .. } | Error::Unauthenticated { .. }, _) | (_, Some(401 | 403)) => {
                SinkError::Credentials(said(&who()))
            }
            (Error::NotFound { .. }, _) => {
                SinkError::Setup(said("; is the bucket there? Create it, or name another"))
            }
            (_, Some(408 | 409 | 425 | 429 | 500..=506 | 508..=599)) => SinkError::Passing(said("")),
            (_, Some(507)) => SinkError::Setup(said("; there is no room left")),
            (_, Some(301 | 307 | 400)) if has("region") || has("Region") => {
                SinkError::Setup(said("; set the bucket's `region`"))
            }
            (_, Some(_)) => SinkError::Setup(said("")),
            (Error::Generic { .. } | Error::JoinError { .. }, None) if has("without LOCATION") => {
                SinkError::Setup(said("; set the bucket's `region`"))
            }
            (Error::Generic { .. } | Error::JoinError { .. }, None) => SinkError::Passing(said("")),
            _ => SinkError::Setup(said("")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> Error {
        Error::Generic { store: "S3", source: text.to_owned().into() }
    }

    #[test]
    fn what_the_server_says_decides_what_kind_it_is() {
        let told = Told { credentials: "the file".into(), secrets: vec!["hush".into()] };
        let of = |text: &str| told.error("s3://b", "`x` cannot be put", &generic(text));
        let answer = |status: u16, code: &str| {
            format!(
                "Server returned non-2xx status code: {status} X: <Error><Code>{code}</Code><Message>no hush</Message></Error>"
            )
        };
        for status in [429, 500, 503, 504] {
            assert!(matches!(of(&answer(status, "SlowDown")), SinkError::Passing(_)), "{status}");
        }
        let SinkError::Credentials(text) = of(&answer(403, "SignatureDoesNotMatch")) else { panic!() };
        assert_eq!(text, "s3://b: `x` cannot be put: SignatureDoesNotMatch: no ***; credentials: the file");
        for (status, code) in
            [(403, "PathStyleDomainForbidden"), (404, "NoSuchBucket"), (405, "MethodNotAllowed")]
        {
            assert!(matches!(of(&answer(status, code)), SinkError::Setup(_)), "{code}");
        }
        assert!(matches!(of("connection refused"), SinkError::Passing(_)));
    }

    fn answer(status: u16, code: &str, message: &str, more: &str) -> Error {
        generic(&format!(
            "Server returned non-2xx status code: {status} X: <Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
        ))
    }

    #[test]
    fn a_wrong_clock_is_not_called_wrong_credentials() {
        let told = Told { credentials: "the file".into(), ..Told::default() };
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
        let told = Told { credentials: "the file".into(), ..Told::default() };
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

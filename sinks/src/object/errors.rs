//! What object stores answer, in words, and what kind of failure it is. Never shows a secret.

use std::error::Error as _;

use billkeep_core::sink::SinkError;
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

impl Told {
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
}

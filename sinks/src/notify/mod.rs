//! Those who can be told: a command of this machine, and a webhook.

mod command;

mod webhook;

use std::path::Path;
use std::time::Duration;

use billkeep_core::bounded::{self, SETTINGS_BYTES_MAX};
use billkeep_core::notice::{How, Notifier, Notify, NotifyError};

use crate::files::only_ours;
use crate::url::{Env, Options, UrlError};

/// How long one who is told may take, unless something else is said.
const TIMEOUT_S: u64 = 30;

/// Checks what was said of a notifier without touching what it names.
///
/// # Errors
/// [`UrlError`] when nobody can be told so.
pub fn check_notifier(notifier: &Notifier) -> Result<(), UrlError> {
    match &notifier.how {
        How::Command(words) => command::check(words, &notifier.options),
        How::Webhook(url) => webhook::check(url, &notifier.options),
    }
}

/// Makes what tells.
///
/// # Errors
/// [`NotifyError`] when it cannot be used from here.
pub fn open_notifier(notifier: &Notifier, env: Env<'_>) -> Result<Box<dyn Notify>, NotifyError> {
    check_notifier(notifier).map_err(|e| NotifyError::refused(e.to_string()))?;
    match &notifier.how {
        How::Command(words) => Ok(Box::new(command::Command::new(words, &notifier.options))),
        How::Webhook(url) => Ok(Box::new(webhook::Webhook::new(url, &notifier.options, env)?)),
    }
}

fn timeout(options: &Options) -> Duration {
    let said = options.get("timeout_s").and_then(|value| value.parse().ok());
    Duration::from_secs(said.unwrap_or(TIMEOUT_S))
}

/// Checks options against those that there are, and those that are numbers or secrets.
fn check_options(options: &Options, known: &[(&str, &str)]) -> Result<(), UrlError> {
    let wrong = |name: &str, value: &str, known: &str| UrlError::Value {
        name: name.to_owned(),
        value: value.to_owned(),
        known: known.to_owned(),
    };
    for (name, value) in options {
        if !known.iter().any(|(known, _)| known == name) {
            let known: Vec<String> = known.iter().map(|(name, value)| format!("`{name}={value}`")).collect();
            return Err(UrlError::Option { name: name.clone(), known: known.join(", ") });
        }
        match name.as_str() {
            "timeout_s" if !value.parse::<u64>().is_ok_and(|s| (1..=3_600).contains(&s)) => {
                return Err(wrong(name, value, "a number of seconds from 1 to 3600"));
            }
            "allow_http" if !["yes", "no"].contains(&value.as_str()) => {
                return Err(wrong(name, value, "yes or no"));
            }
            // What was written here instead may be the secret itself: it is not shown.
            "token" | "sign" if !is_reference(value) => {
                return Err(wrong(name, "…", "where it is, `env:NAME` or `file:PATH`, and not itself"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_reference(value: &str) -> bool {
    let name = value.strip_prefix("env:").or_else(|| value.strip_prefix("file:"));
    name.is_some_and(|name| !name.is_empty())
}

/// Reads a secret from where it is.
fn secret(what: &str, place: &str, env: Env<'_>) -> Result<String, NotifyError> {
    let failed = |why: String| NotifyError::credentials(format!("{what} in `{place}`: {why}"));
    let text = match (place.strip_prefix("env:"), place.strip_prefix("file:")) {
        (Some(name), _) => env(name).ok_or_else(|| failed("there is no such variable".into()))?,
        (_, Some(path)) => {
            only_ours(Path::new(path)).map_err(failed)?;
            bounded::read_text(Path::new(path), SETTINGS_BYTES_MAX).map_err(|e| failed(e.to_string()))?
        }
        _ => return Err(failed("it is neither `env:NAME` nor `file:PATH`".into())),
    };
    let text = text.trim();
    if text.is_empty() { Err(failed("it is empty".into())) } else { Ok(text.to_owned()) }
}

/// The beginning of what somebody answered, on one line, for an error.
fn shortened(text: &str) -> String {
    const CHARS: usize = 200;
    let line: Vec<&str> = text.split_whitespace().collect();
    let line = line.join(" ");
    match line.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

//! The options of notifiers, and the secrets that they name.

use std::path::Path;
use std::time::Duration;

use crate::files::only_ours;
use crate::options::{Env, Options, UrlError};
use billkeep_core::deliveries::NotifyError;
use billkeep_core::engine::OutsideFile;
use billkeep_core::engine::SETTINGS_BYTES_MAX;

/// How long a notifier may take, unless an option says otherwise.
const TIMEOUT_S: u64 = 30;

pub(super) fn timeout(options: &Options) -> Duration {
    let said = options.get("timeout_s").and_then(|value| value.parse().ok());
    Duration::from_secs(said.unwrap_or(TIMEOUT_S))
}

/// Checks options against those that there are, and those that are numbers or secrets.
pub(super) fn check_options(options: &Options, known: &[(&str, &str)]) -> Result<(), UrlError> {
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

pub(super) fn is_reference(value: &str) -> bool {
    let name = value.strip_prefix("env:").or_else(|| value.strip_prefix("file:"));
    name.is_some_and(|name| !name.is_empty())
}

/// Reads a secret from where it is.
pub(super) fn secret(what: &str, place: &str, env: Env<'_>) -> Result<String, NotifyError> {
    let failed = |why: String| NotifyError::credentials(format!("{what} in `{place}`: {why}"));
    let text = match (place.strip_prefix("env:"), place.strip_prefix("file:")) {
        (Some(name), _) => env(name).ok_or_else(|| failed("there is no such variable".into()))?,
        (_, Some(path)) => {
            only_ours(Path::new(path)).map_err(failed)?;
            OutsideFile::read_text(Path::new(path), SETTINGS_BYTES_MAX).map_err(|e| failed(e.to_string()))?
        }
        _ => return Err(failed("it is neither `env:NAME` nor `file:PATH`".into())),
    };
    let text = text.trim();
    if text.is_empty() { Err(failed("it is empty".into())) } else { Ok(text.to_owned()) }
}

/// The beginning of what somebody answered, on one line, for an error.
pub(super) fn shortened(text: &str) -> String {
    const CHARS: usize = 200;
    let line: Vec<&str> = text.split_whitespace().collect();
    let line = line.join(" ");
    match line.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

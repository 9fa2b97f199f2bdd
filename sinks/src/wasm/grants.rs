//! What an operator lets a plugin do, as the options of its sink say it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::options::{Options, UrlError, every_sinks, without_seal};

use super::rule::HostRule;
use billkeep_core::values;

/// What a guest may use of memory where nothing else is said.
pub(super) const MEMORY_BYTES: u64 = 64 << 20;
const MEMORY_BYTES_MAX: u64 = 4 << 30;
/// How long a call may take besides a second for each MiB that it is handed.
const TIMEOUT_S: u64 = 300;
/// What settings of the plugin begin with.
const SETTING: &str = "set.";

/// The options of a plugin's sink, with what can be said.
pub(crate) const OPTIONS: [(&str, &str); 9] = [
    ("sha256", "the hash of the file that is trusted, in 64 hexadecimal digits"),
    ("declared", "what the plugin said of itself when it was trusted, as JSON"),
    ("allow_hosts", "hosts that it may send to, with spaces between: `api.example.com:443`"),
    ("allow_secrets", "names of secrets that it may use, with spaces between"),
    ("allow_state", "how much it may remember: `1MiB`"),
    ("memory", "how much memory it may use: `64MiB`"),
    ("timeout_s", "how many seconds a call may take"),
    ("ca", "a file with certificates that are trusted besides the system's"),
    ("credentials", "a file with secrets, a NAME=VALUE a line"),
];

/// What was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants {
    /// The hash of the file that is trusted.
    pub sha256: Option<[u8; 32]>,
    /// Where it may send to.
    pub hosts: Vec<HostRule>,
    /// Which secrets it may use, and with which host alone, if that was said.
    pub secrets: BTreeMap<String, Option<String>>,
    /// How much it may remember.
    pub state_bytes: u64,
    /// How much memory it may use.
    pub memory_bytes: u64,
    /// How long a call may take.
    pub timeout: Duration,
    /// Certificates that are trusted besides the system's.
    pub ca: Option<String>,
    /// A file with secrets.
    pub credentials: Option<String>,
    /// The plugin's own settings, by name, as they were said.
    pub settings: BTreeMap<String, String>,
}

impl Grants {
    /// Reads options.
    ///
    /// # Errors
    /// [`UrlError`] for one that there is not, or that makes no sense.
    pub fn of(options: &Options) -> Result<Grants, UrlError> {
        let mut grants = Grants {
            sha256: None,
            hosts: Vec::new(),
            secrets: BTreeMap::new(),
            state_bytes: 0,
            memory_bytes: MEMORY_BYTES,
            timeout: Duration::from_secs(TIMEOUT_S),
            ca: None,
            credentials: None,
            settings: BTreeMap::new(),
        };
        // Encryption and signatures are no business of the plugin's.
        for (name, value) in &without_seal(options) {
            if let Some(setting) = name.strip_prefix(SETTING) {
                grants.settings.insert(setting.to_owned(), value.clone());
                continue;
            }
            let Some((_, known)) = OPTIONS.iter().find(|(option, _)| option == name) else {
                let known: Vec<String> = OPTIONS.iter().map(|(name, _)| format!("`{name}=…`")).collect();
                let known = format!("{}, `set.NAME=VALUE`, {}", known.join(", "), every_sinks());
                return Err(UrlError::Option { name: name.clone(), known });
            };
            let wrong = |known: String| UrlError::Value { name: name.clone(), value: value.clone(), known };
            let usual = || wrong((*known).to_owned());
            match name.as_str() {
                "sha256" => {
                    grants.sha256 = Some(values::from_hex(value).ok_or_else(usual)?);
                }
                "allow_hosts" => {
                    for word in value.split_whitespace() {
                        grants.hosts.push(word.parse().map_err(wrong)?);
                    }
                }
                "allow_secrets" => {
                    for word in value.split_whitespace() {
                        let (secret, host) = match word.split_once('@') {
                            Some((secret, host)) => (secret, Some(host.to_owned())),
                            None => (word, None),
                        };
                        grants.secrets.insert(secret.to_owned(), host);
                    }
                }
                "allow_state" => grants.state_bytes = size(value).ok_or_else(usual)?,
                "memory" => {
                    let bytes = size(value).filter(|bytes| (1 << 20..=MEMORY_BYTES_MAX).contains(bytes));
                    grants.memory_bytes = bytes.ok_or_else(usual)?;
                }
                "timeout_s" => {
                    let s = value.parse().ok().filter(|s| (1..=86_400).contains(s)).ok_or_else(usual)?;
                    grants.timeout = Duration::from_secs(s);
                }
                "declared" => {}
                "ca" => grants.ca = Some(value.clone()),
                _ => grants.credentials = Some(value.clone()),
            }
        }
        Ok(grants)
    }
}

/// Reads a number of bytes: `1MiB`, `64 KiB`, `1000`.
pub fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let shift = match unit.trim() {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(options: &[(&str, &str)]) -> Result<Grants, UrlError> {
        Grants::of(&options.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn nothing_is_granted_that_was_not_said() {
        let none = of(&[]).unwrap();
        assert!(none.hosts.is_empty() && none.secrets.is_empty() && none.settings.is_empty());
        assert_eq!((none.state_bytes, none.memory_bytes), (0, 64 << 20));
        let some = of(&[
            ("allow_hosts", "api.example.com:443 http://127.0.0.1:8080/in"),
            ("allow_secrets", "TOKEN KEY@api.example.com"),
            ("allow_state", "64 KiB"),
            ("set.folder", "bills"),
        ])
        .unwrap();
        assert_eq!(some.hosts.len(), 2);
        assert_eq!(some.secrets.get("KEY"), Some(&Some("api.example.com".to_owned())));
        assert_eq!((some.secrets.get("TOKEN"), some.state_bytes), (Some(&None), 65_536));
        assert_eq!(some.settings.get("folder").map(String::as_str), Some("bills"));
    }

    #[test]
    fn what_makes_no_sense_is_told_with_what_can_be_said() {
        for (name, value) in [
            ("sha256", "abc"),
            ("allow_state", "1MB"),
            ("memory", "9GiB"),
            ("memory", "1"),
            ("timeout_s", "0"),
            ("allow_hosts", "ftp://x"),
            ("color", "red"),
        ] {
            let error = of(&[(name, value)]).expect_err(name).to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}

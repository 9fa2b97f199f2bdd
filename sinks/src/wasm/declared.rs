//! What a plugin says of itself: a section of its file that is read without running anything.

use serde::{Deserialize, Serialize};

use super::rule::HostRule;
use super::text::plain;

/// The section's name, in a component or a module.
pub const SECTION: &str = "billkeep:plugin";
/// The longest that is read.
pub(super) const SECTION_BYTES_MAX: usize = 1 << 16;

/// The longest text of it that is shown.
const TEXT_CHARS_MAX: usize = 2_000;

/// What a plugin says of itself. It proves nothing: what it may do is what was granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Declared {
    /// A name that is its own: `acme-erp`.
    pub id: String,
    /// Its version.
    pub version: String,
    /// What it does, in a sentence.
    pub about: String,
    /// The hosts that it wants to send to, as `--allow-host` has them; a `*` where only the settings say which.
    pub hosts: Vec<String>,
    /// The secrets that it names.
    pub secrets: Vec<String>,
    /// How many bytes it wants to remember.
    pub state_bytes: u64,
    /// How much memory it needs; 0 for what is usual.
    pub memory_bytes: u64,
    /// How much of each object arrives at the target.
    pub takes: Takes,
    /// Under which licence it is.
    pub license: String,
    /// Where its documentation is.
    pub docs: String,
}

/// How much of each object arrives at the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Takes {
    /// Every byte: a receipt for less is refused.
    #[default]
    Whole,
    /// What the plugin makes of it: a sum, a message, another format. Nobody can tell from outside whether that is whole.
    Derived,
}

impl Declared {
    /// Reads the section.
    pub(super) fn read(bytes: &[u8]) -> Result<Declared, String> {
        if bytes.len() > SECTION_BYTES_MAX {
            return Err(format!(
                "its section `{SECTION}` has {} bytes, more than {SECTION_BYTES_MAX}",
                bytes.len()
            ));
        }
        let declared: Declared = serde_json::from_slice(bytes).map_err(|e| {
            format!("its section `{SECTION}` is not what it must be: {}", plain(&e.to_string()))
        })?;
        declared.checked()
    }

    /// Refuses names that are none. People see the rest before they trust a plugin, so nothing of it acts on a terminal.
    fn checked(self) -> Result<Declared, String> {
        let wrong = |what: &str, value: &str, known: &str| {
            let value: String = plain(value).chars().take(100).collect();
            Err(format!("its section `{SECTION}` has {what} `{value}`, which is none: {known}"))
        };
        if !self.id.is_empty() && !is_id(&self.id) {
            return wrong("an id", &self.id, "small letters, digits and `-`, at most 64");
        }
        let is_host = |host: &&String| {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]%=".contains(c);
            *host == "*" || host.chars().all(fits) && host.parse::<HostRule>().is_ok()
        };
        if let Some(host) = self.hosts.iter().find(|host| !is_host(host)) {
            return wrong("a host", host, "a name with a port, as `api.example.com:443`, or `*`");
        }
        let is_name = |name: &&String| {
            let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
            (1..=128).contains(&name.len()) && name.chars().all(fits)
        };
        if let Some(name) = self.secrets.iter().find(|name| !is_name(name)) {
            return wrong("a secret", name, "letters, digits, `_`, `-` and `.`, at most 128");
        }
        let shown = |text: &str| plain(text).chars().take(TEXT_CHARS_MAX).collect::<String>();
        Ok(Declared {
            version: shown(&self.version),
            about: shown(&self.about),
            license: shown(&self.license),
            docs: shown(&self.docs),
            ..self
        })
    }
}

/// Says whether a text is a plugin's name: small letters, digits and `-`, at most 64.
pub fn is_id(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=64).contains(&text.len()) && text.chars().all(fits)
}

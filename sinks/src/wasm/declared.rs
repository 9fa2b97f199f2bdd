//! What a plugin says of itself: a section of its file that is read without running anything.

use serde::{Deserialize, Serialize};

/// The section's name, in a component or a module.
pub const SECTION: &str = "billkeep:plugin";
/// The longest that is read.
pub(super) const SECTION_BYTES_MAX: usize = 1 << 16;

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
        serde_json::from_slice(bytes)
            .map_err(|e| format!("its section `{SECTION}` is not what it must be: {e}"))
    }
}

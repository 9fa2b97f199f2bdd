//! Files that hold secrets.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use billkeep_core::engine::OutsideFile;
use billkeep_core::engine::SETTINGS_BYTES_MAX;
use billkeep_core::exports::SinkError;

/// Sees that only its owner can read a file, where the system has such rights.
pub(crate) fn only_ours(path: &Path) -> Result<(), String> {
    let metadata = fs::metadata(path).map_err(|e| e.to_string())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(format!(
                "others may read or change it (mode {mode:o}); `chmod 600` it first, and think of new keys"
            ));
        }
    }
    #[cfg(not(unix))]
    let _ = metadata;
    Ok(())
}

/// Reads lines of `NAME=VALUE`.
pub(crate) fn values(path: &Path) -> Result<BTreeMap<String, String>, SinkError> {
    let failed =
        |why: String| SinkError::Credentials(format!("credentials `{}`: {why}", path.display()).into());
    only_ours(path).map_err(failed)?;
    let text = OutsideFile::read_text(path, SETTINGS_BYTES_MAX).map_err(|e| failed(e.to_string()))?;
    let mut values = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // The line is not shown: it may hold a secret.
        let (name, value) =
            line.split_once('=').ok_or_else(|| failed(format!("line {} is not NAME=VALUE", at + 1)))?;
        values.insert(name.trim().to_owned(), value.trim().trim_matches('"').to_owned());
    }
    Ok(values)
}

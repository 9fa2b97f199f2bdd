//! Files that hold secrets.

use std::fs;
use std::path::Path;

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

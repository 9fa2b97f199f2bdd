//! Folders that are gone when a command ends.

use crate::error::CommandError;
use billkeep_core::engine;

/// Makes a new folder among the temporary files.
pub(super) fn temporary_folder(prefix: &str) -> Result<tempfile::TempDir, CommandError> {
    let folder = engine::temporary_folder(&std::env::temp_dir(), prefix);
    folder.map_err(|e| CommandError::user(format!("no temporary folder can be made: {e}")))
}

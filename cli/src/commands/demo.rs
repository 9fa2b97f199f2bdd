//! `demo`.
use crate::context::Context;
use crate::error::CommandError;
use std::path::Path;
pub(crate) fn run(_context: &Context, _dir: &Path) -> Result<(), CommandError> {
    Ok(())
}

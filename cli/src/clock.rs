//! Which time it is.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::CommandError;

/// The one place that asks for the time.
#[derive(Clone)]
pub(crate) enum Clock {
    /// The machine's clock.
    System,
    /// A file that says it, for replays: a time as `2021-04-06T03:00:00Z`, read each time it is asked for.
    File(Arc<PathBuf>),
}

impl Clock {
    /// Takes the time from a file.
    pub(crate) fn of_file(path: PathBuf) -> Result<Clock, CommandError> {
        match read(&path) {
            Some(_) => Ok(Clock::File(Arc::new(path))),
            None => Err(CommandError::user(format!(
                "`{}` holds no time; write it as 2021-04-06T03:00:00Z",
                path.display()
            ))),
        }
    }

    /// Returns the time in Unix seconds. A file that says none any more is as one that was never given.
    pub(crate) fn now_unix_s(&self) -> i64 {
        let system = || chrono::Utc::now().timestamp();
        match self {
            Clock::System => system(),
            Clock::File(path) => read(path).unwrap_or_else(system),
        }
    }
}

fn read(path: &std::path::Path) -> Option<i64> {
    let text = std::fs::read_to_string(path).ok()?;
    chrono::DateTime::parse_from_rfc3339(text.trim()).ok().map(|at| at.timestamp())
}

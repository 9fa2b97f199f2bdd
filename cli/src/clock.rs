//! Which time it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::error::CommandError;
use billkeep_core::engine::OutsideFile;

/// A moment in time has some 20 characters.
const CLOCK_BYTES_MAX: u64 = 1 << 10;

/// The one place that asks for the time.
#[derive(Clone)]
pub(crate) enum Clock {
    /// The machine's clock.
    System,
    /// A file that says it, for replays: a time as `2021-04-06T03:00:00Z`, read each time it is asked for.
    File(Arc<TimeFile>),
}

/// A file with a time, and the last one that it said.
pub(crate) struct TimeFile {
    path: PathBuf,
    last_unix_s: AtomicI64,
}

impl Clock {
    /// Takes the time from a file.
    pub(crate) fn of_file(path: PathBuf) -> Result<Clock, CommandError> {
        match read(&path) {
            Some(now) => Ok(Clock::File(Arc::new(TimeFile { path, last_unix_s: now.into() }))),
            None => Err(CommandError::user(format!(
                "`{}` holds no time; write it as 2021-04-06T03:00:00Z",
                path.display()
            ))),
        }
    }

    /// Returns the time in Unix seconds. While a file says none, as when it is just being written, it is as late as it was.
    pub(crate) fn now_unix_s(&self) -> i64 {
        match self {
            Clock::System => chrono::Utc::now().timestamp(),
            Clock::File(file) => {
                if let Some(now) = read(&file.path) {
                    file.last_unix_s.store(now, Ordering::Relaxed);
                }
                file.last_unix_s.load(Ordering::Relaxed)
            }
        }
    }
}

fn read(path: &Path) -> Option<i64> {
    let text = OutsideFile::read_text(path, CLOCK_BYTES_MAX).ok()?;
    chrono::DateTime::parse_from_rfc3339(text.trim()).ok().map(|at| at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_says_nothing_leaves_the_time_where_it_was() {
        let path = std::env::temp_dir().join(format!("billkeep-clock-{}", std::process::id()));
        std::fs::write(&path, "2021-04-06T03:00:00Z\n").unwrap();
        let clock = Clock::of_file(path.clone()).unwrap();
        assert_eq!(clock.now_unix_s(), 1_617_678_000);
        std::fs::write(&path, "").unwrap();
        assert_eq!(clock.now_unix_s(), 1_617_678_000);
        assert!(Clock::of_file(path.clone()).is_err());
        std::fs::write(&path, "2021-04-06T03:00:01Z").unwrap();
        assert_eq!(clock.now_unix_s(), 1_617_678_001);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(clock.now_unix_s(), 1_617_678_001);
    }
}

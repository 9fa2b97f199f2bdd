//! How a store is opened.

use std::time::Duration;

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Memory for pages, in bytes. The system keeps the file's pages as well, so more is mostly memory that is filled once.
    pub cache_bytes: usize,
    /// How long a writer waits for another one to finish, at most.
    pub wait: Duration,
}

impl Default for OpenOptions {
    fn default() -> Self {
        OpenOptions { cache_bytes: 4 << 20, wait: Duration::from_secs(30) }
    }
}

/// What a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To look: never waits for a writer, and never keeps one waiting.
    Read,
    /// To look and to change.
    Write,
}

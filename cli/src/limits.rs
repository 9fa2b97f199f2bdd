//! The system's limits for this process.

#[cfg(unix)]
use std::sync::Arc;

/// Has a write beyond the limit on the size of files (`ulimit -f`) fail, as it does on a full disk.
///
/// The system sends a signal that ends the program, before anything could be cleared away or reported. The handler does
/// nothing; programs that are started from here have the signal as it was.
pub(crate) fn prepare() {
    // Where it cannot be registered, the signal ends the program as before.
    #[cfg(unix)]
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
}

//! Ctrl-C: the first asks to stop at the next point at which that is safe, the second stops at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// What a shell tells of a program that Ctrl-C has ended.
const EXIT_CODE: i32 = 130;

/// Set once somebody listens: a second time, the first Ctrl-C would be taken for the second.
static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Has Ctrl-C, and a polite request to end, wait for a safe point. Commands that are one transaction need none.
pub(crate) fn listen() -> std::io::Result<()> {
    let asked = Arc::<AtomicBool>::default();
    if ASKED.set(asked.clone()).is_err() {
        return Ok(());
    }
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, EXIT_CODE, asked.clone())?;
        signal_hook::flag::register(signal, asked.clone())?;
    }
    Ok(())
}

/// Says whether somebody has asked to stop.
pub(crate) fn is_asked() -> bool {
    ASKED.get().is_some_and(|asked| asked.load(Ordering::Relaxed))
}

//! Work on a thread of its own, whose panic is an error.

use std::cell::Cell;
use std::thread;

thread_local! {
    static LOOKING: Cell<bool> = const { Cell::new(false) };
}

/// Says whether a panic on this thread, right now, is that of a file that is looked at, which is returned as an error.
///
/// For a program's panic hook, so that nothing is said twice.
pub fn looks_at_a_file() -> bool {
    LOOKING.get()
}

/// Runs something on a thread with a stack of this size. A panic there is an error in these words: what makes a component of a module takes
/// types for granted that a damaged file does not have.
pub(super) fn isolated<T: Send>(
    panicked: &str,
    stack_bytes: usize,
    work: impl FnOnce() -> Result<T, String> + Send,
) -> Result<T, String> {
    let work = || {
        LOOKING.set(true);
        work()
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("billkeep-plugin-file".into()).stack_size(stack_bytes);
        let thread = thread.spawn_scoped(scope, work);
        let thread = thread.map_err(|e| format!("no thread can be started for it: {e}"))?;
        thread.join().unwrap_or_else(|_| Err(panicked.to_owned()))
    })
}

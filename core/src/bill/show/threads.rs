//! Work on several threads, handed out piece by piece.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::bill::BillError;

/// More threads than this wait for each other rather than help.
const THREADS_MAX: usize = 64;

/// Does pieces 0 to `n` on several threads; each has a state of its own and takes pieces as they come.
///
/// Returns the states, in no particular order: what is made of them must not depend on who did what.
///
/// # Errors
/// One of those that `work` returns.
pub(crate) fn share<S: Send>(
    threads: usize,
    n: usize,
    begin: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Result<(), BillError> + Sync,
) -> Result<Vec<S>, BillError> {
    let next = AtomicUsize::new(0);
    let run = || {
        let mut state = begin();
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= n {
                return Ok(state);
            }
            // After an error nobody takes another piece.
            work(&mut state, piece).inspect_err(|_| next.store(n, Ordering::Relaxed))?;
        }
    };
    let others = threads.clamp(1, THREADS_MAX).min(n.max(1)) - 1;
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..others).map(|_| scope.spawn(run)).collect();
        let mine = run();
        let theirs = others.into_iter().map(|other| other.join().unwrap_or(Err(BillError::Thread)));
        std::iter::once(mine).chain(theirs).collect()
    })
}

/// Does something with each item on several threads.
///
/// # Errors
/// [`BillError::Thread`] when a thread ended without an answer.
pub(super) fn each_mut<T: Send>(
    threads: usize,
    items: &mut [T],
    change: impl Fn(&mut T) + Sync,
) -> Result<(), BillError> {
    let n = items.len();
    let queue = Mutex::new(items.iter_mut());
    share(
        threads,
        n,
        || (),
        |(), _| {
            let item = queue.lock().map_err(|_| BillError::Thread)?.next();
            item.into_iter().for_each(&change);
            Ok(())
        },
    )?;
    Ok(())
}

/// Makes something of each of `n` pieces on several threads, and returns it in the order of the pieces.
///
/// # Errors
/// One of those that `make` returns.
pub(super) fn each<T: Send>(
    threads: usize,
    n: usize,
    make: impl Fn(usize) -> Result<T, BillError> + Sync,
) -> Result<Vec<T>, BillError> {
    let work = |made: &mut Vec<(usize, T)>, piece| {
        made.push((piece, make(piece)?));
        Ok(())
    };
    let mut all: Vec<(usize, T)> = share(threads, n, Vec::new, work)?.into_iter().flatten().collect();
    all.sort_unstable_by_key(|(piece, _)| *piece);
    Ok(all.into_iter().map(|(_, made)| made).collect())
}

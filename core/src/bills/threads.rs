//! Work on several threads, handed out piece by piece.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::bills::BillError;

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

/// Makes something of each of `n` pieces on several threads, and hands it on in the order of the pieces.
///
/// Only a few wait to be handed on, however slow the first of them is: memory depends on the threads, not on `n`.
///
/// # Errors
/// The first that `make` or `take` returns, in the order of the pieces; nothing is handed on after it.
pub(super) fn in_order<T: Send, E: From<BillError>>(
    threads: usize,
    n: usize,
    make: impl Fn(usize) -> Result<T, BillError> + Sync,
    take: &mut dyn FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let workers = threads.clamp(1, THREADS_MAX).min(n);
    if workers <= 1 {
        return (0..n).try_for_each(|piece| take(make(piece)?));
    }
    let (ask, asked) = crossbeam_channel::unbounded::<usize>();
    let (give, given) = crossbeam_channel::unbounded();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (asked, give, make) = (asked.clone(), give.clone(), &make);
            scope.spawn(move || {
                for piece in asked {
                    // Whoever waits for the piece must hear of it, whatever became of it.
                    let made = std::panic::catch_unwind(AssertUnwindSafe(|| make(piece)));
                    if give.send((piece, made.unwrap_or(Err(BillError::Thread)))).is_err() {
                        return;
                    }
                }
            });
        }
        drop((asked, give));
        // When this ends, nobody asks any more, and the workers end too.
        let ask = ask;
        let (mut issued, mut next) = (0, 0);
        let mut waiting = BTreeMap::new();
        while next < n {
            while issued < n && issued - next < workers * 2 {
                ask.send(issued).map_err(|_| BillError::Thread)?;
                issued += 1;
            }
            let (piece, made) = given.recv().map_err(|_| BillError::Thread)?;
            waiting.insert(piece, made);
            while let Some(made) = waiting.remove(&next) {
                take(made?)?;
                next += 1;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_handed_on_in_their_order_until_one_fails() {
        for threads in [1, 2, 5] {
            let mut taken = Vec::new();
            let make = |piece: usize| {
                // Later pieces are made sooner.
                std::thread::sleep(std::time::Duration::from_micros(50 * (20 - piece as u64)));
                if piece == 15 { Err(BillError::TooManyFields(piece)) } else { Ok(piece) }
            };
            let result = in_order::<_, BillError>(threads, 20, make, &mut |piece| {
                taken.push(piece);
                Ok(())
            });
            assert!(matches!(result, Err(BillError::TooManyFields(15))));
            assert_eq!(taken, (0..15).collect::<Vec<_>>());
        }
    }

    #[test]
    fn whoever_takes_pieces_may_end_it_and_a_lost_thread_is_told() {
        let taken = in_order(3, 100, Ok, &mut |piece: usize| match piece {
            0..7 => Ok(()),
            _ => Err(BillError::TooManyFields(piece)),
        });
        assert!(matches!(taken, Err(BillError::TooManyFields(7))));
        let lost = in_order::<usize, BillError>(2, 9, |piece| panic!("{piece}"), &mut |_| Ok(()));
        assert!(matches!(lost, Err(BillError::Thread)));
    }
}

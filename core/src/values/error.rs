//! What kind of failure an error is: exit codes and retries go by this alone.

/// The kind of an error, whatever its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The input is wrong: a file, a name, a value. Nothing was changed.
    User,
    /// The state does not allow it: stale digest, not confirmed, overlap.
    Refused,
    /// What was brought is kept, and waits until somebody decides.
    Pending,
    /// Stored bytes are not what was written: checksum, chain, sums.
    Damaged,
    /// Busy, or a fault that may pass: try again.
    Passing,
    /// The machine or the program failed: disk, memory, a broken promise.
    Internal,
}

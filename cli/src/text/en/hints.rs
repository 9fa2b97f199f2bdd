//! Hints that several errors share.

/// What to do about a store that is damaged.
pub(crate) const CHECK: &str = "`billkeep store check` reports what is affected";
pub(super) const RESTORE: &str = "put back a copy of the store's file that was made while no program wrote to it; docs/DELIVERY.md has what to do without one";
/// What to do where there is no room for a file.
pub(super) const MAKE_ROOM: &str = "nothing is lost; make room on that disk, or raise the limit on the size of files (`ulimit -f`), and run it again";

//! Where the requests of a plugin may go.

use super::rule::HostRule;

/// Where requests may go.
pub(super) struct HttpAccess {
    pub(super) rules: Vec<HostRule>,
    pub(super) ca: Option<String>,
}

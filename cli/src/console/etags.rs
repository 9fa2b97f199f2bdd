//! Tags of what was answered: whether a client has it already, and whether a bill is as it was.

use axum::http::{HeaderMap, header};

use super::state::Console;
use crate::error::CommandError;

/// What an `If-Match` compares: digest and state of a bill.
pub(super) fn bill_tag(console: &Console, month: &str, basis: Option<&str>) -> Result<String, CommandError> {
    let month = month.parse().map_err(|e: String| CommandError::user(e))?;
    let basis = basis.unwrap_or("used").parse().map_err(|e: String| CommandError::user(e))?;
    let reader = console.store.read()?;
    let key = console.context.bill_key(&reader, month, basis)?;
    let view = console.rollups.view(&reader, key)?;
    Ok(format!("{}-{}", view.revision.digest.hex(), view.bill.state))
}

/// Says whether an `If-Match` is of the bill as it is: its digest, and its state.
pub(super) fn matches_bill(
    console: &Console,
    wanted: &str,
    month: &str,
    basis: Option<&str>,
) -> Result<bool, CommandError> {
    let tag = bill_tag(console, month, basis)?;
    Ok(wanted.trim() == "*"
        || wanted.split(',').any(|one| {
            let one = one.trim().trim_matches('"');
            one.strip_prefix(&tag).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        }))
}

/// Says whether an `If-None-Match` has a tag.
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is = |known: &str| known == "*" || known.trim_start_matches("W/") == tag;
    known.is_some_and(|known| known.split(',').any(|known| is(known.trim())))
}

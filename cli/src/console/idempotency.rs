//! Changes that are made once: by the key of a request, and only to what it was made for.

use axum::http::HeaderMap;
use billkeep_core::error::Kind;

use sha2::{Digest as _, Sha256};

use super::answer::{Answer, Body, JSON};
use super::changes::change;
use super::command_map::CommandSpec;
use super::etags::matches_bill;
use super::fields::FILE;
use super::route::Route;
use super::state::{Console, Request};
use crate::error::CommandError;
use billkeep_core::engine::RequestState;

/// How long a key of a request may be.
const KEY_CHARS_MAX: usize = 128;

/// Has a change made once for each key, where it carries one, and only to what it was made for, where it says so.
pub(super) fn once(
    console: &Console,
    route: &Route,
    spec: &CommandSpec,
    request: Request,
    headers: &HeaderMap,
) -> Result<Answer, CommandError> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default().to_owned());
    if let Some(wanted) = text("if-match")
        && let Some(month) = request.get("month")
        && !matches_bill(console, &wanted, month, request.get("basis"))?
    {
        let error = CommandError::new(Kind::Refused, "the bill is not as it was when it was looked at");
        return Ok(Answer { status: 412, ..Answer::error(&error.hint("ask for it again, and compare")) });
    }
    let Some(key) = text("idempotency-key") else { return change(console, spec, &request) };
    if key.is_empty() || key.len() > KEY_CHARS_MAX || !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(CommandError::user(format!(
            "an idempotency key has 1 to {KEY_CHARS_MAX} printable characters"
        )));
    }
    let visitor = request.visitor()?;
    let mut hasher = Sha256::new();
    let mut whole = vec![visitor.name.clone(), route.path.to_owned()];
    for (name, values) in request.fields.iter().filter(|(name, _)| *name != FILE) {
        whole.push(name.clone());
        whole.extend(values.iter().cloned());
    }
    whole.extend(request.sent_sha256.iter().cloned());
    for part in whole {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let name = visitor.name.clone();
    let now = console.context.now_unix_s();
    match console.store.transact(|tx| tx.take_request(&name, &key, hasher.finalize().into(), now))? {
        RequestState::New => {}
        RequestState::Answered(status, body) => {
            return Ok(Answer::new(status, JSON, body).with("idempotency-replayed", "true".into()));
        }
        RequestState::Other => {
            return Err(CommandError::new(
                Kind::Refused,
                "this idempotency key was used for another request",
            ));
        }
        RequestState::Unknown => {
            return Err(CommandError::new(
                Kind::Refused,
                "a request with this key was begun: it still runs, or nobody knows how it ended",
            )
            .hint("the journal tells whether the change was made"));
        }
    }
    let result = change(console, spec, &request);
    let kept = match &result {
        Ok(Answer { status, body: Body::Whole(body), .. }) => Some((*status, body.as_ref())),
        // Nothing was changed, so it may be asked for again.
        _ => None,
    };
    console.store.transact(|tx| tx.answer_request(&name, &key, kept))?;
    result
}

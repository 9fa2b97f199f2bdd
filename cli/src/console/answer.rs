//! What is answered: a page, JSON, a file, an error.

use billkeep_core::error::Kind;
use bytes::Bytes;
use serde_json::{Value, json};

use super::finish::{name_fields, without_hidden};
use crate::error::CommandError;

/// What is answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
}

pub(super) enum Body {
    Whole(Bytes),
    /// As it comes; an error ends it early, so that nobody takes it for whole.
    Stream(Bytes, tokio::sync::mpsc::Receiver<std::io::Result<Bytes>>),
}

impl Answer {
    pub(super) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Answer {
        let headers = vec![("content-type", content_type.to_owned())];
        Answer { status, headers, body: Body::Whole(body.into()) }
    }

    pub(super) fn html(status: u16, page: String) -> Answer {
        let page = name_fields(&without_hidden(page));
        Answer::new(status, "text/html; charset=utf-8", page)
    }

    pub(super) fn json(status: u16, value: &Value) -> Answer {
        Answer::new(status, JSON, serde_json::to_vec(value).unwrap_or_default())
    }

    pub(super) fn see(to: &str) -> Answer {
        Answer::new(303, "text/plain; charset=utf-8", "").with("location", to.to_owned())
    }

    pub(super) fn with(mut self, name: &'static str, value: String) -> Answer {
        self.headers.push((name, value));
        self
    }

    /// Reports an error as JSON.
    pub(super) fn error(error: &CommandError) -> Answer {
        Answer::error_with(error, &[], &Value::Null)
    }

    /// An error of a command that has said something all the same.
    pub(super) fn error_with(error: &CommandError, said: &[String], data: &Value) -> Answer {
        let status = status_of(error);
        let kind = match error.kind() {
            Kind::User => "user",
            Kind::Refused => "refused",
            Kind::Pending => "pending",
            Kind::Damaged => "damaged",
            Kind::Transient => "passing",
            Kind::Internal => "internal",
        };
        let told = json!({ "kind": kind, "message": error.message(), "hints": error.hints() });
        let mut object = json!({ "format": "billkeep.error/1", "error": told });
        if let Some(object) = object.as_object_mut().filter(|_| !data.is_null()) {
            object.insert("said".into(), said.into());
            object.insert("data".into(), data.clone());
        }
        let answer = Answer::json(status, &object);
        if status == 503 { answer.with("retry-after", "5".into()) } else { answer }
    }
}

pub(super) const JSON: &str = "application/json";

/// Returns the HTTP status of an error.
pub(super) fn status_of(error: &CommandError) -> u16 {
    match error.kind() {
        _ if error.is_forbidden() => 403,
        _ if error.is_absent() => 404,
        _ if error.is_too_large() => 413,
        Kind::User => 400,
        // A request that finds damage did not cause it.
        // A file that waits is not in the bill: who asked for that must not take it for done.
        Kind::Refused | Kind::Pending | Kind::Damaged => 409,
        Kind::Transient => 503,
        Kind::Internal => 500,
    }
}

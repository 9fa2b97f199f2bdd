//! Commands as the interface and the pages' forms ask for them.

use std::path::PathBuf;

use axum::http::HeaderMap;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::answer::{Answer, JSON};
use super::command_map::CommandSpec;
use super::execute::run_for;
use super::fields::FILE;
use super::links::is_local;
use super::route::Route;
use super::session::Flash;
use super::state::{Console, Request};
use super::{etags, form};
use crate::args::Format;
use crate::commands::in_order;
use crate::error::CommandError;
use crate::output::Captured;
use billkeep_core::values;

/// Asks a command for data.
pub(super) fn query(
    console: &Console,
    spec: &CommandSpec,
    request: &Request,
    headers: &HeaderMap,
) -> Result<Answer, CommandError> {
    let kept = Captured::default();
    run_for(console, request.visitor()?, Format::Json, &kept, spec.command(&request.fields)?)?;
    let data = kept.take_data();
    let mut tag: String = values::hex(&Sha256::digest(&data)).chars().take(32).collect();
    if spec.words == ["bill", "show"] && request.get("revision").is_none() {
        // Such a tag is what an `If-Match` of a change compares.
        let bill = etags::bill_tag(console, request.get("month").unwrap_or_default(), request.get("basis"))?;
        tag = format!("{bill}-{tag}");
    }
    let tag = format!("\"{tag}\"");
    let same = etags::is_known(headers, &tag);
    let answer = if same { Answer::new(304, JSON, "") } else { Answer::new(200, JSON, data) };
    Ok(answer.with("etag", tag))
}

/// Runs a command that changes something, and returns its output.
pub(super) fn change(
    console: &Console,
    spec: &CommandSpec,
    request: &Request,
) -> Result<Answer, CommandError> {
    let kept = Captured::default();
    let result = run_for(console, request.visitor()?, Format::Json, &kept, spec.command(&request.fields)?);
    let data: Value = serde_json::from_slice(&kept.take_data()).unwrap_or(Value::Null);
    let said = kept.take_words();
    match result {
        // Something came of it all the same: which files are missing, say, or that one waits for a decision.
        Err(error) if !data.is_null() => return Ok(Answer::error_with(&error, &said, &data)),
        result => result?,
    }
    Ok(Answer::json(200, &json!({ "format": "billkeep.changed/1", "said": said, "data": data })))
}

/// Runs the command of a page's form. The next page shows the result.
pub(super) fn from_form(
    console: &Console,
    route: &Route,
    spec: &CommandSpec,
    mut request: Request,
) -> Result<Answer, CommandError> {
    let said = form::take(&mut request.fields);
    let (back, ending) = (said.back.clone(), said.failed.clone());
    let [back, ending] = [back, ending].map(|to| to.filter(|to| is_local(to)));
    let visitor = request.visitor()?.clone();
    let (kept, words) = (Captured::tables(), request.language.words());
    let result = form::check(&form::FormSource { route, spec, more: &[] }, words, &said, &mut request.fields)
        .and_then(|()| spec.command(&request.fields))
        .and_then(|command| run_for(console, &visitor, Format::Table, &kept, command));
    let mut flash = Flash { said: kept.take_words(), tables: kept.take_tables(), ..Flash::default() };
    let failed = flash.note(result, request.language)?;
    if let Some(session) = &visitor.session {
        session.leave(flash);
    }
    Ok(Answer::see(&match (failed, ending, back) {
        (true, Some(ending), _) => ending,
        (_, _, back) => back.unwrap_or_else(|| "/".to_owned()),
    }))
}

/// Imports the files of a page's form, in the order of their days, and tells of each what came of it.
pub(super) fn files_from_form(
    console: &Console,
    route: &Route,
    spec: &CommandSpec,
    mut request: Request,
) -> Result<Answer, CommandError> {
    let said = form::take(&mut request.fields);
    let visitor = request.visitor()?.clone();
    let (mut flash, words) = (Flash::default(), request.language.words());
    let whole = form::check(&form::FormSource { route, spec, more: &[] }, words, &said, &mut request.fields);
    if !flash.note(whole, request.language)? {
        let files: Vec<PathBuf> =
            request.fields.remove(FILE).unwrap_or_default().into_iter().map(PathBuf::from).collect();
        for file in in_order(&files) {
            let mut fields = request.fields.clone();
            fields.insert(FILE.into(), vec![file.to_string_lossy().into_owned()]);
            let kept = Captured::tables();
            let result = spec
                .command(&fields)
                .and_then(|command| run_for(console, &visitor, Format::Table, &kept, command));
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let result = result.map_err(|error| if files.len() > 1 { error.about(&name) } else { error });
            flash.said.extend(kept.take_words());
            flash.tables.extend(kept.take_tables());
            flash.note(result, request.language)?;
        }
    }
    if let Some(session) = &visitor.session {
        session.leave(flash);
    }
    let back = said.back.filter(|back| is_local(back));
    Ok(Answer::see(&back.unwrap_or_else(|| "/import".to_owned())))
}

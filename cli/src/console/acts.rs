//! What a page's form does with more than one command, or with an answer that is kept nowhere.

use std::collections::BTreeMap;

use super::answer::Answer;
use super::command_map::CommandSpec;
use super::execute::run_for;
use super::fields::Fields;
use super::pages::common::parsed;
use super::pages::storage::{after_of, kinds_of};
use super::session::Flash;
use super::state::{Console, Request};
use super::words::filled;
use crate::args::{Command, Format, User};
use crate::error::CommandError;
use crate::output::Captured;
use crate::own_error;

use billkeep_core::deliveries::{Calendars, Consent, StorageAccount};
use billkeep_core::engine::StoreSettings;
use billkeep_core::formats::BillKind;
use billkeep_core::partners::Person;
use billkeep_core::values::Uin;

/// Runs a command for whoever asks; keeps what it said, and returns its data.
fn run(
    console: &Console,
    request: &Request,
    command: Command,
    flash: &mut Flash,
) -> Result<String, CommandError> {
    let kept = Captured::default();
    let result = run_for(console, request.visitor()?, Format::Table, &kept, command);
    flash.said.extend(kept.take_words());
    result?;
    Ok(String::from_utf8_lossy(&kept.take_data()).trim().to_owned())
}

fn leave(request: &Request, flash: Flash, to: &str) -> Result<Answer, CommandError> {
    if let Some(session) = &request.visitor()?.session {
        session.leave(flash);
    }
    Ok(Answer::see(request.back.as_deref().unwrap_or(to)))
}

fn one(name: &str, value: &str) -> (String, Vec<String>) {
    (name.to_owned(), vec![value.to_owned()])
}

/// The fields of whoever enters the first person: themselves.
pub(super) const FIRST: CommandSpec =
    CommandSpec { words: &["user", "set"], args: &["name"], always: &["--role=admin"] };

/// Enters the first person: whoever is signed in, as an admin. They stay signed in, and deliveries are made in their name.
pub(super) fn first_person(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    if !Person::list(&console.store.read()?)?.is_empty() {
        return Err(CommandError::own(own_error::SOMEBODY_ENTERED, &[]));
    }
    let mut flash = Flash::default();
    let before = request.visitor()?.name.clone();
    let result = FIRST
        .command(&request.fields)
        .and_then(|command| run(console, request, command, &mut flash))
        .map(drop);
    if !flash.note(result, request.language)? {
        let name = request.get("name").unwrap_or_default().trim();
        if let Some(session) = &request.visitor()?.session {
            session.rename(name);
        }
        if Person::role_of(&console.store.read()?, &console.actor()).is_err() && console.actor() == before {
            console.act_as(name);
        }
        // What was warned of before the name changed holds no more.
        flash.said.truncate(1);
        flash.said.push(filled(request.language.words().you_stay, &[name]));
    }
    leave(request, flash, "/settings")
}

pub(super) const LINK: CommandSpec = CommandSpec { words: &["user", "link"], args: &["name"], always: &[] };

/// Makes a link that signs somebody in, and shows it once.
pub(super) fn link(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let mut command = LINK.command(&request.fields)?;
    if let Command::User(User::Link { at, .. }) = &mut command {
        *at = Some(console.url.clone());
    }
    shown_once(console, request, command, request.language.words().link_for)
}

pub(super) const TOKEN: CommandSpec =
    CommandSpec { words: &["user", "token"], args: &["name", "label"], always: &[] };

/// Makes a token for somebody's program, and shows it once.
pub(super) fn token(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    shown_once(console, request, TOKEN.command(&request.fields)?, request.language.words().token_for)
}

fn shown_once(
    console: &Console,
    request: &Request,
    command: Command,
    words: &str,
) -> Result<Answer, CommandError> {
    let mut flash = Flash::default();
    let mut secret = String::new();
    let result = run(console, request, command, &mut flash).map(|text| secret = text);
    if !flash.note(result, request.language)? {
        let what = filled(words, &[request.get("name").unwrap_or_default()]);
        flash = Flash { secret: Some((what, secret)), ..Flash::default() };
    }
    leave(request, flash, "/settings")
}

/// The fields of the settings of an account's bill storage.
pub(super) const SETTINGS: CommandSpec =
    CommandSpec { words: &["storage", "status"], args: &["uin"], always: &[] };
pub(super) const SETTINGS_FIELDS: &[&str] =
    &["daily", "monthly", "reseller", "custom_bills", "after", "shared"];

/// What an account's settings are and are to be, as commands in their order.
fn difference(console: &Console, request: &Request) -> Result<Vec<Command>, CommandError> {
    let reader = console.store.read()?;
    let uin: Uin = parsed(request.get("uin").unwrap_or_default())?;
    let account = StorageAccount::get(&reader, uin)?;
    let payer = StoreSettings::of(&reader)?.payer;
    let today = console.context.moment(&Calendars::load(&reader)?)?.day;
    let tomorrow = today.next().unwrap_or(today);
    let kinds = kinds_of(&account, payer, today);
    let uin = uin.to_string();
    let (mut stop, mut switch, mut enable) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    let mut is_any = false;
    let mut stays = false;
    let shown_after = after_of(&account, &kinds, tomorrow);
    for kind in kinds {
        let now = account.facts(kind, tomorrow).sink;
        let wanted = request.get(kind.word());
        is_any |= wanted.is_some();
        match (now, wanted) {
            (Some(_), None) => stop.push(kind),
            (Some(now), Some(wanted)) if now != wanted => {
                switch.entry(wanted).or_insert_with(Vec::new).push(kind);
            }
            (Some(_), Some(_)) => stays = true,
            (None, Some(wanted)) => enable.entry(wanted).or_insert_with(Vec::new).push(kind),
            _ => {}
        }
    }
    if !is_any {
        return Err(CommandError::user(request.language.words().choose_a_kind));
    }
    if stays && request.get("after").unwrap_or_default() != shown_after {
        return Err(CommandError::user(request.language.words().after_stays));
    }
    let command = |words: &'static [&'static str], always, sink: &str, kinds: &[BillKind]| {
        let mut fields = Fields::from([one("uin", &uin)]);
        if !sink.is_empty() {
            fields.extend([one("sink", sink)]);
        }
        if !kinds.is_empty() {
            fields.insert("kinds".into(), kinds.iter().map(|kind| kind.word().to_owned()).collect());
        }
        if matches!(words, ["storage", "enable" | "switch"]) {
            fields.extend(request.get("after").map(|after| one("after", after)));
            fields.extend(
                request.get("shared").filter(|shared| *shared == "yes").map(|_| one("shared", "true")),
            );
        }
        let args = match words {
            ["storage", "authorize" | "revoke"] => &["uin"][..],
            ["storage", "disable"] => &["uin", "kinds"],
            _ => &["uin", "sink", "kinds", "after", "shared"],
        };
        CommandSpec { words, args, always }.command(&fields)
    };
    let mut commands = Vec::new();
    match (request.get("custom_bills"), account.grants_any(Consent::CustomBills)) {
        (Some("yes"), false) => {
            commands.push(command(&["storage", "authorize"], &["--custom-bills"], "", &[])?);
        }
        (Some("no"), true) => commands.push(command(&["storage", "revoke"], &["--custom-bills"], "", &[])?),
        _ => {}
    }
    for (sink, kinds) in enable {
        commands.push(command(&["storage", "enable"], &[], sink, &kinds)?);
    }
    for (sink, kinds) in switch {
        commands.push(command(&["storage", "switch"], &[], sink, &kinds)?);
    }
    if !stop.is_empty() {
        commands.push(command(&["storage", "disable"], &["--yes"], "", &stop)?);
    }
    Ok(commands)
}

/// Makes the settings of an account's bill storage what the form shows: what differs is changed, and nothing else.
pub(super) fn storage_settings(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let mut flash = Flash::default();
    match difference(console, request) {
        Err(error) => drop(flash.note(Err(error), request.language)?),
        Ok(commands) => {
            if commands.is_empty() {
                flash.said.push(request.language.words().nothing_differs.to_owned());
            }
            for command in commands {
                let result = run(console, request, command, &mut flash).map(drop);
                if flash.note(result, request.language)? {
                    break;
                }
            }
        }
    }
    leave(request, flash, "/storage")
}

//! `user`: who may do what.

use std::collections::BTreeSet;

use billkeep_core::error::Kind;

use crate::args::User;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table};
use crate::served;

use billkeep_core::engine::{EntryFilter, JournalEntry, Records};
use billkeep_core::partners::{Person, SecretHash};
use billkeep_core::values;

/// For how long a link waits to be followed.
const LINK_S: i64 = 600;

pub(crate) fn run(context: &Context, command: User) -> Result<(), CommandError> {
    match command {
        User::Set { name, role } => {
            let store = context.write()?;
            let is_first = Person::list(&store.read()?)?.is_empty();
            store.transact(|tx| tx.set_person(&name, role, &context.actor()))?;
            context.say(&format!("`{name}` is {role} now."));
            warn_of_strangers(context, &store.read()?, is_first)?;
            Ok(store.close()?)
        }
        User::List => list(context),
        User::Remove { name } => {
            let store = context.write()?;
            store.transact(|tx| tx.remove_person(&name, &context.actor()))?;
            context.say(&format!("`{name}` may do nothing any more; what they did stays in the journal."));
            warn_of_strangers(context, &store.read()?, false)?;
            Ok(store.close()?)
        }
        User::Link { name, at } => {
            let store = context.write()?;
            let secret = secret()?;
            let (hash, actor) = (SecretHash::of(secret.as_bytes()), context.actor());
            store.transact(|tx| tx.add_link(&name, hash, actor.at_unix_s + LINK_S, &actor))?;
            let at = at.unwrap_or_else(|| {
                let served = served::find(&context.store).filter(|served| served.runs);
                served.map_or_else(|| DEFAULT_URL.to_owned(), |served| served.url)
            });
            context.data(format!("{}/sign-in?link={secret}\n", at.trim_end_matches('/')).as_bytes())?;
            context.say(&format!("Give it to `{name}` alone: it signs in once, within ten minutes."));
            Ok(store.close()?)
        }
        User::Token { name, label } => {
            let store = context.write()?;
            let secret = secret()?;
            let hash = SecretHash::of(secret.as_bytes());
            store.transact(|tx| tx.add_token(&name, &label, hash, &context.actor()))?;
            context.data(format!("{secret}\n").as_bytes())?;
            context.say(&format!(
                "Programs act as `{name}` with `Authorization: Bearer TOKEN`; it is not shown again."
            ));
            Ok(store.close()?)
        }
        User::Revoke { name } => {
            let store = context.write()?;
            let count = store.transact(|tx| tx.revoke_tokens(&name, &context.actor()))?;
            context.say(&format!("Took back {count} tokens and all links of `{name}`."));
            Ok(store.close()?)
        }
    }
}

/// Where a console is unless something else was said.
const DEFAULT_URL: &str = "http://127.0.0.1:8321";
/// How many entries of the journal are looked at for whoever acted lately.
const ENTRIES: usize = 200;

/// Warns of whoever acts in this store and is not among its people: the scheduler of a console, and those who acted lately.
fn warn_of_strangers(context: &Context, store: &impl Records, is_first: bool) -> Result<(), CommandError> {
    if Person::list(store)?.is_empty() {
        return Ok(());
    }
    let is_stranger = |name: &str| Person::role_of(store, name).is_err();
    let served = served::find(&context.store).filter(|served| served.runs && served.has_scheduler);
    let scheduler = served.map(|served| served.actor).filter(|actor| is_stranger(actor));
    if let Some(actor) = &scheduler {
        context.say(&format!(
            "warning: the scheduler of the console acts as `{actor}`, who is not among the people: it delivers nothing until you \
             enter `{actor}` (`billkeep user set {actor} --role operator`) or start it as somebody else (`billkeep --as NAME serve`)"
        ));
    }
    if !is_first {
        return Ok(());
    }
    let newest = EntryFilter { newest: Some(ENTRIES), ..EntryFilter::default() };
    let lately: BTreeSet<String> =
        JournalEntry::select(store, &newest)?.into_iter().map(|entry| entry.actor).collect();
    let me = context.actor_name();
    for actor in lately.iter().filter(|actor| Some(*actor) != scheduler.as_ref() && is_stranger(actor)) {
        let who = if *actor == me { ", as whom you act now," } else { "" };
        context.say(&format!(
            "warning: `{actor}`{who} changed this store lately and is not among the people: commands as `{actor}`, by `cron` for \
             instance, are refused from now on"
        ));
    }
    Ok(())
}

fn list(context: &Context) -> Result<(), CommandError> {
    let store = context.read()?;
    let columns = vec![Column::text("name"), Column::text("role"), Column::text("tokens")];
    let mut table = Table::new("billkeep.user.list/1", columns);
    for person in Person::list(&store.read()?)? {
        let tokens: Vec<&str> = person.tokens.iter().map(|token| token.label.as_str()).collect();
        table.rows.push(vec![person.name, person.role.to_string(), tokens.join(", ")]);
    }
    context.print(&table)
}

/// Draws a secret: 32 bytes by chance, in letters that stand in a URL and a header as they are.
pub(crate) fn secret() -> Result<String, CommandError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|e| CommandError::new(Kind::Internal, format!("this machine gives no random bytes: {e}")))?;
    Ok(values::hex(&bytes))
}

//! `user`: who may do what.

use billkeep_core::error::Kind;
use billkeep_core::people::{self, SecretHash};

use crate::args::User;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table};

/// For how long a link waits to be followed.
const LINK_S: i64 = 600;

pub(crate) fn run(context: &Context, command: User) -> Result<(), CommandError> {
    match command {
        User::Set { name, role } => {
            let store = context.write()?;
            people::set(store.write()?, &name, role, &context.actor())?;
            context.say(&format!("`{name}` is {role} now."));
            Ok(store.close()?)
        }
        User::List => list(context),
        User::Remove { name } => {
            let store = context.write()?;
            people::remove(store.write()?, &name, &context.actor())?;
            context.say(&format!("`{name}` may do nothing any more; what they did stays in the journal."));
            Ok(store.close()?)
        }
        User::Link { name, at } => {
            let store = context.write()?;
            let secret = secret()?;
            let (hash, actor) = (SecretHash::of(secret.as_bytes()), context.actor());
            people::add_link(store.write()?, &name, hash, actor.at_unix_s + LINK_S, &actor)?;
            context.data(format!("{}/sign-in?link={secret}\n", at.trim_end_matches('/')).as_bytes())?;
            context.say(&format!("Give it to `{name}` alone: it signs in once, within ten minutes."));
            Ok(store.close()?)
        }
        User::Token { name, label } => {
            let store = context.write()?;
            let secret = secret()?;
            let hash = SecretHash::of(secret.as_bytes());
            people::add_token(store.write()?, &name, &label, hash, &context.actor())?;
            context.data(format!("{secret}\n").as_bytes())?;
            context.say(&format!(
                "Programs act as `{name}` with `Authorization: Bearer TOKEN`; it is not shown again."
            ));
            Ok(store.close()?)
        }
        User::Revoke { name } => {
            let store = context.write()?;
            let count = people::revoke_tokens(store.write()?, &name, &context.actor())?;
            context.say(&format!("Took back {count} tokens and all links of `{name}`."));
            Ok(store.close()?)
        }
    }
}

fn list(context: &Context) -> Result<(), CommandError> {
    let store = context.read()?;
    let columns = vec![Column::text("name"), Column::text("role"), Column::text("tokens")];
    let mut table = Table::new("billkeep.user.list/1", columns);
    for person in people::list(&store.read()?)? {
        let tokens: Vec<&str> = person.tokens.iter().map(|token| token.label.as_str()).collect();
        table.rows.push(vec![person.name, person.role.to_string(), tokens.join(", ")]);
    }
    table.print(context)
}

/// Draws a secret: 32 bytes by chance, in letters that stand in a URL and a header as they are.
pub(crate) fn secret() -> Result<String, CommandError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|e| CommandError::new(Kind::Internal, format!("this machine gives no random bytes: {e}")))?;
    Ok(billkeep_core::digest::hex(&bytes))
}

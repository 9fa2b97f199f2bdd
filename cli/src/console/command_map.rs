//! A request as a command: what the command line takes, by the names that it has there.
//!
//! Nothing is said of a command twice. Which arguments there are, of which type they are and what they mean is asked of the
//! command line's own definition, for reading requests and for the OpenAPI document alike.

use std::any::TypeId;
use std::sync::OnceLock;

use clap::ArgAction;
use serde_json::{Value, json};

use super::fields::Fields;
use crate::args::{self, Command};
use crate::error::CommandError;
use crate::permission;
use billkeep_core::bills::{Direction, LineId};
use billkeep_core::deliveries::TimeOfDay;
use billkeep_core::formats::BillKind;
use billkeep_core::partners::PersonRole;
use billkeep_core::values::{Basis, BillMonth, Day, Uin};

/// A command that can be asked for.
#[derive(Debug)]
pub(super) struct CommandSpec {
    /// Its words on the command line.
    pub(super) words: &'static [&'static str],
    /// Which of its arguments a request may give, by their ids.
    pub(super) args: &'static [&'static str],
    /// What is said besides.
    pub(super) always: &'static [&'static str],
}

/// An argument, as the command line defines it.
pub(super) struct Argument {
    pub(super) id: String,
    pub(super) help: String,
    pub(super) required: bool,
    pub(super) many: bool,
    pub(super) flag: bool,
    long: Option<String>,
    #[cfg(test)]
    path: bool,
    schema: Value,
}

impl Argument {
    /// Returns the JSON schema of a value: of a list of them, where there may be several.
    pub(super) fn schema(&self) -> Value {
        if self.many {
            json!({ "type": "array", "items": self.schema, "maxItems": MANY_MAX })
        } else {
            self.schema.clone()
        }
    }

    /// Says whether it names a file.
    #[cfg(test)]
    pub(super) fn is_path(&self) -> bool {
        self.path
    }

    pub(super) fn one_schema(&self) -> &Value {
        &self.schema
    }
}

/// The most characters of a value.
const VALUE_CHARS_MAX: usize = 4_096;
/// The most values of a name.
const MANY_MAX: usize = 1_000;

fn definition() -> &'static clap::Command {
    static DEFINITION: OnceLock<clap::Command> = OnceLock::new();
    DEFINITION.get_or_init(|| {
        let mut command = args::definition();
        command.build();
        command
    })
}

impl CommandSpec {
    fn definition(&self) -> Option<&'static clap::Command> {
        self.words.iter().try_fold(definition(), |command, word| command.find_subcommand(word))
    }

    /// Returns what the command is for.
    pub(super) fn about(&self) -> String {
        let about = self.definition().and_then(clap::Command::get_about);
        about.map(ToString::to_string).unwrap_or_default()
    }

    /// Returns its arguments, in the order in which a request may give them.
    pub(super) fn arguments(&self) -> Vec<Argument> {
        let Some(command) = self.definition() else { return Vec::new() };
        let find = |id: &&&str| command.get_arguments().find(|arg| arg.get_id() == **id);
        self.args.iter().filter_map(|id| find(&id)).map(argument).collect()
    }

    /// Makes the command of a request's values.
    ///
    /// # Errors
    /// An error of the kind `User` for a name that is not known and a value that is none.
    pub(super) fn command(&self, fields: &Fields) -> Result<Command, CommandError> {
        let arguments = self.arguments();
        let known = |name: &String| arguments.iter().any(|argument| argument.id == *name);
        if let Some(name) = fields.keys().find(|name| !known(name)) {
            let names: Vec<&str> = arguments.iter().map(|argument| argument.id.as_str()).collect();
            return Err(CommandError::user(format!(
                "there is no `{name}` here: there are {}",
                names.join(", ")
            )));
        }
        let mut words = vec!["billkeep".to_owned()];
        words.extend(self.words.iter().chain(self.always).map(|word| (*word).to_owned()));
        let mut positional = Vec::new();
        for argument in &arguments {
            let values = fields.get(&argument.id).map(Vec::as_slice).unwrap_or_default();
            if values.is_empty() && fields.contains_key(&argument.id)
                || argument.many && values.iter().any(String::is_empty)
            {
                return Err(CommandError::user(format!(
                    "`{}` has no value: give it one, or leave it out for its default",
                    argument.id
                )));
            }
            if values.len() > 1 && !argument.many {
                return Err(CommandError::user(format!("`{}` is given more than once", argument.id)));
            }
            if values.len() > MANY_MAX {
                return Err(CommandError::user(format!("`{}` has more than {MANY_MAX} values", argument.id)));
            }
            for value in values {
                if value.chars().count() > VALUE_CHARS_MAX {
                    return Err(CommandError::user(format!(
                        "`{}` has more than {VALUE_CHARS_MAX} characters",
                        argument.id
                    )));
                }
                if value.contains('\0') {
                    return Err(CommandError::user(format!(
                        "`{}` has a character that no value has",
                        argument.id
                    )));
                }
                match (&argument.long, argument.flag) {
                    (Some(long), true) => match value.as_str() {
                        "true" | "on" | "1" => words.push(format!("--{long}")),
                        "false" | "" | "0" => {}
                        _ => {
                            return Err(CommandError::user(format!("`{}` is true or false", argument.id)));
                        }
                    },
                    // An empty field of a form is one that was not filled in.
                    (Some(_), false) if value.is_empty() && !argument.required => {}
                    (Some(long), false) => words.push(format!("--{long}={value}")),
                    (None, _) => positional.push(value.clone()),
                }
            }
        }
        words.push("--".to_owned());
        words.extend(positional);
        let args = args::parse(words).map_err(|e| usage(&e))?;
        Ok(args.command)
    }

    /// Returns the least role that may say it, as far as that does not depend on its values.
    pub(super) fn role(&self, sample: &Fields) -> Option<PersonRole> {
        self.command(sample).ok().map(|command| permission::needs(&command))
    }
}

/// What the command line says of arguments that are none, in a sentence.
fn usage(error: &clap::Error) -> CommandError {
    let text = error.to_string();
    let words: Vec<&str> = text
        .lines()
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .map(|line| line.trim().trim_start_matches("error: "))
        .filter(|line| !line.is_empty())
        .collect();
    CommandError::user(words.join(" "))
}

fn argument(arg: &clap::Arg) -> Argument {
    let flag = matches!(arg.get_action(), ArgAction::SetTrue);
    let many = matches!(arg.get_action(), ArgAction::Append)
        || arg.get_value_delimiter().is_some()
        || arg.get_num_args().is_some_and(|range| range.max_values() > 1);
    let defaults: Vec<String> =
        arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    if !defaults.is_empty() && !flag {
        help.push_str(&format!(" (default: {})", defaults.join(",")));
    }
    Argument {
        id: arg.get_id().to_string(),
        required: arg.is_required_set()
            || (arg.is_positional() && defaults.is_empty() && arg.is_required_set()),
        long: arg.get_long().map(str::to_owned),
        help,
        many: many && !flag,
        flag,
        #[cfg(test)]
        path: arg.get_value_parser().type_id() == TypeId::of::<std::path::PathBuf>(),
        schema: if flag { json!({ "type": "boolean" }) } else { schema(arg) },
    }
}

/// Returns the JSON schema of an argument's value.
fn schema(arg: &clap::Arg) -> Value {
    let parser = arg.get_value_parser();
    let possible: Vec<String> =
        arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    if !possible.is_empty() {
        return json!({ "type": "string", "enum": possible });
    }
    let of = |id: TypeId| parser.type_id() == id;
    let text = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    if of(TypeId::of::<BillMonth>()) {
        text("^[1-9][0-9]{3}-(0[1-9]|1[0-2])$")
    } else if of(TypeId::of::<Day>()) {
        json!({ "type": "string", "format": "date" })
    } else if of(TypeId::of::<TimeOfDay>()) {
        text("^([01][0-9]|2[0-3]):[0-5][0-9]$")
    } else if of(TypeId::of::<Uin>()) {
        text("^[1-9][0-9]{8,11}$")
    } else if of(TypeId::of::<Basis>()) {
        json!({ "type": "string", "enum": ["used", "paid"] })
    } else if of(TypeId::of::<BillKind>()) {
        json!({ "type": "string", "enum": BillKind::ALL.map(|kind| kind.word()) })
    } else if of(TypeId::of::<Direction>()) {
        json!({ "type": "string", "enum": ["over", "under"] })
    } else if of(TypeId::of::<LineId>()) {
        text("^[0-9]+-[0-9]+$")
    } else if of(TypeId::of::<PersonRole>()) {
        json!({ "type": "string", "enum": PersonRole::ALL.map(|role| role.word()) })
    } else if [TypeId::of::<u8>(), TypeId::of::<u32>(), TypeId::of::<u64>(), TypeId::of::<usize>()]
        .into_iter()
        .any(of)
    {
        json!({ "type": "integer", "minimum": 0 })
    } else {
        json!({ "type": "string", "maxLength": VALUE_CHARS_MAX })
    }
}

//! A route: how it is asked for, what it does, and at which paths it is found.

use super::answer::Answer;
use super::command_map::CommandSpec;
use super::state::{Console, Request};
use crate::error::CommandError;

/// How a route is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
}

/// What a route answers with.
pub(super) type Handler = fn(&Console, &Request) -> Result<Answer, CommandError>;

/// What a route does.
pub(super) enum Action {
    /// Asks a command for data: `GET /api/v1…`.
    Query(CommandSpec),
    /// Has a command change something: `POST /api/v1…` with JSON, and `POST …` with a page's form.
    Change(CommandSpec),
    /// Shows a page to a visitor who has signed in.
    Page(Handler),
    /// Answers an interface's request in its own way.
    Custom(CommandSpec, Handler),
    /// Takes a file, or a page's form with some.
    Upload(CommandSpec),
    /// Does what a page's form says in its own way: with more than one command, or with an answer that is kept nowhere. The
    /// command tells its fields, besides these.
    Form(CommandSpec, &'static [&'static str], Handler),
    /// Needs no session: signing in, style sheet, script.
    Open(Handler),
    /// Describes the interface; open as well.
    OpenApi,
}

/// A route.
pub(super) struct Route {
    pub(super) method: Method,
    /// The path, below `/api/v1` for looks and changes; `{…}` names the value of a command's argument.
    pub(super) path: &'static str,
    pub(super) action: Action,
}

/// Where the interface's paths begin.
pub(super) const API: &str = "/api/v1";

impl Route {
    /// Returns the paths at which it is found: the interface's, and a page's form where there is one.
    pub(super) fn paths(&self) -> Vec<String> {
        match self.action {
            Action::Query(_) | Action::Custom(..) => vec![format!("{API}{}", self.path)],
            Action::Change(_) | Action::Upload(_) => {
                vec![format!("{API}{}", self.path), self.path.to_owned()]
            }
            Action::Page(_) | Action::Open(_) | Action::OpenApi | Action::Form(..) => {
                vec![self.path.to_owned()]
            }
        }
    }

    /// Says whether nobody needs to have signed in.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.action, Action::Open(_) | Action::OpenApi)
    }

    /// Says whether it is a file of the program's own, the same for everybody.
    pub(super) fn is_asset(&self) -> bool {
        self.path.starts_with("/assets/") || self.path == "/favicon.svg"
    }

    pub(super) fn is_change(&self) -> bool {
        self.method == Method::Post
    }

    /// Returns the command that it says, if it says one.
    pub(super) fn spec(&self) -> Option<&CommandSpec> {
        match &self.action {
            Action::Query(spec)
            | Action::Change(spec)
            | Action::Custom(spec, _)
            | Action::Upload(spec)
            | Action::Form(spec, ..) => Some(spec),
            Action::Page(_) | Action::Open(_) | Action::OpenApi => None,
        }
    }
}

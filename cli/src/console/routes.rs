//! Every route there is: pages, looks, changes. The router, the gate, the OpenAPI document and the tests go by this list.

use super::acts;
use super::pages;
use super::say::Saying;
use super::special;
use super::{Answer, Ask, Console};
use crate::error::CommandError;

/// How a route is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
}

/// What a route answers with.
pub(super) type Handler = fn(&Console, &Ask) -> Result<Answer, CommandError>;

/// What a route does.
pub(super) enum Does {
    /// Asks a command for data: `GET /api/v1…`.
    Look(Saying),
    /// Has a command change something: `POST /api/v1…` with JSON, and `POST …` with a page's form.
    Change(Saying),
    /// Shows a page to somebody who has signed in.
    Page(Handler),
    /// Answers an interface's request in its own way.
    Special(Saying, Handler),
    /// Takes a file, or a page's form with some.
    Upload(Saying),
    /// Does what a page's form says in its own way: with more than one command, or with an answer that is kept nowhere. The
    /// command tells its fields, besides these.
    Act(Saying, &'static [&'static str], Handler),
    /// Is open to whoever is on this machine: signing in, style sheet, script.
    Open(Handler),
}

/// A route.
pub(super) struct Route {
    pub(super) method: Method,
    /// The path, below `/api/v1` for looks and changes; `{…}` names the value of a command's argument.
    pub(super) path: &'static str,
    pub(super) does: Does,
}

/// Where the interface's paths begin.
pub(super) const API: &str = "/api/v1";

const fn look(path: &'static str, words: &'static [&'static str], args: &'static [&'static str]) -> Route {
    Route { method: Method::Get, path, does: Does::Look(Saying { words, args, always: &[] }) }
}

const fn change(path: &'static str, words: &'static [&'static str], args: &'static [&'static str]) -> Route {
    Route { method: Method::Post, path, does: Does::Change(Saying { words, args, always: &[] }) }
}

/// A change that the command line asks about first: here, the dialog has.
const fn agreed(path: &'static str, words: &'static [&'static str], args: &'static [&'static str]) -> Route {
    Route { method: Method::Post, path, does: Does::Change(Saying { words, args, always: &["--yes"] }) }
}

const fn page(path: &'static str, handler: Handler) -> Route {
    Route { method: Method::Get, path, does: Does::Page(handler) }
}

const fn act(path: &'static str, saying: Saying, more: &'static [&'static str], handler: Handler) -> Route {
    Route { method: Method::Post, path, does: Does::Act(saying, more, handler) }
}

const fn open(method: Method, path: &'static str, handler: Handler) -> Route {
    Route { method, path, does: Does::Open(handler) }
}

/// All of them.
pub(super) const ROUTES: &[Route] = &[
    // Bills.
    look("/bills", &["bill", "list"], &[]),
    look("/bills/{month}", &["bill", "show"], &["month", "basis", "by", "revision"]),
    look("/bills/{month}/lines", &["bill", "lines"], &["month", "basis", "filter", "limit", "revision"]),
    look("/bills/{month}/revisions", &["bill", "revisions"], &["month", "basis"]),
    look("/bills/{month}/diff", &["bill", "diff"], &["month", "basis", "from", "to"]),
    look(
        "/bills/{month}/explain",
        &["bill", "explain"],
        &["month", "basis", "owner", "product", "day", "currency", "revision"],
    ),
    look(
        "/bills/{month}/lint",
        &["bill", "lint"],
        &["month", "basis", "revision", "examples", "tolerance", "known"],
    ),
    look("/bills/{month}/margin", &["bill", "margin"], &["month", "basis", "by", "revision"]),
    Route {
        method: Method::Get,
        path: "/bills/{month}/csv",
        does: Does::Special(
            Saying {
                words: &["bill", "csv"],
                args: &["month", "basis", "owner", "spreadsheet", "revision"],
                always: &[],
            },
            special::csv,
        ),
    },
    change("/bills/{month}/issue", &["bill", "issue"], &["month", "basis"]),
    change("/bills/{month}/confirm", &["bill", "confirm"], &["month", "basis", "digest", "note"]),
    change("/bills/{month}/reopen", &["bill", "reopen"], &["month", "basis", "reason"]),
    change("/bills/{month}/defer", &["bill", "defer"], &["month", "basis", "reason"]),
    change(
        "/bills/{month}/empty-day",
        &["bill", "empty-day"],
        &["month", "basis", "day", "through", "reason", "yes"],
    ),
    Route {
        method: Method::Post,
        path: "/imports",
        does: Does::Upload(Saying {
            words: &["import"],
            args: &[
                "files",
                "mode",
                "payer",
                "month",
                "basis",
                "dry_run",
                "accept_unterminated",
                "accept_outside",
                "strict",
                "accept_smaller",
                "expect_lines",
                "expect_total",
                "expect_sha256",
            ],
            always: &[],
        }),
    },
    look("/expected", &["expected"], &["on", "month"]),
    // Decisions.
    look("/status", &["status"], &["on", "at"]),
    look("/disputes", &["dispute", "list"], &["open"]),
    look("/disputes/{number}", &["dispute", "show"], &["number"]),
    change(
        "/bills/{month}/disputes",
        &["dispute", "open"],
        &["month", "basis", "lines", "filter", "direction", "amount", "reason"],
    ),
    change("/disputes/{number}/send", &["dispute", "send"], &["number", "note"]),
    change("/disputes/{number}/accept", &["dispute", "accept"], &["number", "note"]),
    change("/disputes/{number}/reject", &["dispute", "reject"], &["number", "reason"]),
    change("/disputes/{number}/withdraw", &["dispute", "withdraw"], &["number", "reason"]),
    change("/disputes/{number}/settle", &["dispute", "settle"], &["number", "reason", "load"]),
    change("/disputes/{number}/set-aside", &["dispute", "set-aside"], &["number", "reason"]),
    look("/late", &["late", "list"], &[]),
    look("/late/{number}", &["late", "show"], &["number"]),
    change("/late/{number}/accept", &["late", "accept"], &["number", "reopen", "carry_forward", "reason"]),
    change("/late/{number}/discard", &["late", "discard"], &["number", "reason"]),
    // Bill storage.
    look("/storage", &["storage", "status"], &["uin", "on"]),
    look("/storage/history", &["storage", "history"], &["uin"]),
    change("/storage/{uin}/allow", &["storage", "allow"], &["uin", "kinds", "reason", "until"]),
    change("/storage/{uin}/deny", &["storage", "deny"], &["uin", "kinds", "reason"]),
    change("/storage/{uin}/authorize", &["storage", "authorize"], &["uin", "sink", "custom_bills", "reason"]),
    change("/storage/{uin}/revoke", &["storage", "revoke"], &["uin", "sink", "custom_bills", "reason"]),
    change(
        "/storage/{uin}/enable",
        &["storage", "enable"],
        &["uin", "sink", "kinds", "lines", "after", "shared", "custom_bills", "from", "reason"],
    ),
    agreed("/storage/{uin}/disable", &["storage", "disable"], &["uin", "kinds", "from", "reason"]),
    change(
        "/storage/{uin}/switch",
        &["storage", "switch"],
        &["uin", "sink", "kinds", "after", "shared", "on", "reason"],
    ),
    look("/sinks", &["sink", "list"], &[]),
    change("/sinks", &["sink", "add"], &["name", "url", "options", "audience", "create_bucket", "shared"]),
    change("/sinks/{name}/test", &["sink", "test"], &["name"]),
    change("/sinks/{name}/remove", &["sink", "remove"], &["name"]),
    // Deliveries.
    look("/due", &["due"], &["on", "at", "from", "to", "basis"]),
    change("/run", &["run"], &["on", "at", "basis", "dry_run", "yes"]),
    look("/deliveries", &["delivery", "list"], &["filter"]),
    look("/deliveries/{number}", &["delivery", "show"], &["number"]),
    change("/deliveries/verify", &["delivery", "verify"], &["sink", "read_data", "head"]),
    change("/deliveries/{number}/retry", &["delivery", "retry"], &["number"]),
    change("/deliveries/{number}/repair", &["delivery", "repair"], &["number", "read_data", "head"]),
    change("/deliveries/{number}/abandon", &["delivery", "abandon"], &["number", "reason", "leave"]),
    look("/notices", &["notify", "log"], &[]),
    look("/notifiers", &["notify", "list"], &[]),
    change("/notices/send", &["notify", "send"], &["now"]),
    // What is known, and what is set.
    look("/accounts", &["account", "list"], &[]),
    look("/accounts/tree", &["account", "tree"], &["on", "month"]),
    look("/prices", &["account", "price", "list"], &[]),
    look("/contracts", &["account", "contract", "list"], &[]),
    look("/calendars", &["calendar", "list"], &[]),
    look("/retention", &["retention", "show"], &[]),
    look("/settings", &["settings", "show"], &[]),
    change("/settings/four-eyes", &["settings", "four-eyes"], &["value"]),
    change("/settings/calendar", &["settings", "calendar"], &["name", "from"]),
    look("/users", &["user", "list"], &[]),
    change("/users", &["user", "set"], &["name", "role"]),
    change("/users/{name}/remove", &["user", "remove"], &["name"]),
    change("/users/{name}/revoke", &["user", "revoke"], &["name"]),
    look("/journal", &["audit", "list"], &["actor", "action", "subject", "since", "until", "limit"]),
    look("/journal/verify", &["audit", "verify"], &["expect"]),
    look("/store", &["store", "stats"], &[]),
    // Pages.
    page("/", pages::status::page),
    page("/bills", pages::bills::list),
    page("/bills/{month}", pages::bill::page),
    page("/bills/{month}/lines", pages::lines::page),
    page("/bills/{month}/diff", pages::diff::page),
    page("/bills/{month}/lint", pages::lint::page),
    page("/bills/{month}/revisions", pages::bill::revisions),
    page("/bills/{month}/dispute", pages::disputes::open),
    page("/import", pages::import::page),
    page("/disputes", pages::disputes::list),
    page("/disputes/{number}", pages::disputes::one),
    page("/late", pages::late::list),
    page("/late/{number}", pages::late::one),
    page("/storage", pages::storage::list),
    page("/storage/{uin}", pages::storage::account),
    page("/deliveries", pages::deliveries::list),
    page("/deliveries/{number}", pages::deliveries::one),
    page("/journal", pages::journal::page),
    page("/settings", pages::settings::page),
    // Forms of pages that are more than a command.
    act("/people/first", acts::FIRST, &[], acts::first_person),
    act("/people/{name}/link", acts::LINK, &[], acts::link),
    act("/people/{name}/token", acts::TOKEN, &[], acts::token),
    act("/storage/{uin}/settings", acts::SETTINGS, acts::SETTINGS_FIELDS, acts::storage_settings),
    // Without signing in.
    open(Method::Get, "/sign-in", special::sign_in_page),
    open(Method::Post, "/sign-in", special::sign_in),
    open(Method::Post, "/sign-out", special::sign_out),
    open(Method::Post, "/language", special::language),
    open(Method::Get, "/assets/console.css", special::style),
    open(Method::Get, "/assets/console.js", special::script),
    open(Method::Get, "/favicon.svg", special::icon),
    open(Method::Get, "/api/v1/openapi.json", special::openapi),
];

impl Route {
    /// Returns the paths at which it is found: the interface's, and a page's form where there is one.
    pub(super) fn paths(&self) -> Vec<String> {
        match self.does {
            Does::Look(_) | Does::Special(..) => vec![format!("{API}{}", self.path)],
            Does::Change(_) | Does::Upload(_) => vec![format!("{API}{}", self.path), self.path.to_owned()],
            Does::Page(_) | Does::Open(_) | Does::Act(..) => vec![self.path.to_owned()],
        }
    }

    /// Says whether nobody needs to have signed in.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.does, Does::Open(_))
    }

    /// Says whether it is a file of the program's own, the same for everybody.
    pub(super) fn is_asset(&self) -> bool {
        self.path.starts_with("/assets/") || self.path == "/favicon.svg"
    }

    pub(super) fn is_change(&self) -> bool {
        self.method == Method::Post
    }

    /// Returns the command that it says, if it says one.
    pub(super) fn saying(&self) -> Option<&Saying> {
        match &self.does {
            Does::Look(saying)
            | Does::Change(saying)
            | Does::Special(saying, _)
            | Does::Upload(saying)
            | Does::Act(saying, ..) => Some(saying),
            Does::Page(_) | Does::Open(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::console::openapi;

    #[test]
    fn every_change_is_a_command_or_known_to_be_none() {
        let open: Vec<&str> = ROUTES
            .iter()
            .filter(|route| route.is_change() && matches!(route.does, Does::Open(_)))
            .map(|route| route.path)
            .collect();
        // These change nothing in the store but who has signed in.
        assert_eq!(open, ["/sign-in", "/sign-out", "/language"]);
        assert!(
            ROUTES
                .iter()
                .filter(|r| r.is_change())
                .all(|r| !matches!(r.does, Does::Page(_) | Does::Special(..)))
        );
        let mut paths = BTreeSet::new();
        for route in ROUTES {
            for path in route.paths() {
                assert!(paths.insert((route.is_change(), path.clone())), "{path}");
            }
        }
    }

    #[test]
    fn every_route_names_a_command_and_arguments_that_it_has_and_none_is_a_file() {
        for route in ROUTES {
            let Some(saying) = route.saying() else { continue };
            assert!(!saying.about().is_empty(), "{:?}", saying.words);
            let arguments = saying.arguments();
            assert_eq!(arguments.len(), saying.args.len(), "{:?}", saying.words);
            for argument in &arguments {
                // Of an upload the server says which file; anything else that is one would be a file of the server's.
                assert!(!argument.is_path() || argument.id == "files", "{:?} {}", saying.words, argument.id);
            }
        }
    }

    #[test]
    fn every_change_names_its_role_and_every_look_its_shape() {
        let document = openapi::document();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                assert!(operation["x-role"].is_string(), "{method} {path}");
                let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
                let known = !schema["properties"]["format"].is_null()
                    || !schema["oneOf"].is_null()
                    || !schema["$ref"].is_null();
                assert!(known || path.ends_with("/csv"), "{method} {path} has no shape");
            }
        }
    }
}

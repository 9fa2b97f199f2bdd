//! Every route there is: pages, looks, changes. The router, the OpenAPI document and the tests go by this list.

use super::command_map::CommandSpec;
use super::route::{Action, Handler, Method, Route};
use super::{acts, handlers, pages};

const fn query(path: &'static str, words: &'static [&'static str], args: &'static [&'static str]) -> Route {
    Route { method: Method::Get, path, action: Action::Query(CommandSpec { words, args, always: &[] }) }
}

const fn change(path: &'static str, words: &'static [&'static str], args: &'static [&'static str]) -> Route {
    Route { method: Method::Post, path, action: Action::Change(CommandSpec { words, args, always: &[] }) }
}

/// A change that the command line asks about first: here, the dialog has.
const fn agreed(path: &'static str, words: &'static [&'static str], args: &'static [&'static str]) -> Route {
    Route {
        method: Method::Post,
        path,
        action: Action::Change(CommandSpec { words, args, always: &["--yes"] }),
    }
}

const fn page(path: &'static str, handler: Handler) -> Route {
    Route { method: Method::Get, path, action: Action::Page(handler) }
}

const fn act(
    path: &'static str,
    spec: CommandSpec,
    more: &'static [&'static str],
    handler: Handler,
) -> Route {
    Route { method: Method::Post, path, action: Action::Form(spec, more, handler) }
}

const fn open(method: Method, path: &'static str, handler: Handler) -> Route {
    Route { method, path, action: Action::Open(handler) }
}

/// All of them.
pub(super) const ROUTES: &[Route] = &[
    // Bills.
    query("/bills", &["bill", "list"], &[]),
    query("/bills/{month}", &["bill", "show"], &["month", "basis", "by", "revision"]),
    query("/bills/{month}/lines", &["bill", "lines"], &["month", "basis", "filter", "limit", "revision"]),
    query("/bills/{month}/revisions", &["bill", "revisions"], &["month", "basis"]),
    query("/bills/{month}/diff", &["bill", "diff"], &["month", "basis", "from", "to"]),
    query(
        "/bills/{month}/explain",
        &["bill", "explain"],
        &["month", "basis", "owner", "product", "day", "currency", "revision"],
    ),
    query(
        "/bills/{month}/lint",
        &["bill", "lint"],
        &["month", "basis", "revision", "examples", "tolerance", "known"],
    ),
    query("/bills/{month}/margin", &["bill", "margin"], &["month", "basis", "by", "revision"]),
    Route {
        method: Method::Get,
        path: "/bills/{month}/csv",
        action: Action::Custom(handlers::CSV, handlers::csv),
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
        action: Action::Upload(CommandSpec {
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
    query("/expected", &["expected"], &["on", "month"]),
    // Decisions.
    query("/status", &["status"], &["on", "at"]),
    query("/disputes", &["dispute", "list"], &["open"]),
    query("/disputes/{number}", &["dispute", "show"], &["number"]),
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
    query("/late", &["late", "list"], &[]),
    query("/late/{number}", &["late", "show"], &["number"]),
    change("/late/{number}/accept", &["late", "accept"], &["number", "reopen", "carry_forward", "reason"]),
    change("/late/{number}/discard", &["late", "discard"], &["number", "reason"]),
    // Bill storage.
    query("/storage", &["storage", "status"], &["uin", "on"]),
    query("/storage/history", &["storage", "history"], &["uin"]),
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
    query("/sinks", &["sink", "list"], &[]),
    change("/sinks", &["sink", "add"], &["name", "url", "options", "audience", "create_bucket", "shared"]),
    change("/sinks/{name}/test", &["sink", "test"], &["name"]),
    change("/sinks/{name}/remove", &["sink", "remove"], &["name"]),
    // Deliveries.
    query("/due", &["due"], &["on", "at", "from", "to", "basis"]),
    change("/run", &["run"], &["on", "at", "basis", "dry_run", "yes"]),
    query("/deliveries", &["delivery", "list"], &["filter"]),
    query("/deliveries/{number}", &["delivery", "show"], &["number"]),
    change("/deliveries/verify", &["delivery", "verify"], &["sink", "read_data", "head"]),
    change("/deliveries/{number}/retry", &["delivery", "retry"], &["number"]),
    change("/deliveries/{number}/repair", &["delivery", "repair"], &["number", "read_data", "head"]),
    change("/deliveries/{number}/abandon", &["delivery", "abandon"], &["number", "reason", "leave"]),
    query("/notices", &["notify", "log"], &[]),
    query("/notifiers", &["notify", "list"], &[]),
    change("/notices/send", &["notify", "send"], &["now"]),
    // What is known, and what is set.
    query("/accounts", &["account", "list"], &[]),
    query("/accounts/tree", &["account", "tree"], &["on", "month"]),
    query("/prices", &["account", "price", "list"], &[]),
    query("/contracts", &["account", "contract", "list"], &[]),
    query("/calendars", &["calendar", "list"], &[]),
    query("/retention", &["retention", "show"], &[]),
    query("/settings", &["settings", "show"], &[]),
    change("/settings/four-eyes", &["settings", "four-eyes"], &["value"]),
    change("/settings/calendar", &["settings", "calendar"], &["name", "from"]),
    query("/users", &["user", "list"], &[]),
    change("/users", &["user", "set"], &["name", "role"]),
    change("/users/{name}/remove", &["user", "remove"], &["name"]),
    change("/users/{name}/revoke", &["user", "revoke"], &["name"]),
    query("/journal", &["audit", "list"], &["actor", "action", "subject", "since", "until", "limit"]),
    query("/journal/verify", &["audit", "verify"], &["expect"]),
    query("/store", &["store", "stats"], &[]),
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
    open(Method::Get, "/sign-in", handlers::sign_in_page),
    open(Method::Post, "/sign-in", handlers::sign_in),
    open(Method::Post, "/sign-out", handlers::sign_out),
    open(Method::Post, "/language", handlers::language),
    open(Method::Get, "/assets/console.css", handlers::style),
    open(Method::Get, "/assets/console.js", handlers::script),
    open(Method::Get, "/favicon.svg", handlers::icon),
    Route { method: Method::Get, path: "/api/v1/openapi.json", action: Action::OpenApi },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::console::openapi;

    #[test]
    fn every_change_is_a_command_or_known_to_be_none() {
        let open: Vec<&str> = ROUTES
            .iter()
            .filter(|route| route.is_change() && matches!(route.action, Action::Open(_)))
            .map(|route| route.path)
            .collect();
        // These change nothing in the store but who has signed in.
        assert_eq!(open, ["/sign-in", "/sign-out", "/language"]);
        assert!(
            ROUTES
                .iter()
                .filter(|r| r.is_change())
                .all(|r| !matches!(r.action, Action::Page(_) | Action::Custom(..)))
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
            let Some(spec) = route.spec() else { continue };
            assert!(!spec.about().is_empty(), "{:?}", spec.words);
            let arguments = spec.arguments();
            assert_eq!(arguments.len(), spec.args.len(), "{:?}", spec.words);
            for argument in &arguments {
                // Of an upload the server says which file; anything else that is one would be a file of the server's.
                assert!(!argument.is_path() || argument.id == "files", "{:?} {}", spec.words, argument.id);
            }
        }
    }

    #[test]
    fn every_change_names_its_role_and_every_look_its_shape() {
        let document = openapi::document(ROUTES);
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

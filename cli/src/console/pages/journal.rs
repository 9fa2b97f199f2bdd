//! Who changed what, when and why.

use maud::html;

use super::common::{answer, drop_columns, said, table};
use crate::console::answer::Answer;
use crate::console::html::{View, input, no_links};
use crate::console::state::{Console, Request};
use crate::error::CommandError;

/// How many entries a page has.
const ENTRIES: &str = "200";
const ARGS: &[&str] = &["actor", "action", "subject", "since", "until", "limit"];

pub(crate) fn page(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let words = view.words;
    let get = |name| request.get(name).unwrap_or("");
    let fields = ["actor", "action", "subject", "since", "until"].map(|name| (name, get(name)));
    let given: Vec<(&str, &str)> = fields.into_iter().chain([("limit", ENTRIES)]).collect();
    let mut all = table(console, request, said(&["audit", "list"], ARGS, &given)?)?;
    // Hashes are checked by the program; people read the rest.
    drop_columns(&mut all, &["before", "after", "previous", "hash"]);
    all.rows.reverse();
    let proof = match request.get("verify") {
        Some(_) => Some(table(console, request, said(&["audit", "verify"], &[], &[])?)?),
        None => None,
    };
    let content = html! {
        form.inline method="get" action="/journal" {
            (input("actor", "actor", words.actor, "search", get("actor"), false))
            (input("action", "action", words.action, "search", get("action"), false))
            (input("subject", "subject", view.name("subject"), "search", get("subject"), false))
            (input("since", "since", words.since, "date", get("since"), false))
            (input("until", "until", words.until, "date", get("until"), false))
            button type="submit" { (words.filter) }
            button type="submit" name="verify" value="yes" { (words.journal_whole) }
        }
        @if let Some(proof) = proof {
            div.notice.good role="status" { p { (words.done) } }
            (view.table(words.journal_whole, &proof, &no_links))
        }
        (view.table(words.journal, &all, &no_links))
    };
    answer(console, request, words.journal, "/journal", content)
}

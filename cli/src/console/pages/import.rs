//! Bill files into the store.

use billkeep_core::bill::Mode;
use billkeep_core::people::Role;
use maud::html;

use super::super::html::{View, select};
use super::super::{Answer, Ask, Console};
use super::{answer, drop_columns, said, table};
use crate::error::CommandError;

pub(in super::super) fn page(console: &Console, ask: &Ask) -> Result<Answer, CommandError> {
    let view = View::of(ask);
    let words = view.words;
    let mut expected = table(console, ask, said(&["expected"], &[], &[])?)?;
    // Commands are for the command line.
    drop_columns(&mut expected, &["next"]);
    let mut modes = vec![(String::new(), words.as_name_says.to_owned())];
    let all = [Mode::Cumulative, Mode::Day, Mode::Monthly, Mode::Adjustment];
    modes.extend(all.map(|mode| (mode.to_string(), view.term(&mode.to_string()).to_owned())));
    let content = html! {
        @if view.may(Role::Operator) {
            form.card method="post" action="/imports" enctype="multipart/form-data" {
                (view.token("/import"))
                div.field {
                    label for="file" { (words.choose_file) }
                    input id="file" type="file" name="file" accept=".csv,.zip" required;
                }
                (select("mode", "mode", words.mode, &modes, ""))
                div.check {
                    input id="dry_run" type="checkbox" name="dry_run" value="true";
                    label for="dry_run" { (words.dry_run) }
                }
                button.primary type="submit" { (words.import) }
            }
        } @else { p { (words.may_not) } }
        @if !expected.rows.is_empty() { (view.table(words.expected, &expected, &super::super::html::no_links)) }
    };
    answer(console, ask, words.import, "/import", content)
}

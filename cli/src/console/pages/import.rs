//! Bill files into the store.

use maud::html;

use super::common::{answer, drop_columns, said, table};
use crate::console::answer::Answer;
use crate::console::html::{View, input, select};
use crate::console::state::{Console, Request};
use crate::error::CommandError;
use billkeep_core::bills::ImportMode;
use billkeep_core::partners::PersonRole;

pub(crate) fn page(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let words = view.words;
    let mut expected = table(console, request, said(&["expected"], &[], &[])?)?;
    // Commands are for the command line; the sentence names the files.
    drop_columns(&mut expected, &["next", "file", "other_file"]);
    let mut modes = vec![(String::new(), words.as_name_says.to_owned())];
    let all = [ImportMode::Cumulative, ImportMode::Day, ImportMode::Monthly, ImportMode::Adjustment];
    modes.extend(
        all.map(|mode| (mode.to_string(), view.language.value_of("import", &mode.to_string()).to_owned())),
    );
    let mut bases = vec![(String::new(), words.as_name_says.to_owned())];
    bases.extend(["used", "paid"].map(|basis| (basis.to_owned(), view.value(basis).to_owned())));
    let content = html! {
        @if view.may(PersonRole::Operator) {
            form.card method="post" action="/imports" enctype="multipart/form-data" {
                (view.token("/import"))
                (select("mode", "mode", words.mode, &modes, ""))
                div.row {
                    (input("month", "month", words.month_if, "month", "", false))
                    (select("basis", "basis", words.basis_if, &bases, ""))
                }
                @for (name, label) in [("accept_unterminated", words.accept_unterminated), ("strict", words.strict), ("dry_run", words.dry_run)] {
                    div.check {
                        input id=(name) type="checkbox" name=(name) value="true";
                        label for=(name) { (label) }
                    }
                }
                // Last: what is said of the files is known before the first of them is received.
                div.field {
                    label for="file" { (words.choose_file) }
                    input id="file" type="file" name="file" accept=".csv,.zip,.gz" multiple required;
                }
                @if view.may(PersonRole::Approver) {
                    div.check {
                        input id="accept_smaller" type="checkbox" name="accept_smaller" value="true";
                        label for="accept_smaller" { (words.accept_smaller_import) }
                    }
                }
                button.primary type="submit" { (words.import) }
            }
        } @else { (view.may_not()) }
        @if !expected.rows.is_empty() { (view.table(words.expected, &expected, &crate::console::html::no_links)) }
    };
    answer(console, request, words.import, "/import", content)
}

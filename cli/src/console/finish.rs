//! What is done to every page when it is ready.

use std::collections::BTreeSet;

use super::fields::{ASKS, CSRF_FIELD};
use billkeep_core::values::is_hidden;

/// Takes what is hidden out of a page that is ready, wherever it was put: in a text its number is shown, and in an attribute it is
/// written as a reference, so that a form sends back what it was given.
pub(super) fn without_hidden(page: String) -> String {
    let hidden = |c: char| c != '\n' && is_hidden(c);
    if !page.contains(hidden) {
        return page;
    }
    let mut out = String::with_capacity(page.len() + 64);
    let mut in_tag = false;
    for c in page.chars() {
        match c {
            '<' => in_tag = true,
            '>' => in_tag = false,
            _ => {}
        }
        match (hidden(c), in_tag) {
            (false, _) => out.push(c),
            (true, true) => out.push_str(&format!("&#x{:X};", u32::from(c))),
            (true, false) => out.push_str(&format!("&lt;U+{:04X}&gt;", u32::from(c))),
        }
    }
    out
}

/// Has every form of a page that changes something name its fields.
pub(super) fn name_fields(page: &str) -> String {
    const BEGIN: &str = "<form";
    let mut out = String::with_capacity(page.len() + 256);
    let mut rest = page;
    while let Some(at) = rest.find(BEGIN) {
        let (before, form) = rest.split_at(at);
        out.push_str(before);
        let open = form.find('>').map_or(form.len(), |end| end + 1);
        let (tag, inside) = form.split_at(open);
        out.push_str(tag);
        let (inside, after) = inside.split_at(inside.find("</form>").unwrap_or(inside.len()));
        if tag.contains("method=\"post\"") {
            let names: BTreeSet<&str> = names(inside).collect();
            let names: Vec<&str> = names.into_iter().filter(|name| *name != CSRF_FIELD).collect();
            out.push_str(&format!("<input type=\"hidden\" name=\"{ASKS}\" value=\"{}\">", names.join(" ")));
        }
        out.push_str(inside);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The names of the fields in a form's text. Text outside of tags has no quotes: they are written `&quot;`.
fn names(form: &str) -> impl Iterator<Item = &str> {
    form.split(" name=\"").skip(1).filter_map(|rest| rest.split('"').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    use billkeep_core::values::visible_lines;
    use maud::html;

    #[test]
    fn a_page_shows_what_is_hidden_and_its_forms_send_it_back() {
        let text = "a\u{202e}b";
        let page = html! { p { (text) } input value=(text); bdi { (visible_lines(text)) } }.into_string();
        assert_eq!(
            without_hidden(page),
            "<p>a&lt;U+202E&gt;b</p><input value=\"a&#x202E;b\"><bdi>a&lt;U+202E&gt;b</bdi>"
        );
    }

    #[test]
    fn fields_are_named_in_forms_that_change_something() {
        let page = "<form method=\"get\"><input name=\"a\"></form><form method=\"post\" action=\"/x\">\
            <input type=\"hidden\" name=\"csrf\"><select id=\"s\" name=\"sink\"></select><p> name=&quot;no&quot;</p></form>z";
        let named = name_fields(page);
        assert_eq!(named.matches("name=\"asks\"").count(), 1);
        assert!(
            named.contains("action=\"/x\"><input type=\"hidden\" name=\"asks\" value=\"sink\">"),
            "{named}"
        );
        assert!(named.ends_with("</form>z"));
    }
}

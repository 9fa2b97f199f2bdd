//! What a page's form says: nothing that is absent becomes a default.
//!
//! A browser sends no box that is not ticked. So every form names its own fields, in a field that is put into it when the page is
//! ready ([`name_fields`]). What is named and did not come is a box that is not ticked, or a form that is not whole ([`check`]).

use std::collections::BTreeSet;

use super::gate::CSRF_FIELD;
use super::html::filled;
use super::routes::Route;
use super::say::{Fields, Saying};
use super::upload::FILE;
use super::words::Words;
use crate::error::CommandError;

/// The field that names the others.
const ASKS: &str = "asks";
/// Where to go when it is done, and when it fails.
const BACK: &str = "back";
const FAILED: &str = "failed";
/// What somebody has typed to show that they mean it.
const TYPED: &str = "typed";
/// The field of a file.
pub(super) const FILE_FIELD: &str = "file";

/// What a form says besides the values of its command.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    asks: Option<String>,
    pub(super) back: Option<String>,
    pub(super) failed: Option<String>,
    typed: Option<String>,
}

/// Takes what is about the form itself out of its values.
pub(super) fn take(fields: &mut Fields) -> Said {
    let mut one = |name: &str| fields.remove(name).and_then(|mut values| values.pop());
    one(CSRF_FIELD);
    Said { asks: one(ASKS), back: one(BACK), failed: one(FAILED), typed: one(TYPED) }
}

/// Whose form it is: a route, its command, and the fields besides those of the command.
pub(super) struct Whose<'a> {
    pub(super) route: &'a Route,
    pub(super) saying: &'a Saying,
    pub(super) more: &'a [&'a str],
}

/// Checks that a form is whole, and makes what it did not send explicit.
///
/// # Errors
/// An error of the kind `User` for a form that lacks a field, has another one, or a list of which nothing is chosen.
pub(super) fn check(
    whose: &Whose<'_>,
    words: &Words,
    said: &Said,
    fields: &mut Fields,
) -> Result<(), CommandError> {
    let Whose { route, saying, more } = whose;
    let stale = |what: &str, name: &str| CommandError::user(filled(what, &[name])).hint(words.form_again);
    let Some(asks) = &said.asks else { return Err(stale(words.form_unnamed, "")) };
    let asked: BTreeSet<&str> = asks.split(' ').filter(|name| !name.is_empty()).collect();
    let arguments = saying.arguments();
    for name in asked.iter().filter(|name| ![BACK, FAILED, TYPED, CSRF_FIELD, FILE_FIELD].contains(name)) {
        if more.contains(name) && fields.contains_key(*name) {
            continue;
        } else if more.contains(name) {
            return Err(stale(words.form_lacks, name));
        }
        let argument = arguments.iter().find(|argument| argument.id == **name);
        let argument = argument.ok_or_else(|| stale(words.form_has, name))?;
        if fields.contains_key(*name) {
            continue;
        }
        if argument.flag {
            fields.insert(argument.id.clone(), vec!["false".to_owned()]);
        } else if argument.many {
            return Err(CommandError::user(filled(words.form_nothing, &[name])));
        } else {
            return Err(stale(words.form_lacks, name));
        }
    }
    let of_path = |name: &str| route.path.contains(&format!("{{{name}}}"));
    if let Some(name) =
        fields.keys().find(|name| !asked.contains(name.as_str()) && !of_path(name) && *name != FILE)
    {
        return Err(stale(words.form_has, name));
    }
    match &said.typed {
        Some(typed)
            if fields.get("month").is_none_or(|months| months.first() != Some(&typed.trim().to_owned())) =>
        {
            Err(CommandError::user(filled(words.form_typed, &[typed])))
        }
        None if asked.contains(TYPED) => Err(stale(words.form_lacks, TYPED)),
        _ => Ok(()),
    }
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
    use super::super::routes::ROUTES;
    use super::super::words::Language;
    use super::*;

    fn checked(path: &str, fields: &[(&str, &str)]) -> Result<Fields, String> {
        let route = ROUTES.iter().find(|route| route.path == path && route.is_change()).unwrap();
        let mut all = Fields::new();
        for (name, value) in fields {
            all.entry((*name).to_owned()).or_default().push((*value).to_owned());
        }
        let said = take(&mut all);
        let whose = Whose { route, saying: route.saying().unwrap(), more: &[] };
        check(&whose, Language::English.words(), &said, &mut all).map_err(|e| e.message().to_owned())?;
        Ok(all)
    }

    #[test]
    fn a_form_names_its_fields_and_what_is_not_sent_is_no_default() {
        let path = "/storage/{uin}/enable";
        let asks = ("asks", "back custom_bills kinds sink");
        let uin = ("uin", "1");
        let ok = checked(path, &[asks, uin, ("sink", "a"), ("kinds", "daily")]).unwrap();
        assert_eq!(ok["custom_bills"], ["false"]);
        for (fields, why) in [
            (vec![asks, uin, ("sink", "a")], "choose at least one of `kinds`"),
            (vec![asks, uin, ("kinds", "daily")], "lacks `sink`"),
            (vec![uin, ("sink", "a"), ("kinds", "daily")], "does not name its fields"),
            (vec![asks, uin, ("sink", "a"), ("kinds", "daily"), ("reason", "x")], "`reason` is not a field"),
            (vec![("asks", "nonsense"), uin], "`nonsense` is not a field"),
        ] {
            let error = checked(path, &fields).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn what_has_to_be_typed_is_compared() {
        let form = |typed: &[(&'static str, &'static str)]| {
            let fields =
                [&[("asks", "basis typed"), ("month", "2021-04"), ("basis", "used")], typed].concat();
            checked("/bills/{month}/issue", &fields)
        };
        assert!(form(&[("typed", " 2021-04 ")]).is_ok());
        assert!(form(&[("typed", "2021-03")]).unwrap_err().contains("asked you to type"));
        assert!(form(&[]).unwrap_err().contains("lacks `typed`"));
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

//! What a page's form says: nothing that is absent becomes a default.
//!
//! A browser sends no box that is not ticked. So every form names its own fields, in a field that is put into it when the page is
//! ready ([`name_fields`](super::finish::name_fields)). What is named and did not come is a box that is not ticked, or a form that is not whole ([`check`]).

use std::collections::BTreeSet;

use super::command_map::CommandSpec;
use super::fields::{ASKS, CSRF_FIELD, FILE, FILE_FIELD, Fields};
use super::route::Route;
use super::words::{Words, filled};
use crate::error::CommandError;

/// Where to go when it is done, and when it fails.
const BACK: &str = "back";
const FAILED: &str = "failed";
/// What somebody has typed to show that they mean it.
const TYPED: &str = "typed";

/// What a form says besides the values of its command.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FormMeta {
    asks: Option<String>,
    pub(super) back: Option<String>,
    pub(super) failed: Option<String>,
    typed: Option<String>,
}

/// Takes what is about the form itself out of its values.
pub(super) fn take(fields: &mut Fields) -> FormMeta {
    let mut one = |name: &str| fields.remove(name).and_then(|mut values| values.pop());
    one(CSRF_FIELD);
    FormMeta { asks: one(ASKS), back: one(BACK), failed: one(FAILED), typed: one(TYPED) }
}

/// Whose form it is: a route, its command, and the fields besides those of the command.
pub(super) struct FormSource<'a> {
    pub(super) route: &'a Route,
    pub(super) spec: &'a CommandSpec,
    pub(super) more: &'a [&'a str],
}

/// Checks that a form is whole, and makes what it did not send explicit.
///
/// # Errors
/// An error of the kind `User` for a form that lacks a field, has another one, or a list of which nothing is chosen.
pub(super) fn check(
    source: &FormSource<'_>,
    words: &Words,
    said: &FormMeta,
    fields: &mut Fields,
) -> Result<(), CommandError> {
    let FormSource { route, spec, more } = source;
    let stale = |what: &str, name: &str| CommandError::user(filled(what, &[name])).hint(words.form_again);
    let Some(asks) = &said.asks else { return Err(stale(words.form_unnamed, "")) };
    let asked: BTreeSet<&str> = asks.split(' ').filter(|name| !name.is_empty()).collect();
    let arguments = spec.arguments();
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
        let source = FormSource { route, spec: route.spec().unwrap(), more: &[] };
        check(&source, Language::English.words(), &said, &mut all).map_err(|e| e.message().to_owned())?;
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
}

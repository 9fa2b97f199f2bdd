//! Paths of this server and their queries.

/// Sets a value of a path's query, or takes it out.
pub(super) fn with_query(target: &str, name: &str, value: Option<&str>) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    for (known, kept) in url::form_urlencoded::parse(query.as_bytes()).filter(|(known, _)| known != name) {
        pairs.append_pair(&known, &kept);
    }
    if let Some(value) = value {
        pairs.append_pair(name, value);
    }
    let query = pairs.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// Makes a path with a query of these values, without the empty ones.
pub(super) fn path(path: &str, query: &[(&str, &str)]) -> String {
    query
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .fold(path.to_owned(), |path, (name, value)| with_query(&path, name, Some(value)))
}

/// Says whether it is a path of this server: no page sends people elsewhere.
pub(super) fn is_local(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && path.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_set_replaced_and_taken_out() {
        assert_eq!(with_query("/a?x=1&y=2", "x", Some("3 4")), "/a?y=2&x=3+4");
        assert_eq!(with_query("/a?x=1", "x", None), "/a");
        assert_eq!(path("/a", &[("b", ""), ("c", "d&e")]), "/a?c=d%26e");
    }
}

//! Just enough reading of Rust and of manifests to see which crate a line names.

/// Returns the text with comments, and the insides of string and character literals, as spaces. Line ends stay.
pub(super) fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_or_comment_end(&chars, at);
        if end > at {
            code.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        } else if is_word(chars[at]) {
            // A whole word at once, so that the `r` of `for` is not taken for a raw string's.
            let word = chars[at..].iter().take_while(|&&c| is_word(c)).count();
            code.extend(&chars[at..at + word]);
            at += word;
        } else {
            code.push(chars[at]);
            at += 1;
        }
    }
    code
}

/// Returns where the comment or the literal that begins at `at` ends; `at` itself if none begins there.
fn literal_or_comment_end(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let length = match rest {
        ['/', '/', ..] => rest.iter().take_while(|&&c| c != '\n').count(),
        ['/', '*', ..] => block_comment(rest),
        ['"', ..] => string(rest),
        ['b' | 'c', '"', ..] => 1 + string(&rest[1..]),
        ['r', '"' | '#', ..] => raw_string(rest, 1),
        ['b' | 'c', 'r', '"' | '#', ..] => raw_string(rest, 2),
        // A character, not a lifetime.
        ['\'', '\\', _, tail @ ..] => 3 + tail.iter().take_while(|&&c| c != '\'').count() + 1,
        ['\'', _, '\'', ..] => 3,
        _ => 0,
    };
    at + length.min(rest.len())
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// Returns the length of a raw string whose hashes begin at `prefix`; 0 if it is a raw identifier.
fn raw_string(rest: &[char], prefix: usize) -> usize {
    let hashes = rest[prefix..].iter().take_while(|&&c| c == '#').count();
    let body = prefix + hashes + 1;
    if rest.get(body - 1) != Some(&'"') {
        return 0;
    }
    let closes = |at: usize| {
        rest[at] == '"' && rest[at + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes
    };
    (body..rest.len()).find(|&at| closes(at)).map_or(rest.len(), |at| at + 1 + hashes)
}

/// Returns the code with the bodies of `#[cfg(test)] mod … { … }` as spaces. Takes what [`code`] returns.
pub(super) fn without_test_modules(code: &str) -> String {
    with_test_modules_as(code, ' ')
}

/// Returns the lines with nothing but what string literals hold; those of test modules are empty.
pub(super) fn literals(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut literals = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_or_comment_end(&chars, at);
        let is_literal = end > at && chars[at] != '/';
        let end =
            if end > at { end } else { at + chars[at..].iter().take_while(|&&c| is_word(c)).count().max(1) };
        literals.extend(chars[at..end].iter().map(|&c| if is_literal || c == '\n' { c } else { ' ' }));
        at = end;
    }
    let marked = with_test_modules_as(&code(text), TEST);
    let of_line =
        |(line, marked): (&str, &str)| if marked.contains(TEST) { String::new() } else { line.to_owned() };
    literals.lines().zip(marked.lines()).map(of_line).collect()
}

/// What stands in for the code of a test module.
const TEST: char = '\u{1}';

fn with_test_modules_as(code: &str, filler: char) -> String {
    let mut left = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = rest.find("#[cfg(test)]") {
        let (before, after) = rest.split_at(start);
        left.push_str(before);
        let length = test_module(after).unwrap_or("#[cfg(test)]".len());
        let (module, tail) = after.split_at(length);
        left.extend(module.chars().map(|c| if c == '\n' { '\n' } else { filler }));
        rest = tail;
    }
    left.push_str(rest);
    left
}

/// Returns the length of a test module from its attribute to its closing brace.
fn test_module(text: &str) -> Option<usize> {
    let open = text.find(['{', ';'])?;
    let is_module = text[..open].split_whitespace().any(|word| word == "mod");
    if !is_module || text[open..].starts_with(';') {
        return None;
    }
    let mut depth = 0_usize;
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < open) {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(at + 1),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the places of `word` in `line` where it is not part of a longer word.
fn places<'a>(line: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    line.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let goes_on = word.ends_with(is_word) && after.is_some_and(is_word);
        !before.is_some_and(is_word) && !goes_on
    })
}

/// Says whether a line of code has a word, such as `println!` or `std::env`.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    places(line, word).next().is_some()
}

/// Says whether a line of code names a crate: `name::`, `use name` or `extern crate name`.
///
/// `crate::name::` and `self::name::` are modules of ours. Method calls, fields and arguments are no names of crates.
pub(super) fn names_crate(line: &str, name: &str) -> bool {
    places(line, name).any(|at| {
        let before = line[..at].trim_end();
        let after = line[at + name.len()..].trim_start();
        let inside_a_path =
            before.strip_suffix("::").is_some_and(|path| path.ends_with(|c| is_word(c) || c == '>'));
        let last_word = before.rsplit(|c: char| !is_word(c)).next().unwrap_or_default();
        let is_used = last_word == "use" || (last_word == "crate" && before.contains("extern"));
        !inside_a_path && (after.starts_with("::") || is_used)
    })
}

/// Returns the names in all the tables of dependencies of a manifest, with their lines.
///
/// It reads the forms `name = …`, `name.workspace = …` and `[dependencies.name]`, and the real name of a renamed one.
pub(super) fn dependencies(manifest: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut inside = false;
    for (number, line) in (1..).zip(manifest.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(table) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let (path, last) = table.rsplit_once('.').unwrap_or(("", table));
            inside = last.ends_with("dependencies");
            if path.ends_with("dependencies") {
                found.push((number, last.trim_matches('"').to_owned()));
            }
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        if inside {
            let name = key.trim().split('.').next().unwrap_or_default();
            found.push((number, name.trim_matches('"').to_owned()));
        }
        // `alias = { package = "name" }`, or a line `package = "name"` below `[dependencies.alias]`.
        let renamed = value.split_once("package").map(|(_, rest)| rest.trim_start());
        let package =
            if key.trim() == "package" { Some(value) } else { renamed.and_then(|r| r.strip_prefix('=')) };
        if let Some(name) = package.and_then(|text| text.split('"').nth(1)) {
            found.push((number, name.to_owned()));
        }
    }
    found
}

#[test]
fn comments_and_literals_are_no_code() {
    let cases = [
        ("a // redb::x\nb", "a b"),
        ("a /* x /* y */ z */ b", "a b"),
        ("f(\"redb::x \\\" y\", 1)", "f( , 1)"),
        ("r#\"a \" redb::\"# b", "b"),
        ("br\"\\\" b", "b"),
        ("'\"' + '\\'' + b'\"' + 'a'", "+ + b +"),
        ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
        ("for r#type in b", "for r#type in b"),
        ("'\\u{22}' b", "b"),
        ("\"not closed\nredb::x", ""),
    ];
    for (text, expected) in cases {
        let code = code(text);
        assert_eq!(code.split_whitespace().collect::<Vec<_>>().join(" "), expected, "{text}");
        assert_eq!(code.chars().count(), text.chars().count(), "{text}");
        assert_eq!(code.lines().count(), text.lines().count(), "{text}");
    }
}

#[test]
fn a_crate_is_told_from_a_word() {
    let named = [
        "zip::ZipWriter::new(x)",
        "use zip;",
        "pub use zip as z;",
        "use ::zip::read;",
        "let x = ::zip::read();",
        "extern crate zip;",
        "use {std::fs, zip::read};",
        "fn f(x: &zip::Reader<'_>)",
        "#[derive(zip::Read)]",
    ];
    for line in named {
        assert!(names_crate(line, "zip"), "{line}");
    }
    let others = [
        "a.iter().zip(b)",
        "rawzip::open(x)",
        "zip_all::x()",
        "crate::zip::x()",
        "use crate::export::zip;",
        "mod zip;",
        "Kind::zip(x)",
        "let zip = 1;",
        "use std::iter::zip;",
        "user zip",
    ];
    for line in others {
        assert!(!names_crate(line, "zip"), "{line}");
    }
}

#[test]
fn dependencies_are_read_in_every_form() {
    let manifest = "[package]\nname = \"a\"\n[dependencies]\nb = \"1\"\nc.workspace = true # c\n\"d\" = { path = \"d\" }\n\
                    e = { package = \"f\" }\n[target.'cfg(unix)'.dev-dependencies]\ng = \"1\"\n[build-dependencies.h]\n\
                    version = \"1\"\n[dependencies.i]\npackage = \"j\"\n[features]\nk = []\n";
    let names: Vec<String> = dependencies(manifest).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["b", "c", "d", "e", "f", "g", "h", "i", "j"]);
}

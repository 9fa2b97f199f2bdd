//! Whatever people write: a valid name that is read back, or a refusal that says why.

use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::profiles::any_export;
use super::*;

/// What somebody may put into a UIN, a month, a name or a template, by accident or not.
const PIECES: &[&str] = &[
    "../",
    "..",
    "..\\",
    "/",
    "\\",
    "\0",
    "\n",
    "\r",
    "\t",
    "\u{7f}",
    "\u{85}",
    "CON",
    "con.",
    "NUL",
    "com1.",
    "LPT9",
    ".",
    " ",
    "-",
    "--",
    "~",
    "$HOME",
    "%2e%2e%2f",
    "%",
    "%s",
    "?",
    "*",
    "<",
    ">",
    "|",
    "\"",
    "'",
    ":",
    ";",
    "&",
    "#",
    "`",
    "^",
    "\u{202e}",
    "\u{200b}",
    "\u{200f}",
    "\u{feff}",
    "\u{a0}",
    "\u{ad}",
    "🧾",
    "👩‍💻",
    "é",
    "e\u{301}",
    "\u{212a}",
    "ſ",
    "İ",
    "ı",
    "ß",
    "Ａ",
    "ﬁ",
    "א",
    "ع",
    "账单",
    "豈",
    "が",
    "{",
    "}",
    "{{",
    "}}",
    "{}",
    "{uin}",
    "{uin}",
    "{UIN}",
    "{payer}",
    "{id}",
    "{id}",
    "{id}",
    "{id}",
    "{Id}",
    "{month}",
    "{month_compact}",
    "{day}",
    "{day_compact}",
    "{first_day}",
    "{last_day}",
    "{kind}",
    "{basis}",
    "{shape}",
    "{per}",
    "{scope}",
    "{name}",
    "{id:>99}",
    "{0}",
    "{../id}",
    "bill",
    "BILL",
    "Bill",
    "l3",
    "L3-monthly",
    "-monthly",
    "100010445724",
    "909619400",
    "000000000001",
    "1e11",
    "+909619400",
    "2021-03",
    "2021-13",
    "202103",
    "0000-00",
    "9999-99",
    "20210230",
    "２０２１-０３",
    ".zip",
    ".manifest.json",
    ".csv",
    "by_used_time",
    "60649c80000001617206400",
    "60649c800000016172064000000000042",
];

/// A small generator, so that a failing case has a number and comes again.
struct Dice(u64);

impl Dice {
    fn next(&mut self, sides: usize) -> usize {
        // Steele, Lea, Flood: SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }

    fn text(&mut self, most: usize) -> String {
        let pieces = self.next(most + 1);
        let text: String = (0..pieces).map(|_| PIECES[self.next(PIECES.len())]).collect();
        match self.next(40) {
            0 => text.repeat(50),
            1 => text.to_uppercase(),
            _ => text,
        }
    }
}

/// Exports to name, always the same ones.
fn exports() -> Vec<ExportName> {
    let mut runner = TestRunner::deterministic();
    (0..200).map(|_| any_export().new_tree(&mut runner).unwrap().current()).collect()
}

/// Asserts that a file name or object key is one that every system takes as it is.
#[track_caller]
fn assert_valid(stem: &str, case: u64) {
    for ending in [".zip", ".manifest.json", "-001.csv"] {
        let name = format!("{stem}{ending}");
        assert!(name.len() <= 255, "{case}: {name}");
        assert!(!name.chars().any(char::is_control), "{case}: {name:?}");
        assert!(
            !name.contains(['/', '\\', ':', '*', '?', '"', '<', '>', '|', '%', '{', '}', '#', '^', '`', '~'])
        );
        assert!(!name.starts_with(['.', ' ', '-']) && !name.ends_with(['.', ' ']), "{case}: {name}");
        assert!(!name.contains(".."), "{case}: {name}");
        let base = name.split('.').next().unwrap().trim_end().to_lowercase();
        assert!(!["con", "nul", "com1", "lpt9"].contains(&base.as_str()), "{case}: {name}");
        let path = std::path::Path::new("folder").join(&name);
        assert_eq!(path.parent(), Some(std::path::Path::new("folder")), "{case}: {name}");
    }
}

#[test]
fn ten_thousand_templates_are_taken_and_read_back_or_refused_with_the_reason() {
    let (mut taken, mut refused) = (0, BTreeSet::new());
    let exports = exports();
    for case in 0..10_000_u64 {
        let mut dice = Dice(case);
        // Half are made of good fields and one or two hostile pieces: else nearly all fail at the first letter.
        let text = match dice.next(2) {
            0 => dice.text(8),
            _ => {
                let some = ["{day}", "{kind}", "{month}", "{per}", "-", "_", "-", "bill", "账单", "{shape}"];
                let mut text: String = (0..dice.next(7)).map(|_| some[dice.next(some.len())]).collect();
                text.push_str(&dice.text(2));
                text.push_str(match dice.next(8) {
                    0 => "",
                    1 => "-{id}.{uin}{payer}",
                    _ => "-{id}.{uin}",
                });
                text
            }
        };
        match text.parse::<NameProfile>() {
            Ok(profile) => {
                taken += 1;
                let name = &exports[dice.next(exports.len())];
                let stem = profile.stem(name);
                assert_valid(&stem, case);
                let said = profile.parse_stem(&stem).unwrap_or_else(|| panic!("{case}: {text}: {stem}"));
                assert_eq!(said.id, Some(name.id), "{case}: {text}: {stem}");
                assert_eq!(profile.to_string(), text);
            }
            Err(error) => {
                let words = error.to_string();
                assert!(words.chars().count() < 600, "{case}: {words}");
                assert!(!words.contains(['\0', '\n', '\u{202e}', '\u{200b}', '\u{7f}']), "{case}: {words:?}");
                if let NameError::Template { fault, .. } = error {
                    let debug = format!("{fault:?}");
                    let end = debug.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(debug.len());
                    refused.insert(debug[..end].to_owned());
                }
            }
        }
    }
    // The cases reach all there is.
    assert!(taken > 500, "{taken}");
    let all = [
        "Ambiguous",
        "Begin",
        "Character",
        "Device",
        "Dots",
        "End",
        "Long",
        "Missing",
        "Twice",
        "Unclosed",
        "UnknownField",
        "Unopened",
    ];
    assert_eq!(refused.iter().map(String::as_str).collect::<Vec<_>>(), all);
}

#[test]
fn ten_thousand_accounts_months_and_names_are_what_they_say_or_nothing() {
    let exports = exports();
    let profiles: Vec<NameProfile> = BuiltIn::ALL
        .iter()
        .map(|built_in| NameProfile::BuiltIn(*built_in))
        .chain([
            "{uin}-{payer} {day}.{kind}_{id}".parse().unwrap(),
            "{scope}{id}{shape}.{uin}".parse().unwrap(),
        ])
        .collect();
    for case in 0..10_000_u64 {
        let mut dice = Dice(case ^ 0xb111_c0de_0000);
        let text = dice.text(4);
        if let Ok(uin) = text.parse::<Uin>() {
            assert_eq!(uin.to_string(), text, "{case}");
        }
        if let Ok(month) = text.parse::<BillMonth>() {
            assert_eq!(month.to_string(), text, "{case}");
        }
        if let Some(id) = parse_id(&text) {
            assert_eq!(id.to_string(), text, "{case}");
        }
        for word in [text.clone(), format!("{text}.zip"), format!("909619400-{text}.zip")] {
            let _ = ParsedName::parse(&word);
        }
        // A good name with something hostile in it is no name, or says something that can be said.
        let profile = &profiles[dice.next(profiles.len())];
        let mut stem = profile.stem(&exports[dice.next(exports.len())]);
        let places: Vec<usize> = stem.char_indices().map(|(at, _)| at).chain([stem.len()]).collect();
        stem.insert_str(places[dice.next(places.len())], &text);
        if let Some(said) = profile.parse_stem(&stem) {
            assert_valid(&stem, case);
            assert!(said.id.is_some(), "{case}: {stem}");
        }
    }
}

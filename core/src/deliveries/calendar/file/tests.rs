use super::*;
use proptest::prelude::*;

const FULL: &str = r#"
name = "own"
zone = "-03:30"
basis = "paid"

[daily]
lag_days = 1
at = "03:00"
at_on_first = "20:00"
late_refresh_days = 2
months = [1, 2]

[monthly]
day = 31
at = "06:30"

[reseller]
day = 5
months = [3, 6, 9, 12]
"#;

#[test]
fn a_file_says_every_figure_and_the_rest_is_the_defaults() {
    let own = Profile::from_toml(FULL).unwrap();
    let want = Profile {
        name: "own".into(),
        zone: Some("-03:30".parse().unwrap()),
        basis: Basis::Paid,
        lag_days: 1,
        daily_at: TimeOfDay::hour(3),
        first_at: Some(TimeOfDay::hour(20)),
        refresh_days: Some(2),
        daily_months: Months::new(&[1, 2]).unwrap(),
        monthly_day: 31,
        monthly_at: "06:30".parse().unwrap(),
        monthly_months: Months::ALL,
        reseller_day: 5,
        reseller_at: TimeOfDay::MIDNIGHT,
        reseller_months: Months::new(&[3, 6, 9, 12]).unwrap(),
    };
    assert_eq!(own, want);
    let least = Profile::from_toml("name = \"own\"").unwrap();
    assert_eq!(least, Profile { name: "own".into(), ..Profile::SEED_2021 });
}

#[track_caller]
fn refused(text: &str, line: usize, words: &[&str]) {
    let error = Profile::from_toml(text).unwrap_err();
    assert_eq!(error.line, line, "{error}");
    for word in words {
        assert!(error.why.contains(word), "`{word}` is not in: {error}");
    }
}

#[test]
fn what_cannot_be_is_refused_with_its_line_and_what_to_write() {
    refused("", 1, &["name = "]);
    refused("zone = \"+08:00\"\n[daily]\nlag_days = 1\n", 1, &["name = "]);
    refused("name = \"Own one\"", 1, &["`Own one`", "a-z"]);
    refused("name = \"seed-2021\"", 1, &["another name"]);
    refused("name = \"own\"\nlag_days = 1\n", 2, &["unknown field `lag_days`", "`daily`"]);
    refused("name = \"own\"\n\n[daily]\nlag = 1\n", 4, &["unknown field `lag`", "`lag_days`"]);
    refused("name = \"own\"\n[weekly]\nday = 1\n", 2, &["unknown field `weekly`", "`monthly`"]);
    refused("name = \"own\"\nzone = \"Asia/Shanghai\"", 2, &["`Asia/Shanghai`", "+08:00"]);
    refused("name = \"own\"\nbasis = \"both\"", 2, &["`both`", "`used` or `paid`"]);
    refused("name = \"own\"\n[daily]\nat = \"25:00\"", 3, &["`25:00`", "03:00"]);
    refused("name = \"own\"\n[daily]\nat = 3", 3, &["integer `3`", "string"]);
    refused("name = \"own\"\n[daily]\nlag_days = 32", 3, &["32", "from 0 to 31"]);
    refused("name = \"own\"\n[daily]\nlag_days = -1", 3, &["-1", "from 0 to 31"]);
    refused("name = \"own\"\n[daily]\nlate_refresh_days = 2", 3, &["lag_days", "from 3 to 31"]);
    refused("name = \"own\"\n[monthly]\nday = 0", 3, &["from 1 to 31"]);
    refused("name = \"own\"\n[reseller]\n\nday = 32", 4, &["from 1 to 31"]);
    refused("name = \"own\"\n[reseller]\nmonths = [1, 13]", 3, &["from 1 to 12"]);
    refused("name = \"own\"\n[reseller]\nmonths = []", 3, &["at least one"]);
    refused("name = \"own\"\nname = \"other\"", 2, &["duplicate key"]);
    refused("name = \"own\"\n[daily\n", 2, &[]);
    refused(&format!("name = \"own\"\n#{}", "x".repeat(FILE_BYTES_MAX)), 1, &["at most"]);
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same(profile in crate::deliveries::calendar::profile::tests::profiles()) {
        prop_assert_eq!(Profile::from_toml(&Profile::to_toml(&profile)), Ok(profile));
    }

    #[test]
    fn any_text_is_a_calendar_or_refused_in_one_of_its_lines(text in "[a-z0-9 =\\[\\]\"\n\\-:.#{},]{0,80}") {
        if let Err(error) = Profile::from_toml(&text) {
            prop_assert!(error.line >= 1 && error.line <= 1 + text.matches('\n').count(), "{}", error);
        }
    }
}

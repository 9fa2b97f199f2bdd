//! What stands below the options in a command's help.

use billkeep_core::bill::Field;

/// The most characters of a line.
const LINE_CHARS_MAX: usize = 78;

/// Returns the fields that `--by` and `--where` take.
pub(crate) fn fields() -> String {
    let mut text = "Fields:".to_owned();
    let mut line = String::new();
    for name in Field::names().chain(["tag:KEY"]) {
        if line.chars().count() + name.len() + 2 > LINE_CHARS_MAX {
            text.push_str(&format!("\n{}", line.trim_end()));
            line.clear();
        }
        line.push_str(if line.is_empty() { "  " } else { "" });
        line.push_str(&format!("{name}, "));
    }
    text.push_str(&format!("\n{}", line.trim_end_matches([',', ' '])));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_listed_once_and_no_line_is_long() {
        let text = fields();
        let listed = text.lines().skip(1).flat_map(|line| line.split([',', ' '])).filter(|name| !name.is_empty());
        let want: Vec<&str> = Field::names().chain(["tag:KEY"]).collect();
        assert_eq!(listed.collect::<Vec<_>>(), want);
        assert!(text.lines().all(|line| line.len() <= LINE_CHARS_MAX), "{text}");
    }
}

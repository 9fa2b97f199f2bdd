//! Headings of the help, and what stands below the options.

use billkeep_core::bills::BillField;

/// The heading of options that every command takes.
pub(crate) const EVERY_COMMAND: &str = "Options for every command";
/// The heading of options for memory and speed.
pub(crate) const TUNING: &str = "Memory and speed";

/// Which commands show which options for memory and speed.
pub(crate) const TUNED: [(&str, &[&str]); 3] = [
    ("import", &["threads"]),
    ("run", &["threads", "chunk_cache_mib"]),
    ("export", &["threads", "chunk_cache_mib"]),
];

/// What stands below the list of commands.
pub(crate) const FIRST_STEPS: &str = "\
First steps:
  billkeep init --payer 100010445724
  billkeep import 100010445724-202103-by_used_time-bill_details.zip
  billkeep bill show 2021-03
  billkeep status

`status` shows what needs attention. `expected` lists the bill files that should
be here. `due` lists what `run` delivers. `import`, `run` and `export` list
options for memory and speed.";

/// The most characters of a line.
const LINE_CHARS_MAX: usize = 78;

/// Returns a heading, and words below it in lines that are not long.
fn listed(heading: &str, words: impl IntoIterator<Item = String>) -> String {
    let mut text = format!("{heading}:");
    let mut line = String::new();
    for word in words {
        if line.chars().count() + word.chars().count() + 3 > LINE_CHARS_MAX {
            text.push_str(&format!("\n  {},", line.trim_end_matches([',', ' '])));
            line.clear();
        }
        line.push_str(&format!("{word}, "));
    }
    text.push_str(&format!("\n  {}", line.trim_end_matches([',', ' '])));
    text
}

/// Returns the fields that `--by` and `--where` take.
fn fields() -> String {
    listed("Fields", BillField::names().chain(["tag:KEY"]).map(str::to_owned))
}

/// Returns the settings that sinks have, then examples of a command.
pub(crate) fn settings_and_examples(lines: &[&str]) -> String {
    let [every, buckets] = billkeep_sinks::option_lists();
    let lists = [listed("Settings of every sink", every), listed("Settings of buckets", buckets)];
    format!("{}\n\n{}", lists.join("\n\n"), examples(lines))
}

/// Returns examples of a command.
pub(crate) fn examples(lines: &[&str]) -> String {
    let heading = if lines.len() == 1 { "Example" } else { "Examples" };
    format!("{heading}:\n  {}", lines.join("\n  "))
}

/// Returns the fields, then examples of a command.
pub(crate) fn fields_and_examples(lines: &[&str]) -> String {
    format!("{}\n\n{}", fields(), examples(lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_listed_once_and_no_line_is_long() {
        let text = fields();
        let listed =
            text.lines().skip(1).flat_map(|line| line.split([',', ' '])).filter(|name| !name.is_empty());
        let want: Vec<&str> = BillField::names().chain(["tag:KEY"]).collect();
        assert_eq!(listed.collect::<Vec<_>>(), want);
        assert!(text.lines().all(|line| line.len() <= LINE_CHARS_MAX), "{text}");
    }

    /// Every command, with its words.
    fn commands() -> Vec<(String, clap::Command)> {
        fn walk(words: &str, command: &clap::Command, all: &mut Vec<(String, clap::Command)>) {
            all.push((words.to_owned(), command.clone()));
            for below in
                command.get_subcommands().filter(|below| below.get_name() != "help" && !below.is_hide_set())
            {
                walk(&format!("{words} {}", below.get_name()), below, all);
            }
        }
        let mut definition = super::super::definition();
        definition.build();
        let mut all = Vec::new();
        walk("billkeep", &definition, &mut all);
        assert!(all.len() > 100, "{}", all.len());
        all
    }

    #[test]
    fn every_argument_and_every_command_has_a_text() {
        let mut without = Vec::new();
        for (words, command) in commands() {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            if about.is_empty() || about.chars().count() > LINE_CHARS_MAX {
                without.push(format!("{words}: {about}"));
            }
            for arg in command.get_arguments().filter(|arg| arg.get_help().is_none()) {
                without.push(format!("{words} {}", arg.get_id()));
            }
        }
        assert!(without.is_empty(), "{}", without.join("\n"));
    }

    #[test]
    fn examples_are_commands_and_the_most_used_commands_have_one() {
        let mut with = Vec::new();
        for (words, command) in commands() {
            let below = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in below.lines().filter_map(|line| line.strip_prefix("  billkeep ")) {
                let given = std::iter::once("billkeep").chain(line.split(' '));
                super::super::parse(given).unwrap_or_else(|e| panic!("{line}: {e}"));
                with.push(words.clone());
            }
        }
        for most_used in [
            "billkeep",
            "billkeep init",
            "billkeep import",
            "billkeep bill list",
            "billkeep bill show",
            "billkeep bill confirm",
            "billkeep status",
            "billkeep expected",
            "billkeep due",
            "billkeep run",
            "billkeep export",
            "billkeep sink add",
            "billkeep storage enable",
            "billkeep delivery list",
        ] {
            assert!(with.iter().any(|words| words == most_used), "{most_used}");
        }
    }

    #[test]
    fn options_for_memory_and_speed_are_shown_where_they_matter_and_work_everywhere() {
        let shown = |words: &str| {
            let (_, mut command) = commands().into_iter().find(|(found, _)| found == words).unwrap();
            command.render_help().to_string()
        };
        for (name, options) in TUNED {
            let help = shown(&format!("billkeep {name}"));
            for option in options {
                assert!(help.contains(&format!("--{}", option.replace('_', "-"))), "{option}: {help}");
            }
        }
        assert!(!shown("billkeep bill list").contains("--threads"));
        for words in [
            ["billkeep", "--threads", "4", "import", "x"],
            ["billkeep", "import", "--threads", "4", "x"],
            ["billkeep", "bill", "list", "--threads", "4"],
        ] {
            assert_eq!(super::super::parse(words).unwrap().threads, Some(4), "{words:?}");
        }
    }
}

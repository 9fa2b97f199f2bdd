//! The part of the command line that is about who is told.

use clap::Subcommand;

use super::help;
use billkeep_core::deliveries::NoticeEvent;

#[derive(Debug, Subcommand)]
pub(crate) enum Notify {
    /// Add a notifier: a webhook, or a command after `--`
    #[command(after_help = help::examples(&["billkeep notify add finance --webhook https://hooks.example.com/bills", "billkeep notify add mail --on failed,waiting -- /usr/local/bin/mail-notice"]))]
    Add {
        /// A name for it
        name: String,
        /// The URL; one that is a secret is named by `env:NAME` or `file:PATH`
        #[arg(long, value_name = "URL", conflicts_with = "command", required_unless_present = "command")]
        webhook: Option<String>,
        /// Of what: delivered, failed, waiting, pending, stopped
        #[arg(
            long = "on",
            value_name = "EVENTS",
            value_delimiter = ',',
            default_value = "delivered,failed,waiting,pending,stopped"
        )]
        events: Vec<NoticeEvent>,
        /// What else there is to say of it, as name=value
        #[arg(long = "option", value_name = "NAME=VALUE")]
        options: Vec<String>,
        /// A program and its arguments, which reads on its standard input what happened
        #[arg(last = true, value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// Who is told
    List,
    /// Tells somebody that this is a test, now
    Test {
        /// Its name
        name: String,
    },
    /// What was told, and what is still to be told
    Log {
        /// Only what was not told yet
        #[arg(long)]
        pending: bool,
    },
    /// Tells what is still to be told, as every run does
    Send {
        /// Does not wait for the time of what has failed
        #[arg(long)]
        now: bool,
    },
    /// Tells somebody nothing any more
    Remove {
        /// Its name
        name: String,
    },
}

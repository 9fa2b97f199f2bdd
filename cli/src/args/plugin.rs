//! The part of the command line that is about plugins: sinks that somebody else has written.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

/// What a plugin is let do, and its settings.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct GrantArgs {
    /// Lets a plugin send to this host; may be given several times
    #[arg(long = "allow-host", value_name = "HOST:PORT")]
    pub(crate) hosts: Vec<String>,
    /// Lets a plugin use this secret, as NAME or NAME@HOST; it is looked for in the environment when it is needed
    #[arg(long = "allow-secret", value_name = "NAME")]
    pub(crate) secrets: Vec<String>,
    /// Lets a plugin remember so much
    #[arg(long = "allow-state", value_name = "SIZE")]
    pub(crate) state: Option<String>,
    /// Lets a plugin use so much memory (default: 64MiB)
    #[arg(long = "allow-memory", value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// A setting of a plugin's own; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(crate) settings: Vec<String>,
}

/// A language that plugins are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    Rust,
    C,
    Python,
    Js,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    /// Makes a project of a plugin, ready to be built
    New {
        /// Its name, and the folder's
        name: String,
        /// In which language
        #[arg(long, value_enum, default_value_t = Lang::Rust)]
        lang: Lang,
    },
    /// List what this machine has for building plugins, and what is missing
    Doctor {
        /// The folder of a project; fails when it cannot be built
        dir: Option<PathBuf>,
        /// Fails when plugins cannot be built in this language
        #[arg(long, value_enum)]
        lang: Option<Lang>,
    },
    /// Builds a project, and puts what it declares into the plugin
    Build {
        /// Its folder
        dir: PathBuf,
    },
    /// What a plugin is and what it asks for, without running it
    Inspect {
        /// The plugin
        file: PathBuf,
    },
    /// Tries a plugin at a server of its own, also with all that goes wrong
    Test {
        /// The plugin
        file: PathBuf,
        #[command(flatten)]
        grants: GrantArgs,
        /// Writes the report as JUnit's XML too
        #[arg(long, value_name = "FILE")]
        junit: Option<PathBuf>,
        /// Runs this check alone
        #[arg(long, value_name = "CHECK")]
        only: Option<String>,
    },
    /// Delivers bundled bills through a plugin, and shows what it says
    Run {
        /// The plugin
        file: PathBuf,
        #[command(flatten)]
        grants: GrantArgs,
    },
    /// The plugins of this store's sinks, and whether they are still trusted
    List {
        /// Writes what is pinned into this file
        #[arg(long, value_name = "FILE", conflicts_with = "check")]
        lock: Option<PathBuf>,
        /// Compares with what is pinned in this file
        #[arg(long, value_name = "FILE")]
        check: Option<PathBuf>,
    },
    /// Trust the file of a sink's plugin as it is now, with further grants
    Trust {
        /// The sink's name
        sink: String,
        #[command(flatten)]
        grants: GrantArgs,
        /// Does not ask
        #[arg(long)]
        yes: bool,
    },
    /// Compiles a plugin that comes on standard input, for another process of this program
    #[command(hide = true)]
    Compile,
}

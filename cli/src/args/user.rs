//! The part of the command line that is about people and the console.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Subcommand;

use super::help;
use billkeep_core::partners::PersonRole;

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Enters somebody, or gives them another role; the first has to be an admin
    #[command(after_help = help::examples(&["billkeep user set ada --role admin"]))]
    Set {
        /// The person's name, as `--as` states it and the journal records it
        name: String,
        /// viewer, operator, approver or admin; each may do what the ones before may
        #[arg(long)]
        role: PersonRole,
    },
    /// Everybody, with roles and tokens
    List,
    /// Takes somebody out; without anybody, whoever has the file may do everything
    Remove {
        /// The person's name
        name: String,
    },
    /// Prints a link that signs somebody in to the console, once, for ten minutes
    Link {
        /// The person's name
        name: String,
        /// Where the console is (default: where one runs over this store, else http://127.0.0.1:8321)
        #[arg(long, value_name = "URL")]
        at: Option<String>,
    },
    /// Prints a token for a program of somebody's
    Token {
        /// The person's name
        name: String,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        label: String,
    },
    /// Takes back all tokens and links of somebody
    Revoke {
        /// The person's name
        name: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// The address; another than this machine's own needs TLS and people
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8321")]
    pub(crate) listen: SocketAddr,
    /// Listens at an address of its own, drawn from 127.0.0.0/8 (Linux): browsers send its sessions to no other port of 127.0.0.1
    #[arg(long)]
    pub(crate) own_address: bool,
    /// A further name by which browsers call it; may be given several times
    #[arg(long = "host", value_name = "NAME[:PORT]")]
    pub(crate) hosts: Vec<String>,
    /// The certificate chain for TLS, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's key, PEM, which only its owner reads
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Another machine's browser without TLS: only behind a proxy that has it
    #[arg(long, conflicts_with = "tls_cert")]
    pub(crate) insecure_plain_http: bool,
    /// Only pages and API; what is due is delivered by somebody else
    #[arg(long)]
    pub(crate) no_scheduler: bool,
    /// Takes the time from a file, as 2021-04-06T03:00:00Z, for replays
    #[arg(long, hide = true, value_name = "FILE")]
    pub(crate) clock: Option<PathBuf>,
    /// The largest bill file that is taken by upload, and how much all uploads at a time have together
    #[arg(long, value_name = "MIB", default_value_t = 4096)]
    pub(crate) upload_mib: u64,
    /// A folder below which admins may add sinks from the console; may be given several times
    #[arg(long = "sink-folder", value_name = "DIR")]
    pub(crate) sink_folders: Vec<PathBuf>,
}

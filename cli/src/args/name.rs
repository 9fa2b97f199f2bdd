//! `name`: how exports are named.

use billkeep_core::formats::NameProfile;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Name {
    /// The profiles that there are, with a sample of each kind
    List,
    /// Show the names that a profile or template gives, or why it is refused
    Check {
        /// Text with fields in braces, such as `{uin}-{month}-{kind}-{id}`; or a profile's name
        template: String,
    },
    /// What a file's name says
    Parse {
        /// The file's name, without folders
        file_name: String,
        /// Takes it for a name of this profile or template
        #[arg(long, value_name = "PROFILE")]
        naming: Option<NameProfile>,
    },
}

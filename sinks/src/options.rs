//! The options of a sink, and what is wrong with them. Every other file may use this one.

use billkeep_core::deliveries::SINK_OPTIONS;
use std::collections::BTreeMap;

/// Looks a name up in the surroundings of the program. Credentials come from there: a sink's URL and options hold none.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The options of a sink that core leaves to it, by name.
pub type Options = BTreeMap<String, String>;

/// A URL, or an option, that no sink can be made of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The scheme is none that there is.
    #[error(
        "`{0}` is not a sink's URL; write a folder as `file:///path/to/folder`, an object store as \
         `s3://bucket/prefix` or `cos://bucket-appid/prefix?region=REGION`, a plugin as `wasm:/path/to/plugin.wasm`"
    )]
    Scheme(String),
    /// The scheme is planned and not built yet.
    #[error("`{0}`: this version delivers to folders (`file:`), `s3:`, `cos:` and plugins (`wasm:`) only")]
    NotYet(String),
    /// A `file:` URL without an absolute path.
    #[error(
        "`{0}` has no absolute path; write it as `file:///path/to/folder` or `wasm:/path/to/plugin.wasm`"
    )]
    Path(String),
    /// An `s3:` or `cos:` URL that names no place.
    #[error("`{url}`: {why}")]
    Bucket {
        /// The URL.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// An option whose value makes no sense.
    #[error("`{name}={value}`: say {known}")]
    Value {
        /// The option.
        name: String,
        /// What was said.
        value: String,
        /// What can be said.
        known: String,
    },
    /// An option that sinks of this kind have not.
    #[error("`{name}` is not an option of such a sink: there is {known}")]
    Option {
        /// The option.
        name: String,
        /// What there is instead.
        known: String,
    },
}

billkeep_core::codes!(UrlError {
    own {
        Self::Scheme(url) => User "url.scheme" { url: url },
        Self::NotYet(url) => User "url.not-yet" { url: url },
        Self::Path(url) => User "url.path" { url: url },
        Self::Bucket { url, why } => User "url.bucket" { url: url, why: why },
        Self::Value { name, value, known } => User "url.value" { name: name, value: value, known: known },
        Self::Option { name, known } => User "url.option" { name: name, known: known },
    }
    within {}
});

/// The options that every sink has beside core's, and what each takes.
pub(crate) const SEAL_OPTIONS: &[(&str, &str)] =
    &[("encrypt", "age1…,age1…"), ("encrypt_manifest", "yes|no"), ("sign_key", "FILE")];

/// Lists the options that every sink has, for an error.
pub(crate) fn every_sinks() -> String {
    let seal: Vec<String> = SEAL_OPTIONS.iter().map(|(name, value)| format!("`{name}={value}`")).collect();
    format!("{}, {}", SINK_OPTIONS, seal.join(", "))
}

/// Returns the options without those of encryption and signatures.
pub(crate) fn without_seal(options: &Options) -> Options {
    let is_seal = |name: &str| SEAL_OPTIONS.iter().any(|(known, _)| *known == name);
    options.iter().filter(|(name, _)| !is_seal(name)).map(|(n, v)| (n.clone(), v.clone())).collect()
}

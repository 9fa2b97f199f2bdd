//! Where billkeep's exports go: folders, object stores, and sinks that somebody else has written. And who is told of it.

pub mod conformance;
mod files;
mod folder;
mod http;
mod names;
mod notify;
mod object;
mod options;
mod place;
mod redact;
mod seal_and_sign;
pub mod suite;
mod url;
pub mod wasm;

pub use folder::Folder;
pub use notify::{check_notifier, open_notifier};
pub use object::Bucket;
pub use options::{Env, Options, UrlError};
pub use place::place;
pub use seal_and_sign::{SealAndSign, seal_and_sign};
pub use url::{
    below, check, create_bucket, create_folder, folder, open, open_plugin, open_with_listener, option_lists,
    remove_empty,
};

/// Returns every code that an error of this library alone can have, with the names of its fields.
pub fn codes() -> impl Iterator<Item = &'static billkeep_core::error::Code> {
    [UrlError::CODES, wasm::CompileError::CODES].into_iter().flatten()
}

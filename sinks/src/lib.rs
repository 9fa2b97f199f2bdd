//! Where billkeep's exports go: folders, object stores, and sinks that somebody else has written. And who is told of it.

pub mod conformance;
mod files;
mod folder;
mod http;
pub mod kit;
mod means;
mod notify;
mod object;
mod place;
mod redact;
mod url;
pub mod wasm;

pub use folder::Folder;
pub use means::{Means, means};
pub use notify::{check_notifier, open_notifier};
pub use object::Bucket;
pub use place::place;
pub use url::{
    Env, Options, UrlError, below, check, create_bucket, create_folder, folder, open, open_heard,
    open_plugin, option_lists, remove_empty,
};

//! Where billkeep's exports go: folders and object stores. WASM sinks will stand beside them. And who is told of it.

pub mod conformance;
mod files;
mod folder;
mod means;
mod notify;
mod object;
mod url;

pub use folder::Folder;
pub use means::{Means, means};
pub use notify::{check_notifier, open_notifier};
pub use object::Bucket;
pub use url::{Env, Options, UrlError, below, check, create_bucket, open, remove_empty};

//! Where billkeep's exports go. Today: folders. Object stores and WASM sinks will stand beside them.

mod folder;
mod url;

pub use folder::Folder;
pub use url::{Env, Options, UrlError, check, open};

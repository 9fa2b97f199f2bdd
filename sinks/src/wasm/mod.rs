//! Sinks that somebody else has written, as WebAssembly components. The door to `wasmtime`.
//!
//! [`PluginFile`] looks at a file without running it; [`Grants`] are what an operator lets it do; [`Plugin`] is the file ready to
//! be called, each call in an instance of its own that has an end in time and a limit of memory; [`WasmSink`] is the plugin as a
//! sink, which compares what it answers for with what it was handed. A guest has no file, no socket, no environment: what it can
//! ask for is in `host` and `web`, and nothing else is linked.

mod access;
mod bindings;
mod blob;
mod compiled;
mod compiler;
mod declared;
mod engine;
mod file;
mod grants;
mod hasher;
mod host;
mod isolated;
mod limits;
mod plugin;
mod rule;
mod scan;
mod secrets;
mod settings;
mod sink;
pub mod suite;
mod taken;
mod text;
mod upload;
mod web;

pub use compiled::CodeOrigin;
pub use compiler::{ChildCompiler, Compile, CompileError, compile_for_parent, compile_here, compile_with};
pub use declared::{Declared, SECTION, Takes, is_id};
pub use file::{Form, INTERFACES, PluginFile, UnreadPlugin};
pub use grants::{Grants, size};
pub use host::{Listener, LogLine};
pub use isolated::looks_at_a_file;
pub use plugin::{Description, Plugin, Problem};
pub use rule::HostRule;
pub use settings::config;
pub use sink::WasmSink;
pub(crate) use sink::place;

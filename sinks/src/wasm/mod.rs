//! Sinks that somebody else has written, as WebAssembly components. The door to `wasmtime`.
//!
//! [`PluginFile`] looks at a file without running it; [`Grants`] are what an operator lets it do; [`Plugin`] is the file ready to
//! be called, each call in an instance of its own that has an end in time and a limit of memory; [`WasmSink`] is the plugin as a
//! sink, which compares what it answers for with what it was handed. A guest has no file, no socket, no environment: what it can
//! ask for is in `host` and `web`, and nothing else is linked.

mod compiled;
mod compiler;
mod declared;
mod engine;
mod file;
mod grants;
mod host;
pub mod kit;
mod limits;
mod plugin;
mod rule;
mod scan;
mod secrets;
mod settings;
mod sink;
mod taken;
mod web;

/// The interface, as the host sees it.
mod bindings {
    #![allow(
        missing_docs,
        unreachable_pub,
        clippy::all,
        reason = "made by a macro; the interface's own file has the words"
    )]
    wasmtime::component::bindgen!({
        path: "../plugins/wit/0.1",
        world: "verified-sink-plugin",
        imports: { default: async | trappable },
        exports: { default: async },
        with: { "billkeep:sink/data.blob": super::host::Blob },
    });
}

pub use compiled::From as CompiledFrom;
pub use compiler::{ChildCompiler, Compile, CompileError, compile_for_parent, compile_here, compile_with};
pub use declared::{Declared, SECTION, Takes, is_id};
pub use file::{Form, INTERFACES, PluginFile, UnreadPlugin, looks_at_a_file};
pub use grants::{Grants, size};
pub use host::{Listener, LogLine};
pub use plugin::{Description, Plugin, Problem};
pub use rule::HostRule;
pub use settings::config;
pub use sink::WasmSink;
pub(crate) use sink::place;

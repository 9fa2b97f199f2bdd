//! The interface, as the host sees it.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "a macro makes them; the interface's own file documents them"
)]

wasmtime::component::bindgen!({
    path: "../plugins/wit/0.1",
    world: "verified-sink-plugin",
    imports: { default: async | trappable },
    exports: { default: async },
    with: { "billkeep:sink/data.blob": super::blob::Blob },
});

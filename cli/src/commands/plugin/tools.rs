//! Where the tools are that plugins are built with: `build` runs them, and `doctor` looks for them.

use std::path::PathBuf;

/// The target that guests in Rust are built for.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";
/// Names a Python whose packages are used: `BILLKEEP_PYTHON=venv/bin/python`.
const PYTHON: &str = "BILLKEEP_PYTHON";

/// A program, and the arguments that come first.
type Tool<'a> = (&'a str, &'a [&'a str]);

/// Returns the Python that has packages for building.
pub(super) fn python() -> String {
    named().unwrap_or_else(|| PathBuf::from("python3")).to_string_lossy().into_owned()
}

/// Returns the Python that was named. Tools are run in a project's folder, from where a path would lead elsewhere.
fn named() -> Option<PathBuf> {
    let named = PathBuf::from(std::env::var_os(PYTHON)?);
    match named.components().count() {
        0 | 1 => Some(named),
        _ => std::path::absolute(&named).ok(),
    }
}

/// Returns where zig is looked for: on the path, then among the packages of a Python.
pub(super) fn zig(python: &str) -> [Tool<'_>; 2] {
    [("zig", &[]), (python, &["-m", "ziglang"])]
}

/// Returns `componentize-py`: the one beside the Python that was named, or on the path.
pub(super) fn componentize_py() -> String {
    let beside = named().map(|python| python.with_file_name("componentize-py"));
    beside.unwrap_or_else(|| PathBuf::from("componentize-py")).to_string_lossy().into_owned()
}

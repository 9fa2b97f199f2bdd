//! billkeep: an embedded store and export engine for cloud bills.
//!
//! The program itself: it reads arguments, environment and clock, calls the libraries, and writes what they
//! return. Data goes to stdout, words go to stderr, and the exit code tells the kind of failure.

mod args;
mod clock;
mod commands;
mod console;
mod context;
mod error;
mod memory;
mod metrics;
mod output;
mod permission;
mod progress;
mod stop;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // What the store makes an error of is told as one.
        if !billkeep_core::store::reads_a_page() && !billkeep_sinks::wasm::looks_at_a_file() {
            hook(info);
        }
    }));
    memory::prepare();
    let args = args::Args::parse();
    match commands::run(args) {
        Ok(code) => code,
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if stderr is gone as well.
            let _ = write!(std::io::stderr(), "{}", error.text());
            error.code()
        }
    }
}

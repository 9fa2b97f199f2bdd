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
mod fit;
mod limits;
mod metrics;
mod out_file;
mod output;
mod own_error;
mod permission;
mod progress;
mod served;
mod stop;
mod text;
mod tuning;

use std::io::Write;
use std::process::ExitCode;

use args::{Args, Command};
use billkeep_core::engine;
use billkeep_core::values;
use context::Context;
use error::CommandError;

fn main() -> ExitCode {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // What the store makes an error of is told as one.
        if !engine::reads_a_page() && !billkeep_sinks::wasm::looks_at_a_file() {
            hook(info);
        }
    }));
    limits::prepare();
    let args = match args::parse(std::env::args_os()) {
        Ok(args) => args,
        Err(usage) => return refuse(&usage),
    };
    commands::compile_plugins_apart();
    match run(args) {
        Ok(code) => code,
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if stderr is gone as well.
            let _ = write!(std::io::stderr(), "{}", error.text());
            error.code()
        }
    }
}

/// Runs the command of a command line.
fn run(args: Args) -> Result<ExitCode, CommandError> {
    let context = Context::new(&args)?;
    match args.command {
        Command::Serve(serve) => console::run(&context, serve).map(|()| ExitCode::SUCCESS),
        command => commands::run_in(&context, command),
    }
}

/// Reports arguments that are none; help and version are no errors.
fn refuse(usage: &clap::Error) -> ExitCode {
    let text = usage.to_string();
    // A name that a shell's pattern gave may hold what a terminal acts on.
    match values::visible_lines(&text) {
        std::borrow::Cow::Owned(shown) if usage.use_stderr() => {
            let _ = writeln!(std::io::stderr(), "{}", shown.trim_end());
        }
        _ => {
            let _ = usage.print();
        }
    }
    ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2))
}

//! Runs commands for visitors.

use super::sinks;
use super::state::{Console, Visitor};
use crate::args::{Command, Format};
use crate::commands;
use crate::error::CommandError;
use crate::output::Captured;

/// Runs a command for a visitor.
pub(super) fn run_for(
    console: &Console,
    visitor: &Visitor,
    format: Format,
    kept: &Captured,
    command: Command,
) -> Result<(), CommandError> {
    sinks::may_add(console, visitor, &command)?;
    let context = console.context.keeping(&visitor.name, format, kept);
    commands::run_in(&context, command).map(|_| ())
}

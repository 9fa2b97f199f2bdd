//! A module for each group of commands. The console calls them as the command line does.

mod account;
mod audit;
mod backfill;
mod bill;
mod calendar;
mod deliver;
mod delivery;
mod demo;
mod dispute;
mod due;
mod expected;
mod export;
mod import;
mod import_faults;
mod init;
mod late;
mod name;
mod notify;
mod open_sink;
mod plugin;
mod plugin_grants;
mod retention;
mod settings;
mod sink;
mod status;
mod storage;
mod store_file;
mod user;

pub(crate) use import::in_order;
pub(crate) use notify::after_run as send_notices;
pub(crate) use plugin::compile_apart as compile_plugins_apart;
pub(crate) use user::secret;

use std::process::ExitCode;

use crate::args::{Bill, Command, Delivery};
use crate::context::Context;
use crate::error::CommandError;
use crate::permission;

/// Runs a command, wherever it was given: the CLI, the web console and the HTTP API run the same commands.
pub(crate) fn run_in(context: &Context, command: Command) -> Result<ExitCode, CommandError> {
    let context = context.needing(permission::needs(&command));
    let done = |result: Result<(), CommandError>| result.map(|()| ExitCode::SUCCESS);
    match command {
        Command::Demo { dir } => done(demo::run(&context, &dir)),
        Command::Init { payer, calendar, timezone } => {
            done(init::run(&context, payer, calendar.as_deref(), timezone))
        }
        Command::Import(import) => done(import::run(&context, &import)),
        Command::Bill(Bill::Lint(lint)) => bill::lint(&context, &lint),
        Command::Bill(bill) => done(bill::run(&context, bill)),
        Command::Dispute(dispute) => done(dispute::run(&context, dispute)),
        Command::Late(late) => done(late::run(&context, late)),
        Command::Settings(settings) => done(settings::run(&context, &settings)),
        Command::Account(account) => done(account::run(&context, account)),
        Command::Sink(sink) => done(sink::run(&context, sink)),
        Command::Name(name) => done(name::run(&context, &name)),
        Command::Storage(storage) => done(storage::run(&context, storage)),
        Command::Retention(retention) => done(retention::run(&context, retention)),
        Command::Calendar(calendar) => done(calendar::run(&context, &calendar)),
        Command::Due(due) => done(due::due(&context, &due)),
        Command::Status { on, at } => done(status::run(&context, on, at)),
        Command::Run(run) => match &run.backfill {
            Some(months) => done(backfill::run(&context, *months, &run)),
            None => done(due::run(&context, &run)),
        },
        Command::Expected { on, month } => done(expected::run(&context, on, month)),
        Command::Delivery(Delivery::Rebuild { sink }) => delivery::rebuild(&context, &sink),
        Command::Delivery(delivery) => done(delivery::run(&context, delivery)),
        Command::Notify(notify) => done(notify::run(&context, notify)),
        Command::Plugin(plugin) => done(plugin::run(&context, plugin)),
        Command::Export(export) => done(export::run(&context, &export)),
        // It runs commands itself, and so is started by `main`.
        Command::Serve(_) => Err(CommandError::user("`serve` is not run by a console")),
        Command::User(user) => done(user::run(&context, user)),
        Command::Audit(audit) => done(audit::run(&context, &audit)),
        Command::StoreFile(store) => done(store_file::run(&context, &store)),
    }
}

//! Which role each command needs, from wherever it is given: the one place that says so.

use billkeep_core::people::Role;

use crate::args::{
    Account, Bill, Calendar, Command, Contract, Delivery, Dispute, FurtherColumn, Late, Notify, Price,
    Retention, Settings, Sink, Storage, User,
};

/// Returns the least role that may do it, in a store that knows people.
pub(crate) fn needs(command: &Command) -> Role {
    match command {
        Command::Demo { .. }
        | Command::Init { .. }
        | Command::Name(_)
        | Command::Due(_)
        | Command::Status { .. }
        | Command::Expected { .. }
        | Command::Audit(_)
        | Command::Export(_)
        | Command::StoreFile(_) => Role::Viewer,
        Command::Import(import) if import.dry_run => Role::Viewer,
        Command::Run(run) if run.dry_run => Role::Viewer,
        // It decides what is otherwise decided by `late accept`.
        Command::Import(import) if import.accept_smaller => Role::Approver,
        Command::Import(_) | Command::Run(_) | Command::Serve(_) => Role::Operator,
        Command::Bill(bill) => needs_of_bill(bill),
        Command::Dispute(dispute) => match dispute {
            Dispute::List { .. } | Dispute::Show { .. } | Dispute::Pack { .. } => Role::Viewer,
            Dispute::Open(_) | Dispute::Send { .. } => Role::Operator,
            Dispute::Accept { .. }
            | Dispute::Reject { .. }
            | Dispute::Withdraw { .. }
            | Dispute::Settle { .. }
            | Dispute::SetAside { .. } => Role::Approver,
        },
        Command::Late(late) => match late {
            Late::List | Late::Show { .. } => Role::Viewer,
            Late::Accept { .. } | Late::Discard { .. } => Role::Approver,
        },
        Command::Settings(settings) => match settings {
            Settings::Show => Role::Viewer,
            Settings::FourEyes { .. } | Settings::Calendar { .. } => Role::Admin,
        },
        Command::Account(account) => match account {
            Account::List
            | Account::Tree { .. }
            | Account::Contract(Contract::List)
            | Account::Price(Price::List)
            | Account::Column(FurtherColumn::List) => Role::Viewer,
            Account::Import { dry_run: true, .. } => Role::Viewer,
            Account::Add { .. } | Account::End { .. } | Account::Import { .. } => Role::Operator,
            Account::Contract(_) | Account::Price(_) | Account::Column(_) => Role::Approver,
        },
        Command::Sink(sink) => match sink {
            Sink::List => Role::Viewer,
            Sink::Test { .. } => Role::Operator,
            _ => Role::Admin,
        },
        Command::Storage(storage) => needs_of_storage(storage),
        Command::Calendar(calendar) => match calendar {
            Calendar::List | Calendar::Show { .. } | Calendar::Check { .. } => Role::Viewer,
            Calendar::Add { .. } | Calendar::Remove { .. } => Role::Admin,
        },
        Command::Delivery(delivery) => match delivery {
            Delivery::List { .. } | Delivery::Show { .. } | Delivery::Verify { .. } => Role::Viewer,
            Delivery::Repair { .. }
            | Delivery::Rebuild { .. }
            | Delivery::Retry { .. }
            | Delivery::Abandon { .. } => Role::Operator,
        },
        Command::Notify(notify) => match notify {
            Notify::List | Notify::Log { .. } => Role::Viewer,
            Notify::Send { .. } | Notify::Test { .. } => Role::Operator,
            _ => Role::Admin,
        },
        Command::Plugin(_) => Role::Admin,
        Command::Retention(retention) => match retention {
            Retention::Show | Retention::Plan(_) => Role::Viewer,
            Retention::Set { .. } | Retention::Apply { .. } => Role::Admin,
        },
        Command::User(user) => match user {
            User::List => Role::Viewer,
            _ => Role::Admin,
        },
    }
}

fn needs_of_bill(bill: &Bill) -> Role {
    match bill {
        Bill::List
        | Bill::Show { .. }
        | Bill::Lines { .. }
        | Bill::Lint(_)
        | Bill::Csv { .. }
        | Bill::Margin(_)
        | Bill::Diff { .. }
        | Bill::Explain { .. }
        | Bill::Revisions { .. } => Role::Viewer,
        Bill::Issue { .. }
        | Bill::Confirm { .. }
        | Bill::Reopen { .. }
        | Bill::Defer { .. }
        | Bill::EmptyDay { .. } => Role::Approver,
    }
}

fn needs_of_storage(storage: &Storage) -> Role {
    match storage {
        Storage::Status { .. } | Storage::History { .. } => Role::Viewer,
        // It takes steps that are otherwise taken by `storage allow`, `storage authorize` and `sink add`.
        Storage::Enable(what)
            if what.allow || what.authorize || what.custom_bills || what.bound.create.is_some() =>
        {
            Role::Admin
        }
        Storage::Switch(what) if what.bound.create.is_some() => Role::Admin,
        Storage::Enable(_) | Storage::Disable { .. } | Storage::Switch(_) => Role::Operator,
        Storage::Allow { .. } | Storage::Deny(_) | Storage::Authorize(_) | Storage::Revoke(_) => Role::Admin,
    }
}

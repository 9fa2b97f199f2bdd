//! Which role each command needs, from wherever it is given: the one place that says so.

use crate::args::{
    Account, Bill, Calendar, Command, Contract, Delivery, Dispute, FurtherColumn, Late, Notify, Price,
    Retention, Settings, Sink, Storage, User,
};
use billkeep_core::partners::PersonRole;

/// Returns the least role that may do it, in a store that knows people.
pub(crate) fn needs(command: &Command) -> PersonRole {
    match command {
        Command::Demo { .. }
        | Command::Init { .. }
        | Command::Name(_)
        | Command::Due(_)
        | Command::Status { .. }
        | Command::Expected { .. }
        | Command::Audit(_)
        | Command::Export(_)
        | Command::StoreFile(_) => PersonRole::Viewer,
        Command::Import(import) if import.dry_run => PersonRole::Viewer,
        Command::Run(run) if run.dry_run => PersonRole::Viewer,
        // It decides what is otherwise decided by `late accept`.
        Command::Import(import) if import.accept_smaller => PersonRole::Approver,
        Command::Import(_) | Command::Run(_) | Command::Serve(_) => PersonRole::Operator,
        Command::Bill(bill) => needs_of_bill(bill),
        Command::Dispute(dispute) => match dispute {
            Dispute::List { .. } | Dispute::Show { .. } | Dispute::Pack { .. } => PersonRole::Viewer,
            Dispute::Open(_) | Dispute::Send { .. } => PersonRole::Operator,
            Dispute::Accept { .. }
            | Dispute::Reject { .. }
            | Dispute::Withdraw { .. }
            | Dispute::Settle { .. }
            | Dispute::SetAside { .. } => PersonRole::Approver,
        },
        Command::Late(late) => match late {
            Late::List | Late::Show { .. } => PersonRole::Viewer,
            Late::Accept { .. } | Late::Discard { .. } => PersonRole::Approver,
        },
        Command::Settings(settings) => match settings {
            Settings::Show => PersonRole::Viewer,
            Settings::FourEyes { .. } | Settings::Calendar { .. } => PersonRole::Admin,
        },
        Command::Account(account) => match account {
            Account::List
            | Account::Tree { .. }
            | Account::Contract(Contract::List)
            | Account::Price(Price::List)
            | Account::Column(FurtherColumn::List) => PersonRole::Viewer,
            Account::Import { dry_run: true, .. } => PersonRole::Viewer,
            Account::Add { .. } | Account::End { .. } | Account::Import { .. } => PersonRole::Operator,
            Account::Contract(_) | Account::Price(_) | Account::Column(_) => PersonRole::Approver,
        },
        Command::Sink(sink) => match sink {
            Sink::List => PersonRole::Viewer,
            Sink::Test { .. } => PersonRole::Operator,
            _ => PersonRole::Admin,
        },
        Command::Storage(storage) => needs_of_storage(storage),
        Command::Calendar(calendar) => match calendar {
            Calendar::List | Calendar::Show { .. } | Calendar::Check { .. } => PersonRole::Viewer,
            Calendar::Add { .. } | Calendar::Remove { .. } => PersonRole::Admin,
        },
        Command::Delivery(delivery) => match delivery {
            Delivery::List { .. } | Delivery::Show { .. } | Delivery::Verify { .. } => PersonRole::Viewer,
            Delivery::Repair { .. }
            | Delivery::Rebuild { .. }
            | Delivery::Retry { .. }
            | Delivery::Abandon { .. } => PersonRole::Operator,
        },
        Command::Notify(notify) => match notify {
            Notify::List | Notify::Log { .. } => PersonRole::Viewer,
            Notify::Send { .. } | Notify::Test { .. } => PersonRole::Operator,
            _ => PersonRole::Admin,
        },
        Command::Plugin(_) => PersonRole::Admin,
        Command::Retention(retention) => match retention {
            Retention::Show | Retention::Plan(_) => PersonRole::Viewer,
            Retention::Set { .. } | Retention::Apply { .. } => PersonRole::Admin,
        },
        Command::User(user) => match user {
            User::List => PersonRole::Viewer,
            _ => PersonRole::Admin,
        },
    }
}

fn needs_of_bill(bill: &Bill) -> PersonRole {
    match bill {
        Bill::List
        | Bill::Show { .. }
        | Bill::Lines { .. }
        | Bill::Lint(_)
        | Bill::Csv { .. }
        | Bill::Margin(_)
        | Bill::Diff { .. }
        | Bill::Explain { .. }
        | Bill::Revisions { .. } => PersonRole::Viewer,
        Bill::Issue { .. }
        | Bill::Confirm { .. }
        | Bill::Reopen { .. }
        | Bill::Defer { .. }
        | Bill::EmptyDay { .. } => PersonRole::Approver,
    }
}

fn needs_of_storage(storage: &Storage) -> PersonRole {
    match storage {
        Storage::Status { .. } | Storage::History { .. } => PersonRole::Viewer,
        // It takes steps that are otherwise taken by `storage allow`, `storage authorize` and `sink add`.
        Storage::Enable(what)
            if what.allow || what.authorize || what.custom_bills || what.bound.create.is_some() =>
        {
            PersonRole::Admin
        }
        Storage::Switch(what) if what.bound.create.is_some() => PersonRole::Admin,
        Storage::Enable(_) | Storage::Disable { .. } | Storage::Switch(_) => PersonRole::Operator,
        Storage::Allow { .. } | Storage::Deny(_) | Storage::Authorize(_) | Storage::Revoke(_) => {
            PersonRole::Admin
        }
    }
}

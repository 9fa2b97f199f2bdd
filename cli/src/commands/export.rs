//! `export`: the same rendering into a folder, now, without bookkeeping.

use billkeep_sinks::Folder;

use crate::args::{Export, Per};
use crate::context::Context;
use crate::error::CommandError;
use crate::out_file::must_not_be_a_store;
use billkeep_core::bills::{BillState, BillView};
use billkeep_core::engine::{Snapshot, StoreSettings};
use billkeep_core::exports::{
    Audience, CustomerFigures, ExportEach, ExportForm, Exported, Naming, Plan, ROWS_PER_FILE, Scope,
    WantedExport,
};
use billkeep_core::formats::{BillKind, Dialect, Shape};
use billkeep_core::values::{Coverage, grouped};

pub(crate) fn run(context: &Context, args: &Export) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let settings = StoreSettings::of(&reader)?;
    let key = context.bill_key(&reader, args.which.month, args.which.basis)?;
    let view = BillView::open(&reader, key, None)?;
    let coverage = coverage(args, &view)?;
    must_not_be_a_store(context, &args.output, &args.output)?;
    let is_new = std::fs::metadata(&args.output).is_err();
    let folder = Folder::create(&args.output).map_err(|e| {
        CommandError::user(format!("cannot export: {e}")).hint("`-o` names the folder for the export")
    })?;
    let exported =
        export(context, args, (&reader, &settings, &view), coverage, &folder).inspect_err(|_| {
            // A refused export leaves no folder of its own behind.
            if is_new {
                Folder::remove_empty(&args.output);
            }
        })?;
    say_what_is_there(context, args, &view, coverage, &exported);
    Ok(())
}

/// Renders the zips into the folder.
fn export(
    context: &Context,
    args: &Export,
    (reader, settings, view): (&Snapshot, &StoreSettings, &BillView),
    coverage: Coverage,
    folder: &Folder,
) -> Result<Exported, CommandError> {
    let key = view.bill.key;
    let name = args.output.display().to_string();
    let (uin, scope) = match (args.owner, args.kind) {
        (Some(uin), _) => (uin, Scope::Owner(uin)),
        (None, BillKind::Reseller) => (settings.payer, Scope::Customers),
        (None, _) => (settings.payer, Scope::Payer),
    };
    let rows_per_file = args.rows_per_file.unwrap_or(ROWS_PER_FILE);
    let dialect = if args.spreadsheet { Dialect::Spreadsheet } else { Dialect::Plain };
    let form = ExportForm { shape: args.shape, per: args.divide, dialect, audience: args.audience };
    let profile = args.naming.clone().unwrap_or_default();
    let naming = Naming { zone: settings.zone, profile };
    let wanted = WantedExport { uin, kind: args.kind, bill: key, coverage, scope, rows_per_file, form };
    let cache = context.chunk_cache();
    let render = context.render_settings(cache.as_ref());
    let exported = if args.per == Some(Per::Customer) {
        let customers_only = args.kind == BillKind::Reseller;
        let sink_name = name.as_str();
        let export = ExportEach {
            wanted,
            customers_only,
            naming: &naming,
            sink_name,
            sink: folder,
            settings: &render,
        };
        view.export_each(reader, export)?
    } else {
        let plan = Plan::new(reader, view, wanted, &naming)?;
        if matches!(scope, Scope::Owner(_)) && plan.content.lines() == 0 {
            return Err(CommandError::user(format!("the bill for {key} has no line of account {uin}"))
                .hint(format!("`billkeep bill show {} --by owner` shows the accounts", key.month)));
        }
        let rendered = view.place(reader, &plan, &name, folder, &render)?;
        Exported {
            files: 1,
            rows: rendered.files.iter().map(|f| f.rows).sum(),
            customers: rendered.customer.into_iter().collect(),
        }
    };
    say_of_prices(context, &exported.customers);
    if let Some(cache) = cache {
        cache.close();
    }
    Ok(exported)
}

/// States what was exported, and what somebody may not expect of it.
fn say_what_is_there(
    context: &Context,
    args: &Export,
    view: &BillView,
    coverage: Coverage,
    Exported { files, rows, .. }: &Exported,
) {
    let (key, state) = (view.bill.key, view.bill.state);
    // A row of another shape than lines stands for several of them.
    let lines_as_they_are = args.shape == Shape::L3;
    context.say(&format!(
        "Exported {} of the bill for {key}, {} to {}, in {} to `{}`.",
        match (lines_as_they_are, rows) {
            (true, _) => crate::output::lines(*rows),
            (false, 1) => "1 row".to_owned(),
            (false, _) => format!("{} rows", grouped(*rows)),
        },
        coverage.first,
        coverage.last,
        crate::output::counted(*files, "zip", "zips"),
        args.output.display()
    ));
    if state == BillState::Open {
        let through = view.revision.through.map_or_else(
            || "its first day is not in".to_owned(),
            |day| format!("its lines are in through {day}"),
        );
        context.say(&format!("The bill is open: {through}."));
    }
    if !args.spreadsheet && lines_as_they_are && args.audience == Audience::Partner {
        context.say("Cells are as imported; `--spreadsheet` writes them for a spreadsheet.");
    }
}

/// How many accounts are named in one line.
const ACCOUNTS_SHOWN: usize = 10;

/// Names accounts, and how many more there are.
fn accounts(of: &[&CustomerFigures]) -> String {
    let shown: Vec<String> =
        of.iter().take(ACCOUNTS_SHOWN).map(|customer| customer.prices.uin.to_string()).collect();
    let more = match of.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let noun = if of.len() == 1 { "Account" } else { "Accounts" };
    format!("{noun} {}{more}", shown.join(", "))
}

/// Reports which exports for customers have no price.
fn say_of_prices(context: &Context, customers: &[CustomerFigures]) {
    let has = |one: &[&CustomerFigures]| if one.len() == 1 { "has" } else { "have" };
    let without: Vec<&CustomerFigures> = customers.iter().filter(|c| c.prices.is_empty()).collect();
    if let Some(first) = without.first() {
        let uin = first.prices.uin;
        context.say(&format!(
            "{} {} no price (`billkeep account price set {uin}`): the export shows only the prices in the bill's own columns for \
             customers.",
            accounts(&without),
            has(&without)
        ));
    }
    for customer in customers.iter().filter(|c| !c.prices.is_empty()) {
        let (uin, fee) = (customer.prices.uin, customer.prices.fee_alone());
        let unpriced = customer.sums.values().map(|sum| sum.unpriced_lines).sum();
        match fee {
            Some(fee) => context.say(&format!(
                "Account {uin} has a monthly fee of {} {} only: its lines have no price.",
                fee.amount.grouped(),
                fee.currency
            )),
            None if unpriced > 0 => {
                context.say(&format!("{} of account {uin} have no price.", crate::output::lines(unpriced)));
            }
            None => {}
        }
    }
}

fn coverage(args: &Export, view: &BillView) -> Result<Coverage, CommandError> {
    let month = args.which.month;
    match (args.kind, args.through) {
        (BillKind::Daily, Some(day)) if day.month() == month => Ok(Coverage::month_to_date(day)),
        (BillKind::Daily, Some(day)) => Err(CommandError::user(format!("{day} does not lie in {month}"))),
        (BillKind::Daily, None) => {
            let through = view.revision.through.ok_or_else(|| {
                CommandError::user(format!("the first day of {month} is not in"))
                    .hint("name the last day to be covered with `--through DAY`")
            })?;
            Ok(Coverage::month_to_date(through))
        }
        (_, Some(_)) => {
            Err(CommandError::user(format!("`--through` goes with `--kind daily`, not {}", args.kind)))
        }
        (_, None) => Ok(Coverage::month(month)),
    }
}

//! `export`: the same rendering into a folder, now, without bookkeeping.

use billkeep_core::bill::BillView;
use billkeep_core::calendar::Kind;
use billkeep_core::delivery::place;
use billkeep_core::export::{Plan, ROWS_PER_FILE, Scope, Wanted};
use billkeep_core::ingest::grouped;
use billkeep_core::period::Coverage;
use billkeep_core::settings::StoreSettings;
use billkeep_core::uin::Uin;
use billkeep_sinks::Folder;

use crate::args::{Export, Per};
use crate::context::Context;
use crate::error::CommandError;

pub(crate) fn run(context: &Context, args: &Export) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let settings = StoreSettings::of(&reader)?;
    let key = context.bill_key(&reader, args.which.month, args.which.basis)?;
    let view = BillView::open(&reader, key, None)?;
    let coverage = coverage(args, &view)?;
    let scopes: Vec<(Uin, Scope)> = match (args.per, args.owner, args.kind) {
        (Some(Per::Customer), ..) => {
            let rollup = view.rollup(&reader)?;
            let mut owners: Vec<Uin> = rollup.all_owners().filter_map(Uin::parse).collect();
            if args.kind == Kind::Reseller {
                owners.retain(|uin| *uin != settings.payer);
            }
            owners.sort_unstable();
            owners.dedup();
            owners.into_iter().map(|uin| (uin, Scope::Owner(uin))).collect()
        }
        (None, Some(uin), _) => {
            let rollup = view.rollup(&reader)?;
            if !rollup.all_owners().any(|owner| Uin::parse(owner) == Some(uin)) {
                return Err(CommandError::user(format!("the bill for {key} has no line of account {uin}"))
                    .hint(format!("`billkeep bill show {} --by owner` shows the accounts", key.month)));
            }
            vec![(uin, Scope::Owner(uin))]
        }
        (None, None, Kind::Reseller) => vec![(settings.payer, Scope::Customers)],
        (None, None, _) => vec![(settings.payer, Scope::Payer)],
    };
    let folder = Folder::open(&args.output)
        .map_err(|e| CommandError::user(format!("cannot export to `{}`: {e}", args.output.display())))?;
    let (mut files, mut rows) = (0_u64, 0_u64);
    for (uin, scope) in scopes {
        let wanted = Wanted {
            uin,
            kind: args.kind,
            bill: key,
            coverage,
            scope,
            rows_per_file: args.rows_per_file.unwrap_or(ROWS_PER_FILE),
        };
        let plan = Plan::new(&reader, &view, wanted, settings.zone)?;
        let name = args.output.display().to_string();
        let placed = place(&reader, &view, &plan, &name, &folder, &context.render_settings())?;
        files += 1;
        rows += placed.rendered.files.iter().map(|f| f.rows).sum::<u64>();
    }
    context.say(&format!(
        "Exported {} lines of {key}, {} to {}, in {} to `{}`.",
        grouped(rows),
        coverage.first,
        coverage.last,
        if files == 1 { "1 zip".to_owned() } else { format!("{} zips", grouped(files)) },
        args.output.display()
    ));
    Ok(())
}

fn coverage(args: &Export, view: &BillView) -> Result<Coverage, CommandError> {
    let month = args.which.month;
    match (args.kind, args.through) {
        (Kind::Daily, Some(day)) if day.month() == month => Ok(Coverage::month_to_date(day)),
        (Kind::Daily, Some(day)) => Err(CommandError::user(format!("{day} does not lie in {month}"))),
        (Kind::Daily, None) => {
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

//! `expected`: which files should have come in by a day, and what became of each.

use crate::args::Format;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Table, columns, wrapped};

use billkeep_core::bills::{BillState, ImportMode};
use billkeep_core::deliveries::{BillFiles, Calendars, Double, Expectation, Verdict};
use billkeep_core::values::{Basis, BillMonth, Day};

/// How wide it is written for people.
const WIDTH: usize = 80;

pub(crate) fn run(context: &Context, on: Option<Day>, month: Option<BillMonth>) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let on = context.day(on, &reader)?;
    let calendars = Calendars::load(&reader)?;
    let bills = BillFiles::list(&reader)?;
    if bills.is_empty() {
        context.say("No bill was imported yet: from its month on, files are expected.");
    }
    let mut all = Expectation::list(calendars.on(on), on, &bills);
    all.retain(|e| month.is_none_or(|month| e.month == month));
    match context.format {
        Format::Table => context.data(for_people(&all, on).as_bytes()),
        _ => context.print(&table(on, &all)),
    }
}

fn table(on: Day, all: &[Expectation]) -> Table {
    let columns = columns(
        "month basis kind last_day due through verdict late_days:count missing_days file other_file what next",
    );
    let mut table = Table::new("billkeep.expected/1", columns);
    table.more = vec![("on", on.to_string().into())];
    for e in all {
        let [mut late_days, mut missing_days, mut file, mut other_file] = [const { String::new() }; 4];
        match &e.verdict {
            Verdict::Arrived { file: Some(name) } | Verdict::Pending { file: name, .. } => {
                file = name.clone();
            }
            Verdict::Late { days } => late_days = days.to_string(),
            Verdict::Missing { days } => missing_days = Day::ranges(days),
            Verdict::Double(Double::Replaced { file: name, earlier: other, .. })
            | Verdict::Double(Double::Twice { file: name, other, .. }) => {
                (file, other_file) = (name.clone(), other.clone());
            }
            Verdict::Arrived { file: None } | Verdict::Due | Verdict::WrongBasis { .. } => {}
        }
        let more = [late_days, missing_days, file, other_file, e.text(), next(e, on)];
        table.rows.push(cells(e).into_iter().chain(more).collect());
    }
    table
}

/// Returns the command to run next.
pub(super) fn next(e: &Expectation, on: Day) -> String {
    let month = e.month;
    let by = |basis: Basis| if basis == Basis::Paid { " --basis paid" } else { "" };
    let basis = by(e.basis);
    match &e.verdict {
        Verdict::Arrived { .. } if e.state == Some(BillState::Issued) => {
            format!("billkeep bill show {month}{basis}")
        }
        Verdict::Arrived { .. } => format!("billkeep due --on {on}{basis}"),
        Verdict::Pending { number, .. } => format!("billkeep pending show {number}"),
        // A file goes with those that are there only in their own mode.
        Verdict::Due | Verdict::Late { .. } | Verdict::Missing { .. } => match e.mode {
            Some(ImportMode::Day) => "billkeep import --mode day FILES".to_owned(),
            Some(ImportMode::Cumulative) => "billkeep import --mode cumulative FILE".to_owned(),
            _ => "billkeep import FILE".to_owned(),
        },
        Verdict::Double(Double::Replaced { revision, .. }) => {
            format!("billkeep bill show {month} --revision {revision}{basis}")
        }
        Verdict::Double(Double::Twice { .. }) => format!("billkeep bill show {month} --by day{basis}"),
        Verdict::WrongBasis { has } => format!("billkeep bill show {month}{}", by(*has)),
    }
}

/// Another command than the next one, and when it is right.
pub(super) struct Way {
    pub(super) when: &'static str,
    pub(super) command: String,
}

/// Returns what else can be done about days that are not in, once they are late or the month is over.
pub(super) fn ways(e: &Expectation, on: Day) -> Vec<Way> {
    let is_over = on > e.month.last_day();
    let counts = match e.verdict {
        Verdict::Late { .. } | Verdict::Missing { .. } => true,
        Verdict::Due => is_over,
        _ => false,
    };
    let (Some(first), Some(_), true) = (e.lacking.first(), e.state, counts) else { return Vec::new() };
    let basis = if e.basis == Basis::Paid { " --basis paid" } else { "" };
    // Of several runs of days, the first one: each is declared by itself.
    let mut last = *first;
    while let Some(next) = last.next().filter(|next| e.lacking.contains(next)) {
        last = next;
    }
    let through = if last == *first { String::new() } else { format!(" --through {last}") };
    let mut ways = vec![Way {
        when: if last == *first {
            "if nothing was used on that day"
        } else {
            "if nothing was used on those days"
        },
        command: format!("billkeep bill empty-day {}{basis} --day {first}{through} --reason TEXT", e.month),
    }];
    if is_over && e.state == Some(BillState::Open) {
        ways.push(Way {
            when: "if the month is complete as it is",
            command: format!("billkeep bill issue {}{basis}", e.month),
        });
    }
    ways
}

/// Writes the rows as people read them: below each what came of it, and what to run next.
fn for_people(all: &[Expectation], on: Day) -> String {
    let line = |cells: [String; 7]| {
        let [month, basis, kind, wanted, due, through, verdict] = cells;
        format!("{month:7}  {basis:5}  {kind:7}  {wanted:10}  {due:10}  {through:10}  {verdict}\n")
    };
    let mut text =
        line(["MONTH", "BASIS", "KIND", "LAST_DAY", "DUE", "THROUGH", "VERDICT"].map(str::to_owned));
    for e in all {
        text.push_str(&line(cells(e)));
        let ways = ways(e, on).into_iter().map(|way| format!("{}: {}", way.when, way.command));
        for said in [e.text(), format!("next: {}", next(e, on))].into_iter().chain(ways) {
            for part in wrapped(&said, WIDTH - 2) {
                text.push_str(&format!("  {part}\n"));
            }
        }
    }
    text
}

/// What every form of it begins with.
fn cells(e: &Expectation) -> [String; 7] {
    [
        e.month.to_string(),
        e.basis.to_string(),
        e.kind.to_string(),
        e.last_day.to_string(),
        e.due.to_string(),
        e.through.map_or_else(|| "-".to_owned(), |day| day.to_string()),
        e.verdict.word().to_owned(),
    ]
}

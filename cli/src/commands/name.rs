//! `name`: profiles, samples, and what a name says.

use billkeep_core::error::Kind as ErrorKind;

use crate::args::Name;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table};

use billkeep_core::formats::{
    BillKind, BuiltIn, ExportId, ExportName, NameFields, NameForm, NameProfile, ParsedName, Per, ScopeWord,
    Shape,
};
use billkeep_core::values::{Basis, Coverage, Day, TimeZone, Uin};

pub(crate) fn run(context: &Context, command: &Name) -> Result<(), CommandError> {
    match command {
        Name::List => {
            let profiles = BuiltIn::ALL.iter().map(|built_in| NameProfile::BuiltIn(*built_in));
            context.print(&samples_of("billkeep.name.list/1", profiles)?)
        }
        Name::Check { template } => {
            let profile: NameProfile = template.parse()?;
            context.print(&samples_of("billkeep.name.check/1", [profile])?)
        }
        Name::Parse { file_name, naming } => context.print(&said(file_name, naming.as_ref())?),
    }
}

/// Draws what profiles name the sample exports.
fn samples_of(
    shape: &'static str,
    profiles: impl IntoIterator<Item = NameProfile>,
) -> Result<Table, CommandError> {
    let names = ["profile", "kind", "shape", "per", "scope", "name"];
    let mut table = Table::new(shape, names.map(Column::text).into());
    let samples =
        samples().ok_or_else(|| CommandError::new(ErrorKind::Internal, "the samples have no days"))?;
    for profile in profiles {
        for sample in &samples {
            table.rows.push(vec![
                profile.to_string(),
                sample.kind.to_string(),
                sample.shape.to_string(),
                sample.per.to_string(),
                sample.scope.to_string(),
                format!("{}.zip", profile.stem(sample)),
            ]);
        }
    }
    Ok(table)
}

/// Returns exports that show what names have: a bill of March 2021 in several shapes, and the daily one of 4 April.
fn samples() -> Option<Vec<ExportName>> {
    let payer = Uin::parse(b"100010445724")?;
    let customer = Uin::parse(b"200020002001")?;
    let march = Coverage::month(Day::new(2021, 3, 1)?.month());
    let april = Coverage::month_to_date(Day::new(2021, 4, 4)?);
    let rows = [
        (BillKind::Daily, april, Shape::L3, Per::Consolidated, ScopeWord::Payer),
        (BillKind::Monthly, march, Shape::L3, Per::Consolidated, ScopeWord::Payer),
        (BillKind::Reseller, march, Shape::L3, Per::Consolidated, ScopeWord::Customers),
        (BillKind::Monthly, march, Shape::L3Monthly, Per::Consolidated, ScopeWord::Owner),
        (BillKind::Monthly, march, Shape::L2, Per::Customer, ScopeWord::Customers),
        (BillKind::Monthly, march, Shape::Pack, Per::Consolidated, ScopeWord::Payer),
    ];
    let sample = |(number, row): (u8, _)| {
        let (kind, coverage, shape, per, scope) = row;
        ExportName {
            uin: if scope == ScopeWord::Owner { customer } else { payer },
            payer,
            kind,
            basis: Basis::Used,
            coverage,
            shape,
            per,
            scope,
            id: ExportId::of(&[number; 32], coverage, TimeZone::CHINA),
        }
    };
    Some((1..).zip(rows).map(sample).collect())
}

/// Draws what a name says.
fn said(file_name: &str, naming: Option<&NameProfile>) -> Result<Table, CommandError> {
    let refused =
        |words: String| CommandError::user(words).hint("`billkeep name list` shows names that are known");
    let stem = [".manifest.json", ".zip", ".csv"].iter().find_map(|ending| file_name.strip_suffix(ending));
    let columns = vec![Column::text("what"), Column::text("value")];
    let mut table = Table::new("billkeep.name.parse/1", columns);
    let mut row = |what: &str, value: Option<String>| {
        table.rows.extend(value.map(|value| vec![what.to_owned(), value]));
    };
    let fields = match naming {
        Some(profile) => {
            let fields = profile.parse_stem(stem.unwrap_or(file_name)).ok_or_else(|| {
                refused(format!("`{}` is not a name that `{profile}` gives", file_name.escape_debug()))
            })?;
            row("profile", Some(profile.to_string()));
            fields
        }
        None => match (stem.and_then(BuiltIn::parse), ParsedName::parse(file_name)) {
            (Some((built_in, fields)), parsed) => {
                row("profile", Some(built_in.to_string()));
                row("form", parsed.map(|parsed| form(parsed.form).to_owned()));
                fields
            }
            (None, Some(parsed)) => {
                row("form", Some(form(parsed.form).to_owned()));
                row("level", parsed.level.map(|level| format!("L{level}")));
                let ParsedName { uin, month, day, basis, id, .. } = parsed;
                let fields = NameFields { uin, month, last_day: day, basis, ..NameFields::default() };
                rows(&fields, &mut row);
                row("id", id);
                return Ok(table);
            }
            (None, None) => {
                return Err(refused(format!(
                    "`{}` has none of the forms that are known",
                    file_name.escape_debug()
                )));
            }
        },
    };
    rows(&fields, &mut row);
    row("id", fields.id.map(|id| id.to_string()));
    Ok(table)
}

fn rows(fields: &NameFields, row: &mut impl FnMut(&str, Option<String>)) {
    row("uin", fields.uin.map(|uin| uin.to_string()));
    row("payer", fields.payer.map(|payer| payer.to_string()));
    row("month", fields.month.map(|month| month.to_string()));
    row("first_day", fields.first_day.map(|day| day.to_string()));
    row("last_day", fields.last_day.map(|day| day.to_string()));
    row("kind", fields.kind.map(|kind| kind.to_string()));
    row("basis", fields.basis.map(|basis| basis.to_string()));
    row("shape", fields.shape.map(|shape| shape.to_string()));
    row("per", fields.per.map(|per| per.to_string()));
    row("scope", fields.scope.map(|scope| scope.to_string()));
}

fn form(form: NameForm) -> &'static str {
    match form {
        NameForm::ConsolidatedDaily => "consolidated bill, month to date",
        NameForm::ConsolidatedMonth => "consolidated bill of a month",
        NameForm::DetailsDaily => "details, month to date",
        NameForm::DetailsMonth => "details of a month",
        NameForm::Pack => "pack",
        NameForm::Summary => "summary",
        NameForm::CostAllocation => "cost allocation report",
        NameForm::Focus => "FOCUS columns",
        NameForm::CustomerDownload => "download of one account",
        NameForm::AllCustomersDownload => "download of all customers",
        NameForm::AllResellersDownload => "download of all second-level resellers",
    }
}

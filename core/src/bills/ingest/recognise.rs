//! What a file is: bill, mode and coverage, from its name, its content and the user's word together.
//!
//! When two of them disagree, the file is refused with both named; nothing is guessed that changes money.

use crate::bills::{BillKey, ImportMode};
use crate::formats::forms;
use crate::formats::naming::{NameForm, ParsedName};
use crate::formats::schema::{BillLevel, Column, Schema};
use crate::values::money::is_blank;
use crate::values::period::{Basis, BillMonth, Coverage, Day};
use crate::values::uin::Uin;

use super::error::WhyUnclear;
use super::request::ImportRequest;
use crate::values::Amount;

/// What is known of a file before its lines are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recognised {
    pub(super) bill: BillKey,
    pub(super) mode: ImportMode,
    /// The last day covered, where the name tells it.
    pub(super) last_day: Option<Day>,
}

/// Recognises a file by its name, its schema and its first line.
pub(super) fn recognise(
    file: &str,
    schema: &Schema,
    first_line: &[&[u8]],
    request: &ImportRequest,
    store_payer: Uin,
) -> Result<Recognised, WhyUnclear> {
    let name = ParsedName::parse(file);
    if let Some(name) = &name {
        if let Some(why) = other_file(name.form) {
            return Err(why.into());
        }
        let level = match schema.level() {
            BillLevel::L2 => 2,
            BillLevel::L3 => 3,
        };
        if name.level.is_some_and(|named| named != level) {
            return Err(format!(
                "its name says L{}, and its columns are those of L{level}",
                name.level.unwrap_or(0)
            )
            .into());
        }
    }
    let cell = |column: Column| {
        schema
            .index_of(column)
            .and_then(|i| first_line.get(i))
            .map(|c| Amount::trim_cell(c))
            .filter(|c| !is_blank(c))
    };
    let payer = payer(
        name.as_ref(),
        cell(Column::PayerUin).and_then(|c| Some(forms::uin(c).ok()?.0)),
        request,
        store_payer,
    )?;
    let mode = mode(name.as_ref(), request)?;
    let basis = match (name.as_ref().and_then(|n| n.basis), request.basis) {
        (Some(named), Some(said)) if named != said => {
            return Err(
                format!("its name says {}, and the import names basis {said}", named.in_names()).into()
            );
        }
        (named, said) => said.or(named).unwrap_or_default(),
    };
    let month = month(name.as_ref(), schema, basis, &cell, request)?;
    let last_day = match name.as_ref().and_then(|n| n.day) {
        Some(day) if day.month() != month => {
            return Err(format!("its name says {day}, and the month is {month}").into());
        }
        day => request.through.or(day),
    };
    Ok(Recognised { bill: BillKey { payer, month, basis }, mode, last_day })
}

/// Says what a file is by its name, if it is none that is read.
pub(super) fn other_file(form: NameForm) -> Option<&'static str> {
    match form {
        NameForm::Pack => Some("it is a pack of several levels; import its details file"),
        NameForm::Summary => Some("it is a summary (L1); billkeep reads L3 and L2 bills"),
        NameForm::CostAllocation => Some("it is a cost allocation report, not a bill"),
        NameForm::Focus => Some(
            "it is a FOCUS bill; billkeep reads L3 and L2 bills: download the bill details of the month, \
             `PAYER-YYYYMM-by_used_time-bill_details.csv`",
        ),
        _ => None,
    }
}

fn payer(
    name: Option<&ParsedName>,
    in_file: Option<Uin>,
    request: &ImportRequest,
    store_payer: Uin,
) -> Result<Uin, WhyUnclear> {
    // A customer's download is named after the customer; its lines tell the payer.
    let named = name.filter(|n| n.form != NameForm::CustomerDownload).and_then(|n| n.uin);
    let told = [
        (in_file, "its lines say payer"),
        (named, "its name says"),
        (request.payer, "the import names payer"),
        (Some(store_payer), "the store is of payer"),
    ];
    let mut found: Option<(Uin, &str)> = None;
    for (uin, who) in told {
        match (uin, found) {
            (Some(uin), Some((first, said))) if uin != first => {
                return Err(format!("{said} {first}, and {who} {uin}").into());
            }
            (Some(uin), None) => found = Some((uin, who)),
            _ => {}
        }
    }
    Ok(store_payer)
}

fn mode(name: Option<&ParsedName>, request: &ImportRequest) -> Result<ImportMode, WhyUnclear> {
    let named = name.and_then(|n| match n.form {
        NameForm::ConsolidatedDaily | NameForm::DetailsDaily => Some(ImportMode::Cumulative),
        NameForm::ConsolidatedMonth | NameForm::DetailsMonth => Some(ImportMode::Monthly),
        _ => None,
    });
    match (named, request.mode) {
        (None, None) => Err(WhyUnclear::Mode),
        (Some(named), None) => Ok(named),
        // A name with a day may hold month to date or the day alone; the complete month is month to date
        // through its last day; and lines to be added come under any name.
        (Some(ImportMode::Cumulative), Some(said @ (ImportMode::Cumulative | ImportMode::Day)))
        | (Some(ImportMode::Monthly), Some(said @ (ImportMode::Monthly | ImportMode::Cumulative)))
        | (_, Some(said @ ImportMode::Adjustment))
        | (None, Some(said)) => Ok(said),
        (Some(named), Some(said)) => {
            let what = if named == ImportMode::Monthly { "a complete month" } else { "a day" };
            Err(format!("its name is that of {what}, and the import names mode `{said}`").into())
        }
    }
}

fn month<'a>(
    name: Option<&ParsedName>,
    schema: &Schema,
    basis: Basis,
    cell: &impl Fn(Column) -> Option<&'a [u8]>,
    request: &ImportRequest,
) -> Result<BillMonth, WhyUnclear> {
    let in_file = cell(Column::BillMonth).and_then(|c| Some(forms::month(c).ok()?.0));
    let told = [
        (in_file, "its lines say bill month"),
        (name.and_then(|n| n.month), "its name says"),
        (request.month, "the import names month"),
    ];
    let mut found: Option<(BillMonth, &str)> = None;
    for (month, who) in told {
        match (month, found) {
            (Some(month), Some((first, said))) if month != first => {
                return Err(format!("{said} {first}, and {who} {month}").into());
            }
            (Some(month), None) => found = Some((month, who)),
            _ => {}
        }
    }
    if let Some((month, _)) = found {
        return Ok(month);
    }
    let by_time = std::iter::once(Column::BillDay)
        .chain(Column::of_time(basis))
        .find_map(|c| cell(c).and_then(Day::parse_prefix))
        .map(Day::month);
    match by_time {
        Some(month) if schema.index_of(Column::BillMonth).is_none() => Ok(month),
        _ => Err(WhyUnclear::Month),
    }
}

/// Returns the days that a file of this mode covers, given the days its lines have.
pub(super) fn coverage(
    recognised: &Recognised,
    own_days: Option<Coverage>,
) -> Result<Option<Coverage>, WhyUnclear> {
    let month = recognised.bill.month;
    let last_in_file = own_days.map(|d| d.last.clamp(month.first_day(), month.last_day()));
    match recognised.mode {
        ImportMode::Adjustment => Ok(None),
        ImportMode::Monthly => Ok(Some(Coverage::month(month))),
        ImportMode::Cumulative => {
            // A file named after the month, that the user takes as month to date, goes through its last day.
            let last = recognised.last_day.or(last_in_file).unwrap_or(month.last_day());
            Ok(Some(Coverage { first: month.first_day(), last }))
        }
        ImportMode::Day => match (recognised.last_day, own_days) {
            (None, Some(days)) if days.first != days.last => Err(format!(
                "its lines are of {} to {}, and a `day` file has the lines of one day",
                days.first, days.last
            )
            .into()),
            (None, None) => Err("neither its name nor its lines tell the day".into()),
            (None, Some(days)) if days.first.month() != month => {
                Err(format!("its lines are of {}, which does not lie in {month}", days.first).into())
            }
            (Some(day), _) | (None, Some(Coverage { first: day, .. })) => {
                Ok(Some(Coverage { first: day, last: day }))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "PayerAccountID,OwnerAccountID,ProductName,UsageStartTime,TotalCost,Currency,BillMonth";

    fn told(file: &str, line: &str, request: &ImportRequest) -> Result<Recognised, String> {
        let schema = Schema::recognise(HEADER.split(',').map(str::as_bytes)).unwrap();
        let cells: Vec<&[u8]> = line.split(',').map(str::as_bytes).collect();
        recognise(file, &schema, &cells, request, "100010445724".parse().unwrap())
            .map_err(|why| why.to_string())
    }

    const LINE: &str = "100010445724,200000003412,CVM,2021-03-04 00:00:00,1.5,USD,2021-03";

    #[test]
    fn a_providers_name_is_enough() {
        let got =
            told("100010445724-20210304-by_used_time-bill_details.zip", LINE, &ImportRequest::default())
                .unwrap();
        assert_eq!((got.mode, got.last_day), (ImportMode::Cumulative, Day::new(2021, 3, 4)));
        assert_eq!(got.bill.month.to_string(), "2021-03");
        let got = told("100010445724-202103-by_used_time-bill_details.csv", LINE, &ImportRequest::default())
            .unwrap();
        assert_eq!((got.mode, got.last_day), (ImportMode::Monthly, None));
    }

    #[test]
    fn an_unknown_name_wants_the_users_word() {
        assert!(
            told("march.csv", LINE, &ImportRequest::default())
                .unwrap_err()
                .contains("does not tell what it holds")
        );
        let request = ImportRequest { mode: Some(ImportMode::Day), ..ImportRequest::default() };
        assert_eq!(told("march.csv", LINE, &request).unwrap().mode, ImportMode::Day);
    }

    #[test]
    fn name_lines_and_user_may_not_disagree() {
        let other_payer = LINE.replacen("100010445724", "100010445725", 1);
        let other_month = LINE.replace("USD,2021-03", "USD,2021-04");
        let daily = "100010445724-20210304-by_used_time-bill_details.zip";
        let of_month = ImportRequest { month: BillMonth::new(2021, 5), ..ImportRequest::default() };
        let monthly = ImportRequest { mode: Some(ImportMode::Monthly), ..ImportRequest::default() };
        let paid = ImportRequest { basis: Some(Basis::Paid), ..ImportRequest::default() };
        for (file, line, request, word) in [
            (daily, other_payer.as_str(), ImportRequest::default(), "100010445725"),
            (daily, &other_month, ImportRequest::default(), "2021-04"),
            (daily, LINE, of_month, "2021-05"),
            (daily, LINE, monthly, "mode `monthly`"),
            (daily, LINE, paid, "by_used_time"),
            (
                "200020475883-20210304-by_used_time-bill_details.zip",
                LINE,
                ImportRequest::default(),
                "200020475883",
            ),
            ("100010445724-202103-by_used_time-bill_pack.zip", LINE, ImportRequest::default(), "pack"),
        ] {
            let error = told(file, line, &request).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}

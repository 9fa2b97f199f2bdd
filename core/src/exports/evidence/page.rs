//! The page of a dispute's evidence: one HTML file without a script, a font or a link to anywhere.

use std::fmt::Write as _;

use crate::bills::Revision;
use crate::bills::dispute::Direction;
use crate::formats::schema::Column;
use crate::values::digest::hex;
use crate::values::visible::visible_lines;

use super::data::{Earlier, Evidence, EvidenceLine, figures};

/// Lines that the page shows; `lines.csv` has all.
const LINES_SHOWN: usize = 500;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1b1f24;\
background:#fff}h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%;\
display:block;overflow-x:auto}th,td{border-bottom:1px solid #d0d7de;padding:.3rem .6rem;text-align:left;vertical-align:top}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.no{color:#a40e26;font-weight:600}\
code{font-size:.85em;overflow-wrap:anywhere}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}\
dt{color:#57606a}dd{margin:0}@media print{body{margin:0;max-width:none}}";

/// Writes a text that somebody else wrote for HTML: apart from the text around it.
fn foreign(text: &str) -> String {
    format!("<bdi>{}</bdi>", escaped(text))
}

/// Writes text for HTML, with what is hidden in it made visible.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible_lines(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Makes the page.
pub(super) fn page(evidence: &Evidence<'_>) -> String {
    let mut html = String::new();
    let dispute = evidence.dispute;
    let title = format!("Dispute {} about the bill for {}", dispute.number, dispute.bill);
    let direction = match dispute.direction {
        Direction::Over => "charged too much",
        Direction::Under => "charged too little",
    };
    // Writing to a text does not fail.
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{0}</title><style>{STYLE}</style></head>\
         <body><main><h1>{0}</h1><p><strong>{1} {2} {direction}</strong>, on {3} that add up to {4} {2}.</p>\
         <p>{5}</p>",
        escaped(&title),
        dispute.amount.grouped(),
        foreign(&dispute.currency),
        lines_text(dispute.lines.len()),
        dispute.lines_total.grouped(),
        foreign(&dispute.reason),
    );
    facts(&mut html, evidence);
    lines(&mut html, evidence);
    arithmetic(&mut html, evidence);
    earlier(&mut html, evidence);
    sources(&mut html, evidence);
    html.push_str("</main></body></html>\n");
    html
}

fn lines_text(lines: usize) -> String {
    if lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") }
}

fn facts(html: &mut String, evidence: &Evidence<'_>) {
    let revision: &Revision = &evidence.view.revision;
    let dispute = evidence.dispute;
    html.push_str("<h2>The bill</h2><dl>");
    for (name, value) in [
        ("Payer", dispute.bill.payer.to_string()),
        ("Month", dispute.bill.subject()),
        ("Revision", revision.number.to_string()),
        ("Total of the bill", revision.total_text()),
        ("Digest of its lines", revision.digest.hex()),
        ("State of the dispute", dispute.state.to_string()),
    ] {
        let _ = write!(html, "<dt>{name}</dt><dd>{}</dd>", foreign(&value));
    }
    html.push_str("</dl>");
}

/// Where columns that tell a line stand, of those that the bill has.
fn shown<'e>(evidence: &'e Evidence<'_>) -> Vec<(usize, &'e str)> {
    // What it is about first: a page that is printed or narrow shows the left of a table.
    let wanted = [
        Column::Total,
        Column::OwnerUin,
        Column::ProductName,
        Column::ComponentName,
        Column::InstanceId,
        Column::TransactionId,
        Column::UsageStart,
    ];
    let of = |column: &Column| {
        let at = evidence.headers.iter().position(|h| Column::of_header(h) == Some(*column))?;
        Some((at, evidence.headers.get(at)?.as_str()))
    };
    wanted.iter().filter_map(of).collect()
}

fn lines(html: &mut String, evidence: &Evidence<'_>) {
    let columns = shown(evidence);
    html.push_str("<h2>The lines</h2><table><thead><tr><th>Line</th>");
    for (at, (_, name)) in columns.iter().enumerate() {
        let _ = write!(html, "<th{}>{}</th>", number_class(at), foreign(name));
    }
    html.push_str("<th>Stands in</th></tr></thead><tbody>");
    for line in evidence.lines.iter().take(LINES_SHOWN) {
        let _ = write!(html, "<tr><td>{}</td>", line.id);
        for (at, (column, _)) in columns.iter().enumerate() {
            let cell = line.cells.get(*column).map_or("", String::as_str);
            let _ = write!(html, "<td{}>{}</td>", number_class(at), foreign(cell));
        }
        let _ = write!(html, "<td>{}</td></tr>", foreign(&place(evidence, line)));
    }
    html.push_str("</tbody></table>");
    if evidence.lines.len() > LINES_SHOWN {
        let _ = write!(html, "<p>The first {LINES_SHOWN} lines are shown.</p>");
    }
    html.push_str("<p>All columns are in <code>lines.csv</code>.</p>");
}

/// Right-aligns the first column, which is the total.
fn number_class(column: usize) -> &'static str {
    if column == 0 { " class=\"n\"" } else { "" }
}

/// Tells where a line stands: the files are numbered, and listed at the end.
fn place(evidence: &Evidence<'_>, line: &EvidenceLine) -> String {
    let mut sources = evidence.sources().enumerate();
    let Some((at, (load, _))) = sources.find(|(_, (load, _))| load.number == line.id.load) else {
        return line.origin.to_string();
    };
    let entry = match &line.origin.entry {
        Some(entry) if load.file.entries.len() > 1 => format!(", {entry}"),
        _ => String::new(),
    };
    format!("file {}{entry}, line {}", at + 1, line.origin.line)
}

fn arithmetic(html: &mut String, evidence: &Evidence<'_>) {
    html.push_str("<h2>The arithmetic</h2>");
    let all = evidence.lines.iter().flat_map(|line| line.arithmetic.iter().map(move |one| (line, one)));
    let checked = all.clone().count();
    let wrong: Vec<_> = all.filter(|(_, one)| !one.agrees).collect();
    if checked == 0 {
        html.push_str("<p>The lines do not show the figures that the published arithmetic is made of.</p>");
        return;
    }
    let worked_out = match checked {
        1 => "One equation of the published arithmetic was worked out again".to_owned(),
        _ => format!("{checked} equations of the published arithmetic were worked out again"),
    };
    let outcome = match (checked, wrong.len()) {
        (1, 0) => "it agrees with the bill".to_owned(),
        (_, 0) => "all agree with the bill".to_owned(),
        (1, _) => "it does not agree with the bill".to_owned(),
        (_, 1) => "1 does not agree with the bill".to_owned(),
        (_, n) => format!("{n} do not agree with the bill"),
    };
    let _ = write!(html, "<p>{worked_out}; {outcome}.</p>");
    if !wrong.is_empty() {
        html.push_str(
            "<table><thead><tr><th>Line</th><th>Column</th><th class=\"n\">Shown</th>\
             <th>Made of</th><th class=\"n\">Recomputed</th></tr></thead><tbody>",
        );
        for (line, one) in wrong.iter().take(LINES_SHOWN) {
            let expected = one.expected.map_or_else(|| "too many digits".to_owned(), |e| e.to_string());
            let _ = write!(
                html,
                "<tr><td>{}</td><td>{}</td><td class=\"n no\">{}</td><td>{}<br>{}</td><td class=\"n\">{}</td></tr>",
                line.id,
                one.result.0.name(),
                one.result.1,
                foreign(one.words),
                foreign(&figures(one)),
                expected
            );
        }
        html.push_str("</tbody></table>");
    }
    html.push_str("<p>Every equation is in <code>arithmetic.csv</code>.</p>");
}

fn earlier(html: &mut String, evidence: &Evidence<'_>) {
    let Some(before) = evidence.before else { return };
    let _ = write!(html, "<h2>The same lines in revision {before}</h2>");
    let count = |wanted: fn(&EvidenceLine) -> bool| evidence.lines.iter().filter(|line| wanted(line)).count();
    let _ = write!(
        html,
        "<p>{} the same, {} with other cells, {} not there.</p>",
        count(|line| matches!(line.earlier, Earlier::Same)),
        count(|line| matches!(line.earlier, Earlier::Other(_))),
        count(|line| matches!(line.earlier, Earlier::Missing)),
    );
    let mut rows = String::new();
    for line in &evidence.lines {
        let Earlier::Other(columns) = &line.earlier else { continue };
        for (column, was, is) in columns {
            let _ = write!(
                rows,
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                line.id,
                foreign(column),
                foreign(was),
                foreign(is)
            );
        }
    }
    if !rows.is_empty() {
        let _ = write!(
            html,
            "<table><thead><tr><th>Line</th><th>Column</th><th>Was</th><th>Is</th></tr></thead>\
             <tbody>{rows}</tbody></table>"
        );
    }
}

fn sources(html: &mut String, evidence: &Evidence<'_>) {
    html.push_str(
        "<h2>The files</h2><p>The lines stand in these files, as the provider sent them. Whoever has a file can check \
         that it is the same by its SHA-256.</p><table><thead><tr><th>No.</th><th>File</th><th class=\"n\">Bytes</th>\
         <th>SHA-256</th></tr></thead><tbody>",
    );
    for (at, (load, _)) in evidence.sources().enumerate() {
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td><code>{}</code></td></tr>",
            at + 1,
            foreign(&load.file.name),
            load.file.bytes,
            hex(&load.file.sha256)
        );
    }
    html.push_str("</tbody></table>");
}

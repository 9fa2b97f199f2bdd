//! What pages are made of: the frame around them, tables, amounts, forms.

use maud::{DOCTYPE, Markup, html};

use super::links::with_query;
use super::session::Flash;
use super::state::{Console, Request, Visitor};
use super::terms::Cell;
use super::words::{Language, Words, filled};
use crate::error::CommandError;
use crate::output::{Column, Table};
use crate::text::short;
use billkeep_core::bills::BillKey;
use billkeep_core::partners::PersonRole;
use billkeep_core::values::{Amount, Basis, visible, visible_lines};

/// A page, ready to be framed.
pub(super) struct Page<'a> {
    pub(super) title: &'a str,
    /// The entry of the menu to which it belongs.
    pub(super) menu: &'a str,
    pub(super) content: Markup,
}

/// What pages are drawn with.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) language: Language,
    pub(super) words: &'static Words,
    pub(super) visitor: Option<&'a Visitor>,
    /// Says whether amounts are shown with all their decimals.
    pub(super) decimals: bool,
    target: &'a str,
}

impl<'a> View<'a> {
    pub(super) fn of(request: &'a Request) -> View<'a> {
        View {
            language: request.language,
            words: request.language.words(),
            visitor: request.visitor.as_ref(),
            decimals: request.get("decimals") == Some("all"),
            target: &request.target,
        }
    }

    /// The name of a column, a field or a fact.
    pub(super) fn name<'b>(&self, word: &'b str) -> &'b str {
        self.language.name(word)
    }

    /// A value of the engine, as a state or a kind.
    pub(super) fn value<'b>(&self, word: &'b str) -> &'b str {
        self.language.value(word)
    }

    /// Says whether whoever looks may do what needs a role: others are shown no button for it.
    pub(super) fn may(&self, needs: PersonRole) -> bool {
        self.visitor.is_some_and(|visitor| visitor.role >= needs)
    }

    /// The heading of a page of a bill: which bill, and what of it; nothing for the bill itself.
    pub(super) fn bill_title(&self, key: &BillKey, what: &str) -> String {
        let (words, month) = (self.words, key.month);
        let shown = match self.language {
            Language::English => month.to_string(),
            Language::Chinese => format!("{}年{}月", month.year(), month.month()),
        };
        let title = match what {
            "" => filled(words.bill_title, &[&shown]),
            what => filled(words.bill_part_title, &[&shown, what]),
        };
        match key.basis {
            Basis::Used => title,
            Basis::Paid => format!("{title} · {}", self.value("paid")),
        }
    }

    /// Says that whoever looks may not change what is here.
    pub(super) fn may_not(&self) -> Markup {
        let role = self.visitor.map_or("", |visitor| self.value(visitor.role.word()));
        html! { p { (filled(self.words.may_not, &[role])) } }
    }

    /// The hidden fields of every form that changes something.
    pub(super) fn token(&self, back: &str) -> Markup {
        let csrf =
            self.visitor.and_then(|visitor| visitor.session.as_ref()).map_or("", |session| &session.csrf);
        html! {
            input type="hidden" name="csrf" value=(csrf);
            input type="hidden" name="back" value=(back);
        }
    }

    /// Path and query of this page.
    pub(super) fn here(&self) -> &'a str {
        self.target
    }

    /// An amount: two decimals, and all of them where they are wanted or in the tooltip.
    pub(super) fn amount(&self, amount: Amount) -> Markup {
        let whole = amount.grouped();
        if self.decimals {
            return html! { span.amount { (whole) } };
        }
        html! { span.amount title=(whole) { (rounded(amount)) } }
    }

    /// Amounts in a text, as `-1.5 USD, 3 CNY`; none where it is another text.
    pub(super) fn amounts(&self, text: &str) -> Option<Markup> {
        let one = |part: &str| {
            let (amount, currency) = part.split_once(' ')?;
            let is_currency = !currency.is_empty() && currency.bytes().all(|b| b.is_ascii_uppercase());
            Some((Amount::parse_cell(amount.as_bytes()).ok()??, is_currency.then(|| currency.to_owned())?))
        };
        let parts: Vec<(Amount, String)> = text.split(", ").map(one).collect::<Option<_>>()?;
        Some(html! {
            @for (at, (amount, currency)) in parts.iter().enumerate() {
                @if at > 0 { ", " }
                span.whole { (self.amount(*amount)) " " (currency) }
            }
        })
    }

    /// The link that shows all decimals, or two.
    pub(super) fn decimals_switch(&self) -> Markup {
        let (words, all) = (self.words, if self.decimals { None } else { Some("all") });
        html! { a.quiet href=(with_query(self.target, "decimals", all)) { (if self.decimals { words.two_decimals } else { words.all_decimals }) } }
    }

    /// Draws a table. `link` may make a cell a link.
    pub(super) fn table(&self, caption: &str, table: &Table, link: &Link<'_>) -> Markup {
        // A column that is empty in all rows takes room and says nothing.
        let has_text = |at: usize| {
            table.rows.is_empty()
                || table.rows.iter().any(|row| row.get(at).is_some_and(|text| !text.is_empty()))
        };
        let shown: Vec<usize> = (0..table.columns.len()).filter(|at| has_text(*at)).collect();
        let is_number = |column: &Column| column.is_number() || AMOUNTS.contains(&column.name.as_str());
        let cell = |at: usize, row: &[String]| {
            let Some(column) = table.columns.get(at) else { return html! {} };
            let text = row.get(at).map_or("", String::as_str);
            // In a list of facts, the first cell names what the second one is.
            let fact =
                if column.name == "value" { row.first().map_or("", String::as_str) } else { &column.name };
            let cell = Cell { shape: table.shape, column: &column.name, row, text };
            let word = self.language.cell(&cell);
            let amount =
                column.is_amount().then(|| Amount::parse_cell(text.as_bytes()).ok().flatten()).flatten();
            let shown = match amount {
                Some(amount) => self.amount(amount),
                None if column.is_number() || COUNTS.contains(&fact) => foreign(&grouped(text)),
                None if AMOUNTS.contains(&fact) => self.amounts(text).unwrap_or_else(|| foreign(text)),
                None if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) => {
                    html! { code title=(text) { (short(text)) } }
                }
                // A word of ours, or a text of somebody else's.
                None if word != text => html! { (word) },
                None => foreign(text),
            };
            let shown = match link(&column.name, row, text) {
                Some(to) => html! { a href=(to) { (shown) } },
                None => shown,
            };
            let (whole, long) =
                (word != text || column.name == "state" || stays_whole(text), text.chars().count() > LONG);
            if at == 0 {
                html! { th scope="row" .num[is_number(column)] .whole[whole] .long[long] { (shown) } }
            } else {
                html! { td .num[is_number(column)] .whole[whole] .long[long] { (shown) } }
            }
        };
        html! {
            div.scroll tabindex="0" role="group" aria-label=(caption) {
                table {
                    caption { (caption) }
                    thead { tr {
                        @for column in shown.iter().filter_map(|at| table.columns.get(*at)) {
                            th scope="col" .num[is_number(column)] { (foreign(self.name(&column.name))) }
                        }
                    } }
                    tbody {
                        @for row in &table.rows {
                            tr { @for at in &shown { (cell(*at, row)) } }
                        }
                    }
                }
            }
            @if table.rows.iter().any(|_| table.columns.iter().any(crate::output::Column::is_amount)) {
                p { (self.decimals_switch()) }
            }
        }
    }
}

/// Facts that are a count, and facts and columns that are amounts with their currencies.
const COUNTS: [&str; 3] = ["bytes", "rows", "zip_bytes"];
const AMOUNTS: [&str; 3] = ["total", "customer_total", "difference"];

/// From how many characters on a text of a table is broken into lines of some length.
const LONG: usize = 40;

/// Says whether a text is read at one glance, and so not broken into lines: a day, a time, an account, a name.
fn stays_whole(text: &str) -> bool {
    text.len() <= 28 && !text.contains(char::is_whitespace)
}

/// A text that somebody else wrote: with what is hidden in it made visible, and apart from the text around it. Every text from a
/// file, a person, a server or an error goes into a page this way.
pub(super) fn foreign(text: &str) -> Markup {
    html! { bdi { (visible_lines(text)) } }
}

/// Says where the cell of a column leads, if it does: is given the column's name, the row and the cell.
pub(super) type Link<'a> = dyn Fn(&str, &[String], &str) -> Option<String> + 'a;

/// No cell is a link.
pub(super) fn no_links(_: &str, _: &[String], _: &str) -> Option<String> {
    None
}

/// Puts separators into a whole number; anything else stays.
pub(super) fn grouped(text: &str) -> String {
    match Amount::parse_cell(text.as_bytes()) {
        Ok(Some(amount)) if amount.scale() == 0 => amount.grouped(),
        _ => text.to_owned(),
    }
}

/// An amount with two decimals; what would be shown as nothing is shown as it is.
pub(super) fn rounded(amount: Amount) -> String {
    match two_decimals(amount) {
        Some(short) if short.mantissa() != 0 || amount.mantissa() == 0 => short.grouped(),
        _ => amount.shortest().grouped(),
    }
}

/// Rounds an amount to two decimals, half away from zero: for the eye alone.
fn two_decimals(amount: Amount) -> Option<Amount> {
    let scale = amount.scale();
    if scale <= 2 {
        return Some(Amount::new(amount.rescaled(2)?, 2));
    }
    let unit = 10_i128.checked_pow(u32::from(scale - 2))?;
    let mantissa = amount.mantissa();
    let half = unit / 2 * mantissa.signum();
    Some(Amount::new(mantissa.checked_add(half)? / unit, 2))
}

/// Frames a page.
pub(super) fn frame(console: &Console, request: &Request, page: Page<'_>) -> String {
    let view = View::of(request);
    let words = view.words;
    let flash = view.visitor.and_then(|visitor| visitor.session.as_ref()).and_then(|session| session.take());
    let other = match view.language {
        Language::English => Language::Chinese,
        Language::Chinese => Language::English,
    };
    let menu = [
        ("/", words.status),
        ("/bills", words.bills),
        ("/import", words.import),
        ("/disputes", words.disputes),
        ("/late", words.late),
        ("/storage", words.storage),
        ("/deliveries", words.deliveries),
        ("/journal", words.journal),
        ("/settings", words.settings),
    ];
    let store = console.context.store.file_name().unwrap_or_default().to_string_lossy();
    html! {
        (DOCTYPE)
        html lang=(view.language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (visible(page.title)) " · billkeep" }
                link rel="icon" href="/favicon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/assets/console.css";
                script src="/assets/console.js" defer {}
            }
            body {
                a.skip href="#main" { (words.skip) }
                header.top {
                    p.brand { a href="/" { "billkeep" } }
                    div.who {
                        form method="post" action="/language" {
                            (view.token(view.here()))
                            input type="hidden" name="language" value=(other.tag());
                            button.quiet type="submit" lang=(other.tag()) { (words.language_other) }
                        }
                        @if let Some(visitor) = view.visitor {
                            span.user { span.label { (words.signed_in_as) " " } (foreign(&visitor.name)) " (" (view.value(visitor.role.word())) ")" }
                            form method="post" action="/sign-out" {
                                (view.token("/sign-in"))
                                button.quiet type="submit" { (words.sign_out) }
                            }
                        }
                    }
                    @if view.visitor.is_some() {
                        nav aria-label=(words.main_menu) {
                            ul {
                                @for (to, name) in menu {
                                    li { a href=(to) aria-current=[(to == page.menu).then_some("page")] { (name) } }
                                }
                            }
                        }
                    }
                }
                main id="main" tabindex="-1" {
                    h1 { (foreign(page.title)) }
                    @if let Some(flash) = &flash { (told(&view, flash)) }
                    (page.content)
                }
                footer { p { (foreign(&store)) " · billkeep " (env!("CARGO_PKG_VERSION")) } }
            }
        }
    }
    .into_string()
}

/// A longer table of what a change came to opens.
const FLASH_ROWS: usize = 12;

/// What the change before this page came to.
fn told(view: &View<'_>, flash: &Flash) -> Markup {
    let words = view.words;
    html! {
        @for (message, hints) in &flash.failed {
            div.notice.bad role="alert" {
                p { strong { (words.not_done) ": " } (foreign(message)) }
                @if !hints.is_empty() { ul { @for hint in hints { li { (foreign(hint)) } } } }
            }
        }
        @for message in &flash.pending {
            div.notice.warn role="alert" {
                p { (foreign(message)) }
                p { a.button href="/late" { (words.late) } }
            }
        }
        @if let Some((what, secret)) = &flash.secret {
            div.notice.good role="status" {
                p { label for="once" { (foreign(what)) } }
                div.once {
                    input id="once" readonly value=(secret) size="60";
                    button type="button" hidden data-copy="once" { (words.copy) }
                }
            }
        }
        @let all_done = flash.failed.is_empty() && flash.pending.is_empty();
        @if !flash.said.is_empty() || (all_done && flash.secret.is_none()) {
            div.notice .good[all_done] role="status" {
                @if flash.said.is_empty() { p { strong { (words.done) } } }
                @for said in &flash.said { p.said { (foreign(said)) } }
            }
        }
        @for table in flash.tables.iter().filter(|table| !table.rows.is_empty()) {
            @if table.rows.len() > FLASH_ROWS {
                details { summary { (words.details) } (view.table(words.details, table, &no_links)) }
            } @else { (view.table(words.details, table, &no_links)) }
        }
    }
}

/// An error as content of a page.
pub(super) fn error(view: &View<'_>, error: &CommandError, back: Option<&str>) -> Markup {
    let (message, hints) = error.told(view.language);
    html! {
        div.notice.bad role="alert" {
            p { (foreign(&message)) }
            @if !hints.is_empty() { ul { @for hint in &hints { li { (foreign(hint)) } } } }
        }
        p {
            @if let Some(back) = back { a href=(back) { (view.words.back) } " · " }
            @if view.visitor.is_some() { a href="/" { (view.words.status) } }
        }
    }
}

/// A value with its name, in a list of them.
pub(super) fn fact(name: &str, value: Markup) -> Markup {
    html! { div { dt { (foreign(name)) } dd { (value) } } }
}

/// A dialog: open where `is_open`, and else one that a link opens. Without a script it is a part of the page.
pub(super) fn dialog(
    view: &View<'_>,
    id: &str,
    title: &str,
    is_open: bool,
    closed: &str,
    content: &Markup,
) -> Markup {
    html! {
        @if is_open {
            dialog open id=(id) aria-labelledby=(format!("{id}-title")) {
                h2 id=(format!("{id}-title")) { (foreign(title)) }
                (content)
                p.away { a href=(closed) { (view.words.cancel) } }
            }
        }
    }
}

/// A choice among values.
pub(super) fn select(id: &str, name: &str, label: &str, values: &[(String, String)], chosen: &str) -> Markup {
    html! {
        div.field {
            label for=(id) { (label) }
            select id=(id) name=(name) {
                @for (value, text) in values {
                    option value=(value) selected[value == chosen] dir="auto" { (visible(text)) }
                }
            }
        }
    }
}

/// A line of text to be filled in.
pub(super) fn input(id: &str, name: &str, label: &str, kind: &str, value: &str, required: bool) -> Markup {
    html! {
        div.field {
            label for=(id) { (label) }
            input id=(id) name=(name) type=(kind) value=(value) required[required];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        Amount::parse_cell(text.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn amounts_are_rounded_for_the_eye_half_away_from_zero() {
        for (whole, short) in [
            ("1234.565", "1,234.57"),
            ("-1234.565", "-1,234.57"),
            ("0.004999", "0.00"),
            ("3", "3.00"),
            ("999999999999999.99999999", "1,000,000,000,000,000.00"),
        ] {
            assert_eq!(two_decimals(amount(whole)).unwrap().grouped(), short, "{whole}");
        }
    }
}

//! Charts: bars, and a line over days. Each has its figures as text too.

use maud::{Markup, html};

use super::html::{View, foreign};
use billkeep_core::values::{Amount, visible};

/// A bar or a point of a chart.
pub(super) struct Mark {
    pub(super) name: String,
    pub(super) amount: Amount,
    pub(super) to: Option<String>,
}

/// Returns how many of `whole` parts of `most` an amount is, without a float; 0 for what is not above zero.
fn share(amount: Amount, most: Amount, whole: i128) -> i128 {
    let scale = amount.scale().max(most.scale());
    match (amount.rescaled(scale), most.rescaled(scale)) {
        (Some(amount), Some(most)) if most > 0 && amount > 0 => {
            // Large sums are cut to what can be multiplied.
            let cut = (most / 1_000_000_000_000).max(1);
            (amount / cut).saturating_mul(whole) / (most / cut).max(1)
        }
        _ => 0,
    }
}

fn most(marks: &[Mark]) -> Amount {
    let largest = marks.iter().max_by(|a, b| a.amount.cmp(&b.amount));
    largest.map(|mark| mark.amount).unwrap_or_default()
}

/// Draws bars, a row for each mark. Who cannot see them reads the same figures.
pub(super) fn bars(view: &View<'_>, title: &str, marks: &[Mark]) -> Markup {
    let most = most(marks);
    html! {
        figure.chart {
            figcaption { (foreign(title)) }
            table.bars {
                tbody {
                    @for mark in marks {
                        tr {
                            th scope="row" {
                                @match &mark.to { Some(to) => a href=(to) { (foreign(&mark.name)) }, None => (foreign(&mark.name)) }
                            }
                            td.bar {
                                svg viewBox="0 0 400 16" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
                                    rect.track width="400" height="16" {}
                                    rect.fill width=(share(mark.amount, most, 400)) height="16" {}
                                }
                            }
                            td.num { (view.amount(mark.amount)) }
                        }
                    }
                }
            }
        }
    }
}

/// Draws a line over days; its figures are in a table that opens.
pub(super) fn line(view: &View<'_>, title: &str, marks: &[Mark]) -> Markup {
    const WIDTH: i128 = 620;
    const HEIGHT: i128 = 140;
    let most = most(marks);
    let steps = i128::try_from(marks.len()).unwrap_or(1).max(2) - 1;
    let at = |place: usize, mark: &Mark| {
        let x = 10 + i128::try_from(place).unwrap_or(0) * (WIDTH - 20) / steps;
        (x, 10 + HEIGHT - share(mark.amount, most, HEIGHT))
    };
    let points: Vec<(i128, i128)> = marks.iter().enumerate().map(|(place, mark)| at(place, mark)).collect();
    let path: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
    let ends = [marks.first(), marks.last()].map(|mark| mark.map_or("", |mark| mark.name.as_str()));
    html! {
        figure.chart {
            figcaption { (foreign(title)) }
            svg.line viewBox="0 0 620 176" role="img" aria-label=(visible(&format!("{title}: {} – {}", ends[0], ends[1]))) {
                line.axis x1="10" y1="150" x2="610" y2="150" {}
                polyline.stroke points=(path.join(" ")) fill="none" {}
                @for ((x, y), mark) in points.iter().zip(marks) {
                    circle.dot cx=(x) cy=(y) r="3" { title { (visible(&mark.name)) ": " (mark.amount.grouped()) } }
                }
                text.tick x="10" y="170" { (ends[0]) }
                text.tick x="610" y="170" text-anchor="end" { (ends[1]) }
            }
            details {
                summary { (view.words.details) }
                table { tbody { @for mark in marks {
                    tr { th scope="row" { (foreign(&mark.name)) } td.num { (view.amount(mark.amount)) } }
                } } }
            }
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
    fn bars_are_shares_of_the_largest() {
        let share = |one: &str, most: &str| share(amount(one), amount(most), 400);
        assert_eq!(share("1", "2"), 200);
        assert_eq!(share("0.25", "1"), 100);
        assert_eq!(share("-5", "2"), 0);
        assert_eq!(share("1", "-2"), 0);
        assert_eq!(share("99999999999999999999.9", "99999999999999999999.9"), 400);
    }
}

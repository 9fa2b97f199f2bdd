//! The word that somebody probably meant, and refusals that name it.

/// Compared are at most so many characters.
const CHARS_MAX: usize = 64;
/// A word with fewer characters is completed to none.
const BEGINNING_MIN: usize = 3;

/// Returns the word that a text probably stands for: the only one that begins so, or the one that differs least, if it
/// differs in a third of its letters or fewer.
pub fn nearest<'a>(text: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text: Vec<char> = text.trim().chars().take(CHARS_MAX).flat_map(char::to_lowercase).collect();
    let words: Vec<(&str, Vec<char>)> =
        words.into_iter().map(|word| (word, word.chars().collect())).collect();
    let mut longer =
        words.iter().filter(|(_, chars)| text.len() >= BEGINNING_MIN && chars.starts_with(&text));
    if let (Some((word, _)), None) = (longer.next(), longer.next()) {
        return Some(word);
    }
    let near = words.iter().map(|(word, chars)| (distance(&text, chars), chars.len().max(2) / 3, *word));
    near.filter(|(distance, most, _)| distance <= most)
        .min_by_key(|(distance, ..)| *distance)
        .map(|(.., word)| word)
}

/// Says that a text is none of some words, which are they, and which one was probably meant.
pub(crate) fn no_word(text: &str, what: &str, words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    let all = match quoted.split_last() {
        Some((last, others @ [_, ..])) => format!("{} or {last}", others.join(", ")),
        _ => quoted.concat(),
    };
    format!("`{text}` is not {what}: use {all}{}", meant(nearest(text, words.iter().copied())))
}

/// Asks whether a word was meant, if there is one.
pub(crate) fn meant(word: Option<&str>) -> String {
    word.map_or_else(String::new, |word| format!("; did you mean `{word}`?"))
}

/// Returns how many letters have to be put in, taken out or replaced to make one text of the other.
pub(crate) fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (j, b) in other.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or(0);
            let cost = (diagonal + usize::from(a != b)).min(above + 1).min(left + 1);
            if let Some(slot) = row.get_mut(j) {
                *slot = left;
            }
            (diagonal, left) = (above, cost);
        }
        if let Some(slot) = row.last_mut() {
            *slot = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_differ_are_counted() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(distance(&chars("kitten"), &chars("sitting")), 3);
        assert_eq!(distance(&[], &chars("abc")), 3);
    }

    #[test]
    fn a_slip_finds_the_word_and_another_word_does_not() {
        let modes = ["cumulative", "day", "monthly", "adjustment"];
        for (text, word) in [
            ("montly", Some("monthly")),
            ("MONTHLY", Some("monthly")),
            ("cumul", Some("cumulative")),
            ("dya", None),
            ("days", Some("day")),
            ("lin", None),
            ("", None),
        ] {
            assert_eq!(nearest(text, modes), word, "{text}");
        }
        assert_eq!(nearest("bill_", ["bill_month", "bill_day"]), None, "two begin so");
    }

    #[test]
    fn a_refusal_lists_the_words_and_asks_for_the_near_one() {
        assert_eq!(
            no_word("dayly", "a kind", &["daily", "monthly", "reseller"]),
            "`dayly` is not a kind: use `daily`, `monthly` or `reseller`; did you mean `daily`?"
        );
        assert_eq!(no_word("x", "a basis", &["used", "paid"]), "`x` is not a basis: use `used` or `paid`");
    }
}

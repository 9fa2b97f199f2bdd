//! Texts of a guest, made safe to show.

use billkeep_core::values::visible;

/// Takes control characters out, which a terminal would act on, and shows those that reorder or hide what stands beside them.
pub(super) fn plain(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    visible(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_neither_acts_on_a_terminal_nor_reorders_a_line() {
        assert_eq!(plain("a\u{1b}[8m\r\nb"), "a [8m  b");
        assert_eq!(plain("\u{202e}fdp.exe\u{200b}"), "<U+202E>fdp.exe<U+200B>");
        assert_eq!(plain("账单 é"), "账单 é");
    }
}

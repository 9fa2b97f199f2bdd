//! English texts of errors about imported files.

use super::super::entry::Text;

pub(super) const TEXTS: &[Text] = &[
    ("import.read", "", &[]),
    ("import.cancelled", "", &[]),
    ("import.container", "", &[]),
    ("import.twice", "", &[]),
    (
        "import.no-mode",
        "",
        &[
            "state it with `--mode cumulative` (month to date), `--mode day`, `--mode monthly` (the complete month) or `--mode adjustment`",
        ],
    ),
    ("import.no-month", "", &["name it with `--month YYYY-MM`"]),
    ("import.unclear", "", &[]),
    (
        "import.control",
        "",
        &["nothing was imported; download the file again, or correct the figure that was expected"],
    ),
    (
        "import.other-month",
        "",
        &[
            "if it is a file of {of_month}, import it with `--month {of_month}` or under its own name",
            "if its lines belong to this month all the same, import it with `--accept-outside`",
        ],
    ),
    (
        "import.findings",
        "",
        &["nothing was imported; to look at it, import it without `--strict` and run `billkeep bill lint`"],
    ),
    ("import.do-not-tie", "", &[]),
    ("import.unlike", "", &[]),
    ("import.block", "", &[]),
    (
        "import.overlap[new_mode=monthly]",
        "",
        &[
            "nothing was imported; to let the complete month replace the month-to-date file, import it with `--mode cumulative`",
        ],
    ),
    (
        "import.overlap",
        "",
        &["nothing was imported; the days are in the bill already, and would be counted twice"],
    ),
    (
        "import.older",
        "",
        &[
            "nothing was imported, and nothing is missing: the file that the bill holds covers these days, too",
        ],
    ),
    (
        "import.level",
        "",
        &["nothing was imported; both hold the same money, so a bill is kept at one level of detail"],
    ),
    ("file.foreign", "", &["nothing was imported"]),
    ("file.empty", "", &["nothing was imported"]),
    ("file.no-lines", "", &["nothing was imported"]),
    ("file.other-form", "", &["nothing was imported"]),
    ("file.no-header", "", &["nothing was imported"]),
    ("file.lines-above", "", &["nothing was imported"]),
    (
        "file.not-text[encoding=UTF-8]",
        "",
        &[
            "if all of the file is in another encoding, name it: `--encoding gb18030`",
            "if one cell is damaged, correct that cell, or download the file again; nothing was imported",
        ],
    ),
    ("file.not-text", "", &["nothing was imported"]),
    ("file.nul", "", &["nothing was imported"]),
    ("file.nul-tail", "", &["nothing was imported"]),
    ("file.ragged", "", &["`--dry-run` counts all faults by column and cause; nothing was imported"]),
    ("file.empty-line", "", &["nothing was imported"]),
    ("file.header-again", "", &["nothing was imported"]),
    ("file.total-row", "", &["nothing was imported"]),
    ("file.cell", "", &["`--dry-run` counts all faults by column and cause; nothing was imported"]),
    ("file.differs", "", &["nothing was imported"]),
    ("file.unclosed-quote", "", &["nothing was imported"]),
    ("file.swallowed-lines", "", &["nothing was imported"]),
    ("file.unterminated", "", &["if the file is complete, import it with `--accept-unterminated`"]),
    ("file.long-cell", "", &["nothing was imported"]),
    ("file.long-line", "", &["nothing was imported"]),
    ("file.outside", "", &["nothing was imported"]),
    ("header.encoding", "", &["nothing was imported"]),
    ("header.too-many-columns", "", &["nothing was imported"]),
    ("header.twice", "", &["nothing was imported"]),
    ("header.focus", "", &["nothing was imported"]),
    ("header.foreign", "", &["nothing was imported"]),
    ("header.not-a-bill", "", &["nothing was imported"]),
    ("header.no-currency", "", &["nothing was imported"]),
];

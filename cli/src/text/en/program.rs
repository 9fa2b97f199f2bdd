//! English texts of errors of the program itself.

use super::super::entry::Text;

const ADD_THERE: &str = "add it on the machine with `billkeep sink add`; for a folder, start the console with `--sink-folder DIR`";

pub(super) const TEXTS: &[Text] = &[
    ("console.signed-out", "nobody has signed in", &[]),
    ("console.somebody-entered", "somebody is entered already", &[]),
    ("console.too-many-readers", "too many files are being read at once", &[]),
    ("console.request-failed", "the program has failed at this request; its error output tells where", &[]),
    ("console.sink-is-plugin", "a plugin is a program, and is not added from the console", &[ADD_THERE]),
    ("console.sink-option", "the option `{option}` is not set from the console", &[ADD_THERE]),
    (
        "console.sink-folder",
        "`{path}` is not below a folder in which sinks may be added from the console",
        &[ADD_THERE],
    ),
    ("upload.others-are-checked", "other files are being checked", &["send it again in a minute"]),
    (
        "upload.no-room",
        "other files are being received, and there is no room for this one",
        &["send it again in a minute; `--upload-mib` sets how much all have together"],
    ),
    (
        "upload.too-large",
        "the file is larger than the {max} bytes that are taken here",
        &["`--upload-mib` sets how much; or import it with `billkeep import`"],
    ),
    ("upload.not-taken", "the file cannot be taken: {why}", &[]),
    ("upload.no-file", "no file was chosen", &[]),
    ("upload.not-a-file-name", "`{name}` is not the name of a file", &[]),
    ("upload.stopped-coming", "the file stopped coming", &[]),
    (
        "day.future",
        "{day} is after today, {today}; nothing was changed",
        &["`--yes` acts today as if that day had come"],
    ),
    (
        "console.sign-in",
        "sign in first: with the link that `billkeep serve` printed, or one by `billkeep user link NAME`",
        &[],
    ),
    ("console.no-host", "the request has no `Host`, or more than one", &[]),
    (
        "pending.waits",
        "`{file}` waits for a decision as {noun} {number}",
        &[
            "`{show}` shows what it would change, and for whom",
            "`{accept} --reason TEXT` takes it",
            "`{discard} --reason TEXT` leaves the bill as it is",
        ],
    ),
    (
        "pending.many-wait",
        "{files} files wait for a decision, from {noun} {number} on",
        &[
            "`{show}` shows what it would change, and for whom",
            "`{accept} --reason TEXT` takes it",
            "`{discard} --reason TEXT` leaves the bill as it is",
        ],
    ),
    (
        "import.faults",
        "{told} of {kinds_told} in `{name}`",
        &["nothing was imported; correct the file or download it again"],
    ),
    (
        "settings.approvers",
        "two people have to be able to approve, and there is {approvers}: nobody could confirm a bill or turn this off",
        &["enter them first with `billkeep user set NAME --role approver`"],
    ),
    ("dispute.not-an-amount", "`{amount}` is not an amount", &[]),
];

//! Errors of the program itself that pages show. Their texts are by code, as those of the libraries' errors are.

use billkeep_core::error::{Code, Kind};

/// An error of the program: its kind, its code, and the names of its fields.
pub(crate) type OwnError = (Kind, Code);

macro_rules! own {
    ($($name:ident: $kind:ident $code:literal { $($field:ident),* };)*) => {
        $(pub(crate) const $name: OwnError = (Kind::$kind, ($code, &[$(stringify!($field)),*]));)*

        #[cfg(test)]
        pub(crate) const CODES: &[Code] = &[$($name.1),*];
    };
}

own! {
    SIGNED_OUT: Refused "console.signed-out" {};
    SOMEBODY_ENTERED: Refused "console.somebody-entered" {};
    TOO_MANY_READERS: Transient "console.too-many-readers" {};
    REQUEST_FAILED: Internal "console.request-failed" {};
    SINK_IS_PLUGIN: Refused "console.sink-is-plugin" {};
    SINK_OPTION: Refused "console.sink-option" { option };
    SINK_FOLDER: Refused "console.sink-folder" { path };
    UPLOADS_CHECKED: Transient "upload.others-are-checked" {};
    NO_ROOM: Transient "upload.no-room" {};
    TOO_LARGE: User "upload.too-large" { max };
    NOT_TAKEN: User "upload.not-taken" { why };
    NO_FILE: User "upload.no-file" {};
    NOT_A_FILE_NAME: User "upload.not-a-file-name" { name };
    STOPPED_COMING: User "upload.stopped-coming" {};
    SIGN_IN: User "console.sign-in" {};
    NO_HOST: User "console.no-host" {};
    WAITS: Pending "pending.waits" { file, noun, number, show, accept, discard };
    MANY_WAIT: Pending "pending.many-wait" { files, noun, number, show, accept, discard };
    FAULTS: User "import.faults" { told, kinds_told, name, faults, kinds };
    APPROVERS: Refused "settings.approvers" { approvers };
    NOT_AN_AMOUNT: User "dispute.not-an-amount" { amount };
    FUTURE_DAY: Refused "day.future" { day, today };
}

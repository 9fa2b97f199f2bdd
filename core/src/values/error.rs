//! What every error says beside its sentence: a kind, a code that does not change, and fields.

/// The kind of an error. Exit codes and retries depend on nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The input is wrong: a file, a name, a value. Nothing was changed.
    User,
    /// The state does not allow it: stale digest, not confirmed, overlap.
    Refused,
    /// The file is kept and waits for a decision.
    Pending,
    /// Stored bytes are not what was written: checksum, chain, sums.
    Damaged,
    /// Busy, or a fault that may pass: try again.
    Transient,
    /// The machine or the program failed: disk, memory, a broken promise.
    Internal,
}

/// The value of an error's field, as text.
pub type ErrorField = (&'static str, String);

/// A code, and the names of the fields that its errors have.
pub type Code = (&'static str, &'static [&'static str]);

/// An error with a kind, a code and fields. Its `Display` states the fact in English; a program makes other texts from the code
/// and the fields.
pub trait Coded: std::error::Error {
    /// Returns the kind.
    fn kind(&self) -> Kind;

    /// Returns the code: lower case, with dots, such as `store.busy`. A code that was released does not change.
    fn code(&self) -> &'static str;

    /// Returns the values that the sentence names. An error that another one carries adds its own.
    fn fields(&self) -> Vec<ErrorField>;
}

/// Gives an error its kinds, codes and fields, in one table.
///
/// Entries of `own` are errors of this type. Those of `within` carry another error, whose kind and code they have; their own fields
/// come before its fields.
#[doc(hidden)]
#[macro_export]
macro_rules! codes {
    ($error:ty {
        own { $($pattern:pat => $kind:ident $code:literal { $($field:ident: $value:expr),* $(,)? },)* }
        within { $($outer:pat => $inner:expr, { $($more:ident: $said:expr),* $(,)? },)* }
    }) => {
        impl $error {
            /// The codes of this type alone, with the names of their fields.
            pub const CODES: &'static [$crate::coded::Code] =
                &[$(($code, &[$(stringify!($field)),*])),*];

            /// Returns the kind.
            #[allow(unused_variables, reason = "a table names all fields for `fields`")]
            pub fn kind(&self) -> $crate::coded::Kind {
                match self {
                    $($pattern => $crate::coded::Kind::$kind,)*
                    $($outer => $inner.kind(),)*
                }
            }
        }

        impl $crate::coded::Coded for $error {
            fn kind(&self) -> $crate::coded::Kind {
                <$error>::kind(self)
            }

            #[allow(unused_variables, reason = "a table names all fields for `fields`")]
            fn code(&self) -> &'static str {
                #[allow(unused_imports, reason = "a table may have no inner error")]
                use $crate::coded::Coded as _;
                match self {
                    $($pattern => $code,)*
                    $($outer => $inner.code(),)*
                }
            }

            #[allow(unused_variables, reason = "a table names all fields for `fields`")]
            fn fields(&self) -> Vec<$crate::coded::ErrorField> {
                #[allow(unused_imports, reason = "a table may have no inner error")]
                use $crate::coded::Coded as _;
                match self {
                    $($pattern => vec![$((stringify!($field), $value.to_string())),*],)*
                    $($outer => {
                        let own: Vec<$crate::coded::ErrorField> =
                            vec![$((stringify!($more), $said.to_string())),*];
                        own.into_iter().chain($inner.fields()).collect()
                    })*
                }
            }
        }
    };
}

pub(crate) use codes;

//! An entry of the texts of a language.

/// The texts of a code: its key, the fact, and what to do.
///
/// A key is a code, or a code with a condition: `bill.state[state=open]` asks for a value, `sink.setup[why~No space]` for a part of
/// it. Entries with a condition come before the one without, and take their fact from it if theirs is empty. A text has fields in
/// braces. A part in `⟦⟧` is left out where a field of it is empty.
pub(super) type Text = (&'static str, &'static str, &'static [&'static str]);

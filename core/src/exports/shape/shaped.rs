//! What there is to tell of an export of another shape than all lines.

use super::tally::Tie;

/// What is told of an export that has another shape, in its manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shaped {
    /// The columns of each CSV, where they are not those of all.
    pub columns: Vec<Option<Vec<String>>>,
    /// How the rows of each level come to the total of the lines.
    pub ties: Vec<Tie>,
    /// How rows were rounded, in words.
    pub rounding: Option<&'static str>,
}

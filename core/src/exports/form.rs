//! How an export presents its lines: level of detail, division into files, dialect of CSV, and for whom.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::formats::dialect::Dialect;
use crate::formats::naming::words;
pub(crate) use crate::formats::naming::{Per, Shape};

/// Who reads a sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Audience {
    /// The partner itself.
    #[default]
    Partner,
    /// A customer of the partner, who must not see the partner's cost or other customers.
    Customer,
}

words!(Audience, "an audience", Partner = "partner", Customer = "customer");

/// All of how an export presents its lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ExportForm {
    /// The level of detail.
    pub shape: Shape,
    /// The division into files.
    pub per: Per,
    /// The dialect of CSV.
    pub dialect: Dialect,
    /// For whom.
    pub audience: Audience,
}

impl fmt::Display for ExportForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.shape, self.per, self.dialect, self.audience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        Shape::ALL.iter().for_each(|one| assert_eq!(one.word().parse(), Ok(*one)));
        Per::ALL.iter().for_each(|one| assert_eq!(one.word().parse(), Ok(*one)));
        Dialect::ALL.iter().for_each(|one| assert_eq!(one.word().parse(), Ok(*one)));
        Audience::ALL.iter().for_each(|one| assert_eq!(one.word().parse(), Ok(*one)));
        let error = "weekly".parse::<Shape>().unwrap_err();
        assert!(error.contains("l3-monthly"), "{error}");
    }
}

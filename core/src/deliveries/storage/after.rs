//! After what a bill leaves for a sink.

use serde::{Deserialize, Serialize};

use crate::exports::Audience;
use crate::formats::naming::words;

/// After what a bill leaves for a sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum After {
    /// The calendar asks for it, and its lines are complete.
    #[default]
    Issue,
    /// Somebody has confirmed the month, too.
    Confirmation,
}

words!(After, "a moment that a bill can wait for", Issue = "issue", Confirmation = "confirmation");

impl After {
    /// Returns what holds where nothing was said: a customer's bills wait for the confirmation.
    pub fn default_for(audience: Audience) -> After {
        match audience {
            Audience::Partner => After::Issue,
            Audience::Customer => After::Confirmation,
        }
    }
}

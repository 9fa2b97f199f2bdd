//! Notifiers: a command of this machine, and a webhook.

mod command;
mod options;
mod webhook;

use crate::options::{Env, UrlError};
use billkeep_core::deliveries::{Notifier, Notify, NotifyBy, NotifyError};

/// Checks a notifier's options without touching what they name.
///
/// # Errors
/// [`UrlError`] when no notifier can be made of them.
pub fn check_notifier(notifier: &Notifier) -> Result<(), UrlError> {
    match &notifier.how {
        NotifyBy::Command(words) => command::check(words, &notifier.options),
        NotifyBy::Webhook(url) => webhook::check(url, &notifier.options),
    }
}

/// Opens a notifier.
///
/// # Errors
/// [`NotifyError`] when it cannot be used from here.
pub fn open_notifier(notifier: &Notifier, env: Env<'_>) -> Result<Box<dyn Notify>, NotifyError> {
    check_notifier(notifier).map_err(|e| NotifyError::refused(e.to_string()))?;
    match &notifier.how {
        NotifyBy::Command(words) => Ok(Box::new(command::Command::new(words, &notifier.options))),
        NotifyBy::Webhook(url) => Ok(Box::new(webhook::Webhook::new(url, &notifier.options, env)?)),
    }
}

//! The conformance suite with a view of the destination that is not the sink's own, for built-in sinks and plugins.
//!
//! [`conformance`](crate::conformance) asks a sink what it holds, and so is for sinks that can look. This suite reads the destination itself, so it also tries sinks that cannot be read. It runs every case of `conformance` on a sink that can. What is asked of a plugin
//! alone (its file, its limits, what it does when its server fails) is beside [the plugins](crate::wasm::suite).

mod checks;
mod objects;
mod readable;

pub use checks::{Check, Destination, LookAt, Outcome, SuiteSettings, SuiteSubject};
pub(crate) use checks::{PART, Suite, skipped, so, words};

/// Runs all checks.
pub fn run(subject: &SuiteSubject<'_>) -> Vec<Check> {
    let mut suite = Suite::new(subject);
    check_sink(&mut suite);
    suite.checked()
}

/// Runs the checks that every sink has to pass.
pub(crate) fn check_sink(suite: &mut Suite<'_>) {
    suite.settings_by_chance();
    suite.objects();
    suite.again();
    suite.runs();
    suite.words();
    suite.readable();
}

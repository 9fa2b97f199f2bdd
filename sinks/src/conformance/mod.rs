//! The conformance suite: what every sink must do, the same cases for folders, object stores and plugins, in the tests and, by `sink test`, at
//! a user's real destination.
//!
//! A case leaves nothing behind. Some tell what a destination *can*, and not what it must: a delivery promises no more than that.

mod case;
mod cases;

use billkeep_core::exports::SinkError;
pub use case::{Answer, Case, CaseOutcome, Opener, Subject, Weight};
pub use cases::CASES;

/// Asks everything; an error in a case is its answer.
pub fn run(subject: &Subject<'_>) -> Vec<CaseOutcome> {
    // A destination from which nothing can be removed would answer nearly every case with that one fault.
    let mut keeps_all: Option<String> = None;
    let mut asked = |case: &Case| {
        let answer = match &keeps_all {
            Some(why) if case.name == "remove" => Answer::No(why.clone()),
            Some(_) => Answer::NotTried("nothing can be removed here, see `remove`".into()),
            None => {
                let (answer, left) = ask_and_clear(case, subject);
                // One that may pass says nothing of the next case.
                match left {
                    Some(error @ SinkError::Transient(_)) => with_left(answer, Some(error)),
                    left => {
                        keeps_all = left.map(|error| error.to_string());
                        answer
                    }
                }
            }
        };
        CaseOutcome { name: case.name, what: case.what, weight: case.weight, answer }
    };
    CASES.iter().map(&mut asked).collect()
}

/// Asks one case; an error in it is its answer.
pub(crate) fn ask(case: &Case, subject: &Subject<'_>) -> Answer {
    let (answer, left) = ask_and_clear(case, subject);
    with_left(answer, left)
}

/// Asks one case, and removes what it has left: that is not the next one's. Returns why that failed, too.
fn ask_and_clear(case: &Case, subject: &Subject<'_>) -> (Answer, Option<SinkError>) {
    let answer = (case.run)(subject).unwrap_or_else(|e| Answer::No(e.to_string()));
    (answer, subject.clear().err())
}

fn with_left(answer: Answer, left: Option<SinkError>) -> Answer {
    match (answer, left) {
        (Answer::Yes(_), Some(error)) => Answer::No(format!("what it left cannot be removed: {error}")),
        (answer, _) => answer,
    }
}

/// Says whether a destination has answered a case with yes.
pub fn can(outcomes: &[CaseOutcome], name: &str) -> bool {
    outcomes.iter().any(|o| o.name == name && matches!(o.answer, Answer::Yes(_)))
}

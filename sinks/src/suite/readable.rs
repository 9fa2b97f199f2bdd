//! What a readable sink reports of its objects: the cases of `conformance`.

use std::sync::Arc;

use super::checks::{CheckResult, Outcome, Suite};
use crate::conformance::{self, Answer, CASES, Subject, Weight};
use billkeep_core::exports::{Sink, SinkError};

impl Suite<'_> {
    pub(super) fn readable(&mut self) {
        if !self.open().is_ok_and(|sink| sink.looks()) {
            return;
        }
        for case in CASES {
            self.check(&format!("look.{}", case.name), case.what, |suite| suite.case(case));
        }
    }

    fn case(&self, case: &conformance::Case) -> CheckResult {
        // What one that remembers has put, only the same one knows.
        let remembers: Option<Arc<dyn Sink>> =
            Some(self.open()?).filter(|sink| sink.memory().is_some()).map(Arc::from);
        let open = || -> Result<Box<dyn Sink>, SinkError> {
            match &remembers {
                Some(sink) => Ok(Box::new(sink.clone())),
                None => (self.subject.sink.open)(),
            }
        };
        let answer = conformance::ask(case, &Subject { open: &open, ..self.subject.sink });
        Ok(match answer {
            Answer::Yes(_) => Outcome::Passed,
            Answer::No(seen) if case.weight == Weight::Must => Outcome::Failed(seen),
            Answer::No(seen) => Outcome::Skipped(format!("it cannot, and need not: {seen}")),
            Answer::NotTried(why) => Outcome::Skipped(why),
        })
    }
}

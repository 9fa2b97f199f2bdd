//! Python, where there is one: a reader that shares no line of code with billkeep.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// Says loudly that a test was skipped; where everything has to be tested, that is a failure.
pub fn skip(test: &str, needs: &str) {
    let words = format!("SKIPPED: {test} needs {needs}");
    assert!(std::env::var_os("BILLKEEP_TEST_ALL").is_none_or(|all| all != "1"), "{words}");
    cannot(test, needs);
}

/// Says loudly that a test was skipped because of something that nobody can install here.
pub fn cannot(test: &str, needs: &str) {
    let words = format!("SKIPPED: {test} needs {needs}");
    // Not `eprintln!`: the test runner keeps that to itself when the test passes.
    std::io::stderr().write_all(format!("{words}\n").as_bytes()).unwrap();
}

/// Finds `python3`.
pub fn python() -> Option<PathBuf> {
    let answers =
        |name: &&str| Command::new(name).args(["-c", "pass"]).output().is_ok_and(|o| o.status.success());
    ["python3", "python"].iter().find(|n| answers(n)).map(PathBuf::from)
}

/// Runs a script with arguments; what it prints on failure is told.
#[track_caller]
pub fn run(python: &PathBuf, script: &str, args: &[&std::ffi::OsStr]) -> String {
    let output = Command::new(python).arg("-c").arg(script).args(args).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

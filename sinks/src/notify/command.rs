//! A command that is told on its standard input.

use std::io::{Read as _, Write as _};
use std::process::{self, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::options::{check_options, shortened, timeout};
use crate::options::{Options, UrlError};
use billkeep_core::deliveries::{NoticeEvent, Notify, NotifyError};

const KNOWN: &[(&str, &str)] = &[("timeout_s", "N")];
/// How often a command is asked whether it has ended.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// So much of what it says about an error is kept.
const SAID_BYTES: u64 = 4_096;

pub(super) fn check(words: &[String], options: &Options) -> Result<(), UrlError> {
    if words.first().is_none_or(String::is_empty) {
        return Err(UrlError::Value {
            name: "command".into(),
            value: String::new(),
            known: "a program, and its arguments".into(),
        });
    }
    check_options(options, KNOWN)
}

/// A program and its arguments. No shell sees them, and nothing of a bill is in them.
pub(super) struct Command {
    words: Vec<String>,
    timeout: Duration,
}

impl Command {
    pub(super) fn new(words: &[String], options: &Options) -> Command {
        Command { words: words.to_vec(), timeout: timeout(options) }
    }

    fn program(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }
}

impl Notify for Command {
    fn notify(&self, event: NoticeEvent, id: &str, body: &str) -> Result<(), NotifyError> {
        let program = self.program();
        let refused = |e: std::io::Error| NotifyError::refused(format!("`{program}` cannot be run: {e}"));
        let mut child = process::Command::new(program)
            .args(self.words.iter().skip(1))
            .env("BILLKEEP_EVENT", event.word())
            .env("BILLKEEP_NOTICE", id)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(refused)?;
        // Pipes hold little: a command that reads late or says much must not keep us from watching the time.
        let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
        let text = body.to_owned();
        std::thread::spawn(move || {
            // A command that does not want to read is free not to.
            let _ = stdin.map(|mut stdin| stdin.write_all(text.as_bytes()));
        });
        let (said_in, said) = std::sync::mpsc::sync_channel(1);
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            if let Some(mut stderr) = stderr {
                let _ = (&mut stderr).take(SAID_BYTES).read_to_end(&mut kept);
                let _ = std::io::copy(&mut stderr, &mut std::io::sink());
            }
            let _ = said_in.send(String::from_utf8_lossy(&kept).into_owned());
        });
        let status = self.wait(&mut child).map_err(refused)?;
        match status {
            Some(status) if status.success() => Ok(()),
            Some(status) => {
                // What it left running may hold the pipe.
                let said = said.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
                let said =
                    if said.trim().is_empty() { String::new() } else { format!(": {}", shortened(&said)) };
                Err(NotifyError::passing(format!("`{program}` ended with {status}{said}")))
            }
            None => Err(NotifyError::passing(format!(
                "`{program}` did not end within {} s, and was ended",
                self.timeout.as_secs()
            ))),
        }
    }
}

impl Command {
    /// Waits for the command, and ends it when its time is up.
    fn wait(&self, child: &mut process::Child) -> std::io::Result<Option<ExitStatus>> {
        let until = Instant::now() + self.timeout;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            if Instant::now() >= until {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            std::thread::sleep(ASK_EVERY);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    use billkeep_core::deliveries::FailureKind;

    fn command(script: &str) -> Command {
        let words = ["/bin/sh", "-c", script].map(str::to_owned);
        Command { words: words.to_vec(), timeout: Duration::from_secs(20) }
    }

    /// How a command fails.
    fn failed(command: &Command) -> (FailureKind, String) {
        command
            .notify(NoticeEvent::Test, "a", "")
            .map_or_else(|e| (e.kind, e.why), |()| (FailureKind::Damaged, String::new()))
    }

    #[test]
    fn a_command_reads_what_happened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("told");
        let script = format!("cat > {0}; echo \" $BILLKEEP_EVENT $BILLKEEP_NOTICE\" >> {0}", path.display());
        command(&script).notify(NoticeEvent::Failed, "billkeep-1-2", "{\"a\":1}").unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "{\"a\":1} failed billkeep-1-2\n");
    }

    #[test]
    fn a_command_need_not_read_and_may_say_a_lot() {
        let body = "x".repeat(1 << 20);
        command("exit 0").notify(NoticeEvent::Test, "a", &body).unwrap();
        command("yes | head -c 300000 >&2").notify(NoticeEvent::Test, "a", &body).unwrap();
    }

    #[test]
    fn a_command_that_fails_hangs_or_is_not_there_is_told() {
        let (kind, why) = failed(&command("echo mail is down >&2; exit 3"));
        assert_eq!(kind, FailureKind::Transient);
        assert!(why.contains("exit status: 3") && why.ends_with(": mail is down"), "{why}");
        let (kind, why) =
            failed(&Command { timeout: Duration::from_millis(100), ..command("exec sleep 60") });
        assert_eq!(kind, FailureKind::Transient);
        assert!(why.contains("did not end"), "{why}");
        let missing = Command { words: vec!["/nowhere/mail".into()], timeout: Duration::from_secs(1) };
        let (kind, why) = failed(&missing);
        assert_eq!(kind, FailureKind::Refused);
        assert!(why.contains("`/nowhere/mail` cannot be run"), "{why}");
    }
}

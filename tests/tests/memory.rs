//! Memory is bounded by settings, not by the size of the month: the system refuses the program more than the limit.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::decimal::exact;
use crate::support::{Home, MARCH, STEM, large, python};

const LIMIT_MIB: u64 = 256;
/// Enough for a file that is larger than the limit.
const LINES: usize = 600_000;
/// What is asked for where time does not matter.
const LINES_ALL: usize = 5_000_000;

/// Runs a command to its end with no more data than the limit, heap, stacks and anonymous maps together, and
/// returns the most memory that it was seen to hold, in MiB.
fn peak_mib(command: &Command) -> u64 {
    let mut child = Command::new("sh")
        .args(["-c", &format!("ulimit -d {} && exec \"$@\"", LIMIT_MIB << 10), "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().unwrap())
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    let code = loop {
        if let Some(code) = child.try_wait().unwrap() {
            break code;
        }
        let text = fs::read_to_string(&status).unwrap_or_default();
        // The kernel keeps the high-water mark: what is held between two looks is not missed.
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|kib| kib.parse().ok());
        peak_kib = peak_kib.max(kib.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(code.success(), "{code}");
    assert!(peak_kib > 1024, "{peak_kib} KiB: it was not looked at");
    peak_kib / 1024
}

#[test]
fn a_month_larger_than_the_memory_allowed_goes_in_and_out() {
    if !cfg!(target_os = "linux") {
        return python::skip("a_month_larger_than_the_memory_allowed_goes_in_and_out", "Linux's /proc");
    }
    let home = Home::new();
    let file = home.path(&format!("{STEM}.csv"));
    let lines = if std::env::var_os("BILLKEEP_TEST_ALL").is_some() { LINES_ALL } else { LINES };
    let (bytes, total) = large::write(&file, lines);
    assert!(bytes > LIMIT_MIB << 20, "{bytes} bytes prove nothing");
    let import = peak_mib(&home.command(["--threads", "2", "import", file.to_str().unwrap()]));
    fs::remove_file(&file).unwrap();
    assert_eq!((&home.bill()["lines"], exact(&home.bill_text("total"))), (&lines.into(), total));
    let out = home.path("out");
    let args = ["--threads", "2", "export", MARCH, "--kind", "monthly", "-o", out.to_str().unwrap()];
    let export = peak_mib(&home.command(args));
    let each = home.path("each");
    let args = ["--threads", "2", "export", MARCH, "--kind", "monthly", "--per", "customer", "-o"];
    let customers = peak_mib(&home.command(args.into_iter().chain([each.to_str().unwrap()])));
    let show = peak_mib(&home.command(["--format", "csv", "bill", "show", MARCH, "--by", "owner,product"]));
    let peaks = [("import", import), ("export", export), ("customers", customers), ("bill show", show)];
    assert!(peaks.iter().all(|(_, mib)| *mib < LIMIT_MIB), "of {} MiB: {peaks:?}", bytes >> 20);
}

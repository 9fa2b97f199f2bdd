//! Memory is bounded by settings, not by the size of the month.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::decimal::exact;
use crate::support::{Home, MARCH, STEM, large, python};

const LIMIT_MIB: u64 = 512;
/// Enough for a file that is larger than the limit.
const LINES: usize = 1_080_000;

/// Runs a command to its end, and returns the most memory that it was seen to hold, in MiB.
fn peak_mib(command: &mut Command) -> u64 {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
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
    let (bytes, total) = large::write(&file, LINES);
    assert!(bytes > LIMIT_MIB << 20, "{bytes} bytes prove nothing");
    let import = peak_mib(&mut home.command(["--threads", "2", "import", file.to_str().unwrap()]));
    fs::remove_file(&file).unwrap();
    assert_eq!((&home.bill()["lines"], exact(&home.bill_text("total"))), (&LINES.into(), total));
    let out = home.path("out");
    let args = ["--threads", "2", "export", MARCH, "--kind", "monthly", "-o", out.to_str().unwrap()];
    let export = peak_mib(&mut home.command(args));
    let show = peak_mib(&mut home.command(["bill", "show", MARCH, "--by", "owner,product,day"]));
    let peaks = [("import", import), ("export", export), ("bill show", show)];
    assert!(peaks.iter().all(|(_, mib)| *mib < LIMIT_MIB), "of {} MiB: {peaks:?}", bytes >> 20);
}

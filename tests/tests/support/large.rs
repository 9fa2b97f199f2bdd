//! A bill that takes long enough for something to happen meanwhile.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::OnceLock;

use billkeep_fixtures::{CsvText, Format, Generator, Headers, Spec};

use super::{PAYER, STEM};

pub const LINES: u64 = 30_000;

/// Writes the bill of March 2021 with so many lines; returns the bytes written and the total in 1e-8.
pub fn write(path: &Path, lines: usize) -> (u64, i128) {
    let spec = Spec { lines, customers: 200, ..Spec::new(7, PAYER.parse().unwrap(), 2021, 3) };
    let format = Format { headers: Headers::English, bom: true, crlf: true };
    let mut out = BufWriter::new(File::create(path).unwrap());
    let (mut text, mut bytes, mut total) = (CsvText::new(&spec, &format), 0, 0);
    for line in Generator::new(spec.clone()) {
        total += line.total;
        text.push(&line);
        if text.len() > 1 << 20 {
            let chunk = text.take();
            bytes += chunk.len() as u64;
            out.write_all(&chunk).unwrap();
        }
    }
    let chunk = text.take();
    out.write_all(&chunk).unwrap();
    out.flush().unwrap();
    (bytes + chunk.len() as u64, total)
}

/// Puts the bill of [`LINES`] lines into a folder under the provider's name; made once a process.
pub fn place(folder: &Path) -> (std::path::PathBuf, i128) {
    static MADE: OnceLock<(tempfile::TempDir, i128)> = OnceLock::new();
    let (made, total) = MADE.get_or_init(|| {
        let made = tempfile::tempdir().unwrap();
        let (_, total) = write(&made.path().join("large.csv"), LINES as usize);
        (made, total)
    });
    let path = folder.join(format!("{STEM}.csv"));
    fs::copy(made.path().join("large.csv"), &path).unwrap();
    (path, *total)
}

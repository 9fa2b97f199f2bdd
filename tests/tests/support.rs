//! What every journey needs: the real program, a store in a folder of its own, and figures that billkeep did not make.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

pub mod behind;
pub mod bucket;
pub mod console;
pub mod decimal;
pub mod faulty_disk;
pub mod faulty_store;
pub mod figures;
pub mod forms;
pub mod large;
pub mod python;
pub mod real;
pub mod s3;
pub mod script;
pub mod seed;
pub mod sha256;
pub mod sheet;

pub const PAYER: &str = "100010445724";
/// A customer in [`Home::month_to_date`].
pub const CUSTOMER: &str = "200000000001";
pub const MARCH: &str = "2021-03";
/// The provider's name for the month, without its ending.
pub const STEM: &str = "100010445724-202103-by_used_time-bill_details";

/// Returns the program, built with the profile that these tests were built with. Cargo builds no other package's
/// program for a test, so it is asked to, once a process; together with these tests, so that both want the same features
/// of what they depend on, and nothing is built twice.
pub fn billkeep() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        // Where the program is built already, as in a loop of single tests.
        if let Some(program) = std::env::var_os("BILLKEEP_TEST_PROGRAM") {
            return program.into();
        }
        // target/<profile>/deps/billkeep-0123
        let test = std::env::current_exe().unwrap();
        let profile_folder = test.parent().unwrap().parent().unwrap();
        let profile = match profile_folder.file_name().unwrap().to_str().unwrap() {
            "debug" => "dev",
            name => name,
        };
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // What cargo tells a test of its package: `ring` is compiled again where that has changed, and all that uses it.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|n| n.starts_with("CARGO_MANIFEST_") || n.starts_with("CARGO_PKG_"))
            {
                cargo.env_remove(name);
            }
        }
        let status = cargo
            .args(["build", "-q", "--workspace", "--bins", "--tests", "--locked", "--profile", profile])
            .arg("--target-dir")
            .arg(profile_folder.parent().unwrap())
            .arg("--manifest-path")
            .arg(top().join("Cargo.toml"))
            .status()
            .expect("cargo starts");
        assert!(status.success(), "the program does not build");
        profile_folder.join(format!("billkeep{}", std::env::consts::EXE_SUFFIX))
    })
}

/// Returns a command that runs the program without inherited settings, and what it compiles stays in cargo's folder.
pub fn program() -> Command {
    let mut command = Command::new(billkeep());
    command.env_remove("BILLKEEP_STORE").env("NO_COLOR", "1").stdin(Stdio::null());
    command.env("BILLKEEP_PLUGIN_CACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugins"));
    command
}

/// Returns the top of the workspace.
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Returns a file below `fixtures/`.
pub fn fixture(path: &str) -> PathBuf {
    let path = top().join("fixtures").join(path);
    assert!(path.exists(), "`{}` is missing", path.display());
    path
}

/// Returns a file below `fixtures/bills/`.
pub fn bill_file(shape: &str) -> PathBuf {
    let ending = if shape == "several" { "zip" } else { "csv" };
    fixture(&format!("bills/{shape}/{STEM}.{ending}"))
}

/// Returns the demo's file of a day, month to date.
pub fn demo_file(month: u32, day: u32) -> PathBuf {
    fixture(&format!("demo/{PAYER}-2021{month:02}{day:02}-by_used_time-bill_details.zip"))
}

/// What a command did.
#[derive(Debug)]
pub struct Output {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Output {
    pub fn of(output: std::process::Output) -> Output {
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!stderr.contains("panicked"), "{stderr}");
        let code = output.status.code().unwrap_or_else(|| panic!("{:?}: {stderr}", output.status));
        Output { code, stdout: output.stdout, stderr }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// Asserts that it ended with an exit code and said all of these words.
    #[track_caller]
    pub fn says(self, code: i32, words: &[&str]) -> Output {
        assert_eq!(self.code, code, "{}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is not in: {}", self.stderr);
        }
        if code != 0 {
            assert!(self.stderr.contains("error: "), "{}", self.stderr);
        }
        self
    }
}

/// A store in a folder that goes when the test ends.
pub struct Home {
    folder: TempDir,
}

impl Home {
    /// Makes a store for the fixtures' payer.
    pub fn new() -> Home {
        let home = Home::empty();
        home.ok(["init", "--payer", PAYER]);
        home
    }

    /// Makes a store, and imports files of `fixtures/bills/` or the demo into it, in one command.
    pub fn with(files: &[PathBuf]) -> Home {
        let home = Home::new();
        home.import(files);
        home
    }

    /// Makes a folder without a store.
    pub fn empty() -> Home {
        Home { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn store(&self) -> PathBuf {
        self.path("store.redb")
    }

    /// Writes a file, with the folders above it.
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Returns the command as the user would type it, without inherited settings.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = program();
        command.env("BILLKEEP_ACTOR", "ann").current_dir(self.folder.path());
        command.arg("--store").arg(self.store()).args(args);
        command
    }

    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        Output::of(self.command(args).output().unwrap())
    }

    #[track_caller]
    pub fn ok<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        self.run(args).says(0, &[])
    }

    /// Imports a file with other sizes of blocks and segments than those of the product.
    #[track_caller]
    pub fn import_tuned(&self, tuning: &str, file: &Path) -> Output {
        let mut command = self.command([OsStr::new("import"), file.as_os_str()]);
        Output::of(command.env("BILLKEEP_TUNING", tuning).output().unwrap()).says(0, &[])
    }

    /// Runs a command with `--format json`.
    #[track_caller]
    pub fn json<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Value {
        let format = ["--format", "json"].map(|s| OsStr::new(s).to_owned());
        let args = args.into_iter().map(|s| s.as_ref().to_owned());
        self.ok(format.into_iter().chain(args)).json()
    }

    #[track_caller]
    pub fn import<P: AsRef<Path>>(&self, files: impl IntoIterator<Item = P>) -> Output {
        self.import_as(None, files).says(0, &[])
    }

    /// Imports files as the user says they are to be taken.
    pub fn import_as<P: AsRef<Path>>(
        &self,
        mode: Option<&str>,
        files: impl IntoIterator<Item = P>,
    ) -> Output {
        let mut command = self.command(["import"]);
        if let Some(mode) = mode {
            command.args(["--as", mode]);
        }
        command.args(files.into_iter().map(|f| f.as_ref().to_owned()));
        Output::of(command.output().unwrap())
    }

    /// Returns the only bill's row of `bill list`.
    #[track_caller]
    pub fn bill(&self) -> Value {
        let list = self.json(["bill", "list"]);
        let rows = list["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 1, "{list}");
        rows[0].clone()
    }

    /// Returns a month's row of `bill list`.
    #[track_caller]
    pub fn bill_of(&self, month: &str) -> Value {
        let list = self.json(["bill", "list"]);
        let row = list["rows"].as_array().unwrap().iter().find(|row| row["month"] == month);
        row.unwrap_or_else(|| panic!("{month} is not in {list}")).clone()
    }

    /// Returns a text of the only bill's row.
    #[track_caller]
    pub fn bill_text(&self, column: &str) -> String {
        self.bill()[column].as_str().unwrap().to_owned()
    }

    /// Returns everything that a person can see of the store's state: bills, deliveries and journal.
    pub fn seen(&self) -> String {
        let of = |args: [&str; 2]| self.json(args).to_string();
        [of(["bill", "list"]), of(["delivery", "list"]), of(["audit", "list"])].join("\n")
    }

    pub fn confirm(&self) -> Output {
        let list = self.json(["bill", "list"]);
        let row = list["rows"].as_array().unwrap().iter().find(|r| r["month"] == MARCH).unwrap();
        self.ok(["bill", "confirm", MARCH, "--digest", row["digest"].as_str().unwrap()])
    }

    /// Adds a folder as a sink, and returns the folder.
    pub fn sink(&self, name: &str, options: &[&str]) -> PathBuf {
        let folder = self.path(name);
        let url = format!("file://{}", folder.display());
        let mut args = vec!["sink", "add", name, &url];
        options.iter().for_each(|option| args.extend(["--option", option]));
        self.ok(args);
        folder
    }

    /// Allows, authorises and enables an account, and returns the sink's folder.
    pub fn enable(&self, uin: &str, sink: &str, kinds: &str, custom_bills: bool) -> PathBuf {
        self.ok(["storage", "allow", uin]);
        self.ok(["storage", "authorize", uin]);
        let mut args = vec!["storage", "enable", uin, "--sink", sink, "--kinds", kinds];
        args.extend(custom_bills.then_some("--custom-bills"));
        self.ok(args);
        self.path(sink)
    }

    /// Imports a month of 2021, month to date through a day: a line of the payer and one of [`CUSTOMER`] for each day.
    pub fn month_to_date(&self, month: u32, through: u32) -> Output {
        let mut text =
            String::from("PayerAccountID,OwnerAccountID,ProductName,UsageStartTime,TotalCost,Currency\n");
        for day in 1..=through {
            for (owner, amount, hour) in [(PAYER, 1, 10), (CUSTOMER, 2, 11)] {
                text.push_str(&format!(
                    "{PAYER},{owner},CVM,2021-{month:02}-{day:02} {hour}:00:00,{amount}.{day:08},USD\n"
                ));
            }
        }
        let name = format!("{PAYER}-2021{month:02}{through:02}-by_used_time-bill_details.csv");
        self.import([self.write(&name, text.as_bytes())])
    }

    /// What lies in a sink's folder: kind and days of each bill, sorted.
    pub fn lies(&self, sink: &str) -> Vec<String> {
        let exports = bucket::checked(&self.path(sink));
        let mut all: Vec<String> = exports.iter().map(|e| format!("{} {}", e.kind(), e.coverage())).collect();
        all.sort();
        all
    }

    /// Why the first bill of a kind that is asked for on a day is due, or not.
    pub fn why(&self, on: &str, kind: &str) -> String {
        let shown = self.json(["due", "--on", on]);
        let rows = shown["rows"].as_array().unwrap().clone();
        rows.iter().find(|r| r["kind"] == kind).unwrap()["why"].as_str().unwrap().to_owned()
    }
}

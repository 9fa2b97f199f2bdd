//! Handed cases about files: what `-o` writes to, who may read what, and what is reported of a store that cannot be used.

#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::support::script::{Reply, Script};
use crate::support::{Home, MARCH, Output, PAYER, STEM, bill_file, bucket, demo_file, fixture, program};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs a command under an umask.
fn under_umask(home: &Home, umask: &str, args: &[&str]) -> Output {
    let command = home.command(args);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("umask {umask}; exec \"$@\""), "sh"]).arg(command.get_program());
    shell.args(command.get_args()).current_dir(home.path("."));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    Output::of(shell.stdin(Stdio::null()).output().unwrap())
}

/// Files case 301.
#[test]
fn an_output_file_keeps_its_mode_and_links_pipes_and_stdout_are_written_through() {
    let home = Home::with(&[bill_file("english")]);
    let csv = |to: &str| home.run(["bill", "csv", MARCH, "-o", to]);
    let whole = home.ok(["bill", "csv", MARCH]).stdout;
    // A link stays a link.
    home.write("real.csv", b"old");
    symlink("real.csv", home.path("link.csv")).unwrap();
    csv("link.csv").says(0, &[]);
    assert!(fs::symlink_metadata(home.path("link.csv")).unwrap().is_symlink());
    assert_eq!(fs::read(home.path("real.csv")).unwrap(), whole);
    // So does one to a file that is not there yet.
    symlink("new.csv", home.path("dangling.csv")).unwrap();
    csv("dangling.csv").says(0, &[]);
    assert_eq!(fs::read(home.path("new.csv")).unwrap(), whole);
    // A file keeps its mode.
    set_mode(&home.write("private.csv", b"secret"), 0o600);
    csv("private.csv").says(0, &[]);
    assert_eq!((mode(&home.path("private.csv")), mode(&home.path("new.csv")) & 0o007), (0o600, 0));
    // `-`, and stdout by its other names.
    symlink("/proc/self/fd/1", home.path("stdout")).unwrap();
    for name in ["-", "stdout", "/dev/stdout", "/dev/fd/1"] {
        assert_eq!(csv(name).says(0, &[]).stdout, whole, "{name}");
    }
    assert!(!home.path("-").exists());
    // What was written to stdout before stays, and what comes after follows.
    let appended = home.path("both");
    for _ in 0..2 {
        let out = File::options().create(true).append(true).open(&appended).unwrap();
        assert!(
            home.command(["bill", "csv", MARCH, "-o", "/dev/stdout"]).stdout(out).status().unwrap().success()
        );
    }
    assert_eq!(fs::read(&appended).unwrap(), [whole.clone(), whole.clone()].concat());
    // A device is not replaced.
    let before = fs::metadata("/dev/null").unwrap().ino();
    csv("/dev/null").says(0, &[]);
    csv("/dev/full").says(1, &["/dev/full", "No space left"]);
    assert_eq!(fs::metadata("/dev/null").unwrap().ino(), before);
    // A pipe has a reader.
    let pipe = home.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reading = std::thread::spawn({
        let pipe = pipe.clone();
        move || {
            let mut bytes = Vec::new();
            File::open(pipe).unwrap().read_to_end(&mut bytes).unwrap();
            bytes
        }
    });
    csv("pipe").says(0, &[]);
    assert_eq!(reading.join().unwrap(), whole);
    assert!(!fs::metadata(&pipe).unwrap().is_file());
    // Clear errors, and nothing left behind.
    csv("no/such/a.csv").says(1, &["the folder `no/such` does not exist"]);
    csv(".").says(1, &["it is a folder"]);
    let left = fs::read_dir(home.path(".")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    assert!(!left.into_iter().any(|name| name.contains(".part")));
}

#[test]
fn metrics_and_evidence_are_written_in_the_same_way() {
    let home = Home::with(&[bill_file("english")]);
    let metrics = home.write("m.prom", b"old");
    set_mode(&metrics, 0o604);
    symlink("m.prom", home.path("link.prom")).unwrap();
    home.ok(["run", "--on", "2021-04-02", "--metrics", "link.prom"]);
    assert!(fs::symlink_metadata(home.path("link.prom")).unwrap().is_symlink());
    assert!(fs::read_to_string(&metrics).unwrap().contains("billkeep_"));
    assert_eq!(mode(&metrics), 0o604);
    let open = ["dispute", "open", MARCH, "--line", "1-1", "--direction", "over", "--amount", "0.10"];
    home.ok(open.iter().chain(&["--reason", "x"]));
    under_umask(&home, "0", &["dispute", "pack", "1", "-o", "e.zip"]).says(0, &[]);
    assert_eq!(mode(&home.path("e.zip")), 0o600);
}

#[test]
fn no_output_takes_the_place_of_a_store_or_of_what_lies_beside_one() {
    let home = Home::with(&[bill_file("english")]);
    let open = ["dispute", "open", MARCH, "--line", "1-1", "--direction", "over", "--amount", "0.10"];
    home.ok(open.iter().chain(&["--reason", "x"]));
    symlink("store.redb", home.path("link")).unwrap();
    fs::hard_link(home.store(), home.path("hard")).unwrap();
    fs::copy(home.store(), home.path("copy")).unwrap();
    home.write("store.redb.chunks", b"chunks");
    fs::create_dir_all(home.path("store.redb.staging")).unwrap();
    let copy = fs::read(home.path("copy")).unwrap();
    let theirs = "it belongs to the store";
    for (path, why) in [
        ("store.redb", theirs),
        ("./store.redb.staging/../store.redb", theirs),
        ("link", theirs),
        ("hard", theirs),
        ("store.redb.chunks", theirs),
        ("store.redb.console", theirs),
        ("store.redb.new", theirs),
        ("store.redb.staging/notices.lock", theirs),
        ("copy", "it is a store"),
    ] {
        for command in [
            ["bill", "csv", MARCH, "-o"].as_slice(),
            &["run", "--on", "2021-04-03", "--metrics"],
            &["dispute", "pack", "1", "-o"],
            &["plugin", "list", "--lock"],
            &["export", MARCH, "-o"],
        ] {
            let refused = home.run(command.iter().chain(&[path])).says(1, &[path, why, "give another path"]);
            assert!(refused.stdout.is_empty(), "{command:?} {path}");
        }
    }
    home.run(["export", MARCH, "-o", "store.redb.staging"]).says(1, &[theirs]);
    let staging = format!("file://{}.staging/out", home.store().display());
    home.run(["sink", "add", "s", &staging]).says(1, &[theirs]);
    let before = fs::read(home.store()).unwrap();
    // A store to which stdout was appended would be damaged.
    let out = File::options().append(true).open(home.store()).unwrap();
    let appended = home.command(["bill", "csv", MARCH, "-o", "-"]).stdout(out).output().unwrap();
    assert_eq!(appended.status.code(), Some(1));
    assert!(fs::read(home.store()).unwrap() == before);
    assert!(fs::read(home.path("copy")).unwrap() == copy);
    assert_eq!(fs::read(home.path("store.redb.chunks")).unwrap(), b"chunks");
    assert!(!home.path("store.redb.console").exists() && !home.path("store.redb.new").exists());
    home.ok(["store", "check"]);
    // A name that only looks like them is free.
    home.ok(["bill", "csv", MARCH, "-o", "store.redb.csv"]);
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_leaves_neither_parts_nor_damage() {
    let home = Home::with(&[bill_file("english")]);
    home.sink("s", &[]);
    home.enable(PAYER, "s", "monthly", false);
    let listing = |path: &str| {
        let names =
            fs::read_dir(home.path(path)).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names = names.collect::<Vec<_>>();
        names.sort();
        names
    };
    let before = listing(".");
    // Blocks of 512 or of 1,024 bytes, whatever the shell counts: less than the bill has.
    let limited = |home: &Home, args: &[&str]| {
        let command = home.command(args);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "ulimit -f 16; exec \"$@\"", "sh"])
            .arg(command.get_program())
            .args(command.get_args());
        shell.env("BILLKEEP_ACTOR", "ann").current_dir(home.path(".")).stdin(Stdio::null());
        Output::of(shell.output().unwrap())
    };
    let april = demo_file(4, 4);
    for (args, what) in [
        (["bill", "csv", MARCH, "-o", "o.csv"].as_slice(), "o.csv"),
        (&["export", MARCH, "-o", "out"], "out/"),
        (&["import", april.to_str().unwrap()], "the store"),
    ] {
        let refused = limited(&home, args).says(1, &["File too large", what, "ulimit -f"]);
        assert!(!refused.stderr.contains(".part"), "{}", refused.stderr);
    }
    limited(&home, &["run", "--on", "2021-04-02"]).says(1, &["ulimit -f"]);
    assert_eq!(listing("."), before);
    let empty = Home::empty();
    limited(&empty, &["init", "--payer", PAYER]).says(1, &["File too large", "store.redb", "ulimit -f"]);
    assert_eq!(fs::read_dir(empty.path(".")).unwrap().count(), 0);
    assert!(bucket::listing(&home.path("s")).is_empty());
    home.ok(["store", "check"]);
    home.ok(["audit", "verify"]);
    home.ok(["run", "--on", "2021-04-02"]);
    assert_eq!(bucket::listing(&home.path("s")).len(), 2);
}

/// Security case 15.
#[test]
fn other_users_read_neither_the_store_nor_what_lies_beside_it_whatever_the_umask() {
    let home = Home::empty();
    under_umask(&home, "0", &["init", "--payer", PAYER]).says(0, &[]);
    assert_eq!(mode(&home.store()), 0o600);
    under_umask(&home, "0", &["import", bill_file("english").to_str().unwrap()]).says(0, &[]);
    under_umask(&home, "022", &["export", MARCH, "-o", "out"]).says(0, &[]);
    for name in bucket::listing(&home.path("out")).keys() {
        assert_eq!(mode(&home.path("out").join(name)), 0o640, "{name}");
    }
    assert_eq!(mode(&home.path("out/.billkeep-staging")), 0o700);
    assert_eq!(mode(&home.store()), 0o600);
    // A store that is wider is named.
    assert!(!home.ok(["status", "--on", "2021-04-01"]).text().contains("chmod"));
    set_mode(&home.store(), 0o644);
    let status = home.ok(["status", "--on", "2021-04-01"]);
    assert!(status.text().contains("0644") && status.text().contains("chmod 600"), "{}", status.text());
    home.ok(["store", "check"]).says(0, &["mode 0644", "chmod 600"]);
}

#[test]
fn a_folders_files_have_the_mode_that_its_option_sets() {
    let home = Home::with(&[bill_file("english")]);
    home.sink("s", &["mode=0644"]);
    home.enable(PAYER, "s", "monthly", false);
    home.confirm();
    under_umask(&home, "077", &["run", "--on", "2021-04-02"]).says(0, &[]);
    let files = bucket::listing(&home.path("s"));
    assert_eq!(files.len(), 2);
    assert!(files.keys().all(|name| mode(&home.path("s").join(name)) == 0o644));
    let url = format!("file://{}", home.path("t").display());
    home.run(["sink", "add", "t", &url, "--option", "mode=0777"]).says(1, &["mode=0777", "640"]);
}

/// Security case 19.
#[test]
fn nothing_is_staged_through_a_link() {
    let home = Home::with(&[bill_file("english")]);
    home.sink("s", &[]);
    home.enable(PAYER, "s", "monthly", false);
    home.confirm();
    let theirs = home.path("v");
    fs::create_dir(&theirs).unwrap();
    let stage = home.path("s/.billkeep-staging");
    fs::remove_dir_all(&stage).unwrap();
    symlink(&theirs, &stage).unwrap();
    home.run(["run", "--on", "2021-04-02"]).says(1, &[".billkeep-staging", "it is a link"]);
    assert_eq!(fs::read_dir(&theirs).unwrap().count(), 0);
    fs::remove_file(&stage).unwrap();
    // The folder beside the store is as careful.
    symlink(&theirs, home.path("store.redb.staging")).unwrap();
    home.run(["sink", "test", "s"]).says(1, &["it is a link"]);
    assert_eq!(fs::read_dir(&theirs).unwrap().count(), 0);
    fs::remove_file(home.path("store.redb.staging")).unwrap();
    home.ok(["run", "--on", "2021-04-02"]);
}

/// Operations P9.
#[test]
fn a_sinks_folder_that_is_gone_is_an_error_and_is_not_made() {
    let home = Home::with(&[bill_file("english")]);
    let folder = home.sink("s", &[]);
    home.enable(PAYER, "s", "monthly", false);
    home.confirm();
    fs::rename(&folder, home.path("away")).unwrap();
    let path = folder.to_str().unwrap();
    for (args, code) in [
        (vec!["run", "--on", "2021-04-02"], 1),
        (vec!["delivery", "verify"], 1),
        (vec!["delivery", "repair"], 1),
        (vec!["sink", "test", "s"], 1),
        (vec!["storage", "enable", PAYER, "--sink", "s", "--kinds", "daily"], 1),
    ] {
        home.run(&args).says(code, &["does not exist", path, "mount"]);
        assert!(!folder.exists(), "{args:?}");
    }
    fs::rename(home.path("away"), &folder).unwrap();
    home.ok(["run", "--on", "2021-04-02"]);
    assert_eq!(bucket::listing(&folder).len(), 2);
}

/// Files cases 302 and 305.
#[test]
fn init_and_other_commands_agree_about_what_is_no_store() {
    let home = Home::empty();
    let with = |store: &str, args: &[&str]| {
        let mut command = program();
        command.current_dir(home.path(".")).arg("--store").arg(store).args(args);
        Output::of(command.output().unwrap())
    };
    let init = ["init", "--payer", PAYER];
    home.write("e.redb", b"");
    home.write("text.redb", b"not a store at all, whatever its name is");
    fs::create_dir(home.path("folder.redb")).unwrap();
    assert!(Command::new("mkfifo").arg(home.path("pipe.redb")).status().unwrap().success());
    symlink("nowhere", home.path("d.redb")).unwrap();
    for (store, words) in [
        ("no/such/dir.redb", "the folder `no/such` does not exist"),
        ("e.redb", "it is empty"),
        ("text.redb", "is not a billkeep store"),
        ("folder.redb", "it is a folder"),
        ("pipe.redb", "it is a pipe"),
        ("/dev/zero", "it is a device"),
        ("/dev/null", "it is a device"),
        ("d.redb", "it is a link to `nowhere`"),
    ] {
        for args in [&init[..], &["bill", "list"], &["store", "check"]] {
            let output = with(store, args).says(1, &[words]);
            assert!(!output.stderr.contains(".new"), "{}", output.stderr);
            assert!(!output.stderr.contains("make room"), "{}", output.stderr);
        }
    }
    assert_eq!(fs::read(home.path("text.redb")).unwrap().len(), 40);
    assert!(!home.path("nowhere").exists() && !home.path("no").exists());
    // A link to a store is one.
    with("real.redb", &init).says(0, &[]);
    symlink("real.redb", home.path("l.redb")).unwrap();
    with("l.redb", &["bill", "list"]).says(0, &[]);
    with("l.redb", &init).says(1, &["there is a store at `l.redb` already"]);
}

/// Files case 303.
#[test]
fn a_store_that_is_cut_is_damage_to_every_command() {
    let home = Home::with(&[bill_file("english")]);
    let whole = fs::read(home.store()).unwrap();
    for bytes in [400, 5_000, whole.len() / 4, whole.len() / 2] {
        home.write("cut.redb", &whole[..bytes]);
        for args in [
            vec!["bill", "list"],
            vec!["store", "check"],
            vec!["import", "x.csv"],
            vec!["init", "--payer", PAYER],
        ] {
            let mut command = program();
            command.current_dir(home.path(".")).args(["--store", "cut.redb"]).args(&args);
            let output = Output::of(command.output().unwrap()).says(4, &["damaged", "put back a copy"]);
            assert!(!output.stderr.contains("make room"), "{}", output.stderr);
            let advises_a_check = output.stderr.contains("billkeep store check");
            assert_eq!(advises_a_check, args[0] != "store", "{}", output.stderr);
        }
    }
}

/// Files case 243.
#[test]
fn an_export_goes_to_a_folder_and_a_file_there_is_no_folder() {
    let home = Home::with(&[bill_file("english")]);
    home.ok(["export", MARCH, "-o", "a/b/c"]);
    home.write("f", b"x");
    home.run(["export", MARCH, "-o", "f"]).says(1, &["f` is not a folder"]);
    assert_eq!(fs::read(home.path("f")).unwrap(), b"x");
}

/// Files cases 240, 242 and 255.
#[test]
fn a_table_as_csv_has_no_formula_unless_it_is_raw_and_a_bill_is_as_it_was_imported() {
    let home = Home::new();
    let header = "PayerAccountID,OwnerAccountID,ProductName,ProjectName,UsageStartTime,TotalCost,Currency\n";
    let mut text = header.to_owned();
    for (day, project) in [(1, "=1+1"), (2, "@SUM(A1)"), (3, "'=1"), (31, "web")] {
        text.push_str(&format!("{PAYER},{PAYER},CVM,{project},2021-03-{day:02} 10:00:00,-1.50,USD\n"));
    }
    home.import([home.write(&format!("{STEM}.csv"), text.as_bytes())]);
    let table = |more: &[&str]| {
        let args = ["--format", "csv", "bill", "show", MARCH, "--by", "project"];
        home.ok(args.iter().chain(more)).text().to_owned()
    };
    let cells = |text: &str| -> Vec<String> {
        text.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect()
    };
    let mut safe = cells(&table(&[]));
    safe.sort();
    assert_eq!(safe, ["''=1", "'=1+1", "'@SUM(A1)", "web"]);
    assert!(table(&[]).contains("-1.5"), "amounts stay numbers");
    let mut raw = cells(&table(&["--raw"]));
    raw.sort();
    assert_eq!(raw, ["'=1", "=1+1", "@SUM(A1)", "web"]);
    // The bill itself is data, and the command names the other form.
    let csv = home.ok(["bill", "csv", MARCH, "-o", "a.csv"]).says(0, &["--spreadsheet"]);
    drop(csv);
    assert_eq!(fs::read_to_string(home.path("a.csv")).unwrap(), text);
    let safe = home.ok(["bill", "csv", MARCH, "--spreadsheet"]).stdout;
    assert!(String::from_utf8(safe).unwrap().contains(",'=1+1,"));
}

/// What somebody else guesses of a temporary folder's name; `PID` is the number of the process that makes it.
const GUESSES: [&str; 4] =
    ["billkeep-plugin-PID", "billkeep-plugin", "billkeep-plugin-run-PID", "billkeep-plugin-test-PID"];

/// Runs a command of plugins under umask 0, where links have all names that are guessed. Returns the temporary folders that are
/// there while the plugin runs, with their modes, and `PID` for the number of the process.
fn temporary_folders(home: &Home, command: &str, guesses: &[String]) -> Vec<(String, u32)> {
    let (temporary, theirs) = (home.path("tmp"), home.path("theirs"));
    let pid = home.path("pid");
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let server = Script::start({
        let (temporary, pid, seen) = (temporary.clone(), pid.clone(), seen.clone());
        move |_| {
            let pid = fs::read_to_string(&pid).unwrap();
            for entry in fs::read_dir(&temporary).unwrap().map(Result::unwrap) {
                let name = entry.file_name().into_string().unwrap();
                if entry.file_type().unwrap().is_dir() {
                    seen.lock().unwrap().insert((name.replace(pid.trim(), "PID"), mode(&entry.path())));
                }
            }
            Reply::status(200)
        }
    });
    let script = r#"umask 0
        echo $$ > "$PID_FILE"
        for name in $GUESSES; do
            name=$(echo "$name" | sed "s/PID/$$/")
            rm -f "$TMPDIR/$name"; ln -s "$THEIRS" "$TMPDIR/$name"
        done
        exec "$@""#;
    let plugin = fixture("plugins/upload.wasm");
    let (host, url) = (server.url(), format!("url={}/in", server.url()));
    let given =
        ["--allow-host", &host, "--allow-secret", "UPLOAD_KEY", "--allow-state", "64KiB", "--set", &url];
    let run = home.command(["plugin", command, plugin.to_str().unwrap()].iter().chain(&given));
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]).arg(run.get_program()).args(run.get_args()).current_dir(home.path("."));
    shell.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.env("UPLOAD_KEY", "key").env("TMPDIR", &temporary).env("THEIRS", &theirs).env("PID_FILE", &pid);
    shell.env("GUESSES", guesses.join(" ")).stdin(Stdio::null());
    let output = Output::of(shell.output().unwrap());
    assert!(!server.asked().is_empty(), "the plugin did not run: {output:?}");
    assert_eq!(fs::read_dir(&theirs).unwrap().count(), 0, "it went through a link");
    let left = fs::read_dir(&temporary).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir());
    let left: Vec<_> = left.filter(|entry| !entry.as_ref().unwrap().path().is_symlink()).collect();
    assert!(left.is_empty(), "{left:?} stays");
    let seen = seen.lock().unwrap();
    seen.iter().cloned().collect()
}

/// Security case 26.
#[test]
fn a_temporary_folder_has_a_name_that_nobody_guesses_and_is_its_owners_alone() {
    for command in ["run", "test"] {
        let home = Home::empty();
        fs::create_dir(home.path("tmp")).unwrap();
        fs::create_dir(home.path("theirs")).unwrap();
        let mut guesses: Vec<String> = GUESSES.map(str::to_owned).to_vec();
        // Who has seen some names knows no later one.
        for _ in 0..3 {
            let seen = temporary_folders(&home, command, &guesses);
            assert_eq!(seen.len(), 1, "{seen:?}");
            let (name, mode) = &seen[0];
            assert_eq!(*mode, 0o700, "{name} under umask 0");
            assert!(!guesses.contains(name), "{name} was guessed");
            guesses.push(name.clone());
        }
    }
}

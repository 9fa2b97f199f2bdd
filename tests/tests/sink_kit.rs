//! The built-in sinks pass the suite that plugins have to pass: the same checks, with an eye on the destination that is not the sink's own.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use billkeep_sinks::suite::{Check, Destination, Outcome, SuiteSettings, SuiteSubject, run};
use billkeep_sinks::{Folder, Options, conformance};

use crate::support::s3::{SECRET, Server, keys};
use billkeep_core::exports::{ObjectMeta, Sink, SinkError, Staged, Watch};

/// A folder with what has arrived, also below others; what is hidden in it belongs to the sink, or to the server.
struct Files(PathBuf);

impl Destination for Files {
    fn objects(&self) -> Option<BTreeMap<String, Vec<u8>>> {
        let mut objects = BTreeMap::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
                if path.is_dir() && !name.starts_with('.') {
                    folders.push(path);
                } else if path.is_file() && !name.starts_with('.') {
                    objects.insert(name, fs::read(path).unwrap());
                }
            }
        }
        Some(objects)
    }

    fn clear(&self) {
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let path = entry.path();
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.unwrap();
        }
    }
}

fn subject<'a>(open: conformance::Opener<'a>, destination: &'a Files, stage: &'a Path) -> SuiteSubject<'a> {
    SuiteSubject {
        sink: conformance::Subject {
            open,
            wrong_credentials: None,
            missing: None,
            full: None,
            stage,
            large_bytes: 0,
            many: 0,
        },
        destination,
        is_whole: true,
        is_at_once: true,
        object_bytes_max: None,
        shared_memory: "",
        secrets: Vec::new(),
        settings: None,
        only: None,
    }
}

/// Looks at options as `sink add` does: each may be right or wrong.
fn look_at(url: &str, some: &[(String, &str)]) -> Result<(), String> {
    let text = |value: &str| value.trim_matches('"').to_owned();
    let options: Options = some.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    // Words for whoever said so; what counts is that there are some.
    match billkeep_sinks::check(url, &options) {
        Err(error) if error.to_string().is_empty() => Err("it says nothing".to_owned()),
        _ => Ok(()),
    }
}

/// Has all checks made; says how many passed.
#[track_caller]
fn passes(subject: &SuiteSubject<'_>) -> usize {
    let checked = run(subject);
    let failed: Vec<&Check> =
        checked.iter().filter(|checked| matches!(checked.outcome, Outcome::Failed(_))).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    checked.iter().filter(|checked| checked.outcome == Outcome::Passed).count()
}

#[test]
fn a_folder_passes_the_kit() {
    let (dir, stage) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let place = dir.path().join("bucket");
    let open = || Ok(Box::new(Folder::create(&place)?) as Box<dyn Sink>);
    let url = format!("file://{}", place.display());
    let look_at = |some: &[(String, &str)]| look_at(&url, some);
    let names = ["encrypt", "encrypt_manifest", "sign_key", "region"].map(str::to_owned).to_vec();
    let destination = Files(place.clone());
    let passed = passes(&SuiteSubject {
        settings: Some(SuiteSettings { names, look_at: &look_at }),
        ..subject(&open, &destination, stage.path())
    });
    assert!(passed >= 45, "{passed}");
}

#[test]
fn a_bucket_passes_the_kit() {
    let (server, stage) = (Server::start(), tempfile::tempdir().unwrap());
    let destination = Files(server.bucket("bills"));
    let options: Options = server
        .s3_options()
        .iter()
        .filter_map(|option| option.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let open = || billkeep_sinks::open("s3://bills/a/b", &options, &keys);
    let wrong =
        |name: &str| keys(name).map(|value| if value == SECRET { "wrong-5ec2e7".into() } else { value });
    let wrong_credentials = || billkeep_sinks::open("s3://bills/a/b", &options, &wrong);
    let look_at = |some: &[(String, &str)]| look_at("s3://bills/a/b", some);
    let of_bucket = subject(&open, &destination, stage.path());
    let passed = passes(&SuiteSubject {
        sink: conformance::Subject { wrong_credentials: Some(&wrong_credentials), ..of_bucket.sink },
        secrets: vec![SECRET.to_owned(), "wrong-5ec2e7".to_owned()],
        settings: Some(SuiteSettings { names: options.keys().cloned().collect(), look_at: &look_at }),
        ..subject(&open, &destination, stage.path())
    });
    assert!(passed >= 45, "{passed}");
}

/// A folder that refuses some removals.
struct Refuses<'a> {
    folder: Folder,
    refusal: &'a (dyn Fn() -> Option<SinkError> + Sync),
}

impl Sink for Refuses<'_> {
    fn location(&self, name: &str) -> String {
        self.folder.location(name)
    }

    fn stage_folder(&self) -> Option<&Path> {
        self.folder.stage_folder()
    }

    fn put(&self, name: &str, part: &Staged, watch: &dyn Watch) -> Result<ObjectMeta, SinkError> {
        self.folder.put(name, part, watch)
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool, SinkError> {
        self.folder.put_new(name, bytes)
    }

    fn head(&self, name: &str) -> Result<Option<ObjectMeta>, SinkError> {
        self.folder.head(name)
    }

    fn read(&self, name: &str) -> Result<Option<Box<dyn Read + Send + '_>>, SinkError> {
        self.folder.read(name)
    }

    fn remove(&self, name: &str) -> Result<(), SinkError> {
        (self.refusal)().map_or_else(|| self.folder.remove(name), Err)
    }

    fn list(&self) -> Result<Vec<String>, SinkError> {
        self.folder.list()
    }
}

/// Asks a folder with such removals everything; returns the faults, and how many cases were tried.
fn asked(refusal: &'static (dyn Fn() -> Option<SinkError> + Sync)) -> (Vec<(&'static str, String)>, usize) {
    let (dir, stage) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let place = dir.path().join("bucket");
    let open = || Ok(Box::new(Refuses { folder: Folder::create(&place)?, refusal }) as Box<dyn Sink>);
    let destination = Files(place.clone());
    let outcomes = conformance::run(&subject(&open, &destination, stage.path()).sink);
    let faults = outcomes.iter().filter_map(|outcome| match &outcome.answer {
        conformance::Answer::No(why) if outcome.is_fault() => Some((outcome.name, why.clone())),
        _ => None,
    });
    let tried =
        |outcome: &&conformance::CaseOutcome| !matches!(outcome.answer, conformance::Answer::NotTried(_));
    (faults.collect(), outcomes.iter().filter(tried).count())
}

#[test]
fn a_destination_from_which_nothing_can_be_removed_fails_the_one_case_that_says_so() {
    let (faults, tried) = asked(&|| Some(SinkError::Setup("kept by law".into())));
    assert!(matches!(faults.as_slice(), [("remove", why)] if why.contains("kept by law")), "{faults:?}");
    assert!(tried < 5, "{tried}");
    // The same holds of any failure that does not pass by itself.
    let (faults, again) = asked(&|| Some(SinkError::Credentials("may write, and not remove".into())));
    assert!(matches!(faults.as_slice(), [("remove", why)] if why.contains("may write")), "{faults:?}");
    assert_eq!(again, tried);
}

#[test]
fn a_removal_that_fails_once_for_a_while_fails_one_case_and_the_others_are_tried() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    // The first removal is the one that clears up after the first case.
    let (faults, tried) = asked(&|| {
        let first = CALLS.fetch_add(1, Ordering::Relaxed) == 0;
        first.then(|| SinkError::Transient("busy".into()))
    });
    assert!(matches!(faults.as_slice(), [(_, why)] if why.contains("busy")), "{faults:?}");
    // As many as of a folder that refuses nothing.
    assert_eq!(tried, asked(&|| None).1);
}

//! Which sinks may be added from here: whoever signs in is not thereby whoever runs the program.
//!
//! A plugin is a program, and a folder is a place that the program's user may write to. So plugins are added by the command line
//! alone, and folders below those that `serve` was started with. In a store without people, whoever is here has the store's
//! file, and may name any folder. Options that name a file of this machine, or a proxy, are the command line's too.

use std::path::{Component, Path};

use super::state::{Console, Visitor};
use crate::args::{Command, Sink, Storage};
use crate::error::CommandError;
use crate::own_error;
use crate::permission;

use billkeep_core::partners::Person;

/// Options that have the program read a file or speak to another machine in between.
const OF_THE_MACHINE: [&str; 5] = ["credentials", "ca", "proxy", "sign_key", "endpoint"];

/// Refuses a sink that may not be added from here.
pub(super) fn may_add(console: &Console, visitor: &Visitor, command: &Command) -> Result<(), CommandError> {
    let (url, options) = match command {
        Command::Sink(Sink::Add { what, .. }) => (&what.url, &what.options),
        Command::Storage(Storage::Enable(what)) => match &what.bound.create {
            Some(url) => (url, &what.bound.options),
            None => return Ok(()),
        },
        Command::Storage(Storage::Switch(what)) => match &what.bound.create {
            Some(url) => (url, &what.bound.options),
            None => return Ok(()),
        },
        _ => return Ok(()),
    };
    // Who may not add any is told so.
    Person::permit(&console.store.read()?, &visitor.name, permission::needs(command))?;
    let refused = |error, values: &[&dyn std::fmt::Display]| CommandError::own(error, values).forbidden();
    if url.trim_start().to_ascii_lowercase().starts_with("wasm:") {
        return Err(refused(own_error::SINK_IS_PLUGIN, &[]));
    }
    if Person::list(&console.store.read()?)?.is_empty() {
        return Ok(());
    }
    let of_query = url.split_once('?').map(|(_, query)| query.split('&')).into_iter().flatten();
    let names = options.iter().map(String::as_str).chain(of_query).filter_map(|pair| pair.split('=').next());
    let of_machine = |name: &str| {
        let name = name.trim();
        OF_THE_MACHINE.contains(&name) || name.contains('%')
    };
    if let Some(name) = names.into_iter().find(|name| of_machine(name)) {
        return Err(refused(own_error::SINK_OPTION, &[&name]));
    }
    match billkeep_sinks::folder(url) {
        Some(folder) if !is_below(&folder, &console.sink_folders) => {
            Err(refused(own_error::SINK_FOLDER, &[&folder.display()]))
        }
        _ => Ok(()),
    }
}

/// Says whether a folder is below one of some, links followed as far as it is there.
fn is_below(folder: &Path, allowed: &[std::path::PathBuf]) -> bool {
    if folder.components().any(|part| matches!(part, Component::ParentDir)) {
        return false;
    }
    let real = real(folder);
    allowed.iter().any(|allowed| real.starts_with(allowed.canonicalize().unwrap_or_else(|_| allowed.clone())))
}

/// A path with its links followed, as far as it is there.
fn real(path: &Path) -> std::path::PathBuf {
    for parent in path.ancestors() {
        if let Ok(known) = parent.canonicalize() {
            return known.join(path.strip_prefix(parent).unwrap_or_else(|_| Path::new("")));
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_below_another_one_whatever_its_path_looks_like() {
        let dir = tempfile::tempdir().unwrap();
        let (allowed, away) = (dir.path().join("allowed"), dir.path().join("away"));
        std::fs::create_dir(&allowed).unwrap();
        std::fs::create_dir(&away).unwrap();
        let is_below = |path: &Path| is_below(path, std::slice::from_ref(&allowed));
        assert!(is_below(&allowed.join("x/y")) && is_below(&allowed));
        assert!(!is_below(&away) && !is_below(&allowed.join("../away")));
        assert!(!is_below(&dir.path().join("allowed-not")));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&away, allowed.join("link")).unwrap();
            assert!(!is_below(&allowed.join("link/x")));
        }
    }
}

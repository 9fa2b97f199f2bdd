//! The files and folders that lie beside a store: where each is, and whether a path leads to one of them.
//!
//! Whoever keeps something beside a store names it here, so that nothing that the program writes for a user takes its place.

use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The first bytes of every file of redb.
const MAGIC: &[u8; 9] = b"redb\x1a\x0a\xa9\x0d\x0a";

/// What lies beside a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// A store that is being made.
    New,
    /// The chunk cache.
    Chunks,
    /// The folder in which files wait until they are whole.
    Staging,
    /// What a console that runs leaves there.
    Console,
}

impl Beside {
    /// All of them.
    pub const ALL: [Beside; 4] = [Beside::New, Beside::Chunks, Beside::Staging, Beside::Console];

    /// Returns where it is.
    pub fn path_of(self, store: &Path) -> PathBuf {
        let ending = match self {
            Beside::New => ".new",
            Beside::Chunks => ".chunks",
            Beside::Staging => ".staging",
            Beside::Console => ".console",
        };
        let mut name = store.file_name().map(OsString::from).unwrap_or_default();
        name.push(ending);
        store.with_file_name(name)
    }

    /// Says whether a path leads to the store's file, to what lies beside it, or into its staging folder.
    ///
    /// Both are followed through their links. Files that are there are compared by device and inode as well: a hard link has
    /// another path.
    pub fn is_of_store(store: &Path, path: &Path) -> bool {
        let real = real(path);
        // Another command may name the store by its own path instead of a link.
        [store.to_owned(), self::real(store)].iter().any(|store| {
            let sides = Beside::ALL.map(|side| side.path_of(store));
            let folder = self::real(&Beside::Staging.path_of(store));
            real.starts_with(folder)
                || std::iter::once(store)
                    .chain(&sides)
                    .any(|own| self::real(own) == real || is_one_file(own, path))
        })
    }

    /// Says whether a regular file begins as a store does.
    pub fn is_a_store(path: &Path) -> bool {
        let mut first = [0; MAGIC.len()];
        let is_file = fs::metadata(path).is_ok_and(|found| found.is_file());
        is_file
            && fs::File::open(path).is_ok_and(|mut file| file.read_exact(&mut first).is_ok())
            && first == *MAGIC
    }
}

/// Follows links as far as there is something; the rest is taken as it is written.
fn real(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for above in absolute.ancestors() {
        if let Ok(known) = above.canonicalize() {
            // Joining nothing would add a slash, and a path of a file has none at its end.
            return match absolute.strip_prefix(above) {
                Ok(rest) if !rest.as_os_str().is_empty() => known.join(rest),
                _ => known,
            };
        }
    }
    absolute
}

#[cfg(unix)]
fn is_one_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    id(one).is_some_and(|one| id(other) == Some(one))
}

#[cfg(not(unix))]
fn is_one_file(_: &Path, _: &Path) -> bool {
    false
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn every_path_to_a_store_or_to_what_lies_beside_it_is_found() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::write(at("a.redb"), MAGIC).unwrap();
        fs::create_dir_all(at("below/a.redb.staging")).unwrap();
        fs::hard_link(at("a.redb"), at("hard")).unwrap();
        symlink("a.redb", at("soft")).unwrap();
        symlink(".", at("here")).unwrap();
        for store in ["a.redb", "soft", "here/a.redb"] {
            for own in [
                "a.redb",
                "below/../a.redb",
                "here/a.redb",
                "hard",
                "soft",
                "a.redb.new",
                "a.redb.chunks",
                "here/a.redb.console",
                "a.redb.staging",
                "a.redb.staging/x",
                "here/a.redb.staging/x/y",
            ] {
                assert!(Beside::is_of_store(&at(store), &at(own)), "{store} {own}");
            }
            for other in ["b.redb", "a.redb.csv", "a.redb.stagings", "below/a.redb", "below/a.redb.staging"] {
                assert!(!Beside::is_of_store(&at(store), &at(other)), "{store} {other}");
            }
        }
        assert!(Beside::is_of_store(&at("soft"), &at("soft.chunks")));
        assert!(!Beside::is_of_store(&at("a.redb"), &at("soft.chunks")));
    }

    #[test]
    fn a_store_is_known_by_its_first_bytes() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::write(at("a"), MAGIC).unwrap();
        fs::write(at("b"), &MAGIC[1..]).unwrap();
        fs::write(at("c"), "redb").unwrap();
        assert!(Beside::is_a_store(&at("a")));
        for other in ["b", "c", "d", "."] {
            assert!(!Beside::is_a_store(&at(other)), "{other}");
        }
    }
}

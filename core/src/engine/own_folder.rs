//! Folders in which only the program's own user writes: bills lie in them for a moment.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;

use tempfile::TempDir;

/// Makes a folder for the program's own user alone, or takes one that is there. The folders above it have to be there.
///
/// # Errors
/// What the system says; an error too if there is a link, a file, or a folder of another user: whoever owns the folder could
/// read what is written there, or lead it elsewhere.
pub fn own_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => must_be_ours(path),
        made => made,
    }
}

/// Makes a new folder with a name that nobody can know before, for the program's own user alone. What is in it goes with it.
///
/// # Errors
/// What the system says.
pub fn temporary_folder(folder: &Path, prefix: &str) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    // Of its own, the library leaves it to the umask who reads there.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir_in(folder)
}

fn must_be_ours(path: &Path) -> io::Result<()> {
    // Of the name itself: a link is not followed.
    let found = fs::symlink_metadata(path)?;
    if found.is_symlink() {
        return Err(io::Error::other("it is a link, and has to be a folder: remove it"));
    }
    if !found.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::NotADirectory,
            "it is a file, and has to be a folder: remove it",
        ));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        // Who owns what we make here? On some network disks that is not who runs the program.
        let ours = tempfile::tempfile_in(path)?.metadata()?.uid();
        if found.uid() != ours {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!(
                    "it belongs to another user (user id {}), who could read bills there: remove it",
                    found.uid()
                ),
            ));
        }
        if found.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(())
}

/// Returns options that make a new file for its owner alone, whatever the umask is.
pub fn own_file_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a file for its owner alone, or empties the one that is there.
///
/// # Errors
/// What the system says.
pub fn own_file(path: &Path) -> io::Result<File> {
    own_file_options().create(true).truncate(true).open(path)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_folder_is_for_its_owner_alone_even_if_it_was_wider() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own");
        own_folder(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        own_folder(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        own_file(&path.join("file")).unwrap();
        assert_eq!(mode(&path.join("file")), 0o600);
    }

    #[test]
    fn neither_a_link_nor_a_file_is_taken_for_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let theirs = dir.path().join("theirs");
        fs::create_dir(&theirs).unwrap();
        for (name, target) in [("link", "theirs"), ("dangling", "nowhere")] {
            symlink(target, dir.path().join(name)).unwrap();
            let error = own_folder(&dir.path().join(name)).unwrap_err();
            assert!(error.to_string().contains("a link"), "{error}");
        }
        fs::write(dir.path().join("file"), "").unwrap();
        assert!(own_folder(&dir.path().join("file")).unwrap_err().to_string().contains("a file"));
        assert_eq!(fs::read_dir(&theirs).unwrap().count(), 0);
    }
}

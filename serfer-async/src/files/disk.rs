//! Writing to the disk, so that a crash leaves a file either old or new.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serfer_proto::{Durability, StoredFile};

/// Appends all of it, or nothing.
pub(crate) fn append(path: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    // The file is not created. If it was removed, what is appended would make no sense alone.
    let mut file = OpenOptions::new().append(true).open(path)?;
    let len = file.metadata()?.len();
    let written = file.write_all(bytes).and_then(|()| match durability {
        Durability::Lazy => Ok(()),
        Durability::Synced => file.sync_all(),
    });
    if written.is_err() {
        let _ = file.set_len(len);
    }
    written
}

/// Replaces a file. At any moment, even after a crash, either the old or the new one is there.
pub(crate) fn replace(path: &Path, bytes: &[u8], file: StoredFile) -> io::Result<()> {
    let (path, beside) = beside(path);
    let permissions = fs::metadata(&path).ok().map(|old| old.permissions());
    // A crash may have left one behind, with another mode.
    let _ = fs::remove_file(&beside);
    let written = create(&beside, file).and_then(|mut new| {
        if let Some(permissions) = permissions {
            new.set_permissions(permissions)?;
        }
        new.write_all(bytes)?;
        new.sync_all()?;
        fs::rename(&beside, &path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written?;
    sync_folder(&path)
}

/// Checks that a file can be replaced, or created.
pub(crate) fn check_replaceable(path: &Path, file: StoredFile) -> io::Result<()> {
    let (_, beside) = beside(path);
    let _ = fs::remove_file(&beside);
    create(&beside, file)?;
    fs::remove_file(&beside)
}

/// Where a file really is, and where the file is written that replaces it.
fn beside(path: &Path) -> (PathBuf, PathBuf) {
    // The link's target, not the link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut beside = path.clone().into_os_string();
    beside.push(".new");
    (path, beside.into())
}

/// Creates a file with the mode of its kind.
pub(crate) fn create(path: &Path, file: StoredFile) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(match file {
            StoredFile::Snapshot => 0o644,
            StoredFile::Keyring => 0o600,
        });
    }
    #[cfg(not(unix))]
    let _ = file;
    options.open(path)
}

/// Makes a new name in a folder outlast a crash of the machine.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let here = Path::new(".");
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(here))?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

#[cfg(test)]
mod tests {
    use Durability::{Lazy, Synced};
    use StoredFile::{Keyring, Snapshot};
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_file_is_appended_to_only_if_it_is_there() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("file");
        assert_eq!(append(&path, b"a", Lazy).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::write(&path, "a\n").unwrap();
        append(&path, b"b\n", Synced).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"a\nb\n");
    }

    #[test]
    fn a_replacement_leaves_nothing_beside_it_and_keeps_the_old_file_if_it_fails() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("file");
        fs::write(dir.path().join("file.new"), "of a crash").unwrap();
        replace(&path, b"1", Snapshot).unwrap();
        replace(&path, b"2", Snapshot).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"2");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let folder = dir.path().join("folder");
        fs::create_dir(&folder).unwrap();
        assert!(replace(&folder, b"3", Snapshot).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_new_keyring_is_for_its_owner_only_and_a_mode_is_kept() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("keys");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        replace(&path, b"[]", Keyring).unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        replace(&path, b"[]", Keyring).unwrap();
        assert_eq!(mode(), 0o640);
    }
}

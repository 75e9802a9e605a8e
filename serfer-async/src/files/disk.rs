//! Writing to the disk, so that a crash leaves a file either old or new wherever that is possible.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use serfer_proto::{Durability, StoredFile};

use super::lock::{self, FileLock};
use super::system::{System, cannot_sync, is_full};

/// A file was written, but not quite as it should be. Nothing more can be done about that here.
#[derive(Debug, Default)]
pub(crate) struct Shortcomings {
    /// It cannot be replaced, so its content was overwritten. A crash in the middle may leave a mixture.
    pub(crate) in_place: Option<io::Error>,
    /// It cannot be synced. A crash of the machine may bring the old content back.
    pub(crate) unsynced: Option<io::Error>,
}

/// Why a file could not be replaced.
enum Trouble {
    /// No file can be made beside it, or take its place. It can still be written in place.
    Folder(io::Error),
    /// The bytes cannot be written.
    Bytes(io::Error),
}

/// Appends all of it, or nothing.
pub(crate) fn append(
    system: &System,
    path: &Path,
    bytes: &[u8],
    durability: Durability,
) -> io::Result<Shortcomings> {
    // The file is not created. If it was removed, what is appended would make no sense alone.
    let mut file = OpenOptions::new().append(true).open(path)?;
    let len = file.metadata()?.len();
    let mut short = Shortcomings::default();
    let written = file.write_all(bytes).and_then(|()| match durability {
        Durability::Lazy => Ok(()),
        Durability::Synced => sync(system, &file, &mut short),
    });
    if written.is_err() {
        let _ = file.set_len(len);
    }
    written.map(|()| short)
}

/// Replaces a file. At any moment, even after a crash, either the old or the new one is there. If the folder
/// or the mount does not let it be replaced, its content is overwritten instead. A file that may not be
/// written is not replaced either. Returns the lock of the new file, if it is another and was locked.
pub(crate) fn replace(
    system: &System,
    path: &Path,
    bytes: &[u8],
    file: StoredFile,
) -> io::Result<(Option<FileLock>, Shortcomings)> {
    let path = target(path);
    let old = fs::metadata(&path).ok();
    let is_there = old.as_ref().is_some_and(fs::Metadata::is_file);
    if is_there {
        OpenOptions::new().write(true).open(&path)?;
    }
    let mut short = Shortcomings::default();
    match replace_beside(system, &path, (bytes, file), old.as_ref(), &mut short) {
        Ok(lock) => {
            short.unsynced = (system.sync_folder)(&path).err().or(short.unsynced);
            Ok((lock, short))
        }
        Err(Trouble::Folder(error)) if is_there => {
            overwrite(system, &path, bytes, &mut short)?;
            short.in_place = Some(error);
            Ok((None, short))
        }
        Err(Trouble::Folder(error) | Trouble::Bytes(error)) => Err(error),
    }
}

fn replace_beside(
    system: &System,
    path: &Path,
    (bytes, file): (&[u8], StoredFile),
    old: Option<&fs::Metadata>,
    short: &mut Shortcomings,
) -> Result<Option<FileLock>, Trouble> {
    let beside = beside(path, ".new");
    // A crash may have left one behind, with another mode.
    let _ = fs::remove_file(&beside);
    let of_folder = |error| match is_full(&error) {
        true => Trouble::Bytes(error),
        false => Trouble::Folder(error),
    };
    let mut new = (system.create)(&beside, file).map_err(of_folder)?;
    let renamed = (|| {
        if let Some(old) = old {
            keep_owner(&new, old).map_err(Trouble::Folder)?;
            new.set_permissions(old.permissions()).map_err(Trouble::Folder)?;
        }
        new.write_all(bytes).and_then(|()| sync(system, &new, short)).map_err(Trouble::Bytes)?;
        let lock = lock::lock_replacement(&new);
        (system.rename)(&beside, path).map_err(of_folder)?;
        Ok(lock)
    })();
    if renamed.is_err() {
        let _ = fs::remove_file(&beside);
    }
    renamed
}

/// Writes over the content of a file. If that fails, the old content is written back.
fn overwrite(
    system: &System,
    path: &Path,
    bytes: &[u8],
    short: &mut Shortcomings,
) -> io::Result<()> {
    let old = fs::read(path)?;
    let mut file = OpenOptions::new().write(true).open(path)?;
    let mut write = |bytes: &[u8]| {
        file.rewind()?;
        file.write_all(bytes)?;
        file.set_len(bytes.len() as u64)?;
        sync(system, &file, short)
    };
    let written = write(bytes);
    if written.is_err() {
        let _ = write(&old);
    }
    written
}

fn sync(system: &System, file: &File, short: &mut Shortcomings) -> io::Result<()> {
    match (system.sync)(file) {
        Err(error) if cannot_sync(&error) => short.unsynced = Some(error),
        synced => synced?,
    }
    Ok(())
}

/// Gives a new file the owner of the old one, if they differ: another user may have started us once.
fn keep_owner(new: &File, old: &fs::Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, fchown};
        let now = new.metadata()?;
        if (now.uid(), now.gid()) != (old.uid(), old.gid()) {
            fchown(new, Some(old.uid()), Some(old.gid()))?;
        }
    }
    #[cfg(not(unix))]
    let _ = (new, old);
    Ok(())
}

/// Checks that a file that is not there can be created.
pub(crate) fn check_creatable(system: &System, path: &Path, file: StoredFile) -> io::Result<()> {
    let beside = beside(&target(path), ".new");
    let _ = fs::remove_file(&beside);
    (system.create)(&beside, file)?;
    fs::remove_file(&beside)
}

/// How many links are followed to a file that is not there.
const LINKS_MAX: usize = 40;

/// Where a file really is, or will be: the target of a link, not the link.
pub(crate) fn target(path: &Path) -> PathBuf {
    if let Ok(path) = fs::canonicalize(path) {
        return path;
    }
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(to) = fs::read_link(&path) else {
            break;
        };
        path = path.parent().map_or_else(|| to.clone(), |folder| folder.join(&to));
    }
    path
}

/// The path of a file in the same folder.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut beside = path.to_owned().into_os_string();
    beside.push(suffix);
    beside.into()
}

//! What is asked of the operating system where a folder, a mount or a file system may refuse it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

use serfer_proto::StoredFile;

/// The calls that may be refused. A test replaces some of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct System {
    /// Creates a file with the mode of its kind.
    pub(crate) create: fn(&Path, StoredFile) -> io::Result<File>,
    /// Gives a file the place of another.
    pub(crate) rename: fn(&Path, &Path) -> io::Result<()>,
    /// Makes the content of a file outlast a crash of the machine.
    pub(crate) sync: fn(&File) -> io::Result<()>,
    /// Makes the names in the folder of a file outlast it.
    pub(crate) sync_folder: fn(&Path) -> io::Result<()>,
}

impl System {
    /// The real one.
    pub(crate) const REAL: Self =
        Self { create, rename: |from, to| fs::rename(from, to), sync: File::sync_all, sync_folder };
}

fn create(path: &Path, file: StoredFile) -> io::Result<File> {
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

/// Whether a file system has no room: only now, so it is worth trying again later.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Whether this file system cannot sync at all. Bytes are as durable there as they get.
pub(crate) fn cannot_sync(error: &io::Error) -> bool {
    /// No such thing can be done with that file.
    const EBADF: i32 = 9;
    let kinds = [ErrorKind::InvalidInput, ErrorKind::Unsupported, ErrorKind::ReadOnlyFilesystem];
    kinds.contains(&error.kind()) || cfg!(unix) && error.raw_os_error() == Some(EBADF)
}

//! Keeping other processes and other nodes off a file.
//!
//! The lock is the kernel's, so it ends with the process, however that ends. On Unix it is on the file itself:
//! whatever path another process takes to it, a link or another mount, it finds the lock. A file that
//! replaces it is locked before it does. Where a lock keeps others from reading, on Windows, it is on a file
//! beside it. A lock is advice: `serf agent` takes none and sees none.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long to wait for another holder: the former process may be about to end.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(20);

/// Holds a lock until it is dropped.
#[derive(Debug)]
pub(crate) struct FileLock {
    _held: File,
}

/// Locks a file that is there. Blocks for up to a second.
///
/// # Errors
/// `WouldBlock` if somebody else has it; else if it cannot be locked.
pub(crate) fn lock(path: &Path) -> io::Result<FileLock> {
    let begin = Instant::now();
    loop {
        match system::try_lock(path) {
            Err(error) if error.kind() == ErrorKind::WouldBlock && begin.elapsed() < PATIENCE => {
                std::thread::sleep(PAUSE);
            }
            held => return held.map(|held| FileLock { _held: held }),
        }
    }
}

/// Locks a file that is about to take the place of a locked one. `None` if that needs no lock, or cannot be.
pub(crate) fn lock_replacement(file: &File) -> Option<FileLock> {
    system::lock_replacement(file).map(|held| FileLock { _held: held })
}

#[cfg(all(unix, not(target_os = "solaris")))]
mod system {
    use std::fs::{self, File, Metadata, OpenOptions};
    use std::io::{self, ErrorKind};
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    use rustix::fs::{FlockOperation, flock};

    pub(super) fn try_lock(path: &Path) -> io::Result<File> {
        // NFS locks only what is open for writing.
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        let place = |it: Metadata| (it.dev(), it.ino());
        if place(file.metadata()?) != place(fs::metadata(path)?) {
            // It was replaced before it was locked.
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(file)
    }

    pub(super) fn lock_replacement(file: &File) -> Option<File> {
        let file = file.try_clone().ok()?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
        Some(file)
    }
}

#[cfg(windows)]
mod system {
    use std::fs::{File, OpenOptions};
    use std::io::{self, ErrorKind};
    use std::os::windows::fs::OpenOptionsExt as _;
    use std::path::Path;

    /// It is removed when it is closed, also by a process that dies.
    const FILE_FLAG_DELETE_ON_CLOSE: u32 = 0x0400_0000;
    const ERROR_SHARING_VIOLATION: i32 = 32;

    pub(super) fn try_lock(path: &Path) -> io::Result<File> {
        let mut beside = path.to_owned().into_os_string();
        beside.push(".lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).share_mode(0);
        options.custom_flags(FILE_FLAG_DELETE_ON_CLOSE);
        options.open(beside).map_err(|error| match error.raw_os_error() {
            Some(ERROR_SHARING_VIOLATION) => ErrorKind::WouldBlock.into(),
            _ => error,
        })
    }

    pub(super) fn lock_replacement(_: &File) -> Option<File> {
        None
    }
}

#[cfg(not(any(all(unix, not(target_os = "solaris")), windows)))]
mod system {
    use std::fs::File;
    use std::io::{self, ErrorKind};
    use std::path::Path;

    pub(super) fn try_lock(_: &Path) -> io::Result<File> {
        Err(ErrorKind::Unsupported.into())
    }

    pub(super) fn lock_replacement(_: &File) -> Option<File> {
        None
    }
}

//! Reading a snapshot, before anything starts.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serfer_proto::{AfterLeave, Recovered, SnapshotError, StoredFile};

use super::disk;
use crate::runtime::Runtime;

/// Why a snapshot cannot be used. The file was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotFileProblem {
    /// It is a directory, a pipe or a device. Name another file.
    #[error("is not a regular file")]
    NotAFile,
    /// No snapshot is so long. Name another file.
    #[error("is longer than {max} bytes")]
    TooLong {
        /// The most that is read.
        max: u64,
    },
    /// It cannot be read. Correct its permissions.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// It cannot be written or created. Its directory must exist; correct the permissions of both.
    #[error("cannot be written: {0}")]
    Unwritable(io::Error),
    /// Most of its lines are wrong. Move it away, or name another file.
    #[error("is {0}")]
    Foreign(#[from] SnapshotError),
}

/// A snapshot that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("snapshot {} {problem}", path.display())]
pub struct SnapshotFileError {
    /// The file as it was given.
    pub path: PathBuf,
    /// What is wrong.
    #[source]
    pub problem: SnapshotFileProblem,
}

/// More than the most members there may be, with the longest names.
const LEN_MAX: u64 = 256 << 20;

/// Reads the snapshot of an earlier run, on a thread that may block, and checks that the file can be written.
pub(crate) async fn recover<R: Runtime>(
    runtime: &R,
    path: &Path,
    after_leave: AfterLeave,
) -> Result<Recovered, SnapshotFileError> {
    let path = path.to_owned();
    let span = tracing::Span::current();
    let recover = move || match read(&path) {
        Ok(snapshot) => match Recovered::replay(&snapshot, after_leave) {
            Ok(recovered) => {
                for problem in recovered.problems() {
                    tracing::warn!(target: "serfer::store", path = %path.display(), %problem, "skipped in the snapshot");
                }
                Ok(recovered)
            }
            Err(error) => Err(SnapshotFileError { path, problem: error.into() }),
        },
        Err(problem) => Err(SnapshotFileError { path, problem }),
    };
    runtime.unblock(move || span.in_scope(recover)).await
}

fn read(path: &Path) -> Result<Vec<u8>, SnapshotFileProblem> {
    match fs::metadata(path) {
        // Opening a pipe could take for ever.
        Ok(metadata) if !metadata.is_file() => return Err(SnapshotFileProblem::NotAFile),
        Ok(metadata) if metadata.len() > LEN_MAX => {
            return Err(SnapshotFileProblem::TooLong { max: LEN_MAX });
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            disk::create(path, StoredFile::Snapshot).map_err(SnapshotFileProblem::Unwritable)?;
            return Ok(Vec::new());
        }
        Err(error) => return Err(SnapshotFileProblem::Unreadable(error)),
    }
    let snapshot = fs::read(path).map_err(SnapshotFileProblem::Unreadable)?;
    OpenOptions::new().append(true).open(path).map_err(SnapshotFileProblem::Unwritable)?;
    Ok(snapshot)
}

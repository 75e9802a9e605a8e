//! Reading a snapshot, before anything starts.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serfer_proto::{AfterLeave, Recovered, SnapshotError, StoredFile};

use super::disk;
use super::own_file::{InUse, OwnFile};
use super::system::is_full;
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
    /// It is not there and cannot be created. Its directory must exist; correct the permissions of that.
    #[error("cannot be written: {0}")]
    Unwritable(io::Error),
    /// Another process, or another node of this one, uses it. Give each node a file of its own.
    #[error("is in use by another node: give each node a file of its own")]
    InUse,
    /// It is another kind of file. Move it away, or name another file.
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

/// What a damaged snapshot is kept as.
const DAMAGED: &str = ".damaged";

/// Takes the snapshot of an earlier run, and reads it on a thread that may block. What is readable is used. If it
/// cannot be written, the operator is told, and the node starts from it all the same.
pub(crate) async fn recover<R: Runtime>(
    runtime: &R,
    path: &Path,
    after_leave: AfterLeave,
) -> Result<(OwnFile, Recovered), SnapshotFileError> {
    let path = path.to_owned();
    let span = tracing::Span::current();
    let recover =
        move || open(&path, after_leave).map_err(|problem| SnapshotFileError { path, problem });
    runtime.unblock(move || span.in_scope(recover)).await
}

fn open(path: &Path, after_leave: AfterLeave) -> Result<(OwnFile, Recovered), SnapshotFileProblem> {
    let is_there = check(path)?;
    let in_use = |InUse| SnapshotFileProblem::InUse;
    let mut own = OwnFile::take(path, StoredFile::Snapshot).map_err(in_use)?;
    if !is_there {
        match own.create() {
            Ok(created) => created.map_err(in_use)?,
            // The writer tries it again.
            Err(error) if is_full(&error) => {
                tell_unwritable(path, &error);
                return Ok((own, Recovered::nothing(after_leave)));
            }
            Err(error) => return Err(SnapshotFileProblem::Unwritable(error)),
        }
    }
    let snapshot = fs::read(path).map_err(SnapshotFileProblem::Unreadable)?;
    let recovered = Recovered::replay(&snapshot, after_leave)?;
    if let Err(error) = own.check_writable() {
        tell_unwritable(path, &error);
    }
    tell_problems(path, &snapshot, &recovered);
    Ok((own, recovered))
}

/// Whether it is there, and may be a snapshot.
fn check(path: &Path) -> Result<bool, SnapshotFileProblem> {
    match fs::metadata(path) {
        // Opening a pipe could take for ever.
        Ok(metadata) if !metadata.is_file() => Err(SnapshotFileProblem::NotAFile),
        Ok(metadata) if metadata.len() > LEN_MAX => {
            Err(SnapshotFileProblem::TooLong { max: LEN_MAX })
        }
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(SnapshotFileProblem::Unreadable(error)),
    }
}

fn tell_unwritable(path: &Path, error: &io::Error) {
    tracing::warn!(
        target: "serfer::store", path = %path.display(), %error,
        "the snapshot cannot be written: the next run will know only what is there now"
    );
}

/// Tells which lines were skipped. The file is soon replaced by one without them, so it is kept aside, unless
/// there is nothing in it but zeros.
fn tell_problems(path: &Path, snapshot: &[u8], recovered: &Recovered) {
    let Some(more) = recovered.skipped().checked_sub(recovered.problems().len()) else {
        return;
    };
    for problem in recovered.problems() {
        tracing::warn!(target: "serfer::store", path = %path.display(), %problem, "skipped in the snapshot");
    }
    if more > 0 {
        tracing::warn!(target: "serfer::store", path = %path.display(), more, "skipped more lines in the snapshot");
    }
    if recovered.skipped() == 0 || snapshot.iter().all(|byte| b"\0\n".contains(byte)) {
        return;
    }
    let path = disk::target(path);
    let kept = disk::beside(&path, DAMAGED);
    let copied = fs::copy(&path, &kept);
    let path = path.display();
    match copied {
        Ok(_) => {
            tracing::warn!(target: "serfer::store", %path, kept = %kept.display(), "kept the damaged snapshot");
        }
        Err(error) => {
            tracing::warn!(target: "serfer::store", %path, %error, "cannot keep the damaged snapshot");
        }
    }
}

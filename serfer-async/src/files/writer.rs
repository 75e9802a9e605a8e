//! Writing files, in order, where nobody waits for it.
//!
//! The endpoint says what to store. That is queued here, beside the endpoint, and one task per node
//! takes it to a thread that may block. While that thread is busy or the disk hangs, what comes for a
//! file is put together: appended bytes become one write, and a replacement stands for all before it.
//! What is too much is dropped, the endpoint is told, and writes the file anew in its own time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_channel::Sender;
use serfer_proto::{Durability, StoreWrite, StoredFile};

use crate::node::shared::Shared;
use crate::node::tasks::Once;
use crate::runtime::Runtime;

/// How many appended bytes may wait for a disk.
const BACKLOG_MAX: usize = 1 << 20;

/// Where a node's files are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    pub(crate) snapshot: Option<PathBuf>,
    pub(crate) keyring: Option<PathBuf>,
}

impl Files {
    fn path(&self, file: StoredFile) -> Option<&Path> {
        match file {
            StoredFile::Snapshot => self.snapshot.as_deref(),
            StoredFile::Keyring => self.keyring.as_deref(),
        }
    }
}

/// One write to one file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Job {
    write: StoreWrite,
    durability: Durability,
    bytes: Vec<u8>,
}

/// What waits to be written.
#[derive(Debug)]
pub(crate) struct Backlog {
    snapshot: Waiting,
    keyring: Waiting,
    /// Whether something is being written.
    busy: bool,
    wake: Sender<()>,
    /// For those who wait until nothing is.
    idle: Option<Once>,
}

/// What waits to be written to one file.
#[derive(Debug, Default)]
struct Waiting {
    job: Option<Job>,
    /// How much of it was appended.
    appended: usize,
    /// Something is missing at the end of the file: until it is replaced, nothing fits there.
    broken: bool,
}

/// Too much waits for a file: what came is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the disk is too slow: {BACKLOG_MAX} bytes wait to be written")]
pub(crate) struct Overflow;

impl Backlog {
    /// `wake` wakes the [writer](write()).
    pub(crate) fn new(wake: Sender<()>) -> Self {
        let (snapshot, keyring) = (Waiting::default(), Waiting::default());
        Self { snapshot, keyring, busy: false, wake, idle: None }
    }

    /// Queues a write.
    pub(crate) fn push(
        &mut self,
        file: StoredFile,
        write: StoreWrite,
        durability: Durability,
        bytes: &[u8],
    ) -> Result<(), Overflow> {
        self.waiting(file).push(write, durability, bytes)?;
        // A full channel means that it will wake up anyway.
        let _ = self.wake.try_send(());
        Ok(())
    }

    /// What is to be written next.
    fn take(&mut self) -> Option<(StoredFile, Job)> {
        let next = [StoredFile::Keyring, StoredFile::Snapshot].into_iter().find_map(|file| {
            let waiting = self.waiting(file);
            waiting.appended = 0;
            Some((file, waiting.job.take()?))
        });
        self.busy = next.is_some();
        if next.is_none() {
            self.idle = None;
        }
        next
    }

    /// A write failed: what was to come after it must not.
    fn break_off(&mut self, file: StoredFile) {
        let waiting = self.waiting(file);
        if waiting.job.as_ref().is_none_or(|job| job.write == StoreWrite::Append) {
            (waiting.job, waiting.appended, waiting.broken) = (None, 0, true);
        }
    }

    /// Waits until all that is queued now is written, or has failed to be.
    pub(crate) fn written(&mut self) -> impl Future<Output = ()> + use<> {
        let written = self.idle.get_or_insert_with(Once::new).wait();
        if !self.busy && self.snapshot.job.is_none() && self.keyring.job.is_none() {
            self.idle = None;
        }
        written
    }

    fn waiting(&mut self, file: StoredFile) -> &mut Waiting {
        match file {
            StoredFile::Snapshot => &mut self.snapshot,
            StoredFile::Keyring => &mut self.keyring,
        }
    }
}

impl Waiting {
    fn push(
        &mut self,
        write: StoreWrite,
        durability: Durability,
        bytes: &[u8],
    ) -> Result<(), Overflow> {
        match (write, &mut self.job) {
            (StoreWrite::Replace, job) => {
                *job = Some(Job { write, durability, bytes: bytes.to_vec() });
                (self.appended, self.broken) = (0, false);
            }
            (StoreWrite::Append, _) if self.broken => {}
            (StoreWrite::Append, _) if self.appended + bytes.len() > BACKLOG_MAX => {
                self.broken = true;
                return Err(Overflow);
            }
            (StoreWrite::Append, Some(job)) => {
                job.bytes.extend_from_slice(bytes);
                job.durability = job.durability.max(durability);
                self.appended += bytes.len();
            }
            (StoreWrite::Append, job @ None) => {
                *job = Some(Job { write, durability, bytes: bytes.to_vec() });
                self.appended = bytes.len();
            }
        }
        Ok(())
    }
}

/// Writes what the endpoint wants stored. When the node is shut down, it writes what is left first.
pub(crate) async fn write<R: Runtime>(runtime: R, shared: Arc<Shared>, files: Files) {
    while let Ok(next) = shared.with(|state| state.backlog.take()) {
        let Some((file, job)) = next else {
            match shared.stored.recv().await {
                Ok(()) => continue,
                Err(_shut_down) => return,
            }
        };
        let Some(path) = files.path(file).map(Path::to_owned) else {
            continue;
        };
        let written = runtime.unblock(move || {
            let outcome = job.perform(&path, file);
            outcome.map_err(|error| format!("{}: {error}", path.display()))
        });
        if let Err(reason) = written.await {
            let _ = shared.with(|state| state.backlog.break_off(file));
            let told =
                shared.input(|state, now| state.endpoint.handle_store_failed(now, file, &reason));
            if told.is_err() {
                tracing::warn!(target: "serfer::store", %file, reason, "cannot store");
            }
        }
    }
}

impl Job {
    fn perform(&self, path: &Path, file: StoredFile) -> io::Result<()> {
        match self.write {
            StoreWrite::Append => append(path, &self.bytes, self.durability),
            StoreWrite::Replace => replace(path, &self.bytes, file),
        }
    }
}

/// Appends all of it or nothing.
fn append(path: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    // Not created: what is appended to a file that somebody took away makes no sense alone.
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

/// Puts another file in the place of this one: whoever looks, even after a crash, finds either.
pub(crate) fn replace(path: &Path, bytes: &[u8], file: StoredFile) -> io::Result<()> {
    let (path, beside) = beside(path);
    let permissions = fs::metadata(&path).ok().map(|old| old.permissions());
    // One left behind by a crash might have another mode.
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

/// Whether a file can be replaced, or created, as things are.
pub(crate) fn check_replaceable(path: &Path, file: StoredFile) -> io::Result<()> {
    let (_, beside) = beside(path);
    let _ = fs::remove_file(&beside);
    create(&beside, file)?;
    fs::remove_file(&beside)
}

/// Where a file really is, and where the one is written that takes its place.
fn beside(path: &Path) -> (PathBuf, PathBuf) {
    // Where a link points, not the link.
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

/// Sees to it that a new name outlives the machine.
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
    use StoreWrite::{Append, Replace};
    use StoredFile::{Keyring, Snapshot};
    use tempfile::TempDir;

    use super::*;

    fn backlog() -> Backlog {
        Backlog::new(async_channel::bounded(1).0)
    }

    fn job(write: StoreWrite, durability: Durability, bytes: &[u8]) -> Job {
        Job { write, durability, bytes: bytes.to_vec() }
    }

    #[test]
    fn what_waits_for_a_file_is_one_write() {
        let mut backlog = backlog();
        backlog.push(Snapshot, Append, Lazy, b"a\n").unwrap();
        backlog.push(Snapshot, Append, Synced, b"b\n").unwrap();
        backlog.push(Snapshot, Append, Lazy, b"c\n").unwrap();
        backlog.push(Keyring, Replace, Synced, b"[]").unwrap();
        assert_eq!(backlog.take(), Some((Keyring, job(Replace, Synced, b"[]"))));
        assert_eq!(backlog.take(), Some((Snapshot, job(Append, Synced, b"a\nb\nc\n"))));
        assert_eq!(backlog.take(), None);
    }

    #[test]
    fn a_replacement_stands_for_all_that_waits() {
        let mut backlog = backlog();
        backlog.push(Snapshot, Append, Lazy, b"a\n").unwrap();
        backlog.push(Snapshot, Replace, Synced, b"all\n").unwrap();
        backlog.push(Snapshot, Append, Lazy, b"b\n").unwrap();
        assert_eq!(backlog.take(), Some((Snapshot, job(Replace, Synced, b"all\nb\n"))));
    }

    #[test]
    fn what_waits_is_bounded_and_nothing_is_appended_after_a_gap() {
        let mut backlog = backlog();
        backlog.push(Snapshot, Append, Lazy, &vec![b'x'; BACKLOG_MAX]).unwrap();
        assert_eq!(backlog.push(Snapshot, Append, Lazy, b"y"), Err(Overflow));
        assert_eq!(backlog.push(Snapshot, Append, Lazy, b"z"), Ok(()));
        assert_eq!(backlog.take().unwrap().1.bytes.len(), BACKLOG_MAX);
        backlog.push(Snapshot, Append, Lazy, b"z").unwrap();
        assert_eq!(backlog.take(), None);
        backlog.push(Snapshot, Replace, Synced, b"all").unwrap();
        backlog.push(Snapshot, Append, Lazy, b"z").unwrap();
        assert_eq!(backlog.take(), Some((Snapshot, job(Replace, Synced, b"allz"))));
    }

    #[test]
    fn after_a_failure_only_a_replacement_is_written() {
        let mut backlog = backlog();
        backlog.push(Snapshot, Append, Lazy, b"a").unwrap();
        backlog.break_off(Snapshot);
        backlog.push(Snapshot, Append, Lazy, b"b").unwrap();
        assert_eq!(backlog.take(), None);
        backlog.push(Snapshot, Replace, Synced, b"all").unwrap();
        backlog.break_off(Snapshot);
        assert_eq!(backlog.take(), Some((Snapshot, job(Replace, Synced, b"all"))));
    }

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
    fn a_replacement_leaves_nothing_beside_it_and_the_old_if_it_fails() {
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
    fn new_keys_are_for_their_owner_only_and_a_mode_is_kept() {
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

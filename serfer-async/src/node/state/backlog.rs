//! Writes that wait for the disk.
//!
//! While the writer is busy or the disk hangs, what comes for a file is put together: appended bytes become
//! one write, and a replacement takes the place of all before it. What is too much is dropped. The endpoint is
//! told, and replaces the whole file later.

use async_channel::Sender;
use serfer_proto::{Durability, StoreWrite, StoredFile};

use crate::node::signals::latch::Latch;

/// How many appended bytes may wait for a disk.
const BACKLOG_MAX: usize = 1 << 20;

/// One write to one file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StoreJob {
    pub(crate) write: StoreWrite,
    pub(crate) durability: Durability,
    pub(crate) bytes: Vec<u8>,
}

/// What waits to be written.
#[derive(Debug)]
pub(crate) struct Backlog {
    snapshot: FileBacklog,
    keyring: FileBacklog,
    /// Whether something is being written.
    busy: bool,
    wake_writer: Sender<()>,
    /// Opens when all is written, if a call waits for that.
    idle: Option<Latch>,
}

/// What waits to be written to one file.
#[derive(Debug, Default)]
struct FileBacklog {
    job: Option<StoreJob>,
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
    /// A message on the channel `wake_writer` wakes the writer.
    pub(crate) fn new(wake_writer: Sender<()>) -> Self {
        let (snapshot, keyring) = (FileBacklog::default(), FileBacklog::default());
        Self { snapshot, keyring, busy: false, wake_writer, idle: None }
    }

    /// Queues a write.
    pub(crate) fn push(
        &mut self,
        file: StoredFile,
        write: StoreWrite,
        durability: Durability,
        bytes: &[u8],
    ) -> Result<(), Overflow> {
        self.of(file).push(write, durability, bytes)?;
        // A full channel means that it will wake up anyway.
        let _ = self.wake_writer.try_send(());
        Ok(())
    }

    /// What is to be written next.
    pub(crate) fn take(&mut self) -> Option<(StoredFile, StoreJob)> {
        let next = [StoredFile::Keyring, StoredFile::Snapshot].into_iter().find_map(|file| {
            let backlog = self.of(file);
            backlog.appended = 0;
            Some((file, backlog.job.take()?))
        });
        self.busy = next.is_some();
        if next.is_none() {
            self.idle = None;
        }
        next
    }

    /// A write failed: what was to be appended after it must not be.
    pub(crate) fn drop_appends(&mut self, file: StoredFile) {
        let backlog = self.of(file);
        if backlog.job.as_ref().is_none_or(|job| job.write == StoreWrite::Append) {
            (backlog.job, backlog.appended, backlog.broken) = (None, 0, true);
        }
    }

    /// Waits until all that is queued now is written, or writing it has failed.
    pub(crate) fn written(&mut self) -> impl Future<Output = ()> + use<> {
        let written = self.idle.get_or_insert_with(Latch::new).wait();
        if !self.busy && self.snapshot.job.is_none() && self.keyring.job.is_none() {
            self.idle = None;
        }
        written
    }

    fn of(&mut self, file: StoredFile) -> &mut FileBacklog {
        match file {
            StoredFile::Snapshot => &mut self.snapshot,
            StoredFile::Keyring => &mut self.keyring,
        }
    }
}

impl FileBacklog {
    fn push(
        &mut self,
        write: StoreWrite,
        durability: Durability,
        bytes: &[u8],
    ) -> Result<(), Overflow> {
        match (write, &mut self.job) {
            (StoreWrite::Replace, job) => {
                *job = Some(StoreJob { write, durability, bytes: bytes.to_vec() });
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
                *job = Some(StoreJob { write, durability, bytes: bytes.to_vec() });
                self.appended = bytes.len();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use Durability::{Lazy, Synced};
    use StoreWrite::{Append, Replace};
    use StoredFile::{Keyring, Snapshot};

    use super::*;

    fn backlog() -> Backlog {
        Backlog::new(async_channel::bounded(1).0)
    }

    fn job(write: StoreWrite, durability: Durability, bytes: &[u8]) -> StoreJob {
        StoreJob { write, durability, bytes: bytes.to_vec() }
    }

    #[test]
    fn all_that_waits_for_a_file_becomes_one_write() {
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
    fn the_backlog_is_bounded_and_nothing_is_appended_after_a_gap() {
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
        backlog.drop_appends(Snapshot);
        backlog.push(Snapshot, Append, Lazy, b"b").unwrap();
        assert_eq!(backlog.take(), None);
        backlog.push(Snapshot, Replace, Synced, b"all").unwrap();
        backlog.drop_appends(Snapshot);
        assert_eq!(backlog.take(), Some((Snapshot, job(Replace, Synced, b"all"))));
    }
}

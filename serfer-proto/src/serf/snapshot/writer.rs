//! The lines of the snapshot that wait to be stored, and the file they go to.
//!
//! When the file has grown too long, it is replaced by one that says the same in fewer lines. Members
//! are not copied for that: the member table knows them. Counterpart of Go's `Snapshotter`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::api::incarnation::END;
use crate::api::{Durability, Status, StoreWrite, StoredFile};
use crate::config::Config;
use crate::machinery::{Cx, Table};
use crate::serf::members::state::MemberState;
use crate::snapshot::{AfterLeave, End, Fate, Peer, Record, State};

/// How long lines may wait. Go's `flushInterval`.
const FLUSH_INTERVAL: Duration = Duration::from_millis(500);

/// The time between two attempts to replace a file that cannot be written. Go's
/// `snapshotErrorRecoveryInterval`.
const REPAIR_INTERVAL: Duration = Duration::from_secs(30);

/// A snapshot may have this many bytes for each member before it is compacted.
const BYTES_PER_MEMBER: usize = 256;

/// If more bytes than this wait, the file is replaced instead.
const LINES_MAX: usize = 128 << 10;

#[derive(Debug)]
pub(crate) struct Snapshotter {
    after_leave: AfterLeave,
    /// We left: from now on only the member clock and the incarnation are recorded.
    pub(super) has_left: bool,
    /// The clocks and the incarnation as last recorded. Members are not kept here.
    pub(super) recorded: State,
    /// Lines that wait to be stored.
    lines: Vec<u8>,
    file: SnapshotFile,
    /// The length of the file.
    len: usize,
    /// Its length when it was last replaced.
    compact_len: usize,
    /// Whether everything stored so far survives a crash of the machine.
    durability: Durability,
    flushed_at: Option<Instant>,
    repaired_at: Option<Instant>,
}

/// What can be done with the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SnapshotFile {
    /// Lines can be appended.
    Whole,
    /// It has to be replaced.
    Stale,
    /// It could not be written. It will be replaced after the repair interval.
    Broken,
}

impl Snapshotter {
    pub(crate) fn new(config: &Config) -> Option<Box<Self>> {
        let recovered = config.recovered.as_ref()?;
        let State { clock, event_clock, query_clock, incarnation, .. } = *recovered.state;
        let peers = BTreeMap::new();
        Some(Box::new(Self {
            after_leave: recovered.after_leave,
            has_left: false,
            recorded: State { clock, event_clock, query_clock, incarnation, peers },
            lines: Vec::new(),
            file: match recovered.end {
                End::Complete => SnapshotFile::Whole,
                End::Torn => SnapshotFile::Stale,
            },
            len: recovered.len,
            compact_len: 0,
            durability: Durability::Synced,
            flushed_at: None,
            repaired_at: None,
        }))
    }

    /// Adds a line to the lines that wait.
    pub(super) fn push(&mut self, record: &Record<'_>) {
        if self.file != SnapshotFile::Whole {
            // The file will be replaced anyway.
            return;
        }
        record.write(&mut self.lines);
        if self.lines.len() > LINES_MAX {
            self.lines.clear();
            self.file = SnapshotFile::Stale;
        }
    }

    /// Records a clock if it has moved on, and returns whether it has.
    pub(super) fn push_time(&mut self, record: Record<'_>) -> bool {
        let (recorded, time) = match record {
            Record::Clock(time) => (&mut self.recorded.clock, time),
            Record::EventClock(time) => (&mut self.recorded.event_clock, time),
            Record::QueryClock(time) => (&mut self.recorded.query_clock, time),
            _ => return false,
        };
        let is_later = time > *recorded;
        if is_later {
            *recorded = time;
            self.push(&record);
        }
        is_later
    }

    pub(super) fn push_incarnation(&mut self, incarnation: u32) {
        // A higher one would not be read back: no node could start above it.
        let incarnation = incarnation.min(END - 2);
        if incarnation != self.recorded.incarnation {
            self.recorded.incarnation = incarnation;
            self.push(&Record::Incarnation(incarnation));
        }
    }

    /// When lines may be stored again, if some were stored before.
    pub(super) fn next_flush(&self) -> Option<Instant> {
        self.flushed_at.map(|at| at + FLUSH_INTERVAL)
    }

    /// Notes that a broken file is about to be replaced, if it is broken.
    pub(super) fn note_repair(&mut self, now: Instant) {
        if self.file == SnapshotFile::Broken {
            self.repaired_at = Some(now);
        }
    }

    /// The file could not be written. Returns when to replace it.
    pub(super) fn on_failed(&mut self, now: Instant) -> Instant {
        self.lines.clear();
        self.file = SnapshotFile::Broken;
        self.flushed_at = None;
        self.repaired_at.map_or(now, |at| now.max(at + REPAIR_INTERVAL))
    }

    /// Stores the lines that wait, or replaces the file.
    pub(super) fn flush(
        &mut self,
        cx: &mut Cx<'_>,
        members: &Table<MemberState>,
        missing: &BTreeMap<Box<str>, Peer>,
        durability: Durability,
    ) {
        self.flushed_at = Some(cx.now);
        let len_max = cx.params.limits.snapshot_len;
        let len_max = len_max.max(BYTES_PER_MEMBER * members.len()).max(2 * self.compact_len);
        let is_too_long = self.len + self.lines.len() > len_max;
        if self.file != SnapshotFile::Whole || is_too_long {
            let mut len = 0;
            let (file, write) = (StoredFile::Snapshot, StoreWrite::Replace);
            cx.out.store(file, write, Durability::Synced, |out| {
                let start = out.len();
                self.write_all(members, missing, out);
                len = out.len() - start;
            });
            (self.len, self.compact_len) = (len, len);
            (self.file, self.durability) = (SnapshotFile::Whole, Durability::Synced);
        } else if !self.lines.is_empty() || durability > self.durability {
            let (write, durability) = match self.len {
                0 => (StoreWrite::Replace, Durability::Synced),
                _ => (StoreWrite::Append, durability),
            };
            let lines = &self.lines;
            let store = |out: &mut Vec<u8>| out.extend_from_slice(lines);
            cx.out.store(StoredFile::Snapshot, write, durability, store);
            self.len += self.lines.len();
            self.durability = durability;
        }
        self.lines.clear();
    }

    /// Writes a whole snapshot in as few lines as possible. Go's `compact`.
    fn write_all(
        &self,
        members: &Table<MemberState>,
        missing: &BTreeMap<Box<str>, Peer>,
        out: &mut Vec<u8>,
    ) {
        if !self.has_left || self.after_leave == AfterLeave::Rejoin {
            for (_, MemberState { member, .. }) in members.iter() {
                match member.status {
                    Status::Alive | Status::Leaving => Record::Alive(member.name(), member.addr()),
                    Status::Failed => Record::Failed(member.name(), member.addr()),
                    Status::Left => continue,
                }
                .write(out);
            }
            for (name, peer) in missing {
                match peer.fate {
                    Fate::Alive => Record::Alive(name, peer.addr),
                    Fate::Failed => Record::Failed(name, peer.addr),
                }
                .write(out);
            }
        }
        let State { clock, event_clock, query_clock, incarnation, .. } = self.recorded;
        if incarnation > 0 {
            Record::Incarnation(incarnation).write(out);
        }
        Record::Clock(clock).write(out);
        Record::EventClock(event_clock).write(out);
        Record::QueryClock(query_clock).write(out);
        if self.has_left {
            Record::Leave.write(out);
            Record::Clock(clock).write(out);
        }
    }
}

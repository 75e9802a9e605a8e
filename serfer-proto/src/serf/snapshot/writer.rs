//! The lines of the snapshot that wait to be stored, and the file they go to.
//!
//! When the file has grown too long, it is replaced by one that says the same in fewer lines. Members
//! are not copied for that: the member table knows them. Counterpart of Go's `Snapshotter`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::api::incarnation::END;
use crate::api::{Durability, Status, StoreWrite, StoredFile};
use crate::config::Config;
use crate::machinery::{Cx, Key, Table};
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
    /// For how many seconds earlier lives have run.
    pub(super) uptime_before: u64,
    /// The clocks, the incarnation and the uptime as last recorded. Members are not kept here.
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
        let State { clock, event_clock, query_clock, incarnation, uptime, .. } = *recovered.state;
        let peers = BTreeMap::new();
        Some(Box::new(Self {
            after_leave: recovered.after_leave,
            has_left: false,
            uptime_before: uptime,
            recorded: State { clock, event_clock, query_clock, incarnation, uptime, peers },
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

    /// For how many seconds we have run, in all our lives.
    fn uptime(&self, cx: &Cx<'_>) -> u64 {
        self.uptime_before.saturating_add(u64::from(cx.uptime()))
    }

    /// Records for how long we have run, if it is `step` more than when it was last recorded. Returns whether
    /// it is.
    pub(super) fn push_uptime(&mut self, cx: &Cx<'_>, step: Duration) -> bool {
        let uptime = self.uptime(cx);
        let is_later = uptime >= self.recorded.uptime.saturating_add(step.as_secs());
        if is_later {
            self.recorded.uptime = uptime;
            self.push(&Record::Uptime(uptime));
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

    /// Stores the lines that wait, or replaces the file by one that says the same in as few lines as possible:
    /// Go's `compact`.
    pub(super) fn flush(
        &mut self,
        cx: &mut Cx<'_>,
        members: &Table<MemberState>,
        gone: &BTreeMap<Key, Instant>,
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
            let (now, uptime) = (cx.now, self.uptime(cx));
            // How long we had run when a member was gone.
            let since = |key: Key| {
                let gone_for = gone.get(&key).map_or(Duration::ZERO, |since| now - *since);
                uptime.saturating_sub(gone_for.as_secs())
            };
            let mut recorded = 0;
            cx.out.store(file, write, Durability::Synced, |out| {
                let start = out.len();
                let failed = self.write_members(members, since, missing, out);
                recorded = write_failed(failed, uptime, out);
                self.write_rest(out);
                len = out.len() - start;
            });
            self.recorded.uptime = recorded;
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

    /// Writes the members that are here, and returns those that failed.
    fn write_members<'a>(
        &self,
        members: &'a Table<MemberState>,
        gone_since: impl Fn(Key) -> u64,
        missing: &'a BTreeMap<Box<str>, Peer>,
        out: &mut Vec<u8>,
    ) -> Vec<FailedMember<'a>> {
        let mut failed = Vec::new();
        if !self.has_left || self.after_leave == AfterLeave::Rejoin {
            for (key, MemberState { member, .. }) in members.iter() {
                let (name, addr) = (member.name(), member.addr());
                match member.status {
                    Status::Alive | Status::Leaving => Record::Alive(name, addr).write(out),
                    Status::Failed => failed.push((gone_since(key), name, addr)),
                    Status::Left => {}
                }
            }
            for (name, peer) in missing {
                match peer.fate {
                    Fate::Alive => Record::Alive(name, peer.addr).write(out),
                    Fate::Failed => failed.push((peer.since, name, peer.addr)),
                }
            }
        }
        failed
    }

    fn write_rest(&self, out: &mut Vec<u8>) {
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

/// A failed member, and how long we had run when it failed.
type FailedMember<'a> = (u64, &'a str, SocketAddr);

/// Writes those that failed, the one that has been gone for longest first. Returns the uptime that is recorded
/// then: none if nobody failed.
fn write_failed(mut failed: Vec<FailedMember<'_>>, uptime: u64, out: &mut Vec<u8>) -> u64 {
    failed.sort_unstable();
    let mut last = None;
    for (since, name, addr) in failed {
        if last != Some(since) {
            Record::Uptime(since).write(out);
        }
        Record::Failed(name, addr).write(out);
        last = Some(since);
    }
    if last.is_some_and(|last| last != uptime) {
        Record::Uptime(uptime).write(out);
    }
    last.map_or(0, |_| uptime)
}

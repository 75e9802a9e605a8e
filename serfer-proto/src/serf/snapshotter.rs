//! What of all that happens goes into the snapshot, and when.
//!
//! Lines are put together and stored twice a second at most, the first at once; when the file has
//! grown too long it is replaced by one that says the same in fewer lines. Who is alive is not noted
//! down here: the member table knows. Only those that an earlier life knew, and this one has not seen
//! yet, stand here. Counterpart of Go's `Snapshotter`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::api::event::MemberChange;
use crate::api::incarnation::END;
use crate::api::member::{Node, Status};
use crate::api::stored::{Durability, StoreWrite, StoredFile};
use crate::config::Config;
use crate::machinery::context::Cx;
use crate::machinery::table::{Key, Table};
use crate::machinery::timers::Timer;
use crate::serf::Serf;
use crate::serf::clock::LamportClock;
use crate::serf::members::lifecycle::Entry;
use crate::snapshot::{AfterLeave, End, Fate, Record, State};

/// How long lines may wait. Go's `flushInterval`.
const FLUSH_INTERVAL: Duration = Duration::from_millis(500);

/// How long to leave a disk alone that failed. Go's `snapshotErrorRecoveryInterval`.
const REPAIR_INTERVAL: Duration = Duration::from_secs(30);

/// A snapshot may have this many bytes for each member before it is compacted.
const BYTES_PER_MEMBER: usize = 256;

/// If more than this waits, the whole is written instead.
const LINES_MAX: usize = 128 << 10;

#[derive(Debug)]
pub(super) struct Snapshotter {
    after_leave: AfterLeave,
    stage: Stage,
    /// The last clocks and the incarnation that were recorded, and the members of an earlier life that
    /// were not seen in this one.
    known: State,
    /// Lines that wait to be stored.
    lines: Vec<u8>,
    file: File,
    /// How long the file is.
    len: usize,
    /// How long it was when it had no line too many.
    compact_len: usize,
    /// Whether all that was stored outlives the machine.
    durability: Durability,
    flushed_at: Option<Instant>,
    repaired_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Records,
    /// We left: only clocks are recorded.
    Left,
}

/// What can be done with the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum File {
    /// Lines fit at its end.
    Whole,
    /// It has to be replaced.
    Stale,
    /// It could not be written, and will be replaced when it is time.
    Broken,
}

impl Snapshotter {
    pub(super) fn new(config: &Config) -> Option<Box<Self>> {
        let recovered = config.recovered.as_ref()?;
        let mut known = (*recovered.state).clone();
        known.peers.remove(&*config.name);
        Some(Box::new(Self {
            after_leave: recovered.after_leave,
            stage: Stage::Records,
            known,
            lines: Vec::new(),
            file: match recovered.end {
                End::Complete => File::Whole,
                End::Torn => File::Stale,
            },
            len: recovered.len,
            compact_len: 0,
            durability: Durability::Synced,
            flushed_at: None,
            repaired_at: None,
        }))
    }

    /// Adds a line to those that wait.
    fn push(&mut self, record: &Record<'_>) {
        if self.file != File::Whole {
            // The whole will be written anyway.
            return;
        }
        record.write(&mut self.lines);
        if self.lines.len() > LINES_MAX {
            self.lines.clear();
            self.file = File::Stale;
        }
    }

    fn note_clock(&mut self, clock: LamportClock) {
        let seen = clock.time().saturating_sub(1);
        if seen > self.known.clock {
            self.known.clock = seen;
            self.push(&Record::Clock(seen));
        }
    }

    fn note_incarnation(&mut self, incarnation: u32) {
        // Higher ones are not read back: nobody could start above them.
        let incarnation = incarnation.min(END - 2);
        if incarnation != self.known.incarnation {
            self.known.incarnation = incarnation;
            self.push(&Record::Incarnation(incarnation));
        }
    }

    /// Stores what waits.
    fn flush(&mut self, cx: &mut Cx<'_>, members: &Table<Entry>, durability: Durability) {
        let len_max = cx.params.limits.snapshot_len;
        let len_max = len_max.max(BYTES_PER_MEMBER * members.len()).max(2 * self.compact_len);
        self.flushed_at = Some(cx.now);
        match self.file {
            File::Whole if self.len + self.lines.len() <= len_max => {
                let nothing_waits = self.lines.is_empty();
                if nothing_waits
                    && (durability == Durability::Lazy || self.durability == durability)
                {
                    return;
                }
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
            File::Whole | File::Stale | File::Broken => {
                let mut len = 0;
                cx.out.store(
                    StoredFile::Snapshot,
                    StoreWrite::Replace,
                    Durability::Synced,
                    |out| {
                        let start = out.len();
                        self.write_all(members, out);
                        len = out.len() - start;
                    },
                );
                (self.len, self.compact_len) = (len, len);
                (self.file, self.durability) = (File::Whole, Durability::Synced);
            }
        }
        self.lines.clear();
    }

    /// Everything there is to know, in as few lines as possible. Go's `compact`.
    fn write_all(&self, members: &Table<Entry>, out: &mut Vec<u8>) {
        if self.comes_back() {
            for (_, Entry { member, .. }) in members.iter() {
                match member.status {
                    Status::Alive | Status::Leaving => Record::Alive(member.name(), member.addr()),
                    Status::Failed => Record::Failed(member.name(), member.addr()),
                    Status::Left => continue,
                }
                .write(out);
            }
            for (name, peer) in &self.known.peers {
                match peer.fate {
                    Fate::Alive => Record::Alive(name, peer.addr),
                    Fate::Failed => Record::Failed(name, peer.addr),
                }
                .write(out);
            }
        }
        let State { clock, event_clock, query_clock, incarnation, .. } = self.known;
        if incarnation > 0 {
            Record::Incarnation(incarnation).write(out);
        }
        Record::Clock(clock).write(out);
        Record::EventClock(event_clock).write(out);
        Record::QueryClock(query_clock).write(out);
        if self.stage == Stage::Left {
            Record::Leave.write(out);
            Record::Clock(clock).write(out);
        }
    }

    /// Whether a next life goes on where this one ends.
    fn comes_back(&self) -> bool {
        self.stage == Stage::Records || self.after_leave == AfterLeave::Rejoin
    }
}

/// What is worth recording has happened.
impl Serf {
    /// Before anybody else hears of it.
    pub(super) fn record_member(&mut self, cx: &mut Cx<'_>, change: MemberChange, key: Key) {
        let Some(it) = self.snapshotter.as_mut().filter(|it| it.stage == Stage::Records) else {
            return;
        };
        let member = &self.members[key].member;
        let (name, addr) = (member.name(), member.addr());
        match change {
            MemberChange::Join => {
                it.known.peers.remove(name);
                it.push(&Record::Alive(name, addr));
            }
            MemberChange::Leave => it.push(&Record::NotAlive(name)),
            MemberChange::Failed => {
                it.push(&Record::NotAlive(name));
                it.push(&Record::Failed(name, addr));
            }
            MemberChange::Reap if member.status == Status::Failed => {
                it.push(&Record::Reaped(name));
            }
            MemberChange::Reap | MemberChange::Update => {}
        }
        it.note_clock(self.clock);
        cx.snapshot_soon();
    }

    /// A user event is told to the application.
    pub(super) fn record_user_event(&mut self, cx: &mut Cx<'_>, ltime: u64) {
        if let Some(it) = &mut self.snapshotter
            && it.stage == Stage::Records
            && ltime > it.known.event_clock
        {
            it.known.event_clock = ltime;
            it.push(&Record::EventClock(ltime));
            cx.snapshot_soon();
        }
    }

    /// A query is for us, the application's or serf's own.
    pub(super) fn record_query(&mut self, cx: &mut Cx<'_>, ltime: u64) {
        if let Some(it) = &mut self.snapshotter
            && it.stage == Stage::Records
            && ltime > it.known.query_clock
        {
            it.known.query_clock = ltime;
            it.push(&Record::QueryClock(ltime));
            cx.snapshot_soon();
        }
    }

    /// The member clock may have moved, which is recorded when it is next time to.
    pub(super) fn record_clock(&self, cx: &mut Cx<'_>) {
        if let Some(it) = &self.snapshotter
            && self.clock.time().saturating_sub(1) > it.known.clock
        {
            cx.snapshot_soon();
        }
    }

    /// We are about to leave, and nobody must find us coming back by mistake.
    pub(super) fn record_leave(&mut self, cx: &mut Cx<'_>) {
        let Some(it) = &mut self.snapshotter else {
            return;
        };
        it.stage = Stage::Left;
        it.push(&Record::Leave);
        it.flush(cx, &self.members, Durability::Synced);
    }
}

/// When it is stored.
impl Serf {
    /// Something waits to be stored.
    pub(crate) fn on_snapshot_tick(&mut self, cx: &mut Cx<'_>, incarnation: u32) {
        let Some(it) = &mut self.snapshotter else {
            return;
        };
        if let Some(at) = it.flushed_at.map(|at| at + FLUSH_INTERVAL).filter(|at| *at > cx.now) {
            return cx.timers.set(Timer::Snapshot, at);
        }
        it.note_incarnation(incarnation);
        it.note_clock(self.clock);
        if it.file == File::Broken {
            it.repaired_at = Some(cx.now);
        }
        it.flush(cx, &self.members, Durability::Lazy);
    }

    /// The process may end: everything is stored, for good.
    pub(crate) fn flush_snapshot(&mut self, cx: &mut Cx<'_>, incarnation: u32) {
        if let Some(it) = &mut self.snapshotter {
            it.note_incarnation(incarnation);
            it.note_clock(self.clock);
            it.flush(cx, &self.members, Durability::Synced);
            cx.timers.clear(Timer::Snapshot);
        }
    }

    /// It could not be stored. Until the file is replaced, nothing fits into it.
    pub(crate) fn on_snapshot_failed(&mut self, cx: &mut Cx<'_>) {
        if let Some(it) = &mut self.snapshotter {
            it.lines.clear();
            it.file = File::Broken;
            it.flushed_at = None;
            let at = it.repaired_at.map_or(cx.now, |at| cx.now.max(at + REPAIR_INTERVAL));
            cx.timers.set(Timer::Snapshot, at);
        }
    }
}

/// The members of an earlier life.
impl Serf {
    /// Where those were that were alive, but us. From now on they are expected, and for as long as a
    /// member that failed.
    pub(crate) fn expect_peers(&self, cx: &mut Cx<'_>) -> Vec<SocketAddr> {
        self.arm_reap(cx);
        let peers = self.snapshotter.iter().flat_map(|it| it.known.peers.values());
        let alive = peers.filter(|peer| peer.fate == Fate::Alive).map(|peer| peer.addr);
        alive.filter(|&addr| addr != cx.params.advertise).collect()
    }

    /// Those that are not here yet, at most `count`.
    pub(super) fn missing_nodes(&self, cx: &Cx<'_>, count: usize) -> Vec<Arc<Node>> {
        let Some(it) = &self.snapshotter else {
            return Vec::new();
        };
        let others = it.known.peers.iter().filter(|(_, peer)| peer.addr != cx.params.advertise);
        let nodes = others.take(count).map(|(name, peer)| {
            let (name, ip, port) = (name.clone(), peer.addr.ip(), peer.addr.port());
            Arc::new(Node { name, ip, port, meta: [].into(), versions: cx.params.versions })
        });
        nodes.collect()
    }

    /// Whether this is one that an earlier life knew, and that is not here yet.
    pub(super) fn misses(&self, name: &str) -> bool {
        self.snapshotter.as_ref().is_some_and(|it| it.known.peers.contains_key(name))
    }

    /// Whether there are any.
    pub(super) fn misses_any(&self) -> bool {
        self.snapshotter.as_ref().is_some_and(|it| !it.known.peers.is_empty())
    }

    /// Somebody who is not here left, or was made to.
    pub(super) fn miss_no_more(&mut self, cx: &mut Cx<'_>, name: &str) {
        if let Some(it) = &mut self.snapshotter
            && it.known.peers.remove(name).is_some()
        {
            it.push(&Record::NotAlive(name));
            cx.snapshot_soon();
        }
    }

    /// Whoever has not come by now is not expected any more.
    pub(super) fn give_up_missing(&mut self, cx: &mut Cx<'_>) {
        if let Some(it) = &mut self.snapshotter
            && !it.known.peers.is_empty()
            && u64::from(cx.uptime()) >= cx.params.members.reconnect_timeout.as_secs()
        {
            let missing: BTreeMap<_, _> = std::mem::take(&mut it.known.peers);
            missing.keys().for_each(|name| it.push(&Record::Reaped(name)));
            cx.snapshot_soon();
        }
    }
}

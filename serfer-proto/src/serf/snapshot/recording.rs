//! Which events are recorded in the snapshot, and when they are stored.
//!
//! Lines are stored at most twice a second, and the first one at once.

use std::time::Duration;

use crate::api::{Durability, MemberChange, Status};
use crate::machinery::{Cx, Key, Timer};
use crate::serf::Serf;
use crate::snapshot::Record;

/// How often it is recorded for how long we have run, while there are failed members.
const UPTIME_STEP: Duration = Duration::from_secs(3600);

/// What is recorded.
impl Serf {
    /// Records a change of a member, before the application is told.
    pub(crate) fn record_member(&mut self, cx: &mut Cx<'_>, change: MemberChange, key: Key) {
        let member = &self.members[key].member;
        let (name, addr) = (member.name(), member.addr());
        if change == MemberChange::Join {
            // Also when nothing is recorded any more, because we have left.
            self.missing.remove(name);
        }
        let Some(it) = self.snapshotter.as_mut().filter(|it| !it.has_left) else {
            return;
        };
        match change {
            MemberChange::Join => it.push(&Record::Alive(name, addr)),
            MemberChange::Leave => it.push(&Record::NotAlive(name)),
            MemberChange::Failed => {
                it.push_uptime(cx, Duration::from_secs(1));
                it.push(&Record::NotAlive(name));
                it.push(&Record::Failed(name, addr));
            }
            MemberChange::Reap if member.status == Status::Failed => {
                it.push(&Record::Reaped(name));
            }
            MemberChange::Reap | MemberChange::Update => {}
        }
        it.push_time(Record::Clock(self.clock.last_seen()));
        cx.snapshot_soon();
    }

    /// Records for how long we have run, so that the next run knows how long the failed have been gone.
    pub(crate) fn record_uptime(&mut self, cx: &mut Cx<'_>) {
        self.record_uptime_after(cx, UPTIME_STEP);
    }

    fn record_uptime_after(&mut self, cx: &mut Cx<'_>, step: Duration) {
        if self.departed(Status::Failed).next().is_some()
            && let Some(it) = self.snapshotter.as_mut().filter(|it| !it.has_left)
            && it.push_uptime(cx, step)
        {
            cx.snapshot_soon();
        }
    }

    /// Records that the application is told of a user event.
    pub(crate) fn record_user_event(&mut self, cx: &mut Cx<'_>, ltime: u64) {
        self.record_time(cx, Record::EventClock(ltime));
    }

    /// Records that a query is for us, be it for the application or for serf itself.
    pub(crate) fn record_query(&mut self, cx: &mut Cx<'_>, ltime: u64) {
        self.record_time(cx, Record::QueryClock(ltime));
    }

    fn record_time(&mut self, cx: &mut Cx<'_>, time: Record<'_>) {
        if let Some(it) = &mut self.snapshotter
            && !it.has_left
            && it.push_time(time)
        {
            cx.snapshot_soon();
        }
    }

    /// The member clock may have moved. It is recorded with whatever is stored next.
    pub(crate) fn record_clock(&self, cx: &mut Cx<'_>) {
        if let Some(it) = &self.snapshotter
            && self.clock.last_seen() > it.recorded.clock
        {
            cx.snapshot_soon();
        }
    }

    /// Records that we are about to leave, so that the next run does not come back by mistake.
    pub(crate) fn record_leave(&mut self, cx: &mut Cx<'_>) {
        if let Some(it) = &mut self.snapshotter {
            it.has_left = true;
            it.push(&Record::Leave);
            it.flush(cx, &self.members, &self.departures.gone, &self.missing, Durability::Synced);
        }
    }
}

/// When it is stored.
impl Serf {
    /// Something waits to be stored.
    pub(crate) fn on_snapshot_tick(&mut self, cx: &mut Cx<'_>, incarnation: u32) {
        let Some(it) = &mut self.snapshotter else {
            return;
        };
        if let Some(at) = it.next_flush().filter(|at| *at > cx.now) {
            return cx.timers.set(Timer::Snapshot, at);
        }
        it.note_repair(cx.now);
        self.store_snapshot(cx, incarnation, Durability::Lazy);
    }

    /// The process may end: stores everything so that it survives a crash.
    pub(crate) fn flush_snapshot(&mut self, cx: &mut Cx<'_>, incarnation: u32) {
        self.record_uptime_after(cx, Duration::from_secs(1));
        self.store_snapshot(cx, incarnation, Durability::Synced);
        cx.timers.clear(Timer::Snapshot);
    }

    fn store_snapshot(&mut self, cx: &mut Cx<'_>, incarnation: u32, durability: Durability) {
        if let Some(it) = &mut self.snapshotter {
            it.push_incarnation(incarnation);
            it.push_time(Record::Clock(self.clock.last_seen()));
            it.flush(cx, &self.members, &self.departures.gone, &self.missing, durability);
        }
    }

    /// It could not be stored. Nothing is appended until the file is replaced.
    pub(crate) fn on_snapshot_failed(&mut self, cx: &mut Cx<'_>) {
        if let Some(it) = &mut self.snapshotter {
            cx.timers.set(Timer::Snapshot, it.on_failed(cx.now));
        }
    }
}

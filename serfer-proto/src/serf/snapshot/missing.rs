//! Members that the previous run knew and that this one has not seen yet.
//!
//! Those that had failed are *recalled* at once: they are listed as failed, as they were before, and an event
//! tells it. Those that were alive are expected back for a minute, and then they have failed, too. Unlike
//! Go, which lists neither, so that after a restart of all nodes nobody knows who is missing. A recalled
//! member is one like any other that failed, but it has no tags, which the snapshot does not tell; and
//! others do not hear of it from us, because we know nothing that is newer than what they know. It has been
//! gone for as long as earlier runs saw it gone, or else a node that is started again each day would list it
//! for ever.

use std::time::{Duration, Instant};

use crate::api::{Event, Member, MemberChange, MemberEvent, Node, RejoinDone, Status, Tags};
use crate::machinery::{Cx, Key};
use crate::memberlist::RejoinDelegate;
use crate::serf::Serf;
use crate::serf::members::state::MemberState;
use crate::snapshot::{Fate, Peer, Record};

/// For how long after the start the members that were alive are expected back.
const EXPECTED_FOR: Duration = Duration::from_secs(60);

impl RejoinDelegate for Serf {
    fn on_rejoin_done(&mut self, cx: &mut Cx<'_>, done: RejoinDone) {
        tracing::info!(target: "serfer::join", reached = ?done.reached, tried = done.tried, "rejoined");
        cx.emit(Event::RejoinDone(done));
    }

    fn missing(&self, cx: &mut Cx<'_>, count: usize) -> Vec<Node> {
        let recalled = self.departures.recalled.iter().map(|&key| &self.members[key].member.node);
        let mut nodes: Vec<Node> = recalled.cloned().collect();
        nodes.extend(self.missing.iter().map(|(name, peer)| node(cx, name, peer)));
        nodes.retain(|node| node.addr() != cx.params.advertise);
        // Any of them, so that a few that are there are found among many that are not.
        for place in 0..count.min(nodes.len()) {
            let other = place + cx.rng.index(nodes.len() - place);
            nodes.swap(place, other);
        }
        nodes.truncate(count);
        nodes
    }

    /// Not if it left, was made to leave, or is back at another address. A node that we do not know
    /// was either forgotten because it had been gone for too long, and may come back, or it was
    /// pruned, and must not.
    fn wants_back(&self, cx: &Cx<'_>, node: &Node, since: Instant) -> bool {
        match self.members.find(node.name()) {
            Some(key) => self.members[key].member.status == Status::Failed,
            None if self.missing.contains_key(node.name()) => true,
            None => {
                let member = Member { node: node.clone(), status: Status::Failed };
                let settings = &cx.params.members;
                cx.now > since + cx.params.timeout_of(&member, settings.reconnect_timeout)
            }
        }
    }
}

impl Serf {
    /// Recalls the members that had failed, and begins to expect those that were alive. Returns these,
    /// without our own address.
    pub(crate) fn expect_missing(&mut self, cx: &mut Cx<'_>) -> Vec<Node> {
        for key in self.recall(cx, Fate::Failed) {
            let member = self.members[key].member.clone();
            tracing::info!(target: "serfer::members", name = member.name(), addr = %member.addr(), "had failed, as the snapshot says");
            let change = MemberChange::Failed;
            self.emit(cx, Event::Member(MemberEvent { change, members: [member].into() }));
        }
        self.arm_reap(cx);
        let alive = self.missing.iter().filter(|(_, peer)| peer.fate == Fate::Alive);
        let alive = alive.filter(|(_, peer)| peer.addr != cx.params.advertise);
        alive.map(|(name, peer)| node(cx, name, peer)).collect()
    }

    /// The members that were alive, and that are not back after all this time, have failed.
    pub(crate) fn fail_missing(&mut self, cx: &mut Cx<'_>) {
        if !self.missing.is_empty() && u64::from(cx.uptime()) >= EXPECTED_FOR.as_secs() {
            for key in self.recall(cx, Fate::Alive) {
                self.emit_member(cx, MemberChange::Failed, key);
            }
        }
    }

    /// Lists missing members as failed, as long as there is room.
    fn recall(&mut self, cx: &mut Cx<'_>, fate: Fate) -> Vec<Key> {
        let room = cx.params.limits.members.saturating_sub(self.members.len());
        let missing = self.missing.iter().filter(|(_, peer)| peer.fate == fate).take(room);
        let nodes: Vec<_> = missing.map(|(name, peer)| (node(cx, name, peer), *peer)).collect();
        let uptime = self.snapshotter.as_ref().map_or(0, |it| it.uptime_before);
        let recall = |(node, peer): (Node, Peer)| {
            self.missing.remove(node.name());
            self.note_new_member(node.name());
            let member = Member { node, status: Status::Failed };
            let key = self.members.insert(MemberState::new(member, 0));
            let before = match peer.fate {
                Fate::Alive => Duration::ZERO,
                Fate::Failed => Duration::from_secs(uptime.saturating_sub(peer.since)),
            };
            self.departures.gone.insert(key, cx.now.checked_sub(before).unwrap_or(cx.now));
            self.departures.recalled.insert(key);
            key
        };
        let keys: Vec<Key> = nodes.into_iter().map(recall).collect();
        if !keys.is_empty() {
            self.arm_reconnect(cx);
        }
        keys
    }

    /// A missing member left, or was made to leave: it is not expected any more.
    pub(crate) fn on_missing_left(&mut self, cx: &mut Cx<'_>, name: &str) {
        if self.missing.remove(name).is_some()
            && let Some(it) = &mut self.snapshotter
        {
            it.push(&Record::NotAlive(name));
            cx.snapshot_soon();
        }
    }

    /// Expects the missing members no longer if they have been missing for too long.
    pub(crate) fn give_up_missing(&mut self, cx: &mut Cx<'_>) {
        if let Some(it) = &mut self.snapshotter
            && !self.missing.is_empty()
            && u64::from(cx.uptime()) >= cx.params.members.reconnect_timeout.as_secs()
        {
            let missing = std::mem::take(&mut self.missing);
            missing.keys().for_each(|name| it.push(&Record::Reaped(name)));
            cx.snapshot_soon();
        }
    }
}

/// What a snapshot tells of a member.
fn node(cx: &Cx<'_>, name: &str, peer: &Peer) -> Node {
    let (ip, port) = (peer.addr.ip(), peer.addr.port());
    Node::new(name, ip, port, &Tags::default().encode(), cx.params.versions)
}

//! Push/pull: everything that two nodes know, compared.
//!
//! It is how a node joins, and what mends from time to time whatever gossip has missed. Each side
//! sends all its members, with what the layer above adds, and then believes of the other's what is
//! news to it, as if it had come one by one. Counterpart of Go's `pushPull`, `pushPullNode`,
//! `localState` and `mergeState`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::api::event::{JoinFailure, Replay};
use crate::api::ids::{JoinId, StreamId};
use crate::api::member::{Member, Node, Status, Versions, received_name};
use crate::machinery::context::Cx;
use crate::machinery::stats::DropReason;
use crate::machinery::timers::Timer;
use crate::memberlist::members::list::State;
use crate::memberlist::streams::exchange::write;
use crate::memberlist::{Delegate, Memberlist};
use crate::wire::message::{Alive, Dead, PushNodeState, Suspect, ip_bytes, ip_from_bytes, state};
use crate::wire::msgpack::Text;
use crate::wire::seq::{Seq, SeqBuf};
use crate::wire::stream::{PushPull, Side, StreamMessage};

/// Why everything is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushPullReason {
    Join(JoinId, Replay),
    /// From time to time.
    Periodic,
    /// We start again and come back through somebody whom we knew.
    Recover,
    /// A failed member may be back.
    Reconnect,
    /// Somebody whom we lost may be there.
    Rejoin,
}

impl PushPullReason {
    pub(crate) fn replay(self) -> Option<Replay> {
        match self {
            Self::Join(_, replay) => Some(replay),
            Self::Recover | Self::Reconnect | Self::Rejoin => Some(Replay::Deliver),
            Self::Periodic => None,
        }
    }
}

impl Memberlist {
    /// Time to compare everything with somebody.
    pub(crate) fn on_push_pull_tick(&mut self, cx: &mut Cx<'_>, due: Instant) {
        let Some(interval) = cx.params.push_pull_interval else {
            return;
        };
        if self.members.live_others() == 0 {
            return;
        }
        let interval = push_pull_interval(interval, self.members.len());
        let next = crate::memberlist::next_tick(due, interval, cx.now);
        cx.timers.set(Timer::PushPull, next);
        self.picked.clear();
        self.members.pick(cx.rng, 1, State::Alive, None, &mut self.picked);
        if let Some(&key) = self.picked.first() {
            let to = self.members[key].node.addr();
            self.dial_push_pull(cx, to, PushPullReason::Periodic);
        }
    }

    /// Tries a member that failed.
    pub(crate) fn reconnect(&mut self, cx: &mut Cx<'_>, addr: SocketAddr) {
        self.dial_push_pull(cx, addr, PushPullReason::Reconnect);
    }

    /// Sends everything we know.
    pub(crate) fn write_local_state<D: Delegate>(
        &self,
        cx: &mut Cx<'_>,
        up: &D,
        stream: StreamId,
        side: Side,
        join: bool,
    ) {
        let mut nodes = SeqBuf::default();
        for peer in self.members.iter() {
            let node = &peer.node;
            nodes.push(&PushNodeState {
                addr: &ip_bytes(node.ip),
                incarnation: peer.incarnation.number(),
                meta: &node.meta,
                name: Text(node.name.as_bytes()),
                port: node.port,
                state: match peer.state() {
                    State::Alive => state::ALIVE,
                    State::Suspect => state::SUSPECT,
                    State::Dead => state::DEAD,
                    State::Left => state::LEFT,
                },
                versions: &node.versions.to_bytes(),
            });
        }
        let mut user_state = Vec::new();
        up.local_state(&mut user_state);
        let state = PushPull { join, nodes: nodes.as_seq(), user_state: &user_state };
        write(cx, stream, side, &StreamMessage::PushPull(state));
    }

    /// Believes what another node says; `join` is set if one of us is joining the other.
    pub(crate) fn merge<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        from: SocketAddr,
        join: Option<Replay>,
        theirs: &PushPull<'_>,
    ) -> Result<(), JoinFailure> {
        if let (Some(_), Err(why)) = (join, accept_merge(cx, theirs.nodes)) {
            cx.dropped(DropReason::Vetoed, from, &why);
            return Err(JoinFailure::Vetoed(why));
        }
        let any_fits = self.merge_nodes(cx, up, from, theirs.nodes);
        if !theirs.user_state.is_empty() {
            up.on_remote_state(cx, from, join, theirs.user_state);
        }
        if any_fits {
            Ok(())
        } else {
            let why =
                "none of its members has a name, an address and protocol versions that we can take";
            Err(JoinFailure::Unusable(why.to_owned()))
        }
    }

    /// Believes what is said of each member; tells whether we can be with any of them.
    fn merge_nodes<'a, D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        from: SocketAddr,
        nodes: Seq<'a, PushNodeState<'a>>,
    ) -> bool {
        let mut any_fits = false;
        for node in nodes.iter() {
            match node.state {
                state::ALIVE => {
                    let alive = Alive {
                        addr: node.addr,
                        incarnation: node.incarnation,
                        meta: node.meta,
                        node: node.name,
                        port: node.port,
                        versions: node.versions,
                    };
                    any_fits |= self.on_alive(cx, up, from, &alive);
                }
                state::LEFT => {
                    let dead =
                        Dead { from: node.name, incarnation: node.incarnation, node: node.name };
                    self.on_dead(cx, up, from, &dead);
                }
                // The dead are only suspected, so that they can object.
                state::DEAD | state::SUSPECT => {
                    let me = cx.params.name.clone();
                    let suspect = Suspect {
                        from: Text(me.as_bytes()),
                        incarnation: node.incarnation,
                        node: node.name,
                    };
                    self.on_suspect(cx, from, &suspect);
                }
                _ => {}
            }
        }
        any_fits
    }
}

/// Asks the application whether it wants to be one cluster with these.
fn accept_merge<'a>(cx: &Cx<'_>, nodes: Seq<'a, PushNodeState<'a>>) -> Result<(), String> {
    for node in nodes.iter() {
        let name = node.name.to_string_lossy();
        cx.params.check_received(&name).map_err(|problem| format!("name {name:?} {problem}"))?;
    }
    let Some(accept) = &cx.params.questions.accept_merge else {
        return Ok(());
    };
    let members: Vec<Member> = nodes.iter().filter_map(|node| member(cx, &node)).collect();
    accept(&members)
}

/// What a push/pull says of a member, unless that makes no sense.
fn member(cx: &Cx<'_>, node: &PushNodeState<'_>) -> Option<Member> {
    let status = match node.state {
        state::DEAD => Status::Failed,
        state::LEFT => Status::Left,
        _ => Status::Alive,
    };
    let node = Node {
        name: received_name(node.name)?.into(),
        ip: ip_from_bytes(node.addr)?,
        port: cx.params.port(node.port),
        meta: node.meta.into(),
        versions: Versions::from_bytes(node.versions)?,
    };
    Some(Member { node: Arc::new(node), status })
}

/// Comparing everything costs more in a larger cluster, so it happens less often there: Go's
/// `pushPullScale`.
fn push_pull_interval(interval: Duration, members: usize) -> Duration {
    const SCALE_FROM: usize = 32;
    if members <= SCALE_FROM {
        return interval;
    }
    // The ceiling of log2(members / 32), in whole numbers.
    let doublings = usize::BITS - ((members - 1) / SCALE_FROM).leading_zeros();
    interval * (doublings + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_clusters_compare_everything_less_often() {
        let second = Duration::from_secs(1);
        let expected = [(1, 1), (32, 1), (33, 2), (64, 2), (65, 3), (128, 3), (129, 4), (256, 4)];
        for (members, seconds) in expected {
            let interval = push_pull_interval(second, members);
            assert_eq!(interval.as_secs(), seconds, "{members} members");
        }
    }
}

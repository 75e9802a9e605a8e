//! Push/pull: two nodes compare everything that they know.
//!
//! It is how a node joins, and it repairs from time to time what gossip has missed. Each side sends all
//! its members, with what the layer above adds, and then handles what is new in the other's list as if
//! it had come in single messages. Counterpart of Go's `pushPull`, `pushPullNode`, `localState` and
//! `mergeState`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::api::{JoinFailure, Member, Node, Replay, Status, StreamId, Versions, received_name};
use crate::machinery::{Cx, DropReason, Timer};
use crate::memberlist::members::swim_member::SwimState;
use crate::memberlist::streams::exchange::PushPullReason;
use crate::memberlist::{Delegate, Memberlist, next_tick};
use crate::wire::message::{Alive, Dead, PushNodeState, Suspect, ip_bytes, ip_from_bytes, state};
use crate::wire::msgpack::Text;
use crate::wire::seq::{Seq, SeqBuf};
use crate::wire::stream::{PushPull, Side, StreamMessage};

impl<D: Delegate> Memberlist<D> {
    /// The next periodic push/pull is due.
    pub(crate) fn on_push_pull_tick(&mut self, cx: &mut Cx<'_>, due: Instant) {
        let Some(interval) = cx.params.push_pull_interval else {
            return;
        };
        if self.members.live_others() == 0 {
            return;
        }
        let interval = push_pull_interval(interval, self.members.len());
        cx.timers.set(Timer::PushPull, next_tick(due, interval, cx.now));
        self.members.pick(cx.rng, 1, SwimState::Alive, None, &mut self.picked);
        self.note_quiet_tick(cx);
        if let Some(&key) = self.picked.first() {
            let to = self.members[key].node.addr();
            self.dial_push_pull(cx, to, PushPullReason::Periodic);
        }
    }

    /// Sends everything we know.
    pub(crate) fn write_local_state(
        &self,
        cx: &mut Cx<'_>,
        up: &D,
        stream: StreamId,
        side: Side,
        join: bool,
    ) {
        let mut nodes = SeqBuf::default();
        for (_, member) in self.members.iter() {
            let node = &member.node;
            nodes.push(&PushNodeState {
                addr: &ip_bytes(node.ip),
                incarnation: member.incarnation.number(),
                meta: &node.meta,
                name: Text(node.name.as_bytes()),
                port: node.port,
                state: match member.state() {
                    SwimState::Alive => state::ALIVE,
                    SwimState::Suspect => state::SUSPECT,
                    SwimState::Dead => state::DEAD,
                    SwimState::Left => state::LEFT,
                },
                versions: &node.versions.to_bytes(),
            });
        }
        let mut user_state = Vec::new();
        up.local_state(&mut user_state);
        let state = PushPull { join, nodes: nodes.as_seq(), user_state: &user_state };
        cx.write_stream(stream, side, &StreamMessage::PushPull(state));
    }

    /// Merges what another node knows; `join` is set if one of us is joining the other.
    pub(crate) fn merge(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        join: Option<Replay>,
        theirs: &PushPull<'_>,
    ) -> Result<(), JoinFailure> {
        if let (Some(_), Err(why)) = (join, accept_merge(cx, theirs.nodes)) {
            cx.dropped(DropReason::Vetoed, &why);
            return Err(JoinFailure::Vetoed(why));
        }
        let mut any_fits = false;
        for node in theirs.nodes.iter() {
            any_fits |= self.merge_node(cx, up, &node);
        }
        if !theirs.user_state.is_empty() {
            up.on_remote_state(cx, join, theirs.user_state);
        }
        if any_fits {
            Ok(())
        } else {
            let why =
                "none of its members has a name, an address and protocol versions that we can take";
            Err(JoinFailure::Unusable(why.to_owned()))
        }
    }

    /// Handles what another node knows of a member. Returns whether it is alive and could be our member.
    fn merge_node(&mut self, cx: &mut Cx<'_>, up: &mut D, theirs: &PushNodeState<'_>) -> bool {
        let &PushNodeState { addr, incarnation, meta, name: node, port, state, versions } = theirs;
        match state {
            state::ALIVE => {
                let alive = Alive { addr, incarnation, meta, node, port, versions };
                return self.on_alive(cx, up, &alive);
            }
            state::LEFT => self.on_dead(cx, up, &Dead { from: node, incarnation, node }),
            // The dead are only suspected, so that they can refute.
            state::DEAD | state::SUSPECT => {
                let me = Text(cx.params.name.as_bytes());
                self.on_suspect(cx, up, &Suspect { from: me, incarnation, node });
            }
            _ => {}
        }
        false
    }
}

/// Asks the application whether it wants to be one cluster with these.
fn accept_merge<'a>(cx: &Cx<'_>, nodes: Seq<'a, PushNodeState<'a>>) -> Result<(), String> {
    for node in nodes.iter() {
        let name = node.name.to_string_lossy();
        cx.params.check_received(&name).map_err(|problem| format!("name {name:?} {problem}"))?;
    }
    let Some(accept) = &cx.params.callbacks.accept_merge else {
        return Ok(());
    };
    let members: Vec<Member> = nodes.iter().filter_map(|node| member(cx, &node)).collect();
    accept(&members)
}

/// A member of a push/pull as the application sees it, unless it is invalid.
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

/// A push/pull costs more in a larger cluster, so there are fewer of them there: Go's `pushPullScale`.
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
    fn larger_clusters_have_fewer_push_pulls() {
        let second = Duration::from_secs(1);
        let expected = [(1, 1), (32, 1), (33, 2), (64, 2), (65, 3), (128, 3), (129, 4), (256, 4)];
        for (members, seconds) in expected {
            let interval = push_pull_interval(second, members);
            assert_eq!(interval.as_secs(), seconds, "{members} members");
        }
    }
}

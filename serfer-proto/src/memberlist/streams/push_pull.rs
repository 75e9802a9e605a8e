//! Push/pull: two nodes compare everything that they know.
//!
//! It is how a node joins, and it repairs from time to time what gossip has missed. Each side sends all
//! its members, with what the layer above adds, and then handles what is new in the other's list as if
//! it had come in single messages. Counterpart of Go's `pushPull`, `pushPullNode` and `mergeState`.

use std::time::{Duration, Instant};

use crate::api::{Member, Node, Status, Versions, received_name};
use crate::machinery::{Cx, Timer};
use crate::memberlist::members::swim_member::SwimState;
use crate::memberlist::streams::exchange::PushPullReason;
use crate::memberlist::{Delegate, Memberlist, next_tick};
use crate::wire::message::{Dead, PushNodeState, Suspect, ip_from_bytes, state};
use crate::wire::msgpack::Text;

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
        if self.long_push_pulls.has_answers() {
            // The last one is not done yet. One more would only take memory.
            return;
        }
        self.members.pick(cx.rng, 1, SwimState::Alive, None, &mut self.picked);
        self.note_quiet_tick(cx);
        if let Some(&key) = self.picked.first() {
            let to = self.members[key].node.addr();
            self.dial_push_pull(cx, to, PushPullReason::Periodic);
        }
    }

    /// Handles what another node knows of a member. Returns whether it is alive and could be our member.
    pub(crate) fn merge_node(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        theirs: &PushNodeState<'_>,
    ) -> bool {
        let &PushNodeState { incarnation, name: node, state, .. } = theirs;
        match state {
            state::ALIVE => return self.on_alive(cx, up, &theirs.alive()),
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

/// A member of a push/pull as the application sees it, unless it is invalid.
pub(crate) fn member(cx: &Cx<'_>, node: &PushNodeState<'_>) -> Option<Member> {
    let status = match node.state {
        state::DEAD => Status::Failed,
        state::LEFT => Status::Left,
        _ => Status::Alive,
    };
    let node = Node::new(
        received_name(node.name)?,
        ip_from_bytes(node.addr)?,
        cx.params.port(node.port),
        node.meta,
        Versions::from_bytes(node.versions)?,
    );
    Some(Member { node, status })
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

//! Our own address changes while we run.
//!
//! Nobody believes a living member that it is at another address: that is a name conflict, in Go as here. Nor
//! does Go believe one that it holds for dead, until it has forgotten it. So we do it in four steps, each of
//! which has time to spread: we are alive at our old address, which ends suspicions and deaths; we mean to
//! leave, or else our farewell, which does not come from our old address, would be no more than hearsay; we
//! leave, which frees our name; we are alive at our new address, and mean to stay. Others see us leave, and
//! come back a second later.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::api::Node;
use crate::machinery::{Cx, Timer};
use crate::memberlist::gossip::queue::BroadcastKind;
use crate::memberlist::gossip::transmit::transmit_limit;
use crate::memberlist::members::messages;
use crate::memberlist::members::swim_member::SwimState;
use crate::memberlist::{Delegate, Memberlist};

/// How many of our former addresses are remembered.
const FORMER_MAX: usize = 8;

#[derive(Debug, Default)]
pub(crate) struct Relocation {
    step: Step,
    /// Where we were, the latest last. What others still say about us there is old, and no conflict.
    former: VecDeque<SocketAddr>,
}

/// What spreads at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Settled,
    /// That we are alive at our old address.
    Alive,
    /// That we mean to leave.
    Intent,
    /// That we leave.
    Farewell,
}

impl Relocation {
    fn add_former(&mut self, addr: SocketAddr) {
        self.former.retain(|former| *former != addr);
        if self.former.len() >= FORMER_MAX {
            self.former.pop_front();
        }
        self.former.push_back(addr);
    }

    pub(crate) fn was_at(&self, addr: SocketAddr) -> bool {
        self.former.contains(&addr)
    }

    /// Nothing must replace the farewell that spreads.
    pub(crate) fn says_farewell(&self) -> bool {
        self.step == Step::Farewell
    }
}

impl<D: Delegate> Memberlist<D> {
    /// Others are to reach us at the address of the parameters from now on, and no more at `old`.
    pub(crate) fn relocate(&mut self, cx: &mut Cx<'_>, up: &mut D, old: SocketAddr) {
        if self.leaving {
            return;
        }
        self.relocation.add_former(old);
        cx.stats.moves += 1;
        tracing::info!(target: "serfer::members", %old, new = %cx.params.advertise, "our address changes");
        if self.members.live_others() == 0 {
            return self.settle(cx, up);
        }
        if let Some(me) = self.members.me() {
            self.members.set_state(me, SwimState::Alive, cx.now);
        }
        self.raise_incarnation(cx, 0);
        self.relocation.step = Step::Alive;
        self.broadcast_alive_me(cx);
        self.wait_to_relocate(cx);
    }

    /// What was said last has spread.
    pub(crate) fn on_relocation_tick(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        let Some(me) = self.members.me().filter(|_| !self.leaving) else {
            return;
        };
        match self.relocation.step {
            Step::Alive => {
                self.relocation.step = Step::Intent;
                up.on_moving(cx);
            }
            Step::Intent => {
                self.relocation.step = Step::Farewell;
                // Push/pulls say the same.
                self.members.set_state(me, SwimState::Left, cx.now);
                let node = self.members[me].node.clone();
                let farewell = messages::dead(node.name(), self.incarnation(), node.name_text());
                self.broadcast(cx, me, &farewell, BroadcastKind::Plain);
            }
            Step::Settled | Step::Farewell => return self.settle(cx, up),
        }
        self.wait_to_relocate(cx);
    }

    /// Says that we are alive at our new address.
    fn settle(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        self.relocation.step = Step::Settled;
        let Some(me) = self.members.me() else {
            return;
        };
        self.members.set_state(me, SwimState::Alive, cx.now);
        let (new, old) = (cx.params.advertise, &self.members[me].node);
        let node = Node::new(old.name(), new.ip(), new.port(), old.meta(), old.versions());
        self.members.set_node(me, node.clone());
        self.raise_incarnation(cx, 0);
        self.broadcast_alive_me(cx);
        up.on_update(cx, &node);
        up.on_moved(cx);
    }

    fn wait_to_relocate(&self, cx: &mut Cx<'_>) {
        let ticks = transmit_limit(&cx.params.gossip, self.members.len()) + 1;
        cx.timers.set(Timer::Relocation, cx.now + cx.params.gossip.interval * ticks);
    }
}

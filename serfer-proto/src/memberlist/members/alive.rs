//! Alive messages: a node is there, and says who it is.
//!
//! What a member says about itself carries an incarnation. Only a higher one replaces what is known.
//! Counterpart of Go's `aliveNode` and `setAlive`.

use std::net::{IpAddr, SocketAddr};

use crate::api::incarnation;
use crate::api::incarnation::Incarnation;
use crate::api::{Member, Node, Status, Versions, received_name};
use crate::config::params::Params;
use crate::machinery::{Cx, DropReason, Key, Timer};
use crate::memberlist::gossip::queue::BroadcastKind;
use crate::memberlist::members::list::SwimMembers;
use crate::memberlist::members::messages::with_alive;
use crate::memberlist::members::swim_member::SwimState;
use crate::memberlist::{Delegate, Memberlist};
use crate::wire::message::{Alive, PushNodeState, ip_from_bytes, state};
use crate::wire::msgpack::Text;

/// What an [`Alive`] says, once it has been checked.
pub(crate) struct CheckedAlive<'a> {
    name: CheckedName<'a>,
    ip: IpAddr,
    port: u16,
    meta: &'a [u8],
    versions: Versions,
    pub(crate) incarnation: u32,
}

/// A name that has been checked, now or when a node was made of it.
#[derive(Clone, Copy)]
enum CheckedName<'a> {
    New(&'a str),
    Of(&'a Node),
}

impl<'a> CheckedAlive<'a> {
    pub(crate) fn of(node: &'a Node, incarnation: u32) -> Self {
        Self {
            name: CheckedName::Of(node),
            ip: node.ip(),
            port: node.port(),
            meta: node.meta(),
            versions: node.versions(),
            incarnation,
        }
    }

    pub(crate) fn node(&self) -> Node {
        Node::new(self.name(), self.ip, self.port, self.meta, self.versions)
    }

    fn name(&self) -> &'a str {
        match self.name {
            CheckedName::New(name) => name,
            CheckedName::Of(node) => node.name(),
        }
    }

    fn is_at(&self, node: &Node) -> bool {
        (self.ip, self.port) == (node.ip(), node.port())
    }

    /// Whether the node says this itself, as far as its address tells.
    fn is_own_word(&self, from: SocketAddr) -> bool {
        from == SocketAddr::new(self.ip, self.port)
    }

    fn is_same(&self, node: &Node) -> bool {
        self.is_at(node) && *self.meta == *node.meta() && self.versions == node.versions()
    }
}

impl<D: Delegate> Memberlist<D> {
    /// Makes ourselves a member, or announces our new tags.
    pub(crate) fn announce(&mut self, cx: &mut Cx<'_>, up: &mut D, meta: &[u8]) {
        // While we move, others still know us at our old address.
        let addr = self.members.me().map(|me| self.members[me].node.addr());
        let addr = addr.unwrap_or(cx.params.advertise);
        let (ip, port, versions) = (addr.ip(), addr.port(), cx.params.versions);
        let node = Node::new(&cx.params.name, ip, port, meta, versions);
        if let Some(me) = self.members.me() {
            let changed = self.members[me].node.meta() != node.meta();
            self.members.set_node(me, node.clone());
            self.raise_incarnation(cx, 0);
            if changed {
                up.on_update(cx, &node);
            }
        } else {
            let incarnation = Incarnation::new(cx.params.incarnation + 1, cx.uptime());
            self.members.insert_me(node.clone(), incarnation);
            up.on_join(cx, &node);
        }
        self.broadcast_alive_me(cx);
    }

    /// A message says that a node is alive. Returns whether the node could be a member.
    pub(crate) fn on_alive(&mut self, cx: &mut Cx<'_>, up: &mut D, alive: &Alive<'_>) -> bool {
        let found = self.members.find_text(alive.node);
        if found.is_some_and(|key| is_known_of(&self.members, cx.params, key, alive)) {
            return true;
        }
        let known = found.map(|key| self.members[key].node.clone());
        let alive = match check(cx, alive, known.as_ref()) {
            Ok(alive) => alive,
            Err(reason) => {
                cx.dropped(reason, &"alive");
                return false;
            }
        };
        match found {
            None => self.on_alive_unknown(cx, up, &alive),
            me if me == self.members.me() => self.on_alive_me(cx, up, &alive),
            Some(key) => self.on_alive_known(cx, up, key, &alive),
        }
        true
    }

    fn on_alive_unknown(&mut self, cx: &mut Cx<'_>, up: &mut D, alive: &CheckedAlive<'_>) {
        let is_full = self.members.len() >= cx.params.limits.members;
        if is_full || !up.has_room_for(cx, alive.name()) {
            return cx.dropped(DropReason::Full, &"too many members");
        }
        if alive.incarnation == 0 {
            // No node starts below 1. Unlike Go, which enters such a member as dead for a while.
            return;
        }
        if !alive.is_own_word(cx.from)
            && let Some(gone_with) = up.gone_with(alive.name())
            && alive.incarnation <= gone_with
        {
            return self.on_return_claim(cx, up, alive, gone_with);
        }
        self.enter(cx, up, alive);
    }

    /// Makes a node a member.
    pub(crate) fn enter(&mut self, cx: &mut Cx<'_>, up: &mut D, alive: &CheckedAlive<'_>) {
        let node = alive.node();
        let incarnation = Incarnation::new(alive.incarnation, cx.uptime());
        let key = self.members.insert(node.clone(), incarnation);
        self.broadcast_alive(cx, key);
        arm_for_others(cx);
        tracing::debug!(target: "serfer::swim", name = %node.name(), addr = %node.addr(), "node joined");
        up.on_join(cx, &node);
        self.suspect_namesakes(cx, key);
    }

    /// Another node says that we are alive: an echo, something old, or something to be refuted.
    fn on_alive_me(&mut self, cx: &mut Cx<'_>, up: &mut D, alive: &CheckedAlive<'_>) {
        let Some(me) = self.members.me().filter(|_| !self.leaving) else {
            return;
        };
        let known = &self.members[me];
        if !alive.is_at(&known.node) {
            let (node, other) = (known.node.clone(), alive.node());
            if self.relocation.was_at(other.addr()) {
                return;
            }
            up.on_conflict(cx, &node, other.addr());
            return self.on_own_name_claimed(cx, other);
        }
        let number = known.incarnation.number();
        let is_echo = alive.incarnation == number && alive.is_same(&known.node);
        let is_in_reach = known.incarnation.reaches(alive.incarnation, cx.uptime());
        self.on_own_name_known();
        if alive.incarnation < number || is_echo {
            return;
        }
        if !is_in_reach {
            return cx.dropped(DropReason::OutOfReach, &"incarnation");
        }
        self.refute(cx, alive.incarnation);
    }

    fn on_alive_known(&mut self, cx: &mut Cx<'_>, up: &mut D, key: Key, alive: &CheckedAlive<'_>) {
        let known = &self.members[key];
        let moved = !alive.is_at(&known.node);
        if alive.incarnation <= known.incarnation.number() && !moved {
            if known.is_gone() {
                self.notify_gone(cx, key);
            } else if alive.incarnation == known.incarnation.number() && !alive.is_same(&known.node)
            {
                self.settle_dispute(cx, key);
            }
        } else if !known.incarnation.reaches(alive.incarnation, cx.uptime()) {
            cx.dropped(DropReason::OutOfReach, &"incarnation");
        } else if moved {
            self.on_address_claim(cx, up, key, alive);
        } else {
            self.apply_alive(cx, up, key, alive);
        }
    }

    /// Believes what a member, or a node that takes over its name, says about itself.
    pub(crate) fn apply_alive(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        key: Key,
        alive: &CheckedAlive<'_>,
    ) {
        let known = &self.members[key];
        let was = known.state();
        let moved = !alive.is_at(&known.node);
        let changed = !alive.is_same(&known.node);
        if changed {
            self.members.set_node(key, alive.node());
        }
        let incarnation = &mut self.members[key].incarnation;
        if moved {
            // Another process, which counts from its own start.
            *incarnation = Incarnation::new(alive.incarnation, cx.uptime());
        } else {
            incarnation.raise(alive.incarnation, cx.uptime());
        }
        if was != SwimState::Alive {
            self.clear_suspicion(cx, key);
            self.members.set_state(key, SwimState::Alive, cx.now);
            arm_for_others(cx);
        }
        self.broadcast_alive(cx, key);
        let node = self.members[key].node.clone();
        if was >= SwimState::Dead {
            self.arm_forget(cx);
            tracing::debug!(target: "serfer::swim", name = %node.name(), addr = %node.addr(), "node is back");
            up.on_join(cx, &node);
            self.suspect_namesakes(cx, key);
        } else if changed {
            // Unlike Go, which tells of changed tags only, and not of changed versions.
            up.on_update(cx, &node);
            if moved {
                self.suspect_namesakes(cx, key);
            }
        }
    }

    pub(crate) fn broadcast_alive_me(&mut self, cx: &mut Cx<'_>) {
        if let Some(me) = self.members.me()
            && !self.relocation.says_farewell()
        {
            self.broadcast_alive(cx, me);
        }
    }

    fn broadcast_alive(&mut self, cx: &mut Cx<'_>, key: Key) {
        let member = &self.members[key];
        let (node, incarnation) = (member.node.clone(), member.incarnation.number());
        with_alive(&node, incarnation, |alive| {
            self.broadcast(cx, key, alive, BroadcastKind::Plain);
        });
    }
}

/// Whether a push/pull says that a member is alive, and this is [known](is_known_of).
pub(crate) fn is_known(members: &SwimMembers, params: &Params, node: &PushNodeState<'_>) -> bool {
    let found = members.find_text(node.name).filter(|_| node.state == state::ALIVE);
    found.is_some_and(|key| is_known_of(members, params, key, &node.alive()))
}

/// Whether another member that is not gone is known to say this, or something newer. Most messages are such, so
/// this comes before all checks: what is known has passed them, and what is older than that is not used.
fn is_known_of(members: &SwimMembers, params: &Params, key: Key, alive: &Alive<'_>) -> bool {
    let member = &members[key];
    let (node, number) = (&member.node, member.incarnation.number());
    alive.incarnation <= number
        && !member.is_gone()
        && node.has_ip(alive.addr)
        && params.port(alive.port) == node.port()
        && (alive.incarnation < number
            || *alive.meta == *node.meta() && *alive.versions == node.versions().to_bytes())
        && Some(key) != members.me()
}

/// Unlike Go, which stores a node whatever its versions and then refuses whole push/pulls because of
/// it (`verifyProtocol`): such a node is not stored, and the others in its push/pull are.
///
/// If there is a member of this name already, `known`, the name has been checked.
#[inline]
fn check<'a>(
    cx: &Cx<'_>,
    alive: &Alive<'a>,
    known: Option<&'a Node>,
) -> Result<CheckedAlive<'a>, DropReason> {
    let versions = Versions::from_bytes(alive.versions)
        .filter(|versions| versions.fit(cx.params.versions))
        .ok_or(DropReason::Versions)?;
    if alive.meta.len() > cx.params.limits.received_meta_len {
        return Err(DropReason::Oversized);
    }
    if alive.incarnation >= incarnation::END {
        return Err(DropReason::OutOfReach);
    }
    let name = match known {
        Some(node) => CheckedName::Of(node),
        None => CheckedName::New(checked_name(cx, alive.node).ok_or(DropReason::Name)?),
    };
    let alive = CheckedAlive {
        name,
        ip: ip_from_bytes(alive.addr).ok_or(DropReason::Address)?,
        port: cx.params.port(alive.port),
        meta: alive.meta,
        versions,
        incarnation: alive.incarnation,
    };
    if !cx.params.allows(alive.ip) {
        return Err(DropReason::Network);
    }
    if let Some(accept) = &cx.params.callbacks.accept_member
        && alive.name() != &*cx.params.name
    {
        let member = Member { node: alive.node(), status: Status::Alive };
        accept(&member).map_err(|why| {
            tracing::debug!(target: "serfer::swim", name = alive.name(), why, "not accepted");
            DropReason::Vetoed
        })?;
    }
    Ok(alive)
}

fn checked_name<'a>(cx: &Cx<'_>, name: Text<'a>) -> Option<&'a str> {
    received_name(name).filter(|name| cx.params.check_received(name).is_ok())
}

/// There is another member now: starts what needs one.
fn arm_for_others(cx: &mut Cx<'_>) {
    // What was queued while we were alone can be sent now.
    cx.news_soon(0);
    if !cx.timers.is_set(Timer::Probe) {
        let stagger = cx.rng.duration(cx.params.probe.interval);
        cx.timers.set(Timer::Probe, cx.now + stagger);
    }
    if let Some(interval) = cx.params.push_pull_interval
        && !cx.timers.is_set(Timer::PushPull)
    {
        let stagger = cx.rng.duration(interval);
        cx.timers.set(Timer::PushPull, cx.now + stagger + interval);
    }
}

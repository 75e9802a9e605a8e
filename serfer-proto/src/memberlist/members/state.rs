//! Who wins: what a message about a member changes.
//!
//! A member's word about itself carries an incarnation, and only a higher one beats what is known;
//! an accusation carries the incarnation it accuses, and whoever is accused answers with a higher
//! one. Counterpart of Go's `aliveNode`, `suspectNode`, `deadNode` and `refute`.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::api::incarnation;
use crate::api::incarnation::Incarnation;
use crate::api::member::{Member, Node, Status, Versions, received_name};
use crate::machinery::context::Cx;
use crate::machinery::stats::DropReason;
use crate::machinery::table::Key;
use crate::machinery::timers::Timer;
use crate::memberlist::gossip::broadcast::Kind;
use crate::memberlist::members::list::State;
use crate::memberlist::members::suspicion;
use crate::memberlist::members::suspicion::Terms;
use crate::memberlist::{Delegate, Memberlist};
use crate::wire::message::{Alive, Dead, Message, Suspect, ip_bytes, ip_from_bytes};
use crate::wire::msgpack::Text;

/// An [`Alive`] that has been found to make sense.
pub(crate) struct News<'a> {
    name: &'a str,
    ip: std::net::IpAddr,
    port: u16,
    meta: &'a [u8],
    versions: Versions,
    pub(crate) incarnation: u32,
}

impl<'a> News<'a> {
    pub(crate) fn of(node: &'a Node, incarnation: u32) -> Self {
        Self {
            name: &node.name,
            ip: node.ip,
            port: node.port,
            meta: &node.meta,
            versions: node.versions,
            incarnation,
        }
    }

    pub(crate) fn node(&self) -> Arc<Node> {
        Arc::new(Node {
            name: self.name.into(),
            ip: self.ip,
            port: self.port,
            meta: self.meta.into(),
            versions: self.versions,
        })
    }

    fn is_at(&self, node: &Node) -> bool {
        (self.ip, self.port) == (node.ip, node.port)
    }

    fn is_same(&self, node: &Node) -> bool {
        self.is_at(node) && *self.meta == *node.meta && self.versions == node.versions
    }
}

impl Memberlist {
    /// Makes ourselves a member, or says something new about ourselves.
    pub(crate) fn announce<D: Delegate>(&mut self, cx: &mut Cx<'_>, up: &mut D, meta: &[u8]) {
        let node = Arc::new(Node {
            name: cx.params.name.clone(),
            ip: cx.params.advertise.ip(),
            port: cx.params.advertise.port(),
            meta: meta.into(),
            versions: cx.params.versions,
        });
        if let Some(me) = self.members.me() {
            let is_news = self.members[me].node.meta != node.meta;
            self.members.set_node(me, node.clone());
            self.raise_me(cx, 0);
            if is_news {
                up.on_update(cx, &node);
            }
        } else {
            let incarnation = Incarnation::new(cx.params.incarnation + 1, cx.uptime());
            self.members.insert_me(node.clone(), incarnation);
            up.on_join(cx, &node);
        }
        self.broadcast_alive_me(cx);
    }

    /// Somebody says that a node is there; tells whether it is one that we can be with.
    pub(crate) fn on_alive<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        from: SocketAddr,
        alive: &Alive<'_>,
    ) -> bool {
        let news = match self.check(cx, alive) {
            Ok(news) => news,
            Err(reason) => {
                cx.dropped(reason, from, &"alive");
                return false;
            }
        };
        match self.members.find(news.name) {
            None => self.on_alive_unknown(cx, up, from, &news),
            Some(key) if Some(key) == self.members.me() => {
                self.on_alive_me(cx, up, from, key, &news);
            }
            Some(key) => self.on_alive_known(cx, up, from, key, &news),
        }
        true
    }

    /// Unlike Go, which stores a node whatever its versions and then refuses whole push/pulls on its
    /// account (`verifyProtocol`): such a node is not stored, and the others in its push/pull are.
    fn check<'a>(&self, cx: &Cx<'_>, alive: &Alive<'a>) -> Result<News<'a>, DropReason> {
        let versions = Versions::from_bytes(alive.versions)
            .filter(|versions| versions.fit(cx.params.versions))
            .ok_or(DropReason::Versions)?;
        if alive.meta.len() > cx.params.limits.received_meta_len {
            return Err(DropReason::Oversized);
        }
        let news = News {
            name: received_name(alive.node).ok_or(DropReason::Name)?,
            ip: ip_from_bytes(alive.addr).ok_or(DropReason::Address)?,
            port: cx.params.port(alive.port),
            meta: alive.meta,
            versions,
            incarnation: alive.incarnation,
        };
        cx.params.check_received(news.name).map_err(|_| DropReason::Name)?;
        if !cx.params.allows(news.ip) {
            return Err(DropReason::Network);
        }
        if let Some(accept) = &cx.params.questions.accept_member
            && *news.name != *cx.params.name
        {
            let member = Member { node: news.node(), status: Status::Alive };
            accept(&member).map_err(|why| {
                tracing::debug!(target: "serfer::swim", name = news.name, why, "not accepted");
                DropReason::Vetoed
            })?;
        }
        Ok(news)
    }

    fn on_alive_unknown<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        from: SocketAddr,
        news: &News<'_>,
    ) {
        let is_full = self.members.len() >= cx.params.limits.members;
        if is_full || !up.has_room_for(cx, news.name) {
            return cx.dropped(DropReason::Full, from, &"too many members");
        }
        if news.incarnation >= incarnation::END {
            return cx.dropped(DropReason::OutOfReach, from, &"incarnation");
        }
        if news.incarnation == 0 {
            // No node starts below 1. Unlike Go, which enters such a member as dead for a while.
            return;
        }
        let node = news.node();
        let incarnation = Incarnation::new(news.incarnation, cx.uptime());
        let key = self.members.insert(node.clone(), incarnation);
        self.broadcast_alive(cx, key);
        self.arm_for_others(cx);
        tracing::debug!(target: "serfer::swim", name = %node.name, addr = %node.addr(), "node joined");
        up.on_join(cx, &node);
    }

    /// Somebody else's word about us: our own echo, an old one, or one to be denied.
    fn on_alive_me<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        from: SocketAddr,
        me: Key,
        news: &News<'_>,
    ) {
        if self.leaving {
            return;
        }
        let known = &self.members[me];
        if !news.is_at(&known.node) {
            let (node, other) = (known.node.clone(), news.node().addr());
            return up.on_conflict(cx, &node, other);
        }
        let number = known.incarnation.number();
        let is_echo = news.incarnation == number && news.is_same(&known.node);
        if news.incarnation < number || is_echo {
            return;
        }
        if !known.incarnation.reaches(news.incarnation, cx.uptime()) {
            return cx.dropped(DropReason::OutOfReach, from, &"incarnation");
        }
        self.refute(cx, news.incarnation);
    }

    fn on_alive_known<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        from: SocketAddr,
        key: Key,
        news: &News<'_>,
    ) {
        let known = &self.members[key];
        let was = known.state();
        let moved = !news.is_at(&known.node);
        if news.incarnation <= known.incarnation.number() && !moved {
            if was >= State::Dead {
                self.contradict(cx, key);
            }
            return;
        }
        if !known.incarnation.reaches(news.incarnation, cx.uptime()) {
            return cx.dropped(DropReason::OutOfReach, from, &"incarnation");
        }
        if moved {
            self.on_claim(cx, up, from, key, news);
        } else {
            self.take_word(cx, up, key, news);
        }
    }

    /// Believes what a member, or one that takes its name, says about itself.
    pub(crate) fn take_word<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        key: Key,
        news: &News<'_>,
    ) {
        let known = &self.members[key];
        let was = known.state();
        let moved = !news.is_at(&known.node);
        let meta_changed = *known.node.meta != *news.meta;
        if !news.is_same(&known.node) {
            self.members.set_node(key, news.node());
        }
        if moved {
            // Another life, which counts for itself.
            self.members[key].incarnation = Incarnation::new(news.incarnation, cx.uptime());
        } else {
            self.members[key].incarnation.raise(news.incarnation, cx.uptime());
        }
        if was != State::Alive {
            self.clear_suspicion(cx, key);
            self.members.set_state(key, State::Alive, cx.now);
            self.arm_for_others(cx);
        }
        self.broadcast_alive(cx, key);
        let node = self.members[key].node.clone();
        if was >= State::Dead {
            self.arm_forget(cx);
            tracing::debug!(target: "serfer::swim", name = %node.name, addr = %node.addr(), "node is back");
            up.on_join(cx, &node);
        } else if meta_changed {
            up.on_update(cx, &node);
        }
    }

    /// Somebody could not reach a node.
    pub(crate) fn on_suspect(&mut self, cx: &mut Cx<'_>, from: SocketAddr, suspect: &Suspect<'_>) {
        let Some(accusation) = self.check_accusation(cx, from, suspect.node, suspect.incarnation)
        else {
            return;
        };
        let Some(accuser) = received_name(suspect.from) else {
            return cx.dropped(DropReason::Name, from, &"accuser");
        };
        match accusation {
            Accused::Ourselves => self.refute(cx, suspect.incarnation),
            Accused::Other(key) => self.suspect(cx, key, suspect.incarnation, accuser),
        }
    }

    /// Starts or confirms a suspicion.
    pub(crate) fn suspect(&mut self, cx: &mut Cx<'_>, key: Key, incarnation: u32, accuser: &str) {
        if let Some(suspicion) = self.members.suspicion(key) {
            if suspicion.confirm(accuser) {
                cx.timers.set(Timer::Suspicion(key), suspicion.deadline().max(cx.now));
                self.broadcast_suspect(cx, key, incarnation, accuser);
            }
            return;
        }
        let members = self.members.len();
        let peer = &mut self.members[key];
        if peer.state() != State::Alive {
            return;
        }
        peer.incarnation.raise(incarnation, cx.uptime());
        tracing::debug!(target: "serfer::swim", name = %peer.node.name, %accuser, "suspecting");
        let settings = &cx.params.suspicion;
        let min = suspicion::timeout_min(settings.mult, members, cx.params.probe.interval);
        // Nobody else can confirm it where there are too few others.
        let wanted = settings.mult.saturating_sub(2) as usize;
        let wanted = if members.saturating_sub(2) < wanted { 0 } else { wanted };
        let terms = Terms { min, max: min * settings.max_timeout_mult, wanted };
        let deadline = self.members.suspect(key, accuser, terms, cx.now);
        cx.timers.set(Timer::Suspicion(key), deadline);
        cx.stats.suspicions += 1;
        self.broadcast_suspect(cx, key, incarnation, accuser);
    }

    /// A suspect's time is up.
    pub(crate) fn on_suspicion_timeout<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        key: Key,
    ) {
        let Some(peer) = self.members.get(key) else {
            return;
        };
        if peer.state() == State::Suspect {
            let (incarnation, name) = (peer.incarnation.number(), cx.params.name.clone());
            self.bury(cx, up, key, incarnation, &name);
        }
    }

    /// Somebody says that a node is dead, or a node that it leaves.
    pub(crate) fn on_dead<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        from: SocketAddr,
        dead: &Dead<'_>,
    ) {
        match self.check_accusation(cx, from, dead.node, dead.incarnation) {
            None => {}
            Some(Accused::Ourselves) if self.leaving => {}
            Some(Accused::Ourselves) => self.refute(cx, dead.incarnation),
            // A node before serf 0.9.0 leaves with an empty accuser, which counts as dead.
            Some(Accused::Other(key)) => match dead.from.to_str() {
                Some(accuser) if accuser.is_empty() || received_name(dead.from).is_some() => {
                    self.bury(cx, up, key, dead.incarnation, accuser);
                }
                _ => cx.dropped(DropReason::Name, from, &"accuser"),
            },
        }
    }

    /// Marks a member dead, or left if it says so itself.
    fn bury<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        key: Key,
        incarnation: u32,
        accuser: &str,
    ) {
        if self.members[key].is_gone() {
            return;
        }
        self.clear_suspicion(cx, key);
        let node = self.members[key].node.clone();
        let state = if *node.name == *accuser { State::Left } else { State::Dead };
        self.members[key].incarnation.raise(incarnation, cx.uptime());
        self.members.set_state(key, state, cx.now);
        self.arm_forget(cx);
        let dead = Dead { from: accuser.into(), incarnation, node: Text(node.name.as_bytes()) };
        self.broadcast(cx, &Message::Dead(dead), Kind::About(key));
        tracing::debug!(target: "serfer::swim", name = %node.name, ?state, %accuser, "node gone");
        up.on_leave(cx, &node);
        if state == State::Dead && !self.leaving {
            self.keeper.on_dead(cx, &node);
        }
    }

    /// Says farewell. [`Delegate::on_farewell_sent`] follows once it has been sent often enough.
    pub(crate) fn leave<D: Delegate>(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        let Some(me) = self.members.me().filter(|_| !self.leaving) else {
            return;
        };
        self.leaving = true;
        self.joins.cancel(cx, up);
        self.rejoin = crate::memberlist::join::snapshot_rejoin::Rejoin::default();
        self.keeper.clear(cx);
        let node = self.members[me].node.clone();
        self.members.set_state(me, State::Left, cx.now);
        let dead = Dead {
            from: Text(node.name.as_bytes()),
            incarnation: self.incarnation(),
            node: Text(node.name.as_bytes()),
        };
        self.broadcast(cx, &Message::Dead(dead), Kind::FarewellAbout(me));
        up.on_leave(cx, &node);
    }

    /// Whom an accusation concerns: nobody if the accused is unknown or has outbid it already.
    fn check_accusation(
        &mut self,
        cx: &mut Cx<'_>,
        from: SocketAddr,
        accused: Text<'_>,
        incarnation: u32,
    ) -> Option<Accused> {
        let Some(name) = received_name(accused) else {
            cx.dropped(DropReason::Name, from, &"accused");
            return None;
        };
        let key = self.members.find(name)?;
        let known = self.members[key].incarnation;
        if incarnation < known.number() {
            self.pass_answer_on(cx, key, from);
            return None;
        }
        if !known.reaches(incarnation, cx.uptime()) {
            cx.dropped(DropReason::OutOfReach, from, &"incarnation");
            return None;
        }
        Some(if Some(key) == self.members.me() { Accused::Ourselves } else { Accused::Other(key) })
    }

    /// Denies what was said about us by saying something newer.
    fn refute(&mut self, cx: &mut Cx<'_>, accused: u32) {
        if self.leaving {
            return;
        }
        self.raise_me(cx, accused);
        self.awareness.worsen(1);
        cx.stats.refutations += 1;
        tracing::debug!(target: "serfer::swim", incarnation = self.incarnation(), "refuting");
        self.broadcast_alive_me(cx);
    }

    /// Makes our incarnation higher than it was and than `accused`.
    fn raise_me(&mut self, cx: &mut Cx<'_>, accused: u32) {
        if let Some(me) = self.members.me() {
            let number = self.incarnation().max(accused).saturating_add(1);
            self.members[me].incarnation.raise(number, cx.uptime());
            cx.snapshot_soon();
        }
    }

    fn clear_suspicion(&mut self, cx: &mut Cx<'_>, key: Key) {
        if self.members[key].state() == State::Suspect {
            self.members.drop_suspicion(key);
            cx.timers.clear(Timer::Suspicion(key));
        }
    }

    fn broadcast_alive_me(&mut self, cx: &mut Cx<'_>) {
        if let Some(me) = self.members.me() {
            self.broadcast_alive(cx, me);
        }
    }

    fn broadcast_alive(&mut self, cx: &mut Cx<'_>, key: Key) {
        let peer = &self.members[key];
        let (node, incarnation) = (peer.node.clone(), peer.incarnation.number());
        say_alive(&node, incarnation, |alive| self.broadcast(cx, alive, Kind::About(key)));
    }

    fn broadcast_suspect(&mut self, cx: &mut Cx<'_>, key: Key, incarnation: u32, accuser: &str) {
        let node = self.members[key].node.clone();
        let suspect =
            Suspect { from: accuser.into(), incarnation, node: Text(node.name.as_bytes()) };
        self.broadcast(cx, &Message::Suspect(suspect), Kind::About(key));
    }

    /// Starts what only makes sense with others: they are here now.
    fn arm_for_others(&self, cx: &mut Cx<'_>) {
        // Whatever was queued while nobody was there can go out now.
        cx.gossip_soon();
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
}

/// Says that a node is there, in the words that it last used itself.
pub(crate) fn say_alive(node: &Node, incarnation: u32, say: impl FnOnce(&Message<'_>)) {
    say(&Message::Alive(Alive {
        addr: &ip_bytes(node.ip),
        incarnation,
        meta: &node.meta,
        node: Text(node.name.as_bytes()),
        port: node.port,
        versions: &node.versions.to_bytes(),
    }));
}

/// Whom an accusation concerns.
enum Accused {
    Ourselves,
    Other(Key),
}

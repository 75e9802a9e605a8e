//! Which members are live, and which are gone.
//!
//! A member that means to leave is live until it is gone.

use std::net::SocketAddr;

use crate::api::{Member, Status};
use crate::machinery::{Cx, Key};
use crate::serf::Serf;
use crate::serf::members::state::MemberState;

impl Serf {
    /// Whether a member is live.
    pub(crate) fn is_live(&self, member: Key) -> bool {
        !self.departures.gone.contains_key(&member)
    }

    /// How many members are live, ourselves included. Go: memberlist's `NumMembers`.
    pub(crate) fn live_members(&self) -> usize {
        self.members.len() - self.departures.gone.len()
    }

    /// How many other members are live.
    pub(crate) fn live_others(&self, cx: &Cx<'_>) -> usize {
        let me = self.members.find(&cx.params.name);
        self.live_members() - usize::from(me.is_some_and(|me| self.is_live(me)))
    }

    /// Whether another live member has this address.
    pub(crate) fn is_live_other(&self, cx: &Cx<'_>, addr: SocketAddr) -> bool {
        let is_live =
            |it: &MemberState| matches!(it.member.status, Status::Alive | Status::Leaving);
        addr != cx.params.advertise && self.members.any_at(addr, is_live)
    }

    /// Whether any other member is alive.
    pub(crate) fn has_alive_others(&self, cx: &Cx<'_>) -> bool {
        let mut alive = self.members().filter(|member| member.status == Status::Alive);
        self.live_others(cx) > 0 && alive.any(|member| *member.name() != *cx.params.name)
    }

    /// The members that failed, or those that left.
    pub(crate) fn departed(&self, status: Status) -> impl Iterator<Item = &Member> {
        let gone = self.departures.gone.keys().map(|&key| &self.members[key].member);
        gone.filter(move |member| member.status == status)
    }
}

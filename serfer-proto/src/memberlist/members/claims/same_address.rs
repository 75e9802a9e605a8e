//! Another name at the same address.
//!
//! A process has one name, so when a node shows up at the address of a member of another name, that member
//! is not there any more, or this is a lie. So unlike Go, which finds out in its next rounds of probes,
//! the member is suspected at once: if it is there, it refutes that.

use crate::machinery::{Cx, Key};
use crate::memberlist::members::swim_member::SwimState;
use crate::memberlist::{Delegate, Memberlist};

impl<D: Delegate> Memberlist<D> {
    /// A member came, or came back, or moved. Suspects a member of another name at its address.
    pub(crate) fn suspect_namesakes(&mut self, cx: &mut Cx<'_>, new: Key) {
        let addr = self.members[new].node.addr();
        let me = self.members.me();
        let is_other = |key: Key| key != new && Some(key) != me;
        let found = self
            .members
            .first_at(addr, |key, member| is_other(key) && member.state() == SwimState::Alive);
        if let Some(old) = found {
            let incarnation = self.members[old].incarnation.number();
            let me = &cx.params.name;
            self.suspect(cx, old, incarnation, me);
        }
    }
}

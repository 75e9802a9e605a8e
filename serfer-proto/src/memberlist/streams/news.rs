//! What in a push/pull is news to us. In the steady state that is nothing, so nothing is decoded again.

use crate::config::params::Params;
use crate::memberlist::members::alive::is_known;
use crate::memberlist::members::list::SwimMembers;
use crate::wire::message::{PushNodeState, state};

/// The members in a push/pull that have to be merged, in their order.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Where each is in the message.
    places: Vec<u32>,
    /// How many of them are merged.
    merged: usize,
    /// Whether any member is alive and could be one of ours.
    pub(crate) any_fits: bool,
}

impl News {
    /// Notes a member, unless all that is said of it is known.
    pub(crate) fn note(
        &mut self,
        members: &SwimMembers,
        params: &Params,
        node: &PushNodeState<'_>,
        place: usize,
    ) {
        let is_alive = node.state == state::ALIVE;
        if is_alive && is_known(members, params, &node.alive()) {
            self.any_fits = true;
        } else {
            self.places.push(place as u32);
        }
    }

    /// Where the next one to be merged is.
    pub(crate) fn next(&mut self) -> Option<usize> {
        let place = *self.places.get(self.merged)?;
        self.merged += 1;
        Some(place as usize)
    }

    /// How much memory it takes.
    pub(crate) fn memory(&self) -> usize {
        self.places.capacity() * size_of::<u32>()
    }
}

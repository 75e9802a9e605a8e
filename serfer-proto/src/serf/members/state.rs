//! What is known of each member: plain data.
//!
//! Go: `memberState`, `failedMembers` and `leftMembers`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::api::incarnation::Incarnation;
use crate::api::{Member, Node};
use crate::machinery::{Generation, Key, Row};

/// One member, ourselves included.
#[derive(Debug)]
pub(crate) struct MemberState {
    pub(crate) member: Member,
    /// The Lamport time of its last intent.
    pub(crate) status_ltime: u64,
    generation: Generation,
}

impl MemberState {
    pub(crate) fn new(member: Member, status_ltime: u64) -> Self {
        Self { member, status_ltime, generation: Generation::default() }
    }
}

impl Row for MemberState {
    fn node(&self) -> &Node {
        &self.member.node
    }
    fn node_mut(&mut self) -> &mut Node {
        &mut self.member.node
    }
    fn generation(&self) -> Generation {
        self.generation
    }
    fn set_generation(&mut self, generation: Generation) {
        self.generation = generation;
    }
}

/// What concerns only the few members that are gone or about to go, and so is not kept in each member's state.
#[derive(Debug, Default)]
pub(crate) struct Departures {
    /// The members that left or failed, and since when.
    pub(crate) gone: BTreeMap<Key, Instant>,
    /// The incarnation with which memberlist forgot them.
    pub(crate) incarnations: BTreeMap<Key, Incarnation>,
    /// The members that mean to leave and are still there.
    pub(crate) leaving: BTreeSet<Key>,
    /// The members to forget as soon as they are gone.
    pub(crate) to_prune: BTreeSet<Key>,
    /// The failed members that we know from our snapshot only.
    pub(crate) recalled: BTreeSet<Key>,
}

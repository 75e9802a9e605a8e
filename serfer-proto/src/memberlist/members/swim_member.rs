//! One member as SWIM sees it. Counterpart of Go's `nodeState`.

use crate::api::Node;
use crate::api::incarnation::Incarnation;
use crate::machinery::{Generation, Row};
use crate::memberlist::gossip::queue::QueuePlace;

/// What we believe of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SwimState {
    Alive,
    Suspect,
    Dead,
    Left,
}

/// Whether streams to a member work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamHealth {
    Fine,
    /// A push/pull failed. It is repeated when the member answers a datagram.
    Failed,
    /// It has been repeated, and failed again if it is over.
    Repeated,
}

/// One member, ourselves included.
#[derive(Debug)]
pub(crate) struct SwimMember {
    pub(crate) node: Node,
    pub(crate) incarnation: Incarnation,
    /// Our last probe of it failed.
    pub(crate) missed: bool,
    /// How our last push/pull with it went.
    pub(crate) stream_health: StreamHealth,
    /// Where the last message about it was queued.
    pub(crate) queued: QueuePlace,
    generation: Generation,
    pub(super) state: SwimState,
}

impl SwimMember {
    pub(crate) fn alive(node: Node, incarnation: Incarnation) -> Self {
        Self {
            node,
            incarnation,
            missed: false,
            stream_health: StreamHealth::Fine,
            queued: QueuePlace::default(),
            generation: Generation::default(),
            state: SwimState::Alive,
        }
    }

    pub(crate) fn state(&self) -> SwimState {
        self.state
    }

    /// Whether it died or left.
    pub(crate) fn is_gone(&self) -> bool {
        self.state >= SwimState::Dead
    }
}

impl Row for SwimMember {
    fn node(&self) -> &Node {
        &self.node
    }
    fn node_mut(&mut self) -> &mut Node {
        &mut self.node
    }
    fn generation(&self) -> Generation {
        self.generation
    }
    fn set_generation(&mut self, generation: Generation) {
        self.generation = generation;
    }
}

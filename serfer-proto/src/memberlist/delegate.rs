//! What memberlist asks the layer above, and what it tells it. Counterpart of Go's `Delegate`,
//! `EventDelegate`, `ConflictDelegate` and `PingDelegate`.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::api::incarnation::Incarnation;
use crate::api::{JoinDone, Node, RejoinDone, Replay};
use crate::machinery::{Cx, Portion};
use crate::memberlist::gossip::packing::Lane;

/// How a node has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// It said itself that it leaves.
    Left,
    /// Somebody waited for it in vain.
    Died,
}

/// Changes of nodes.
pub(crate) trait EventDelegate {
    /// A node joined, or is back.
    fn on_join(&mut self, cx: &mut Cx<'_>, node: &Node);

    /// A node left or died.
    fn on_leave(&mut self, cx: &mut Cx<'_>, node: &Node, how: Departure);

    /// A node has other tags or versions.
    fn on_update(&mut self, cx: &mut Cx<'_>, node: &Node);

    /// Whether a node has said that it means to leave.
    fn means_to_leave(&self, name: &str) -> bool;

    /// The incarnation with which a node was gone that is only remembered by the layer above. `None` if
    /// it is not remembered, or if it has said since that it means to be a member.
    fn gone_with(&self, name: &str) -> Option<u32>;

    /// A node that is gone is not remembered here any more. It was gone with this incarnation.
    fn on_forgotten(&mut self, name: &str, incarnation: Incarnation);

    /// A node that was forgotten is said to be gone with this incarnation.
    fn note_gone_with(&mut self, cx: &mut Cx<'_>, name: &str, incarnation: u32);

    /// Another node accuses a node that left, so it does not know that.
    fn on_departed_accused(&mut self, cx: &mut Cx<'_>, name: &str);
}

/// What the layer above adds to acks.
pub(crate) trait PingDelegate {
    /// What the layer above adds to our acks.
    fn ack_payload(&self) -> &[u8];

    /// A node itself acked our ping, after `rtt`. Its layer above added `payload` to the ack.
    fn on_ping_done(&mut self, cx: &mut Cx<'_>, node: &Node, rtt: Duration, payload: &[u8]);
}

/// What the layer above adds to push/pulls. A long one is made, and handled, in portions.
pub(crate) trait PushPullDelegate {
    /// How far what is added has been put together.
    type LocalState: Debug + Default;
    /// How far what another node added has been handled.
    type RemoteState: Debug + Default;

    /// Goes on with what is added to a push/pull. Returns it as soon as all of it is there.
    fn local_state(
        &self,
        progress: &mut Self::LocalState,
        portion: &mut Portion,
    ) -> Option<Vec<u8>>;

    /// What another node's layer above added to its push/pull has come, after the members in it. `join`
    /// is set if one of us is joining the other. Goes on with it, and says whether all of it is done.
    fn on_remote_state(
        &mut self,
        cx: &mut Cx<'_>,
        join: Option<Replay>,
        state: &[u8],
        progress: &mut Self::RemoteState,
        portion: &mut Portion,
    ) -> bool;
}

/// How far our own leave message has got.
pub(crate) trait LeaveDelegate {
    /// Our own leave message has been sent to a node.
    fn on_own_leave_sent(&mut self, cx: &Cx<'_>, to: SocketAddr);

    /// Our own leave message has been sent as often as it will be.
    fn on_own_leave_done(&mut self, cx: &mut Cx<'_>);

    /// We are about to say that we leave, because we move to another address.
    fn on_moving(&mut self, cx: &mut Cx<'_>);

    /// We have moved.
    fn on_moved(&mut self, cx: &mut Cx<'_>);
}

/// The nodes to look for.
pub(crate) trait RejoinDelegate {
    /// The rejoin from a snapshot is over.
    fn on_rejoin_done(&mut self, cx: &mut Cx<'_>, done: RejoinDone);

    /// Nodes of the snapshot that are not members now, at most `count`, at random.
    fn missing(&self, cx: &mut Cx<'_>, count: usize) -> Vec<Node>;

    /// Whether a node that died at `since` should still be looked for.
    fn wants_back(&self, cx: &Cx<'_>, node: &Node, since: Instant) -> bool;
}

/// The layer above. A call gets a [`Cx`] and nothing else, so it cannot call back down.
pub(crate) trait Delegate:
    EventDelegate + PingDelegate + PushPullDelegate + LeaveDelegate + RejoinDelegate
{
    /// Its broadcasts, in the order in which they fill packets.
    fn lanes(&mut self, cx: &Cx<'_>) -> [Lane<'_>; 3];

    /// The packet that was filled has been sent.
    fn on_sent(&mut self, cx: &mut Cx<'_>, to: SocketAddr);

    /// Whether it has any broadcasts.
    fn has_broadcasts(&self) -> bool;

    /// A message for the layer above has come.
    fn on_message(&mut self, cx: &mut Cx<'_>, message: &[u8]);

    /// Whether there is room for a node of this name.
    fn has_room_for(&self, cx: &Cx<'_>, name: &str) -> bool;

    /// Another node, at `other`, uses the name of `existing`.
    fn on_conflict(&mut self, cx: &mut Cx<'_>, existing: &Node, other: SocketAddr);

    /// Another node, at `other`, has our name, or most likely has.
    fn on_namesake(&mut self, cx: &mut Cx<'_>, other: SocketAddr);

    /// All addresses of a join have been tried.
    fn on_join_done(&mut self, cx: &mut Cx<'_>, done: JoinDone);
}

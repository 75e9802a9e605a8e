//! Coordinates travel in acks.
//!
//! Counterpart of Go's `ping_delegate.go`.

use std::time::Duration;

use crate::api::Node;
use crate::machinery::{Cx, DropReason};
use crate::memberlist::PingDelegate;
use crate::serf::Serf;
use crate::serf::coordinates::estimates::CoordinateEstimates;

impl PingDelegate for Serf {
    fn ack_payload(&self) -> &[u8] {
        self.coordinates.as_ref().map_or(&[], CoordinateEstimates::payload)
    }

    fn on_ping_done(&mut self, cx: &mut Cx<'_>, node: &Node, rtt: Duration, payload: &[u8]) {
        // The payload is empty if the other node has coordinates turned off.
        let key = self.members.find_text(node.name_text());
        if let (Some(coordinates), Some(key)) = (&mut self.coordinates, key)
            && !payload.is_empty()
            && let Err(unusable) = coordinates.observe(key, rtt, payload)
        {
            cx.dropped(DropReason::Coordinate, &unusable);
        }
    }
}

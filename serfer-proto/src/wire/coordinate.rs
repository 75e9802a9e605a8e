//! What serf adds to the ack of a ping: where the node is in the space of round trip times.
//!
//! Counterpart of the payload of Go's `pingDelegate`: a version byte and the coordinate, as a
//! MessagePack map.

use crate::wire::body::body;
use crate::wire::msgpack::{DecodeError, Float, Reader, Value};
use crate::wire::seq::Seq;

/// The payload's version, its first byte. There is only one.
pub const PING_VERSION: u8 = 1;

body! {
    /// A coordinate. Everything but the error is in seconds.
    pub struct Coordinate<'a> {
        /// Added to every distance.
        adjustment: Float => "Adjustment",
        /// The sender's estimate of its own error, 0 to 1.5.
        error: Float => "Error",
        /// Added to every distance: the time from the node to the network's core.
        height: Float => "Height",
        /// The position in space, of eight dimensions.
        vec: Seq<'a, Float> => "Vec",
    }
}

impl<'a> Coordinate<'a> {
    /// Reads the payload of an ack.
    ///
    /// # Errors
    /// If it is of another version or no coordinate.
    pub fn decode_payload(payload: &'a [u8]) -> Result<Self, DecodeError> {
        match payload.split_first() {
            None => Err(DecodeError::Empty),
            Some((&PING_VERSION, body)) => Self::take(&mut Reader::new(body)),
            Some((&version, _)) => Err(DecodeError::UnknownType(version)),
        }
    }

    /// Appends the payload of an ack.
    pub fn encode_payload(&self, out: &mut Vec<u8>) {
        out.push(PING_VERSION);
        self.put(out);
    }
}

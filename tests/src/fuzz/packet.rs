//! One datagram, to nodes of several kinds.
//!
//! The first byte chooses the node: its three lowest bits and its highest are those of [`Layers`],
//! and the fourth says whether it knows other members. The rest is the datagram or, if the fifth bit is
//! set, chooses one by a [grammar](super::grammar).

use arbitrary::{Arbitrary, Unstructured};
use serfer_proto::{Config, Limits};

use super::grammar::Part;
use super::layers::Layers;
use super::watched::{Watched, addr, alive};

/// Whatever the datagram is, the node goes on.
pub fn packet(input: &[u8]) {
    let Some((&kind, rest)) = input.split_first() else {
        return;
    };
    let packet = match kind & 16 {
        0 => rest.to_vec(),
        _ => match Part::arbitrary(&mut Unstructured::new(rest)) {
            Ok(part) => part.bytes(),
            Err(_) => return,
        },
    };
    let config = Config::lan("n0");
    let mut node = Watched::new(config, Limits::default(), Layers::from_bits(kind));
    if kind & 8 > 0 {
        (1..4).for_each(|other| node.hear_right(addr(other), &alive(other, 1, b"\xff\x80")));
    }
    node.hear(addr(1), &packet);
    node.wake_often(8);
    node.assert_well();
}

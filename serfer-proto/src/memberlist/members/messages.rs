//! The three messages about a member: alive, suspect and dead.

use crate::api::Node;
use crate::wire::message::{Alive, Dead, Message, Suspect, ip_bytes};
use crate::wire::msgpack::Text;

/// Gives `with` the message that a node is alive, in the words that the node last used itself.
pub(crate) fn with_alive(node: &Node, incarnation: u32, with: impl FnOnce(&Message<'_>)) {
    with(&Message::Alive(Alive {
        addr: &ip_bytes(node.ip),
        incarnation,
        meta: &node.meta,
        node: Text(node.name.as_bytes()),
        port: node.port,
        versions: &node.versions.to_bytes(),
    }));
}

/// The accusation of `node`, by `accuser`.
pub(crate) fn suspect<'a>(accuser: &'a str, incarnation: u32, node: &'a str) -> Message<'a> {
    Message::Suspect(Suspect { from: accuser.into(), incarnation, node: node.into() })
}

/// `accuser` declares `node` dead. If both are the same, it leaves.
pub(crate) fn dead<'a>(accuser: &'a str, incarnation: u32, node: &'a str) -> Message<'a> {
    Message::Dead(Dead { from: accuser.into(), incarnation, node: node.into() })
}

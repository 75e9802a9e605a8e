//! The three messages about a member: alive, suspect and dead.

use crate::api::Node;
use crate::wire::message::{Alive, Dead, Message, Suspect};
use crate::wire::msgpack::Text;

/// Gives `with` the message that a node is alive, in the words that the node last used itself.
pub(crate) fn with_alive(node: &Node, incarnation: u32, with: impl FnOnce(&Message<'_>)) {
    with(&Message::Alive(Alive {
        addr: node.ip_bytes(),
        incarnation,
        meta: node.meta(),
        node: node.name_text(),
        port: node.port(),
        versions: &node.versions().to_bytes(),
    }));
}

/// The accusation of `node`, by `accuser`.
pub(crate) fn suspect<'a>(accuser: &'a str, incarnation: u32, node: Text<'a>) -> Message<'a> {
    Message::Suspect(Suspect { from: accuser.into(), incarnation, node })
}

/// `accuser` declares `node` dead. If both are the same, it leaves.
pub(crate) fn dead<'a>(accuser: &'a str, incarnation: u32, node: Text<'a>) -> Message<'a> {
    Message::Dead(Dead { from: accuser.into(), incarnation, node })
}

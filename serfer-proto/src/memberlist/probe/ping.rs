//! Pings: how one is written, which are for us, and how one is answered.

use std::net::SocketAddr;

use crate::machinery::{Checksum, Cx, DropReason};
use crate::memberlist::{Delegate, Memberlist};
use crate::wire::message::{Ack, IndirectPing, IpBytes, Message, Ping, ip_bytes, ip_from_bytes};
use crate::wire::msgpack::Text;

/// Ourselves, as the source of a ping.
pub(crate) struct PingSource<'a> {
    ip: IpBytes,
    port: u16,
    name: &'a str,
}

impl<'a> PingSource<'a> {
    pub(crate) fn of(cx: &Cx<'a>) -> Self {
        let advertise = cx.params.advertise;
        Self { ip: ip_bytes(advertise.ip()), port: advertise.port(), name: &cx.params.name }
    }

    pub(crate) fn ping<'s>(&'s self, seq: u32, node: Text<'s>) -> Ping<'s> {
        Ping {
            node,
            seq,
            source_addr: Some(&self.ip),
            source_node: Some(self.name.into()),
            source_port: Some(self.port),
        }
    }

    /// Asks a helper to send `ping` to the node at `target` and `port`.
    pub(crate) fn indirect_ping<'s>(
        ping: Ping<'s>,
        nack: bool,
        target: &'s [u8],
        port: u16,
    ) -> IndirectPing<'s> {
        let Ping { node, seq, source_addr, source_node, source_port } = ping;
        IndirectPing { nack, node, port, seq, source_addr, source_node, source_port, target }
    }
}

/// Asks whether a node of this name is at `to`. Tells nothing else: whoever is there may belong to another
/// cluster.
pub(crate) fn ask_for(cx: &mut Cx<'_>, name: &str, to: SocketAddr, seq: u32) {
    let me = PingSource::of(cx);
    let ping = Message::Ping(me.ping(seq, Text(name.as_bytes())));
    tracing::trace!(target: "serfer::wire", %to, message = ?ping, "sending");
    cx.send(to, Checksum::Omit, |out| ping.encode(out));
}

/// Whether a ping is for us: it names us or, from very old nodes, nobody.
pub(crate) fn is_for_us(cx: &Cx<'_>, name: Text<'_>) -> bool {
    name.0.is_empty() || *name.0 == *cx.params.name.as_bytes()
}

impl<D: Delegate> Memberlist<D> {
    /// Another node pings us.
    pub(crate) fn on_ping(&mut self, cx: &mut Cx<'_>, up: &mut D, ping: &Ping<'_>) {
        if !is_for_us(cx, ping.node) {
            return cx.dropped(DropReason::Misaddressed, &ping.node.to_string_lossy());
        }
        if self.is_own_question(cx, up, ping) {
            return;
        }
        let answer_to = self.answer_to(cx.from, ping.source_addr, ping.source_port);
        self.send_encoded(cx, up, answer_to, |up, out| {
            let ack = Message::Ack(Ack { payload: up.ack_payload(), seq: ping.seq });
            tracing::trace!(target: "serfer::wire", to = %answer_to, message = ?ack, "sending");
            ack.encode(out);
        });
    }

    /// Where to answer a ping.
    ///
    /// Unlike Go, which sends to whatever address a ping names, we only follow it to where the ping
    /// came from or to a member, so that nobody can aim our answers at a stranger.
    pub(crate) fn answer_to(
        &self,
        from: SocketAddr,
        source_addr: Option<&[u8]>,
        source_port: Option<u16>,
    ) -> SocketAddr {
        let Some(ip) = source_addr.and_then(ip_from_bytes) else {
            return from;
        };
        let port = source_port.filter(|&port| port > 0).unwrap_or_else(|| from.port());
        let named = SocketAddr::new(ip.to_canonical(), port);
        if named == from {
            return from;
        }
        if self.members.knows_addr(named) { named } else { from }
    }
}

//! Inputs from the network and the disk. They never fail: malformed input is counted and traced.

use std::net::SocketAddr;
use std::time::Instant;

use super::Endpoint;
use crate::api::{Event, StoreFailure, StoredFile, StreamId};
use crate::memberlist::StreamEnd;

impl Endpoint {
    /// A datagram came from `from`. It is decrypted in place, so `data` is garbage afterwards.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, data: &mut [u8]) {
        let cx = &mut self.core.cx(now);
        cx.from = from;
        cx.stats.datagrams_received += 1;
        let packet = match cx.link.open_packet(data) {
            Ok(packet) => packet,
            Err(refusal) => return cx.dropped(refusal.into(), &refusal),
        };
        let (memberlist, serf) = (&mut self.memberlist, &mut self.serf);
        self.unpacker.unpack(packet, &mut |message| {
            memberlist.on_packet_message(cx, serf, message);
        });
    }

    /// The local network stack refused to send a datagram to `to`.
    pub fn handle_send_failed(&mut self, now: Instant, to: SocketAddr) {
        let cx = &mut self.core.cx(now);
        cx.stats.sends_failed += 1;
        self.memberlist.on_send_failed(cx, &mut self.serf, to);
    }

    /// Somebody opened a stream to us. `None` means that we are full: drop it.
    pub fn handle_accepted(&mut self, now: Instant, from: SocketAddr) -> Option<StreamId> {
        let cx = &mut self.core.cx(now);
        cx.from = from;
        self.memberlist.on_accepted(cx)
    }

    /// A stream that was to be dialled is open.
    pub fn handle_connected(&mut self, now: Instant, stream: StreamId) {
        let cx = &mut self.core.cx(now);
        self.memberlist.on_connected(cx, &mut self.serf, stream);
    }

    /// Bytes came on a stream, in chunks of any size.
    pub fn handle_stream_data(&mut self, now: Instant, stream: StreamId, data: &[u8]) {
        let cx = &mut self.core.cx(now);
        self.memberlist.on_stream_data(cx, &mut self.serf, stream, data);
    }

    /// A stream is gone, or the other side sends no more on it.
    pub fn handle_stream_end(&mut self, now: Instant, stream: StreamId, end: StreamEnd) {
        let cx = &mut self.core.cx(now);
        self.memberlist.on_stream_end(cx, &mut self.serf, stream, end);
    }

    /// Storing failed. `reason` is for people to read.
    ///
    /// Skip all later writes to that file until one replaces it: they would not fit its content.
    pub fn handle_store_failed(&mut self, now: Instant, file: StoredFile, reason: &str) {
        let cx = &mut self.core.cx(now);
        cx.stats.stores_failed += 1;
        tracing::warn!(target: "serfer::store", %file, reason, "cannot store");
        cx.emit(Event::StoreFailed(StoreFailure { file, reason: reason.into() }));
        match file {
            StoredFile::Snapshot => self.serf.on_snapshot_failed(cx),
            StoredFile::Keyring => {}
        }
    }
}

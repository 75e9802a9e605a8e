//! Inputs from the network and the disk. They never fail: malformed input is counted and traced.

use std::net::SocketAddr;
use std::time::Instant;

use super::Endpoint;
use crate::api::{Event, StoreFailure, StoredFile, StreamId};
use crate::machinery::is_notable;
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
        self.unpacker.unpack(packet, |message| {
            memberlist.on_packet_message(cx, serf, message);
        });
    }

    /// The local network stack refused to send a datagram to `to`.
    pub fn handle_send_failed(&mut self, now: Instant, to: SocketAddr) {
        let cx = &mut self.core.cx(now);
        cx.stats.sends_failed += 1;
        let count = cx.stats.sends_failed;
        if is_notable(count) {
            tracing::warn!(target: "serfer::runtime", %to, count, "this machine refuses to send a datagram: it has no route there, or a firewall forbids it");
        }
        self.memberlist.on_send_failed(cx, &mut self.serf, to);
    }

    /// The socket for datagrams failed. `reason` is for people to read.
    pub fn handle_receive_failed(&mut self, now: Instant, reason: &str) {
        let cx = &mut self.core.cx(now);
        cx.stats.receives_failed += 1;
        let count = cx.stats.receives_failed;
        if is_notable(count) {
            tracing::warn!(target: "serfer::runtime", reason, count, "cannot receive datagrams; others will take us for dead if this goes on");
        } else {
            tracing::debug!(target: "serfer::runtime", reason, "cannot receive datagrams");
        }
    }

    /// So many bytes of datagrams may wait to be received, as the operating system says. It is only reported,
    /// as [`Stats::receive_buffer`](crate::Stats::receive_buffer).
    pub fn note_receive_buffer(&mut self, bytes: usize) {
        self.core.stats.receive_buffer = bytes;
    }

    /// Somebody opened a stream to us. `None` means that we are full: drop it. Another stream may have to
    /// make room for it, with [`Output::Abort`](crate::Output::Abort).
    pub fn handle_accepted(&mut self, now: Instant, from: SocketAddr) -> Option<StreamId> {
        let cx = &mut self.core.cx(now);
        cx.from = from;
        self.memberlist.on_accepted(cx)
    }

    /// No stream could be accepted, for example because there are no file descriptors left. A stream whose
    /// request is not complete makes room with [`Output::Abort`](crate::Output::Abort); returns whether there was
    /// one.
    pub fn handle_accept_failed(&mut self, now: Instant) -> bool {
        let cx = &mut self.core.cx(now);
        cx.stats.accepts_failed += 1;
        self.memberlist.on_accept_failed(cx)
    }

    /// A stream that was to be dialled is open.
    pub fn handle_connected(&mut self, now: Instant, stream: StreamId) {
        let cx = &mut self.core.cx(now);
        self.memberlist.on_connected(cx, &mut self.serf, stream);
    }

    /// A stream that was to be dialled could not be opened. `reason` is for people to read. A runtime that
    /// knows none may call [`handle_stream_end`](Self::handle_stream_end) instead.
    pub fn handle_connect_failed(&mut self, now: Instant, stream: StreamId, reason: &str) {
        let cx = &mut self.core.cx(now);
        self.memberlist.on_connect_failed(cx, &mut self.serf, stream, reason);
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
            StoredFile::Keyring => self.serf.on_keyring_stored(cx, Err(reason)),
        }
    }

    /// The file is stored as the last [`Output::Store`](crate::Output::Store) wants it. This must be reported of
    /// the keyring, since keys change only then; of a snapshot, nobody needs to know.
    pub fn handle_stored(&mut self, now: Instant, file: StoredFile) {
        let cx = &mut self.core.cx(now);
        match file {
            StoredFile::Snapshot => {}
            StoredFile::Keyring => self.serf.on_keyring_stored(cx, Ok(())),
        }
    }
}

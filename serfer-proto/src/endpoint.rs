//! The doors: a method for each thing that can happen, and one way out.
//!
//! An endpoint owns both layers and what they share. Each door hands its input to one of them; what
//! follows from it is decided there, and nothing is decided here.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::api::error::{
    ConfigError, EventError, ForceLeaveError, JoinError, LeaveError, QueryError, RespondError,
    TagsError,
};
use crate::api::event::{Event, MemberDelta, Query, Replay, StoreFailure};
use crate::api::ids::{JoinId, QueryId, StreamId};
use crate::api::keyring::{Keyring, SecretKey};
use crate::api::keys::{KeyError, KeyOp, KeyParams, RotationParams};
use crate::api::member::Member;
use crate::api::stored::StoredFile;
use crate::api::tags::Tags;
use crate::config::Config;
use crate::config::params::Params;
use crate::machinery::context::Core;
use crate::machinery::link::Unpacker;
use crate::machinery::output::Output;
use crate::machinery::rng::Rng;
use crate::machinery::stats::Stats;
use crate::machinery::timers::Timer;
use crate::memberlist::{Memberlist, StreamEnd};
use crate::serf::{Coalesce, Coordinate, Neighbor, Prune, QueryParams, Serf};

/// One node, as a state machine.
///
/// **The contract:** after any call with `&mut self`, drain [`poll_output`](Self::poll_output) until
/// it says [`Output::Wait`]. That is all.
///
/// Time is an argument and may stand still or even go back; randomness is the seed. The same calls
/// give the same outputs.
pub struct Endpoint {
    memberlist: Memberlist<Serf>,
    serf: Serf,
    core: Core,
    unpacker: Unpacker,
    /// Time never goes back in here.
    last_now: Instant,
}

impl Endpoint {
    /// Makes a node. It is a member, the only one, from now on.
    ///
    /// `seed` feeds every random choice, the nonces of encryption included: give it 32 bytes from
    /// the operating system, or a fixed value in tests. Two nodes, or two runs of one, must not have
    /// the same seed *and* the same key, for then they repeat nonces, which breaks AES-GCM.
    ///
    /// # Errors
    /// If the configuration cannot work: everything that is wrong with it.
    pub fn new(config: Config, seed: [u8; 32], now: Instant) -> Result<Self, ConfigError> {
        let params = Params::try_from(&config)?;
        let mut rng = Rng::new(seed);
        let mut endpoint = Self {
            memberlist: Memberlist::new(&config, &mut rng),
            serf: Serf::new(&config, &mut rng),
            unpacker: Unpacker::new(config.limits.inflated_packet_len),
            core: Core::new(params, &config, rng, now),
            last_now: now,
        };
        let cx = &mut endpoint.core.cx(now);
        let meta = endpoint.serf.meta(cx);
        let (memberlist, serf) = (&mut endpoint.memberlist, &mut endpoint.serf);
        memberlist.announce(cx, serf, &meta);
        if cx.params.keeps_snapshot {
            let peers = serf.expect_missing(cx);
            memberlist.rejoin(cx, serf, peers);
        }
        Ok(endpoint)
    }

    // ── something happened on the network ────────────────────────────────────────────────────────

    /// A datagram came from `from`. It is decrypted in place, so `data` is garbage afterwards.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, data: &mut [u8]) {
        let cx = &mut self.core.cx(at(&mut self.last_now, now));
        cx.stats.datagrams_received += 1;
        let packet = match cx.link.open_packet(data) {
            Ok(packet) => packet,
            Err(refusal) => return cx.dropped(refusal.into(), from, &refusal),
        };
        let (memberlist, serf) = (&mut self.memberlist, &mut self.serf);
        self.unpacker.unpack(packet, &mut |message| {
            memberlist.on_packet_message(cx, serf, from, message);
        });
    }

    /// The local network stack refused to send a datagram to `to`.
    pub fn handle_send_failed(&mut self, now: Instant, to: SocketAddr) {
        let cx = &mut self.core.cx(at(&mut self.last_now, now));
        cx.stats.sends_failed += 1;
        self.memberlist.on_send_failed(cx, &mut self.serf, to);
    }

    /// Somebody opened a stream to us. `None` means that we are full: drop it.
    pub fn handle_accepted(&mut self, now: Instant, from: SocketAddr) -> Option<StreamId> {
        let cx = &mut self.core.cx(at(&mut self.last_now, now));
        self.memberlist.on_accepted(cx, from)
    }

    /// A stream that was to be dialled is open.
    pub fn handle_connected(&mut self, now: Instant, stream: StreamId) {
        let cx = &mut self.core.cx(at(&mut self.last_now, now));
        self.memberlist.on_connected(cx, &self.serf, stream);
    }

    /// Bytes came on a stream, in chunks of any size.
    pub fn handle_stream_data(&mut self, now: Instant, stream: StreamId, data: &[u8]) {
        let cx = &mut self.core.cx(at(&mut self.last_now, now));
        self.memberlist.on_stream_data(cx, &mut self.serf, stream, data);
    }

    /// A stream is gone, or the other side sends no more on it.
    pub fn handle_stream_end(&mut self, now: Instant, stream: StreamId, end: StreamEnd) {
        let cx = &mut self.core.cx(at(&mut self.last_now, now));
        self.memberlist.on_stream_end(cx, &mut self.serf, stream, end);
    }

    /// What was to be stored could not be. `reason` is for people to read.
    ///
    /// Of what was to be stored in that file afterwards, nothing may be until the file is replaced:
    /// it would not fit to what is there.
    pub fn handle_store_failed(&mut self, now: Instant, file: StoredFile, reason: &str) {
        let cx = &mut self.core.cx(at(&mut self.last_now, now));
        cx.stats.stores_failed += 1;
        tracing::warn!(target: "serfer::store", %file, reason, "cannot store");
        cx.emit(Event::StoreFailed(StoreFailure { file, reason: reason.into() }));
        match file {
            StoredFile::Snapshot => self.serf.on_snapshot_failed(cx),
            StoredFile::Keyring => {}
        }
    }

    // ── time passed ──────────────────────────────────────────────────────────────────────────────

    /// It is `now`: does whatever is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = at(&mut self.last_now, now);
        while let Some((due, timer)) = self.core.timers.pop_due(now) {
            self.on_timer(now, due, timer);
        }
    }

    fn on_timer(&mut self, now: Instant, due: Instant, timer: Timer) {
        let cx = &mut self.core.cx(now);
        let (memberlist, serf) = (&mut self.memberlist, &mut self.serf);
        match timer {
            Timer::Stream(stream) => memberlist.on_stream_timeout(cx, serf, stream),
            Timer::Relay(seq) => memberlist.on_relay_timeout(cx, serf, seq),
            Timer::ProbeEnd => memberlist.on_probe_end(cx, serf),
            Timer::ProbeIndirect => memberlist.on_probe_indirect(cx, serf),
            Timer::AddressClaim(key) => memberlist.on_address_claim_timeout(cx, serf, key),
            Timer::Suspicion(key) => memberlist.on_suspicion_timeout(cx, serf, key),
            Timer::Probe => memberlist.on_probe_tick(cx, serf, due),
            Timer::Gossip => memberlist.on_gossip_tick(cx, serf),
            Timer::PushPull => memberlist.on_push_pull_tick(cx, due),
            Timer::Forget => memberlist.on_forget(cx),
            Timer::Leave => serf.on_leave_timer(cx, memberlist),
            Timer::Query(query) => serf.on_query_timeout(cx, query),
            Timer::QuerySettle(query) => serf.on_query_settled(cx, query),
            Timer::Rotation => serf.on_rotation_timer(cx),
            Timer::Reap => serf.on_reap_tick(cx),
            Timer::Reconnect => serf.on_reconnect_tick(cx, memberlist),
            Timer::SeedRetry => memberlist.on_seed_retry_tick(cx, serf),
            Timer::CoalesceMembers => serf.flush_members(cx),
            Timer::CoalesceEvents => serf.flush_user_events(cx),
            Timer::Snapshot => serf.on_snapshot_tick(cx, memberlist.incarnation()),
        }
    }

    // ── the application wants something ──────────────────────────────────────────────────────────

    /// Joins a cluster through any of `peers`; all are tried.
    /// [`Event::JoinDone`] tells how it went.
    ///
    /// # Errors
    /// If there is nobody to try, or we have left.
    pub fn join(
        &mut self,
        now: Instant,
        peers: &[SocketAddr],
        replay: Replay,
    ) -> Result<JoinId, JoinError> {
        if peers.is_empty() {
            return Err(JoinError::NoPeers);
        }
        if !self.serf.is_alive() {
            return Err(JoinError::Left);
        }
        let cx = &mut self.core.cx(at(&mut self.last_now, now));
        Ok(self.memberlist.join(cx, peers.iter().copied(), replay))
    }

    /// Leaves gracefully: others see that we left, not that we failed.
    /// [`Event::Left`] follows, after at most twice the broadcast timeout and the
    /// propagation delay; until then, keep going. To leave again after that does nothing.
    ///
    /// # Errors
    /// If we are leaving already.
    pub fn leave(&mut self, now: Instant) -> Result<(), LeaveError> {
        let cx = &mut self.core.cx(at(&mut self.last_now, now));
        self.serf.leave(cx)
    }

    /// Sends a user event to every member, ourselves included.
    ///
    /// # Errors
    /// If it is too large, or we have left.
    pub fn user_event(
        &mut self,
        now: Instant,
        name: &str,
        payload: &[u8],
        coalesce: Coalesce,
    ) -> Result<(), EventError> {
        let cx = &mut self.core.cx(at(&mut self.last_now, now));
        self.serf.user_event(cx, name, payload, coalesce)
    }

    /// Asks every member that `params` does not exclude, ourselves included. Acks and replies follow
    /// as events, until [`Event::QueryClosed`].
    ///
    /// # Errors
    /// If it is too large or too many are open, a filter is wrong or all take too long, the name is
    /// reserved, or we have left.
    pub fn query(
        &mut self,
        now: Instant,
        name: &str,
        payload: &[u8],
        params: &QueryParams,
    ) -> Result<QueryId, QueryError> {
        let cx = &mut self.core.cx(at(&mut self.last_now, now));
        self.serf.query(cx, name, payload, params)
    }

    /// Answers a query, once.
    ///
    /// # Errors
    /// If the answer is too large, too late or the second, or nobody may get it.
    pub fn respond(
        &mut self,
        now: Instant,
        query: &Query,
        payload: &[u8],
    ) -> Result<(), RespondError> {
        let cx = &mut self.core.cx(at(&mut self.last_now, now));
        self.serf.respond(cx, query, payload)
    }

    /// Replaces our tags and tells everybody.
    ///
    /// # Errors
    /// If they are too large, or we have left.
    pub fn set_tags(&mut self, now: Instant, tags: Tags) -> Result<(), TagsError> {
        TagsError::check(&tags)?;
        if !self.serf.is_alive() {
            return Err(TagsError::Left);
        }
        let cx = &mut self.core.cx(at(&mut self.last_now, now));
        let meta = self.serf.set_tags(cx, tags);
        self.memberlist.announce(cx, &mut self.serf, &meta);
        Ok(())
    }

    /// Makes a failed member count as left, everywhere, or forgets it altogether. A member that is
    /// alive objects and stays. A name that is not known here is passed on all the same: others may
    /// know it.
    ///
    /// # Errors
    /// If no member can have such a name, or we have left.
    pub fn force_leave(
        &mut self,
        now: Instant,
        name: &str,
        prune: Prune,
    ) -> Result<(), ForceLeaveError> {
        let cx = &mut self.core.cx(at(&mut self.last_now, now));
        self.serf.force_leave(cx, name, prune)
    }

    /// Tells at once what [coalescing](crate::Config::coalesce_members) holds back: before the node
    /// is dropped, if it has not left.
    pub fn flush_events(&mut self, now: Instant) {
        let cx = &mut self.core.cx(at(&mut self.last_now, now));
        self.serf.flush(cx);
    }

    /// Stores at once, and for good, what a snapshot would get within half a second. To be called
    /// before the process ends; after [`Event::Left`] it has been done.
    pub fn flush_snapshot(&mut self, now: Instant) {
        let cx = &mut self.core.cx(at(&mut self.last_now, now));
        self.serf.flush_snapshot(cx, self.memberlist.incarnation());
    }

    /// Asks all members to do something with their keys, ourselves included.
    /// [`Event::KeysDone`] tells what became of it: as soon as everybody has
    /// answered, or when the time for that is up. Go: `KeyManager`.
    ///
    /// # Errors
    /// If keys are being changed already, if this node does not seal what it sends, or if nobody can be
    /// asked.
    pub fn manage_key(
        &mut self,
        now: Instant,
        op: KeyOp,
        params: KeyParams,
    ) -> Result<QueryId, KeyError> {
        let cx = &mut self.core.cx(at(&mut self.last_now, now));
        self.serf.manage_key(cx, op, params)
    }

    /// Makes a new key the primary of all members and removes the old one, in stages, so that nobody
    /// is cut off meanwhile and no message gets lost.
    ///
    /// [`Event::RotationStage`] tells how far it is, and then either
    /// [`Event::RotationDone`] or
    /// [`Event::RotationStopped`], which names those members on whose
    /// account it cannot go on. It may be begun again from any member, and goes on where it was.
    /// Unlike Go, where operators take these steps by hand.
    ///
    /// # Errors
    /// As [`manage_key`](Self::manage_key).
    pub fn rotate_key(
        &mut self,
        now: Instant,
        new: SecretKey,
        params: RotationParams,
    ) -> Result<(), KeyError> {
        let cx = &mut self.core.cx(at(&mut self.last_now, now));
        self.serf.rotate_key(cx, new, params)
    }

    // ── what must now be done ────────────────────────────────────────────────────────────────────

    /// The next thing to do. Bytes that belong to it are appended to `buf`, so a simple runtime
    /// clears it before each call, and one that sends many datagrams at once does not.
    ///
    /// Decides nothing and needs no time: everything was decided by the call that came before.
    pub fn poll_output(&mut self, buf: &mut Vec<u8>) -> Output {
        let queued = self.core.out.pop(buf);
        queued.unwrap_or_else(|| Output::Wait { until: self.core.timers.next().map(|(at, _)| at) })
    }

    // ── views ────────────────────────────────────────────────────────────────────────────────────

    /// All members of any status, ourselves included.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.serf.members()
    }

    /// The member of a name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.serf.member(name)
    }

    /// Notes from now on which members change, for [`take_deltas`](Self::take_deltas).
    pub fn watch_members(&mut self) {
        self.serf.watch_members();
    }

    /// Notes no longer which members change.
    pub fn unwatch_members(&mut self) {
        self.serf.unwatch_members();
    }

    /// How [`members`](Self::members) differs from what it was when this was last called, or since
    /// [`watch_members`](Self::watch_members): one delta for each member that is not what it was, by
    /// name. Nothing is left out, in contrast to events, which do not tell that a member is about to
    /// leave. What is noted until then grows with every member that changes: call it often.
    pub fn take_deltas(&mut self) -> Vec<MemberDelta> {
        self.serf.take_deltas()
    }

    /// Ourselves.
    pub fn local_member(&self) -> &Member {
        let me = self.serf.member(&self.core.params.name);
        me.expect("a node is a member from the start and is never forgotten by itself")
    }

    /// Our incarnation: how often we said something new about ourselves or denied an accusation.
    /// Pass it to [`Config::incarnation`](crate::Config::incarnation) when this node starts again.
    pub fn incarnation(&self) -> u32 {
        self.memberlist.incarnation()
    }

    /// Our tags.
    pub fn tags(&self) -> &Tags {
        self.serf.tags()
    }

    /// Where we are in the space of round trip times, by the pings so far; `None` if coordinates are
    /// [turned off](crate::Config::coordinates). Go: `GetCoordinate`.
    pub fn coordinate(&self) -> Option<&Coordinate> {
        self.serf.coordinate()
    }

    /// Where the member of a name is: ourselves as of now, and others as they said with their last
    /// ack. `None` if it has not said so yet. Go: `GetCachedCoordinate`.
    pub fn coordinate_of(&self, name: &str) -> Option<&Coordinate> {
        self.serf.coordinate_of(&self.core.params.name, name)
    }

    /// How long a round trip between the members of two names is estimated to take, whether or not
    /// one of them is us. `None` unless both are members that have said where they are. What
    /// `serf rtt` prints.
    pub fn distance(&self, a: &str, b: &str) -> Option<Duration> {
        Some(self.coordinate_of(a)?.distance(self.coordinate_of(b)?))
    }

    /// The other members that are alive and nearest to us by their coordinates, at most `count`, the
    /// nearest first. Whoever has not said yet where it is is not among them.
    pub fn nearest(&self, count: usize) -> Vec<Neighbor> {
        let mut neighbors = self.serf.neighbors();
        neighbors.truncate(count);
        neighbors
    }

    /// The other members that are alive and to which a round trip takes no longer than `rtt` by their
    /// coordinates, the nearest first. Whoever has not said yet where it is is not among them.
    pub fn within(&self, rtt: Duration) -> Vec<Neighbor> {
        let mut neighbors = self.serf.neighbors();
        neighbors.retain(|neighbor| neighbor.rtt <= rtt);
        neighbors
    }

    /// Our keys, if we have any.
    pub fn keyring(&self) -> Option<&Keyring> {
        self.core.link.keyring()
    }

    /// Counters and gauges.
    pub fn stats(&self) -> Stats {
        let mut stats = self.core.stats.clone();
        self.memberlist.gauge(&mut stats);
        self.serf.gauge(&mut stats);
        stats.next_wake = self.core.timers.next().map(|(_, timer)| timer.name());
        stats
    }
}

/// Who it is; there may be more of everything else than anybody wants to see.
impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("local_member", self.local_member())
            .field("members", &self.members().count())
            .finish_non_exhaustive()
    }
}

/// The time that counts: the latest there was.
fn at(last_now: &mut Instant, now: Instant) -> Instant {
    *last_now = now.max(*last_now);
    *last_now
}

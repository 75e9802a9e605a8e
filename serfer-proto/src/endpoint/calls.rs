//! Calls of the application: join, leave, events, queries, tags, keys.

use std::net::SocketAddr;
use std::time::Instant;

use super::Endpoint;
use crate::api::{
    ConfigError, EventError, ForceLeaveError, JoinError, JoinId, KeyError, KeyOp, KeyParams,
    LeaveError, Query, QueryError, QueryId, Replay, RespondError, RotationParams, SecretKey, Tags,
    TagsError,
};
use crate::config::check_address;
use crate::serf::{Coalesce, Prune, QueryParams};

#[cfg(doc)]
use crate::Event;

impl Endpoint {
    /// Joins a cluster through any of `peers`; a few answers are enough, see
    /// [`Limits::join_answers`](crate::Limits::join_answers). [`Event::JoinDone`] tells how it went.
    ///
    /// # Errors
    /// If there is no address to try, or we have left.
    pub fn join(
        &mut self,
        now: Instant,
        peers: &[SocketAddr],
        replay: Replay,
    ) -> Result<JoinId, JoinError> {
        self.join_at_least(now, peers, replay, 0)
    }

    /// The same, but it goes on until at least `enough` addresses have been reached or all have been tried.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub fn join_at_least(
        &mut self,
        now: Instant,
        peers: &[SocketAddr],
        replay: Replay,
        enough: usize,
    ) -> Result<JoinId, JoinError> {
        if peers.is_empty() {
            return Err(JoinError::NoPeers);
        }
        if !self.serf.is_alive() {
            return Err(JoinError::Left);
        }
        self.serf.on_join_called(replay);
        let cx = &mut self.core.cx(now);
        Ok(self.memberlist.join(cx, peers, replay, enough))
    }

    /// Replaces the seeds, the addresses at which this node looks for others: `seeds` is what their names
    /// mean now. Call it now and then, so that clusters that have the same seeds become one.
    ///
    /// Each at which no living member is known is tried soon, without an event, and then again and again,
    /// as [`SeedKeeper`](crate::SeedKeeper) says; the others are tried when no member is alive there any
    /// more. Addresses given to [`join`](Self::join) before are forgotten unless they are in `seeds`. If
    /// there are more than [`SeedKeeper::seeds`](crate::SeedKeeper::seeds), those without a living member
    /// go first. Does nothing once we have left, or if the seed keeper is turned off.
    pub fn update_seeds(&mut self, now: Instant, seeds: &[SocketAddr], replay: Replay) {
        if self.serf.is_alive() {
            self.serf.on_join_called(replay);
            let cx = &mut self.core.cx(now);
            self.memberlist.update_seeds(cx, seeds, replay);
        }
    }

    /// Leaves gracefully: others see that we left, not that we failed.
    /// [`Event::Left`] follows, after at most twice the broadcast timeout and the
    /// propagation delay; until then, keep going. To leave again after that does nothing.
    ///
    /// # Errors
    /// If we are leaving already.
    pub fn leave(&mut self, now: Instant) -> Result<(), LeaveError> {
        let cx = &mut self.core.cx(now);
        self.serf.leave(cx)
    }

    /// Sends a user event to every member, ourselves included.
    ///
    /// # Errors
    /// If it is too large, too many wait to be sent, or we have left.
    pub fn user_event(
        &mut self,
        now: Instant,
        name: &str,
        payload: &[u8],
        coalesce: Coalesce,
    ) -> Result<(), EventError> {
        let cx = &mut self.core.cx(now);
        self.serf.user_event(cx, name, payload, coalesce)
    }

    /// Asks every member that `params` does not exclude, ourselves included. Acks and replies follow
    /// as events, until [`Event::QueryClosed`].
    ///
    /// # Errors
    /// If it is too large, too many are open or wait to be sent, a filter is wrong or all take too long, the name is
    /// reserved, or we have left.
    pub fn query(
        &mut self,
        now: Instant,
        name: &str,
        payload: &[u8],
        params: &QueryParams,
    ) -> Result<QueryId, QueryError> {
        let cx = &mut self.core.cx(now);
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
        let cx = &mut self.core.cx(now);
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
        let cx = &mut self.core.cx(now);
        let meta = self.serf.set_tags(cx, tags);
        self.memberlist.announce(cx, &mut self.serf, &meta);
        Ok(())
    }

    /// Others reach us at another address from now on, and no more at the one before: tells everybody. They see
    /// us leave and come back within three seconds or four.
    ///
    /// # Errors
    /// If nobody can be reached at such an address.
    pub fn set_advertise(&mut self, now: Instant, addr: SocketAddr) -> Result<(), ConfigError> {
        let addr = SocketAddr::new(addr.ip().to_canonical(), addr.port());
        check_address(addr).map_err(|fault| ConfigError { faults: vec![fault] })?;
        let old = std::mem::replace(&mut self.core.params.advertise, addr);
        if old != addr {
            let cx = &mut self.core.cx(now);
            self.memberlist.relocate(cx, &mut self.serf, old);
        }
        Ok(())
    }

    /// Makes a failed member count as left, everywhere, or forgets it altogether. A living member refutes
    /// that and stays. An unknown name is passed on, too: others may know it.
    ///
    /// # Errors
    /// If no member can have such a name, or we have left.
    pub fn force_leave(
        &mut self,
        now: Instant,
        name: &str,
        prune: Prune,
    ) -> Result<(), ForceLeaveError> {
        let cx = &mut self.core.cx(now);
        self.serf.force_leave(cx, name, prune)
    }

    /// Emits at once the events that [coalescing](crate::Config::coalesce_members) holds back. Call it
    /// before a node that has not left is dropped.
    pub fn flush_events(&mut self, now: Instant) {
        let cx = &mut self.core.cx(now);
        self.serf.flush(cx);
    }

    /// Stores and syncs at once the lines that the snapshot would get within half a second. Call it before
    /// the process ends; [`Event::Left`] means that it has been done.
    pub fn flush_snapshot(&mut self, now: Instant) {
        let cx = &mut self.core.cx(now);
        self.serf.flush_snapshot(cx, self.memberlist.incarnation());
    }

    /// Asks all members to do something with their keys, ourselves included.
    /// [`Event::KeysDone`] tells the result, as soon as all have answered or when the time for that is up.
    /// Go: `KeyManager`.
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
        let cx = &mut self.core.cx(now);
        self.serf.manage_key(cx, op, params)
    }

    /// Makes a new key the primary of all members and removes the old one, in stages, so that no member
    /// is cut off meanwhile and no message is lost.
    ///
    /// [`Event::RotationStage`] tells each stage, and the end is either [`Event::RotationDone`] or
    /// [`Event::RotationStopped`], which names the members that hold it up. Any member may start it again; it
    /// goes on from where it stopped. Unlike Go, where operators take these steps by hand.
    ///
    /// # Errors
    /// As [`manage_key`](Self::manage_key).
    pub fn rotate_key(
        &mut self,
        now: Instant,
        new: SecretKey,
        params: RotationParams,
    ) -> Result<(), KeyError> {
        let cx = &mut self.core.cx(now);
        self.serf.rotate_key(cx, new, params)
    }
}

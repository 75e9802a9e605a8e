//! The handle of a node.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future;
use serfer_proto::{
    Coalesce, Coordinate, Keyring, LeaveReport, Member, Neighbor, Prune, Query, QueryParams,
    Replay, Stats, Tags,
};

use crate::discovery::join::{self, Joined};
use crate::discovery::seeds::Finder;
use crate::error::{Closed, Error};
use crate::handle::events::{Events, Subscribers};
use crate::handle::member_filter::MemberFilter;
use crate::handle::membership::Membership;
use crate::handle::query::Replies;
use crate::node::shared::Shared;
use crate::node::thread::Over;

/// A running node. Cheap to clone; all clones are the same node.
///
/// **Keep it for as long as the node is to live.** When the last clone is dropped, the node shuts down without
/// leaving, which others see as a failure; call [`leave`](Self::leave) first to go in good order. The same
/// happens when the runtime of its handlers is shut down: then its handles behave as after
/// [`shutdown`](Self::shutdown).
///
/// A node has a thread of its own, which ends with the last of the node's tasks. A handle may be used from
/// any thread and any runtime.
#[derive(Clone)]
pub struct Serfer {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    finder: Arc<Finder>,
    over: Over,
    bound: SocketAddr,
    event_buffer: usize,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.close("its last handle was dropped");
    }
}

impl Serfer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        finder: Arc<Finder>,
        over: Over,
        bound: SocketAddr,
        event_buffer: usize,
    ) -> Self {
        Self { inner: Arc::new(Inner { shared, finder, over, bound, event_buffer }) }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    /// Joins a cluster through any of these seeds, which are of the kinds that
    /// [`Builder::join`](crate::Builder::join) takes. All of them are tried, at all of their addresses.
    /// User events that were sent before are not delivered.
    ///
    /// # Errors
    /// If none could be joined, with the reason for each.
    pub async fn join<S: AsRef<str>>(
        &self,
        seeds: impl IntoIterator<Item = S>,
    ) -> Result<Joined, Error> {
        self.join_with(seeds, Replay::Skip).await
    }

    /// As [`join`](Self::join), and says whether user events that were sent before are delivered.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub async fn join_with<S: AsRef<str>>(
        &self,
        seeds: impl IntoIterator<Item = S>,
        replay: Replay,
    ) -> Result<Joined, Error> {
        let seeds: Vec<String> = seeds.into_iter().map(|seed| seed.as_ref().to_owned()).collect();
        join::join(&self.inner.shared, &self.inner.finder, &seeds, replay).await
    }

    /// Sends a user event to every member, ourselves included.
    ///
    /// # Errors
    /// If it is too large, or the node has left or is shut down.
    pub fn user_event(&self, name: &str, payload: impl AsRef<[u8]>) -> Result<(), Error> {
        self.user_event_with(name, payload, Coalesce::No)
    }

    /// As [`user_event`](Self::user_event), and says whether receivers may take several events of this
    /// name for one.
    ///
    /// # Errors
    /// As [`user_event`](Self::user_event).
    pub fn user_event_with(
        &self,
        name: &str,
        payload: impl AsRef<[u8]>,
        coalesce: Coalesce,
    ) -> Result<(), Error> {
        let payload = payload.as_ref();
        let send = |state: &mut crate::node::shared::State, now| {
            state.endpoint.user_event(now, name, payload, coalesce)?;
            #[cfg(feature = "metrics")]
            state.names.count(crate::node::metrics::Way::EventSent, name);
            Ok::<_, Error>(())
        };
        self.inner.shared.input(send)?
    }

    /// Asks every member, ourselves included, and has each confirm with an ack that it got the query.
    ///
    /// # Errors
    /// If the query is too large, its name is reserved, too many queries are open, or the node has left or
    /// is shut down.
    pub fn query(&self, name: &str, payload: impl AsRef<[u8]>) -> Result<Replies, Error> {
        self.query_with(name, payload, &QueryParams::new())
    }

    /// Asks only the members that `params` does not exclude, and waits for as long as it says.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub fn query_with(
        &self,
        name: &str,
        payload: impl AsRef<[u8]>,
        params: &QueryParams,
    ) -> Result<Replies, Error> {
        let payload = payload.as_ref();
        self.inner.shared.input(|state, now| {
            let query = state.endpoint.query(now, name, payload, params)?;
            // The endpoint bounds how many answers there can be.
            let (answers, replies) = async_channel::unbounded();
            state.queries.insert(query, answers);
            #[cfg(feature = "metrics")]
            state.names.count(crate::node::metrics::Way::QuerySent, name);
            Ok(Replies::new(query, replies))
        })?
    }

    /// Answers a query that came as an event. Each query takes one answer, until its deadline.
    ///
    /// # Errors
    /// If the answer is too large, too late or the second one, or the node is shut down.
    pub fn respond(&self, query: &Query, answer: impl AsRef<[u8]>) -> Result<(), Error> {
        self.inner.shared.respond(query, answer.as_ref())
    }

    /// Everything that happens from now on. Any number of readers may read at their own pace. To keep
    /// a copy of the list of members, [`subscribe`](Self::subscribe) to it instead.
    ///
    /// Only what a call of ours comes to goes to whoever made it and not here: acks and replies to our
    /// queries and their end, the end of a join, and that we have left.
    pub fn events(&self) -> Events {
        let buffer = self.inner.event_buffer;
        let subscribed = self.inner.shared.with(|state| state.subscribers.subscribe(buffer));
        // Of a node that is broken there is nothing to read: the stream ends at once.
        subscribed.unwrap_or_else(|_| Subscribers::default().subscribe(1))
    }

    /// All members, and then what changes about them, exactly. Any number of readers may read at
    /// their own pace.
    pub fn subscribe(&self) -> Membership {
        let (shared, buffer) = (&self.inner.shared, self.inner.event_buffer);
        Membership::new(shared.clone(), buffer)
    }

    /// All members of any status, ourselves included.
    pub fn members(&self) -> Vec<Member> {
        let members =
            |state: &mut crate::node::shared::State| state.endpoint.members().cloned().collect();
        self.inner.shared.with(members).unwrap_or_default()
    }

    /// The members that match `filter`.
    pub fn members_where(&self, filter: &MemberFilter) -> Vec<Member> {
        let mut members = self.members();
        members.retain(|member| filter.matches(member));
        members
    }

    /// The member of a name.
    pub fn member(&self, name: &str) -> Option<Member> {
        self.inner.shared.with(|state| state.endpoint.member(name).cloned()).ok().flatten()
    }

    /// Ourselves.
    ///
    /// # Errors
    /// Only if the node is broken by a bug.
    pub fn local_member(&self) -> Result<Member, Closed> {
        self.inner.shared.with(|state| state.endpoint.local_member().clone())
    }

    /// The address that is bound, with the port that was found if none was asked for. For the address
    /// where others reach us, see [`local_member`](Self::local_member).
    pub fn local_addr(&self) -> SocketAddr {
        self.inner.bound
    }

    /// A copy of our keys, the primary first; `None` without encryption, or if the node is broken by
    /// a bug. For the keys that others have, see [`list_keys`](Self::list_keys).
    pub fn keyring(&self) -> Option<Keyring> {
        self.inner.shared.with(|state| state.endpoint.keyring().cloned()).ok().flatten()
    }

    /// Our tags.
    pub fn tags(&self) -> Tags {
        self.inner.shared.with(|state| state.endpoint.tags().clone()).unwrap_or_default()
    }

    /// Replaces our tags and tells everybody.
    ///
    /// # Errors
    /// If they are too large, or the node has left or is shut down.
    pub fn set_tags(&self, tags: Tags) -> Result<(), Error> {
        Ok(self.inner.shared.input(|state, now| state.endpoint.set_tags(now, tags))??)
    }

    /// Sets one of our tags, and tells everybody unless it is so already.
    ///
    /// # Errors
    /// As [`set_tags`](Self::set_tags); then nothing has changed.
    pub fn set_tag(&self, key: &str, value: &str) -> Result<(), Error> {
        self.update_tags(|tags| {
            tags.insert(key, value);
        })
    }

    /// Removes one of our tags, and tells everybody if there was one.
    ///
    /// # Errors
    /// As [`set_tags`](Self::set_tags); then nothing has changed.
    pub fn remove_tag(&self, key: &str) -> Result<(), Error> {
        self.update_tags(|tags| {
            tags.remove(key);
        })
    }

    /// Changes our tags, and tells everybody if that changes anything. No change is lost if another thread
    /// changes them at the same time: `change` is then called again, with what the other made of them.
    ///
    /// # Errors
    /// As [`set_tags`](Self::set_tags); then nothing has changed.
    pub fn update_tags(&self, mut change: impl FnMut(&mut Tags)) -> Result<(), Error> {
        loop {
            let before = self.inner.shared.with(|state| state.endpoint.tags().clone())?;
            let mut after = before.clone();
            change(&mut after);
            if after == before {
                return Ok(());
            }
            let outcome = self.inner.shared.input(|state, now| {
                let is_current = *state.endpoint.tags() == before;
                is_current.then(|| state.endpoint.set_tags(now, after))
            })?;
            if let Some(set) = outcome {
                return Ok(set?);
            }
        }
    }

    /// Makes a failed member count as left, everywhere, or forgets it altogether.
    ///
    /// # Errors
    /// If no member can have such a name, or the node has left or is shut down.
    pub fn force_leave(&self, name: &str, prune: Prune) -> Result<(), Error> {
        let shared = &self.inner.shared;
        Ok(shared.input(|state, now| state.endpoint.force_leave(now, name, prune))??)
    }

    /// Leaves the cluster in good order. Waits until that is done, which takes a second or two, and until
    /// all that is to be stored is on the disk. After that the handle can still be read, but nothing more
    /// can be sent; [`shutdown`](Self::shutdown) then closes the sockets.
    ///
    /// The report says whether the others know. A node that nobody hears leaves all the same.
    ///
    /// ```
    /// # async fn example(serf: serfer_async::Serfer) -> Result<(), serfer_async::Error> {
    /// let report = serf.leave().await?;
    /// println!("{report}"); // told 2 of 2 others, of whom 2 confirmed it; intent drained, …
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the node is shut down, before or meanwhile.
    pub async fn leave(&self) -> Result<LeaveReport, Error> {
        let Inner { shared, over, .. } = &*self.inner;
        // To leave while leaving is to wait for the same end.
        let _ = shared.input(|state, now| state.endpoint.leave(now))?;
        let report = shared.gone().await?;
        let written = shared.with(|state| state.backlog.written())?;
        future::or(written, over.node()).await;
        Ok(report)
    }

    /// Whether the node has not shut itself down.
    pub(crate) fn ending(&self) -> Result<(), Error> {
        let reason = self.inner.shared.with(|state| state.shutdown_reason)?;
        reason.map_or(Ok(()), |reason| Err(Error::ShutDown(reason)))
    }

    /// Waits until the node has left, or is shut down, by whomever, and all of it has ended as after
    /// [`shutdown`](Self::shutdown). If it shut itself down, the last event of [`events`](Self::events),
    /// [`Event::ShutdownWanted`](serfer_proto::Event::ShutdownWanted), says why.
    pub async fn wait(&self) {
        let has_left = self.inner.shared.gone().await.is_ok();
        if !has_left {
            self.inner.over.thread().await;
        }
    }

    /// Stops the node without leaving. Waits until its tasks and its thread have ended, its sockets are
    /// closed and all that was to be stored is on the disk, however long that takes. To shut down again does
    /// nothing.
    ///
    /// Handlers end at their next `.await`, an async one that calls this included. So the runtime that they are
    /// on has to run meanwhile. Do not block one of its threads to wait here, in a handler that is not
    /// [`blocking`](crate::blocking) or in the destructor of something that a handler owns: that waits for
    /// itself.
    pub async fn shutdown(&self) {
        self.inner.shared.close("it was told to");
        self.inner.over.thread().await;
    }

    /// Where we are in the space of round trip times, by the pings so far; `None` if coordinates are
    /// [turned off](serfer_proto::Config::coordinates) or the node is broken by a bug.
    pub fn coordinate(&self) -> Option<Coordinate> {
        self.inner.shared.with(|state| state.endpoint.coordinate().copied()).ok().flatten()
    }

    /// Where the member of a name is, by its own account: of others, that of their last ack. `None` if it
    /// has not said so yet.
    pub fn coordinate_of(&self, name: &str) -> Option<Coordinate> {
        self.inner.shared.with(|state| state.endpoint.coordinate_of(name).copied()).ok().flatten()
    }

    /// The estimated round trip between the members of two names; neither has to be us. `None` unless both
    /// have said where they are.
    pub fn distance(&self, a: &str, b: &str) -> Option<Duration> {
        self.inner.shared.with(|state| state.endpoint.distance(a, b)).ok().flatten()
    }

    /// The other members that are alive and nearest to us, at most `count`, the nearest first.
    pub fn nearest(&self, count: usize) -> Vec<Neighbor> {
        self.inner.shared.with(|state| state.endpoint.nearest(count)).unwrap_or_default()
    }

    /// The other members that are alive and to which a round trip takes no longer than `rtt`, as far
    /// as we know, the nearest first.
    pub fn within(&self, rtt: Duration) -> Vec<Neighbor> {
        self.inner.shared.with(|state| state.endpoint.within(rtt)).unwrap_or_default()
    }

    /// Counters and gauges. With the feature `metrics` they also go, every five seconds and when the node
    /// is shut down, to whatever recorder of the `metrics` facade is installed.
    pub fn stats(&self) -> Stats {
        self.inner.shared.with(|state| state.endpoint.stats()).unwrap_or_default()
    }
}

impl std::fmt::Debug for Serfer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serfer").field("member", &self.local_member()).finish_non_exhaustive()
    }
}

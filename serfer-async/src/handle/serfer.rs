//! The handle of a node.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_lite::future;
use serfer_proto::{
    Coalesce, EventError, Keyring, LeaveReport, Member, Prune, Query, QueryError, QueryParams,
    Replay, Stats,
};

use super::events::Events;
use super::member_filter::MemberFilter;
use super::membership::Membership;
use super::query::Replies;
#[cfg(doc)]
use crate::discovery::failure::SeedFailure;
use crate::discovery::join::{self, Joined};
use crate::discovery::seeds::SeedResolver;
use crate::error::Error;
use crate::node::closed::Closed;
use crate::node::end_cause::EndCause;
use crate::node::shared::Shared;
use crate::node::state::State;
use crate::node::state::events::EventReader;
#[cfg(feature = "metrics")]
use crate::node::state::name_counts::CountedByName;
use crate::node::thread::NodeEnd;

/// A running node. Cheap to clone; all clones are the same node.
///
/// **Keep it for as long as the node is to live.** When the last clone is dropped, the node shuts down
/// without leaving, which others see as a failure; call [`leave`](Self::leave) first to go in good order. The
/// same happens when the runtime of its handlers is shut down: then its handles behave as after
/// [`shutdown`](Self::shutdown). The compiler warns of a handle that nobody keeps:
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// # use serfer_async::{Builder, Error, Runtime};
/// # async fn example<R: Runtime>(builder: Builder<R>) -> Result<(), Error> {
/// builder.start().await?;
/// # Ok(())
/// # }
/// ```
///
/// A node has a thread of its own, which ends with the last of the node's tasks. A handle may be used from
/// any thread and any runtime.
#[derive(Clone)]
#[must_use = "when the last handle is dropped, the node shuts down: keep one, or call `leave`"]
pub struct Serfer {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    resolver: Arc<SeedResolver>,
    end: NodeEnd,
    bound: SocketAddr,
    event_buffer: usize,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.close(EndCause::HandleDropped);
    }
}

impl Serfer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        resolver: Arc<SeedResolver>,
        end: NodeEnd,
        bound: SocketAddr,
        event_buffer: usize,
    ) -> Self {
        Self { inner: Arc::new(Inner { shared, resolver, end, bound, event_buffer }) }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    /// Joins a cluster through any of these seeds, which are of the kinds that
    /// [`Builder::join`](crate::Builder::join) takes, and kept as those are: the node looks for others with
    /// them as long as it runs. User events that were sent before are not delivered.
    ///
    /// All of them are tried, at all of their addresses, until a few have answered. This waits for the slowest
    /// of them, for thirty seconds at most. Those that are not done by then are among the
    /// [failures](SeedFailure::Unfinished), and go on in the background.
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
        Ok(join::join(&self.inner.shared, &self.inner.resolver, seeds, replay).await?)
    }

    /// Sends a user event to every member, ourselves included.
    ///
    /// # Errors
    /// If it is too large, too many wait to be sent (see
    /// [`user_event_when_possible`](Self::user_event_when_possible)), or the node has left or is shut down.
    pub fn user_event(&self, name: &str, payload: impl AsRef<[u8]>) -> Result<(), Error> {
        self.user_event_with(name, payload, Coalesce::No)
    }

    /// As [`user_event`](Self::user_event), and says whether receivers may coalesce several events of this
    /// name into one.
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
        self.inner.shared.call(|state, now| {
            state.endpoint.user_event(now, name, payload, coalesce)?;
            #[cfg(feature = "metrics")]
            state.names.count(CountedByName::EventSent, name);
            Ok::<_, EventError>(())
        })
    }

    /// Asks every member, ourselves included. Each confirms with an ack that it got the query.
    ///
    /// # Errors
    /// If the query is too large, its name is reserved, too many queries are open or wait to be sent, or the node has left or
    /// is shut down.
    pub fn query(&self, name: &str, payload: impl AsRef<[u8]>) -> Result<Replies, Error> {
        self.query_with(name, payload, &QueryParams::new())
    }

    /// Asks only the members that match the filters of `params`, and waits for as long as `params` says.
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
        self.inner.shared.call(|state, now| {
            let query = state.endpoint.query(now, name, payload, params)?;
            // The endpoint bounds how many answers there can be.
            let (answers, replies) = async_channel::unbounded();
            state.calls.queries.insert(query, answers);
            #[cfg(feature = "metrics")]
            state.names.count(CountedByName::QuerySent, name);
            Ok::<_, QueryError>(Replies::new(query, replies))
        })
    }

    /// Answers a query that came as an event. Each query takes one answer, until its deadline.
    ///
    /// # Errors
    /// If the answer is too large, too late or the second one, or the node is shut down.
    pub fn respond(&self, query: &Query, answer: impl AsRef<[u8]>) -> Result<(), Error> {
        let answer = answer.as_ref();
        self.inner.shared.call(|state, now| state.endpoint.respond(now, query, answer))
    }

    /// Everything that happens from now on. Any number of readers may read at their own pace. To keep
    /// a copy of the list of members, [`subscribe`](Self::subscribe) to it instead.
    ///
    /// The result of a call of ours goes to the caller and not here: acks and replies to our queries and
    /// their end, the end of a join, and that we have left.
    pub fn events(&self) -> Events {
        let buffer = self.inner.event_buffer;
        let reader = self.inner.shared.with(|state| state.events.subscribe(buffer, |_| true));
        // If the node is broken, there is nothing to read: the stream ends at once.
        Events::new(reader.unwrap_or_else(|_| EventReader::closed()))
    }

    /// All members, and then what changes about them, exactly. Any number of readers may read at
    /// their own pace.
    pub fn subscribe(&self) -> Membership {
        let (shared, buffer) = (&self.inner.shared, self.inner.event_buffer);
        Membership::new(shared.clone(), buffer)
    }

    /// All members of any status, ourselves included.
    pub fn members(&self) -> Vec<Member> {
        let members = |state: &mut State| state.endpoint.members().cloned().collect();
        self.inner.shared.with(members).unwrap_or_default()
    }

    /// The members that match `filter`.
    pub fn members_where(&self, filter: &MemberFilter) -> Vec<Member> {
        let mut members = self.members();
        members.retain(|member| filter.matches(member));
        members
    }

    /// The member with this name.
    pub fn member(&self, name: &str) -> Option<Member> {
        self.inner.shared.with(|state| state.endpoint.member(name).cloned()).ok().flatten()
    }

    /// The member that is this node itself.
    ///
    /// # Errors
    /// Only if the node is broken by a bug.
    pub fn local_member(&self) -> Result<Member, Closed> {
        self.inner.shared.with(|state| state.endpoint.local_member().clone())
    }

    /// The address that is bound. If no port was given, it has the one that was found. For the address where
    /// others reach us, see [`local_member`](Self::local_member).
    pub fn local_addr(&self) -> SocketAddr {
        self.inner.bound
    }

    /// A copy of our keys, the primary first; `None` without encryption, or if the node is broken by
    /// a bug. For the keys that others have, see [`list_keys`](Self::list_keys).
    pub fn keyring(&self) -> Option<Keyring> {
        self.inner.shared.with(|state| state.endpoint.keyring().cloned()).ok().flatten()
    }

    /// Makes a failed member count as left, everywhere, or forgets it completely.
    ///
    /// # Errors
    /// If no member can have such a name, or the node has left or is shut down.
    pub fn force_leave(&self, name: &str, prune: Prune) -> Result<(), Error> {
        self.inner.shared.call(|state, now| state.endpoint.force_leave(now, name, prune))
    }

    /// Leaves the cluster in good order. Waits until that is done, which takes a second or two, and until
    /// all that is to be stored is on the disk. After that the handle can still be read, but nothing more
    /// can be sent; [`shutdown`](Self::shutdown) then closes the sockets.
    ///
    /// The report says whether the others know. If no other node can be reached, the node leaves all the
    /// same.
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
        let Inner { shared, end, .. } = &*self.inner;
        // If the node is leaving already, this waits for the same end.
        let _ = shared.input(|state, now| state.endpoint.leave(now))?;
        let report = shared.gone().await?;
        let written = shared.with(|state| state.backlog.written())?;
        future::or(written, end.node()).await;
        Ok(report)
    }

    /// An error if the node has ended though nobody told it to.
    pub(crate) fn check_end(&self) -> Result<(), Error> {
        match self.inner.shared.end_cause() {
            Some(EndCause::ByItself(reason)) => Err(Error::ShutDown(reason)),
            // It has a handle, so nobody gave it up: the runtime ended in the last moment of the start.
            Some(EndCause::RuntimeEnded | EndCause::GivenUp) => Err(Error::RuntimeEnded),
            Some(EndCause::Panicked) => Err(Error::Panicked),
            _ => Ok(()),
        }
    }

    /// Waits until the node has left, or until it is shut down for any reason and all of it has ended as
    /// after [`shutdown`](Self::shutdown).
    ///
    /// A program that has nothing else to do should wait for this as well as for Ctrl-C, so that it ends when
    /// its node does:
    ///
    /// ```no_run
    /// # async fn ctrl_c() {}
    /// # async fn example(serf: serfer_async::Serfer) -> Result<(), serfer_async::Error> {
    /// # use futures_lite::future::or;
    /// or(serf.wait(), async { Ok(ctrl_c().await) }).await?;
    /// serf.leave().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If it was not told to leave or to shut down: it [shut itself down](Error::ShutDown), the runtime of its
    /// handlers has ended, or it panicked.
    pub async fn wait(&self) -> Result<(), Error> {
        let has_left = self.inner.shared.gone().await.is_ok();
        if has_left {
            return Ok(());
        }
        self.inner.end.thread().await;
        self.check_end()
    }

    /// Stops the node without leaving. Waits until its tasks and its thread have ended, its sockets are
    /// closed and all that was to be stored is on the disk, however long that takes. A second call only
    /// waits.
    ///
    /// Handlers end at their next `.await`, even an async handler that calls this. So their runtime has to
    /// run meanwhile. Do not block one of its threads to wait here, in a handler that is not
    /// [`blocking`](crate::blocking) or in the destructor of something that a handler owns: it would wait for
    /// itself.
    pub async fn shutdown(&self) {
        self.inner.shared.close(EndCause::Told);
        self.inner.end.thread().await;
    }

    /// Counters and gauges. With the feature `metrics` they also go to the recorder of the `metrics` facade
    /// that is installed, every five seconds and when the node is shut down.
    pub fn stats(&self) -> Stats {
        self.inner.shared.with(|state| state.endpoint.stats()).unwrap_or_default()
    }
}

impl std::fmt::Debug for Serfer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serfer").field("member", &self.local_member()).finish_non_exhaustive()
    }
}

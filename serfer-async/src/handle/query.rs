//! The answers to a query, as they come.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_channel::Receiver;
use bytes::Bytes;
use futures_lite::{Stream, StreamExt};
use serfer_proto::{QueryEnd, QueryId, Reply};

use crate::node::state::calls::QueryAnswer;

/// The replies to a query: a stream that ends with the query, when everybody asked has replied or its
/// time is up. See [`QueryParams`](crate::QueryParams).
///
/// ```no_run
/// # async fn example(serf: &serfer_async::Serfer) -> Result<(), serfer_async::Error> {
/// let mut replies = serf.query("status", "are you ok?")?;
/// while let Some(reply) = replies.next().await {
///     println!("{}: {}", reply.from, String::from_utf8_lossy(&reply.payload));
/// }
/// # Ok(())
/// # }
/// ```
///
/// Dropping it only loses what is still to come.
pub struct Replies {
    id: QueryId,
    // Pinned because the receiver has to be while it is polled.
    answers: Pin<Box<Receiver<QueryAnswer>>>,
    acks: Vec<Arc<str>>,
    end: Option<QueryEnd>,
    silent: Arc<[Arc<str>]>,
}

impl Replies {
    pub(crate) fn new(id: QueryId, answers: Receiver<QueryAnswer>) -> Self {
        Self { id, answers: Box::pin(answers), acks: Vec::new(), end: None, silent: Arc::default() }
    }

    /// Which query this is.
    pub fn id(&self) -> QueryId {
        self.id
    }

    /// The next reply; `None` once the query has ended.
    pub async fn next(&mut self) -> Option<Reply> {
        StreamExt::next(self).await
    }

    /// The members that have acked so far, as far as the stream has been read.
    pub fn acks(&self) -> &[Arc<str>] {
        &self.acks
    }

    /// How the query ended, once the stream has; `None` also if the node was shut down before.
    pub fn end(&self) -> Option<QueryEnd> {
        self.end
    }

    /// The members that were expected and have neither acked nor replied, once the stream has ended. See
    /// [`Answers::silent`].
    pub fn silent(&self) -> &[Arc<str>] {
        &self.silent
    }

    /// Waits until the query has ended, and returns everything that came back.
    pub async fn collect(mut self) -> Answers {
        let mut replies = BTreeMap::new();
        while let Some(reply) = self.next().await {
            replies.insert(reply.from, reply.payload);
        }
        Answers { acks: self.acks, replies, end: self.end, silent: self.silent }
    }
}

impl Stream for Replies {
    type Item = Reply;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Reply>> {
        loop {
            match ready!(self.answers.as_mut().poll_next(cx)) {
                Some(QueryAnswer::Ack(from)) => self.acks.push(from),
                Some(QueryAnswer::Reply(reply)) => return Poll::Ready(Some(reply)),
                Some(QueryAnswer::End(closed)) => {
                    self.end = Some(closed.end);
                    self.silent = closed.silent;
                }
                None => return Poll::Ready(None),
            }
        }
    }
}

impl std::fmt::Debug for Replies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Replies");
        shown.field("id", &self.id).field("acks", &self.acks.len()).finish_non_exhaustive()
    }
}

/// Everything that came back to a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// The members that confirmed it with an ack, in the order in which the acks came. Some that replied may
    /// be missing: acks get lost, and a query does not wait for them once everybody has replied.
    pub acks: Vec<Arc<str>>,
    /// The replies, by the name of the member.
    pub replies: BTreeMap<Arc<str>, Bytes>,
    /// How the query ended; `None` if the node was shut down before.
    pub end: Option<QueryEnd>,
    silent: Arc<[Arc<str>]>,
}

impl Answers {
    /// The members that were expected and have neither acked nor replied, in no particular order: live
    /// members that match the filters, as far as was known when the query was sent. They were asked
    /// [again](serfer_proto::Queries::ask_again), so they cannot be reached, or what they sent was lost. If the
    /// query wanted no acks, they may have had nothing to say. Nobody is silent if the node was shut down before
    /// the query ended.
    pub fn silent(&self) -> &[Arc<str>] {
        &self.silent
    }
}

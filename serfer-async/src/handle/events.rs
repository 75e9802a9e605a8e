//! What happens, as a stream of events.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_lite::{Stream, StreamExt};
use serfer_proto::Event;

use crate::node::state::events::{EventReader, Lagged};

/// A stream of what happens: members, user events, queries, name conflicts.
///
/// It ends when the node is shut down; if that does so by itself, the last event says why. A reader
/// that falls behind by more than the node's event buffer loses the oldest events and is told so by
/// [`Lagged`]; it never holds the node up.
pub struct Events {
    reader: EventReader,
}

impl Events {
    pub(crate) fn new(reader: EventReader) -> Self {
        Self { reader }
    }

    /// The next event; `None` once the node is shut down.
    pub async fn next(&mut self) -> Option<Result<Event, Lagged>> {
        StreamExt::next(self).await
    }
}

impl Stream for Events {
    type Item = Result<Event, Lagged>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.reader.poll_next(cx)
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("waiting", &self.reader.len()).finish_non_exhaustive()
    }
}

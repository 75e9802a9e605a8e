//! User events that wait until there is room for them.

use std::future::poll_fn;
use std::task::Poll;

use serfer_proto::Coalesce;

use super::serfer::Serfer;
use crate::error::Error;
#[cfg(feature = "metrics")]
use crate::node::state::name_counts::CountedByName;

impl Serfer {
    /// Sends a user event as soon as it has room, where [`user_event`](Self::user_event) refuses with
    /// [`EventError::QueueFull`](crate::EventError::QueueFull). So a program that has much to say goes as
    /// fast as the cluster can pass it on, and loses nothing on the way out.
    ///
    /// ```
    /// # async fn example(serf: serfer_async::Serfer, lines: Vec<String>) -> Result<(), serfer_async::Error> {
    /// for line in lines {
    ///     serf.user_event_when_possible("log", line).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// If the future is dropped before it is done, nothing has been sent. Several that wait are not served
    /// in the order in which they came.
    ///
    /// # Errors
    /// As [`user_event`](Self::user_event), and if the node leaves or is shut down meanwhile.
    pub async fn user_event_when_possible(
        &self,
        name: &str,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), Error> {
        let payload = payload.as_ref();
        poll_fn(|task| {
            let sent = self.shared().input(|state, now| {
                if !state.endpoint.has_room_for_user_event() {
                    state.senders.wait(task.waker());
                    return Poll::Pending;
                }
                let sent = state.endpoint.user_event(now, name, payload, Coalesce::No);
                #[cfg(feature = "metrics")]
                if sent.is_ok() {
                    state.names.count(CountedByName::EventSent, name);
                }
                Poll::Ready(sent)
            });
            match sent {
                Ok(sent) => sent.map(|sent| sent.map_err(Error::from)),
                Err(closed) => Poll::Ready(Err(closed.into())),
            }
        })
        .await
    }
}

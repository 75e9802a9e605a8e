//! Who waits until a user event has room in its queue.

use std::task::Waker;

use serfer_proto::Endpoint;

use super::wakers::Wakers;

/// The senders that wait. All of them are woken when there is room, and whoever comes too late waits again.
#[derive(Debug, Default)]
pub(crate) struct WaitingSenders(Vec<Waker>);

impl WaitingSenders {
    /// Adds one, unless it waits already.
    pub(crate) fn wait(&mut self, waker: &Waker) {
        if !self.0.iter().any(|waiting| waiting.will_wake(waker)) {
            self.0.push(waker.clone());
        }
    }

    pub(crate) fn wake_if_room(&mut self, endpoint: &Endpoint, wakers: &mut Wakers) {
        if !self.0.is_empty() && endpoint.has_room_for_user_event() {
            self.wake(wakers);
        }
    }

    pub(crate) fn wake(&mut self, wakers: &mut Wakers) {
        self.0.drain(..).for_each(|waker| wakers.add(Some(waker)));
    }
}

//! A latch: something that happens once, and that any number of tasks can wait for.

use async_channel::{Receiver, Sender};

/// What is never sent. A channel of this type only says when it is closed.
#[derive(Debug)]
pub(crate) enum Never {}

/// Waits until a channel is closed.
pub(crate) async fn closed(channel: Receiver<Never>) {
    drop(channel.recv().await);
}

/// Opens once, when it is dropped at the latest, and stays open.
#[derive(Debug)]
pub(crate) struct Latch {
    opener: Sender<Never>,
    opened: Receiver<Never>,
}

impl Latch {
    pub(crate) fn new() -> Self {
        let (opener, opened) = async_channel::bounded(1);
        Self { opener, opened }
    }

    pub(crate) fn open(&self) {
        self.opener.close();
    }

    /// Waits until it is open.
    pub(crate) fn wait(&self) -> impl Future<Output = ()> + use<> {
        closed(self.opened.clone())
    }
}

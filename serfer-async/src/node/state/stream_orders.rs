//! What the endpoint orders of a stream, on the way to the stream's task.

use async_channel::{Receiver, Sender};

/// What the endpoint wants of a stream.
#[derive(Debug)]
pub(crate) enum StreamOrder {
    Write(Vec<u8>),
    Close,
}

/// The endpoint's side: gives orders to the stream's task. Dropping it drops the stream.
#[derive(Debug)]
pub(crate) struct StreamHandle {
    orders: Sender<StreamOrder>,
    /// Nothing is sent: that it closes is the message.
    _alive: Sender<()>,
}

/// The side of the stream's task.
#[derive(Debug)]
pub(crate) struct StreamOrders {
    pub(crate) orders: Receiver<StreamOrder>,
    /// Closes when the endpoint drops the stream.
    pub(crate) alive: Receiver<()>,
}

impl StreamHandle {
    pub(crate) fn new() -> (Self, StreamOrders) {
        // A stream gets a write and a close, at most.
        let (sender, orders) = async_channel::bounded(2);
        let (_alive, alive) = async_channel::bounded(1);
        (Self { orders: sender, _alive }, StreamOrders { orders, alive })
    }

    pub(crate) fn order(&self, order: StreamOrder) {
        drop(self.orders.try_send(order));
    }
}

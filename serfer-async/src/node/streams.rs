//! One task for each stream: it moves bytes and does as it is told.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_channel::{Receiver, Sender};
use futures_lite::future;
use serfer_proto::{StreamEnd, StreamId};

use crate::node::shared::Shared;
use crate::runtime::Runtime;

/// What the endpoint wants of a stream.
#[derive(Debug)]
pub(crate) enum Command {
    Write(Vec<u8>),
    Close,
}

/// How the endpoint's orders reach a stream's task. Dropping it drops the stream.
#[derive(Debug)]
pub(crate) struct Commander {
    pub(crate) commands: Sender<Command>,
    /// Nothing is sent: that it closes is the message.
    _alive: Sender<()>,
}

/// The other end of a [`Commander`].
#[derive(Debug)]
pub(crate) struct Orders {
    commands: Receiver<Command>,
    alive: Receiver<()>,
}

impl Commander {
    pub(crate) fn new() -> (Self, Orders) {
        // A stream gets a write and a close, at most.
        let (commands, orders) = async_channel::bounded(2);
        let (alive, dropped) = async_channel::bounded(1);
        (Self { commands, _alive: alive }, Orders { commands: orders, alive: dropped })
    }
}

/// Dials a stream that the endpoint wants.
pub(crate) fn dial<R: Runtime>(runtime: &R, shared: &Arc<Shared>, id: StreamId, to: SocketAddr) {
    let Ok(orders) = shared.with(|state| state.open_stream(id)) else {
        return;
    };
    let (runtime, task) = (runtime.clone(), shared.clone());
    shared.tasks.spawn(async move {
        let dialled = async {
            match runtime.connect(to).await {
                Ok(stream) => {
                    task.tell(|state, now| state.endpoint.handle_connected(now, id));
                    converse(&runtime, &task, id, stream, &orders.commands).await;
                }
                Err(error) => {
                    tracing::debug!(target: "serfer::runtime", %error, %to, "cannot dial");
                }
            }
        };
        attend(&task, id, dialled, &orders.alive).await;
    });
}

/// Serves a stream that somebody opened, unless the endpoint is full.
pub(crate) fn serve<R: Runtime>(
    runtime: &R,
    shared: &Arc<Shared>,
    stream: R::Stream,
    from: SocketAddr,
) {
    let accepted = shared.input(|state, now| {
        let id = state.endpoint.handle_accepted(now, from)?;
        Some((id, state.open_stream(id)))
    });
    let Ok(Some((id, orders))) = accepted else {
        return;
    };
    let (runtime, task) = (runtime.clone(), shared.clone());
    shared.tasks.spawn(async move {
        let conversation = converse(&runtime, &task, id, stream, &orders.commands);
        attend(&task, id, conversation, &orders.alive).await;
    });
}

/// Keeps a conversation going until it is over, which the endpoint is told, or the endpoint drops it.
async fn attend(
    shared: &Shared,
    id: StreamId,
    conversation: impl Future<Output = ()>,
    alive: &Receiver<()>,
) {
    let dropped = async {
        let _ = alive.recv().await;
        false
    };
    let over = async {
        conversation.await;
        true
    };
    if future::or(dropped, over).await {
        shared.tell(|state, now| state.end_stream(now, id, StreamEnd::Closed));
    }
}

/// Reads until the other side ends; writes and closes as told.
async fn converse<R: Runtime>(
    runtime: &R,
    shared: &Shared,
    id: StreamId,
    mut stream: R::Stream,
    commands: &Receiver<Command>,
) {
    let mut buf = vec![0; CHUNK];
    let mut ended = false;
    loop {
        let command = async { Next::Command(commands.recv().await.ok()) };
        let next = if ended {
            command.await
        } else {
            let bytes = async { Next::Bytes(runtime.read(&mut stream, &mut buf).await) };
            future::or(command, bytes).await
        };
        match next {
            Next::Command(Some(Command::Write(data))) => {
                if runtime.write_all(&mut stream, &data).await.is_err() {
                    return;
                }
            }
            Next::Command(Some(Command::Close)) => return drop(runtime.finish(&mut stream).await),
            Next::Command(None) | Next::Bytes(Err(_)) => return,
            Next::Bytes(Ok(0)) => {
                ended = true;
                shared.tell(|state, now| state.end_stream(now, id, StreamEnd::Eof));
            }
            Next::Bytes(Ok(len)) => {
                let data = &buf[..len];
                shared.tell(|state, now| state.endpoint.handle_stream_data(now, id, data));
                // Or who is quick to send would let us go on for ever.
                future::yield_now().await;
            }
        }
    }
}

enum Next {
    Command(Option<Command>),
    Bytes(io::Result<usize>),
}

/// How much is read at once.
const CHUNK: usize = 16 * 1024;

//! One task for each stream: it moves bytes, and does what the endpoint orders.

pub(crate) mod acceptor;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_channel::Receiver;
use futures_lite::future;
use serfer_proto::{StreamEnd, StreamId};

use super::shared::Shared;
use super::state::stream_orders::StreamOrder;
use crate::runtime::Runtime;

/// How much is read at once.
const CHUNK: usize = 16 * 1024;

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
                    transfer(&runtime, &task, id, stream, &orders.orders).await;
                }
                Err(error) => {
                    tracing::debug!(target: "serfer::runtime", %error, %to, "cannot dial");
                    let reason = error.to_string();
                    task.tell(|state, now| state.endpoint.handle_connect_failed(now, id, &reason));
                }
            }
        };
        run(&task, id, dialled, &orders.alive).await;
    });
}

/// Serves a stream that another node opened, unless the endpoint is full.
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
        let transfer = transfer(&runtime, &task, id, stream, &orders.orders);
        run(&task, id, transfer, &orders.alive).await;
    });
}

/// Runs a transfer until it ends, which the endpoint is told, or the endpoint drops the stream.
async fn run(
    shared: &Shared,
    id: StreamId,
    transfer: impl Future<Output = ()>,
    alive: &Receiver<()>,
) {
    let dropped = async {
        let _ = alive.recv().await;
        false
    };
    let ended = async {
        transfer.await;
        true
    };
    if future::or(dropped, ended).await {
        shared.tell(|state, now| state.end_stream(now, id, StreamEnd::Closed));
    }
}

/// Reads until the other side ends; writes and closes as ordered.
async fn transfer<R: Runtime>(
    runtime: &R,
    shared: &Shared,
    id: StreamId,
    mut stream: R::Stream,
    orders: &Receiver<StreamOrder>,
) {
    let mut buf = vec![0; CHUNK];
    let mut ended = false;
    loop {
        let order = async { Step::Order(orders.recv().await.ok()) };
        let step = if ended {
            order.await
        } else {
            let bytes = async { Step::Bytes(runtime.read(&mut stream, &mut buf).await) };
            future::or(order, bytes).await
        };
        match step {
            Step::Order(Some(StreamOrder::Write(data))) => {
                if runtime.write_all(&mut stream, &data).await.is_err() {
                    return;
                }
            }
            Step::Order(Some(StreamOrder::Close)) => {
                return drop(runtime.finish(&mut stream).await);
            }
            Step::Order(None) | Step::Bytes(Err(_)) => return,
            Step::Bytes(Ok(0)) => {
                ended = true;
                shared.tell(|state, now| state.end_stream(now, id, StreamEnd::Eof));
            }
            Step::Bytes(Ok(len)) => {
                let data = &buf[..len];
                shared.tell(|state, now| state.endpoint.handle_stream_data(now, id, data));
                // Otherwise a fast sender could keep other tasks from their turn for ever.
                future::yield_now().await;
            }
        }
    }
}

/// Why the task of a stream goes on.
enum Step {
    Order(Option<StreamOrder>),
    Bytes(io::Result<usize>),
}

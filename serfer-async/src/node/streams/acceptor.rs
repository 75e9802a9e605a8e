//! The loop that accepts streams.

use std::io;
use std::sync::Arc;

use futures_lite::future;

use super::serve;
use crate::node::notable::is_notable;
use crate::node::shared::Shared;
use crate::node::sockets::mapped;
use crate::node::sockets::pause::SocketPause;
use crate::runtime::Runtime;

/// How many streams in a row may be gone before they are accepted.
const GONE_MAX: usize = 64;

/// Accepts streams.
pub(crate) async fn accept<R: Runtime>(runtime: R, listener: R::Listener, shared: Arc<Shared>) {
    let (mut failed, mut in_a_row) = (SocketPause::default(), 0);
    loop {
        match runtime.accept(&listener).await {
            Ok((stream, from)) => {
                (failed, in_a_row) = (SocketPause::default(), 0);
                serve(&runtime, &shared, stream, mapped::unmapped(from));
                // Otherwise a flood could keep other tasks from their turn for ever.
                future::yield_now().await;
            }
            Err(error) if is_gone(&error) && in_a_row < GONE_MAX => {
                in_a_row += 1;
                tracing::debug!(target: "serfer::runtime", %error, "a stream is gone before it was accepted");
                future::yield_now().await;
            }
            Err(error) => {
                let made_room = accept_failed(&shared, &error);
                runtime.sleep_until(runtime.now() + failed.next_pause()).await;
                if made_room {
                    failed = SocketPause::default();
                }
            }
        }
    }
}

/// Whether only this stream cannot be accepted: others may wait behind it.
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, Interrupted, NetworkDown,
        NetworkUnreachable, TimedOut,
    };
    // Linux hands on what has happened to the stream meanwhile.
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionReset
            | HostUnreachable
            | Interrupted
            | NetworkDown
            | NetworkUnreachable
            | TimedOut
    )
}

/// No stream can be accepted: another one makes room, if that helps. Says whether there was one.
fn accept_failed(shared: &Shared, error: &io::Error) -> bool {
    let made_room = shared.input(|state, now| {
        let made_room = state.endpoint.handle_accept_failed(now);
        (made_room, state.endpoint.stats().accepts_failed)
    });
    let (made_room, count) = made_room.unwrap_or_default();
    if is_notable(count) {
        tracing::warn!(target: "serfer::runtime", %error, count, "cannot accept streams: others cannot join or compare their state with ours; if the process has too many open files, raise its limit (`ulimit -n`)");
    } else {
        tracing::debug!(target: "serfer::runtime", %error, count, "cannot accept streams");
    }
    made_room
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use serfer_proto::DropReason;

    use super::*;
    use crate::node::testing::{TestNode, traced};
    use crate::router::Router;

    /// How long, in milliseconds, it waits after each stream that it cannot accept.
    fn pauses(accepts: impl IntoIterator<Item = bool>) -> Vec<u128> {
        let node = TestNode::with(Router::new());
        node.runtime.incoming().streams.extend(accepts);
        node.shared.tasks.spawn(accept(node.runtime.clone(), (), node.shared.clone()));
        node.settle();
        let mut pauses = Vec::new();
        while let Some(pause) = node.runtime.next_pause() {
            pauses.push(pause.as_millis());
            node.advance(pause);
        }
        pauses
    }

    #[test]
    fn a_listener_that_fails_is_left_alone_for_longer_and_longer() {
        assert_eq!(pauses([false; 10]), [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        assert_eq!(pauses([false, false, true, false]), [5, 10, 5]);
    }

    #[test]
    fn streams_that_are_gone_before_they_are_accepted_hold_nobody_up() {
        for error in [io::ErrorKind::ConnectionAborted, io::ErrorKind::HostUnreachable] {
            let node = TestNode::with(Router::new());
            node.runtime.incoming().streams.extend([false; 50]);
            node.runtime.incoming().accept_error = error;
            node.shared.tasks.spawn(accept(node.runtime.clone(), (), node.shared.clone()));
            node.settle();
            assert_eq!(node.runtime.next_pause(), None, "{error}");
            let left = node.runtime.incoming().streams.len();
            assert_eq!((left, node.serf.stats().accepts_failed), (0, 0), "{error}");
        }
    }

    #[test]
    fn a_listener_that_fails_is_a_warning_now_and_then_and_a_silent_stream_makes_room() {
        let node = TestNode::with(Router::new());
        let from = SocketAddr::from(([127, 0, 0, 9], 9));
        node.shared.drive(|node, now| assert!(node.handle_accepted(now, from).is_some()));
        let log = traced(|| {
            for _ in 0..20 {
                accept_failed(&node.shared, &io::ErrorKind::Other.into());
            }
        });
        let warnings: Vec<&str> = log
            .lines()
            .filter(|line| line.contains("WARN") && line.contains("cannot accept streams"))
            .collect();
        assert_eq!(warnings.len(), 2, "the first and the tenth: {log}");
        let stats = node.serf.stats();
        assert_eq!((stats.accepts_failed, stats.dropped[DropReason::Full]), (20, 1));
    }

    #[test]
    fn a_flood_of_streams_or_on_one_of_them_leaves_other_tasks_their_turn() {
        let node = TestNode::with(Router::new());
        node.settle();
        node.runtime.incoming().streams.extend([true; 10]);
        node.shared.tasks.spawn(accept(node.runtime.clone(), (), node.shared.clone()));
        node.runtime.step();
        assert_eq!(node.runtime.incoming().streams.len(), 9);

        let node = TestNode::with(Router::new());
        node.settle();
        node.runtime.incoming().reads = 10;
        serve(&node.runtime, &node.shared, (), node.serf.local_addr());
        node.runtime.step();
        assert_eq!(node.runtime.incoming().reads, 9);
    }
}

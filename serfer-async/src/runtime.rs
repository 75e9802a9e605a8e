//! What an async runtime has to offer: sockets, timers and tasks.
//!
//! An adapter crate implements this one trait and nothing else; each method is a few lines.
//! `examples/third_runtime.rs` is a guide to a runtime of your own.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Instant;

/// An async runtime.
///
/// A node has two. The application's runtime, which it is given, runs handlers. Another one, which is made
/// from it by [`run_apart`](Self::run_apart), has a thread to itself and runs everything else. So nothing
/// that an application does can hold up the node. Nodes may also share such a thread, or be on the application's
/// runtime themselves, if the [builder](crate::Builder) says so. Of the methods below, only `spawn`,
/// `sleep_until` and `unblock` are called from outside the runtime.
///
/// Dropping the future of [`accept`](Self::accept) or [`read`](Self::read) before it is done must lose
/// nothing.
pub trait Runtime: Clone + Send + Sync + 'static {
    /// A datagram socket.
    type Udp: Send + Sync + 'static;
    /// A listener for streams.
    type Listener: Send + Sync + 'static;
    /// A stream. Dropping it closes it.
    type Stream: Send + 'static;
    /// A timer that is set again and again: several times a second for as long as a node lives.
    type Alarm: Send + Sync + 'static;

    /// Makes a runtime of the same kind that nothing else uses. Calls `life` with it, and runs the future
    /// that `life` returns on it, in this thread, to its end. Then everything that is left on the runtime is
    /// dropped.
    ///
    /// # Errors
    /// If the operating system refuses what a runtime needs.
    fn run_apart<F: Future<Output = ()>>(&self, life: impl FnOnce(Self) -> F) -> io::Result<()>;

    /// What time it is. A runtime whose clock can be paused or faked returns its time here.
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// Waits until then.
    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + Send;

    /// Makes an alarm that is not set.
    ///
    /// # Errors
    /// If the operating system refuses what it needs.
    fn alarm(&self) -> io::Result<Self::Alarm>;

    /// Sets an alarm to then, or to never. What it was set to before does not count any more.
    fn set_alarm(&self, alarm: &mut Self::Alarm, at: Option<Instant>);

    /// Waits until an alarm rings. It may ring too early, or once more after it was set anew: the caller looks
    /// at the clock.
    fn ring(&self, alarm: &mut Self::Alarm) -> impl Future<Output = ()> + Send;

    /// Starts a task that runs by itself.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// Calls a function that may block for long, on a thread where it holds up nothing else. If the future is
    /// dropped, the function may run all the same.
    fn unblock<T: Send + 'static>(
        &self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send;

    /// Looks up the addresses of a host name; `port` becomes the port of each.
    fn resolve(
        &self,
        host: &str,
        port: u16,
    ) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// Takes over a datagram socket, which is bound and does not block.
    ///
    /// # Errors
    /// If the runtime cannot wait for it.
    fn udp(&self, socket: UdpSocket) -> io::Result<Self::Udp>;

    /// Sends one datagram, if that is possible at once; the error is `WouldBlock` if it is not.
    ///
    /// # Errors
    /// If it cannot be sent, or not now.
    fn try_send(&self, udp: &Self::Udp, data: &[u8], to: SocketAddr) -> io::Result<()>;

    /// Waits until a datagram may be sent. Hardly ever called: only after a [`try_send`](Self::try_send) that
    /// would have blocked.
    fn writable(&self, udp: &Self::Udp) -> impl Future<Output = io::Result<()>> + Send;

    /// Appends one datagram to `buf`, if there is one, and says who sent it; the error is `WouldBlock` if
    /// there is none. `buf` has room for any datagram. [`receive`](crate::receive) does it with a socket of the
    /// standard library.
    ///
    /// # Errors
    /// If nothing can be received, or not now.
    fn try_recv(&self, udp: &Self::Udp, buf: &mut Vec<u8>) -> io::Result<SocketAddr>;

    /// Waits until there may be a datagram to receive.
    fn readable(&self, udp: &Self::Udp) -> impl Future<Output = io::Result<()>> + Send;

    /// Takes over a socket that listens for streams and does not block.
    ///
    /// # Errors
    /// If the runtime cannot wait for it.
    fn listener(&self, socket: TcpListener) -> io::Result<Self::Listener>;

    /// Accepts one stream.
    fn accept(
        &self,
        listener: &Self::Listener,
    ) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;

    /// Dials.
    fn connect(&self, addr: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Reads some bytes, and returns how many; 0 is the end of the stream.
    fn read(
        &self,
        stream: &mut Self::Stream,
        buf: &mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send;

    /// Writes all bytes.
    fn write_all(
        &self,
        stream: &mut Self::Stream,
        data: &[u8],
    ) -> impl Future<Output = io::Result<()>> + Send;

    /// Sends everything that is not sent yet, and then tells the other side that nothing more comes.
    fn finish(&self, stream: &mut Self::Stream) -> impl Future<Output = io::Result<()>> + Send;
}

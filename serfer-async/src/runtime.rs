//! What an async runtime has to offer: sockets, a clock to sleep by, and somewhere to put tasks.
//!
//! An adapter crate implements this one trait and nothing else; each method is a few lines.
//! `examples/third_runtime.rs` is a guide to a runtime of your own.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

/// An async runtime.
///
/// A node has two: the one that it is given runs handlers, and one that is made of it by
/// [`run_apart`](Self::run_apart) has a thread to itself and runs everything else. So nothing that an
/// application does can hold up the node. Of the methods below only `spawn`, `sleep_until` and `unblock`
/// are called where the runtime itself does not run.
///
/// Dropping the future of [`recv_from`](Self::recv_from), [`accept`](Self::accept) or
/// [`read`](Self::read) before it is done must lose nothing.
pub trait Runtime: Clone + Send + Sync + 'static {
    /// A datagram socket.
    type Udp: Send + Sync + 'static;
    /// A listener for streams.
    type Listener: Send + Sync + 'static;
    /// A stream. Dropping it closes it.
    type Stream: Send + 'static;

    /// Makes a runtime of the same kind that nothing else uses, and runs on it, in this thread, what
    /// `life` makes of it, to its end. Then everything that is left on it is dropped.
    ///
    /// # Errors
    /// If the operating system does not have what it takes.
    fn run_apart<F: Future<Output = ()>>(&self, life: impl FnOnce(Self) -> F) -> io::Result<()>;

    /// What time it is. A runtime whose clock can be paused or faked says so here.
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// Waits.
    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + Send;

    /// Lets a task run by itself.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// Calls something that may block for long, on a thread where it holds nobody up. If the future is
    /// dropped, it may be done all the same.
    fn unblock<T: Send + 'static>(
        &self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send;

    /// Looks up the addresses of a host name; `port` goes with each.
    fn resolve(
        &self,
        host: &str,
        port: u16,
    ) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// Opens a datagram socket.
    fn bind_udp(&self, addr: SocketAddr) -> impl Future<Output = io::Result<Self::Udp>> + Send;

    /// Sends one datagram.
    fn send_to(
        &self,
        udp: &Self::Udp,
        data: &[u8],
        to: SocketAddr,
    ) -> impl Future<Output = io::Result<()>> + Send;

    /// Receives one datagram.
    fn recv_from(
        &self,
        udp: &Self::Udp,
        buf: &mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Send;

    /// Opens a listener; says where, if the port was 0.
    fn listen(
        &self,
        addr: SocketAddr,
    ) -> impl Future<Output = io::Result<(Self::Listener, SocketAddr)>> + Send;

    /// Accepts one stream.
    fn accept(
        &self,
        listener: &Self::Listener,
    ) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;

    /// Dials.
    fn connect(&self, addr: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Reads some bytes; none is the end.
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

    /// Tells the other side that nothing more comes, once everything is sent.
    fn finish(&self, stream: &mut Self::Stream) -> impl Future<Output = io::Result<()>> + Send;
}

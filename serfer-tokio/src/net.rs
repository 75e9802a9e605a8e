//! tokio's sockets, timers and tasks, as serfer wants them.

use std::io;
use std::net::{self, SocketAddr, UdpSocket};
use std::time::Instant;

use serfer_async::Runtime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle};

use crate::alarm::Alarm;
use crate::udp::{self, Udp};

/// The tokio runtime of a node's handlers. The node itself has a small runtime of its own.
#[derive(Clone, Debug)]
pub struct Tokio {
    handle: Handle,
}

impl Tokio {
    /// The runtime of the caller.
    ///
    /// # Panics
    /// Outside a tokio runtime, as everything of tokio's does.
    pub fn current() -> Self {
        Self { handle: Handle::current() }
    }
}

impl Runtime for Tokio {
    type Udp = Udp;
    type Listener = TcpListener;
    type Stream = TcpStream;
    type Alarm = Alarm;

    fn run_apart<F: Future<Output = ()>>(&self, life: impl FnOnce(Self) -> F) -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        // In a box, because the stack never gives back what it once took.
        runtime.block_on(Box::pin(life(Self { handle: runtime.handle().clone() })));
        // A name server that does not answer delays nothing else.
        runtime.shutdown_background();
        Ok(())
    }

    async fn sleep_until(&self, at: Instant) {
        let sleep = {
            let _on = self.handle.enter();
            tokio::time::sleep_until(at.into())
        };
        sleep.await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(task);
    }

    async fn unblock<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> T {
        match self.handle.spawn_blocking(f).await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down, and so is the task that waits for this.
                Err(_cancelled) => std::future::pending().await,
            },
        }
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }

    fn alarm(&self) -> io::Result<Alarm> {
        Alarm::new()
    }

    fn set_alarm(&self, alarm: &mut Alarm, at: Option<Instant>) {
        alarm.set(at);
    }

    async fn ring(&self, alarm: &mut Alarm) {
        alarm.ring().await;
    }

    fn udp(&self, socket: UdpSocket) -> io::Result<Udp> {
        udp::watch(socket)
    }

    fn try_send(&self, udp: &Udp, data: &[u8], to: SocketAddr) -> io::Result<()> {
        udp::try_send(udp, data, to)
    }

    async fn writable(&self, udp: &Udp) -> io::Result<()> {
        udp::writable(udp).await
    }

    fn try_recv(&self, udp: &Udp, buf: &mut Vec<u8>) -> io::Result<SocketAddr> {
        udp::try_recv(udp, buf)
    }

    async fn readable(&self, udp: &Udp) -> io::Result<()> {
        udp::readable(udp).await
    }

    fn listener(&self, socket: net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::from_std(socket)
    }

    async fn accept(&self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        listener.accept().await
    }

    async fn connect(&self, addr: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(addr).await
    }

    async fn read(&self, stream: &mut TcpStream, buf: &mut [u8]) -> io::Result<usize> {
        stream.read(buf).await
    }

    async fn write_all(&self, stream: &mut TcpStream, data: &[u8]) -> io::Result<()> {
        stream.write_all(data).await
    }

    async fn finish(&self, stream: &mut TcpStream) -> io::Result<()> {
        stream.shutdown().await
    }
}

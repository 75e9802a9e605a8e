//! smol's sockets, timers and tasks, as serfer wants them.

use std::io;
use std::net::{self, Shutdown, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Instant;

use serfer_async::Runtime;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::{TcpListener, TcpStream, UdpSocket};
use smol::{Executor, Timer};

/// The executor of a node's handlers: smol's global one, or one of the application's own. The node
/// itself has an executor, and a thread, of its own.
#[derive(Clone, Debug, Default)]
pub struct Smol {
    executor: Option<Weak<Executor<'static>>>,
}

impl Smol {
    /// The executor behind [`smol::spawn`], which runs in threads of its own: one, unless
    /// `SMOL_THREADS` says otherwise.
    pub fn global() -> Self {
        Self::default()
    }

    /// An executor that the application runs for as long as the node lives. Dropping it shuts the
    /// node down.
    pub fn on(executor: Arc<Executor<'static>>) -> Self {
        Self { executor: Some(Arc::downgrade(&executor)) }
    }
}

impl Runtime for Smol {
    type Udp = UdpSocket;
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn run_apart<F: Future<Output = ()>>(&self, life: impl FnOnce(Self) -> F) -> io::Result<()> {
        let executor = Arc::new(Executor::new());
        smol::block_on(executor.run(life(Self::on(executor.clone()))));
        Ok(())
    }

    async fn sleep_until(&self, at: Instant) {
        Timer::at(at).await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        match &self.executor {
            None => smol::spawn(task).detach(),
            Some(executor) => match executor.upgrade() {
                Some(executor) => executor.spawn(task).detach(),
                // The task ends, as all others have.
                None => drop(task),
            },
        }
    }

    async fn unblock<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> T {
        smol::unblock(f).await
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        smol::net::resolve((host, port)).await
    }

    fn udp(&self, socket: net::UdpSocket) -> io::Result<UdpSocket> {
        socket.try_into()
    }

    async fn send_to(&self, udp: &UdpSocket, data: &[u8], to: SocketAddr) -> io::Result<()> {
        udp.send_to(data, to).await.map(drop)
    }

    async fn recv_from(&self, udp: &UdpSocket, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        udp.recv_from(buf).await
    }

    fn listener(&self, socket: net::TcpListener) -> io::Result<TcpListener> {
        socket.try_into()
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
        stream.flush().await?;
        stream.shutdown(Shutdown::Write)
    }
}

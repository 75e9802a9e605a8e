//! smol's sockets, timers and tasks, as serfer wants them.

use std::io;
use std::net::{self, Shutdown, SocketAddr, UdpSocket};
use std::sync::{Arc, Weak};
use std::time::Instant;

use serfer_async::Runtime;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::{TcpListener, TcpStream};
use smol::{Async, Executor, Timer};

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
    type Udp = Async<UdpSocket>;
    type Listener = TcpListener;
    type Stream = TcpStream;
    type Alarm = Timer;

    fn run_apart<F: Future<Output = ()>>(&self, life: impl FnOnce(Self) -> F) -> io::Result<()> {
        let executor = Arc::new(Executor::new());
        // In a box, because the stack never gives back what it once took.
        smol::block_on(executor.run(Box::pin(life(Self::on(executor.clone())))));
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

    fn alarm(&self) -> io::Result<Timer> {
        Ok(Timer::never())
    }

    fn set_alarm(&self, alarm: &mut Timer, at: Option<Instant>) {
        match at {
            Some(at) => alarm.set_at(at),
            None => *alarm = Timer::never(),
        }
    }

    async fn ring(&self, alarm: &mut Timer) {
        alarm.await;
    }

    fn udp(&self, socket: UdpSocket) -> io::Result<Async<UdpSocket>> {
        Async::new_nonblocking(socket)
    }

    fn try_send(&self, udp: &Async<UdpSocket>, data: &[u8], to: SocketAddr) -> io::Result<()> {
        udp.get_ref().send_to(data, to).map(drop)
    }

    async fn writable(&self, udp: &Async<UdpSocket>) -> io::Result<()> {
        udp.writable().await
    }

    fn try_recv(&self, udp: &Async<UdpSocket>, buf: &mut Vec<u8>) -> io::Result<SocketAddr> {
        serfer_async::receive(udp.get_ref(), buf)
    }

    async fn readable(&self, udp: &Async<UdpSocket>) -> io::Result<()> {
        udp.readable().await
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

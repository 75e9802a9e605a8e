//! A runtime of your own: what an adapter for a third runtime takes.
//!
//! ```text
//! cargo run -p serfer-async --example third_runtime
//! ```
//!
//! Implement [`Runtime`] for a type that is cheap to clone, and pass it to [`Builder::new`]: that is
//! all. Here it is `Threads`, which gives every task a thread, with `async-io` for sockets and
//! timers. What to watch for in a runtime of yours:
//!
//! - `spawn` must let a task run by itself. If there is a handle of the task, dropping it must not cancel
//!   the task (`detach` in smol's terms).
//! - Dropping the future of `accept` or `read` must lose nothing. With sockets that are based on readiness,
//!   this is so by nature. Those that are based on completion (io_uring) need a task that reads, and a
//!   channel; `readable` then waits for the channel, and `try_recv` takes from it.
//! - `udp` and `listener` only take over sockets: which options they need is settled before.
//! - `run_apart` makes a runtime that only the calling thread runs. A node calls it on a new thread, so
//!   that nothing that the application does, or forgets to do, delays its acks.
//! - `now` is the clock of `sleep_until`. Leave it alone unless your clock can be paused.
//! - `unblock` is for files: the function must go on when the future is dropped.
//! - `finish` ends our direction of a stream and leaves the other direction open.
//!
//! Then run the suite of real sockets on it: `tests/suite/main.rs` says how.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::thread;
use std::time::Instant;

use async_io::{Async, Timer};
use futures_lite::future::block_on;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use serfer_async::{Builder, Config, Router, Runtime};

#[derive(Clone)]
struct Threads;

impl Runtime for Threads {
    type Udp = Async<UdpSocket>;
    type Listener = Async<TcpListener>;
    type Stream = Async<TcpStream>;
    type Alarm = Timer;

    fn run_apart<F: Future<Output = ()>>(&self, life: impl FnOnce(Self) -> F) -> io::Result<()> {
        // Here each task has a thread to itself anyway.
        block_on(life(self.clone()));
        Ok(())
    }

    async fn sleep_until(&self, at: Instant) {
        Timer::at(at).await;
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

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        thread::spawn(|| block_on(task));
    }

    async fn unblock<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> T {
        let (sender, receiver) = async_channel::bounded(1);
        thread::spawn(move || sender.try_send(f()));
        receiver.recv().await.expect("the function does not panic")
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let host = host.to_owned();
        self.unblock(move || Ok((host, port).to_socket_addrs()?.collect())).await
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

    fn listener(&self, socket: TcpListener) -> io::Result<Async<TcpListener>> {
        Async::new_nonblocking(socket)
    }

    async fn accept(
        &self,
        listener: &Async<TcpListener>,
    ) -> io::Result<(Async<TcpStream>, SocketAddr)> {
        listener.accept().await
    }

    async fn connect(&self, addr: SocketAddr) -> io::Result<Async<TcpStream>> {
        Async::<TcpStream>::connect(addr).await
    }

    async fn read(&self, stream: &mut Async<TcpStream>, buf: &mut [u8]) -> io::Result<usize> {
        stream.read(buf).await
    }

    async fn write_all(&self, stream: &mut Async<TcpStream>, data: &[u8]) -> io::Result<()> {
        stream.write_all(data).await
    }

    async fn finish(&self, stream: &mut Async<TcpStream>) -> io::Result<()> {
        stream.flush().await?;
        stream.get_ref().shutdown(Shutdown::Write)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    block_on(async {
        let router = Router::new().query("status", |_request| async { "I am OK" });
        let a = Builder::new(Threads, Config::local("a")).bind("127.0.0.1:0").router(router);
        let a = a.start().await?;
        let seed = a.local_member()?.addr().to_string();
        let b = Builder::new(Threads, Config::local("b")).bind("127.0.0.1:0").join([seed]);
        let b = b.start().await?;
        for member in b.members() {
            println!("{} is {} at {}", member.name(), member.status(), member.addr());
        }
        for (from, answer) in b.query("status", "are you ok?")?.collect().await.replies {
            println!("{from} says {:?}", String::from_utf8_lossy(&answer));
        }
        b.leave().await?;
        for serf in [a, b] {
            serf.shutdown().await;
        }
        Ok(())
    })
}

//! The datagram socket of a node.
//!
//! On Unix, only readiness to receive is watched: tokio's own socket would wake the node once more for each
//! datagram that it has sent, as soon as that has left.

pub(crate) use imp::{readable, try_recv, try_send, watch, writable};

/// A datagram socket that a tokio runtime watches.
pub type Udp = imp::Watched;

#[cfg(unix)]
mod imp {
    use std::future::poll_fn;
    use std::io;
    use std::net::{SocketAddr, UdpSocket};
    use std::task::ready;

    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use crate::watched;

    pub(super) type WatchedFd = AsyncFd<UdpSocket>;
    pub(super) use self::WatchedFd as Watched;

    pub(crate) fn watch(socket: UdpSocket) -> io::Result<Watched> {
        watched::watch(socket, Interest::READABLE)
    }

    pub(crate) fn try_send(udp: &Watched, data: &[u8], to: SocketAddr) -> io::Result<()> {
        udp.get_ref().send_to(data, to).map(drop)
    }

    pub(crate) async fn writable(udp: &Watched) -> io::Result<()> {
        // Hardly ever comes to this, so it is not watched all the time.
        let twin = watched::watch(udp.get_ref().try_clone()?, Interest::WRITABLE)?;
        twin.writable().await.map(drop)
    }

    pub(crate) fn try_recv(udp: &Watched, buf: &mut Vec<u8>) -> io::Result<SocketAddr> {
        udp.try_io(Interest::READABLE, |socket| serfer_async::receive(socket, buf))
    }

    /// Only the task that waits last is woken; there is one.
    pub(crate) async fn readable(udp: &Watched) -> io::Result<()> {
        poll_fn(|cx| ready!(udp.poll_read_ready(cx)).map(drop).into()).await
    }
}

#[cfg(not(unix))]
mod imp {
    use std::io;
    use std::net::{SocketAddr, UdpSocket};

    pub(super) use tokio::net::UdpSocket as Watched;

    pub(crate) fn watch(socket: UdpSocket) -> io::Result<Watched> {
        Watched::from_std(socket)
    }

    pub(crate) fn try_send(udp: &Watched, data: &[u8], to: SocketAddr) -> io::Result<()> {
        udp.try_send_to(data, to).map(drop)
    }

    pub(crate) async fn writable(udp: &Watched) -> io::Result<()> {
        udp.writable().await
    }

    pub(crate) fn try_recv(udp: &Watched, buf: &mut Vec<u8>) -> io::Result<SocketAddr> {
        udp.try_recv_buf_from(buf).map(|(_, from)| from)
    }

    pub(crate) async fn readable(udp: &Watched) -> io::Result<()> {
        udp.readable().await
    }
}

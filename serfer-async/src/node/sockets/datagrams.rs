//! Datagrams in and out of a socket, without waiting for each other.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use crate::runtime::Runtime;

/// The room that the largest datagram there is needs.
pub(crate) const DATAGRAM_MAX: usize = 1 << 16;

/// Appends one datagram to `buf`, and says who sent it: what an adapter's
/// [`try_recv`](crate::Runtime::try_recv) does with a socket of the standard library. Memory that is not needed
/// is not touched.
///
/// # Errors
/// What the socket says: `WouldBlock` if there is no datagram.
pub fn receive(socket: &UdpSocket, buf: &mut Vec<u8>) -> io::Result<SocketAddr> {
    buf.reserve(DATAGRAM_MAX);
    #[cfg(unix)]
    {
        use rustix::buffer::spare_capacity;
        use rustix::net::{RecvFlags, recvfrom};
        let (_, _, from) = recvfrom(socket, spare_capacity(buf), RecvFlags::empty())?;
        let from = from.and_then(|from| from.try_into().ok());
        from.ok_or_else(|| io::Error::other("a datagram from nowhere"))
    }
    #[cfg(not(unix))]
    {
        let start = buf.len();
        buf.resize(start + DATAGRAM_MAX, 0);
        let received = socket.recv_from(&mut buf[start..]);
        buf.truncate(start + received.as_ref().map_or(0, |(len, _)| *len));
        received.map(|(_, from)| from)
    }
}

/// Sends one datagram, and waits for room if there is none.
pub(crate) async fn send_to<R: Runtime>(
    runtime: &R,
    udp: &R::Udp,
    data: &[u8],
    to: SocketAddr,
) -> io::Result<()> {
    match runtime.try_send(udp, data, to) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            runtime.writable(udp).await?;
            runtime.try_send(udp, data, to)
        }
        sent => sent,
    }
}

/// Waits for one datagram, which it appends to `buf`.
pub(crate) async fn recv_from<R: Runtime>(
    runtime: &R,
    udp: &R::Udp,
    buf: &mut Vec<u8>,
) -> io::Result<SocketAddr> {
    loop {
        match runtime.try_recv(udp, buf) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                runtime.readable(udp).await?;
            }
            received => return received,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_of_any_length_are_appended_whole_and_none_is_no_wait() {
        let [a, b] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        b.set_nonblocking(true).unwrap();
        let mut buf = Vec::new();
        let none = receive(&b, &mut buf).map_err(|error| error.kind());
        assert_eq!((none, buf.len()), (Err(io::ErrorKind::WouldBlock), 0));
        for len in [3, 0, 65_507] {
            a.send_to(&vec![len as u8; len], b.local_addr().unwrap()).unwrap();
            let start = buf.len();
            assert_eq!(receive(&b, &mut buf).unwrap(), a.local_addr().unwrap());
            assert_eq!(buf[start..], vec![len as u8; len]);
        }
    }
}

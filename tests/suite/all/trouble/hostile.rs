//! Hostile input from the network does no harm.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use smol::channel::{Sender, bounded};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::adapter::{Config, DropReason, Serfer};
use super::super::{KEY, addr, configured, plain_builder, run, start, start_joined, until, within};

fn dropped(serf: &Serfer, reason: DropReason) -> u64 {
    serf.stats().dropped[reason]
}

/// Whether the node still works.
async fn still_works(serf: &Serfer) {
    let other = start_joined("other", serf).await;
    until("both know each other", || serf.members().len() == 2).await;
    other.leave().await.expect("the other is still running");
}

#[test]
fn datagrams_that_are_no_messages_are_counted() {
    run(async {
        let serf = start("a").await;
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sent: [&[u8]; 5] = [b"", b"\x01", b"\x08hello", b"\xf4\x04blue", &[1; 9000]];
        for datagram in sent {
            udp.send_to(datagram, addr(&serf)).unwrap();
        }
        until("all are counted", || serf.stats().dropped.total() == 5).await;
        assert_eq!(dropped(&serf, DropReason::RefusedPlaintext), 1);
        assert_eq!(dropped(&serf, DropReason::Label), 1);
        assert_eq!(dropped(&serf, DropReason::Undecryptable), 3);
        still_works(&serf).await;
    });
}

#[test]
fn streams_that_say_nothing_or_nonsense_are_closed() {
    run(async {
        let serf = start("a").await;
        let mut nonsense = TcpStream::connect(addr(&serf)).unwrap();
        nonsense.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        nonsense.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut silent = silent_connection(&serf);
        let answer = smol::unblock(move || {
            let mut answer = Vec::new();
            let _ = nonsense.read_to_end(&mut answer);
            let _ = silent.read_to_end(&mut answer);
            answer
        });
        assert_eq!(answer.await, Vec::<u8>::new());
        // One is no message at all, the other never became complete.
        assert_eq!(dropped(&serf, DropReason::UnknownType), 1);
        assert_eq!(dropped(&serf, DropReason::Incomplete), 1);
        still_works(&serf).await;
    });
}

fn silent_connection(serf: &Serfer) -> TcpStream {
    let stream = TcpStream::connect(addr(serf)).expect("the kernel accepts");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("ten seconds are not zero");
    stream
}

#[test]
fn a_flood_of_silent_streams_takes_a_bounded_number_of_slots_for_a_bounded_time() {
    run(async {
        let patient = Config::local("a").stream_timeout(Duration::from_secs(5));
        let patient = configured(patient).key(KEY).unwrap();
        let serf = patient.start().await.unwrap();
        let target = serf.clone();
        let flood = move || (0..200).map(|_| silent_connection(&target)).collect::<Vec<_>>();
        let flood = smol::unblock(flood).await;
        let all = || serf.stats().streams_accepted == 200;
        until("all are accepted, and those too many given up", all).await;
        assert_eq!(dropped(&serf, DropReason::Full), 72);
        until("the others are given up", || dropped(&serf, DropReason::Incomplete) == 128).await;
        still_works(&serf).await;
        drop(flood);
    });
}

/// Connections from these addresses, so many of each. Each says so much, is held, and opened again when it
/// is closed. They end when the sender is dropped.
fn flood(target: SocketAddr, sources: Vec<(IpAddr, usize)>, says: &'static [u8]) -> Sender<()> {
    let (stop, stopped) = bounded::<()>(1);
    let hold = move |source| async move {
        loop {
            let socket = tokio::net::TcpSocket::new_v4().expect("there are file descriptors");
            socket.bind(SocketAddr::new(source, 0)).expect("it is a loopback address");
            if let Ok(mut stream) = socket.connect(target).await {
                let _ = stream.write_all(says).await;
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime can be made");
        runtime.block_on(async {
            for (source, count) in sources {
                (0..count).for_each(|_| drop(tokio::spawn(hold(source))));
            }
            let _ = stopped.recv().await;
        });
    });
    stop
}

#[test]
fn idle_connections_that_are_held_and_renewed_keep_nobody_out() {
    run(async {
        // So long an idle connection may keep its place. On a busy machine, joining takes a part of that.
        const HELD: Duration = Duration::from_secs(10);
        const SOON: Duration = Duration::from_secs(8);
        for says in [&b""[..], b"\xf4\x04blue", b"\x0a"] {
            let patient =
                |name| configured(Config::local(name).stream_timeout(HELD)).key(KEY).unwrap();
            let serf = patient("a").start().await.unwrap();
            let member = patient("member").join([addr(&serf)]).start().await.unwrap();
            until("both know each other", || serf.members().len() == 2).await;
            // One address, a few others, and the one from which nodes on this machine dial.
            let mut sources =
                vec![(IpAddr::from([127, 66, 0, 1]), 300), (IpAddr::from([127, 0, 0, 1]), 20)];
            sources.extend((2..7).map(|n| (IpAddr::from([127, 66, 0, n]), 10)));
            let flood = flood(addr(&serf).parse().unwrap(), sources, says);
            until("all places are taken", || dropped(&serf, DropReason::Full) > 300).await;
            let joined = within(SOON, member.join([addr(&serf)])).await;
            joined.expect("a member's push/pull is soon done").expect("it is let in");
            let newcomer = patient("newcomer").join([addr(&serf)]).start();
            let newcomer = within(SOON, newcomer).await.expect("a newcomer is soon done");
            let _newcomer = newcomer.expect("it is let in");
            assert_eq!(serf.stats().accepts_failed, 0);
            drop(flood);
            for node in [serf, member] {
                node.shutdown().await;
            }
        }
    });
}

#[test]
fn a_plain_node_among_plain_nodes_counts_what_is_sealed() {
    run(async {
        let plain = plain_builder("plain").start().await.unwrap();
        let sealed = start("sealed").await;
        sealed.join([addr(&plain)]).await.unwrap_err();
        assert_eq!(dropped(&plain, DropReason::RefusedSealed), 1);
        assert_eq!(dropped(&sealed, DropReason::RefusedPlaintext), 1);
    });
}

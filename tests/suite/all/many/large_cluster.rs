//! A node that hears of a large cluster goes on with everything else.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

use serfer_proto::wire::message::{Message, Ping, PushNodeState, state};
use serfer_proto::wire::msgpack::Text;
use serfer_proto::wire::seq::SeqBuf;
use serfer_proto::wire::stream::{PushPull, StreamMessage};

use super::{addr, plain_builder, run, until};

/// So many that some pings come in between also on a busy machine, where one takes as long as many portions.
const MEMBERS: usize = 60_000;

/// The push/pull of a node that knows so many members.
fn push_pull() -> Vec<u8> {
    let names: Vec<String> = (0..MEMBERS).map(|node| format!("member-{node}")).collect();
    let node = |at: usize| PushNodeState {
        // Nobody is there.
        addr: &[127, 255, 255, 254],
        incarnation: 1,
        meta: b"\xff\x80",
        name: Text(names[at].as_bytes()),
        port: 1,
        state: state::ALIVE,
        versions: &[1, 5, 2, 2, 5, 5],
    };
    let nodes = SeqBuf::of((0..MEMBERS).map(node));
    let mut bytes = Vec::new();
    let message = PushPull { join: false, nodes: nodes.as_seq(), user_state: &[] };
    StreamMessage::PushPull(message).encode(&mut bytes);
    bytes
}

/// Whether the node at this address acks a ping.
fn acks(socket: &UdpSocket, to: &str, seq: u32) -> bool {
    let ping = Message::Ping(Ping { node: "n".into(), seq, ..Ping::default() });
    let mut bytes = Vec::new();
    ping.encode(&mut bytes);
    socket.send_to(&bytes, to).is_ok() && socket.recv_from(&mut [0; 2048]).is_ok()
}

#[test]
fn pings_are_acked_while_a_large_push_pull_is_merged() {
    run(async {
        let serf = plain_builder("n").start().await.unwrap();
        let to = addr(&serf);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        // As patient as `until`: a busy machine may have a dozen other tests in its way.
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut stream = TcpStream::connect(&to).unwrap();
        stream.write_all(&push_pull()).unwrap();
        let known = || serf.members().len();
        let mut acked_meanwhile = 0;
        let mut seq = 0;
        while known() <= MEMBERS {
            seq += 1;
            assert!(acks(&socket, &to, seq), "ping {seq}, {} members are known", known());
            acked_meanwhile += usize::from((2..=MEMBERS).contains(&known()));
        }
        assert!(acked_meanwhile > 3, "{acked_meanwhile}");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(!answer.is_empty());
        until("all members are there", || known() == 1 + MEMBERS).await;
        assert!(serf.stats().portions > 20);
    });
}

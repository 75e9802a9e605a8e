//! memberlist's messages, in packets and on streams.

use serfer_proto::wire::message::{
    Ack, Alive, Dead, ErrorResponse, IndirectPing, Message, Nack, Ping, PushNodeState, Suspect,
    state,
};
use serfer_proto::wire::msgpack::{DecodeError, Text};
use serfer_proto::wire::stream::{PushPull, StreamMessage};

use super::Expect::{DecodeOnly, Exact, Refused};
use super::wire::{Refusal, Wire, frame, list, packet};
use super::{Row, file};

const SIGNED: &str = "go-msgpack 2 writes signed numbers above 127 in signed forms";

pub(crate) const ROWS: &[Row] = &[
    // Ping.
    (
        "ping, every field",
        "00 85 a4'Node' a6'node-b' a5'SeqNo' 2a aa'SourceAddr' a40a000001 aa'SourceNode' \
         a6'node-a' aa'SourcePort' cd1f0a",
        Exact(|| ping().into()),
    ),
    (
        "ping, as before serf 0.9.0",
        "00 82 a4'Node' a1'b' a5'SeqNo' 01",
        Exact(|| {
            let node = "b".into();
            let ping = Ping { node, seq: 1, ..Ping::default() };
            Message::Ping(ping).into()
        }),
    ),
    (
        "ping, standard data",
        "@go_ping.bin",
        Exact(|| {
            Message::Ping(Ping {
                node: "node-000042".into(),
                seq: 123_456,
                source_addr: Some(&[10, 0, 0, 1]),
                source_node: Some("node-000001".into()),
                source_port: Some(7946),
            })
            .into()
        }),
    ),
    // Indirect ping.
    (
        "indirect ping, every field",
        "01 88 a4'Nack' c3 a4'Node' a6'node-c' a4'Port' cd1f0a a5'SeqNo' cd012c aa'SourceAddr' \
         a40a000001 aa'SourceNode' a6'node-a' aa'SourcePort' cd1f0a a6'Target' a40a000002",
        Exact(|| {
            Message::IndirectPing(IndirectPing {
                nack: true,
                source_addr: Some(&[10, 0, 0, 1]),
                source_node: Some("node-a".into()),
                source_port: Some(7946),
                ..indirect_ping()
            })
            .into()
        }),
    ),
    (
        "indirect ping, as before serf 0.9.0",
        "01 85 a4'Nack' c2 a4'Node' a6'node-c' a4'Port' cd1f0a a5'SeqNo' cd012c \
         a6'Target' a40a000002",
        Exact(|| Message::IndirectPing(indirect_ping()).into()),
    ),
    // Ack and nack.
    ("ack, nil payload", "02 82 a7'Payload' c0 a5'SeqNo' 2a", Exact(|| ack(b"", 42).into())),
    (
        "ack, empty payload",
        "02 82 a7'Payload' a0 a5'SeqNo' 2a",
        DecodeOnly("we write every empty byte slice as nil", || ack(b"", 42).into()),
    ),
    (
        "ack, payload",
        "02 82 a7'Payload' a3010203 a5'SeqNo' ce00011170",
        Exact(|| ack(&[1, 2, 3], 70_000).into()),
    ),
    ("ack, standard data", "@go_ack.bin", Exact(|| ack(b"", 123_456).into())),
    ("nack", "0b 81 a5'SeqNo' cd0100", Exact(|| Message::Nack(Nack { seq: 256 }).into())),
    // Suspect, alive, dead.
    (
        "suspect",
        "03 83 a4'From' a6'node-a' ab'Incarnation' 07 a4'Node' a6'node-b'",
        Exact(|| suspect().into()),
    ),
    (
        "suspect, standard data",
        "@go_suspect.bin",
        Exact(|| {
            Message::Suspect(Suspect {
                from: "node-000001".into(),
                incarnation: 7,
                node: "node-000042".into(),
            })
            .into()
        }),
    ),
    (
        "alive",
        "04 86 a4'Addr' a40a000001 ab'Incarnation' 01 a4'Meta' a1'm' a4'Node' a6'node-a' \
         a4'Port' cd1f0a a3'Vsn' a6010502020504",
        Exact(|| alive(&[1, 5, 2, 2, 5, 4]).into()),
    ),
    (
        "alive, everything nil",
        "04 86 a4'Addr' c0 ab'Incarnation' 01 a4'Meta' c0 a4'Node' a6'node-a' a4'Port' 00 \
         a3'Vsn' c0",
        Exact(|| {
            Message::Alive(Alive { incarnation: 1, node: "node-a".into(), ..Alive::default() })
                .into()
        }),
    ),
    (
        // By hand.
        "alive, no Vsn",
        "04 85 a4'Addr' a40a000001 ab'Incarnation' 01 a4'Meta' a1'm' a4'Node' a6'node-a' \
         a4'Port' cd1f0a",
        DecodeOnly("no version of Go leaves the field out: it is then nil", || alive(b"").into()),
    ),
    (
        // By hand.
        "alive, three bytes of Vsn",
        "04 86 a4'Addr' a40a000001 ab'Incarnation' 01 a4'Meta' a1'm' a4'Node' a6'node-a' \
         a4'Port' cd1f0a a3'Vsn' a3010502",
        // This crashes serf up to 0.10.2. It is a valid message: whether such a node can exist is
        // not for the codec to decide.
        Exact(|| alive(&[1, 5, 2]).into()),
    ),
    (
        // By hand.
        "alive, versions that shut every other node out",
        "04 86 a4'Addr' a40a000001 ab'Incarnation' 01 a4'Meta' a1'm' a4'Node' a6'node-a' \
         a4'Port' cd1f0a a3'Vsn' a6010502ffffff",
        Exact(|| alive(&[1, 5, 2, 255, 255, 255]).into()),
    ),
    ("alive, standard data", "@go_alive.bin", Exact(|| standard_alive(42).into())),
    (
        "dead, a farewell",
        "05 83 a4'From' a6'node-b' ab'Incarnation' 07 a4'Node' a6'node-b'",
        Exact(|| {
            let node = "node-b".into();
            Message::Dead(Dead { from: node, incarnation: 7, node }).into()
        }),
    ),
    // User messages. In a packet they have no head.
    ("user message in a packet", "08 'hello'", Exact(|| Message::User(b"hello").into())),
    (
        "user message on a stream",
        "08 81 aa'UserMsgLen' 05 'hello'",
        Exact(|| frame(StreamMessage::User(b"hello"))),
    ),
    // Push/pull.
    (
        "push/pull, one member",
        "06 83 a4'Join' c3 a5'Nodes' 01 ac'UserStateLen' 03 \
         87 a4'Addr' a40a000001 ab'Incarnation' 01 a4'Meta' c0 a4'Name' a6'node-a' \
         a4'Port' cd1f0a a5'State' 00 a3'Vsn' a6010502020504 'xyz'",
        Exact(|| frame(push_pull(true, [node_a()], b"xyz"))),
    ),
    (
        // By hand.
        "push/pull, one member with three bytes of Vsn",
        "06 83 a4'Join' c3 a5'Nodes' 01 ac'UserStateLen' 03 \
         87 a4'Addr' a40a000001 ab'Incarnation' 01 a4'Meta' c0 a4'Name' a6'node-a' \
         a4'Port' cd1f0a a5'State' 00 a3'Vsn' a3010502 'xyz'",
        // As with the alive message above.
        Exact(|| {
            let versions = &[1, 5, 2];
            frame(push_pull(true, [PushNodeState { versions, ..node_a() }], b"xyz"))
        }),
    ),
    (
        // By hand.
        "push/pull, one member without Vsn",
        "06 83 a4'Join' c3 a5'Nodes' 01 ac'UserStateLen' 03 \
         86 a4'Addr' a40a000001 ab'Incarnation' 01 a4'Meta' c0 a4'Name' a6'node-a' \
         a4'Port' cd1f0a a5'State' 00 'xyz'",
        DecodeOnly("no version of Go leaves the field out: it is then nil", || {
            let versions = b"";
            frame(push_pull(true, [PushNodeState { versions, ..node_a() }], b"xyz"))
        }),
    ),
    (
        "push/pull, two members and five bytes behind the printed head",
        "06 83 a4'Join' c3 a5'Nodes' 02 ac'UserStateLen' 05 \
         87a441646472a40a000001ab496e6361726e6174696f6e01a44d657461c0a44e616d65a66e6f64652d61\
         a4506f7274cd1f0aa5537461746500a356736ea6010502020504*2 'hello'",
        Exact(|| frame(push_pull(true, [node_a(); 2], b"hello"))),
    ),
    (
        "push/pull, 200 members and 40000 bytes behind the printed head of go-msgpack 0.5.5",
        "06 83 a4'Join' c2 a5'Nodes' ccc8 ac'UserStateLen' cd9c40 \
         87a441646472a40a000001ab496e6361726e6174696f6e01a44d657461c0a44e616d65a66e6f64652d61\
         a4506f7274cd1f0aa5537461746500a356736ea6010502020504*200 2a*40000",
        Exact(|| frame(push_pull(false, [node_a(); 200], &[42; 40_000]))),
    ),
    (
        "push/pull, the same behind the printed head of go-msgpack 2.1.5",
        "06 83 a4'Join' c2 a5'Nodes' d100c8 ac'UserStateLen' d200009c40 \
         87a441646472a40a000001ab496e6361726e6174696f6e01a44d657461c0a44e616d65a66e6f64652d61\
         a4506f7274cd1f0aa5537461746500a356736ea6010502020504*200 2a*40000",
        DecodeOnly(SIGNED, || frame(push_pull(false, [node_a(); 200], &[42; 40_000]))),
    ),
    (
        "push/pull, 1000 members of standard data",
        "@go_state_1000.bin",
        DecodeOnly(SIGNED, || frame(standard_push_pull(1000))),
    ),
    (
        // By hand.
        "push/pull, the same behind a head of ours",
        "06 83 a4'Join' c2 a5'Nodes' cd03e8 ac'UserStateLen' 00 @go_state_1000.bin+31",
        Exact(|| frame(standard_push_pull(1000))),
    ),
    (
        "push/pull, 10000 members of standard data",
        "@go_state_10000.bin",
        DecodeOnly(SIGNED, || frame(standard_push_pull(10_000))),
    ),
    (
        // By hand.
        "push/pull, the same 10000 behind a head of ours",
        "06 83 a4'Join' c2 a5'Nodes' cd2710 ac'UserStateLen' 00 @go_state_10000.bin+31",
        Exact(|| frame(standard_push_pull(10_000))),
    ),
    // The refusal of a stream.
    ("error response", "0d 81 a5'Error' a4'boom'", Exact(|| frame(error("boom")))),
    (
        "error response, captured",
        "0d 81 a5'Error' da003a'Remote state is encrypted and encryption is not configured'",
        Exact(|| frame(error("Remote state is encrypted and encryption is not configured"))),
    ),
    // Numbers and strings by themselves.
    ("u64 128", "cc80", Exact(|| Wire::Unsigned(128))),
    ("u64 256", "cd0100", Exact(|| Wire::Unsigned(256))),
    ("u64 2^16", "ce00010000", Exact(|| Wire::Unsigned(1 << 16))),
    ("u64 2^32", "cf0000000100000000", Exact(|| Wire::Unsigned(1 << 32))),
    ("int 127", "7f", Exact(|| Wire::Signed(127))),
    ("int 128", "cc80", Exact(|| Wire::Signed(128))),
    ("int 128, go-msgpack 2", "d10080", DecodeOnly(SIGNED, || Wire::Signed(128))),
    ("int 200", "ccc8", Exact(|| Wire::Signed(200))),
    ("int 200, go-msgpack 2", "d100c8", DecodeOnly(SIGNED, || Wire::Signed(200))),
    ("int 32768", "cd8000", Exact(|| Wire::Signed(32_768))),
    ("int 32768, go-msgpack 2", "d200008000", DecodeOnly(SIGNED, || Wire::Signed(32_768))),
    ("int 40000", "cd9c40", Exact(|| Wire::Signed(40_000))),
    ("int 40000, go-msgpack 2", "d200009c40", DecodeOnly(SIGNED, || Wire::Signed(40_000))),
    ("int 70000", "ce00011170", Exact(|| Wire::Signed(70_000))),
    ("int 70000, go-msgpack 2", "d200011170", DecodeOnly(SIGNED, || Wire::Signed(70_000))),
    ("int 16e9", "cf00000003b9aca000", Exact(|| Wire::Signed(16_000_000_000))),
    (
        "int 16e9, go-msgpack 2",
        "d300000003b9aca000",
        DecodeOnly(SIGNED, || Wire::Signed(16_000_000_000)),
    ),
    ("int -1", "ff", Exact(|| Wire::Signed(-1))),
    ("int -33", "d0df", Exact(|| Wire::Signed(-33))),
    ("int -129", "d1ff7f", Exact(|| Wire::Signed(-129))),
    ("string of 31", "bf 78*31", Exact(|| text(31))),
    ("string of 32", "da0020 78*32", Exact(|| text(32))),
    ("string of 65536", "db00010000 78*65536", Exact(|| text(65_536))),
    ("list of 16", "dc0010 01*16", Exact(|| Wire::List(list([1; 16])))),
    ("map of 16", "de0010 0102*16", Exact(|| Wire::Map(list([(1, 2); 16])))),
];

/// What a receiver of ours accepts or refuses, before and after a nack and a ping.
pub(crate) const TOLERANCE: &[Row] = &[
    (
        "an unknown key",
        "0b 82 a5'Extra' dc0018 00 e0 c0 c2 c3 cc00 cd0000 ce00000000 cf 00*8 d000 d10000 \
         d200000000 d3 00*8 ca 00*4 cb 00*8 a100 d90100 da000100 db0000000100 c40100 c5000100 \
         c60000000100 92 91c0 90 81 c0 80 a5'SeqNo' 07",
        DecodeOnly("no field of ours has this name", nack),
    ),
    (
        "an unknown key with extensions",
        "0b 82 a5'Extra' de0008 00 d40100 01 d5010000 02 d601 00*4 03 d701 00*8 04 d801 00*16 \
         05 c7010100 06 c800010100 07 c9000000010100 a5'SeqNo' 07",
        DecodeOnly("no field of ours has this name", nack),
    ),
    (
        "an unknown key with the longest heads",
        "0b 82 a5'Extra' df00000001 dd00000001 c0 de0001 00 dc0001 01 a5'SeqNo' 07",
        DecodeOnly("no field of ours has this name", nack),
    ),
    ("a key twice", "0b 82 a5'SeqNo' 06 a5'SeqNo' 07", DecodeOnly("the last one counts", nack)),
    (
        "a key in another case",
        "0b 82 a5'seqno' 06 a5'SeqNo' 07",
        DecodeOnly("another case is another key", nack),
    ),
    (
        "a number in the widest form",
        "0b 81 a5'SeqNo' d30000000000000007",
        DecodeOnly("numbers may come in any form", nack),
    ),
    (
        "the longest forms of map and string",
        "0b df00000001 db00000005'SeqNo' 07",
        DecodeOnly("lengths may come in any form", nack),
    ),
    (
        "a key in the string form of the new specification",
        "0b 81 d905'SeqNo' 07",
        DecodeOnly("old agents would take it, but Go never writes it", nack),
    ),
    (
        "a key in binary form",
        "0b 81 c405'SeqNo' 07",
        DecodeOnly("serf before 0.10.2 refuses it", nack),
    ),
    (
        "a body and more",
        "0b 81 a5'SeqNo' 07 c1",
        DecodeOnly("what is behind the body is ignored", nack),
    ),
    (
        "a body of nil",
        "0b c0",
        DecodeOnly("nil is the zero value", || Message::Nack(Nack { seq: 0 }).into()),
    ),
    (
        "a bool as a number",
        "01 82 a4'Nack' 01 a4'Node' c0",
        DecodeOnly("nil and numbers are taken for booleans and strings", || {
            let nack = true;
            Message::IndirectPing(IndirectPing { nack, ..IndirectPing::default() }).into()
        }),
    ),
    (
        "a bool above one",
        "01 81 a4'Nack' 02",
        Refused(packet, Refusal::Decode(DecodeError::WrongType)),
    ),
    (
        "a number below zero",
        "0b 81 a5'SeqNo' ff",
        Refused(packet, Refusal::Decode(DecodeError::OutOfRange)),
    ),
    (
        "a number above the field's",
        "0b 81 a5'SeqNo' cf0000000100000000",
        Refused(packet, Refusal::Decode(DecodeError::OutOfRange)),
    ),
    (
        "a float for a number",
        "0b 81 a5'SeqNo' ca00000000",
        Refused(packet, Refusal::Decode(DecodeError::WrongType)),
    ),
    (
        "a body of another type",
        "0b a5'SeqNo'",
        Refused(packet, Refusal::Decode(DecodeError::WrongType)),
    ),
    (
        "the one byte that MessagePack does not use",
        "0b 81 a1'x' c1",
        Refused(packet, Refusal::Decode(DecodeError::WrongType)),
    ),
    (
        "a body that is cut short",
        "0b 81 a5'SeqNo' cd01",
        Refused(packet, Refusal::Decode(DecodeError::Truncated)),
    ),
];

pub(crate) fn ping() -> Message<'static> {
    Message::Ping(Ping {
        node: "node-b".into(),
        seq: 42,
        source_addr: Some(&[10, 0, 0, 1]),
        source_node: Some("node-a".into()),
        source_port: Some(7946),
    })
}

fn indirect_ping() -> IndirectPing<'static> {
    IndirectPing {
        node: "node-c".into(),
        port: 7946,
        seq: 300,
        target: &[10, 0, 0, 2],
        ..IndirectPing::default()
    }
}

pub(crate) fn ack(payload: &'static [u8], seq: u32) -> Message<'static> {
    Message::Ack(Ack { payload, seq })
}

fn nack() -> Wire {
    Message::Nack(Nack { seq: 7 }).into()
}

pub(crate) fn suspect() -> Message<'static> {
    Message::Suspect(Suspect { from: "node-a".into(), incarnation: 7, node: "node-b".into() })
}

fn alive(versions: &'static [u8]) -> Message<'static> {
    Message::Alive(Alive {
        addr: &[10, 0, 0, 1],
        incarnation: 1,
        meta: b"m",
        node: "node-a".into(),
        port: 7946,
        versions,
    })
}

pub(crate) fn node_a() -> PushNodeState<'static> {
    PushNodeState {
        addr: &[10, 0, 0, 1],
        incarnation: 1,
        name: "node-a".into(),
        port: 7946,
        versions: &[1, 5, 2, 2, 5, 4],
        ..PushNodeState::default()
    }
}

pub(crate) fn push_pull(
    join: bool,
    nodes: impl IntoIterator<Item = PushNodeState<'static>>,
    user_state: &'static [u8],
) -> StreamMessage<'static> {
    StreamMessage::PushPull(PushPull { join, nodes: list(nodes), user_state })
}

pub(crate) fn error(error: &'static str) -> StreamMessage<'static> {
    StreamMessage::Error(ErrorResponse { error: error.into() })
}

fn text(len: usize) -> Wire {
    Wire::Text(Text("x".repeat(len).into_bytes().leak()))
}

/// One node of the standard data. Only the 64 random bytes of its meta are taken from a file.
fn standard_node(number: usize, metas: &'static [u8]) -> PushNodeState<'static> {
    const HEAD_LEN: usize = 31;
    const NODE_LEN: usize = 141;
    const META_AT: usize = 34;
    let addr = (10 << 24 | number as u32).to_be_bytes();
    PushNodeState {
        addr: addr.to_vec().leak(),
        incarnation: 1000,
        meta: &metas[HEAD_LEN + number * NODE_LEN + META_AT..][..64],
        name: Text(format!("node-{number:06}").into_bytes().leak()),
        port: 7946,
        state: state::ALIVE,
        versions: &[1, 5, 2, 2, 5, 4],
    }
}

fn standard_push_pull(nodes: usize) -> StreamMessage<'static> {
    let metas = file("go_state_10000.bin").leak();
    let nodes = (0..nodes).map(|number| standard_node(number, metas));
    push_pull(false, nodes, b"")
}

pub(crate) fn standard_alive(number: usize) -> Message<'static> {
    let node = standard_node(number, file("go_state_1000.bin").leak());
    Message::Alive(Alive {
        addr: node.addr,
        incarnation: node.incarnation,
        meta: node.meta,
        node: node.name,
        port: node.port,
        versions: node.versions,
    })
}

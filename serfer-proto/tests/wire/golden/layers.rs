//! The layers around messages, and packets and streams captured with all their layers.

use serfer_proto::wire::message::{Ack, Alive, Message, Nack};
use serfer_proto::wire::msgpack::DecodeError;
use serfer_proto::wire::seal::{Nonce, OpenError, Version};
use serfer_proto::wire::stream::{NODES_MAX, StreamMessage};

use super::Expect::{DecodeOnly, Exact, Refused};
use super::memberlist::{ack, error, node_a, ping, push_pull, standard_alive, suspect};
use super::wire::{
    LEN_MAX, Refusal, Seal, Wire, checked, compressed, frame, packet, sealed_packet, stream,
};
use super::{Row, bytes};

const NONCE: Nonce = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

pub(crate) const ROWS: &[Row] = &[
    // Compounds.
    (
        "compound of two user messages",
        "07 02 0003 0004 08'ab' 08'cde'",
        Exact(|| {
            let parts = [&b"ab"[..], b"cde"];
            Wire::Compound(parts.map(|part| Message::User(part).into()).into())
        }),
    ),
    (
        "compound of ping and suspect",
        "07 02 0045 0027 \
         00 85 a4'Node' a6'node-b' a5'SeqNo' 2a aa'SourceAddr' a40a000001 aa'SourceNode' \
         a6'node-a' aa'SourcePort' cd1f0a \
         03 83 a4'From' a6'node-a' ab'Incarnation' 07 a4'Node' a6'node-b'",
        Exact(|| Wire::Compound(vec![ping().into(), suspect().into()])),
    ),
    (
        "compound of eight alives, standard data",
        "@go_compound8.bin",
        Exact(|| Wire::Compound((0..8).map(|number| standard_alive(number).into()).collect())),
    ),
    (
        "compound of nothing",
        "07 00",
        DecodeOnly("it is legal but says nothing", || Wire::Compound(vec![])),
    ),
    // Checksum and label.
    ("checksum", "0c ada37255 08'hello'", Exact(|| checked(HELLO))),
    ("label", "f4 04'blue' 08'hello'", Exact(|| Wire::Labelled(b"blue", Box::new(HELLO.into())))),
    // Compression.
    (
        "lzw of one byte",
        "09 82 a4'Algo' 00 a3'Buf' a4 00830404",
        Exact(|| compressed(Wire::Bytes(b"A"))),
    ),
    (
        "lzw of two bytes",
        "09 82 a4'Algo' 00 a3'Buf' a5 0083080908",
        Exact(|| compressed(Wire::Bytes(b"AB"))),
    ),
    (
        "lzw of equal bytes",
        "09 82 a4'Algo' 00 a3'Buf' a6 0083080c1210",
        Exact(|| compressed(Wire::Bytes(b"AAAA"))),
    ),
    (
        "lzw of runs",
        "09 82 a4'Algo' 00 a3'Buf' b2 00c3081c48508cc18308092a0c83b0a19880",
        Exact(|| compressed(Wire::Bytes(b"aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbb"))),
    ),
    (
        "lzw of a byte with seventeen successors",
        "09 82 a4'Algo' 00 a3'Buf' da002a \
         00c3880933260c993065c2980973260c9a3069c2a809b3260c9b306dc2b809f3260c9c3071c2c8111910",
        Exact(|| compressed(Wire::Bytes(b"abacadaeafagahaiajakalamanaoapaqarar"))),
    ),
    (
        "lzw of a push/pull",
        "0982a4416c676f00a3427566da006e000d0c22a5e44d1a37c34a397943a6cc9c00acaacc2923670a9d3074ca\
         3029e366c0215241c89091434a0100000156257133268c1c3718d3bc7113805493321781917212a64d19536e\
         189669118614943772e834fba0a094458c65008cb232c78da9000504082840004f1e3d0101",
        Exact(|| frame(compressed(push_pull(true, [node_a()], b"xyz")))),
    ),
    (
        "1400 bytes of gossip, standard data",
        "@gossip_1400.bin",
        Exact(|| Wire::Bytes(gossip(1400))),
    ),
    (
        "lzw of 1400 bytes of gossip",
        "09 82 a4'Algo' 00 a3'Buf' da03ed @go_1400.lzw",
        Exact(|| compressed(Wire::Bytes(gossip(1400)))),
    ),
    (
        "100000 bytes of gossip, standard data",
        "@gossip_100000.bin",
        Exact(|| Wire::Bytes(gossip(100_000))),
    ),
    (
        "lzw of 100000 bytes of gossip",
        "09 82 a4'Algo' 00 a3'Buf' dacb1c @go_100000.lzw",
        Exact(|| compressed(Wire::Bytes(gossip(100_000)))),
    ),
    // Sealed packets.
    (
        "sealed",
        "01 000102030405060708090a0b f557a171721b eb19e0aa5e6da36b3ddb6ce75d3c410c",
        Exact(|| sealed(Version::Plain, b"")),
    ),
    (
        "sealed with a label",
        "01 000102030405060708090a0b f557a171721b 08a5dcd66db73147cd10c0ab034e61f1",
        Exact(|| sealed(Version::Plain, b"blue")),
    ),
    (
        "sealed as by protocol 1",
        "00 000102030405060708090a0b f557a171721b313ce22c0d10ca91ba27 \
         c8fc72786183d0c115ad0db2cba22268",
        Exact(|| sealed(Version::Padded, b"")),
    ),
    (
        "sealed as by protocol 1, with a label",
        "00 000102030405060708090a0b f557a171721b313ce22c0d10ca91ba27 \
         2b404e04525942ede566a1fe95d00295",
        Exact(|| sealed(Version::Padded, b"blue")),
    ),
    // Sealed streams.
    (
        "sealed frame",
        "0a 00000023 01 000102030405060708090a0b f557a171721b bae0c2eda33c328523a463545dedddfc",
        Exact(|| frame(sealed_frame(Version::Plain, b""))),
    ),
    (
        "sealed frame of an answer, with a label",
        "0a 00000023 01 000102030405060708090a0b f557a171721b a39ecbc73ca30e43f2bdf5795a0394e9",
        Exact(|| frame(sealed_frame(Version::Plain, b"blue"))),
    ),
    (
        "sealed frame of a caller, with a label",
        "f4 04'blue' \
         0a 00000023 01 000102030405060708090a0b f557a171721b a39ecbc73ca30e43f2bdf5795a0394e9",
        Exact(|| Wire::Frame(b"blue", Box::new(sealed_frame(Version::Plain, b"blue")))),
    ),
    (
        "sealed frame as by protocol 1",
        "0a 0000002d 00 000102030405060708090a0b f557a171721b313ce22c0d10ca91ba27 \
         7b81fc7c622a3129c3153ffc9fb8c18e",
        Exact(|| frame(sealed_frame(Version::Padded, b""))),
    ),
    // Captured from an agent.
    (
        "ack with coordinate and gossip, captured: inflated",
        "07 02 0096 003f \
         02 82 a7'Payload' da0082 \
         01 84 aa'Adjustment' cb0000000000000000 a5'Error' cb3ff8000000000000 \
         a6'Height' cb3ee4f8b588e368f1 a3'Vec' 98 cb0000000000000000*8 a5'SeqNo' 05 \
         04 86 a4'Addr' a47f000001 ab'Incarnation' 01 a4'Meta' a2ff80 a4'Node' a5'alpha' \
         a4'Port' cd461a a3'Vsn' a6010502020505",
        Exact(ack_and_alive),
    ),
    (
        "ack with coordinate and gossip, captured",
        "0982a4416c676f00a3427566da00aa000f08006009c00f01824e41099387cd9b3064b40110148090aa2064d4\
         d49943a74d193774960118497264a92272e4bc91b3ec07be92234d212993e60c9a903ec8e1ab85681c9a78a3\
         ac9419834924cc91468f2685b9b46453924f911e953ab5d49432719cbc2940c010298c64e490fa3332c0aa24\
         6ec68491e3260c9d346fdc0420d5a40c9d30a2fe0122a5954c995261d8c0411386149495749a19d110748e1b\
         53010a081050a04040",
        Exact(|| compressed(ack_and_alive())),
    ),
    (
        "ack on a stream, captured: inflated",
        "02 82 a7'Payload' c0 a5'SeqNo' 4d",
        Exact(|| frame(STREAM_ACK)),
    ),
    (
        "ack on a stream, captured",
        "0982a4416c676f00a3427566b70005083a05254c1e366fc29001566a4a99384ede340908",
        Exact(|| frame(compressed(STREAM_ACK))),
    ),
    (
        "sealed answer to a stream in the clear, captured",
        "0a0000007101bc9370884820e747ca5c61069b0c3ecbd11d032b4467381288725627afde5e7dc92efa384f98\
         ee619f0f8131bce6bb9d858f0651d2231f5bd279d5acccb49f43dddc991d5f4e9b2a292e9308ac882fa0d9b5\
         6b44ab7b9545f55522b5d2ed16c360592c46c7803618a87b6b704112bb82",
        Exact(|| {
            let error = error("Encryption is configured but remote state is not encrypted");
            let seal = Seal {
                version: Version::Plain,
                nonce: *b"\xbc\x93\x70\x88\x48\x20\xe7\x47\xca\x5c\x61\x06",
                label: b"",
            };
            frame(Wire::SealedFrame(seal, Box::new(compressed(error))))
        }),
    ),
];

/// What no node accepts. The comments say which versions of serf each one crashes, stalls or
/// exhausts.
pub(crate) const HOSTILE: &[Row] = &[
    // Nothing where a message should be: up to 0.9.5, sealed or on a stream still in 0.10.2.
    (
        "compound with an empty part",
        "07 01 0000",
        Refused(packet, Refusal::Decode(DecodeError::Empty)),
    ),
    ("checksum of nothing", "0c 00000000", Refused(packet, Refusal::Decode(DecodeError::Empty))),
    (
        "lzw of nothing, in a packet",
        "09 82 a4'Algo' 00 a3'Buf' a3 000302",
        Refused(packet, Refusal::Decode(DecodeError::Compression)),
    ),
    (
        "lzw of nothing, on a stream",
        "09 82 a4'Algo' 00 a3'Buf' a3 000302",
        Refused(stream, Refusal::Decode(DecodeError::Compression)),
    ),
    (
        "lzw that ends at once, with rubbish behind",
        "09 82 a4'Algo' 00 a3'Buf' a6 010300112233",
        Refused(packet, Refusal::Decode(DecodeError::Compression)),
    ),
    (
        "sealed nothing",
        "01 000102030405060708090a0b 92d12b3a740ff3ed0a28a67fad5c3d74",
        Refused(sealed_packet, Refusal::Decode(DecodeError::Empty)),
    ),
    (
        "sealed nothing, as by protocol 1",
        "00 000102030405060708090a0b ed2fd40d0e642b26f836170ad08ba03d \
         6e9ab7f2bc807491af9555345923539f",
        Refused(sealed_packet, Refusal::Decode(DecodeError::Empty)),
    ),
    (
        "sealed nothing, on a stream",
        "0a 0000001d 01 000102030405060708090a0b 1ff1edfa4e8665a176e860d2747a69fa",
        Refused(stream, Refusal::Decode(DecodeError::Empty)),
    ),
    // Padding that is missing: still in 0.10.2.
    (
        "sealed with more padding than text",
        "00 000102030405060708090a0b ec2ed50c0f652a27f937160bd18aa13c \
         6839c99ef98562a52c3139426aa8e6fa",
        Refused(sealed_packet, Refusal::Open(OpenError::Padding)),
    ),
    (
        "sealed with more padding than text, on a stream",
        "0a 0000002d 00 000102030405060708090a0b ec2ed50c0f652a27f937160bd18aa13c \
         db44479afa2c834dfa890b0c3eb2051c",
        Refused(stream, Refusal::Open(OpenError::Padding)),
    ),
    (
        // Go accepts it, and removes nothing.
        "sealed with padding of zero",
        "00 000102030405060708090a0b f557a171721b313ce22c0d10ca91ba2d \
         be8f8d71648cc0df1ff751d0266c9f01",
        Refused(sealed_packet, Refusal::Open(OpenError::Padding)),
    ),
    // Shorter than their length says. The length table: up to 0.9.5.
    (
        "compound whose length table is missing",
        "07 80",
        Refused(packet, Refusal::Decode(DecodeError::Truncated)),
    ),
    (
        "compound without even a count",
        "07",
        Refused(packet, Refusal::Decode(DecodeError::Truncated)),
    ),
    (
        "checksum cut short",
        "0c 000000",
        Refused(packet, Refusal::Decode(DecodeError::UnknownType(12))),
    ),
    ("label cut short, in a packet", "f4", Refused(packet, Refusal::Decode(DecodeError::Label))),
    (
        // 0.9.6 to 0.10.2.
        "label cut short, on a stream",
        "f4 04'bl'",
        Refused(stream, Refusal::Incomplete),
    ),
    ("label of nothing", "f4 00 08'hello'", Refused(packet, Refusal::Decode(DecodeError::Label))),
    (
        "label of nothing, on a stream",
        "f4 00 06",
        Refused(stream, Refusal::Decode(DecodeError::Label)),
    ),
    (
        "sealed, but too short",
        "01 00*27",
        Refused(sealed_packet, Refusal::Open(OpenError::TooShort(28))),
    ),
    (
        "sealed as by protocol 1, but too short",
        "00 00*43",
        Refused(sealed_packet, Refusal::Open(OpenError::TooShort(44))),
    ),
    (
        "sealed as by a version to come",
        "02 00*60",
        Refused(sealed_packet, Refusal::Open(OpenError::Version(2))),
    ),
    (
        "a message in the clear where sealed ones are expected",
        "08 'hello, this is long enough to be a sealed message'",
        Refused(sealed_packet, Refusal::Open(OpenError::Version(8))),
    ),
    // Counts and lengths without the bytes. The members: still in 0.10.2. LZW: up to 0.10.1.
    (
        "push/pull of -1 members",
        "06 83 a4'Join' c2 a5'Nodes' ff ac'UserStateLen' 00",
        Refused(stream, Refusal::Decode(DecodeError::OutOfRange)),
    ),
    (
        "push/pull of 2^62 members",
        "06 83 a4'Join' c2 a5'Nodes' cf4000000000000000 ac'UserStateLen' 00",
        Refused(stream, TOO_MANY),
    ),
    (
        "push/pull of one member more than the limit",
        "06 83 a4'Join' c2 a5'Nodes' ce00100001 ac'UserStateLen' 00",
        Refused(stream, TOO_MANY),
    ),
    (
        "push/pull with a user state of -1 bytes",
        "06 83 a4'Join' c2 a5'Nodes' 00 ac'UserStateLen' ff",
        Refused(stream, Refusal::Decode(DecodeError::OutOfRange)),
    ),
    (
        "push/pull with a user state of 30 MB",
        "06 83 a4'Join' c2 a5'Nodes' 00 ac'UserStateLen' ce01c9c380",
        Refused(stream, TOO_LARGE),
    ),
    ("user message of 30 MB", "08 81 aa'UserMsgLen' ce01c9c380", Refused(stream, TOO_LARGE)),
    (
        "user message of -1 bytes",
        "08 81 aa'UserMsgLen' ff",
        Refused(stream, Refusal::Decode(DecodeError::OutOfRange)),
    ),
    ("sealed frame of 4 GiB", "0a ffffffff 01", Refused(stream, TOO_LARGE)),
    (
        "lzw of 4 GiB, in a packet",
        "09 82 a4'Algo' 00 a3'Buf' dbffffffff",
        Refused(packet, Refusal::Decode(DecodeError::Truncated)),
    ),
    (
        "lzw of 4 GiB, on a stream",
        "09 82 a4'Algo' 00 a3'Buf' dbffffffff",
        Refused(stream, TOO_LARGE),
    ),
    // Depth: up to 0.10.1, 60000 levels take up to 193 MiB and 5 Mi overflow the stack.
    (
        "60000 lists inside each other, in a packet",
        "0b 81 a1'x' 91*60000",
        Refused(packet, Refusal::Decode(DecodeError::Truncated)),
    ),
    (
        "60000 lists inside each other, in a packet, and their end",
        "0b 82 a1'x' 91*60000 c0 a5'SeqNo' 07",
        DecodeOnly("the unknown key is stepped over, not stepped into", || {
            Message::Nack(Nack { seq: 7 }).into()
        }),
    ),
    (
        "5 Mi lists inside each other, on a stream",
        "06 84 a1'x' 91*5242880",
        Refused(stream, Refusal::Incomplete),
    ),
    // In the wrong place.
    (
        "push/pull in a packet",
        "06 83 a4'Join' c3 a5'Nodes' 00 ac'UserStateLen' 00",
        Refused(packet, Refusal::Decode(DecodeError::UnknownType(6))),
    ),
    (
        "checksum inside a compound",
        "07 01 000b 0c ada37255 08'hello'",
        Refused(packet, Refusal::Decode(DecodeError::UnknownType(12))),
    ),
    (
        "compound on a stream",
        "07 01 0006 08'hello'",
        Refused(stream, Refusal::Decode(DecodeError::UnknownType(7))),
    ),
    (
        "suspect on a stream",
        "03 83 a4'From' a6'node-a' ab'Incarnation' 07 a4'Node' a6'node-b'",
        Refused(stream, Refusal::Decode(DecodeError::UnknownType(3))),
    ),
    (
        "lzw of another algorithm",
        "09 82 a4'Algo' 01 a3'Buf' a4 00830404",
        Refused(packet, Refusal::Decode(DecodeError::Compression)),
    ),
    (
        "checksum that is wrong",
        "0c ada37256 08'hello'",
        Refused(packet, Refusal::Decode(DecodeError::Checksum)),
    ),
];

const TOO_MANY: Refusal = Refusal::Decode(DecodeError::TooLarge { max: NODES_MAX });

const TOO_LARGE: Refusal = Refusal::Decode(DecodeError::TooLarge { max: LEN_MAX as u64 });

const HELLO: Message<'static> = Message::User(b"hello");

const STREAM_ACK: StreamMessage<'static> = StreamMessage::Ack(Ack { payload: b"", seq: 77 });

fn sealed(version: Version, label: &'static [u8]) -> Wire {
    Wire::Sealed(seal(version, label), Box::new(HELLO.into()))
}

/// Holds a message for packets, as the printed ones do, which no stream would bring.
fn sealed_frame(version: Version, label: &'static [u8]) -> Wire {
    Wire::SealedFrame(seal(version, label), Box::new(HELLO.into()))
}

fn seal(version: Version, label: &'static [u8]) -> Seal {
    Seal { version, nonce: NONCE, label }
}

fn ack_and_alive() -> Wire {
    let coordinate = bytes(
        "01 84 aa'Adjustment' cb0000000000000000 a5'Error' cb3ff8000000000000 \
         a6'Height' cb3ee4f8b588e368f1 a3'Vec' 98 cb0000000000000000*8",
    );
    let alive = Alive {
        addr: &[127, 0, 0, 1],
        incarnation: 1,
        meta: b"\xff\x80",
        node: "alpha".into(),
        port: 17_946,
        versions: &[1, 5, 2, 2, 5, 5],
    };
    let ack = ack(coordinate.leak(), 5);
    Wire::Compound(vec![ack.into(), Message::Alive(alive).into()])
}

/// Alive messages one after another, with this many bytes in all.
fn gossip(len: usize) -> &'static [u8] {
    let mut gossip = Vec::new();
    for number in 0.. {
        if gossip.len() >= len {
            break;
        }
        standard_alive(number).encode(&mut gossip);
    }
    gossip.truncate(len);
    gossip.leak()
}

//! Packets, from the outermost layer inwards: what cannot be opened, unwrapped or decoded, or makes
//! no sense.

use allocation_counter::measure;
use serfer_proto::wire::message::{Ack, IndirectPing, Message, Nack, Ping, Suspect};
use serfer_proto::wire::msgpack::Text;
use serfer_proto::wire::serf_message::{RelayHeader, SerfMessage};
use serfer_proto::{DropReason, Limits};

use super::{OTHER_KEY, OUR_KEY, Requires, Row, goes_on, is_counted, memory_max};
use crate::harness::craft::{alive, dead, encoded, ping, suspect, user, user_event};
use crate::harness::solo::Solo;
use crate::harness::support::lan;
use crate::harness::wrap::{compound, compressed, sealed, with_checksum, with_label};

#[track_caller]
fn packets_are_dropped(requires: Requires, rows: Vec<Row>) {
    for (what, packet, reason) in rows {
        let mut solo = requires.node();
        let memory = measure(|| solo.hear(1, &packet)).bytes_max;
        is_counted(&solo, what, reason);
        assert_eq!((solo.sent.len(), solo.events.len()), (0, 0), "{what}");
        // The first one that is compressed makes the room for all.
        let room = Limits::default().inflated_packet_len as u64;
        assert!(memory <= memory_max(&packet) + room, "{what} costs {memory} bytes");
        goes_on(&mut solo, requires, what);
    }
}

#[test]
fn a_packet_without_a_message() {
    use DropReason::*;
    packets_are_dropped(
        Requires::Nothing,
        vec![
            ("nothing", vec![], Malformed),
            ("something else", b"GET / HTTP/1.1\r\n\r\n".to_vec(), UnknownType),
            ("a push/pull", vec![6], UnknownType),
            ("a sealed one, and we have no key", vec![10; 40], UnknownType),
            ("an error of a stream", vec![13, 0x80], UnknownType),
            ("a type of the future", vec![200], UnknownType),
            ("a type without a body", vec![0], Malformed),
            (
                "a sealed one, of a type that there is",
                sealed(OTHER_KEY, b"", &ping(0, 1)),
                Malformed,
            ),
        ],
    );
}

#[test]
fn a_packet_whose_wrapping_is_broken() {
    use DropReason::*;
    let changed = |mut packet: Vec<u8>| {
        packet[20] ^= 1;
        packet
    };
    let lzw = |rest: &[u8]| [b"\x09\x82\xa4Algo\x00\xa3Buf", rest].concat();
    packets_are_dropped(
        Requires::Nothing,
        vec![
            ("label: only its type", vec![0xf4], Label),
            ("label: of no length", vec![0xf4, 0], Label),
            ("label: cut short", b"\xf4\x04blu".to_vec(), Label),
            ("label: and we have none", with_label(b"blue", &alive(1, 1)), Label),
            ("checksum: cut short", vec![12, 1, 2, 3], UnknownType),
            ("checksum: wrong", vec![12, 1, 2, 3, 4, 5], Checksum),
            ("checksum: of something else", changed(with_checksum(&alive(1, 1))), Checksum),
            ("checksum: of nothing *", with_checksum(b""), Malformed),
            ("checksum: inside a compound", compound(&[&with_checksum(&ping(0, 1))]), UnknownType),
            ("compound: without a count", vec![7], Malformed),
            ("compound: an empty part *", compound(&[b""]), Malformed),
            ("compound: 128 parts, and no lengths *", vec![7, 0x80], Malformed),
            ("compound: a part longer than the rest", vec![7, 1, 0, 9, 4], Malformed),
            ("compound: of compounds, nine deep", nested(9), Oversized),
            ("lzw: no map", vec![9, 0xc1], Malformed),
            ("lzw: an empty map", vec![9, 0x80], Malformed),
            ("lzw: of another algorithm", b"\x09\x82\xa4Algo\x07\xa3Buf\xa1x".to_vec(), Malformed),
            ("lzw: of nothing *", lzw(b"\xa3\x00\x03\x02"), Malformed),
            ("lzw: no end", lzw(b"\xa4\x00\x83\x08\x0c"), Malformed),
            ("lzw: a code that cannot be", lzw(b"\xa4\xff\xff\xff\xff"), Malformed),
            ("lzw: 4 GiB announced", lzw(b"\xdb\xff\xff\xff\xff"), Malformed),
            ("lzw: of a broken message", compressed(b"\x04\x80"), Versions),
        ],
    );
}

/// An alive message inside this many nested compounds.
fn nested(depth: usize) -> Vec<u8> {
    (0..depth).fold(alive(1, 1), |inner, _| compound(&[&inner]))
}

#[test]
fn a_packet_that_this_node_cannot_open() {
    use DropReason::*;
    let message = alive(1, 1);
    let mut tampered = sealed(OUR_KEY, b"", &message);
    tampered[20] ^= 1;
    let mut padded = sealed(OUR_KEY, b"", &[200; 16]);
    padded[0] = 0;
    packets_are_dropped(
        Requires::Key,
        vec![
            ("in the clear", message.clone(), RefusedPlaintext),
            ("in the clear, with a checksum", with_checksum(&message), RefusedPlaintext),
            ("nothing", vec![], Undecryptable),
            ("too short", vec![1; 28], Undecryptable),
            ("too short for its padding", vec![0; 29], Undecryptable),
            ("with another key", sealed(OTHER_KEY, b"", &message), Undecryptable),
            ("for another label", sealed(OUR_KEY, b"blue", &message), Undecryptable),
            ("tampered with", tampered, Undecryptable),
            ("with more padding than text *", padded, Undecryptable),
            ("sealed nothing", sealed(OUR_KEY, b"", b""), Malformed),
            ("a label", with_label(b"blue", &sealed(OUR_KEY, b"blue", &message)), Label),
        ],
    );
    packets_are_dropped(
        Requires::Label,
        vec![
            ("no label", message.clone(), Label),
            ("another label", with_label(b"red", &message), Label),
            ("a label twice", with_label(b"blue", &with_label(b"blue", &message)), UnknownType),
            ("nothing but the label", with_label(b"blue", b""), Malformed),
            ("half of the label", b"\xf4\x04blu".to_vec(), Label),
        ],
    );
    packets_are_dropped(
        Requires::Both,
        vec![
            ("only the label", with_label(b"blue", &message), RefusedPlaintext),
            (
                "label not sealed",
                with_label(b"blue", &sealed(OUR_KEY, b"", &message)),
                Undecryptable,
            ),
            ("only the key", sealed(OUR_KEY, b"blue", &message), Label),
        ],
    );
}

#[test]
fn a_message_whose_body_is_broken() {
    use DropReason::*;
    let strange = Text(b"a\n");
    let relay = SerfMessage::Relay(RelayHeader::default(), b"\x05\x80");
    let of_versions = |len: usize| {
        let whole = alive(1, 1);
        let mut message = whole[..whole.len() - 6].to_vec();
        *message.last_mut().unwrap() = 0xa0 | len as u8;
        message.extend(&[1, 5, 2, 2, 5][..len]);
        message
    };
    packets_are_dropped(
        Requires::Nothing,
        vec![
            ("not a map", vec![4, 0xc1], Malformed),
            ("4 Gi fields announced", b"\x04\xdf\xff\xff\xff\xff".to_vec(), Malformed),
            ("a text of 4 GiB announced", b"\x04\x81\xdb\xff\xff\xff\xff".to_vec(), Malformed),
            (
                "65,536 lists inside each other",
                [&[4, 0x81][..], &[0x91; 1 << 16]].concat(),
                Malformed,
            ),
            ("alive: no versions", vec![4, 0x80], Versions),
            ("alive: 1 byte of versions *", of_versions(1), Versions),
            ("alive: 3 bytes of versions *", of_versions(3), Versions),
            ("alive: 5 bytes of versions *", of_versions(5), Versions),
            (
                "indirect ping: no address",
                encoded(&Message::IndirectPing(IndirectPing::default())),
                Address,
            ),
            (
                "suspect: a name of two lines",
                encoded(&Message::Suspect(Suspect { node: strange, ..Suspect::default() })),
                Name,
            ),
            ("ping: for another", ping(1, 1), Misaddressed),
            ("user message: of nothing", vec![8], Malformed),
            ("user message: of an unknown type", vec![8, 77], UnknownType),
            ("user message: a push/pull", vec![8, 2, 0x80], UnknownType),
            ("user message: not a map", vec![8, 3, 0xc1], Malformed),
            ("user message: to be relayed", user(&relay), StrangeAnswerAddress),
        ],
    );
}

#[test]
fn a_message_that_is_cut_anywhere() {
    let indirect = IndirectPing { target: &[10, 0, 0, 2], ..IndirectPing::default() };
    let named = Ping { node: "n0".into(), ..Ping::default() };
    for whole in [
        alive(1, 1),
        suspect(0, 1, 1),
        dead(0, 1, 1),
        user_event("a", 1),
        encoded(&Message::Ping(named)),
        encoded(&Message::IndirectPing(indirect)),
        encoded(&Message::Ack(Ack { payload: b"x", seq: 1 })),
        encoded(&Message::Nack(Nack { seq: 1 })),
    ] {
        for len in 1..whole.len() {
            let mut solo = Solo::new(lan(0));
            solo.hear(1, &whole[..len]);
            is_counted(&solo, &format!("{:x?}", &whole[..len]), DropReason::Malformed);
        }
    }
}

#[test]
fn a_packet_inflates_no_further_than_the_limit() {
    let mib = 1 << 20;
    let bomb = compressed(&vec![8; mib + 1]);
    let mut solo = Solo::new(lan(0));
    let memory = measure(|| solo.hear(1, &bomb)).bytes_max;
    is_counted(&solo, "a bomb", DropReason::Oversized);
    assert!(memory < 4 * mib as u64, "it costs {memory} bytes");
    goes_on(&mut solo, Requires::Nothing, "a bomb");
}

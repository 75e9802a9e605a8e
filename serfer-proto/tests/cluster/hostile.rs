//! Bytes that nobody should send: each is counted for what it is, and the node goes on.

use serfer_proto::wire::lzw::Lzw;
use serfer_proto::wire::message::{IndirectPing, Message, Suspect};
use serfer_proto::wire::msgpack::Text;
use serfer_proto::wire::seal::{Cipher, Sealing, Version};
use serfer_proto::wire::serf_message::{RelayHeader, SerfMessage};
use serfer_proto::wire::stream::put_sealed;
use serfer_proto::wire::{checksum, label};
use serfer_proto::{Config, DropReason, Endpoint, Keyring, Label, SecretKey};

use crate::craft::{alive, dead, encoded, ping, push_pull, suspect, user, user_event};
use crate::network::addr;
use crate::solo::Solo;
use crate::support::{epoch, lan, ms, secs};

const OUR_KEY: [u8; 16] = [1; 16];

fn keyed(config: Config) -> Config {
    config.keyring(Keyring::new(SecretKey::new(&OUR_KEY).unwrap()))
}

fn labelled(config: Config) -> Config {
    config.label(Label::new("blue").unwrap())
}

fn compound(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![7, parts.len() as u8];
    parts.iter().for_each(|part| bytes.extend((part.len() as u16).to_be_bytes()));
    bytes.extend(parts.concat());
    bytes
}

fn compressed(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Lzw::default().compress(message, &mut bytes);
    bytes
}

fn sealed(key: [u8; 16], aad: &[u8], message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let sealing = Sealing::begin(Version::Plain, [3; 12], &mut bytes);
    bytes.extend_from_slice(message);
    sealing.finish(&Cipher::new(&key).unwrap(), aad, &mut bytes);
    bytes
}

fn with_label(name: &[u8], packet: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    label::put(name, &mut bytes);
    bytes.extend_from_slice(packet);
    bytes
}

fn with_checksum(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let start = checksum::begin(&mut bytes);
    bytes.extend_from_slice(message);
    checksum::finish(&mut bytes, start);
    bytes
}

/// A ping that a node configured so answers.
fn good_ping(config: fn(Config) -> Config) -> Vec<u8> {
    let mut packet = ping(0, 1);
    let config = config(lan(0));
    let label: &[u8] = if format!("{config:?}").contains("label: Some") { b"blue" } else { b"" };
    if config.keys().is_some() {
        packet = sealed(OUR_KEY, label, &packet);
    }
    with_label(label, &packet)
}

/// Feeds a packet that counts as `reason`, once, and changes nothing else.
#[track_caller]
fn is_dropped(config: fn(Config) -> Config, packet: &[u8], reason: DropReason) {
    let mut solo = Solo::new(config(lan(0)));
    solo.hear(1, packet);
    let dropped = solo.node.stats().dropped;
    assert_eq!((dropped[reason], dropped.total()), (1, 1), "{packet:x?}: {dropped:?}");
    assert_eq!((solo.sent.len(), solo.events.len()), (0, 0));
    assert_eq!(solo.node.stats().members, 1);
    solo.hear(1, &good_ping(config));
    assert_eq!(solo.sent.len(), 1, "it answers no more");
    assert_eq!(solo.node.stats().dropped.total(), 1);
}

fn plain(config: Config) -> Config {
    config
}

#[test]
fn packets_in_the_clear_are_dropped_for_what_they_are() {
    use DropReason::*;
    let mut bad_checksum = with_checksum(&alive(1, 1));
    bad_checksum[20] ^= 1;
    let mut nested = alive(1, 1);
    (0..9).for_each(|_| nested = compound(&[&nested]));
    let bomb = compressed(&vec![8; (1 << 20) + 1]);
    let relay = SerfMessage::Relay(RelayHeader::default(), b"\x05\x80");
    let strange = Text(b"a\n");
    let cases: Vec<(Vec<u8>, DropReason)> = vec![
        (vec![], Malformed),
        (vec![0], Malformed),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), UnknownType),
        (vec![6], UnknownType),
        (vec![10; 40], UnknownType),
        (vec![13, 0x80], UnknownType),
        (vec![200], UnknownType),
        (vec![4, 0x80], Versions),
        (vec![8], Malformed),
        (vec![8, 77], UnknownType),
        (vec![8, 2, 0x80], UnknownType),
        (vec![8, 3, 0xc1], Malformed),
        (user(&relay), Unsupported),
        (vec![12, 1, 2, 3, 4, 5], Checksum),
        (bad_checksum, Checksum),
        (with_checksum(b""), Malformed),
        (compound(&[b""]), Malformed),
        (vec![7, 0x80], Malformed),
        (vec![7, 1, 0, 9, 4], Malformed),
        (nested, Oversized),
        (vec![9, 0x80], Malformed),
        (compressed(b"\x04\x80"), Versions),
        (b"\x09\x82\xa4Algo\x07\xa3Buf\xa1x".to_vec(), Malformed),
        (b"\x09\x82\xa4Algo\x00\xa3Buf\xa3\x00\x03\x02".to_vec(), Malformed),
        (b"\x09\x82\xa4Algo\x00\xa3Buf\xdb\xff\xff\xff\xff".to_vec(), Malformed),
        (bomb, Oversized),
        (vec![0xf4], Label),
        (vec![0xf4, 0], Label),
        (with_label(b"blue", &alive(1, 1)), Label),
        (encoded(&Message::IndirectPing(IndirectPing::default())), Address),
        (encoded(&Message::Suspect(Suspect { node: strange, ..Suspect::default() })), Name),
        (b"\x04\xdf\xff\xff\xff\xff".to_vec(), Malformed),
    ];
    for (packet, reason) in cases {
        is_dropped(plain, &packet, reason);
    }
}

#[test]
fn a_packet_cut_anywhere_is_malformed() {
    for whole in [alive(1, 1), suspect(0, 1, 1), dead(0, 1, 1), user_event("a", 1)] {
        for len in 1..whole.len() {
            let mut solo = Solo::new(lan(0));
            solo.hear(1, &whole[..len]);
            assert_eq!(solo.node.stats().dropped.total(), 1, "{:x?}", &whole[..len]);
            assert_eq!(solo.dropped(DropReason::Malformed), 1, "{:x?}", &whole[..len]);
        }
    }
}

#[test]
fn a_broken_part_does_not_harm_the_others() {
    let mut solo = Solo::new(lan(0));
    solo.hear(1, &compound(&[&alive(1, 1), b"\x04\xc1", b"\x63", &alive(2, 1)]));
    assert_eq!(solo.node.stats().members, 3);
    assert_eq!(
        (solo.dropped(DropReason::Malformed), solo.dropped(DropReason::UnknownType)),
        (1, 1)
    );
}

#[test]
fn a_small_packet_does_not_become_thousands_of_answers() {
    let pings = compound(&vec![&ping(0, 1)[..]; 255]);
    let packet = compressed(&compound(&vec![&pings[..]; 100]));
    assert!(packet.len() < 10_000, "{} bytes", packet.len());
    let mut solo = Solo::new(lan(0));
    solo.hear(1, &packet);
    assert_eq!(solo.sent.len(), 1024);
    assert_eq!((solo.dropped(DropReason::Oversized), solo.node.stats().dropped.total()), (1, 1));
    assert!(solo.is_well());
}

#[test]
fn packets_are_dropped_by_nodes_with_another_key_or_label() {
    use DropReason::*;
    let packet = alive(1, 1);
    let other = [2; 16];
    let mut tampered = sealed(OUR_KEY, b"", &packet);
    tampered[20] ^= 1;
    for (packet, reason) in [
        (packet.clone(), RefusedPlaintext),
        (with_checksum(&packet), RefusedPlaintext),
        (sealed(other, b"", &packet), Undecryptable),
        (sealed(OUR_KEY, b"blue", &packet), Undecryptable),
        (tampered, Undecryptable),
        (vec![1; 28], Undecryptable),
        (vec![0; 29], Undecryptable),
        (vec![], Undecryptable),
        (sealed(OUR_KEY, b"", b""), Malformed),
        (with_label(b"blue", &sealed(OUR_KEY, b"blue", &packet)), Label),
    ] {
        is_dropped(keyed, &packet, reason);
    }
    // Without a key, what is sealed looks like a message that is broken.
    is_dropped(plain, &sealed(other, b"", &packet), Malformed);
    for (packet, reason) in [
        (packet.clone(), Label),
        (with_label(b"red", &packet), Label),
        (with_label(b"blue", &with_label(b"blue", &packet)), UnknownType),
        (with_label(b"blue", b""), Malformed),
        (b"\xf4\x04blu".to_vec(), Label),
    ] {
        is_dropped(labelled, &packet, reason);
    }
    let both = |config| labelled(keyed(config));
    is_dropped(both, &with_label(b"blue", &sealed(OUR_KEY, b"", &packet)), Undecryptable);
    is_dropped(both, &with_label(b"blue", &packet), RefusedPlaintext);
}

/// Feeds a stream that counts as `reason`, once; tells how much was written in answer.
#[track_caller]
fn stream_is_dropped(config: fn(Config) -> Config, bytes: &[u8], reason: DropReason) -> usize {
    let mut solo = Solo::new(config(lan(0)));
    let stream = solo.accept(1, bytes).unwrap();
    let dropped = solo.node.stats().dropped;
    assert_eq!((dropped[reason], dropped.total()), (1, 1), "{bytes:x?}: {dropped:?}");
    assert_eq!((&solo.closed[..], solo.events.len()), (&[stream][..], 0));
    assert_eq!(solo.node.stats().members, 1);
    solo.written.len()
}

#[test]
fn streams_are_dropped_for_what_they_are() {
    use DropReason::*;
    let state = push_pull(true, &[], None);
    for (bytes, reason) in [
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), UnknownType),
        (vec![1], UnknownType),
        (vec![2, 0x80], UnknownType),
        (vec![13, 0x80], UnknownType),
        (vec![6, 0xc1], Malformed),
        (b"\x06\x83\xa4Join\xc3\xa5Nodes\xff\xacUserStateLen\x00".to_vec(), Malformed),
        (b"\x06\x83\xa4Join\xc3\xa5Nodes\x00\xacUserStateLen\xff".to_vec(), Malformed),
        (
            b"\x06\x83\xa4Join\xc3\xa5Nodes\xce\x7f\xff\xff\xff\xacUserStateLen\x00".to_vec(),
            Oversized,
        ),
        (
            b"\x06\x83\xa4Join\xc3\xa5Nodes\x00\xacUserStateLen\xce\x7f\xff\xff\xff".to_vec(),
            Oversized,
        ),
        (b"\x06\x83\xa4Join\xc3\xa5Nodes\x01\xacUserStateLen\x00\x05".to_vec(), Malformed),
        (b"\x08\x81\xaaUserMsgLen\xff".to_vec(), Malformed),
        (compressed(&compressed(&state)), UnknownType),
        (b"\x09\x82\xa4Algo\x00\xa3Buf\xa3\x00\x03\x02".to_vec(), Malformed),
        (compressed(&vec![6; (40 << 20) + 1]), Oversized),
        (with_label(b"blue", &state), Label),
        (b"\xf4\x00".to_vec(), Label),
        (push_pull_with(b"\x99junk"), UnknownType),
        (push_pull_with(b"\x02\xc1"), Malformed),
        (push_pull_with(b"\x03\x80"), UnknownType),
    ] {
        stream_is_dropped(plain, &bytes, reason);
    }
    assert_eq!(stream_is_dropped(plain, &sealed_stream([2; 16], b"", &state), RefusedSealed), 1);
    assert_eq!(stream_is_dropped(keyed, &state, RefusedPlaintext), 1);
    assert_eq!(stream_is_dropped(keyed, &sealed_stream([2; 16], b"", &state), Undecryptable), 1);
    assert_eq!(stream_is_dropped(keyed, &sealed_stream(OUR_KEY, b"x", &state), Undecryptable), 1);
    assert_eq!(stream_is_dropped(keyed, &sealed_stream(OUR_KEY, b"", b""), Malformed), 0);
    assert_eq!(stream_is_dropped(keyed, b"\x0a\x00\x00\x00\x00", Undecryptable), 1);
    assert_eq!(stream_is_dropped(keyed, b"\x0a\x7f\xff\xff\xff", Oversized), 0);
    assert_eq!(stream_is_dropped(labelled, &state, Label), 0);
}

/// A push/pull without members, and with something of the layer above.
fn push_pull_with(user_state: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x06\x83\xa4Join\xc3\xa5Nodes\x00\xacUserStateLen".to_vec();
    bytes.push(user_state.len() as u8);
    bytes.extend_from_slice(user_state);
    bytes
}

fn sealed_stream(key: [u8; 16], label: &[u8], message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let cipher = Cipher::new(&key).unwrap();
    put_sealed(message, (Version::Plain, [3; 12]), &cipher, label, &mut bytes);
    bytes
}

#[test]
fn time_that_stands_still_or_goes_back_is_harmless() {
    let start = epoch() + secs(1000);
    let mut node = Endpoint::new(lan(0).advertise(addr(0)), [0; 32], start).unwrap();
    let mut bytes = Vec::new();
    let mut outputs = 0;
    let mut drain = |node: &mut Endpoint| {
        while !matches!(node.poll_output(&mut bytes), serfer_proto::Output::Wait { .. }) {
            outputs += 1;
        }
    };
    let times = [0, 500, 500, 100, 0, 700, 699, 3000, 1, 60_000, 0, 60_000, 61_000].map(ms);
    for (n, time) in times.into_iter().cycle().take(500).enumerate() {
        let now = start - secs(999) + time;
        match n % 5 {
            0 => node.handle_datagram(now, addr(1), &mut alive(1 + n % 7, 1 + n as u32)),
            1 => node.handle_datagram(now, addr(1), &mut suspect(1 + n % 7, 9, n as u32)),
            2 => drop(node.user_event(now, "a", b"", serfer_proto::Coalesce::No)),
            3 => drop(node.handle_accepted(now, addr(1))),
            _ => node.handle_timeout(now),
        }
        drain(&mut node);
    }
    node.handle_timeout(start + secs(1));
    drain(&mut node);
    node.handle_datagram(start, addr(1), &mut ping(0, 5));
    drain(&mut node);
    assert!(outputs > 100);
    assert_eq!(node.stats().dropped.total(), 0);
}

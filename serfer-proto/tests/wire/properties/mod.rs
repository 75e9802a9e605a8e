//! Laws that hold for every value and for every sequence of bytes.
//!
//! First: what is encoded decodes to itself. Second: whatever arrives, decoding neither panics nor
//! allocates more than it has to. Generated values borrow from leaked memory: some tens of
//! megabytes in a run.

mod arriving;
mod values;

use std::net::IpAddr;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::FileFailurePersistence;
use serfer_proto::wire::compound::{Compound, HEADER_LEN, PART_OVERHEAD, PARTS_MAX, Parts};
use serfer_proto::wire::coordinate::Coordinate;
use serfer_proto::wire::lzw::Lzw;
use serfer_proto::wire::message::{Message, PushNodeState, ip_bytes, ip_from_bytes};
use serfer_proto::wire::msgpack::DecodeError;
use serfer_proto::wire::seal::{self, OpenError};
use serfer_proto::wire::seq::{Element, Seq, SeqBuf};
use serfer_proto::wire::serf_message::{Filter, SerfMessage};
use serfer_proto::wire::stream::{FrameReader, Side, StreamMessage};
use serfer_proto::wire::{checksum, kind, label};

use crate::go_lzw;

use arriving::arriving;
use values::{
    cipher, compressible, coordinate, filter, key, message, push_node_state, seal, serf_message,
    stream_message,
};

/// More bytes than any generated stream has.
const LEN_MAX: usize = 1 << 20;

/// The most that growing a vector to `len` bytes by doubling allocates, all sizes added up.
const fn grown(len: usize) -> u64 {
    4 * len as u64 + 8
}

/// `PROPTEST_CASES=25600` in the environment runs a hundred times as many cases.
fn cases(cases: u32) -> ProptestConfig {
    let defaults = ProptestConfig::default();
    ProptestConfig {
        cases: cases * defaults.cases / 256,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..defaults
    }
}

// What is encoded decodes to itself.

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_message_comes_back(message in message()) {
        let bytes = encoded(|out| message.encode(out));
        prop_assert_eq!(Message::decode(&bytes), Ok(message));
    }

    #[test]
    fn a_stream_message_comes_back(message in stream_message()) {
        let bytes = encoded(|out| message.encode(out));
        prop_assert_eq!(StreamMessage::decode(&bytes), Ok(message));
    }

    #[test]
    fn a_serf_message_comes_back(message in serf_message()) {
        let bytes = encoded(|out| message.encode(out));
        prop_assert_eq!(SerfMessage::decode(&bytes), Ok(message));
    }

    #[test]
    fn a_coordinate_comes_back(coordinate in coordinate()) {
        let bytes = encoded(|out| coordinate.encode_payload(out));
        prop_assert_eq!(Coordinate::decode_payload(&bytes), Ok(coordinate));
    }

    #[test]
    fn a_filter_comes_back(filter in filter()) {
        let bytes = encoded(|out| filter.encode(out));
        prop_assert_eq!(Filter::decode(&bytes), Ok(filter));
    }

    #[test]
    fn a_list_comes_back(nodes in vec(push_node_state(), 0..20)) {
        let buf = SeqBuf::of(nodes.iter().copied());
        let seq: Seq<'_, PushNodeState<'_>> = buf.as_seq();
        prop_assert_eq!(seq.iter().collect::<Vec<_>>(), nodes);
    }

    #[test]
    fn an_address_comes_back(ip: IpAddr) {
        prop_assert_eq!(ip_from_bytes(&ip_bytes(ip)), Some(ip));
    }

    #[test]
    fn the_parts_of_a_compound_come_back(
        parts in vec(vec(any::<u8>(), 0..40), 1..150),
        len_max in 0..4000usize,
    ) {
        let mut compound = Compound::default();
        compound.reset(len_max);
        let mut taken = Vec::new();
        for part in &parts {
            let (head, tail) = part.split_at(part.len() / 2);
            let fits = part.len() <= compound.room();
            let is_taken = compound.push(&[head, tail]);
            prop_assert_eq!(is_taken, fits && !part.is_empty());
            if is_taken {
                taken.push(&part[..]);
            }
        }
        prop_assert_eq!(compound.len(), taken.len());
        prop_assert!(taken.len() <= PARTS_MAX);
        let packet = encoded(|out| compound.write(out));
        prop_assert!(packet.len() <= len_max);
        match taken[..] {
            [] => prop_assert!(packet.is_empty()),
            [part] => prop_assert_eq!(packet, part),
            _ => {
                let lens = taken.iter().map(|part| part.len() + PART_OVERHEAD);
                prop_assert_eq!(packet.len(), HEADER_LEN + lens.sum::<usize>());
                prop_assert_eq!(packet[0], kind::COMPOUND);
                let parts = Parts::parse(&packet[1..]).expect("the table is whole");
                prop_assert_eq!(parts.collect::<Result<Vec<_>, _>>(), Ok(taken));
            }
        }
    }

    /// Go's compounds have up to 255 parts, twice as many as ours.
    #[test]
    fn any_number_of_parts_is_read(parts in vec(vec(any::<u8>(), 0..9), 0..=255)) {
        let mut body = vec![parts.len() as u8];
        body.extend(parts.iter().flat_map(|part| (part.len() as u16).to_be_bytes()));
        body.extend(parts.iter().flatten());
        let read = Parts::parse(&body).expect("the table is whole").collect::<Result<Vec<_>, _>>();
        prop_assert_eq!(read, Ok(parts.iter().map(Vec::as_slice).collect()));
    }

    #[test]
    fn a_checksum_comes_off(before in vec(any::<u8>(), 0..9), message in vec(any::<u8>(), 1..99)) {
        let mut packet = before.clone();
        let start = checksum::begin(&mut packet);
        packet.extend_from_slice(&message);
        checksum::finish(&mut packet, start);
        prop_assert_eq!(packet.len(), before.len() + checksum::OVERHEAD + message.len());
        prop_assert_eq!(checksum::strip(&packet[start..]), Ok(&message[..]));
    }

    #[test]
    fn a_checksum_sees_any_changed_bit(
        message in vec(any::<u8>(), 1..99),
        at: Index,
        bit in 0..8u8,
    ) {
        let mut packet = Vec::new();
        let start = checksum::begin(&mut packet);
        packet.extend_from_slice(&message);
        checksum::finish(&mut packet, start);
        *at.get_mut(&mut packet[1..]) ^= 1u8 << bit;
        prop_assert_eq!(checksum::strip(&packet), Err(DecodeError::Checksum));
    }

    #[test]
    fn a_label_comes_off(name in vec(any::<u8>(), 0..256), message in vec(any::<u8>(), 0..20)) {
        if name.is_empty() && message.first() == Some(&kind::HAS_LABEL) {
            // No message starts so: it looks like a label.
            return Ok(());
        }
        let mut packet = encoded(|out| label::put(&name, out));
        prop_assert_eq!(packet.len(), label::overhead(&name));
        packet.extend_from_slice(&message);
        let split = label::split(&mut packet).map(|(name, rest)| (name, &*rest));
        prop_assert_eq!(split, Ok((&name[..], &message[..])));
    }

    #[test]
    fn a_sealed_message_opens(
        seal in seal(),
        mut text in vec(any::<u8>(), 0..99),
        wrong in key(),
    ) {
        if wrong == seal.key {
            return Ok(());
        }
        let mut packet = seal.packet(&text);
        prop_assert_eq!(packet.len(), seal.version.sealed_len(text.len()));
        prop_assert!(packet.len() <= text.len() + seal.version.overhead());
        let sealed = packet.clone();
        let (right, wrong) = (&cipher(&seal.key), &cipher(&wrong));
        prop_assert_eq!(seal::open(&mut packet, [wrong], &seal.aad), Err(OpenError::NoKey));
        prop_assert_eq!(&packet, &sealed);
        let opened = seal::open(&mut packet, [wrong, right], &seal.aad);
        prop_assert_eq!(opened, Ok(&mut text[..]));
    }

    #[test]
    fn a_sealed_message_with_a_changed_bit_does_not_open(
        seal in seal(),
        text in vec(any::<u8>(), 0..99),
        at: Index,
        bit in 0..8u8,
    ) {
        let mut packet = seal.packet(&text);
        *at.get_mut(&mut packet[1..]) ^= 1u8 << bit;
        let changed = packet.clone();
        let opened = seal::open(&mut packet, [&cipher(&seal.key)], &seal.aad);
        prop_assert_eq!(opened, Err(OpenError::NoKey));
        prop_assert_eq!(packet, changed);
    }
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn a_compressed_message_comes_back(
        message in compressible(),
        rubbish in vec(any::<u8>(), 1..50),
    ) {
        let mut lzw = Lzw::default();
        // Earlier messages, broken or not, leave no trace.
        lzw.compress(&rubbish, &mut Vec::new());
        let packet = encoded(|out| lzw.compress(&message, out));
        prop_assert!(packet == go_lzw::wrapped(&message));

        let _ = lzw.inflate(&rubbish, LEN_MAX, &mut Vec::new());
        let mut out = b"before".to_vec();
        prop_assert_eq!(lzw.inflate(&packet[1..], message.len(), &mut out), Ok(()));
        prop_assert_eq!(&out, &message);

        let mut out = Vec::new();
        let len_max = message.len() - 1;
        prop_assert_eq!(
            lzw.inflate(&packet[1..], len_max, &mut out),
            Err(DecodeError::TooLarge { max: len_max as u64 })
        );
        prop_assert!(out.len() <= len_max);
    }

    #[test]
    fn a_frame_comes_back_in_any_chunks(
        message in stream_message(),
        name in vec(any::<u8>(), 0..256),
        seal in option::of(seal()),
        compress: bool,
        sizes in vec(1..300usize, 1..10),
        behind in vec(any::<u8>(), 0..9),
    ) {
        let mut frame = encoded(|out| message.encode(out));
        if compress {
            frame = compressed(&frame);
        }
        if let Some(seal) = &seal {
            frame = seal.frame(&frame, &name);
        }
        let mut bytes = encoded(|out| label::put(&name, out));
        bytes.extend_from_slice(&frame);
        let whole = bytes.len();
        bytes.extend_from_slice(&behind);

        let mut reader = FrameReader::new(Side::Accepted, bytes.len());
        prop_assert!(reader.is_empty());
        let mut pushed = 0;
        for chunk in in_chunks(&bytes, &sizes) {
            pushed += chunk.len();
            prop_assert_eq!(reader.push(chunk), Ok(pushed >= whole));
        }
        let mut received = reader.frame().expect("the frame is complete");
        prop_assert_eq!(received.label, name);
        prop_assert_eq!(&received.bytes[..], frame);
        if let Some(seal) = &seal {
            received.bytes = seal.open_frame(received.bytes, received.label);
        }
        let mut inflated = Vec::new();
        let mut decoded = &*received.bytes;
        if compress {
            let inflating = Lzw::default().inflate(&decoded[1..], LEN_MAX, &mut inflated);
            prop_assert_eq!(inflating, Ok(()));
            decoded = &inflated;
        }
        prop_assert_eq!(StreamMessage::decode(decoded), Ok(message));
    }
}

// Whatever arrives, nothing panics, and allocations have their bounds.

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn decoding_does_not_allocate(bytes in arriving()) {
        let behind_kind = bytes.get(1..).unwrap_or_default();
        let info = allocation_counter::measure(|| {
            for bytes in [&bytes, behind_kind] {
                walk_message(bytes);
                walk_stream_message(bytes);
                walk_serf_message(bytes);
                walk_filter(bytes);
                walk_coordinate(bytes);
                let _ = Parts::parse(bytes).map(Iterator::count);
                let _ = checksum::strip(bytes);
            }
        });
        prop_assert_eq!(info.bytes_total, 0);
    }

    #[test]
    fn opening_does_not_allocate(mut bytes in arriving()) {
        let ciphers = [16, 24, 32].map(|len| cipher(&vec![7; len]));
        let info = allocation_counter::measure(|| {
            if let Ok((label, sealed)) = label::split(&mut bytes) {
                let _ = seal::open(sealed, &ciphers, label);
            }
            let _ = seal::open(&mut bytes, &ciphers, b"");
        });
        prop_assert_eq!(info.bytes_total, 0);
    }

    #[test]
    fn what_decodes_once_decodes_again(bytes in arriving()) {
        if let Ok(message) = Message::decode(&bytes) {
            let again = encoded(|out| message.encode(out));
            prop_assert_eq!(Message::decode(&again), Ok(message));
        }
        if let Ok(message) = StreamMessage::decode(&bytes) {
            let again = encoded(|out| message.encode(out));
            prop_assert_eq!(StreamMessage::decode(&again), Ok(message));
        }
        if let Ok(message) = SerfMessage::decode(&bytes) {
            let again = encoded(|out| message.encode(out));
            prop_assert_eq!(SerfMessage::decode(&again), Ok(message));
        }
        if let Ok(filter) = Filter::decode(&bytes) {
            let again = encoded(|out| filter.encode(out));
            prop_assert_eq!(Filter::decode(&again), Ok(filter));
        }
        if let Ok(coordinate) = Coordinate::decode_payload(&bytes) {
            let again = encoded(|out| coordinate.encode_payload(out));
            prop_assert_eq!(Coordinate::decode_payload(&again), Ok(coordinate));
        }
    }

    #[test]
    fn inflating_allocates_no_more_than_the_limit_and_the_input_allow(
        bytes in arriving(),
        len_max in 0..20_000usize,
    ) {
        // The first message ever inflated also pays for the tables.
        let mut lzw = Lzw::default();
        let first = lzw.inflate(&go_lzw::wrapped(b"x")[1..], 1, &mut Vec::new());
        prop_assert_eq!(first, Ok(()));
        let body = bytes.get(1..).unwrap_or_default();
        let mut out = Vec::new();
        let info = allocation_counter::measure(|| {
            let _ = lzw.inflate(body, len_max, &mut out);
        });
        prop_assert!(out.len() <= len_max);
        let room = out.len() + 2 * body.len() + 4096;
        prop_assert!(info.bytes_total <= grown(len_max.min(room)), "{info:?}");
    }

    #[test]
    fn a_stream_allocates_no_more_than_it_brings(
        bytes in arriving(),
        sizes in vec(1..300usize, 1..10),
        len_max in 0..3000usize,
        side in select(vec![Side::Accepted, Side::Dialled]),
    ) {
        let mut reader = FrameReader::new(side, len_max);
        let info = allocation_counter::measure(|| {
            for chunk in in_chunks(&bytes, &sizes) {
                // A caller stops at the first error. Going on must be harmless, too.
                let _ = reader.push(chunk);
            }
            let _ = reader.frame();
        });
        prop_assert!(info.bytes_total <= grown(len_max.min(bytes.len())), "{info:?}");
    }

    #[test]
    fn chunks_make_no_difference_to_a_stream(
        bytes in arriving(),
        sizes in vec(1..300usize, 1..10),
        side in select(vec![Side::Accepted, Side::Dialled]),
    ) {
        let received = |sizes: &[usize]| {
            let mut reader = FrameReader::new(side, LEN_MAX);
            for chunk in in_chunks(&bytes, sizes) {
                if reader.push(chunk)? {
                    break;
                }
            }
            let frame = reader.frame();
            Ok::<_, DecodeError>(frame.map(|frame| (frame.label.to_vec(), frame.bytes.to_vec())))
        };
        prop_assert_eq!(received(&[LEN_MAX]), received(&sizes));
    }

    /// A frame's end is found by skipping its values, and then they are decoded: both must find the
    /// same end.
    #[test]
    fn a_message_is_complete_when_it_can_be_decoded(bytes in arriving()) {
        if matches!(bytes.first(), Some(&kind::ENCRYPT | &kind::COMPRESS)) {
            return Ok(());
        }
        let mut reader = FrameReader::new(Side::Dialled, LEN_MAX);
        let is_complete = reader.push(&bytes) == Ok(true);
        let message = StreamMessage::decode(&bytes);
        prop_assert!(is_complete || message.is_err());
        if let Some(frame) = reader.frame() {
            let decoded = StreamMessage::decode(frame.bytes);
            prop_assert_ne!(decoded, Err(DecodeError::Truncated));
            prop_assert_eq!(decoded, message);
        }
    }
}

fn walk_message(bytes: &[u8]) {
    if let Ok(Message::User(body)) = Message::decode(bytes) {
        walk_serf_message(body);
    }
}

fn walk_stream_message(bytes: &[u8]) {
    match StreamMessage::decode(bytes) {
        Ok(StreamMessage::PushPull(push_pull)) => {
            walk(push_pull.nodes, drop);
            walk_serf_message(push_pull.user_state);
        }
        Ok(StreamMessage::User(body)) => walk_serf_message(body),
        _ => {}
    }
}

fn walk_serf_message(bytes: &[u8]) {
    match SerfMessage::decode(bytes) {
        Ok(SerfMessage::PushPull(push_pull)) => {
            walk(push_pull.events, |slot| walk(slot.events, drop));
            walk(push_pull.left_members, drop);
            walk(push_pull.status_ltimes, drop);
        }
        Ok(SerfMessage::Query(query)) => walk(query.filters, walk_filter),
        Ok(SerfMessage::ConflictResponse(Some(member))) => walk(member.tags, drop),
        Ok(SerfMessage::KeyResponse(response)) => walk(response.keys, drop),
        Ok(SerfMessage::Relay(_, inner)) => {
            let _ = SerfMessage::decode(inner);
        }
        _ => {}
    }
}

fn walk_filter(bytes: &[u8]) {
    if let Ok(Filter::Nodes(names)) = Filter::decode(bytes) {
        walk(names, drop);
    }
}

fn walk_coordinate(bytes: &[u8]) {
    if let Ok(coordinate) = Coordinate::decode_payload(bytes) {
        walk(coordinate.vec, drop);
    }
}

/// Visits every element: there must be as many as the list says.
fn walk<'a, T: Element<'a>>(seq: Seq<'a, T>, visit: impl FnMut(T)) {
    assert_eq!(seq.iter().map(visit).count(), seq.len());
}

fn in_chunks<'a>(mut bytes: &'a [u8], sizes: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut sizes = sizes.iter().cycle();
    std::iter::from_fn(move || {
        let size = bytes.len().min(*sizes.next()?);
        bytes.split_off(..size).filter(|chunk| !chunk.is_empty())
    })
}

fn encoded(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn compressed(message: &[u8]) -> Vec<u8> {
    encoded(|out| Lzw::default().compress(message, out))
}

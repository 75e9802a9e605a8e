//! Every decoder, on the same bytes.
//!
//! What decodes is encoded again, and that decodes to the same value. A list has as many elements
//! as it says.

use serfer_proto::wire::compound::{Compound, PARTS_MAX, Parts};
use serfer_proto::wire::coordinate::Coordinate;
use serfer_proto::wire::lzw::Lzw;
use serfer_proto::wire::message::{Message, ip_bytes, ip_from_bytes};
use serfer_proto::wire::msgpack::Reader;
use serfer_proto::wire::seal::{self, Cipher};
use serfer_proto::wire::seq::{Element, Seq};
use serfer_proto::wire::serf_message::{Filter, SerfMessage};
use serfer_proto::wire::stream::StreamMessage;
use serfer_proto::wire::{checksum, label};

/// The most that a message may inflate to.
const INFLATED_MAX: usize = 1 << 20;

/// Bytes either do not decode, or decode to a value that survives another encoding.
pub fn messages(input: &[u8]) {
    message(input);
    stream_message(input);
    serf_message(input);
    filter(input);
    coordinate(input);
    value(input);
    compound(input);
    compressed(input);
    wrappers(input);
}

fn message(bytes: &[u8]) {
    let Ok(message) = Message::decode(bytes) else {
        return;
    };
    let again = encoded(|out| message.encode(out));
    assert_eq!(Message::decode(&again), Ok(message));
    if let Message::User(body) = message {
        serf_message(body);
    }
}

fn stream_message(bytes: &[u8]) {
    let Ok(message) = StreamMessage::decode(bytes) else {
        return;
    };
    let again = encoded(|out| message.encode(out));
    assert_eq!(StreamMessage::decode(&again), Ok(message));
    match message {
        StreamMessage::PushPull(push_pull) => {
            elements(push_pull.nodes);
            serf_message(push_pull.user_state);
        }
        StreamMessage::User(body) => serf_message(body),
        StreamMessage::Ping(_) | StreamMessage::Ack(_) | StreamMessage::Error(_) => {}
    }
}

/// A relay holds another message, which may be a relay as well: they are decoded in a loop.
fn serf_message(mut bytes: &[u8]) {
    while let Ok(message) = SerfMessage::decode(bytes) {
        let again = encoded(|out| message.encode(out));
        assert_eq!(SerfMessage::decode(&again), Ok(message));
        match message {
            SerfMessage::PushPull(push_pull) => {
                elements(push_pull.events).iter().for_each(|slot| drop(elements(slot.events)));
                elements(push_pull.left_members);
                elements(push_pull.status_ltimes);
            }
            SerfMessage::Query(query) => elements(query.filters).into_iter().for_each(filter),
            SerfMessage::ConflictResponse(Some(member)) => drop(elements(member.tags)),
            SerfMessage::KeyResponse(response) => drop(elements(response.keys)),
            SerfMessage::Relay(_, inner) => {
                bytes = inner;
                continue;
            }
            SerfMessage::Leave(_)
            | SerfMessage::Join(_)
            | SerfMessage::UserEvent(_)
            | SerfMessage::QueryResponse(_)
            | SerfMessage::ConflictResponse(None)
            | SerfMessage::KeyRequest(_) => {}
        }
        return;
    }
}

fn filter(bytes: &[u8]) {
    let Ok(filter) = Filter::decode(bytes) else {
        return;
    };
    let again = encoded(|out| filter.encode(out));
    assert_eq!(Filter::decode(&again), Ok(filter));
    if let Filter::Nodes(names) = filter {
        elements(names);
    }
}

fn coordinate(bytes: &[u8]) {
    let Ok(coordinate) = Coordinate::decode_payload(bytes) else {
        return;
    };
    let again = encoded(|out| coordinate.encode_payload(out));
    assert_eq!(Coordinate::decode_payload(&again), Ok(coordinate));
    elements(coordinate.vec);
}

/// Reads all elements of a list: as many as it says.
fn elements<'a, T: Element<'a>>(seq: Seq<'a, T>) -> Vec<T> {
    let elements: Vec<T> = seq.iter().collect();
    assert_eq!(elements.len(), seq.len());
    elements
}

/// Any value can be skipped, and its fields can be read in no other place.
fn value(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    while !reader.rest().is_empty() && reader.skip().is_ok() {}
    type Take = fn(&mut Reader<'_>) -> bool;
    let takes: [Take; 7] = [
        |reader| reader.nil(),
        |reader| reader.bytes().is_ok(),
        |reader| reader.int().is_ok(),
        |reader| reader.uint().is_ok(),
        |reader| reader.float().is_ok(),
        |reader| reader.map_len().is_ok(),
        |reader| reader.array_len().is_ok(),
    ];
    for take in takes {
        let mut reader = Reader::new(bytes);
        let is_taken = take(&mut reader);
        assert!(!is_taken || reader.rest().len() < bytes.len());
    }
    if let Some(ip) = ip_from_bytes(bytes) {
        assert_eq!(*ip_bytes(ip), *bytes);
    }
}

fn compound(bytes: &[u8]) {
    let Ok(parts) = Parts::parse(bytes) else {
        return;
    };
    let parts: Vec<_> = parts.collect();
    assert!(parts.len() <= 255);
    let Ok(parts) = parts.into_iter().collect::<Result<Vec<_>, _>>() else {
        return;
    };
    if parts.len() < 2 || parts.len() > PARTS_MAX || parts.iter().any(|part| part.is_empty()) {
        return;
    }
    let mut compound = Compound::default();
    compound.reset(usize::from(u16::MAX) * parts.len());
    parts.iter().for_each(|part| assert!(compound.push(&[part])));
    let again = encoded(|out| compound.write(out));
    assert_eq!(Parts::parse(&again[1..]).map(|parts| parts.flatten().collect()), Ok(parts));
}

fn compressed(bytes: &[u8]) {
    let mut lzw = Lzw::default();
    let mut message = Vec::new();
    let inflated = lzw.inflate(bytes, INFLATED_MAX, &mut message);
    assert!(message.len() <= INFLATED_MAX);
    if inflated.is_ok() {
        comes_back(&mut lzw, &message);
    }
    if !bytes.is_empty() {
        comes_back(&mut lzw, bytes);
    }
}

fn comes_back(lzw: &mut Lzw, message: &[u8]) {
    let packed = encoded(|out| lzw.compress(message, out));
    let mut again = Vec::new();
    assert_eq!(lzw.inflate(&packed[1..], INFLATED_MAX, &mut again), Ok(()));
    assert!(again == *message);
}

fn wrappers(bytes: &[u8]) {
    if let Ok(message) = checksum::strip(bytes) {
        assert!(message.len() == bytes.len() || message.len() + checksum::OVERHEAD == bytes.len());
    }
    let mut packet = bytes.to_vec();
    if let Ok((name, rest)) = label::split(&mut packet) {
        let mut again = encoded(|out| label::put(name, out));
        again.extend_from_slice(rest);
        assert_eq!(again, bytes);
    }
    let mut sealed = bytes.to_vec();
    let cipher = Cipher::new(&[1; 16]).expect("of 16 bytes");
    if seal::open(&mut sealed, [&cipher], b"").is_err() {
        assert_eq!(sealed, bytes);
    }
}

fn encoded(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

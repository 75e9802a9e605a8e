//! The bytes of a stream, at once and in chunks.
//!
//! The first byte chooses the node: its three lowest bits and its highest are those of [`Layers`],
//! and the fourth and fifth say whether the stream was accepted, dialled for a join or dialled for
//! a ping. Three more bytes are the sizes of the chunks, used again and again. The rest is what the
//! stream brings.

use std::iter;

use serfer_proto::wire::kind;
use serfer_proto::wire::msgpack::DecodeError;
use serfer_proto::wire::stream::{FrameReader, Side, StreamMessage};
use serfer_proto::{Config, Limits, Output, Replay, StreamEnd, StreamId};

use super::layers::Layers;
use super::watched::{Stage, Watched, addr, alive};

/// Longer than any input, but not so long that it takes much time.
const LEN_MAX: usize = 1 << 20;

/// The chunks make no difference, and the node goes on.
pub fn stream(input: &[u8]) {
    let [kind, a, b, c, bytes @ ..] = input else {
        return;
    };
    let sizes = [a, b, c].map(|size| usize::from(*size) + 1);
    let how = [Opened::Accepted, Opened::ToJoin, Opened::ToPing, Opened::Accepted];
    let how = how[usize::from(kind >> 3 & 3)];
    let layers = Layers::from_bits(*kind);
    let bytes = match how {
        Opened::Accepted => layers.labelled_frame(bytes),
        Opened::ToJoin | Opened::ToPing => layers.frame(bytes),
    };

    let side = if how == Opened::Accepted { Side::Accepted } else { Side::Dialled };
    assert_eq!(frame(side, [&*bytes]), frame(side, chunks(&bytes, sizes)));
    is_complete_when_it_can_be_decoded(&bytes);

    let whole = outcome(how, &layers, [&*bytes]);
    assert!(whole == outcome(how, &layers, chunks(&bytes, sizes)), "chunks make a difference");
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opened {
    Accepted,
    ToJoin,
    ToPing,
}

fn chunks(mut bytes: &[u8], sizes: [usize; 3]) -> impl Iterator<Item = &[u8]> {
    let mut sizes = sizes.into_iter().cycle();
    iter::from_fn(move || {
        let size = sizes.next()?.min(bytes.len());
        bytes.split_off(..size).filter(|chunk| !chunk.is_empty())
    })
}

/// The label and the frame in these chunks, if there is a complete frame.
type Framed = Result<Option<(Vec<u8>, Vec<u8>)>, DecodeError>;

fn frame<'a>(side: Side, chunks: impl IntoIterator<Item = &'a [u8]>) -> Framed {
    let mut reader = FrameReader::new(side, LEN_MAX);
    for chunk in chunks {
        let is_complete = reader.push(chunk)?;
        assert_eq!(is_complete, reader.is_complete());
        if is_complete {
            break;
        }
    }
    Ok(reader.frame().map(|frame| (frame.label.to_vec(), frame.bytes.to_vec())))
}

/// A frame's end is found by skipping its values, and then they are decoded: both must find the
/// same end.
fn is_complete_when_it_can_be_decoded(bytes: &[u8]) {
    let message = StreamMessage::decode(bytes);
    match frame(Side::Dialled, [bytes]) {
        Ok(Some((_, frame))) if ![kind::ENCRYPT, kind::COMPRESS].contains(&frame[0]) => {
            assert_eq!(StreamMessage::decode(&frame), message);
        }
        Ok(Some(_)) => {}
        Ok(None) | Err(_) => {
            assert!(message.is_err(), "it is not seen that this is all: {message:?}");
        }
    }
}

/// All that a node does while the chunks arrive, and afterwards.
fn outcome<'a>(
    how: Opened,
    layers: &Layers,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<(Output, Vec<u8>)> {
    let limits = Limits { stream_len: LEN_MAX, inflated_stream_len: LEN_MAX, ..Limits::default() };
    let mut node = Watched::new(Config::lan("n0"), limits, layers.clone());
    let stream = open(&mut node, how);
    for chunk in chunks {
        node.data(stream, chunk);
    }
    node.wake_often(4);
    node.end(stream, StreamEnd::Eof);
    node.wake_often(4);
    node.end(stream, StreamEnd::Closed);
    node.wake_often(4);
    let said = std::mem::take(&mut node.said);
    node.assert_well();
    said
}

fn open(node: &mut Watched, how: Opened) -> StreamId {
    match how {
        Opened::Accepted => return node.accept(addr(1)).expect("it is the first"),
        Opened::ToJoin => {
            let join = node.act(|node, now| node.join(now, &[addr(1)], Replay::Deliver));
            join.expect("it may join");
        }
        // It pings, gets no ack, and dials.
        Opened::ToPing => node.hear_right(addr(1), &alive(1, 1, b"\xff\x80")),
    }
    let dialled =
        |node: &Watched| node.streams().find_map(|(id, at)| (at == Stage::Dialled).then_some(id));
    let stream = (0..20).find_map(|_| {
        let stream = dialled(node);
        if stream.is_none() {
            node.wake_often(1);
        }
        stream
    });
    let stream = stream.expect("it dials");
    node.connect(stream);
    stream
}

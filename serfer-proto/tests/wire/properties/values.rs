//! Generated values of every type, and of what they are wrapped in.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serfer_proto::wire::coordinate::Coordinate;
use serfer_proto::wire::message::{
    Ack, Alive, Dead, ErrorResponse, IndirectPing, Message, Nack, Ping, PushNodeState, Suspect,
};
use serfer_proto::wire::msgpack::{Float, Text};
use serfer_proto::wire::seal::{self, Cipher, Nonce, Sealing, Version};
use serfer_proto::wire::seq::{Element, Seq, SeqBuf};
use serfer_proto::wire::serf_message::{self, Filter, SerfMessage};
use serfer_proto::wire::stream::{self, SEALED_HEADER_LEN, StreamMessage};

use super::encoded;

// memberlist's messages.

pub(crate) fn message() -> BoxedStrategy<Message<'static>> {
    prop_oneof![
        ping().prop_map(Message::Ping),
        indirect_ping().prop_map(Message::IndirectPing),
        ack().prop_map(Message::Ack),
        (text(), u32s(), text()).prop_map(|(from, incarnation, node)| {
            Message::Suspect(Suspect { from, incarnation, node })
        }),
        alive().prop_map(Message::Alive),
        (text(), u32s(), text()).prop_map(|(from, incarnation, node)| {
            Message::Dead(Dead { from, incarnation, node })
        }),
        bytes().prop_map(Message::User),
        u32s().prop_map(|seq| Message::Nack(Nack { seq })),
    ]
    .boxed()
}

pub(crate) fn stream_message() -> BoxedStrategy<StreamMessage<'static>> {
    let push_pull = (any::<bool>(), vec(push_node_state(), 0..20), bytes());
    prop_oneof![
        1 => ping().prop_map(StreamMessage::Ping),
        1 => ack().prop_map(StreamMessage::Ack),
        8 => push_pull.prop_map(|(join, nodes, user_state)| {
            let nodes = leaked(nodes);
            StreamMessage::PushPull(stream::PushPull { join, nodes, user_state })
        }),
        1 => bytes().prop_map(StreamMessage::User),
        1 => text().prop_map(|error| StreamMessage::Error(ErrorResponse { error })),
    ]
    .boxed()
}

fn ping() -> BoxedStrategy<Ping<'static>> {
    (text(), u32s(), source())
        .prop_map(|(node, seq, (source_addr, source_node, source_port))| Ping {
            node,
            seq,
            source_addr,
            source_node,
            source_port,
        })
        .boxed()
}

fn indirect_ping() -> BoxedStrategy<IndirectPing<'static>> {
    (any::<bool>(), text(), u16s(), u32s(), source(), bytes())
        .prop_map(|(nack, node, port, seq, (source_addr, source_node, source_port), target)| {
            IndirectPing { nack, node, port, seq, source_addr, source_node, source_port, target }
        })
        .boxed()
}

type Source = (Option<&'static [u8]>, Option<Text<'static>>, Option<u16>);

fn source() -> BoxedStrategy<Source> {
    (option::of(bytes()), option::of(text()), option::of(u16s())).boxed()
}

fn ack() -> BoxedStrategy<Ack<'static>> {
    (bytes(), u32s()).prop_map(|(payload, seq)| Ack { payload, seq }).boxed()
}

fn alive() -> BoxedStrategy<Alive<'static>> {
    push_node_state()
        .prop_map(|node| Alive {
            addr: node.addr,
            incarnation: node.incarnation,
            meta: node.meta,
            node: node.name,
            port: node.port,
            versions: node.versions,
        })
        .boxed()
}

pub(crate) fn push_node_state() -> BoxedStrategy<PushNodeState<'static>> {
    (bytes(), u32s(), bytes(), text(), u16s(), i64s(), bytes())
        .prop_map(|(addr, incarnation, meta, name, port, state, versions)| PushNodeState {
            addr,
            incarnation,
            meta,
            name,
            port,
            state,
            versions,
        })
        .boxed()
}

// serf's messages.

pub(crate) fn serf_message() -> BoxedStrategy<SerfMessage<'static>> {
    prop_oneof![
        1 => (u64s(), text(), any::<bool>()).prop_map(|(ltime, node, prune)| {
            SerfMessage::Leave(serf_message::Leave { ltime, node, prune })
        }),
        1 => (u64s(), text())
            .prop_map(|(ltime, node)| SerfMessage::Join(serf_message::Join { ltime, node })),
        6 => serf_push_pull().prop_map(SerfMessage::PushPull),
        1 => (any::<bool>(), u64s(), text(), bytes()).prop_map(|(coalesce, ltime, name, payload)| {
            SerfMessage::UserEvent(serf_message::UserEvent { coalesce, ltime, name, payload })
        }),
        6 => query().prop_map(SerfMessage::Query),
        1 => query_response().prop_map(SerfMessage::QueryResponse),
        1 => option::weighted(0.9, member()).prop_map(SerfMessage::ConflictResponse),
        1 => text().prop_map(|key| SerfMessage::KeyRequest(serf_message::KeyRequest { key })),
        1 => (list(text()), text(), text(), any::<bool>()).prop_map(
            |(keys, message, primary_key, result)| {
                SerfMessage::KeyResponse(serf_message::KeyResponse {
                    keys,
                    message,
                    primary_key,
                    result,
                })
            }
        ),
        1 => (bytes(), i64s(), text(), text(), query_response()).prop_map(
            |(ip, port, zone, dest_name, inner)| {
                let dest_addr = serf_message::UdpAddr { ip, port, zone };
                let header = serf_message::RelayHeader { dest_addr, dest_name };
                let inner = encoded(|out| SerfMessage::QueryResponse(inner).encode(out));
                SerfMessage::Relay(header, inner.leak())
            }
        ),
    ]
    .boxed()
}

fn serf_push_pull() -> BoxedStrategy<serf_message::PushPull<'static>> {
    let event =
        (text(), bytes()).prop_map(|(name, payload)| serf_message::PastEvent { name, payload });
    let slot =
        (list(event), u64s()).prop_map(|(events, ltime)| serf_message::EventSlot { events, ltime });
    let times = list((text(), u64s()));
    (u64s(), list(slot), u64s(), list(text()), u64s(), times)
        .prop_map(|(event_ltime, events, ltime, left_members, query_ltime, status_ltimes)| {
            serf_message::PushPull {
                event_ltime,
                events,
                ltime,
                left_members,
                query_ltime,
                status_ltimes,
            }
        })
        .boxed()
}

fn query() -> BoxedStrategy<serf_message::Query<'static>> {
    let filters = vec(filter(), 0..4).prop_map(|filters| {
        let filters = filters.into_iter();
        leaked(filters.map(|filter| &*encoded(|out| filter.encode(out)).leak()))
    });
    let origin = (bytes(), u16s(), text());
    (origin, filters, query_response(), text(), any::<u8>(), i64s())
        .prop_map(|((addr, port, source_node), filters, response, name, relay_factor, timeout)| {
            serf_message::Query {
                addr,
                filters,
                flags: response.flags,
                id: response.id,
                ltime: response.ltime,
                name,
                payload: response.payload,
                port,
                relay_factor,
                source_node,
                timeout,
            }
        })
        .boxed()
}

fn query_response() -> BoxedStrategy<serf_message::QueryResponse<'static>> {
    (u32s(), text(), u32s(), u64s(), bytes())
        .prop_map(|(flags, from, id, ltime, payload)| serf_message::QueryResponse {
            flags,
            from,
            id,
            ltime,
            payload,
        })
        .boxed()
}

fn member() -> BoxedStrategy<serf_message::MemberRecord<'static>> {
    let tags = list((text(), text()));
    (push_node_state(), any::<[u8; 6]>(), tags)
        .prop_map(|(node, versions, tags)| serf_message::MemberRecord {
            addr: node.addr,
            delegate_cur: versions[0],
            delegate_max: versions[1],
            delegate_min: versions[2],
            name: node.name,
            port: node.port,
            protocol_cur: versions[3],
            protocol_max: versions[4],
            protocol_min: versions[5],
            status: node.state,
            tags,
        })
        .boxed()
}

pub(crate) fn coordinate() -> BoxedStrategy<Coordinate<'static>> {
    let vec = list(float());
    (float(), float(), float(), vec)
        .prop_map(|(adjustment, error, height, vec)| Coordinate { adjustment, error, height, vec })
        .boxed()
}

pub(crate) fn filter() -> BoxedStrategy<Filter<'static>> {
    prop_oneof![
        list(text()).prop_map(Filter::Nodes),
        (text(), text()).prop_map(|(expr, tag)| Filter::Tag(serf_message::TagFilter { expr, tag })),
    ]
    .boxed()
}

// Values of fields.

fn list<T: Element<'static> + Clone + std::fmt::Debug + 'static>(
    element: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Seq<'static, T>> {
    option::weighted(0.9, vec(element, 0..20))
        .prop_map(|elements| elements.map_or(Seq::NIL, leaked))
        .boxed()
}

fn leaked<T: Element<'static>>(elements: impl IntoIterator<Item = T>) -> Seq<'static, T> {
    Box::leak(Box::new(SeqBuf::of(elements))).as_seq()
}

fn text() -> BoxedStrategy<Text<'static>> {
    bytes().prop_map(Text).boxed()
}

/// Strings of all lengths at which the encoding of the head changes.
fn bytes() -> BoxedStrategy<&'static [u8]> {
    let repeated = |lens| (any::<u8>(), select(lens)).prop_map(|(byte, len)| vec![byte; len]);
    prop_oneof![
        4000 => vec(any::<u8>(), 0..40),
        100 => repeated(vec![31, 32, 255, 256]),
        1 => repeated(vec![65_535, 65_536]),
    ]
    .prop_map(|bytes| &*bytes.leak())
    .boxed()
}

/// Floats of every magnitude, and NaN.
fn float() -> BoxedStrategy<Float> {
    any::<u64>().prop_map(|bits| Float(f64::from_bits(bits))).boxed()
}

/// Integers of every magnitude.
fn u64s() -> BoxedStrategy<u64> {
    (any::<u64>(), 0..64).prop_map(|(value, shift)| value >> shift).boxed()
}

fn u32s() -> BoxedStrategy<u32> {
    u64s().prop_map(|value| value as u32).boxed()
}

fn u16s() -> BoxedStrategy<u16> {
    u64s().prop_map(|value| value as u16).boxed()
}

fn i64s() -> BoxedStrategy<i64> {
    (u64s(), any::<bool>())
        .prop_map(|(value, negative)| {
            let value = value as i64;
            if negative { value.wrapping_neg() } else { value }
        })
        .boxed()
}

// Sealing and compression.

#[derive(Clone, Debug)]
pub(crate) struct Seal {
    pub(crate) version: Version,
    pub(crate) key: Vec<u8>,
    nonce: Nonce,
    pub(crate) aad: Vec<u8>,
}

pub(crate) fn seal() -> impl Strategy<Value = Seal> {
    let version = select(vec![Version::Padded, Version::Plain]);
    let aad = prop_oneof![Just(vec![]), vec(any::<u8>(), 0..20)];
    (version, key(), any::<Nonce>(), aad).prop_map(|(version, key, nonce, aad)| Seal {
        version,
        key,
        nonce,
        aad,
    })
}

/// Includes the keys of sevens, which are used to open all that arrives.
pub(crate) fn key() -> impl Strategy<Value = Vec<u8>> {
    let len = select(vec![16usize, 24, 32]);
    prop_oneof![
        len.clone().prop_map(|len| vec![7; len]),
        len.prop_flat_map(|len| vec(any::<u8>(), len)),
    ]
}

pub(crate) fn cipher(key: &[u8]) -> Cipher {
    Cipher::new(key).expect("the key has one of the three lengths")
}

impl Seal {
    pub(crate) fn packet(&self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let sealing = Sealing::begin(self.version, self.nonce, &mut out);
        out.extend_from_slice(text);
        sealing.finish(&cipher(&self.key), &self.aad, &mut out);
        out
    }

    pub(crate) fn frame(&self, text: &[u8], label: &[u8]) -> Vec<u8> {
        let how = (self.version, self.nonce);
        encoded(|out| stream::put_sealed(text, how, &cipher(&self.key), label, out))
    }

    pub(crate) fn open_frame<'a>(&self, frame: &'a mut [u8], label: &[u8]) -> &'a mut [u8] {
        let (header, sealed) = frame.split_at_mut(SEALED_HEADER_LEN);
        let aad = stream::sealed_aad(header, label);
        seal::open(sealed, [&cipher(&self.key)], &aad).expect("it was sealed with this key")
    }
}

/// From noise to long runs, so that every code width and the clearing of the table occur.
pub(crate) fn compressible() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 1..300),
        vec(0..3u8, 1..3000),
        (1..300u16, 1..20_000usize).prop_map(|(period, len)| {
            let byte = |at: usize| (at as u16 % period * 7) as u8;
            (0..len).map(byte).collect()
        }),
        (any::<u32>(), 1..20_000usize).prop_map(|(mut x, len)| {
            let noise = std::iter::repeat_with(|| {
                x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (x >> 24) as u8
            });
            noise.take(len).collect()
        }),
    ]
}

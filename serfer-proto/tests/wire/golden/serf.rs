//! serf's messages, and the tags and coordinates that travel in memberlist's.

use serfer_proto::wire::coordinate::Coordinate;
use serfer_proto::wire::msgpack::{DecodeError, Float};
use serfer_proto::wire::seq::Seq;
use serfer_proto::wire::serf_message::{
    EventSlot, FLAG_ACK, Filter, Join, KeyRequest, KeyResponse, Leave, MemberRecord, PastEvent,
    PushPull, Query, QueryResponse, RelayHeader, SerfMessage, TagFilter, UdpAddr, UserEvent,
};

use super::Expect::{DecodeOnly, Exact, Refused};
use super::Row;
use super::wire::{Refusal, Wire, coordinate, encoded, filter, list, serf};

const SIGNED: &str = "go-msgpack 2 writes signed numbers above 127 in signed forms";
const NIL_SLOTS: &str = "Go sends the unused slots of its ring, as nil";

pub(crate) const ROWS: &[Row] = &[
    // Intents.
    (
        "join intent",
        "01 82 a5'LTime' 01 a4'Node' a2'n1'",
        Exact(|| SerfMessage::Join(Join { ltime: 1, node: "n1".into() }).into()),
    ),
    ("leave intent", "00 83 a5'LTime' 05 a4'Node' a2'n1' a5'Prune' c2", Exact(|| leave(5, false))),
    (
        // By hand.
        "leave intent, as before serf 0.8.4",
        "00 82 a5'LTime' 05 a4'Node' a2'n1'",
        DecodeOnly("there was no Prune yet", || leave(5, false)),
    ),
    (
        "leave intent that prunes",
        "00 83 a5'LTime' cd012c a4'Node' a2'n1' a5'Prune' c3",
        Exact(|| leave(300, true)),
    ),
    // The push/pull's user state.
    (
        "push/pull, a ring of three slots",
        "02 86 aa'EventLTime' 02 a6'Events' 93 c0 \
         82 a6'Events' 91 82 a4'Name' a6'deploy' a7'Payload' a2'v1' a5'LTime' 01 c0 \
         a5'LTime' 03 ab'LeftMembers' 90 aa'QueryLTime' 01 ac'StatusLTimes' 81 a2'n1' 01",
        DecodeOnly(NIL_SLOTS, || {
            let unused = EventSlot::default();
            push_pull(PushPull {
                event_ltime: 2,
                events: list([unused, deploy_slot(), unused]),
                ltime: 3,
                ..PushPull::default()
            })
        }),
    ),
    (
        // By hand.
        "push/pull, only the slots in use",
        "02 86 aa'EventLTime' 02 a6'Events' 91 \
         82 a6'Events' 91 82 a4'Name' a6'deploy' a7'Payload' a2'v1' a5'LTime' 01 \
         a5'LTime' 03 ab'LeftMembers' 90 aa'QueryLTime' 01 ac'StatusLTimes' 81 a2'n1' 01",
        Exact(|| {
            push_pull(PushPull {
                event_ltime: 2,
                events: list([deploy_slot()]),
                ltime: 3,
                ..PushPull::default()
            })
        }),
    ),
    (
        // By hand: only the length of the captured one is known, 586 bytes.
        "push/pull of a fresh node",
        "02 86 aa'EventLTime' 01 a6'Events' dc0200 c0*512 \
         a5'LTime' 01 ab'LeftMembers' 90 aa'QueryLTime' 01 ac'StatusLTimes' 81 a2'n1' 01",
        DecodeOnly(NIL_SLOTS, || {
            push_pull(PushPull {
                event_ltime: 1,
                events: list([EventSlot::default(); 512]),
                ltime: 1,
                ..PushPull::default()
            })
        }),
    ),
    // User events.
    (
        "user event",
        "03 84 a2'CC' c3 a5'LTime' 01 a4'Name' a6'deploy' a7'Payload' a2'v1'",
        Exact(|| user_event(b"v1")),
    ),
    (
        "user event, no payload",
        "03 84 a2'CC' c3 a5'LTime' 01 a4'Name' a6'deploy' a7'Payload' c0",
        Exact(|| user_event(b"")),
    ),
    // Queries.
    (
        "query, go-msgpack 0.5.5",
        "04 8b a4'Addr' a47f000001 a7'Filters' c0 a5'Flags' 00 a2'ID' ce12345678 a5'LTime' 01 \
         a4'Name' a6'uptime' a7'Payload' a1'x' a4'Port' cd1f0a ab'RelayFactor' 00 \
         aa'SourceNode' a2'n1' a7'Timeout' cebebc2000",
        Exact(query),
    ),
    (
        "query, go-msgpack 2.1.5",
        "04 8b a4'Addr' a47f000001 a7'Filters' c0 a5'Flags' 00 a2'ID' ce12345678 a5'LTime' 01 \
         a4'Name' a6'uptime' a7'Payload' a1'x' a4'Port' cd1f0a ab'RelayFactor' 00 \
         aa'SourceNode' a2'n1' a7'Timeout' d300000000bebc2000",
        DecodeOnly(SIGNED, query),
    ),
    (
        // By hand.
        "query, as before serf 0.9.0",
        "04 8a a4'Addr' a47f000001 a7'Filters' c0 a5'Flags' 00 a2'ID' ce12345678 a5'LTime' 01 \
         a4'Name' a6'uptime' a7'Payload' a1'x' a4'Port' cd1f0a ab'RelayFactor' 00 \
         a7'Timeout' cebebc2000",
        DecodeOnly("there was no SourceNode yet", || {
            let source_node = "".into();
            SerfMessage::Query(Query { source_node, ..uptime() }).into()
        }),
    ),
    (
        "query with filters, ack and relays, captured",
        "048ba441646472a47f000001a746696c7465727392a70092a26131a162b50182a445787072a45e776562\
         a3546167a4726f6c65a5466c61677301a24944ce3bbffef3a54c54696d6502a44e616d65a466696c74\
         a75061796c6f6164c0a4506f7274cd461aab52656c6179466163746f7202aa536f757263654e6f6465\
         a26131a754696d656f7574ce3b9aca00",
        Exact(|| {
            let nodes = Filter::Nodes(list(["a1".into(), "b".into()]));
            SerfMessage::Query(Query {
                addr: &[127, 0, 0, 1],
                filters: list([encoded(nodes), encoded(web())]),
                flags: FLAG_ACK,
                id: 0x3bbf_fef3,
                ltime: 2,
                name: "filt".into(),
                port: 17_946,
                relay_factor: 2,
                source_node: "a1".into(),
                timeout: 1_000_000_000,
                ..Query::default()
            })
            .into()
        }),
    ),
    (
        "filter by name",
        "00 92 a2'n1' a2'n2'",
        Exact(|| Filter::Nodes(list(["n1".into(), "n2".into()])).into()),
    ),
    ("filter by tag", "01 82 a4'Expr' a4'^web' a3'Tag' a4'role'", Exact(|| web().into())),
    // Answers.
    (
        "ack of a query",
        "05 85 a5'Flags' 01 a4'From' a2'n2' a2'ID' ce12345678 a5'LTime' 01 a7'Payload' c0",
        Exact(|| {
            let flags = FLAG_ACK;
            SerfMessage::QueryResponse(QueryResponse { flags, ..answer(b"") }).into()
        }),
    ),
    (
        "answer to a query",
        "05 85 a5'Flags' 00 a4'From' a2'n2' a2'ID' ce12345678 a5'LTime' 01 a7'Payload' a2'ok'",
        Exact(|| SerfMessage::QueryResponse(answer(b"ok")).into()),
    ),
    (
        "relayed answer, go-msgpack 0.5.5",
        "09 82 a8'DestAddr' 83 a2'IP' a47f000001 a4'Port' cd1f0a a4'Zone' a0 a8'DestName' a2'n1' \
         05 85 a5'Flags' 00 a4'From' a2'n2' a2'ID' ce12345678 a5'LTime' 01 a7'Payload' a2'ok'",
        Exact(relay),
    ),
    (
        "relayed answer, go-msgpack 2.1.5",
        "09 82 a8'DestAddr' 83 a2'IP' a47f000001 a4'Port' d11f0a a4'Zone' a0 a8'DestName' a2'n1' \
         05 85 a5'Flags' 00 a4'From' a2'n2' a2'ID' ce12345678 a5'LTime' 01 a7'Payload' a2'ok'",
        DecodeOnly(SIGNED, relay),
    ),
    // The vote about a name conflict.
    (
        "conflict response",
        "06 8b a4'Addr' a47f000001 ab'DelegateCur' 05 ab'DelegateMax' 05 ab'DelegateMin' 02 \
         a4'Name' a2'n1' a4'Port' cd1f0a ab'ProtocolCur' 02 ab'ProtocolMax' 05 ab'ProtocolMin' 01 \
         a6'Status' 01 a4'Tags' 81 a4'role' a3'web'",
        Exact(|| SerfMessage::ConflictResponse(Some(member())).into()),
    ),
    (
        "conflict response about nobody, captured",
        "06 c0",
        Exact(|| SerfMessage::ConflictResponse(None).into()),
    ),
    (
        "conflict response as the answer to a query, captured",
        "0585a5466c61677300a446726f6da26131a249440ca54c54696d650ca75061796c6f6164da007d068ba44164\
         6472a47f000001ab44656c656761746543757205ab44656c65676174654d617805ab44656c65676174654d69\
         6e02a44e616d65a3737079a4506f7274cd464fab50726f746f636f6c43757202ab50726f746f636f6c4d6178\
         05ab50726f746f636f6c4d696e01a653746174757301a45461677381a16ba176",
        Exact(|| {
            let spy = SerfMessage::ConflictResponse(Some(MemberRecord {
                name: "spy".into(),
                port: 17_999,
                tags: list([("k".into(), "v".into())]),
                ..member()
            }));
            SerfMessage::QueryResponse(QueryResponse {
                from: "a1".into(),
                id: 12,
                ltime: 12,
                payload: encoded(spy),
                ..QueryResponse::default()
            })
            .into()
        }),
    ),
    // Keys.
    (
        "key request to list",
        "07 81 a3'Key' a0",
        Exact(|| SerfMessage::KeyRequest(KeyRequest::default()).into()),
    ),
    (
        // With a key of our choice.
        "key request to install",
        "07 81 a3'Key' b0'0123456789abcdef'",
        Exact(|| {
            let key = "0123456789abcdef".into();
            SerfMessage::KeyRequest(KeyRequest { key }).into()
        }),
    ),
    (
        "key response, captured",
        "08 84 a4'Keys' c0 a7'Message' a0 aa'PrimaryKey' a0 a6'Result' c3",
        Exact(|| {
            let result = true;
            SerfMessage::KeyResponse(KeyResponse { result, ..KeyResponse::default() }).into()
        }),
    ),
    (
        // With a key of our choice.
        "key response with a list",
        "08 84 a4'Keys' 91 b8'MDEyMzQ1Njc4OWFiY2RlZg==' a7'Message' a0 \
         aa'PrimaryKey' b8'MDEyMzQ1Njc4OWFiY2RlZg==' a6'Result' c3",
        Exact(|| {
            let key = "MDEyMzQ1Njc4OWFiY2RlZg==".into();
            SerfMessage::KeyResponse(KeyResponse {
                keys: list([key]),
                primary_key: key,
                result: true,
                ..KeyResponse::default()
            })
            .into()
        }),
    ),
    (
        "key response with an error, captured",
        "08 84 a4'Keys' c0 a7'Message' da002d'No keyring to modify (encryption not enabled)' \
         aa'PrimaryKey' a0 a6'Result' c2",
        Exact(|| {
            let message = "No keyring to modify (encryption not enabled)".into();
            SerfMessage::KeyResponse(KeyResponse { message, ..KeyResponse::default() }).into()
        }),
    ),
    // Tags, in a node's meta.
    ("tags", "ff 81 a4'role' a3'web'", Exact(|| Wire::Tags(list([("role".into(), "web".into())])))),
    ("no tags", "ff 80", Exact(|| Wire::Tags(list([])))),
    ("nil tags, go-msgpack 2.1.5", "ff c0", Exact(|| Wire::Tags(Seq::NIL))),
    // Coordinates, in an ack's payload.
    (
        "coordinate of a fresh node, captured",
        "01 84 aa'Adjustment' cb0000000000000000 a5'Error' cb3ff8000000000000 \
         a6'Height' cb3ee4f8b588e368f1 a3'Vec' 98 cb0000000000000000*8",
        Exact(|| {
            let (error, height) = (Float(1.5), Float(1e-5));
            let vec = list([Float(0.0); 8]);
            Wire::Coordinate(Coordinate { error, height, vec, ..Coordinate::default() })
        }),
    ),
    (
        // By hand.
        "a coordinate in other forms of numbers",
        "01 85 a3'New' 01 a6'Height' c0 a5'Error' ca3fc00000 aa'Adjustment' ff \
         a3'Vec' 92 00 d3fffffffffffffffe",
        DecodeOnly("we write all numbers as float64", || {
            let (adjustment, error) = (Float(-1.0), Float(1.5));
            let vec = list([Float(0.0), Float(-2.0)]);
            Wire::Coordinate(Coordinate { adjustment, error, height: Float(0.0), vec })
        }),
    ),
    // Hostile ones, by hand.
    (
        "a filter of no bytes, which crashes an agent",
        "",
        Refused(filter, Refusal::Decode(DecodeError::Empty)),
    ),
    (
        "a filter of an unknown type",
        "02 90",
        Refused(filter, Refusal::Decode(DecodeError::UnknownType(2))),
    ),
    (
        "a coordinate of another version",
        "02 80",
        Refused(coordinate, Refusal::Decode(DecodeError::UnknownType(2))),
    ),
    (
        "a coordinate of 4 Gi dimensions",
        "01 81 a3'Vec' ddffffffff",
        Refused(coordinate, Refusal::Decode(DecodeError::Truncated)),
    ),
    (
        "a coordinate whose error is a text",
        "01 81 a5'Error' a3'NaN'",
        Refused(coordinate, Refusal::Decode(DecodeError::WrongType)),
    ),
    (
        "a key request of no bytes, which crashes an agent",
        "",
        Refused(serf, Refusal::Decode(DecodeError::Empty)),
    ),
    (
        "a message of an unknown type",
        "0a 80",
        Refused(serf, Refusal::Decode(DecodeError::UnknownType(10))),
    ),
    (
        "a list that claims 4 Gi events",
        "02 81 a6'Events' ddffffffff",
        Refused(serf, Refusal::Decode(DecodeError::Truncated)),
    ),
    (
        "a map that claims 4 Gi members",
        "02 81 ac'StatusLTimes' dfffffffff",
        Refused(serf, Refusal::Decode(DecodeError::Truncated)),
    ),
    (
        "a payload that claims 4 GiB",
        "03 81 a7'Payload' dbffffffff",
        Refused(serf, Refusal::Decode(DecodeError::Truncated)),
    ),
    (
        "the greatest time, which wraps an agent's clock",
        "01 82 a5'LTime' cfffffffffffffffff a4'Node' a2'n1'",
        // It is a valid message: that the time is absurd is not for the codec to decide.
        Exact(|| {
            let node = "n1".into();
            SerfMessage::Join(Join { ltime: u64::MAX, node }).into()
        }),
    ),
];

fn leave(ltime: u64, prune: bool) -> Wire {
    let node = "n1".into();
    SerfMessage::Leave(Leave { ltime, node, prune }).into()
}

/// A push/pull with what all push/pulls here have in common.
fn push_pull(rest: PushPull<'static>) -> Wire {
    SerfMessage::PushPull(PushPull {
        left_members: list([]),
        query_ltime: 1,
        status_ltimes: list([("n1".into(), 1)]),
        ..rest
    })
    .into()
}

fn deploy_slot() -> EventSlot<'static> {
    let deploy = PastEvent { name: "deploy".into(), payload: b"v1" };
    EventSlot { events: list([deploy]), ltime: 1 }
}

fn user_event(payload: &'static [u8]) -> Wire {
    SerfMessage::UserEvent(UserEvent { coalesce: true, ltime: 1, name: "deploy".into(), payload })
        .into()
}

fn uptime() -> Query<'static> {
    Query {
        addr: &[127, 0, 0, 1],
        id: 0x1234_5678,
        ltime: 1,
        name: "uptime".into(),
        payload: b"x",
        port: 7946,
        source_node: "n1".into(),
        timeout: 3_200_000_000,
        ..Query::default()
    }
}

fn query() -> Wire {
    SerfMessage::Query(uptime()).into()
}

fn web() -> Filter<'static> {
    Filter::Tag(TagFilter { expr: "^web".into(), tag: "role".into() })
}

fn answer(payload: &'static [u8]) -> QueryResponse<'static> {
    QueryResponse { flags: 0, from: "n2".into(), id: 0x1234_5678, ltime: 1, payload }
}

fn relay() -> Wire {
    let header = RelayHeader {
        dest_addr: UdpAddr { ip: &[127, 0, 0, 1], port: 7946, zone: "".into() },
        dest_name: "n1".into(),
    };
    let answer = SerfMessage::QueryResponse(answer(b"ok"));
    SerfMessage::Relay(header, encoded(answer)).into()
}

fn member() -> MemberRecord<'static> {
    MemberRecord {
        addr: &[127, 0, 0, 1],
        delegate_cur: 5,
        delegate_max: 5,
        delegate_min: 2,
        name: "n1".into(),
        port: 7946,
        protocol_cur: 2,
        protocol_max: 5,
        protocol_min: 1,
        status: 1,
        tags: list([("role".into(), "web".into())]),
    }
}

//! Streams: accepted ones, and answers to a join.

use allocation_counter::measure;
use serfer_proto::wire::message::{PushNodeState, state};
use serfer_proto::wire::stream::NODES_MAX;
use serfer_proto::{DropReason, Event, JoinFailure, Replay, StreamEnd, StreamId};

use super::{OTHER_KEY, OUR_KEY, Requires, Row, goes_on, is_counted, memory_max};
use crate::harness::craft::{ping, push_pull, suspect};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{gos_timing, lan};
use crate::harness::wrap::{compound, compressed, sealed_frame, with_label};

/// Whether the peer is told that its stream cannot be used before it is closed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Error,
    Silence,
}

#[track_caller]
fn streams_are_dropped(requires: Requires, answer: Answer, rows: &[Row]) {
    for (what, bytes, reason) in rows {
        let mut solo = requires.node();
        let mut stream = None;
        let memory = measure(|| stream = solo.accept(1, bytes)).bytes_max;
        is_counted(&solo, what, *reason);
        assert_eq!((&solo.closed[..], solo.events.len()), (&[stream.unwrap()][..], 0), "{what}");
        assert_eq!(solo.written.len(), usize::from(answer == Answer::Error), "{what}");
        assert!(memory <= memory_max(bytes), "{what} costs {memory} bytes");
        goes_on(&mut solo, requires, what);
    }
}

/// The same as answers to a join.
#[track_caller]
fn joins_fail(rows: &[Row]) {
    for (what, bytes, reason) in rows {
        let (mut solo, stream) = joining();
        let data =
            |solo: &mut Solo| solo.act(|node, now| node.handle_stream_data(now, stream, bytes));
        let memory = measure(|| data(&mut solo)).bytes_max;
        is_counted(&solo, what, *reason);
        let [Event::JoinDone(done)] = &solo.events[..] else {
            panic!("{what}: {:?}", solo.events);
        };
        assert!(matches!(done.failed[..], [(_, JoinFailure::Unusable(_))]), "{what}: {done:?}");
        assert_eq!(solo.closed, [stream], "{what}");
        assert!(memory <= memory_max(bytes), "{what} costs {memory} bytes");
        goes_on(&mut solo, Requires::Nothing, what);
    }
}

fn joining() -> (Solo, StreamId) {
    let mut solo = Solo::new(lan(0));
    solo.act(|node, now| node.join(now, &[addr(1)], Replay::Skip)).unwrap();
    let stream = solo.dialled[0].0;
    solo.act(|node, now| node.handle_connected(now, stream));
    (solo, stream)
}

/// The head of a push/pull with these two numbers, in MessagePack.
fn head(nodes: &[u8], user_state_len: &[u8]) -> Vec<u8> {
    [b"\x06\x83\xa4Join\xc3\xa5Nodes", nodes, b"\xacUserStateLen", user_state_len].concat()
}

/// A push/pull without members, with user state.
fn with_user_state(user_state: &[u8]) -> Vec<u8> {
    [head(&[0], &[user_state.len() as u8]), user_state.to_vec()].concat()
}

#[test]
fn a_stream_without_a_message() {
    use DropReason::*;
    let rows = [
        ("something else", b"GET / HTTP/1.1\r\n\r\n".to_vec(), UnknownType),
        ("an indirect ping", vec![1], UnknownType),
        ("a suspicion", suspect(0, 1, 1), UnknownType),
        ("a compound", compound(&[&ping(0, 1)]), UnknownType),
        ("a type of the future", vec![200], UnknownType),
        ("not a map", vec![6, 0xc1], Malformed),
        ("push/pull: -1 members *", head(b"\xff", b"\x00"), Malformed),
        ("push/pull: 2 Gi members *", head(b"\xce\x7f\xff\xff\xff", b"\x00"), Oversized),
        ("push/pull: one member too many", head(&too_many_nodes(), b"\x00"), Oversized),
        ("push/pull: -1 bytes of user state", head(b"\x00", b"\xff"), Malformed),
        ("push/pull: 2 GiB of user state", head(b"\x00", b"\xce\x7f\xff\xff\xff"), Oversized),
        ("push/pull: a member that is none", [head(&[1], &[0]), vec![5]].concat(), Malformed),
        ("push/pull: a meta of 4 GiB", [head(&[1], &[0]), meta_of_4_gib()].concat(), Oversized),
        ("user message: -1 bytes", b"\x08\x81\xaaUserMsgLen\xff".to_vec(), Malformed),
        ("user message: 2 GiB", b"\x08\x81\xaaUserMsgLen\xce\x7f\xff\xff\xff".to_vec(), Oversized),
        ("lzw: 4 GiB", b"\x09\x82\xa4Algo\x00\xa3Buf\xdb\xff\xff\xff\xff".to_vec(), Oversized),
        ("lzw: of nothing *", b"\x09\x82\xa4Algo\x00\xa3Buf\xa3\x00\x03\x02".to_vec(), Malformed),
        ("lzw: of lzw", compressed(&compressed(&push_pull(true, &[], None))), UnknownType),
    ];
    streams_are_dropped(Requires::Nothing, Answer::Silence, &rows);
    joins_fail(&rows);
}

fn too_many_nodes() -> Vec<u8> {
    [&[0xce][..], &(NODES_MAX as u32 + 1).to_be_bytes()].concat()
}

fn meta_of_4_gib() -> Vec<u8> {
    b"\x81\xa4Meta\xdb\xff\xff\xff\xff".to_vec()
}

#[test]
fn a_stream_that_is_no_request() {
    use DropReason::*;
    let state = push_pull(true, &[], None);
    let rows = [
        ("an ack", vec![2, 0x80], UnknownType),
        ("an error", vec![13, 0x80], UnknownType),
        ("a label, and we have none", with_label(b"blue", &state), Label),
        ("a label of no length", b"\xf4\x00".to_vec(), Label),
    ];
    streams_are_dropped(Requires::Nothing, Answer::Silence, &rows);
}

#[test]
fn a_stream_that_this_node_cannot_open() {
    use DropReason::*;
    let state = push_pull(true, &[], None);
    let with = |key, label: &[u8]| sealed_frame(key, label, &state);
    let mut padded = sealed_frame(OUR_KEY, b"", &[200; 16]);
    padded[5] = 0;
    let sealed = [("sealed, and we have no key", with(OTHER_KEY, b""), RefusedSealed)];
    streams_are_dropped(Requires::Nothing, Answer::Error, &sealed);
    let told = [
        ("in the clear", state.clone(), RefusedPlaintext),
        ("with another key", with(OTHER_KEY, b""), Undecryptable),
        ("for another label", with(OUR_KEY, b"x"), Undecryptable),
        ("nothing where a seal should be", b"\x0a\x00\x00\x00\x00".to_vec(), Undecryptable),
        ("with more padding than text *", padded, Undecryptable),
    ];
    streams_are_dropped(Requires::Key, Answer::Error, &told);
    let untold = [
        ("sealed nothing *", sealed_frame(OUR_KEY, b"", b""), Malformed),
        ("2 GiB sealed", b"\x0a\x7f\xff\xff\xff".to_vec(), Oversized),
    ];
    streams_are_dropped(Requires::Key, Answer::Silence, &untold);
    let unlabelled = [("no label", state, Label)];
    streams_are_dropped(Requires::Label, Answer::Silence, &unlabelled);
}

#[test]
fn a_push_pull_with_something_broken_inside() {
    use DropReason::*;
    let of_versions = |versions: &'static [u8]| {
        let node = PushNodeState {
            addr: &[10, 0, 0, 2],
            incarnation: 1,
            meta: b"",
            name: "n1".into(),
            port: 7946,
            state: state::ALIVE,
            versions,
        };
        push_pull(true, &[node], None)
    };
    let rows = [
        ("1 byte of versions *", of_versions(&[1]), Versions),
        ("3 bytes of versions *", of_versions(&[1, 5, 2]), Versions),
        ("no versions *", of_versions(&[]), Versions),
        ("the user state: of no type", with_user_state(b"\x99junk"), UnknownType),
        ("the user state: not a map", with_user_state(b"\x02\xc1"), Malformed),
        ("the user state: a user event", with_user_state(b"\x03\x80"), UnknownType),
    ];
    // What can be read is answered, like every push/pull.
    streams_are_dropped(Requires::Nothing, Answer::Error, &rows);
}

#[test]
fn a_stream_that_ends_in_its_midst() {
    let state = push_pull(true, &[], None);
    let most_nodes = [&[0xce][..], &(NODES_MAX as u32).to_be_bytes()].concat();
    for (what, bytes) in [
        ("the label's type *", vec![0xf4]),
        ("half of a label *", b"\xf4\x04bl".to_vec()),
        ("nothing but a label", b"\xf4\x04blue".to_vec()),
        ("the type of a message", vec![6]),
        ("half of a message", state[..state.len() / 2].to_vec()),
        ("as many members as may be, and none there *", head(&most_nodes, &[0])),
        ("19 MiB of user state, and none there", head(&[0], b"\xce\x01\x30\x00\x00")),
        ("half of a sealed length", vec![10, 0, 0]),
        ("1 MiB sealed, and 10 bytes there", [&b"\x0a\x00\x10\x00\x00"[..], &[0; 10]].concat()),
    ] {
        for how in [StreamEnd::Eof, StreamEnd::Closed] {
            let mut solo = Solo::new(lan(0));
            let mut stream = None;
            let memory = measure(|| stream = solo.accept(1, &bytes)).bytes_max;
            let stream = stream.unwrap();
            assert_eq!(solo.node.stats().dropped.total(), 0, "{what}: there may be more to come");
            solo.act(|node, now| node.handle_stream_end(now, stream, how));
            is_counted(&solo, what, DropReason::Incomplete);
            assert!(memory <= memory_max(&bytes), "{what} costs {memory} bytes");
            goes_on(&mut solo, Requires::Nothing, what);
        }
    }
}

#[test]
fn a_stream_inflates_no_further_than_the_limit() {
    let mib = 1 << 20;
    let bomb = compressed(&vec![6; 40 * mib + 1]);
    let mut solo = Solo::new(gos_timing(lan(0)));
    let memory = measure(|| assert!(solo.accept(1, &bomb).is_some())).bytes_max;
    is_counted(&solo, "a bomb", DropReason::Oversized);
    assert!(memory < 160 * mib as u64, "it costs {memory} bytes");
    goes_on(&mut solo, Requires::Nothing, "a bomb");
}

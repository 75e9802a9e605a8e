//! The push/pulls of large clusters: no call does much of one, and everything else has its turn in
//! between.

use std::net::SocketAddr;
use std::time::Instant;

use serfer_proto::wire::lzw::Lzw;
use serfer_proto::wire::message::{PushNodeState, state};
use serfer_proto::wire::msgpack::Text;
use serfer_proto::wire::seq::SeqBuf;
use serfer_proto::wire::serf_message::{EventSlot, PastEvent, PushPull, SerfMessage};
use serfer_proto::wire::stream::StreamMessage;
use serfer_proto::{
    Compression, Config, DropReason, Encryption, Endpoint, Event, Keyring, Limits, Replay,
    SecretKey, Status, StreamEnd, StreamId,
};

use crate::harness::craft::{VERSIONS, alive, ping, push_pull};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{lan, name, secs};
use crate::harness::wrap::{compressed, sealed_frame};
use crate::streams::accepted::{data, end};

const KEY: [u8; 16] = [9; 16];
/// A call merges no more members than these. A new one takes about 4 µs.
const MERGED_AT_ONCE: usize = 512;
const SOME: usize = 10_000;

/// The push/pull of a node that knows the nodes 1 to `count`, of which each tenth has left.
fn state_of(count: usize, join: bool) -> Vec<u8> {
    let names: Vec<String> = (1..=count).map(name).collect();
    let ips: Vec<[u8; 4]> =
        (1..=count).map(|node| [10, 1, (node >> 8) as u8, node as u8]).collect();
    let node = |at: usize| PushNodeState {
        addr: &ips[at],
        incarnation: 1,
        meta: b"\xff\x80",
        name: Text(names[at].as_bytes()),
        port: 7946,
        state: state::ALIVE,
        versions: &VERSIONS,
    };
    let nodes: Vec<_> = (0..count).map(node).collect();
    let left = names.iter().skip(9).step_by(10).map(|name| Text(name.as_bytes()));
    let times = names.iter().map(|name| (Text(name.as_bytes()), 20_u64));
    let (left, times) = (SeqBuf::of(left), SeqBuf::of(times));
    let past = PastEvent { name: "deploy".into(), payload: b"v1" };
    let past = SeqBuf::of([past]);
    let slots = SeqBuf::of([EventSlot { events: past.as_seq(), ltime: 45 }]);
    let serf = PushPull {
        ltime: 42,
        event_ltime: 50,
        query_ltime: 100,
        left_members: left.as_seq(),
        status_ltimes: times.as_seq(),
        events: slots.as_seq(),
    };
    push_pull(join, &nodes, Some(&serf))
}

fn keyed(config: Config) -> Config {
    // It reads what is in the clear, too.
    let ring = Keyring::new(SecretKey::new(&KEY).unwrap());
    config.keyring(ring).encryption(Encryption::Prefer)
}

/// Opens a stream and hands over all that it brings.
fn bring(solo: &mut Solo, bytes: &[u8]) -> StreamId {
    let stream = solo.act(|node, now| node.handle_accepted(now, addr(1))).unwrap();
    bytes.chunks(16 << 10).for_each(|chunk| data(solo, stream, chunk));
    stream
}

fn known(solo: &Solo) -> usize {
    solo.node.members().count()
}

/// Lets the node go on, call by call. Returns how many calls it took.
fn go_on(solo: &mut Solo, mut between: impl FnMut(&mut Solo)) -> usize {
    let mut before = (known(solo), solo.events.len());
    solo.go_on(|solo| {
        let after = (known(solo), solo.events.len());
        assert!(after.0 - before.0 <= MERGED_AT_ONCE, "{before:?} and then {after:?}");
        assert!(after.1 - before.1 <= 2 * MERGED_AT_ONCE, "{before:?} and then {after:?}");
        between(solo);
        before = (known(solo), solo.events.len());
    })
}

/// A ping is answered at once, sealed or not.
fn answers_a_ping(solo: &mut Solo) {
    solo.sent.clear();
    solo.hear(99, &ping(0, 77));
    assert!(solo.sent.iter().any(|(to, _)| *to == addr(99)));
}

/// The state that the node sent.
fn sent_names(frame: &[u8]) -> Vec<String> {
    let mut inflated = Vec::new();
    let message = match frame.split_first() {
        Some((9, body)) => {
            Lzw::default().inflate(body, 64 << 20, &mut inflated).unwrap();
            &inflated
        }
        _ => frame,
    };
    let Ok(StreamMessage::PushPull(sent)) = StreamMessage::decode(message) else {
        panic!("it sent something else");
    };
    assert!(matches!(SerfMessage::decode(sent.user_state), Ok(SerfMessage::PushPull(_))));
    assert_eq!(sent.nodes.iter().count(), sent.nodes.len());
    sent.nodes.iter().map(|node| node.name.to_string_lossy()).collect()
}

#[test]
fn ten_thousand_members_are_merged_in_many_calls_and_pings_are_acked_in_between() {
    let plain = state_of(SOME, true);
    for (config, frame) in [
        (lan(0), plain.clone()),
        (lan(0), compressed(&plain)),
        (keyed(lan(0)), sealed_frame(KEY, b"", &plain)),
        (keyed(lan(0)), sealed_frame(KEY, b"", &compressed(&plain))),
    ] {
        let mut solo = Solo::new(config.push_pull_interval(None).compression(Compression::Off));
        // It wants to be told of user events from before.
        solo.act(|node, now| node.update_seeds(now, &[], Replay::Deliver));
        let stream = bring(&mut solo, &frame);
        assert!(known(&solo) <= 1 + MERGED_AT_ONCE, "{}", known(&solo));
        let calls = go_on(&mut solo, answers_a_ping);
        assert!(calls > SOME / MERGED_AT_ONCE, "{calls}");
        assert_eq!(known(&solo), 1 + SOME);
        assert_eq!(solo.node.stats().portions, calls as u64);
        assert_eq!(solo.closed, [stream]);
        let status = |node| solo.node.member(&name(node)).unwrap().status();
        assert_eq!(
            (status(9), status(10), status(SOME)),
            (Status::Alive, Status::Leaving, Status::Leaving,)
        );
        let stats = solo.node.stats();
        assert_eq!((stats.member_ltime, stats.event_ltime, stats.query_ltime), (42, 50, 100));
        assert!(matches!(solo.events.last(), Some(Event::User(_))), "events come after members");
        assert_eq!(stats.dropped.total(), 0);
    }
}

/// It is answered with what was known before.
#[test]
fn the_answer_is_sent_before_anything_is_merged() {
    let mut solo = Solo::new(lan(0).push_pull_interval(None));
    bring(&mut solo, &state_of(SOME, false));
    while solo.written.is_empty() {
        assert_eq!(known(&solo), 1);
        solo.now = solo.until().unwrap();
        solo.act(Endpoint::handle_timeout);
    }
    assert_eq!(sent_names(&solo.written[0].1), ["n0"]);
}

#[test]
fn a_push_pull_that_is_broken_at_its_end_changes_nothing() {
    let whole = state_of(SOME, false);
    let serf_len = {
        let Ok(StreamMessage::PushPull(theirs)) = StreamMessage::decode(&whole) else { panic!() };
        theirs.user_state.len()
    };
    // The last member has a port that is a string.
    let at = whole.len() - serf_len - b"\xa5State\x00\xa3Vsn\xa6".len() - VERSIONS.len() - 3;
    assert_eq!(whole[at..at + 3], [0xcd, 0x1f, 0x0a]);
    let mut broken = whole;
    broken[at..at + 3].copy_from_slice(b"\xa2xx");
    for (config, frame) in
        [(lan(0), broken.clone()), (keyed(lan(0)), sealed_frame(KEY, b"", &compressed(&broken)))]
    {
        let mut solo = Solo::new(config.push_pull_interval(None));
        let stream = bring(&mut solo, &frame);
        go_on(&mut solo, |_| {});
        assert_eq!((known(&solo), solo.dropped(DropReason::Malformed)), (1, 1));
        assert!(solo.written.is_empty(), "a broken message gets no answer");
        assert_eq!(solo.closed, [stream]);
    }
}

#[test]
fn a_sealed_frame_of_another_key_is_refused_after_all_of_it_has_been_read() {
    let mut solo = Solo::new(keyed(lan(0)).push_pull_interval(None));
    bring(&mut solo, &sealed_frame([8; 16], b"", &state_of(SOME, false)));
    go_on(&mut solo, answers_a_ping);
    assert_eq!((known(&solo), solo.dropped(DropReason::Undecryptable)), (1, 1));
}

#[test]
fn ten_thousand_members_are_sent_in_many_calls_and_their_number_is_right() {
    for compression in [Compression::Off, Compression::Streams] {
        let config = lan(0).push_pull_interval(None).compression(compression);
        let mut solo = Solo::new(config);
        bring(&mut solo, &state_of(SOME, false));
        go_on(&mut solo, |_| {});
        solo.written.clear();

        bring(&mut solo, &state_of(1, false));
        let mut newcomers = 0;
        let calls = go_on(&mut solo, |solo| {
            // The cluster goes on growing meanwhile.
            newcomers += 1;
            solo.hear(1, &alive(SOME + newcomers, 1));
        });
        assert!(calls >= 3, "{calls}");
        let names = sent_names(&solo.written[0].1);
        assert!((1 + SOME..=1 + SOME + newcomers).contains(&names.len()), "{}", names.len());
        let mut unique = names.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), names.len(), "each once");
    }
}

#[test]
fn a_small_push_pull_does_not_wait_for_a_large_one() {
    let mut solo = Solo::new(lan(0).push_pull_interval(None));
    bring(&mut solo, &compressed(&state_of(SOME, false)));
    let small = bring(&mut solo, &state_of(2, false));
    assert!(solo.closed.contains(&small));
    assert!(solo.node.member("n2").is_some());
    assert!(known(&solo) < 10);
    go_on(&mut solo, |_| {});
    assert_eq!(known(&solo), 1 + SOME);
}

#[test]
fn a_push_pull_whose_stream_is_gone_is_merged_all_the_same() {
    let mut solo = Solo::new(lan(0).push_pull_interval(None));
    let stream = bring(&mut solo, &compressed(&state_of(SOME, false)));
    end(&mut solo, stream, StreamEnd::Closed);
    go_on(&mut solo, |_| {});
    assert_eq!(known(&solo), 1 + SOME);
    assert!(solo.written.is_empty(), "nobody is there to read an answer");
}

/// It takes as much memory as if the stream were there.
#[test]
fn a_push_pull_whose_stream_is_gone_makes_room_for_another() {
    let limits = Limits { inbound_streams: 2, ..Limits::default() };
    let mut solo = Solo::new(lan(0).push_pull_interval(None).limits(limits));
    for _ in 0..2 {
        let stream = bring(&mut solo, &compressed(&state_of(SOME, false)));
        end(&mut solo, stream, StreamEnd::Closed);
    }
    let small = bring(&mut solo, &state_of(2, false));
    assert!(solo.closed.contains(&small));
    go_on(&mut solo, |_| {});
    assert_eq!(known(&solo), 1 + 2, "those that nobody waits for are given up");
}

/// However many others bring.
#[test]
fn a_push_pull_of_ours_waits_for_one_of_others_at_most() {
    let mut solo = Solo::new(lan(0).push_pull_interval(None));
    bring(&mut solo, &compressed(&state_of(SOME, false)));
    go_on(&mut solo, |_| {});
    solo.act(|node, now| node.join(now, &[addr(1)], Replay::Deliver)).unwrap();
    let (ours, _) = solo.dialled[0];
    let theirs: Vec<_> =
        (0..5).map(|_| bring(&mut solo, &compressed(&state_of(SOME, false)))).collect();
    solo.act(|node, now| node.handle_connected(now, ours));
    solo.written.clear();
    go_on(&mut solo, |_| {});
    let order: Vec<_> = solo.written.iter().map(|(stream, _)| *stream).collect();
    assert_eq!(order, [&[theirs[0], ours], &theirs[1..]].concat());
}

/// Whoever is no member can keep members waiting for one of its push/pulls, and not for all.
#[test]
fn a_push_pull_of_a_member_waits_for_one_of_strangers_at_most() {
    let mut solo = Solo::among(lan(0).push_pull_interval(None), 1);
    let stranger = SocketAddr::from(([10, 9, 9, 9], 40_000));
    let mut from = |who| {
        let stream = solo.act(|node, now| node.handle_accepted(now, who)).unwrap();
        let frame = compressed(&state_of(SOME, false));
        frame.chunks(16 << 10).for_each(|chunk| data(&mut solo, stream, chunk));
        stream
    };
    let theirs = [stranger; 5].map(&mut from);
    let of_member = from(addr(1));
    go_on(&mut solo, |_| {});
    let order: Vec<_> = solo.written.iter().map(|(stream, _)| *stream).collect();
    assert_eq!(order, [&[theirs[0], of_member], &theirs[1..]].concat());
}

/// The newest are given up.
#[test]
fn push_pulls_that_wait_for_their_turn_take_only_so_much_memory_together() {
    let frame = sealed_frame(KEY, b"", &state_of(SOME, false));
    let limits = Limits { stream_len: frame.len() + 1, ..Limits::default() };
    let mut solo = Solo::new(keyed(lan(0)).push_pull_interval(None).limits(limits));
    for _ in 0..10 {
        bring(&mut solo, &frame);
    }
    assert_eq!(solo.dropped(DropReason::Full), 6);
    assert_eq!(solo.aborted.len(), 6);
    go_on(&mut solo, |_| {});
    assert_eq!(known(&solo), 1 + SOME);
}

/// The node has dialled node 1, and that has answered.
fn joining(config: Config) -> (Solo, Instant) {
    let mut solo = Solo::new(config.push_pull_interval(None));
    solo.act(|node, now| node.join(now, &[addr(1)], Replay::Deliver)).unwrap();
    let (stream, _) = solo.dialled[0];
    solo.act(|node, now| node.handle_connected(now, stream));
    state_of(SOME, true).chunks(16 << 10).for_each(|chunk| data(&mut solo, stream, chunk));
    assert_eq!(solo.closed, [stream], "the stream has done its duty");
    end(&mut solo, stream, StreamEnd::Closed);
    let now = solo.now;
    (solo, now)
}

fn join_done(solo: &Solo) -> Option<usize> {
    solo.events.iter().find_map(|event| match event {
        Event::JoinDone(done) => Some(done.reached.len()),
        _ => None,
    })
}

#[test]
fn a_join_is_done_when_all_members_are_merged() {
    let (mut solo, start) = joining(lan(0));
    go_on(&mut solo, |solo| {
        assert!(join_done(solo).is_none() || known(solo) == 1 + SOME);
    });
    assert_eq!(join_done(&solo), Some(1));
    assert!(solo.now - start < secs(1));
}

#[test]
fn a_node_may_leave_before_its_join_is_merged() {
    let (mut solo, _) = joining(lan(0));
    solo.act(|node, now| node.leave(now)).unwrap();
    solo.pass(secs(20));
    assert!(join_done(&solo).is_some());
    assert!(solo.events.iter().any(|event| matches!(event, Event::Left(_))));
    assert_eq!(known(&solo), 1 + SOME);
}

#[test]
fn the_same_calls_give_the_same_outputs() {
    let run = || {
        let mut solo = Solo::new(keyed(lan(0)));
        bring(&mut solo, &state_of(2000, true));
        solo.pass(secs(3));
        let events: Vec<String> = solo.events.iter().map(|event| format!("{event:?}")).collect();
        (solo.sent, solo.written, events)
    };
    assert!(run() == run());
}

#[test]
fn the_application_is_asked_about_all_members_before_any_is_merged() {
    for vetoed in [false, true] {
        let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let log = asked.clone();
        let config = lan(0).push_pull_interval(None).accept_merge(move |members| {
            log.lock().unwrap().push(members.len());
            if vetoed { Err("not with these".to_owned()) } else { Ok(()) }
        });
        let mut solo = Solo::new(config);
        bring(&mut solo, &state_of(SOME, true));
        go_on(&mut solo, |_| {});
        assert_eq!(*asked.lock().unwrap(), [SOME]);
        assert_eq!(known(&solo), if vetoed { 1 } else { 1 + SOME });
        assert_eq!(solo.dropped(DropReason::Vetoed), u64::from(vetoed));
    }
}

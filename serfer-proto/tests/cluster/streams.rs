//! Streams, whatever is on the other side.

use serfer_proto::wire::lzw::Lzw;
use serfer_proto::wire::message::{Ack, Message, Ping};
use serfer_proto::wire::stream::StreamMessage;
use serfer_proto::{
    Config, DropReason, Endpoint, Event, JoinFailure, Limits, Replay, StreamEnd, StreamId,
};

use crate::craft::{alive, encoded, ping, push_pull, user_event};
use crate::network::addr;
use crate::solo::Solo;
use crate::support::{lan, ms, secs};

fn on_stream(message: &StreamMessage<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

fn accept(solo: &mut Solo) -> Option<StreamId> {
    solo.act(|node, now| node.handle_accepted(now, addr(1)))
}

fn data(solo: &mut Solo, stream: StreamId, data: &[u8]) {
    solo.act(|node, now| node.handle_stream_data(now, stream, data));
}

fn end(solo: &mut Solo, stream: StreamId, end: StreamEnd) {
    solo.act(|node, now| node.handle_stream_end(now, stream, end));
}

#[test]
fn only_so_many_streams_are_accepted_at_once() {
    let mut solo = Solo::new(lan(0));
    let streams: Vec<StreamId> = (0..128).map(|_| accept(&mut solo).unwrap()).collect();
    assert_eq!(accept(&mut solo), None);
    assert_eq!(solo.dropped(DropReason::Full), 1);
    end(&mut solo, streams[5], StreamEnd::Closed);
    assert!(accept(&mut solo).is_some());
    assert_eq!(accept(&mut solo), None);
    assert_eq!(solo.node.stats().streams_accepted, 129);
    assert!(solo.is_well());
}

/// A node with room for one stream, and that stream.
fn solo_with_one(config: Config) -> (Solo, StreamId) {
    let limits = Limits { inbound_streams: 1, ..Limits::default() };
    let mut solo = Solo::new(config.limits(limits));
    solo.pass(secs(1));
    let stream = accept(&mut solo).unwrap();
    assert_eq!(accept(&mut solo), None);
    (solo, stream)
}

#[track_caller]
fn is_aborted_after(solo: &mut Solo, stream: StreamId, time: std::time::Duration) {
    solo.pass(time - ms(1));
    assert_eq!((accept(solo), &solo.aborted[..]), (None, &[][..]));
    solo.pass(ms(1));
    assert_eq!(solo.aborted, [stream]);
    assert!(accept(solo).is_some(), "its place is free");
}

#[test]
fn a_silent_peer_costs_a_place_for_ten_seconds() {
    let (mut solo, stream) = solo_with_one(lan(0));
    is_aborted_after(&mut solo, stream, secs(10));
    assert_eq!(solo.dropped(DropReason::Incomplete), 1);
}

#[test]
fn a_slow_peer_gets_no_more_time() {
    let (mut solo, stream) = solo_with_one(lan(0));
    let state = push_pull(true, &[], None);
    for byte in &state[..9] {
        solo.pass(secs(1));
        data(&mut solo, stream, &[*byte]);
    }
    is_aborted_after(&mut solo, stream, secs(1));
    assert_eq!(solo.dropped(DropReason::Incomplete), 1);
}

#[test]
fn a_peer_that_never_reads_its_answer_costs_a_place_for_ten_seconds_more() {
    let (mut solo, stream) = solo_with_one(lan(0));
    solo.pass(secs(9));
    data(&mut solo, stream, &push_pull(false, &[], None));
    assert_eq!((solo.written.len(), &solo.closed[..]), (1, &[stream][..]));
    is_aborted_after(&mut solo, stream, secs(10));
    assert_eq!(solo.node.stats().dropped.total(), 2, "two others found no place");
}

#[test]
fn a_peer_that_closes_in_time_costs_nothing() {
    let (mut solo, stream) = solo_with_one(lan(0));
    data(&mut solo, stream, &push_pull(false, &[], None));
    // That it sends no more does not matter, for it may still read.
    end(&mut solo, stream, StreamEnd::Eof);
    assert_eq!((accept(&mut solo), &solo.aborted[..]), (None, &[][..]));
    end(&mut solo, stream, StreamEnd::Closed);
    assert!(accept(&mut solo).is_some());
    solo.pass(secs(9));
    assert_eq!(solo.aborted, []);
}

#[test]
fn a_stream_without_a_word_is_a_health_check_and_half_a_message_is_not() {
    for (bytes, how, dropped) in [
        (&b""[..], StreamEnd::Eof, 0),
        (b"", StreamEnd::Closed, 0),
        (b"\x06\x83", StreamEnd::Eof, 1),
        (b"\x06\x83", StreamEnd::Closed, 1),
    ] {
        let mut solo = Solo::new(lan(0));
        let stream = accept(&mut solo).unwrap();
        data(&mut solo, stream, bytes);
        end(&mut solo, stream, how);
        assert_eq!(solo.dropped(DropReason::Incomplete), dropped);
        assert_eq!(solo.node.stats().dropped.total(), dropped);
        // What the other side has closed is gone; else it has to be dropped.
        assert_eq!(solo.aborted.len(), usize::from(how == StreamEnd::Eof));
        assert_eq!((&solo.closed[..], &solo.written[..]), (&[][..], &[][..]));
    }
}

#[test]
fn reports_about_streams_that_are_over_do_nothing() {
    let mut solo = Solo::new(lan(0));
    let stream = accept(&mut solo).unwrap();
    data(&mut solo, stream, &push_pull(false, &[], None));
    data(&mut solo, stream, &push_pull(false, &[], None));
    end(&mut solo, stream, StreamEnd::Closed);
    let (written, closed) = (solo.written.len(), solo.closed.len());
    data(&mut solo, stream, b"\x06");
    solo.act(|node, now| node.handle_connected(now, stream));
    end(&mut solo, stream, StreamEnd::Eof);
    end(&mut solo, stream, StreamEnd::Closed);
    solo.pass(secs(60));
    assert_eq!((solo.written.len(), solo.closed.len(), written, closed), (1, 1, 1, 1));
    assert_eq!((&solo.aborted[..], solo.node.stats().dropped.total()), (&[][..], 0));
}

#[test]
fn a_ping_is_acked_and_one_for_another_is_not() {
    let mut solo = Solo::new(lan(0));
    for (name, acked) in [("n0", true), ("", true), ("n1", false)] {
        solo.written.clear();
        let ping = Ping { node: name.into(), seq: 5, ..Ping::default() };
        let stream = solo.accept(1, &on_stream(&StreamMessage::Ping(ping))).unwrap();
        let ack = on_stream(&StreamMessage::Ack(Ack { payload: &[], seq: 5 }));
        let expected = if acked { vec![(stream, ack)] } else { vec![] };
        assert_eq!((&solo.written, solo.closed.last()), (&expected, Some(&stream)));
    }
    assert_eq!(solo.dropped(DropReason::Misaddressed), 1);
}

#[test]
fn a_user_message_is_taken_and_not_answered() {
    let mut solo = Solo::new(lan(0));
    let event = user_event("deploy", 5);
    let stream = solo.accept(1, &on_stream(&StreamMessage::User(&event[1..]))).unwrap();
    assert!(matches!(&solo.events[..], [Event::User(event)] if &*event.name == "deploy"));
    assert_eq!((&solo.written[..], &solo.closed[..]), (&[][..], &[stream][..]));
    solo.accept(1, &on_stream(&StreamMessage::User(b""))).unwrap();
    assert_eq!(solo.node.stats().dropped.total(), 0);
}

#[test]
fn a_push_pull_is_answered_with_what_was_known_before() {
    let mut solo = Solo::among(lan(0), 1);
    for join in [true, false] {
        solo.written.clear();
        solo.accept(2, &push_pull(join, &[], None)).unwrap();
        let Ok(StreamMessage::PushPull(state)) = StreamMessage::decode(&solo.written[0].1) else {
            panic!("{:x?}", solo.written);
        };
        let names: Vec<_> = state.nodes.iter().map(|node| node.name.to_string_lossy()).collect();
        assert_eq!((state.join, &names[..]), (join, &["n0".to_owned(), "n1".to_owned()][..]));
    }
}

#[test]
fn a_stream_that_brings_too_much_is_closed() {
    let limits = Limits { stream_len: 1024, inflated_stream_len: 4096, ..Limits::default() };
    let mut solo = Solo::new(lan(0).limits(limits));
    let mut bomb = Vec::new();
    Lzw::default().compress(&[8; 5000], &mut bomb);
    assert!(bomb.len() < 1024);
    let announced = b"\x08\x81\xaaUserMsgLen\xcd\xff\xff";
    for (n, bytes) in
        [&[announced, &[0; 1100][..]].concat(), &bomb, &announced.to_vec()].into_iter().enumerate()
    {
        let stream = solo.accept(1, bytes).unwrap();
        assert_eq!(solo.closed.last(), Some(&stream));
        assert_eq!(solo.dropped(DropReason::Oversized), n as u64 + 1);
    }
    assert_eq!(solo.written, []);
    assert!(solo.is_well());
}

// Streams that we dialled.

/// A node that joins through node 1 and is connected to it.
fn joining() -> (Solo, StreamId) {
    let mut solo = Solo::new(lan(0));
    solo.act(|node, now| node.join(now, &[addr(1)], Replay::Skip)).unwrap();
    let stream = solo.dialled[0].0;
    solo.act(|node, now| node.handle_connected(now, stream));
    assert_eq!(solo.written.len(), 1);
    (solo, stream)
}

fn failure(solo: &Solo) -> Option<String> {
    let failures = solo.events.iter().filter_map(|event| match event {
        Event::JoinDone(done) => Some(done.failed[0].1.to_string()),
        _ => None,
    });
    let failures: Vec<String> = failures.collect();
    assert!(failures.len() <= 1);
    failures.into_iter().next()
}

#[test]
fn each_step_of_a_join_has_its_time() {
    let mut solo = Solo::new(lan(0));
    solo.act(|node, now| node.join(now, &[addr(1)], Replay::Skip)).unwrap();
    let stream = solo.dialled[0].0;
    solo.pass(secs(9));
    solo.act(|node, now| node.handle_connected(now, stream));
    solo.pass(ms(9999));
    assert_eq!(failure(&solo), None);
    solo.pass(ms(1));
    assert_eq!(failure(&solo), Some("no answer in time".to_owned()));
    assert_eq!(solo.aborted, [stream]);
}

#[test]
fn what_is_no_answer_ends_a_join_with_a_reason() {
    for (bytes, why) in [
        (&on_stream(&StreamMessage::Ack(Ack::default()))[..], "unusable answer: not a push/pull"),
        (&ping(0, 5), "unusable answer: not a push/pull"),
        (b"HTTP/1.1 400 Bad Request", "unusable answer: message type 72 is not understood here"),
        (b"\x06\xc1", "unusable answer: value of the wrong type"),
        (b"\x0d\x81\xa5Error\xa7go away", "the node there said: go away"),
    ] {
        let (mut solo, stream) = joining();
        data(&mut solo, stream, bytes);
        assert_eq!((failure(&solo).as_deref(), &solo.closed[..]), (Some(why), &[stream][..]));
        end(&mut solo, stream, StreamEnd::Closed);
        solo.pass(secs(20));
        assert_eq!(failure(&solo).as_deref(), Some(why), "and is told once");
    }
}

#[test]
fn an_answer_that_stops_in_the_middle_ends_a_join() {
    for how in [StreamEnd::Eof, StreamEnd::Closed] {
        let (mut solo, stream) = joining();
        let state = push_pull(true, &[], None);
        data(&mut solo, stream, &state[..state.len() - 1]);
        end(&mut solo, stream, how);
        assert_eq!(failure(&solo).as_deref(), Some("connection refused or closed"));
        assert_eq!(solo.aborted.len(), usize::from(how == StreamEnd::Eof));
    }
}

#[test]
fn a_long_refusal_is_cut() {
    let (mut solo, stream) = joining();
    let mut bytes = b"\x0d\x81\xa5Error\xda\x03\xe8".to_vec();
    bytes.extend([b'x'; 1000]);
    data(&mut solo, stream, &bytes);
    let said = "x".repeat(200);
    assert_eq!(failure(&solo), Some(JoinFailure::Refused(said).to_string()));
}

#[test]
fn only_the_right_ack_over_a_stream_saves_a_member() {
    for (seq_off, suspicions) in [(0, 0), (1, 1)] {
        let mut solo = Solo::among(lan(0), 1);
        solo.acks = false;
        while solo.dialled.is_empty() {
            solo.pass(ms(10));
        }
        let stream = solo.dialled[0].0;
        solo.act(|node: &mut Endpoint, now| node.handle_connected(now, stream));
        let Ok(Message::Ping(ping)) = Message::decode(&solo.written[0].1) else {
            panic!("{:x?}", solo.written);
        };
        let ack = Ack { payload: &[], seq: ping.seq + seq_off };
        data(&mut solo, stream, &encoded(&Message::Ack(ack)));
        assert_eq!(solo.closed, [stream]);
        solo.acks = true;
        solo.pass(ms(510));
        assert_eq!(solo.node.stats().suspicions, suspicions);
    }
}

#[test]
fn a_periodic_push_pull_that_fails_is_no_event() {
    let mut solo = Solo::among(lan(0), 1);
    solo.pass(secs(61));
    let dialled = solo.dialled.len();
    assert!(dialled > 0);
    for (stream, _) in solo.dialled.clone() {
        end(&mut solo, stream, StreamEnd::Closed);
    }
    solo.pass(secs(60));
    assert!(solo.dialled.len() > dialled);
    assert_eq!(solo.events, []);
    solo.hear(1, &alive(1, 2));
    assert!(solo.is_well());
}

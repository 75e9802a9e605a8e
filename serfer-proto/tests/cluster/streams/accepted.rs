//! Streams that other nodes open to us, whatever their peer does.

use serfer_proto::wire::lzw::Lzw;
use serfer_proto::wire::message::{Ack, Ping};
use serfer_proto::wire::stream::StreamMessage;
use serfer_proto::{Config, DropReason, Event, Limits, StreamEnd, StreamId};

use crate::harness::craft::{push_pull, user_event};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{lan, ms, secs};

pub(crate) fn on_stream(message: &StreamMessage<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

fn accept(solo: &mut Solo) -> Option<StreamId> {
    solo.act(|node, now| node.handle_accepted(now, addr(1)))
}

pub(crate) fn data(solo: &mut Solo, stream: StreamId, data: &[u8]) {
    solo.act(|node, now| node.handle_stream_data(now, stream, data));
}

pub(crate) fn end(solo: &mut Solo, stream: StreamId, end: StreamEnd) {
    solo.act(|node, now| node.handle_stream_end(now, stream, end));
}

/// A stream on which an answer is on its way.
fn accept_answered(solo: &mut Solo) -> Option<StreamId> {
    let stream = accept(solo)?;
    data(solo, stream, &push_pull(false, &[], None));
    Some(stream)
}

#[test]
fn only_so_many_streams_are_accepted_at_once() {
    let mut solo = Solo::new(lan(0));
    let streams: Vec<StreamId> = (0..128).map(|_| accept_answered(&mut solo).unwrap()).collect();
    assert_eq!(accept(&mut solo), None);
    assert_eq!((solo.dropped(DropReason::Full), &solo.aborted[..]), (1, &[][..]));
    end(&mut solo, streams[5], StreamEnd::Closed);
    assert!(accept_answered(&mut solo).is_some());
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
    (solo, stream)
}

#[track_caller]
fn is_aborted_after(solo: &mut Solo, stream: StreamId, time: std::time::Duration) {
    solo.pass(time - ms(1));
    assert_eq!(solo.aborted, []);
    solo.pass(ms(1));
    assert_eq!(solo.aborted, [stream]);
    assert!(accept(solo).is_some(), "its place is free");
    assert_eq!(solo.aborted, [stream]);
}

#[test]
fn a_silent_peer_is_given_up_after_ten_seconds() {
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
fn a_peer_that_never_reads_its_answer_is_given_up_after_ten_seconds_more() {
    let (mut solo, stream) = solo_with_one(lan(0));
    solo.pass(secs(9));
    data(&mut solo, stream, &push_pull(false, &[], None));
    assert_eq!((solo.written.len(), &solo.closed[..]), (1, &[stream][..]));
    is_aborted_after(&mut solo, stream, secs(10));
    assert_eq!(solo.node.stats().dropped.total(), 0);
}

#[test]
fn a_peer_that_closes_in_time_costs_nothing() {
    let (mut solo, stream) = solo_with_one(lan(0));
    data(&mut solo, stream, &push_pull(false, &[], None));
    // The peer sends nothing more, but it may still read.
    end(&mut solo, stream, StreamEnd::Eof);
    assert_eq!((accept(&mut solo), &solo.aborted[..]), (None, &[][..]));
    end(&mut solo, stream, StreamEnd::Closed);
    assert!(accept(&mut solo).is_some());
    solo.pass(secs(9));
    assert_eq!(solo.aborted, []);
}

#[test]
fn an_empty_stream_is_a_health_check_and_half_a_message_is_not() {
    for (bytes, how, dropped) in [
        (&b""[..], StreamEnd::Eof, 0),
        (b"", StreamEnd::Closed, 0),
        (b"\x06\x83", StreamEnd::Eof, 1),
        (b"\x06\x83", StreamEnd::Closed, 1),
        (b"\xf4", StreamEnd::Closed, 1),
        (b"\xf4\x04blu", StreamEnd::Eof, 1),
    ] {
        let mut solo = Solo::new(lan(0));
        let stream = accept(&mut solo).unwrap();
        data(&mut solo, stream, bytes);
        end(&mut solo, stream, how);
        assert_eq!(solo.dropped(DropReason::Incomplete), dropped);
        assert_eq!(solo.node.stats().dropped.total(), dropped);
        // A stream that the peer has closed is gone. Any other must be aborted.
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

#[test]
fn an_announced_size_over_the_limit_is_refused_at_once() {
    // Ten million members, and 30 MiB of user state.
    for announced in [
        &b"\x06\x83\xa4Join\xc3\xa5Nodes\xce\x00\x98\x96\x80\xacUserStateLen\x00"[..],
        b"\x06\x83\xa4Join\xc3\xa5Nodes\x00\xacUserStateLen\xce\x01\xe0\x00\x00",
        b"\x08\x81\xaaUserMsgLen\xce\x01\xe0\x00\x00",
    ] {
        let mut solo = Solo::new(lan(0));
        let stream = solo.accept(1, announced).unwrap();
        assert_eq!(solo.dropped(DropReason::Oversized), 1);
        assert_eq!((&solo.closed[..], &solo.written[..]), (&[stream][..], &[][..]));
        assert_eq!(solo.node.stats().members, 1);
    }
}

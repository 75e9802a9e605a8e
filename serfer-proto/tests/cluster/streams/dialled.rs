//! Streams that we dial, whatever their peer does.

use serfer_proto::wire::lzw::Lzw;
use serfer_proto::wire::message::{Ack, ErrorResponse, Message};
use serfer_proto::wire::stream::StreamMessage;
use serfer_proto::{Endpoint, Event, JoinFailure, Label, Replay, StreamEnd, StreamId};

use crate::harness::craft::{alive, encoded, ping, push_pull};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{lan, ms, secs};
use crate::streams::accepted::{data, end, on_stream};

/// A node that joins through node 1 and is connected to it.
fn joining() -> (Solo, StreamId) {
    let mut solo = Solo::new(lan(0));
    solo.act(|node, now| node.join(now, &[addr(1)], Replay::Skip)).unwrap();
    let stream = solo.dialled[0].0;
    solo.act(|node, now| node.handle_connected(now, stream));
    assert_eq!(solo.written.len(), 1);
    (solo, stream)
}

#[test]
fn a_stream_that_we_dial_starts_with_our_label_and_an_answer_does_not() {
    let mut solo = Solo::new(lan(0).label(Label::new("blue").unwrap()));
    solo.act(|node, now| node.join(now, &[addr(1)], Replay::Skip)).unwrap();
    let stream = solo.dialled[0].0;
    solo.act(|node, now| node.handle_connected(now, stream));
    solo.accept(1, &[&b"\xf4\x04blue"[..], &push_pull(true, &[], None)].concat()).unwrap();
    let [(_, request), (_, answer)] = &solo.written[..] else {
        panic!("{:x?}", solo.written);
    };
    let bare = request.strip_prefix(b"\xf4\x04blue").unwrap();
    assert!(matches!(StreamMessage::decode(bare), Ok(StreamMessage::PushPull(_))));
    assert!(matches!(StreamMessage::decode(answer), Ok(StreamMessage::PushPull(_))));
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
fn a_stream_that_cannot_be_dialled_says_what_the_system_says() {
    let mut solo = Solo::new(lan(0));
    solo.act(|node, now| node.join(now, &[addr(1)], Replay::Skip)).unwrap();
    let stream = solo.dialled[0].0;
    let reason = format!("Connection refused {}", "x".repeat(1000));
    solo.act(|node, now| node.handle_connect_failed(now, stream, &reason));
    let said = failure(&solo).unwrap();
    assert!(said.starts_with("cannot connect: Connection refused xxx"), "{said}");
    assert!(said.len() < 300, "{said}");
    // What comes after that changes nothing.
    end(&mut solo, stream, StreamEnd::Closed);
    solo.act(|node, now| node.handle_connect_failed(now, stream, "again"));
    assert_eq!(failure(&solo), Some(said));

    let (mut solo, stream) = joining();
    solo.act(|node, now| node.handle_connect_failed(now, stream, "too late"));
    assert_eq!(failure(&solo), None, "it is connected");
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
fn an_answer_that_does_not_decode_ends_a_join_with_a_reason() {
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
        assert_eq!(
            failure(&solo).as_deref(),
            Some("closed without an answer: it has another label, no room, or is no serf node")
        );
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
fn a_message_that_inflates_to_less_than_the_limit_is_read() {
    let (mut solo, stream) = joining();
    let why = "x".repeat((20 << 20) + 1);
    let error = ErrorResponse { error: why.as_str().into() };
    let mut bytes = Vec::new();
    Lzw::default().compress(&on_stream(&StreamMessage::Error(error)), &mut bytes);
    data(&mut solo, stream, &bytes);
    solo.go_on(|_| {});
    let said = "x".repeat(200);
    assert_eq!(failure(&solo), Some(JoinFailure::Refused(said).to_string()));
}

/// A node that got no ack from node 1 and now dials it. Node 1 is well again.
fn falling_back() -> (Solo, StreamId) {
    let mut solo = Solo::among(lan(0), 1);
    solo.acks = false;
    while solo.dialled.is_empty() {
        solo.pass(ms(10));
    }
    solo.acks = true;
    let stream = solo.dialled[0].0;
    (solo, stream)
}

#[test]
fn a_message_other_than_an_ack_over_a_stream_saves_no_member() {
    let other = on_stream(&StreamMessage::User(b"x"));
    for (connects, answer, how) in [
        (true, &other[..], None),
        (true, b"", Some(StreamEnd::Eof)),
        (true, b"", None),
        (false, b"", None),
        (false, b"", Some(StreamEnd::Closed)),
    ] {
        let (mut solo, stream) = falling_back();
        if connects {
            solo.act(|node, now| node.handle_connected(now, stream));
            data(&mut solo, stream, answer);
        }
        how.into_iter().for_each(|how| end(&mut solo, stream, how));
        solo.pass(ms(510));
        assert_eq!(solo.node.stats().suspicions, 1, "{answer:x?} {how:?}");
    }
}

#[test]
fn only_the_right_ack_over_a_stream_saves_a_member() {
    for (seq_off, suspicions) in [(0, 0), (1, 1)] {
        let (mut solo, stream) = falling_back();
        solo.act(|node: &mut Endpoint, now| node.handle_connected(now, stream));
        let Ok(Message::Ping(ping)) = Message::decode(&solo.written[0].1) else {
            panic!("{:x?}", solo.written);
        };
        let ack = Ack { payload: &[], seq: ping.seq + seq_off };
        data(&mut solo, stream, &encoded(&Message::Ack(ack)));
        assert_eq!(solo.closed, [stream]);
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

//! Streams that bring as much work, or take as much memory, as they can.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use serfer_proto::wire::lzw::Lzw;
use serfer_proto::{DropReason, Limits, StreamEnd, StreamId};

use crate::harness::craft::push_pull;
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{gos_timing, lan};

const MIB: usize = 1 << 20;

fn data(solo: &mut Solo, stream: StreamId, data: &[u8]) {
    solo.act(|node, now| node.handle_stream_data(now, stream, data));
}

fn accept(solo: &mut Solo, from: usize) -> StreamId {
    solo.act(|node, now| node.handle_accepted(now, addr(from))).unwrap()
}

/// Opens a stream and hands over all that it brings.
fn bring(solo: &mut Solo, from: usize, bytes: &[u8]) -> StreamId {
    let stream = accept(solo, from);
    bytes.chunks(16 << 10).for_each(|chunk| data(solo, stream, chunk));
    stream
}

/// A push/pull without members, to which serf's layer adds one field.
fn with_state(field: &str, value: &[u8]) -> Vec<u8> {
    around(&[&[2, 0x81, 0xa0 | field.len() as u8], field.as_bytes(), value].concat())
}

/// A push/pull without members around what serf's layer adds.
fn around(state: &[u8]) -> Vec<u8> {
    let mut message = push_pull(false, &[], None);
    assert_eq!(message.pop(), Some(0), "the length of nothing");
    message.push(0xce);
    message.extend((state.len() as u32).to_be_bytes());
    message.extend(state);
    message
}

/// A list of the same value again and again.
fn list(of: &[u8], count: usize) -> Vec<u8> {
    let mut list = vec![0xdd];
    list.extend((count as u32).to_be_bytes());
    list.extend(of.repeat(count));
    list
}

/// They have no members to speak of, so they are answered, and merging them has begun, in the call that
/// brings them.
#[test]
fn answered_push_pulls_that_wait_take_only_so_much_memory_together() {
    let frame = with_state("LeftMembers", &list(&[b"\xb0", &[b'x'; 16][..]].concat(), MIB / 17));
    let limits = Limits { stream_len: 2 * MIB, ..Limits::default() };
    let mut solo = Solo::new(lan(0).push_pull_interval(None).limits(limits));
    let memory = measure(|| {
        for _ in 0..40 {
            let stream = bring(&mut solo, 1, &frame);
            solo.act(|node, now| node.handle_stream_end(now, stream, StreamEnd::Closed));
        }
    });
    assert!(memory.bytes_max < 12 * MIB as u64, "{} bytes", memory.bytes_max);
    assert!(solo.dropped(DropReason::Full) > 20);
    assert_eq!((solo.written.len(), solo.aborted.len()), (40, 0), "all were answered");
    solo.go_on(|_| {});
    assert!(solo.is_well());
}

/// They go on without their streams, which are closed as soon as they are answered.
#[test]
fn answered_push_pulls_that_wait_keep_nobody_out() {
    let frame = with_state("LeftMembers", &list(b"\xa1x", 10_000));
    let limits = Limits { inbound_streams: 4, ..Limits::default() };
    for is_closed in [true, false] {
        let mut solo = Solo::among(lan(0).push_pull_interval(None).limits(limits), 1);
        for n in 0..50 {
            let peer = SocketAddr::from(([198, 51, 100, n], 4000));
            let Some(stream) = solo.act(|node, now| node.handle_accepted(now, peer)) else {
                panic!("stream {n} is refused");
            };
            data(&mut solo, stream, &frame);
            if is_closed {
                solo.act(|node, now| node.handle_stream_end(now, stream, StreamEnd::Closed));
            } else {
                solo.now += Duration::from_millis(1001);
            }
        }
        let calls = solo.go_on(|_| {});
        assert!((4..=60).contains(&calls), "no more than four or five wait, not {calls} portions");
        assert_eq!(solo.written.len(), 50);
    }
}

/// One address holds many streams that say nothing, another one begins long requests.
#[test]
fn unfinished_requests_are_bounded_whoever_has_the_most_streams() {
    const LEN: usize = MIB;
    let limits = Limits { stream_len: LEN + 1000, ..Limits::default() };
    let mut solo = Solo::new(lan(0).limits(limits));
    let idle: Vec<_> = (0..100).map(|_| accept(&mut solo, 1)).collect();
    let begin = [&b"\x08\x81\xaaUserMsgLen\xce"[..], &(LEN as u32).to_be_bytes()].concat();
    let memory = measure(|| {
        for _ in 0..20 {
            let stream = accept(&mut solo, 2);
            data(&mut solo, stream, &begin);
            (0..63).for_each(|_| data(&mut solo, stream, &[0; LEN / 64]));
        }
    });
    assert!(memory.bytes_max < 6 * LEN as u64, "{} bytes", memory.bytes_max);
    assert!(idle.iter().all(|stream| !solo.aborted.contains(stream)));
}

/// What comes first inflates to forty times as much, and what comes next does not. Each has its first turn at
/// once.
#[test]
fn what_inflates_takes_little_memory_before_it_has_its_turn() {
    let mut message = vec![0; 8 << 10];
    let mut x: u32 = 1;
    message.extend((0..MIB).map(|_| {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (x >> 24) as u8
    }));
    let mut frame = Vec::new();
    Lzw::default().compress(&message, &mut frame);
    let mut solo = Solo::new(lan(0).push_pull_interval(None));
    let memory = measure(|| {
        for from in 0..40 {
            bring(&mut solo, from, &frame);
        }
    });
    assert!(memory.bytes_max < 150 * MIB as u64, "{} bytes", memory.bytes_max);
}

/// A frame that takes many calls to open, and cannot be opened.
#[test]
fn a_stream_that_is_gone_is_neither_written_nor_closed() {
    let mut frame = Vec::new();
    Lzw::default().compress(&[6; 20 * MIB], &mut frame);
    let mut solo = Solo::new(gos_timing(lan(0)).push_pull_interval(None));
    let stream = bring(&mut solo, 1, &frame);
    assert_eq!(solo.node.stats().next_wake, Some("portion"));
    solo.act(|node, now| node.handle_stream_end(now, stream, StreamEnd::Closed));
    solo.go_on(|_| {});
    assert_eq!(solo.dropped(DropReason::Malformed), 1);
    assert!(solo.closed.is_empty() && solo.written.is_empty() && solo.aborted.is_empty());
}

/// Before, they kept a node busy for as much as some seconds: nobody else was answered.
#[test]
#[expect(clippy::disallowed_methods, reason = "it is real time that may not pass")]
fn no_call_takes_long_whatever_a_push_pull_is_made_of() {
    let slot = [b"\x81\xa6Events", &*list(&[0x80], 19 * MIB)].concat();
    let fields = [&[2, 0xdf][..], &(8 * MIB as u32).to_be_bytes(), &[0xc0].repeat(16 * MIB)];
    for (what, frame) in [
        ("values of no meaning", with_state("x", &list(&[0xc0], 19 * MIB))),
        ("fields of no meaning", around(&fields.concat())),
        ("events of one time", with_state("Events", &list(&slot, 1))),
        ("events of many times", with_state("Events", &list(&[0x80], 19 * MIB))),
    ] {
        let mut solo = Solo::new(lan(0).push_pull_interval(None));
        let mut most = Duration::ZERO;
        let begin = Instant::now();
        let stream = accept(&mut solo, 1);
        frame.chunks(16 << 10).for_each(|chunk| {
            let begin = Instant::now();
            data(&mut solo, stream, chunk);
            most = most.max(begin.elapsed());
        });
        solo.go_on(|_| {});
        eprintln!("{what}: {most:?} {:?}", begin.elapsed());
        assert!(most < Duration::from_millis(250), "{what}: {most:?} in one call");
        assert_eq!(solo.dropped(DropReason::Oversized), 1, "{what}");
    }
}

//! More streams than places: who keeps one.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serfer_proto::wire::stream::StreamMessage;
use serfer_proto::{DropReason, Limits, StreamEnd, StreamId};

use crate::harness::craft::push_pull;
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{lan, ms, secs};
use crate::streams::accepted::{data, end};

/// How long it takes to open a stream again that was closed or refused, in milliseconds.
const REDIAL: u64 = 500;

/// Connections that are held and, whenever one is closed, opened again.
struct Flood {
    /// What each says, once it is open.
    says: Vec<u8>,
    open: BTreeMap<StreamId, SocketAddr>,
    /// When which are opened.
    waiting: BTreeMap<u64, Vec<SocketAddr>>,
    now: u64,
}

impl Flood {
    /// So many connections of each address, which come within half a second.
    fn new(says: &[u8], sources: &[(IpAddr, u16)]) -> Self {
        let mut waiting = BTreeMap::<u64, Vec<SocketAddr>>::new();
        let each = sources.iter().flat_map(|&(ip, count)| (0..count).map(move |n| (ip, n)));
        for (n, (ip, port)) in (0..).zip(each) {
            waiting.entry(n * 7 % REDIAL).or_default().push(SocketAddr::new(ip, 1024 + port));
        }
        Self { says: says.to_vec(), open: BTreeMap::new(), waiting, now: 0 }
    }

    /// Goes on for so many milliseconds.
    fn pass(&mut self, solo: &mut Solo, time: u64) {
        for _ in 0..time {
            for peer in self.waiting.remove(&self.now).unwrap_or_default() {
                match solo.act(|node, now| node.handle_accepted(now, peer)) {
                    Some(stream) => {
                        self.open.insert(stream, peer);
                        if !self.says.is_empty() {
                            data(solo, stream, &self.says);
                        }
                    }
                    None => self.redial(peer),
                }
            }
            solo.pass(ms(1));
            solo.written.clear();
            let (ours, others) = std::mem::take(&mut solo.aborted)
                .into_iter()
                .partition::<Vec<_>, _>(|stream| self.open.contains_key(stream));
            solo.aborted = others;
            for stream in ours {
                if let Some(peer) = self.open.remove(&stream) {
                    self.redial(peer);
                }
            }
            self.now += 1;
        }
    }

    fn redial(&mut self, peer: SocketAddr) {
        self.waiting.entry(self.now + REDIAL).or_default().push(peer);
    }

    /// Whether a node that is so many milliseconds away is served.
    fn lets_in(&mut self, solo: &mut Solo, from: SocketAddr, latency: u64) -> bool {
        let Some(stream) = solo.act(|node, now| node.handle_accepted(now, from)) else {
            return false;
        };
        self.pass(solo, latency);
        data(solo, stream, &push_pull(true, &[], None));
        let is_answered = solo.written.iter().any(|(of, answer)| {
            *of == stream && matches!(StreamMessage::decode(answer), Ok(StreamMessage::PushPull(_)))
        });
        self.pass(solo, latency);
        let is_whole = !solo.aborted.contains(&stream);
        end(solo, stream, StreamEnd::Closed);
        is_answered && is_whole
    }
}

fn attackers() -> Vec<(IpAddr, u16)> {
    let others = (0..50).map(|n| (IpAddr::from([198, 51, 100, n]), 1000));
    others.chain([(IpAddr::from([203, 0, 113, 1]), 10_000)]).collect()
}

const STRANGER: SocketAddr =
    SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 40_000);

/// A port from which a member dials.
fn member() -> SocketAddr {
    SocketAddr::new(addr(1).ip(), 40_000)
}

/// What connections may say to keep their places.
fn tricks() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("nothing", vec![]),
        ("a label", b"\xf4\x04blue".to_vec()),
        ("one byte", b"\x06".to_vec()),
        ("a request, and never read the answer", push_pull(true, &[], None)),
    ]
}

#[test]
fn sixty_thousand_connections_from_51_addresses_keep_nobody_out() {
    for (what, says) in tricks() {
        let mut solo = Solo::among(lan(0), 3);
        let mut flood = Flood::new(&says, &attackers());
        flood.pass(&mut solo, 700);
        assert!(flood.lets_in(&mut solo, member(), 40), "a member, by those that say {what}");
        assert!(flood.lets_in(&mut solo, STRANGER, 40), "a newcomer, by those that say {what}");
        assert!(flood.open.len() <= 128);
        assert!(solo.is_well());
    }
}

#[test]
fn connections_from_the_newcomers_own_address_do_not_keep_it_out() {
    // Those that are answered may take the answer, so the last trick only makes it slower.
    for (what, says) in &tricks()[..3] {
        let mut solo = Solo::among(lan(0), 3);
        let mut flood = Flood::new(says, &[(STRANGER.ip(), 1000)]);
        flood.pass(&mut solo, 1700);
        assert!(flood.lets_in(&mut solo, STRANGER, 1), "by those that say {what}");
    }
}

#[test]
fn connections_from_the_address_of_a_member_keep_nobody_out() {
    for (what, says) in tricks() {
        let mut solo = Solo::among(lan(0), 3);
        let mut flood = Flood::new(&says, &[(addr(2).ip(), 20_000)]);
        flood.pass(&mut solo, 700);
        assert!(flood.lets_in(&mut solo, member(), 40), "a member, by those that say {what}");
        assert!(flood.lets_in(&mut solo, STRANGER, 40), "a newcomer, by those that say {what}");
    }
}

#[test]
fn members_are_not_kept_out_by_more_strangers_than_there_are_places() {
    for (what, says) in tricks() {
        let mut solo = Solo::among(lan(0), 3);
        let sources =
            (0..2000).map(|n| (IpAddr::from([198, 51, (n / 200) as u8, (n % 200) as u8]), 2));
        let mut flood = Flood::new(&says, &sources.collect::<Vec<_>>());
        flood.pass(&mut solo, 700);
        assert!(flood.lets_in(&mut solo, member(), 40), "by those that say {what}");
    }
}

#[test]
fn the_addresses_of_one_network_are_one_source() {
    let mut solo = Solo::among(lan(0), 3);
    let sources = (0..1000_u16).map(|n| (IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 7, n]), 5));
    let mut flood = Flood::new(b"\x06", &sources.collect::<Vec<_>>());
    flood.pass(&mut solo, 700);
    let newcomer = SocketAddr::from(([0x2001, 0xdb8, 0, 1, 0, 0, 0, 1], 40_000));
    assert!(flood.lets_in(&mut solo, newcomer, 40));
}

#[test]
fn a_stream_that_is_answered_is_not_given_up_for_its_equal() {
    let limits = Limits { inbound_streams: 4, ..Limits::default() };
    let mut solo = Solo::new(lan(0).limits(limits));
    let accept =
        |solo: &mut Solo, from| solo.act(|node, now| node.handle_accepted(now, addr(from)));
    let streams: Vec<StreamId> = (1..5).map(|from| accept(&mut solo, from).unwrap()).collect();
    let request = push_pull(false, &[], None);
    streams[..2].iter().for_each(|&stream| data(&mut solo, stream, &request));
    data(&mut solo, streams[2], &request[..1]);
    solo.pass(ms(101));
    let [fifth, sixth, seventh] = [5, 6, 7].map(|from| {
        let stream = accept(&mut solo, from).unwrap();
        data(&mut solo, stream, &request[..2]);
        stream
    });
    assert_eq!(solo.aborted, [streams[3], streams[2], fifth], "the silent one, then the oldest");
    [sixth, seventh].iter().for_each(|&stream| data(&mut solo, stream, &request[2..]));
    assert_eq!(accept(&mut solo, 8), None, "all are answered");
    solo.pass(ms(1001));
    assert!(accept(&mut solo, 8).is_some());
    assert_eq!(solo.aborted[3..], [streams[0]], "it does not take the answer");
    assert_eq!(solo.dropped(DropReason::Full), 5);
}

#[test]
fn if_no_stream_can_be_accepted_a_silent_one_makes_room() {
    let mut solo = Solo::new(lan(0));
    assert!(!solo.act(|node, now| node.handle_accept_failed(now)));
    let accept =
        |solo: &mut Solo, from| solo.act(|node, now| node.handle_accepted(now, addr(from)));
    let [answered, begun, silent] = [1, 2, 3].map(|from| accept(&mut solo, from).unwrap());
    data(&mut solo, answered, &push_pull(false, &[], None));
    data(&mut solo, begun, b"\x06");
    solo.pass(ms(101));
    assert!(solo.act(|node, now| node.handle_accept_failed(now)));
    assert!(solo.act(|node, now| node.handle_accept_failed(now)));
    assert_eq!(solo.aborted, [silent, begun]);
    assert!(!solo.act(|node, now| node.handle_accept_failed(now)));
    solo.pass(secs(2));
    assert!(solo.act(|node, now| node.handle_accept_failed(now)));
    assert_eq!((solo.aborted.len(), solo.node.stats().accepts_failed), (3, 4 + 1));
}

#[test]
fn unfinished_requests_take_only_so_much_memory_together() {
    const LEN: usize = 1 << 20;
    let limits = Limits { stream_len: LEN + 1000, ..Limits::default() };
    let mut solo = Solo::among(lan(0).limits(limits), 1);
    let begin = [&b"\x08\x81\xaaUserMsgLen\xce"[..], &(LEN as u32).to_be_bytes()].concat();
    let from_member = solo.act(|node, now| node.handle_accepted(now, member())).unwrap();
    data(&mut solo, from_member, &[&begin[..], &[0; LEN - 1]].concat());
    let memory = allocation_counter::measure(|| {
        for n in 0..100 {
            let peer = SocketAddr::from(([198, 51, 100, n], 4000));
            let stream = solo.act(|node, now| node.handle_accepted(now, peer)).unwrap();
            data(&mut solo, stream, &begin);
            for _ in 0..63 {
                data(&mut solo, stream, &[0; LEN / 64]);
            }
        }
    });
    assert!(memory.bytes_max < 6 * LEN as u64, "{} bytes", memory.bytes_max);
    assert!(solo.dropped(DropReason::Full) > 90);
    assert!(!solo.aborted.contains(&from_member));
    data(&mut solo, from_member, &[0; 1]);
    assert_eq!(solo.closed, [from_member]);
}

//! Bytes and times that make no sense: the node goes on.

use serfer_proto::{DropReason, Endpoint};

use crate::harness::craft::{alive, ping, suspect};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{epoch, lan, ms, secs};
use crate::harness::wrap::{compound, compressed};

#[test]
fn a_broken_part_does_not_harm_the_others() {
    let mut solo = Solo::new(lan(0));
    solo.hear(1, &compound(&[&alive(1, 1), b"\x04\xc1", b"\x63", &alive(2, 1)]));
    assert_eq!(solo.node.stats().members, 3);
    assert_eq!(
        (solo.dropped(DropReason::Malformed), solo.dropped(DropReason::UnknownType)),
        (1, 1)
    );
}

#[test]
fn a_small_packet_does_not_become_thousands_of_answers() {
    let pings = compound(&vec![&ping(0, 1)[..]; 255]);
    let packet = compressed(&compound(&vec![&pings[..]; 100]));
    assert!(packet.len() < 10_000, "{} bytes", packet.len());
    let mut solo = Solo::new(lan(0));
    solo.hear(1, &packet);
    assert_eq!(solo.sent.len(), 1024);
    assert_eq!((solo.dropped(DropReason::Oversized), solo.node.stats().dropped.total()), (1, 1));
    assert!(solo.is_well());
}

#[test]
fn time_that_stands_still_or_goes_back_is_harmless() {
    let start = epoch() + secs(1000);
    let mut node = Endpoint::new(lan(0).advertise(addr(0)), [0; 32], start).unwrap();
    let mut bytes = Vec::new();
    let mut outputs = 0;
    let mut drain = |node: &mut Endpoint| {
        while !matches!(node.poll_output(&mut bytes), serfer_proto::Output::Wait { .. }) {
            outputs += 1;
        }
    };
    let times = [0, 500, 500, 100, 0, 700, 699, 3000, 1, 60_000, 0, 60_000, 61_000].map(ms);
    for (n, time) in times.into_iter().cycle().take(500).enumerate() {
        let now = start - secs(999) + time;
        match n % 5 {
            0 => node.handle_datagram(now, addr(1), &mut alive(1 + n % 7, 1 + n as u32)),
            1 => node.handle_datagram(now, addr(1), &mut suspect(1 + n % 7, 9, n as u32)),
            2 => drop(node.user_event(now, "a", b"", serfer_proto::Coalesce::No)),
            3 => drop(node.handle_accepted(now, addr(1))),
            _ => node.handle_timeout(now),
        }
        drain(&mut node);
    }
    node.handle_timeout(start + secs(1));
    drain(&mut node);
    node.handle_datagram(start, addr(1), &mut ping(0, 5));
    drain(&mut node);
    assert!(outputs > 100);
    assert_eq!(node.stats().dropped.total(), 0);
}

//! Our own address changes.

use std::net::SocketAddr;

use serfer_proto::wire::message::{Message, state};
use serfer_proto::wire::msgpack::Text;
use serfer_proto::wire::stream::StreamMessage;
use serfer_proto::{Event, MemberChange, Tags};

use crate::harness::craft::{alive_at, dead, push_pull, suspect};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{lan, ms, secs};

const ELSEWHERE: usize = 51;

fn moving() -> Solo {
    let mut solo = Solo::among(lan(0), 3);
    solo.pass(secs(3));
    solo.said();
    solo.act(|node, now| node.set_advertise(now, addr(ELSEWHERE))).expect("it is an address");
    solo
}

/// What it says about itself: each message once, in order.
fn said_of_itself(solo: &mut Solo) -> Vec<String> {
    let mut said = Vec::new();
    for (_, message) in solo.said() {
        let text = match Message::decode(&message) {
            Ok(Message::Alive(alive)) if alive.node.to_str() == Some("n0") => {
                format!("alive {} at {:?}", alive.incarnation, alive.addr)
            }
            Ok(Message::Dead(dead)) if dead.node.to_str() == Some("n0") => {
                format!("dead {}", dead.incarnation)
            }
            _ => continue,
        };
        if !said.contains(&text) {
            said.push(text);
        }
    }
    said
}

#[test]
fn it_is_alive_then_leaves_and_is_alive_at_its_new_address() {
    let mut solo = moving();
    solo.pass(secs(5));
    let steps = ["alive 2 at [10, 0, 0, 1]", "dead 2", "alive 3 at [10, 0, 0, 52]"];
    assert_eq!(said_of_itself(&mut solo), steps);
    assert_eq!(solo.node.local_member().addr(), addr(ELSEWHERE));
    let updates = solo
        .events
        .iter()
        .filter(|event| matches!(event, Event::Member(it) if it.change == MemberChange::Update));
    assert_eq!(updates.count(), 1, "it tells its application");
    assert_eq!(solo.node.stats().moves, 1);
}

#[test]
fn nothing_that_others_say_meanwhile_interrupts_it() {
    let mut solo = moving();
    solo.hear(1, &suspect(0, 1, 2));
    solo.pass(ms(2100));
    // Its own farewell, and what follows from it.
    solo.hear(1, &dead(0, 0, 2));
    solo.hear(2, &suspect(0, 2, 3));
    solo.act(|node, now| node.set_tags(now, Tags::from_iter([("role", "web")]))).expect("it fits");
    solo.pass(secs(5));
    let said = said_of_itself(&mut solo);
    let farewell = said.iter().position(|text| text.starts_with("dead")).expect("it leaves");
    assert_eq!(said.len(), farewell + 2, "{said:?}");
    assert!(said[farewell + 1].ends_with("at [10, 0, 0, 52]"), "{said:?}");
    assert_eq!(solo.node.local_member().tags().get("role"), Some("web"));
}

/// Otherwise whoever compares everything with it meanwhile would take it for back at its old address.
#[test]
fn a_push_pull_says_the_same_as_its_farewell() {
    let mut solo = moving();
    solo.pass(ms(2100));
    solo.hear(1, &suspect(0, 1, 2));
    solo.written.clear();
    solo.accept(1, &push_pull(false, &[], None)).expect("there is room");
    let Ok(StreamMessage::PushPull(said)) = StreamMessage::decode(&solo.written[0].1) else {
        panic!("{:x?}", solo.written);
    };
    let own = said.nodes.iter().find(|node| node.name == Text(b"n0")).expect("it is there");
    assert_eq!(own.state, state::LEFT);
}

#[test]
fn what_is_said_about_its_old_address_later_is_no_conflict() {
    let mut solo = moving();
    solo.pass(secs(5));
    solo.events.clear();
    for (at, conflicts) in [(addr(0), 0), (addr(77), 1)] {
        solo.hear(1, &alive_at("n0", at, 1));
        let found = solo.events.iter().filter(|event| matches!(event, Event::Conflict(_)));
        assert_eq!(found.count(), conflicts, "{at}");
    }
}

#[test]
fn a_node_without_others_is_there_at_once_and_one_that_left_stays_away() {
    let mut solo = Solo::new(lan(0));
    solo.act(|node, now| node.set_advertise(now, addr(ELSEWHERE))).expect("it is an address");
    assert_eq!(solo.node.local_member().addr(), addr(ELSEWHERE));

    let mut solo = Solo::among(lan(0), 3);
    solo.act(|node, now| node.leave(now)).expect("it has not left");
    solo.pass(secs(10));
    solo.said();
    solo.act(|node, now| node.set_advertise(now, addr(ELSEWHERE))).expect("it is an address");
    solo.pass(secs(10));
    assert_eq!(said_of_itself(&mut solo), [""; 0]);
}

#[test]
fn an_address_that_nobody_can_reach_is_refused_and_changes_nothing() {
    let mut solo = Solo::among(lan(0), 1);
    for text in ["0.0.0.0:7946", "10.0.0.9:0", "224.0.0.1:7946"] {
        let addr: SocketAddr = text.parse().expect("an address");
        let refused = solo.act(|node, now| node.set_advertise(now, addr));
        let why = refused.expect_err("nobody can reach it").to_string();
        assert_eq!(
            why,
            format!(
                "{text} is not an address that others can reach: advertise one of this machine, with its port"
            )
        );
    }
    assert_eq!(solo.node.local_member().addr(), addr(0));
}

//! Calls that a node refuses: each error names what was given and what is allowed, and nothing has
//! changed. Other such errors are tested with their topic.

use std::time::Duration;

use serfer_proto::{
    Coalesce, Config, Endpoint, ForceLeaveError, Gossip, JoinError, Label, Leave, Members,
    NameProblem, Probe, Prune, Queries, QueryParams, Replay, SecretKey, Suspicion, TAGS_LEN_MAX,
};

use crate::harness::craft::{dead, leave_intent, suspect};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{epoch, lan, ms, secs};

#[test]
fn a_join_needs_an_address() {
    let mut solo = Solo::new(lan(0));
    let error = solo.act(|node, now| node.join(now, &[], Replay::Skip)).unwrap_err();
    assert_eq!(error, JoinError::NoPeers);
    assert_eq!(error.to_string(), "no address to join");
    solo.pass(secs(1));
    assert_eq!((solo.events.len(), solo.until()), (0, None));
}

#[test]
fn a_forced_leave_needs_a_name() {
    let mut solo = Solo::among(lan(0), 2);
    solo.pass(secs(10));
    let queued = solo.node.stats().queued;
    for (name, problem, text) in [
        ("", NameProblem::Empty, "name \"\" is empty"),
        ("a\nb", NameProblem::ControlCharacter, "name \"a\\nb\" contains a control character"),
        ("a/b", NameProblem::Slash, "name \"a/b\" contains a slash"),
        (&"x".repeat(129), NameProblem::TooLong { len: 129 }, "128 bytes"),
    ] {
        let error = solo.act(|node, now| node.force_leave(now, name, Prune::Yes)).unwrap_err();
        assert_eq!(error, ForceLeaveError::Name { name: name.to_owned(), problem });
        assert!(error.to_string().ends_with(text), "{error}");
    }
    assert_eq!((solo.node.stats().queued, solo.events.len()), (queued, 0));
}

#[test]
fn calls_after_leaving_say_so() {
    let mut solo = Solo::new(lan(0));
    solo.act(|node, now| node.leave(now)).unwrap();
    let (now, node) = (solo.now, &mut solo.node);
    let leaving = node.leave(now).unwrap_err().to_string();
    assert_eq!(leaving, "this node is leaving already");
    let join = node.join(now, &[addr(1)], Replay::Skip).unwrap_err().to_string();
    assert_eq!(join, "this node has left or is leaving");
    let tags = node.set_tags(now, node.tags().clone()).unwrap_err().to_string();
    assert_eq!(tags, "this node has left or is leaving");
    let event = node.user_event(now, "a", b"", Coalesce::No).unwrap_err().to_string();
    assert_eq!(event, "this node has left or is leaving");
    let query = node.query(now, "a", b"", &QueryParams::new()).unwrap_err().to_string();
    assert_eq!(query, "this node has left");
    let force = node.force_leave(now, "n1", Prune::No).unwrap_err().to_string();
    assert_eq!(force, "this node has left");
}

/// What is wrong with a configuration.
fn faults(config: Config) -> String {
    Endpoint::new(config, [0; 32], epoch()).unwrap_err().to_string()
}

#[test]
fn a_configuration_that_cannot_work_is_refused_with_all_its_faults() {
    let good = || lan(0).advertise(addr(0));
    assert!(Endpoint::new(good(), [0; 32], epoch()).is_ok());
    assert_eq!(faults(lan(0)), "no address to advertise");
    let port_0 = "10.0.0.1:0".parse().unwrap();
    assert_eq!(
        faults(lan(0).advertise(port_0)),
        "10.0.0.1:0 is not an address that others can reach: advertise one of this machine, with its port"
    );
    assert_eq!(faults(Config::lan("a/b").advertise(addr(0))), "name \"a/b\" contains a slash");
    let probe =
        Probe { interval: secs(1), timeout: secs(3), indirect_checks: 3, stream_fallback: true };
    assert_eq!(
        faults(good().probe(probe).user_event_len_max(9217).stream_timeout(ms(0))),
        "user_event_len_max of 9217 is not within 1 to 9216; stream_timeout must be longer than \
         zero; probe.timeout of 3s is not shorter than probe.interval of 1s"
    );
}

#[test]
fn unknown_protocol_versions_are_refused() {
    let speaking = |version| lan(0).advertise(addr(0)).memberlist_protocol(version);
    for version in 1..=5 {
        assert!(Endpoint::new(speaking(version), [0; 32], epoch()).is_ok());
    }
    assert_eq!(faults(speaking(0)), "memberlist_protocol of 0 is not within 1 to 5");
    assert_eq!(faults(speaking(6)), "memberlist_protocol of 6 is not within 1 to 5");
}

#[test]
fn parts_of_a_configuration_that_are_wrong_cannot_be_made() {
    let tags = lan(0).tag("k", "v".repeat(TAGS_LEN_MAX)).unwrap_err().to_string();
    assert_eq!(tags, "tags of 519 encoded bytes exceed 512 bytes");
    assert_eq!(
        Label::new("").unwrap_err().to_string(),
        "label of 0 bytes is not 1 to 255 bytes long"
    );
    let label = Label::new([b'x'; 256]).unwrap_err().to_string();
    assert_eq!(label, "label of 256 bytes is not 1 to 255 bytes long");
    let key = SecretKey::new(&[0; 31]).unwrap_err().to_string();
    assert_eq!(
        key,
        "a key of 31 bytes is not 16, 24 or 32 bytes long; as text it is base64, see `serf keygen`"
    );
}

#[test]
fn every_time_may_be_for_ever_and_every_factor_as_large_as_is_allowed() {
    const EVER: Duration = Duration::MAX;
    let config = lan(0)
        .probe(Probe {
            interval: EVER,
            timeout: secs(1000),
            indirect_checks: 1000,
            stream_fallback: true,
        })
        .suspicion(Suspicion { mult: 1000, max_timeout_mult: 1000, awareness_max: 1000 })
        .gossip(Gossip {
            interval: EVER,
            nodes: 1000,
            retransmit_mult: 1000,
            to_the_dead: EVER,
            packet_len_max: 65_507,
        })
        .push_pull_interval(Some(EVER))
        .stream_timeout(EVER)
        .members(Members {
            reap_interval: EVER,
            reconnect_interval: EVER,
            reconnect_timeout: EVER,
            tombstone_timeout: EVER,
            recent_intent_timeout: EVER,
            flap_timeout: EVER,
        })
        .leave(Leave { broadcast_timeout: EVER, propagate_delay: EVER })
        .queries(Queries { timeout_mult: 100_000, ..Queries::default() });
    let mut solo = Solo::among(config, 20);
    solo.hear(1, &suspect(1, 2, 1));
    solo.hear(1, &suspect(1, 3, 1));
    solo.hear(1, &dead(2, 1, 1));
    solo.hear(1, &leave_intent(50, 1));
    solo.hear(1, &suspect(0, 1, 1));
    solo.act(|node, now| node.join(now, &[addr(1)], Replay::Skip)).unwrap();
    solo.act(|node, now| node.query(now, "a", b"", &QueryParams::new())).unwrap();
    solo.act(|node, now| node.leave(now)).unwrap();
    // Time passes until nothing is left to happen: some centuries.
    for _ in 0..100 {
        solo.pass(secs(1 << 32));
    }
    assert!(solo.is_well());
}

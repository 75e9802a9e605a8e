//! What a node knows, as a script prints it.

use serfer_proto::{DropReason, Endpoint};

/// All members: name, status, address, tags.
pub(super) fn members(endpoint: &Endpoint) -> Vec<String> {
    let mut members: Vec<_> = endpoint.members().collect();
    members.sort_unstable_by(|a, b| a.name().cmp(b.name()));
    let line = |member: &serfer_proto::Member| {
        let tags = member.tags();
        let tags: String = tags.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        format!("{} {} {}{tags}", member.name(), member.status(), member.addr())
    };
    members.into_iter().map(line).collect()
}

/// Counters and gauges that are not 0, without those that only grow with time.
pub(super) fn stats(endpoint: &Endpoint) -> Vec<String> {
    let stats = endpoint.stats();
    let mut all = vec![
        ("incarnation".to_owned(), endpoint.incarnation().into()),
        ("members".to_owned(), stats.members as u64),
        ("members-alive".to_owned(), stats.members_alive as u64),
        ("health".to_owned(), stats.health_score.into()),
        ("queued".to_owned(), stats.queued as u64),
        ("probes-failed".to_owned(), stats.probes_failed),
        ("accusations-held".to_owned(), stats.accusations_held),
        ("suspicions".to_owned(), stats.suspicions),
        ("refutations".to_owned(), stats.refutations),
        ("flaps".to_owned(), stats.flaps),
        ("deep-queues".to_owned(), stats.deep_queues),
        ("sends-failed".to_owned(), stats.sends_failed),
        ("broadcasts-dropped".to_owned(), stats.broadcasts_dropped),
    ];
    let dropped = stats.dropped.iter();
    all.extend(dropped.map(|(reason, count)| (format!("dropped-{}", kebab(reason)), count)));
    let some = all.into_iter().filter(|(_, count)| *count > 0);
    some.map(|(name, count)| format!("{name} {count}")).collect()
}

/// `RefusedPlaintext` is written `refused-plaintext`.
fn kebab(reason: DropReason) -> String {
    let mut text = String::new();
    for c in format!("{reason:?}").chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

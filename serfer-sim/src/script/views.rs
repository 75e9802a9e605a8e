//! A node's view of members, counters and coordinates, as a script prints it.

use serfer_proto::{DropReason, Endpoint, Neighbor};

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

/// Counters and gauges that are not 0, without those that grow all the time.
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
        ("streams-blocked".to_owned(), stats.streams_blocked),
        ("datagrams-blocked".to_owned(), stats.datagrams_blocked),
        ("moves".to_owned(), stats.moves),
        ("broadcasts-dropped".to_owned(), stats.broadcasts_dropped),
        ("coordinate-resets".to_owned(), stats.coordinate_resets),
    ];
    let dropped = stats.dropped.iter();
    all.extend(dropped.map(|(reason, count)| (format!("dropped-{}", kebab(reason)), count)));
    let some = all.into_iter().filter(|(_, count)| *count > 0);
    some.map(|(name, count)| format!("{name} {count}")).collect()
}

/// A member's coordinate, in milliseconds, and its error.
pub(super) fn coordinate(endpoint: &Endpoint, whose: &str) -> Vec<String> {
    let Some(it) = endpoint.coordinate_of(whose) else {
        return vec!["unknown".to_owned()];
    };
    let vec: String = it.vec.iter().map(|at| format!(" {}", rounded(at * 1e3))).collect();
    let [height, adjustment] = [it.height, it.adjustment].map(|time| rounded(time * 1e3));
    let error = rounded(it.error);
    vec![format!("at{vec} height {height} adjustment {adjustment} error {error}")]
}

/// The estimated round trip time between two members, in milliseconds.
pub(super) fn distance(endpoint: &Endpoint, a: &str, b: &str) -> Vec<String> {
    let distance = endpoint.distance(a, b);
    vec![distance.map_or_else(|| "unknown".to_owned(), |it| milliseconds(it.as_secs_f64()))]
}

/// Members and their estimated round trip times, in milliseconds.
pub(super) fn nearest(neighbors: &[Neighbor]) -> Vec<String> {
    if neighbors.is_empty() {
        return vec!["nobody".to_owned()];
    }
    let line =
        |it: &Neighbor| format!("{} {}", it.member.name(), milliseconds(it.rtt.as_secs_f64()));
    neighbors.iter().map(line).collect()
}

fn milliseconds(seconds: f64) -> String {
    format!("{}ms", rounded(seconds * 1e3))
}

/// Rounded to a hundredth, without a negative zero.
fn rounded(number: f64) -> String {
    format!("{:.2}", (number * 100.0).round() / 100.0 + 0.0)
}

/// `RefusedPlaintext` is printed as `refused-plaintext`.
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

//! Events, in words.

use serfer_proto::{
    Event, KeyOp, KeyReport, Lag, Laggard, MemberEvent, RotationReport, RotationStopped,
};

use super::describer::Describer;
use super::fields::{list, payload, tags};
use super::keys::name;

/// What a node told its application.
pub(super) fn describe_event(event: &Event, describer: &Describer) -> String {
    let name_at = |addr| describer.name_at(addr);
    match event {
        Event::Member(MemberEvent { change, members }) => {
            let members: Vec<_> = members
                .iter()
                .map(|member| format!("{}{}", member.name(), tags(&member.tags())))
                .collect();
            format!("{change} {}", members.join(", "))
        }
        Event::User(it) => format!("user {}{} ltime={}", it.name, payload(&it.payload), it.ltime),
        Event::Query(it) => format!("query {}{} by={}", it.name, payload(&it.payload), it.from),
        Event::Ack(it) => format!("ack by={}", it.from),
        Event::Reply(it) => format!("reply{} by={}", payload(&it.payload), it.from),
        Event::QueryClosed(closed) => {
            format!("query-closed ltime={} {}", closed.query.ltime(), closed.end)
        }
        Event::JoinDone(it) => {
            let mut text = "join-done".to_owned();
            for addr in &*it.reached {
                text += &format!(" {}", name_at(*addr));
            }
            for (addr, why) in &*it.failed {
                text += &format!(" ({}: {why})", name_at(*addr));
            }
            text
        }
        Event::RejoinDone(it) => match it.reached {
            Some(addr) => format!("rejoin-done {}", name_at(addr)),
            None => format!("rejoin-done (none of {})", it.tried),
        },
        Event::Conflict(it) => {
            format!("conflict {} with {}", it.existing.name(), name_at(it.other))
        }
        Event::ShutdownWanted(reason) => format!("shutdown-wanted: {reason}"),
        Event::Left(report) => format!("left: {report}"),
        Event::KeysDone(it) => keys_done(it),
        Event::RotationStage(stage) => format!("rotation {stage}"),
        Event::RotationDone(it) => rotation_done(it, describer),
        Event::RotationStopped(it) => rotation_stopped(it, describer),
        Event::StoreFailed(it) => format!("store-failed {}: {}", it.file, it.reason),
        other => format!("{other:?}"),
    }
}

fn keys_done(it: &KeyReport) -> String {
    let op = match &it.op {
        KeyOp::Install(key) => format!("install {}", name(key)),
        KeyOp::Use(key) => format!("use {}", name(key)),
        KeyOp::Remove(key) => format!("remove {}", name(key)),
        KeyOp::List => "list".to_owned(),
    };
    let mut text = format!("keys-done {op}: {} of {}", it.done(), it.asked());
    for (key, count) in it.keys() {
        text += &format!(", {} has {}", count, name(key));
    }
    for (key, count) in it.primary_keys() {
        text += &format!(", {} seals with {}", count, name(key));
    }
    for failure in it.failures() {
        text += &format!("; {}: {}", failure.node, failure.message);
    }
    for node in &*it.silent {
        text += &format!("; {node} is silent");
    }
    text
}

fn rotation_done(it: &RotationReport, describer: &Describer) -> String {
    let mut text = format!("rotation-done {}", describer.key_name(it.key));
    if !it.removed.is_empty() {
        let removed = it.removed.iter().map(|&key| describer.key_name(key));
        text += &format!(" removed={}", list(removed));
    }
    text += &format!(" members={}", list(it.members.iter().map(|node| node.to_string())));
    if !it.absent.is_empty() {
        text += &format!(" absent={}", list(it.absent.iter().map(|node| node.to_string())));
    }
    text
}

fn rotation_stopped(it: &RotationStopped, describer: &Describer) -> String {
    let mut text = format!("rotation-stopped {} at {}", describer.key_name(it.key), it.stage);
    for laggard in &*it.laggards {
        text += &format!("; {}", describe_laggard(laggard, describer));
    }
    if let Some(error) = &it.error {
        text += &format!("; {error}");
    }
    text
}

fn describe_laggard(it: &Laggard, describer: &Describer) -> String {
    let key = |key| describer.key_name(key);
    let lag = match it.lag {
        Lag::Lacks(lacks) => format!("lacks {}", key(lacks)),
        Lag::SealsWith(primary) => format!("seals with {}", key(primary)),
        Lag::Keeps(kept) => format!("still has {}", key(kept)),
        other => other.to_string(),
    };
    let said = payload(it.said.as_bytes());
    format!("{} {lag}{said}", it.node)
}

//! Settings of nodes in scripts, for example `preset=local probe.interval=500ms tag.role=web`.

use std::collections::BTreeMap;
use std::time::Duration;

use serfer_proto::{
    AfterLeave, Coalescing, Compression, Config, Coordinates, Encryption, Gossip, InboundLabel,
    Keyring, Label, Leave, Limits, Members, NameConflicts, Probe, PromptGossip, Queries, Reclaim,
    Recovered, RttProbing, Suspicion,
};

use super::words::{Result, parse, switch, time, unknown};
use crate::trace::key_named;

/// The settings of one node. Later settings replace earlier ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings(BTreeMap<String, String>);

impl Settings {
    pub(super) fn set(&mut self, settings: impl IntoIterator<Item = (String, String)>) {
        self.0.extend(settings);
    }

    /// The label that was set.
    pub(super) fn label(&self) -> &str {
        self.0.get("label").map_or("", String::as_str)
    }

    /// What a node starts with, if it keeps a snapshot.
    fn recovered(&self) -> Result<Option<Recovered>> {
        let after_leave = match self.0.get("after-leave").map_or("stay-away", String::as_str) {
            "stay-away" => AfterLeave::StayAway,
            "rejoin" => AfterLeave::Rejoin,
            other => return Err(format!("`{other}` is not valid: write stay-away or rejoin")),
        };
        let keeps = self.0.get("snapshot").map_or(Ok(false), |value| switch("snapshot", value))?;
        Ok(keeps.then(|| Recovered::nothing(after_leave)))
    }

    /// The configuration of a node with this name.
    pub(super) fn config(&self, name: &str) -> Result<Config> {
        let mut config = match self.0.get("preset").map_or("local", String::as_str) {
            "local" => Config::local(name),
            "lan" => Config::lan(name),
            "wan" => Config::wan(name),
            other => return Err(format!("there is no preset `{other}`")),
        };
        config = config.prompt_gossip(None);
        let mut groups = SettingGroups::default();
        groups.queries.ask_again = 0;
        let mut timeouts = Vec::new();
        let mut applied = Ok(());
        for (key, value) in &self.0 {
            config = match key.split_once('.').unwrap_or((key, "")) {
                ("preset", _) => config,
                ("tag", tag) => config.tag(tag, value).map_err(|error| error.to_string())?,
                ("probe", field) => config.probe_with(|it| applied = probe(it, field, key, value)),
                ("suspicion", field) => {
                    config.suspicion_with(|it| applied = suspicion(it, field, key, value))
                }
                ("gossip", field) => {
                    config.gossip_with(|it| applied = gossip(it, field, key, value))
                }
                ("timeout-of", member) => {
                    let (name, timeout) = (member.to_owned(), time(value)?);
                    timeouts.push((name, timeout));
                    config
                }
                ("members" | "leave" | "query" | "reclaim" | "limit", _) => {
                    groups.set(key, value)?;
                    config
                }
                _ => single(config, key, value)?,
            };
            applied.clone()?;
        }
        if !timeouts.is_empty() {
            config = config.reconnect_timeout_of(move |member, timeout| {
                let own = timeouts.iter().find(|(name, _)| *name == member.name());
                own.map_or(timeout, |(_, own)| *own)
            });
        }
        if let Some(recovered) = self.recovered()? {
            config = config.recovered(recovered);
        }
        Ok(config
            .members(groups.members)
            .leave(groups.leave)
            .queries(groups.queries)
            .reclaim(groups.reclaim)
            .limits(groups.limits))
    }
}

/// Settings without a group.
fn single(config: Config, key: &str, value: &str) -> Result<Config> {
    Ok(match key {
        "addr" => config.advertise(parse(key, value)?),
        "coalesce-events" => config.coalesce_user_events(Some(coalescing(value)?)),
        "coalesce-members" => config.coalesce_members(Some(coalescing(value)?)),
        "compression" => config.compression(match value {
            "off" => Compression::Off,
            "streams" => Compression::Streams,
            "all" => Compression::StreamsAndPackets,
            other => {
                return Err(format!("`{other}` is not a compression: write off, streams or all"));
            }
        }),
        "encryption" => config.encryption(match value {
            "prepare" => Encryption::Prepare,
            "prefer" => Encryption::Prefer,
            "require" => Encryption::Require,
            other => {
                return Err(format!("`{other}` is not valid: write prepare, prefer or require"));
            }
        }),
        "coordinates" => config.coordinates(match switch(key, value)? {
            true => Coordinates::On,
            false => Coordinates::Off,
        }),
        "event.len" => config.user_event_len_max(parse(key, value)?),
        "inbound-label" => config.inbound_label(match value {
            "check" => InboundLabel::Check,
            "stripped" => InboundLabel::Stripped,
            other => return Err(format!("`{other}` is not valid: write check or stripped")),
        }),
        "incarnation" => config.incarnation(parse(key, value)?),
        "key" => config.keyring(keyring(value)?),
        "keyring-file" if switch(key, value)? => config.store_keyring(),
        "keyring-file" => config,
        "label" => config.label(Label::new(value).map_err(|error| error.to_string())?),
        "name-conflicts" => config.name_conflicts(match value {
            "vote" => NameConflicts::Vote,
            "report" => NameConflicts::Report,
            other => return Err(format!("`{other}` is not valid: write vote or report")),
        }),
        "memberlist" => config.memberlist_protocol(parse(key, value)?),
        "networks" => {
            let networks = value.split(',').map(|network| parse(key, network));
            config.allowed_networks(networks.collect::<Result<Vec<_>>>()?)
        }
        "names" if value == "strict" => config.strict_names(),
        "names" => return Err(format!("`{value}` is not valid: write strict")),
        "protocol" => config.serf_protocol(parse(key, value)?),
        // `recovered` handles both together.
        "after-leave" | "snapshot" => config,
        "seed-retry" if !switch(key, value)? => config.seed_keeper(None),
        "seed-retry" => config,
        "prompt-gossip" => config.prompt_gossip(switch(key, value)?.then(PromptGossip::default)),
        "rtt-probing" => config.rtt_probing(switch(key, value)?.then(RttProbing::default)),
        "push-pull" => config.push_pull_interval(time_or_off(value)?),
        "stream.timeout" => config.stream_timeout(time(value)?),
        _ => return Err(unknown(key)),
    })
}

fn probe(it: &mut Probe, field: &str, key: &str, value: &str) -> Result<()> {
    match field {
        "interval" => it.interval = time(value)?,
        "timeout" => it.timeout = time(value)?,
        "indirect" => it.indirect_checks = parse(key, value)?,
        "stream" => it.stream_fallback = switch(key, value)?,
        _ => return Err(unknown(key)),
    }
    Ok(())
}

fn suspicion(it: &mut Suspicion, field: &str, key: &str, value: &str) -> Result<()> {
    match field {
        "mult" => it.mult = parse(key, value)?,
        "max" => it.max_timeout_mult = parse(key, value)?,
        "awareness" => it.awareness_max = parse(key, value)?,
        _ => return Err(unknown(key)),
    }
    Ok(())
}

fn gossip(it: &mut Gossip, field: &str, key: &str, value: &str) -> Result<()> {
    match field {
        "interval" => it.interval = time(value)?,
        "nodes" => it.nodes = parse(key, value)?,
        "mult" => it.retransmit_mult = parse(key, value)?,
        "dead" => it.to_the_dead = time(value)?,
        "packet" => it.packet_len_max = parse(key, value)?,
        _ => return Err(unknown(key)),
    }
    Ok(())
}

/// Groups of settings that are the same in all presets.
#[derive(Default)]
struct SettingGroups {
    members: Members,
    leave: Leave,
    queries: Queries,
    reclaim: Reclaim,
    limits: Limits,
}

impl SettingGroups {
    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "members.reap" => self.members.reap_interval = time(value)?,
            "members.reconnect" => self.members.reconnect_interval = time(value)?,
            "members.reconnect-timeout" => self.members.reconnect_timeout = time(value)?,
            "members.tombstone" => self.members.tombstone_timeout = time(value)?,
            "members.flap" => self.members.flap_timeout = time(value)?,
            "members.intent" => self.members.recent_intent_timeout = time(value)?,
            "leave.broadcast" => self.leave.broadcast_timeout = time(value)?,
            "leave.propagate" => self.leave.propagate_delay = time(value)?,
            "query.mult" => self.queries.timeout_mult = parse(key, value)?,
            "query.again" => self.queries.ask_again = parse(key, value)?,
            "query.len" => self.queries.len_max = parse(key, value)?,
            "query.response-len" => self.queries.response_len_max = parse(key, value)?,
            "reclaim.after" => self.reclaim.dead_after = time_or_off(value)?,
            "reclaim.ask" => self.reclaim.ask_holder = switch(key, value)?,
            "limit.streams" => self.limits.inbound_streams = parse(key, value)?,
            "limit.members" => self.limits.members = parse(key, value)?,
            "limit.queue" => self.limits.queue = parse(key, value)?,
            "limit.queue-warning" => self.limits.queue_warning = parse(key, value)?,
            "limit.ring" => self.limits.ring = parse(key, value)?,
            "limit.queries" => self.limits.open_queries = parse(key, value)?,
            "limit.relays" => self.limits.relayed_answers = parse(key, value)?,
            "limit.snapshot" => self.limits.snapshot_len = parse(key, value)?,
            "limit.join-answers" => self.limits.join_answers = parse(key, value)?,
            "limit.joins" => self.limits.joins_at_once = parse(key, value)?,
            _ => return Err(unknown(key)),
        }
        Ok(())
    }
}

/// A time, or `None` for `off`.
fn time_or_off(value: &str) -> Result<Option<Duration>> {
    if value == "off" { Ok(None) } else { time(value).map(Some) }
}

/// The period and the quiescent time, as `3s,1s`.
fn coalescing(times: &str) -> Result<Coalescing> {
    let (period, quiescent) = times.split_once(',').ok_or_else(|| {
        format!("`{times}` is not valid: write a period and a quiescent time, 3s,1s")
    })?;
    Ok(Coalescing { period: time(period)?, quiescent: time(quiescent)? })
}

/// Keys by name, the primary first: `red` or `red,blue`.
fn keyring(names: &str) -> Result<Keyring> {
    let mut keys = names.split(',').map(key_named);
    let primary = keys.next().ok_or("a key is missing")?;
    Ok(keys.fold(Keyring::new(primary), Keyring::with))
}

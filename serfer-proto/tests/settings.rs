//! Settings from files: all settings, their values where the file has none, and the errors.

#![expect(clippy::disallowed_methods, reason = "nodes are started, but never run")]

use std::net::SocketAddr;
use std::time::Instant;

use serfer_proto::{Config, Endpoint, Limits};
use serfer_settings::SettingsGroup;

/// Every setting, each with another value than its default.
const EVERYTHING: &str = r#"
name = "web-1"
strict_names = true
advertise = "10.0.0.5:7946"
incarnation = 7
label = "blue"
inbound_label = "stripped"
encryption = "prefer"
store_keyring = true
allowed_networks = ["10.0.0.0/8", "fd00::/8"]
memberlist_protocol = 3
serf_protocol = 4
push_pull_interval = "1m30s"
stream_timeout = "11s"
compression = "streams-and-packets"
name_conflicts = "report"
coordinates = "off"
user_event_len_max = 513

[tags]
role = "web"

[probe]
interval = "2s"
timeout = "700ms"
indirect_checks = 4
stream_fallback = false

[rtt_probing]
floor = "51ms"
factor = 6

[suspicion]
mult = 5
max_timeout_mult = 7
awareness_max = 9

[gossip]
interval = "300ms"
nodes = 5
retransmit_mult = 6
to_the_dead = "1m1ms"
packet_len_max = 1401

[prompt_gossip]
delay = "3ms"
pause = "21ms"
packets_per_second = 2001

[reclaim]
dead_after = "1h"
ask_holder = false

[seed_keeper]
retry_min = "2s"
retry_max = "2m"
seeds = 257
dead = 129

[members]
reap_interval = "16s"
reconnect_interval = "31s"
reconnect_timeout = "2days"
tombstone_timeout = "3days"
recent_intent_timeout = "6m"
flap_timeout = "1m1s"

[leave]
broadcast_timeout = "6s"
propagate_delay = "1s500ms"

[queries]
timeout_mult = 17
ask_again = 2
len_max = 1025
response_len_max = 1026

[coalesce_members]
period = "4s"
quiescent = "2s"

[coalesce_user_events]
period = "5s"
quiescent = "3s"

[limits]
inflated_packet_len = 1
inflated_stream_len = 2
stream_len = 3
inbound_streams = 4
members = 5
received_meta_len = 6
queue = 7
queue_warning = 8
queue_bytes = 9
ring = 10
ring_slot = 11
recent_intents = 12
open_queries = 13
relay_factor = 14
relayed_answers = 15
relayed_pings = 16
joins_at_once = 17
join_answers = 21
ring_bytes = 18
snapshot_len = 19
filter_steps = 20
"#;

const KEY: &str = "U3VwZXJTZWN1cmVUb2tlbg==";

fn read(text: &str) -> Config {
    toml::from_str(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The error of a wrong file, without the line that `toml` quotes.
fn refusal(text: &str) -> String {
    toml::from_str::<Config>(text).expect_err("it is wrong").message().to_owned()
}

/// All of the config that can be compared.
fn shown(config: &Config) -> String {
    format!("{config:?}")
}

fn leaf<'a>(mut table: &'a toml::Table, name: &str) -> Option<&'a toml::Value> {
    let mut parts = name.split('.').peekable();
    loop {
        let value = table.get(parts.next()?)?;
        if parts.peek().is_none() {
            return Some(value);
        }
        table = value.as_table()?;
    }
}

#[test]
fn every_setting_can_be_read_and_written() {
    let said: toml::Table = toml::from_str(EVERYTHING).unwrap();
    let config = read(EVERYTHING);
    assert_eq!(toml::Table::try_from(&config).unwrap(), said);

    let defaults = toml::Table::try_from(Config::lan("")).unwrap();
    for name in Config::names().iter().filter(|name| !["preset", "keys"].contains(&name.as_str())) {
        let said = leaf(&said, name);
        assert!(said.is_some(), "EVERYTHING lacks {name}");
        assert_ne!(said, leaf(&defaults, name), "{name} is as by default");
    }
}

#[test]
fn a_written_config_is_read_as_it_was() {
    let off = "push_pull_interval = false\nseed_keeper = false\nlabel = [255, 0]";
    let agents = "coalesce_members = true\n[coalesce_user_events]\nperiod = \"9s\"";
    for text in [EVERYTHING, off, agents, "", "preset = \"wan\"", "preset = \"local\""] {
        let config = read(text);
        let toml = toml::to_string(&config).unwrap();
        assert_eq!(shown(&toml::from_str(&toml).unwrap()), shown(&config), "{toml}");
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(shown(&serde_json::from_str(&json).unwrap()), shown(&config), "{json}");
    }
}

#[test]
fn a_missing_setting_is_as_in_the_preset() {
    for (preset, expected) in [
        ("lan", Config::lan("web-1")),
        ("wan", Config::wan("web-1")),
        ("local", Config::local("web-1")),
    ] {
        let config = read(&format!("name = \"web-1\"\npreset = \"{preset}\""));
        assert_eq!(shown(&config), shown(&expected));
    }
    assert_eq!(shown(&read("")), shown(&Config::lan("")));
}

#[test]
fn the_preset_may_be_anywhere_and_overrides_nothing() {
    let json = r#"{"gossip": {"nodes": 9}, "name": "web-1", "seed_keeper": {"seeds": 1},
        "preset": "local"}"#;
    let config: Config = serde_json::from_str(json).unwrap();
    let local = Config::local("web-1").gossip_with(|gossip| gossip.nodes = 9);
    let mut written = serde_json::to_value(&local).unwrap();
    written["seed_keeper"]["seeds"] = 1.into();
    assert_eq!(serde_json::to_value(&config).unwrap(), written);
}

#[test]
fn false_and_null_turn_a_setting_off() {
    let text = "push_pull_interval = false\nseed_keeper = false\ncoordinates = \"off\"";
    let config = Config::lan("").push_pull_interval(None).seed_keeper(None);
    let config = config.coordinates(serfer_proto::Coordinates::Off);
    assert_eq!(shown(&read(text)), shown(&config));

    let nulls = r#"{"push_pull_interval": null, "seed_keeper": null, "coordinates": "off"}"#;
    assert_eq!(shown(&serde_json::from_str(nulls).unwrap()), shown(&config));
}

#[test]
fn durations_are_read_as_people_and_go_write_them() {
    let written = |text: &str| {
        let config = read(&format!("stream_timeout = \"{text}\""));
        serde_json::to_value(&config).unwrap()["stream_timeout"].as_str().unwrap().to_owned()
    };
    assert_eq!(written("1m30s"), "1m30s");
    assert_eq!(written("1m 30s"), "1m30s");
    assert_eq!(written("90s"), "1m30s");
    assert_eq!(written("1.5s"), "1s500ms");
    assert_eq!(written("2h"), "2h");
    assert_eq!(written("500ms"), "500ms");
    assert_eq!(written("0s"), "0s");
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest_one() {
    for (text, expected) in [
        ("nmae = \"a\"", ["nmae", "name"]),
        ("presets = \"lan\"", ["presets", "preset"]),
        ("key = []", ["key", "keys"]),
        ("probe.intervall = \"1s\"", ["probe.intervall", "probe.interval"]),
        ("suspicion.multi = 1", ["suspicion.multi", "suspicion.mult"]),
        ("gossip.node = 1", ["gossip.node", "gossip.nodes"]),
        ("members.reap = \"1s\"", ["members.reap", "members.reap_interval"]),
        ("leave.broadcast_timout = \"1s\"", ["leave.broadcast_timout", "leave.broadcast_timeout"]),
        ("queries.max_len = 1", ["queries.max_len", "queries.len_max"]),
        ("reclaim.after = \"1s\"", ["reclaim.after", "reclaim.dead_after"]),
        ("seed_keeper.seed = 1", ["seed_keeper.seed", "seed_keeper.seeds"]),
        ("coalesce_members.perod = \"1s\"", ["coalesce_members.perod", "coalesce_members.period"]),
        ("limits.rings = 1", ["limits.rings", "limits.ring"]),
        // A dotted path is not a name.
        ("\"leave.propagate_delay\" = \"1s\"", ["leave.propagate_delay"; 2]),
        // In the wrong group, or in no group.
        ("reconnect_timeout = \"1h\"", ["reconnect_timeout", "members.reconnect_timeout"]),
        ("open_querys = 1", ["open_querys", "limits.open_queries"]),
    ] {
        let [unknown, known] = expected;
        let expected = format!("unknown setting \"{unknown}\", did you mean \"{known}\"?");
        assert_eq!(refusal(text), expected);

        let table: toml::Table = toml::from_str(text).unwrap();
        let json = serde_json::to_string(&table).unwrap();
        let error = serde_json::from_str::<Config>(&json).unwrap_err().to_string();
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn an_error_names_the_line() {
    let text = "name = \"web-1\"\n[probe]\ntimeout = \"1s\"\nintervall = \"2s\"";
    let error = toml::from_str::<Config>(text).unwrap_err().to_string();
    assert!(error.contains("line 4") && error.contains("intervall = \"2s\""), "{error}");
    let json = "{\"name\": \"web-1\",\n\"probe\": {\"interval\": 5}}";
    let error = serde_json::from_str::<Config>(json).unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
}

#[test]
fn a_wrong_value_is_refused_with_its_name_and_what_is_allowed() {
    for (text, expected) in [
        (
            "probe.interval = 5",
            "probe.interval: 5 is not a duration with its unit, like \"500ms\" or \"1m30s\"",
        ),
        (
            "probe.interval = \"5\"",
            "probe.interval: \"5\" is not a duration with its unit, like \"500ms\" or \"1m30s\"",
        ),
        (
            "push_pull_interval = 1.5",
            "push_pull_interval: 1.5 is not a duration with its unit, like \"500ms\" or \"1m30s\"",
        ),
        (
            "gossip.nodes = -1",
            &format!("gossip.nodes: -1 is not a whole number from 0 to {}", usize::MAX),
        ),
        ("serf_protocol = 256", "serf_protocol: 256 is not a whole number from 0 to 255"),
        (
            "compression = \"stream\"",
            "compression: \"stream\" is not one of off, streams, streams-and-packets, did you mean \
             \"streams\"?",
        ),
        (
            "advertise = \"somewhere\"",
            "advertise: \"somewhere\" is not an address like \"10.0.0.5:7946\"",
        ),
        (
            "allowed_networks = [\"10.0.0.0\"]",
            "allowed_networks: \"10.0.0.0\" is not a network like \"10.0.0.0/8\"",
        ),
        ("label = \"\"", "label: label of 0 bytes is not 1 to 255 bytes long"),
        ("tags.port = 80", "tags.port: 80 is not text: write \"80\""),
        ("probe = true", "probe: true is not a table of settings"),
        (
            "seed_keeper = 5",
            "invalid type: integer `5`, expected seed_keeper as a table of settings",
        ),
    ] {
        assert_eq!(refusal(text), expected);
    }
    let twice = serde_json::from_str::<Config>(r#"{"probe": {}, "probe": {}}"#).unwrap_err();
    assert!(twice.to_string().starts_with("probe is set twice"), "{twice}");
}

#[test]
fn numbers_out_of_range_are_found_at_the_start_all_at_once() {
    let config = read("name = \"a/b\"\nadvertise = \"0.0.0.0:0\"\ngossip.nodes = 5000");
    let error = Endpoint::new(config, [0; 32], Instant::now()).unwrap_err();
    assert_eq!(error.faults.len(), 3, "{error}");
}

/// As from the variables of an environment.
#[test]
fn numbers_and_switches_may_come_as_text() {
    let config = read("gossip.nodes = \"5\"\nprobe.stream_fallback = \"false\"");
    assert_eq!(shown(&config), shown(&read("gossip.nodes = 5\nprobe.stream_fallback = false")));
    let refused = refusal("gossip.nodes = \"five\"");
    assert!(refused.starts_with("gossip.nodes: \"five\" is not a whole number"), "{refused}");
}

#[test]
fn what_is_no_table_is_refused_as_such() {
    for (json, expected) in [
        ("null", "the settings: null is not a table of settings"),
        ("5", "invalid type: integer `5`, expected the settings as a table of settings"),
    ] {
        let error = serde_json::from_str::<Config>(json).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn keys_are_read_in_order_but_never_written_or_shown() {
    let second = "MDEyMzQ1Njc4OWFiY2RlZg==";
    let config = read(&format!("keys = [\"{KEY}\", \"{second}\"]"));
    let keys = config.keys().unwrap();
    assert_eq!(keys.primary().to_base64(), KEY);
    assert!(read("keys = []").keys().is_none() && read("keys = false").keys().is_none());

    for text in [
        toml::to_string(&config).unwrap(),
        serde_json::to_string(&config).unwrap(),
        format!("{config:?}"),
    ] {
        assert!(!text.contains(&KEY[..8]) && !text.contains(&second[..8]), "{text}");
        assert!(!text.contains("\"keys\"") && !text.contains("keys ="), "{text}");
    }
}

#[test]
fn a_wrong_key_is_not_shown() {
    for (value, reason) in [
        (format!("\"{KEY}\""), "keys: expected a list of keys in base64, found text"),
        (
            format!("[\"{}\"]", &KEY[..8]),
            "keys: a key of 6 bytes is not 16, 24 or 32 bytes long; as text it is base64, see `serf keygen`",
        ),
        (
            format!("[\"{KEY}=\"]"),
            "keys: key is not base64, as `serf keygen` makes it: invalid byte at 22",
        ),
    ] {
        let refused = refusal(&format!("keys = {value}"));
        assert_eq!(refused, reason);
        let json = format!("{{\"keys\": {value}}}");
        let refused = serde_json::from_str::<Config>(&json).unwrap_err().to_string();
        assert!(refused.starts_with(reason) && !refused.contains(&KEY[..8]), "{refused}");
    }
}

#[test]
fn a_group_with_default_values_can_be_part_of_another_file() {
    let limits: Limits = toml::from_str("members = 100").unwrap();
    assert_eq!(limits, Limits { members: 100, ..Limits::default() });
    let error = toml::from_str::<Limits>("member = 100").unwrap_err();
    assert_eq!(error.message(), "unknown setting \"member\", did you mean \"members\"?");
}

#[test]
fn a_config_that_was_read_starts_a_node() {
    let config = read("name = \"web-1\"\nadvertise = \"10.0.0.5:7946\"\n[tags]\nrole = \"web\"");
    let endpoint = Endpoint::new(config, [0; 32], Instant::now()).unwrap();
    let advertised: SocketAddr = "10.0.0.5:7946".parse().unwrap();
    assert_eq!(endpoint.local_member().addr(), advertised);
    assert_eq!(endpoint.local_member().tags().get("role"), Some("web"));
}

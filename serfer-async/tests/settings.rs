//! One file with all settings of a node.

#![cfg(feature = "serde")]

use std::time::Duration;

use serfer_async::{AfterLeave, Config, JoinPolicy, Options, Replay, SecretKey, Settings};
use serfer_settings::SettingsGroup;

/// The file that is shown in the docs.
const DOCUMENTED: &str = include_str!("../src/settings.toml");

fn refusal(text: &str) -> String {
    toml::from_str::<Settings>(text).expect_err("it is wrong").message().to_owned()
}

/// The file with the settings that are in comments, one of them in place of what is there.
fn uncommented() -> String {
    let lines = DOCUMENTED.lines().filter(|line| *line != "rtt_probing = false").map(|line| {
        match line.strip_prefix("# ") {
            Some(setting) if toml::from_str::<toml::Table>(setting).is_ok() => setting,
            _ => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_documented_file_has_every_setting_as_it_is_by_default() {
    let settings = Settings { config: Config::lan("web-1"), options: Options::default() };
    let mut documented: toml::Table = toml::from_str(DOCUMENTED).unwrap();
    assert_eq!(documented.remove("preset"), Some("lan".into()));
    assert_eq!(documented, toml::Table::try_from(&settings).unwrap());

    let complete: toml::Table = toml::from_str(&uncommented()).unwrap();
    for name in Settings::names().iter().filter(|name| !name.starts_with("coalesce")) {
        let found = name.split('.').try_fold(&complete, |table, part| match table.get(part)? {
            toml::Value::Table(inner) => Some(inner),
            _ => Some(table),
        });
        assert!(found.is_some(), "settings.toml lacks {name}");
    }
}

#[test]
fn the_documented_file_can_be_read() {
    let Settings { config, options } = toml::from_str(DOCUMENTED).unwrap();
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::lan("web-1")));
    assert_eq!(options, Options::default());

    let Settings { config, options } = toml::from_str(&uncommented()).unwrap();
    assert!(config.keys().is_some() && options.snapshot.is_some());
}

#[test]
fn options_are_read_and_written() {
    let options = Options {
        bind: "127.0.0.1:7000".to_owned(),
        advertise: Some("node.example".to_owned()),
        named_after_host: true,
        keyring_file: Some("/var/lib/keyring".into()),
        first_key: None,
        snapshot: Some("/var/lib/snapshot".into()),
        after_leave: AfterLeave::Rejoin,
        join: vec!["a.example".to_owned(), "srv+_serf._tcp.example".to_owned()],
        join_policy: JoinPolicy::BestEffort,
        dns_servers: vec!["127.0.0.1:53".parse().unwrap()],
        seed_interval: Duration::from_secs(300),
        replay: Replay::Deliver,
        event_buffer: 7,
        metric_names: vec!["deploy".to_owned()],
    };
    let (first, longest) = (Duration::from_millis(500), Duration::from_secs(90));
    let policies = [JoinPolicy::Require(3), JoinPolicy::Retry { first, longest }];
    let others = policies.map(|join_policy| Options { join_policy, ..Options::default() });
    for options in [options, Options::default()].into_iter().chain(others) {
        let toml = toml::to_string(&options).unwrap();
        assert_eq!(toml::from_str::<Options>(&toml).unwrap(), options, "{toml}");
        let json = serde_json::to_string(&options).unwrap();
        assert_eq!(serde_json::from_str::<Options>(&json).unwrap(), options, "{json}");

        let config = Config::wan("a").advertise("10.0.0.1:7946".parse().unwrap());
        let toml = toml::to_string(&Settings { config, options: options.clone() }).unwrap();
        let read: Settings = toml::from_str(&toml).unwrap();
        let advertise = options.advertise.clone().or_else(|| Some("10.0.0.1:7946".to_owned()));
        assert_eq!(read.options, Options { advertise, ..options });
        assert_eq!(format!("{:?}", read.config), format!("{:?}", Config::wan("a")));
    }
}

#[test]
fn join_policies_can_be_short() {
    let policy = |text: &str| toml::from_str::<Options>(text).map(|options| options.join_policy);
    assert_eq!(policy("join_policy = \"best-effort\""), Ok(JoinPolicy::BestEffort));
    assert_eq!(policy("join_policy = \"require\""), Ok(JoinPolicy::Require(1)));
    let (first, longest) = (Duration::from_secs(1), Duration::from_secs(60));
    assert_eq!(policy("join_policy = \"retry\""), Ok(JoinPolicy::Retry { first, longest }));
    let longest = Duration::from_secs(5);
    let text = "join_policy.retry.longest = \"5s\"";
    assert_eq!(policy(text), Ok(JoinPolicy::Retry { first, longest }));
}

#[test]
fn an_error_names_the_setting_and_what_is_allowed() {
    for (text, expected) in [
        ("binds = \"a\"", "unknown setting \"binds\", did you mean \"bind\"?"),
        ("nane = \"a\"", "unknown setting \"nane\", did you mean \"name\"?"),
        ("keyringfile = \"a\"", "unknown setting \"keyringfile\", did you mean \"keyring_file\"?"),
        (
            "gossip.interval_ = \"1s\"",
            "unknown setting \"gossip.interval_\", did you mean \"gossip.interval\"?",
        ),
        (
            "join_policy.retry.frist = \"1s\"",
            "unknown setting \"join_policy.retry.frist\", did you mean \"join_policy.retry.first\"?",
        ),
        ("join = \"a\"", "join: \"a\" is not a list: write [\"a\"]"),
        ("join = 7", "join: 7 is not a list"),
        (
            "replay = \"delivre\"",
            "replay: \"delivre\" is not one of skip, deliver, did you mean \"deliver\"?",
        ),
        (
            "dns_servers = [\"1.1.1.1\"]",
            "dns_servers: \"1.1.1.1\" is not an address like \"10.0.0.5:7946\"",
        ),
        ("join_policy = {}", "join_policy: there is nothing in it"),
    ] {
        assert_eq!(refusal(text), expected);
    }
    let policy = refusal("join_policy = \"best effort\"");
    let expected =
        "join_policy: \"best effort\" is not one of \"best-effort\", \"require\", \"retry\"";
    assert!(policy.starts_with(expected), "{policy}");
    assert!(policy.ends_with("did you mean \"best-effort\"?"), "{policy}");
    let two = refusal("join_policy = { require = 1, retry = {} }");
    assert_eq!(two, "join_policy: there can be one only");
}

#[test]
fn a_name_stands_once_wherever_it_is() {
    for (json, twice) in [
        (r#"{"join": [], "join": []}"#, "join"),
        (r#"{"tags": {"role": "web", "role": "db"}}"#, "tags.role"),
        (r#"{"join_policy": {"require": 1, "require": 2}}"#, "join_policy.require"),
        (
            r#"{"join_policy": {"retry": {"first": "1s", "first": "2s"}}}"#,
            "join_policy.retry.first",
        ),
        (r#"{"gossip": {"nodes": 1, "nodes": 2}}"#, "gossip.nodes"),
    ] {
        let error = serde_json::from_str::<Settings>(json).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{twice} is set twice at line 1")), "{error}");
    }
}

#[test]
fn a_first_key_is_read_and_never_written_or_shown() {
    const KEY: &str = "U3VwZXJTZWN1cmVUb2tlbg==";
    let options: Options = toml::from_str(&format!("first_key = \"{KEY}\\n\"")).unwrap();
    assert_eq!(options.first_key.as_ref().map(SecretKey::to_base64).as_deref(), Some(KEY));
    assert!(!format!("{options:?} {}", toml::to_string(&options).unwrap()).contains(&KEY[..8]));
    assert_eq!(refusal("first_key = 7"), "first_key: 7 is not a key in base64");
    assert!(
        refusal(&format!("first_key = \"{KEY}=\"")).starts_with("first_key: key is not base64")
    );
    assert_eq!(refusal("keys = true"), "keys: true is not a list of keys in base64");
    assert_eq!(refusal("keys = 7"), "keys: 7 is not a list of keys in base64");
}

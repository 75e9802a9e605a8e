//! All settings of a node in one file.

use std::time::Duration;

use serfer_proto::Config;
use serfer_settings::{
    SettingValue, SettingsGroup, Written, nearest, refuse, settings_file, settings_group, unknown,
};

use crate::discovery::join::JoinPolicy;
use crate::options::Options;

/// All settings of a node in one file: TOML, JSON or any other self-describing format of serde. The file has
/// the settings of a [`Config`] and of [`Options`] side by side. Needs the feature `serde`.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use serfer_async::Settings;
///
/// let text = r#"
///     name = "web-1"
///     preset = "wan"
///     join = ["seed.example", "srv+_serf._tcp.example"]
///     keyring_file = "/var/lib/web/keyring.json"
///
///     [tags]
///     role = "web"
///
///     [probe]
///     interval = "1s"
///     timeout = "500ms"
/// "#;
/// let Settings { config, options } = toml::from_str(text)?;
/// // … and then `builder(config).options(options).start().await?`.
/// # assert_eq!((config.name(), options.join.len()), ("web-1", 2));
/// # Ok(())
/// # }
/// ```
///
/// A setting that the file does not have is as in the preset: `"lan"`, unless the file names another preset.
/// An unknown setting is refused, and the error names the most similar setting. But any name is a tag: in TOML,
/// what stands below `[tags]` is one, so put all settings that have no group above it. Durations have units:
/// `"500ms"`, `"1m30s"`, `"1.5h"`. `false` turns off what can be turned off: `seed_keeper = false`. Numbers
/// that are out of range are found when the node is started, all at once.
///
/// Keys are read but never written. The errors of this crate do not show keys, but errors of `toml` quote the
/// whole line; their `message()` does not. It is better to keep keys in a keyring file.
///
/// These are all settings with their default values. A setting in a comment is not set by default:
///
/// ```toml
#[doc = include_str!("settings.toml")]
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// The settings of the protocol.
    pub config: Config,
    /// All other settings of the node. An `advertise` in the file is here.
    pub options: Options,
}

settings_group! {
    Options {
        bind, advertise, named_after_host, keyring_file, first_key, snapshot, after_leave, join, join_policy,
        dns_servers, seed_interval, replay, event_buffer, metric_names
    }
}

settings_file! { Options: vec![("", Self::default())] }

settings_file! {
    Settings: {
        let with_options = |(preset, config)| (preset, Self { config, options: Options::default() });
        Config::presets().into_iter().map(with_options).collect()
    }
}

/// The settings of both, side by side.
impl SettingsGroup for Settings {
    fn names() -> Vec<String> {
        let mut names = Options::names();
        names.extend(Config::names());
        names
    }

    fn set(&mut self, name: &str, at: &str, found: &Written) -> Result<(), String> {
        if Options::names().iter().any(|option| option == name) {
            self.options.set(name, at, found)
        } else {
            self.config.set(name, at, found)
        }
    }

    /// An address that both have is the one of the options.
    fn write(&self) -> Written {
        let (Written::Group(mut options), Written::Group(config)) =
            (self.options.write(), self.config.write())
        else {
            return Written::Null;
        };
        let is_new = |(name, _): &(&str, Written)| options.iter().all(|(option, _)| option != name);
        let config: Vec<_> = config.into_iter().filter(is_new).collect();
        options.extend(config);
        Written::Group(options)
    }
}

const BEST_EFFORT: &str = "best-effort";
const REQUIRE: &str = "require";
const RETRY: &str = "retry";
const FIRST: &str = "first";
const LONGEST: &str = "longest";

const POLICIES: &str = "one of \"best-effort\", \"require\", \"retry\", { require = 2 } and \
    { retry = { first = \"1s\", longest = \"1m\" } }";

impl SettingValue for JoinPolicy {
    fn read(at: &str, found: &Written) -> Result<Self, String> {
        let (name, value) = match found {
            Written::Text(name) => (name, None),
            Written::Table(table) => match table.iter().next() {
                Some((name, value)) if table.len() == 1 => (name, Some(value)),
                Some(_) => return Err(format!("{at}: there can be one only")),
                None => return Err(format!("{at}: there is nothing in it")),
            },
            _ => return refuse(at, found, POLICIES),
        };
        match (name.as_str(), value) {
            (BEST_EFFORT, None) => Ok(Self::BestEffort),
            (REQUIRE, None) => Ok(Self::Require(1)),
            (REQUIRE, Some(seeds)) => {
                usize::read(&format!("{at}.{REQUIRE}"), seeds).map(Self::Require)
            }
            (RETRY, waits) => read_retry(&format!("{at}.{RETRY}"), waits),
            _ => {
                let nearest = nearest(name, [BEST_EFFORT, REQUIRE, RETRY]);
                Err(format!("{at}: {name:?} is not {POLICIES}, did you mean {nearest:?}?"))
            }
        }
    }

    fn write(&self) -> Option<Written> {
        let (name, value) = match self {
            Self::BestEffort => return BEST_EFFORT.to_owned().write(),
            Self::Require(seeds) => (REQUIRE, seeds.write()?),
            Self::Retry { first, longest } => {
                (RETRY, Written::Group(vec![(FIRST, first.write()?), (LONGEST, longest.write()?)]))
            }
        };
        Some(Written::Group(vec![(name, value)]))
    }
}

/// A wait that is not set has its default value.
fn read_retry(at: &str, waits: Option<&Written>) -> Result<JoinPolicy, String> {
    let (mut first, mut longest) = (Duration::from_secs(1), Duration::from_secs(60));
    let waits = match waits {
        None => return Ok(JoinPolicy::Retry { first, longest }),
        Some(Written::Table(waits)) => waits,
        Some(other) => return refuse(at, other, "a table of settings"),
    };
    for (name, wait) in waits {
        *match name.as_str() {
            FIRST => &mut first,
            LONGEST => &mut longest,
            _ => return Err(unknown(at, name, [FIRST, LONGEST])),
        } = Duration::read(&format!("{at}.{name}"), wait)?;
    }
    Ok(JoinPolicy::Retry { first, longest })
}

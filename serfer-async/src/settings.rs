//! All settings of a node in one file.

use std::fmt;
use std::time::Duration;

use serfer_proto::settings::serde_core::de::{Deserializer, Error, MapAccess, Visitor};
use serfer_proto::settings::serde_core::ser::{SerializeMap, Serializer};
use serfer_proto::settings::{
    All, Change, Group, Path, Seed, Value, Written, nearest, unadvertised,
};
use serfer_proto::{Config, documents, settings};

use crate::join::JoinPolicy;
use crate::options::Options;

/// All settings of a node from one file, of TOML, JSON or whatever else serde reads: a [`Config`] and
/// [`Options`], whose settings stand side by side in the file. Needs the feature `serde`.
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
/// What is not in the file is as in the preset, which is `"lan"` unless the file names another. An unknown
/// setting is refused, and the error names the most similar one. Durations have units: `"500ms"`,
/// `"1m30s"`, `"1.5h"`. Settings that can be turned off are turned off by `false`: `seed_keeper = false`.
/// Numbers that are out of range are found when the node is started, all at once.
///
/// Keys are read but never written, and our errors do not show them. `toml`'s errors quote the line,
/// though; their `message()` does not. It is better to keep keys in a keyring file.
///
/// These are all settings, with their default values; what is commented out is not set by default:
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

settings! {
    Options {
        bind, advertise, named_after_host, keyring_file, snapshot, after_leave, join, join_policy,
        dns_servers, replay, event_buffer, metric_names
    }
    Backoff { first, longest }
}

documents! {
    Options: Self::default(),
    Settings: Self { config: Config::lan(""), options: Options::default() },
}

impl Group for Settings {
    const FIRST: &'static [&'static str] = Config::FIRST;

    fn names() -> Vec<String> {
        let mut names = Options::names();
        names.extend(Config::names());
        names
    }

    fn read_one<'de, A: MapAccess<'de>>(
        at: Path<'_>,
        name: &str,
        from: &mut A,
    ) -> Result<Option<Change<Self>>, A::Error> {
        if let Some(change) = Options::read_one(at, name, from)? {
            return Ok(Some(Box::new(|settings: &mut Self| change(&mut settings.options))));
        }
        Ok(Config::read_one(at, name, from)?
            .map(|change| -> Change<Self> { Box::new(|settings| change(&mut settings.config)) }))
    }

    fn write_all<M: SerializeMap>(&self, to: &mut M) -> Result<(), M::Error> {
        self.options.write_all(to)?;
        match self.options.advertise {
            Some(_) => unadvertised(&self.config).write_all(to),
            None => self.config.write_all(to),
        }
    }
}

/// The waits of [`JoinPolicy::Retry`].
struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(60) }
    }
}

const BEST_EFFORT: &str = "best-effort";
const REQUIRE: &str = "require";
const RETRY: &str = "retry";

/// `"best-effort"`, `{ require = 2 }` or `{ retry = { first = "1s", longest = "1m" } }`.
impl Value for JoinPolicy {
    fn read_value<'de, D: Deserializer<'de>>(at: Path<'_>, from: D) -> Result<Self, D::Error> {
        from.deserialize_any(PolicyVisitor { at })
    }

    fn write_value<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = match self {
            Self::BestEffort => return to.serialize_str(BEST_EFFORT),
            Self::Require(_) | Self::Retry { .. } => to.serialize_map(Some(1))?,
        };
        match *self {
            Self::Retry { first, longest } => {
                map.serialize_entry(RETRY, &All(&Backoff { first, longest }))?;
            }
            Self::Require(seeds) => map.serialize_entry(REQUIRE, &Written(&seeds))?,
            Self::BestEffort => {}
        }
        map.end()
    }
}

struct PolicyVisitor<'a> {
    at: Path<'a>,
}

impl PolicyVisitor<'_> {
    fn unknown<E: Error>(&self, name: &str) -> E {
        let nearest = nearest(name, [BEST_EFFORT, REQUIRE, RETRY]).unwrap_or_default();
        let at = self.at;
        E::custom(format!(
            "{at}: {name:?} is no policy, did you mean {nearest:?}? There are {self}"
        ))
    }
}

impl fmt::Display for PolicyVisitor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "\"best-effort\", \"require\", \"retry\", { require = 2 } and \
             { retry = { first = \"1s\", longest = \"1m\" } }",
        )
    }
}

impl<'de> Visitor<'de> for PolicyVisitor<'_> {
    type Value = JoinPolicy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as one of {self}", self.at)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<JoinPolicy, E> {
        match name {
            BEST_EFFORT => Ok(JoinPolicy::BestEffort),
            REQUIRE => Ok(JoinPolicy::Require(1)),
            RETRY => Ok(retry(Backoff::default())),
            _ => Err(self.unknown(name)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JoinPolicy, A::Error> {
        let Some(name) = map.next_key::<String>()? else {
            return Err(A::Error::custom(format!("{}: there is nothing in it", self.at)));
        };
        let at = self.at.at(&name);
        let policy = match name.as_str() {
            REQUIRE => {
                let mut seeds = 1;
                map.next_value_seed(Seed::<usize>::new(at))?(&mut seeds);
                JoinPolicy::Require(seeds)
            }
            RETRY => {
                let mut backoff = Backoff::default();
                map.next_value_seed(Seed::<Backoff>::new(at))?(&mut backoff);
                retry(backoff)
            }
            _ => return Err(self.unknown(&name)),
        };
        match map.next_key::<String>()? {
            Some(_) => Err(A::Error::custom(format!("{}: there can be one only", self.at))),
            None => Ok(policy),
        }
    }
}

fn retry(Backoff { first, longest }: Backoff) -> JoinPolicy {
    JoinPolicy::Retry { first, longest }
}

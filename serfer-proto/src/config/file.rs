//! The config as a file, with the feature `serde`: its settings, and what each of this crate's types looks
//! like in a file.

use crate::api::{Keyring, Replay, SecretKey, Tags};
use crate::config::{
    Compression, Config, Coordinates, Encryption, InboundLabel, Label, NameConflicts,
};
use crate::snapshot::AfterLeave;
use serfer_settings::{SettingValue, Written, choose, refuse, settings_file, settings_group};

settings_group! {
    Config {
        name, strict_names, advertise, incarnation, tags, label, inbound_label, keys, encryption,
        store_keyring, allowed_networks, memberlist_protocol, serf_protocol, push_pull_interval,
        stream_timeout, compression, name_conflicts, coordinates, user_event_len_max;
        groups probe, rtt_probing, suspicion, gossip, prompt_gossip, reclaim, seed_keeper, members, leave, queries,
        coalesce_members, coalesce_user_events, limits;
        without callbacks, recovered
    }
}

settings_file! {
    Config: vec![("lan", Self::lan("")), ("wan", Self::wan("")), ("local", Self::local(""))]
}

/// Makes values of enums: each variant by its name.
macro_rules! choices {
    ($($choice:ident { $($variant:ident = $name:literal),+ })+) => {$(
        impl SettingValue for $choice {
            fn read(at: &str, found: &Written) -> Result<Self, String> {
                let choices = [$(Self::$variant),+];
                choose(at, found, &[$($name),+]).map(|chosen| choices[chosen])
            }

            fn write(&self) -> Option<Written> {
                Some(Written::Text(match self { $(Self::$variant => $name),+ }.to_owned()))
            }
        }
    )+};
}

choices! {
    Compression { Off = "off", Streams = "streams", StreamsAndPackets = "streams-and-packets" }
    Encryption { Prepare = "prepare", Prefer = "prefer", Require = "require" }
    Coordinates { Off = "off", On = "on" }
    InboundLabel { Check = "check", Stripped = "stripped" }
    NameConflicts { Vote = "vote", Report = "report" }
    AfterLeave { StayAway = "stay-away", Rejoin = "rejoin" }
    Replay { Skip = "skip", Deliver = "deliver" }
}

/// Errors do not show keys. Keys are never written: somebody may print the file.
impl SettingValue for Keyring {
    fn read(at: &str, found: &Written) -> Result<Self, String> {
        match found {
            Written::List(_) => {}
            // It may be a key.
            Written::Text(_) => {
                return Err(format!("{at}: expected a list of keys in base64, found text"));
            }
            _ => return refuse(at, found, "a list of keys in base64"),
        }
        let mut ring: Option<Self> = None;
        for key in Vec::<String>::read(at, found)? {
            let key = SecretKey::from_base64(&key).map_err(|error| format!("{at}: {error}"))?;
            ring = Some(match ring {
                None => Self::new(key),
                Some(ring) => ring.with(key),
            });
        }
        ring.ok_or_else(|| format!("{at}: there is no key in the list"))
    }

    /// No keys are the same as no keyring.
    fn turns_off(found: &Written) -> bool {
        match found {
            Written::List(keys) => keys.is_empty(),
            _ => matches!(found, Written::Bool(false) | Written::Null),
        }
    }

    fn write(&self) -> Option<Written> {
        None
    }
}

/// A key in base64. Errors do not show it, and it is never written.
impl SettingValue for SecretKey {
    fn read(at: &str, found: &Written) -> Result<Self, String> {
        match found {
            Written::Text(key) => Self::from_base64(key).map_err(|error| format!("{at}: {error}")),
            _ => refuse(at, found, "a key in base64"),
        }
    }

    fn write(&self) -> Option<Written> {
        None
    }
}

/// Text, or a list of bytes if it is not UTF-8.
impl SettingValue for Label {
    fn read(at: &str, found: &Written) -> Result<Self, String> {
        let label = match found {
            Written::Text(text) => Self::new(text),
            _ => Self::new(Vec::<u8>::read(at, found)?),
        };
        label.map_err(|error| format!("{at}: {error}"))
    }

    fn write(&self) -> Option<Written> {
        let text = std::str::from_utf8(self.as_bytes());
        text.map_or_else(|_| self.as_bytes().to_vec().write(), |text| text.to_owned().write())
    }
}

impl SettingValue for Tags {
    fn read(at: &str, found: &Written) -> Result<Self, String> {
        let Written::Table(tags) = found else { return refuse(at, found, "a table of tags") };
        let read = |(key, value)| Ok((key, String::read(&format!("{at}.{key}"), value)?));
        tags.iter().map(read).collect()
    }

    fn write(&self) -> Option<Written> {
        let write = |(key, value): (&str, &str)| (key.to_owned(), Written::Text(value.to_owned()));
        Some(Written::Table(self.iter().map(write).collect()))
    }
}

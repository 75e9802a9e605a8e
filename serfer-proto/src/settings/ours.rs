//! The settings of the core.

use std::fmt;
use std::marker::PhantomData;

use serde_core::de::value::MapAccessDeserializer;
use serde_core::de::{
    DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde_core::ser::{SerializeMap, Serializer};

use crate::api::event::Replay;
use crate::api::keyring::{Keyring, SecretKey};
use crate::api::tags::Tags;
use crate::config::{
    Coalescing, Compression, Config, Coordinates, Encryption, Gossip, InboundLabel, Label, Leave,
    Limits, Members, NameConflicts, Probe, Queries, Reclaim, SeedKeeper, Suspicion,
};
use crate::settings::values::ValueSeed;
use crate::settings::{All, Change, Group, Path, Setting, Text, Value, nearest, read_group};
use crate::snapshot::AfterLeave;

settings! {
    Config after preset: Preset {
        name, strict_names, advertise, incarnation, tags, label, inbound_label, keyring as "keys",
        encryption, stores_keyring as "store_keyring", networks as "allowed_networks",
        memberlist_protocol, serf_protocol, probe, suspicion, gossip, push_pull_interval,
        stream_timeout, compression, reclaim, seed_keeper, members, leave, queries, name_conflicts,
        coalesce_members, coalesce_user_events, coordinates, user_event_len_max, limits;
        without questions, recovered
    }
    Probe { interval, timeout, indirect_checks, stream_fallback }
    Suspicion { mult, max_timeout_mult, awareness_max }
    Gossip { interval, nodes, retransmit_mult, to_the_dead, packet_len_max }
    Members {
        reap_interval, reconnect_interval, reconnect_timeout, tombstone_timeout,
        recent_intent_timeout, flap_timeout
    }
    Coalescing { period, quiescent }
    Leave { broadcast_timeout, propagate_delay }
    Queries { timeout_mult, len_max, response_len_max }
    Reclaim { dead_after, ask_holder }
    SeedKeeper { retry_min, retry_max, seeds, dead }
    Limits {
        inflated_packet_len, inflated_stream_len, stream_len, inbound_streams, members,
        received_meta_len, queue, queue_warning, queue_bytes, ring, ring_slot, ring_bytes, recent_intents,
        open_queries, filter_steps, relay_factor, relayed_answers, relayed_pings, snapshot_len,
        joins_at_once
    }
}

documents! {
    Config: Self::lan(""),
    Members: Self::default(),
    Coalescing: Self::default(),
    Leave: Self::default(),
    Queries: Self::default(),
    Reclaim: Self::default(),
    SeedKeeper: Self::default(),
    Limits: Self::default(),
}

/// The configuration without an address to advertise.
pub fn unadvertised(config: &Config) -> Config {
    Config { advertise: None, ..config.clone() }
}

/// What is not said is as in this one.
#[derive(Clone, Copy, Default)]
enum Preset {
    #[default]
    Lan,
    Wan,
    Local,
}

impl From<Preset> for Config {
    fn from(preset: Preset) -> Self {
        match preset {
            Preset::Lan => Self::lan(""),
            Preset::Wan => Self::wan(""),
            Preset::Local => Self::local(""),
        }
    }
}

macro_rules! choices {
    ($($choice:ident { $($variant:ident = $name:literal),+ })+) => {$(
        impl Value for $choice {
            fn read_value<'de, D: Deserializer<'de>>(
                at: Path<'_>,
                from: D,
            ) -> Result<Self, D::Error> {
                let all = &[$(($name, Self::$variant)),+];
                from.deserialize_any(ChoiceVisitor { at, all })
            }

            fn write_value<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(match self { $(Self::$variant => $name),+ })
            }
        }
    )+};
}

choices! {
    Preset { Lan = "lan", Wan = "wan", Local = "local" }
    Compression { Off = "off", Streams = "streams", StreamsAndPackets = "streams-and-packets" }
    Encryption { Prepare = "prepare", Prefer = "prefer", Require = "require" }
    Coordinates { Off = "off", On = "on" }
    InboundLabel { Check = "check", Stripped = "stripped" }
    NameConflicts { Vote = "vote", Report = "report" }
    AfterLeave { StayAway = "stay-away", Rejoin = "rejoin" }
    Replay { Skip = "skip", Deliver = "deliver" }
}

/// Finds a value by its name.
struct ChoiceVisitor<'a, T> {
    at: Path<'a>,
    all: &'a [(&'static str, T)],
}

impl<T: Copy> Visitor<'_> for ChoiceVisitor<'_, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.all.iter().map(|(name, _)| format!("{name:?}")).collect();
        write!(f, "{} as {}", self.at, names.join(" or "))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        if let Some((_, value)) = self.all.iter().find(|(name, _)| *name == text) {
            return Ok(*value);
        }
        let names = self.all.iter().map(|(name, _)| *name);
        let nearest = nearest(text, names.clone()).unwrap_or_default();
        let names: Vec<&str> = names.collect();
        Err(E::custom(format!(
            "{}: {text:?} is none of {}, did you mean {nearest:?}?",
            self.at,
            names.join(", ")
        )))
    }
}

/// Groups that can be switched off: `false` is none, `true` as it is or else by default, a table
/// changes what it says.
macro_rules! switchable {
    ($($group:ident),+) => {$(
        impl Setting for Option<$group> {
            fn inside() -> Vec<String> {
                $group::inside()
            }

            fn read<'de, D: Deserializer<'de>>(
                at: Path<'_>,
                from: D,
            ) -> Result<Change<Self>, D::Error> {
                from.deserialize_any(SwitchVisitor::<$group> { at, group: PhantomData })
            }

            fn write<M: SerializeMap>(
                &self,
                name: &'static str,
                to: &mut M,
            ) -> Result<(), M::Error> {
                match self {
                    Some(group) => to.serialize_entry(name, &All(group)),
                    None => to.serialize_entry(name, &false),
                }
            }
        }
    )+};
}

switchable!(SeedKeeper, Coalescing);

struct SwitchVisitor<'a, G> {
    at: Path<'a>,
    group: PhantomData<G>,
}

impl<'de, G: Group + Default> Visitor<'de> for SwitchVisitor<'_, G> {
    type Value = Change<Option<G>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as a table of settings, true or false", self.at)
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<Self::Value, E> {
        Ok(Box::new(move |group: &mut Option<G>| {
            if on {
                group.get_or_insert_default();
            } else {
                *group = None;
            }
        }))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        self.visit_bool(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let change: Change<G> = read_group(self.at, MapAccessDeserializer::new(map))?;
        Ok(Box::new(move |group: &mut Option<G>| change(group.get_or_insert_default())))
    }
}

/// Never written: a file that is printed for somebody must not give the keys away.
impl Setting for Option<Keyring> {
    fn read<'de, D: Deserializer<'de>>(at: Path<'_>, from: D) -> Result<Change<Self>, D::Error> {
        let ring = from.deserialize_any(KeysVisitor { at })?;
        Ok(Box::new(move |setting| *setting = ring))
    }

    fn write<M: SerializeMap>(&self, _: &'static str, _: &mut M) -> Result<(), M::Error> {
        Ok(())
    }
}

/// Shows no value: it may be a key.
struct KeysVisitor<'a> {
    at: Path<'a>,
}

const KEYS: &str = "a list of keys in base64";

impl<'de> Visitor<'de> for KeysVisitor<'_> {
    type Value = Option<Keyring>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as {KEYS}", self.at)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Err(E::custom(format!("{}: expected {KEYS}, found text", self.at)))
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<Self::Value, E> {
        if on { Err(E::invalid_type(Unexpected::Bool(on), &self)) } else { Ok(None) }
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut keys: A) -> Result<Self::Value, A::Error> {
        let mut ring: Option<Keyring> = None;
        while let Some(key) = keys.next_element_seed(KeySeed { at: self.at })? {
            ring = Some(match ring {
                Some(ring) => ring.with(key),
                None => Keyring::new(key),
            });
        }
        Ok(ring)
    }
}

struct KeySeed<'a> {
    at: Path<'a>,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = SecretKey;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<SecretKey, D::Error> {
        let parse = |text: &str| SecretKey::from_base64(text).map_err(|error| error.to_string());
        from.deserialize_str(Text { at: self.at, what: KEYS, parse })
    }
}

/// Text, or a list of bytes if it is none.
impl Value for Label {
    fn read_value<'de, D: Deserializer<'de>>(at: Path<'_>, from: D) -> Result<Self, D::Error> {
        from.deserialize_any(LabelVisitor { at })
    }

    fn write_value<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(self.as_bytes()) {
            Ok(text) => to.serialize_str(text),
            Err(_) => to.collect_seq(self.as_bytes()),
        }
    }
}

struct LabelVisitor<'a> {
    at: Path<'a>,
}

impl<'de> Visitor<'de> for LabelVisitor<'_> {
    type Value = Label;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as text or a list of bytes", self.at)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Label, E> {
        Label::new(text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Label, A::Error> {
        let mut bytes: Vec<u8> = Vec::new();
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        Label::new(bytes).map_err(A::Error::custom)
    }
}

impl Value for Tags {
    fn read_value<'de, D: Deserializer<'de>>(at: Path<'_>, from: D) -> Result<Self, D::Error> {
        from.deserialize_map(TagsVisitor { at })
    }

    fn write_value<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

struct TagsVisitor<'a> {
    at: Path<'a>,
}

impl<'de> Visitor<'de> for TagsVisitor<'_> {
    type Value = Tags;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as a table of tags, each with text", self.at)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tags, A::Error> {
        let mut tags = Tags::new();
        while let Some(key) = map.next_key::<String>()? {
            let value: String = map.next_value_seed(ValueSeed::new(self.at.at(&key)))?;
            tags.insert(key, value);
        }
        Ok(tags)
    }
}

//! How both sides are configured: preset, keys and compression.

use serfer_tokio::{Compression, Config, Coordinates};

/// What both an agent and a node of ours are configured with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// Its name in the names of tests.
    pub(crate) name: &'static str,
    pub(crate) preset: Preset,
    /// The ring of our nodes, the primary first.
    pub(crate) node_keys: &'static [&'static str],
    pub(crate) agent_keys: AgentKeys,
    /// What our nodes compress. Agents compress all that shrinks.
    pub(crate) compression: Compression,
    /// Whether our nodes have coordinates. Agents always do.
    pub(crate) coordinates: Coordinates,
    /// More flags for agents.
    pub(crate) agent_flags: &'static [&'static str],
}

impl Setting {
    /// The same with the preset for a LAN. In the local preset an agent sends a message only twice,
    /// to three members each time: in a cluster of four, a member may miss its query.
    pub(crate) const fn for_many(self) -> Self {
        Self { preset: Preset::Lan, ..self }
    }
}

/// The preset, on both sides.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Preset {
    /// For one machine, which finds failures sooner.
    Local,
    Lan,
}

impl Preset {
    pub(crate) fn agent_flag(self) -> &'static str {
        match self {
            Self::Local => "-profile=local",
            Self::Lan => "-profile=lan",
        }
    }

    pub(crate) fn config(self, name: &str) -> Config {
        match self {
            Self::Local => Config::local(name),
            Self::Lan => Config::lan(name),
        }
    }
}

/// Where an agent gets its keys from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AgentKeys {
    None,
    /// `-encrypt`
    Flag(&'static str),
    /// `-keyring-file`, the primary first. It excludes `-encrypt`.
    File(&'static [&'static str]),
}

pub(crate) const KEY_A: &str = "rcyQ5SUTGCyVZGBn7QoNzA==";
pub(crate) const KEY_B: &str = "O16O8zSlLhF9IEbOf2yVqg==";
const KEY_192: &str = "uYzGPkn9m+0ZjqyB8JZBx4qBfgEYvyNy";
const KEY_256: &str = "Dw5H8h9jDrrIL0DxgVRB2nQEmOsCGG8dETtQKL5vU3M=";

pub(crate) const PLAIN: Setting = Setting {
    name: "plain",
    preset: Preset::Local,
    node_keys: &[],
    agent_keys: AgentKeys::None,
    compression: Compression::Streams,
    coordinates: Coordinates::On,
    agent_flags: &[],
};

pub(crate) const LAN: Setting = Setting { name: "lan", ..PLAIN.for_many() };

pub(crate) const AES_128: Setting =
    Setting { name: "aes_128", node_keys: &[KEY_A], agent_keys: AgentKeys::Flag(KEY_A), ..PLAIN };

pub(crate) const AES_256: Setting = Setting {
    name: "aes_256",
    node_keys: &[KEY_256],
    agent_keys: AgentKeys::Flag(KEY_256),
    ..PLAIN
};

/// The settings in which every behaviour must hold.
pub(crate) const SETTINGS: [Setting; 8] = [
    PLAIN,
    AES_128,
    Setting {
        name: "aes_192",
        node_keys: &[KEY_192],
        agent_keys: AgentKeys::Flag(KEY_192),
        ..PLAIN
    },
    AES_256,
    Setting { name: "ring_ab_and_key_a", node_keys: &[KEY_A, KEY_B], ..AES_128 },
    Setting {
        name: "ring_ab_and_keyring_file_ba",
        node_keys: &[KEY_A, KEY_B],
        agent_keys: AgentKeys::File(&[KEY_B, KEY_A]),
        ..PLAIN
    },
    Setting {
        name: "compressed_packets_plain",
        compression: Compression::StreamsAndPackets,
        ..PLAIN
    },
    Setting {
        name: "compressed_packets_aes_256",
        compression: Compression::StreamsAndPackets,
        ..AES_256
    },
];

//! What can be asked of a cluster's keyrings, and what came of it.
//!
//! Keys are shown as their fingerprints in all of this, so any of it may be logged. Counterpart of
//! the types in Go's `keymanager.go`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::error::QueryError;
use crate::api::ids::QueryId;
use crate::api::keyring::{Fingerprint, SecretKey};

/// What every member is asked to do with its keyring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOp {
    /// Add a key to those tried on what is received. Go: `InstallKey`.
    Install(SecretKey),
    /// Seal with this key, which must be installed, from now on. Go: `UseKey`.
    Use(SecretKey),
    /// Forget a key, which must not be the primary. Go: `RemoveKey`.
    Remove(SecretKey),
    /// Say what keys there are. Go: `ListKeys`.
    List,
}

impl KeyOp {
    /// The key that this is about.
    pub fn key(&self) -> Option<&SecretKey> {
        match self {
            Self::Install(key) | Self::Use(key) | Self::Remove(key) => Some(key),
            Self::List => None,
        }
    }

    /// The name of the query by which members are asked.
    pub(crate) fn query_name(&self) -> &'static str {
        match self {
            Self::Install(_) => query::INSTALL,
            Self::Use(_) => query::USE,
            Self::Remove(_) => query::REMOVE,
            Self::List => query::LIST,
        }
    }
}

/// The names of the queries about keys.
pub(crate) mod query {
    pub(crate) const INSTALL: &str = "_serf_install-key";
    pub(crate) const USE: &str = "_serf_use-key";
    pub(crate) const REMOVE: &str = "_serf_remove-key";
    pub(crate) const LIST: &str = "_serf_list-keys";
}

impl std::fmt::Display for KeyOp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verb = match self {
            Self::Install(_) => "install",
            Self::Use(_) => "use",
            Self::Remove(_) => "remove",
            Self::List => return f.pad("list keys"),
        };
        let key = self.key().map(SecretKey::fingerprint);
        write!(f, "{verb} key {}", key.map(|key| key.to_string()).unwrap_or_default())
    }
}

/// What the members made of a [`KeyOp`]. Go: `KeyResponse`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyReport {
    /// The query by which they were asked.
    pub query: QueryId,
    /// What they were asked for.
    pub op: KeyOp,
    /// What each said, in the order in which they did.
    pub answers: Arc<[KeyAnswer]>,
    /// Who said nothing, of those who are alive.
    pub silent: Arc<[Arc<str>]>,
}

/// What one member says about its keyring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAnswer {
    /// The member's name.
    pub node: Arc<str>,
    /// Whether it did what it was asked.
    pub done: bool,
    /// Why not, or what is missing from its list; mostly empty.
    pub message: Arc<str>,
    /// Its keys, if they were asked for.
    pub keys: Arc<[SecretKey]>,
    /// Its primary key, if the keys were asked for. A node before serf 0.9.4 does not say which; it is
    /// the first.
    pub primary: Option<SecretKey>,
}

impl KeyReport {
    /// Whether everybody who is alive did what was asked.
    pub fn is_complete(&self) -> bool {
        self.silent.is_empty() && self.failures().next().is_none()
    }

    /// Those who answered that they did not do it.
    pub fn failures(&self) -> impl Iterator<Item = &KeyAnswer> {
        self.answers.iter().filter(|answer| !answer.done)
    }

    /// How many members have each key. Go: `Keys`.
    pub fn keys(&self) -> BTreeMap<&SecretKey, usize> {
        count(self.answers.iter().flat_map(|answer| &*answer.keys))
    }

    /// How many members seal with each key. Go: `PrimaryKeys`.
    pub fn primary_keys(&self) -> BTreeMap<&SecretKey, usize> {
        count(self.answers.iter().filter_map(|answer| answer.primary.as_ref()))
    }

    /// How many members did it.
    pub fn done(&self) -> usize {
        self.answers.iter().filter(|answer| answer.done).count()
    }

    /// How many members should have done it.
    pub fn asked(&self) -> usize {
        self.answers.len() + self.silent.len()
    }
}

fn count<'a>(keys: impl Iterator<Item = &'a SecretKey>) -> BTreeMap<&'a SecretKey, usize> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

/// `install key 8f434346: 2 of 4 members did; n3: no keyring …; n4 did not answer`.
impl std::fmt::Display for KeyReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} of {} members did", self.op, self.done(), self.asked())?;
        for failure in self.failures() {
            write!(f, "; {}: {}", failure.node, failure.message)?;
        }
        for node in &*self.silent {
            write!(f, "; {node} did not answer")?;
        }
        Ok(())
    }
}

/// How a [`KeyOp`] is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyParams {
    /// Through how many other members each answer is sent as well, in case it gets lost. 0.
    pub relay_factor: u8,
    /// How long to wait for answers, if not as long as for any query.
    pub timeout: Option<std::time::Duration>,
}

/// Why nobody is asked about keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Wait for the end of what is going on: keys are changed by one at a time.
    #[error("keys are being changed already")]
    Busy,
    /// A key would go over the network for all to see: give the node a keyring, and require
    /// encryption.
    #[error("this node does not seal all that it says, so it cannot send keys")]
    NotEncrypted,
    /// The members cannot be asked.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// How a cluster gets another primary key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationParams {
    /// What becomes of the keys that the new one replaces. [`Retire::Former`].
    pub retire: Retire,
    /// How often each stage is tried before the rotation stops. 3.
    pub attempts: u32,
    /// How members are asked.
    pub ask: KeyParams,
}

impl Default for RotationParams {
    fn default() -> Self {
        Self { retire: Retire::default(), attempts: 3, ask: KeyParams::default() }
    }
}

/// Which keys are removed at the end of a rotation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retire {
    /// Those that anybody sealed with before.
    #[default]
    Former,
    /// All but the new one.
    Others,
    /// None: members that are away now can still come back with the old one.
    Nothing,
}

/// How far a rotation is. Each stage begins only when what the one before it was for is true of every
/// member that is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RotationStage {
    /// Everybody answers, and has every key that anybody seals with.
    Preflight,
    /// Everybody gets the new key.
    Install,
    /// Everybody seals with the new key.
    Use,
    /// Everybody forgets the old keys.
    Remove,
}

impl std::fmt::Display for RotationStage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Preflight => "preflight",
            Self::Install => "install",
            Self::Use => "use",
            Self::Remove => "remove",
        })
    }
}

/// A rotation is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationReport {
    /// The key that everybody seals with now.
    pub key: Fingerprint,
    /// The keys that nobody has any more.
    pub removed: Arc<[Fingerprint]>,
    /// Who was asked at last.
    pub members: Arc<[Arc<str>]>,
    /// Who has failed and was not asked: without the new key, it cannot come back.
    pub absent: Arc<[Arc<str>]>,
}

/// A rotation cannot go on. Nobody is cut off by that: the keys that members seal with are in every
/// ring. To rotate to the same key again is to go on from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationStopped {
    /// The key that was to become everybody's primary.
    pub key: Fingerprint,
    /// What could not be brought to its end.
    pub stage: RotationStage,
    /// Who is in the way.
    pub laggards: Arc<[Laggard]>,
    /// Why members cannot be asked, if that is what is in the way.
    pub error: Option<QueryError>,
}

impl std::fmt::Display for RotationStopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rotation to key {} stopped at stage {}", self.key, self.stage)?;
        for (n, laggard) in self.laggards.iter().enumerate() {
            write!(f, "{} {laggard}", if n == 0 { ":" } else { ";" })?;
        }
        match &self.error {
            Some(error) => write!(f, ": {error}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RotationStopped {}

/// A member that holds a rotation up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Laggard {
    /// Its name.
    pub node: Arc<str>,
    /// What is the matter with it.
    pub lag: Lag,
    /// What it said itself about that; often nothing.
    pub said: Arc<str>,
}

impl Laggard {
    pub(crate) fn new(node: &Arc<str>, lag: Lag) -> Self {
        Self { node: node.clone(), lag, said: Arc::default() }
    }
}

impl std::fmt::Display for Laggard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.node, self.lag)?;
        if self.said.is_empty() { Ok(()) } else { write!(f, " ({})", self.said) }
    }
}

/// What is the matter with a member that holds a rotation up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lag {
    /// It is alive, but does not answer.
    #[error("does not answer")]
    Silent,
    /// It answers that it cannot.
    #[error("refuses")]
    Refuses,
    /// It lacks a key.
    #[error("lacks key {0}")]
    Lacks(Fingerprint),
    /// It seals with another key than the new one.
    #[error("seals with key {0}")]
    SealsWith(Fingerprint),
    /// It still has a key that was to be removed.
    #[error("still has key {0}")]
    Keeps(Fingerprint),
}

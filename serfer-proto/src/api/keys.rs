//! Operations on the keyrings of a cluster, and their reports.
//!
//! These types show keys as fingerprints, so they may be logged. Counterpart of the types in Go's
//! `keymanager.go`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::error::QueryError;
use crate::api::ids::QueryId;
use crate::api::keyring::{Fingerprint, SecretKey};

/// What each member is asked to do with its keyring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOp {
    /// Add a key to those that open received messages. Go: `InstallKey`.
    Install(SecretKey),
    /// Make a key the primary, which seals all messages. It must be installed. Go: `UseKey`.
    Use(SecretKey),
    /// Remove a key. It must not be the primary. Go: `RemoveKey`.
    Remove(SecretKey),
    /// List the keys. Go: `ListKeys`.
    List,
}

impl KeyOp {
    /// The key of the operation.
    pub fn key(&self) -> Option<&SecretKey> {
        match self {
            Self::Install(key) | Self::Use(key) | Self::Remove(key) => Some(key),
            Self::List => None,
        }
    }
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

/// The outcome of a [`KeyOp`] on all members. Go: `KeyResponse`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyReport {
    /// The query that asked the members.
    pub query: QueryId,
    /// What they were asked to do.
    pub op: KeyOp,
    /// The answers, in the order in which they came.
    pub answers: Arc<[KeyAnswer]>,
    /// The names of alive members that did not answer.
    pub silent: Arc<[Arc<str>]>,
}

/// The answer of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAnswer {
    /// The member's name.
    pub node: Arc<str>,
    /// Whether it did what it was asked.
    pub done: bool,
    /// Why not, or what is missing from its list. It is mostly empty.
    pub message: Arc<str>,
    /// Its keys, for [`KeyOp::List`].
    pub keys: Arc<[SecretKey]>,
    /// Its primary key, for [`KeyOp::List`]. If a node before serf 0.9.4 does not name it, this is the
    /// first of its keys.
    pub primary: Option<SecretKey>,
}

impl KeyReport {
    /// Whether all alive members did what they were asked.
    pub fn is_complete(&self) -> bool {
        self.silent.is_empty() && self.failures().next().is_none()
    }

    /// The answers of members that did not do it.
    pub fn failures(&self) -> impl Iterator<Item = &KeyAnswer> {
        self.answers.iter().filter(|answer| !answer.done)
    }

    /// How many members have each key. Go: `Keys`.
    pub fn keys(&self) -> BTreeMap<&SecretKey, usize> {
        count(self.answers.iter().flat_map(|answer| &*answer.keys))
    }

    /// How many members have each key as their primary. Go: `PrimaryKeys`.
    pub fn primary_keys(&self) -> BTreeMap<&SecretKey, usize> {
        count(self.answers.iter().filter_map(|answer| answer.primary.as_ref()))
    }

    /// How many members did it.
    pub fn done(&self) -> usize {
        self.answers.iter().filter(|answer| answer.done).count()
    }

    /// How many members were asked.
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

/// How members are asked for a [`KeyOp`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyParams {
    /// How many other members relay each answer, in case it gets lost. Default 0.
    pub relay_factor: u8,
    /// How long to wait for answers. By default, as long as for any query.
    pub timeout: Option<std::time::Duration>,
}

/// Why a key operation or a rotation cannot start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Wait until the other operation or rotation ends.
    #[error("keys are being changed already")]
    Busy,
    /// The key would be visible on the network. Give the node a keyring, and require encryption.
    #[error("this node does not seal all that it says, so it cannot send keys")]
    NotEncrypted,
    /// The query cannot be sent.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// How a rotation gives a cluster another primary key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationParams {
    /// Which keys are removed in the end. Default [`Retire::Former`].
    pub retire: Retire,
    /// How many attempts each stage has before the rotation stops. Default 3.
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
    /// The keys that were a member's primary before.
    #[default]
    Former,
    /// All keys but the new one.
    Others,
    /// No keys. So members that are away now can come back with their old key.
    Nothing,
}

/// The stage of a rotation. A stage begins only when the one before it is finished on all alive members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RotationStage {
    /// All members answer, and each has every other's primary key.
    Preflight,
    /// All members get the new key.
    Install,
    /// All members make the new key their primary.
    Use,
    /// All members remove the old keys.
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
    /// The primary key of all members now.
    pub key: Fingerprint,
    /// The keys that no member has any more.
    pub removed: Arc<[Fingerprint]>,
    /// The names of the members that have the new key.
    pub members: Arc<[Arc<str>]>,
    /// The names of failed members. They lack the new key, and cannot come back without it.
    pub absent: Arc<[Arc<str>]>,
}

impl std::fmt::Display for RotationReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (members, removed) = (self.members.len(), self.removed.len());
        write!(f, "rotation to key {} is complete: {members} members have it, ", self.key)?;
        write!(f, "{removed} old keys are removed")?;
        match &*self.absent {
            [] => Ok(()),
            absent => write!(f, "; absent, and without it: {}", absent.join(", ")),
        }
    }
}

/// A rotation cannot go on. No member is cut off by this, since each primary key is in every keyring.
/// To continue from here, rotate to the same key again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationStopped {
    /// The key that was to become the primary.
    pub key: Fingerprint,
    /// The stage that could not be finished.
    pub stage: RotationStage,
    /// The members that hold up the rotation.
    pub laggards: Arc<[Laggard]>,
    /// Why the members cannot be asked, if this is the reason.
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

/// A member that holds up a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Laggard {
    /// Its name.
    pub node: Arc<str>,
    /// What is wrong with it.
    pub lag: Lag,
    /// What the member itself said about this. It is often empty.
    pub said: Arc<str>,
}

impl std::fmt::Display for Laggard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.node, self.lag)?;
        if self.said.is_empty() { Ok(()) } else { write!(f, " ({})", self.said) }
    }
}

/// What is wrong with a member that holds up a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lag {
    /// It is alive, but does not answer.
    #[error("does not answer")]
    Silent,
    /// It answers that it did not do what it was asked.
    #[error("refuses")]
    Refuses,
    /// It lacks a key.
    #[error("lacks key {0}")]
    Lacks(Fingerprint),
    /// Its primary key is not the new one.
    #[error("seals with key {0}")]
    SealsWith(Fingerprint),
    /// It still has a key that is to be removed.
    #[error("still has key {0}")]
    Keeps(Fingerprint),
}

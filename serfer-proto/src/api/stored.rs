//! The files a node keeps, and how they are written.

/// A file that a node keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoredFile {
    /// The members and the Lamport times, for a restart.
    Snapshot,
    /// The keys.
    Keyring,
}

impl std::fmt::Display for StoredFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Snapshot => "snapshot",
            Self::Keyring => "keyring",
        })
    }
}

/// How bytes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreWrite {
    /// At the end of the file, which must be there.
    Append,
    /// In place of the file. After a crash there must be either the whole old file or the whole new one:
    /// write another file beside it, sync it, and rename it. An existing file keeps its mode; a new keyring is
    /// for its owner only. A file that cannot be replaced, such as a mount point, is better written in place than
    /// not at all.
    Replace,
}

/// How durable stored bytes must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Durability {
    /// They outlive the process.
    Lazy,
    /// They outlive the machine: `fsync`.
    Synced,
}

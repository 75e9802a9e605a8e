//! The files a node keeps, and how they are written.

/// A file that a node keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoredFile {
    /// Who the members are and what time it is, to find back after a restart.
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
    /// Instead of the file. Whatever happens meanwhile, what is found afterwards is either the old
    /// file or the new one, whole: write another file beside it, see it safely on the disk, and
    /// rename it. A file that is there keeps its mode; a new keyring is for its owner only.
    Replace,
}

/// How safe stored bytes must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Durability {
    /// They outlive the process.
    Lazy,
    /// They outlive the machine: `fsync`.
    Synced,
}

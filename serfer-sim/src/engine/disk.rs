//! A node's disk: its files, how much of them is synced, and whether it works.

use std::collections::BTreeMap;

use serfer_proto::{Durability, StoreWrite, StoredFile};

/// The files of one node. They stay when its process ends.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    files: BTreeMap<StoredFile, DiskFile>,
    pub(crate) state: DiskState,
}

/// Whether a disk accepts writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum DiskState {
    #[default]
    Works,
    Fails,
}

/// What becomes of unsynced bytes when a node crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Unsynced {
    /// They stay: only the process died.
    #[default]
    Kept,
    /// They are lost: the machine lost power.
    Lost,
    /// Only the first half of them stays. It may end within a line.
    Torn,
}

#[derive(Debug, Default)]
struct DiskFile {
    bytes: Vec<u8>,
    /// How many of the bytes are synced.
    synced: usize,
    /// A write failed, so nothing can be appended.
    broken: bool,
}

/// The disk does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WriteFailed;

impl Disk {
    pub(crate) fn write(
        &mut self,
        file: StoredFile,
        write: StoreWrite,
        durability: Durability,
        bytes: &[u8],
    ) -> Result<(), WriteFailed> {
        let it = self.files.entry(file).or_default();
        if write == StoreWrite::Append && it.broken {
            // This failure was reported already.
            return Ok(());
        }
        it.broken = self.state == DiskState::Fails;
        if it.broken {
            return Err(WriteFailed);
        }
        if write == StoreWrite::Replace {
            it.bytes.clear();
        }
        it.bytes.extend_from_slice(bytes);
        if durability == Durability::Synced {
            it.synced = it.bytes.len();
        }
        Ok(())
    }

    pub(crate) fn read(&self, file: StoredFile) -> Option<&[u8]> {
        self.files.get(&file).map(|it| &*it.bytes)
    }

    /// Replaces a file, as another program would.
    pub(crate) fn put(&mut self, file: StoredFile, bytes: &[u8]) {
        let it = DiskFile { bytes: bytes.to_vec(), synced: bytes.len(), broken: false };
        self.files.insert(file, it);
    }

    /// The machine crashes.
    pub(crate) fn crash(&mut self, unsynced: Unsynced) {
        for it in self.files.values_mut() {
            let kept = match unsynced {
                Unsynced::Kept => it.bytes.len(),
                Unsynced::Lost => it.synced,
                Unsynced::Torn => it.synced + (it.bytes.len() - it.synced) / 2,
            };
            it.bytes.truncate(kept);
            it.synced = it.bytes.len();
            it.broken = false;
        }
    }
}

/// A write, line by line. `+` marks appended lines, `=` the lines of a new file.
pub(crate) fn describe_write(
    file: StoredFile,
    write: StoreWrite,
    durability: Durability,
    bytes: &[u8],
) -> Vec<String> {
    if file == StoredFile::Keyring {
        return vec![format!("{file} replaced")];
    }
    let sign = match write {
        StoreWrite::Append => '+',
        StoreWrite::Replace => '=',
    };
    let text = String::from_utf8_lossy(bytes);
    let mut lines: Vec<_> = text.lines().map(|line| format!("{file} {sign} {line}")).collect();
    if (write, durability) == (StoreWrite::Append, Durability::Synced) {
        match lines.last_mut() {
            Some(last) => last.push_str(" (synced)"),
            None => lines.push(format!("{file} synced")),
        }
    }
    lines
}

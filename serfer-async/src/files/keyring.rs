//! The keyring file: keys that outlive the process.
//!
//! It is a JSON list of keys in base64, the primary first, as `serf agent -keyring-file` reads and writes it.
//! It is read before anything of the node starts. Errors never show a key. While the node runs, the file is
//! written anew whenever the keys change. A key that cannot be read is a reason not to start: it would be lost
//! with the next change.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde_json::error::Category;
use serfer_proto::{Durability, Keyring, SecretKey, SecretKeyError, StoreWrite, StoredFile};

use super::own_file::{InUse, OwnFile};
use super::system::is_full;
use crate::node::state::backlog::StoreJob;

/// A keyring file that a node cannot start with.
#[derive(Debug, thiserror::Error)]
#[error("keyring file {}: {problem}", path.display())]
pub struct KeyringFileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub problem: KeyringFileProblem,
}

/// What is wrong with a keyring file. No key is shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringFileProblem {
    /// Give a key; the file is created with it.
    #[error("it is not there, and no key is given to create it with")]
    Missing,
    /// Its keys may have changed since they were given for the first time. Give no keys if there is a file, or
    /// give one that is only for a new file, with
    /// [`keyring_file_or_create`](crate::Builder::keyring_file_or_create).
    #[error(
        "it is there, and has not the keys that are given beside it: start without these keys, or give one with \
         `keyring_file_or_create` (`first_key` in a file of settings), which counts only for a new file"
    )]
    KeyBesideFile,
    /// Another process, or another node of this one, uses it. Give each node a file of its own.
    #[error("it is in use by another node: give each node a file of its own")]
    InUse,
    /// The operating system refuses to read it.
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
    /// It is not there, and cannot be created. Its folder must exist.
    #[error("it cannot be written: {0}")]
    Unwritable(io::Error),
    /// No keyring is so long.
    #[error("it is longer than {max} bytes, so it is no keyring")]
    TooLong {
        /// The most that is read.
        max: u64,
    },
    /// It is damaged, or was meant for something else.
    #[error("line {line}: {reason}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// It is an empty list, or there is nothing in it. Give a key to write it with, or restore it.
    #[error("it has no keys")]
    Empty,
    /// One of its keys is invalid.
    #[error("line {line}: key {number}: {error}")]
    Key {
        /// The line, from 1.
        line: usize,
        /// Which key of the list, from 1.
        number: usize,
        /// What is wrong with it.
        error: SecretKeyError,
    },
}

/// More than thousands of keys need.
const LEN_MAX: u64 = 1 << 20;

/// A keyring file, taken by this node.
#[derive(Debug)]
pub(crate) struct KeyringFile {
    pub(crate) own: OwnFile,
    pub(crate) ring: Keyring,
    /// Whether the file is to be written with these keys when the node starts.
    pub(crate) is_new: bool,
}

/// The keys to go by beside the file.
#[derive(Clone, Debug)]
pub(crate) struct GivenKeys {
    /// Those of the configuration. If there is a file, it must have the same, unless there is also a first key.
    pub(crate) keys: Option<Keyring>,
    /// What a new file is created with. If there is a file, this counts for nothing.
    pub(crate) first: Option<SecretKey>,
}

/// Takes the file and reads its keys. A file that is not there yet, or has nothing but zeros and blanks in it,
/// is to be written with those that are given. Blocks.
pub(crate) fn load(path: &Path, given: &GivenKeys) -> Result<KeyringFile, KeyringFileError> {
    open(path, given).map_err(|problem| KeyringFileError { path: path.to_owned(), problem })
}

fn open(path: &Path, given: &GivenKeys) -> Result<KeyringFile, KeyringFileProblem> {
    let is_there = fs::exists(path).map_err(KeyringFileProblem::Unreadable)?;
    let content = if is_there { read(path)? } else { Vec::new() };
    let own = OwnFile::take(path, StoredFile::Keyring).map_err(in_use)?;
    if is_blank(&content)
        && let Some(ring) = given.ring()
    {
        match is_there {
            true => tell_blank(path, content.len()),
            false => check_creatable(&own)?,
        }
        return Ok(KeyringFile { own, ring, is_new: true });
    }
    if !is_there {
        return Err(KeyringFileProblem::Missing);
    }
    // Nobody changes it from here on.
    let ring = parse(&read(path)?)?;
    if given.contradict(&ring) {
        return Err(KeyringFileProblem::KeyBesideFile);
    }
    if given.first.as_ref().is_some_and(|first| !ring.has(first)) {
        tracing::info!(target: "serfer::keys", path = %path.display(), "the keyring file has other keys than the first one, which is not used");
    }
    if let Err(error) = own.check_writable() {
        tracing::warn!(
            target: "serfer::store", path = %path.display(), %error,
            "the keyring file cannot be written: this node refuses each change of the keys"
        );
    }
    Ok(KeyringFile { own, ring, is_new: false })
}

fn in_use(_: InUse) -> KeyringFileProblem {
    KeyringFileProblem::InUse
}

/// A full disk is no reason not to start: nothing is lost, since the keys were given.
fn check_creatable(own: &OwnFile) -> Result<(), KeyringFileProblem> {
    match own.check_creatable() {
        Err(error) if !is_full(&error) => Err(KeyringFileProblem::Unwritable(error)),
        _ => Ok(()),
    }
}

/// Whether there is nothing in it: it was just created, or there are zeros after a loss of power.
fn is_blank(content: &[u8]) -> bool {
    content.iter().all(|byte| *byte == 0 || byte.is_ascii_whitespace())
}

fn tell_blank(path: &Path, len: usize) {
    if len > 0 {
        tracing::warn!(
            target: "serfer::store", path = %path.display(), len,
            "line 1: the keyring file has nothing in it, as after a loss of power: it is written anew with the key that is given"
        );
    }
}

impl GivenKeys {
    /// Whether a file that is there should have others.
    fn contradict(&self, ring: &Keyring) -> bool {
        let other = |given: &Keyring| !given.keys().eq(ring.keys());
        self.first.is_none() && self.keys.as_ref().is_some_and(other)
    }

    /// All of them, as those of a new file.
    pub(crate) fn ring(&self) -> Option<Keyring> {
        let first = self.first.iter().cloned();
        first.fold(self.keys.clone(), |ring, key| match ring {
            Some(ring) => Some(ring.with(key)),
            None => Some(Keyring::new(key)),
        })
    }
}

impl KeyringFile {
    /// Writes a file that is new. Blocks.
    pub(crate) fn create(mut self) -> Result<OwnFile, KeyringFileError> {
        if self.is_new {
            self.write().map_err(|problem| {
                let path = self.own.path.clone();
                KeyringFileError { path, problem }
            })?;
        }
        Ok(self.own)
    }

    fn write(&mut self) -> Result<(), KeyringFileProblem> {
        match self.write_claimed()? {
            Err(error) if is_full(&error) => {
                tracing::warn!(target: "serfer::store", path = %self.own.path.display(), %error, "the keyring file cannot be written yet");
                Ok(())
            }
            written => written.map_err(KeyringFileProblem::Unwritable),
        }
    }

    /// Of two nodes that start together, one creates the file, and the other does not start.
    fn write_claimed(&mut self) -> Result<io::Result<()>, KeyringFileProblem> {
        let was_there = fs::exists(&self.own.path).unwrap_or(false);
        match self.own.create() {
            Ok(claimed) => claimed.map_err(in_use)?,
            Err(error) => return Ok(Err(error)),
        }
        if !is_blank(&read(&self.own.path)?) {
            return Err(KeyringFileProblem::InUse);
        }
        let bytes = self.ring.to_json().into_bytes();
        let (write, durability) = (StoreWrite::Replace, Durability::Synced);
        let written = self.own.write(&StoreJob { write, durability, bytes });
        if written.is_err() && !was_there {
            let _ = fs::remove_file(&self.own.path);
        }
        Ok(written)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, KeyringFileProblem> {
    let content = content(path).map_err(KeyringFileProblem::Unreadable)?;
    if content.len() as u64 > LEN_MAX {
        return Err(KeyringFileProblem::TooLong { max: LEN_MAX });
    }
    Ok(content)
}

fn content(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut content = Vec::new();
    File::open(path)?.take(LEN_MAX + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// Reads the content of a keyring file.
pub(super) fn parse(content: &[u8]) -> Result<Keyring, KeyringFileProblem> {
    // Some editors begin a file with this.
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    if is_blank(content) {
        return Err(KeyringFileProblem::Empty);
    }
    // serde's own message would show the text that it found.
    let keys: Vec<String> = serde_json::from_slice(content).map_err(|error| {
        let reason = match error.classify() {
            Category::Eof | Category::Io => "it ends too early",
            Category::Syntax => "it is not JSON",
            Category::Data => "it is not a list of strings",
        };
        KeyringFileProblem::Malformed { line: error.line(), reason }
    })?;
    let mut ring = None::<Keyring>;
    for (at, key) in keys.iter().enumerate() {
        let key = SecretKey::from_base64(key).map_err(|error| KeyringFileProblem::Key {
            line: line_of_string(content, at),
            number: at + 1,
            error,
        })?;
        ring = Some(match ring {
            Some(ring) => ring.with(key),
            None => Keyring::new(key),
        });
    }
    ring.ok_or(KeyringFileProblem::Empty)
}

/// The line on which a string of a list of strings stands.
fn line_of_string(content: &[u8], number: usize) -> usize {
    let (mut line, mut quotes) = (1, 0);
    let mut bytes = content.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if quotes == 2 * number => break,
            b'"' => quotes += 1,
            // The next character is part of the string, even if it is a quote.
            b'\\' => drop(bytes.next()),
            b'\n' => line += 1,
            _ => {}
        }
    }
    line
}

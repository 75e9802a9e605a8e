//! The keyring file: keys that outlive the process.
//!
//! It is a JSON list of keys in base64, the primary first, as `serf agent -keyring-file` reads and writes it.
//! It is read before anything of the node starts. Errors never show a key. While the node runs, the file is
//! written anew whenever the keys change.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde_json::error::Category;
use serfer_proto::{Keyring, SecretKey, SecretKeyError, StoredFile};

use super::disk;

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
    /// Its keys may have changed since they were given for the first time. Give no keys if there is a file.
    #[error("it is there, and has not the keys that are given beside it")]
    KeyBesideFile,
    /// The operating system refuses to read it.
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
    /// It cannot be written, so no change of the keys would outlive the process.
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
    /// It is an empty list.
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

/// Reads the keys of the file; `None` if there is no file yet. `given` are the keys of the configuration.
/// Also checks that the file can be written. Blocks.
pub(crate) fn load(
    path: &Path,
    given: Option<&Keyring>,
) -> Result<Option<Keyring>, KeyringFileError> {
    let loaded = match (fs::exists(path), given) {
        (Ok(true), given) => read(path).and_then(|ring| match given {
            Some(given) if !given.keys().eq(ring.keys()) => Err(KeyringFileProblem::KeyBesideFile),
            _ => Ok(Some(ring)),
        }),
        (Ok(false), Some(_)) => Ok(None),
        (Ok(false), None) => Err(KeyringFileProblem::Missing),
        (Err(error), _) => Err(KeyringFileProblem::Unreadable(error)),
    };
    let writable = || {
        let checked = disk::check_replaceable(path, StoredFile::Keyring);
        checked.map_err(KeyringFileProblem::Unwritable)
    };
    let checked = loaded.and_then(|loaded| writable().map(|()| loaded));
    checked.map_err(|problem| KeyringFileError { path: path.to_owned(), problem })
}

/// Creates the file. Blocks.
pub(crate) fn create(path: &Path, ring: &Keyring) -> Result<(), KeyringFileError> {
    let written = disk::replace(path, ring.to_json().as_bytes(), StoredFile::Keyring);
    written.map_err(|error| KeyringFileError {
        path: path.to_owned(),
        problem: KeyringFileProblem::Unwritable(error),
    })
}

fn read(path: &Path) -> Result<Keyring, KeyringFileProblem> {
    let content = content(path).map_err(KeyringFileProblem::Unreadable)?;
    if content.len() as u64 > LEN_MAX {
        return Err(KeyringFileProblem::TooLong { max: LEN_MAX });
    }
    parse(&content)
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
fn parse(content: &[u8]) -> Result<Keyring, KeyringFileProblem> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RED: &str = "U3VwZXJTZWN1cmVUb2tlbg==";
    const BLUE: &str = "QW5vdGhlclNlY3JldDEyMw==";

    fn problem(content: &str) -> String {
        match parse(content.as_bytes()) {
            Ok(ring) => format!("{} keys", ring.keys().count()),
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn any_layout_of_a_list_of_keys_will_do() {
        for content in [
            format!("[\n  \"{RED}\",\n  \"{BLUE}\"\n]"),
            format!("[\"{RED}\",\"{BLUE}\"]\n"),
            format!("\r\n\t[ \"{RED}\" ,\"{BLUE}\" , \"{RED}\"]"),
            format!("[\"{}\", \"{BLUE}\"]", RED.replace("==", "\\u003d\\u003d")),
        ] {
            let ring = parse(content.as_bytes()).unwrap();
            let keys: Vec<_> = ring.keys().map(SecretKey::to_base64).collect();
            assert_eq!(keys, [RED, BLUE], "{content}");
        }
    }

    #[test]
    fn an_invalid_keyring_is_reported_with_its_line() {
        let of = |content: &str| problem(content);
        assert_eq!(of(""), "line 1: it ends too early");
        assert_eq!(of(&format!("[\n  \"{RED}\",\n  \"QW5v")), "line 3: it ends too early");
        assert_eq!(of(&format!("[\n  \"{RED}\",\n  QW5v\n]")), "line 3: it is not JSON");
        assert_eq!(of(&format!("[\n\"{RED}\"\n]\n]")), "line 4: it is not JSON");
        assert_eq!(of("alive: web-1 10.0.0.1:7946\n"), "line 1: it is not JSON");
        assert_eq!(of(&format!("\"{RED}\"")), "line 1: it is not a list of strings");
        assert_eq!(of(&format!("{{\"key\": \"{RED}\"}}")), "line 1: it is not a list of strings");
        assert_eq!(of(&format!("[\n\"{RED}\",\n7]")), "line 3: it is not a list of strings");
        assert_eq!(of("[]"), "it has no keys");
        let short = format!("[\n  \"{RED}\",\n  \"c2hvcnQ=\"\n]");
        assert_eq!(
            of(&short),
            "line 3: key 2: a key of 5 bytes is not 16, 24 or 32 bytes long; as text it is base64, see `serf keygen`"
        );
        assert_eq!(of("[\"\\\"\",\n\"\"]"), "line 1: key 1: key is not base64: invalid byte at 0");
        let text = format!("[\"{RED}\", \"{BLUE}\",\n\n\"{BLUE}\", \"no!!\"]");
        assert_eq!(of(&text), "line 3: key 4: key is not base64: invalid byte at 2");
    }

    #[test]
    fn an_error_has_the_path_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keyring");
        let said = |given: Option<&Keyring>| {
            let error = load(&path, given).unwrap_err().to_string();
            error.replace(&path.display().to_string(), "PATH")
        };
        let given = Keyring::new(SecretKey::from_base64(RED).unwrap());
        assert_eq!(
            said(None),
            "keyring file PATH: it is not there, and no key is given to create it with"
        );
        fs::write(&path, "[").unwrap();
        assert_eq!(said(None), "keyring file PATH: line 1: it ends too early");
        assert_eq!(said(Some(&given)), said(None));
        fs::write(&path, format!("[\"{BLUE}\"]")).unwrap();
        assert_eq!(
            said(Some(&given)),
            "keyring file PATH: it is there, and has not the keys that are given beside it"
        );
        fs::write(&path, vec![b' '; 2 << 20]).unwrap();
        assert_eq!(
            said(None),
            "keyring file PATH: it is longer than 1048576 bytes, so it is no keyring"
        );
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(said(None), "keyring file PATH: it cannot be read: it is no file");
        let below = dir.path().join("file").join("keyring");
        let error = load(&below, Some(&given)).unwrap_err();
        assert!(matches!(error.problem, KeyringFileProblem::Unwritable(_)), "{error}");
    }

    #[test]
    fn a_file_that_is_created_is_loaded_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keyring");
        let given = Keyring::new(SecretKey::from_base64(RED).unwrap());
        assert!(load(&path, Some(&given)).unwrap().is_none());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left behind");
        create(&path, &given).unwrap();
        for given in [None, Some(&given)] {
            let loaded = load(&path, given).unwrap().expect("it is there");
            assert_eq!(loaded.primary().to_base64(), RED);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    fn any_ring() -> impl Strategy<Value = Keyring> {
        let len = prop_oneof![Just(16), Just(24), Just(32)];
        let key = len.prop_flat_map(|len| prop::collection::vec(any::<u8>(), len));
        let key = key.prop_map(|bytes| SecretKey::new(&bytes).unwrap());
        prop::collection::vec(key, 1..20).prop_map(|mut keys| {
            let primary = Keyring::new(keys.remove(0));
            keys.into_iter().fold(primary, Keyring::with)
        })
    }

    proptest! {
        #[test]
        fn a_keyring_that_is_written_is_read_again(ring in any_ring()) {
            let read = parse(ring.to_json().as_bytes()).unwrap();
            let [written, read] = [&ring, &read].map(|ring| ring.keys().collect::<Vec<_>>());
            prop_assert_eq!(written, read);
        }

        #[test]
        fn a_file_that_is_cut_off_is_noticed(ring in any_ring(), at in any::<prop::sample::Index>()) {
            let text = ring.to_json();
            prop_assert!(parse(&text.as_bytes()[..at.index(text.len())]).is_err());
        }

        #[test]
        fn no_content_makes_the_parser_panic(content in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&content);
        }

        #[test]
        fn no_error_shows_a_key(ring in any_ring(), at in any::<prop::sample::Index>(), byte: u8) {
            let mut content = ring.to_json().into_bytes();
            let at = at.index(content.len());
            content[at] = byte;
            if let Err(problem) = parse(&content) {
                let said = problem.to_string();
                for key in ring.keys() {
                    prop_assert!(!said.contains(&key.to_base64()[..8]));
                }
            }
        }
    }
}

//! What a keyring file may be.

use std::fs;

use proptest::prelude::*;
use serfer_proto::{Keyring, SecretKey};

use crate::files::keyring::{
    GivenKeys, KeyringFile, KeyringFileError, KeyringFileProblem, load, parse,
};

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
    assert_eq!(of(""), "it has no keys");
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
    assert_eq!(
        of("[\"\\\"\",\n\"\"]"),
        "line 1: key 1: key is not base64, as `serf keygen` makes it: invalid byte at 0"
    );
    let text = format!("[\"{RED}\", \"{BLUE}\",\n\n\"{BLUE}\", \"no!!\"]");
    assert_eq!(
        of(&text),
        "line 3: key 4: key is not base64, as `serf keygen` makes it: invalid byte at 2"
    );
}

#[test]
fn an_error_has_the_path_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keyring");
    let said = |given: Option<&Keyring>| {
        let error = load_with(&path, given).unwrap_err().to_string();
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
        "keyring file PATH: it is there, and has not the keys that are given beside it: start without these \
         keys, or give one with `keyring_file_or_create` (`first_key` in a file of settings), which counts \
         only for a new file"
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
    let error = load_with(&below, Some(&given)).unwrap_err();
    assert!(matches!(error.problem, KeyringFileProblem::Unwritable(_)), "{error}");
}

#[test]
fn a_file_that_is_created_is_loaded_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keyring");
    let given = ring(RED);
    let file = load_with(&path, Some(&given)).unwrap();
    assert!(file.is_new);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left behind");
    drop(file.create().unwrap());
    for given in [None, Some(&given)] {
        let loaded = load_with(&path, given).unwrap();
        assert_eq!((loaded.is_new, loaded.ring.primary().to_base64()), (false, RED.to_owned()));
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_first_key_counts_only_for_a_new_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keyring");
    let first = |key: &str| {
        let given = GivenKeys { keys: None, first: Some(SecretKey::from_base64(key).unwrap()) };
        load(&path, &given).unwrap()
    };
    drop(first(RED).create().unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), ring(RED).to_json());
    // With a first key, all that is given is for a new file.
    let first_key = Some(SecretKey::from_base64(BLUE).unwrap());
    let both = GivenKeys { keys: Some(ring(BLUE)), first: first_key };
    assert!(!load(&path, &both).unwrap().is_new);
    for key in [RED, BLUE] {
        let file = first(key);
        assert_eq!((file.is_new, file.ring.primary().to_base64()), (false, RED.to_owned()));
    }
}

#[test]
fn a_file_with_nothing_in_it_is_written_with_the_key_that_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keyring");
    for nothing in [&b""[..], b"\n", &[0; 100]] {
        fs::write(&path, nothing).unwrap();
        let error = load_with(&path, None).unwrap_err();
        assert!(matches!(error.problem, KeyringFileProblem::Empty), "{error}");
        drop(load_with(&path, Some(&ring(RED))).unwrap().create().unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), ring(RED).to_json());
    }
}

#[test]
fn one_file_is_for_one_node() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keyring");
    // Both find that there is no file.
    let [one, two] = [RED, BLUE].map(|key| load_with(&path, Some(&ring(key))).unwrap());
    let own = one.create().unwrap();
    let error = two.create().unwrap_err();
    assert!(matches!(error.problem, KeyringFileProblem::InUse), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), ring(RED).to_json());
    // The file was replaced when it was written, and is locked still, under any name.
    let other_name = dir.path().join("link");
    fs::hard_link(&path, &other_name).unwrap();
    for path in [&path, &other_name] {
        let error = load_with(path, None).unwrap_err();
        assert!(matches!(error.problem, KeyringFileProblem::InUse), "{error}");
    }
    drop(own);
    assert!(load_with(&path, None).is_ok());
}

#[test]
fn keys_may_end_as_the_decoder_of_go_lets_them_end() {
    let text = format!("\u{feff}[\"{RED}\\n\", \"{}\\r\\n\"]", BLUE);
    let ring = parse(text.as_bytes()).unwrap();
    assert_eq!(ring.keys().map(SecretKey::to_base64).collect::<Vec<_>>(), [RED, BLUE]);
}

fn load_with(
    path: &std::path::Path,
    keys: Option<&Keyring>,
) -> Result<KeyringFile, KeyringFileError> {
    load(path, &GivenKeys { keys: keys.cloned(), first: None })
}

fn ring(key: &str) -> Keyring {
    Keyring::new(SecretKey::from_base64(key).unwrap())
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

//! Keys of a running cluster, and the keyring file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use super::adapter::{
    Builder, Error, Event, KeyError, KeyringFileProblem, SecretKey, Serfer, StoredFile,
};
use super::{Adapter, KEY, addr, builder, plain_builder, run, start, start_joined, until};
use crate::logged::logged;

/// base64 of `AnotherSecret123`
const OTHER: &str = "QW5vdGhlclNlY3JldDEyMw==";

fn key(base64: &str) -> SecretKey {
    SecretKey::from_base64(base64).expect("a base64 key")
}

fn keys_in(file: &Path) -> Vec<String> {
    let content = fs::read(file).expect("the file is there");
    serde_json::from_slice(&content).expect("it is a list of keys")
}

async fn start_with_file(name: &str, file: &Path) -> Serfer {
    builder(name).keyring_file(file).start().await.expect("the file can be used")
}

#[test]
fn a_keyring_file_is_created_for_its_owner_and_follows_the_keys() {
    run(async {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("keyring");
        let a = start_with_file("a", &file).await;
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("[\n  \"{KEY}\"\n]"));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

        let b = start_joined("b", &a).await;
        assert!(b.install_key(key(OTHER)).await.unwrap().is_complete());
        until("the file has both", || keys_in(&file) == [KEY, OTHER]).await;
        assert!(b.use_key(key(OTHER)).await.unwrap().is_complete());
        until("the file has the other first", || keys_in(&file) == [OTHER, KEY]).await;
        assert!(b.remove_key(key(KEY)).await.unwrap().is_complete());
        until("the file has the other", || keys_in(&file) == [OTHER]).await;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left behind");

        // It starts again with the keys that it has learned, and no others.
        let old = addr(&a);
        a.shutdown().await;
        let refused = builder("a").keyring_file(&file).start().await.unwrap_err();
        let Error::KeyringFile(refused) = refused else { panic!("{refused}") };
        assert!(matches!(refused.problem, KeyringFileProblem::KeyBesideFile));
        assert!(refused.to_string().contains("start without these keys"), "{refused}");
        let a = plain_builder("a").bind(old).keyring_file(&file).join([addr(&b)]).start().await;
        let report = a.unwrap().list_keys().await.unwrap();
        assert_eq!(report.primary_keys().values().sum::<usize>(), 2);
    });
}

#[test]
fn a_file_that_is_there_keeps_its_mode() {
    run(async {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("keyring");
        fs::write(&file, format!("[\"{KEY}\"]")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let a = plain_builder("a").keyring_file(&file).start().await.unwrap();
        a.install_key(key(OTHER)).await.unwrap();
        until("the file has both", || keys_in(&file) == [KEY, OTHER]).await;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    });
}

#[test]
fn a_file_that_cannot_be_used_is_named_before_anything_starts() {
    run(async {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("keyring");
        let refusal = async |with: Builder<Adapter>| {
            let error = with.keyring_file(&file).start().await.unwrap_err();
            assert!(matches!(error, Error::KeyringFile(_)), "{error}");
            error.to_string().replace(&file.display().to_string(), "FILE")
        };
        let missing = "keyring file FILE: it is not there, and no key is given to create it with";
        assert_eq!(refusal(plain_builder("a")).await, missing);
        fs::write(&file, format!("[\n  \"{KEY}\",\n  \"{OTHER}")).unwrap();
        let truncated = "keyring file FILE: line 3: it ends too early";
        assert_eq!(refusal(plain_builder("a")).await, truncated);
        assert_eq!(refusal(builder("a")).await, truncated);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left behind");
        // Even root cannot create a file below a file.
        let below = file.join("keyring");
        let error = builder("a").keyring_file(&below).start().await.unwrap_err();
        assert!(matches!(error, Error::KeyringFile(_)), "{error}");
    });
}

#[test]
fn a_file_that_cannot_be_written_any_more_is_told_and_the_node_goes_on() {
    run(async {
        let dir = TempDir::new().unwrap();
        let folder = dir.path().join("folder");
        fs::create_dir(&folder).unwrap();
        let file = folder.join("keyring");
        let a = start_with_file("a", &file).await;
        let b = start_joined("b", &a).await;
        fs::rename(&folder, dir.path().join("elsewhere")).unwrap();
        let mut events = a.events();
        let report = b.install_key(key(OTHER)).await.unwrap();
        let refused: Vec<_> = report.failures().map(|it| (&*it.node, &*it.message)).collect();
        let [("a", why)] = refused[..] else { panic!("{report}") };
        assert!(why.starts_with("the keyring file cannot be written: "), "{why}");
        loop {
            match events.next().await.unwrap().unwrap() {
                Event::StoreFailed(failure) => {
                    assert_eq!(failure.file, StoredFile::Keyring);
                    assert!(failure.reason.contains(&file.display().to_string()), "{failure:?}");
                    break;
                }
                _ => continue,
            }
        }
        assert_eq!(keys_in(&dir.path().join("elsewhere/keyring")), [KEY]);
        let lists = b.list_keys().await.unwrap();
        assert_eq!(lists.keys()[&key(OTHER)], 1, "a has what it would start with again");
        // The same call succeeds once the file can be written again.
        fs::rename(dir.path().join("elsewhere"), &folder).unwrap();
        assert!(b.install_key(key(OTHER)).await.unwrap().is_complete());
        assert_eq!(keys_in(&file), [KEY, OTHER], "it is stored before it is answered");
    });
}

#[test]
fn a_rotation_is_waited_for_and_nobody_logs_a_key() {
    run(async {
        // The log of the whole process: other tests must not log a key either.
        let logged = logged();
        let a = start("a").await;
        let b = start_joined("b", &a).await;
        let report = a.rotate_key(key(OTHER)).await.unwrap();
        assert_eq!((report.key, report.members.len()), (key(OTHER).fingerprint(), 2));
        assert_eq!(*report.removed, [key(KEY).fingerprint()]);
        let keys = b.list_keys().await.unwrap();
        assert_eq!(keys.keys().into_iter().collect::<Vec<_>>(), [(&key(OTHER), 2)]);

        let logged = logged.text();
        assert!(logged.contains(&key(OTHER).fingerprint().to_string()));
        let traces = logged.lines().filter(|line| line.contains("TRACE"));
        assert!(
            traces.filter(|line| line.contains("QueryResponse")).count() > 5,
            "messages are traced"
        );
        for (base64, bytes) in [(KEY, "SuperSecureToken"), (OTHER, "AnotherSecret123")] {
            assert!(!logged.contains(base64) && !logged.contains(bytes));
            let debug = format!("{:?}", bytes.as_bytes());
            assert!(!logged.contains(debug.trim_matches(['[', ']'])));
        }
    });
}

#[test]
fn keys_cannot_be_sent_in_the_clear() {
    run(async {
        let a = plain_builder("a").start().await.unwrap();
        let error = a.install_key(key(OTHER)).await.unwrap_err();
        assert!(matches!(error, Error::Keys(KeyError::NotEncrypted)), "{error}");
        let error = a.rotate_key(key(OTHER)).await.unwrap_err();
        assert!(matches!(error, Error::Keys(KeyError::NotEncrypted)), "{error}");
        let report = a.list_keys().await.unwrap();
        let [answer] = &*report.answers else { panic!("{report}") };
        assert_eq!(&*answer.message, "Keyring is empty (encryption not enabled)");
    });
}

#[test]
fn keys_that_are_to_be_stored_without_a_file_do_not_change() {
    run(async {
        let a = builder("a").configure(|config| config.store_keyring()).start().await.unwrap();
        let report = a.install_key(key(OTHER)).await.unwrap();
        let [refused] = &*report.answers else { panic!("{report}") };
        assert!(
            refused.message.contains("no file is given for it: see `keyring_file`"),
            "{report}"
        );
    });
}

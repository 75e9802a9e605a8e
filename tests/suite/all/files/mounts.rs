//! Files that are mounted alone, as containers have them, in a mount namespace of the test's own.
//!
//! The test starts itself again there, as root. Where that is not possible, it says so and does nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::adapter::SecretKey;
use super::{KEY, OTHER, addr, builder, plain_builder, run, start, until};

/// The folder of a test, in the namespace.
const FOLDER: &str = "SERFER_MOUNTS";

/// Runs a test in a namespace, in a folder of its own.
fn in_namespace(test: impl AsyncFnOnce(&Path)) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return run(async { test(Path::new(&folder)).await });
    }
    let can = Command::new("unshare").args(["-m", "true"]).output();
    if !can.is_ok_and(|it| it.status.success()) {
        eprintln!("skipped: needs root and `unshare`");
        return;
    }
    let dir = TempDir::new().expect("a temporary directory");
    let name = std::thread::current().name().expect("a test has a name").to_owned();
    let mut again = Command::new("unshare");
    again.arg("-m").arg(std::env::current_exe().expect("it runs")).args([
        "--exact",
        &name,
        "--nocapture",
    ]);
    let ran = again.env(FOLDER, dir.path()).output().expect("it starts");
    let said = [ran.stdout, ran.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    assert!(ran.status.success(), "{}", said.concat());
    assert!(said[0].contains("1 passed"), "{}", said[0]);
}

fn mount(args: &[&str], paths: &[&Path]) {
    let mounted = Command::new("mount").args(args).args(paths).status();
    assert!(mounted.is_ok_and(|it| it.success()), "mount {args:?} {paths:?}");
}

/// A file with this content that is mounted at another place.
fn mounted(folder: &Path, name: &str, content: &str) -> (PathBuf, PathBuf) {
    let [real, at] = ["real", "at"].map(|kind| folder.join(format!("{name}.{kind}")));
    fs::write(&real, content).expect("it can be written");
    fs::write(&at, "").expect("it can be written");
    mount(&["--bind"], &[&real, &at]);
    (real, at)
}

fn read_only(at: &Path) {
    mount(&["-o", "remount,ro,bind"], &[at]);
}

#[test]
fn a_snapshot_that_is_a_mount_point_is_written() {
    in_namespace(async |folder| {
        let (real, at) = mounted(folder, "snap", "");
        let b = plain_builder("b").start().await.unwrap();
        let a = plain_builder("a").snapshot(&at).join([addr(&b)]).start().await.unwrap();
        let has = |what: &str| fs::read_to_string(&real).unwrap().contains(what);
        until("it is written", || has("alive: b")).await;
        a.shutdown().await;
        let a = plain_builder("a").snapshot(&at).start().await.unwrap();
        until("it is back", || a.members().len() == 2).await;
        // Another mount of the same file is the same file.
        let error = plain_builder("c").snapshot(&real).start().await.unwrap_err();
        assert!(error.to_string().contains("is in use by another node"), "{error}");
    });
}

#[test]
fn a_keyring_that_is_a_mount_point_keeps_what_was_acknowledged() {
    in_namespace(async |folder| {
        let (real, at) = mounted(folder, "ring", "");
        let a = plain_builder("a").keyring_file_or_create(&at, KEY).unwrap().start().await.unwrap();
        let b = builder("b").join([addr(&a)]).start().await.unwrap();
        let other = || SecretKey::from_base64(OTHER).unwrap();
        b.rotate_key(other()).await.unwrap();
        assert_eq!(fs::read_to_string(&real).unwrap(), format!("[\n  \"{OTHER}\"\n]"));
        a.shutdown().await;
        let a = plain_builder("a").keyring_file_or_create(&at, KEY).unwrap();
        let a = a.join([addr(&b)]).start().await.unwrap();
        assert_eq!(a.members().len(), 2);
    });
}

#[test]
fn a_keyring_that_may_only_be_read_is_used_and_changes_are_refused() {
    in_namespace(async |folder| {
        let content = format!("[\"{KEY}\"]");
        let (real, at) = mounted(folder, "ring", &content);
        read_only(&at);
        let a = plain_builder("a").keyring_file(&at).start().await.unwrap();
        // It is nobody's own, so others may use it as well.
        let c = plain_builder("c").keyring_file(&at).join([addr(&a)]).start().await.unwrap();
        let b = start("b").await;
        b.join([addr(&a)]).await.unwrap();
        let report = b.install_key(SecretKey::from_base64(OTHER).unwrap()).await.unwrap();
        assert_eq!((report.done(), report.asked()), (1, 3), "{report}");
        for refused in report.failures() {
            assert!(refused.message.contains("Read-only file system"), "{report}");
        }
        a.rotate_key(SecretKey::from_base64(OTHER).unwrap()).await.unwrap_err();
        assert_eq!(fs::read_to_string(&real).unwrap(), content);
        drop(c);
    });
}

#[test]
fn a_file_in_a_folder_that_may_only_be_read_is_written() {
    in_namespace(async |folder| {
        let inner = folder.join("inner");
        fs::create_dir(&inner).unwrap();
        for name in ["ring", "snap"] {
            fs::write(inner.join(name), "").unwrap();
            fs::write(folder.join(name), "").unwrap();
        }
        mount(&["--bind"], &[&inner, &inner]);
        read_only(&inner);
        for name in ["ring", "snap"] {
            mount(&["--bind"], &[&folder.join(name), &inner.join(name)]);
        }
        let a = builder("a").keyring_file(inner.join("ring")).snapshot(inner.join("snap"));
        let a = a.start().await.unwrap();
        let report = a.install_key(SecretKey::from_base64(OTHER).unwrap()).await.unwrap();
        assert!(report.is_complete(), "{report}");
        assert!(fs::read_to_string(folder.join("ring")).unwrap().contains(OTHER));
        until("it is written", || {
            fs::read_to_string(folder.join("snap")).unwrap().contains("alive: a")
        })
        .await;
    });
}

#[test]
fn a_snapshot_that_may_only_be_read_is_used() {
    in_namespace(async |folder| {
        let b = plain_builder("b").start().await.unwrap();
        let content = format!("alive: b {}\n", addr(&b));
        let (real, at) = mounted(folder, "snap", &content);
        read_only(&at);
        let a = plain_builder("a").snapshot(&at).start().await.unwrap();
        until("it is back", || a.members().len() == 2).await;
        a.shutdown().await;
        assert_eq!(fs::read_to_string(&real).unwrap(), content);
    });
}

#[test]
fn a_file_on_a_full_disk_is_no_reason_not_to_start() {
    in_namespace(async |folder| {
        let disk = folder.join("disk");
        fs::create_dir(&disk).unwrap();
        mount(&["-t", "tmpfs", "-o", "size=64k", "tmpfs"], &[&disk]);
        // An old snapshot, a new keyring, and no room.
        let b = start("b").await;
        fs::write(disk.join("snap"), format!("alive: b {}\n", addr(&b))).unwrap();
        let fill = |len: usize| fs::write(disk.join("fill"), vec![1; len]);
        fill(60 << 10).unwrap();
        let _ = fs::write(disk.join("rest"), vec![1; 8 << 10]);
        let a = plain_builder("a").keyring_file_or_create(disk.join("ring"), KEY).unwrap();
        let a = a.snapshot(disk.join("snap")).start().await.unwrap();
        // It merges what b says before b has merged what it says.
        until("it is back", || [&a, &b].iter().all(|it| it.members().len() == 2)).await;
        let other = || SecretKey::from_base64(OTHER).unwrap();
        let report = b.install_key(other()).await.unwrap();
        assert_eq!((report.done(), report.asked()), (1, 2), "{report}");
        // With room, the same call succeeds.
        fs::remove_file(disk.join("fill")).unwrap();
        assert!(b.install_key(other()).await.unwrap().is_complete());
        assert!(fs::read_to_string(disk.join("ring")).unwrap().contains(OTHER));
    });
}

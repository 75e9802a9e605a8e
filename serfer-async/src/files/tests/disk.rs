//! How files are written where a system refuses something.

use std::fs;
use std::io;

use Durability::{Lazy, Synced};
use StoredFile::{Keyring, Snapshot};
use serfer_proto::{Durability, StoredFile};
use tempfile::TempDir;

use crate::files::disk::{Shortcomings, append, replace, target};
use crate::files::system::System;

const REAL: System = System::REAL;

const EPERM: i32 = 1;
const EIO: i32 = 5;
const EBADF: i32 = 9;
const EACCES: i32 = 13;
const EBUSY: i32 = 16;
const EXDEV: i32 = 18;
const EINVAL: i32 = 22;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
const ENAMETOOLONG: i32 = 36;
const ENOTSUP: i32 = 95;

fn refusal<T, const ERRNO: i32>() -> io::Result<T> {
    Err(io::Error::from_raw_os_error(ERRNO))
}

/// Systems on which a file cannot get the place of another.
fn stubborn() -> Vec<(&'static str, System)> {
    vec![
        ("a mount point", System { rename: |_, _| refusal::<_, EBUSY>(), ..REAL }),
        ("another file system", System { rename: |_, _| refusal::<_, EXDEV>(), ..REAL }),
        ("a sticky folder", System { rename: |_, _| refusal::<_, EPERM>(), ..REAL }),
        ("a folder of others", System { create: |_, _| refusal::<_, EACCES>(), ..REAL }),
        ("a read-only folder", System { create: |_, _| refusal::<_, EROFS>(), ..REAL }),
        ("a long name", System { create: |_, _| refusal::<_, ENAMETOOLONG>(), ..REAL }),
    ]
}

fn file_with(content: &str) -> (TempDir, std::path::PathBuf) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, content).unwrap();
    (dir, path)
}

fn in_place(short: &Shortcomings) -> bool {
    short.in_place.is_some()
}

#[test]
fn a_file_that_cannot_be_replaced_is_written_in_place() {
    for (what, system) in stubborn() {
        let (dir, path) = file_with("old and long");
        for bytes in [&b"new"[..], b"new and longer than before"] {
            let (_, short) = replace(&system, &path, bytes, Snapshot).unwrap();
            assert!(in_place(&short), "{what}");
            assert_eq!(fs::read(&path).unwrap(), bytes, "{what}");
            append(&system, &path, b"+", Synced).unwrap();
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "{what}");
    }
}

#[test]
fn a_file_that_is_not_there_is_not_written_in_place() {
    let dir = TempDir::new().unwrap();
    for (what, system) in stubborn() {
        let path = dir.path().join("file");
        assert!(replace(&system, &path, b"new", Keyring).is_err(), "{what}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{what}");
    }
}

#[test]
fn a_disk_that_is_full_or_broken_leaves_the_file_as_it_was() {
    for (what, system) in [
        ("no room for another file", System { create: |_, _| refusal::<_, ENOSPC>(), ..REAL }),
        ("no room in it", System { sync: |_| refusal::<_, ENOSPC>(), ..REAL }),
        ("broken", System { sync: |_| refusal::<_, EIO>(), ..REAL }),
        (
            "broken, and a mount point",
            System { sync: |_| refusal::<_, EIO>(), rename: |_, _| refusal::<_, EBUSY>(), ..REAL },
        ),
    ] {
        let (dir, path) = file_with("old");
        assert!(replace(&system, &path, b"much longer", Keyring).is_err(), "{what}");
        append(&system, &path, b"+", Synced).unwrap_or_default();
        assert_eq!(fs::read(&path).unwrap()[..3], *b"old", "{what}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "{what}");
    }
}

#[test]
fn what_was_written_in_place_is_undone_if_it_cannot_be_synced() {
    let system =
        System { sync: |_| refusal::<_, EIO>(), create: |_, _| refusal::<_, EROFS>(), ..REAL };
    let (_dir, path) = file_with("old");
    assert!(replace(&system, &path, b"much longer", Keyring).is_err());
    assert_eq!(fs::read(&path).unwrap(), b"old");
}

#[test]
fn a_folder_that_cannot_be_synced_is_no_failure() {
    for system in [
        System { sync_folder: |_| refusal::<_, EINVAL>(), ..REAL },
        System { sync_folder: |_| refusal::<_, ENOTSUP>(), ..REAL },
        System { sync_folder: |_| refusal::<_, EBADF>(), ..REAL },
        System { sync_folder: |_| refusal::<_, EACCES>(), ..REAL },
        System { sync: |_| refusal::<_, EINVAL>(), ..REAL },
        System { sync: |_| refusal::<_, ENOTSUP>(), ..REAL },
        System { sync: |_| refusal::<_, EBADF>(), ..REAL },
    ] {
        let (_dir, path) = file_with("old");
        let (_, short) = replace(&system, &path, b"new", Keyring).unwrap();
        assert!(short.unsynced.is_some() && !in_place(&short));
        append(&system, &path, b"+", Synced).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new+");
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_a_file_that_is_not_there_stays_a_link() {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("below")).unwrap();
    let link =
        |to: &str, from: &str| std::os::unix::fs::symlink(to, dir.path().join(from)).unwrap();
    link("below/b", "a");
    link("../c", "below/b");
    let path = dir.path().join("a");
    assert_eq!(target(&path), dir.path().join("below").join("../c"));
    replace(&REAL, &path, b"new", Keyring).unwrap();
    assert_eq!(fs::read(dir.path().join("c")).unwrap(), b"new");
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
}

#[test]
fn a_file_is_appended_to_only_if_it_is_there() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("file");
    assert_eq!(append(&REAL, &path, b"a", Lazy).unwrap_err().kind(), io::ErrorKind::NotFound);
    fs::write(&path, "a\n").unwrap();
    append(&REAL, &path, b"b\n", Synced).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"a\nb\n");
}

#[test]
fn a_replacement_leaves_nothing_beside_it_and_keeps_the_old_file_if_it_fails() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("file");
    fs::write(dir.path().join("file.new"), "of a crash").unwrap();
    replace(&REAL, &path, b"1", Snapshot).unwrap();
    replace(&REAL, &path, b"2", Snapshot).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"2");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    let folder = dir.path().join("folder");
    fs::create_dir(&folder).unwrap();
    assert!(replace(&REAL, &folder, b"3", Snapshot).is_err());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[cfg(unix)]
#[test]
fn a_new_keyring_is_for_its_owner_only_and_a_mode_is_kept() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("keys");
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    replace(&REAL, &path, b"[]", Keyring).unwrap();
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    replace(&REAL, &path, b"[]", Keyring).unwrap();
    assert_eq!(mode(), 0o640);
}

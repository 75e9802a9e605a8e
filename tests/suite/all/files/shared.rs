//! Files that two nodes want, that are damaged, or that a program is started with again and again.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::adapter::{Builder, Error, KeyringFileProblem, Options, SecretKey, SnapshotFileProblem};
use super::{Adapter, KEY, OTHER, addr, builder, own_ip, plain_builder, run, spawn, start, until};
use crate::logged::logged;

async fn refusal(with: Builder<Adapter>) -> Error {
    with.start().await.expect_err("the file is in use")
}

#[test]
fn two_nodes_do_not_use_one_file() {
    run(async {
        let dir = TempDir::new().unwrap();
        let [snapshot, keyring, link] = ["snap", "ring", "link"].map(|name| dir.path().join(name));
        let first = builder("a").snapshot(&snapshot).keyring_file(&keyring).start().await.unwrap();
        std::os::unix::fs::symlink(&snapshot, &link).unwrap();
        for path in [&snapshot, &link] {
            let error = refusal(plain_builder("b").snapshot(path)).await;
            let expected = format!("snapshot {} is in use by another node", path.display());
            assert!(error.to_string().starts_with(&expected), "{error}");
            let Error::Snapshot(error) = error else { panic!("{error}") };
            assert!(matches!(error.problem, SnapshotFileProblem::InUse));
        }
        let error = refusal(plain_builder("b").keyring_file(&keyring)).await;
        assert!(error.to_string().contains(&keyring.display().to_string()), "{error}");
        let Error::KeyringFile(error) = error else { panic!("{error}") };
        assert!(matches!(error.problem, KeyringFileProblem::InUse));

        // Both files are replaced, and kept all the same.
        first.install_key(SecretKey::from_base64(OTHER).unwrap()).await.unwrap();
        let error = refusal(plain_builder("b").keyring_file(&keyring)).await;
        assert!(matches!(error, Error::KeyringFile(_)), "{error}");
        first.shutdown().await;
        let second = plain_builder("b").snapshot(&link).keyring_file(&keyring).start().await;
        let _second = second.expect("nobody has them any more");
    });
}

#[test]
fn of_two_nodes_that_start_together_with_a_new_file_one_gets_it() {
    run(async {
        let dir = TempDir::new().unwrap();
        for name in ["1", "2", "3"] {
            let [ring, snap] =
                ["ring", "snap"].map(|kind| dir.path().join(format!("{kind}{name}")));
            let nodes = [KEY, OTHER].map(|key| {
                let node = plain_builder("a").keyring_file_or_create(&ring, key).unwrap();
                spawn(node.start())
            });
            let started = [nodes[0].recv().await.unwrap(), nodes[1].recv().await.unwrap()];
            assert_eq!(started.iter().filter(|it| it.is_ok()).count(), 1, "{started:?}");
            let nodes = [(), ()].map(|()| spawn(plain_builder("a").snapshot(&snap).start()));
            let started = [nodes[0].recv().await.unwrap(), nodes[1].recv().await.unwrap()];
            assert_eq!(started.iter().filter(|it| it.is_ok()).count(), 1, "{started:?}");
        }
    });
}

#[test]
fn after_a_rotation_the_same_program_starts_again() {
    run(async {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("keyring");
        let b = start("b").await;
        let seed = addr(&b);
        let at = format!("{}:7946", own_ip());
        let program = || {
            let node = plain_builder("a").bind(&at).join([&seed]);
            node.keyring_file_or_create(&file, KEY).expect("it is a key")
        };
        let a = program().start().await.unwrap();
        a.rotate_key(SecretKey::from_base64(OTHER).unwrap()).await.unwrap();
        a.shutdown().await;
        let a = program().start().await.expect("its own keys are in the file");
        until("it is back", || a.members().len() == 2).await;
        assert_eq!(a.list_keys().await.unwrap().keys().into_values().collect::<Vec<_>>(), [2]);
    });
}

#[test]
fn a_first_key_without_a_file_is_a_key() {
    run(async {
        let b = start("b").await;
        let a = plain_builder("a").options(Options {
            first_key: Some(SecretKey::from_base64(KEY).unwrap()),
            join: vec![addr(&b)],
            bind: format!("{}:7946", own_ip()),
            ..Default::default()
        });
        assert_eq!(a.start().await.unwrap().members().len(), 2);
    });
}

fn damaged(path: &Path) -> PathBuf {
    let mut damaged = path.to_owned().into_os_string();
    damaged.push(".damaged");
    damaged.into()
}

#[test]
fn a_snapshot_after_a_loss_of_power_is_used_as_far_as_it_goes() {
    run(async {
        let logged = logged();
        let dir = TempDir::new().unwrap();
        let b = plain_builder("b").start().await.unwrap();
        let alive = format!("alive: b {}\n", addr(&b)).into_bytes();
        let zeros = vec![0; 4096];
        let garbage: Vec<u8> = (0..4096_u32).map(|n| (n * n % 253 + n / 7) as u8 | 0x81).collect();
        for (n, (content, members, is_kept)) in [
            (zeros.clone(), 1, false),
            ([&alive[..], &zeros].concat(), 2, true),
            ([&zeros[..], b"\n", &alive].concat(), 2, true),
            ([&alive[..], &garbage].concat(), 2, true),
            ([&garbage[..], b"\n", &alive].concat(), 2, true),
        ]
        .into_iter()
        .enumerate()
        {
            let path = dir.path().join(format!("snap-{n}"));
            fs::write(&path, &content).unwrap();
            let a = plain_builder(&format!("a{n}")).snapshot(&path).start().await.unwrap();
            until("it is back", || a.members().len() >= members).await;
            until("it is written anew", || fs::read(&path).unwrap().starts_with(b"alive: ")).await;
            assert_eq!(fs::read(damaged(&path)).ok(), is_kept.then_some(content), "{n}");
            a.leave().await.unwrap();
            a.shutdown().await;
            assert!(!fs::read(&path).unwrap().contains(&0));
            let warned = logged.text();
            let warned = warned.lines().filter(|line| line.contains(&path.display().to_string()));
            assert!(warned.clone().any(|line| line.contains("skipped in the snapshot")), "{n}");
            assert_eq!(
                warned.filter(|line| line.contains("kept the damaged")).count() == 1,
                is_kept
            );
        }
    });
}

//! Snapshots in real files: starting again, and files and disks that do not work.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::adapter::{
    AfterLeave, Builder, Error, Event, Events, Serfer, SnapshotFileProblem, Status, StoredFile,
};
use super::{Adapter, addr, own_ip, plain_builder, run, sleep, until};

/// A node with a snapshot, at an address that is free again when it ends.
struct Place {
    dir: TempDir,
    addr: String,
}

impl Place {
    fn new() -> Self {
        Self {
            dir: TempDir::new().expect("a temporary directory"),
            addr: format!("{}:7946", own_ip()),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("serf.snap")
    }

    fn read(&self) -> String {
        fs::read_to_string(self.path()).expect("it is there")
    }

    fn builder(&self) -> Builder<Adapter> {
        plain_builder("a").bind(self.addr.clone()).snapshot(self.path())
    }

    async fn start(&self) -> Serfer {
        self.builder().start().await.expect("the snapshot can be used")
    }

    async fn fault(&self) -> (String, SnapshotFileProblem) {
        match self.builder().start().await {
            Err(Error::Snapshot(error)) => (error.to_string(), error.problem),
            other => panic!("{other:?}"),
        }
    }
}

async fn next_user_event(events: &mut Events) -> String {
    loop {
        if let Some(Ok(Event::User(event))) = events.next().await {
            return event.name.to_string();
        }
    }
}

/// The files that could not be stored.
async fn store_failure(events: &mut Events) -> String {
    loop {
        if let Some(Ok(Event::StoreFailed(failure))) = events.next().await {
            assert_eq!(failure.file, StoredFile::Snapshot);
            return failure.reason.to_string();
        }
    }
}

/// TestSerf_SnapshotRecovery.
#[test]
fn a_node_that_starts_again_comes_back_by_itself_and_hears_nothing_twice() {
    run(async {
        let place = Place::new();
        let b = plain_builder("b").start().await.unwrap();
        let a = place.builder().join([addr(&b)]).start().await.unwrap();
        let mut events = a.events();
        b.user_event("old", "").unwrap();
        assert_eq!(next_user_event(&mut events).await, "old");
        a.shutdown().await;
        assert!(
            place.read().ends_with("event-clock: 1\n") || place.read().contains("event-clock: 1\n")
        );
        b.user_event("missed", "").unwrap();

        let a = place.start().await;
        let mut events = a.events();
        until("it is back", || a.members().len() == 2).await;
        b.user_event("new", "").unwrap();
        let mut heard = Vec::new();
        while heard.last().is_none_or(|last| last != "new") {
            heard.push(next_user_event(&mut events).await);
        }
        assert!(!heard.contains(&"old".to_owned()), "{heard:?}");
    });
}

/// TestSerf_Leave_SnapshotRecovery.
#[test]
fn a_node_that_left_stays_away_unless_it_is_to_come_back() {
    run(async {
        let place = Place::new();
        let b = plain_builder("b").start().await.unwrap();
        let a = place.builder().join([addr(&b)]).start().await.unwrap();
        a.leave().await.unwrap();
        assert!(place.read().contains("\nleave\n"), "it is written before leave returns");
        a.shutdown().await;

        let a = place.start().await;
        sleep(Duration::from_secs(1)).await;
        assert_eq!(a.members().len(), 1);
        a.join([addr(&b)]).await.unwrap();
        a.leave().await.unwrap();
        a.shutdown().await;

        let a = place.builder().after_leave(AfterLeave::Rejoin).start().await.unwrap();
        until("it is back", || a.members().len() == 2).await;
    });
}

#[test]
fn a_file_that_cannot_be_used_is_an_error_that_names_it() {
    run(async {
        let place = Place::new();
        let named = place.path().display().to_string();

        fs::write(place.path(), "clock: 1\n[network]\nport = 7946\n").unwrap();
        let (text, problem) = place.fault().await;
        assert!(matches!(problem, SnapshotFileProblem::Foreign(_)));
        let why = "is not a snapshot: line 2 is not a line of a snapshot";
        assert_eq!(text, format!("snapshot {named} {why}"));
        assert_eq!(place.read(), "clock: 1\n[network]\nport = 7946\n", "it is left as it was");

        fs::write(place.path(), [0xff; 300]).unwrap();
        assert!(matches!(place.fault().await.1, SnapshotFileProblem::Foreign(_)));
        fs::remove_file(place.path()).unwrap();

        fs::File::create(place.path()).unwrap().set_len(1 << 40).unwrap();
        assert!(matches!(place.fault().await.1, SnapshotFileProblem::TooLong { .. }));
        fs::remove_file(place.path()).unwrap();

        fs::create_dir(place.path()).unwrap();
        let (text, _) = place.fault().await;
        assert_eq!(text, format!("snapshot {named} is not a regular file"));
        fs::remove_dir(place.path()).unwrap();

        // Opening a pipe would block for ever.
        mkfifo(&place.path());
        assert!(matches!(place.fault().await.1, SnapshotFileProblem::NotAFile));
        fs::remove_file(place.path()).unwrap();

        std::os::unix::fs::symlink("/proc/self/mem", place.path()).unwrap();
        assert!(matches!(place.fault().await.1, SnapshotFileProblem::Unreadable(_)));
        fs::remove_file(place.path()).unwrap();

        let nowhere = place.dir.path().join("no/such/serf.snap");
        let error = place.builder().snapshot(nowhere).start().await.unwrap_err();
        assert!(error.to_string().contains("cannot be written"), "{error}");
        // Nothing was left running.
        drop(place.start().await);
    });
}

#[test]
fn a_torn_or_damaged_snapshot_is_used_as_far_as_it_goes() {
    run(async {
        let place = Place::new();
        let b = plain_builder("b").start().await.unwrap();
        let known = format!("alive: b {}\nhello\nclock: 7\nevent-clock: 9\nquery-cl", addr(&b));
        fs::write(place.path(), known).unwrap();
        let a = place.start().await;
        until("it is back", || a.members().len() == 2).await;
        a.shutdown().await;
        assert!(place.read().contains("event-clock: 9\n"));
        assert!(!place.read().contains("query-cl\n") && !place.read().contains("hello"));
    });
}

#[test]
fn a_file_that_goes_missing_is_told_and_written_anew() {
    run(async {
        let place = Place::new();
        let a = place.start().await;
        let mut events = a.events();
        until("it is written", || place.read().contains("alive: a")).await;
        fs::remove_file(place.path()).unwrap();
        a.user_event("e", "").unwrap();
        let reason = store_failure(&mut events).await;
        assert!(reason.starts_with(&place.path().display().to_string()), "{reason}");
        until("it is written", || fs::read_to_string(place.path()).is_ok()).await;
        assert!(place.read().contains("alive: a") && place.read().contains("event-clock: 1"));
    });
}

#[test]
fn a_disk_that_fails_is_told_and_the_node_goes_on() {
    run(async {
        let place = Place::new();
        let b = plain_builder("b").start().await.unwrap();
        let a = place.builder().join([addr(&b)]).start().await.unwrap();
        let mut events = a.events();
        until("it is written", || place.read().contains("alive: b")).await;
        fs::remove_dir_all(place.dir.path()).unwrap();
        a.user_event("e", "").unwrap();
        store_failure(&mut events).await;
        let answers = a.query("q", "").unwrap().collect().await;
        assert_eq!(answers.acks.len(), 2);
        a.shutdown().await;
        assert!(!place.path().exists());
    });
}

#[test]
fn a_disk_that_hangs_delays_nothing_else() {
    run(async {
        let place = Place::new();
        let b = plain_builder("b").start().await.unwrap();
        let a = place.builder().join([addr(&b)]).start().await.unwrap();
        until("it is written", || place.read().contains("alive: b")).await;
        // The pipe has no reader, so opening it for writing blocks.
        fs::remove_file(place.path()).unwrap();
        mkfifo(&place.path());
        for n in 0..20 {
            a.user_event(&format!("e{n}"), "").unwrap();
            sleep(Duration::from_millis(100)).await;
        }
        let answers = b.query("q", "").unwrap().collect().await;
        assert_eq!(answers.acks.len(), 2, "it answers");
        assert_eq!(b.member("a").unwrap().status(), Status::Alive);
        let pipe = place.path();
        let reader = smol::unblock(move || fs::File::open(pipe)).await.unwrap();
        a.shutdown().await;
        drop(reader);
    });
}

#[test]
fn a_link_stays_one_and_a_file_keeps_its_mode() {
    run(async {
        use std::os::unix::fs::PermissionsExt as _;
        let place = Place::new();
        let target = place.dir.path().join("target");
        fs::write(&target, "clock: 1\nalive: b").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&target, place.path()).unwrap();
        let a = place.start().await;
        a.shutdown().await;
        assert!(fs::symlink_metadata(place.path()).unwrap().is_symlink());
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(place.read().contains("alive: a"));
        assert_eq!(
            fs::read_dir(place.dir.path()).unwrap().count(),
            2,
            "nothing else is left there"
        );
    });
}

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().is_ok_and(|it| it.success()));
}

//! What the readers of the list of members are given.

use std::time::Instant;

use serfer_proto::{Config, Tags};

use super::*;
use crate::node::testing::Bell;

/// A node, alone, and the readers of its list of members.
struct Scene {
    endpoint: Endpoint,
    now: Instant,
    readers: MemberReaders,
}

impl Scene {
    fn new() -> Self {
        let now = Instant::now();
        let config = Config::lan("a").advertise("127.0.0.1:7946".parse().unwrap());
        let endpoint = Endpoint::new(config, [0; 32], now).unwrap();
        Self { endpoint, now, readers: MemberReaders::default() }
    }

    /// Changes the only member there is.
    fn change(&mut self, version: usize) {
        let tags = Tags::from_iter([("version", version.to_string())]);
        self.endpoint.set_tags(self.now, tags).unwrap();
    }

    /// The driver has nothing left to do.
    fn publish(&mut self) {
        self.readers.publish(&mut self.endpoint, &mut Wakers::default());
    }

    fn read(&mut self, reader: MemberReaderId) -> Poll<Option<String>> {
        let wakers = &mut Wakers::default();
        let update = self.readers.poll(&mut self.endpoint, reader, &mut None, wakers);
        let version = |member: &Member| member.tags().get("version").unwrap_or("none").to_owned();
        update.map(|update| {
            update.map(|update| match update {
                MembershipUpdate::Snapshot(all) => format!("all: {}", version(&all[0])),
                MembershipUpdate::Changed(member) => version(&member),
                MembershipUpdate::Removed(member) => format!("removed: {}", version(&member)),
                MembershipUpdate::Lagged(missed) => format!("missed {missed}"),
            })
        })
    }
}

fn next(update: &str) -> Poll<Option<String>> {
    Poll::Ready(Some(update.to_owned()))
}

#[test]
fn all_members_come_first_and_then_what_changes() {
    let mut scene = Scene::new();
    let reader = scene.readers.add(10);
    scene.change(1);
    assert_eq!(scene.read(reader), next("all: 1"));
    assert_eq!(scene.read(reader), Poll::Pending);
    scene.publish();
    assert_eq!(scene.read(reader), Poll::Pending, "the snapshot has it");
    for version in 2..4 {
        scene.change(version);
        scene.publish();
    }
    assert_eq!(scene.read(reader), next("2"));
    assert_eq!(scene.read(reader), next("3"));
    assert_eq!(scene.read(reader), Poll::Pending);
}

#[test]
fn a_snapshot_for_one_takes_nothing_from_the_others() {
    let mut scene = Scene::new();
    let early = scene.readers.add(10);
    assert_eq!(scene.read(early), next("all: none"));
    scene.change(1);
    let late = scene.readers.add(10);
    assert_eq!(scene.read(late), next("all: 1"));
    scene.publish();
    assert_eq!(scene.read(late), Poll::Pending);
    assert_eq!(scene.read(early), next("1"));
    assert_eq!(scene.read(early), Poll::Pending);
}

#[test]
fn a_reader_that_lags_is_told_once_and_gets_another_snapshot() {
    let mut scene = Scene::new();
    let (slow, quick) = (scene.readers.add(2), scene.readers.add(10));
    for reader in [slow, quick] {
        assert_eq!(scene.read(reader), next("all: none"));
    }
    for version in 1..=5 {
        scene.change(version);
        scene.publish();
        assert!(scene.readers.readers[&slow].unread.len() <= 2, "memory is bounded");
    }
    assert_eq!(scene.read(slow), next("missed 5"));
    scene.change(6);
    scene.publish();
    assert_eq!(scene.read(slow), next("all: 6"));
    assert_eq!(scene.read(slow), Poll::Pending);
    scene.change(7);
    scene.publish();
    assert_eq!(scene.read(slow), next("7"));
    (1..=7).for_each(|version| assert_eq!(scene.read(quick), next(&version.to_string())));
}

#[test]
fn at_the_end_all_that_is_unread_is_read_and_then_nothing_more() {
    let mut scene = Scene::new();
    let (reader, newcomer) = (scene.readers.add(10), scene.readers.add(10));
    assert_eq!(scene.read(reader), next("all: none"));
    scene.change(1);
    scene.publish();
    scene.readers.close(&mut Wakers::default());
    assert_eq!(scene.read(reader), next("1"));
    assert_eq!(scene.read(reader), Poll::Ready(None));
    assert_eq!(scene.read(newcomer), next("all: 1"));
    assert_eq!(scene.read(newcomer), Poll::Ready(None));
}

#[test]
fn the_endpoint_notes_nothing_once_nobody_reads() {
    let mut scene = Scene::new();
    let reader = scene.readers.add(10);
    assert_eq!(scene.read(reader), next("all: none"));
    drop(scene.readers.remove(&mut scene.endpoint, reader));
    scene.change(1);
    assert!(scene.endpoint.take_deltas().is_empty());
    assert_eq!(scene.read(reader), Poll::Ready(None));
}

#[test]
fn a_reader_that_waits_is_woken_by_a_change_and_by_the_end() {
    let mut scene = Scene::new();
    let reader = scene.readers.add(10);
    assert_eq!(scene.read(reader), next("all: none"));
    let woken = |scene: &mut Scene, step: fn(&mut Scene, &mut Wakers)| {
        let (bell, mut wakers) = (Bell::default(), Wakers::default());
        let mut waker = Some(bell.waker());
        let update = scene.readers.poll(&mut scene.endpoint, reader, &mut waker, &mut wakers);
        assert!(update.is_pending());
        step(scene, &mut wakers);
        assert!(!bell.has_rung(), "not before the lock is released");
        wakers.wake();
        bell.has_rung()
    };
    let publish = |scene: &mut Scene, wakers: &mut Wakers| {
        scene.readers.publish(&mut scene.endpoint, wakers);
    };
    assert!(!woken(&mut scene, publish));
    assert!(woken(&mut scene, |scene, wakers| {
        scene.change(1);
        scene.readers.publish(&mut scene.endpoint, wakers);
    }));
    assert_eq!(scene.read(reader), next("1"));
    assert!(woken(&mut scene, |scene, wakers| scene.readers.close(wakers)));
}

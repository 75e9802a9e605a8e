//! The member list as a stream.

use std::collections::BTreeMap;
use std::time::Duration;

use super::adapter::{
    Coalescing, Config, Member, MemberFilter, Membership, MembershipUpdate, Serfer, Status, Tags,
};
use super::{
    addr, builder, configured, plain_builder, run, sleep, spawn, start, start_joined, until, within,
};

/// The member list of a reader, by name.
#[derive(Default)]
struct Mirror {
    members: BTreeMap<String, Member>,
    snapshots: usize,
    missed: u64,
}

impl Mirror {
    fn apply(&mut self, update: MembershipUpdate) {
        let named = |member: Member| (member.name().to_owned(), member);
        match update {
            MembershipUpdate::Snapshot(all) => {
                self.members = all.into_iter().map(named).collect();
                self.snapshots += 1;
            }
            MembershipUpdate::Changed(member) => {
                let (name, member) = named(member);
                let before = self.members.insert(name, member.clone());
                assert_ne!(before, Some(member), "that was known");
            }
            MembershipUpdate::Removed(member) => {
                assert!(self.members.remove(member.name()).is_some(), "that was known");
            }
            MembershipUpdate::Lagged(missed) => self.missed += missed,
        }
    }

    /// Reads until nothing comes for a while, or the stream ends.
    async fn read(&mut self, membership: &mut Membership) {
        while let Some(Some(update)) = within(Duration::from_millis(100), membership.next()).await {
            self.apply(update);
        }
    }

    fn is_of(&self, serf: &Serfer) -> bool {
        let members = serf.members();
        members.len() == self.members.len()
            && members.iter().all(|member| self.members.get(member.name()) == Some(member))
    }
}

#[test]
fn a_snapshot_and_what_changed_since_are_what_the_members_are() {
    run(async {
        let a = start("a").await;
        let b = start_joined("b", &a).await;
        let (mut membership, mut mirror) = (a.subscribe(), Mirror::default());
        let c = start_joined("c", &b).await;
        mirror.read(&mut membership).await;
        let d = start_joined("d", &c).await;
        for version in 0..10 {
            c.set_tag("version", &version.to_string()).unwrap();
            sleep(Duration::from_millis(20)).await;
        }
        until("all are there", || a.members().len() == 4).await;
        mirror.read(&mut membership).await;
        d.leave().await.unwrap();
        b.shutdown().await;
        let status = |name| a.member(name).map(|member| member.status());
        until("d has left and b has failed", || {
            status("d") == Some(Status::Left) && status("b") == Some(Status::Failed)
        })
        .await;
        let expected = Tags::from_iter([("version", "9")]);
        until("c's tags are known", || a.member("c").is_some_and(|c| c.tags() == expected)).await;

        mirror.read(&mut membership).await;
        assert!(mirror.is_of(&a), "{:?} instead of {:?}", mirror.members, a.members());
        assert_eq!((mirror.snapshots, mirror.missed), (1, 0));
    });
}

#[test]
fn a_slow_reader_is_told_and_starts_afresh_and_nobody_waits_for_it() {
    run(async {
        let a = builder("a").event_buffer(4).start().await.unwrap();
        let b = start_joined("b", &a).await;
        let (mut slow, mut mirror) = (a.subscribe(), Mirror::default());
        mirror.read(&mut slow).await;
        let quick = a.subscribe();
        let reading = spawn(async move {
            let (mut quick, mut mirror) = (quick, Mirror::default());
            while let Some(update) = quick.next().await {
                mirror.apply(update);
            }
            mirror
        });

        let mut others = Vec::new();
        for n in 0..50 {
            b.set_tag("version", &n.to_string()).unwrap();
            a.set_tag("version", &n.to_string()).unwrap();
            sleep(Duration::from_millis(10)).await;
            if n % 10 == 0 {
                others.push(start_joined(&format!("n{n}"), &b).await);
            }
        }
        others.remove(0).leave().await.unwrap();
        until("one has left", || a.member("n0").is_some_and(|it| it.status() == Status::Left))
            .await;
        let last = |serf: &Serfer, name| {
            let tags = serf.member(name).map(|it| it.tags()).unwrap_or_default();
            tags.get("version") == Some("49")
        };
        until("both tell the last", || last(&a, "b") && last(&b, "a")).await;

        mirror.read(&mut slow).await;
        assert!(mirror.missed >= 50, "{}", mirror.missed);
        assert_eq!(mirror.snapshots, 2);
        assert!(mirror.is_of(&a), "{:?} instead of {:?}", mirror.members, a.members());

        a.shutdown().await;
        let quick = reading.recv().await.unwrap();
        assert!(quick.is_of(&a), "{:?} instead of {:?}", quick.members, a.members());
    });
}

#[test]
fn members_are_told_of_at_once_even_if_their_events_are_held_back() {
    run(async {
        let long = Duration::from_secs(3600);
        let coalescing = Coalescing { period: long, quiescent: long };
        let config = Config::local("a").coalesce_members(Some(coalescing));
        let a = configured(config).start().await.unwrap();
        let (mut events, mut membership) = (a.events(), a.subscribe());
        assert!(matches!(membership.next().await, Some(MembershipUpdate::Snapshot(_))));
        let b = plain_builder("b").join([addr(&a)]).start().await.unwrap();
        b.leave().await.unwrap();
        let mut status = None;
        while status != Some(Status::Left) {
            if let Some(MembershipUpdate::Changed(b)) = membership.next().await {
                assert_eq!(b.name(), "b");
                status = Some(b.status());
            }
        }
        assert!(
            within(Duration::from_millis(10), events.next()).await.is_none(),
            "nothing is told yet"
        );
    });
}

#[test]
fn the_stream_ends_with_the_node() {
    run(async {
        let a = start("a").await;
        let mut membership = a.subscribe();
        assert!(matches!(membership.next().await, Some(MembershipUpdate::Snapshot(_))));
        let waiting = spawn(async move { membership.next().await });
        smol::future::yield_now().await;
        a.shutdown().await;
        assert_eq!(waiting.recv().await.unwrap(), None);

        let mut late = a.subscribe();
        assert!(
            matches!(late.next().await, Some(MembershipUpdate::Snapshot(all)) if all.len() == 1)
        );
        assert_eq!(late.next().await, None);
    });
}

#[test]
fn members_are_found_by_status_name_and_tags() {
    run(async {
        let a = builder("web-1").tag("role", "front").unwrap().start().await.unwrap();
        let b = builder("web-2").tag("role", "front").unwrap().join([addr(&a)]).start();
        let b = b.await.unwrap();
        let c = start_joined("db-1", &a).await;
        c.leave().await.unwrap();
        let status = |name| a.member(name).map(|member| member.status());
        until("all are known", || {
            status("db-1") == Some(Status::Left) && status("web-2") == Some(Status::Alive)
        })
        .await;
        let named = |filter: MemberFilter| {
            let found = a.members_where(&filter);
            let mut names: Vec<_> = found.iter().map(|it| it.name().to_owned()).collect();
            names.sort();
            names.join(" ")
        };
        let all = MemberFilter::new;
        assert_eq!(named(all()), "db-1 web-1 web-2");
        assert_eq!(named(all().status(Status::Alive)), "web-1 web-2");
        assert_eq!(named(all().name("*-1").unwrap()), "db-1 web-1");
        assert_eq!(named(all().tag("role", "f*").unwrap().name("*-2").unwrap()), "web-2");
        assert_eq!(named(all().status(Status::Failed)), "");
        drop(b);
    });
}

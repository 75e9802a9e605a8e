//! Tags that change while a node runs.

use super::adapter::{Error, Event, Events, MemberChange, MemberEvent, Serfer, Tags, TagsError};
use super::{run, start, start_joined, until};

fn tags_of(serf: &Serfer, name: &str) -> Tags {
    serf.member(name).map(|member| member.tags()).unwrap_or_default()
}

#[test]
fn single_tags_are_set_and_removed() {
    run(async {
        let a = start("a").await;
        let b = start_joined("b", &a).await;

        b.set_tag("role", "web").unwrap();
        b.set_tag("version", "1").unwrap();
        b.set_tag("version", "2").unwrap();
        b.remove_tag("role").unwrap();

        let expected = Tags::from_iter([("version", "2")]);
        assert_eq!(b.tags(), expected);
        until("the other knows", || tags_of(&a, "b") == expected).await;
    });
}

#[test]
fn no_change_is_lost_when_many_change_tags_at_once() {
    run(async {
        let serf = start("a").await;
        let set = |n: usize| {
            let serf = serf.clone();
            smol::unblock(move || serf.set_tag(&format!("tag-{n}"), "here").unwrap())
        };
        let tasks: Vec<_> = (0..20).map(set).collect();
        for task in tasks {
            task.await;
        }
        assert_eq!(serf.tags().len(), 20);
    });
}

#[test]
fn tags_that_do_not_fit_change_nothing() {
    run(async {
        let serf = start("a").await;
        serf.set_tag("role", "web").unwrap();
        let refused = serf.update_tags(|tags| {
            tags.remove("role");
            tags.insert("note", "x".repeat(600));
        });
        assert!(matches!(refused, Err(Error::Tags(TagsError::TooLarge { .. }))), "{refused:?}");
        assert_eq!(serf.tags(), Tags::from_iter([("role", "web")]));
    });
}

/// The role of the next member whose tags change.
async fn next_role(events: &mut Events) -> Option<String> {
    loop {
        let event = events.next().await.expect("the node runs").expect("few events at a time");
        if let Event::Member(MemberEvent { change: MemberChange::Update, members, .. }) = event {
            return members[0].tags().get("role").map(str::to_owned);
        }
    }
}

#[test]
fn what_changes_nothing_is_told_to_nobody() {
    run(async {
        let serf = start("a").await;
        let mut events = serf.events();
        serf.set_tag("role", "web").unwrap();
        assert_eq!(next_role(&mut events).await.as_deref(), Some("web"));
        serf.set_tag("role", "web").unwrap();
        serf.remove_tag("zone").unwrap();
        serf.update_tags(|_| {}).unwrap();
        serf.set_tag("role", "db").unwrap();
        assert_eq!(next_role(&mut events).await.as_deref(), Some("db"));
    });
}

#[test]
fn a_node_that_is_shut_down_has_no_tags_to_change() {
    run(async {
        let serf = start("a").await;
        serf.shutdown().await;
        assert!(matches!(serf.set_tag("role", "web"), Err(Error::Closed(_))));
    });
}

//! Nodes that are not on a thread of their own: many on one thread, or on the application's runtime.

use std::collections::HashSet;
use std::net::UdpSocket;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::adapter::{Builder, Config, Error, NodeThread, Router, Serfer};
use super::{
    Adapter, adapter, addr, configured, outlive, own_ip, plain_builder, run, until, within,
};

/// A limit for what must not hang.
const SOON: Duration = Duration::from_secs(10);

const NODES: usize = 5;

/// The threads on which nodes were asked whether a member may join.
type AskedOn = Arc<Mutex<HashSet<ThreadId>>>;

/// A node that notes on which thread it is.
fn noting(name: &str, asked_on: &AskedOn) -> Builder<Adapter> {
    let asked_on = asked_on.clone();
    let config = Config::local(name).accept_member(move |_| {
        asked_on.lock().expect("nobody panics").insert(thread::current().id());
        Ok(())
    });
    configured(config)
}

/// A node that panics when it hears of "bad".
fn panicking(name: &str) -> Builder<Adapter> {
    let config = Config::local(name).accept_member(|member| {
        assert_ne!(member.name(), "bad", "as it should");
        Ok(())
    });
    configured(config)
}

async fn see_each_other(nodes: &[Serfer]) {
    let seen = || nodes.iter().all(|node| node.members().len() == nodes.len());
    until("all see all", seen).await;
}

#[test]
fn nodes_on_one_thread_find_each_other_answer_and_end_one_by_one() {
    run(async {
        let (thread, asked_on) = (adapter::node_thread().unwrap(), AskedOn::default());
        let mut nodes: Vec<Serfer> = Vec::new();
        for number in 0..NODES {
            let router = Router::new().query("q", |_| "fine");
            let mut node = noting(&format!("n-{number}"), &asked_on).router(router);
            node = node.on_thread(&thread).join(nodes.first().map(addr));
            nodes.push(node.start().await.unwrap());
        }
        // Those that are there keep it.
        drop(thread);
        see_each_other(&nodes).await;
        let mut answered = HashSet::new();
        for _ in 0..20 {
            // Gossip may miss one of them now and then.
            let answers = nodes[1].query("q", "").unwrap().collect().await;
            answered.extend(answers.replies.into_keys());
            if answered.len() == NODES {
                break;
            }
        }
        assert_eq!(answered.len(), NODES, "{answered:?}");
        let asked_on = asked_on.lock().unwrap().clone();
        assert_eq!(asked_on.len(), 1, "they share a thread");
        assert!(!asked_on.contains(&thread::current().id()), "and it is not the application's");
        while let Some(node) = nodes.pop() {
            node.leave().await.unwrap();
            within(SOON, node.shutdown()).await.expect("nothing hangs");
            UdpSocket::bind(node.local_addr()).expect("its sockets are closed");
            see_fewer(&nodes).await;
        }
    });
}

/// Waits until the nodes that are left know that another one is gone.
async fn see_fewer(nodes: &[Serfer]) {
    let alive = || nodes.iter().all(|node| node.stats().members_alive == nodes.len());
    until("one fewer is alive", alive).await;
}

#[test]
fn a_panic_of_one_node_leaves_the_others_on_its_thread_alone() {
    run(async {
        let thread = adapter::node_thread().unwrap();
        let [one, other] = ["one", "other"].map(|name| plain_builder(name).on_thread(&thread));
        let one = one.start().await.unwrap();
        let other = other.join([addr(&one)]).start().await.unwrap();
        let victim = panicking("victim").on_thread(&thread).start().await.unwrap();
        let bad = plain_builder("bad").on_thread(&thread).join([addr(&victim)]);
        assert!(bad.start().await.is_err());
        let end = within(SOON, victim.wait()).await.expect("nothing hangs");
        assert!(matches!(end, Err(Error::Panicked)), "{end:?}");
        UdpSocket::bind(victim.local_addr()).expect("its sockets are closed");
        let answers = one.query("q", "").unwrap().collect().await;
        assert_eq!(answers.acks.len(), 2, "the others go on");
        let late = plain_builder("late").on_thread(&thread).join([addr(&other)]);
        let late = late.start().await.expect("others can still be started there");
        late.shutdown().await;
    });
}

#[test]
fn what_handlers_do_delays_no_ack_of_a_node_that_shares_its_thread() {
    run(async {
        let thread = adapter::node_thread().unwrap();
        let router = Router::new().user_event("hold", |_| thread::sleep(Duration::from_secs(2)));
        let node = plain_builder("node").router(router).on_thread(&thread).start().await.unwrap();
        let to = addr(&node);
        // Its own thread, because the handler may hold that of the test.
        let peer = plain_builder("peer").join([to]).start().await.unwrap();
        node.user_event("hold", "").unwrap();
        let begin = Instant::now();
        until("it is probed meanwhile", || peer.stats().probes_acked >= 3).await;
        assert!(begin.elapsed() < SOON);
        assert_eq!(peer.stats().probes_failed, 0);
    });
}

#[test]
fn a_node_on_the_runtime_of_the_application_works_and_ends_with_it() {
    let (node, asked_on) = outlive(async |runtime: Adapter| {
        let asked_on = AskedOn::default();
        let on = |name: &str| {
            let config = noting(name, &asked_on).config().clone();
            let node = Builder::new(runtime.clone(), config).bind(format!("{}:7946", own_ip()));
            node.on_application_runtime()
        };
        let a = on("a").start().await.unwrap();
        let b = on("b").join([addr(&a)]).start().await.unwrap();
        see_each_other(&[a.clone(), b.clone()]).await;
        b.leave().await.unwrap();
        b.shutdown().await;
        (a, asked_on)
    });
    let asked_on = asked_on.lock().unwrap().clone();
    assert_eq!(asked_on, HashSet::from([thread::current().id()]), "it is the runtime's thread");
    run(async {
        let end = within(SOON, node.wait()).await.expect("nothing hangs");
        assert!(matches!(end, Err(Error::RuntimeEnded)), "{end:?}");
    });
}

#[test]
fn a_thread_for_nodes_outlives_its_last_node_while_somebody_may_start_another() {
    run(async {
        let thread = adapter::node_thread().unwrap();
        for _ in 0..3 {
            let thread: NodeThread<Adapter> = thread.clone();
            let node = plain_builder("n").on_thread(&thread).start().await.unwrap();
            within(SOON, node.shutdown()).await.expect("nothing hangs");
        }
    });
}

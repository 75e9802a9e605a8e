//! Clusters on the loopback, all nodes in this process, with the defaults for local networks.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bench_common::data::name;
use bench_common::live::{resident, switches};
use bench_common::micro::worked;
use bench_common::{median, say, say_missing};
use serfer_tokio::{Config, Event, Serfer};
use tokio::runtime::Runtime;
use tokio::time::{sleep, sleep_until, timeout};

use crate::place::{self, Place};

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("it can be built")
}

async fn start(at: usize, place: &Place) -> Serfer {
    let node = serfer_tokio::builder(Config::lan(name(at))).bind((Ipv4Addr::LOCALHOST, 0).text());
    let node = node.tag("role", "x".repeat(54)).expect("it is short enough").event_buffer(512);
    place.put(node).start().await.expect("a node can start on the loopback")
}

trait Text {
    fn text(self) -> String;
}

impl Text for (Ipv4Addr, u16) {
    fn text(self) -> String {
        format!("{}:{}", self.0, self.1)
    }
}

/// Starts so many and joins each to the first, one after another, and waits until all see all.
async fn gather(count: usize) -> Option<(Vec<Serfer>, Duration)> {
    let begin = Instant::now();
    let mut nodes: Vec<Serfer> = Vec::new();
    let place = Place::new();
    for at in 0..count {
        let node = start(at, &place).await;
        if let Some(first) = nodes.first() {
            node.join([first.local_addr().to_string()]).await.expect("the first is there");
        }
        nodes.push(node);
    }
    while !nodes.iter().all(|node| node.stats().members_alive == count) {
        if begin.elapsed() > Duration::from_secs(90) {
            return None;
        }
        sleep(Duration::from_millis(5)).await;
    }
    Some((nodes, begin.elapsed()))
}

/// Starting, doing nothing, and hearing of events.
pub fn cluster(count: usize) {
    let parameters = format!("n={count}{}", place::SUFFIX);
    runtime().block_on(async {
        let before = resident();
        let Some((nodes, took)) = gather(count).await else {
            for work in ["all-see-all", "idle", "event"] {
                say_missing(work, &parameters, "not all saw all within 90 s");
            }
            return;
        };
        say("all-see-all", &parameters, "ms", took.as_millis() as f64);
        sleep(Duration::from_secs(15)).await;
        idle(&parameters, count as f64, before).await;
        if count == 100 {
            events(&nodes, &parameters).await;
        }
    });
}

async fn idle(parameters: &str, count: f64, before: f64) {
    let (switched, start) = (switches(), worked());
    sleep(Duration::from_secs(30)).await;
    let took = (worked() - start).as_secs_f64();
    say("idle", parameters, "cpu-s/node/min", 2.0 * took / count);
    say("idle", parameters, "switches/node/s", (switches() - switched) / 30.0 / count);
    say("idle", parameters, "rss-kB/node", (resident() - before) / count);
}

async fn events(nodes: &[Serfer], parameters: &str) {
    let (mut halves, mut alls) = (Vec::new(), Vec::new());
    for round in 0..15 {
        let hear = |node: &Serfer| {
            let mut events = node.events();
            tokio::spawn(async move {
                let heard = async {
                    loop {
                        if let Some(Ok(Event::User(_))) = events.next().await {
                            return Instant::now();
                        }
                    }
                };
                timeout(Duration::from_secs(10), heard).await.ok()
            })
        };
        let hearing: Vec<_> = nodes.iter().map(hear).collect();
        sleep(Duration::from_millis(200)).await;
        let begin = Instant::now();
        nodes[round].user_event("deploy", format!("round {round}")).expect("it can be sent");
        let mut times = Vec::new();
        for heard in hearing {
            let heard = heard.await.expect("it ends");
            times.push(heard.map_or(10_000.0, |at| (at - begin).as_secs_f64() * 1e3));
        }
        times.sort_by(f64::total_cmp);
        halves.push(times[times.len() / 2]);
        alls.push(times[times.len() - 1]);
        sleep(Duration::from_secs(1)).await;
    }
    say("event", parameters, "ms-median-node", median(&mut halves));
    say("event", parameters, "ms-all", median(&mut alls));
}

/// How long the caller waits until it knows that there are no more answers.
pub fn query() {
    runtime().block_on(async {
        let (nodes, _) = gather(3).await.expect("three see each other");
        for node in &nodes {
            let (node, mut events) = (node.clone(), node.events());
            tokio::spawn(async move {
                while let Some(event) = events.next().await {
                    if let Ok(Event::Query(query)) = event {
                        node.respond(&query, "here").ok();
                    }
                }
            });
        }
        sleep(Duration::from_secs(1)).await;
        let mut times = Vec::new();
        for _ in 0..15 {
            let begin = Instant::now();
            let mut replies = nodes[0].query("status", "").expect("it can be sent");
            let mut count = 0;
            while replies.next().await.is_some() {
                count += 1;
            }
            if count != 3 {
                say("query-3", "n=3", "incomplete", f64::from(count));
            }
            times.push(begin.elapsed().as_secs_f64() * 1e3);
            sleep(Duration::from_millis(300)).await;
        }
        say("query-3", "n=3", "ms", median(&mut times));
    });
}

/// How many of the events that one of ten nodes sends in six seconds the others hear.
pub fn rate() {
    for per_second in [100, 400, 1_000, 2_000] {
        runtime().block_on(rate_of(per_second));
    }
}

async fn rate_of(per_second: u32) {
    let (nodes, _) = gather(10).await.expect("ten see each other");
    let heard = Arc::new(AtomicU64::new(0));
    for node in &nodes[1..] {
        let (mut events, heard) = (node.events(), Arc::clone(&heard));
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if let Ok(Event::User(_)) = event {
                    heard.fetch_add(1, Relaxed);
                }
            }
        });
    }
    let (mut refused, begin) = (0.0, Instant::now());
    let total = 6 * per_second;
    for sent in 0..total {
        sleep_until((begin + Duration::from_secs(1) * sent / per_second).into()).await;
        let is_refused = nodes[0].user_event("deploy", format!("{sent:064}")).is_err();
        refused += f64::from(u8::from(is_refused));
    }
    let (mut last, mut quiet) = (u64::MAX, 0);
    while quiet < 3 && begin.elapsed() < Duration::from_secs(31) {
        sleep(Duration::from_secs(1)).await;
        let now = heard.load(Relaxed);
        quiet = if now == last { quiet + 1 } else { 0 };
        last = now;
    }
    let parameters = format!("n=10 rate={per_second}");
    let share = 100.0 * last as f64 / (9.0 * f64::from(total));
    say("rate", &parameters, "delivered-%", share);
    say("rate", &parameters, "refused-%", 100.0 * refused / f64::from(total));
    for node in nodes {
        node.shutdown().await;
    }
}

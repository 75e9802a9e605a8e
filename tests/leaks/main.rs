//! Nodes that are shut down leave nothing behind. This is a program of its own, since it counts
//! files, threads and allocations, and other tests would add some.

use std::alloc::System;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, process, thread};

use serfer_tokio::{Builder, Config, NodeThread, Router, Runtime, Serfer, Tokio};
use smol::Executor;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many times two nodes start, talk and shut down.
const TIMES: usize = 100;

/// What all of these may keep: less than one allocation each. On tokio it is nothing. On smol a
/// thread more or less makes 9 allocations.
const ALLOCATIONS_MAX: isize = TIMES as isize / 4;
const BYTES_MAX: isize = 16 * 1024;

/// How many pairs of nodes are on one thread.
const PAIRS: usize = 5;

/// How long it may take until a thread is gone that a runtime keeps for a while.
const SOON: Duration = Duration::from_secs(30);

fn entries(dir: &str) -> usize {
    fs::read_dir(dir).expect("this is Linux").count()
}

fn node<R: Runtime>(runtime: R, name: &str, host: u8) -> Builder<R> {
    let [high, low] = (process::id() as u16).to_be_bytes();
    let router = Router::new().query("status", |_| "fine").user_event("e", |_| ());
    let builder = Builder::new(runtime, Config::local(name));
    builder.bind(format!("127.{host}.{high}.{low}:7946")).router(router)
}

/// Starts and shuts down so many pairs of nodes on one thread at a time, and gives the thread back each time.
async fn live_on_one_thread<R: Runtime>(runtime: R, times: usize) {
    let mut files = None;
    for _ in 0..times / PAIRS {
        let thread = NodeThread::new(&runtime).expect("there is a thread");
        let mut nodes = Vec::new();
        for pair in 0..PAIRS as u8 {
            let [a, b] = [90 + 2 * pair, 91 + 2 * pair];
            let a = start(node(runtime.clone(), "a", a).on_thread(&thread)).await;
            let b = node(runtime.clone(), "b", b).on_thread(&thread);
            nodes.push(start(b.join([a.local_addr().to_string()])).await);
            nodes.push(a);
        }
        // Some while the thread is held, some afterwards.
        for node in nodes.drain(PAIRS..) {
            node.shutdown().await;
        }
        drop(thread);
        for node in nodes {
            node.shutdown().await;
        }
        // The thread itself ends a moment later, and with it the files of its runtime.
        let begin = Instant::now();
        let open = || entries("/proc/self/fd");
        while open() > *files.get_or_insert_with(open) {
            assert!(begin.elapsed() < SOON, "{} files are open", open());
            thread::sleep(Duration::from_millis(1));
        }
    }
}

async fn start<R: Runtime>(builder: Builder<R>) -> Serfer {
    let key = builder.key("U3VwZXJTZWN1cmVUb2tlbg==").expect("a base64 key");
    key.start().await.expect("the ports are free again")
}

/// Starts two nodes at the same addresses each time. `tasks` counts the tasks that are alive.
async fn live<R: Runtime>(runtime: R, times: usize, tasks: impl Fn() -> usize) {
    let mut files = None;
    for _ in 0..times {
        let a = start(node(runtime.clone(), "a", 81)).await;
        let (mut events, mut members) = (a.events(), a.subscribe());
        members.next().await.expect("the members that there are");
        let seed = a.local_addr().to_string();
        let b = start(node(runtime.clone(), "b", 82).join([seed])).await;
        events.next().await.expect("somebody joins").expect("it is read in time");
        b.user_event("e", "").expect("it is small");
        b.query("status", "").expect("it is small").next().await.expect("somebody answers");
        a.shutdown().await;
        b.shutdown().await;
        // Nobody waits for the end of a task that calls a function of the application.
        let begin = Instant::now();
        while tasks() > 0 {
            assert!(begin.elapsed() < SOON, "{} tasks are alive", tasks());
            runtime.sleep_until(Instant::now() + Duration::from_millis(1)).await;
        }
        // The runtime has opened its own files by now.
        let open = entries("/proc/self/fd");
        assert_eq!(*files.get_or_insert(open), open, "sockets are closed by now");
    }
}

/// What this process holds.
#[derive(Debug)]
struct Held {
    threads: usize,
    allocations: isize,
    bytes: isize,
}

impl Held {
    fn now() -> Self {
        let threads = entries("/proc/self/task");
        let all = ALLOCATOR.stats();
        let allocations = all.allocations as isize - all.deallocations as isize;
        let bytes = all.bytes_allocated as isize - all.bytes_deallocated as isize;
        Self { threads, allocations, bytes }
    }
}

fn leak_nothing(name: &str, mut live: impl FnMut(usize)) {
    // The first nodes of a process allocate what is kept for later ones.
    live(TIMES / 4);
    let before = Held::now();
    live(TIMES);
    let begin = Instant::now();
    loop {
        let after = Held::now();
        let is_fine = after.threads <= before.threads
            && after.allocations <= before.allocations + ALLOCATIONS_MAX
            && after.bytes <= before.bytes + BYTES_MAX;
        if is_fine {
            return;
        }
        assert!(begin.elapsed() < SOON, "{name}: {before:?}, then {after:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// One test, so that nothing else runs at the same time.
#[test]
fn a_hundred_starts_and_shutdowns_leak_no_task_thread_socket_or_memory() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("nothing hinders it");
    let tasks = || runtime.metrics().num_alive_tasks();
    leak_nothing("tokio", |times| {
        runtime.block_on(async { live(Tokio::current(), times, tasks).await });
    });
    leak_nothing("tokio, on one thread", |times| {
        runtime.block_on(async { live_on_one_thread(Tokio::current(), times).await });
    });

    let executor = Arc::new(Executor::new());
    let tasks = || usize::from(!executor.is_empty());
    leak_nothing("smol", |times| {
        let runtime = serfer_smol::Smol::on(executor.clone());
        smol::block_on(executor.run(live(runtime, times, tasks)));
    });
    leak_nothing("smol, on one thread", |times| {
        let runtime = serfer_smol::Smol::on(executor.clone());
        smol::block_on(executor.run(live_on_one_thread(runtime, times)));
    });
}

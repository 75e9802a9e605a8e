//! Ours, with all nodes of the process on one thread.

#[path = "../../serfer/src/live.rs"]
#[expect(dead_code, reason = "only clusters are compared")]
mod live;
mod place;

bench_common::count_allocations!();

fn main() {
    bench_common::main(&[
        ("cluster-100", || live::cluster(100)),
        ("cluster-200", || live::cluster(200)),
    ]);
}

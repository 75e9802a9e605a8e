//! Ours.

mod aead;
mod live;
mod micro;
mod node;
mod place;
mod push_pull;
mod simulator;

bench_common::count_allocations!();

fn main() {
    bench_common::main(&[
        ("ping-ack", micro::ping_ack),
        ("known-8", micro::known_alives),
        ("fresh", micro::fresh_alive),
        ("gossip-1000", micro::gossip_tick),
        ("push-pull", push_pull::push_pull),
        ("aead", || aead::aead("")),
        ("heap", micro::heap),
        ("cluster-100", || live::cluster(100)),
        ("cluster-200", || live::cluster(200)),
        ("query-3", live::query),
        ("rate", live::rate),
        ("simulator", simulator::simulator),
    ]);
}

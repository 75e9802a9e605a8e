//! Ours.

mod micro;
mod node;
mod push_pull;

bench_common::count_allocations!();

fn main() {
    bench_common::main(&[
        ("ping-ack", micro::ping_ack),
        ("known-8", micro::known_alives),
        ("fresh", micro::fresh_alive),
        ("gossip-1000", micro::gossip_tick),
        ("push-pull", push_pull::push_pull),
        ("aead", micro::aead),
        ("heap", micro::heap),
    ]);
}

//! foca, with the same information in its identity as others have in a member.

mod identity;
mod micro;

bench_common::count_allocations!();

fn main() {
    bench_common::main(&[
        ("ping-ack", micro::ping_ack),
        ("known-8", micro::known_alives),
        ("fresh", micro::fresh_alive),
        ("gossip-1000", micro::gossip_tick),
        ("heap", micro::heap),
    ]);
}

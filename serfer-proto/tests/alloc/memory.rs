//! The memory that a member takes.
//!
//! A node learns a crowd of members by gossip, gossips them on and comes to rest. What is then
//! still allocated, without the bytes of names and tags, is divided by the number of members. Spare
//! capacity counts; the allocator's own overhead does not.
#![expect(clippy::print_stdout, reason = "the figures are of interest")]

#[path = "../../benches/scale/crowd.rs"]
#[expect(dead_code, reason = "the benchmark uses the rest")]
mod crowd;
#[path = "../../benches/scale/packets.rs"]
#[expect(dead_code, reason = "the benchmark uses the rest")]
mod packets;

use std::time::Instant;

const BYTES_MAX: f64 = 150.0;

#[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the clock")]
fn bytes_per_member(members: usize) -> f64 {
    let bytes = crowd::bytes_per_member(members, Instant::now());
    println!("{members:>7} members: {bytes:.0} bytes each");
    bytes
}

#[test]
fn a_member_takes_a_hundred_and_fifty_bytes_beyond_its_name_and_tags() {
    assert!(bytes_per_member(100_000) <= BYTES_MAX);
}

/// Hash tables grow by doubling, and have just done so at this size: the small ones are still there.
#[test]
fn at_the_worst_size_it_takes_a_third_more() {
    assert!(bytes_per_member(14_337) <= 1.33 * BYTES_MAX);
}

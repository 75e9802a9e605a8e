//! How often a broadcast is sent.

use crate::config::Gossip;

/// How often a message is sent in a cluster of `members`.
///
/// Unlike Go, where with the local preset a message is sent twice although a gossip tick has three
/// targets, so that one member of a small cluster may never hear it: every target of one tick gets the
/// message.
pub(crate) fn transmit_limit(gossip: &Gossip, members: usize) -> u32 {
    scaled(gossip.retransmit_mult, members).max(gossip.nodes as u32)
}

/// `mult * ceil(log10(members + 1))`, which grows with the digits of the cluster's size: Go's
/// `retransmitLimit`.
pub(crate) fn scaled(mult: u32, members: usize) -> u32 {
    let mut digits = 0;
    let mut power: usize = 1;
    while power <= members {
        power = power.saturating_mul(10);
        digits += 1;
    }
    mult * digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_grow_with_the_digits_of_the_cluster() {
        let expected = [(0, 0), (1, 3), (9, 3), (10, 6), (99, 6), (100, 9), (1000, 12)];
        for (members, limit) in expected {
            assert_eq!(scaled(3, members), limit, "{members} members");
        }
    }

    #[test]
    fn every_target_of_one_tick_gets_the_message() {
        let config = crate::config::Config::local("a");
        assert_eq!(transmit_limit(&config.gossip, 4), 3);
        assert_eq!(transmit_limit(&config.gossip, 10), 4);
    }
}

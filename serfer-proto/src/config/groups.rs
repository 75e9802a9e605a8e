//! The settings that belong together: plain values, checked when a node starts.

use std::time::Duration;

use crate::config::group::{Bounded, ms, secs};

groups! {
    /// How a node checks that a member is alive.
    pub struct Probe {
        /// How often the next member is probed, and how long a probe may take in all. A lower value finds
        /// failures sooner. Go: `ProbeInterval`. LAN 1 s, WAN 5 s, local 1 s.
        pub interval: Duration,
        /// How long to wait for the ack before other members are asked to ping; must be shorter than the
        /// interval. The 99th percentile of your round trip times is a good value. Go: `ProbeTimeout`.
        /// LAN 500 ms, WAN 3 s, local 200 ms.
        pub timeout: Duration,
        /// How many other members are asked to ping. Go: `IndirectChecks`. LAN and WAN 3, local 1.
        pub indirect_checks: usize,
        /// Whether the member is also pinged by stream, which tells a blocked UDP port from a dead node.
        /// Go: `!DisableTcpPings`. All true.
        pub stream_fallback: bool,
    }

    /// How probe timeouts follow the round trips of each member, so that failures are suspected sooner. Off by
    /// default, and unknown to Go.
    ///
    /// The timeout is `factor` times the longest of the last eight round trips to the member, within `floor` and
    /// [`Probe::timeout`], and all of the probe ends sooner by what that saves. It is the whole
    /// [`Probe::timeout`] for a member with fewer than three of them, or whose last probe was not answered by
    /// itself, and while this node is in [bad health](crate::Stats::health_score). It takes 28 bytes for each
    /// member.
    ///
    /// ```
    /// # use serfer_proto::{Config, RttProbing};
    /// let config = Config::lan("web-1").rtt_probing(Some(RttProbing::default()));
    /// ```
    pub struct RttProbing {
        /// The shortest timeout; must be shorter than [`Probe::timeout`]. Longer than the pauses of the
        /// machines, or they are suspected. 50 ms.
        pub floor: Duration = ms(50),
        /// How many round trips a member has. 2 to 100; 5.
        pub factor: u32 = 5,
    }

    /// How long a suspected member has to refute the suspicion.
    pub struct Suspicion {
        /// The shortest time is this many probe intervals, times the logarithm of the cluster's size.
        /// Go: `SuspicionMult`. LAN 4, WAN 6, local 3.
        pub mult: u32,
        /// The longest time, while no other member confirms the suspicion, is this many times the
        /// shortest. Go: `SuspicionMaxTimeoutMult`. All 6.
        pub max_timeout_mult: u32,
        /// How far the node's own bad health may stretch its probes: up to this many intervals.
        /// Go: `AwarenessMaxMultiplier`. All 8.
        pub awareness_max: u32,
    }

    /// How broadcasts spread.
    pub struct Gossip {
        /// How often broadcasts are sent, while there are any. Go: `GossipInterval`. LAN 200 ms,
        /// WAN 500 ms, local 100 ms.
        pub interval: Duration,
        /// To how many members at once. Go: `GossipNodes`. LAN 3, WAN 4, local 3.
        pub nodes: usize,
        /// Each broadcast is sent this many times the logarithm of the cluster's size.
        /// Go: `RetransmitMult`. LAN and WAN 4, local 2.
        pub retransmit_mult: u32,
        /// How long dead members still get gossip, so that they can refute; then they are forgotten.
        /// Go: `GossipToTheDeadTime`. LAN 30 s, WAN 60 s, local 15 s.
        pub to_the_dead: Duration,
        /// The longest datagram to send, in bytes, at most 65,507. Raise it only if no path between
        /// members fragments. Go: `UDPBufferSize`. All 1,400.
        pub packet_len_max: usize,
    }

    /// How news is sent at once, instead of at the next beat of [`Gossip::interval`]. News is what this node
    /// says itself or hears for the first time: a user event, a query, an intent, what became of a member.
    /// Go does not have it: there, everything waits for the beat.
    ///
    /// Half of the sends of each message, and at least [`Gossip::nodes`], are made at once, to different
    /// members; the others follow at the beat. A message is not sent more often than in Go.
    pub struct PromptGossip {
        /// How long news waits for more, so that they share packets. 2 ms.
        pub delay: Duration = ms(2),
        /// The shortest time between two times that news is sent, as long as it does not fill a packet.
        /// 20 ms.
        pub pause: Duration = ms(20),
        /// How many packets of gossip a node sends in a second at most, and a sixteenth of that at a time.
        /// What exceeds that waits for the beat. LAN and local 2,000, WAN 500.
        pub packets_per_second: u32 = 2000,
    }

    /// How long members are remembered after they are gone.
    pub struct Members {
        /// How often expired members are looked for. Go: `ReapInterval`. 15 s.
        pub reap_interval: Duration = secs(15),
        /// How often to try a failed member again over a stream: one of them at most, and the less often
        /// the fewer have failed. Go: `ReconnectInterval`. 30 s.
        pub reconnect_interval: Duration = secs(30),
        /// After how long a failed member is forgotten. Go: `ReconnectTimeout`. 24 h.
        pub reconnect_timeout: Duration = secs(24 * 3600),
        /// After how long a member that left is forgotten. Go: `TombstoneTimeout`. 24 h.
        pub tombstone_timeout: Duration = secs(24 * 3600),
        /// How long an intent waits for its member to appear. Go: `RecentIntentTimeout`. 5 min.
        pub recent_intent_timeout: Duration = secs(5 * 60),
        /// A member that is back this soon after it failed is counted in
        /// [`Stats::flaps`](crate::Stats::flaps). Go: `FlapTimeout`. 60 s.
        pub flap_timeout: Duration = secs(60),
    }

    /// How long events are held back, so that only their outcome is reported.
    ///
    /// ```
    /// # use serfer_proto::{Coalescing, Config};
    /// // As `serf agent` does.
    /// let config = Config::lan("web-1").coalesce_members(Some(Coalescing::default()));
    /// ```
    pub struct Coalescing {
        /// The longest time. Go: `CoalescePeriod`, `UserCoalescePeriod`. 3 s.
        pub period: Duration = secs(3),
        /// Ends earlier if no further event has come for this long. Go: `QuiescentPeriod`,
        /// `UserQuiescentPeriod`. 1 s.
        pub quiescent: Duration = secs(1),
    }

    /// How long a leave may take.
    pub struct Leave {
        /// How long to wait until the leave message has been sent often enough: once for Serf's message,
        /// once for memberlist's. Go: `BroadcastTimeout`. 5 s.
        pub broadcast_timeout: Duration = secs(5),
        /// How long the node stays afterwards, so that the message spreads. Go: `LeavePropagateDelay`.
        /// 1 s.
        pub propagate_delay: Duration = secs(1),
    }

    /// How queries are sent and answered.
    pub struct Queries {
        /// The default timeout of a query is this many gossip intervals, times the logarithm of the
        /// cluster's size. Go: `QueryTimeoutMult`. 16.
        pub timeout_mult: u32 = 16,
        /// How often a query is asked again: each quarter of the timeout, or of the default timeout if that
        /// is shorter, it goes directly to all expected members that have neither acked nor replied. A
        /// member that need not ack or has acked is asked again only if half of the members have replied.
        /// Members that have answered already repeat that, which Go's do not. At most 32 members are asked
        /// in 20 ms, and 1,024 in a second. 0 is never, as in Go; at most 3. 3.
        pub ask_again: u32 = 3,
        /// The longest query to send, in encoded bytes. Go: `QuerySizeLimit`. 1,024.
        pub len_max: usize = 1024,
        /// The longest answer to send, in encoded bytes. Each answer is one datagram. One that is longer
        /// than a [packet](Gossip::packet_len_max) travels in fragments, and is lost if one of them is.
        /// Go: `QueryResponseSizeLimit`. 1,024.
        pub response_len_max: usize = 1024,
    }

    /// When a name may move to another address: a node has gone and comes back elsewhere, like a pod that
    /// was rescheduled. The name of a node that left may move at once.
    pub struct Reclaim {
        /// How long a member must have been dead. `None` is until it is forgotten, see
        /// [`Gossip::to_the_dead`]. Set a few seconds where nodes come and go under fixed names.
        /// Go: `DeadNodeReclaimTime`. None.
        pub dead_after: Option<Duration> = None,
        /// Whether the address that had the name is pinged first, and keeps it if it answers. So nobody
        /// can take over a name with forged messages. Go does not do this. True.
        pub ask_holder: bool = true,
    }

    /// The seed retry: how a node tries addresses again where it has lost contact. It dials the seeds that
    /// it was told to join, as long as no member there is alive. It asks members that died, and those that are
    /// missing after a restart, by their names, with a ping; only if one answers, everything is compared.
    ///
    /// The seed retry merges a cluster that was split for longer than dead members are remembered. Go does
    /// not have it. After a partition has healed, both sides are one after `retry_max` and the time of one
    /// exchange; after one that lasted longer than half a day, after a thousandth of that time. It can take
    /// longer by chance: in a cluster of more than five, each node asks only so often that all nodes together
    /// ask four times at a time, on average. A node makes two tries in a second at most.
    pub struct SeedKeeper {
        /// The longest wait before the first retry; the shortest is half of it. 1 s.
        pub retry_min: Duration = secs(1),
        /// The wait doubles with each retry, up to this. A seed may wait longer: 15 s for each other
        /// member, which has the same seeds, up to 15 min. LAN and WAN 60 s, local 15 s.
        pub retry_max: Duration = secs(60),
        /// How many seeds are kept: the addresses given last to `join` or `update_seeds`. 256.
        pub seeds: usize = 256,
        /// How many lost members are kept, until they are found, or are no longer expected because they
        /// left or were pruned. A new one pushes out the oldest; half of the places are for those that were
        /// lost at the same time as others, as by a partition. 128.
        pub dead: usize = 128,
    }
}

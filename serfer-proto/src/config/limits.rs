//! The most that a node accepts from others.

use crate::config::group::Bounded;

groups! {
    /// The most that a node accepts from anybody. Limits are checked before memory is allocated.
    pub struct Limits {
        /// What a packet may inflate to, in bytes. 1 MiB.
        pub inflated_packet_len: usize = 1 << 20,
        /// What a stream may inflate to, in bytes. 40 MiB.
        pub inflated_stream_len: usize = 40 << 20,
        /// How many bytes a stream may bring. 20 MiB, as in Go. All streams together may keep four times
        /// as much waiting for its rest.
        pub stream_len: usize = 20 << 20,
        /// How many streams others may have open to this node at once. If there are more, those of the
        /// address with the most of them give way, first those that have shown nothing. 128.
        pub inbound_streams: usize = 128,
        /// How many members there may be, including those that are gone but remembered. 200,000.
        pub members: usize = 200_000,
        /// How long the encoded tags of another member may be, in bytes. 4,096.
        pub received_meta_len: usize = 4096,
        /// How many messages a broadcast queue holds. If twice the number of members is more, it holds
        /// that many. 4,096.
        pub queue: usize = 4096,
        /// How many messages in a queue of Serf's broadcasts cause a traced warning. The next warning
        /// comes only after the queue has been half as long. Go: `QueueDepthWarning`. 128.
        pub queue_warning: usize = 128,
        /// How many bytes a broadcast queue holds. 16 MiB.
        pub queue_bytes: usize = 16 << 20,
        /// For how many past Lamport times a repeated event or query is recognised. 512, as in Go.
        pub ring: usize = 512,
        /// How many events or queries of one Lamport time are told apart. 65,536: usually the bound in
        /// bytes comes first.
        pub ring_slot: usize = 1 << 16,
        /// How many bytes the remembered user events may take, and how many the queries. If they take
        /// more, the oldest are forgotten. Every push/pull carries all user events. 4 MiB.
        pub ring_bytes: usize = 4 << 20,
        /// How many intents about unknown members are kept. If twice the number of members is more, that
        /// many are kept. 4,096.
        pub recent_intents: usize = 4096,
        /// How many outgoing queries can be open at once. 1,024.
        pub open_queries: usize = 1024,
        /// How many steps the filters of incoming queries may take in one second. A query that needs more
        /// gets no answer, and an outgoing query that needs more is refused. A step takes about 10 ns.
        /// Compiling an expression takes one step for each byte of the result (`^web$` 1,000,
        /// `.{0,1000}` 450,000), and none while the result is remembered. Matching it takes one step for
        /// each of its states and each byte of the tag. Names take none. 4 Mi.
        pub filter_steps: usize = 4 << 20,
        /// How many members relay this node's answer to a query, even if the query asks for more. 10.
        pub relay_factor: u8 = 10,
        /// How many answers this node relays for others in one second. 1,024.
        pub relayed_answers: usize = 1024,
        /// How many pings this node can have open for others at once. 1,024.
        pub relayed_pings: usize = 1024,
        /// How long a snapshot may be, in bytes, before it is compacted; 256 bytes for each member are
        /// always allowed. 128 KiB, as in Go.
        pub snapshot_len: usize = 128 << 10,
        /// How many addresses are joined at the same time. 16.
        pub joins_at_once: usize = 16,
        /// After how many answers a join leaves the rest of its addresses to the seed retry, unless it is
        /// to reach more. 8.
        pub join_answers: usize = 8,
    }
}

//! Plain counters: what came, what went, and what was dropped, by reason.
//!
//! All rooms count, through `Cx`. [`drop_reason`] lists why something received is not used.

mod drop_reason;
mod readings;

pub use crate::machinery::stats::drop_reason::{DropReason, Drops};
pub use crate::machinery::stats::readings::{Reading, ReadingKind};

/// Makes the struct and the list of its numbers from one table.
macro_rules! stats {
    ($($(#[$more:meta])* $kind:ident $field:ident: $type:ty = $help:literal,)*) => {
        /// A look at the endpoint's insides. Counters only ever grow; gauges are as of the call.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Stats {
            /// Counters: what was received and not used, by reason.
            pub dropped: Drops,
            /// Gauge: what the endpoint waits for next.
            pub next_wake: Option<&'static str>,
            $(
                #[doc = concat!(stringify!($kind), ": ", $help, ".")]
                $(#[$more])*
                pub $field: $type,
            )*
        }

        impl Stats {
            /// Every number, with its name, its kind and what it means.
            /// [`dropped`](Self::dropped) has readings of its own, and
            /// [`next_wake`](Self::next_wake) is not a number.
            pub fn readings(&self) -> impl Iterator<Item = Reading> + use<> {
                let Self { dropped: _, next_wake: _, $($field),* } = self;
                [$(Reading {
                    name: stringify!($field),
                    kind: ReadingKind::$kind,
                    help: $help,
                    value: *$field as u64,
                }),*]
                .into_iter()
            }
        }
    };
}

stats! {
    Counter datagrams_received: u64 = "datagrams received",
    Counter datagrams_sent: u64 = "datagrams sent",
    Counter sends_failed: u64 = "datagrams that the network stack refused to send",
    Counter receives_failed: u64 = "times that the datagram socket could not receive",
    Counter streams_accepted: u64 = "streams accepted",
    Counter accepts_failed: u64 = "times that no stream could be accepted",
    Counter streams_dialled: u64 = "streams dialled",
    Counter streams_blocked: u64 = "push/pulls that failed with a member that answers datagrams",
    Counter datagrams_blocked: u64 = "members that answered a stream but no datagram",
    Counter portions: u64 = "times that a push/pull too long for one call was gone on with",
    Counter probes_acked: u64 = "probes that ended with an ack",
    Counter probes_failed: u64 = "probes that ended without an ack",
    Counter accusations_held: u64 = "members not accused because hardly anybody answers us",
    Counter suspicions: u64 = "members that became suspect",
    Counter refutations: u64 = "accusations against ourselves that we denied",
    Counter joins: u64 = "members that came, or came back",
    Counter leaves: u64 = "members that left",
    Counter failures: u64 = "members that failed",
    Counter updates: u64 = "members that changed their tags or address",
    Counter reaps: u64 = "members that were forgotten",
    /// See [`Members::flap_timeout`](crate::Members::flap_timeout).
    Counter flaps: u64 = "members that were back soon after they failed",
    Counter seed_retries: u64 = "seeds and lost members that were tried again",
    Counter broadcasts_dropped: u64 = "broadcasts dropped because their queue was full",
    Counter own_events_dropped: u64 = "user events of ours among them",
    Counter others_events_dropped: u64 = "user events of others among them",
    Counter own_queries_dropped: u64 = "queries of ours among them",
    Counter others_queries_dropped: u64 = "queries of others among them",
    Counter sends_refused: u64 = "user events and queries of ours refused because too many waited",
    /// See [`PromptGossip::packets_per_second`](crate::PromptGossip::packets_per_second).
    Counter news_waits: u64 = "times that news waited because too many packets had been sent",
    /// See [`Limits::queue_warning`](crate::Limits::queue_warning).
    Counter deep_queues: u64 = "times that a queue became deep",
    Counter name_conflicts: u64 = "claims to a name that another node has",
    Counter answers_refused: u64 = "answers of ours to queries that could not be sent",
    /// See [`Queries::ask_again`](crate::Queries::ask_again).
    Counter queries_repeated: u64 = "times that a member was asked a query again, directly",
    Counter answers_repeated: u64 = "acks and replies of ours sent again to who asked again",
    Counter joins_unanswered: u64 = "nodes that closed without an answer when we tried to join them",
    Counter stores_failed: u64 = "times that a file could not be written",
    Counter moves: u64 = "times that our own address changed",
    /// See [`Endpoint::note_receive_buffer`](crate::Endpoint::note_receive_buffer).
    Gauge unreturned_push_pulls: u32 = "push/pulls of ours since another node last dialled us",
    Gauge receive_buffer: usize = "bytes of datagrams that may wait to be received",
    Gauge members_alive: usize = "members that are not dead or left, ourselves included",
    Gauge members: usize = "members of any status",
    Gauge members_failed: usize = "members that failed and are remembered",
    Gauge members_left: usize = "members that left and are remembered",
    Gauge member_ltime: u64 = "Lamport time of members",
    Gauge event_ltime: u64 = "Lamport time of user events",
    Gauge query_ltime: u64 = "Lamport time of queries",
    Gauge queued: usize = "messages that wait to be gossiped",
    Gauge intents_queued: usize = "join and leave intents that wait to be gossiped",
    Gauge events_queued: usize = "user events that wait to be gossiped",
    Gauge queries_queued: usize = "queries that wait to be gossiped",
    Gauge health_score: u32 = "local health score of Lifeguard, 0 is healthy",
    /// See [`Coordinate`](crate::Coordinate).
    Gauge coordinates: usize = "members that said where they are",
    Counter coordinate_resets: u64 = "times that our own coordinate was invalid and was reset",
}

/// Whether the `count`th time is worth an operator's attention: the first, tenth, hundredth time and so
/// on, so that a flood of events does not flood a log.
pub(crate) fn is_notable(count: u64) -> bool {
    count.checked_ilog10().is_some_and(|zeros| 10_u64.pow(zeros) == count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_the_tenth_and_the_hundredth_time_are_notable() {
        let notable: Vec<u64> = (0..=1000).filter(|count| is_notable(*count)).collect();
        assert_eq!(notable, [1, 10, 100, 1000]);
        assert!(!is_notable(u64::MAX));
    }

    #[test]
    fn every_number_is_read_under_the_name_of_its_field() {
        let stats = Stats { datagrams_sent: 7, health_score: 3, ..Stats::default() };
        let read = |name| stats.readings().find(|reading| reading.name == name).unwrap();
        assert_eq!(
            (read("datagrams_sent").kind, read("datagrams_sent").value),
            (ReadingKind::Counter, 7)
        );
        assert_eq!(
            (read("health_score").kind, read("health_score").value),
            (ReadingKind::Gauge, 3)
        );
        assert_eq!(stats.readings().map(|reading| reading.value).sum::<u64>(), 10);
    }
}

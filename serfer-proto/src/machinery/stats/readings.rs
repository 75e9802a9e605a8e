//! [`Stats`] number by number, for those who export them: each with its name, its kind and what it
//! means. A field that is missing here does not compile.

use crate::machinery::stats::Stats;

/// One number of [`Stats`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reading {
    /// The name of the field.
    pub name: &'static str,
    /// How it behaves over time.
    pub kind: ReadingKind,
    /// What it is, in a few words.
    pub help: &'static str,
    /// Its value.
    pub value: u64,
}

/// How a number of [`Stats`] behaves over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadingKind {
    /// It only ever grows.
    Counter,
    /// It is as of now.
    Gauge,
}

macro_rules! readings {
    ($($kind:ident $field:ident $help:literal)*) => {
        impl Stats {
            /// Every number there is, in the order of the fields. What was [dropped](Self::dropped) has
            /// numbers of its own, and [`next_wake`](Self::next_wake) is none.
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

readings! {
    Counter datagrams_received "datagrams received"
    Counter datagrams_sent "datagrams sent"
    Counter sends_failed "datagrams that the network stack refused to send"
    Counter streams_accepted "streams accepted"
    Counter streams_dialled "streams dialled"
    Counter probes_acked "probes that ended with an ack"
    Counter probes_failed "probes that ended without an ack"
    Counter accusations_held "members not accused because hardly anybody answers us"
    Counter suspicions "members that became suspect"
    Counter refutations "accusations against ourselves that we denied"
    Counter joins "members that came, or came back"
    Counter leaves "members that left"
    Counter failures "members that failed"
    Counter updates "members that changed their tags or address"
    Counter reaps "members that were forgotten"
    Counter flaps "members that were back soon after they failed"
    Counter seed_retries "retries of addresses where a member was lost"
    Counter broadcasts_dropped "broadcasts dropped because their queue was full"
    Counter deep_queues "times that a queue became deep"
    Counter stores_failed "times that a file could not be written"
    Gauge members_alive "members that are not dead or left, ourselves included"
    Gauge members "members of any status"
    Gauge members_failed "members that failed and are remembered"
    Gauge members_left "members that left and are remembered"
    Gauge member_ltime "Lamport time of members"
    Gauge event_ltime "Lamport time of user events"
    Gauge query_ltime "Lamport time of queries"
    Gauge queued "messages that wait to be gossiped"
    Gauge intents_queued "intents that wait to be gossiped"
    Gauge events_queued "user events that wait to be gossiped"
    Gauge queries_queued "queries that wait to be gossiped"
    Gauge health_score "local health score of Lifeguard, 0 is healthy"
    Gauge coordinates "members that said where they are"
    Counter coordinate_resets "times that our own coordinate was nonsense"
}

#[cfg(test)]
mod tests {
    use super::*;

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

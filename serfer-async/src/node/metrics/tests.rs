//! What a recorder is told, and when.

use std::collections::BTreeSet;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use serfer_proto::DropReason;

use super::*;
use crate::node::end_cause::EndCause;
use crate::node::testing::TestNode;
use crate::router::Router;

/// What a recorder was told since the last time.
struct Recorded(Vec<Metric>);

struct Metric {
    name: String,
    labels: Vec<(String, String)>,
    value: DebugValue,
}

impl Recorded {
    fn take(from: &Snapshotter) -> Self {
        let all = from.snapshot().into_vec().into_iter().map(|(key, _unit, _help, value)| {
            let labels = key.key().labels().map(|l| (l.key().to_owned(), l.value().to_owned()));
            Metric { name: key.key().name().to_owned(), labels: labels.collect(), value }
        });
        Self(all.collect())
    }

    /// The value of a metric that has, if at all, one more label than that of its node.
    fn value(&self, name: &str, label: Option<(&str, &str)>) -> u64 {
        let mut labels = vec![("node".to_owned(), "alone".to_owned())];
        labels.extend(label.map(|(key, value)| (key.to_owned(), value.to_owned())));
        let found = self.0.iter().find(|metric| metric.name == name && metric.labels == labels);
        match found.map(|metric| &metric.value) {
            Some(DebugValue::Counter(value)) => *value,
            Some(DebugValue::Gauge(value)) => value.into_inner() as u64,
            _ => panic!("there is no {name} {label:?}"),
        }
    }

    /// All values that a label has.
    fn labels(&self, key: &str) -> BTreeSet<&str> {
        let labels = self.0.iter().flat_map(|metric| &metric.labels);
        labels.filter(|label| label.0 == key).map(|label| &*label.1).collect()
    }
}

/// What is recorded while a node does something.
fn recorded(f: impl FnOnce(&TestNode, &Snapshotter)) {
    let recorder = DebuggingRecorder::new();
    let from = recorder.snapshotter();
    let node = TestNode::with(Router::new());
    let names = ["deploy", "status", "other"].map(str::to_owned);
    node.shared.with(|state| state.names = NameCounts::new(names.into())).unwrap();
    metrics::with_local_recorder(&recorder, || f(&node, &from));
}

#[test]
fn every_number_of_the_stats_is_exported_with_its_node() {
    recorded(|node, from| {
        node.shared
            .drive(|node, now| node.handle_datagram(now, ([127, 0, 0, 1], 1).into(), &mut [99]));
        export(&node.shared);
        let recorded = Recorded::take(from);
        let stats = node.serf.stats();
        for reading in stats.readings() {
            let metric = match reading.kind {
                ReadingKind::Counter => format!("serfer_{}_total", reading.name),
                ReadingKind::Gauge => format!("serfer_{}", reading.name),
            };
            assert_eq!(recorded.value(&metric, None), reading.value, "{metric}");
        }
        assert_eq!(recorded.value("serfer_members_alive", None), 1);
        assert_eq!(recorded.value("serfer_datagrams_received_total", None), 1);
        for reason in DropReason::ALL {
            let dropped = recorded.value("serfer_dropped_total", Some(("reason", reason.name())));
            assert_eq!(dropped, stats.dropped[reason], "{reason:?}");
        }
        assert_eq!(stats.dropped.total(), 1);
        assert_eq!(recorded.labels("node"), ["alone"].into());
    });
}

#[test]
fn a_flood_of_names_makes_no_more_labels() {
    recorded(|node, from| {
        node.event("deploy");
        node.event("deploy");
        node.event("other");
        (0..200).for_each(|n| node.event(&format!("flood-{n}")));
        drop(node.ask("status"));
        drop(node.ask("unknown"));
        export(&node.shared);
        let recorded = Recorded::take(from);
        assert_eq!(recorded.labels("name"), ["deploy", "other", "status"].into());
        let named = |metric: &str, name| recorded.value(metric, Some(("name", name)));
        for way in ["sent", "received"] {
            let (events, queries) =
                (format!("serfer_user_events_{way}_total"), format!("serfer_queries_{way}_total"));
            assert_eq!((named(&events, "deploy"), named(&events, "other")), (2, 201), "{way}");
            assert_eq!((named(&queries, "status"), named(&queries, "other")), (1, 1), "{way}");
        }
    });
}

#[test]
fn numbers_are_exported_regularly() {
    recorded(|node, from| {
        let writer = export_beside(&node.shared, vec!["deploy".to_owned()], async {});
        drop(writer);
        node.settle();
        let events = || {
            Recorded::take(from).value("serfer_user_events_sent_total", Some(("name", "deploy")))
        };
        assert_eq!(events(), 0, "they are there from the start");
        node.event("deploy");
        node.advance(INTERVAL - Duration::from_millis(1));
        assert_eq!(events(), 0);
        node.advance(Duration::from_millis(1));
        assert_eq!(events(), 1);
    });
}

#[test]
fn the_last_numbers_are_exported_when_all_is_stored_after_the_shutdown() {
    recorded(|node, from| {
        let writer = crate::files::writer::run(
            node.runtime.clone(),
            node.shared.clone(),
            Default::default(),
        );
        let writer = export_beside(&node.shared, vec!["deploy".to_owned()], writer);
        node.shared.tasks.spawn_finishing(writer);
        let sent = || {
            let sent = ("serfer_user_events_sent_total", Some(("name", "deploy")));
            Recorded::take(from).value(sent.0, sent.1)
        };
        node.settle();
        assert_eq!(sent(), 0);
        node.event("deploy");
        assert_eq!(sent(), 0);
        node.shared.close(EndCause::Told);
        node.settle();
        assert_eq!(sent(), 1);
    });
}

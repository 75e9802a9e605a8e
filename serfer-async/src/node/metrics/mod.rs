//! A node's numbers for the `metrics` facade.
//!
//! Only the builder enters, which starts it as a task. The numbers are all of [`Stats`], and how often which
//! user event and query came and went. A recorder that the
//! application installs gets them every few seconds, and once more when the node is shut down. Names of
//! events come from the network, so they are labels only if the application says so. All others share one
//! label, `other`.

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, gauge};
use serfer_proto::{ReadingKind, Stats};

use super::shared::Shared;
use super::state::name_counts::{CountedByName, NameCounts};

/// How often the numbers are handed out.
const INTERVAL: Duration = Duration::from_secs(5);

const DROPPED: &str = "serfer_dropped_total";

/// What is counted by name: the metric and what it means.
const BY_NAME: [(CountedByName, &str, &str); 4] = [
    (
        CountedByName::EventReceived,
        "serfer_user_events_received_total",
        "user events that the application was told of, our own included",
    ),
    (CountedByName::EventSent, "serfer_user_events_sent_total", "user events that we sent"),
    (
        CountedByName::QueryReceived,
        "serfer_queries_received_total",
        "queries that the application was asked, our own included",
    ),
    (CountedByName::QuerySent, "serfer_queries_sent_total", "queries that we asked"),
];

/// Hands out the numbers for as long as the node runs. The future that is returned runs the `writer`, and
/// hands them out for the last time when it has written all.
pub(crate) fn export_beside<W: Future<Output = ()>>(
    shared: &Arc<Shared>,
    names: Vec<String>,
    writer: W,
) -> impl Future<Output = ()> + use<W> {
    let _ = shared.with(|state| state.names = NameCounts::new(names));
    // A recorder is code of the application, and may take long.
    shared.tasks.spawn_outside(export_regularly(shared.clone()));
    let shared = shared.clone();
    async move {
        writer.await;
        export(&shared);
    }
}

/// Hands out the numbers until the node is shut down.
async fn export_regularly(shared: Arc<Shared>) {
    loop {
        export(&shared);
        shared.tasks.sleep_until(shared.now() + INTERVAL).await;
    }
}

/// Hands out the numbers as they are now. It does not call the recorder under the lock.
fn export(shared: &Shared) {
    let numbers = shared.with(|state| {
        let node: Arc<str> = state.endpoint.local_member().name().into();
        (node, state.endpoint.stats(), state.names.snapshot())
    });
    let Ok((node, stats, names)) = numbers else {
        return;
    };
    export_stats(&node, &stats);
    // Each time, because the recorder may have been installed since the last time.
    for (what, metric, help) in BY_NAME {
        describe_counter!(metric, help);
        for (name, counts) in &names {
            counter!(metric, "node" => node.clone(), "name" => name.clone())
                .absolute(counts[what as usize]);
        }
    }
}

fn export_stats(node: &Arc<str>, stats: &Stats) {
    for reading in stats.readings() {
        match reading.kind {
            ReadingKind::Counter => {
                let metric = format!("serfer_{}_total", reading.name);
                describe_counter!(metric.clone(), reading.help);
                counter!(metric, "node" => node.clone()).absolute(reading.value);
            }
            ReadingKind::Gauge => {
                let metric = format!("serfer_{}", reading.name);
                describe_gauge!(metric.clone(), reading.help);
                gauge!(metric, "node" => node.clone()).set(reading.value as f64);
            }
        }
    }
    describe_counter!(DROPPED, "what was received and not used, by reason");
    for (reason, count) in stats.dropped.iter() {
        counter!(DROPPED, "node" => node.clone(), "reason" => reason.name()).absolute(count);
    }
}

#[cfg(test)]
mod tests;

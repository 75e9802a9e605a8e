//! Checks `docs/observability.md`: it lists every number, reason and target, and every trace has
//! one of those targets.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serfer_proto::{DropReason, ReadingKind, Stats};

use crate::files::{read, rust_files};

/// The rows of the table whose first column has this heading, without backticks.
fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    let start = format!("| {heading} |");
    let lines = text.lines().skip_while(|line| !line.starts_with(&start)).skip(2);
    let rows = lines.take_while(|line| line.starts_with('|'));
    let cells = |row: &str| {
        let cells = row.trim_matches('|').split(" | ");
        cells.map(|cell| cell.trim().replace('`', "")).collect()
    };
    rows.map(cells).collect()
}

/// Each source file of a crate, without its tests.
fn sources(crate_name: &str) -> Vec<(PathBuf, String)> {
    let files = rust_files(&format!("{crate_name}/src")).into_iter();
    let code = |text: String| text.split("#[cfg(test)]\nmod").next().unwrap_or_default().to_owned();
    files.map(|(path, text)| (path, code(text))).collect()
}

#[test]
fn every_number_has_a_row() {
    let text = read("docs/observability.md");
    let rows = table(&text, "field");
    let documented: Vec<_> = rows.iter().map(|row| (&*row[0], &*row[1])).collect();
    let metric = |name: &str, kind| match kind {
        ReadingKind::Counter => format!("serfer_{name}_total"),
        ReadingKind::Gauge => format!("serfer_{name}"),
    };
    let stats = Stats::default();
    let mut there: BTreeSet<(&str, String)> = stats
        .readings()
        .map(|reading| (reading.name, metric(reading.name, reading.kind)))
        .collect();
    there.insert(("dropped", "serfer_dropped_total".to_owned()));
    there.insert(("next_wake", "none".to_owned()));
    let expected: BTreeSet<_> = there.iter().map(|(name, metric)| (*name, &**metric)).collect();
    assert_eq!(documented.iter().copied().collect::<BTreeSet<_>>(), expected);
    assert_eq!(documented.len(), expected.len(), "a row for each");
    for row in &rows {
        assert!(row.len() == 4 && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
        let gauge = stats.readings().any(|r| r.name == row[0] && r.kind == ReadingKind::Gauge);
        assert_eq!(row[2].starts_with("gauge"), gauge, "{row:?}");
    }
}

#[test]
fn every_reason_has_a_row() {
    let rows = table(&read("docs/observability.md"), "reason");
    let documented: Vec<&str> = rows.iter().map(|row| &*row[0]).collect();
    assert_eq!(documented, DropReason::ALL.map(DropReason::name));
}

#[test]
fn every_metric_of_ours_has_a_row() {
    let sources = sources("serfer-async");
    let (_, code) = sources
        .iter()
        .find(|(path, _)| path.ends_with("metrics.rs") || path.ends_with("metrics/mod.rs"))
        .expect("the metrics have a module of their own");
    let words = code.split('"');
    let metrics: BTreeSet<&str> =
        words.filter(|word| word.starts_with("serfer_") && !word.contains('{')).collect();
    let text = read("docs/observability.md");
    let rows = table(&text, "metric");
    let mut documented: BTreeSet<&str> = rows.iter().map(|row| &*row[0]).collect();
    documented.insert("serfer_dropped_total");
    assert_eq!(metrics, documented);
}

#[test]
fn every_trace_has_a_documented_target() {
    let rows = table(&read("docs/observability.md"), "target");
    let targets: BTreeSet<&str> = rows.iter().map(|row| &*row[0]).collect();
    assert_eq!(targets.len(), rows.len(), "each has one row");
    let mut used = BTreeSet::new();
    for (path, code) in ["serfer-proto", "serfer-async", "serfer-tokio", "serfer-smol"]
        .into_iter()
        .flat_map(sources)
    {
        let imports =
            ["use tracing::{debug", "use tracing::{info", "use tracing::warn", "use tracing::*"];
        assert!(!imports.iter().any(|import| code.contains(import)), "{}", path.display());
        for trace in code.split("tracing::").skip(1) {
            let Some((name, arguments)) = trace.split_once("!(") else { continue };
            let is_event = ["trace", "debug", "info", "warn", "error", "event"].contains(&name);
            if !is_event && !name.ends_with("span") {
                continue;
            }
            let target = arguments.trim_start().strip_prefix("target: \"");
            let target = target.and_then(|rest| rest.split_once('"')).map(|(target, _)| target);
            let Some(target) = target else { panic!("{}: {name}!({arguments}", path.display()) };
            if is_event {
                assert!(targets.contains(target), "{}: {target} is not documented", path.display());
                used.insert(target.to_owned());
            } else {
                assert_eq!(target, "serfer", "{}", path.display());
            }
        }
    }
    let used: BTreeSet<&str> = used.iter().map(String::as_str).collect();
    assert_eq!(used, targets, "each is used");
}

//! Checks `docs/incidents.md`: every row has a test, and the test exists.
//!
//! A row has three columns: what happened to somebody, what a serfer node does, and where our test
//! is, as in `docs/CONFORMANCE.md`, or in which file all our tests of it are.

use std::collections::BTreeSet;

use crate::files::{found_in, project};
use crate::references::{check, references};

/// The fault of a row, if it has one.
fn fault(cells: &[&str], read: &impl Fn(&str) -> Option<String>) -> Option<String> {
    let [happened, does, ours] = cells else {
        return Some("it has not three columns".to_owned());
    };
    if happened.is_empty() || does.is_empty() || references(ours).next().is_none() {
        return Some("a column is empty, or no test is named".to_owned());
    }
    references(ours).find_map(|reference| {
        if !reference.contains("::") && reference.ends_with(".rs") {
            return read(reference).is_none().then(|| format!("there is no {reference}"));
        }
        let (path, test) = reference.split_once("::").unwrap_or((reference, ""));
        if path.starts_with("tests/interop/") && read(path).is_some_and(|text| text.contains(test))
        {
            // Its cases have names that are put together.
            return None;
        }
        let fault = check(reference, read).err()?;
        let test = reference.split_once("::").map(|(_, test)| found_in(test));
        Some(format!("{fault} {}", test.unwrap_or_default()))
    })
}

/// The cells of each row of a table, without its head.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = lines.map(|line| line.split(" | ").map(str::trim).collect::<Vec<_>>());
    rows.filter(|cells| cells[0] != "what happened" && !cells[0].starts_with("---"))
}

#[test]
fn each_incident_has_its_test() {
    let read = |path: &str| std::fs::read_to_string(project().join(path)).ok();
    let text = read("docs/incidents.md").expect("it stands among the documents");
    let faults: Vec<String> = rows(&text)
        .filter_map(|cells| Some(format!("{}: {}", cells[0], fault(&cells, &read)?)))
        .collect();
    assert!(faults.is_empty(), "docs/incidents.md:\n{}", faults.join("\n"));
    assert!(rows(&text).next().is_some(), "it has no rows");
    // As a merge may leave it.
    let mut seen = BTreeSet::new();
    let twice: Vec<&str> =
        rows(&text).map(|cells| cells[0]).filter(|happened| !seen.insert(*happened)).collect();
    assert_eq!(twice, [""; 0], "stand twice in docs/incidents.md");
}

#[test]
fn a_row_without_its_test_is_found() {
    let read = |path: &str| (path == "a.rs").then(|| "fn there() {}".to_owned());
    let faulty = |row| rows(row).filter(|cells| fault(cells, &read).is_some()).count();
    assert_eq!(faulty("| it broke | it does not | `a.rs::there` |"), 0);
    assert_eq!(faulty("| it broke | it does not | `a.rs::gone` |"), 1);
    assert_eq!(faulty("| it broke | it does not | none |"), 1);
    assert_eq!(faulty("| it broke | `a.rs::there` |"), 1);
}

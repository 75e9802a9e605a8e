//! Checks `docs/CONFORMANCE.md`: every row has a test, and the test exists.
//!
//! A row has three columns: the test of the Go project, what it shows, and where our test is. The
//! last is a list of `path::test` in backticks, or the reason why there is none: `does not apply:
//! …`, or `not yet: …`, which counts as not covered. Whether a test shows what the row says is for
//! readers to judge. A test that was renamed or deleted is found here.

use std::collections::BTreeMap;

use crate::files::{found_in, project};
use crate::references::{check, references};

/// How many percent of the rows that apply must be covered.
const COVERED_MIN: usize = 95;

/// The parts of the document: one for each Go project.
const PARTS: [&str; 2] = ["memberlist", "serf"];

struct Row<'a> {
    /// The heading above the row: the name of Go's file.
    file: &'a str,
    test: &'a str,
    behaviour: &'a str,
    ours: &'a str,
}

/// The verdict about a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Covered,
    NotYet,
    DoesNotApply,
}

/// The text of a part, without its heading.
fn part<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let parts = text.split("\n## ").skip(1);
    let mut parts = parts.filter_map(|part| part.split_once('\n'));
    parts.find_map(|(heading, part)| (heading.trim() == name).then_some(part))
}

/// The rows of a part.
fn rows(text: &str) -> Vec<Row<'_>> {
    let mut file = "";
    let mut rows = Vec::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            file = heading;
        }
        let cells: Vec<&str> = line.trim().split('|').map(str::trim).collect();
        if let ["", test, behaviour, ours, ""] = cells[..]
            && test.starts_with("Test")
        {
            rows.push(Row { file, test, behaviour, ours });
        }
    }
    rows
}

/// Judges a row, or says what is wrong with it. `read` returns the text of a file of the project.
fn judge(row: &Row<'_>, read: &impl Fn(&str) -> Option<String>) -> Result<Verdict, String> {
    if row.file.is_empty() || row.behaviour.is_empty() {
        return Err("it has no heading or no behaviour".to_owned());
    }
    for (word, verdict) in
        [("does not apply:", Verdict::DoesNotApply), ("not yet:", Verdict::NotYet)]
    {
        if let Some(reason) = row.ours.strip_prefix(word) {
            let is_given = !reason.trim().is_empty();
            return if is_given { Ok(verdict) } else { Err("it gives no reason".to_owned()) };
        }
    }
    if references(row.ours).next().is_none() {
        return Err("it has neither a test nor a reason".to_owned());
    }
    references(row.ours).try_for_each(|reference| check(reference, read))?;
    Ok(Verdict::Covered)
}

#[test]
fn nearly_every_test_of_memberlist_and_serf_has_its_match_here() {
    let read = |path: &str| std::fs::read_to_string(project().join(path)).ok();
    let text = read("docs/CONFORMANCE.md").expect("it stands among the documents");
    for name in PARTS {
        let part = part(&text, name).unwrap_or_else(|| panic!("there is no part {name}"));
        check_part(name, part, &read);
    }
}

fn check_part(name: &str, part: &str, read: &impl Fn(&str) -> Option<String>) {
    let rows = rows(part);
    let mut faults = Vec::new();
    let mut seen = BTreeMap::new();
    let (mut applying, mut covered) = (0, 0);
    for row in &rows {
        if seen.insert((row.file, row.test), ()).is_some() {
            faults.push(format!("{} {}: it is there twice", row.file, row.test));
        }
        match judge(row, read) {
            Ok(verdict) => {
                applying += usize::from(verdict != Verdict::DoesNotApply);
                covered += usize::from(verdict == Verdict::Covered);
            }
            Err(fault) => {
                let hints = hints(row, read);
                faults.push(format!("{} {}: {fault}{hints}", row.file, row.test));
            }
        }
    }
    assert!(faults.is_empty(), "docs/CONFORMANCE.md, {name}:\n{}", faults.join("\n"));
    let enough = covered * 100 >= applying * COVERED_MIN;
    assert!(enough, "only {covered} of {applying} of {name} are covered");
    let claim = format!("{} rows, {applying} apply, {covered} are covered", rows.len());
    assert!(part.contains(&claim), "its part about {name} should say: {claim}");
}

/// Where the tests of a row are that are not where it says.
fn hints(row: &Row<'_>, read: &impl Fn(&str) -> Option<String>) -> String {
    let wrong = references(row.ours).filter(|reference| check(reference, read).is_err());
    let tests = wrong.filter_map(|reference| reference.split_once("::"));
    tests.map(|(_, test)| format!("; {}", found_in(test))).collect()
}

#[test]
fn a_wrong_row_is_found() {
    let read = |path: &str| match path {
        "a.rs" => Some("fn there_longer() {}\nfn there() {}".to_owned()),
        "tests/interop/b.rs" => Some("(\"a_case\", a)".to_owned()),
        "s.txt" => Some(String::new()),
        _ => None,
    };
    for (ours, expected) in [
        ("`a.rs::there`", Ok(Verdict::Covered)),
        ("`a.rs::there`, `tests/interop/b.rs::a_case`, `s.txt`", Ok(Verdict::Covered)),
        ("not yet: later", Ok(Verdict::NotYet)),
        ("does not apply: Go's own", Ok(Verdict::DoesNotApply)),
        ("`a.rs::there_long`", Err("there is no test \"there_long\" in a.rs")),
        ("`a.rs::there`, `c.rs::there`", Err("there is no c.rs")),
        ("`a.rs`", Err("there is no test \"\" in a.rs")),
        ("does not apply: ", Err("it gives no reason")),
        ("", Err("it has neither a test nor a reason")),
    ] {
        let line = format!("### x_test.go\n| TestX | it is so | {ours} |");
        let rows = rows(&line);
        let verdict = judge(&rows[0], &read);
        assert_eq!(verdict, expected.map_err(str::to_owned), "{ours}");
    }
}

#[test]
fn each_part_has_its_own_rows() {
    let text =
        "# All\n## memberlist\n### a\n| TestA | a | `a` |\n## serf\n### b\n| TestB | b | `b` |";
    let tests = |name| {
        rows(part(text, name).unwrap_or_default()).iter().map(|row| row.test).collect::<Vec<_>>()
    };
    assert_eq!((tests("memberlist"), tests("serf")), (vec!["TestA"], vec!["TestB"]));
    assert!(part(text, "consul").is_none());
}

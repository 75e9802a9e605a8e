//! The table of the Go module, the README, and the size of an adapter.
//!
//! Doctests show that the code in them compiles: see `src/lib.rs`.

use std::collections::BTreeSet;
use std::fs;

use crate::files::{found_in, project, read};

const FROM_GO: &str = "docs/from-go.md";

/// All that the Go module exports, by name. Two of its items have the same name, which is listed
/// once.
const EXPORTED: &str = "
    MaxLeaders Serfer BindAddr BindPort AdvAddr AdvPort LeadersAddr Keys EventHandler Conf Logger
    Event UserEvent Query MemberEvent QueryResponse Response KeyResponse EventHandlerFunc Handler
    DefaultHandler
    New NewDefault NewSecure Start StartSecure StartAndWait StartSecureAndWait Create Join Wait Close
    Leave ForceLeave Serf SetBindAddr SetAdvertiseAddr
    GetResponse Event2UserEvent Event2Query Event2MemberEvent
    EventHandle EventHandleFunc UserEventHandle UserEventHandleFunc QueryEventHandle
    QueryEventHandleFunc MemberEventHandle MemberEventHandleFunc NewHandler Handler.EventHandler
    HandleEvent NotFound NotFoundEventHandler
    Keyring GetKeys InstallKey UseKey RemoveKey ListKeys
    BindTags SetTag Tags Tag
";

/// The cells of each row of each table.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = text.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    rows.map(|row| row.split('|').map(str::trim).collect())
}

/// The words in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_item_of_the_go_module_has_a_row() {
    let text = read(FROM_GO);
    let named: BTreeSet<&str> = rows(&text).flat_map(|row| quoted(row[0])).collect();
    let missing = EXPORTED.split_whitespace().filter(|item| !named.contains(item));
    assert_eq!(missing.collect::<Vec<_>>(), [""; 0], "have no row in {FROM_GO}");
}

#[test]
fn every_defect_of_the_go_module_has_a_test() {
    let text = read(FROM_GO);
    let defects: Vec<_> = rows(&text).filter(|row| row.len() == 4 && is_defect(row[0])).collect();
    let numbers: Vec<&str> = defects.iter().map(|row| row[0]).collect();
    let expected: Vec<String> = (1..=25).map(|number| format!("B{number}")).collect();
    assert_eq!(numbers, expected);
    for row in defects {
        let tests: Vec<&str> = quoted(row[3]).collect();
        assert!(!tests.is_empty(), "{} has no test", row[0]);
        for test in tests {
            let (path, name) = test.split_once("::").expect("path::name");
            let text = fs::read_to_string(project().join(path)).unwrap_or_default();
            let is_there = text.contains(&format!("#[test]\nfn {name}("))
                || text.contains(&format!("#[test]\n    fn {name}("));
            let hint = || found_in(name);
            assert!(is_there, "{}: there is no test {name} in {path}: {}", row[0], hint());
        }
    }
}

fn is_defect(cell: &str) -> bool {
    let number = cell.strip_prefix('B');
    number.is_some_and(|number| number.parse::<u8>().is_ok())
}

/// The lines of code in blocks that begin with this line, without indentation.
fn code<'a>(text: &'a str, fence: &str) -> impl Iterator<Item = &'a str> {
    let mut is_code = false;
    text.lines().map(str::trim).filter(move |line| {
        if line.starts_with("```") {
            is_code = line.starts_with(fence);
            return false;
        }
        is_code && !line.is_empty()
    })
}

/// The documentation in a source file, as text whose blocks are marked as Rust.
fn docs_of(path: &str) -> String {
    let source = read(path);
    let docs = source.lines().filter_map(|line| line.trim_start().strip_prefix("//"));
    let docs = docs.filter_map(|line| line.strip_prefix(['!', '/']));
    let mut is_open = false;
    let docs = docs.map(|line| {
        let line = line.trim();
        if line.starts_with("```") {
            is_open = !is_open;
        }
        if is_open && ["```", "```no_run"].contains(&line) { "```rust" } else { line }
    });
    docs.collect::<Vec<_>>().join("\n")
}

/// Most of it is a doctest of this package, see `src/lib.rs`. The rest must be code elsewhere.
#[test]
fn the_code_of_the_readme_is_compiled() {
    let documented = ["serfer-tokio/src/lib.rs", "serfer-async/src/settings.rs"].map(docs_of);
    let texts = documented.into_iter().chain([read(FROM_GO)]).collect::<Vec<_>>();
    let compiled: BTreeSet<&str> = texts.iter().flat_map(|text| code(text, "```rust")).collect();
    let readme = read("README.md");
    let not_compiled = code(&readme, "```rust,ignore").filter(|line| !compiled.contains(line));
    assert_eq!(not_compiled.collect::<Vec<_>>(), [""; 0], "stand in README.md and nowhere else");
}

/// An adapter implements one trait. What adapters share is in `serfer-async`.
#[test]
fn an_adapter_is_at_most_250_lines_of_code() {
    for adapter in ["serfer-tokio", "serfer-smol"] {
        let src = project().join(adapter).join("src");
        let files = fs::read_dir(src).expect("a crate has sources");
        let code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
        let lines = files.map(|file| {
            let text = fs::read_to_string(file.expect("it can be listed").path());
            text.expect("sources are text, in one folder").lines().filter(code).count()
        });
        let lines: usize = lines.sum();
        assert!((1..=250).contains(&lines), "{adapter} has {lines} lines of code");
    }
}

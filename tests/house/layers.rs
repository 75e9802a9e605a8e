//! Layers: which room may use which, and what the core must not touch.
//!
//! Within a room, files are kept in order by the circle test; here, the rooms are.

use std::collections::BTreeSet;

use crate::checked::{Checked, Failure};
use crate::sources::{Sources, root};
use crate::uses::{Tree, tree, uses};

/// The rooms of the core from the bottom up, each with those that it may use besides itself. A room is
/// a folder or a file; of several that a file is in, the longest counts.
const CORE: [(&str, &[&str]); 9] = [
    ("wire", &[]),
    ("machinery/rng", &["wire"]),
    ("api", &["wire"]),
    ("snapshot", &["wire", "api"]),
    ("config", &["wire", "api", "snapshot"]),
    ("settings", &["wire", "api", "snapshot", "config"]),
    ("machinery", &["wire", "machinery/rng", "api", "config"]),
    ("memberlist", &["wire", "machinery/rng", "api", "snapshot", "config", "machinery"]),
    ("serf", &["wire", "machinery/rng", "api", "snapshot", "config", "machinery", "memberlist"]),
];

/// What stands above all rooms, or beside them.
const OUTSIDE: [&str; 3] = ["lib", "endpoint", "guide"];

/// What would make the core depend on where it runs.
const BANNED: [&str; 6] = [
    "std::time::Instant::now",
    "std::time::SystemTime",
    "std::thread",
    "std::fs",
    "std::net::UdpSocket",
    "std::net::TcpStream",
];

#[test]
fn rooms_use_only_what_is_below_them() -> Checked {
    let mut wrong = BTreeSet::new();
    for it in uses("serfer-proto", &tree("serfer-proto"))?.own {
        let (Some(from), Some(to)) = (room(&it.from), room(&it.to)) else {
            continue;
        };
        let may = CORE.iter().any(|(name, below)| *name == from && below.contains(&to));
        if from != to && !may {
            let (file, line, name) = (it.from, it.line, it.item);
            wrong.insert(format!("{from} may not use {to}: {file}:{line} names {name}"));
        }
    }
    fail("Put it into a room further down, or the table in tests/house/layers.rs right.", wrong)
}

#[test]
fn every_file_of_the_core_is_in_a_room() -> Checked {
    let tree = tree("serfer-proto");
    let files = tree.modules.iter().map(|it| it.file.clone());
    let outside = |it: &String| OUTSIDE.contains(&it.trim_end_matches(".rs"));
    let lost = files.filter(|it| room(it).is_none() && !outside(it)).collect();
    fail("These files are in no room of the table in tests/house/layers.rs.", lost)
}

#[test]
fn the_core_touches_neither_clock_nor_threads_nor_sockets_nor_files() -> Checked {
    let banned = banned("serfer-proto", &tree("serfer-proto"))?;
    fail("The core is a function of its inputs: clock, sockets and disk are outside.", banned)
}

#[test]
fn what_is_banned_is_found_by_any_name() -> Checked {
    let lib = "use std::time::{self, Instant as I, Duration};\nfn f(at: I) -> I { I::now() }
        fn g() {\n    time::SystemTime::now();\n    ::std::thread::spawn(f)\n}\nfn h() { at.elapsed() }";
    let tree = Tree::new(&Sources::made_up(&[("lib.rs", lib)]), BTreeSet::new());
    let found: Vec<_> = banned("made_up", &tree)?.into_iter().collect();
    let names = ["std::time::Instant::now", "std::time::SystemTime::now", "std::thread::spawn"];
    let lines = [2, 4, 5].into_iter().zip(names);
    let expected: Vec<_> = lines.map(|(line, it)| format!("lib.rs:{line} names {it}")).collect();
    assert_eq!(found, expected);
    Ok(())
}

fn banned(name: &str, tree: &Tree) -> Result<BTreeSet<String>, Failure> {
    let all = uses(name, tree)?.external.into_iter();
    let wrong = all.filter(|it| BANNED.iter().any(|banned| starts_with(&it.path, banned)));
    Ok(wrong.map(|it| format!("{}:{} names {}", it.from, it.line, it.path)).collect())
}

#[test]
fn the_hand_driven_example_fits_on_a_page() {
    let example = root().join("serfer-proto/examples/blocking.rs");
    let example = std::fs::read_to_string(example).expect("the example is there");
    assert!(example.lines().count() <= 100);
}

/// The room of a file.
fn room(file: &str) -> Option<&'static str> {
    let names = CORE.iter().map(|(name, _)| *name);
    let inside = |name: &&str| {
        file.strip_prefix(name).is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
    };
    names.filter(inside).max_by_key(|name| name.len())
}

fn starts_with(path: &str, front: &str) -> bool {
    path.strip_prefix(front).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn fail(advice: &str, wrong: BTreeSet<String>) -> Checked {
    if wrong.is_empty() {
        return Ok(());
    }
    let wrong: Vec<_> = wrong.into_iter().collect();
    Err(Failure(format!("{}\n{advice}", wrong.join("\n"))))
}

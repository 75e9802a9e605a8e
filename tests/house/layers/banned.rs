//! The core touches neither clock, threads, sockets nor files.

use std::collections::BTreeSet;
use std::fs;

use crate::checked::{Checked, Failure, failing};
use crate::sources::{Sources, root};
use crate::uses::{Tree, tree, uses};

/// Paths that no code of the core may name.
const BANNED: [&str; 6] = [
    "std::time::Instant::now",
    "std::time::SystemTime",
    "std::thread",
    "std::fs",
    "std::net::UdpSocket",
    "std::net::TcpStream",
];

#[test]
fn the_core_touches_neither_clock_nor_threads_nor_sockets_nor_files() -> Checked {
    let mut wrong = BTreeSet::new();
    for name in ["serfer-go-regex", "serfer-proto"] {
        wrong.extend(banned(name, &tree(name))?);
    }
    failing("The core is a function of its inputs: clock, sockets and disk are outside.", wrong)
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

/// Driving the core by hand stays this short.
#[test]
fn the_example_on_plain_sockets_fits_on_a_page() {
    let example = root().join("serfer-proto/examples/blocking.rs");
    let example = fs::read_to_string(example).expect("the example is there");
    assert!(example.lines().count() <= 100);
}

fn banned(name: &str, tree: &Tree) -> Result<BTreeSet<String>, Failure> {
    let all = uses(name, tree)?.external.into_iter();
    let wrong = all.filter(|it| BANNED.iter().any(|banned| starts_with(&it.path, banned)));
    Ok(wrong.map(|it| format!("{}:{} names {}", it.from, it.line, it.path)).collect())
}

fn starts_with(path: &str, front: &str) -> bool {
    path.strip_prefix(front).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

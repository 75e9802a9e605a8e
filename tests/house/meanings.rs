//! One meaning for each name: no two types of a crate share a name.
//!
//! Types are the structs, enums, traits, unions and aliases of all modules, tests excluded. Types inside
//! functions and associated types do not count.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::checked::{Checked, failing};
use crate::uses::{Kind, tree};

const CRATES: [&str; 6] = [
    "serfer-settings",
    "serfer-proto",
    "serfer-async",
    "serfer-sim",
    "serfer-tokio",
    "serfer-smol",
];

/// Names that several types may share: the crate, the name, the reason. An entry that is not needed any
/// more fails.
const SAME: [(&str, &str, &str); 6] = [
    ("serfer-proto", "Ack", "both public: a member has a query, a node answers a ping"),
    ("serfer-proto", "Coordinate", "the value, and how it is sent"),
    ("serfer-proto", "Leave", "both public: how to leave, and the message of a leave intent"),
    ("serfer-proto", "PushPull", "memberlist's message, and serf's part inside it"),
    ("serfer-proto", "Query", "what a user gets, and the message"),
    ("serfer-proto", "UserEvent", "what a user gets, and the message"),
];

#[test]
fn no_two_types_of_a_crate_have_the_same_name() -> Checked {
    let advice = "One name, two types. Call them by what they are; if they are the same thing on two \
                  layers, say so in tests/house/meanings.rs.";
    let excused =
        |it: &&Shared| SAME.iter().any(|same| (same.0, same.1) == (it.crate_name, &it.name));
    let wrong = SHARED.iter().filter(|it| !excused(it));
    failing(advice, wrong.map(|it| format!("{}: {} in {}", it.crate_name, it.name, it.files)))
}

#[test]
fn no_exception_is_left_over() -> Checked {
    let needed = |it: &&(&str, &str, &str)| {
        SHARED.iter().any(|shared| (shared.crate_name, shared.name.as_str()) == (it.0, it.1))
    };
    let left = SAME.iter().filter(|it| !needed(it));
    let advice = "There is only one: take it off the list in tests/house/meanings.rs.";
    failing(advice, left.map(|(crate_name, name, _)| format!("{crate_name}: {name}")))
}

/// A name that several types of a crate share.
struct Shared {
    crate_name: &'static str,
    name: String,
    files: String,
}

static SHARED: LazyLock<Vec<Shared>> =
    LazyLock::new(|| CRATES.into_iter().flat_map(shared).collect());

fn shared(crate_name: &'static str) -> impl Iterator<Item = Shared> {
    let mut files = BTreeMap::<String, Vec<String>>::new();
    for module in tree(crate_name).modules {
        for it in module.scope.definitions {
            if matches!(it.kind, Kind::Type | Kind::Enum(_) | Kind::Alias) {
                files.entry(it.name).or_default().push(it.file);
            }
        }
    }
    let shared = files.into_iter().filter(|(_, files)| files.len() > 1);
    shared.map(move |(name, files)| Shared { crate_name, name, files: files.join(" and ") })
}

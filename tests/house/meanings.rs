//! One meaning for a name: no two types of a crate have the same one.
//!
//! Types are structs, enums, traits, unions and aliases at the level of modules, in whatever room; not
//! those of tests, of functions, nor associated ones.

use std::collections::{BTreeMap, BTreeSet};

use crate::checked::{Checked, failing};
use crate::uses::{Kind, tree};

/// Names that two types have for a reason, by crate. One that is not needed any more has to go.
const SAME: [(&str, &str, &str); 0] = [];

#[test]
fn no_two_types_of_a_crate_have_the_same_name() -> Checked {
    let mut wrong = Vec::new();
    for name in ["serfer-proto", "serfer-async", "serfer-sim", "serfer-tokio", "serfer-smol"] {
        for (what, files) in twice(name) {
            let files: Vec<_> = files.into_iter().collect();
            if !SAME.iter().any(|it| (it.0, it.1) == (name, what.as_str())) {
                wrong.push(format!("{name}: {what} in {}", files.join(" and ")));
            }
        }
    }
    let advice = "One name, two types. Call them by what they are; if they are the same thing on two \
                  layers, say so in tests/house/meanings.rs.";
    failing(advice, wrong)
}

#[test]
fn no_exception_is_left_over() {
    for (name, what, _) in SAME {
        assert!(twice(name).contains_key(what), "{name} has only one {what}: take it off the list");
    }
}

/// The names of more than one type, with their files.
fn twice(name: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut files = BTreeMap::<String, Vec<String>>::new();
    for module in tree(name).modules {
        for it in module.scope.definitions {
            if matches!(it.kind, Kind::Type | Kind::Enum(_) | Kind::Alias) {
                files.entry(it.name).or_default().push(it.file);
            }
        }
    }
    files.retain(|_, files| files.len() > 1);
    files.into_iter().map(|(name, files)| (name, files.into_iter().collect())).collect()
}

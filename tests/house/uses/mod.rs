//! Finds every name in the code of a crate, and the file that defines it.
//!
//! [`tree`] finds the modules, [`names`] their definitions and imports. [`visit`] goes through the code,
//! [`walk`] notes each path, [`resolve`] finds its item; [`tokens`] finds paths in the input of macros.
//! [`notes`] is the result.

mod imports;
mod names;
mod notes;
mod resolve;
mod tokens;
mod tree;
mod visit;
mod walk;

use std::collections::BTreeSet;
use std::fs;

use crate::checked::Failure;
use crate::sources::{Sources, root};

pub(crate) use names::Kind;
pub(crate) use notes::{Place, Use, Uses};
pub(crate) use tree::Tree;

/// The modules of a crate of the workspace, or of these checks.
pub(crate) fn tree(folder: &str) -> Tree {
    let src = format!("{folder}/src");
    let src = if root().join(&src).is_dir() { &src } else { folder };
    Tree::new(&Sources::read(src), dependencies(folder))
}

/// The names in a crate. Fails if any of them cannot be resolved.
pub(crate) fn uses(name: &str, tree: &Tree) -> Result<Uses, Failure> {
    let uses = known(tree);
    match unknown(name, &uses) {
        Some(unknown) => Err(Failure(unknown)),
        None => Ok(uses),
    }
}

/// The names in a crate, as far as they can be resolved.
pub(crate) fn known(tree: &Tree) -> Uses {
    visit::uses(tree)
}

/// A report about names that cannot be resolved.
pub(crate) fn unknown(name: &str, uses: &Uses) -> Option<String> {
    let hint = "If they are right, teach the checks (tests/house/uses) what they do not know.";
    let lines = uses.unknown.join("\n  ");
    let told = format!("{name} has names that cannot be resolved:\n  {lines}\n{hint}");
    Some(told).filter(|_| !uses.unknown.is_empty())
}

/// The crates that a crate depends on.
fn dependencies(folder: &str) -> BTreeSet<String> {
    let manifest = root().join(folder).join("Cargo.toml");
    let manifest = fs::read_to_string(manifest).expect("a crate has a manifest");
    let mut inside = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.trim_end().ends_with("dependencies]");
        } else if inside {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            names.insert(name.replace('-', "_"));
        }
    }
    names
}

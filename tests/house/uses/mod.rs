//! Who uses what: every name in the code of a crate, with the file or the other crate that defines it.
//!
//! [`tree`] finds the modules, [`names`] what each of them puts into scope. [`visit`] goes through the
//! code, and [`walk`] asks [`resolve`] what each path means; [`tokens`] finds those in the input of
//! macros. [`notes`] is what comes out.

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

/// The modules of a crate of the workspace, which may be these checks.
pub(crate) fn tree(folder: &str) -> Tree {
    let src = format!("{folder}/src");
    let src = if root().join(&src).is_dir() { &src } else { folder };
    Tree::new(&Sources::read(src), dependencies(folder))
}

/// What the code of a crate names. Fails if any of it cannot be resolved.
pub(crate) fn uses(name: &str, tree: &Tree) -> Result<Uses, Failure> {
    let uses = known(tree);
    match unknown(name, &uses) {
        Some(unknown) => Err(Failure(unknown)),
        None => Ok(uses),
    }
}

/// What the code of a crate names, as far as it can be resolved.
pub(crate) fn known(tree: &Tree) -> Uses {
    visit::uses(tree)
}

/// Tells what could not be resolved.
pub(crate) fn unknown(name: &str, uses: &Uses) -> Option<String> {
    let hint = "If they are right, teach the checks (tests/house/uses) what they do not know.";
    let lines = uses.unknown.join("\n  ");
    let told = format!("{name} has names that cannot be resolved:\n  {lines}\n{hint}");
    Some(told).filter(|_| !uses.unknown.is_empty())
}

/// The crates that a crate may name.
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

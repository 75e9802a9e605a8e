//! No circles: no file uses, directly or in a ring, a file that uses it.
//!
//! A file *uses* another if its code names something that is defined there: in a path (`super::x::Y`),
//! or by a name that a `use` brings, through any re-exports. A trait that is only imported is used as
//! well, by its methods. These do not count:
//!
//! - `mod x;` and `pub use x::Y;`: they say where things are;
//! - the type of a field: a parent is made of its children. So is an alias that stands only there;
//! - `#[cfg(test)]`, documentation, derived code, what attributes other than `#[error(…)]` say;
//! - methods: `self.f()` needs no path, in whatever file the `impl` is.
//!
//! What the test cannot resolve, it reports; so it does not go blind without anybody noticing. It does
//! not see traits that only a glob brings.

mod made_up;
mod names;
mod report;
mod resolve;
mod rings;
mod tokens;
mod tree;
mod uses;

use std::collections::BTreeSet;
use std::fs;

use crate::report::Checked;
use crate::sources::{Sources, root};
use tree::Tree;

#[test]
fn serfer_proto_has_no_circles() -> Checked {
    check("serfer-proto")
}

#[test]
fn serfer_async_has_no_circles() -> Checked {
    check("serfer-async")
}

#[test]
fn serfer_sim_has_no_circles() -> Checked {
    check("serfer-sim")
}

#[test]
fn serfer_tokio_has_no_circles() -> Checked {
    check("serfer-tokio")
}

#[test]
fn serfer_smol_has_no_circles() -> Checked {
    check("serfer-smol")
}

fn check(name: &str) -> Checked {
    let sources = Sources::read(&format!("{name}/src"));
    report::circles(name, &Tree::new(&sources, dependencies(name)))
}

/// The crates that a crate may name.
fn dependencies(name: &str) -> BTreeSet<String> {
    let manifest = root().join(name).join("Cargo.toml");
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

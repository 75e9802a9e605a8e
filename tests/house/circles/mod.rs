//! No circles: no file uses, directly or in a ring, a file that uses it.
//!
//! File A *uses* file B if the code of A names something that B defines: by a path (`super::x::Y`) or by
//! an import. Re-exports are followed to the file that defines the item. An import that no code names is
//! a trait: it counts, because its methods are called. These do not count:
//!
//! - `mod x;` and `pub use x::Y;`;
//! - the type of a field, and an alias that is used only there;
//! - `#[cfg(test)]`, documentation, derives, attributes other than `#[error(…)]` and `#[serde(…)]`;
//! - calls of methods: `self.f()` needs no path.
//!
//! So a parent can have a field of a child's type, and the child an `impl` for its parent.
//!
//! A name that cannot be resolved fails the test, so that it cannot go blind. It does not see traits
//! that are imported only by a glob.

mod made_up;
mod report;
mod rings;

use crate::checked::Checked;
use crate::uses::tree;

#[test]
fn serfer_go_regex_has_no_circles() -> Checked {
    check("serfer-go-regex")
}

#[test]
fn serfer_settings_has_no_circles() -> Checked {
    check("serfer-settings")
}

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

#[test]
fn the_checks_have_no_circles() -> Checked {
    check("tests/house")
}

fn check(name: &str) -> Checked {
    report::circles(name, &tree(name))
}

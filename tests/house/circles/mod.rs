//! No circles: no file uses, directly or in a ring, a file that uses it.
//!
//! A file *uses* another if its code names something that is defined there: in a path (`super::x::Y`),
//! or by a name that a `use` brings, through any re-exports. A trait that is only imported is used as
//! well, by its methods. These do not count:
//!
//! - `mod x;` and `pub use x::Y;`: they say where things are;
//! - the type of a field: a parent is made of its children. So is an alias that stands only there;
//! - `#[cfg(test)]`, documentation, derived code, attributes other than `#[error(…)]` and `#[serde(…)]`;
//! - methods: `self.f()` needs no path, in whatever file the `impl` is.
//!
//! What the test cannot resolve, it reports; so it does not go blind without anybody noticing. It does
//! not see traits that only a glob brings.

mod made_up;
mod report;
mod rings;

use crate::checked::Checked;
use crate::uses::tree;

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

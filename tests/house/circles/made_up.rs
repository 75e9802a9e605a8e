//! The circle test on small crates that are made up.

use std::collections::BTreeSet;

use super::report::circles;
use crate::sources::Sources;
use crate::uses::Tree;

/// What the test says about a crate.
fn told(files: &[(&str, &str)]) -> String {
    let crates = ["other"].map(String::from);
    let tree = Tree::new(&Sources::made_up(files), BTreeSet::from(crates));
    circles("made_up", &tree).err().map_or_else(String::new, |it| it.0)
}

/// A crate of two modules, `a` and `b`.
fn told_of(a: &str, b: &str) -> String {
    told(&[("lib.rs", "mod a;\nmod b;"), ("a.rs", a), ("b.rs", b)])
}

/// A crate of a module and its child.
fn told_of_family(parent: &str, child: &str) -> String {
    told(&[("lib.rs", "mod top;"), ("top/mod.rs", parent), ("top/child.rs", child)])
}

#[track_caller]
fn is_ring(told: &str, lines: &[&str]) {
    assert!(told.contains("1 ring of files"), "{told}");
    for line in lines {
        assert!(told.contains(line), "no {line:?} in:\n{told}");
    }
}

#[test]
fn a_direct_ring() {
    let a = "use crate::b::B;\npub struct A;\nfn f(_: B) {}";
    let b = "use crate::a::A;\npub struct B;\nfn f() -> A {\n    A\n}";
    let told = told_of(a, b);
    is_ring(&told, &["a.rs uses b.rs: B (line 3)", "b.rs uses a.rs: A (line 3, 4)"]);
    assert!(told.contains("What usually helps"), "{told}");
}

#[test]
fn a_ring_of_three() {
    let told = told(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "pub fn a() { crate::b::b() }"),
        ("b.rs", "pub fn b() { crate::c::c() }"),
        ("c.rs", "pub fn c() { crate::a::a() }"),
        ("d.rs", "pub fn d() { crate::a::a() }"),
    ]);
    is_ring(&told, &["3 files", "a.rs uses b.rs", "b.rs uses c.rs", "c.rs uses a.rs"]);
    assert!(!told.contains("d.rs"), "{told}");
}

#[test]
fn two_rings_are_told_both() {
    let told = told(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "pub fn a() { crate::b::b() }"),
        ("b.rs", "pub fn b() { crate::a::a() }"),
        ("c.rs", "pub fn c() { crate::d::d() }"),
        ("d.rs", "pub fn d() { crate::c::c() }"),
    ]);
    assert!(told.contains("2 rings of files"), "{told}");
}

#[test]
fn imports_that_only_go_down_are_fine() {
    assert_eq!(told_of("pub fn a() { crate::b::b() }", "pub fn b() {}"), "");
}

#[test]
fn a_child_may_extend_its_parent() {
    let parent =
        "mod child; use child::State; pub struct Top { state: State, all: Vec<child::State> }
        impl Top { pub fn new() -> Self { Self { state: Default::default(), all: Vec::new() } }
            fn g(&self) { self.f() } }";
    let child =
        "use super::Top; #[derive(Default)] pub struct State; impl Top { pub fn f(&self) {} }";
    assert_eq!(told_of_family(parent, child), "");
}

#[test]
fn a_parent_that_names_what_its_child_defines_is_in_a_ring() {
    let child = "use super::Top;\npub struct State;\npub fn f(_: &Top) {}";
    let calls = "mod child;\npub struct Top;\nfn g() {\n    child::f(&Top)\n}";
    let ring =
        ["top/child.rs uses top/mod.rs: Top (line 3)", "top/mod.rs uses top/child.rs: f (line 4)"];
    is_ring(&told_of_family(calls, child), &ring);
    let constructs = "mod child;\nuse child::State;\npub struct Top { it: State }\nfn g() -> Top {\n    Top { it: State }\n}";
    is_ring(&told_of_family(constructs, child), &["top/mod.rs uses top/child.rs: State (line 5)"]);
}

#[test]
fn the_type_of_a_field_is_fine_and_nothing_else() {
    let b = "pub struct B; pub trait T {} pub const LEN: usize = 1; fn f(_: crate::a::A) {}";
    let fields = "use crate::b::B; pub struct A { one: B, all: Vec<Option<crate::b::B>> }
        enum E { One(B), Two { it: B } }";
    assert_eq!(told_of(fields, b), "");
    let bound = "use crate::b::T; pub struct A; struct S<X: T> { it: X }";
    is_ring(&told_of(bound, b), &["a.rs uses b.rs: T"]);
    let length = "use crate::b::LEN; pub struct A { it: [u8; LEN] }";
    is_ring(&told_of(length, b), &["a.rs uses b.rs: LEN"]);
    let also = "use crate::b::B;\npub struct A { it: B }\nimpl Drop for B {}";
    is_ring(&told_of(also, b), &["a.rs uses b.rs: B (line 3)"]);
}

#[test]
fn an_alias_is_what_it_is_used_for() {
    let b = "pub struct B; fn f(_: crate::a::A) {}";
    let field =
        "use crate::b::B; type Bs = Vec<B>; type More = Vec<Bs>; pub struct A { all: More }";
    assert_eq!(told_of(field, b), "");
    let code = format!("{field} fn f(_: More) {{}}");
    is_ring(&told_of(&code, b), &["a.rs uses b.rs: B"]);
    let public = "pub struct A; pub type Bs = Vec<crate::b::B>;";
    is_ring(&told_of(public, b), &["a.rs uses b.rs: B"]);
}

#[test]
fn reexports_lead_to_the_file_that_defines() {
    let told = told(&[
        ("lib.rs", "mod a; mod room; pub use room::*;"),
        ("a.rs", "use crate::B; pub fn a(_: B) {}"),
        ("room/mod.rs", "mod b; mod c; pub(crate) use b::{B, C}; pub(crate) use c::deep::*;"),
        ("room/b.rs", "pub struct B; pub use super::D as C; fn f() { crate::a::a(B) }"),
        ("room/c.rs", "pub mod deep { pub struct D; fn f(_: crate::C) {} }"),
    ]);
    is_ring(&told, &["a.rs uses room/b.rs: B", "room/b.rs uses a.rs: a"]);
    assert!(!told.contains("mod.rs") && !told.contains("c.rs"), "{told}");
}

#[test]
fn paths_in_code_count() {
    let b = "pub struct B; pub enum E { One } pub fn f() {} pub const C: u8 = 0; pub trait T {}
        fn uses(_: super::a::A) {}";
    for code in [
        "pub struct A; fn f() { super::b::f() }",
        "pub struct A; fn f() { let _ = self::super::b::C; }",
        "pub struct A; fn f(it: u8) { match it { crate::b::C => {} _ => {} } }",
        "pub struct A; fn f() { let x = Vec::<super::b::B>::new(); }",
        "pub struct A; fn f() { vec![1, super::b::C]; }",
        "pub struct A; fn f() { debug!(target: \"x\", ?it, kind = super::b::E::One, \"…\") }",
        "pub struct A; impl super::b::T for A {}",
        "pub struct A; impl A { fn f() { <Self as super::b::T>::g() } }",
        "pub struct A; fn f(_: impl super::b::T) {}",
        "pub struct A; mod inline { fn f() { super::super::b::f() } }",
        "pub struct A; fn f() { use super::b::E::*; match e { One => {} } }",
        "#[error(\"{}\", super::b::C)] pub struct A;",
        "pub struct A { #[serde(skip, with = \"super::b\")] it: u8 }",
        "pub struct A { #[serde(default = \"super::b::f\")] it: u8 }",
        "#[serde(rename_all = \"kebab-case\", from = \"crate::b::B\")] pub struct A;",
        "pub struct A; macro_rules! m { () => { $crate::b::f() } }",
        "pub struct A; macro_rules! m { () => { use $crate::b::{E, f}; } }",
    ] {
        let told = told_of(code, b);
        assert!(told.contains("1 ring of files"), "{code}\n{told}");
    }
}

#[test]
fn tests_and_documentation_are_ignored() {
    let b = "pub fn f() {} pub struct B; fn uses(_: crate::a::A) {}";
    let a = "//! See [`crate::b::f`].
        /// As [`B`](crate::b::B).
        pub struct A { #[cfg(test)] it: [u8; crate::b::f()] }
        #[cfg(test)] use crate::b::B;
        #[cfg(doc)] use crate::b::f;
        #[cfg(test)] fn test() { crate::b::f() }
        #[cfg(all(test, unix))] impl A { fn test() { crate::b::f() } }
        impl A { #[cfg(test)] fn test() { crate::b::f() } fn g() { #[cfg(test)] crate::b::f(); } }
        #[cfg(test)] mod tests { use crate::b::f; fn test() { f() } }
        #[cfg(test)] mod absent;";
    assert_eq!(told_of(a, b), "");
    let other = "pub struct A; #[cfg(any(test, unix))] fn g() { crate::b::f() }";
    is_ring(&told_of(other, b), &[]);
}

#[test]
fn names_that_imports_change_or_bring_along() {
    let b = "pub mod deep { pub fn f() {} pub struct B; } fn uses(_: crate::a::A) {}";
    for import in [
        "use crate::b::deep::f as g; pub struct A; fn h() { g() }",
        "use crate::b as z; pub struct A; fn h() { z::deep::f() }",
        "use crate::b::deep::*; pub struct A; fn h() { f() }",
        "use crate::{b::{deep::{self, B}}}; pub struct A; fn h() { deep::f() }",
        "use crate::{b::{deep::{self as d}}}; pub struct A; fn h() { d::f() }",
        "use super::{b::{deep::{B, f}}}; pub struct A { it: B } fn h() { f() }",
        "use crate::{b::{deep::{self, B}}}; pub struct A; fn h() { let B = it; }",
    ] {
        let told = told_of(import, b);
        assert!(told.contains("1 ring of files"), "{import}\n{told}");
    }
}

#[test]
fn a_trait_that_is_only_imported_is_used_by_its_methods() {
    let b = "pub trait T { fn m(&self); } fn uses(_: crate::a::A) {}";
    is_ring(&told_of("use crate::b::T;\npub struct A;", b), &["a.rs uses b.rs: T (line 1)"]);
    is_ring(&told_of("pub struct A; fn f() { use crate::b::T as _; }", b), &[]);
    assert_eq!(told_of("pub use crate::b::T; pub struct A;", b), "");
}

#[test]
fn macros_are_used_like_functions() {
    let b = "macro_rules! m { () => {} } pub(crate) use m;
        #[macro_export] macro_rules! everywhere { () => {} } fn uses(_: crate::a::A) {}";
    for code in ["crate::b::m!()", "super::b::m! {}", "m!()", "crate::everywhere!()", "f(m!())"] {
        let a = format!("pub struct A; fn f() {{ {code}; }}");
        is_ring(&told_of(&a, b), &[]);
    }
    assert_eq!(told_of("pub struct A; fn f() { other::m!(); println!() }", b), "");
}

#[test]
fn variables_and_fields_are_not_what_they_are_called_like() {
    let a = "use super::b; use super::b::kind; pub struct A { k: kind::K }
        fn f(kind: u8, b: u8) { let x = S { b, kind: kind }; debug!(kind = b, x.kind, \"\"); }
        struct S { b: u8, kind: u8 }
        fn g<T: Iterator, const B: usize>() -> T::Item { T::Item::new(B, [0; B]) }";
    let b = "pub mod kind { pub struct K; } pub struct B; fn uses(_: crate::a::A) {}";
    assert_eq!(told_of(a, b), "");
}

#[test]
fn what_is_made_by_a_macro_is_defined_where_its_input_or_its_rules_stand() {
    let a = "make! { pub struct A { it: u8 } } fn f(_: crate::b::B) {}";
    let b = "macro_rules! make { () => {} } make! { #[x] pub struct B { it: u8 } } fn f(_: crate::a::A) {}";
    is_ring(&told_of(a, b), &["a.rs uses b.rs: B (line 1), make (line 1)"]);
    let rules = "macro_rules! make { ($($it:ident)*) => { #[x] pub struct B { $($it: u8),* } } }
        make! { a b } fn f(_: crate::a::A) {}";
    is_ring(&told_of("pub struct A; fn f(_: crate::b::B) {}", rules), &["a.rs uses b.rs: B"]);
}

#[test]
fn names_that_cannot_be_resolved_are_told() {
    for (code, line) in [
        ("\nuse crate::b::Absent;", "a.rs:2: cannot resolve crate::b::Absent"),
        ("\npub use crate::b::Absent;", "a.rs:2: cannot resolve crate::b::Absent"),
        ("\nuse crate::absent::*;", "a.rs:2: cannot resolve crate::absent"),
        ("fn f() { crate::c::f() }", "a.rs:1: cannot resolve crate::c::f"),
        ("fn f() { absent::f() }", "a.rs:1: cannot resolve absent::f"),
        ("fn f() { g!(super::b::absent) }", "a.rs:1: cannot resolve super::b::absent"),
        ("#[serde(with = \"super::absent\")] struct A;", "a.rs:1: cannot resolve super::absent"),
        ("fn f(_: Absent) {}", "a.rs:1: cannot resolve Absent"),
    ] {
        let told = told_of(code, "");
        assert!(told.contains(line), "{told}");
    }
    let told = told_of("use crate::b::Absent;\nfn f(_: Absent) { Absent::g() }", "");
    assert_eq!(told.matches("cannot resolve ").count(), 1, "{told}");
    let external = "use other::Any; use std::fmt; use other::more::*;
        fn f(_: Any, _: fmt::Result, _: FromOther) { other::f(); ::other::g(); String::new(); }";
    assert_eq!(told_of(external, ""), "");
}

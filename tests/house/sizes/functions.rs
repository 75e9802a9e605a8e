//! Functions fit on a screen.
//!
//! A function is measured from the line of its `fn` to the line of its closing brace, without its
//! documentation and attributes. A function inside another counts for both. Code that macros make is not
//! measured.

use std::fs;
use std::sync::LazyLock;

use proc_macro2::Span;
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn};

use super::files::rust_files;
use super::folders::below_root;
use crate::checked::{Checked, failing};

const LINES_MAX: usize = 70;
const USUAL_MAX: usize = 27;

#[test]
fn functions_fit_on_a_screen() -> Checked {
    let long = FUNCTIONS.iter().filter(|it| it.lines > LINES_MAX).map(told);
    failing(&format!("At most {LINES_MAX}: what are the steps of this function?"), long)
}

#[test]
fn nearly_all_functions_are_short() -> Checked {
    let of_100 = |percent: usize| FUNCTIONS[FUNCTIONS.len() * percent / 100].lines;
    let (half, nearly_all) = (of_100(50), of_100(95));
    let number = FUNCTIONS.len();
    eprintln!("{number} functions: half have at most {half} lines, 95 of 100 at most {nearly_all}");
    let longest = FUNCTIONS.iter().rev().take_while(|it| it.lines > USUAL_MAX).map(told);
    let too_many = nearly_all > USUAL_MAX;
    failing(&format!("95 of 100 have at most {USUAL_MAX}."), longest.filter(|_| too_many))
}

struct Function {
    name: String,
    at: String,
    lines: usize,
}

fn told(it: &Function) -> String {
    format!("{} at {} has {} lines", it.name, it.at, it.lines)
}

/// All functions of the workspace and its tests, shortest first.
static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(functions);

fn functions() -> Vec<Function> {
    let mut found = Vec::new();
    for path in rust_files() {
        let text = fs::read_to_string(&path).expect("sources are text");
        let name = below_root(&path);
        let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        Functions { file: &name, found: &mut found }.visit_file(&file);
    }
    found.sort_by_key(|it| it.lines);
    found
}

struct Functions<'a> {
    file: &'a str,
    found: &'a mut Vec<Function>,
}

impl Functions<'_> {
    fn add(&mut self, signature: &Signature, body: &Block) {
        let line = |span: Span| span.start().line;
        let first = line(signature.fn_token.span);
        let lines = line(body.brace_token.span.close()) + 1 - first;
        let (name, at) = (signature.ident.to_string(), format!("{}:{first}", self.file));
        self.found.push(Function { name, at, lines });
    }
}

impl<'a> Visit<'a> for Functions<'_> {
    fn visit_item_fn(&mut self, it: &'a ItemFn) {
        self.add(&it.sig, &it.block);
        visit::visit_item_fn(self, it);
    }

    fn visit_impl_item_fn(&mut self, it: &'a ImplItemFn) {
        self.add(&it.sig, &it.block);
        visit::visit_impl_item_fn(self, it);
    }

    fn visit_trait_item_fn(&mut self, it: &'a TraitItemFn) {
        if let Some(body) = &it.default {
            self.add(&it.sig, body);
        }
        visit::visit_trait_item_fn(self, it);
    }
}

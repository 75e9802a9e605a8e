//! Functions fit on a screen, and nearly all on a third of one.
//!
//! A function reaches from the line with its `fn` (its documentation and attributes are not part of
//! it) to that of its closing brace. Functions inside functions are counted in both. What macros make of
//! their input is not looked at.

use std::fs;

use proc_macro2::Span;
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn};

use super::files::rust_files;
use super::folders::below_root;
use crate::checked::{Checked, Failure};

const LINES_MAX: usize = 70;
const USUAL_MAX: usize = 27;

#[test]
fn functions_fit_on_a_screen() -> Checked {
    let functions = functions();
    let long: Vec<_> = functions.iter().filter(|it| it.lines > LINES_MAX).map(told).collect();
    if long.is_empty() {
        return Ok(());
    }
    Err(Failure(format!("Functions have more than {LINES_MAX} lines:\n{}", long.join("\n"))))
}

#[test]
fn nearly_all_functions_are_short() -> Checked {
    let mut functions = functions();
    functions.sort_by_key(|it| it.lines);
    let of_100 = |percent: usize| functions[functions.len() * percent / 100].lines;
    let text = format!(
        "{} functions: 50 of 100 have at most {} lines, 95 of 100 at most {}",
        functions.len(),
        of_100(50),
        of_100(95)
    );
    eprintln!("{text}");
    if of_100(95) <= USUAL_MAX {
        return Ok(());
    }
    let longest: Vec<_> = functions.iter().rev().take(20).map(told).collect();
    Err(Failure(format!("{text}; it should be {USUAL_MAX}. The longest:\n{}", longest.join("\n"))))
}

struct Function {
    name: String,
    at: String,
    lines: usize,
}

fn told(it: &Function) -> String {
    format!("{} at {} has {}", it.name, it.at, it.lines)
}

/// All functions of the workspace, those of tests included.
fn functions() -> Vec<Function> {
    let mut found = Vec::new();
    for path in rust_files() {
        let text = fs::read_to_string(&path).expect("sources are text");
        let name = below_root(&path);
        let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        Functions { file: &name, found: &mut found }.visit_file(&file);
    }
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

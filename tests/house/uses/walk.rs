//! Notes what the names mean that a walk through the code comes across.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;

use super::names::{Definition, Kind, Scope, Space};
use super::notes::{External, Place, Use, Uses};
use super::resolve::{Found, Search};
use super::tokens::{self, TokenPath};
use super::tree::Tree;

/// Where in the code we are, and what has been noted.
pub(super) struct Walk<'a> {
    pub tree: &'a Tree,
    pub module: usize,
    pub file: &'a str,
    /// The names of all type and const parameters. They hide no other names, being short.
    pub generics: BTreeSet<String>,
    pub blocks: Vec<Scope>,
    pub place: Place,
    pub uses: &'a mut Uses,
}

impl Walk<'_> {
    pub(super) fn within(&mut self, place: Place, walk: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.place, place);
        walk(self);
        self.place = before;
    }

    fn find(&self, path: &[String], space: Space) -> Found {
        Search::new(self.tree).path(self.module, &self.blocks, path, space)
    }

    /// Notes what a path names. What is unknown and stands by itself may be a variable.
    pub(super) fn name(&mut self, path: &[String], line: usize, space: Space) {
        let may_be_a_variable = path.len() == 1 && !is_big(&path[0]);
        let mut found = self.find(path, space);
        if matches!(found, Found::Missing) && !may_be_a_variable {
            // A type in code like `Kind::new`, and a constant in a list of types like `take::<LEN>()`.
            found = self.find(path, space.other());
        }
        match found {
            Found::Item(it) => self.own(&it, line, self.place.clone()),
            Found::External(path) => self.external(&path, line),
            Found::Missing if !may_be_a_variable => self.missing(path, line),
            Found::Missing | Found::Module(_) => {}
        }
    }

    pub(super) fn external(&mut self, path: &[String], line: usize) {
        let (from, path) = (self.file.to_owned(), path.join("::"));
        self.uses.external.push(External { from, line, path });
    }

    fn own(&mut self, it: &Definition, line: usize, place: Place) {
        let (from, to, item) = (self.file.to_owned(), it.file.clone(), it.name.clone());
        self.uses.own.push(Use { from, line, to, item, place });
    }

    /// An import that leads nowhere is told once, and not wherever it is named.
    fn missing(&mut self, path: &[String], line: usize) {
        let scopes = self.blocks.iter().chain([&self.tree.modules[self.module].scope]);
        let mut imports = scopes.flat_map(|it| &it.imports);
        if !self.generics.contains(&path[0])
            && !imports.any(|it| it.name == path[0] && !it.named.get())
        {
            self.uses.unresolved(self.file, line, path);
        }
    }

    /// A macro that is called by its mere name is found by it, wherever it is written.
    pub(super) fn macro_name(&mut self, path: &[String], line: usize) {
        match self.find(path, Space::Macros) {
            Found::Missing if path.len() == 1 => {
                let tree = self.tree;
                let mut all = tree.modules.iter().flat_map(|it| &it.scope.definitions);
                if let Some(it) = all.find(|it| it.name == path[0] && it.is_in(Space::Macros)) {
                    self.own(it, line, Place::Code);
                }
            }
            _ => self.name(path, line, Space::Macros),
        }
    }

    fn token_path(&mut self, it: &TokenPath, in_rules: bool) {
        if it.is_macro {
            return self.macro_name(&it.path, it.line);
        }
        let spaces = [Space::Values, Space::Types];
        let found = spaces.map(|space| self.find(&it.path, space));
        let missing = |it: &Found| matches!(it, Found::Missing);
        let Some(best) = found.iter().position(|it| !missing(it)) else {
            // What stands in rules may get its meaning where they are called.
            if it.path.len() > 1 && (!in_rules || self.starts(&it.path)) {
                self.missing(&it.path, it.line);
            }
            return;
        };
        self.name(&it.path, it.line, spaces[best]);
    }

    /// What stands in `#[serde(with = "…")]` is a function, a type, or a module with functions.
    pub(super) fn serde_path(&mut self, it: &TokenPath) {
        match self.find(&it.path, Space::Types) {
            Found::Module(module) => {
                let (name, file) = (&it.path[it.path.len() - 1], &self.tree.modules[module].file);
                let functions =
                    Definition { name: name.clone(), file: file.clone(), kind: Kind::Value };
                self.own(&functions, it.line, Place::Code);
            }
            _ => self.name(&it.path, it.line, Space::Values),
        }
    }

    /// Whether at least the first name of a path is known.
    fn starts(&self, path: &[String]) -> bool {
        !matches!(self.find(&path[..1], Space::Types), Found::Missing)
    }

    pub(super) fn tokens(&mut self, tokens: &TokenStream, in_rules: bool) {
        for path in tokens::paths(tokens.clone()) {
            self.token_path(&path, in_rules);
        }
    }
}

/// Whether a name is a type, a variant or a constant, and no variable.
pub(super) fn is_big(name: &str) -> bool {
    name.starts_with(char::is_uppercase) && name != "Self"
}

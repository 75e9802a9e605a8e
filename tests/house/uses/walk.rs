//! Resolves the names in the code and notes them.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;

use super::names::{Definition, Kind, Scope, Space};
use super::notes::{External, Place, Use, Uses};
use super::resolve::{Found, Search};
use super::tokens::{self, TokenPath};
use super::tree::Tree;

/// The place in the code, and the notes so far.
pub(super) struct Walk<'a> {
    pub tree: &'a Tree,
    pub module: usize,
    pub file: &'a str,
    /// The names of all type and const parameters of the module.
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

    /// Notes what a path names. A single lower-case name that is unknown may be a variable.
    pub(super) fn name(&mut self, path: &[String], line: usize, space: Space) {
        let may_be_a_variable = path.len() == 1 && !is_big(&path[0]);
        let mut found = self.find(path, space);
        if matches!(found, Found::Missing) && !may_be_a_variable {
            // A value may begin with a type, `Kind::new`, and a type argument may be a constant.
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

    /// Reports an unknown name, unless its import is reported already.
    fn missing(&mut self, path: &[String], line: usize) {
        let scopes = self.blocks.iter().chain([&self.tree.modules[self.module].scope]);
        let mut imports = scopes.flat_map(|it| &it.imports);
        if !self.generics.contains(&path[0])
            && !imports.any(|it| it.name == path[0] && !it.named.get())
        {
            self.uses.unresolved(self.file, line, path);
        }
    }

    /// Notes the call of a macro. One without a path is found by its name in the whole crate.
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
            // A path in the rules of a macro may resolve only where the macro is called.
            if it.path.len() > 1 && (!in_rules || self.starts(&it.path)) {
                self.missing(&it.path, it.line);
            }
            return;
        };
        self.name(&it.path, it.line, spaces[best]);
    }

    /// Notes a path in `#[serde(with = "…")]`: a function, a type, or a module with functions.
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

    /// Whether the first name of a path is known.
    fn starts(&self, path: &[String]) -> bool {
        !matches!(self.find(&path[..1], Space::Types), Found::Missing)
    }

    pub(super) fn tokens(&mut self, tokens: &TokenStream, in_rules: bool) {
        for path in tokens::paths(tokens.clone()) {
            self.token_path(&path, in_rules);
        }
    }
}

/// Whether a name is that of a type, a variant or a constant, not of a variable.
pub(super) fn is_big(name: &str) -> bool {
    name.starts_with(char::is_uppercase) && name != "Self"
}

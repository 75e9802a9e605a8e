//! What a list of items puts into scope: definitions, imports and globs.

use std::cell::Cell;

use proc_macro2::{TokenStream, TokenTree};
use syn::{Ident, ItemUse, UseTree, Visibility};

/// A namespace of Rust: a module and a function may have the same name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Space {
    /// Modules, structs, enums, traits, aliases.
    Types,
    /// Functions, constants, statics, constructors.
    Values,
    /// Macros.
    Macros,
}

impl Space {
    /// The namespace to try next, for code where types and values look alike.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Types => Self::Values,
            Self::Values => Self::Types,
            Self::Macros => Self::Macros,
        }
    }
}

/// The names of a module or a block.
#[derive(Default)]
pub(crate) struct Scope {
    pub definitions: Vec<Definition>,
    pub imports: Vec<Import>,
    pub globs: Vec<Glob>,
}

/// A `use …::*`.
pub(crate) struct Glob {
    pub path: Vec<String>,
    pub line: usize,
}

/// An item, with the file that defines it.
#[derive(Clone)]
pub(crate) struct Definition {
    pub name: String,
    pub file: String,
    pub kind: Kind,
}

#[derive(Clone)]
pub(crate) enum Kind {
    Module(usize),
    /// A struct, a trait, a union.
    Type,
    /// With its variants, because a glob can import them.
    Enum(Vec<String>),
    Alias,
    Value,
    Macro,
}

/// One name of a `use`.
pub(crate) struct Import {
    pub name: String,
    pub path: Vec<String>,
    pub line: usize,
    /// Whether it is a `pub use` of any kind.
    pub reexport: bool,
    /// Whether any code names it. If none does, it is a trait, and its methods are called.
    pub named: Cell<bool>,
}

impl Definition {
    pub(super) fn is_in(&self, space: Space) -> bool {
        match self.kind {
            Kind::Module(_) | Kind::Enum(_) | Kind::Alias => space == Space::Types,
            Kind::Type => space != Space::Macros,
            Kind::Value => space == Space::Values,
            Kind::Macro => space == Space::Macros,
        }
    }
}

impl Scope {
    /// Reads all items except modules.
    pub(super) fn of<'a>(items: impl IntoIterator<Item = &'a syn::Item>, file: &str) -> Self {
        let mut scope = Self::default();
        for item in items {
            scope.add(item, file);
        }
        scope
    }

    pub(super) fn define(&mut self, name: &str, file: &str, kind: Kind) {
        self.definitions.push(Definition { name: name.to_owned(), file: file.to_owned(), kind });
    }

    fn add(&mut self, item: &syn::Item, file: &str) {
        let mut define = |name: &Ident, kind| self.define(&name.to_string(), file, kind);
        match item {
            syn::Item::Const(it) => define(&it.ident, Kind::Value),
            syn::Item::Static(it) => define(&it.ident, Kind::Value),
            syn::Item::Fn(it) => define(&it.sig.ident, Kind::Value),
            syn::Item::Struct(it) => define(&it.ident, Kind::Type),
            syn::Item::Trait(it) => define(&it.ident, Kind::Type),
            syn::Item::Union(it) => define(&it.ident, Kind::Type),
            syn::Item::Type(it) => define(&it.ident, Kind::Alias),
            syn::Item::Enum(it) => {
                let variants = it.variants.iter().map(|it| it.ident.to_string()).collect();
                define(&it.ident, Kind::Enum(variants));
            }
            syn::Item::Macro(it) => match &it.ident {
                Some(name) => {
                    define(name, Kind::Macro);
                    self.add_rules(it.mac.tokens.clone(), file);
                }
                None => self.add_made(it.mac.tokens.clone(), file),
            },
            syn::Item::Use(it) => self.add_use(it),
            _ => {}
        }
    }

    /// Finds items that have their names in the rules of a macro. They count as defined beside the macro.
    fn add_rules(&mut self, rules: TokenStream, file: &str) {
        let mut before = String::new();
        for token in rules {
            // The body of a rule follows the `>` of `=>`.
            if let (TokenTree::Group(body), ">") = (&token, before.as_str()) {
                self.add_made(body.stream(), file);
            }
            before = token.to_string();
        }
    }

    /// Finds items that have their names in the input of a macro.
    fn add_made(&mut self, tokens: TokenStream, file: &str) {
        let mut before = String::new();
        for token in tokens {
            match &token {
                TokenTree::Ident(name) => {
                    if let Some(kind) = kind(&before) {
                        self.define(&name.to_string(), file, kind);
                    }
                }
                TokenTree::Group(repeated) if before == "$" => {
                    self.add_made(repeated.stream(), file);
                }
                _ => {}
            }
            before = token.to_string();
        }
    }

    fn add_use(&mut self, item: &ItemUse) {
        let reexport = !matches!(item.vis, Visibility::Inherited);
        self.add_tree(&item.tree, &mut Vec::new(), reexport);
    }

    fn add_tree(&mut self, tree: &UseTree, path: &mut Vec<String>, reexport: bool) {
        match tree {
            UseTree::Path(it) => {
                path.push(it.ident.to_string());
                self.add_tree(&it.tree, path, reexport);
                path.pop();
            }
            UseTree::Name(it) => self.add_import(&it.ident, &it.ident, path, reexport),
            UseTree::Rename(it) => self.add_import(&it.ident, &it.rename, path, reexport),
            UseTree::Glob(it) => {
                let line = it.star_token.span.start().line;
                self.globs.push(Glob { path: path.clone(), line });
            }
            UseTree::Group(it) => {
                for tree in &it.items {
                    self.add_tree(tree, path, reexport);
                }
            }
        }
    }

    fn add_import(&mut self, what: &Ident, name: &Ident, path: &[String], reexport: bool) {
        let mut path = path.to_vec();
        let mut local = name.to_string();
        if what != "self" {
            path.push(what.to_string());
        } else if local == "self" {
            local.clone_from(path.last().expect("`self` stands in a group"));
        }
        let line = name.span().start().line;
        self.imports.push(Import { name: local, path, line, reexport, named: Cell::new(false) });
    }
}

/// The kind of item that a keyword starts.
fn kind(keyword: &str) -> Option<Kind> {
    match keyword {
        "struct" | "trait" | "union" => Some(Kind::Type),
        "enum" => Some(Kind::Enum(Vec::new())),
        "type" => Some(Kind::Alias),
        "fn" | "const" | "static" => Some(Kind::Value),
        _ => None,
    }
}

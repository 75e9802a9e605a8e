//! Resolves a path to the item at its end and the file that defines it.

use super::names::{Definition, Kind, Scope, Space};
use super::tree::Tree;

/// The result of resolving a path.
#[derive(Clone)]
pub(super) enum Found {
    Module(usize),
    Item(Definition),
    /// An item of another crate or of the prelude, with its whole path.
    External(Vec<String>),
    Missing,
}

/// Resolves one path. Remembers where it has been, because globs may form a circle.
pub(super) struct Search<'a> {
    tree: &'a Tree,
    been: Vec<(usize, String, Space)>,
}

impl<'a> Search<'a> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        Self { tree, been: Vec::new() }
    }

    /// Resolves a path in a module, inside blocks that have their own scopes.
    pub(super) fn path(
        &mut self,
        module: usize,
        blocks: &[Scope],
        path: &[String],
        space: Space,
    ) -> Found {
        let space_of = |at: usize| if at + 1 == path.len() { space } else { Space::Types };
        let mut found = match self.start(module, path) {
            Some(found) => found,
            None => self.first(module, blocks, &path[0], space_of(0)),
        };
        for (at, name) in path.iter().enumerate().skip(1) {
            found = match (found, name.as_str()) {
                (Found::Module(module), "super") => self.parent(module),
                (Found::Module(module), _) => self.member(module, name, space_of(at)),
                (Found::External(path), _) => Found::External(joined(&path, name)),
                // The rest is an associated item or a variant.
                (other, _) => return other,
            };
        }
        found
    }

    fn start(&self, module: usize, path: &[String]) -> Option<Found> {
        match path[0].as_str() {
            "crate" => Some(Found::Module(0)),
            "self" => Some(Found::Module(module)),
            "super" => Some(self.parent(module)),
            "Self" => Some(Found::External(vec![path[0].clone()])),
            _ => None,
        }
    }

    fn parent(&self, module: usize) -> Found {
        self.tree.modules[module].parent.map_or(Found::Missing, Found::Module)
    }

    /// Resolves the first name of a path: in blocks, the module, other crates, then the prelude.
    fn first(&mut self, module: usize, blocks: &[Scope], name: &str, space: Space) -> Found {
        for block in blocks.iter().rev() {
            let found = self.in_scope(module, block, name, space);
            if !matches!(found, Found::Missing) {
                return found;
            }
        }
        let found = self.member(module, name, space);
        let given = self.tree.crates.contains(name) || PRELUDE.contains(&name);
        match found {
            Found::Missing if given => Found::External(vec![name.to_owned()]),
            found => found,
        }
    }

    fn member(&mut self, module: usize, name: &str, space: Space) -> Found {
        let here = (module, name.to_owned(), space);
        if self.been.contains(&here) {
            return Found::Missing;
        }
        self.been.push(here);
        let tree = self.tree;
        let found = self.in_scope(module, &tree.modules[module].scope, name, space);
        self.been.pop();
        found
    }

    fn in_scope(&mut self, module: usize, scope: &Scope, name: &str, space: Space) -> Found {
        let defined = scope.definitions.iter().find(|it| it.name == name && it.is_in(space));
        if let Some(defined) = defined {
            return match defined.kind {
                Kind::Module(module) => Found::Module(module),
                _ => Found::Item(defined.clone()),
            };
        }
        for import in scope.imports.iter().filter(|it| it.name == name) {
            let found = self.path(module, &[], &import.path, space);
            if !matches!(found, Found::Missing) {
                import.named.set(true);
                return found;
            }
        }
        self.in_globs(module, scope, name, space)
    }

    fn in_globs(&mut self, module: usize, scope: &Scope, name: &str, space: Space) -> Found {
        let mut otherwise = Found::Missing;
        for glob in &scope.globs {
            match self.path(module, &[], &glob.path, Space::Types) {
                Found::Module(module) => match self.member(module, name, space) {
                    Found::Missing => {}
                    found => return found,
                },
                Found::Item(it) => {
                    if matches!(&it.kind, Kind::Enum(variants) if variants.iter().any(|it| it == name))
                    {
                        return Found::Item(it);
                    }
                }
                // The name may be in there: other crates are not read.
                Found::External(path) => otherwise = Found::External(joined(&path, name)),
                Found::Missing => {}
            }
        }
        otherwise
    }
}

fn joined(path: &[String], name: &str) -> Vec<String> {
    path.iter().cloned().chain([name.to_owned()]).collect()
}

/// Names that need no import.
const PRELUDE: [&str; 69] = [
    "bool",
    "char",
    "f32",
    "f64",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "isize",
    "str",
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "usize",
    "std",
    "core",
    "alloc",
    "AsMut",
    "AsRef",
    "Box",
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "DoubleEndedIterator",
    "Drop",
    "Eq",
    "Err",
    "ExactSizeIterator",
    "Extend",
    "Fn",
    "FnMut",
    "FnOnce",
    "From",
    "FromIterator",
    "Hash",
    "Into",
    "IntoIterator",
    "Iterator",
    "None",
    "Ok",
    "Option",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Result",
    "Send",
    "Sized",
    "Some",
    "String",
    "Sync",
    "ToOwned",
    "ToString",
    "TryFrom",
    "TryInto",
    "Unpin",
    "Vec",
    "AsyncFn",
    "AsyncFnMut",
    "AsyncFnOnce",
    "Future",
    "IntoFuture",
    "drop",
    "rustfmt",
    "clippy",
    "rustdoc",
];

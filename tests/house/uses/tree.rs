//! The modules of a crate, each with its file.

use std::collections::BTreeSet;

use syn::{Item, ItemMod};

use super::names::{Kind, Scope};
use crate::parse::{attributes, parse};
use crate::sources::Sources;

/// All modules of a crate; the first is its root.
pub(crate) struct Tree {
    pub modules: Vec<Module>,
    /// The names of the crates that it depends on.
    pub crates: BTreeSet<String>,
}

/// A module: a file, or a `mod name { … }` inside a file.
pub(crate) struct Module {
    pub file: String,
    pub parent: Option<usize>,
    pub scope: Scope,
    pub items: Vec<Item>,
}

impl Tree {
    pub(crate) fn new(sources: &Sources, crates: BTreeSet<String>) -> Self {
        let mut tree = Self { modules: Vec::new(), crates };
        let top = if sources.get("lib.rs").is_some() { "lib.rs" } else { "main.rs" };
        tree.add_file(sources, top, "", None);
        tree.export_macros();
        tree
    }

    /// Adds a file. The files of its child modules are in `folder`.
    fn add_file(
        &mut self,
        from: &Sources,
        path: &str,
        folder: &str,
        parent: Option<usize>,
    ) -> usize {
        let text = from.get(path).unwrap_or_else(|| panic!("there is no {path}"));
        self.add(from, path, folder, parent, parse(path, text).items)
    }

    fn add(
        &mut self,
        from: &Sources,
        file: &str,
        folder: &str,
        parent: Option<usize>,
        items: Vec<Item>,
    ) -> usize {
        let this = self.modules.len();
        let scope = Scope::of(&items, file);
        self.modules.push(Module { file: file.to_owned(), parent, scope, items: Vec::new() });
        let mut own = Vec::new();
        for item in items {
            match item {
                Item::Mod(module) => self.add_module(from, this, folder, module),
                other => own.push(other),
            }
        }
        self.modules[this].items = own;
        this
    }

    fn add_module(&mut self, from: &Sources, parent: usize, folder: &str, module: ItemMod) {
        let file = self.modules[parent].file.clone();
        let moved = module.attrs.iter().any(|it| it.path().is_ident("path"));
        assert!(!moved, "{file}: cannot follow #[path]");
        let name = module.ident.to_string();
        let inside = format!("{folder}{name}/");
        let child = match module.content {
            Some((_, items)) => self.add(from, &file, &inside, Some(parent), items),
            None => {
                let (beside, within) = (format!("{folder}{name}.rs"), format!("{inside}mod.rs"));
                let path = if from.get(&beside).is_some() { beside } else { within };
                self.add_file(from, &path, &inside, Some(parent))
            }
        };
        self.modules[parent].scope.define(&name, &file, Kind::Module(child));
    }

    /// Puts macros with `#[macro_export]` into the root, as the compiler does.
    fn export_macros(&mut self) {
        let mut exported = Vec::new();
        for module in &self.modules {
            for item in &module.items {
                let export = attributes(item).iter().any(|it| it.path().is_ident("macro_export"));
                if let Item::Macro(it) = item
                    && let (true, Some(name)) = (export, &it.ident)
                {
                    exported.push((name.to_string(), module.file.clone()));
                }
            }
        }
        for (name, file) in exported {
            self.modules[0].scope.define(&name, &file, Kind::Macro);
        }
    }
}

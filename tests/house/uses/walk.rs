//! A walk through all code of a crate that notes every name in it.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Block, ConstParam, Expr, ExprPath, Field, Item, ItemMacro, ItemType, Macro,
    PatIdent, PatTupleStruct, Path, QSelf, Stmt, TypeParam, Visibility,
};

use super::names::{Definition, Scope, Space};
use super::notes::{External, Place, Use, Uses};
use super::resolve::{Found, Search};
use super::tokens::{self, TokenPath};
use super::tree::Tree;

/// All that the code of a crate names.
pub(super) fn uses(tree: &Tree) -> Uses {
    let mut uses = Uses::default();
    for (id, module) in tree.modules.iter().enumerate() {
        let mut generics = Generics::default();
        module.items.iter().for_each(|it| generics.visit_item(it));
        let (file, generics) = (&module.file, generics.0);
        let (blocks, place) = (Vec::new(), Place::Code);
        let mut walk = Walk { tree, module: id, file, generics, blocks, place, uses: &mut uses };
        module.items.iter().for_each(|it| walk.visit_item(it));
    }
    // Others may name what a module imports; so this comes last.
    for (id, module) in tree.modules.iter().enumerate() {
        imports(tree, id, &module.scope, &mut uses);
    }
    uses
}

/// Looks at the imports themselves. Those that no code names are traits: their methods are used.
fn imports(tree: &Tree, module: usize, scope: &Scope, uses: &mut Uses) {
    let from = &tree.modules[module].file;
    let find = |path: &[String]| {
        let spaces = [Space::Types, Space::Values, Space::Macros].into_iter();
        let mut found = spaces.map(|it| Search::new(tree).path(module, &[], path, it));
        found.find(|it| !matches!(it, Found::Missing))
    };
    for glob in scope.globs.iter().filter(|it| find(&it.path).is_none()) {
        uses.unknown.push(unresolved(from, glob.line, &glob.path));
    }
    for import in scope.imports.iter().filter(|it| !it.named.get()) {
        let (line, place) = (import.line, Place::Code);
        match find(&import.path) {
            Some(Found::Item(it)) if !import.reexport => {
                uses.own.push(Use { from: from.clone(), line, to: it.file, item: it.name, place });
            }
            Some(_) => {}
            None => uses.unknown.push(unresolved(from, line, &import.path)),
        }
    }
}

fn unresolved(file: &str, line: usize, path: &[String]) -> String {
    format!("{file}:{line}: cannot resolve {}", path.join("::"))
}

/// The names of all type and const parameters, which hide nothing in a house that has readable names.
#[derive(Default)]
struct Generics(BTreeSet<String>);

impl<'a> Visit<'a> for Generics {
    fn visit_type_param(&mut self, it: &'a TypeParam) {
        self.0.insert(it.ident.to_string());
    }

    fn visit_const_param(&mut self, it: &'a ConstParam) {
        self.0.insert(it.ident.to_string());
    }
}

struct Walk<'a> {
    tree: &'a Tree,
    module: usize,
    file: &'a str,
    generics: BTreeSet<String>,
    blocks: Vec<Scope>,
    place: Place,
    uses: &'a mut Uses,
}

impl Walk<'_> {
    fn within(&mut self, place: Place, walk: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.place, place);
        walk(self);
        self.place = before;
    }

    fn find(&self, path: &[String], space: Space) -> Found {
        Search::new(self.tree).path(self.module, &self.blocks, path, space)
    }

    /// Notes what a path names. What is unknown and stands by itself may be a variable.
    fn name(&mut self, path: &[String], line: usize, space: Space) {
        let may_be_a_variable = path.len() == 1 && !is_big(&path[0]);
        let mut found = self.find(path, space);
        if matches!(found, Found::Missing) && !may_be_a_variable {
            // A type in code like `Kind::new`, and a constant in a list of types like `take::<LEN>()`.
            found = self.find(path, space.other());
        }
        match found {
            Found::Item(it) => self.own(&it, line, self.place.clone()),
            Found::External(path) => {
                let (from, path) = (self.file.to_owned(), path.join("::"));
                self.uses.external.push(External { from, line, path });
            }
            Found::Missing if !may_be_a_variable => self.missing(path, line),
            Found::Missing | Found::Module(_) => {}
        }
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
            self.uses.unknown.push(unresolved(self.file, line, path));
        }
    }

    fn path(&mut self, path: &Path, of: Option<&QSelf>, space: Space) {
        // `<T as Trait>::Item` names the trait, `<T>::new` nothing but what is in `T`.
        let (len, space) = match of {
            Some(of) => (of.position, Space::Types),
            None => (path.segments.len(), space),
        };
        let names: Vec<String> =
            path.segments.iter().take(len).map(|it| it.ident.to_string()).collect();
        if !names.is_empty() && path.leading_colon.is_none() {
            self.name(&names, path.segments[0].ident.span().start().line, space);
        }
        visit::visit_path(self, path);
    }

    /// A macro that is called by its mere name is found by it, wherever it is written.
    fn macro_name(&mut self, path: &[String], line: usize) {
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

    /// Whether at least the first name of a path is known.
    fn starts(&self, path: &[String]) -> bool {
        !matches!(self.find(&path[..1], Space::Types), Found::Missing)
    }

    fn tokens(&mut self, tokens: &TokenStream, in_rules: bool) {
        for path in tokens::paths(tokens.clone()) {
            self.token_path(&path, in_rules);
        }
    }
}

fn is_big(name: &str) -> bool {
    name.starts_with(char::is_uppercase) && name != "Self"
}

impl<'a> Visit<'a> for Walk<'_> {
    fn visit_path(&mut self, it: &'a Path) {
        self.path(it, None, Space::Types);
    }

    fn visit_type_path(&mut self, it: &'a syn::TypePath) {
        if let Some(of) = &it.qself {
            self.visit_type(&of.ty);
        }
        self.path(&it.path, it.qself.as_ref(), Space::Types);
    }

    fn visit_expr_path(&mut self, it: &'a ExprPath) {
        if let Some(of) = &it.qself {
            self.visit_type(&of.ty);
        }
        self.path(&it.path, it.qself.as_ref(), Space::Values);
    }

    fn visit_pat_tuple_struct(&mut self, it: &'a PatTupleStruct) {
        self.path(&it.path, None, Space::Values);
        it.elems.iter().for_each(|it| self.visit_pat(it));
    }

    fn visit_pat_ident(&mut self, it: &'a PatIdent) {
        let name = it.ident.to_string();
        if it.subpat.is_none() && is_big(&name) {
            self.name(&[name], it.ident.span().start().line, Space::Values);
        }
        visit::visit_pat_ident(self, it);
    }

    fn visit_field(&mut self, it: &'a Field) {
        it.attrs.iter().for_each(|it| self.visit_attribute(it));
        self.within(Place::Field, |walk| walk.visit_type(&it.ty));
    }

    fn visit_item_type(&mut self, it: &'a ItemType) {
        let place = Place::Alias(it.ident.to_string());
        self.within(place, |walk| visit::visit_item_type(walk, it));
    }

    /// The length of an array, for example, has to be worked out, wherever it stands.
    fn visit_expr(&mut self, it: &'a Expr) {
        self.within(Place::Code, |walk| visit::visit_expr(walk, it));
    }

    fn visit_block(&mut self, it: &'a Block) {
        let items = it.stmts.iter().filter_map(|it| match it {
            Stmt::Item(item) => Some(item),
            _ => None,
        });
        self.blocks.push(Scope::of(items, self.file));
        visit::visit_block(self, it);
        let block = self.blocks.pop().expect("it was pushed");
        imports(self.tree, self.module, &block, self.uses);
    }

    fn visit_item_macro(&mut self, it: &'a ItemMacro) {
        match it.ident {
            Some(_) => self.tokens(&it.mac.tokens, true),
            None => self.visit_macro(&it.mac),
        }
    }

    fn visit_macro(&mut self, it: &'a Macro) {
        let path: Vec<String> = it.path.segments.iter().map(|it| it.ident.to_string()).collect();
        self.macro_name(&path, it.path.segments[0].ident.span().start().line);
        self.tokens(&it.tokens, false);
    }

    /// Imports are looked at by those who name them.
    fn visit_item(&mut self, it: &'a Item) {
        if !matches!(it, Item::Use(_) | Item::Mod(_)) {
            visit::visit_item(self, it);
        }
    }

    /// The texts of errors may have code in them; other attributes say nothing here.
    fn visit_attribute(&mut self, it: &'a Attribute) {
        if it.path().is_ident("error")
            && let Ok(list) = it.meta.require_list()
        {
            self.tokens(&list.tokens, false);
        }
    }

    /// `pub(in path)` uses nothing.
    fn visit_visibility(&mut self, _: &'a Visibility) {}
}

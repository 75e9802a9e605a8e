//! Goes through all code of a crate to find its names.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Block, ConstParam, Expr, ExprPath, Field, Item, ItemMacro, ItemType, Macro,
    PatIdent, PatTupleStruct, Path, QSelf, Stmt, TypeParam, TypePath, Visibility,
};

use super::imports::imports;
use super::names::{Scope, Space};
use super::notes::{Place, Uses};
use super::tokens;
use super::tree::Tree;
use super::walk::{Walk, is_big};

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
    // Child modules may name the imports of their parent, so this comes last.
    for (id, module) in tree.modules.iter().enumerate() {
        imports(tree, id, &module.scope, &mut uses);
    }
    uses
}

/// The names of all type and const parameters.
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

/// Notes a path and the types in its angle brackets.
fn walk_path(walk: &mut Walk<'_>, path: &Path, of: Option<&QSelf>, space: Space) {
    // `<T as Trait>::Item` names `T` and the trait; `<T>::new` names only `T`.
    let (len, space) = match of {
        Some(of) => (of.position, Space::Types),
        None => (path.segments.len(), space),
    };
    let names: Vec<String> =
        path.segments.iter().take(len).map(|it| it.ident.to_string()).collect();
    let line = path.segments[0].ident.span().start().line;
    match path.leading_colon {
        Some(_) => walk.external(&names, line),
        None if names.is_empty() => {}
        None => walk.name(&names, line, space),
    }
    visit::visit_path(walk, path);
}

impl<'a> Visit<'a> for Walk<'_> {
    fn visit_path(&mut self, it: &'a Path) {
        walk_path(self, it, None, Space::Types);
    }

    fn visit_type_path(&mut self, it: &'a TypePath) {
        if let Some(of) = &it.qself {
            self.visit_type(&of.ty);
        }
        walk_path(self, &it.path, it.qself.as_ref(), Space::Types);
    }

    fn visit_expr_path(&mut self, it: &'a ExprPath) {
        if let Some(of) = &it.qself {
            self.visit_type(&of.ty);
        }
        walk_path(self, &it.path, it.qself.as_ref(), Space::Values);
    }

    fn visit_pat_tuple_struct(&mut self, it: &'a PatTupleStruct) {
        walk_path(self, &it.path, None, Space::Values);
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

    /// An expression is code even inside a field's type: the length of an array.
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
        self.visit_token_stream(&it.tokens);
    }

    /// The input of a macro, or syntax that `syn` does not know.
    fn visit_token_stream(&mut self, it: &'a TokenStream) {
        self.tokens(it, false);
    }

    /// Skips imports, which are resolved when code names them, and modules, which are in the tree.
    fn visit_item(&mut self, it: &'a Item) {
        if !matches!(it, Item::Use(_) | Item::Mod(_)) {
            visit::visit_item(self, it);
        }
    }

    /// Reads only `#[error(…)]`, which may have expressions, and `#[serde(…)]`, which may have paths.
    fn visit_attribute(&mut self, it: &'a Attribute) {
        let Ok(list) = it.meta.require_list() else {
            return;
        };
        if it.path().is_ident("error") {
            self.visit_token_stream(&list.tokens);
        } else if it.path().is_ident("serde") {
            let paths = tokens::serde_paths(list.tokens.clone());
            paths.iter().for_each(|it| self.serde_path(it));
        }
    }

    /// The path in `pub(in path)` is not a use.
    fn visit_visibility(&mut self, _: &'a Visibility) {}
}

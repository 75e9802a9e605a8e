//! Parses Rust files, without the code that only tests and `rustdoc` see.

use syn::visit_mut::{self, VisitMut};
use syn::{
    Attribute, Block, Expr, Fields, File, ImplItem, Item, ItemImpl, ItemMod, ItemTrait, Meta, Stmt,
    Token, TraitItem, punctuated::Punctuated,
};

/// Parses a file and removes everything under `#[cfg(test)]` and `#[cfg(doc)]`.
pub(crate) fn parse(path: &str, text: &str) -> File {
    let mut file = syn::parse_file(text).unwrap_or_else(|error| {
        panic!("{path}:{}: {error}", error.span().start().line);
    });
    WithoutTests.visit_file_mut(&mut file);
    file
}

/// Whether something is compiled into the library.
fn is_code(attributes: &[Attribute]) -> bool {
    !attributes.iter().any(|it| it.path().is_ident("cfg") && is_for_tests(it))
}

/// Whether a `cfg` can only be true in tests or documentation.
fn is_for_tests(cfg: &Attribute) -> bool {
    cfg.parse_args::<Meta>().is_ok_and(|meta| needs_test(&meta))
}

fn needs_test(condition: &Meta) -> bool {
    match condition {
        Meta::Path(path) => ["test", "doc", "doctest"].iter().any(|it| path.is_ident(it)),
        Meta::List(list) if list.path.is_ident("all") => {
            let all = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            all.is_ok_and(|all| all.iter().any(needs_test))
        }
        _ => false,
    }
}

/// The attributes of an item; none for kinds of items that have no use here.
pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

struct WithoutTests;

impl VisitMut for WithoutTests {
    fn visit_file_mut(&mut self, file: &mut File) {
        file.items.retain(|it| is_code(attributes(it)));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|it| is_code(attributes(it)));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, block: &mut ItemImpl) {
        block.items.retain(|it| match it {
            ImplItem::Const(it) => is_code(&it.attrs),
            ImplItem::Fn(it) => is_code(&it.attrs),
            ImplItem::Type(it) => is_code(&it.attrs),
            _ => true,
        });
        visit_mut::visit_item_impl_mut(self, block);
    }

    fn visit_item_trait_mut(&mut self, block: &mut ItemTrait) {
        block.items.retain(|it| match it {
            TraitItem::Const(it) => is_code(&it.attrs),
            TraitItem::Fn(it) => is_code(&it.attrs),
            TraitItem::Type(it) => is_code(&it.attrs),
            _ => true,
        });
        visit_mut::visit_item_trait_mut(self, block);
    }

    fn visit_block_mut(&mut self, block: &mut Block) {
        block.stmts.retain(|it| match it {
            Stmt::Local(it) => is_code(&it.attrs),
            Stmt::Item(it) => is_code(attributes(it)),
            Stmt::Macro(it) => is_code(&it.attrs),
            Stmt::Expr(Expr::Block(it), _) => is_code(&it.attrs),
            Stmt::Expr(Expr::Call(it), _) => is_code(&it.attrs),
            Stmt::Expr(Expr::MethodCall(it), _) => is_code(&it.attrs),
            Stmt::Expr(..) => true,
        });
        visit_mut::visit_block_mut(self, block);
    }

    fn visit_fields_mut(&mut self, fields: &mut Fields) {
        let fields = match fields {
            Fields::Named(it) => &mut it.named,
            Fields::Unnamed(it) => &mut it.unnamed,
            Fields::Unit => return,
        };
        *fields = std::mem::take(fields).into_iter().filter(|it| is_code(&it.attrs)).collect();
    }
}

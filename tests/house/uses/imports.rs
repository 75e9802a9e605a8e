//! Checks the imports themselves.

use super::names::{Scope, Space};
use super::notes::{Place, Use, Uses};
use super::resolve::{Found, Search};
use super::tree::Tree;

/// Reports imports that do not resolve. An import that no code names is a trait: it counts as used.
pub(super) fn imports(tree: &Tree, module: usize, scope: &Scope, uses: &mut Uses) {
    let from = &tree.modules[module].file;
    let find = |path: &[String]| {
        let spaces = [Space::Types, Space::Values, Space::Macros].into_iter();
        let mut found = spaces.map(|it| Search::new(tree).path(module, &[], path, it));
        found.find(|it| !matches!(it, Found::Missing))
    };
    for glob in scope.globs.iter().filter(|it| find(&it.path).is_none()) {
        uses.unresolved(from, glob.line, &glob.path);
    }
    for import in scope.imports.iter().filter(|it| !it.named.get()) {
        let (line, place) = (import.line, Place::Code);
        match find(&import.path) {
            Some(Found::Item(it)) if !import.reexport => {
                uses.own.push(Use { from: from.clone(), line, to: it.file, item: it.name, place });
            }
            Some(_) => {}
            None => uses.unresolved(from, line, &import.path),
        }
    }
}

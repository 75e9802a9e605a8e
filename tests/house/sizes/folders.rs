//! Folders with sources have few entries.

use std::path::Path;

use crate::checked::{Checked, failing};
use crate::sources::{entries, folders, root};

const ENTRIES_MAX: usize = 15;

#[test]
fn no_folder_of_sources_has_more_entries_than_fit_on_a_page() -> Checked {
    let mut wrong = Vec::new();
    for folder in folders(&root()) {
        let entries = entries(&folder);
        if entries.iter().any(|it| is_rust(it)) && entries.len() > ENTRIES_MAX {
            wrong.push(format!("{} has {}", below_root(&folder), entries.len()));
        }
    }
    let advice = format!("At most {ENTRIES_MAX}: make rooms by topic, each with a `mod.rs`.");
    failing(&advice, wrong)
}

pub(super) fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|it| it == "rs")
}

pub(super) fn below_root(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

//! Files are short.

use std::fs;
use std::path::PathBuf;

use super::folders::{below_root, is_rust};
use crate::checked::{Checked, failing};
use crate::sources::{entries, folders, root};

const LINES_MAX: usize = 562;
const MEDIAN_MAX: usize = 192;

#[test]
fn no_file_is_long() -> Checked {
    let files = measured(rust_files());
    let long = files.iter().filter(|(lines, _)| *lines > LINES_MAX);
    let long = long.map(|(lines, path)| format!("{} has {lines} lines", below_root(path)));
    failing(&format!("At most {LINES_MAX}. One module, one idea: what is its second?"), long)
}

#[test]
fn half_of_the_files_are_short() -> Checked {
    let mut libraries = rust_files();
    libraries.retain(|it| it.iter().any(|part| part == "src"));
    let files = measured(libraries);
    let ((median, _), (longest, path)) = (&files[files.len() / 2], &files[files.len() - 1]);
    let (files, path) = (files.len(), below_root(path));
    let told =
        format!("{files} files: the median has {median} lines, the longest, {path}, {longest}");
    eprintln!("{told}");
    let long = (*median > MEDIAN_MAX).then_some(told);
    failing(&format!("Half of the files of the libraries have at most {MEDIAN_MAX}."), long)
}

/// All files of Rust in the workspace.
pub(super) fn rust_files() -> Vec<PathBuf> {
    let all = folders(&root()).into_iter().flat_map(|it| entries(&it));
    all.filter(|it| is_rust(it)).collect()
}

/// Files with their number of lines, shortest first.
fn measured(files: Vec<PathBuf>) -> Vec<(usize, PathBuf)> {
    let lines = |it: &PathBuf| fs::read_to_string(it).expect("sources are text").lines().count();
    let mut files: Vec<_> = files.into_iter().map(|it| (lines(&it), it)).collect();
    files.sort();
    files
}

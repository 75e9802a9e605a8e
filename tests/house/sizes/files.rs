//! Files are short: none is long, and half of those of the libraries fit on a few screens.

use std::fs;
use std::path::PathBuf;

use super::folders::{below_root, is_rust};
use crate::checked::{Checked, Failure};
use crate::sources::{entries, folders, root};

const LINES_MAX: usize = 562;
const MEDIAN_MAX: usize = 192;

#[test]
fn no_file_is_long() -> Checked {
    let files = measured(rust_files());
    let long = files.iter().filter(|(lines, _)| *lines > LINES_MAX);
    let long: Vec<_> =
        long.map(|(lines, path)| format!("{} has {lines}", below_root(path))).collect();
    if long.is_empty() {
        return Ok(());
    }
    let advice = "One module, one idea: what is its second?";
    Err(Failure(format!("Files have more than {LINES_MAX} lines:\n{}\n{advice}", long.join("\n"))))
}

#[test]
fn half_of_the_files_are_short() -> Checked {
    let mut libraries = rust_files();
    libraries.retain(|it| it.iter().any(|part| part == "src"));
    let files = measured(libraries);
    let ((median, _), (longest, path)) = (&files[files.len() / 2], &files[files.len() - 1]);
    let told = format!(
        "{} files of libraries: the median has {median} lines, the longest, {}, {longest}",
        files.len(),
        below_root(path)
    );
    eprintln!("{told}");
    let advice = "Half of them should have at most";
    if *median <= MEDIAN_MAX {
        Ok(())
    } else {
        Err(Failure(format!("{told}\n{advice} {MEDIAN_MAX}")))
    }
}

/// All files of Rust in the workspace.
pub(super) fn rust_files() -> Vec<PathBuf> {
    let all = folders(&root()).into_iter().flat_map(|it| entries(&it));
    all.filter(|it| is_rust(it)).collect()
}

/// Files with their number of lines, the shortest first.
fn measured(files: Vec<PathBuf>) -> Vec<(usize, PathBuf)> {
    let lines = |it: &PathBuf| fs::read_to_string(it).expect("sources are text").lines().count();
    let mut files: Vec<_> = files.into_iter().map(|it| (lines(&it), it)).collect();
    files.sort();
    files
}

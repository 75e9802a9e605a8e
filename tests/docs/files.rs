//! The files of the project.

use std::fs;
use std::path::{Path, PathBuf};

/// The crates and packages that have sources or tests.
const FOLDERS: [&str; 8] = [
    "serfer-go-regex",
    "serfer-settings",
    "serfer-proto",
    "serfer-async",
    "serfer-tokio",
    "serfer-smol",
    "serfer-sim",
    "tests",
];

pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = project().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All Rust files in a folder of the project and below it, by their paths from the project's root.
pub(crate) fn rust_files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(project().join(&folder)).expect("a folder can be listed") {
            let entry = entry.expect("its entries too");
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = read(&path);
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

/// Where a test is that is not where a document says.
pub(crate) fn found_in(test: &str) -> String {
    let function = format!("fn {test}(");
    let files = FOLDERS.iter().flat_map(|folder| rust_files(folder));
    let mut with_it = files.filter(|(_, text)| !test.is_empty() && text.contains(&function));
    with_it.next().map_or_else(
        || "no file has a test of this name".to_owned(),
        |(path, _)| format!("it is in {}", path.display()),
    )
}

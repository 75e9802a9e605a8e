//! The sources that the checks read: a checkout, or files that a test makes up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The crates of the workspace, without tests and checks.
pub(crate) const CRATES: [&str; 7] = [
    "serfer-settings",
    "serfer-go-regex",
    "serfer-proto",
    "serfer-async",
    "serfer-sim",
    "serfer-tokio",
    "serfer-smol",
];

/// Texts by their path below a folder, with `/` between the parts.
pub(crate) struct Sources(BTreeMap<String, String>);

impl Sources {
    /// All `.rs` files in a folder of the checkout and below it. Paths are relative to the folder.
    pub(crate) fn read(folder: &str) -> Self {
        let folder = root().join(folder);
        let mut texts = BTreeMap::new();
        let mut folders = vec![folder.clone()];
        while let Some(next) = folders.pop() {
            for path in entries(&next) {
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|it| it == "rs") {
                    let text = fs::read_to_string(&path).expect("sources are text");
                    let path = path.strip_prefix(&folder).expect("it is below the folder");
                    texts.insert(path.to_string_lossy().replace('\\', "/"), text);
                }
            }
        }
        Self(texts)
    }

    /// Sources for a test of the checks.
    pub(crate) fn made_up(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect())
    }

    pub(crate) fn get(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }
}

/// The checkout that is read.
pub(crate) fn root() -> PathBuf {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    env::var_os("HOUSE_ROOT").map_or_else(own, PathBuf::from)
}

/// The entries of a folder, sorted.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|it| it.expect("an entry can be read").path()).collect();
    paths.sort();
    paths
}

/// A folder and all folders below it, except hidden ones and build output.
pub(crate) fn folders(top: &Path) -> Vec<PathBuf> {
    let mut found = vec![top.to_owned()];
    let mut at = 0;
    while at < found.len() {
        let inner = entries(&found[at]).into_iter().filter(|it| it.is_dir() && is_source(it));
        found.extend(inner.collect::<Vec<_>>());
        at += 1;
    }
    found
}

fn is_source(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    !name.starts_with('.') && name != "target" && name != "vendor"
}

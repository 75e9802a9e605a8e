//! The architecture, held to: who may use whom, and what the core must not touch.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules from the bottom up. Each may use those before it, and nothing behind it.
const LAYERS: [&[&str]; 5] = [
    &["wire"],
    &["api", "config", "settings", "snapshot"],
    &["machinery"],
    &["memberlist"],
    &["serf"],
];

/// Every source file of the crate, with its path below `src`.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the crate can be listed") {
            let path = entry.expect("its entries too").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).expect("sources are text");
                let path = path.strip_prefix(&root).expect("it is below").to_owned();
                // What a module's own tests use is not part of the architecture.
                let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
                found.push((path, code));
            }
        }
    }
    found.sort();
    found
}

/// The top-level modules that a file names.
fn used(code: &str) -> Vec<String> {
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    let names = code.split("crate::").skip(1);
    let word = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    names.map(word).collect()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

#[test]
fn modules_use_only_what_is_below_them() {
    for (path, code) in sources() {
        let first = path.iter().next().expect("a path has parts").to_string_lossy();
        let module = first.trim_end_matches(".rs");
        if matches!(module, "lib" | "endpoint" | "guide" | "testing") {
            continue;
        }
        let own = layer(module).unwrap_or_else(|| panic!("{module} has no place in LAYERS"));
        for used in used(&code) {
            let theirs = layer(&used);
            let allowed = theirs.is_some_and(|theirs| theirs <= own);
            assert!(allowed, "{} uses {used}", path.display());
        }
    }
}

#[test]
fn no_two_modules_use_each_other() {
    let mut uses = BTreeSet::new();
    for (path, code) in sources() {
        let first = path.iter().next().expect("a path has parts").to_string_lossy();
        let module = first.trim_end_matches(".rs").to_owned();
        uses.extend(used(&code).into_iter().map(|used| (module.clone(), used)));
    }
    for (module, used) in &uses {
        let back = uses.contains(&(used.clone(), module.clone()));
        assert!(module == used || !back, "{module} and {used} use each other");
    }
}

#[test]
fn the_wire_stands_alone() {
    for (path, code) in sources() {
        if path.starts_with("wire") {
            assert!(used(&code).iter().all(|used| used == "wire"), "{}", path.display());
        }
    }
}

#[test]
fn the_core_touches_neither_clock_nor_threads_nor_sockets() {
    let banned = ["Instant::now", "SystemTime", "std::thread", "UdpSocket", "TcpStream", "std::fs"];
    for (path, code) in sources() {
        let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code: String = code.collect();
        for word in banned {
            let excepted = path.ends_with("testing.rs");
            assert!(excepted || !code.contains(word), "{} uses {word}", path.display());
        }
    }
}

#[test]
fn the_hand_driven_example_fits_on_a_page() {
    let example = include_str!("../examples/blocking.rs");
    assert!(example.lines().count() <= 100);
}

//! What is noted about every name in the code of a crate.

/// All names, and what could not be understood.
#[derive(Default)]
pub(crate) struct Uses {
    /// What one of the crate's files defines.
    pub own: Vec<Use>,
    pub external: Vec<External>,
    pub unknown: Vec<String>,
}

impl Uses {
    pub(super) fn unresolved(&mut self, file: &str, line: usize, path: &[String]) {
        self.unknown.push(format!("{file}:{line}: cannot resolve {}", path.join("::")));
    }
}

/// One name of something in the crate.
pub(crate) struct Use {
    pub from: String,
    pub line: usize,
    /// The file that defines it.
    pub to: String,
    /// What it is called there.
    pub item: String,
    pub place: Place,
}

/// One name of something outside of the crate.
pub(crate) struct External {
    pub from: String,
    pub line: usize,
    /// Its whole path, as `std::thread::spawn`.
    pub path: String,
}

/// Where a name stands.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Code,
    /// In the type of a struct's or a variant's field.
    Field,
    /// In what an alias stands for, which is called so.
    Alias(String),
}

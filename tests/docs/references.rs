//! Tests of ours that a document names: `path::test`, or the path of a script.

/// What stands in backticks.
pub(crate) fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether a reference is true: the script exists, or the file has such a test.
pub(crate) fn check(reference: &str, read: &impl Fn(&str) -> Option<String>) -> Result<(), String> {
    let (path, test) = reference.split_once("::").unwrap_or((reference, ""));
    let text = read(path).ok_or_else(|| format!("there is no {path}"))?;
    let is_there = match test {
        "" => path.ends_with(".txt"),
        _ if path.starts_with("tests/interop/") => {
            text.contains(&format!("\"{test}\"")) || has_function(&text, test)
        }
        _ => has_function(&text, test),
    };
    if is_there { Ok(()) } else { Err(format!("there is no test {test:?} in {path}")) }
}

fn has_function(text: &str, name: &str) -> bool {
    let mut after = text.split("fn ").skip(1).filter_map(|rest| rest.strip_prefix(name));
    after.any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

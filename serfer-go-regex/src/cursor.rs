//! Reading from the front of the rest of an expression.

/// Reads one character.
pub(crate) fn next(rest: &mut &str) -> Option<char> {
    let c = rest.chars().next()?;
    *rest = &rest[c.len_utf8()..];
    Some(c)
}

/// Reads `what`, if it comes next.
pub(crate) fn eat(rest: &mut &str, what: &str) -> bool {
    let behind = rest.strip_prefix(what);
    *rest = behind.unwrap_or(rest);
    behind.is_some()
}

/// Reads up to `end` and over it, if it comes.
pub(crate) fn until<'e>(rest: &mut &'e str, end: &str) -> Option<&'e str> {
    let (inside, behind) = rest.split_once(end)?;
    *rest = behind;
    Some(inside)
}

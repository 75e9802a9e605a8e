//! Patterns of names: of events and queries in a router, of members in an event URI or a filter.
//!
//! Names come from the network. So matching takes time in proportion to the length of the name, whatever the
//! pattern: `globset` compiles globs to automata, and nothing backtracks.

use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};

/// The longest pattern in bytes. No name is that long.
const LEN_MAX: usize = 1024;

/// The characters that do not stand for themselves in a pattern, unless there is a `\` before them.
const SPECIAL: [char; 7] = ['*', '?', '[', ']', '{', '}', '\\'];

/// A name, or a glob that many names match.
///
/// | in a pattern | matches |
/// |---|---|
/// | `?` | one byte, but no `/`: one character, if that is ASCII |
/// | `*` | anything without a `/`, or nothing |
/// | `**` | anything at all, as a part of its own: `**`, `a/**`, `**/b`, `a/**/b` |
/// | `[a-z]`, `[!a-z]` | one character of ASCII among these, or not among these |
/// | `{deploy,restart}` | any of these, which may be patterns themselves |
/// | `\*` | a `*`, and the same for the other special characters |
///
/// Everything else matches itself. A pattern matches a name as a whole.
///
/// ```
/// use serfer_async::Pattern;
///
/// let pattern: Pattern = "deploy/*".parse()?;
/// assert!(pattern.matches("deploy/web"));
/// assert!(!pattern.matches("deploy/web/now"));
/// # Ok::<_, serfer_async::PatternError>(())
/// ```
///
/// **Which pattern is more specific?** If several match a name, a [`Router`](crate::Router) takes the most
/// specific one. Of two patterns, that is a name without any glob; else the one with more bytes before its
/// first glob; else the one without `**`; else the longer one; else the one that was added first.
#[derive(Clone)]
pub struct Pattern {
    text: Box<str>,
    matcher: Matcher,
}

#[derive(Clone)]
enum Matcher {
    Name(Box<str>),
    Glob(GlobMatcher),
}

/// How specific a pattern is: the greater, the more specific.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Specificity {
    is_name: bool,
    bytes_before_glob: usize,
    within_one_part: bool,
    len: usize,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// If it is longer than 1,024 bytes, a bracket or brace is not closed, a `\` has nothing after
    /// it, or there is something other than ASCII between brackets.
    pub fn new(text: impl AsRef<str>) -> Result<Self, PatternError> {
        let text = text.as_ref();
        let fault = |problem| PatternError { pattern: text.to_owned(), problem };
        if text.len() > LEN_MAX {
            return Err(fault(PatternProblem::TooLong { len: text.len() }));
        }
        if has_wide_class(text) {
            return Err(fault(PatternProblem::WideClass));
        }
        let glob = GlobBuilder::new(text)
            .literal_separator(true)
            .backslash_escape(true)
            .empty_alternates(true)
            .build()
            .map_err(|error| fault(PatternProblem::Syntax(error.kind().to_string())))?;
        let matcher = match name(text) {
            Some(name) => Matcher::Name(name.into()),
            None => Matcher::Glob(glob.compile_matcher()),
        };
        Ok(Self { text: text.into(), matcher })
    }

    /// The pattern that matches exactly this name, whatever characters it has.
    pub fn exact(name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        Self { text: escaped(name).into(), matcher: Matcher::Name(name.into()) }
    }

    /// The pattern that matches every name: `**`.
    pub(crate) fn any() -> Self {
        Self::new("**").expect("it is a glob")
    }

    /// Whether a name matches.
    pub fn matches(&self, name: &str) -> bool {
        match &self.matcher {
            Matcher::Name(only) => **only == *name,
            Matcher::Glob(glob) => glob.is_match(name),
        }
    }

    /// The only name that matches; `None` if this is a glob.
    pub fn name(&self) -> Option<&str> {
        match &self.matcher {
            Matcher::Name(name) => Some(name),
            Matcher::Glob(_) => None,
        }
    }

    /// The pattern as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn specificity(&self) -> Specificity {
        Specificity {
            is_name: self.name().is_some(),
            bytes_before_glob: bytes_before_glob(&self.text),
            within_one_part: !self.text.contains("**"),
            len: self.text.len(),
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        Self::new(text)
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.text)
    }
}

impl std::fmt::Debug for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pattern").field(&self.text).finish()
    }
}

/// An invalid pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pattern {pattern:?} {problem}")]
pub struct PatternError {
    /// The pattern as it was given.
    pub pattern: String,
    /// What is wrong with it.
    pub problem: PatternProblem,
}

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternProblem {
    /// Shorten it: no name is that long.
    #[error("of {len} bytes is longer than 1024 bytes")]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// Close the bracket or brace, or put a `\` before a character that is to match itself.
    #[error("is not a glob: {0}; a character that is to match itself takes a \\ before it")]
    Syntax(String),
    /// Only ASCII can stand between brackets; put other characters in braces: `{à,é}`.
    #[error("has characters other than ASCII between [ and ]; use {{à,é}} instead of [àé]")]
    WideClass,
}

/// Whether a character does not stand for itself in a pattern.
pub(crate) fn is_special(c: char) -> bool {
    SPECIAL.contains(&c)
}

fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        if is_special(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// The only name that matches a pattern, unless it is a glob.
fn name(pattern: &str) -> Option<String> {
    let mut name = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' | '?' | '[' | '{' => return None,
            '\\' => name.extend(chars.next()),
            c => name.push(c),
        }
    }
    Some(name)
}

fn bytes_before_glob(pattern: &str) -> usize {
    let mut bytes = 0;
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        bytes += match c {
            '*' | '?' | '[' | '{' => break,
            '\\' => chars.next().map_or(0, char::len_utf8),
            c => c.len_utf8(),
        };
    }
    bytes
}

/// Whether there is anything but ASCII between brackets, which `globset` would take byte by byte.
fn has_wide_class(pattern: &str) -> bool {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '[' => {
                let class: Vec<char> = chars.by_ref().take_while(|&c| c != ']').collect();
                if !class.iter().all(char::is_ascii) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_pattern_matches_names_as_a_whole() {
        let table: &[(&str, &[&str], &[&str])] = &[
            ("deploy", &["deploy"], &["deploy/a", "xdeploy", "", "Deploy"]),
            ("deploy/*", &["deploy/a", "deploy/"], &["deploy", "deploy/a/b"]),
            ("deploy/**", &["deploy/a", "deploy/a/b"], &["deploy", "deployed/a"]),
            ("**/stats", &["stats", "a/stats", "a/b/stats"], &["a/stat", "xstats"]),
            ("a/**/z", &["a/z", "a/b/z", "a/b/c/z"], &["a", "az"]),
            ("kubekit-*/stats", &["kubekit-1/stats", "kubekit-/stats"], &["kubekit-1/x/stats"]),
            ("**", &["", "a", "a/b", "line\nbreak"], &[]),
            ("*", &["", "a"], &["a/b"]),
            ("v?", &["v1", "v*"], &["v", "v12", "v/"]),
            ("[a-c]x", &["ax", "cx"], &["dx", "/x"]),
            ("[!a-c]x", &["dx"], &["ax", "/x", "x"]),
            ("{start,stop}-{a,}", &["start-a", "stop-"], &["start-b"]),
            (r"a\*b\\", &[r"a*b\"], &["axb"]),
            ("a,b", &["a,b"], &["a"]),
            ("grüße", &["grüße"], &["gruesse"]),
            ("", &[""], &["a"]),
        ];
        for (text, yes, no) in table {
            for name in *yes {
                assert!(pattern(text).matches(name), "{text:?} matches {name:?}");
            }
            for name in *no {
                assert!(!pattern(text).matches(name), "{text:?} does not match {name:?}");
            }
        }
    }

    #[test]
    fn an_invalid_pattern_says_why() {
        let long = "a".repeat(1025);
        let table = [
            ("a[b", "is not a glob: unclosed character class"),
            ("a{b", "is not a glob: unclosed alternate group"),
            ("a\\", "is not a glob: dangling '\\'"),
            ("[z-a]", "is not a glob: invalid range"),
            ("[é]", "between [ and ]"),
            (&long, "of 1025 bytes is longer than 1024 bytes"),
        ];
        for (text, reason) in table {
            let error = Pattern::new(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }

    #[test]
    fn the_order_of_patterns_is_by_how_specific_they_are() {
        let order = [
            "deploy/web",
            "deploy/w[!e]*",
            "deploy/w*",
            "deploy/*/now",
            "deploy/*",
            "deploy/**",
            "de*",
            "*/web",
            "*",
            "**/web",
            "**",
        ];
        for two in order.windows(2) {
            let [more, less] = [two[0], two[1]].map(|text| pattern(text).specificity());
            assert!(more > less, "{two:?}");
        }
    }

    proptest! {
        #[test]
        fn an_exact_pattern_matches_its_name_only(name in ".{0,40}", other in ".{0,40}") {
            let exact = Pattern::exact(&name);
            prop_assert!(exact.matches(&name));
            prop_assert_eq!(exact.matches(&other), name == other);
            prop_assert_eq!(exact.name(), Some(&*name));
            let again = Pattern::new(exact.as_str()).unwrap();
            prop_assert_eq!(again.name(), Some(&*name));
        }

        #[test]
        fn no_text_makes_a_pattern_panic(text in r"[a/*?\[\]{},!\\é-]{0,20}", name in ".{0,20}") {
            if let Ok(pattern) = Pattern::new(&text) {
                pattern.matches(&name);
                pattern.specificity();
            }
        }
    }
}

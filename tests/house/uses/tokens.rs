//! Finds paths in the input of macros, which is only a list of tokens.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// A path that was found in tokens.
pub(super) struct TokenPath {
    pub path: Vec<String>,
    pub line: usize,
    /// Whether a `!` follows.
    pub is_macro: bool,
}

/// All paths in tokens. Leaves out fields, methods, lifetimes and the variables of macros.
pub(super) fn paths(tokens: TokenStream) -> Vec<TokenPath> {
    let mut found = Vec::new();
    Reader { tokens: tokens.into_iter().collect(), at: 0 }.read(&mut found);
    found
}

/// The parts of `#[serde(…)]` that have a path as text.
const SERDE: [&str; 9] = [
    "default",
    "deserialize_with",
    "from",
    "into",
    "remote",
    "serialize_with",
    "skip_serializing_if",
    "try_from",
    "with",
];

/// The paths in `#[serde(…)]`, such as `with = "super::millis"`.
pub(super) fn serde_paths(tokens: TokenStream) -> Vec<TokenPath> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let paths = tokens.windows(3).filter_map(|it| match it {
        [TokenTree::Ident(name), TokenTree::Punct(_), TokenTree::Literal(text)]
            if SERDE.iter().any(|it| name == it) =>
        {
            let path = text.to_string();
            let path = path.trim_matches('"').split("::").map(str::to_owned).collect();
            Some(TokenPath { path, line: text.span().start().line, is_macro: false })
        }
        _ => None,
    });
    paths.collect()
}

struct Reader {
    tokens: Vec<TokenTree>,
    at: usize,
}

impl Reader {
    fn read(&mut self, found: &mut Vec<TokenPath>) {
        while let Some(token) = self.tokens.get(self.at).cloned() {
            self.at += 1;
            match token {
                TokenTree::Group(group) => found.extend(paths(group.stream())),
                TokenTree::Ident(ident) => self.path(&ident, ident.to_string(), found),
                TokenTree::Punct(punct) => self.after(punct.as_char(), found),
                TokenTree::Literal(_) => {}
            }
        }
    }

    fn after(&mut self, punct: char, found: &mut Vec<TokenPath>) {
        match punct {
            // A range, not a field.
            '.' if self.is(0, '.') => self.at += 1,
            '.' | '\'' => self.at += usize::from(self.ident(0).is_some()),
            '$' => {
                if let Some(ident) = self.ident(0) {
                    self.at += 1;
                    if ident == "crate" {
                        self.path(&ident, ident.to_string(), found);
                    } else {
                        self.skip_rest();
                    }
                }
            }
            // An item of the type before it, as in `<T>::new`.
            ':' if self.is(0, ':') => {
                self.at -= 1;
                self.skip_rest();
            }
            _ => {}
        }
    }

    fn path(&mut self, first: &Ident, name: String, found: &mut Vec<TokenPath>) {
        let line = first.span().start().line;
        let mut path = vec![name];
        while self.is_separator() {
            match self.tokens.get(self.at + 2).cloned() {
                Some(TokenTree::Ident(next)) => path.push(next.to_string()),
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    self.at += 3;
                    let inner = paths(group.stream()).into_iter();
                    found.extend(inner.map(|it| TokenPath { path: join(&path, &it.path), ..it }));
                    return;
                }
                _ => break,
            }
            self.at += 3;
        }
        let is_macro = self.is(0, '!') && !self.is(1, '=');
        // Before a single colon there is a field or a variable.
        let is_path = path.len() > 1 || !self.is(0, ':') || self.is_separator();
        if is_path {
            found.push(TokenPath { path, line, is_macro });
        }
        if self.is_separator() {
            self.at += 2;
        }
    }

    /// Skips `::a::b`.
    fn skip_rest(&mut self) {
        while self.is_separator() {
            self.at += 2;
            self.at += usize::from(self.ident(0).is_some());
        }
    }

    fn is_separator(&self) -> bool {
        self.is(0, ':') && self.is(1, ':')
    }

    fn is(&self, ahead: usize, punct: char) -> bool {
        let token = self.tokens.get(self.at + ahead);
        matches!(token, Some(TokenTree::Punct(it)) if it.as_char() == punct)
    }

    fn ident(&self, ahead: usize) -> Option<Ident> {
        match self.tokens.get(self.at + ahead) {
            Some(TokenTree::Ident(ident)) => Some(ident.clone()),
            _ => None,
        }
    }
}

fn join(front: &[String], end: &[String]) -> Vec<String> {
    front.iter().chain(end).cloned().collect()
}

//! The core stays small: `./lines` counts its lines of code.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;

use crate::checked::{Checked, failing};
use crate::parse::parse;
use crate::sources::{CRATES, root};
use crate::uses::tree;

/// The most lines of code that `serfer-proto/src` may have.
const CORE_MAX: usize = 16_900;

#[test]
fn the_core_is_small() -> Checked {
    let table = table("serfer-proto");
    eprintln!("{table}");
    let advice = format!("At most {CORE_MAX}. What does not earn its place?");
    let large = total(&table) > CORE_MAX;
    failing(&advice, large.then_some(table))
}

/// Compares the script, which only knows comments, texts and brackets, with a parser for Rust.
#[test]
fn the_script_counts_as_a_parser_does() {
    for name in CRATES {
        let files: BTreeSet<_> = tree(name).modules.into_iter().map(|it| it.file).collect();
        let src = root().join(name).join("src");
        let parsed = files.iter().map(|it| {
            let text = fs::read_to_string(src.join(it)).expect("sources are text");
            count(it, &text)
        });
        assert_eq!(total(&table(name)), parsed.sum(), "{name}");
    }
}

#[test]
fn comments_and_tests_are_not_counted() {
    let text = "//! Documentation.\n\nuse a::b; // one\n/* no\n*/ /// No.\n#[doc(hidden)] // two
        pub struct S { // three\n // no\n it: u8, // four\n } // five\n#[cfg(test)]\nmod tests {\n}\n
        const TEXT: &str = \"six\n\n// seven\n\"; // eight";
    assert_eq!(count("made_up.rs", text), 8);
}

/// The output of the script for a crate.
fn table(name: &str) -> String {
    let script = Command::new(root().join("lines")).arg(name).output();
    let output = script.expect("./lines can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a table is text")
}

fn total(table: &str) -> usize {
    let last = table.lines().last().and_then(|it| it.split_whitespace().last());
    last.and_then(|it| it.parse().ok()).expect("the last line has the total")
}

/// The lines of a file that have code.
fn count(path: &str, text: &str) -> usize {
    let mut lines = BTreeSet::new();
    put(parse(path, text).into_token_stream(), &mut lines);
    let is_blank = |line: &usize| text.lines().nth(line - 1).is_some_and(|it| it.trim().is_empty());
    lines.into_iter().filter(|it| !is_blank(it)).count()
}

fn put(tokens: TokenStream, lines: &mut BTreeSet<usize>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        let span = token.span();
        // A doc comment becomes several tokens at the same place. No other tokens share their place.
        let beside = |it: &TokenTree| it.span().start() == span.start();
        let near = tokens[at.saturating_sub(1)..tokens.len().min(at + 2)].iter();
        if near.filter(|it| beside(it)).count() > 1 {
            continue;
        }
        match token {
            TokenTree::Group(it) => {
                lines.insert(it.span_open().start().line);
                put(it.stream(), lines);
                lines.insert(it.span_close().end().line);
            }
            // `syn` adds tokens that are not in the text.
            _ if span.start() == span.end() => {}
            _ => lines.extend(span.start().line..=span.end().line),
        }
    }
}

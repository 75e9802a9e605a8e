//! The rows of `go_regex.txt`.

/// How Go treats an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Found,
    NotFound,
    Refused,
    /// Accepted since Go 1.22, and refused before.
    FoundSince122,
}

/// An expression, a value to search, if there is one, and whether it matches.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) expr: &'static str,
    pub(crate) value: String,
    pub(crate) verdict: Verdict,
}

pub(crate) fn rows() -> Vec<Row> {
    let lines = include_str!("go_regex.txt").lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(row).collect()
}

fn row(line: &'static str) -> Row {
    let [expr, value, verdict] = line.split('\t').collect::<Vec<_>>()[..] else {
        panic!("not three columns: {line:?}");
    };
    let verdict = match verdict {
        "yes" => Verdict::Found,
        "no" => Verdict::NotFound,
        "error" => Verdict::Refused,
        "newer" => Verdict::FoundSince122,
        _ => panic!("no such verdict: {line:?}"),
    };
    Row { expr, value: unescaped(value), verdict }
}

fn unescaped(value: &str) -> String {
    let mut text = String::new();
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match rest.next() {
            Some('e') => {}
            Some('n') => text.push('\n'),
            Some('v') => text.push('\x0b'),
            Some('\\') => text.push('\\'),
            Some('u') => {
                let hex: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
                let c = u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32);
                text.push(c.unwrap_or_else(|| panic!("no character: {value:?}")));
            }
            _ => panic!("no such escape: {value:?}"),
        }
    }
    text
}

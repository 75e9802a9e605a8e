//! Expressions mean what they mean in Go.

#[path = "data/go_regex.rs"]
mod go_regex;

use proptest::prelude::*;
use serfer_go_regex::GoRegex;

use crate::go_regex::{Row, Verdict, rows};

#[test]
fn expressions_mean_what_they_mean_in_go() {
    let wrong = rows().into_iter().filter(|Row { expr, value, verdict }| {
        let found = GoRegex::new(expr).map(|mut regex| regex.is_match(value));
        let expected = match verdict {
            Verdict::Found | Verdict::FoundSince122 => Some(true),
            Verdict::NotFound => Some(false),
            Verdict::Refused => None,
        };
        found.ok() != expected
    });
    assert_eq!(wrong.map(|row| format!("{row:?}")).collect::<Vec<_>>(), [""; 0]);
}

proptest! {
    #[test]
    fn an_expression_is_quoted_by_q_and_e(text in "[^\\\\]{0,20}", value in ".{0,20}") {
        let mut regex = GoRegex::new(&format!(r"\Q{text}\E")).unwrap();
        prop_assert_eq!(regex.is_match(&value), value.contains(&text));
    }

    #[test]
    fn no_expression_panics(
        expr in r"([a-z(){}\[\]|*+?.^$\\:\-&~<>,QEPpxdwsbBDL0-9é]|\(\?i\)|\\p\{|\[:|:\]|\{1000\}){0,40}",
        value in "[a-z\\n1é-]{0,10}",
    ) {
        if let Ok(mut regex) = GoRegex::new(&expr) {
            prop_assert!(regex.steps(&value) > 0);
            regex.is_match(&value);
        }
    }
}

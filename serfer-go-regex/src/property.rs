//! Classes with a name: POSIX classes, and Unicode's categories and scripts.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

use crate::problem::ExprProblem;

/// The names between `[:` and `:]`. Rust's classes of these names have the same characters as Go's.
const POSIX: &str =
    "alnum alpha ascii blank cntrl digit graph lower print punct space upper word xdigit";

const CATEGORIES: &str = "C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps \
    S Sc Sk Sm So Z Zl Zp Zs";

/// The scripts of Unicode 15, which Go has had since 1.21.
const SCRIPTS: &str = include_str!("scripts.txt");

/// The class that `[:name:]` stands for.
pub(crate) fn posix(name: &str) -> Result<ClassUnicode, ExprProblem> {
    let is_known = POSIX.split(' ').any(|it| it == name);
    if is_known { Ok(known(&format!("[[:{name}:]]"))) } else { Err(ExprProblem::Class) }
}

/// All characters that have another case.
pub(crate) fn cased() -> ClassUnicode {
    known(r"\p{Changes_When_Casemapped}")
}

/// The class of a Unicode property. Names are exact. Rust's tables know many more names.
pub(crate) fn property(name: &str) -> Result<ClassUnicode, ExprProblem> {
    Ok(match name {
        "Any" => ClassUnicode::new([ClassUnicodeRange::new('\0', char::MAX)]),
        // No text has surrogates.
        "Cs" => ClassUnicode::empty(),
        // Before Go 1.25, unassigned characters are not among them.
        "C" => known(r"[\p{gc=Cc}\p{gc=Cf}\p{gc=Co}]"),
        _ if CATEGORIES.split(' ').any(|it| it == name) => known(&format!(r"\p{{gc={name}}}")),
        _ if SCRIPTS.lines().any(|it| it == name) => known(&format!(r"\p{{sc={name}}}")),
        _ => return Err(ExprProblem::Class),
    })
}

/// A class of Rust's tables.
fn known(expr: &str) -> ClassUnicode {
    let hir = regex_syntax::parse(expr).expect("a test asks for all that there are");
    match hir.into_kind() {
        HirKind::Class(Class::Unicode(class)) => class,
        // Rust makes a literal of a class of one character.
        HirKind::Literal(text) => {
            let chars = std::str::from_utf8(&text.0).into_iter().flat_map(str::chars);
            ClassUnicode::new(chars.map(|c| ClassUnicodeRange::new(c, c)))
        }
        _ => ClassUnicode::empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_class_for_every_name() {
        for name in CATEGORIES.split(' ').chain(SCRIPTS.lines()) {
            let class = property(name).unwrap();
            assert!(name == "Cs" || !class.ranges().is_empty(), "{name}");
        }
        for name in POSIX.split(' ') {
            assert!(!posix(name).unwrap().ranges().is_empty(), "{name}");
        }
        let line_separator = ClassUnicodeRange::new('\u{2028}', '\u{2028}');
        assert_eq!(property("Zl").unwrap().ranges(), [line_separator]);
        assert!(!cased().ranges().is_empty());
    }

    #[test]
    fn characters_that_are_not_folded_have_only_one_case() {
        let mut rest = known(r"\P{Changes_When_Casemapped}");
        let before = rest.clone();
        rest.case_fold_simple();
        assert_eq!(rest, before);
    }
}

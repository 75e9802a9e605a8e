//! Classes of characters, and escapes.
//!
//! Each function reads from the front of `rest`.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

use crate::problem::ExprProblem;

/// Makes the classes of one expression, and counts the work.
#[derive(Default)]
pub(crate) struct ClassBuilder {
    /// Whether `(?i)` is set: each class also gets the other cases of its characters.
    pub(crate) folds_case: bool,
    /// All characters that have another case.
    cased: Option<ClassUnicode>,
    /// How many ranges all classes have together. Folding counts as some more.
    pub(crate) ranges: usize,
}

/// How many ranges the classes of an expression may have. `\pL`, the largest class in use, has 660;
/// twenty of them compile to more than an expression may.
const RANGES_MAX: usize = 1 << 14;

/// A larger class is first reduced to the characters that have another case, which are few.
const FOLDED_AT_ONCE: usize = 256;

/// It takes as long to fold this many characters as to read one range.
const FOLDED_PER_RANGE: usize = 4;

impl ClassBuilder {
    /// All characters from `first` to `last`, without surrogates.
    pub(crate) fn range(&mut self, first: u32, last: u32) -> Result<ClassUnicode, ExprProblem> {
        self.finish(range(first, last), false)
    }

    fn finish(
        &mut self,
        mut class: ClassUnicode,
        negated: bool,
    ) -> Result<ClassUnicode, ExprProblem> {
        if self.folds_case {
            self.fold(&mut class);
        }
        if negated {
            class.negate();
        }
        self.ranges += class.ranges().len();
        if self.ranges > RANGES_MAX { Err(ExprProblem::TooLarge) } else { Ok(class) }
    }

    fn fold(&mut self, class: &mut ClassUnicode) {
        let mut folded = class.clone();
        if len(class) > FOLDED_AT_ONCE {
            let cased = || known(r"\p{Changes_When_Casemapped}");
            folded.intersect(self.cased.get_or_insert_with(cased));
        }
        self.ranges += len(&folded) / FOLDED_PER_RANGE;
        folded.case_fold_simple();
        class.union(&folded);
    }
}

/// How many characters are in a class.
fn len(class: &ClassUnicode) -> usize {
    class.ranges().iter().map(ClassUnicodeRange::len).sum()
}

/// The names between `[:` and `:]`. Rust's classes of these names have the same characters as Go's.
const POSIX: &str =
    "alnum alpha ascii blank cntrl digit graph lower print punct space upper word xdigit";

const CATEGORIES: &str = "C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps \
    S Sc Sk Sm So Z Zl Zp Zs";

/// The scripts of Unicode 15, which Go has had since 1.21.
const SCRIPTS: &str = include_str!("scripts.txt");

fn range(first: u32, last: u32) -> ClassUnicode {
    let first = char::from_u32(first).unwrap_or('\u{e000}');
    let last = char::from_u32(last).unwrap_or('\u{d7ff}');
    ClassUnicode::new((first <= last).then(|| ClassUnicodeRange::new(first, last)))
}

/// Reads what follows `[`.
pub(crate) fn bracketed(
    rest: &mut &str,
    builder: &mut ClassBuilder,
) -> Result<ClassUnicode, ExprProblem> {
    let negated = eat(rest, "^");
    let mut ranges = Vec::new();
    let mut first = true;
    // In the first place, `]` is a character like any other.
    while first || !eat(rest, "]") {
        first = false;
        ranges.extend_from_slice(element(rest, builder)?.ranges());
    }
    let mut class = ClassUnicode::new(ranges);
    if negated {
        class.negate();
    }
    Ok(class)
}

/// Reads `[:name:]`, an escaped class, a range, or a character.
fn element(rest: &mut &str, builder: &mut ClassBuilder) -> Result<ClassUnicode, ExprProblem> {
    if let Some((name, behind)) = rest.strip_prefix("[:").and_then(|rest| rest.split_once(":]")) {
        *rest = behind;
        let positive = name.strip_prefix('^').unwrap_or(name);
        if !POSIX.split(' ').any(|known| known == positive) {
            return Err(ExprProblem::Class);
        }
        return builder.finish(known(&format!("[[:{positive}:]]")), positive != name);
    }
    let first = match next(rest).ok_or(ExprProblem::Class)? {
        '\\' => match escaped(rest, builder)? {
            Escaped::Class(class) => return Ok(class),
            Escaped::Char(c) => c,
        },
        c => c.into(),
    };
    let mut last = first;
    if rest.len() >= 2 && !rest.starts_with("-]") && eat(rest, "-") {
        last = match next(rest).ok_or(ExprProblem::Class)? {
            '\\' => escaped_char(rest)?,
            c => c.into(),
        };
    }
    if last < first {
        return Err(ExprProblem::Class);
    }
    builder.range(first, last)
}

/// What `\` and the characters after it stand for.
pub(crate) enum Escaped {
    Class(ClassUnicode),
    /// It may be a surrogate.
    Char(u32),
}

/// Reads what follows `\`.
pub(crate) fn escaped(rest: &mut &str, builder: &mut ClassBuilder) -> Result<Escaped, ExprProblem> {
    let Some(letter) = rest.chars().next().filter(|c| "dDsSwWpP".contains(*c)) else {
        return escaped_char(rest).map(Escaped::Char);
    };
    next(rest);
    let mut negated = letter.is_ascii_uppercase();
    let class = match letter.to_ascii_lowercase() {
        'd' => class(&[('0', '9')]),
        // As in Perl, without `\v`, which `[:space:]` has.
        's' => class(&[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')]),
        'w' => class(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
        _ => {
            let name = property_name(rest).ok_or(ExprProblem::Class)?;
            negated ^= name.starts_with('^');
            property(name.strip_prefix('^').unwrap_or(name))?
        }
    };
    builder.finish(class, negated).map(Escaped::Class)
}

fn class(ranges: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(ranges.iter().map(|&(first, last)| ClassUnicodeRange::new(first, last)))
}

/// Reads a letter, or a name in braces.
fn property_name<'e>(rest: &mut &'e str) -> Option<&'e str> {
    if eat(rest, "{") {
        return until(rest, "}");
    }
    let all = *rest;
    let letter = next(rest)?;
    Some(&all[..letter.len_utf8()])
}

/// The class of a Unicode property. Names are exact. Rust's tables know many more names.
fn property(name: &str) -> Result<ClassUnicode, ExprProblem> {
    Ok(match name {
        "Any" => range(0, char::MAX.into()),
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

/// Reads what follows `\` if it is a single character. It may be a surrogate.
fn escaped_char(rest: &mut &str) -> Result<u32, ExprProblem> {
    let c = next(rest).ok_or(ExprProblem::Escape)?;
    Ok(match c {
        'a' => 0x07,
        'f' => 0x0c,
        'n' => 0x0a,
        'r' => 0x0d,
        't' => 0x09,
        'v' => 0x0b,
        'x' => return hex(rest),
        // A single digit refers to a group, which does not exist here.
        '1'..='7' if !rest.starts_with(|c: char| c.is_digit(8)) => return Err(ExprProblem::Escape),
        '0'..='7' => octal(c, rest),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => c.into(),
        _ => return Err(ExprProblem::Escape),
    })
}

/// Up to three octal digits.
fn octal(first: char, rest: &mut &str) -> u32 {
    let mut number = first.to_digit(8).unwrap_or(0);
    for _ in 0..2 {
        if let Some(digit) = rest.chars().next().and_then(|c| c.to_digit(8)) {
            number = 8 * number + digit;
            *rest = &rest[1..];
        }
    }
    number
}

/// Two hexadecimal digits, or any number of them in braces.
fn hex(rest: &mut &str) -> Result<u32, ExprProblem> {
    let digits = match eat(rest, "{") {
        true => until(rest, "}"),
        false => rest.split_at_checked(2).map(|(digits, behind)| {
            *rest = behind;
            digits
        }),
    };
    let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    number.filter(|number| *number <= char::MAX.into()).ok_or(ExprProblem::Escape)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_class_for_every_name() {
        for name in CATEGORIES.split(' ').chain(SCRIPTS.lines()) {
            let class = property(name).unwrap();
            assert!(name == "Cs" || !class.ranges().is_empty(), "{name}");
        }
        assert_eq!(property("Zl").unwrap().ranges(), range(0x2028, 0x2028).ranges());
    }

    #[test]
    fn characters_that_are_not_folded_have_only_one_case() {
        let mut rest = known(r"\P{Changes_When_Casemapped}");
        let before = rest.clone();
        rest.case_fold_simple();
        assert_eq!(rest, before);
    }
}

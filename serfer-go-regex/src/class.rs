//! Classes of characters in brackets, and escapes.
//!
//! Each function reads from the front of `rest`.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use crate::cursor::{eat, next, until};
use crate::problem::ExprProblem;
use crate::property::{cased, posix, property};

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
        return builder.finish(posix(positive)?, positive != name);
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

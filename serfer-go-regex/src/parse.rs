//! The grammar: groups, alternatives, repetitions, escapes.

use regex_syntax::hir::{Class, ClassUnicode, Dot, Hir, Look, Repetition};

use crate::class::{ClassBuilder, Escaped, bracketed, escaped};
use crate::cursor::{eat, next, until};
use crate::problem::ExprProblem;

/// How often a part may be repeated, if all repetitions around it are multiplied.
const REPEATS_MAX: u32 = 1000;

/// How deep groups and repetitions may nest. In Go it is 1000; the engine used here recurses.
const DEPTH_MAX: u32 = 100;

/// What an expression means. `classes` counts the work.
pub(crate) fn parse(expr: &str, classes: &mut ClassBuilder) -> Result<Hir, ExprProblem> {
    let flags = Flags::default();
    let mut parser = Parser {
        rest: expr,
        flags,
        group: OpenGroup::default(),
        outer_groups: Vec::new(),
        classes,
    };
    let mut after_repetition = false;
    while let Some(c) = next(&mut parser.rest) {
        let repetition = repetition(c, &mut parser.rest)?;
        match repetition {
            Some(_) if after_repetition => return Err(ExprProblem::Repeat),
            Some((min, max)) => parser.repeat(min, max)?,
            None => parser.step(c)?,
        }
        after_repetition = repetition.is_some();
    }
    if parser.outer_groups.is_empty() {
        Ok(parser.group.into_part().hir)
    } else {
        Err(ExprProblem::Parenthesis)
    }
}

struct Parser<'e> {
    rest: &'e str,
    flags: Flags,
    /// The innermost open group, or the whole expression.
    group: OpenGroup,
    /// The groups around it.
    outer_groups: Vec<OpenGroup>,
    classes: &'e mut ClassBuilder,
}

/// What `(?i)`, `(?m)` and `(?s)` set.
#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    folds_case: bool,
    multi_line: bool,
    dot_is_any: bool,
}

#[derive(Debug, Default)]
struct OpenGroup {
    /// The flags after this group.
    outer_flags: Flags,
    alternatives: Vec<Part>,
    /// The parts of the alternative that is being read.
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    hir: Hir,
    depth: u32,
    /// How often anything in it is repeated at most.
    repeats: u32,
}

impl OpenGroup {
    fn end_alternative(&mut self) {
        let part = joined(self.parts.drain(..), Hir::concat);
        self.alternatives.push(part);
    }

    fn into_part(mut self) -> Part {
        self.end_alternative();
        joined(self.alternatives.into_iter(), Hir::alternation)
    }
}

fn joined(parts: impl Iterator<Item = Part>, join: fn(Vec<Hir>) -> Hir) -> Part {
    let (mut depth, mut repeats) = (0, 1);
    let hirs = parts.map(|part| {
        depth = depth.max(part.depth);
        repeats = repeats.max(part.repeats);
        part.hir
    });
    let hir = join(hirs.collect());
    Part { hir, depth, repeats }
}

impl Parser<'_> {
    /// Reads the part that begins with this character, which is no repetition.
    fn step(&mut self, c: char) -> Result<(), ExprProblem> {
        let Flags { folds_case, multi_line, dot_is_any } = self.flags;
        self.classes.folds_case = folds_case;
        let hir = match c {
            '(' if eat(&mut self.rest, "?") => return self.special_group(),
            '(' => {
                self.open(self.flags);
                return Ok(());
            }
            ')' => return self.close(),
            '|' => {
                self.group.end_alternative();
                return Ok(());
            }
            '^' => Hir::look(if multi_line { Look::StartLF } else { Look::Start }),
            '$' => Hir::look(if multi_line { Look::EndLF } else { Look::End }),
            '.' => Hir::dot(if dot_is_any { Dot::AnyChar } else { Dot::AnyCharExceptLF }),
            '[' => hir_of(bracketed(&mut self.rest, self.classes)?),
            '\\' if eat(&mut self.rest, "A") => Hir::look(Look::Start),
            '\\' if eat(&mut self.rest, "z") => Hir::look(Look::End),
            '\\' if eat(&mut self.rest, "b") => Hir::look(Look::WordAscii),
            '\\' if eat(&mut self.rest, "B") => Hir::look(Look::WordAsciiNegate),
            '\\' if eat(&mut self.rest, "Q") => return self.quoted(),
            '\\' => match escaped(&mut self.rest, self.classes)? {
                Escaped::Class(class) => hir_of(class),
                Escaped::Char(c) => return self.literal(c),
            },
            c => return self.literal(c.into()),
        };
        self.push(hir);
        Ok(())
    }

    fn push(&mut self, hir: Hir) {
        self.group.parts.push(Part { hir, depth: 0, repeats: 1 });
    }

    /// One character. A surrogate is a character that no text has.
    fn literal(&mut self, c: u32) -> Result<(), ExprProblem> {
        let class = self.classes.range(c, c)?;
        self.push(hir_of(class));
        Ok(())
    }

    fn open(&mut self, flags: Flags) {
        let group = OpenGroup { outer_flags: self.flags, ..OpenGroup::default() };
        self.outer_groups.push(std::mem::replace(&mut self.group, group));
        self.flags = flags;
    }

    fn close(&mut self) -> Result<(), ExprProblem> {
        let outer = self.outer_groups.pop().ok_or(ExprProblem::Parenthesis)?;
        let group = std::mem::replace(&mut self.group, outer);
        self.flags = group.outer_flags;
        let part = group.into_part();
        self.nest(part)
    }

    fn nest(&mut self, part: Part) -> Result<(), ExprProblem> {
        let depth = part.depth + 1;
        if depth > DEPTH_MAX {
            return Err(ExprProblem::TooLarge);
        }
        self.group.parts.push(Part { depth, ..part });
        Ok(())
    }

    /// Reads what begins with `(?`: a named group, or flags, for a group or for the rest of this one.
    ///
    /// Go has had `(?<name>…)` since 1.22; agents that were built before refuse it.
    fn special_group(&mut self) -> Result<(), ExprProblem> {
        if eat(&mut self.rest, "P<") || eat(&mut self.rest, "<") {
            let name = until(&mut self.rest, ">").ok_or(ExprProblem::Group)?;
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(is_word) {
                return Err(ExprProblem::Group);
            }
            self.open(self.flags);
            return Ok(());
        }
        let (mut flags, mut sets, mut needs_flag) = (self.flags, true, false);
        while let Some(c) = next(&mut self.rest) {
            match c {
                'i' => flags.folds_case = sets,
                'm' => flags.multi_line = sets,
                's' => flags.dot_is_any = sets,
                // Greed does not matter.
                'U' => {}
                '-' if sets => sets = false,
                ':' | ')' if !needs_flag => {
                    if c == ':' {
                        self.open(flags);
                    }
                    self.flags = flags;
                    return Ok(());
                }
                _ => return Err(ExprProblem::Group),
            }
            needs_flag = c == '-';
        }
        Err(ExprProblem::Parenthesis)
    }

    /// Repeats the part before, even if something without a meaning stands between: `a\Q\E*` is `a*`.
    fn repeat(&mut self, min: u32, max: Option<u32>) -> Result<(), ExprProblem> {
        eat(&mut self.rest, "?");
        let Part { hir, depth, repeats } = self.group.parts.pop().ok_or(ExprProblem::Repeat)?;
        let repeats = match max {
            Some(0) => 1,
            _ => repeats * max.unwrap_or(min).max(1),
        };
        if repeats > REPEATS_MAX {
            return Err(ExprProblem::RepeatCount);
        }
        let hir = Hir::repetition(Repetition { min, max, greedy: true, sub: Box::new(hir) });
        self.nest(Part { hir, depth, repeats })
    }

    /// Reads what follows `\Q`, up to `\E` or the end.
    fn quoted(&mut self) -> Result<(), ExprProblem> {
        let (text, rest) = self.rest.split_once(r"\E").unwrap_or((self.rest, ""));
        self.rest = rest;
        text.chars().try_for_each(|c| self.literal(c.into()))
    }
}

fn hir_of(class: ClassUnicode) -> Hir {
    Hir::class(Class::Unicode(class))
}

/// How often the part before is repeated, if `c` begins a repetition: at least, and at most.
fn repetition(c: char, rest: &mut &str) -> Result<Option<(u32, Option<u32>)>, ExprProblem> {
    match c {
        '*' => Ok(Some((0, None))),
        '+' => Ok(Some((1, None))),
        '?' => Ok(Some((0, Some(1)))),
        '{' => bounds(rest),
        _ => Ok(None),
    }
}

/// Reads what follows `{` if it is a repetition. Otherwise `{` is a character like any other.
fn bounds(rest: &mut &str) -> Result<Option<(u32, Option<u32>)>, ExprProblem> {
    let Some((inside, behind)) = rest.split_once('}') else {
        return Ok(None);
    };
    let (min, max) = inside.split_once(',').unwrap_or((inside, inside));
    let is_number = |digits: &str| {
        digits.bytes().all(|digit| digit.is_ascii_digit())
            && (digits == "0" || !digits.is_empty() && !digits.starts_with('0'))
    };
    if !is_number(min) || !(max.is_empty() || is_number(max)) {
        return Ok(None);
    }
    *rest = behind;
    let number = |digits: &str| digits.parse().ok().filter(|number| *number <= REPEATS_MAX);
    let min = number(min).ok_or(ExprProblem::RepeatCount)?;
    if max.is_empty() {
        return Ok(Some((min, None)));
    }
    let max = number(max).filter(|max| *max >= min).ok_or(ExprProblem::RepeatCount)?;
    Ok(Some((min, Some(max))))
}

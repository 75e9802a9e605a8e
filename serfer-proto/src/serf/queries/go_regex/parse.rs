//! The grammar: groups, alternatives, repetitions, escapes.

use regex_syntax::hir::{Class, ClassUnicode, Dot, Hir, Look, Repetition};

use crate::api::error::ExprProblem;
use crate::serf::queries::go_regex::class;
use crate::serf::queries::go_regex::class::Sets;

/// How often a part may be repeated, all repetitions around it multiplied.
const REPEATS_MAX: u32 = 1000;

/// How deep groups and repetitions may nest. Unlike Go, where it is 1000: the engine recurses.
const DEPTH_MAX: u32 = 100;

/// What an expression means; `sets` then tells how much work it was to find out.
pub(super) fn parse(expr: &str, sets: &mut Sets) -> Result<Hir, ExprProblem> {
    let mut parser = Parser {
        rest: expr,
        flags: Flags::default(),
        group: Group::default(),
        around: Vec::new(),
        after_repeat: false,
        sets,
    };
    while let Some(c) = parser.next() {
        let after_repeat = std::mem::take(&mut parser.after_repeat);
        parser.step(c, after_repeat)?;
    }
    if parser.around.is_empty() {
        Ok(parser.group.into_part().hir)
    } else {
        Err(ExprProblem::Parenthesis)
    }
}

struct Parser<'e> {
    rest: &'e str,
    flags: Flags,
    /// The innermost group that is open, or the whole.
    group: Group,
    /// The groups around it.
    around: Vec<Group>,
    /// Whether what came just before is a repetition.
    after_repeat: bool,
    sets: &'e mut Sets,
}

/// What `(?i)`, `(?m)` and `(?s)` set.
#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    folds_case: bool,
    multi_line: bool,
    dot_is_any: bool,
}

#[derive(Debug, Default)]
struct Group {
    /// The flags to go on with behind it.
    outer: Flags,
    alternatives: Vec<Part>,
    /// The alternative that is being read.
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    hir: Hir,
    depth: u32,
    /// How often something in it is repeated at most.
    repeats: u32,
}

impl Group {
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
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn eat(&mut self, what: &str) -> bool {
        let rest = self.rest.strip_prefix(what);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn step(&mut self, c: char, after_repeat: bool) -> Result<(), ExprProblem> {
        let Flags { folds_case, multi_line, dot_is_any } = self.flags;
        self.sets.folds_case = folds_case;
        let dot = if dot_is_any { Dot::AnyChar } else { Dot::AnyCharExceptLF };
        match c {
            '(' if self.eat("?") => return self.special_group(),
            '(' => self.open(self.flags),
            ')' => return self.close(),
            '|' => self.group.end_alternative(),
            '^' => self.push(Hir::look(if multi_line { Look::StartLF } else { Look::Start })),
            '$' => self.push(Hir::look(if multi_line { Look::EndLF } else { Look::End })),
            '.' => self.push(Hir::dot(dot)),
            '[' => {
                let class = class::bracketed(&mut self.rest, self.sets)?;
                self.push_class(class);
            }
            '*' => return self.repeat(0, None, after_repeat),
            '+' => return self.repeat(1, None, after_repeat),
            '?' => return self.repeat(0, Some(1), after_repeat),
            '{' => match bounds(&mut self.rest)? {
                Some((min, max)) => return self.repeat(min, max, after_repeat),
                None => return self.literal('{'.into()),
            },
            '\\' => return self.escape(),
            c => return self.literal(c.into()),
        }
        Ok(())
    }

    fn push(&mut self, hir: Hir) {
        self.group.parts.push(Part { hir, depth: 0, repeats: 1 });
    }

    fn push_class(&mut self, class: ClassUnicode) {
        self.push(Hir::class(Class::Unicode(class)));
    }

    /// One character; a surrogate is one that no text has.
    fn literal(&mut self, c: u32) -> Result<(), ExprProblem> {
        let class = self.sets.range(c, c)?;
        self.push_class(class);
        Ok(())
    }

    fn open(&mut self, flags: Flags) {
        let group = Group { outer: self.flags, ..Group::default() };
        self.around.push(std::mem::replace(&mut self.group, group));
        self.flags = flags;
    }

    fn close(&mut self) -> Result<(), ExprProblem> {
        let around = self.around.pop().ok_or(ExprProblem::Parenthesis)?;
        let group = std::mem::replace(&mut self.group, around);
        self.flags = group.outer;
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

    /// What begins with `(?`: a name, or flags, with a group or for the rest of this one.
    ///
    /// `(?<name>…)` came with Go 1.22; agents that were built before refuse it.
    fn special_group(&mut self) -> Result<(), ExprProblem> {
        if self.eat("P<") || self.eat("<") {
            let (name, rest) = self.rest.split_once('>').ok_or(ExprProblem::Group)?;
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(is_word) {
                return Err(ExprProblem::Group);
            }
            self.rest = rest;
            self.open(self.flags);
            return Ok(());
        }
        let (mut flags, mut sets, mut needs_flag) = (self.flags, true, false);
        while let Some(c) = self.next() {
            match c {
                'i' => flags.folds_case = sets,
                'm' => flags.multi_line = sets,
                's' => flags.dot_is_any = sets,
                // Greed does not matter.
                'U' => {}
                '-' if sets => {
                    (sets, needs_flag) = (false, true);
                    continue;
                }
                ':' if !needs_flag => {
                    self.open(flags);
                    return Ok(());
                }
                ')' if !needs_flag => {
                    self.flags = flags;
                    return Ok(());
                }
                _ => return Err(ExprProblem::Group),
            }
            needs_flag = false;
        }
        Err(ExprProblem::Parenthesis)
    }

    /// Repeats what comes before, whatever stands between that means nothing: `a\Q\E*` is `a*`.
    fn repeat(
        &mut self,
        min: u32,
        max: Option<u32>,
        after_repeat: bool,
    ) -> Result<(), ExprProblem> {
        self.eat("?");
        let part = self.group.parts.pop().filter(|_| !after_repeat).ok_or(ExprProblem::Repeat)?;
        let repeats = match max {
            Some(0) => 1,
            _ => part.repeats * max.unwrap_or(min).max(1),
        };
        if repeats > REPEATS_MAX {
            return Err(ExprProblem::RepeatCount);
        }
        let hir = Hir::repetition(Repetition { min, max, greedy: true, sub: Box::new(part.hir) });
        self.after_repeat = true;
        self.nest(Part { hir, repeats, depth: part.depth })
    }

    fn escape(&mut self) -> Result<(), ExprProblem> {
        let look = match self.rest.chars().next() {
            Some('A') => Look::Start,
            Some('z') => Look::End,
            Some('b') => Look::WordAscii,
            Some('B') => Look::WordAsciiNegate,
            Some('Q') => return self.quoted(),
            _ => {
                if let Some(class) = class::escaped(&mut self.rest, self.sets)? {
                    self.push_class(class);
                    return Ok(());
                }
                let c = class::escaped_char(&mut self.rest)?;
                return self.literal(c);
            }
        };
        self.next();
        self.push(Hir::look(look));
        Ok(())
    }

    /// `\Q…\E`, or up to the end.
    fn quoted(&mut self) -> Result<(), ExprProblem> {
        let text = &self.rest[1..];
        let (text, rest) = text.split_once(r"\E").unwrap_or((text, ""));
        self.rest = rest;
        text.chars().try_for_each(|c| self.literal(c.into()))
    }
}

/// What follows `{`, if it says how often; else it is a brace like any other character.
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

//! Regular expressions as Go reads them.
//!
//! Every member evaluates a query's filters for itself, so all have to agree on what an expression
//! means. Rust's engines read several things in another way than Go: `[a&&b]`, `\<`, `\s`, `(?x)`,
//! `a**`. So an expression is parsed here, as Go parses it, and only what it means is handed to an
//! engine. Nothing is kept of what cannot make a difference to whether there is a match: captures
//! and greed. Counterpart of `regexp.MatchString` and, in Go's `regexp/syntax`, `Parse` with the
//! flags `Perl`.
//!
//! Unlike Go: an expression is refused that is long, nests deeply, is of large sets or compiles to
//! much; matching takes time in proportion to its compiled size and the length of the value. How much
//! work each of these is can be told, in [steps](crate::Limits::filter_steps).

mod class;
mod parse;

use regex_automata::nfa::thompson::pikevm::{self, PikeVM};
use regex_automata::nfa::thompson::{Compiler, Config, WhichCaptures};

use regex_syntax::hir::Hir;

use crate::api::error::ExprProblem;
use class::Sets;

/// How long an expression may be, in bytes.
pub(crate) const LEN_MAX: usize = 2048;

/// How much memory a compiled expression may take up, in bytes. `.{0,1000}` fits.
const COMPILED_MAX: usize = 1 << 19;

/// How many steps it takes to read one character, or one range of a set. To compile takes one for
/// each byte that comes of it.
const STEPS_TO_READ: usize = 32;

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct GoRegex {
    vm: PikeVM,
    /// Where it keeps track of what may yet match.
    scratch: pikevm::Cache,
}

impl GoRegex {
    /// Compiles an expression, and tells how many steps that took, whatever came of it.
    pub(crate) fn new(expr: &str) -> (Result<Self, ExprProblem>, usize) {
        if expr.len() > LEN_MAX {
            return (Err(ExprProblem::TooLarge), 0);
        }
        let mut sets = Sets::default();
        let hir = parse::parse(expr, &mut sets);
        let steps = (expr.len() + sets.ranges) * STEPS_TO_READ;
        match hir {
            Ok(hir) => {
                let compiled = Self::compile(&hir);
                let memory = compiled.as_ref().map_or(COMPILED_MAX, Self::memory);
                (compiled, steps + memory)
            }
            Err(problem) => (Err(problem), steps),
        }
    }

    fn compile(hir: &Hir) -> Result<Self, ExprProblem> {
        let config =
            Config::new().nfa_size_limit(Some(COMPILED_MAX)).which_captures(WhichCaptures::None);
        let nfa = Compiler::new().configure(config).build_from_hir(hir);
        // Its size is all that can be wrong with what was parsed.
        let vm = nfa.and_then(PikeVM::new_from_nfa);
        let vm = vm.map_err(|_| ExprProblem::TooLarge)?;
        Ok(Self { scratch: vm.create_cache(), vm })
    }

    /// How many steps it takes to match a value, at most.
    pub(crate) fn steps(&self, value: &str) -> usize {
        self.vm.get_nfa().states().len() * (value.len() + 1)
    }

    /// Whether it is found anywhere in a value.
    pub(crate) fn is_match(&mut self, value: &str) -> bool {
        self.vm.is_match(&mut self.scratch, value)
    }

    /// How much memory it takes up, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.vm.get_nfa().memory_usage() + self.scratch.memory_usage()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        use ExprProblem::*;
        for (expr, problem) in [
            ("(web", Parenthesis),
            ("web)", Parenthesis),
            ("(?<=web)", Group),
            ("(?x)web", Group),
            ("(?P<we b>)", Group),
            ("[web", Class),
            ("[z-a]", Class),
            ("[[:foo:]]", Class),
            (r"\p{greek}", Class),
            (r"\Z", Escape),
            (r"\x{110000}", Escape),
            ("\\", Escape),
            ("*", Repeat),
            ("a**", Repeat),
            ("a{1001}", RepeatCount),
            ("a{2,1}", RepeatCount),
            ("((a{10}){11}){10}", RepeatCount),
        ] {
            assert_eq!(GoRegex::new(expr).0.unwrap_err(), problem, "{expr}");
        }
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let many = |what: &str, times| what.repeat(times);
        for expr in [
            many("a", LEN_MAX + 1),
            many("(", 200) + &many(")", 200),
            many("a|(b", 150) + &many(")*", 150),
            // Stacked in ways that need no parentheses.
            "a".to_owned() + &many(r"*\Q\E", 300),
            r"\pL{100}".to_owned(),
            // Sets that would take long to read, whatever is left of them.
            format!("[{}]", many(r"\pL", 600)),
            format!("(?i)[{}]", many("!-\u{ffff}", 300)),
            format!("(?:{}){{0}}", many(r"(?i:\pL)", 200)),
        ] {
            assert_eq!(GoRegex::new(&expr).0.unwrap_err(), ExprProblem::TooLarge, "{expr}");
        }
        for expr in [many("(", 50) + &many(")*", 50), ".{0,1000}".to_owned(), many("a", LEN_MAX)] {
            let expr = GoRegex::new(&expr).0.unwrap();
            assert!(expr.memory() <= 2 * COMPILED_MAX, "{}", expr.memory());
        }
    }
}

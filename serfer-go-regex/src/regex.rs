//! A compiled expression, its limits, and the steps that it takes.

use regex_automata::nfa::thompson::pikevm::{self, PikeVM};
use regex_automata::nfa::thompson::{Compiler, Config, WhichCaptures};

use regex_syntax::hir::Hir;

use crate::class::ClassBuilder;
use crate::parse::parse;
use crate::problem::ExprProblem;

/// The length limit of an expression, in bytes.
pub const LEN_MAX: usize = 2048;

/// The memory limit of a compiled expression, in bytes. `.{0,1000}` fits.
const COMPILED_MAX: usize = 1 << 19;

/// How many steps it takes to read one character, or one range of a class. To compile takes one step
/// for each byte of the result.
const STEPS_TO_READ: usize = 32;

/// A compiled expression.
///
/// ```
/// use serfer_go_regex::GoRegex;
///
/// let mut regex = GoRegex::new(r"^(web|db)-\d+$")?;
/// assert!(regex.is_match("web-1"));
/// assert!(!regex.is_match("cache-1"));
/// # Ok::<(), serfer_go_regex::ExprProblem>(())
/// ```
#[derive(Debug)]
pub struct GoRegex {
    vm: PikeVM,
    /// The memory that a match needs.
    scratch: pikevm::Cache,
}

impl GoRegex {
    /// Compiles an expression.
    ///
    /// # Errors
    ///
    /// Go would refuse it too, or it is [too large](ExprProblem::TooLarge).
    pub fn new(expr: &str) -> Result<Self, ExprProblem> {
        Self::new_counted(expr).0
    }

    /// Compiles an expression. Also returns how many steps this took, even if it failed.
    ///
    /// ```
    /// use serfer_go_regex::GoRegex;
    ///
    /// let (regex, steps) = GoRegex::new_counted("^web");
    /// let (larger, more_steps) = GoRegex::new_counted(r"(?i)\pL{10}");
    /// assert!(regex.is_ok() && larger.is_ok());
    /// assert!(more_steps > 100 * steps);
    /// ```
    pub fn new_counted(expr: &str) -> (Result<Self, ExprProblem>, usize) {
        if expr.len() > LEN_MAX {
            return (Err(ExprProblem::TooLarge), 0);
        }
        let mut classes = ClassBuilder::default();
        let hir = parse(expr, &mut classes);
        let steps = (expr.len() + classes.ranges) * STEPS_TO_READ;
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
        // The size is all that can be wrong after parsing.
        let vm = nfa.and_then(PikeVM::new_from_nfa);
        let vm = vm.map_err(|_| ExprProblem::TooLarge)?;
        Ok(Self { scratch: vm.create_cache(), vm })
    }

    /// How many steps it takes at most to match a value.
    ///
    /// ```
    /// use serfer_go_regex::GoRegex;
    ///
    /// let regex = GoRegex::new("(?:a?){1000}$")?;
    /// assert!(regex.steps(&"a".repeat(1000)) > 1_000_000);
    /// # Ok::<(), serfer_go_regex::ExprProblem>(())
    /// ```
    pub fn steps(&self, value: &str) -> usize {
        self.vm.get_nfa().states().len() * (value.len() + 1)
    }

    /// Whether the expression matches anywhere in a value. It is `&mut` because it writes to memory that
    /// is allocated once, by [`new`](Self::new).
    pub fn is_match(&mut self, value: &str) -> bool {
        self.vm.is_match(&mut self.scratch, value)
    }

    /// How many bytes of memory it takes up.
    pub fn memory(&self) -> usize {
        self.vm.get_nfa().memory_usage() + self.scratch.memory_usage()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_expression_is_refused_for_its_problem() {
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
            assert_eq!(GoRegex::new(expr).unwrap_err(), problem, "{expr}");
        }
    }

    #[test]
    fn a_large_expression_is_refused() {
        let many = |what: &str, times| what.repeat(times);
        for expr in [
            many("a", LEN_MAX + 1),
            many("(", 200) + &many(")", 200),
            many("a|(b", 150) + &many(")*", 150),
            // Repetitions that nest without parentheses.
            "a".to_owned() + &many(r"*\Q\E", 300),
            r"\pL{100}".to_owned(),
            // Classes that would take long to read, even if the result is small.
            format!("[{}]", many(r"\pL", 600)),
            format!("(?i)[{}]", many("!-\u{ffff}", 300)),
            format!("(?:{}){{0}}", many(r"(?i:\pL)", 200)),
        ] {
            assert_eq!(GoRegex::new(&expr).unwrap_err(), ExprProblem::TooLarge, "{expr}");
        }
        for expr in [many("(", 50) + &many(")*", 50), ".{0,1000}".to_owned(), many("a", LEN_MAX)] {
            let expr = GoRegex::new(&expr).unwrap();
            assert!(expr.memory() <= 2 * COMPILED_MAX, "{}", expr.memory());
        }
    }
}

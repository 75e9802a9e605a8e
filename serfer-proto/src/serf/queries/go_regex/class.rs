//! Sets of characters, and single ones that are escaped.
//!
//! Each function takes what it reads from the front of `rest`.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

use crate::api::error::ExprProblem;

/// Makes the sets of one expression, and counts what that takes.
#[derive(Default)]
pub(super) struct Sets {
    /// Whether `(?i)` is set: what differs from a set only in case is added to it.
    pub(super) folds_case: bool,
    /// All that have a counterpart.
    cased: Option<ClassUnicode>,
    /// Of how many ranges they are, all together. Folding counts as some more.
    pub(super) ranges: usize,
}

/// Of how many ranges the sets of an expression may be. `\pL`, the largest that is in use, has 660;
/// twenty of them compile to more than an expression may.
const RANGES_MAX: usize = 1 << 14;

/// A set of more characters is first reduced to those that have a counterpart, which are few.
const FOLDED_AT_ONCE: usize = 256;

/// To fold so many characters takes as long as one range does otherwise.
const FOLDED_PER_RANGE: usize = 4;

impl Sets {
    /// All between two characters, surrogates left out.
    pub(super) fn range(&mut self, first: u32, last: u32) -> Result<ClassUnicode, ExprProblem> {
        self.finish(range(first, last), false)
    }

    fn of(&mut self, ranges: Ranges, negated: bool) -> Result<ClassUnicode, ExprProblem> {
        let ranges = ranges.iter().map(|&(first, last)| ClassUnicodeRange::new(first, last));
        self.finish(ClassUnicode::new(ranges), negated)
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
        let len = len(class);
        if len <= FOLDED_AT_ONCE {
            self.ranges += len / FOLDED_PER_RANGE;
            return class.case_fold_simple();
        }
        let cased = self.cased.get_or_insert_with(|| known(r"\p{Changes_When_Casemapped}"));
        let mut folded = class.clone();
        folded.intersect(cased);
        self.ranges += self::len(&folded) / FOLDED_PER_RANGE;
        folded.case_fold_simple();
        class.union(&folded);
    }
}

/// How many characters are in a set.
fn len(class: &ClassUnicode) -> usize {
    class.ranges().iter().map(ClassUnicodeRange::len).sum()
}

type Ranges = &'static [(char, char)];

const DIGIT: Ranges = &[('0', '9')];
const WORD: Ranges = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
/// Perl's, which does not have `\v` in it as POSIX's has.
const SPACE: Ranges = &[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')];

const POSIX: [(&str, Ranges); 14] = [
    ("alnum", &[('0', '9'), ('A', 'Z'), ('a', 'z')]),
    ("alpha", &[('A', 'Z'), ('a', 'z')]),
    ("ascii", &[('\0', '\x7f')]),
    ("blank", &[('\t', '\t'), (' ', ' ')]),
    ("cntrl", &[('\0', '\x1f'), ('\x7f', '\x7f')]),
    ("digit", DIGIT),
    ("graph", &[('!', '~')]),
    ("lower", &[('a', 'z')]),
    ("print", &[(' ', '~')]),
    ("punct", &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
    ("space", &[('\t', '\r'), (' ', ' ')]),
    ("upper", &[('A', 'Z')]),
    ("word", WORD),
    ("xdigit", &[('0', '9'), ('A', 'F'), ('a', 'f')]),
];

const CATEGORIES: &str = "C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps \
    S Sc Sk Sm So Z Zl Zp Zs";

/// Those of Unicode 15, which Go has had since 1.21.
const SCRIPTS: &str = "\
    Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak \
    Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian \
    Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform Cypriot \
    Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs \
    Elbasan Elymaic Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi \
    Gurmukhi Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic \
    Inherited Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kawi \
    Kayah_Li Kharoshthi Khitan_Small_Script Khmer Khojki Khudawadi Lao Latin Lepcha Limbu \
    Linear_A Linear_B Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen \
    Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs \
    Miao Modi Mongolian Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari New_Tai_Lue Newa \
    Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian \
    Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage \
    Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic \
    Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng \
    Soyombo Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil \
    Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Toto Ugaritic Vai Vithkuqi Wancho \
    Warang_Citi Yezidi Yi Zanabazar_Square";

fn range(first: u32, last: u32) -> ClassUnicode {
    let first = char::from_u32(first).unwrap_or('\u{e000}');
    let last = char::from_u32(last).unwrap_or('\u{d7ff}');
    ClassUnicode::new((first <= last).then(|| ClassUnicodeRange::new(first, last)))
}

/// What follows `[`.
pub(super) fn bracketed(rest: &mut &str, sets: &mut Sets) -> Result<ClassUnicode, ExprProblem> {
    let negated = eat(rest, "^");
    let mut ranges = Vec::new();
    let mut first = true;
    // At the first place it is a bracket like any other character.
    while first || !eat(rest, "]") {
        first = false;
        ranges.extend_from_slice(element(rest, sets)?.ranges());
    }
    let mut class = ClassUnicode::new(ranges);
    if negated {
        class.negate();
    }
    Ok(class)
}

fn element(rest: &mut &str, sets: &mut Sets) -> Result<ClassUnicode, ExprProblem> {
    if let Some((name, behind)) = rest.strip_prefix("[:").and_then(|rest| rest.split_once(":]")) {
        *rest = behind;
        return posix(name, sets);
    }
    if eat(rest, "\\") {
        if let Some(class) = escaped(rest, sets)? {
            return Ok(class);
        }
        let first = escaped_char(rest)?;
        return range_from(first, rest, sets);
    }
    let first = next(rest).ok_or(ExprProblem::Class)?;
    range_from(first.into(), rest, sets)
}

/// A range, or only its first character.
fn range_from(first: u32, rest: &mut &str, sets: &mut Sets) -> Result<ClassUnicode, ExprProblem> {
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
    sets.range(first, last)
}

/// `[:name:]` or `[:^name:]`
fn posix(name: &str, sets: &mut Sets) -> Result<ClassUnicode, ExprProblem> {
    let positive = name.strip_prefix('^');
    let found = POSIX.iter().find(|(known, _)| *known == positive.unwrap_or(name));
    let (_, ranges) = found.ok_or(ExprProblem::Class)?;
    sets.of(ranges, positive.is_some())
}

/// What follows `\` if that is a set of characters; if it is not, nothing is taken.
pub(super) fn escaped(
    rest: &mut &str,
    sets: &mut Sets,
) -> Result<Option<ClassUnicode>, ExprProblem> {
    let Some(c) = rest.chars().next() else {
        return Ok(None);
    };
    let ranges = match c.to_ascii_lowercase() {
        'd' => DIGIT,
        's' => SPACE,
        'w' => WORD,
        'p' => {
            *rest = &rest[1..];
            return unicode(rest, c == 'P', sets).map(Some);
        }
        _ => return Ok(None),
    };
    *rest = &rest[1..];
    sets.of(ranges, c.is_ascii_uppercase()).map(Some)
}

/// What follows `\p`: a letter, or a name in braces.
fn unicode(
    rest: &mut &str,
    mut negated: bool,
    sets: &mut Sets,
) -> Result<ClassUnicode, ExprProblem> {
    let mut name = if eat(rest, "{") {
        let (name, behind) = rest.split_once('}').ok_or(ExprProblem::Class)?;
        *rest = behind;
        name
    } else {
        let all = *rest;
        let letter = next(rest).ok_or(ExprProblem::Class)?;
        &all[..letter.len_utf8()]
    };
    if let Some(positive) = name.strip_prefix('^') {
        (name, negated) = (positive, !negated);
    }
    sets.finish(named(name)?, negated)
}

/// Names are exact. Rust's tables know many more.
fn named(name: &str) -> Result<ClassUnicode, ExprProblem> {
    let is_in = |names: &str| names.split(' ').any(|known| known == name);
    match name {
        "Any" => Ok(range(0, char::MAX.into())),
        // No text has surrogates.
        "Cs" => Ok(ClassUnicode::empty()),
        // Before Go 1.25, unassigned characters are not among them.
        "C" => Ok(known(r"[\p{gc=Cc}\p{gc=Cf}\p{gc=Co}]")),
        _ if is_in(CATEGORIES) => Ok(known(&format!(r"\p{{gc={name}}}"))),
        _ if is_in(SCRIPTS) => Ok(known(&format!(r"\p{{sc={name}}}"))),
        _ => Err(ExprProblem::Class),
    }
}

/// A class by one of its names in Rust's tables.
fn known(expr: &str) -> ClassUnicode {
    let hir = regex_syntax::parse(expr).expect("a test asks for all that there are");
    match hir.into_kind() {
        HirKind::Class(Class::Unicode(class)) => class,
        // A class of one character is taken for that character.
        HirKind::Literal(text) => {
            let chars = std::str::from_utf8(&text.0).into_iter().flat_map(str::chars);
            ClassUnicode::new(chars.map(|c| ClassUnicodeRange::new(c, c)))
        }
        _ => ClassUnicode::empty(),
    }
}

/// What follows `\` if that is a single character. It may be a surrogate.
pub(super) fn escaped_char(rest: &mut &str) -> Result<u32, ExprProblem> {
    let c = next(rest).ok_or(ExprProblem::Escape)?;
    Ok(match c {
        'a' => 0x07,
        'f' => 0x0c,
        'n' => 0x0a,
        'r' => 0x0d,
        't' => 0x09,
        'v' => 0x0b,
        'x' => return hex(rest),
        // One digit alone refers to a group, which there is none of.
        '1'..='7' if !rest.starts_with(|c: char| c.is_digit(8)) => return Err(ExprProblem::Escape),
        '0'..='7' => octal(c, rest),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => c.into(),
        _ => return Err(ExprProblem::Escape),
    })
}

/// Up to three digits.
fn octal(first: char, rest: &mut &str) -> u32 {
    let digit = |c: char| c.to_digit(8);
    let mut number = digit(first).unwrap_or(0);
    for _ in 0..2 {
        let Some(digit) = rest.chars().next().and_then(digit) else {
            break;
        };
        number = 8 * number + digit;
        *rest = &rest[1..];
    }
    number
}

/// Two digits, or any number of them in braces.
fn hex(rest: &mut &str) -> Result<u32, ExprProblem> {
    let digits = if eat(rest, "{") {
        let (digits, behind) = rest.split_once('}').ok_or(ExprProblem::Escape)?;
        *rest = behind;
        digits
    } else {
        let (digits, behind) = rest.split_at_checked(2).ok_or(ExprProblem::Escape)?;
        *rest = behind;
        digits
    };
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(ExprProblem::Escape);
    }
    let number =
        digits.chars().filter_map(|digit| digit.to_digit(16)).try_fold(0, |number, digit| {
            let number = 16 * number + digit;
            (number <= char::MAX.into()).then_some(number)
        });
    number.ok_or(ExprProblem::Escape)
}

fn next(rest: &mut &str) -> Option<char> {
    let c = rest.chars().next()?;
    *rest = &rest[c.len_utf8()..];
    Some(c)
}

fn eat(rest: &mut &str, what: &str) -> bool {
    let behind = rest.strip_prefix(what);
    *rest = behind.unwrap_or(rest);
    behind.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_class_for_every_name() {
        for name in CATEGORIES.split(' ').chain(SCRIPTS.split(' ')) {
            let class = named(name).unwrap();
            assert!(name == "Cs" || !class.ranges().is_empty(), "{name}");
        }
        assert_eq!(named("Zl").unwrap().ranges(), range(0x2028, 0x2028).ranges());
    }

    #[test]
    fn what_is_left_out_of_folding_has_no_counterpart() {
        let mut rest = known(r"\P{Changes_When_Casemapped}");
        let before = rest.clone();
        rest.case_fold_simple();
        assert_eq!(rest, before);
    }
}

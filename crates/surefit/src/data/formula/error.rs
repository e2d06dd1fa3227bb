//! What is wrong with a formula, as facts: the problem, the formula and the place.

use crate::error::Kind;

/// A formula that does not parse, or does not fit the table. Always a matter of usage (exit 2): the table
/// is what it is, the formula was typed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{problem}")]
pub struct FormulaError {
    /// What is wrong.
    pub problem: FormulaProblem,
    /// The formula, as typed.
    pub formula: String,
    /// Where in it: the number of characters before the place; absent when the problem lies elsewhere.
    pub at: Option<usize>,
}

/// What can be wrong with a formula.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's sentence says what it is")]
pub enum FormulaProblem {
    #[error("the formula has no `~` between the target and the terms")]
    NoTilde,
    #[error("the formula has a second `~`")]
    SecondTilde,
    #[error("`{0}` is the same in every row: it holds no column")]
    NoColumnInside(String),
    #[error("nothing stands left of `~`: the formula has no target")]
    NoTarget,
    #[error("nothing stands right of `~`: the formula has no terms")]
    NoTerms,
    #[error("{}", misplaced(.found, wanted))]
    Unexpected { found: String, wanted: &'static str },
    #[error("`{words}` is several words where one name belongs")]
    SeveralWords { words: String },
    #[error("`{0}` is never closed")]
    Unclosed(char),
    #[error("`{0}` closes nothing")]
    Unopened(char),
    #[error("a back quote is never closed")]
    UnclosedQuote,
    #[error("a pair of back quotes holds no name")]
    EmptyName,
    #[error("a formula has no use for `{}`", if .0.is_control() { .0.escape_debug().to_string() } else { .0.to_string() })]
    BadCharacter(char),
    #[error("`{0}` is neither a number nor a name")]
    BadNumber(String),
    #[error("the formula nests more than {limit} levels deep")]
    TooDeep { limit: usize },
    #[error("no function `{name}`{}", did_you_mean(.near.as_deref()))]
    NoFunction { name: String, near: Option<String> },
    #[error("`{0}` stands outside of `I(…)`: between terms it would not be arithmetic")]
    ArithmeticOutside(String),
    #[error("`{0}` is no term: among terms, the only numbers are 1 (with intercept) and 0 (without)")]
    NumberTerm(String),
    #[error(
        "`{0}` says whether there is an intercept, so it stands alone, outside of parentheses and products"
    )]
    InterceptInside(String),
    #[error("the degree of `poly` is a whole number from 1 to {limit}{}", not_this(.found))]
    PolyDegree { found: String, limit: u32 },
    #[error("no column `{name}`{}", did_you_mean(.near.as_deref()))]
    NoColumn { name: String, near: Option<String>, known: Vec<String> },
    #[error("no column `{name}` to take weights from{}", did_you_mean(.near.as_deref()))]
    NoWeights { name: String, near: Option<String>, known: Vec<String> },
    #[error("`{name}` is the target and the weights column at once")]
    WeightsAreTarget { name: String },
    #[error("{count} columns are called `{name}`")]
    SameName { name: String, count: usize },
    #[error("no column matches `{pattern}`")]
    NoMatch { pattern: String },
    #[error("`.` stands for no column: the table has no other than targets and weights")]
    EmptyDot,
    #[error("the target `{name}` is among the terms too")]
    TargetAmongTerms { name: String },
    #[error("the target `{name}` is named twice")]
    TargetTwice { name: String },
    #[error("column `(intercept)` has the name that the intercept goes by")]
    NamedIntercept,
    #[error("`- {term}` leaves nothing out: there is no such term before it")]
    NothingLeftOut { term: String },
    #[error("the formula leaves neither a term nor an intercept")]
    NothingToFit,
    #[error("the formula has more than {limit} terms")]
    TooManyTerms { limit: usize },
}

/// A piece of the formula where something else belongs, or the end of the formula.
fn misplaced(piece: &str, wanted: &str) -> String {
    if piece.is_empty() {
        format!("the formula ends where {wanted} belongs")
    } else {
        format!("`{piece}` stands where {wanted} belongs")
    }
}

fn not_this(piece: &str) -> String {
    if piece.is_empty() { ", and none is given".to_owned() } else { format!(", not `{piece}`") }
}

/// The first few of a table's columns.
fn columns_there_are(known: &[String]) -> String {
    const LISTED: usize = 8;
    let mut listed: Vec<String> = known.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    if known.len() > LISTED {
        listed.push(format!("… ({} in all)", known.len()));
    }
    let all = match listed.as_slice() {
        [one] => return format!("the table has one column: {one}{}", why_one_column(known)),
        _ => format!("the columns are {}", listed.join(", ")),
    };
    let header = if is_unnamed(known) { "; if row 1 holds their names, add `--header`" } else { "" };
    all + header
}

/// What a table of one column was meant to be, where its name tells.
fn why_one_column(known: &[String]) -> String {
    let name = known.first().map_or("", String::as_str);
    if name.starts_with('#') {
        return "; a comment is no header: remove the lines above it that begin with `#`".to_owned();
    }
    match name.chars().find(|c| matches!(c, ',' | ';' | '\t' | '|')) {
        Some('\t') => "; if tabs separate its columns, add `--delimiter '\\t'`".to_owned(),
        Some(other) => format!("; if `{other}` separates its columns, add `--delimiter '{other}'`"),
        None => String::new(),
    }
}

/// Whether these are what a reader calls the columns of a table without a header.
pub(crate) fn is_unnamed(columns: &[String]) -> bool {
    columns.iter().enumerate().all(|(index, name)| *name == format!("x{}", index + 1))
}

/// The second half of a sentence about an unknown name.
pub(crate) fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

impl FormulaError {
    /// `byte` is the place as a byte offset into `formula`.
    pub(super) fn new(problem: FormulaProblem, formula: &str, byte: usize) -> Self {
        let at = formula.char_indices().take_while(|&(offset, _)| offset < byte).count();
        Self { problem, formula: formula.to_owned(), at: Some(at) }
    }

    /// Whose fault it is.
    pub fn kind(&self) -> Kind {
        Kind::Usage
    }

    /// The formula with a caret under the place, two lines; of a long formula the part around it.
    pub fn excerpt(&self) -> Option<String> {
        const BEFORE: usize = 50;
        const AFTER: usize = 30;
        let at = self.at?;
        let first = at.saturating_sub(BEFORE);
        let mut shown = String::new();
        if first > 0 {
            shown.push('…');
        }
        let caret = shown.chars().count() + at - first;
        let mut rest = self.formula.chars().skip(first).map(|c| if c.is_control() { ' ' } else { c });
        shown.extend(rest.by_ref().take(at - first + AFTER));
        if rest.next().is_some() {
            shown.push('…');
        }
        Some(format!("{shown}\n{}^", " ".repeat(caret)))
    }

    /// The ways out.
    pub fn hints(&self) -> Vec<String> {
        use FormulaProblem as P;
        let hint = match &self.problem {
            P::NoTilde | P::NoTarget => "write `target ~ terms`; `target ~ .` takes every other column".to_owned(),
            P::NoTerms => "`~ .` takes every other column, `~ 1` fits an intercept alone".to_owned(),
            P::SeveralWords { words } => format!("put a name with spaces in back quotes: `` `{words}` ``"),
            P::BadCharacter('=') => "a formula has `~` between target and terms".to_owned(),
            P::BadCharacter(_) | P::BadNumber(_) => {
                "put a name that is not letters, digits, `_` and `.` in back quotes; write products as `I(2 * x)`".to_owned()
            }
            P::NoFunction { .. } => format!("the functions are {}", super::known_functions()),
            P::ArithmeticOutside(_) => "write `I(x^2)`, `I(x / y)`; for powers up to k `poly(x, k)`".to_owned(),
            P::PolyDegree { .. } => "write `poly(x, 3)` for `x`, `x^2` and `x^3`".to_owned(),
            P::NoColumn { near: Some(near), .. } if super::lex::needs_quotes(near) => {
                format!("put a name with spaces or signs in back quotes: `` {} ``", super::lex::quoted(near))
            }
            P::NoColumn { near: None, known, .. } | P::NoWeights { near: None, known, .. }
                if !known.is_empty() =>
            {
                columns_there_are(known)
            }
            P::NoColumn { .. } | P::NoWeights { .. } | P::NoMatch { .. } => {
                "names are case-sensitive and must be those of the table's header".to_owned()
            }
            P::TargetTwice { .. } => "name each target once".to_owned(),
            P::NamedIntercept => "rename it in the header, or leave it out: `` - `(intercept)` ``".to_owned(),
            P::SameName { .. } => "rename all but one of them".to_owned(),
            P::TargetAmongTerms { name } => format!("leave it out on the right: `- {}`", super::lex::quoted(name)),
            P::NothingToFit => "leave the intercept in, or add a term".to_owned(),
            P::TooManyTerms { .. } => "name the products you need instead of crossing everything".to_owned(),
            _ => return Vec::new(),
        };
        vec![hint]
    }
}

/// The name among `known` that `name` was most likely meant to be: the same but for case, or within a
/// third of its letters by Damerau–Levenshtein distance.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let typed = name.to_lowercase();
    let length = typed.chars().count();
    // Another single letter is another name, not a slip.
    let allowed = if length > 1 { (length / 3).max(1) } else { 0 };
    if length > 200 {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        let lower = candidate.to_lowercase();
        let distance = if lower == typed {
            0
        } else if lower.chars().count().abs_diff(length) <= allowed {
            strsim::damerau_levenshtein(&typed, &lower).max(1)
        } else {
            continue;
        };
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, near)| near.to_owned())
}

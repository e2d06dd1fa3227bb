//! A tree certificate: the whole search as a file that anyone can check against the data.
//!
//! It holds the diagonal and the prices once, and the tree in preorder: at each node which inputs were decided and
//! what proves it, and at each leaf a dual point whose bound reaches what is claimed. [`verify`] needs nothing of the
//! search: it factorises `AᵀA + ρI − D` by itself, counts and adds by itself, and evaluates [`crate::bound`].

use crate::bound::{Dual, Proof, Terms};
use crate::core::Kind;
use crate::form::Form;
use crate::problem::{Distance, Problem};
use crate::search::record::{Record, Step, Witness};
use std::io::{self, Read, Write};

/// A tree that proves a bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// The mix that the bound is about.
    pub weights: Vec<f64>,
    /// What is claimed: no mix has a lower objective.
    pub bound: f64,
    /// What whoever writes the file wants to be told again: how the problem was stated.
    pub note: String,
    diagonal: Vec<f64>,
    /// ν, one for each count.
    prices: Vec<f64>,
    /// Nodes in preorder, each with its steps.
    steps: Vec<Step>,
}

/// What was checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verified {
    /// The bound that holds.
    pub bound: f64,
    /// Leaves.
    pub leaves: u64,
}

/// Why a tree proves nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// Not such a file.
    #[error("this is no tree certificate, or it ends too early")]
    Foreign,
    /// It could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is about another problem.
    #[error("the tree is about {found} inputs and limits, the problem has {expected}")]
    Other {
        /// Numbers in the tree.
        found: usize,
        /// Numbers in the problem.
        expected: usize,
    },
    /// The diagonal is too large.
    #[error("the tree's diagonal is more than the form can spare: it proves nothing")]
    Diagonal,
    /// A leaf that does not reach the bound.
    #[error("step {step}: the bound there is {found}, below the claimed {claimed}")]
    Leaf {
        /// From 1.
        step: usize,
        /// What the leaf proves.
        found: f64,
        /// What is claimed.
        claimed: f64,
    },
    /// Whoever asked for the check ended it.
    #[error("the check was stopped before its end")]
    Stopped,
    /// A decision that nothing forces.
    #[error("step {step}: {what}")]
    Decision {
        /// From 1.
        step: usize,
        /// What is wrong.
        what: &'static str,
    },
}

impl Tree {
    /// The first bytes of a file, with the version of what follows.
    pub const MAGIC: &[u8; 8] = b"SFTREE2\n";

    /// Of a search's record; `bound` in the problem's units.
    pub(crate) fn new(record: Record, terms: Terms, weights: Vec<f64>, bound: f64) -> Self {
        let mut nodes = record.nodes;
        let mut steps = Vec::new();
        let mut ahead = vec![0_u32];
        while let Some(node) = ahead.pop() {
            for step in nodes.get_mut(node as usize).map(std::mem::take).unwrap_or_default() {
                // Preorder says where the children are.
                if let Step::Branched(j, out, into) = step {
                    ahead.extend([into, out]);
                    steps.push(Step::Branched(j, 0, 0));
                } else {
                    steps.push(step);
                }
            }
        }
        Self { weights, bound, note: String::new(), diagonal: terms.diagonal, prices: terms.own, steps }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(Self::MAGIC)?;
        write_length(out, self.note.len())?;
        out.write_all(self.note.as_bytes())?;
        out.write_all(&self.bound.to_le_bytes())?;
        write_numbers(out, &self.weights)?;
        write_numbers(out, &self.diagonal)?;
        write_numbers(out, &self.prices)?;
        write_length(out, self.steps.len())?;
        self.steps.iter().try_for_each(|step| write_step(out, step))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`TreeError::Foreign`] when it is none.
    pub fn read(from: &mut impl Read) -> Result<Self, TreeError> {
        let mut magic = [0; 8];
        read_exact(from, &mut magic)?;
        if &magic != Self::MAGIC {
            return Err(TreeError::Foreign);
        }
        let length = read_length(from)?;
        let mut note = Vec::new();
        from.take(length as u64).read_to_end(&mut note)?;
        let note =
            String::from_utf8(note).ok().filter(|note| note.len() == length).ok_or(TreeError::Foreign)?;
        let bound = read_number(from)?;
        let (weights, diagonal, prices) = (read_numbers(from)?, read_numbers(from)?, read_numbers(from)?);
        let mut steps = Vec::new();
        for _ in 0..read_length(from)? {
            steps.push(read_step(from)?);
        }
        Ok(Self { weights, bound, note, diagonal, prices, steps })
    }
}

/// Checks every step of a tree against the problem. `go_on` is asked at each of them.
///
/// # Errors
/// The first step that does not hold; [`TreeError::Stopped`] when `go_on` says no.
pub fn verify(problem: &Problem, tree: &Tree, go_on: &dyn Fn() -> bool) -> Result<Verified, TreeError> {
    let form = form(problem);
    let expected = form.n;
    if tree.diagonal.len() != expected {
        return Err(TreeError::Other { found: tree.diagonal.len(), expected });
    }
    if tree.prices.len() != form.counts.len() || !tree.prices.iter().all(|price| price.is_finite()) {
        return Err(TreeError::Decision { step: 0, what: "its prices are not one for each count" });
    }
    let terms = Terms::new(&form, tree.diagonal.clone(), tree.prices.clone());
    check_diagonal(&form, &terms.diagonal)?;
    let claimed = tree.bound / form.unit;
    let sharp = Terms::sharp(&form);
    let mut checker = Checker { form: &form, terms: &terms, claimed, proof: Proof::default() };
    let mut plain = Checker { form: &form, terms: &sharp, claimed, proof: Proof::default() };
    let mut ahead: Vec<Vec<Kind>> = vec![form.decisions()];
    let mut leaves = 0;
    let mut current: Option<Vec<Kind>> = None;
    for (number, step) in tree.steps.iter().enumerate() {
        let step_number = number + 1;
        if !go_on() {
            return Err(TreeError::Stopped);
        }
        let Some(mut kind) = current.take().or_else(|| ahead.pop()) else {
            return Err(TreeError::Decision { step: step_number, what: "it follows the end of the tree" });
        };
        match step {
            Step::Fixed(decided, witness) => {
                checker.fix(&mut kind, decided, witness, step_number)?;
                current = Some(kind);
            }
            Step::Forced(decided) => {
                checker.force(&mut kind, decided, step_number)?;
                current = Some(kind);
            }
            Step::Branched(j, ..) => {
                let j = *j as usize;
                if kind.get(j) != Some(&Kind::Open) {
                    let what = "an input is decided that is not open";
                    return Err(TreeError::Decision { step: step_number, what });
                }
                let mut out = kind.clone();
                (out[j], kind[j]) = (Kind::Out, Kind::In);
                ahead.extend([kind, out]);
            }
            Step::Closed(witness) => {
                let mut found = checker.bound(&kind, witness, step_number)?;
                if found < checker.claimed {
                    // Without the diagonal there is less to round.
                    found = found.max(plain.bound(&kind, witness, step_number)?);
                }
                checker.reaches(found, step_number)?;
                leaves += 1;
            }
            Step::Empty => {
                if !leaves_nothing(&form, &kind) {
                    let what = "the limits leave more than nothing";
                    return Err(TreeError::Decision { step: step_number, what });
                }
                leaves += 1;
            }
        }
    }
    if !ahead.is_empty() || current.is_some() {
        return Err(TreeError::Foreign);
    }
    Ok(Verified { bound: tree.bound, leaves })
}

/// The form that a tree is about.
pub(crate) fn form(problem: &Problem) -> Form {
    let mut form = Form::new(problem);
    if problem.distance != Distance::L2 {
        form.add_count_rows();
    }
    form
}

struct Checker<'a> {
    form: &'a Form,
    terms: &'a Terms,
    claimed: f64,
    proof: Proof,
}

impl Checker<'_> {
    fn bound(&mut self, kind: &[Kind], witness: &Witness, step: usize) -> Result<f64, TreeError> {
        let length = if self.form.distance == Distance::L2 { self.form.n } else { self.form.m };
        let mut point = vec![0.0; length];
        for &(j, x) in &witness.point {
            let what = "its dual point has too many numbers";
            *point.get_mut(j as usize).ok_or(TreeError::Decision { step, what })? = x;
        }
        if witness.multipliers.len() != self.form.q() {
            let what = "its multipliers are not one for each limit";
            return Err(TreeError::Decision { step, what });
        }
        let dual = Dual { point: &point, multipliers: &witness.multipliers };
        self.proof.prove(self.form, self.terms, dual, kind);
        Ok(self.proof.bound)
    }

    fn reaches(&self, found: f64, step: usize) -> Result<(), TreeError> {
        if found >= self.claimed {
            return Ok(());
        }
        let unit = self.form.unit;
        Err(TreeError::Leaf { step, found: found * unit, claimed: self.claimed * unit })
    }

    /// Decisions that a dual point proves: with the other choice the bound is reached.
    fn fix(
        &mut self,
        kind: &mut [Kind],
        decided: &[(u32, Kind)],
        witness: &Witness,
        step: usize,
    ) -> Result<(), TreeError> {
        self.bound(kind, witness, step)?;
        for &(j, decision) in decided {
            let j = j as usize;
            if kind.get(j) != Some(&Kind::Open) || decision == Kind::Open {
                return Err(TreeError::Decision { step, what: "an input is decided that is not open" });
            }
            let other = if decision == Kind::In { Kind::Out } else { Kind::In };
            self.reaches(self.proof.if_decided(j, other), step)?;
        }
        for &(j, decision) in decided {
            kind[j as usize] = decision;
        }
        Ok(())
    }

    /// Decisions that the limits leave no choice in: with the other choice they contradict each other.
    fn force(&self, kind: &mut [Kind], decided: &[(u32, Kind)], step: usize) -> Result<(), TreeError> {
        let mut left: Vec<(usize, Kind)> =
            decided.iter().map(|&(j, decision)| (j as usize, decision)).collect();
        while !left.is_empty() {
            let before = left.len();
            left.retain(|&(j, decision)| {
                if kind.get(j) != Some(&Kind::Open) {
                    return true;
                }
                kind[j] = if decision == Kind::In { Kind::Out } else { Kind::In };
                let follows = is_contradiction(self.form, kind);
                kind[j] = if follows { decision } else { Kind::Open };
                !follows
            });
            if left.len() == before {
                return Err(TreeError::Decision { step, what: "a decision does not follow from the limits" });
            }
        }
        Ok(())
    }
}

/// Whether the limits leave no mix: decisions that they leave no choice in are taken, one after the other, until a count
/// or a row cannot be met.
fn leaves_nothing(form: &Form, kind: &[Kind]) -> bool {
    let mut kind = kind.to_vec();
    loop {
        if is_contradiction(form, &kind) {
            return true;
        }
        let mut changed = false;
        for j in 0..form.n {
            if kind[j] != Kind::Open {
                continue;
            }
            let mut fails = |choice: Kind| {
                kind[j] = choice;
                is_contradiction(form, &kind)
            };
            match (fails(Kind::In), fails(Kind::Out)) {
                (true, true) => return true,
                (true, false) => (kind[j], changed) = (Kind::Out, true),
                (false, true) => (kind[j], changed) = (Kind::In, true),
                (false, false) => kind[j] = Kind::Open,
            }
        }
        if !changed {
            return false;
        }
    }
}

/// Whether a count or a row cannot be met, by counting and adding, or an input has no weight that it may have.
fn is_contradiction(form: &Form, kind: &[Kind]) -> bool {
    let counts = form.counts.iter().any(|count| {
        let number = |of: Kind| kind.iter().zip(&count.is_member).filter(|(k, m)| **m && **k == of).count();
        number(Kind::In) > count.most || number(Kind::In) + number(Kind::Open) < count.least
    });
    let rows = (0..form.q()).any(|r| {
        let (mut least, mut most, mut scale) = (0.0, 0.0, 1.0);
        for (j, &c) in form.row(r).iter().enumerate().filter(|(_, c)| **c != 0.0) {
            let (low, high) = match kind[j] {
                Kind::Out => continue,
                Kind::In => (form.low[j], form.high[j]),
                Kind::Open => (form.low[j].min(0.0), form.high[j].max(0.0)),
            };
            least += (c * low).min(c * high);
            most += (c * low).max(c * high);
            scale += (c * low).abs().max((c * high).abs());
        }
        let room = crate::form::ROUNDING * scale;
        least > form.row_high[r] + room || most < form.row_low[r] - room
    });
    let inputs = (0..form.n).any(|j| kind[j] == Kind::In && form.high[j] < form.low[j]);
    counts || rows || inputs
}

/// That the form can spare the diagonal, by a factorisation with room for its own rounding.
fn check_diagonal(form: &Form, diagonal: &[f64]) -> Result<(), TreeError> {
    if diagonal.iter().all(|d| *d == 0.0) {
        return Ok(());
    }
    let is_sound = diagonal.iter().all(|d| d.is_finite() && *d >= 0.0) && form.distance == Distance::L2;
    if is_sound && is_positive(form, diagonal) { Ok(()) } else { Err(TreeError::Diagonal) }
}

/// Whether `AᵀA + ρI − D` has a Cholesky factor even when the rounding of it is taken off the diagonal (Rump 2006).
fn is_positive(form: &Form, diagonal: &[f64]) -> bool {
    let n = form.n;
    let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let own: Vec<f64> = (0..n).map(|j| inner(form.column(j), form.column(j)) + form.ridge).collect();
    let room = f64::EPSILON * (n + form.m + 4) as f64 * own.iter().fold(0.0_f64, |most, x| most.max(*x));
    let mut lower = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let (row_i, row_j) = (&lower[i * n..][..j], &lower[j * n..][..j]);
            let entry =
                if i == j { own[i] - diagonal[i] - room } else { inner(form.column(i), form.column(j)) };
            let left = entry - inner(row_i, row_j);
            if i == j && left <= 0.0 {
                return false;
            }
            lower[i * n + j] = if i == j { left.sqrt() } else { left / lower[j * n + j] };
        }
    }
    true
}

fn write_length(out: &mut impl Write, length: usize) -> io::Result<()> {
    out.write_all(&(length as u64).to_le_bytes())
}

fn write_numbers(out: &mut impl Write, numbers: &[f64]) -> io::Result<()> {
    write_length(out, numbers.len())?;
    numbers.iter().try_for_each(|x| out.write_all(&x.to_le_bytes()))
}

fn write_decisions(out: &mut impl Write, decided: &[(u32, Kind)]) -> io::Result<()> {
    write_length(out, decided.len())?;
    for (j, kind) in decided {
        out.write_all(&j.to_le_bytes())?;
        out.write_all(&[u8::from(*kind == Kind::In)])?;
    }
    Ok(())
}

fn write_witness(out: &mut impl Write, witness: &Witness) -> io::Result<()> {
    write_length(out, witness.point.len())?;
    for (j, x) in &witness.point {
        out.write_all(&j.to_le_bytes())?;
        out.write_all(&x.to_le_bytes())?;
    }
    write_numbers(out, &witness.multipliers)
}

fn write_step(out: &mut impl Write, step: &Step) -> io::Result<()> {
    match step {
        Step::Fixed(decided, witness) => {
            out.write_all(&[1])?;
            write_decisions(out, decided)?;
            write_witness(out, witness)
        }
        Step::Forced(decided) => {
            out.write_all(&[2])?;
            write_decisions(out, decided)
        }
        Step::Branched(j, ..) => {
            out.write_all(&[3])?;
            out.write_all(&j.to_le_bytes())
        }
        Step::Closed(witness) => {
            out.write_all(&[4])?;
            write_witness(out, witness)
        }
        Step::Empty => out.write_all(&[5]),
    }
}

fn read_exact(from: &mut impl Read, bytes: &mut [u8]) -> Result<(), TreeError> {
    from.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => TreeError::Foreign,
        _ => TreeError::Io(error),
    })
}

fn read_u32(from: &mut impl Read) -> Result<u32, TreeError> {
    let mut bytes = [0; 4];
    read_exact(from, &mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn read_number(from: &mut impl Read) -> Result<f64, TreeError> {
    let mut bytes = [0; 8];
    read_exact(from, &mut bytes)?;
    let number = f64::from_le_bytes(bytes);
    if number.is_nan() { Err(TreeError::Foreign) } else { Ok(number) }
}

fn read_length(from: &mut impl Read) -> Result<usize, TreeError> {
    let mut bytes = [0; 8];
    read_exact(from, &mut bytes)?;
    usize::try_from(u64::from_le_bytes(bytes)).map_err(|_| TreeError::Foreign)
}

/// As many as the file says, but room is made only for what is there.
fn read_numbers(from: &mut impl Read) -> Result<Vec<f64>, TreeError> {
    let mut numbers = Vec::new();
    for _ in 0..read_length(from)? {
        numbers.push(read_number(from)?);
    }
    Ok(numbers)
}

fn read_decisions(from: &mut impl Read) -> Result<Vec<(u32, Kind)>, TreeError> {
    let mut decided = Vec::new();
    for _ in 0..read_length(from)? {
        let (j, mut kind) = (read_u32(from)?, [0]);
        read_exact(from, &mut kind)?;
        decided.push((j, if kind == [1] { Kind::In } else { Kind::Out }));
    }
    Ok(decided)
}

fn read_witness(from: &mut impl Read) -> Result<Witness, TreeError> {
    let mut point = Vec::new();
    for _ in 0..read_length(from)? {
        point.push((read_u32(from)?, read_number(from)?));
    }
    Ok(Witness { point, multipliers: read_numbers(from)? })
}

fn read_step(from: &mut impl Read) -> Result<Step, TreeError> {
    let mut tag = [0];
    read_exact(from, &mut tag)?;
    match tag {
        [1] => Ok(Step::Fixed(read_decisions(from)?, read_witness(from)?)),
        [2] => Ok(Step::Forced(read_decisions(from)?)),
        [3] => Ok(Step::Branched(read_u32(from)?, 0, 0)),
        [4] => Ok(Step::Closed(read_witness(from)?)),
        [5] => Ok(Step::Empty),
        _ => Err(TreeError::Foreign),
    }
}

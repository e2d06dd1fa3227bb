//! A fitted model: what is needed to predict, to certify again and to tell where it came from.

mod coefficients;
mod error;
mod file;

pub(crate) use coefficients::INTERCEPT;
pub use coefficients::coefficients_from_csv;
pub use error::ModelError;
pub(crate) use error::{io_hint, refusal};

use crate::certificate::Record;
use crate::data::encode::{Missing, Recipe};
use crate::data::read::SparseData;
use crate::data::scale::Scale;
use crate::data::{Block, ClassList, DataError, Features, LabelRows, Rows, map_reduce};
use crate::diagnosis::Code;
use crate::error::{Error, Result};
use crate::fit::Verdict;
use crate::metrics::threshold::Threshold;
use crate::num::Dd;
use crate::problem::{Coefficients, Problem};
use faer::Mat;

/// Which data a model was fitted to: their number of rows and a 64-bit digest of every value used.
///
/// Two data sets of the same digest are the same but for a chance of 2⁻⁶⁴; it is no protection against
/// someone who seeks a collision.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// Rows in use.
    pub rows: u64,
    /// Sixteen hexadecimal digits.
    pub digest: String,
}

/// Where the columns of the design come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Inputs {
    /// Columns of a table, by a recipe.
    Table(Box<Recipe>),
    /// Sparse rows as they are.
    Sparse(SparseInputs),
}

/// The columns of sparse rows, which are called by their index: `x1` the first, or `x0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SparseInputs {
    /// d.
    pub columns: usize,
    /// Whether a file calls the first one 0.
    pub zero_based: bool,
}

impl SparseInputs {
    /// The names of the columns.
    pub fn names(self) -> impl Iterator<Item = String> {
        let first = usize::from(!self.zero_based);
        (first..first + self.columns).map(|index| format!("x{index}"))
    }
}

/// What the weights of a mix make small.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixFacts {
    /// Of the residuals.
    pub distance: MixDistance,
    /// ρ of `ρ‖w‖²`, which is added.
    pub ridge: f64,
}

/// The distance of a mix from its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MixDistance {
    /// The sum of squares.
    L2,
    /// The sum of absolute values.
    L1,
    /// The largest absolute value.
    LInf,
}

/// A fitted model.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// In the user's own units, whatever the scaling.
    pub coefficients: Coefficients,
    /// d names of the design's columns.
    pub columns: Vec<String>,
    /// c names of the targets, of the classes that have a column of scores, or of labels.
    pub targets: Vec<String>,
    /// All classes, where the loss is of classes: of two, one column of scores can tell both.
    pub classes: Option<ClassList>,
    /// The formula as written; empty for sparse rows.
    pub formula: String,
    /// How data become the design.
    pub inputs: Inputs,
    /// Which loss, penalty and intercept.
    pub problem: Problem,
    /// Which labels a row is given by its scores, where the loss ranks labels.
    pub threshold: Option<Threshold>,
    /// Where the coefficients are the weights of a mix: what they were chosen by, in place of the problem.
    pub mix: Option<MixFacts>,
    /// In which units penalty and gradient descent were meant.
    pub scale: Scale,
    /// The certificate of the fit, as recorded then.
    pub certificate: Record,
    /// The verdict of the fit; one that failed has no model.
    pub verdict: Verdict,
    /// The cause when it is not certified.
    pub code: Option<Code>,
    /// The data of the fit.
    pub data: Fingerprint,
    /// The surefit that fitted it.
    pub version: String,
}

impl Model {
    /// How a table becomes the design; none for a model of sparse rows.
    pub fn recipe(&self) -> Option<&Recipe> {
        match &self.inputs {
            Inputs::Table(recipe) => Some(recipe),
            Inputs::Sparse(_) => None,
        }
    }

    /// The same model with another rule for missing values.
    ///
    /// # Errors
    /// [`Error::Usage`] for sparse rows, in which no value is missing.
    pub fn with_missing(mut self, missing: Missing) -> Result<Self> {
        match &mut self.inputs {
            Inputs::Table(recipe) => **recipe = recipe.as_ref().clone().with_missing(missing),
            Inputs::Sparse(_) => {
                return Err(Error::Usage {
                    what: "sparse rows have no missing values: what is not written is 0".to_owned(),
                    hint: "leave out `--missing`".to_owned(),
                });
            }
        }
        Ok(self)
    }

    /// Scores `xW + b` of rows in memory, n × c: each is the exact value rounded, as in [`Self::predict`].
    ///
    /// # Errors
    /// When the rows have another number of columns than the model, or a score is beyond the range of `f64`.
    pub fn scores(&self, x: Features<'_>) -> Result<Mat<f64>> {
        let Coefficients { weights, intercept } = &self.coefficients;
        if x.columns() != weights.nrows() {
            return Err(ModelError::Columns { model: weights.nrows(), data: x.columns() }.into());
        }
        let mut scores = Mat::zeros(x.rows(), intercept.len());
        let mut sums = vec![Dd::ZERO; intercept.len()];
        for i in 0..x.rows() {
            sums.iter_mut().zip(intercept).for_each(|(sum, b)| *sum = Dd::from(*b));
            x.for_each_in_row(i, |j, value| {
                for (k, sum) in sums.iter_mut().enumerate() {
                    *sum += Dd::product(value, weights[(j, k)]);
                }
            });
            for (k, sum) in sums.iter().enumerate() {
                scores[(i, k)] = sum.value();
                if !scores[(i, k)].is_finite() {
                    return Err(DataError::Beyond { row: i + 1 }.into());
                }
            }
        }
        Ok(scores)
    }

    /// Predictions `xW + b` for a block of rows, rows × c, in the target's units: each is the exact value
    /// rounded, up to `(d + 2)²u²` of its terms, low parts of the design included.
    ///
    /// # Errors
    /// When the block has another number of columns than the model, or a prediction from finite numbers is beyond the
    /// range of `f64`. A number that is missing makes NaN of the row.
    pub fn predict(&self, block: Block<'_>) -> Result<Mat<f64>> {
        let Coefficients { weights, intercept } = &self.coefficients;
        if block.x.ncols() != weights.nrows() {
            return Err(ModelError::Columns { model: weights.nrows(), data: block.x.ncols() }.into());
        }
        let mut predictions = Mat::zeros(block.x.nrows(), intercept.len());
        let mut scores = vec![Dd::ZERO; block.x.nrows()];
        for (k, b) in intercept.iter().enumerate() {
            scores.fill(Dd::from(*b));
            for (j, weight) in weights.col_as_slice(k).iter().enumerate() {
                let column = block.x.col(j).iter();
                scores.iter_mut().zip(column).for_each(|(score, x)| *score += Dd::product(*x, *weight));
                if let Some(low) = block.x_low {
                    let column = low.col(j).iter();
                    scores.iter_mut().zip(column).for_each(|(score, x)| *score = *score + x * weight);
                }
            }
            for (i, (prediction, score)) in
                predictions.col_as_slice_mut(k).iter_mut().zip(&scores).enumerate()
            {
                *prediction = score.value();
                if !prediction.is_finite() && block.x.row(i).is_all_finite() {
                    return Err(DataError::Beyond { row: block.first + i + 1 }.into());
                }
            }
        }
        Ok(predictions)
    }
}

impl Fingerprint {
    /// Reads every row once; the same for any number of threads and any reader.
    ///
    /// # Errors
    /// When the rows can no longer be read.
    pub fn of(rows: &dyn Rows) -> Result<Self> {
        let shape = rows.shape();
        let mut digest = Digest::default();
        for size in [shape.rows, shape.columns, shape.outputs] {
            digest.add(size as u64);
        }
        map_reduce(rows, Digest::of, |part| digest.add(part.0))?;
        Ok(Self { rows: shape.rows as u64, digest: digest.hex() })
    }

    /// The same of sparse rows: every entry that is not 0, and every label as it is written.
    ///
    /// # Errors
    /// Those of [`SparseData::features`].
    pub fn of_sparse(rows: &SparseData) -> Result<Self> {
        let mut digest = Digest::default();
        for size in [rows.rows(), rows.columns(), rows.entries()] {
            digest.add(size as u64);
        }
        let features = rows.features()?;
        for i in 0..rows.rows() {
            digest.add_bytes(rows.labels().label(i).unwrap_or_default().as_bytes());
            features.for_each_in_row(i, |j, value| {
                digest.add(j as u64);
                digest.add(value.to_bits());
            });
        }
        Ok(Self { rows: rows.rows() as u64, digest: digest.hex() })
    }
}

impl Fingerprint {
    /// The same of rows with sets of labels: every entry that is not 0, every set, and weights where there are any.
    /// Neither how they are stored nor the kind of their file makes a difference.
    pub fn of_labelled(x: Features<'_>, labels: LabelRows<'_>, weights: Option<&[f64]>) -> Self {
        let mut digest = Digest::default();
        for size in [x.rows(), x.columns(), labels.labels()] {
            digest.add(size as u64);
        }
        for i in 0..x.rows() {
            x.for_each_in_row(i, |j, value| {
                digest.add(j as u64);
                digest.add(value.to_bits());
            });
            // Behind the last column, so that no entry is taken for a set.
            digest.add(x.columns() as u64);
            labels.words(i).iter().for_each(|word| digest.add(*word));
        }
        weights.into_iter().flatten().for_each(|weight| digest.add(weight.to_bits()));
        Self { rows: x.rows() as u64, digest: digest.hex() }
    }
}

/// A running digest of 64-bit words: xor, multiply, fold, as `SplitMix64` mixes (Steele, Lea and Flood 2014).
#[derive(Default)]
struct Digest(u64);

impl Digest {
    fn of(block: Block<'_>) -> Self {
        let mut digest = Self::default();
        for matrix in [Some(block.x), block.x_low, Some(block.y)].into_iter().flatten() {
            for column in matrix.col_iter() {
                column.iter().for_each(|value| digest.add(value.to_bits()));
            }
        }
        block.weights.into_iter().flatten().for_each(|weight| digest.add(weight.to_bits()));
        digest
    }

    fn add(&mut self, word: u64) {
        let mut z = (self.0 ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.0 = z ^ (z >> 31);
    }

    /// Its length and then eight bytes a word: a change within one of them never goes unseen, as each word moves
    /// the state to another one for every word, and every later state with it.
    fn add_bytes(&mut self, bytes: &[u8]) {
        self.add(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.add(u64::from_le_bytes(last));
    }

    fn hex(&self) -> String {
        format!("{:016x}", self.0)
    }
}

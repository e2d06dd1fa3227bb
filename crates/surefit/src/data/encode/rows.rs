//! A table through a recipe: numeric rows in logical blocks, formed anew on every visit.

use super::super::check::{DataError, Place, check_total, grouped};
use super::super::formula::{Variable, Wide, nearest};
use super::super::rows::{BlockBuf, OwnedBlock, Rows, Shape, block_rows};
use super::super::table::{Chunk, Levels, Values};
use super::bound::UNSEEN;
use super::{BoundRecipe, DesignColumn, Missing, Purpose, Recipe, Scanned};
use crate::error::Result;
use crate::num::Dd;
use faer::Mat;
use rayon::prelude::*;
use std::collections::{HashMap, VecDeque};

/// Numeric rows of a table. Everything that can be refused without forming the rows has been when this
/// exists; a term without a finite value is refused by the block that holds its first.
pub struct Encoded<'a> {
    table: &'a dyn Scanned,
    bound: BoundRecipe<'a>,
    /// Whether rows with a missing value are left out.
    drops: bool,
    /// Rows of weight 0 that hold a text that is no level: they are left out.
    weightless: Weightless,
    rows: usize,
}

/// How many rows of weight 0 are left out for a text, and one such text.
#[derive(Clone, Debug, Default)]
struct Weightless {
    rows: usize,
    example: Option<String>,
}

/// What one walk over the table finds before any row is formed.
#[derive(Default)]
struct Survey {
    /// Rows that are not dropped, and those of them that stay.
    present: usize,
    kept: usize,
    weightless: Weightless,
    negative: Option<(f64, Place)>,
    any_weight: bool,
    weight: f64,
    unseen: HashMap<(usize, u32), (usize, usize)>,
}

impl<'a> Encoded<'a> {
    /// The rows a model is fitted to: a table with the columns that [`Recipe::build`] saw.
    ///
    /// # Errors
    /// [`DataError::Identifier`]; see also [`Self::with`].
    pub fn new(table: &'a dyn Scanned, recipe: &'a Recipe) -> Result<Self> {
        recipe.refuse_identifiers(table)?;
        Self::with(table, recipe, Purpose::Evaluate)
    }

    /// The rows of another table, whose columns are those of [`Recipe::bind_for`]. To predict there are no
    /// targets (0 outputs) and no weights, and every row of the table is there: with [`Missing::Drop`] the
    /// design of a row with a missing value is NaN where the value is needed.
    ///
    /// # Errors
    /// No rows, or none left; values that [`Recipe::rebase`] refuses; texts that the model does not know;
    /// negative weights, or all 0; a file that can no longer be read.
    pub fn with(table: &'a dyn Scanned, recipe: &'a Recipe, purpose: Purpose) -> Result<Self> {
        if table.rows() == 0 {
            return Err(DataError::NoRows.into());
        }
        let bound = recipe.rebase(table.columns(), purpose)?;
        let drops =
            purpose == Purpose::Evaluate && recipe.missing == Missing::Drop && !bound.missing.is_empty();
        let mut encoded = Self { table, bound, drops, weightless: Weightless::default(), rows: table.rows() };
        if drops || encoded.weights_slot().is_some() || encoded.bound.has_unseen() {
            encoded.survey()?;
        }
        Ok(encoded)
    }

    /// Rows left out, for a missing value or, of weight 0, for a text that is no level.
    pub fn dropped(&self) -> usize {
        self.table.rows() - self.rows
    }

    /// The rows of the table that were left out, from 0, ascending.
    ///
    /// # Errors
    /// When the file can no longer be read.
    pub fn left_out(&self) -> Result<Vec<usize>> {
        let mut out = Vec::with_capacity(self.dropped());
        if self.dropped() > 0 {
            let mut keep = Vec::new();
            for chunk in self.table.chunks() {
                let chunk = chunk?;
                self.mark_kept(&chunk, 0, self.chunk_rows(&chunk), &mut keep);
                let dropped = keep.iter().enumerate().filter(|(_, kept)| !**kept);
                out.extend(dropped.map(|(index, _)| chunk.first + index));
            }
        }
        Ok(out)
    }

    /// What was done about missing values and rows of weight 0, in sentences.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.notes_of_missing();
        if let Weightless { rows, example: Some(example) } = &self.weightless {
            let (word, their) = if *rows == 1 { ("row", "its") } else { ("rows", "their") };
            notes.push(format!(
                "left out {} {word} of weight 0: no row of weight has {their} text, such as `{example}`",
                grouped(*rows)
            ));
        }
        notes
    }

    fn notes_of_missing(&self) -> Vec<String> {
        let missing = &self.bound.missing;
        if self.drops {
            let columns: Vec<String> = missing.iter().map(|place| format!("`{}`", place.column)).collect();
            let columns = match columns.as_slice() {
                [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
                _ => columns.concat(),
            };
            let (dropped, rows) =
                (grouped(self.dropped() - self.weightless.rows), grouped(self.table.rows()));
            return vec![format!("dropped {dropped} of {rows} rows with a missing value in {columns}")];
        }
        if self.bound.purpose == Purpose::Predict && self.bound.recipe.missing == Missing::Drop {
            let lost = |Place { column, count, row }: &Place| {
                let values = if *count == 1 { "value" } else { "values" };
                let (count, row) = (grouped(*count), grouped(*row));
                format!("`{column}` has {count} missing {values}, first in row {row}: NaN is predicted there")
            };
            return missing.iter().map(lost).collect();
        }
        if self.bound.recipe.missing != Missing::Mean {
            return Vec::new();
        }
        let filled = |Place { column, count, .. }: &Place| {
            let mean = self.bound.recipe.inputs.iter().find(|input| &input.name == column)?.mean?;
            let values = if *count == 1 { "value" } else { "values" };
            let whose = if self.bound.recipe.weights().is_some() { "its weighted mean" } else { "its mean" };
            Some(format!("filled {} missing {values} of `{column}` with {whose} {mean}", grouped(*count)))
        };
        missing.iter().filter_map(filled).collect()
    }

    /// The column of the table that holds the classes, where they are wanted and there are any.
    pub(in super::super) fn class_column(&self) -> Option<usize> {
        let needed = self.bound.purpose == Purpose::Evaluate;
        self.bound.recipe.class_input().filter(|_| needed).and_then(|input| self.bound.slot_of(input))
    }

    fn weights_slot(&self) -> Option<usize> {
        let needed = self.bound.purpose == Purpose::Evaluate;
        self.bound.recipe.resolved.weights.filter(|_| needed).and_then(|input| self.bound.slot_of(input))
    }

    /// Counts the rows in use and looks at weights and unknown texts.
    fn survey(&mut self) -> Result<()> {
        let mut survey = Survey::default();
        let mut keep = Vec::new();
        for chunk in self.table.chunks() {
            let chunk = chunk?;
            self.mark_kept(&chunk, 0, self.chunk_rows(&chunk), &mut keep);
            survey.present += keep.iter().filter(|&&kept| kept).count();
            self.survey_weights(&chunk, &keep, &mut survey);
            self.leave_out_weightless(&chunk, 0, &mut keep, &mut survey.weightless);
            survey.kept += keep.iter().filter(|&&kept| kept).count();
            if self.bound.purpose == Purpose::Predict && self.bound.recipe.missing == Missing::Drop {
                // The prediction is NaN whatever the row's texts are.
                leave_out_missing(&chunk, 0, &mut keep);
            }
            self.survey_texts(&chunk, &keep, &mut survey);
        }
        self.rows = survey.kept;
        self.weightless = std::mem::take(&mut survey.weightless);
        self.judge(survey)
    }

    fn survey_weights(&self, chunk: &Chunk, keep: &[bool], survey: &mut Survey) {
        let Some(Values::Number(weights)) = self.weights_slot().and_then(|slot| chunk.columns.get(slot))
        else {
            return;
        };
        for (index, (&weight, _)) in weights.iter().zip(keep).enumerate().filter(|(_, (_, kept))| **kept) {
            survey.any_weight |= weight > 0.0;
            survey.weight += weight;
            if weight < 0.0 {
                let fresh = || {
                    let column = self.bound.recipe.weights().unwrap_or_default().to_owned();
                    (weight, Place { column, count: 0, row: chunk.first + index + 1 })
                };
                survey.negative.get_or_insert_with(fresh).1.count += 1;
            }
        }
    }

    fn survey_texts(&self, chunk: &Chunk, keep: &[bool], survey: &mut Survey) {
        for (slot, values) in chunk.columns.iter().enumerate() {
            let Values::Text(codes) = values else { continue };
            if self.class_column() == Some(slot) {
                continue;
            }
            for (index, (&code, _)) in codes.iter().zip(keep).enumerate().filter(|(_, (_, kept))| **kept) {
                if self.bound.position(slot, code) == UNSEEN {
                    survey.unseen.entry((slot, code)).or_insert((0, chunk.first + index + 1)).0 += 1;
                }
            }
        }
    }

    fn judge(&self, survey: Survey) -> Result<()> {
        let rows = self.table.rows();
        if survey.present == 0 {
            let most =
                self.bound.missing.iter().max_by_key(|place| (place.count, std::cmp::Reverse(place.row)));
            return Err(DataError::AllDropped { rows, most: most.cloned() }.into());
        }
        let levels = survey.unseen.len();
        if let Some((&(slot, code), &(count, row))) =
            survey.unseen.iter().min_by_key(|(key, at)| (at.1, key.0))
        {
            let column = self.table.columns().get(slot);
            let level = column.and_then(|column| column.levels.name(code)).unwrap_or_default().to_owned();
            let input = self.bound.slots.get(slot).and_then(|&input| self.bound.recipe.inputs.get(input));
            let near = input.and_then(|input| nearest(&level, input.levels.iter().map(String::as_str)));
            let column = input.map_or_else(String::new, |input| input.name.clone());
            return Err(
                DataError::UnseenLevel { level, place: Place { column, count, row }, levels, near }.into()
            );
        }
        if let Some((value, place)) = survey.negative {
            return Err(DataError::NegativeWeights { place, value }.into());
        }
        let Some(column) = self.bound.recipe.weights().filter(|_| self.weights_slot().is_some()) else {
            return Ok(());
        };
        Ok(check_total(column, survey.any_weight.then_some(survey.weight), survey.present)?)
    }

    /// Rows of a chunk; without any column to read, the table is one chunk.
    fn chunk_rows(&self, chunk: &Chunk) -> usize {
        if self.bound.slots.is_empty() { self.table.rows() } else { chunk.rows() }
    }

    /// Which rows from `from` to `to` of a chunk are in use.
    fn mark_kept(&self, chunk: &Chunk, from: usize, to: usize, keep: &mut Vec<bool>) {
        keep.clear();
        keep.resize(to - from, true);
        if self.drops {
            leave_out_missing(chunk, from, keep);
        }
        if self.weightless.rows > 0 {
            self.leave_out_weightless(chunk, from, keep, &mut Weightless::default());
        }
    }

    /// Marks the rows of weight 0, from row `from` of the chunk on, that hold a text that is no level.
    fn leave_out_weightless(&self, chunk: &Chunk, from: usize, keep: &mut [bool], found: &mut Weightless) {
        let Some(Values::Number(weights)) = self.weights_slot().and_then(|slot| chunk.columns.get(slot))
        else {
            return;
        };
        let weights = weights.get(from..).unwrap_or_default();
        for (slot, values) in chunk.columns.iter().enumerate() {
            let Values::Text(codes) = values else { continue };
            if self.class_column() == Some(slot) {
                continue;
            }
            let codes = codes.get(from..).unwrap_or_default();
            for ((kept, &code), &weight) in keep.iter_mut().zip(codes).zip(weights) {
                if *kept && weight == 0.0 && self.bound.position(slot, code) == UNSEEN {
                    *kept = false;
                    found.rows += 1;
                    found.example.get_or_insert_with(|| {
                        let column = self.table.columns().get(slot);
                        column.and_then(|column| column.levels.name(code)).unwrap_or_default().to_owned()
                    });
                }
            }
        }
    }

    /// Empty columns of the kinds of the table's.
    fn empty(&self, capacity: usize) -> Gathered {
        let columns = self.table.columns().iter().map(|column| match column.kind {
            super::ColumnKind::Number => Values::Number(Vec::with_capacity(capacity)),
            super::ColumnKind::Text => Values::Text(Vec::with_capacity(capacity)),
        });
        Gathered { rows: 0, columns: columns.collect() }
    }

    /// The mean that stands in for a missing number of column `slot`.
    fn filling(&self, slot: usize) -> Option<f64> {
        let recipe = self.bound.recipe;
        let input = self.bound.slots.get(slot).and_then(|&input| recipe.inputs.get(input));
        input.filter(|_| recipe.missing == Missing::Mean)?.mean
    }

    /// Appends the rows in use among `from..to` of a chunk, missing numbers filled in, texts as positions.
    fn append(&self, chunk: &Chunk, from: usize, to: usize, keep: &[bool], gathered: &mut Gathered) {
        gathered.rows += keep.iter().filter(|&&kept| kept).count();
        for (slot, (own, values)) in gathered.columns.iter_mut().zip(&chunk.columns).enumerate() {
            match (own, values) {
                // Every row is in use and no number is to be filled in: a plain copy.
                (Values::Number(own), Values::Number(values))
                    if !self.drops && self.weightless.rows == 0 && self.filling(slot).is_none() =>
                {
                    own.extend_from_slice(values.get(from..to).unwrap_or_default());
                }
                (Values::Number(own), Values::Number(values)) => {
                    let filling = self.filling(slot);
                    let fill = |&value: &f64| if value.is_nan() { filling.unwrap_or(value) } else { value };
                    let values = values.get(from..to).unwrap_or_default();
                    own.extend(
                        values.iter().zip(keep).filter(|(_, kept)| **kept).map(|(value, _)| fill(value)),
                    );
                }
                (Values::Text(own), Values::Text(codes)) => {
                    let codes = codes.get(from..to).unwrap_or_default().iter().zip(keep);
                    own.extend(
                        codes.filter(|(_, kept)| **kept).map(|(&code, _)| self.bound.position(slot, code)),
                    );
                }
                _ => {}
            }
        }
    }
}

/// Marks the rows of a chunk, from row `from` on, that have a missing value.
pub(super) fn leave_out_missing(chunk: &Chunk, from: usize, keep: &mut [bool]) {
    for values in &chunk.columns {
        match values {
            Values::Number(values) => {
                let values = values.get(from..).unwrap_or_default();
                keep.iter_mut().zip(values).for_each(|(keep, value)| *keep &= !value.is_nan());
            }
            Values::Text(codes) => {
                let codes = codes.get(from..).unwrap_or_default();
                keep.iter_mut().zip(codes).for_each(|(keep, &code)| *keep &= code != Levels::MISSING);
            }
        }
    }
}

/// Input values of consecutive rows in use.
struct Gathered {
    rows: usize,
    columns: Vec<Values>,
}

impl Gathered {
    fn number(&self, slot: Option<usize>, row: usize) -> f64 {
        match slot.and_then(|slot| self.columns.get(slot)) {
            Some(Values::Number(values)) => values.get(row).copied().unwrap_or(f64::NAN),
            _ => f64::NAN,
        }
    }

    fn numbers(&self, slot: Option<usize>) -> &[f64] {
        match slot.and_then(|slot| self.columns.get(slot)) {
            Some(Values::Number(values)) => values,
            _ => &[],
        }
    }

    fn codes(&self, slot: Option<usize>) -> &[u32] {
        match slot.and_then(|slot| self.columns.get(slot)) {
            Some(Values::Text(codes)) => codes,
            _ => &[],
        }
    }
}

/// A product of variables that has no finite value somewhere.
struct NotFinite<'a> {
    variables: Vec<&'a Variable>,
    term: String,
}

/// Forms the numbers of one block.
struct Former<'e, 'a> {
    encoded: &'e Encoded<'a>,
    gathered: &'e Gathered,
    /// Variables that are arithmetic, formed once a block.
    formed: HashMap<usize, Wide>,
}

impl<'e> Former<'e, '_> {
    /// The values of arithmetic on columns, one a row.
    fn arithmetic(&mut self, variable: &'e Variable) -> Result<Wide, NotFinite<'e>> {
        let (bound, gathered) = (&self.encoded.bound, self.gathered);
        let Variable::Value(value) = variable else {
            let slot = variable.columns().first().and_then(|&input| bound.slot_of(input));
            return Ok(Wide::of(gathered.numbers(slot)));
        };
        let values = value.values(gathered.rows, |&input| gathered.numbers(bound.slot_of(input)));
        let present =
            |row: usize| value.columns().all(|&input| !gathered.number(bound.slot_of(input), row).is_nan());
        let finite = |row: usize| Dd { hi: values.hi[row], lo: values.lo[row] }.is_finite();
        if (0..gathered.rows).any(|row| !finite(row) && present(row)) {
            let term = bound.recipe.variable_name(variable);
            return Err(NotFinite { variables: vec![variable], term });
        }
        Ok(values)
    }

    /// Column `j` of the design into `x` and `low`.
    fn column(
        &mut self,
        j: usize,
        column: &'e DesignColumn,
        x: &mut [f64],
        low: Option<&mut [f64]>,
    ) -> Result<(), NotFinite<'e>> {
        let bound = &self.encoded.bound;
        let variables = &bound.recipe.resolved.variables;
        let mut product: Option<Wide> = None;
        match column.numbers.as_slice() {
            [] => x.fill(1.0),
            [single] if matches!(variables.get(*single), Some(Variable::Column(_))) => {
                let input = variables.get(*single).and_then(|v| v.columns().first().copied());
                let values = self.gathered.numbers(input.and_then(|input| bound.slot_of(input)));
                x.iter_mut().zip(values).for_each(|(x, &value)| *x = value);
            }
            many => product = Some(self.product(j, many)?),
        }
        if let Some(product) = &product {
            x.iter_mut().zip(&product.hi).for_each(|(x, value)| *x = *value);
        }
        if let Some(low) = low {
            match &product {
                Some(product) => low.iter_mut().zip(&product.lo).for_each(|(low, value)| *low = *value),
                None => low.fill(0.0),
            }
            self.select(column, low);
        }
        self.select(column, x);
        Ok(())
    }

    /// Keeps the values where the column's texts are, 0 elsewhere; NaN where a text is missing.
    fn select(&self, column: &DesignColumn, x: &mut [f64]) {
        for &(input, level) in &column.levels {
            for (x, &code) in x.iter_mut().zip(self.gathered.codes(self.encoded.bound.slot_of(input))) {
                if code == Levels::MISSING {
                    *x = f64::NAN;
                } else if code != level && !x.is_nan() {
                    *x = 0.0;
                }
            }
        }
    }

    fn product(&mut self, j: usize, variables: &[usize]) -> Result<Wide, NotFinite<'e>> {
        let recipe = self.encoded.bound.recipe;
        let mut product: Option<Wide> = None;
        let factors: Vec<&'e Variable> =
            variables.iter().filter_map(|&v| recipe.resolved.variables.get(v)).collect();
        for (&index, &variable) in variables.iter().zip(&factors) {
            if !self.formed.contains_key(&index) {
                let values = self.arithmetic(variable)?;
                self.formed.insert(index, values);
            }
            match (&mut product, self.formed.get(&index)) {
                (None, values) => product = values.cloned(),
                (Some(product), Some(values)) => product.multiply(values),
                (Some(_), None) => {}
            }
        }
        let product = product.unwrap_or_else(|| Wide::of(&[]));
        if factors.len() > 1 {
            let finite = |values: &Wide, row: usize| {
                values
                    .hi
                    .get(row)
                    .zip(values.lo.get(row))
                    .is_some_and(|(hi, lo)| hi.is_finite() && lo.is_finite())
            };
            let overflown = |row: usize| {
                let factor = |v: &usize| self.formed.get(v).is_some_and(|values| finite(values, row));
                !finite(&product, row) && variables.iter().all(factor)
            };
            if (0..product.hi.len()).any(overflown) {
                let term = recipe.names.get(j).cloned().unwrap_or_default();
                return Err(NotFinite { variables: factors, term });
            }
        }
        Ok(product)
    }
}

impl Encoded<'_> {
    /// The block of the gathered rows, of which `first` came before.
    fn form(&self, gathered: &Gathered, first: usize) -> Result<OwnedBlock> {
        let mut former = Former { encoded: self, gathered, formed: HashMap::new() };
        match self.form_with(&mut former, first) {
            Ok(block) => Ok(block),
            Err(not_finite) => Err(self.locate(&not_finite)?.into()),
        }
    }

    fn form_with<'e>(
        &'e self,
        former: &mut Former<'e, '_>,
        first: usize,
    ) -> Result<OwnedBlock, NotFinite<'e>> {
        let recipe = self.bound.recipe;
        let Shape { columns: d, outputs: c, .. } = self.shape();
        let n = former.gathered.rows;
        let mut x = Mat::<f64>::zeros(n, d);
        let mut x_low = recipe.has_low_parts.then(|| Mat::<f64>::zeros(n, d));
        for (j, column) in recipe.columns.iter().enumerate() {
            let low = x_low.as_mut().map(|low| low.col_as_slice_mut(j));
            former.column(j, column, x.col_as_slice_mut(j), low)?;
        }
        let mut y = Mat::<f64>::zeros(n, c);
        for (k, target) in recipe.resolved.targets.iter().enumerate().take(c) {
            let y = y.col_as_slice_mut(k);
            if let (Variable::Column(_), Some(&input)) = (target, target.columns().first()) {
                let values = former.gathered.numbers(self.bound.slot_of(input));
                y.iter_mut().zip(values).for_each(|(y, value)| *y = *value);
            } else {
                let values = former.arithmetic(target)?;
                y.iter_mut().zip(&values.hi).for_each(|(y, value)| *y = *value);
            }
        }
        let weights = self.weights_slot().map(|slot| former.gathered.numbers(Some(slot)).to_vec());
        Ok(OwnedBlock { first, x, x_low, y, weights })
    }

    /// Where and how often a product has no finite value, by a walk over the whole table.
    fn locate(&self, NotFinite { variables, term }: &NotFinite<'_>) -> Result<DataError> {
        let inputs: Vec<usize> = {
            let mut inputs: Vec<usize> = variables.iter().flat_map(|variable| variable.columns()).collect();
            let mut seen = std::collections::HashSet::new();
            inputs.retain(|&input| seen.insert(input));
            inputs
        };
        let (mut count, mut first) = (0, None);
        let (mut keep, mut stack) = (Vec::new(), Vec::new());
        for chunk in self.table.chunks() {
            let chunk = chunk?;
            let rows = self.chunk_rows(&chunk);
            self.mark_kept(&chunk, 0, rows, &mut keep);
            let mut gathered = self.empty(rows);
            // All rows, so that positions are those of the data.
            self.append(&chunk, 0, rows, &vec![true; rows], &mut gathered);
            let number = |input: &usize, row: usize| gathered.number(self.bound.slot_of(*input), row);
            for row in (0..rows).filter(|&row| keep.get(row) == Some(&true)) {
                let mut product = Dd::ONE;
                for variable in variables {
                    product = product
                        * match variable {
                            Variable::Column(input) => Dd::from(number(input, row)),
                            Variable::Value(value) => value.value(&mut stack, |input| number(input, row)),
                        };
                }
                if !product.is_finite() && inputs.iter().all(|input| !number(input, row).is_nan()) {
                    count += 1;
                    first.get_or_insert_with(|| {
                        let told = |input: &usize| {
                            format!("{} = {:?}", self.bound.recipe.input_name(*input), number(input, row))
                        };
                        (chunk.first + row + 1, inputs.iter().map(told).collect::<Vec<_>>().join(", "))
                    });
                }
            }
        }
        let (row, inputs) = first.unwrap_or_default();
        Ok(DataError::Undefined { term: term.clone(), inputs, count, row })
    }
}

impl Rows for Encoded<'_> {
    fn shape(&self) -> Shape {
        let outputs = match self.bound.purpose {
            Purpose::Predict => 0,
            Purpose::Evaluate if self.bound.recipe.class_target => 0,
            Purpose::Evaluate => self.bound.recipe.targets.len(),
        };
        Shape { rows: self.rows, columns: self.bound.recipe.columns.len(), outputs }
    }

    fn blocks(&self) -> Box<dyn Iterator<Item = Result<BlockBuf<'_>>> + '_> {
        Box::new(Blocks {
            encoded: self,
            chunks: self.table.chunks(),
            chunk: None,
            at: 0,
            first: 0,
            done: false,
            keep: Vec::new(),
            formed: VecDeque::new(),
        })
    }
}

/// Chunks in, logical blocks out.
struct Blocks<'e> {
    encoded: &'e Encoded<'e>,
    chunks: Box<dyn Iterator<Item = Result<Chunk>> + 'e>,
    chunk: Option<Chunk>,
    /// Rows of `chunk` that are used up.
    at: usize,
    /// Rows handed out.
    first: usize,
    done: bool,
    keep: Vec<bool>,
    /// Blocks formed ahead, on all threads; nothing follows an error.
    formed: VecDeque<Result<OwnedBlock>>,
}

impl Blocks<'_> {
    /// Rows in use until a block is full or the table ends.
    fn gather(&mut self) -> Result<Gathered> {
        let step = block_rows(self.encoded.shape().columns);
        let left = self.encoded.rows - self.first;
        let wanted = step.min(left);
        let mut gathered = self.encoded.empty(wanted);
        if self.encoded.bound.slots.is_empty() {
            gathered.rows = wanted;
            return Ok(gathered);
        }
        while gathered.rows < wanted {
            let Some(chunk) = &self.chunk else {
                match self.chunks.next().transpose()? {
                    Some(chunk) => (self.chunk, self.at) = (Some(chunk), 0),
                    None => break,
                }
                continue;
            };
            let to = chunk.rows().min(self.at + wanted - gathered.rows);
            self.encoded.mark_kept(chunk, self.at, to, &mut self.keep);
            self.encoded.append(chunk, self.at, to, &self.keep, &mut gathered);
            self.at = to;
            if to == chunk.rows() {
                self.chunk = None;
            }
        }
        Ok(gathered)
    }
}

impl Blocks<'_> {
    /// Gathers the values of some blocks in their order, and forms the blocks side by side.
    fn form_ahead(&mut self) {
        let (mut gathered, mut failure) = (Vec::new(), None);
        while !self.done && gathered.len() < rayon::current_num_threads() {
            match self.gather() {
                Ok(next) if next.rows > 0 => {
                    let first = self.first;
                    self.first += next.rows;
                    gathered.push((first, next));
                }
                Ok(_) => self.done = true,
                Err(error) => {
                    failure = Some(Err(error));
                    self.done = true;
                }
            }
        }
        let encoded = self.encoded;
        let blocks = gathered.into_par_iter().map(|(first, gathered)| encoded.form(&gathered, first));
        self.formed = blocks.collect::<Vec<_>>().into();
        self.formed.extend(failure);
    }
}

impl<'e> Iterator for Blocks<'e> {
    type Item = Result<BlockBuf<'e>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.formed.is_empty() {
            self.form_ahead();
        }
        let block = self.formed.pop_front()?;
        if block.is_err() {
            self.done = true;
            self.formed.clear();
        }
        Some(block.map(BlockBuf::Owned))
    }
}

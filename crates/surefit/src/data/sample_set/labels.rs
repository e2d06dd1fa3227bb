//! Rows with sets of labels, from each kind of file that has them: the columns of a table, lists in an svmlight file,
//! attributes of an ARFF file.

use super::{Answers, SampleSet, Storage};
use crate::data::classes::ClassList;
use crate::data::encode::{Encoded, Purpose, Recipe};
use crate::data::formula::nearest;
use crate::data::label_columns;
use crate::data::read::{ArffData, SparseData};
use crate::data::spool::Table;
use crate::error::{Error, Result};

impl SampleSet {
    /// A scanned table with the columns that the recipe was built from, whose targets are labels: 1 where the row has it,
    /// 0 where not.
    ///
    /// # Errors
    /// What [`Encoded::new`] refuses; a target that is neither 0 nor 1.
    pub fn of_label_table(table: &Table, recipe: &Recipe) -> Result<Self> {
        Self::labelled(table, recipe, &Encoded::new(table, recipe)?)
    }

    /// The same of another table, for a model that is fitted.
    ///
    /// # Errors
    /// What [`Encoded::with`] refuses; a target that is neither 0 nor 1.
    pub fn label_table_for_model(table: &Table, recipe: &Recipe) -> Result<Self> {
        Self::labelled(table, recipe, &Encoded::with(table, recipe, Purpose::Evaluate)?)
    }

    fn labelled(table: &Table, recipe: &Recipe, encoded: &Encoded<'_>) -> Result<Self> {
        let (mut set, _) = Self::read(table, recipe, encoded)?;
        let Answers::Values { y, names } = &set.answers else {
            return Err(Error::Internal("labels that are no numbers".to_owned()));
        };
        let sets = label_columns::sets(y.as_ref(), names, &|i| set.number(i))?;
        set.answers = Answers::Labels { names: names.clone(), sets };
        Ok(set)
    }

    /// The rows of an svmlight file that was read with [`label_lists`](crate::data::read::SvmlightOptions), for the labels
    /// of a model where they are known; otherwise those that occur.
    ///
    /// # Errors
    /// What [`Labels::sets`](crate::data::Labels::sets) refuses.
    pub fn of_label_lists(rows: SparseData, known: Option<&ClassList>, zero_based: bool) -> Result<Self> {
        let (list, sets) = rows.labels().sets(known)?;
        Ok(Self::sparse(rows, Answers::Labels { names: list.names().to_vec(), sets }, zero_based))
    }

    /// The recipe that finds the features, labels and weights of these rows by name in other data; missing features can be
    /// filled in with the weighted means of these.
    ///
    /// # Errors
    /// What [`Recipe::of_numbers`] refuses.
    pub fn recipe(&self, weights: Option<&str>) -> Result<Recipe> {
        let x = self.features()?;
        let (mut sums, mut total) = (vec![0.0; x.columns()], 0.0);
        for i in 0..x.rows() {
            let weight = self.weights.as_ref().map_or(1.0, |weights| weights[i]);
            total += weight;
            x.for_each_in_row(i, |j, value| sums[j] += weight * value);
        }
        let mean = |sum: f64| Some(sum / total).filter(|mean| mean.is_finite());
        let features: Vec<(String, Option<f64>)> = self.names().zip(sums.into_iter().map(mean)).collect();
        let (Answers::Labels { names: targets, .. } | Answers::Values { names: targets, .. }) = &self.answers
        else {
            return Err(Error::Internal("classes by the names of columns".to_owned()));
        };
        Recipe::of_numbers(&features, targets, weights)
    }

    /// The rows of an ARFF file, each with a set of labels and, where an attribute holds it, a weight.
    pub fn of_arff(data: ArffData) -> Self {
        let answers = Answers::Labels { names: data.labels().to_vec(), sets: data.sets().clone() };
        let (weights, rows_of_data) = (data.weights().map(<[f64]>::to_vec), data.rows());
        let notes = data.notes().to_vec();
        let storage = Storage::Arff(data);
        Self { storage, answers, weights, places: None, rows_of_data, notes }
    }

    /// The same rows without some labels, which are no features either.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that is no label, with the nearest one.
    pub fn drop_labels(mut self, dropped: &[String]) -> Result<Self> {
        let Answers::Labels { names, sets } = &mut self.answers else { return Ok(self) };
        if let Some(unknown) = dropped.iter().find(|name| !names.contains(*name)) {
            return Err(no_label(unknown, names));
        }
        let kept: Vec<usize> = (0..names.len()).filter(|k| !dropped.contains(&names[*k])).collect();
        *sets = sets.view().of_labels(&kept);
        names.retain(|name| !dropped.contains(name));
        Ok(self)
    }

    /// A weight for each label, 1 where none is given: see [`LabelRows::weighted`](crate::data::LabelRows::weighted).
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that is no label, with the nearest one.
    pub fn label_weights(&self, given: &[(String, f64)]) -> Result<Vec<f64>> {
        let Answers::Labels { names, .. } = &self.answers else { return Ok(Vec::new()) };
        let mut weights = vec![1.0; names.len()];
        for (name, weight) in given {
            let place = names.iter().position(|label| label == name);
            let Some(place) = place.and_then(|place| weights.get_mut(place)) else {
                return Err(no_label(name, names));
            };
            *place = *weight;
        }
        Ok(weights)
    }

    /// The names of the labels, where the targets are sets of such.
    pub fn label_names(&self) -> &[String] {
        match &self.answers {
            Answers::Labels { names, .. } => names,
            Answers::Classes { .. } | Answers::Values { .. } => &[],
        }
    }
}

fn no_label(name: &str, names: &[String]) -> Error {
    let near = nearest(name, names.iter().map(String::as_str));
    Error::Usage {
        what: format!("no label is called `{name}`"),
        hint: near.map_or_else(
            || "names are case-sensitive, and must be those of the labels in the data".to_owned(),
            |near| format!("did you mean `{near}`?"),
        ),
    }
}

//! Recipes of columns that are taken as they are: those of files that say themselves which columns are features.

use super::{Input, Missing, Recipe, Saved};
use crate::data::formula::{Variable, quoted};
use crate::data::table::ColumnKind;
use crate::error::Result;
use crate::model::ModelError;

impl Recipe {
    /// A recipe that finds columns of numbers by name: features, with their means where a missing value may be filled in,
    /// targets, and row weights. The intercept is there.
    ///
    /// # Errors
    /// [`ModelError::Unsaveable`] where a name is empty, or two are the same: nothing can be found by it.
    pub fn of_numbers(
        features: &[(String, Option<f64>)],
        targets: &[String],
        weights: Option<&str>,
    ) -> Result<Self> {
        let input = |(name, mean): (&str, Option<f64>)| Input {
            name: name.to_owned(),
            kind: ColumnKind::Number,
            levels: Vec::new(),
            mean,
        };
        let features = features.iter().map(|(name, mean)| (name.as_str(), *mean));
        let inputs: Vec<Input> = targets
            .iter()
            .map(|name| (name.as_str(), None))
            .chain(features.clone())
            .chain(weights.map(|name| (name, None)))
            .map(input)
            .collect();
        let unsaveable = |why: String| ModelError::Unsaveable { field: "columns".to_owned(), why };
        if inputs.iter().any(|input| input.name.is_empty()) {
            return Err(unsaveable("has an empty name, by which no column is found".to_owned()).into());
        }
        let list = targets.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
        let terms = features.map(|(name, _)| quoted(name)).collect::<Vec<_>>().join(" + ");
        let saved = Saved {
            formula: format!("[{list}] ~ 1 + {terms}"),
            inputs,
            weights: weights.map(str::to_owned),
            missing: Missing::Error,
            drop_reference: false,
            class_target: false,
        };
        Ok(Self::try_from(saved).map_err(|why| unsaveable(format!("cannot be told apart: {why}")))?)
    }

    /// The names of the columns that the design is made of, where each of its columns is one of numbers as it is.
    pub fn plain_columns(&self) -> Option<&[String]> {
        let plain = |term: &Vec<usize>| match term.as_slice() {
            [one] => match self.resolved.variables.get(*one) {
                Some(Variable::Column(input)) => !self.is_text(*input),
                _ => false,
            },
            _ => false,
        };
        self.resolved.terms.iter().all(plain).then_some(self.names.as_slice())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_any_name_come_back_in_their_order() {
        let features = ["b`c", "a", "1", "x y", "log", "ü*?"].map(|name| (name.to_owned(), Some(0.5)));
        let targets = ["[l]", "m,n", "C"].map(str::to_owned);
        let recipe = Recipe::of_numbers(&features, &targets, Some("how often")).unwrap();
        let names: Vec<String> = features.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!((recipe.names(), recipe.targets()), (names.as_slice(), targets.as_slice()));
        assert_eq!((recipe.weights(), recipe.plain_columns()), (Some("how often"), Some(names.as_slice())));
        let text = serde_json::to_string(&recipe).unwrap();
        assert_eq!(serde_json::from_str::<Recipe>(&text).unwrap(), recipe);
    }

    #[test]
    fn a_name_that_finds_nothing_is_refused() {
        let refused = |features: &[&str], targets: &[&str]| {
            let features: Vec<_> = features.iter().map(|name| ((*name).to_owned(), None)).collect();
            let targets: Vec<String> = targets.iter().map(|name| (*name).to_owned()).collect();
            Recipe::of_numbers(&features, &targets, None).unwrap_err().to_string()
        };
        insta::assert_snapshot!(
            [refused(&["a", ""], &["l"]), refused(&["a", "l"], &["l"]), refused(&["a", "a"], &["l"])]
                .join("\n")
        );
    }
}

//! Penalties of a ranking, compared on rows that the fits did not see.

use super::Rows;
use crate::args::Compare;
use crate::commands::fit_samples::{chosen, with_path_progress};
use crate::report::Choice;
use crate::screen::{Halt, Screen};
use surefit::data::Samples;
use surefit::data::scale::Scaling;
use surefit::fit::{By, Choose, SampleFit, SampleSettings, path_scaled};
use surefit::{Error, Problem, Result};

/// Penalties to choose from.
pub struct Search<'s> {
    pub penalties: &'s [f64],
    pub compare: Compare,
    pub by: By,
    pub scaling: &'s Scaling,
    pub settings: &'s SampleSettings,
}

impl Search<'_> {
    /// The problem in the user's units with the best of them, its answer, and what was compared.
    pub fn run(
        &self,
        samples: &Samples<'_>,
        problem: &Problem,
        held: Option<&(&str, Rows<'_>)>,
        screen: &Screen,
    ) -> Result<(Problem, SampleFit, Option<Choice>), Halt> {
        let choose = match (self.compare, held) {
            (Compare::Folds(count), _) => Choose::Folds(count),
            (_, Some((_, held))) => Choose::Held(held.samples()),
            (_, None) => return Err(Error::Internal("no rows to choose by".to_owned()).into()),
        };
        let Self { penalties, compare, by, scaling, settings } = *self;
        let (path, problem) = with_path_progress(screen, |watch| {
            path_scaled(samples, problem, scaling, penalties, (choose, by), settings, watch)
        })?;
        let choice = chosen(&path, penalties, compare, by.measure(), held.map(|(file, _)| *file));
        Ok((problem, path.fit, Some(choice)))
    }
}

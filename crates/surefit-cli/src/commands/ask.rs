//! What the flags of a problem and of gradient descent ask of the library: the same for `fit` and `lint`.

use crate::args::{Descent, Shrinkage, usage};
use surefit::data::encode::Recipe;
use surefit::fit::{Settings, Solver};
use surefit::solver::gradient_descent;
use surefit::{Intercept, LossKind, Problem, Result, Ridge};

/// The problem, in the units of `--scale`.
pub fn problem(loss: LossKind, lambda: f64, shrinkage: &Shrinkage, recipe: &Recipe) -> Result<Problem> {
    let intercept = match (recipe.intercept(), shrinkage.penalize_intercept) {
        (false, true) => {
            return Err(usage(
                "`--penalize-intercept` needs an intercept, and the formula asks for none".to_owned(),
                "leave out `- 1`, or leave out `--penalize-intercept`".to_owned(),
            ));
        }
        (false, false) => Intercept::Absent,
        (true, true) => Intercept::Penalized,
        (true, false) => Intercept::Free,
    };
    let factors = factors(&shrinkage.penalty_weight, recipe.names())?;
    Ok(Problem { loss, penalty: Ridge { lambda, factors }, intercept })
}

/// One factor a column; a name stands for a column of the design, or for all levels of a text column.
fn factors(wishes: &[(String, f64)], names: &[String]) -> Result<Option<Vec<f64>>> {
    if wishes.is_empty() {
        return Ok(None);
    }
    let mut factors = vec![1.0; names.len()];
    for (wish, factor) in wishes {
        let level = format!("{wish}=");
        let mut found = false;
        for (name, place) in names.iter().zip(&mut factors) {
            if name == wish || name.starts_with(&level) {
                *place = *factor;
                found = true;
            }
        }
        if !found {
            let near = names.iter().max_by(|a, b| strsim::jaro(a, wish).total_cmp(&strsim::jaro(b, wish)));
            return Err(usage(
                format!("`--penalty-weight`: no column `{wish}` in the design"),
                near.map_or_else(
                    || "the design has no columns".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                ),
            ));
        }
    }
    Ok(Some(factors))
}

/// The settings that all verbs share.
pub fn settings(descent: Option<Descent>, gap: f64, shrinkage: &Shrinkage, recipe: &Recipe) -> Settings {
    let solver = descent.map_or(Solver::Exact, |Descent { learning_rate, tolerance, max_iter, start }| {
        Solver::GradientDescent(gradient_descent::Settings {
            learning_rate,
            tolerance,
            max_iter,
            start,
            // The watcher keeps the time.
            time_limit: None,
        })
    });
    Settings {
        solver,
        gap,
        scale: shrinkage.scale.into(),
        scale_target: shrinkage.scale_target,
        columns: recipe.names().to_vec(),
        targets: recipe.targets().to_vec(),
        ..Settings::default()
    }
}

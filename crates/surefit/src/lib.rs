//! Linear models with proof.
//!
//! surefit fits a linear model and hands back either a *certificate*, how far the answer is at most from the
//! best possible one, or a *diagnosis*: a named cause, the number that shows it, and changes that were tried
//! before they are offered.
//!
//! # From a table to a certificate
//!
//! A [`Source`](data::read::Source) is a table that is not read yet: a file, standard input, or bytes in
//! memory. A [`Formula`](data::formula::Formula) says which columns are wanted. One scan reads them, and a
//! [`Recipe`](data::encode::Recipe) makes numbers of them, the same way again when predicting.
//!
//! ```
//! use surefit::data::encode::{EncodeOptions, Encoded, Recipe};
//! use surefit::data::formula::Formula;
//! use surefit::data::read::{ReadOptions, Source};
//! use surefit::fit::{Settings, Verdict, Watch, fit};
//! use surefit::{Intercept, LossKind, Problem, Ridge};
//!
//! let csv = "sales,temp\n215,14.2\n325,16.4\n185,11.9\n332,15.2\n406,18.5\n522,22.1\n";
//! let source = Source::from_bytes("sales.csv", csv.into(), &ReadOptions::default())?;
//! let wanted = Formula::parse("sales ~ temp")?.resolve(source.columns(), None)?;
//! let table = source.scan(&wanted.wants, &|_| true)?;
//! let recipe = Recipe::build(&wanted, &table, &EncodeOptions::default())?;
//! let rows = Encoded::new(&table, &recipe)?;
//!
//! let problem = Problem { loss: LossKind::Squared, penalty: Ridge::default(), intercept: Intercept::Free };
//! let line = fit(&rows, &problem, &Settings::default(), &Watch::SILENT)?;
//! assert_eq!(line.verdict, Verdict::Certified);
//! // There is a certificate unless the watcher interrupts its computation.
//! assert!(line.certificate.is_some_and(|proof| proof.relative_gap() < 1e-12));
//! let slope = line.candidate.coefficients.weights[(0, 0)]; // sales a degree
//! # let (n, t, s) = (6.0, 98.3, 1985.0);
//! # let (tt, ts) = (1673.91, 34678.1);
//! # assert!((slope - (n * ts - t * s) / (n * tt - t * t)).abs() < 1e-9, "{slope}");
//! # Ok::<(), surefit::Error>(())
//! ```
//!
//! # From a run that goes wrong to its cause
//!
//! Gradient descent gets the learning rate that it is given, and where that is wrong the cause is named:
//!
//! ```
//! use surefit::data::Design;
//! use surefit::diagnosis::Code;
//! use surefit::fit::{Settings, Solver, Verdict, Watch, fit};
//! use surefit::solver::gradient_descent;
//! use surefit::{Intercept, LossKind, Problem, Ridge};
//!
//! // Numbers in memory are rows too: x is n × d, y is n × c.
//! let temp = [14.2, 16.4, 11.9, 15.2, 18.5, 22.1];
//! let sales = [215.0, 325.0, 185.0, 332.0, 406.0, 522.0];
//! let rows = Design {
//!     x: faer::Mat::from_fn(6, 1, |row, _| temp[row]),
//!     y: faer::Mat::from_fn(6, 1, |row, _| sales[row]),
//!     x_low: None,
//!     weights: None,
//! };
//! let choices = gradient_descent::Settings {
//!     learning_rate: 0.01,
//!     tolerance: 1e-9,
//!     max_iter: 10_000,
//!     start: None,
//!     time_limit: None,
//! };
//! let settings = Settings {
//!     solver: Solver::GradientDescent(choices),
//!     columns: vec!["temp".to_owned()],
//!     targets: vec!["sales".to_owned()],
//!     ..Settings::default()
//! };
//! let problem = Problem { loss: LossKind::Squared, penalty: Ridge::default(), intercept: Intercept::Free };
//! let run = fit(&rows, &problem, &settings, &Watch::SILENT)?;
//! assert_eq!(run.verdict, Verdict::Failed);
//! let cause = run.diagnosis.ok_or(surefit::Error::Interrupted)?;
//! assert_eq!(cause.code, Code::Sf101); // the learning rate is above its stable limit
//! assert!(cause.remedies.iter().all(|remedy| remedy.proven));
//! # Ok::<(), surefit::Error>(())
//! ```
//!
//! # The map
//!
//! Data flows one way, and the modules are the rooms in that order:
//!
//! | module | what happens there |
//! |---|---|
//! | [`data`] | a file becomes a table, a formula makes it numeric [`Rows`](data::Rows): blocks of fixed length, in memory or not |
//! | [`problem`] | the objective, written once: loss, penalty, intercept |
//! | [`loss`] | value, gradient, second derivative and conjugate of a block of scores |
//! | [`gradcheck`] | a gradient against numbers, and the name of the mistake in it |
//! | [`oracle`] | all that an iterative solver asks of the data |
//! | [`solver`] | one module an algorithm; each returns a [`Candidate`](solver::Candidate) |
//! | [`certificate`] | how far a candidate, or anyone's coefficients, are from optimal at most |
//! | [`diagnosis`] | data, trace and stop become one named cause, with remedies; also `lint` and traces of other programs |
//! | [`inference`] | standard errors, t, p, intervals, R² |
//! | [`mod@fit`] | all of that, once: [`fit::fit`], [`fit::fit_samples`] and [`fit::lint`] |
//! | [`metrics`] | how well scores tell classes |
//! | [`model`] | save, load, predict |
//! | [`error`] | what can go wrong, as facts with ways out |
//! | [`num`] | twice the usual precision, and other tools of the trade |
//!
//! # Conventions
//!
//! `n` rows, `d` columns, `c` outputs; weights are d × c, scores n × c. The objective is the weighted *mean* loss
//! plus `½ λ ‖W‖²`, and the intercept is free of it. Coefficients are in the user's own units, whatever the
//! scaling. Every result has the same bits at any thread count and any size of the reader's chunks. Nothing
//! here prints, exits or panics on any input: see [`Error`].

pub mod certificate;
pub mod data;
pub mod diagnosis;
pub mod error;
pub mod fit;
pub mod gradcheck;
pub mod inference;
pub mod loss;
pub mod metrics;
pub mod model;
pub mod network;
pub mod num;
pub mod oracle;
pub mod problem;
pub mod solver;

pub use certificate::Certificate;
pub use error::{Error, Result};
pub use problem::{Coefficients, Intercept, LossKind, Problem, Ridge};

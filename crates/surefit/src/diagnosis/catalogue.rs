//! The pages of `surefit explain`: what each code means, how it is found, what to do, and when to let it be.
//!
//! The numbers in the examples are true ones; those of the sales data are held by tests.

mod classes;
mod gradient;
mod labels;
mod mix;

use super::Code;
use classes::{SF204, SF205, SF210};
use gradient::{SF301, SF302};
use labels::{SF208, SF209};
use mix::{SF401, SF402, SF403};

/// One page, in plain words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The code it explains.
    pub code: Code,
    /// The cause in a few words, as after a verdict.
    pub title: &'static str,
    /// What it means for the person who meets it.
    pub meaning: &'static str,
    /// The test, its threshold, and why it is there.
    pub detection: &'static str,
    /// A case with its numbers.
    pub example: &'static str,
    /// What to do, best first.
    pub remedies: &'static [&'static str],
    /// When it can be ignored.
    pub ignore: &'static str,
}

/// All codes that have a page, in order.
pub fn codes() -> impl Iterator<Item = Code> {
    PAGES.iter().map(|page| page.code)
}

/// The page of a code.
pub fn page(code: Code) -> &'static Page {
    match code {
        Code::Sf101 => &SF101,
        Code::Sf102 => &SF102,
        Code::Sf103 => &SF103,
        Code::Sf104 => &SF104,
        Code::Sf105 => &SF105,
        Code::Sf106 => &SF106,
        Code::Sf107 => &SF107,
        Code::Sf108 => &SF108,
        Code::Sf109 => &SF109,
        Code::Sf201 => &SF201,
        Code::Sf202 => &SF202,
        Code::Sf203 => &SF203,
        Code::Sf204 => &SF204,
        Code::Sf205 => &SF205,
        Code::Sf206 => &SF206,
        Code::Sf207 => &SF207,
        Code::Sf208 => &SF208,
        Code::Sf209 => &SF209,
        Code::Sf210 => &SF210,
        Code::Sf301 => &SF301,
        Code::Sf302 => &SF302,
        Code::Sf401 => &SF401,
        Code::Sf402 => &SF402,
        Code::Sf403 => &SF403,
    }
}

static PAGES: [&Page; 24] = [
    &SF101, &SF102, &SF103, &SF104, &SF105, &SF106, &SF107, &SF108, &SF109, &SF201, &SF202, &SF203, &SF204,
    &SF205, &SF206, &SF207, &SF208, &SF209, &SF210, &SF301, &SF302, &SF401, &SF402, &SF403,
];

static SF101: Page = Page {
    code: Code::Sf101,
    title: "learning rate above the stable limit",
    meaning: "Each step of gradient descent overshoots along the direction in which the loss is steepest, and lands \
        farther from the optimum than it was. The error there grows by the same factor in every step, so the loss \
        explodes to inf or NaN. Smaller data, more steps or another start do not help; the rate is too large for \
        this data in these units.\n\
        The limit is 2/L. L is the largest curvature of the loss: the largest eigenvalue of its Hessian, intercept \
        included. A large mean or a large unit of a column makes L large, as L grows with the square of the values.",
    detection: "Before and after a run: lr ≥ 2/L, with L computed from the data (loss = ½ mean r²; if your program uses \
        mean r², its L is twice as large and its limit half). There is no margin in this test: below 2/L descent \
        converges from every start, above it from none. Just below it the steepest direction keeps nearly all of its \
        error, and swings; where it is the slowest of all and the best rate, 2/(L + μ), takes half the steps, the rate is \
        said to be at the edge of the limit.\n\
        From a trace alone: the steps of the parameters, or the square roots of the changes of the loss, grow by a \
        factor ρ > 1 that is the same over three steps within 1 %. Then L = (1 + ρ)/lr, and the rate is (1 + ρ)/2 \
        times its limit, whatever it is. A loss that only grew until it was no number diverged too, without showing L.\n\
        From a trace with its parameters also the edge of the limit: in each of its last steps they move to and fro, and \
        keep 90 % or more of the move before, while the loss does not rise. With ρ ≤ 1 the part that they keep, \
        L = (1 + ρ)/lr again. Such a loss can be flat far from the optimum; only the parameters show it.",
    example: "sales.csv, sales on temp, lr 0.01: mean(temp) = 18.7 is 4.9 times its spread, so L = 364.46 and the limit is \
        0.005488. The error grows ×2.645 per step and overflows after 358 steps. With mean(temp) subtracted L is \
        14.75, the limit 0.1356, and the same rate reaches a relative gap of 1e-6 in 931 steps.",
    remedies: &[
        "Subtract the column means (--scale center), or standardise (--scale standardize); keep the rate. Predictions \
         still take raw values: the coefficients are folded back.",
        "Take the rate 1/L, which is printed. On raw data it works, but slowly (SF103).",
        "--solver exact: least squares needs no learning rate.",
    ],
    ignore: "Never: there is no answer. The exact one is printed beside the diagnosis.",
};

static SF102: Page = Page {
    code: Code::Sf102,
    title: "learning rate far below what the data allow",
    meaning: "The rate is so small that every direction crawls, also the steep ones. The loss falls smoothly and looks \
        healthy; it only needs ten, a hundred or a million times the steps that it should.",
    detection: "lr < 0.1/L, with L the largest curvature of the loss (see SF101). At 0.1/L even the steepest direction \
        loses only a tenth of its error in a step, and the best rate 2/(L + μ), μ the smallest curvature, needs \
        about a twentieth of the steps. In a trace with its parameters: the fastest direction ever seen loses less \
        than 10 % of its error in a step. Losses alone cannot show it, as a direction too flat for the rate and one at \
        the edge of 2/L shrink alike.\n\
        The steps left come from the tail: when the changes of the loss shrink by r per step, μ = (1 − √r)/lr, and \
        ln(gap/target)/(−ln r) steps are left.",
    example: "sales.csv with both columns brought onto 0 … 1, lr 0.01: the best rate is 1.484, 148 times more. A relative \
        gap of 1e-6 takes 11,860 steps at 0.01 and 149 steps at 1/L = 0.78.",
    remedies: &[
        "The best rate 2/(L + μ), which is printed; anything between a tenth of it and 2/L works.",
        "--solver exact.",
    ],
    ignore: "When the run is certified all the same: then it only took longer. Deliberately small rates as \
        regularisation (early stopping) are a choice; a penalty does the same with a proven answer.",
};

static SF103: Page = Page {
    code: Code::Sf103,
    title: "slow, because offsets or unequal scales make one direction much steeper",
    meaning: "The rate is as large as the steepest direction allows, and for the flattest direction it is far too small. \
        One rate has to serve both, and the number of steps grows with their ratio κ = L/μ. The loss falls quickly \
        at first and then seems to stand still far from the optimum, which looks like convergence and is none.\n\
        The usual cause is not the problem but its units: a column whose mean is many times its spread is nearly a \
        second intercept, and columns in very different units have very different curvatures.",
    detection: "0.1/L ≤ lr < 2/L, κ ≥ 100, and centring or standardising the columns makes κ at least ten times smaller. \
        Below κ = 100 some hundred steps do for any usual gap; a tenfold gain is the difference between a run and \
        a wait. κ is printed as it is, centred and standardised: the first drop is the offsets' share, the second \
        that of the units. What is left is correlation between the columns, which no scaling mends.\n\
        In a trace with its parameters: the fastest direction seen loses 10 % or more of its error in a step, and a \
        hundred times as much as the slowest. Losses alone cannot show it (see SF102).",
    example: "sales.csv, sales on temp, lr 0.005 for 10,000 steps: the loss stands at 614.82, 1.5 % above the optimum \
        605.68, and the line is sales = −138.2 + 29.0·temp instead of −159.5 + 30.1·temp. κ is 9,007; with \
        mean(temp) subtracted it is 14.7, and a few thousand steps at the same rate do.",
    remedies: &[
        "--scale center, or --scale standardize when the units differ too; the same rate is then enough, or the printed one.",
        "--solver exact, for which κ of this size is no obstacle.",
        "As many steps as the forecast says, if you must not touch the data.",
    ],
    ignore: "When only predictions inside the range of the data matter and the printed gap is good enough for you: then say so \
        with --gap.",
};

static SF104: Page = Page {
    code: Code::Sf104,
    title: "stopped too early: the tolerance is too loose",
    meaning: "The run stopped because the loss changed by less than the tolerance in one step. That is not the distance to \
        the optimum: where descent is slow, many tiny changes are still to come, and their sum is large.",
    detection: "The stop rule |Δf| ≤ tolerance was met, and the certificate shows a gap above the wanted one. With μ the \
        smallest curvature, a last change Δf leaves up to Δf / (2·lr·μ·(1 − lr·L/2)); so a gap of ε·f* needs a \
        tolerance of about 2·lr·μ·ε·f*. The printed one was forecast to do.\n\
        From a trace alone: its last change is the first within a power of ten, which looks like a tolerance, and more \
        than the wanted gap is left. With changes that shrink by a ratio r that is Δf·r/(1 − r), an estimate, and often \
        too small: a slower direction can hide beneath.",
    example: "sales.csv with both columns brought onto 0 … 1, lr 0.01, tolerance 1e-9: stops at step 7,743 with loss \
        0.0032917578 where 0.0032910014 is possible, a relative gap of 2.3e-4. A gap of 1e-6 needs a tolerance of \
        4.3e-12 and 11,860 steps.",
    remedies: &[
        "The printed tolerance. None is printed where the changes of the loss drown in its rounding before the gap is \
         reached, as they do near an exact fit.",
        "A larger rate or standardised columns: the same tolerance then means more.",
        "--solver exact, or any solver that stops by its gap.",
    ],
    ignore: "When the printed gap is good enough for you: then say so with --gap.",
};

static SF105: Page = Page {
    code: Code::Sf105,
    title: "divergence read as convergence",
    meaning: "The run ended in good order, with a finite loss and perhaps a message of success, but the loss is higher than \
        where it began, or than it had been. What stopped it was a limit or a rule that does not look at the \
        direction of change. Its answer is worse than its start.",
    detection: "The final loss is finite and above the first one, or more than 1 % above the best one. Full-batch descent \
        below its limit never climbs, so 1 % is room for rounding only. In a trace the same, and a loss that fell and then was \
        no number; where it grew by the same factor in every step, that is SF101, with the limit.",
    example: "sales.csv, sales on temp, lr 0.01, stopped after 50 steps: the loss is 2e47 after 88,251 at the start. Elsewhere \
        a library stopped after 11 epochs at a loss of 1e18 and reported convergence.",
    remedies: &[
        "Those of SF101: centre or standardise, or take the rate 1/L.",
        "Compare the final loss with the first one before believing any stop rule.",
        "--solver exact.",
    ],
    ignore: "For stochastic steps: a loss that wobbles by a few per cent around its level is noise of the sampling, and needs \
        decreasing steps rather than a smaller rate.",
};

static SF106: Page = Page {
    code: Code::Sf106,
    title: "beyond the precision or the range of floating-point numbers",
    meaning: "The stop rule asks for changes smaller than 64-bit numbers can show, or the steps have become so small that \
        adding them changes no parameter. From then on the run either never stops, or stops by chance.\n\
        Or the start is so far away that its loss is larger than any 64-bit number, and there is nothing to descend from.",
    detection: "The tolerance is below 4u·|f|, with u = 1.1e-16: rounding alone moves the loss by as much. Or the last step \
        left every parameter exactly as it was. Or the loss of the start overflows, from residuals of about 1e154 on. In \
        a trace: the last rows show no change that its printed digits or 64 bits could hold, while the rows before them \
        say that more was to come.\n\
        After an exact fit: the wanted gap is smaller than what the certificate can prove, which its own rounding and \
        the condition of the columns limit.",
    example: "sales.csv at its optimum has a loss of 605.679, whose rounding is 2.7e-13. A tolerance of 1e-13 is met when two \
        roundings happen to agree, not when the run has converged.",
    remedies: &[
        "The printed tolerance, which gives the wanted gap and is no smaller than rounding.",
        "A start near zero (leave out --start) instead of one a million times the answer, so that steps are not lost in \
         the last place, and instead of one whose loss overflows.",
        "--solver exact, which works in extended precision where the digits ask for it.",
        "For an exact fit, the gap that is proven, which is printed.",
        "Where powers of a column lie far from 0, the same curve in powers about a round number near its mean, poly(x - 2005, 7), \
         if its fit was certified.",
    ],
    ignore: "A tolerance of exactly 0 asks for as many steps as still change the loss, up to the iteration limit, and is not reported.",
};

static SF107: Page = Page {
    code: Code::Sf107,
    title: "32-bit numbers would lose this data's digits",
    meaning: "surefit computes in 64 bits and is not affected. A program that holds the same data in float32, as most \
        deep-learning libraries do, rounds every value to 7 digits. Where a column's mean is thousands of times its \
        spread, those digits are spent on the mean and little is left of what varies; where curvatures are far apart, \
        the rounding of the large ones drowns the small ones. The fit is then wrong without any message.",
    detection: "A column with |mean| above 1,000 spreads, which leaves fewer than 4 of 7 digits; or κ·6e-8 ≥ 0.01, when \
        coefficients computed in float32 carry errors of a per cent and more. (6e-8 is the unit roundoff of float32, κ \
        the ratio of the largest to the smallest curvature, intercept included.)",
    example: "A column of years and days such as 2021.004: mean 2,020, spread 0.3, ratio 6,700. float32 stores steps of 0.00012 \
        there, a twentieth of a day's 0.0027; a column of Unix times in seconds over one day has a ratio of 70,000 and \
        steps of 128 seconds.",
    remedies: &[
        "Subtract the mean in 64 bits before converting to 32.",
        "Keep the column in float64.",
        "Fit here and take the coefficients along.",
    ],
    ignore: "When nothing in your chain uses 32-bit numbers.",
};

static SF108: Page = Page {
    code: Code::Sf108,
    title: "ended on its way, and nothing else is wrong",
    meaning: "The run was on its way, at a sound rate on reasonable data, when the iteration or time limit ended it, or an \
        interrupt. This is the one case in which \"increase max_iter\" is right, and the number is known.",
    detection: "Stopped at a limit or by an interrupt, lr < 2/L, and none of SF102 to SF106 explains more. The number of steps is forecast from \
        the eigenvalues of the data and is exact to the step until rounding shows.\n\
        From a trace alone: it ends at a round number of steps, or while its error still shrinks by 10 % or more in a \
        step or would be small enough before as many steps again; their number is then an estimate from its last \
        changes.",
    example: "sales.csv with mean(temp) subtracted, lr 0.01, limit 500: a relative gap of 1e-6 takes 931 steps.",
    remedies: &[
        "--max-iter with the printed number.",
        "The best rate 2/(L + μ), when it saves half of the steps or more.",
        "--solver exact.",
    ],
    ignore: "When the printed gap is good enough for you: then say so with --gap.",
};

static SF109: Page = Page {
    code: Code::Sf109,
    title: "to and fro about a kink, or by steps on parts of the data",
    meaning: "The loss goes up and down and its best value no longer falls: the steps are too long for what is left. At a \
        kink a gradient does not shrink, so a step of fixed length jumps over it, back and forth. A step on part of the data \
        goes where that part wants, and does not shrink either. More steps of the same length do not help.",
    detection: "In the second half of the trace a quarter of the changes rise and a quarter fall, neighbours mostly in turn; the \
        band of the losses does not narrow by a third from its third to its last quarter; and neither the best loss nor the \
        mean falls by more than a tenth of the band. A smooth loss whose rate is below 2/L only falls, and one with \
        momentum narrows its band: neither is called this.",
    example: "The mean of |w + 1|, |w − 1| and |w − 3| by subgradient steps at rate 0.3 from w = 0.02: in the end the \
        loss is 1.36 and 1.34 in turn for ever, and the least is 1.3333.",
    remedies: &[
        "Steps that shrink: rate/√step reaches the optimum of a convex loss, slowly.",
        "Keep the best point of the run, or the mean of the last half of them, not the last one.",
        "surefit fit DATA FORMULA --loss hinge (or the loss in question): hinges are solved in their dual, which has no kinks, \
            and the answer is certified.",
    ],
    ignore: "When the band is narrower than what matters to you.",
};

static SF201: Page = Page {
    code: Code::Sf201,
    title: "missing, infinite, too large or too small numbers",
    meaning: "A sum with one NaN is NaN, so a single missing number spoils every coefficient, and with most programs without a \
        word. A row or column in which something is missing has to be left out or filled in, and only you know which \
        is honest.",
    detection: "Every value of every column in the formula is looked at while reading. The first row and column and the \
        count are printed. Empty cells, NA, NaN, null and ? are missing; inf and numbers beyond 1.8e308 are infinite.\n\
        After a fit: the loss is a mean of squares, which overflows from residuals of about 1e154 on, and \
        vanishes where residuals and targets are below 1e-140. There is an answer then, but nothing to measure it by.",
    example: "California housing: 207 of 20,640 rows have no total_bedrooms, the first in row 291. The formula \
        median_house_value ~ . is refused until --missing says what to do.",
    remedies: &[
        "--missing drop leaves out the rows, and says how many.",
        "--missing mean fills in the column's mean, which keeps the rows and weakens that column's coefficient.",
        "Leave the column out of the formula, or repair the file.",
        "Numbers that are too large or too small for squares: another unit, as in I(y / 1e200).",
    ],
    ignore: "Never: there is no number to compute with.",
};

static SF202: Page = Page {
    code: Code::Sf202,
    title: "constant column",
    meaning: "A column with the same value in every row is a multiple of the intercept. Nothing in the data tells how to share \
        between the two, so its coefficient is arbitrary. A column that is constant but for rounding is worse: programs \
        that do not notice have returned coefficients of ±3.2e11 for one.",
    detection: "The range of the column is 0, or at most 4 roundings (4 × 1.1e-16) of its largest value; or the solver finds \
        that what the column varies by is no more than the rounding of its numbers explains. Without an intercept a \
        constant column other than 0 is a proper column, and not reported.",
    example: "`country` encoded as 1 in every row, with an intercept in the formula.",
    remedies: &[
        "Leave the column out of the formula; predictions do not change.",
        "Keep it and write - 1 in the formula, if it is meant as the intercept.",
    ],
    ignore: "When only predictions matter: surefit gives the answer of smallest norm, and its predictions are unique.",
};

static SF203: Page = Page {
    code: Code::Sf203,
    title: "collinear columns",
    meaning: "One column can be computed from others, so infinitely many coefficients give the same predictions. Each of the \
        coefficients involved, its sign included, says nothing by itself.\n\
        Or almost: columns so close to collinear that the rounding of the values in the file, 1 in the sixteenth digit, \
        decides digits of the coefficients that would be printed. No program can get them back from the same file.",
    detection: "A pivoted factorisation of the columns, centred and brought to one length, finds a column whose remainder is \
        rounding, with an allowance that grows with the offset of the column. The relation comes from the same \
        factorisation and is printed in your names; where more than three columns depend on others, their number is, \
        with one relation (with more columns than rows there are always some). A large condition number alone does not fire: it is often an \
        artefact of units.\n\
        Almost collinear: the rounding of every value to 64 bits, carried through to the coefficients, leaves fewer than \
        nine digits, and a variance is inflated ten thousand times or more. Whole numbers, and powers that a formula \
        forms, carry no such rounding.",
    example: "x4 = 1.8·x3 + 32 in every row: the same temperature in Fahrenheit and in Celsius. Or one indicator column for \
        every level of a text column next to an intercept: they sum to 1.",
    remedies: &[
        "Leave one of the columns out of the formula.",
        "Powers of one column: poly(x, k) or I(x^2) in the formula instead of ready-made columns, as surefit then forms \
        them in twice the usual precision.",
        "A penalty (--penalty), which shares the effect among them and makes the coefficients unique.",
    ],
    ignore: "When only predictions on rows with the same relation matter: they are unique. surefit gives the coefficients of \
        smallest norm, and says so.",
};

static SF206: Page = Page {
    code: Code::Sf206,
    title: "another convention for the penalty",
    meaning: "Two programs solve the same kind of problem, and the same number λ means different things: the loss is a mean in \
        one and a sum in the other, the norm has a factor ½ or not, or the intercept is shrunk as well. The answers \
        differ, and neither is wrong.\n\
        Here: ½ mean r² + (λ/2)‖w‖², the intercept free.",
    detection: "The problem is solved again under λ, λ/n, 2λ, λ/2, 2λ/n, λ/(2n), nλ, 1/(nλ) and 1/λ, each with the intercept \
        free and shrunk. The convention whose coefficients agree with the given ones to 1e-6 of the largest is named. \
        Without a match nothing is said.",
    example: "(XᵀX + αI)⁻¹Xᵀy with α = 0.7, 25 rows and a column of ones in X: that is λ = 0.028 here, with the intercept \
        shrunk too.",
    remedies: &[
        "The printed conversion. scikit-learn Ridge: λ = alpha/n. C of LinearSVC or LogisticRegression: λ = 1/(n·C).",
        "--penalize-intercept, if you want to reproduce the other answer with its shrunken intercept.",
        "In the other program: leave the column of ones unpenalised, or centre columns and target first.",
    ],
    ignore: "When you do not compare with another program.",
};

static SF207: Page = Page {
    code: Code::Sf207,
    title: "a few rows decide",
    meaning: "The fit passes so close to some rows, or one value is so large, that the answer is about those rows and not \
        about the others. That can be right (one expensive house is a house) or a slipped decimal point; either way it \
        should be known before a number is defended.",
    detection: "Leverage hᵢᵢ ≥ 0.5 and at least three times the average (among few rows, but twice as many as parameters, \
        within a hundredth of the average's distance to 1): such a row determines its own prediction, whatever its target (1 means exactly). It does not look at the target. Or one row makes half of the squared residuals, or \
        half of a target's spread about its mean, with ten rows or more to spare.",
    example: "40 rows with a column of spread 1, and a 60 in row 17: its leverage is above 0.98, and the line along that column \
        goes through row 17.",
    remedies: &[
        "Look at the rows that are listed, and repair or explain them.",
        "Fit with and without them (a weight of 0 leaves a row out) and compare the coefficients.",
        "A logarithm of a column whose values span orders of magnitude: log(x) in the formula.",
    ],
    ignore: "When the rows are as they should be and are meant to count: an indicator of a level that occurs once always has \
        leverage 1.",
};

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;

    #[test]
    fn every_code_has_its_own_complete_page() {
        let all: Vec<Code> = codes().collect();
        assert_eq!(all.len(), PAGES.len());
        assert!(all.is_sorted() && all.windows(2).all(|pair| pair[0] != pair[1]));
        for code in all {
            let page = page(code);
            assert_eq!(page.code, code);
            for text in [page.title, page.meaning, page.detection, page.example, page.ignore] {
                assert!(!text.is_empty() && text.trim() == text && !text.contains("  "), "{code:?}: {text}");
            }
            assert!(!page.remedies.is_empty());
            let everything = [page.meaning, page.detection, page.example, page.ignore].join(" ");
            assert!(!everything.contains(" might "), "{code:?} is not sure");
        }
    }

    /// Every figure that the pages give for the sales data, from the data.
    #[test]
    fn figures_of_the_sales_data_are_true() {
        use crate::data::scale::Scale;
        use crate::diagnosis::cases::{Run, sales};
        use crate::diagnosis::forecast::Spectrum;
        use crate::diagnosis::words::{count, figure};
        let facts = Run::new(sales(), 0.01, 1e-9, 1).facts();
        let spectrum = |scale, target| {
            Spectrum::of(&facts.in_units(scale, target), &crate::diagnosis::cases::squared(), None).unwrap()
        };
        let (raw, centred, minmax) =
            (spectrum(Scale::None, false), spectrum(Scale::Center, false), spectrum(Scale::Minmax, true));
        let diverged = Run::new(sales(), 0.01, 1e-9, 10_000).descend();
        let short = Run::new(sales(), 0.01, 1e-9, 50).descend();
        let stopped = minmax.forecast(0.01, 1e-9, 20_000);
        let gap = 1e-6 * minmax.optimum();
        let claims = [
            (
                &SF101,
                vec![
                    figure(raw.largest(), 5),
                    figure(raw.limit(), 4),
                    format!("after {} steps", count(diverged.candidate.steps as u64)),
                    figure(centred.largest(), 4),
                    figure(centred.limit(), 4),
                    format!("{} steps", count(centred.steps_to_relative_gap(0.01, 1e-6).unwrap())),
                ],
            ),
            (
                &SF102,
                vec![
                    figure(minmax.best_rate(), 4),
                    format!("{} times more", figure(minmax.best_rate() / 0.01, 3)),
                    format!("{} steps at 0.01", count(minmax.steps_to_relative_gap(0.01, 1e-6).unwrap())),
                    format!(
                        "{} steps at 1/L",
                        minmax.steps_to_relative_gap(1.0 / minmax.largest(), 1e-6).unwrap()
                    ),
                ],
            ),
            (
                &SF103,
                vec![
                    figure(raw.loss_after(0.005, 10_000), 5),
                    figure(raw.optimum(), 5),
                    count(9007),
                    figure(centred.condition(), 3),
                ],
            ),
            (
                &SF104,
                vec![
                    count(stopped.steps),
                    figure(stopped.gap / minmax.optimum(), 2),
                    figure(minmax.tolerance_for_gap(0.01, gap).unwrap().0, 2),
                ],
            ),
            (&SF105, vec![figure(short.final_loss, 1), figure(short.first_loss, 5)]),
            (
                &SF106,
                vec![figure(raw.optimum(), 6), figure(4.0 * crate::num::UNIT_ROUNDOFF * raw.optimum(), 2)],
            ),
            (&SF108, vec![format!("{} steps", centred.steps_to_relative_gap(0.01, 1e-6).unwrap())]),
        ];
        let all = claims.iter().flat_map(|(page, claims)| claims.iter().map(move |claim| (page, claim)));
        let missing: Vec<_> = all
            .filter(|(page, claim)| !page.example.contains(*claim))
            .map(|(page, claim)| (page.code, claim))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}

//! The pages on fits of label sets.

use super::Page;
use crate::diagnosis::Code;

pub(super) static SF208: Page = Page {
    code: Code::Sf208,
    title: "labels without a finite intercept",
    meaning: "The intercept of a label says how often it comes, against the others. A label that no row has wants to be \
        below all others by as much as can be, so its best intercept is −∞, and one that every row has wants +∞. The \
        same holds for labels in a group: where every row that has one of some labels has all of some others, the others \
        are never put below them, and nothing holds the two groups together. Coefficients have a penalty and stay finite; \
        the intercept that is printed is where the fit was near enough. There is no best answer, so none is certified, \
        though the bound on the gap to the least value holds.",
    detection: "With a free intercept and a loss of pairs: a graph with an edge from label l to label k where some row has k \
        and not l. Intercepts are finite exactly where each label is reached from every other. For a loss that compares \
        labels with 0, a label in no row or in every row. There is no threshold; rows of weight 0 do not count.",
    example: "Four rows with the labels {0}, {1}, {0, 1, 2} and {0, 1, 3}: each label is in some row and missing in \
        another. But whoever has 2 or 3 has 0 and 1, so 0 and 1 are above 2 and 3 in every row that compares them.",
    remedies: &[
        "--drop-label NAME: leave the label out, and predict how often it comes: never, or always.",
        "--penalize-intercept: the best intercept is finite, and shrunk.",
        "Rows in which the order is the other way round, where there are such.",
    ],
    ignore: "When only the order of the other labels matters: the bound holds, for the objective tends to its least value as \
        the intercept goes on.",
};

pub(super) static SF209: Page = Page {
    code: Code::Sf209,
    title: "rows without a pair of labels",
    meaning: "A loss of pairs compares each label that a row has with each one that it has not. A row without any label, or \
        with all of them, has no such pair. Its loss is 0 whatever its scores are: it says nothing of the model. In a \
        double loop that divides by the number of pairs it is 0/0, and NaN from there on.",
    detection: "Rows of a weight above 0 with no label, and with every label, counted. What the sum of the losses is divided \
        by is stated with it, for the same penalty weighs more against a mean over more rows.",
    example: "Weights 2, 1, 1.5 and 1 for rows with the labels none, {0}, {0, 1, 2} and {1, 2} of three: the first and the \
        third have no pair. The sum of the losses is divided by 5.5, or by 2 where they are left out.",
    remedies: &[
        "--divisor usable: the mean over the rows with a pair. With the penalty times all rows over these the answer is the same.",
        "--loss zlpr compares labels with 0 as well, so that such rows count.",
        "Where a missing answer was read as no label: leave those rows out.",
    ],
    ignore: "When rows without a label are what they are. Check the divisor when you compare with another program.",
};

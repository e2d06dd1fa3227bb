//! The pages on fits of classes.

use super::Page;
use crate::diagnosis::Code;

pub(super) static SF204: Page = Page {
    code: Code::Sf204,
    title: "separable classes and no penalty",
    meaning: "When some linear model gives every row its own class, the same model times two is better still, and times a \
        thousand better again: the loss falls towards 0 and is never there. There is no best answer to come to. What a \
        program prints then is where it gave up. It is the same when some rows lie on the boundary, where classes tie, \
        and all others on their own side (quasi-separation): a column that is 1 for rows of one class alone is enough, \
        or one class of three that stands apart.",
    detection: "With --penalty 0 and a logistic loss, a direction is sought that puts no rival above a row's own class and \
        some below it: the sum of all differences of own and rival scores, projected onto the cone of such directions, is 0 \
        only where there is none. The weights that are found are judged by plain arithmetic: each margin is above 0, or \
        on the boundary, by the rounding of its scores. Beyond 400 weights hinges with ever smaller penalties are \
        tried in place of the cone, which find whole separations only. A squared hinge is 0 where margins are wide \
        enough, so it has a best model, and this code is not for it.",
    example: "Setosa against the other irises: its petals are at most 1.9 cm long, those of the others at least 3 cm. \
        Any threshold in between makes no error, and the steeper the curve through it, the smaller the loss. So softmax \
        has no optimum on the three irises either: versicolor and virginica tie on the boundary.",
    remedies: &[
        "Any penalty above 0: there is exactly one best answer. 1/n is the usual one.",
        "Fewer columns, where one of them gives the class away: an identifier, or something known only afterwards.",
    ],
    ignore: "Never: without a penalty there is no answer. When only the classes matter, any separating weights do.",
};

pub(super) static SF205: Page = Page {
    code: Code::Sf205,
    title: "labels of the wrong kind",
    meaning: "The column on the left of the formula does not hold classes that a model can learn, or not those that it has \
        learnt: one class alone leaves nothing to tell apart, a class that no row was fitted with can never be predicted, \
        and a column that measures something has as many classes as values. How classes are written does not matter: 0 \
        and 1, −1 and 1, or texts are the same two classes.",
    detection: "One different label among the rows that count. A label in --test, or in rows that a model is certified \
        on, that is none of the model's classes. More than 1,000 different labels; or 10 or more different numbers \
        in less than twice as many rows, where the formula does not say `C(y)`. For a loss of numbers, a label that is none. \
        For a ranking of labels, a column on the left that holds anything but 0 and 1.",
    example: "`surefit fit data/sales.csv 'sales ~ temp' --loss hinge`: the 12 rows have 12 different sales, each of which \
        would be a class of its own.",
    remedies: &[
        "A quantity needs a loss for numbers: --loss squared, or --loss huber.",
        "Numbers that are classes all the same: `C(y) ~ …`.",
        "A class that is new in --test: fit with rows of it, or leave its rows out of the test.",
        "One class: add rows of another one.",
        "Labels of a ranking: a column of 1 and 0 for each, or their lists in an svmlight file.",
    ],
    ignore: "Never: the loss would be that of another question.",
};

pub(super) static SF210: Page = Page {
    code: Code::Sf210,
    title: "no penalty, so nothing bounds the gap",
    meaning: "A certificate needs to know how strongly the objective rises around its lowest point. For least squares the \
        data say so. For other losses a penalty does; without one the optimum may be far away, or nowhere, however small \
        the gradient is.",
    detection: "The certificate of a fit with --penalty 0 and another loss than the squared one rests on nothing but \
        that a loss is not below 0.",
    example: "A logistic fit whose gradient was small enough to suggest a gap of 0.46 was 0.60 above the optimum.",
    remedies: &[
        "A small penalty, such as --penalty 1e-6, which has a certificate. How much it changes the answer depends on the units: \
        coefficients of narrow columns are large, and shrink first.",
    ],
    ignore: "When you only want the fit of another program again: the solver came as far as rounding lets it.",
};

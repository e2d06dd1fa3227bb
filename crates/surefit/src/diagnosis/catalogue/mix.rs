//! Mixes that cannot be, that are not proven, and that are not the only ones.

use super::Page;
use crate::diagnosis::Code;

pub(super) static SF401: Page = Page {
    code: Code::Sf401,
    title: "no mix keeps the limits",
    meaning: "The limits contradict each other: no weights keep all of them, however far the mix is from the target. That is \
        a fact about the limits alone; the data have no part in it.",
    detection: "By arithmetic: the greatest weights of as many inputs as may be used do not reach the sum, or the least weights \
        of those that must be used exceed it, and so on through groups and constraints. Where no such line of arithmetic \
        shows it, the search has gone through every case, and limits are left out one after the other until what is \
        left contradicts itself and nothing less does.",
    example: "At most 3 inputs of at most 0.3 each reach 0.9, and the weights have to sum to 1. With --high 0.3334, or with \
        --at-most 4, there are mixes.",
    remedies: &[
        "The least change that is printed: one limit, with the number from which on there is a mix.",
        "Leave out a limit that is not meant: a group, --must, --at-most.",
    ],
    ignore: "Never: there is no mix to be had.",
};

pub(super) static SF402: Page = Page {
    code: Code::Sf402,
    title: "stopped before the proof was complete",
    meaning: "The mix keeps every limit and is the best one found, and it is at most the stated gap above the best possible \
        one. The search was stopped, by the time limit or by Ctrl-C, before the gap was as small as was asked for, or \
        ended by itself because rounding leaves the last cases a little below it. The mix is often the best one already: the last part of a search finds nothing better, and proves that.",
    detection: "The gap, (objective − bound)/objective, is above the one that was asked for when the search ends. The bound is \
        the lowest of all cases that were not gone through: no mix has a lower objective.",
    example: "Many inputs that follow a few common factors: the mix of the first second is hardly improved later, while \
        the gap shrinks only as the cases are gone through.",
    remedies: &[
        "More time: the same command with a longer --time-limit goes on to the proof.",
        "A wider --gap, such as 1e-2, when the proof of the last digits is not worth the wait: the gap that is printed \
         would have been certified.",
        "Fewer choices: --at-most, --never for inputs that are out of the question, or a greater --low, which leaves \
         room for fewer inputs.",
    ],
    ignore: "When the gap that is printed is small enough for what the mix is for.",
};

pub(super) static SF403: Page = Page {
    code: Code::Sf403,
    title: "other inputs do as well",
    meaning: "Another choice of inputs comes as close to the target, within the gap that was asked for. Which of them is \
        printed first is a matter of digits, and says nothing about the inputs.",
    detection: "With --alternatives k: the objective of the next best choice of inputs is above that of the best by at most the \
        wanted gap, relative to it.",
    example: "Two columns with the same values: what one of them does, the other does as well.",
    remedies: &[
        "Look at the choices that are listed, and take the one that suits for other reasons.",
        "--never or --must to decide between two inputs; --ridge for a preference for even weights.",
        "A smaller --gap, if differences of that size matter.",
    ],
    ignore: "When any of the mixes will do.",
};

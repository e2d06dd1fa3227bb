//! The pages on losses and gradients that others have written.

use super::Page;
use crate::diagnosis::Code;

pub(super) static SF301: Page = Page {
    code: Code::Sf301,
    title: "wrong gradient",
    meaning: "The gradient is not that of the loss it is used with. Descent on it still moves, often even downhill, and ends \
        somewhere that is not the optimum, without any message. A wrong gradient is best found before it is used.",
    detection: "Every entry is compared with the difference of two values of the loss, from points on both sides: a linear \
        piece is measured on the longest step that meets no kink, a smooth loss on several steps that are \
        extrapolated. At a kink everything between the slopes of both sides is right. An entry that is off by less \
        than a millionth of the terms it is the sum of is right too: it was written in few digits.\n\
        The mistake is named by writing the gradient as a·P + b·T + c·W: P is what classes other than a row's own \
        give, T what its own gives, W the parameters. Right is (1, 1, λ), and each way to be wrong has numbers of its own: \
        (n, n, λ) was not averaged, (1, 1, 0) has no penalty, (1, 0, λ) forgot the row's own class. Transposed, shifted by a \
        class, and an intercept that is penalised or left out are compared with what they would give. A name is given \
        only where it explains every gradient that was handed in.",
    example: "The hinge of Weston and Watkins, a row with 2 violated margins: its own column gets −2·x. A 0/1 matrix that is \
        multiplied with Xᵀ without the row sums gives (1, 0, λ); one with −1 in the place of the row sum is right for every row \
        that violates one margin and wrong for the others.",
    remedies: &[
        "The line that is printed: with it the gradients that were handed in become right.",
        "surefit explain-gradient DATA FORMULA --row I shows one row's share with its numbers.",
        "Check at several points, of which W = 0 is not the only one: there a wrong penalty does not show.",
    ],
    ignore: "Never, unless the loss that was named is not the one that was meant: another margin, λ or convention is another \
        loss.",
};

pub(super) static SF302: Page = Page {
    code: Code::Sf302,
    title: "loss not convex, or not bounded below",
    meaning: "A certificate stands on two things: that the loss lies below its chords, so that a bound at one point holds \
        everywhere, and that it does not fall for ever, so that there is a best answer at all. A loss without them can be \
        descended on, but where a run ends says nothing of what is best. A sign that is wrong is the usual reason.",
    detection: "A loss that is given as a function is asked for values (`surefit::gradcheck::probe`): at the middle of two \
        points it must not be above the mean of their values, by more than rounding; and from a point outwards, ten times \
        as far each time up to 10⁸, it must not fall by as much again as the distance grows. The points are random and \
        the same each time. What is found is a proof; that nothing is found is none. The losses that surefit has \
        itself are convex and not below 0; of a network with a hidden layer (`--hidden`) they are not convex in its weights.",
    example: "A logistic loss whose author wrote −log(1 + e^{−m}): between the scores −2 and 2 the middle lies 0.434 above the mean of \
        the ends.",
    remedies: &[
        "Look for the sign: a likelihood is made as large as possible, a loss as small.",
        "A loss that is not convex by intention has no certificate here.",
        "A loss that falls for ever needs what keeps it: a penalty whose square outgrows it, or a bound on the parameters.",
    ],
    ignore: "When no certificate is wanted, and any point with a small gradient will do.",
};

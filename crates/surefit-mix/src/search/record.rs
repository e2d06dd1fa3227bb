//! The tree as it was searched, for a certificate that others can check.

use crate::core::Kind;

/// What happened at a node, in order; the last step ends it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// Inputs were decided, because the bound of this dual point excludes the other choice.
    Fixed(Vec<(u32, Kind)>, Witness),
    /// Inputs were decided because the limits leave no choice.
    Forced(Vec<(u32, Kind)>),
    /// An input was decided both ways: the nodes of out and in.
    Branched(u32, u32, u32),
    /// The bound of this dual point is above the cutoff.
    Closed(Witness),
    /// The limits leave no mix.
    Empty,
}

/// A dual point that lasts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Witness {
    /// The point's numbers other than 0, with their places.
    pub point: Vec<(u32, f64)>,
    /// Multipliers of the rows.
    pub multipliers: Vec<f64>,
}

impl Witness {
    pub(crate) fn new(dual: crate::bound::Dual<'_>) -> Self {
        let numbers = dual.point.iter().zip(0_u32..).filter(|(x, _)| **x != 0.0);
        Self { point: numbers.map(|(&x, j)| (j, x)).collect(), multipliers: dual.multipliers.to_vec() }
    }
}

/// Steps by node; empty where no tree is kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// Steps of each node.
    pub nodes: Vec<Vec<Step>>,
    /// Whether to keep anything.
    pub keeps: bool,
}

impl Record {
    pub(crate) fn new(keeps: bool) -> Self {
        Self { nodes: vec![Vec::new()], keeps }
    }

    /// A new node; 0 where no tree is kept.
    pub(crate) fn node(&mut self) -> u32 {
        if !self.keeps {
            return 0;
        }
        self.nodes.push(Vec::new());
        u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX)
    }

    /// Adds a step to a node.
    pub(crate) fn step(&mut self, node: u32, step: impl FnOnce() -> Step) {
        if self.keeps
            && let Some(steps) = self.nodes.get_mut(node as usize)
        {
            steps.push(step());
        }
    }

    /// Takes over what a task recorded: its node 0 is `root` here. Returns where its other nodes are now.
    pub(crate) fn graft(&mut self, root: u32, task: Self) -> impl Fn(u32) -> u32 {
        let base = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let place = move |node: u32| if node == 0 { root } else { base + node - 1 };
        if self.keeps {
            for (k, mut steps) in task.nodes.into_iter().enumerate() {
                for step in &mut steps {
                    if let Step::Branched(_, out, into) = step {
                        (*out, *into) = (place(*out), place(*into));
                    }
                }
                if k == 0 {
                    if let Some(own) = self.nodes.get_mut(root as usize) {
                        own.extend(steps);
                    }
                } else {
                    self.nodes.push(steps);
                }
            }
        }
        place
    }
}

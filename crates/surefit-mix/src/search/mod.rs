//! The search: a tree of decisions, each node bounded by its relaxation, each leaf closed by the certificate's bound.
//!
//! Rounds: the open nodes with the lowest bounds are shared out as tasks, each of which dives below its node with
//! what was known when the round began; what they found is taken over in order. So the tree is the same at any number
//! of threads.

pub(crate) mod branching;
pub(crate) mod heuristics;
pub(crate) mod norms;
pub(crate) mod pool;
pub(crate) mod record;
pub(crate) mod relaxation;
mod task;

use branching::Costs;
use pool::Pool;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use record::Record;
use relaxation::{Ground, Relaxation};
use task::Task;

/// What a value computed along the path may be off by, relatively: no node is closed for it.
const SLACK: f64 = 1e-9;

/// Tasks of a round, and nodes of a task.
const TASKS: usize = 16;
const NODES: usize = 64;

/// An open node, compact: its state is computed anew when its turn comes.
#[derive(Clone, Debug)]
pub(crate) struct Node<P> {
    /// No mix below it is better.
    pub bound: f64,
    /// Decides between equal bounds.
    pub number: u64,
    /// Where its steps are recorded.
    pub record: u32,
    /// Decisions, and where the relaxation stands.
    pub packed: P,
}

/// How far the search is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub nodes: u64,
    pub open: usize,
    pub value: f64,
    pub bound: f64,
}

/// What the search found.
pub(crate) struct Found {
    pub pool: Pool,
    /// No mix that is not in the pool has a lower objective.
    pub bound: f64,
    pub nodes: u64,
    pub record: Record,
    /// Whether the whole tree was searched.
    pub complete: bool,
}

/// Searches below `root`. `memory` is the number of open nodes from which on the search goes into depth.
pub(crate) fn search<R: Relaxation>(
    ground: &Ground<R>,
    root: &R::State,
    mut pool: Pool,
    keeps: bool,
    memory: usize,
    go_on: &(dyn Fn(Standing) -> bool + Sync),
) -> Found {
    let mut record = Record::new(keeps);
    let packed = ground.relaxation.pack(root);
    let first = ground.relaxation.value(root);
    let mut open = vec![Node { bound: first - SLACK * first.abs(), number: 0, record: 0, packed }];
    let mut costs = Costs::new(ground.form.n);
    let (mut nodes, mut closed) = (0, f64::INFINITY);
    loop {
        // Best first: the lowest bounds are at the end. Above the memory's limit the deepest are: they came last.
        if open.len() < memory {
            open.sort_by(|a, b| b.bound.total_cmp(&a.bound).then(b.number.cmp(&a.number)));
        }
        let lowest = open.iter().map(|node| node.bound).fold(f64::INFINITY, f64::min);
        let standing = Standing {
            nodes,
            open: open.len(),
            value: pool.best().map_or(f64::INFINITY, |best| best.value),
            bound: lowest.min(closed),
        };
        if open.is_empty() || !go_on(standing) {
            let complete = open.is_empty();
            return Found { pool, bound: lowest.min(closed), nodes, record, complete };
        }
        let taken = open.split_off(open.len().saturating_sub(TASKS));
        let done: Vec<(u32, Task<'_, R>)> = taken
            .into_par_iter()
            .map(|node| {
                let mut task = Task::new(ground, &costs, &pool, keeps);
                task.run(&node, root.clone(), NODES, &|| go_on(standing));
                (node.record, task)
            })
            .collect();
        for (at, task) in done.into_iter().rev() {
            nodes += task.nodes;
            closed = closed.min(task.closed);
            costs.learn(&task.costs);
            pool.merge(task.pool);
            let place = record.graft(at, task.record);
            open.extend(task.open.into_iter().map(|node| Node { record: place(node.record), ..node }));
        }
    }
}

"""Losses of label sets: value and gradient of BP-MLL, and fits of yeast, bibtex and delicious, certified, one thread,
beside SciPy's L-BFGS on the same objective. The data lie in SUREFIT_DATA; without them no fit is measured.

The peers of the kernel are what people write in NumPy, and number by number as in C. SciPy's time is that at which it
reached surefit's objective, as near as surefit's bound is; where it did not within the limit, the limit stands there.
"""

import gzip
import os
import sys
import time
import xml.etree.ElementTree as ET

for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = "1"

import re
import tempfile

import numpy as np
import scipy
from common import DATA, engine, spread, write
from scipy import sparse
from scipy.optimize import minimize

FOLDER = DATA / "multilabel"
REPEATS = 3
# Seconds of the processor that the peer has; 0 leaves it out.
LIMIT = float(os.environ.get("RANKING_LIMIT", 90))
ROWS = 256

# labels, goal.
KERNELS = [(18, "≤ 0.01 ms"), (1000, "≤ 0.2 ms")]
# data, loss, λ, wanted gap, goal, runs.
FITS = [
    ("yeast", "bpmll", 1e-3, 1e-9, "≤ 0.06 s", 5),
    ("bibtex", "bpmll", 1e-3, 1e-6, "≤ 3 s, certified", 2),
    ("delicious", "bpmll", 1e-3, 1e-6, "≤ 30 s, certified", 1),
]


def outer(z, labels):
    """All pairs of all rows, as an outer product with a mask."""
    pairs = labels.sum(1) * (~labels).sum(1)
    mask = labels[:, :, None] & ~labels[:, None, :]
    powers = np.where(mask, np.exp(z[:, None, :] - z[:, :, None]), 0.0) / pairs[:, None, None]
    return powers.sum(), powers.sum(1) - powers.sum(2)


def factorised(z, labels):
    """Two sums a row, measured from the largest exponent of each side."""
    own = np.where(labels, -z, -np.inf)
    others = np.where(labels, -np.inf, z)
    own_top, other_top = own.max(1, keepdims=True), others.max(1, keepdims=True)
    own, others = np.exp(own - own_top), np.exp(others - other_top)
    own_sum, other_sum = own.sum(1, keepdims=True), others.sum(1, keepdims=True)
    pairs = (labels.sum(1) * (~labels).sum(1))[:, None]
    loss = np.exp(own_top + other_top) * own_sum * other_sum / pairs
    return loss.sum(), loss * (others / other_sum - own / own_sum)


def least(run, repeats):
    """The least seconds of the processor, and the result."""
    times = []
    for _ in range(repeats):
        start = time.process_time_ns()
        result = run()
        times.append((time.process_time_ns() - start) / 1e9)
    return min(times), result


def kernel(labels, goal):
    rng = np.random.default_rng(1)
    z, sets = rng.uniform(-2, 2, (ROWS, labels)), rng.random((ROWS, labels)) < 0.3
    sets[:, 0], sets[:, 1] = True, False
    # All pairs of 1000 labels are 2 GB a matrix: a few rows tell, as each costs the same.
    some = ROWS if labels < 100 else ROWS // 16
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        z.tofile(f"{folder}/z")
        sets.astype(float).tofile(f"{folder}/labels")
        last = lambda: engine("kernel", f"{folder}/z", f"{folder}/labels", labels, "bpmll", 500)
        peers = {
            "NumPy, outer product": (3 if labels > 100 else 20, lambda: outer(z[:some], sets[:some]), ROWS / some),
            "NumPy, two sums": (200 if labels < 100 else 20, lambda: factorised(z, sets), 1),
            "number by number, the library's exp": (0, None, 1),
        }
        for called, (repeats, run, share) in peers.items():
            ours, theirs = [], []
            for _ in range(REPEATS):
                found = last()
                ours.append(1e3 * found["seconds"])
                if run is None:
                    took, value = found["scalar_seconds"], found["scalar_value"]
                else:
                    took, (value, _) = least(run, repeats)
                    value = value if share == 1 else float("nan")
                theirs.append(1e3 * took * share)
            rows.append({
                "what": f"BP-MLL and gradient, {ROWS} × {labels}, f64, one thread, beside {called}",
                "unit": "ms",
                "surefit": spread(ours)["median"],
                "peer": called + ("" if share == 1 else f", {some} rows × {share:g}"),
                "theirs": spread(theirs)["median"],
                "ratio": spread([a / b for a, b in zip(ours, theirs)]),
                "goal": goal,
                "quality": f"value {found['value']:.12g}" + ("" if value != value else f", peer {value:.12g}"),
            })
    return rows


def arff(name):
    """Features, sparse or in units of their deviations, and labels: Mulan's files have the labels last."""
    labels = [label.attrib["name"] for label in ET.parse(FOLDER / f"{name}.xml").getroot()]
    text = gzip.open(FOLDER / f"{name}-train.arff.gz", "rt").read()
    at = re.search(r"@data", text, re.I)
    columns = len(re.findall(r"^@attribute", text[: at.start()], re.I | re.M))
    lines = [line for line in text[at.end() :].split("\n") if line.strip()]
    if lines[0].startswith("{"):
        entries = [[pair.split() for pair in line.strip("{} \r").split(",") if pair] for line in lines]
        indptr = np.cumsum([0, *map(len, entries)])
        indices = np.array([int(j) for row in entries for j, _ in row])
        values = np.array([float(x) for row in entries for _, x in row])
        table = sparse.csr_matrix((values, indices, indptr), (len(lines), columns))
        x, y = table[:, : -len(labels)].tocsr(), table[:, -len(labels) :].toarray() > 0.5
        return x, y
    table = np.array([line.split(",") for line in lines], float)
    x, y = table[:, : -len(labels)], table[:, -len(labels) :] > 0.5
    return (x - x.mean(0)) / x.std(0), y


class Reached(Exception):
    pass


def peer(x, y, penalty, wanted):
    """SciPy's L-BFGS on the factorised loss: seconds of the processor until it is at `wanted`, and where it was then."""
    n, d, c = *x.shape, y.shape[1]
    paired = (y.sum(1) > 0) & (y.sum(1) < c)
    x, y = x[paired], y[paired]
    turned = x.T.tocsr() if sparse.issparse(x) else x.T
    start = time.process_time()
    best = [np.inf, 0.0, 0]

    def objective(at):
        w, b = at[: d * c].reshape(d, c), at[d * c :]
        loss, g = factorised(x @ w + b, y)
        value = loss / n + 0.5 * penalty * (w * w).sum()
        used = time.process_time() - start
        if value < best[0]:
            best[:2] = [value, used]
        best[2] += 1
        if value <= wanted or used > LIMIT:
            raise Reached
        return value, np.concatenate([(turned @ g / n + penalty * w).ravel(), g.sum(0) / n])

    try:
        minimize(objective, np.zeros(d * c + c), jac=True, method="L-BFGS-B", options={"maxiter": 10**5, "maxfun": 10**6, "ftol": 0, "gtol": 0})
    except Reached:
        pass
    return best


def fit(name, loss, penalty, gap, goal, repeats):
    ours = [engine("ranking", FOLDER, name, loss, penalty, gap, "auto", 1) for _ in range(repeats)]
    last = ours[-1]
    times = [run["cpu"] for run in ours]
    x, y = arff(name)
    if LIMIT > 0:
        value, used, evaluations = peer(x, y, penalty, last["objective"] * (1 + gap))
        reached = value <= last["objective"] * (1 + gap)
        theirs = used if reached else LIMIT
        said = f"; peer {'reached it' if reached else f'did not reach it within {LIMIT:.0f} s'}: {value:.10g},"
        said += f" {(value - last['bound']) / value:.1e} above the bound, {evaluations} evaluations"
    else:
        theirs, said = float("nan"), ""
    return {
        "what": f"{loss}, {name}, {x.shape[0]:,} × {x.shape[1]:,}, {y.shape[1]} labels, λ = {penalty:g}, gap {gap:g}, one thread, CPU time",
        "unit": "s",
        "surefit": spread(times)["median"],
        "peer": "SciPy L-BFGS" if LIMIT > 0 else "none",
        "theirs": theirs,
        "ratio": spread([time / theirs for time in times]),
        "goal": goal,
        "quality": f"{'certified' if last['certified'] else 'NOT certified'}: objective {last['objective']:.10g}"
        f" (gap {last['relative_gap']:.1e}){said}; ranking loss {last['ranking_loss']:.4f};"
        f" peak memory {(last['data_bytes'] + last['more_bytes']) / 2**20:.0f} MiB,"
        f" of which the rows {last['data_bytes'] / 2**20:.0f} and their scores once {last['score_bytes'] / 2**20:.0f}",
    }


def main():
    wanted = sys.argv[1:]
    rows = []
    if not wanted or "kernel" in wanted:
        for labels, goal in KERNELS:
            rows += kernel(labels, goal)
    if FOLDER.exists():
        for name, *question in FITS:
            if not wanted or name in wanted:
                rows.append(fit(name, *question))
                print(rows[-1]["what"], f"{rows[-1]['surefit']:.3g} s;", rows[-1]["quality"], flush=True)
    else:
        print(f"{FOLDER} is not there: set SUREFIT_DATA to the folder of the data sets; no fit was measured")
    write("ranking", rows, {"NumPy": np.__version__, "SciPy": scipy.__version__})


main()

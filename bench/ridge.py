"""Ridge with one penalty on 100,000 × 200, one thread on both sides: solve and certify, against scikit-learn.

Times are seconds of the processor: what else the machine does counts on neither side.
"""

import os

for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = "1"

import tempfile
import time

import numpy as np
import sklearn
from common import engine, spread, write
from sklearn.linear_model import Ridge

ROWS, COLUMNS, PENALTY, REPEATS = 100_000, 200, 1e-3, 7


def objective(x, y, model):
    residual = y - model.predict(x)
    return 0.5 * np.mean(residual**2) + 0.5 * PENALTY * np.sum(model.coef_**2)


def cpu_seconds(run):
    start = time.process_time()
    run()
    return time.process_time() - start


def main():
    rng = np.random.default_rng(1)
    x = np.asfortranarray(rng.standard_normal((ROWS, COLUMNS)))
    y = x @ rng.standard_normal(COLUMNS) + 3.0 + rng.standard_normal(ROWS)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        x.T.tofile(f"{folder}/x")
        y.tofile(f"{folder}/y")
        for solver in ["cholesky", "lsqr"]:
            ours, theirs, last = [], [], None
            for _ in range(REPEATS):
                last = engine("ridge", f"{folder}/x", f"{folder}/y", ROWS, COLUMNS, 1, 3, PENALTY)
                ours.append(min(run["cpu"] for run in last["runs"]))
                model = Ridge(alpha=ROWS * PENALTY, solver=solver)
                theirs.append(min(cpu_seconds(lambda: model.fit(x, y)) for _ in range(3)))
            run = last["runs"][-1]
            floor = ROWS * COLUMNS**2 / last["flops_per_second"] + 2 * x.nbytes / last["read_bytes_per_second"]
            rows.append({
                "what": f"ridge {ROWS:,} × {COLUMNS}, λ = {PENALTY}, one thread, CPU time",
                "unit": "s",
                "surefit": spread(ours)["median"],
                "peer": f"scikit-learn Ridge({solver})",
                "theirs": spread(theirs)["median"],
                "ratio": spread([a / b for a, b in zip(ours, theirs)]),
                "goal": "≤ 0.08 s, certified",
                "quality": f"objective {run['objective']:.12g} (gap {run['relative_gap']:.1e}), peer {objective(x, y, model):.12g};"
                f" roofline {floor:.3f} s",
            })
    write("ridge", rows, {"NumPy": np.__version__, "scikit-learn": sklearn.__version__})


main()

"""100 penalties with exact leave-one-out errors on 100,000 × 200, one thread: against RidgeCV and NumPy."""

import os

for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = "1"

import sys
import tempfile

import numpy as np
import sklearn
from common import engine, seconds, spread, write
from sklearn.linear_model import RidgeCV

ROWS, COLUMNS, COUNT, LOW, HIGH = 100_000, 200, 100, 1e-4, 1e2


def numpy_path(x, y, penalties):
    """The same formula, written with matrix products: the floor that benchmarks.md names."""
    n = len(y)
    centred, target = x - x.mean(0), y - y.mean()
    values, vectors = np.linalg.eigh(centred.T @ centred)
    z = centred @ vectors
    shrink = 1.0 / (values[:, None] + n * penalties)
    fitted = z @ (shrink * (z.T @ target)[:, None])
    leverage = 1.0 / n + (z**2) @ shrink
    return np.mean(((target[:, None] - fitted) / (1.0 - leverage)) ** 2, axis=0)


def main():
    rng = np.random.default_rng(2)
    x = np.asfortranarray(rng.standard_normal((ROWS, COLUMNS)))
    y = x @ rng.standard_normal(COLUMNS) + 3.0 + 20.0 * rng.standard_normal(ROWS)
    penalties = np.geomspace(LOW, HIGH, COUNT)
    rows = []
    # scikit-learn needs half a minute a run: twice is enough for a ratio of this size.
    peers = [("NumPy, same formula", 5), ("scikit-learn RidgeCV", 1 if "--quick" in sys.argv else 2)]
    with tempfile.TemporaryDirectory() as folder:
        x.T.tofile(f"{folder}/x")
        y.tofile(f"{folder}/y")
        for peer, repeats in peers:
            ours, theirs, last, other = [], [], None, None
            for _ in range(repeats):
                last = engine("path", f"{folder}/x", f"{folder}/y", ROWS, COLUMNS, 1, 3, LOW, HIGH, COUNT)
                ours.append(min(run["seconds"] for run in last["runs"]))
                if peer.startswith("NumPy"):
                    time, errors = seconds(lambda: numpy_path(x, y, penalties))
                    other = (penalties[np.argmin(errors)], errors.min())
                else:
                    model = RidgeCV(alphas=ROWS * penalties)
                    time, _ = seconds(lambda: model.fit(x, y))
                    other = (model.alpha_ / ROWS, -model.best_score_)
                theirs.append(time)
            run = last["runs"][-1]
            rows.append({
                "what": f"{COUNT} penalties, leave-one-out, {ROWS:,} × {COLUMNS}, one thread",
                "unit": "s",
                "surefit": spread(ours)["median"],
                "peer": peer,
                "theirs": spread(theirs)["median"],
                "ratio": spread([a / b for a, b in zip(ours, theirs)]),
                "goal": "≤ 0.45 s",
                "quality": f"best λ {run['best']:.6g} with error {run['loo']:.12g}; peer {other[0]:.6g}, {other[1]:.12g}",
            })
    write("ridge_path", rows, {"NumPy": np.__version__, "scikit-learn": sklearn.__version__})


main()

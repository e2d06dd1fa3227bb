"""Scores, Weston–Watkins hinge and gradient of 49,000 × 3,073 and 10 classes, against vectorised NumPy.

CIFAR-10's sizes, as Stanford's course CS231n has them, with random numbers: the arithmetic does not depend on them.
The floor is the larger of one read of X and 4ndc flops at the rate of multiply-adds in registers, both measured in
the same run.
"""

import os

for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = "1"

import tempfile

import numpy as np
from common import engine, seconds, spread, write

ROWS, COLUMNS, CLASSES, REPEATS = 49_000, 3_073, 10, 5


def numpy_pass(x, weights, y):
    """The vectorised form that the course's students are asked for, without the penalty."""
    rows = np.arange(x.shape[0])
    scores = x @ weights
    margins = np.maximum(0, scores - scores[rows, y][:, None] + 1)
    margins[rows, y] = 0
    loss = margins.sum() / x.shape[0]
    mask = (margins > 0).astype(x.dtype)
    mask[rows, y] = -mask.sum(axis=1)
    return loss, x.T @ mask / x.shape[0]


def main():
    rng = np.random.default_rng(1)
    x = rng.random((ROWS, COLUMNS))
    y = np.arange(ROWS) % CLASSES
    weights = ((np.arange(COLUMNS)[:, None] * 31 + np.arange(CLASSES) * 17) % 100) / 1e4
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        x.tofile(f"{folder}/x")
        for width in ["f64", "f32"]:
            theirs_x, theirs_w = x.astype(width.replace("f", "float")), weights.astype(width.replace("f", "float"))
            ours, theirs = [], []
            for _ in range(REPEATS):
                last = engine("pass", f"{folder}/x", COLUMNS, CLASSES, 1, 3, width)
                ours.append(min(last["seconds"]))
                time, (loss, gradient) = min((seconds(lambda: numpy_pass(theirs_x, theirs_w, y)) for _ in range(3)), key=lambda run: run[0])
                theirs.append(time)
            read = theirs_x.nbytes / last["read_bytes_per_second"]
            floor = max(read, 4 * ROWS * COLUMNS * CLASSES / last["flops_per_second"])
            rows.append({
                "what": f"hinge and gradient, {ROWS:,} × {COLUMNS:,}, {CLASSES} classes, {width}, one thread",
                "unit": "s",
                "surefit": spread(ours)["median"],
                "peer": "NumPy, vectorised",
                "theirs": spread(theirs)["median"],
                "ratio": spread([a / b for a, b in zip(ours, theirs)]),
                "goal": "≤ 1/4 of NumPy; ≤ 1.5 × roofline",
                "quality": f"loss {last['loss']:.9g}, peer {loss:.9g}; largest gradient {last['largest_gradient']:.6g},"
                f" peer {np.abs(gradient).max():.6g}; roofline {floor:.3f} s, {min(ours) / floor:.2f} × it at best",
            })
    write("fused_pass", rows, {"NumPy": np.__version__})


main()

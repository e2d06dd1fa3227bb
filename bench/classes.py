"""Fits of classes on Fashion-MNIST (60,000 × 784) and 20 newsgroups (11,314 × 56,436, sparse), one thread, against
scikit-learn on the same objective. The data lie in SUREFIT_DATA; without them nothing is measured.

scikit-learn's LinearSVC penalises its intercept, and so does surefit where it is the peer; its LogisticRegression
does not. What scikit-learn reached is computed here from its coefficients, and how far that is from the optimum at
most follows from the bound that surefit proved.
"""

import gzip
import os
import sys
import time
import warnings

for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = "1"

import numpy as np
import sklearn
from common import DATA, engine, spread, write
from sklearn.datasets import load_svmlight_file
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

FOLDER = DATA / "multiclass"
REPEATS = 2

# data, loss, λ, wanted gap, intercept, goal, and the peer where there is one.
QUESTIONS = [
    ("fashion", "hinge", 1e-3, 1e-3, "penalized", "≤ 3 s", None),
    ("fashion", "hinge", 1e-3, 1e-4, "penalized", "≤ 6 s", None),
    ("fashion", "hinge", 1e-3, 1e-4, "free", "≤ 2 × the penalised one", None),
    ("fashion", "hinge", 1e-4, 1e-3, "penalized", "≤ 20 s", None),
    ("fashion", "crammer-singer", 1e-3, 1e-3, "penalized", "≤ 1/10 of LinearSVC", "crammer_singer"),
    ("fashion", "softmax", 1e-4, 1e-4, "free", "≤ 1/5 of newton-cg", "newton-cg"),
    ("news", "crammer-singer", 1e-4, 1e-3, "penalized", "≤ 3 s, faster", "crammer_singer"),
    ("news", "ovr-hinge", 1e-4, 1e-4, "penalized", "≤ 1.5 s, faster", "hinge"),
    ("news", "ovr-squared-hinge", 1e-4, 1e-6, "penalized", "faster", "squared_hinge"),
    ("news", "softmax", 1e-4, 1e-4, "free", "≤ 0.7 s, faster", "lbfgs"),
]


def fashion():
    unpack = lambda name, skip: np.frombuffer(gzip.open(FOLDER / f"fashion-mnist-train-{name}-ubyte.gz").read()[skip:], np.uint8)
    return unpack("images-idx3", 16).reshape(-1, 784) / 255.0, unpack("labels-idx1", 8)


def news():
    x, y = load_svmlight_file(str(FOLDER / "20news-tfidf.train.svm.gz"))
    # What scikit-learn's own reader gives is too wide for its solvers.
    x.indices, x.indptr = x.indices.astype(np.int32), x.indptr.astype(np.int32)
    return x, y


def peer(kind, x, y, penalty):
    strength = 1 / (len(y) * penalty)
    if kind == "crammer_singer":
        return LinearSVC(C=strength, multi_class="crammer_singer")
    if kind in ("hinge", "squared_hinge"):
        return LinearSVC(C=strength, loss=kind, dual=True)
    return LogisticRegression(C=strength, solver=kind, max_iter=200)


def objective(kind, model, x, y, penalty):
    """The peer's own objective per row, at its coefficients."""
    scores = x @ model.coef_.T + model.intercept_
    own = scores[np.arange(len(y)), np.searchsorted(model.classes_, y)]
    square = (model.coef_**2).sum()
    if kind in ("crammer_singer", "hinge", "squared_hinge"):
        square += (np.asarray(model.intercept_) ** 2).sum()
    if kind == "crammer_singer":
        rivals = scores.copy()
        rivals[np.arange(len(y)), np.searchsorted(model.classes_, y)] = -np.inf
        loss = np.maximum(0, 1 + rivals.max(axis=1) - own)
    elif kind in ("hinge", "squared_hinge"):
        signs = np.where(y[:, None] == model.classes_, 1.0, -1.0)
        violation = np.maximum(0, 1 - signs * scores)
        loss = (violation ** (2 if kind == "squared_hinge" else 1)).sum(axis=1)
    else:
        top = scores.max(axis=1)
        loss = top + np.log(np.exp(scores - top[:, None]).sum(axis=1)) - own
    return loss.mean() + 0.5 * penalty * square


def main():
    if not FOLDER.exists():
        raise SystemExit(f"{FOLDER} is not there: set SUREFIT_DATA to the folder of the data sets; nothing was measured")
    warnings.simplefilter("ignore", ConvergenceWarning)
    wanted = sys.argv[1:]
    data = {"fashion": fashion(), "news": news()}
    rows = []
    for name, loss, penalty, gap, intercept, goal, kind in QUESTIONS:
        if wanted and loss not in wanted:
            continue
        ours = [engine("classes", FOLDER, name, loss, penalty, gap, intercept, 1) for _ in range(REPEATS)]
        two = engine("classes", FOLDER, name, loss, penalty, gap, intercept, 2)
        last = ours[-1]
        times = [run["cpu"] for run in ours]
        x, y = data[name]
        if kind is None:
            theirs, reached, called = float("nan"), "", "none"
        else:
            start = time.process_time()
            model = peer(kind, x, y, penalty).fit(x, y)
            theirs = time.process_time() - start
            value = objective(kind, model, x, y, penalty)
            called = f"scikit-learn {type(model).__name__}({kind})"
            reached = f", peer {value:.7g} (gap ≤ {(value - last['bound']) / value:.1e})"
        rows.append({
            "what": f"{loss}, {name}, λ = {penalty:g}, gap {gap:g}, intercept {intercept}, one thread, CPU time",
            "unit": "s",
            "surefit": spread(times)["median"],
            "peer": called,
            "theirs": theirs,
            "ratio": spread([time / theirs for time in times]),
            "goal": goal,
            "quality": f"{'certified' if last['certified'] else 'NOT certified'}: objective {last['objective']:.7g}"
            f" (gap {last['relative_gap']:.1e}){reached}; test accuracy {last['test_accuracy']:.4f};"
            f" two threads {two['seconds']:.2f} s; peak memory {1 + last['more_bytes'] / last['data_bytes']:.2f} × the data",
        })
        print(rows[-1]["what"], f"{rows[-1]['surefit']:.3g} s, peer {theirs:.3g} s;", rows[-1]["quality"], flush=True)
    write("classes", rows, {"NumPy": np.__version__, "scikit-learn": sklearn.__version__})


main()

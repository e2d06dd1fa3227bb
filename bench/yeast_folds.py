"""Ten-fold yeast: linear models with a certificate beside the network of the paper (M.-L. Zhang and Z.-H. Zhou,
"Multilabel neural networks with applications to functional genomics and text categorization", IEEE TKDE 18, 2006).

The paper does not say which rows make a fold, so means over ten folds are compared, with their standard deviations. All
2,417 rows, in an order that is drawn once; columns in units of the deviations of the nine folds of the fit.
Quality, not time: it writes no row of the table of times, but the one of its own that bench/README.md shows.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
from common import BINARY, DATA, RESULTS
from sklearn import metrics
from sklearn.linear_model import LogisticRegression

FOLDER = DATA / "multilabel"
PROGRAM = Path(os.environ.get("SUREFIT_BIN", BINARY)).resolve()
MEASURES = ["hamming_loss", "one_error", "coverage", "ranking_loss", "average_precision"]
# Of the paper: BP-MLL's network with one hidden layer, mean and standard deviation over its ten folds. Entered from memory:
# to be checked against the print.
PAPER = [(0.206, 0.011), (0.233, 0.034), (6.421, 0.237), (0.171, 0.015), (0.756, 0.021)]
MODELS = [("bpmll", 0.1), ("bpmll", 0.01)]
PENALTIES = [0.01, 0.001]


def rows():
    """Features and labels of all rows."""
    labels = len(ET.parse(FOLDER / "yeast.xml").getroot())
    parts = []
    for part in ["train", "test"]:
        text = gzip.open(FOLDER / f"yeast-{part}.arff.gz", "rt").read()
        lines = text[text.lower().index("@data") + 5 :].split("\n")
        parts.append(np.array([line.split(",") for line in lines if line.strip()], float))
    table = np.vstack(parts)
    return table[:, :-labels], table[:, -labels:].astype(int)


def write(path, x, labels):
    head = ["@relation yeast"] + [f"@attribute x{j} numeric" for j in range(x.shape[1])]
    head += [f"@attribute y{k} {{0,1}}" for k in range(labels.shape[1])] + ["@data"]
    lines = [",".join([*map(repr, row), *map(str, sets)]) for row, sets in zip(x.tolist(), labels.tolist())]
    path.write_text("\n".join(head + lines) + "\n")


def fold(folder, loss, penalty, labels):
    command = [PROGRAM, "fit", folder / "train.arff", "--labels", labels, "--loss", loss, "--penalty", penalty]
    command += ["--test", folder / "test.arff", "--json", "--quiet"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    result = json.loads(done.stdout)
    if done.returncode:
        sys.exit(f"{loss}: {result['message']}")
    return [result["test"][name] for name in MEASURES], [result["test"]["by_frequency"][name] for name in MEASURES]


def one_against_the_rest(x, y, test, truth, penalty):
    """A logistic regression for each label, by scikit-learn; a label is given where its probability is above one half."""
    scores = np.empty(truth.shape)
    for k in range(y.shape[1]):
        model = LogisticRegression(C=1 / (len(x) * penalty), max_iter=1000).fit(x, y[:, k])
        scores[:, k] = model.decision_function(test)
    highest = np.take_along_axis(truth, scores.argmax(1)[:, None], 1)
    return [
        metrics.hamming_loss(truth, scores > 0),
        1 - highest.mean(),
        metrics.coverage_error(truth, scores) - 1,
        metrics.label_ranking_loss(truth, scores),
        metrics.label_ranking_average_precision_score(truth, scores),
    ]


def main():
    if not FOLDER.exists():
        sys.exit(f"{FOLDER} is not there: set SUREFIT_DATA to the folder of the data sets; nothing was measured")
    x, y = rows()
    order = np.random.default_rng(0).permutation(len(x))
    found = {f"{loss}, λ = {penalty:g}": [] for loss, penalty in MODELS}
    found |= {f"a logistic regression a label, scikit-learn, λ = {penalty:g}": [] for penalty in PENALTIES} | {"label frequencies alone": []}
    for test in np.array_split(order, 10):
        train = np.setdiff1d(order, test)
        mean, deviation = x[train].mean(0), x[train].std(0)
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            of_train, of_test = (x[train] - mean) / deviation, (x[test] - mean) / deviation
            write(folder / "train.arff", of_train, y[train])
            write(folder / "test.arff", of_test, y[test])
            for loss, penalty in MODELS:
                own, frequencies = fold(folder, loss, penalty, y.shape[1])
                found[f"{loss}, λ = {penalty:g}"].append(own)
            for penalty in PENALTIES:
                found[f"a logistic regression a label, scikit-learn, λ = {penalty:g}"].append(
                    one_against_the_rest(of_train, y[train], of_test, y[test], penalty)
                )
            found["label frequencies alone"].append(frequencies)
    lines = ["| ten folds of yeast | Hamming ↓ | one-error ↓ | coverage ↓ | ranking loss ↓ | average precision ↑ |", "|---|---|---|---|---|---|"]
    shown = lambda pairs: " | ".join(f"{mean:.3f} ± {deviation:.3f}" for mean, deviation in pairs)
    lines.append(f"| the paper's network, BP-MLL | {shown(PAPER)} |")
    table = {"the paper's network, BP-MLL": PAPER}
    for name, folds in found.items():
        folds = np.array(folds)
        table[name] = list(zip(folds.mean(0).tolist(), folds.std(0, ddof=1).tolist()))
        lines.append(f"| {name} | {shown(table[name])} |")
    print("\n".join(lines))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "yeast_folds.quality").write_text(json.dumps({"measures": MEASURES, "mean and deviation": table}, indent=1) + "\n")


main()

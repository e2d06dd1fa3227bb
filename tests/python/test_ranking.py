"""Losses of label sets beside plain loops in NumPy, and measures of rankings beside scikit-learn's."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
from sklearn import metrics
from test_agreement import PROGRAM, fit

ENGINE = PROGRAM.parent / "surefit-bench"


def double_loop(z, labels):
    """BP-MLL as its paper defines it, pair by pair; rows without a pair count for nothing."""
    value, gradient = 0.0, np.zeros_like(z)
    for i in range(len(z)):
        own, others = np.flatnonzero(labels[i]), np.flatnonzero(~labels[i])
        if len(own) == 0 or len(others) == 0:
            continue
        for k in own:
            for l in others:
                pull = np.exp(z[i, l] - z[i, k]) / (len(own) * len(others))
                value += pull
                gradient[i, k] -= pull
                gradient[i, l] += pull
    return value, gradient


def arff(path, x, labels):
    """A Mulan file: features, then labels."""
    head = ["@relation r"] + [f"@attribute x{j} numeric" for j in range(x.shape[1])]
    head += [f"@attribute y{k} {{0,1}}" for k in range(labels.shape[1])] + ["@data"]
    rows = [",".join([*map(repr, row.tolist()), *("1" if has else "0" for has in of_row)]) for row, of_row in zip(x, labels)]
    path.write_text("\n".join(head + rows) + "\n")
    return path


class Ranking(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.rng = np.random.default_rng(5)

    def kernel(self, z, labels, loss="bpmll"):
        """The engine's value and gradient."""
        z.tofile(self.folder / "z")
        labels.astype(float).tofile(self.folder / "labels")
        paths = [self.folder / name for name in ["z", "labels", "gradient"]]
        command = [ENGINE, "kernel", paths[0], paths[1], z.shape[1], loss, 1, paths[2]]
        done = subprocess.run([*map(str, command)], capture_output=True, check=True)
        return json.loads(done.stdout)["value"], np.fromfile(paths[2]).reshape(z.shape)

    def test_bp_mll_has_the_value_and_gradient_of_the_double_loop(self):
        for rows, columns in [(1, 2), (7, 3), (8, 8), (19, 18), (5, 63), (5, 64), (5, 65), (4, 130)]:
            for spread in [1.0, 20.0]:
                z = self.rng.uniform(-spread, spread, (rows, columns))
                labels = self.rng.random((rows, columns)) < 0.3
                if rows > 4:
                    labels[0], labels[1] = False, True
                value, gradient = double_loop(z, labels)
                found, ours = self.kernel(z, labels)
                np.testing.assert_allclose(found, value, rtol=1e-13)
                scale = np.abs(gradient).max(axis=1, keepdims=True)
                self.assertTrue((np.abs(ours - gradient) <= 1e-12 * scale).all(), (rows, columns, spread))

    def test_a_row_whose_loss_is_beyond_single_precision_has_its_gradient(self):
        z = np.array([[100.0, -100.0, 300.0, -300.0], [350.0, 2.0, -1.0, 0.0]])
        labels = np.array([[False, True, True, False], [True, False, True, False]])
        value, gradient = double_loop(z, labels)
        found, ours = self.kernel(z, labels)
        np.testing.assert_allclose(found, value, rtol=1e-12)
        np.testing.assert_allclose(ours, gradient, rtol=1e-12, atol=1e-12 * np.abs(gradient).max())

    def data(self, rows, columns, labels):
        x = self.rng.standard_normal((rows, columns))
        scores = x @ self.rng.standard_normal((columns, labels)) + self.rng.standard_normal((rows, labels))
        return x, scores > 0.5

    def agree(self, ours, scores, truth, sets=None):
        paired = (truth.sum(1) > 0) & (truth.sum(1) < truth.shape[1])
        self.assertEqual(ours["without_pair"], int((~paired).sum()))
        y, s = truth[paired], scores[paired]
        close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12)
        close(ours["ranking_loss"], metrics.label_ranking_loss(y, s))
        # The paper counts steps below the first label, scikit-learn labels.
        close(ours["coverage"], metrics.coverage_error(y, s) - 1)
        close(ours["average_precision"], metrics.label_ranking_average_precision_score(y, s))
        highest = s >= s.max(axis=1, keepdims=True)
        close(ours["one_error"], np.mean((highest & ~y).any(axis=1)))
        if sets is not None:
            close(ours["hamming_loss"], metrics.hamming_loss(truth, sets))
            close(ours["subset_accuracy"], metrics.accuracy_score(truth, sets))
            close(ours["micro_f1"], metrics.f1_score(truth, sets, average="micro"))
            close(ours["macro_f1"], metrics.f1_score(truth, sets, average="macro", zero_division=0))

    def test_measures_are_those_of_scikit_learn(self):
        x, labels = self.data(90, 4, 6)
        labels[:2], labels[2] = False, True
        train = arff(self.folder / "train.arff", x[:60], labels[:60])
        test = arff(self.folder / "test.arff", x[60:], labels[60:])
        for loss in ["bpmll", "zlpr", "lsep"]:
            result = fit(train, "--labels", "6", "--loss", loss, "--penalty", "0.05", "--test", test)
            model = result["model"]
            names = list(model["intercept"])
            weights = np.array([[row[name] for name in names] for row in model["coefficients"].values()])
            scores = x @ weights + np.array([model["intercept"][name] for name in names])
            threshold = result["ranking"]["threshold"]
            at = np.zeros(len(x))
            if loss != "zlpr":  # which has its threshold at 0
                at = scores @ np.array(threshold["weights"]) + threshold["bias"]
            sets = scores > at[:, None]
            self.agree(result["ranking"], scores[:60], labels[:60], sets[:60])
            self.agree(result["test"], scores[60:], labels[60:], sets[60:])

    def test_ties_are_the_worst_rank_as_in_scikit_learn(self):
        x = self.rng.standard_normal((40, 1))
        labels = np.zeros((40, 5), bool)
        # Labels 0 and 1 are as frequent as each other, and so are 2 and 3.
        for k, (first, count) in enumerate([(0, 24), (8, 24), (4, 12), (20, 12), (30, 5)]):
            labels[first : first + count, k] = True
        path = arff(self.folder / "ties.arff", x, labels)
        result = fit(path, "--labels", "5", "--loss", "bpmll", "--penalty", "1")
        shares = np.tile(labels.mean(axis=0), (40, 1))
        self.agree(result["ranking"]["by_frequency"] | {"without_pair": result["ranking"]["without_pair"]}, shares, labels)

    def test_the_objective_is_that_of_numpy_and_the_answer_is_where_the_gradient_vanishes(self):
        x, labels = self.data(50, 3, 5)
        path = arff(self.folder / "train.arff", x, labels)
        result = fit(path, "--labels", "5", "--loss", "bpmll", "--penalty", "0.1", "--gap", "1e-12")
        model = result["model"]
        names = list(model["intercept"])
        weights = np.array([[row[name] for name in names] for row in model["coefficients"].values()])
        value, g = double_loop(x @ weights + np.array([model["intercept"][name] for name in names]), labels)
        objective = value / 50 + 0.05 * (weights**2).sum()
        np.testing.assert_allclose(result["certificate"]["objective"], objective, rtol=1e-12)
        gradient = x.T @ g / 50 + 0.1 * weights
        self.assertLess((gradient**2).sum() / 0.2, 2e-12 * objective)
        self.assertLess(np.abs(g.sum(axis=0)).max() / 50, 1e-6)


if __name__ == "__main__":
    unittest.main()

"""surefit's answers beside NumPy's, SciPy's and scikit-learn's, through the program's JSON."""

import io
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
from scipy import stats
from sklearn.linear_model import LinearRegression, Ridge, RidgeCV
from sklearn.preprocessing import StandardScaler

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "data"
PROGRAM = Path(os.environ.get("SUREFIT_BIN", ROOT / "target/debug/surefit")).resolve()


def run(*arguments, stdin=None):
    done = subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, capture_output=True, check=False)
    return done.returncode, done.stdout


def fit(*arguments, stdin=None, code=0):
    """The JSON object of `surefit fit`, which has to end with `code`."""
    ended, out = run("fit", *arguments, "--json", "--quiet", stdin=stdin)
    result = json.loads(out)
    assert ended == code, (ended, result["message"])
    return result


def numbers(result):
    """Intercept, then coefficients in the order of the design."""
    model = result["model"]
    return np.array([model["intercept"], *model["coefficients"].values()])


class Agreement(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.sales = pd.read_csv(DATA / "sales.csv")
        self.wine = pd.read_csv(DATA / "winequality-white.csv", header=None)
        self.california = pd.read_csv(DATA / "california_housing.csv.gz")

    def close(self, ours, theirs, digits):
        np.testing.assert_allclose(ours, theirs, rtol=10.0**-digits, atol=0)

    def file(self, frame, name="data.csv"):
        path = self.folder / name
        frame.to_csv(path, index=False)
        return path

    def test_a_line_has_the_numbers_of_linregress(self):
        result = fit(DATA / "sales.csv", "sales ~ temp")
        line = stats.linregress(self.sales["temp"], self.sales["sales"])
        slope = result["inference"]["terms"]["temp"]
        intercept = result["inference"]["terms"]["(intercept)"]
        self.close(slope["estimate"], line.slope, 12)
        self.close(slope["std_error"], line.stderr, 11)
        self.close(slope["p"], line.pvalue, 9)
        self.close(intercept["estimate"], line.intercept, 11)
        self.close(intercept["std_error"], line.intercept_stderr, 11)
        self.close(result["inference"]["r_squared"], line.rvalue**2, 12)
        width = stats.t.ppf(0.975, 10) * line.stderr
        self.close([slope["low"], slope["high"]], [line.slope - width, line.slope + width], 10)

    def test_a_table_without_a_header_has_the_numbers_of_lstsq(self):
        result = fit(DATA / "winequality-white.csv", "x12 ~ .")
        table = self.wine.to_numpy()
        design = np.column_stack([np.ones(len(table)), table[:, :-1]])
        self.close(numbers(result), np.linalg.lstsq(design, table[:, -1])[0], 8)
        self.assertEqual(result["rows"], 4898)

    def test_levels_and_dropped_rows_are_those_of_get_dummies_and_dropna(self):
        result = fit(DATA / "california_housing.csv.gz", "median_house_value ~ .", "--missing", "drop")
        frame = self.california.dropna()
        design = pd.get_dummies(
            frame.drop(columns="median_house_value"), drop_first=True, dtype=float, prefix_sep="="
        )
        peer = LinearRegression().fit(design, frame["median_house_value"])
        self.assertEqual(list(result["model"]["coefficients"]), list(design.columns))
        self.close(numbers(result), [peer.intercept_, *peer.coef_], 8)
        self.assertEqual(result["rows"], len(frame))

    def test_missing_values_are_refused_with_place_and_count(self):
        result = fit(DATA / "california_housing.csv.gz", "median_house_value ~ .", code=3)
        self.assertEqual(result["code"], "SF201")
        column = self.california["total_bedrooms"].isna()
        for fact in ["total_bedrooms", str(column.sum()), str(column.argmax() + 1)]:
            self.assertIn(fact, result["message"])

    def test_the_mean_stands_in_for_missing_numbers(self):
        formula = "median_house_value ~ total_bedrooms + median_income"
        result = fit(DATA / "california_housing.csv.gz", formula, "--missing", "mean")
        design = self.california[["total_bedrooms", "median_income"]]
        peer = LinearRegression().fit(design.fillna(design.mean()), self.california["median_house_value"])
        self.close(numbers(result), [peer.intercept_, *peer.coef_], 9)

    def test_a_frequency_weight_is_the_row_so_many_times(self):
        weights = np.arange(len(self.sales)) % 4
        path = self.file(self.sales.assign(w=weights))
        ours = fit(path, "sales ~ temp", "--weights", "w")
        again = fit(self.file(self.sales.loc[self.sales.index.repeat(weights)], "again.csv"), "sales ~ temp")
        self.close(numbers(ours), numbers(again), 12)
        for key in ["std_error", "p"]:
            terms, repeated = ours["inference"]["terms"], again["inference"]["terms"]
            self.close(terms["temp"][key], repeated["temp"][key], 10)
        peer = LinearRegression().fit(self.sales[["temp"]], self.sales["sales"], sample_weight=weights)
        self.close(numbers(ours), [peer.intercept_, *peer.coef_], 11)

    def test_scikit_learns_alpha_is_lambda_times_n(self):
        table = self.wine.to_numpy()
        for alpha in [1e-3, 1.0, 1e3]:
            result = fit(DATA / "winequality-white.csv", "x12 ~ .", "--penalty", repr(alpha / len(table)))
            peer = Ridge(alpha=alpha, solver="svd").fit(table[:, :-1], table[:, -1])
            self.close(numbers(result), [peer.intercept_, *peer.coef_], 8)

    def test_a_penalised_intercept_is_the_textbook_formula_with_a_column_of_ones(self):
        design = np.column_stack([np.ones(len(self.sales)), self.sales["temp"]])
        textbook = np.linalg.solve(design.T @ design + 2.0 * np.eye(2), design.T @ self.sales["sales"])
        result = fit(
            DATA / "sales.csv", "sales ~ temp", "--penalty", repr(2.0 / len(design)), "--penalize-intercept"
        )
        self.close(numbers(result), textbook, 10)

    def test_a_penalty_on_standardised_columns_is_a_pipelines(self):
        table = self.wine.to_numpy()
        scaler = StandardScaler().fit(table[:, :-1])
        peer = Ridge(alpha=0.1 * len(table), solver="svd").fit(scaler.transform(table[:, :-1]), table[:, -1])
        result = fit(DATA / "winequality-white.csv", "x12 ~ .", "--penalty", "0.1", "--scale", "standardize")
        slopes = peer.coef_ / scaler.scale_
        self.close(numbers(result), [peer.intercept_ - slopes @ scaler.mean_, *slopes], 9)

    def test_a_penalty_weight_is_a_column_in_other_units(self):
        wine = self.wine.rename(columns=lambda column: f"x{column + 1}")
        # A factor of 4 on the penalty of a column is the plain penalty on half the column.
        ours = fit(self.file(wine), "x12 ~ .", "--penalty", "0.1", "--penalty-weight", "x11=4")
        halved = fit(self.file(wine.assign(x11=wine["x11"] / 2), "half.csv"), "x12 ~ .", "--penalty", "0.1")
        expected = numbers(halved)
        expected[-1] /= 2
        self.close(numbers(ours), expected, 9)

    def test_the_penalty_of_least_leave_one_out_error_is_that_of_ridge_cv(self):
        table = self.wine.to_numpy()
        result = fit(
            DATA / "winequality-white.csv", "x12 ~ .", "--penalty", "1e-6..1e2:25", "--choose", "loo"
        )
        alphas = np.logspace(-6, 2, 25) * len(table)
        peer = RidgeCV(alphas=alphas, gcv_mode="svd").fit(table[:, :-1], table[:, -1])
        self.close(result["choice"]["penalty"] * len(table), peer.alpha_, 12)
        self.close(numbers(result), [peer.intercept_, *peer.coef_], 8)

    def test_several_targets_are_fitted_at_once(self):
        result = fit(DATA / "winequality-white.csv", "[x11, x12] ~ x1 + x2 + x3")
        table = self.wine.to_numpy()
        peer = LinearRegression().fit(table[:, :3], table[:, 10:])
        for nth, target in enumerate(["x11", "x12"]):
            self.close(result["model"]["intercept"][target], peer.intercept_[nth], 9)
            ours = [values[target] for values in result["model"]["coefficients"].values()]
            self.close(ours, peer.coef_[nth], 9)

    def test_powers_and_products_are_those_of_the_columns(self):
        result = fit(DATA / "sales.csv", "sales ~ poly(temp, 2)")
        self.close(numbers(result), np.polyfit(self.sales["temp"], self.sales["sales"], 2)[::-1], 9)
        result = fit(DATA / "winequality-white.csv", "x12 ~ x1*x2 + log(x11) - 1")
        x1, x2, x11 = (self.wine[column].to_numpy() for column in (0, 1, 10))
        design = np.column_stack([x1, x2, np.log(x11), x1 * x2])
        theirs = np.linalg.lstsq(design, self.wine[11].to_numpy())[0]
        ours = result["model"]["coefficients"]
        self.assertIsNone(result["model"]["intercept"])
        self.close(sorted(ours.values()), sorted(theirs), 9)

    def test_more_columns_than_rows_give_the_answer_of_least_norm(self):
        random = np.random.default_rng(7)
        wide = pd.DataFrame(random.normal(size=(8, 20)), columns=[f"x{nth}" for nth in range(20)])
        wide["y"] = random.normal(size=8)
        result = fit(self.file(wide), "y ~ . - 1")
        theirs = np.linalg.lstsq(wide.drop(columns="y").to_numpy(), wide["y"].to_numpy())[0]
        ours = np.array(list(result["model"]["coefficients"].values()))
        self.assertTrue(result["minimum_norm"])
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12 * np.abs(theirs).max())

    def test_every_format_gives_the_same_bits(self):
        wine = self.wine.rename(columns=lambda column: f"x{column + 1}").astype(float)
        text = io.StringIO()
        wine.to_csv(text, index=False)
        table = pa.Table.from_pandas(wine)
        pa.parquet.write_table(table, self.folder / "wine.parquet", row_group_size=1000)
        pa.feather.write_feather(table, self.folder / "wine.arrow", compression="uncompressed")
        wine.to_csv(self.folder / "wine.tsv", sep="\t", index=False)
        wine.to_csv(self.folder / "wine.csv.gz", index=False)
        wine.to_csv(self.folder / "wine.csv", sep=";", index=False, lineterminator="\r\n")
        plain = numbers(fit("-", "x12 ~ .", stdin=text.getvalue().encode()))
        for name in ["wine.parquet", "wine.arrow", "wine.tsv", "wine.csv.gz", "wine.csv"]:
            with self.subTest(name):
                self.assertEqual(numbers(fit(self.folder / name, "x12 ~ .")).tolist(), plain.tolist())

    def test_predictions_are_those_of_the_peer(self):
        model = self.folder / "house.model"
        formula = "median_house_value ~ median_income + ocean_proximity"
        fit(DATA / "california_housing.csv.gz", formula, "-o", model)
        code, out = run("predict", model, DATA / "california_housing.csv.gz", "--quiet")
        self.assertEqual(code, 0)
        ours = pd.read_csv(io.BytesIO(out))["prediction"]
        design = pd.get_dummies(self.california[["median_income", "ocean_proximity"]], dtype=float)
        target = self.california["median_house_value"]
        self.close(ours, LinearRegression().fit(design, target).predict(design), 10)

    def test_a_model_of_scikit_learn_can_be_certified(self):
        table = self.wine.to_numpy()
        peer = LinearRegression().fit(table[:, :-1], table[:, -1])
        terms = ["(intercept)", *(f"x{nth}" for nth in range(1, 12))]
        values = [peer.intercept_, *peer.coef_]
        path = self.file(pd.DataFrame({"term": terms, "x12": values}), "peer.csv")
        code, _ = run("certify", path, DATA / "winequality-white.csv", "x12 ~ .")
        self.assertEqual(code, 0)
        values[-1] *= 1.1
        path = self.file(pd.DataFrame({"term": terms, "x12": values}), "off.csv")
        code, out = run("certify", path, DATA / "winequality-white.csv", "x12 ~ .", "--json")
        self.assertEqual(code, 4)
        certificate = json.loads(out)["certificate"]
        off = 0.5 * np.mean((table[:, :-1] @ values[1:] + values[0] - table[:, -1]) ** 2)
        best = 0.5 * np.mean((peer.predict(table[:, :-1]) - table[:, -1]) ** 2)
        self.close(certificate["objective"], off, 10)
        # Never below the true gap, and for a quadratic equal to it.
        self.close(certificate["gap"], off - best, 6)


if __name__ == "__main__":
    unittest.main()

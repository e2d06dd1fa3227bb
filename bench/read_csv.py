"""A CSV file to coefficients, the whole process: California housing, and a 1 GB file made from a seed.

The peer is what people write: pandas reads, one-hot encodes and fills; scikit-learn fits. Both sides may use
all cores. Peak memory is the largest resident set of the process.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas
import sklearn
from common import BINARY, DATA, spread, whole_process, write

SMALL_PEER = """
import json, sys
import pandas as pd
from sklearn.linear_model import LinearRegression
table = pd.read_csv(sys.argv[1]).dropna()
y = table.pop("median_house_value")
x = pd.get_dummies(table, drop_first=True, dtype=float)
model = LinearRegression().fit(x, y)
print(json.dumps({"objective": 0.5 * float(((y - model.predict(x)) ** 2).mean())}))
"""

LARGE_PEER = """
import json, sys
import pandas as pd
from sklearn.linear_model import LinearRegression
table = pd.read_csv(sys.argv[1])
y = table.pop("y")
model = LinearRegression().fit(table, y)
print(json.dumps({"objective": 0.5 * float(((y - model.predict(table)) ** 2).mean())}))
"""


def write_large(path, size):
    """About `size` bytes of CSV: y and 20 columns of decimal numbers."""
    rng = np.random.default_rng(3)
    with open(path, "w") as file:
        file.write("y," + ",".join(f"x{k}" for k in range(1, 21)) + "\n")
        while file.tell() < size:
            x = rng.standard_normal((20_000, 20)) * 10.0
            y = x @ np.linspace(-1.0, 1.0, 20) + 5.0 + rng.standard_normal(len(x))
            block = np.column_stack([y, x])
            file.write("\n".join(",".join(f"{v:.6f}" for v in row) for row in block.tolist()) + "\n")


def compare(what, goal, ours_command, peer_code, path, repeats):
    ours, theirs = [], []
    for _ in range(repeats):
        ours.append(whole_process(ours_command))
        theirs.append(whole_process([sys.executable, "-c", peer_code, path]))
    certificate = json.loads(ours[-1]["out"])["certificate"]
    peer_objective = json.loads(theirs[-1]["out"])["objective"]
    quality = (
        f"objective {certificate['objective']:.12g} (gap {certificate['relative_gap']:.1e}), peer {peer_objective:.12g}"
    )
    peer = "pandas + scikit-learn"
    rows = []
    for key, unit, aim in [("seconds", "s", goal[0]), ("peak_mib", "MiB", goal[1])]:
        a, b = [run[key] for run in ours], [run[key] for run in theirs]
        rows.append({
            "what": f"{what}: {'time' if unit == 's' else 'peak memory'}",
            "unit": unit,
            "surefit": spread(a)["median"],
            "peer": peer,
            "theirs": spread(b)["median"],
            "ratio": spread([p / q for p, q in zip(a, b)]),
            "goal": aim,
            "quality": quality,
        })
    return rows


def main():
    rows = []
    california = DATA / "regression" / "california_housing.csv.gz"
    if california.exists():
        command = [BINARY, "fit", california, "median_house_value ~ .", "--missing", "drop", "--json", "--quiet"]
        goal = ("≥ 10× faster", "≤ 1/4")
        rows += compare("California housing, gz, process", goal, command, SMALL_PEER, california, 7)
    else:
        print(f"{california} is absent: set SUREFIT_DATA", file=sys.stderr)
    size = int(float(sys.argv[1]) * 1e9) if len(sys.argv) > 1 else 1_000_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.csv"
        write_large(path, size)
        command = [BINARY, "fit", path, "y ~ .", "--json", "--quiet"]
        what = f"CSV of {path.stat().st_size / 1e9:.2f} GB × 21 columns, process"
        rows += compare(what, ("≥ 3× faster", "≤ 1/4"), command, LARGE_PEER, path, 3)
    write("read_csv", rows, {"pandas": pandas.__version__, "scikit-learn": sklearn.__version__, "NumPy": np.__version__})


main()

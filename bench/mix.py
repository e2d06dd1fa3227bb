"""Mixes whose weights are zero or at least a least weight, to a proven optimum (relative gap 1e-6), beside Gurobi
where gurobipy is installed (its size-limited licence comes with it and takes 100 inputs, not 200; it is not among the
pinned packages). Instances and known optima lie beside SUREFIT_DATA in cases/mix; without them nothing is measured.
"""

import importlib.util
import time

import numpy as np
from common import known_mixes, solve_mix, spread, write

LIMIT = 20

# family, inputs, least weight, seconds that surefit may take, goal.
QUESTIONS = [
    ("stocks", 50, 0.2, 60, "≤ 1/4"),
    ("stocks", 50, 0.1, 60, "≤ 1/4"),
    ("stocks", 50, 0.05, 60, "≤ 1/4"),
    ("stocks", 100, 0.2, 60, "≤ 1/4"),
    ("stocks", 100, 0.1, 60, "proven within 15 s"),
    ("stocks", 100, 0.05, 600, "proven within 600 s"),
    ("stocks", 200, 0.2, 60, "proven within 60 s"),
    ("dense", 100, 0.1, 60, "proven within 40 s"),
    ("dense", 100, 0.2, 60, "≤ 1/2"),
    ("wide", 100, 0.05, 60, "≤ 1/2"),
    ("wide", 200, 0.1, 60, "≤ 1/2"),
    ("gauss", 500, 0.1, 60, "≤ 1 s"),
]


def gurobi(a, t, low):
    """Seconds, objective and gap of Gurobi on one thread."""
    import gurobipy

    with gurobipy.Env(params={"OutputFlag": 0}) as environment, gurobipy.Model(env=environment) as model:
        n = a.shape[1]
        w, z = model.addMVar(n, ub=1.0), model.addMVar(n, vtype="B")
        model.addConstr(w.sum() == 1)
        model.addConstr(w >= low * z)
        model.addConstr(w <= z)
        model.setObjective(w @ (a.T @ a) @ w - 2 * (a.T @ t) @ w + t @ t)
        model.Params.Threads, model.Params.MIPGap, model.Params.TimeLimit = 1, 1e-6, LIMIT
        start = time.perf_counter()
        model.optimize()
        return time.perf_counter() - start, model.ObjVal, model.MIPGap


def main():
    generate, known = known_mixes()
    has_peer = importlib.util.find_spec("gurobipy") is not None
    rows, versions = [], {"NumPy": np.__version__}
    if has_peer:
        import gurobipy

        versions["Gurobi"] = ".".join(map(str, gurobipy.gurobi.version()))
    for family, n, low, limit, goal in QUESTIONS:
        a, t = generate.make(family, n, low)
        best = known[family, n, low]
        one, two = (solve_mix(a, t, low, limit, threads) for threads in (1, 2))
        runs, quality = [one["seconds"]], ""
        theirs = float("nan")
        if has_peer and n <= 100:
            theirs, value, gap = gurobi(a, t, low)
            quality = f"; peer {value:.10g}, gap {gap:.1e}"
        rows.append({
            "what": f"mix, {family} n = {n}, least weight {low}, one thread",
            "unit": "s",
            "surefit": one["seconds"],
            "peer": "Gurobi" if theirs == theirs else "none",
            "theirs": theirs,
            "ratio": spread([ours / theirs for ours in runs]),
            "goal": goal,
            "quality": f"objective {one['objective']:.10g} (gap {one['relative_gap']:.1e}, {one['nodes']:,} nodes), known"
            f" {best['objective']:.10g}{'' if best['proven'] else ' (not proven)'}; two threads {two['seconds']:.3g} s"
            f" ({one['seconds'] / two['seconds']:.2f} ×){quality}",
        })
        print(rows[-1]["what"], rows[-1]["surefit"], rows[-1]["quality"], flush=True)
    write("mix", rows, versions)


main()

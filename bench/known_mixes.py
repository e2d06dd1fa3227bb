"""Every mix whose optimum is known, and index tracking with 31 and 89 stocks: proven to a relative gap of 1e-6, and the
same optimum? Instances and what is known of them lie beside SUREFIT_DATA in cases/mix, prices in SUREFIT_DATA; without
them nothing is measured. Seconds are those of two threads.
"""

import sys

import numpy as np
from common import DATA, known_mixes, solve_mix, write

LIMIT = 600
# Of a known optimum, whose last digit is rounded.
SAME = 1.1e-6


def tracking(generate):
    """Index tracking: name, inputs, target and least weight."""
    for name in ("indtrack1", "indtrack3"):
        for path in sorted(DATA.rglob(f"{name}*.csv"))[:1]:
            for low in (0.05, 0.1):
                yield name, *generate.indtrack(path), low


def verdict(run, best):
    """Whether a run proves what is known; a word and the relative difference."""
    if best is None:
        return ("proven" if run["relative_gap"] <= 1e-6 else "NOT proven"), float("nan")
    apart = run["objective"] / best["objective"] - 1
    if run["relative_gap"] > 1e-6:
        return "NOT proven", apart
    if best["proven"]:
        return ("same" if abs(apart) <= SAME else "DIFFERENT"), apart
    return ("proven, and no worse" if apart <= SAME else "WORSE"), apart


def main():
    generate, by_key = known_mixes()
    wanted = set(sys.argv[1:])
    made = [
        (family, *generate.make(family, n, low), low)
        for family, n, low in by_key
        if family in generate.SEEDS
    ]
    details = []
    for family, a, t, low in made + list(tracking(generate)):
        if wanted and family not in wanted:
            continue
        n = a.shape[1]
        run = solve_mix(a, t, low, LIMIT, 2)
        word, apart = verdict(run, by_key.get((family, n, low)))
        details.append({
            "family": family,
            "n": n,
            "least_weight": low,
            "verdict": word,
            "relative_to_known": None if apart != apart else apart,
            **{name: run[name] for name in ("objective", "relative_gap", "nodes", "seconds")},
        })
        print(f"{family} n = {n}, least weight {low}: {word} ({apart:+.1e}), objective {run['objective']:.10g}, gap"
              f" {run['relative_gap']:.1e}, {run['nodes']:,} nodes, {run['seconds']:.3g} s", flush=True)
    counts = {word: sum(d["verdict"] == word for d in details) for word in sorted({d["verdict"] for d in details})}
    slowest = max(details, key=lambda d: d["seconds"])
    if wanted:
        return
    write("known_mixes", [{
        "what": f"all {len(details)} mixes with a known optimum, and of index tracking, two threads",
        "unit": "s",
        "surefit": sum(d["seconds"] for d in details),
        "peer": "none",
        "theirs": float("nan"),
        "ratio": {"median": float("nan"), "low": float("nan"), "high": float("nan"), "runs": 1},
        "goal": "each to 1e-6, the known optimum",
        "quality": ", ".join(f"{count} {word}" for word, count in counts.items())
        + f"; slowest {slowest['family']} n = {slowest['n']}, {slowest['least_weight']}: {slowest['seconds']:.3g} s",
        "details": details,
    }], {"NumPy": np.__version__})


main()

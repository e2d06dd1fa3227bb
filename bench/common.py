"""What every benchmark here shares: alternate runs, ratios with their spread, and the table.

A benchmark runs surefit and its peer in turn in one process tree and reports the median of the ratios of
neighbouring runs; a time counts only beside the objective it reached.
"""

import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
DATA = Path(os.environ.get("SUREFIT_DATA", ROOT.parent / "shared" / "data"))
BINARY = ROOT / "target" / "release" / "surefit"
ENGINE = ROOT / "target" / "release" / "surefit-bench"


def known_mixes():
    """The generator of mixes and what is known of their optima, which lie beside SUREFIT_DATA."""
    folder = DATA.parent / "cases" / "mix"
    if not (folder / "generate.py").exists():
        sys.exit(f"the instances of mixes are not in {folder}: nothing is measured")
    spec = importlib.util.spec_from_file_location("generate", folder / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    known = json.loads((folder / "optima.json").read_text())["instances"]
    return generate, {(k["family"], k["n"], k["min_weight"]): k for k in known}


def solve_mix(a, t, low, limit, threads):
    """The engine's side of one mix."""
    with tempfile.TemporaryDirectory() as folder:
        np.asfortranarray(a).T.tofile(f"{folder}/a")
        np.ascontiguousarray(t).tofile(f"{folder}/t")
        return engine("mix", f"{folder}/a", f"{folder}/t", low, limit, threads)


def one_thread_environment():
    """The environment in which every BLAS and OpenMP uses one thread."""
    names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]
    return os.environ | dict.fromkeys(names, "1")


def engine(*arguments):
    """Runs the engine's side; its one JSON line."""
    command = [str(ENGINE), *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def whole_process(command, environment=None):
    """Wall seconds, CPU seconds, peak resident MiB and standard output of a command."""
    # The command runs under a small parent of its own, so that the peak is that of this child alone.
    code = (
        "import json, resource, subprocess, sys, time\n"
        "start = time.perf_counter()\n"
        "run = subprocess.run(sys.argv[1:], capture_output=True, text=True)\n"
        "wall = time.perf_counter() - start\n"
        "use = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([run.returncode, wall, use.ru_utime + use.ru_stime, use.ru_maxrss / 1024,"
        " run.stdout, run.stderr]))\n"
    )
    command = [sys.executable, "-S", "-c", code, *map(str, command)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    status, wall, cpu, peak, out, err = json.loads(done.stdout)
    if status not in (0, 4):
        raise SystemExit(f"{command[4:]} ended with {status}:\n{err}")
    return {"seconds": wall, "cpu": cpu, "peak_mib": peak, "out": out}


def seconds(run):
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def spread(values):
    values = sorted(values)
    return {"median": statistics.median(values), "low": values[0], "high": values[-1], "runs": len(values)}


def peers(value, form):
    """A peer's figure; there is none where no peer gets there."""
    return "–" if value != value else format(value, form)


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def write(name, rows, versions):
    """Saves a benchmark's rows and renews the table of bench/README.md."""
    RESULTS.mkdir(exist_ok=True)
    # A run of some of the questions keeps the others' rows.
    old = RESULTS / f"{name}.json"
    kept = json.loads(old.read_text())["rows"] if old.exists() else []
    kept = {(row["what"], row["peer"]): row for row in [*kept, *rows]}
    record = {"benchmark": name, "processor": processor(), "cores": os.cpu_count(), "versions": versions, "rows": list(kept.values())}
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
    for row in rows:
        print(
            f"{row['what']}: surefit {row['surefit']:.4g} {row['unit']}, {row['peer']} {peers(row['theirs'], '.4g')},"
            f" ratio {peers(row['ratio']['median'], '.3g')} [{peers(row['ratio']['low'], '.3g')}, {peers(row['ratio']['high'], '.3g')}]"
            f"; goal {row['goal']}; {row['quality']}"
        )
    renew_table()


def renew_table():
    readme = ROOT / "bench" / "README.md"
    start, end = "<!-- table -->", "<!-- end of table -->"
    lines = [
        "| what | surefit | peer | peer's figure | ratio, median [low, high] | goal | same answer? |",
        "|---|---|---|---|---|---|---|",
    ]
    versions, processors = {}, {}
    for path in sorted(RESULTS.glob("*.json")):
        record = json.loads(path.read_text())
        versions |= record["versions"]
        processors.setdefault(f"{record['processor']}, {record['cores']} cores", []).append(record["benchmark"])
        for row in record["rows"]:
            ratio = row["ratio"]
            lines.append(
                f"| {row['what']} | {row['surefit']:.3g} {row['unit']} | {row['peer']} | {peers(row['theirs'], '.3g')} {row['unit']} "
                f"| {peers(ratio['median'], '.3g')} [{peers(ratio['low'], '.3g')}, {peers(ratio['high'], '.3g')}] of {ratio['runs']} | {row['goal']} | {row['quality']} |"
            )
    lines += ["", "Measured with " + ", ".join(f"{k} {v}" for k, v in sorted(versions.items())) + "."]
    lines += [f"On {processor}: {', '.join(names)}." for processor, names in processors.items()]
    text = readme.read_text()
    before, after = text.split(start)[0], text.split(end)[1]
    readme.write_text(before + start + "\n" + "\n".join(lines) + "\n" + end + after)

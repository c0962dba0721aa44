"""`python -m benchmarks.suite [--quick] [--only W1 W5] [--threads 1] [--json FILE] [--picture FILE]`.

Each contender lives in a process of its own, made once; they take turns, one round each, on the same processor. Peers
whose environment is missing are left out and said so; `tools/bench_environments.sh` makes the environments.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.suite._data import ONE_REPEATED, WORK
from benchmarks.suite._rows import ROWS, Contender, Row

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENVIRONMENTS = Path(os.environ.get("TREADLE_BENCH", ROOT / ".bench"))


class Worker:
    """A contender's process."""

    def __init__(self, contender: Contender, workload: str, threads: int) -> None:
        python = sys.executable
        if contender.environment:
            python = str(ENVIRONMENTS / contender.environment / "bin" / "python")
        numbers = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        flags = {
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "TF_NUM_INTRAOP_THREADS": str(threads),
            "TF_NUM_INTEROP_THREADS": "1",
            "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false" if threads == 1 else "",
        }
        environment = {**os.environ, **numbers, **flags, **contender.variables}
        environment["PYTHONPATH"] = str(ROOT / "src")
        self.process = subprocess.Popen(
            [python, str(HERE / "worker.py"), contender.peer, workload, *contender.options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.first = self._read()["first"]

    def round(self) -> dict[str, float]:
        """Run one round; returns its seconds and the process's peak memory."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, float]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(map(str, self.process.args))} ended")  # type: ignore[arg-type]
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


def steps_of(workload: str) -> int:
    """Return by how many steps a round's seconds are divided: training only."""
    if workload == "predict one":
        return ONE_REPEATED
    return 1 if workload in ("evaluate", "predict") else WORK[workload].steps


def measure(row: Row, rounds: int, threads: int) -> dict[str, Any]:
    """Return medians, ratios and spread of all contenders of a row."""
    workers: dict[str, Worker] = {}
    missing: list[str] = []
    for name, contender in row.contenders.items():
        try:
            workers[name] = Worker(contender, row.workload, threads)
        except (RuntimeError, OSError):
            missing.append(name)
    seconds: dict[str, list[float]] = {name: [] for name in workers}
    peaks: dict[str, float] = {}
    names = list(workers)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            answer = workers[name].round()
            seconds[name].append(answer["seconds"])
            peaks[name] = answer["peak"] / 1024
    first = {name: worker.first for name, worker in workers.items()}
    for worker in workers.values():
        worker.close()
    unit = 1e6 / steps_of(row.workload)
    found: dict[str, Any] = {"row": row.name, "title": row.title, "missing": missing, "times": {}}
    for name, times in seconds.items():
        ordered = sorted(times)
        spread = (ordered[len(ordered) // 4] * unit, ordered[-1 - len(ordered) // 4] * unit)
        found["times"][name] = {
            "median_us": statistics.median(times) * unit,
            "quartiles_us": spread,
            "first_s": first[name],
            "peak_mib": peaks[name],
        }
    found["ratios"] = [ratio(row, mine, other, limit, seconds) for mine, other, limit in row.limits]
    return found


def ratio(
    row: Row, mine: str, other: str, limit: float, seconds: dict[str, list[float]]
) -> dict[str, Any]:
    """Return one figure of the table: a contender over another, or over the fastest of several."""
    others = [name for name in other.split(" | ") if name in seconds]
    found: dict[str, Any] = {"mine": mine, "other": other, "limit": limit, "ratio": None}
    if mine not in seconds or not others:
        return found
    fastest = min(others, key=lambda name: statistics.median(seconds[name]))
    pairs = sorted(a / b for a, b in zip(seconds[mine], seconds[fastest], strict=True))
    quartiles = (pairs[len(pairs) // 4], pairs[-1 - len(pairs) // 4])
    return found | {"ratio": statistics.median(pairs), "quartiles": quartiles, "fastest": fastest}


def show(found: dict[str, Any]) -> None:
    """Print a row."""
    print(f"\n{found['row']}  {found['title']}")
    for name, times in found["times"].items():
        low, high = times["quartiles_us"]
        print(
            f"  {name:<28} {times['median_us']:12.1f} us ({low:.1f}-{high:.1f})"
            f"   first {times['first_s']:6.2f} s   peak {times['peak_mib']:6.0f} MiB"
        )
    for one in found["ratios"]:
        if one["ratio"] is None:
            print(f"  {one['mine']} / {one['other']}: not measured")
            continue
        low, high = one["quartiles"]
        verdict = "met" if one["ratio"] <= one["limit"] else "NOT MET"
        print(
            f"  {one['mine']} / {one['fastest']}: {one['ratio']:.3f} ({low:.3f}-{high:.3f}), "
            f"limit {one['limit']:.2f}: {verdict}"
        )
    if found["missing"]:
        print(f"  left out, no environment: {', '.join(found['missing'])}")


def picture(rows: list[dict[str, Any]], path: str) -> None:
    """Draw a bar for each contender of each row, in units of the fastest."""
    from matplotlib import pyplot

    heights = [1 + len(found["times"]) for found in rows]
    figure, axes = pyplot.subplots(
        len(rows),
        1,
        figsize=(9, 0.27 * sum(heights)),
        squeeze=False,
        gridspec_kw={"height_ratios": heights},
    )
    for axis, found in zip(axes[:, 0], rows, strict=True):
        times = {name: one["median_us"] for name, one in found["times"].items()}
        best = min(times.values())
        colours = ["tab:blue" if name.startswith("treadle") else "0.7" for name in times]
        axis.barh(list(times), [value / best for value in times.values()], color=colours)
        axis.invert_yaxis()
        axis.set_title(f"{found['row']}  {found['title']}", loc="left", fontsize=9)
        axis.tick_params(labelsize=8)
    axes[-1, 0].set_xlabel("time per step, in units of the fastest")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, of the first rows only")
    parser.add_argument("--only", nargs="*", help="names of rows")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json")
    parser.add_argument("--picture")
    given = parser.parse_args()
    if given.threads == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rows = [row for row in ROWS if not given.only or row.name in given.only]
    if given.quick:
        rows, given.rounds = rows[:1], 5
    results: list[dict[str, Any]] = []
    for row in rows:
        results.append(measure(row, given.rounds, given.threads))
        show(results[-1])
    if given.json:
        Path(given.json).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if given.picture:
        picture(results, given.picture)


if __name__ == "__main__":
    main()

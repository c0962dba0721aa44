"""One contender in a process of its own: `python worker.py PEER WORKLOAD`, then one round per line of input.

Only the standard library and the peer's own packages are imported, as this runs in the peer's environment.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from pathlib import Path


def main() -> None:
    """Make the contender, then answer each line with the seconds of a round."""
    peer, workload, *options = sys.argv[1:]
    sys.path.insert(0, str(Path(__file__).parent))
    answer = sys.stdout
    sys.stdout = sys.stderr  # what the peer prints is no answer
    begin = time.perf_counter()
    run = importlib.import_module(f"peer_{peer}").make(workload, *options)
    run()
    first = time.perf_counter() - begin
    print(json.dumps({"first": first}), file=answer, flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        run()
        seconds = time.perf_counter() - begin
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"seconds": seconds, "peak": peak}), file=answer, flush=True)


if __name__ == "__main__":
    main()

"""Saving a model of 1 GB against plain `safetensors.torch.save_file`: `python -m benchmarks.saving [FOLDER]`.

All contenders write the same values to the same disk in one run. treadle also works out checksums, waits for the disk
and renames; `save_file, synced` waits for the disk too. Kernels of layers lie in memory in the order that torch's
kernels want, and in files in Keras's: `save_file of the model` has to turn them, as treadle has, and `save_file` not.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from safetensors.torch import save_file

import treadle
from benchmarks._timing import alternate, report

PLAIN = "save_file"
SYNCED = "save_file, synced"


def contenders(folder: Path, megabytes: int) -> dict[str, Callable[[], object]]:
    """Return the ways to save a model of about so many megabytes."""
    width = 4096
    count = max(1, megabytes * 10**6 // (4 * width * width))
    parts = [treadle.layers.Dense(width, use_bias=False) for _ in range(count)]
    model = treadle.Sequential([treadle.Input((width,)), *parts])
    state = {key: value.detach() for key, value in model.state_dict().items()}
    ordered = {key: value.contiguous() for key, value in state.items()}
    checkpoint = treadle.Checkpoint(folder / "checkpoints", keep=1)

    def plain() -> None:
        save_file(ordered, folder / "plain.safetensors")

    def synced() -> None:
        plain()
        descriptor = os.open(folder / "plain.safetensors", os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)

    def from_model() -> None:
        tensors = {key: value.contiguous() for key, value in model.state_dict().items()}
        save_file(tensors, folder / "plain.safetensors")

    return {
        PLAIN: plain,
        "save_file of the model": from_model,
        SYNCED: synced,
        "model.safetensors": lambda: model.save_weights(folder / "m.safetensors"),
        "model.weights.h5": lambda: model.save_weights(folder / "m.weights.h5"),
        "model.keras": lambda: model.save(folder / "m.keras"),
        "Checkpoint": lambda: checkpoint.save(state, step=1),
    }


def main() -> None:
    """Print the time of each way, and its rate relative to `save_file`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", help="where to write; a temporary folder by default")
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="treadle-", dir=options.folder))
    try:
        ways = contenders(folder, options.megabytes)
        for way in ways.values():
            way()  # the first write of a file is slower than those that replace it
        seconds = alternate(ways, options.rounds)
    finally:
        shutil.rmtree(folder)
    report(f"saving {options.megabytes} MB", seconds, PLAIN, 1e-3, "ms")
    for name, times in seconds.items():
        for base in (PLAIN, SYNCED):
            pairs = [other / own for own, other in zip(times, seconds[base], strict=True)]
            print(f"  {name:<20} runs at {statistics.median(pairs):.0%} of {base}")


if __name__ == "__main__":
    main()

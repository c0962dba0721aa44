"""Worker processes of map: the same elements, errors with the user's traceback, deaths that are told, nothing left.

The functions are at the top level, for that is where worker processes find them.
"""

from __future__ import annotations

import copy
import gc
import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from treadle._core import StateError
from treadle.data import AUTOTUNE, Dataset
from treadle.data._workers import _pack

BASE = Dataset.range(10)


def processes(dataset: Dataset, function: Any, calls: int | None = 2, **options: Any) -> Dataset:
    return dataset.map(function, num_parallel_calls=calls, use_multiprocessing=True, **options)


def running() -> set[int | None]:
    """Return the processes of the workers that there are."""
    return {p.pid for p in multiprocessing.active_children() if p.name == "treadle-map"}


def noisy(value: torch.Tensor) -> torch.Tensor:
    drawn = torch.rand(2).sum() + torch.nn.functional.dropout(torch.ones(50)).sum()
    return value + drawn + random.random() + float(np.random.rand())


def where(value: torch.Tensor) -> int:
    time.sleep(0.02)
    return os.getpid()


def slow_first(value: torch.Tensor) -> torch.Tensor:
    time.sleep(0.3 if int(value) == 0 else 0)
    return value


class Awkward(Exception):
    """Cannot be made again from its arguments."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def fail(value: torch.Tensor) -> torch.Tensor:
    if int(value) == 3:
        raise KeyError("no three")
    if int(value) == 5:
        raise Awkward(1, 2)
    if int(value) == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    if int(value) == 8:
        sys.exit(4)
    return value


def lingers(value: torch.Tensor) -> torch.Tensor:
    if int(value) > 0:
        time.sleep(60)
    return value


class Scaled:
    def __init__(self, factor: float) -> None:
        self.factor = torch.tensor(factor)

    def __call__(self, value: torch.Tensor) -> torch.Tensor:
        return value * self.factor


def test_elements_are_the_same_whoever_computes_them() -> None:
    def run(**options: Any) -> list[Any]:
        treadle.utils.set_random_seed(5)
        dataset = BASE.map(noisy, **options)
        torch.rand(7)
        return [[float(value) for value in dataset.iterator(epoch)] for epoch in (0, 1)]

    plain = run()
    assert plain[0] != plain[1]
    assert plain == run(num_parallel_calls=2)
    for calls in (0, 1, 2, 4, AUTOTUNE, None):
        assert plain == run(num_parallel_calls=calls, use_multiprocessing=True), calls


def test_they_are_computed_in_processes_that_stay_from_pass_to_pass() -> None:
    dataset = processes(BASE, where)
    first, second = ({int(pid) for pid in dataset} for _ in range(2))
    assert first == second
    assert len(first) == 2
    assert os.getpid() not in first
    assert {int(pid) for pid in processes(BASE, where, 0)} == {os.getpid()}
    assert first <= running()
    del dataset
    gc.collect()
    assert not first & running()


def test_order_is_kept_or_not() -> None:
    assert [int(i) for i in processes(BASE, slow_first)] == list(range(10))
    loose = [int(i) for i in processes(BASE, slow_first, deterministic=False)]
    assert sorted(loose) == list(range(10))
    assert loose != list(range(10))


def test_a_state_of_one_kind_of_workers_is_good_for_the_others() -> None:
    pipelines: list[Dataset] = [
        BASE.map(noisy, seed=1),
        BASE.map(noisy, seed=1, num_parallel_calls=2),
        processes(BASE, noisy, seed=1),
    ]
    expected = [float(value) for value in pipelines[0].iterator()]
    for writer in pipelines:
        iterator = writer.iterator()
        for _ in range(3):
            next(iterator)
        state = iterator.state_dict()
        iterator.close()
        for reader in pipelines:
            other = reader.iterator()
            other.load_state_dict(copy.deepcopy(state))
            assert [float(value) for value in other] == expected[3:]


def test_objects_with_a_call_are_sent_with_what_they_hold() -> None:
    made = [float(value) for value in processes(BASE, Scaled(0.5), 1)]
    assert made == [i / 2 for i in range(10)]


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(12).reshape(3, 4).T,
        torch.randn(2, 3).to(torch.bfloat16),
        torch.zeros(0, 3, dtype=torch.int8),
        torch.tensor(True),
        torch.randn(3, dtype=torch.complex64).conj(),
        torch.ones(1).expand(4),
        torch.nn.Parameter(torch.ones(2)),
    ],
)
def test_tensors_travel_as_their_bytes(tensor: torch.Tensor) -> None:
    back = pickle.loads(_pack({"a": (tensor, "text")}))["a"][0]
    assert back.dtype == tensor.dtype
    assert torch.equal(back, tensor.detach())
    assert len(_pack(torch.arange(1_000_000)[:10])) < 400


def test_an_exception_brings_the_users_traceback() -> None:
    iterator = iter(processes(BASE, fail))
    assert [int(next(iterator)) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError) as caught:
        next(iterator)
    assert caught.value.__notes__ == ["This happened in the function given to map, at element 3."]
    shown = "".join(traceback.format_exception(caught.value))
    assert 'raise KeyError("no three")' in shown
    assert "In a worker process" in shown
    assert int(next(iterator)) == 4
    with pytest.raises(RuntimeError, match="Awkward: 1 and 2") as other:
        next(iterator)
    assert "raise Awkward(1, 2)" in "".join(traceback.format_exception(other.value))


def test_a_worker_that_dies_is_told_and_replaced() -> None:
    iterator = iter(processes(BASE.skip(6), fail, 1))
    assert int(next(iterator)) == 6
    told = r"ended while it had element 1\.\n.*\n.*signal 9 \(SIGKILL\)\n.*fewer workers.*__main__"
    with pytest.raises(StateError, match=told):
        next(iterator)
    with pytest.raises(StateError, match=r"element 2\.\n.*\n.*exit code 4"):
        next(iterator)
    assert int(next(iterator)) == 9
    assert list(iterator) == []


def test_what_cannot_be_sent_is_told() -> None:
    told = r"`.*<lambda>` cannot be sent to worker processes.\n.*\n.*\n.*top level.*threads"
    with pytest.raises(TypeError, match=told):
        processes(BASE, lambda i: i)
    elsewhere = copy.copy(noisy.__code__)
    function = type(noisy)(elsewhere, {}, "elsewhere")
    function.__module__, function.__qualname__ = "__main__", "elsewhere"
    main = sys.modules["__main__"]
    main.elsewhere = function  # type: ignore[attr-defined]  # as one defined at a prompt
    try:
        with pytest.raises(
            TypeError, match=r"cannot load the function.*\n.*\n.*elsewhere.*\n.*notebook"
        ):
            next(iter(processes(BASE, function, 1)))
    finally:
        del main.elsewhere  # type: ignore[attr-defined]


def test_nothing_is_left_after_a_break_whatever_the_workers_do() -> None:
    dataset = processes(BASE.repeat(), lingers)
    others = running()
    began = time.monotonic()
    for _ in dataset:
        assert running() > others
        break
    gc.collect()
    assert running() <= others
    assert time.monotonic() - began < 20


def test_a_dataloader_uses_threads_in_its_workers() -> None:
    loader = torch.utils.data.DataLoader(processes(BASE, where), batch_size=5, num_workers=1)
    pids = {int(pid) for batch in loader for pid in batch}
    assert len(pids) == 1
    assert os.getpid() not in pids


SCRIPT = """
import os, sys, time
from treadle.data import Dataset

def pid(i):
    time.sleep(0.01 if int(i) < 2 else float(sys.argv[1]))
    return os.getpid()

if __name__ == "__main__" or sys.argv[2] == "unguarded":
    iterator = iter(Dataset.range(50).map(pid, num_parallel_calls=1, use_multiprocessing=True))
    print(int(next(iterator)), int(next(iterator)), flush=True)
    if sys.argv[2] == "wait":
        time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.parametrize(
    "how",
    ["wait", *(pytest.param(how, marks=pytest.mark.slow) for how in ("end", "unguarded"))],
)
def test_no_worker_outlives_its_process(tmp_path: Path, how: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), "0.2", how]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with (
        open(tmp_path / "errors", "w+") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        ) as process,
    ):
        line = process.stdout.readline() if process.stdout else ""
        if how == "wait":
            process.kill()
        process.wait(timeout=120)
        errors.seek(0)
        told = errors.read()
    if how == "unguarded":
        assert '`if __name__ == "__main__":`' in told
        return
    pids = [int(pid) for pid in line.split()]
    assert pids, told
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in pids)

"""Runs that are killed, told to end, or left go on with the same bits; what cannot go on is told."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import treadle

PROGRAM = Path(__file__).with_name("resume_program.py")
X = torch.arange(40.0).reshape(20, 2) / 40
Y = X.sum(1, keepdim=True)


def run_program(*arguments: object) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *map(str, arguments)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return json.loads(done.stdout)


def environment() -> dict[str, str]:
    source = str(Path(treadle.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize("kind", ["fit", "loop", "loader"])
def test_a_killed_run_ends_with_the_same_bits(kind: str, tmp_path: Path) -> None:
    found = run_program(kind, tmp_path, 1, 4)
    first, *kills, last = found["codes"]
    assert (first, last) == (0, 0)
    assert kills[0] == -signal.SIGKILL
    assert set(kills) <= {0, -signal.SIGKILL, 128 + signal.SIGTERM}
    assert found["broken"] == found["unbroken"]
    assert found["unbroken"]["epochs"] == [0, 1, 2]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["fit", "loop", "loader"])
def test_many_kills(kind: str, tmp_path: Path) -> None:
    """TREADLE_KILLS says how many runs, of ten kills each."""
    runs = int(os.environ.get("TREADLE_KILLS", "0"))
    if not runs:
        pytest.skip("set TREADLE_KILLS to the number of runs, for example 20")
    for seed in range(runs):
        folder = tmp_path / str(seed)
        folder.mkdir()
        found = run_program(kind, folder, seed, 10)
        assert found["broken"] == found["unbroken"], (seed, found["codes"])


SLEEPER = """
import sys, time, torch, treadle
loop = treadle.Loop(torch.rand(64, 2), epochs=50, verbose=2, resume=sys.argv[1])
for epoch in loop:
    for (x,) in epoch:
        print("step", flush=True)
        time.sleep(float(sys.argv[2]))
        epoch.log(mean=x.mean())
"""


@pytest.mark.parametrize(
    ("numbers", "seconds", "code"),
    [
        ([signal.SIGTERM], 0.1, 143),
        ([signal.SIGINT], 0.1, 130),
        ([signal.SIGTERM, signal.SIGTERM], 60, -signal.SIGTERM),
    ],
    ids=["SIGTERM", "SIGINT", "a second one ends it at once"],
)
def test_signals(numbers: list[int], seconds: float, code: int, tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", SLEEPER, str(tmp_path), str(seconds)]
    with subprocess.Popen(arguments, env=environment(), stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        program.stdout.readline()
        for number in numbers:
            time.sleep(0.05)
            program.send_signal(number)
        assert program.wait(20) == code
    steps = [path.name for path in treadle.Checkpoint(tmp_path).paths()]
    assert steps == (["step-000000000"] if seconds == 60 else ["step-000000000", "step-000000001"])


# ---- loops that are left


def make_run(
    folder: Path, act: Callable[[int, int], object] = lambda epoch, step: None, **options: Any
) -> tuple[Any, list[str], list[str]]:
    """Train a small model by hand; returns the loop, what was done, and the events that were heard."""
    events: list[str] = []

    class Listener(treadle.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            events.append("train begin")

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            events.append(f"epoch {epoch}")

        def on_train_end(self, logs: Any = None) -> None:
            events.append("train end")

    treadle.utils.set_random_seed(1)
    model = treadle.Sequential([treadle.Input((2,)), treadle.layers.Dense(1)])
    optimizer = treadle.optimizers.Adam(0.1)
    settings = {"epochs": 3, "batch_size": 4, "verbose": 0, "callbacks": [Listener()]} | options
    loop = treadle.Loop((X, Y), model=model, resume=folder, **settings)
    optimizer.build(model.trainable_weights)
    loop.track(optimizer)
    done: list[str] = []
    for epoch in loop:
        for x, y in epoch:
            loss = ((model(x, training=True) - y) ** 2).mean()
            loop.backward(loss)
            loop.step(optimizer)
            epoch.log(loss=loss)
            done.append(f"{epoch.index}.{epoch.step}")
            if act(epoch.index, epoch.step) == "break":
                break
        else:
            continue
        break
    return loop, done, events


def state_of(loop: Any) -> Any:
    weights = [weight.tolist() for weight in loop.model.weights]
    return weights, loop.history.history, [item.state_dict()["state"] for item in loop.tracked]


def fail(epoch: int, step: int) -> None:
    if (epoch, step) == (1, 2):
        raise RuntimeError("out of luck")


def leave(epoch: int, step: int) -> str | None:
    return "break" if (epoch, step) == (1, 2) else None


@pytest.mark.parametrize("how", ["break", "exception"])
def test_a_loop_that_is_left_ends_once_and_resumes(how: str, tmp_path: Path) -> None:
    whole, _, _ = make_run(tmp_path / "whole")
    if how == "break":
        _, done, events = make_run(tmp_path / "left", leave)
        assert done[-1] == "1.2"
        assert events == ["train begin", "epoch 0", "train end"]
    else:
        with pytest.raises(RuntimeError, match="out of luck"):
            make_run(tmp_path / "left", fail)
    resumed, done, events = make_run(tmp_path / "left")
    assert done[0] == "1.3"  # the step that was logged is not repeated
    assert events == ["train begin", "epoch 1", "epoch 2", "train end"]
    assert repr(state_of(resumed)) == repr(state_of(whole))


def test_return_ends_a_loop_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def first_batch() -> Any:
        for epoch in loop:
            for (x,) in epoch:
                return x
        return None

    ended: list[Any] = []
    end = treadle.callbacks.LambdaCallback(on_train_end=ended.append)
    loop = treadle.Loop(X, verbose=0, callbacks=end, resume=tmp_path)
    assert first_batch().shape == (20, 2)
    assert len(ended) == 1
    assert len(treadle.Checkpoint(tmp_path).paths()) == 1


@pytest.mark.parametrize("every", [None, 1, 5])
def test_a_run_told_to_end_at_the_last_step_of_an_epoch_keeps_its_logs(
    every: int | None, tmp_path: Path
) -> None:
    def told(epoch: int, step: int) -> None:
        if (epoch, step) == (1, 4):
            signal.raise_signal(signal.SIGTERM)

    whole, _, _ = make_run(tmp_path / "whole")
    with pytest.raises(SystemExit) as leaving:
        make_run(tmp_path / "left", told, save_every=every)
    assert leaving.value.code == 143
    resumed, done, _ = make_run(tmp_path / "left", save_every=every)
    assert done[0] == "2.0"
    assert repr(state_of(resumed)) == repr(state_of(whole))


def test_a_signal_in_the_validation_of_the_last_epoch_still_ends_the_program(
    tmp_path: Path,
) -> None:
    def tell(epoch: int, logs: Any) -> None:
        signal.raise_signal(signal.SIGTERM)

    with pytest.raises(SystemExit, match="143"):
        make_run(tmp_path, epochs=1, callbacks=treadle.callbacks.LambdaCallback(on_epoch_end=tell))
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_gradients_that_wait_are_kept(tmp_path: Path) -> None:
    whole, _, _ = make_run(tmp_path / "whole", accumulation=3)
    make_run(tmp_path / "left", leave, accumulation=3)
    resumed, _, _ = make_run(tmp_path / "left", accumulation=3)
    assert repr(state_of(resumed)) == repr(state_of(whole))


def test_a_finished_run_has_nothing_left_to_do(tmp_path: Path) -> None:
    first, _, _ = make_run(tmp_path)
    again, done, events = make_run(tmp_path)
    assert (done, events) == ([], ["train begin", "train end"])
    assert repr(state_of(again)) == repr(state_of(first))
    longer, done, _ = make_run(tmp_path, epochs=4)
    assert done[0] == "3.0"
    assert len(longer.history.epoch) == 4


def test_several_models_and_optimizers_resume_unbuilt_optimizers(tmp_path: Path) -> None:
    def run(stop: bool) -> list[Any]:
        treadle.utils.set_random_seed(1)
        models = [
            treadle.Sequential([treadle.Input((2,)), treadle.layers.Dense(n)]) for n in (1, 3)
        ]
        optimizers = [treadle.optimizers.Adam(0.1), treadle.optimizers.RMSprop(0.01)]
        loop = treadle.Loop(X, epochs=2, batch_size=4, model=models[0], verbose=0, resume=folder)
        loop.track(models[1], *optimizers)
        for epoch in loop:
            for (x,) in epoch:
                for model, optimizer in zip(models, optimizers, strict=True):
                    loss = model(x, training=True).square().mean()
                    weights = model.trainable_weights
                    optimizer.apply(torch.autograd.grad(loss, weights), weights)
                epoch.log(loss=loss)
                if stop and epoch.step == 3:
                    return []
        return [weight.tolist() for model in models for weight in model.weights]

    folder = tmp_path / "whole"
    whole = run(stop=False)
    folder = tmp_path / "left"
    run(stop=True)
    assert run(stop=False) == whole


# ---- what cannot be resumed


def damage(folder: Path) -> None:
    tensors = folder / "tensors.safetensors"
    content = bytearray(tensors.read_bytes())
    content[-1] ^= 1
    tensors.write_bytes(bytes(content))


def test_a_damaged_checkpoint_is_told_and_the_one_before_it_used(tmp_path: Path) -> None:
    whole, _, _ = make_run(tmp_path / "whole")
    make_run(tmp_path / "left", leave)
    paths = treadle.Checkpoint(tmp_path / "left").paths()
    assert [path.name for path in paths] == ["step-000000000", "step-000000005", "step-000000007"]
    damage(paths[-1])
    with pytest.warns(treadle.TreadleWarning, match=r"step-000000007.*is damaged[^$]*before it"):
        resumed, done, _ = make_run(tmp_path / "left")
    assert done[0] == "1.0"
    assert repr(state_of(resumed)) == repr(state_of(whole))


def test_no_whole_checkpoint_is_an_error(tmp_path: Path) -> None:
    make_run(tmp_path, leave)
    for path in treadle.Checkpoint(tmp_path).paths():
        damage(path)
    with (
        pytest.warns(treadle.TreadleWarning, match="damaged"),
        pytest.raises(treadle.saving.CorruptFileError, match=r"No checkpoint[^$]*fix:"),
    ):
        make_run(tmp_path)


def wide(**options: Any) -> Any:
    model = treadle.Sequential([treadle.Input((2,)), treadle.layers.Dense(5)])
    return treadle.Loop((X, Y), batch_size=4, model=model, verbose=0, **options)


def small(x: Any = X, **options: Any) -> Any:
    model = treadle.Sequential([treadle.Input((2,)), treadle.layers.Dense(1)])
    settings = {"batch_size": 4, "model": model, "verbose": 0, "epochs": 2} | options
    return treadle.Loop((x, x.sum(1, keepdim=True)), **settings)


def tracking(loop: Any, *items: Any) -> Any:
    loop.track(*items)
    return loop


def compiled(metrics: list[str], **options: Any) -> Any:
    model = treadle.Sequential([treadle.Input((2,)), treadle.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=metrics)
    return treadle.Loop((X, Y), batch_size=4, model=model, verbose=0, **options)


STOP = treadle.callbacks.TerminateOnNaN
OTHER: dict[str, tuple[Callable[..., Any], Callable[..., Any], str]] = {
    "data": (small, lambda **o: small(X[:16], **o), "number of samples as before: 20[^$]*got: +16"),
    "batch size": (small, lambda **o: small(**o, batch_size=5), "batch size as before: 4[^$]*5"),
    "loader": (
        lambda **o: treadle.Loop([(X, Y)] * 3, verbose=0, **o),
        lambda **o: treadle.Loop([(X, Y)] * 4, verbose=0, **o),
        "number of batches as before: 3[^$]*got: +4",
    ),
    "steps": (
        small,
        lambda **o: small(**o, steps_per_epoch=3),
        "steps per epoch as before: 5[^$]*got: +3",
    ),
    "model": (small, wide, r"another model[^$]*of shape \(2, 1\)[^$]*of shape \(2, 5\)"),
    "layers": (
        small,
        lambda **o: small(
            model=treadle.Sequential(
                [treadle.Input((2,)), treadle.layers.Dense(1), treadle.layers.Dense(1)]
            ),
            **o,
        ),
        r"another model[^$]*nothing more[^$]*got: +[^$]*kernel of shape \(1, 1\)",
    ),
    "callbacks": (
        small,
        lambda **o: small(callbacks=[STOP()], **o),
        "same callbacks as before: none[^$]*got: +TerminateOnNaN[^$]*same callbacks",
    ),
    "tracked": (
        lambda **o: tracking(small(**o), treadle.metrics.Mean()),
        small,
        "tracked objects as before: Mean[^$]*got: +none[^$]*same tracked objects",
    ),
    "order": (
        lambda **o: tracking(small(**o), treadle.metrics.Mean(), treadle.metrics.Sum()),
        lambda **o: tracking(small(**o), treadle.metrics.Sum(), treadle.metrics.Mean()),
        "as before: Mean, Sum[^$]*got: +Sum, Mean",
    ),
    "metrics": (
        lambda **o: compiled(["mae"], **o),
        lambda **o: compiled([], **o),
        "metrics as before: LossTracker, MeanAbsoluteError[^$]*got: +LossTracker",
    ),
}


@pytest.mark.parametrize(("before", "now", "words"), OTHER.values(), ids=OTHER)
def test_another_run_is_refused(
    before: Callable[..., Any], now: Callable[..., Any], words: str, tmp_path: Path
) -> None:
    for epoch in before(resume=tmp_path, save_every=2):
        for batch in epoch:
            step = getattr(epoch.loop.model, "train_step", None)
            epoch.log(one=1.0)
            if step is not None and epoch.loop.model.compiled:
                step(batch)
            if epoch.step == 2:
                break
        break
    with pytest.raises(treadle.StateError, match=words) as error:
        for _ in now(resume=tmp_path):
            raise AssertionError("the run began")
    assert "another directory" in str(error.value)


def test_an_unbuilt_second_model_is_told(tmp_path: Path) -> None:
    def run() -> None:
        model, other = small().model, treadle.Sequential([treadle.layers.Dense(1)])
        loop = small(model=model, resume=tmp_path, save_every=1)
        optimizer = treadle.optimizers.SGD(0.1)
        loop.track(other, optimizer)
        for epoch in loop:
            for x, _ in epoch:
                loop.backward(other(x, training=True).mean())
                optimizer.build(other.trainable_weights)
                loop.step(optimizer)
                epoch.log(one=1)
            break

    run()
    with pytest.raises(treadle.StateError, match=r"models are built[^$]*Input\(shape\)"):
        run()


def test_a_metric_that_is_not_tracked_is_refused(tmp_path: Path) -> None:
    mean = treadle.metrics.Mean(name="mean")
    for epoch in treadle.Loop(X, verbose=0, resume=tmp_path):
        for (x,) in epoch:
            with pytest.raises(treadle.StateError, match=r"`m` is not tracked[^$]*loop.track\(m\)"):
                epoch.log(m=mean.update_state(x))


def test_a_run_killed_before_its_first_step_begins_as_it_would_have(tmp_path: Path) -> None:
    class Kill(treadle.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if kill:
                raise KeyboardInterrupt

    def run(folder: Path) -> tuple[Any, ...]:
        torch.manual_seed(len(seeds))  # another seed each time: the first one counts
        seeds.append(1)
        model = treadle.Sequential([treadle.layers.Dense(4), treadle.layers.Dense(1)])
        model.compile("adam", "mse", metrics=["mae"])
        treadle.utils.set_random_seed(len(seeds))
        history = model.fit(X, Y, epochs=2, verbose=0, resume=folder, callbacks=[Kill()])
        return [weight.tolist() for weight in model.weights], history.history

    seeds: list[int] = []
    kill = False
    whole = run(tmp_path / "whole")
    seeds, kill = [], True
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "left")
    first, second = treadle.Checkpoint(tmp_path / "left").paths()
    assert first.name == "step-000000000"
    shutil.rmtree(second)  # a kill would not have left it
    kill = False
    assert run(tmp_path / "left") == whole

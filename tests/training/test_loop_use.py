"""Loops by hand: what is logged, wrong use, validation, precision, accumulation, several models, and leaving early."""

from __future__ import annotations

import copy
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from treadle.training._means import RunningMeans

X = torch.linspace(-1, 1, 40).reshape(20, 2)
Y = X.sum(1, keepdim=True)


def quiet(data: Any = X, **options: Any) -> Any:
    return treadle.Loop(data, **({"verbose": 0, "batch_size": 5, "shuffle": False} | options))


def one_epoch(act: Callable[[Any, Any], object], **options: Any) -> Any:
    """Call `act(epoch, x)` for each batch of one epoch; returns the loop."""
    loop = quiet(**options)
    for epoch in loop:
        for (x,) in epoch:
            act(epoch, x)
    return loop


# ---- logs

VALUES: dict[str, tuple[Callable[[torch.Tensor], Any], float]] = {
    "tensor": (lambda x: x.mean(), float(X.mean())),
    "with a gradient": (lambda x: (x * torch.ones(2, requires_grad=True)).mean(), float(X.mean())),
    "shape (1,)": (lambda x: x.mean().reshape(1), float(X.mean())),
    "bfloat16": (lambda x: torch.ones((), dtype=torch.bfloat16) / 2, 0.5),
    "integer": (lambda x: torch.tensor(3), 3.0),
    "bool": (lambda x: torch.tensor(True), 1.0),
    "float": (lambda x: 0.25, 0.25),
    "int": (lambda x: 2, 2.0),
    "NumPy": (lambda x: np.float64(0.125), 0.125),
    "array": (lambda x: np.ones(()), 1.0),
}


@pytest.mark.parametrize(("make", "mean"), VALUES.values(), ids=VALUES)
def test_a_scalar_is_logged_as_its_mean(make: Callable[..., Any], mean: float) -> None:
    history = one_epoch(lambda epoch, x: epoch.log(value=make(x), other=x.sum() * 0)).history
    assert history.history["value"] == [pytest.approx(mean, abs=1e-7)]
    assert history.history["other"] == [0.0]
    alone = one_epoch(lambda epoch, x: epoch.log(value=make(x))).history
    assert alone.history["value"] == history.history["value"]


def test_values_that_are_logged_now_and_then_are_means_over_those_steps() -> None:
    def act(epoch: Any, x: torch.Tensor) -> None:
        epoch.log(step=epoch.step)
        if epoch.step % 2:
            epoch.log(odd=torch.tensor(float(epoch.step)), step_too=epoch.step)

    found = one_epoch(act).history.history
    assert found == {"step": [1.5], "odd": [2.0], "step_too": [2.0]}


def test_a_name_may_be_a_number_once_and_a_tensor_later() -> None:
    def act(epoch: Any, x: torch.Tensor) -> None:
        epoch.log(value=torch.tensor(2.0) if epoch.step % 2 else 1)

    assert one_epoch(act).history.history == {"value": [1.5]}


def test_a_logged_tensor_that_is_changed_later_counts_as_it_was() -> None:
    running = torch.zeros(())

    def act(epoch: Any, x: torch.Tensor) -> None:
        epoch.log(value=running)
        running.add_(1)

    assert one_epoch(act).history.history == {"value": [1.5]}


def test_means_are_exact_over_many_steps() -> None:
    means = RunningMeans()
    for _ in range(100_000):
        means.add({"tenth": torch.tensor(0.1)})
    assert means.readers["tenth"]() == pytest.approx(float(torch.tensor(0.1)), rel=1e-12)


def test_values_on_a_device_are_summed_in_blocks() -> None:
    # The rows of devices are kept as tensors; here on the CPU, through the same code.
    values = [{"a": torch.tensor(float(n)), "b": torch.tensor([1.0])} for n in range(150)]
    means = RunningMeans()
    means.add(values[0])
    [sums] = means._sums.values()
    sums.device, sums.host, means._on_host = sums.host, [], {}
    sums.host_totals, sums.count = [], 0
    for value in values:
        means.add(value)
        assert len(sums._rows) < 64
    assert (means.readers["a"](), means.readers["b"]()) == (74.5, 1.0)
    resumed = RunningMeans()
    resumed.load_state_dict(copy.deepcopy(means.state_dict()))
    assert resumed.readers["a"]() == 74.5


def test_loss_comes_first_and_metrics_are_read_when_looked_at() -> None:
    reads: list[int] = []

    class Counted(treadle.metrics.Mean):
        def result(self) -> Any:
            reads.append(1)
            return super().result()

    metric = Counted()

    def act(epoch: Any, x: torch.Tensor) -> None:
        epoch.log(mean=metric.update_state(x), loss=x.sum())
        assert list(epoch.logs) == ["loss", "mean"]
        assert len(reads) == epoch.step + 1

    found = one_epoch(act).history.history
    assert list(found) == ["loss", "mean"]
    assert found["mean"] == [pytest.approx(0.0, abs=1e-6)]


WRONG: dict[str, tuple[Callable[[Any, torch.Tensor], object], str]] = {
    "matrix": (
        lambda epoch, x: epoch.log(loss=x),
        r"`loss` cannot be logged[^$]*a scalar[^$]*\(5, 2\)[^$]*epoch.log\(loss=loss.mean\(\)\)",
    ),
    "array": (lambda epoch, x: epoch.log(loss=np.ones(3)), "`loss` cannot be logged[^$]*ndarray"),
    "text": (lambda epoch, x: epoch.log(loss="low"), "cannot be logged[^$]*str, 'low'"),
    "nothing": (lambda epoch, x: epoch.log(loss=None), "cannot be logged[^$]*NoneType"),
    "complex": (lambda epoch, x: epoch.log(z=torch.tensor(1j)), "cannot be logged[^$]*complex"),
    "a scalar, then a metric": (
        lambda epoch, x: (epoch.log(a=x.mean()), epoch.log(a=treadle.metrics.Mean())),
        "`a` changed its kind[^$]*a scalar, as before[^$]*a metric[^$]*another name",
    ),
    "a metric, then a scalar": (
        lambda epoch, x: (epoch.log(a=treadle.metrics.Mean()), epoch.log(a=1.0)),
        "`a` changed its kind[^$]*a metric, as before[^$]*a scalar",
    ),
    "a scalar, then a matrix": (
        lambda epoch, x: (epoch.log(a=x.mean()), epoch.log(a=x)),
        r"`a` cannot be logged[^$]*\(5, 2\)",
    ),
}


@pytest.mark.parametrize(("act", "words"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_logged_is_told(act: Callable[..., object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        one_epoch(act)


def test_logging_after_the_epoch_is_told() -> None:
    loop = quiet(epochs=2)
    epochs = []
    for epoch in loop:
        for _ in epoch:
            epoch.log(a=1)
        epoch.log(b=2)  # before the next one begins: this is where validation goes
        epochs.append(epoch)
    assert loop.history.history == {"a": [1.0, 1.0], "b": [2.0, 2.0]}
    with pytest.raises(treadle.StateError, match=r"after the epoch[^$]*epoch 1, which has ended"):
        epochs[0].log(a=1)


# ---- validation


def test_validate_joins_the_logs_and_leaves_the_running_metrics() -> None:
    model = treadle.Sequential([treadle.Input((2,)), treadle.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    loop = quiet((X, Y), epochs=4, model=model, validation_data=(X, Y), validation_freq=2)
    seen = []
    for epoch in loop:
        model.reset_metrics()
        for batch in epoch:
            epoch.log(model.train_step(batch))
        if epoch.index == 2:
            before = epoch.logs
            seen.append(epoch.validate((X[:5], Y[:5])))
            assert epoch.logs == {**before, **seen[0]}
    assert list(seen[0]) == ["val_loss", "val_mae"]
    assert len(loop.history.history["val_loss"]) == 3
    assert loop.history.history["val_loss"][1] == seen[0]["val_loss"]
    assert len(loop.history.history["loss"]) == 4


def test_validate_without_data_or_compile_is_empty() -> None:
    for model in (None, torch.nn.Linear(2, 1)):
        loop = quiet((X, Y), model=model, validation_data=(X, Y))
        for epoch in loop:
            for _ in epoch:
                epoch.log(a=1)
            assert epoch.validate() == {}
        assert loop.history.history == {"a": [1.0]}


# ---- precision and accumulation


def test_autocast_runs_the_forward_pass_in_bfloat16() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loop = quiet((X, Y), model=model, epochs=20, precision="mixed_bfloat16")
    for epoch in loop:
        for x, y in epoch:
            with loop.autocast():
                prediction = model(x)
            assert prediction.dtype == torch.bfloat16
            loss = torch.nn.functional.mse_loss(prediction.float(), y)
            loop.backward(loss)
            assert loop.step(optimizer)
            epoch.log(loss=loss)
    losses = loop.history.history["loss"]
    assert losses[-1] < losses[0] / 5
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())


def test_autocast_does_nothing_at_full_precision() -> None:
    loop = quiet(model=torch.nn.Linear(2, 1))
    with loop.autocast():
        assert loop.model(X).dtype == torch.float32


def test_float16_scales_the_loss_and_leaves_out_steps_that_overflow() -> None:
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loop = quiet((X, Y), model=model, precision="float16")
    scale = loop.precision.scaler.get_scale()
    for epoch in loop:
        for x, y in epoch:
            before = [parameter.clone() for parameter in model.parameters()]
            loss = (model(x) - y).square().mean() * (float("inf") if epoch.step == 0 else 1.0)
            loop.backward(loss)
            assert model.weight.grad is not None
            loop.step(optimizer)
            same = all(map(torch.equal, before, model.parameters()))
            assert same == (epoch.step == 0)
    assert loop.precision.scaler.get_scale() == scale / 2


@pytest.mark.parametrize("make", [treadle.optimizers.SGD, None], ids=["treadle", "torch"])
@pytest.mark.parametrize(("batch", "groups"), [(5, [10, 10]), (4, [8, 8, 4]), (3, [6, 6, 6, 2])])
def test_accumulation_is_the_large_batch(batch: int, groups: list[int], make: Any) -> None:
    """Two small batches make a step; what is left at the end of the epoch makes one of its own."""
    model = treadle.Sequential([treadle.Input((2,)), treadle.layers.Dense(1)])
    large = copy.deepcopy(model)

    def optimizer_of(module: torch.nn.Module) -> Any:
        if make is None:
            return torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
        optimizer = make(0.1, momentum=0.9)
        optimizer.build(list(module.parameters()))
        return optimizer

    optimizer = optimizer_of(model)
    loop = quiet((X, Y), model=model, batch_size=batch, epochs=2, accumulation=2)
    stepped = []
    for epoch in loop:
        for x, y in epoch:
            loop.backward((model(x, training=True) - y).square().mean())
            stepped.append(loop.step(optimizer))
    batches = -(-20 // batch)
    assert stepped == [n % 2 == 1 or n == batches - 1 for n in range(batches)] * 2

    optimizer = optimizer_of(large)
    for _ in range(2):
        begin = 0
        for size in groups:
            x, y = X[begin : begin + size], Y[begin : begin + size]
            parts = [
                (large(a) - b).square().mean()
                for a, b in zip(x.split(batch), y.split(batch), strict=True)
            ]
            large.zero_grad()
            torch.stack(parts).mean().backward()
            optimizer.step()
            begin += size
    for mine, other in zip(model.weights, large.weights, strict=True):
        torch.testing.assert_close(mine, other)


def test_each_optimizer_accumulates_by_itself() -> None:
    models = [torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)]
    optimizers = [torch.optim.SGD(model.parameters(), lr=0.1) for model in models]
    loop = quiet(X, batch_size=4, accumulation=2)
    stepped = []
    for epoch in loop:
        for (x,) in epoch:
            for model, optimizer in zip(models, optimizers, strict=True):
                loop.backward(model(x).mean())
                stepped.append(loop.step(optimizer))
    assert stepped == [False, False, True, True, False, False, True, True, True, True]


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, None])
def test_an_accumulation_that_cannot_be_used_is_told(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"`accumulation`[^$]*an integer > 0"):
        quiet(accumulation=wrong)


def test_an_unknown_precision_is_told() -> None:
    with pytest.raises(treadle.UnknownNameError, match="bfloat16"):
        quiet(precision="bfloat61")


# ---- models, and leaving


def test_a_loop_without_a_model_is_for_anything() -> None:
    loop = one_epoch(lambda epoch, x: epoch.log(mean=x.mean()))
    assert loop.history.history == {"mean": [pytest.approx(0.0, abs=1e-7)]}


def test_callbacks_get_a_plain_module_and_can_stop_it() -> None:
    class Stop(treadle.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            assert logs["loss"] == pytest.approx(1.0)
            assert isinstance(self.model, torch.nn.Linear)
            self.model.stop_training = epochs[-1] == 1 and batch == 2

    model = torch.nn.Linear(2, 1)
    epochs, steps = [0], []
    loop = quiet((X, Y), model=model, epochs=5, callbacks=[Stop()])
    for epoch in loop:
        epochs.append(epoch.index)
        for _ in epoch:
            epoch.log(loss=1.0)
            steps.append(epoch.step)
    assert steps == [0, 1, 2, 3, 0, 1, 2]
    assert loop.history.epoch == [0, 1]


def test_early_stopping_by_what_a_loop_logs() -> None:
    model = torch.nn.Linear(2, 1)
    stop = treadle.callbacks.EarlyStopping(
        "score", patience=1, mode="max", restore_best_weights=True
    )
    loop = quiet(model=model, epochs=10, callbacks=[stop])
    for epoch in loop:
        for _ in epoch:
            with torch.no_grad():
                model.weight.fill_(epoch.index)
            epoch.log(score=float(-abs(epoch.index - 3)))
    assert loop.history.epoch == [0, 1, 2, 3, 4]
    assert model.weight.tolist() == [[3.0, 3.0]]


def test_the_inner_loop_can_be_left_alone() -> None:
    loop = quiet(epochs=3)
    steps = []
    for epoch in loop:
        for _ in epoch:
            epoch.log(step=epoch.step)
            if epoch.step == 1:
                break
        steps.append(epoch.step)
    assert steps == [1, 1, 1]
    assert loop.history.history == {"step": [0.5, 0.5, 0.5]}


@pytest.mark.parametrize("how", ["break", "return", "exception"])
def test_leaving_closes_the_bar_and_tells_callbacks_once(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    listen = treadle.callbacks.LambdaCallback(
        on_train_begin=lambda logs: events.append("begin"),
        on_epoch_end=lambda epoch, logs: events.append("epoch"),
        on_train_end=lambda logs: events.append("end"),
    )
    loop = quiet(callbacks=[listen])
    close = loop.progress.close
    monkeypatch.setattr(loop.progress, "close", lambda: (events.append("closed"), close()))

    def run() -> None:
        for epoch in loop:
            for _ in epoch:
                events.clear()
                if how == "return":
                    return
                if how == "exception":
                    raise RuntimeError("out of luck")
                break
            break

    if how == "exception":
        with pytest.raises(RuntimeError, match="out of luck"):
            run()
    else:
        run()
    assert events == ["closed", "end"]


def test_the_users_own_random_stream_is_not_moved() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    treadle.utils.set_random_seed(3)
    one_epoch(lambda epoch, x: torch.rand(7))
    torch.testing.assert_close(torch.rand(2), expected)


def test_what_callbacks_and_validation_draw_moves_no_step() -> None:
    def draws(callback: bool) -> list[list[float]]:
        treadle.utils.set_random_seed(5)
        found: list[list[float]] = []
        draw = treadle.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: torch.rand(9)
        )
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X), 5, shuffle=True)
        loop = treadle.Loop(loader, epochs=2, verbose=0, callbacks=[draw] if callback else None)
        for epoch in loop:
            for (x,) in epoch:
                found.append([*torch.rand(2).tolist(), *x.flatten().tolist()])
            if callback:
                torch.rand(3)
        return found

    assert draws(callback=True) == draws(callback=False)


def test_tracking_what_has_no_state_is_told() -> None:
    with pytest.raises(TypeError, match=r"cannot be tracked[^$]*state_dict\(\)[^$]*int"):
        quiet().track(3)


def test_fit_and_the_same_loop_by_hand_are_one() -> None:
    """The same bits, logs and events: `fit` is this loop."""

    def recorder(name: str) -> Callable[..., None]:
        def record(self: Any, *args: Any) -> None:
            self.events.append((name, *(dict(a) if hasattr(a, "items") else a for a in args)))

        return record

    names = [name for name in dir(treadle.callbacks.Callback) if name.startswith("on_")]
    Listener = type("Listener", (treadle.callbacks.Callback,), {n: recorder(n) for n in names})

    def make() -> tuple[Any, Any, dict[str, Any]]:
        treadle.utils.set_random_seed(2)
        model = treadle.Sequential(
            [treadle.Input((2,)), treadle.layers.Dropout(0.5), treadle.layers.Dense(1)]
        )
        model.compile("adam", "mse", metrics=["mae"])
        listener: Any = Listener()
        listener.events = []
        options = {"callbacks": [listener], "validation_data": (X, Y), "epochs": 3, "verbose": 0}
        return model, listener, options

    model, listener, options = make()
    history = model.fit(X, Y, batch_size=8, **options)
    by_hand, heard, options = make()
    loop = treadle.Loop((X, Y), batch_size=8, model=by_hand, **options)
    for epoch in loop:
        by_hand.reset_metrics()
        for batch in epoch:
            epoch.log(by_hand.train_step(batch))
    assert loop.history.history == history.history
    assert heard.events == listener.events
    assert {event[0] for event in heard.events} >= {
        "on_train_begin",
        "on_test_batch_end",
        "on_epoch_end",
    }
    for mine, other in zip(by_hand.weights, model.weights, strict=True):
        assert torch.equal(mine, other)


def test_steps_on_a_device_draw_from_seeds_of_their_own(monkeypatch):
    seeds: list[int] = []
    device = types.SimpleNamespace(manual_seed=seeds.append)
    monkeypatch.setattr(torch, "get_device_module", lambda device_type: device)
    model = torch.nn.Linear(2, 1, device="meta")  # stands in for an accelerator

    def run() -> list[int]:
        seeds.clear()
        treadle.utils.set_random_seed(3)
        for epoch in treadle.Loop(torch.zeros(6, 2), batch_size=2, model=model, verbose=0):
            for _ in epoch:
                torch.rand(5)
        return list(seeds)

    first = run()
    assert len(set(first)) == 4  # for the order of the data, and for each of three steps
    assert run() == first

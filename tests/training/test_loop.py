"""`Loop`: the same training as `fit`, in the user's hands."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import treadle
from treadle import layers

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(50, 4)).astype("float32")
Y = X.sum(1, keepdims=True)
EVENTS = [
    f"on_{subject}_{edge}"
    for subject in ("train", "epoch", "train_batch", "test", "test_batch")
    for edge in ("begin", "end")
]


def hears() -> Any:
    heard: list[Any] = []
    made = treadle.callbacks.Callback()
    for event in EVENTS:

        def hear(*args: Any, event: str = event) -> None:
            heard.append((event, *(sorted(a) if isinstance(a, Mapping) else a for a in args)))

        setattr(made, event, hear)
    made.heard = heard  # type: ignore[attr-defined]
    return made


def network() -> treadle.Model:
    treadle.utils.set_random_seed(4)
    model = treadle.Sequential([treadle.Input((4,)), layers.Dropout(0.3), layers.Dense(1)])
    model.compile(treadle.optimizers.Adam(0.01), "mse")
    return model


def trained_by_fit(**kwargs: Any) -> tuple[treadle.Model, Any, Any]:
    model, callback = network(), hears()
    history = model.fit(X, Y, batch_size=16, verbose=0, callbacks=[callback], **kwargs)
    return model, history, callback


def trained_by_hand(**kwargs: Any) -> tuple[treadle.Model, Any, Any]:
    model, callback = network(), hears()
    loss_fn, mean = treadle.losses.MeanSquaredError(), treadle.metrics.Mean()
    loop = treadle.Loop(
        (X, Y), model=model, batch_size=16, verbose=0, callbacks=[callback], **kwargs
    )
    for epoch in loop:
        mean.reset_state()
        for x, y in epoch:
            loss = loss_fn(y, model(x, training=True))
            gradients = torch.autograd.grad(loss, model.trainable_weights)
            model.optimizer.apply(gradients, model.trainable_weights)
            epoch.log(loss=mean.update_state(loss, sample_weight=len(x)))
    return model, loop.history, callback


@pytest.mark.parametrize(
    "kwargs", [{}, {"validation_data": (X[:20], Y[:20])}, {"steps_per_epoch": 2}]
)
def test_a_loop_by_hand_is_fit(kwargs: Any) -> None:
    one, two = trained_by_fit(epochs=3, **kwargs), trained_by_hand(epochs=3, **kwargs)
    assert all(map(torch.equal, one[0].weights, two[0].weights))
    assert list(one[1].history) == list(two[1].history)
    for name, values in one[1].history.items():
        assert two[1].history[name] == pytest.approx(values, rel=1e-6)
    assert one[1].epoch == two[1].epoch
    assert one[2].heard == two[2].heard


def test_a_loop_over_fits_own_step() -> None:
    one = trained_by_fit(epochs=2)
    model, callback = network(), hears()
    loop = treadle.Loop((X, Y), epochs=2, model=model, batch_size=16, verbose=0, callbacks=callback)
    for epoch in loop:
        model.reset_metrics()
        for batch in epoch:
            epoch.log(model.train_step(batch))
    assert all(map(torch.equal, one[0].weights, model.weights))
    assert loop.history.history == one[1].history
    assert callback.heard == one[2].heard


def test_a_loop_of_torch_alone() -> None:
    net = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    pairs = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    loader = torch.utils.data.DataLoader(pairs, batch_size=10, shuffle=True)
    loop = treadle.Loop(loader, epochs=4, verbose=0)
    for epoch in loop:
        for x, y in epoch:
            loss = nn.functional.mse_loss(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            epoch.log(loss=loss, rate=0.1)
    losses = loop.history.history["loss"]
    assert losses[-1] < losses[0]
    assert loop.history.history["rate"] == pytest.approx([0.1] * 4)
    assert loop.steps == 5


def test_what_is_logged_is_the_mean_over_the_steps() -> None:
    loop = treadle.Loop(torch.arange(8.0), batch_size=2, shuffle=False, verbose=0, epochs=2)
    metric = treadle.metrics.Sum()
    for epoch in loop:
        for (x,) in epoch:
            epoch.log(mean=x.mean(), first=float(x[0]), total=metric.update_state(x))
        assert epoch.logs["mean"] == 3.5
    assert loop.history.history == {"mean": [3.5, 3.5], "first": [3.0, 3.0], "total": [28.0, 56.0]}


def test_a_value_that_is_no_scalar_is_told() -> None:
    loop = treadle.Loop(torch.arange(8.0), verbose=0)
    with pytest.raises(ValueError, match=r"(?s)`mean` cannot be logged.*\(8,\).*mean\.mean\(\)"):
        for epoch in loop:
            for (x,) in epoch:
                epoch.log(mean=x)


def _break_epoch(epoch: treadle.training.Epoch) -> None:
    for _ in epoch:
        epoch.log(loss=1.0)
        break


def _fail(epoch: treadle.training.Epoch) -> None:
    for _ in epoch:
        raise KeyError


def _stop(epoch: treadle.training.Epoch) -> None:
    for _ in epoch:
        torch.rand(3)
        epoch.log(loss=1.0)
        epoch.loop.stop_training = True


@pytest.mark.parametrize(("body", "epochs"), [(_break_epoch, 3), (_fail, 0), (_stop, 1)])
def test_however_it_ends_it_ends_once(body: Any, epochs: int) -> None:
    callback = hears()
    loop = treadle.Loop((X, Y), epochs=3, batch_size=25, verbose=0, callbacks=[callback])
    state = torch.get_rng_state()
    with contextlib.suppress(KeyError):
        for epoch in loop:
            body(epoch)
    names = [event for event, *_ in callback.heard]
    assert names.count("on_train_end") == 1 and names[-1] == "on_train_end"
    assert names.count("on_epoch_end") == epochs
    assert torch.equal(torch.get_rng_state(), state), "the user's random stream is as before"


def test_leaving_the_loop_itself_ends_it() -> None:
    callback = hears()
    for epoch in treadle.Loop((X, Y), epochs=3, verbose=0, callbacks=[callback]):
        _break_epoch(epoch)
        break
    assert [event for event, *_ in callback.heard][-1] == "on_train_end"


def test_closing_a_generator_around_the_loop_ends_it() -> None:
    callback = hears()

    def steps() -> Iterator[int]:
        for epoch in treadle.Loop((X, Y), verbose=0, callbacks=[callback]):
            for _ in epoch:
                yield epoch.step

    running = steps()
    assert next(running) == 0
    running.close()
    assert [event for event, *_ in callback.heard][-1] == "on_train_end"


def test_a_loop_can_be_run_again() -> None:
    loop = treadle.Loop((X, Y), epochs=2, verbose=0)
    for _ in range(2):
        seen = [len(list(epoch)) for epoch in loop]
        assert seen == [2, 2]


def test_dicts_and_single_tensors_as_data() -> None:
    for given, check in (
        ({"a": X, "b": Y}, lambda batch: set(batch[0]) == {"a", "b"}),
        (torch.from_numpy(X), lambda batch: batch[0].shape == (25, 4)),
        (X, lambda batch: batch[0].shape == (25, 4)),
        ([(X, Y)], lambda batch: batch[1].shape == (50, 1)),
    ):
        for epoch in treadle.Loop(
            given, batch_size=None if isinstance(given, list) else 25, verbose=0
        ):
            assert all(check(batch) for batch in epoch)


@pytest.mark.parametrize(
    ("kwargs", "parts"),
    [
        ({"epochs": 0}, ("`epochs` cannot be used", "integer >= 1", "0")),
        ({"epochs": 2, "initial_epoch": 5}, ("no epoch to run", "initial_epoch=5")),
        ({"batch_size": 0}, ("`batch_size` cannot be used",)),
        ({"steps_per_epoch": -1}, ("`steps_per_epoch` cannot be used",)),
        ({"verbose": "loud"}, ("`verbose` cannot be used",)),
    ],
)
def test_numbers_that_leave_nothing_to_do_are_told(kwargs: Any, parts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError) as told:
        treadle.Loop((X, Y), **kwargs)
    for part in parts:
        assert part in str(told.value)

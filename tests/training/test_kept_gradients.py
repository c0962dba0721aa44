"""`loss.backward()` without `zero_grad`: gradients that grow from step to step are told, and nothing else is."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch

import treadle

MESSAGE = r"(?s)grow from step to step.*expected.*got.*kernel.*zero_grad.*accumulation"


def make() -> tuple[treadle.Model, Any]:
    treadle.utils.set_random_seed(0)
    return treadle.Sequential([treadle.Input((3,)), treadle.layers.Dense(2)]), (
        torch.randn(24, 3),
        torch.randn(24, 2),
    )


def stepper(kind: str, model: treadle.Model) -> tuple[Any, Callable[[], Any]]:
    """Return an optimizer and how it takes a step, in each way that users write it."""
    weights = model.trainable_weights
    if kind == "torch":
        optimizer: Any = torch.optim.SGD(model.parameters(), lr=0.1)
        return optimizer, optimizer.step
    optimizer = treadle.optimizers.SGD(0.1)
    optimizer.build(weights)
    if kind == "step":
        return optimizer, optimizer.step
    return optimizer, lambda: optimizer.apply([v.value.grad for v in weights], weights)


def train(kind: str, clear: str, *, use_loop: bool, clip: bool = False) -> None:
    model, (x, y) = make()
    optimizer, step = stepper(kind, model)
    chunks = zip(x.split(4), y.split(4), strict=True)
    epochs = [chunks]
    if use_loop:
        epochs = treadle.Loop((x, y), batch_size=4, model=model, verbose=0)
    for epoch in epochs:
        for xb, yb in epoch:
            loss = ((model(xb) - yb) ** 2).mean()
            if clear == "none":
                optimizer.zero_grad()
            elif clear == "zeros":
                torch.optim.Optimizer.zero_grad(optimizer, set_to_none=False)
            elif clear == "model":
                model.zero_grad()
            loss.backward()
            if clip:
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            step()


@pytest.mark.parametrize(
    ("kind", "use_loop"),
    [("step", False), ("apply", False), ("step", True), ("apply", True), ("torch", True)],
)
def test_gradients_that_are_never_cleared_are_told_once(kind: str, use_loop: bool) -> None:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        train(kind, "never", use_loop=use_loop)
    told = [str(w.message) for w in found if issubclass(w.category, treadle.TreadleWarning)]
    assert told
    with pytest.warns(treadle.TreadleWarning, match=MESSAGE):
        train(kind, "never", use_loop=use_loop)


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("use_loop", [False, True])
@pytest.mark.parametrize("clear", ["none", "zeros", "model"])
@pytest.mark.parametrize("kind", ["step", "apply", "torch"])
def test_cleared_gradients_are_not(kind: str, clear: str, use_loop: bool, clip: bool) -> None:
    train(kind, clear, use_loop=use_loop, clip=clip)  # a warning would be an error


def test_adding_up_on_purpose_is_not_told() -> None:
    model, (x, y) = make()
    optimizer, step = stepper("step", model)
    for number, (xb, yb) in enumerate(zip(x.split(2), y.split(2), strict=True)):
        ((model(xb) - yb) ** 2).mean().backward()
        if number % 3 == 2:
            step()
            optimizer.zero_grad()


def test_the_second_warning_is_the_last() -> None:
    model, (x, y) = make()
    _, step = stepper("step", model)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("default")
        for _ in range(50):
            ((model(x) - y) ** 2).mean().backward()
            step()
    assert len(found) == 1

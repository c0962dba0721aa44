"""Training or inference: the argument wins, then the enclosing call, then the module; torch modules follow."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import treadle
from treadle import layers
from treadle._core import TreadleWarning
from treadle.layers import _training_mode


class Mode(layers.Layer):
    """Gives 1 in training mode, 0 in inference mode."""

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        return torch.ones(()) if training else torch.zeros(())


class Plain(nn.Module):
    """A torch module that shows its own mode."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.ones(()) if self.training else torch.zeros(())


class Holder(layers.Layer):
    def __init__(self, inner: nn.Module, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = inner

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.inner(inputs)


class Chooser(Holder):
    """Decides for what is inside, against what it is told."""

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        return self.inner(inputs, training=not training)


X = torch.ones(2, 3)


@pytest.mark.parametrize("inner", [Mode, Plain], ids=["layer", "torch module"])
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("given", [None, False, True])
def test_the_argument_wins_then_the_enclosing_call_then_the_module(
    inner: Callable[[], nn.Module], depth: int, own: bool, given: bool | None
) -> None:
    layer: nn.Module = inner()
    for _ in range(depth):
        layer = Holder(layer)
    layer.train(own)
    kwargs = {} if given is None else {"training": given}
    assert bool(layer(X, **kwargs)) is (own if given is None else given)
    assert all(part.training is own for part in layer.modules())
    assert bool(layer(X)) is own


def test_a_call_inside_may_decide_otherwise() -> None:
    assert bool(Chooser(Mode())(X, training=True)) is False
    assert bool(Chooser(Mode())(X, training=False)) is True
    assert bool(Holder(Chooser(Mode()))(X, training=True)) is False


def test_a_layer_is_born_in_inference_mode() -> None:
    assert layers.Dense(1).training is False
    dropout = layers.Dropout(0.5)
    assert torch.equal(dropout(X), X)
    assert not torch.equal(dropout.train()(torch.ones(50)), torch.ones(50))
    assert torch.equal(dropout.eval()(X), X)
    assert torch.equal(
        treadle.Sequential([treadle.Input((3,)), nn.Dropout(0.5)])(X, training=False), X
    )


def test_a_layer_of_its_own_mode_among_others() -> None:
    frozen = Holder(Mode())
    frozen.train()
    frozen.inner.eval()
    assert bool(frozen(X)) is False
    assert bool(frozen(X, training=True)) is True


def test_the_mode_is_put_back_after_an_error() -> None:
    class Fails(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            raise KeyError

    layer = Holder(Fails())
    layer.eval()
    with pytest.raises(KeyError):
        layer(X, training=True)
    assert layer.inner.training is False


def test_two_threads_do_not_share_their_mode() -> None:
    layer = Holder(Mode())
    layer(X)
    wrong: list[bool] = []
    barrier = threading.Barrier(2)

    def run(training: bool) -> None:
        barrier.wait()
        wrong.extend(
            value
            for value in (bool(layer(X, training=training)) for _ in range(300))
            if value is not training
        )

    threads = [threading.Thread(target=run, args=(mode,)) for mode in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_gradients_through_a_layer_in_inference_mode_warn_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_training_mode, "_given", [])
    layer = layers.Dropout(0.5)
    x = torch.ones(3, requires_grad=True)
    with pytest.warns(TreadleWarning, match=r"(?s)ran in inference mode.*training=True"):
        layer(x).sum().backward()
    layer(x).sum().backward()

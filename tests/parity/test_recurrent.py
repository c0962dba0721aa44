"""Recurrent layers against Keras: masks, states, stacked cells, both directions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from treadle import layers

pytestmark = pytest.mark.filterwarnings("ignore")

FUSED = ("SimpleRNN", "LSTM", "GRU")
X = torch.randn(3, 6, 2, generator=torch.Generator().manual_seed(0))
MASKS = {
    "right": torch.arange(6) < torch.tensor([[6], [3], [1]]),
    "any": torch.tensor([[0, 1, 0, 1, 1, 0], [1, 1, 0, 0, 1, 1], [0, 0, 1, 1, 1, 0]]).bool(),
}


def pair(make: Any, keras: Any, x: torch.Tensor = X) -> tuple[Any, Any]:
    """Return a layer of each library, with the same weights."""
    return pair_of(make, keras, x)


def pair_of(make: Any, keras: Any, *inputs: Any) -> tuple[Any, Any]:
    """Return a layer of each library, with the same weights."""
    ours, theirs = make(layers), make(keras.layers)
    ours(*inputs), theirs(*inputs)
    generator = np.random.default_rng(0)
    weights = [generator.normal(0, 0.5, w.shape).astype("float32") for w in theirs.weights]
    ours.set_weights(weights), theirs.set_weights(weights)
    return ours, theirs


def leaves(outputs: Any) -> list[torch.Tensor]:
    if isinstance(outputs, (list, tuple)):
        return [leaf for part in outputs for leaf in leaves(part)]
    return [outputs]


def same(ours: Any, theirs: Any, *args: Any, **kwargs: Any) -> None:
    got, wanted = leaves(ours(*args, **kwargs)), leaves(theirs(*args, **kwargs))
    for a, b in zip(got, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
    results = []
    for layer, outputs in ((ours, got), (theirs, wanted)):
        sum(part.square().sum() for part in outputs).backward()
        weights = [getattr(w, "value", w) for w in layer.trainable_weights]
        results.append([weight.grad.clone() for weight in weights])
        for weight in weights:
            weight.grad = None
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", FUSED)
@pytest.mark.parametrize("mask", ["none", "right", "any"])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("state", [False, True])
def test_masks_and_states(name: str, mask: str, backwards: bool, state: bool, keras: Any) -> None:
    for sequences in (False, True):
        arguments = {"return_sequences": sequences, "go_backwards": backwards}
        ours, theirs = pair(lambda m: getattr(m, name)(4, return_state=state, **arguments), keras)  # noqa: B023
        further = {"mask": MASKS[mask]} if mask in MASKS else {}
        same(ours, theirs, X, **further)


@pytest.mark.parametrize("name", FUSED)
def test_initial_states(name: str, keras: Any) -> None:
    ours, theirs = pair(lambda m: getattr(m, name)(4, return_state=True), keras)
    states = [torch.randn(3, 4) for _ in range(2 if name == "LSTM" else 1)]
    same(ours, theirs, X, initial_state=states)


@pytest.mark.parametrize("name", FUSED)
def test_stateful(name: str, keras: Any) -> None:
    ours, theirs = pair(lambda m: getattr(m, name)(4, stateful=True), keras)
    ours.reset_state(), theirs.reset_state()
    with torch.no_grad():
        for _ in range(3):
            torch.testing.assert_close(ours(X), theirs(X), rtol=1e-5, atol=1e-5)


def test_stacked_cells(keras: Any) -> None:
    def make(m: Any) -> Any:
        cells = m.StackedRNNCells([m.LSTMCell(4), m.GRUCell(3)])
        return m.RNN(cells, return_state=True)

    ours, theirs = pair(make, keras)
    same(ours, theirs, X)
    same(ours, theirs, X, mask=MASKS["any"])


@pytest.mark.parametrize("merge", ["concat", "sum", None])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("mask", [None, "any"])
def test_both_directions(merge: Any, sequences: bool, mask: Any, keras: Any) -> None:
    def make(m: Any) -> Any:
        return m.Bidirectional(
            m.LSTM(3, return_sequences=sequences, return_state=True), merge_mode=merge
        )

    ours, theirs = pair(make, keras)
    same(ours, theirs, X, **({} if mask is None else {"mask": MASKS[mask]}))


def test_convolutional_states(keras: Any) -> None:
    x = torch.randn(2, 4, 5, 6, 2)
    ours, theirs = pair(lambda m: m.ConvLSTM2D(3, 2, return_state=True), keras, x)
    same(ours, theirs, x)
    same(ours, theirs, x, mask=torch.tensor([[1, 0, 1, 1], [0, 1, 1, 0]]).bool())


def test_zeroed_outputs(keras: Any) -> None:
    ours, theirs = pair(
        lambda m: m.LSTM(4, return_sequences=True, zero_output_for_mask=True), keras
    )
    same(ours, theirs, X, mask=MASKS["any"])

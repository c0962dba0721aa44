"""Recurrent layers: masks, states in and out, the fused kernels against the steps, dropout, cells of the user's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from treadle import _core, layers
from treadle._core import ShapeError

FUSED = ("SimpleRNN", "LSTM", "GRU")
SHAPE = (3, 6, 2)


def inputs() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    mask = torch.rand(3, 6, generator=generator) > 0.4
    mask[2] = False
    return torch.randn(SHAPE, generator=generator), mask


@pytest.mark.parametrize("name", FUSED)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_kernels_compute_what_the_steps_compute(name: str, masked: bool, backwards: bool) -> None:
    arguments: dict[str, Any] = {"return_sequences": True, "return_state": True}
    fused = getattr(layers, name)(4, **arguments, go_backwards=backwards)
    x, mask = inputs()
    states = [torch.randn(3, 4) for _ in _core.leaves(fused.cell.state_size)]
    further = {"mask": mask} if masked else {}
    outputs = fused(x, initial_state=states, **further)
    stepped = layers.RNN(fused.cell, **arguments, go_backwards=backwards)
    for got, wanted in zip(outputs, stepped(x, initial_state=states, **further), strict=True):
        torch.testing.assert_close(got, wanted)
    alone = getattr(layers, name)(4, go_backwards=backwards)
    alone(x)
    alone.set_weights(fused.get_weights())
    torch.testing.assert_close(
        alone(x, initial_state=states, **further),
        torch.where(mask.any(1, keepdim=True), outputs[1], 0) if masked else outputs[1],
    )


@pytest.mark.parametrize("name", FUSED)
def test_stateful_layers_go_on_where_they_ended(name: str) -> None:
    layer = getattr(layers, name)(4, stateful=True, return_sequences=True)
    x, _ = inputs()
    whole = layer(x)
    layer.reset_state()
    parts = torch.cat([layer(x[:, :2]), layer(x[:, 2:])], 1)
    torch.testing.assert_close(parts, whole)
    with pytest.raises(_core.ShapeError, match=r"(?s)another size.*3 sequences.*reset_state"):
        layer(x[:2])
    layer.reset_state()
    assert layer(x[:2]).shape == (2, 6, 4)
    with pytest.raises(_core.StateError, match=r"(?s)keeps no states.*stateful=True"):
        getattr(layers, name)(4).reset_state()


def test_dropout_drops_the_same_features_in_all_steps() -> None:
    layer = layers.LSTM(4, dropout=0.5, seed=1, return_sequences=True)
    x = torch.ones(2, 5, 50)
    layer(x)
    first, second = layer(x, training=True), layer(x, training=True)
    assert not torch.equal(first, second)
    cell = layers.SimpleRNNCell(50, dropout=0.5, use_bias=False, kernel_initializer="identity")
    outputs = layers.RNN(cell, return_sequences=True)(x, training=True)
    assert torch.equal(outputs[:, 0] == 0, cell.drop_inputs(x, False)[:, 0] * outputs[:, 0] == 0)
    cell.drop_inputs(x, True)
    kept = cell.drop_inputs(x, True)
    assert torch.equal(kept[:, 0], kept[:, 4]) and set(kept.flatten().tolist()) == {0.0, 2.0}


def test_recurrent_dropout_changes_training_only() -> None:
    for name in FUSED:
        layer = getattr(layers, name)(8, recurrent_dropout=0.5, seed=3)
        x, _ = inputs()
        assert torch.equal(layer(x), layer(x))
        assert not torch.equal(layer(x, training=True), layer(x, training=True))
        assert layer.recurrent_dropout == 0.5 and layer.units == 8


class Counter(layers.Layer):
    """A cell of the user's own: its state counts the steps."""

    state_size = 1

    def call(self, inputs: torch.Tensor, states: Any) -> Any:
        new = states[0] + 1
        return inputs * new, [new]


def test_cells_of_the_users_own() -> None:
    layer = layers.RNN(Counter(), return_sequences=True, return_state=True)
    outputs, state = layer(torch.ones(2, 3, 1))
    assert outputs[0].flatten().tolist() == [1.0, 2.0, 3.0] and state.tolist() == [[3.0], [3.0]]
    mask = torch.tensor([[True, False, True], [False, True, False]])
    outputs, state = layer(torch.ones(2, 3, 1), mask=mask)
    assert outputs.squeeze(-1).tolist() == [[1.0, 1.0, 2.0], [0.0, 1.0, 1.0]]
    zeroed = layers.RNN(Counter(), return_sequences=True, zero_output_for_mask=True)
    assert zeroed(torch.ones(2, 3, 1), mask=mask)[0].flatten().tolist() == [1.0, 0.0, 2.0]


def test_a_cell_whose_call_was_changed_is_called() -> None:
    class Doubled(layers.GRUCell):
        def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
            output, new = super().call(inputs, states, training)
            return 2 * output, new

    x, _ = inputs()
    doubled = layers.RNN(Doubled(2))
    outputs = doubled(x)
    usual = layers.GRU(2)
    usual(x)
    usual.set_weights(doubled.get_weights())
    torch.testing.assert_close(outputs, 2 * usual(x))


def test_both_directions_can_differ_and_return_states() -> None:
    x, mask = inputs()
    both = layers.Bidirectional(
        layers.LSTM(2, return_state=True),
        merge_mode=None,
        backward_layer=layers.LSTM(2, return_state=True, go_backwards=True, activation="relu"),
    )
    outputs = both(x)
    assert len(outputs) == 6 and both.compute_mask(x, mask) == [None] * 6
    again = both(x, initial_state=[*outputs[2:4], *outputs[4:6]])
    assert not torch.equal(again[0], outputs[0])
    started = layers.Bidirectional(layers.GRU(2), weights=None)
    started(x)
    weights = [np.full(w.shape, 0.5, "float32") for w in started.weights]
    given = layers.Bidirectional(layers.GRU(2), weights=weights)
    given(x)
    assert all((weight == 0.5).all() for weight in given.get_weights())
    stateful = layers.Bidirectional(layers.GRU(2, stateful=True))
    first = stateful(x)
    assert not torch.equal(stateful(x), first)
    stateful.reset_state()
    torch.testing.assert_close(stateful(x), first)


MESSAGES = [
    (lambda: layers.RNN(layers.Dense(2)), "is not a cell", "LSTMCell"),
    (lambda: layers.StackedRNNCells([3]), "takes cells only", "int"),
    (lambda: layers.Bidirectional(layers.LSTM(2), "add"), "`merge_mode`", '"concat"'),
    (lambda: layers.Bidirectional(layers.Dense(2)), "recurrent layers only", "Dense"),
    (
        lambda: layers.Bidirectional(layers.GRU(2), backward_layer=layers.GRU(2)),
        "do not go together",
        "go_backwards",
    ),
    (lambda: layers.LSTM(0), "`units` of LSTMCell", "0"),
    (lambda: layers.LSTM(2, dropout=2), "`dropout` of LSTMCell", "2"),
    (lambda: layers.LSTM(2)(torch.zeros(2, 3)), "wrong rank", "(batch, steps, features)"),
    (
        lambda: layers.GRU(2)(torch.zeros(SHAPE), initial_state=[torch.zeros(3, 2)] * 2),
        "`initial_state` of GRU",
        "1 tensors",
    ),
    (lambda: layers.ConvLSTM1D(2, 2)(torch.zeros(SHAPE)), "wrong rank", "(batch, time, steps"),
    (lambda: layers.TimeDistributed(layers.Dense(2))(torch.zeros(2, 3)), "wrong rank", "steps"),
]


@pytest.mark.parametrize(("make", "what", "detail"), MESSAGES)
def test_messages(make: Any, what: str, detail: str) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        make()
    assert what in str(caught.value) and detail in str(caught.value)


def test_every_step_may_be_masked() -> None:
    x, _ = inputs()
    nothing = torch.zeros(3, 6, dtype=torch.bool)
    for name in FUSED:
        layer = getattr(layers, name)(2, return_sequences=True, return_state=True)
        for part in layer(x, mask=nothing):
            assert not part.any()


def test_time_distributed_hands_masks_and_modes_on() -> None:
    x, mask = torch.ones(2, 4, 5, 3), torch.ones(2, 4, 5, dtype=torch.bool)
    mask[:, :, 2:] = False
    layer = layers.TimeDistributed(layers.GRU(2, dropout=0.5))
    torch.testing.assert_close(layer(x, mask=mask), layer(x[:, :, :2]))
    assert not torch.equal(layer(x, training=True), layer(x))


def test_a_mask_that_is_not_one_of_steps_is_told() -> None:
    images = torch.zeros(2, 3, 5, 5, 1)
    with pytest.raises(ShapeError, match=r"expected: shape \(batch, steps\)\n.*\(2, 3, 5, 5\)"):
        layers.ConvLSTM2D(2, 3)(images, mask=images[..., 0] > 0)

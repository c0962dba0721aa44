"""Masks travel with functional and Sequential models, up to the loss and the metrics."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

import treadle
from treadle import layers

IDS = torch.tensor([[1, 2, 0, 0], [3, 0, 4, 0], [5, 6, 1, 2]])
MASK = IDS != 0


def masked_input() -> tuple[Any, Any]:
    ids = treadle.Input((4,), dtype="int64")
    return ids, layers.Embedding(7, 3, mask_zero=True)(ids)


def test_a_recurrent_layer_gets_the_mask() -> None:
    embedding, lstm = layers.Embedding(7, 3, mask_zero=True), layers.LSTM(2)
    model = treadle.Sequential([embedding, layers.Dropout(0.1), lstm, layers.Dense(1)])
    outputs = model(IDS)
    expected = model.layers[-1](lstm(embedding(IDS), mask=MASK))
    torch.testing.assert_close(outputs, expected)


def test_programs_show_masks_and_have_none_without() -> None:
    ids, x = masked_input()
    model = treadle.Model(ids, layers.GRU(2, name="g")(x))
    assert model._program is not None and "m['g'](x1, mask=x2)" in model._program.source
    plain = treadle.Model(ids, layers.GRU(2)(layers.Embedding(7, 3)(ids)))
    assert plain._program is not None and "mask" not in plain._program.source
    assert "ne_" not in plain._program.source


def test_given_masks_win() -> None:
    ids, x = masked_input()
    own = treadle.Input((4,), dtype="bool")
    layer = layers.LSTM(2)
    model = treadle.Model([ids, own], layer(x, mask=own))
    everything = torch.ones(3, 4, dtype=torch.bool)
    embedded = model.layers[1] if isinstance(model.layers[1], layers.Embedding) else None
    embedded = embedded or next(p for p in model.layers if isinstance(p, layers.Embedding))
    torch.testing.assert_close(model([IDS, everything]), layer(embedded(IDS)))


def test_masks_go_through_merges_and_many_head_attention() -> None:
    ids, x = masked_input()
    y = layers.Concatenate()([x, layers.Dense(2)(x)])
    assert y.mask is not None
    z = layers.MultiHeadAttention(1, 4, name="a")(x, x)
    assert z.mask is not None
    model = treadle.Model(ids, [y, z])
    source = model._program.source if model._program else ""
    assert "query_mask=" in source and "value_mask=" in source and "key_mask" not in source
    changed = IDS.clone()
    outputs = model(IDS)[1]
    again = model.get_layer("a")(*(model.layers[1](changed),) * 2, value_mask=MASK, query_mask=MASK)
    torch.testing.assert_close(outputs, again)


def test_masking_layers_and_masks_that_end() -> None:
    x = treadle.Input((4, 2))
    masked = layers.Masking()(x)
    assert masked.mask is not None
    assert layers.LSTM(2)(masked).mask is None
    assert layers.LSTM(2, return_sequences=True)(masked).mask is not None
    outputs, *states = layers.LSTM(2, return_sequences=True, return_state=True)(masked)
    assert outputs.mask is not None and all(state.mask is None for state in states)
    assert layers.Conv1D(2, 2)(masked).mask is None


def test_layers_of_the_users_own() -> None:
    class Shows(layers.Layer):
        def call(self, inputs: torch.Tensor, mask: Any = None) -> torch.Tensor:
            return inputs if mask is None else mask.to(inputs.dtype)

    ids, x = masked_input()
    assert torch.equal(treadle.Model(ids, Shows()(x))(IDS), MASK.float())

    class Makes(layers.Layer):
        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs

        def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
            return inputs[..., 0] > 0

    assert Makes()(treadle.Input((4, 2))).mask is not None


def test_losses_and_metrics_leave_masked_steps_out() -> None:
    ids, x = masked_input()
    model = treadle.Model(ids, layers.Dense(1)(x))
    model.compile("sgd", "mse", metrics=["mae"])
    target = torch.randn(3, 4, 1)
    outputs = model(IDS).detach()
    errors = (outputs - target).squeeze(-1)[MASK]
    logs = model.evaluate(IDS, target, return_dict=True, verbose=0)
    assert logs["loss"] == pytest.approx(float(errors.square().mean()), rel=1e-5)
    assert logs["mae"] == pytest.approx(float(errors.abs().mean()), rel=1e-5)
    assert outputs.shape == (3, 4, 1) and model.output_shape == (None, 4, 1)


def test_copies_and_nested_calls_find_masks_again() -> None:
    ids, x = masked_input()
    model = treadle.Model(ids, layers.Dense(1)(layers.LSTM(2, return_sequences=True)(x)))
    copied = copy.deepcopy(model)
    assert torch.equal(copied(IDS), model(IDS))
    assert copied._program is not None and model._program is not None
    assert copied._program.source == model._program.source

"""Masked models against Keras: the same outputs and the same loss after steps of training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import treadle
from tests.layers.table import ONE_EACH, Row

pytestmark = pytest.mark.filterwarnings("ignore")

IDS = np.array([[1, 2, 0, 0], [3, 0, 4, 0], [5, 6, 1, 2]])


def sequence_to_one(m: Any) -> Any:
    return m.Sequential(
        [
            m.Input((4,), dtype="int64"),
            m.layers.Embedding(7, 3, mask_zero=True),
            m.layers.LSTM(4),
            m.layers.Dense(1),
        ]
    )


def sequence_to_sequence(m: Any) -> Any:
    ids = m.Input((4,), dtype="int64")
    x = m.layers.Embedding(7, 3, mask_zero=True)(ids)
    x = m.layers.Bidirectional(m.layers.GRU(4, return_sequences=True))(x)
    x = m.layers.Add()([x, m.layers.Dense(8)(x)])
    return m.Model(ids, m.layers.Dense(1)(m.layers.LayerNormalization()(x)))


def model_in_a_model(m: Any) -> Any:
    x = m.Input((4, 3))
    inner = m.Model(x, m.layers.LSTM(4, return_sequences=True)(m.layers.Dense(3)(x)))
    last = m.Sequential([m.layers.GRU(4, return_sequences=True), m.layers.Dense(1)])
    ids = m.Input((4,), dtype="int64")
    return m.Model(ids, last(inner(m.layers.Embedding(7, 3, mask_zero=True)(ids))))


def embedding_in_a_model(m: Any) -> Any:
    inner = m.Sequential([m.layers.Embedding(7, 3, mask_zero=True), m.layers.Dense(3)])
    return m.Sequential([m.Input((4,), dtype="int64"), inner, m.layers.LSTM(4), m.layers.Dense(1)])


MAKERS = [sequence_to_one, sequence_to_sequence, model_in_a_model, embedding_in_a_model]


@pytest.mark.parametrize("make", MAKERS)
def test_outputs_and_losses(make: Any, keras: Any) -> None:
    ours, theirs = make(treadle), make(keras)
    ours.set_weights(theirs.get_weights())
    got, wanted = ours.predict(IDS, verbose=0), theirs.predict(IDS, verbose=0)
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    target = np.random.default_rng(0).normal(size=theirs.output_shape[1:])
    target = np.broadcast_to(target, (3, *target.shape)).astype("float32")
    # Keras cannot bring weights of samples and masks of steps together.
    weight = np.array([1.0, 2.0, 0.5], "float32") if target.ndim == 2 else None
    histories = []
    for model in (ours, theirs):
        model.compile("sgd", "mse")
        history = model.fit(IDS, target, sample_weight=weight, epochs=3, verbose=0, shuffle=False)
        histories.append(history.history["loss"])
    np.testing.assert_allclose(*histories, rtol=1e-4)


def test_a_mask_that_is_given(keras: Any) -> None:
    models = []
    for m in (treadle, keras):
        x = m.Input((4, 3))
        models.append(m.Model(x, m.layers.GRU(2)(m.layers.LSTM(4, return_sequences=True)(x))))
    ours, theirs = models
    ours.set_weights(theirs.get_weights())
    x = np.random.default_rng(0).normal(size=(3, 4, 3)).astype("float32")
    mask = torch.as_tensor(IDS != 0)
    got, wanted = (model(x, mask=mask).detach().numpy() for model in models)
    np.testing.assert_allclose(got, wanted, atol=1e-6)


# Masking makes masks of steps and rows, which these do not take when they run.
NOT_OF_STEPS = {"ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GlobalAveragePooling1D", "Softmax"}


def masked_rows() -> list[Row]:
    """Return rows of layers on inputs of two dimensions and more, besides the batch."""
    found = []
    for row in ONE_EACH:
        samples = row.sample if isinstance(row.sample, list) else [row.sample]
        if not row.integers and row.name not in NOT_OF_STEPS and min(map(len, samples)) > 1:
            found.append(row)
    return found


@pytest.mark.parametrize("row", masked_rows(), ids=str)
def test_which_layers_hand_masks_on(row: Row, keras: Any) -> None:
    masks = []
    for m in (treadle, keras):
        if isinstance(row.sample, list):
            x: Any = [m.layers.Masking()(m.Input(sample)) for sample in row.sample]
        else:
            x = m.layers.Masking()(m.Input(row.sample))
        outputs = row.make(m.layers)(x)
        mask = outputs.mask if m is treadle else getattr(outputs, "_keras_mask", None)
        masks.append(None if mask is None else tuple(mask.shape))
    assert masks[0] == masks[1]

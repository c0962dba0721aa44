"""Layers against Keras: same weights in, same outputs, gradients and state out, for every row of the table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.layers.table import ROWS, Row
from treadle import layers

SAME = [row for row in ROWS if not row.keras]
# Keras's table of configurations writes some arguments that treadle derives.
TAKEN_AS_KEYWORDS = {"activity_regularizer", "rms_scaling", "unroll", "zero_output_for_mask"}
EXTRA_KEYS = {"lora_rank", "quantization_config", "lora_alpha", "gptq_unpacked_column_size"}

pytestmark = pytest.mark.filterwarnings("ignore")


def values(tensors: Any) -> list[np.ndarray]:
    return [getattr(tensor, "value", tensor).detach().numpy() for tensor in tensors]


def run(layer: Any, inputs: Any, training: bool | None) -> tuple[torch.Tensor, list[Any]]:
    """Return outputs and the gradients of a weighted sum of them, of inputs and trainable weights."""
    tensors = inputs if isinstance(inputs, list) else [inputs]
    tensors = [part.clone() for part in tensors]
    floating = [part.requires_grad_() for part in tensors if part.is_floating_point()]
    kwargs = {} if training is None else {"training": training}
    outputs = layer(tensors if isinstance(inputs, list) else tensors[0], **kwargs)
    weights = [getattr(w, "value", w) for w in layer.trainable_weights]
    for weight in weights:
        weight.grad = None
    if outputs.requires_grad:
        factors = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(1))
        (outputs * factors).sum().backward()
    return outputs.detach(), [part.grad for part in [*floating, *weights]]


def same_weights(ours: Any, theirs: Any) -> None:
    shapes = [tuple(weight.shape) for weight in theirs.weights]
    assert [tuple(weight.shape) for weight in ours.weights] == shapes
    generator = np.random.default_rng(0)
    new = [generator.uniform(0.3, 1.3, shape).astype("float32") for shape in shapes]
    theirs.set_weights(new)
    ours.set_weights(new)


def build(ours: Any, theirs: Any, row: Row) -> None:
    inputs = row.inputs()
    with torch.no_grad():
        ours(inputs), theirs(inputs)


def modes(row: Row) -> list[bool]:
    """Return the modes in which a layer is compared: where training differs, and draws nothing, both."""
    return [False, True] if row.name == "BatchNormalization" else [False]


@pytest.mark.parametrize(
    ("row", "training"),
    [pytest.param(row, mode, id=f"{row}-{mode}") for row in SAME for mode in modes(row)],
)
def test_outputs_gradients_and_state(row: Row, training: bool, keras: Any) -> None:
    ours, theirs = row.make(), row.make(keras.layers)
    build(ours, theirs, row)
    same_weights(ours, theirs)
    mode = training if row.name == "BatchNormalization" else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("treadle.layers._training_mode._given", ["quiet"])
        y, gradients = run(ours, row.inputs(), mode)
    expected, expected_gradients = run(theirs, row.inputs(), mode)
    torch.testing.assert_close(y, expected, rtol=1e-5, atol=2e-5)
    for gradient, wanted in zip(gradients, expected_gradients, strict=True):
        if gradient is None or wanted is None:
            assert gradient is None or not gradient.any()
            continue
        torch.testing.assert_close(gradient, wanted, rtol=1e-4, atol=1e-4)
    for weight, wanted in zip(values(ours.weights), values(theirs.weights), strict=True):
        np.testing.assert_allclose(weight, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("row", [row for row in ROWS if not row.keras], ids=str)
def test_configurations_of_keras_are_read(row: Row, keras: Any) -> None:
    config = row.make(keras.layers).get_config()
    config = {key: value for key, value in config.items() if key not in EXTRA_KEYS}
    layer = getattr(layers, row.name).from_config(config)
    with torch.no_grad():
        layer(row.inputs())
    mine = row.make(name=config["name"])
    assert set(config) - TAKEN_AS_KEYWORDS <= set(mine.get_config())


def test_mean_of_masked_steps(keras: Any) -> None:
    x = torch.randn(2, 3, 4)
    mask = torch.tensor([[True, False, True], [False, True, False]])
    for keepdims in (False, True):
        torch.testing.assert_close(
            layers.GlobalAveragePooling1D(keepdims=keepdims)(x, mask=mask),
            keras.layers.GlobalAveragePooling1D(keepdims=keepdims)(x, mask=mask),
        )


def test_softmax_with_mask(keras: Any) -> None:
    x = torch.randn(2, 3)
    mask = torch.tensor([[True, False, True], [False, False, False]])
    torch.testing.assert_close(layers.Softmax()(x, mask=mask), keras.layers.Softmax()(x, mask=mask))


def test_batch_normalization_with_mask(keras: Any) -> None:
    x = torch.randn(4, 5, 3)
    mask = torch.rand(4, 5) > 0.4
    ours, theirs = layers.BatchNormalization(), keras.layers.BatchNormalization()
    torch.testing.assert_close(
        ours(x, training=True, mask=mask), theirs(x, training=True, mask=mask), rtol=1e-5, atol=1e-5
    )
    for weight, wanted in zip(values(ours.weights), values(theirs.weights), strict=True):
        np.testing.assert_allclose(weight, wanted, rtol=1e-5, atol=1e-6)


def test_masks_of_merges(keras: Any) -> None:
    x = [torch.randn(2, 3, 4), torch.randn(2, 3, 4)]
    masks = [torch.rand(2, 3) > 0.5, torch.rand(2, 3) > 0.5]
    for name in ("Add", "Concatenate", "Maximum"):
        ours = getattr(layers, name)().compute_mask(x, masks)
        assert torch.equal(ours, getattr(keras.layers, name)().compute_mask(x, masks))
        partly = getattr(layers, name)().compute_mask(x, [masks[0], None])
        wanted = getattr(keras.layers, name)().compute_mask(x, [masks[0], None])
        assert (partly is None) == (wanted is None)


@pytest.mark.parametrize("name", ["GaussianNoise", "GaussianDropout", "AlphaDropout", "Dropout"])
def test_noise_has_the_same_moments(name: str, keras: Any) -> None:
    x = torch.randn(400, 500) + 0.5
    ours = getattr(layers, name)(0.3)(x, training=True)
    theirs = getattr(keras.layers, name)(0.3)(x, training=True)
    torch.testing.assert_close(ours.mean(), theirs.mean(), rtol=0, atol=0.02)
    torch.testing.assert_close(ours.std(), theirs.std(), rtol=0.02, atol=0)

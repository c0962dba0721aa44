"""Values that Keras on torch does not give: formulas written out, and layers made of user's own code."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

import treadle
from treadle import _core, layers


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(("window", "stride"), [(2, 1), (3, 2), (4, 1), (4, 3), (1, 2)])
def test_average_pooling_counts_no_padding(rank: int, window: int, stride: int) -> None:
    x = torch.randn(2, *(7, 6, 5)[:rank], 3)
    pool = getattr(layers, f"AveragePooling{rank}D")(window, stride, "same")
    sums = _sum_same(x, window, stride, rank)
    counts = _sum_same(torch.ones_like(x), window, stride, rank)
    torch.testing.assert_close(pool(x), sums / counts, rtol=1e-5, atol=1e-6)


def _sum_same(x: torch.Tensor, window: int, stride: int, rank: int) -> torch.Tensor:
    """Sum windows over zeros that are added around as TensorFlow does: the odd one at the end."""
    for axis in range(1, rank + 1):
        size = x.shape[axis]
        total = max((-(-size // stride) - 1) * stride + window - size, 0)
        moved = functional.pad(x.movedim(axis, -1), (total // 2, total - total // 2))
        x = moved.unfold(-1, window, stride).sum(-1).movedim(-1, axis)
    return x


@pytest.mark.parametrize("axis", [1, [1, 2], [1, 3]])
def test_normalization_over_any_axes(axis: int | list[int]) -> None:
    x = torch.randn(2, 3, 4, 5)
    axes = [axis] if isinstance(axis, int) else axis
    mean, variance = x.mean(axes, keepdim=True), x.var(axes, keepdim=True, correction=0)
    expected = (x - mean) / torch.sqrt(variance + 1e-3)
    torch.testing.assert_close(layers.LayerNormalization(axis=axis)(x).detach(), expected)
    root = torch.sqrt((x * x).mean(axes, keepdim=True) + 1e-6)
    torch.testing.assert_close(layers.RMSNormalization(axis=axis)(x).detach(), x / root)


def test_spectral_normalization_reaches_the_norm_and_has_its_gradient() -> None:
    layer = layers.SpectralNormalization(layers.Dense(4, use_bias=False), power_iterations=50)
    x = torch.eye(6)
    y = layer(x, training=True)
    torch.testing.assert_close(torch.linalg.matrix_norm(y.detach(), 2), torch.tensor(1.0))
    # The output does not change when the kernel is scaled, so the gradient is orthogonal to the kernel.
    (y * torch.randn(6, 4)).sum().backward()
    kernel = layer.layer.kernel
    assert abs(float((kernel.grad * kernel).sum().detach())) < 1e-4
    torch.testing.assert_close(layer(x), y.detach(), rtol=1e-4, atol=1e-5)
    images = layers.SpectralNormalization(layers.Conv2D(3, 2))
    assert images(torch.randn(1, 4, 4, 2), training=True).shape == (1, 3, 3, 3)


def test_spectral_normalization_lists_weights_as_keras_does() -> None:
    layer = layers.SpectralNormalization(layers.Dense(4))
    layer(torch.ones(1, 3))
    assert [tuple(w.shape) for w in layer.weights] == [(3, 4), (1, 4), (4,)]


def test_kernels_are_stored_as_torch_wants_them() -> None:
    conv = layers.Conv2D(8, 3)
    x = torch.randn(2, 6, 6, 4)
    y = conv(x)
    kernel = conv.kernel.permute(3, 2, 0, 1)
    assert kernel.is_contiguous(memory_format=torch.channels_last)
    assert y.is_contiguous()
    y.sum().backward()
    assert conv.kernel.grad.stride() == conv.kernel.stride()


def test_a_registered_function_can_be_saved() -> None:
    def doubled(x: torch.Tensor, plus: float = 0.0) -> torch.Tensor:
        return 2 * x + plus

    _core.register_keras_serializable("tests")(doubled)
    layer = layers.Lambda(doubled, arguments={"plus": 1.0})
    again = layers.deserialize(layers.serialize(layer))
    assert torch.equal(again(torch.ones(2)), torch.full((2,), 3.0))


def test_a_lambda_may_ask_for_training_and_mask() -> None:
    layer = layers.Lambda(lambda x, training, mask=None: (training, mask))
    assert layer(torch.ones(2), training=True) == (True, None)
    assert layer(torch.ones(2)) == (False, None)
    known = layers.Lambda(lambda x: x, mask=lambda x, mask: x > 0)
    assert known.compute_mask(torch.tensor([1.0, -1.0])).tolist() == [True, False]


def test_initial_rows_of_an_embedding() -> None:
    rows = torch.arange(6.0).reshape(3, 2)
    layer = layers.Embedding(3, 2, weights=[rows.numpy()])
    assert torch.equal(layer(torch.tensor([2.0, 0.0])).detach(), rows[[2, 0]])
    assert layer.get_config()["weights"] is None


def test_the_soft_cap_of_scores() -> None:
    layer = layers.ReversibleEmbedding(4, 2, logit_soft_cap=3.0, embeddings_initializer="ones")
    layer(torch.tensor([[1]]))
    scores = layer(torch.full((1, 2), 5.0), reverse=True).detach()
    torch.testing.assert_close(scores, 3 * torch.tanh(torch.full((1, 4), 10 / 3)))


def test_merging_functions_take_real_and_symbolic_tensors() -> None:
    a, b = torch.ones(2, 3), torch.full((2, 3), 2.0)
    x = treadle.Input((3,))
    for name in ("add", "subtract", "multiply", "average", "maximum", "minimum", "concatenate"):
        function, layer = getattr(layers, name), getattr(layers, name.capitalize())()
        assert torch.equal(function([a, b]), layer([a, b]))
        assert function([x, x]).shape == (None, 6 if name == "concatenate" else 3)
    assert layers.dot([a, b], axes=1).tolist() == [[6.0], [6.0]]


def test_softmax_remembers_its_logits() -> None:
    x = torch.randn(2, 3)
    for layer in (layers.Softmax(), layers.Activation("softmax")):
        assert _core.recall_logits(layer(x), "softmax") is x


def test_layers_are_found_by_their_old_names() -> None:
    for alias, name in (("MaxPool2D", "MaxPooling2D"), ("Convolution1D", "Conv1D")):
        assert getattr(layers, alias) is getattr(layers, name)
    config = {"class_name": "Convolution2D", "config": {"filters": 2, "kernel_size": 1}}
    assert isinstance(layers.deserialize(config), layers.Conv2D)


def test_input_spec() -> None:
    spec = layers.InputSpec(shape=(None, 3), dtype="float32")
    assert (spec.ndim, spec.shape) == (2, (None, 3)) and "ndim=2" in repr(spec)
    assert layers.InputSpec.from_config(spec.get_config()).shape == (None, 3)


def test_a_wrapper_builds_and_counts_what_is_inside() -> None:
    class Twice(layers.Wrapper):
        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            return 2 * self.layer(inputs)

    layer = Twice(layers.Dense(3))
    layer.build((None, 4))
    assert layer.count_params() == 15 and layer.layer.built
    assert Twice(torch.nn.Linear(4, 2))(torch.ones(1, 4)).shape == (1, 2)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_global_maxima_have_the_gradient_of_their_places(rank: int, data_format: str) -> None:
    layer = getattr(layers, f"GlobalMaxPooling{rank}D")(data_format=data_format, keepdims=True)
    x = torch.randn(2, *(4, 5, 6, 3)[: rank + 1], requires_grad=True)
    with torch.no_grad():
        expected = layer(x)
    outputs = layer(x)
    assert torch.equal(outputs, expected) and outputs.shape == expected.shape
    outputs.sum().backward()
    assert x.grad is not None and torch.equal(x.grad, (x == expected).float())

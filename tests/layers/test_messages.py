"""Wrong arguments and wrong inputs are told: the layer, what was expected, what was got, the fix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from treadle import _core, layers

ARGUMENTS = [
    ("Conv2D", {"filters": 0, "kernel_size": 3}, "`filters` of Conv2D", "integer > 0"),
    ("Conv2D", {"filters": 4, "kernel_size": (3, 3, 3)}, "`kernel_size` of Conv2D", "2 of them"),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "strides": 0}, "`strides` of Conv2D", "0"),
    (
        "Conv2D",
        {"filters": 4, "kernel_size": 3, "padding": "full"},
        "`padding`",
        '"valid" or "same"',
    ),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "padding": "causal"}, "`padding`", "causal"),
    (
        "Conv1D",
        {"filters": 4, "kernel_size": 3, "padding": "causal", "data_format": "channels_first"},
        "`padding` of Conv1D",
        "channels_last",
    ),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 3}, "`groups` of Conv2D", "divisor of 4"),
    (
        "Conv2D",
        {"filters": 4, "kernel_size": 3, "strides": 2, "dilation_rate": 2},
        "exclude each other",
        "strides=(2, 2)",
    ),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "data_format": "NHWC"}, "data format", "NHWC"),
    (
        "Conv2DTranspose",
        {"filters": 4, "kernel_size": 3, "output_padding": 1},
        "`output_padding` of Conv2DTranspose",
        "less than the strides",
    ),
    ("MaxPooling2D", {"pool_size": 0}, "`pool_size` of MaxPooling2D", "0"),
    ("Dropout", {"rate": 1.5}, "`rate` of Dropout", "number in [0, 1]"),
    ("Dropout", {"rate": 0.5, "seed": "a"}, "`seed`", "integer or None"),
    ("GaussianDropout", {"rate": 1.0}, "`rate` of GaussianDropout", "number in [0, 1)"),
    ("GaussianNoise", {"stddev": -1.0}, "`stddev` of GaussianNoise", ">= 0"),
    ("LeakyReLU", {"negative_slope": -0.1}, "`negative_slope` of LeakyReLU", "-0.1"),
    ("ReLU", {"max_value": -1.0}, "`max_value` of ReLU", ">= 0"),
    ("Reshape", {"target_shape": (-1, -1)}, "`target_shape` of Reshape", "at most one"),
    ("Permute", {"dims": (0, 1)}, "`dims` of Permute", "1 to 2"),
    ("RepeatVector", {"n": -1}, "`n` of RepeatVector", "-1"),
    ("ZeroPadding2D", {"padding": (1, 2, 3)}, "`padding` of ZeroPadding2D", "2 of them"),
    ("Cropping1D", {"cropping": -1}, "`cropping` of Cropping1D", "-1"),
    ("UpSampling2D", {"interpolation": "area"}, "`interpolation`", '"bilinear"'),
    ("BatchNormalization", {"momentum": 2}, "`momentum` of BatchNormalization", "2"),
    ("BatchNormalization", {"epsilon": 0}, "`epsilon` of BatchNormalization", "> 0"),
    ("BatchNormalization", {"renorm_clipping": {"max": 1}}, "`renorm_clipping`", '"rmin"'),
    ("GroupNormalization", {"groups": 0}, "`groups` of GroupNormalization", "-1 for one group"),
    ("LayerNormalization", {"rms_scaling": True}, "`rms_scaling`", "RMSNormalization"),
    ("Dot", {"axes": (1, 2, 3)}, "`axes` of Dot", "two of them"),
    ("Embedding", {"input_dim": 0, "output_dim": 2}, "`input_dim` of Embedding", "0"),
    ("EinsumDense", {"equation": "ab->b", "output_shape": 2}, "`equation`", "ab,bc->ac"),
    (
        "EinsumDense",
        {"equation": "ab,bc->ac", "output_shape": 2, "bias_axes": "z"},
        "`bias_axes` of EinsumDense",
        "letters of 'ac'",
    ),
    ("Activation", {"activation": "rellu"}, "Unknown activation", "relu"),
    ("SpectralNormalization", {"layer": 3}, "SpectralNormalization wraps layers only", "int"),
    ("Lambda", {"function": 3}, "`function` of Lambda", "int"),
    ("ReLU", {"slope": 3}, "ReLU has no argument `slope`", "negative_slope"),
]


@pytest.mark.parametrize(("name", "arguments", "what", "detail"), ARGUMENTS)
def test_wrong_arguments(name: str, arguments: dict[str, Any], what: str, detail: str) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        getattr(layers, name)(**arguments)
    assert what in str(caught.value) and detail in str(caught.value)


# A layer, the shape of a first input (None: none), the shape that is refused, and words of the message.
INPUTS = [
    ("Conv2D", {"filters": 4, "kernel_size": 3}, None, (3, 5, 5), "wrong rank"),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2}, None, (1, 5, 5, 3), "divisor of 3"),
    ("Conv2D", {"filters": 4, "kernel_size": 3}, (1, 5, 5, 3), (1, 5, 5, 4), "with 3 channels"),
    ("Conv2D", {"filters": 4, "kernel_size": 3}, (1, 5, 5, 3), (5, 5, 3), "as it was built"),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 3}, (1, 5, 5, 3), (1, 3, 5, 5), "3 channels"),
    ("DepthwiseConv2D", {"kernel_size": 3}, (1, 5, 5, 3), (1, 5, 5, 4), "3 channels"),
    ("SeparableConv1D", {"filters": 2, "kernel_size": 3}, (1, 5, 3), (1, 5, 4), "3 channels"),
    ("MaxPooling2D", {}, None, (5, 5, 3), "(batch, height, width, channels)"),
    ("MaxPooling2D", {}, (1, 5, 5, 3), (5, 5, 3), "(batch, height, width, channels)"),
    ("GlobalMaxPooling1D", {}, (1, 5, 3), (5, 3), "(batch, steps, channels)"),
    ("AdaptiveMaxPooling1D", {"output_size": 2}, (1, 5, 3), (5, 3), "(batch, steps, channels)"),
    ("ZeroPadding1D", {}, (1, 5, 3), (5, 3), "(batch, steps, channels)"),
    ("UpSampling2D", {}, (1, 5, 5, 3), (5, 5, 3), "(batch, height, width, channels)"),
    ("Cropping1D", {"cropping": 3}, None, (1, 6, 2), "leaves nothing"),
    ("Reshape", {"target_shape": (2, 2)}, None, (3, 5), "number of elements"),
    ("Reshape", {"target_shape": (2, 2)}, (3, 4), (3, 5), "number of elements"),
    ("Permute", {"dims": (2, 1)}, None, (3, 4), "dims=(2, 1)"),
    ("RepeatVector", {"n": 2}, None, (3, 4, 5), "(batch, features)"),
    ("BatchNormalization", {}, (3, 4), (3, 5), "4 features on axis -1"),
    ("BatchNormalization", {"axis": 3}, None, (3, 4), "axis=3"),
    ("BatchNormalization", {"axis": 0}, None, (3, 4), "other than the batch"),
    ("LayerNormalization", {}, (3, 4), (3, 5), "sizes (4,) on axes (1,)"),
    ("LayerNormalization", {"axis": 2}, None, (3, 4), "different axes of the input"),
    ("RMSNormalization", {}, (3, 4), (3, 5), "sizes (4,) on axes (1,)"),
    ("GroupNormalization", {"groups": 3}, None, (3, 4), "multiple of groups=3"),
    ("GroupNormalization", {"groups": 2}, (3, 4), (3, 6), "sizes (4,)"),
    ("Dropout", {"rate": 0.5, "noise_shape": (None, 1)}, None, (3, 4, 5), "2 dimensions"),
    ("SpatialDropout2D", {"rate": 0.5}, None, (3, 4, 5), "(batch, height, width, channels)"),
    ("Add", {}, None, (3, 4), "Add()([a, b])"),
    ("Add", {}, None, [(3, 4), (3, 5)], "equal, or 1"),
    ("Subtract", {}, None, [(3, 4), (3, 4), (3, 4)], "a list of 2 tensors"),
    ("Concatenate", {}, None, [(3, 4), (4, 4)], "all axes but -1"),
    ("Dot", {"axes": 1}, None, [(3, 4), (3, 5)], "equal sizes along axes (1, 1)"),
    ("Dot", {"axes": 0}, None, [(3, 4), (3, 4)], "other than the batch"),
    ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": (None, 2)}, None, (3, 4), "3 dim"),
    ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": 2}, None, (3, 4, 5), "'bd'"),
    (
        "EinsumDense",
        {"equation": "abc,cd->abd", "output_shape": (None, 2)},
        (3, 4, 5),
        (3, 4, 6),
        "size 5 on axis 2",
    ),
]


def zeros(shape: Any) -> Any:
    return [zeros(part) for part in shape] if isinstance(shape, list) else torch.zeros(shape)


@pytest.mark.parametrize(("name", "arguments", "first", "shape", "words"), INPUTS)
def test_wrong_inputs(name: str, arguments: Any, first: Any, shape: Any, words: str) -> None:
    layer = getattr(layers, name)(**arguments)
    if first is not None:
        layer(zeros(first))
    with pytest.raises(_core.ShapeError) as caught:
        layer(zeros(shape), training=True) if "Dropout" in name else layer(zeros(shape))
    message = str(caught.value)
    assert words in message and name in message and "got:" in message


def test_ids_outside_of_an_embedding() -> None:
    layer = layers.Embedding(4, 2, name="words")
    for ids in ([-1, 2], [3, 4]):
        with pytest.raises(_core.DataError, match=r"words.*ids[\s\S]*from 0 to 3"):
            layer(torch.tensor(ids))


def test_reverse_embedding_of_wrong_width() -> None:
    layer = layers.ReversibleEmbedding(4, 2)
    layer(torch.tensor([[1]]))
    with pytest.raises(_core.ShapeError, match="wrong width"):
        layer(torch.zeros(1, 3), reverse=True)


def test_unknown_sizes_that_a_layer_needs() -> None:
    with pytest.raises(_core.ShapeError, match="size along axis"):
        layers.Conv2D(3, 3).build((None, 8, 8, None))
    with pytest.raises(_core.ShapeError, match="shared_axes"):
        layers.PReLU().build((None, None, 3))


def test_a_function_that_is_not_registered_cannot_be_saved() -> None:
    layer = layers.Lambda(lambda x: x + 1)
    with pytest.raises(TypeError, match="register_keras_serializable"):
        layer.get_config()


def test_spectral_normalization_needs_a_kernel() -> None:
    with pytest.raises(ValueError, match="nothing to normalize"):
        layers.SpectralNormalization(layers.ReLU())(torch.zeros(1, 2))


def test_weights_of_another_number() -> None:
    layer = layers.Conv1D(2, 2)
    layer(torch.zeros(1, 4, 3))
    with pytest.raises(_core.ShapeError, match="one array per weight"):
        layer.set_weights([np.zeros(3)])

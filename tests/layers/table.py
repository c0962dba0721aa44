"""One row per layer: how it is made and called. Every property test of the family runs over these rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from treadle import layers


@dataclass(frozen=True)
class Row:
    """A layer with arguments, and the shape of one sample (or of each of several inputs).

    Attributes:
        name: The layer's public name.
        arguments: Its constructor arguments.
        sample: The shape without the batch; a list of shapes for layers with several inputs.
        unknown: Whether all sizes of `sample` but the channels may be unknown.
        integers: The inputs are ids below this number.
        random: Whether training draws random numbers.
        keras: Whether Keras computes the same; a reason if not.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    sample: Any = (5,)
    unknown: bool = False
    integers: int = 0
    random: bool = False
    keras: str = ""

    def __str__(self) -> str:
        # A function's repr has its address, which differs between the processes of a test run.
        shown = {k: getattr(v, "__name__", v) for k, v in self.arguments.items()}
        values = "-".join(f"{key}={value}" for key, value in shown.items())
        return f"{self.name}-{values}".strip("-")

    def make(self, module: Any = layers, **further: Any) -> Any:
        """Return a new layer."""
        arguments = dict(self.arguments)
        if "layer" in arguments:
            inner, inner_arguments = arguments["layer"]
            arguments["layer"] = getattr(module, inner)(
                **inner_arguments, dtype=further.get("dtype")
            )
        if "cell" in arguments:
            cells = [
                getattr(module, name)(**own, dtype=further.get("dtype"))
                for name, own in arguments["cell"]
            ]
            arguments["cell"] = module.StackedRNNCells(cells) if len(cells) > 1 else cells[0]
        return getattr(module, self.name)(**arguments, **further)

    def shapes(self, batch: Any = 4) -> Any:
        """Return the input's shape, or the list of shapes."""
        if isinstance(self.sample, list):
            return [(batch, *sample) for sample in self.sample]
        return (batch, *self.sample)

    def inputs(self, batch: int = 4, dtype: torch.dtype = torch.float32) -> Any:
        """Return random inputs."""
        generator = torch.Generator().manual_seed(0)

        def one(shape: tuple[int, ...]) -> torch.Tensor:
            if self.integers:
                return torch.randint(self.integers, shape, generator=generator)
            return torch.randn(shape, generator=generator).to(dtype)

        shapes = self.shapes(batch)
        return [one(shape) for shape in shapes] if isinstance(shapes, list) else one(shapes)


CHANNELS = "channels_first"
IMAGE, SEQUENCE, VOLUME = (7, 6, 2), (9, 2), (5, 4, 6, 2)
SPATIAL = {1: SEQUENCE, 2: IMAGE, 3: VOLUME}


def _first(sample: tuple[int, ...]) -> tuple[int, ...]:
    return (sample[-1], *sample[:-1])


def _spatial(name: str, ranks: tuple[int, ...], *variants: dict[str, Any], **row: Any) -> list[Row]:
    """Return a row per rank and variant; `{}` in the name is the rank."""
    rows = []
    for rank in ranks:
        for variant in variants:
            sample = SPATIAL[rank]
            if variant.get("data_format") == CHANNELS:
                sample = _first(sample)
            rows.append(Row(name.format(rank), variant, sample, **row))
    return rows


_CONVOLUTION = {"filters": 4, "kernel_size": 3}
_AVERAGED = "Keras on torch counts part of the padding"

CONVOLUTION = [
    *_spatial(
        "Conv{}D",
        (1, 2, 3),
        {**_CONVOLUTION},
        {**_CONVOLUTION, "padding": "same", "activation": "relu", "groups": 2},
        {**_CONVOLUTION, "padding": "same", "dilation_rate": 2, "use_bias": False},
        {**_CONVOLUTION, "data_format": CHANNELS, "padding": "same", "strides": 2},
        unknown=True,
    ),
    *_spatial(
        "Conv{}D",
        (1, 2),
        {"filters": 4, "kernel_size": 2, "strides": 2, "padding": "same"},
        {"filters": 4, "kernel_size": 4, "strides": 3, "padding": "same"},
        {"filters": 4, "kernel_size": 1, "strides": 2, "padding": "same"},
        {"filters": 4, "kernel_size": 4, "padding": "same"},
    ),
    *_spatial(
        "Conv{}D",
        (1,),
        {**_CONVOLUTION, "padding": "causal"},
        {**_CONVOLUTION, "padding": "causal", "dilation_rate": 2},
        {**_CONVOLUTION, "padding": "causal", "strides": 2},
    ),
    *_spatial(
        "Conv{}DTranspose",
        (1, 2, 3),
        {**_CONVOLUTION, "strides": 2, "padding": "same"},
        {**_CONVOLUTION, "strides": 2},
        {**_CONVOLUTION, "data_format": CHANNELS, "strides": 2, "padding": "same"},
        unknown=True,
    ),
    *_spatial(
        "Conv{}DTranspose",
        (1, 2),
        {"filters": 4, "kernel_size": 2, "strides": 3, "padding": "same", "activation": "tanh"},
        {"filters": 4, "kernel_size": 5, "strides": 2, "padding": "same", "output_padding": 1},
        {"filters": 4, "kernel_size": 4, "strides": 3, "output_padding": 2, "use_bias": False},
        {"filters": 4, "kernel_size": 3, "dilation_rate": 2, "padding": "same"},
    ),
    *_spatial(
        "DepthwiseConv{}D",
        (1, 2),
        {"kernel_size": 3},
        {"kernel_size": 3, "padding": "same", "strides": 2, "depth_multiplier": 2},
        {"kernel_size": 2, "padding": "same", "data_format": CHANNELS, "use_bias": False},
        {"kernel_size": 3, "padding": "same", "strides": 2, "dilation_rate": 2},
        unknown=True,
    ),
    *_spatial(
        "SeparableConv{}D",
        (1, 2),
        {**_CONVOLUTION},
        {**_CONVOLUTION, "padding": "same", "strides": 2, "depth_multiplier": 2},
        {**_CONVOLUTION, "data_format": CHANNELS, "activation": "relu", "use_bias": False},
        unknown=True,
    ),
]

_POOLS = [
    {"pool_size": 2},
    {"pool_size": 3, "strides": 1, "padding": "valid"},
    {"pool_size": 2, "data_format": CHANNELS},
]
_SAME_POOLS = [
    {"pool_size": 2, "strides": 1, "padding": "same"},
    {"pool_size": 3, "strides": 2, "padding": "same"},
    {"pool_size": 1, "strides": 2, "padding": "same"},
    {"pool_size": 4, "strides": 3, "padding": "same", "data_format": CHANNELS},
]

POOLING = [
    *_spatial("MaxPooling{}D", (1, 2, 3), *_POOLS, *_SAME_POOLS, unknown=True),
    *_spatial("AveragePooling{}D", (1, 2, 3), *_POOLS, unknown=True),
    *_spatial("AveragePooling{}D", (1, 2, 3), *_SAME_POOLS, unknown=True, keras=_AVERAGED),
    *(
        row
        for kind in ("Max", "Average")
        for row in _spatial(
            f"Global{kind}Pooling{{}}D",
            (1, 2, 3),
            {},
            {"keepdims": True, "data_format": CHANNELS},
            unknown=True,
        )
    ),
    *(
        row
        for kind in ("Max", "Average")
        for row in _spatial(
            f"Adaptive{kind}Pooling{{}}D",
            (1, 2, 3),
            {"output_size": 3},
            {"output_size": 2, "data_format": CHANNELS},
            unknown=True,
        )
    ),
]

_TWO = [(3, 4), (3, 4)]

MERGING = [
    *(
        Row(name, {}, sample)
        for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")
        for sample in ([(3, 4), (3, 4), (3, 4)], [(4,), (3, 4)])
    ),
    Row("Subtract", {}, _TWO),
    Row("Concatenate", {}, [(3, 4), (3, 2)]),
    Row("Concatenate", {"axis": 1}, [(3, 4), (5, 4)]),
    Row("Dot", {"axes": 1}, [(4,), (4,)]),
    Row("Dot", {"axes": (2, 1)}, [(3, 4), (4, 5)]),
    Row("Dot", {"axes": -1, "normalize": True}, _TWO),
]

RESHAPING = [
    Row("Flatten", {}, (3, 4, 2)),
    Row("Flatten", {"data_format": CHANNELS}, (3, 4, 2)),
    Row("Flatten", {}, ()),
    Row("Reshape", {"target_shape": (2, -1)}, (6,)),
    Row("Reshape", {"target_shape": (4, 3)}, (2, 6)),
    Row("Permute", {"dims": (2, 1)}, (3, 4)),
    Row("RepeatVector", {"n": 3}, (4,)),
    *_spatial("ZeroPadding{}D", (1, 2, 3), {"padding": 2}, {"padding": 1}, unknown=True),
    Row("ZeroPadding1D", {"padding": (1, 2)}, SEQUENCE),
    Row("ZeroPadding2D", {"padding": ((1, 0), (2, 3))}, IMAGE),
    Row("ZeroPadding3D", {"padding": (1, 0, 2), "data_format": CHANNELS}, _first(VOLUME)),
    Row("Cropping1D", {"cropping": (1, 2)}, SEQUENCE, unknown=True),
    Row("Cropping2D", {"cropping": ((1, 0), (2, 1))}, IMAGE, unknown=True),
    Row("Cropping3D", {"cropping": 1, "data_format": CHANNELS}, _first(VOLUME), unknown=True),
    Row("UpSampling1D", {"size": 3}, SEQUENCE, unknown=True),
    Row("UpSampling2D", {"size": (2, 3)}, IMAGE, unknown=True),
    Row("UpSampling2D", {"size": 2, "interpolation": "bilinear"}, IMAGE, unknown=True),
    Row("UpSampling2D", {"interpolation": "bicubic", "data_format": CHANNELS}, _first(IMAGE)),
    Row("UpSampling3D", {"size": (1, 2, 3)}, VOLUME, unknown=True),
]

_LAST_AXES = "Keras on torch fails unless the axes are the last ones"

NORMALIZATION = [
    Row("BatchNormalization", {"axis": 1, "momentum": 0.5, "scale": False}, IMAGE),
    Row("BatchNormalization", {"center": False, "epsilon": 0.1}, (5,)),
    Row(
        "BatchNormalization", {"renorm": True, "renorm_clipping": {"rmax": 1.5, "dmax": 2.0}}, IMAGE
    ),
    Row("BatchNormalization", {"synchronized": True}, (5,), keras="TensorFlow only"),
    *(Row("BatchNormalization", {}, sample) for sample in ((5,), SEQUENCE, IMAGE, VOLUME)),
    Row("LayerNormalization", {}, IMAGE),
    Row("LayerNormalization", {"axis": [1, 2], "scale": False}, IMAGE, keras=_LAST_AXES),
    Row("LayerNormalization", {"axis": [-2, -1], "center": False}, IMAGE),
    Row("GroupNormalization", {"groups": 2}, (7, 6, 4)),
    Row("GroupNormalization", {"groups": -1, "axis": 1, "scale": False}, (4, 7)),
    Row("GroupNormalization", {"groups": 2, "center": False}, (4,)),
    Row("RMSNormalization", {}, (3, 4)),
    Row("RMSNormalization", {"axis": 1}, (3, 4), keras=_LAST_AXES),
    Row("Normalization", {"mean": 0.5, "variance": 2.0}, (3, 4)),
    Row("Normalization", {"axis": 1, "mean": [0.5, 1.0, 2.0], "variance": [1.0, 2.0, 3.0]}, (3, 4)),
    Row("Normalization", {"axis": None, "mean": 0.5, "variance": 2.0, "invert": True}, (3, 4)),
    Row("UnitNormalization", {}, (3, 4)),
    Row("UnitNormalization", {"axis": [1, 2]}, (3, 4)),
    Row(
        "SpectralNormalization",
        {"layer": ("Dense", {"units": 3})},
        (4,),
        keras="Keras overwrites the kernel and has no gradient of the norm",
    ),
]

ACTIVATIONS = [
    *(Row("Activation", {"activation": name}) for name in ("relu", "tanh", "softmax", "linear")),
    Row("ReLU"),
    Row("ReLU", {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.2}),
    Row("LeakyReLU"),
    Row("LeakyReLU", {"negative_slope": 0.1}),
    Row("ELU", {"alpha": 0.5}),
    Row("PReLU", {"alpha_initializer": "ones"}, (3, 4)),
    Row("PReLU", {"shared_axes": [1]}, (3, 4)),
    Row("Softmax"),
    Row("Softmax", {"axis": [1, 2]}, (3, 4)),
]

REGULARIZATION = [
    Row("Dropout", {"rate": 0.0}),
    Row("Dropout", {"rate": 0.3}, random=True),
    Row("Dropout", {"rate": 0.3, "noise_shape": [None, 1, 4]}, (3, 4), random=True),
    *_spatial("SpatialDropout{}D", (1, 2, 3), {"rate": 0.5}, random=True, unknown=True),
    Row("SpatialDropout2D", {"rate": 0.5, "data_format": CHANNELS}, _first(IMAGE), random=True),
    Row("GaussianNoise", {"stddev": 0.3}, random=True),
    Row("GaussianDropout", {"rate": 0.3}, random=True),
    Row("AlphaDropout", {"rate": 0.3}, random=True),
    Row("AlphaDropout", {"rate": 0.3, "noise_shape": [None, 1, 4]}, (3, 4), random=True),
    Row("ActivityRegularization", {"l1": 0.1, "l2": 0.2}),
]

CORE = [
    Row("Dense", {"units": 3}, (4,)),
    Row("Dense", {"units": 3, "activation": "relu", "use_bias": False}, (2, 4)),
    Row("Identity"),
    Row("Masking", {"mask_value": 0.5}, (3, 4)),
    Row("Resizing", {"height": 4, "width": 8}, IMAGE, unknown=True),
    Row("Resizing", {"height": 4, "width": 8, "data_format": CHANNELS}, _first(IMAGE)),
    Row("CenterCrop", {"height": 3, "width": 4}, IMAGE, unknown=True),
    Row("Rescaling", {"scale": 0.5, "offset": 1.0}),
    Row("Rescaling", {"scale": [1.0, 2.0], "offset": [0.0, 3.0]}, (3, 2)),
    Row("Embedding", {"input_dim": 7, "output_dim": 3, "mask_zero": True}, (5,), integers=7),
    Row("ReversibleEmbedding", {"input_dim": 7, "output_dim": 3}, (5,), integers=7),
    Row(
        "ReversibleEmbedding",
        {"input_dim": 7, "output_dim": 3, "tie_weights": False},
        (5,),
        integers=7,
    ),
    Row(
        "EinsumDense",
        {"equation": "abc,cde->abde", "output_shape": (None, 4, 6), "bias_axes": "de"},
        (3, 5),
    ),
    Row("EinsumDense", {"equation": "...x,xy->...y", "output_shape": 4, "bias_axes": "y"}, (3, 5)),
    Row(
        "EinsumDense",
        {
            "equation": "ab...,bc->ac...",
            "output_shape": (4,),
            "bias_axes": "c",
            "activation": "relu",
        },
        (3, 5),
    ),
    *(
        Row(
            "MelSpectrogram",
            {"fft_length": 64, "sequence_stride": 20, "num_mel_bins": 5, **more},
            (200,),
        )
        for more in (
            {"top_db": 200.0, "ref_power": 2.0},
            {"power_to_db": False, "sequence_length": 50, "window": "hamming", "mag_exp": 1.0},
        )
    ),
    *(
        Row("STFTSpectrogram", {"frame_length": 8, "mode": mode}, (20, 2))
        for mode in ("log", "magnitude", "psd", "real", "imag", "stft")
    ),
    Row(
        "STFTSpectrogram",
        {
            "frame_length": 6,
            "frame_step": 4,
            "fft_length": 16,
            "window": "hamming",
            "expand_dims": True,
        }
        | {"padding": "same", "data_format": CHANNELS, "scaling": "spectrum", "periodic": True},
        (2, 21),
    ),
    Row("Lambda", {"function": torch.sin}, keras="a function without a registered name"),
]

_STEPS = (5, 3)
_EVERY = {"return_sequences": True}

RECURRENT = [
    *(
        Row(name, {"units": 4, **further}, _STEPS)
        for name in ("SimpleRNN", "LSTM", "GRU")
        for further in (
            {},
            _EVERY,
            {"go_backwards": True, "use_bias": False, **_EVERY},
            {"activation": "relu"},
            {"activation": "sigmoid", **_EVERY},
        )
    ),
    Row("LSTM", {"units": 4, "recurrent_activation": "hard_sigmoid", "unroll": True}, _STEPS),
    Row(
        "LSTM",
        {"units": 4, "unit_forget_bias": False, "recurrent_dropout": 0.2},
        _STEPS,
        random=True,
    ),
    Row("GRU", {"units": 4, "reset_after": False, **_EVERY}, _STEPS),
    Row("GRU", {"units": 4, "recurrent_dropout": 0.2}, _STEPS, random=True),
    Row("SimpleRNN", {"units": 4, "dropout": 0.5}, _STEPS, random=True),
    Row("RNN", {"cell": [("LSTMCell", {"units": 4})], **_EVERY}, _STEPS),
    Row("RNN", {"cell": [("SimpleRNNCell", {"units": 4}), ("GRUCell", {"units": 2})]}, _STEPS),
    *(
        Row(
            "Bidirectional", {"layer": ("LSTM", {"units": 3, **_EVERY}), "merge_mode": mode}, _STEPS
        )
        for mode in ("concat", "sum", "ave", "mul")
    ),
    Row("Bidirectional", {"layer": ("GRU", {"units": 3})}, _STEPS),
    Row("TimeDistributed", {"layer": ("Conv1D", {"filters": 3, "kernel_size": 2})}, (5, 4, 2)),
    Row("ConvLSTM1D", {"filters": 2, "kernel_size": 3}, (4, 6, 3)),
    Row("ConvLSTM2D", {"filters": 2, "kernel_size": 2, "padding": "same", **_EVERY}, (3, 5, 4, 2)),
    Row(
        "ConvLSTM2D",
        {"filters": 2, "kernel_size": 3, "strides": 2, "data_format": CHANNELS},
        (3, 2, 5, 6),
    ),
    Row("ConvLSTM3D", {"filters": 2, "kernel_size": 2}, (3, 4, 3, 4, 2)),
]

_QUERY = [(3, 4), (5, 4)]

ATTENTION = [
    Row("Attention", {}, _QUERY),
    Row("Attention", {"use_scale": True, "score_mode": "concat"}, _QUERY),
    Row("Attention", {"use_scale": True}, [(3, 4), (5, 2), (5, 4)]),
    Row("Attention", {"dropout": 0.5}, _QUERY, random=True),
    Row("AdditiveAttention", {"use_scale": False}, _QUERY),
    Row("AdditiveAttention", {}, [(3, 4), (5, 2), (5, 4)]),
]

ROWS = [
    *CONVOLUTION,
    *POOLING,
    *MERGING,
    *RESHAPING,
    *NORMALIZATION,
    *ACTIVATIONS,
    *REGULARIZATION,
    *CORE,
    *RECURRENT,
    *ATTENTION,
]

# One variant of each layer, for tests in which the arguments make no difference.
ONE_EACH = list({row.name: row for row in ROWS}.values())

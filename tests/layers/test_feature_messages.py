"""What layers that prepare features say of arguments and data that they cannot use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from treadle import layers

UNKNOWN = layers.IntegerLookup(vocabulary=[1, 2], num_oov_indices=0)
STRINGS = np.array(["a"])
MESSAGES: dict[str, tuple[Callable[[], Any], type[Exception], tuple[str, ...]]] = {
    "mean alone": (
        lambda: layers.Normalization(mean=1.0),
        ValueError,
        ("both `mean` and `variance`", "`mean` only"),
    ),
    "mean of another shape": (
        lambda: layers.Normalization(mean=[1.0, 2.0], variance=1.0)(torch.ones(1, 3)),
        ValueError,
        ("a number, or an array of shape (3,)", "shape (2,)"),
    ),
    "batch axis": (
        lambda: layers.Normalization().adapt(np.arange(3.0)),
        ValueError,
        ("not the batch axis 0", "axis=(-1,)", "Normalization(axis=None)"),
    ),
    "unknown size": (
        lambda: layers.Normalization()(treadle.Input((None,))),
        treadle.ShapeError,
        ("size along axis 1 is known", "shape (None, None)"),
    ),
    "statistics given": (
        lambda: layers.Normalization(mean=0.0, variance=1.0).adapt(np.ones((2, 2))),
        treadle.StateError,
        ("has its statistics already", "Normalization(axis=...).adapt(data)"),
    ),
    "NaN": (
        lambda: layers.Normalization().adapt([[1.0], [float("nan")]]),
        treadle.DataError,
        ("finite numbers", "NaN or infinity", "np.nan_to_num(x)"),
    ),
    "other samples": (
        lambda: layers.Normalization().adapt(iter([np.ones((2, 3)), np.ones((2, 4))])),
        treadle.ShapeError,
        ("samples of shape (3,)", "samples of shape (4,)"),
    ),
    "targets": (
        lambda: layers.Normalization().adapt(iter([(np.ones((2, 3)), np.ones(2))])),
        treadle.DataError,
        ("its inputs alone", "2 parts: ndarray, ndarray", "dataset.map(lambda x, y: x)"),
    ),
    "a dict": (
        lambda: layers.StringLookup().adapt(iter([{"a": STRINGS, "b": STRINGS}])),
        treadle.DataError,
        ("2 parts: a, b", "dataset.map(lambda x: x['a'])"),
    ),
    "nothing": (
        lambda: layers.Discretization(num_bins=2).adapt(iter([])),
        treadle.DataError,
        ("at least one sample", "no data", "read only once"),
    ),
    "strings to statistics": (
        lambda: layers.Normalization().adapt(STRINGS),
        treadle.DataError,
        ("numbers", "StringLookup and TextVectorization take strings"),
    ),
    "no bins": (
        lambda: layers.Discretization(),
        ValueError,
        ("either `bin_boundaries`, or `num_bins`", "neither"),
    ),
    "unsorted bins": (
        lambda: layers.Discretization([1.0, 0.0]),
        ValueError,
        ("increasing order", "[1.0, 0.0]", "sorted(bin_boundaries)"),
    ),
    "epsilon": (
        lambda: layers.Discretization(num_bins=2, epsilon=0),
        ValueError,
        ("a number between 0 and 1", "0"),
    ),
    "bins not learned": (
        lambda: layers.Discretization(num_bins=2)(torch.ones(2)),
        treadle.StateError,
        ("has no bins yet", "layer.adapt(x_train)"),
    ),
    "bins given": (
        lambda: layers.Discretization([1.0]).adapt([1.0]),
        treadle.StateError,
        ("has its boundaries already", "Discretization(num_bins=...)"),
    ),
    "NaN in bins": (
        lambda: layers.Discretization(num_bins=2).adapt([float("nan")]),
        treadle.DataError,
        ("numbers", "NaN"),
    ),
    "sparse": (
        lambda: layers.CategoryEncoding(3, sparse=True),
        ValueError,
        ("CategoryEncoding makes no sparse tensors", "sparse=True", "Embedding"),
    ),
    "no categories": (
        lambda: layers.CategoryEncoding(),
        ValueError,
        ("an integer > 0", "num_tokens=None", "IntegerLookup"),
    ),
    "a category too much": (
        lambda: layers.CategoryEncoding(3)(torch.tensor([[1, 5]])),
        treadle.DataError,
        ("integers from 0 to 2", "integers from 1 to 5", "raise num_tokens to 6"),
    ),
    "a negative category": (
        lambda: layers.CategoryEncoding(3, "one_hot")(torch.tensor([[-1]])),
        treadle.DataError,
        ("integers from -1 to -1", "IntegerLookup"),
    ),
    "fractions": (
        lambda: layers.CategoryEncoding(3)(torch.tensor([[1.7]])),
        treadle.DataError,
        ("holds fractions", "for example 1.7", "Discretization"),
    ),
    "weights without counts": (
        lambda: layers.CategoryEncoding(3)(torch.tensor([[1]]), count_weights=torch.ones(1, 1)),
        ValueError,
        ('output_mode="count" with count_weights', "output_mode='multi_hot'"),
    ),
    "hash of floats": (
        lambda: layers.Hashing(3)(torch.ones(2)),
        treadle.DataError,
        ("strings or integers", "float32", "Discretization"),
    ),
    "mask of another kind": (
        lambda: layers.Hashing(3, mask_value="")(torch.tensor([1])),
        treadle.DataError,
        ("an integer for integers", "mask_value=''"),
    ),
    "salt": (lambda: layers.Hashing(3, salt=[1]), ValueError, ("or two of them", "[1]")),
    "one feature": (
        lambda: layers.HashedCrossing(3)([STRINGS]),
        treadle.ShapeError,
        ("two or more", "(1,)"),
    ),
    "unknown integer": (
        lambda: UNKNOWN(torch.tensor([1, 7])),
        treadle.DataError,
        ("not in its vocabulary", "7", "num_oov_indices=1"),
    ),
    "unknown string": (
        lambda: layers.StringLookup(vocabulary=["b"], num_oov_indices=0)(STRINGS),
        treadle.DataError,
        ("not in its vocabulary", "'a'", "num_oov_indices=1"),
    ),
    "no vocabulary": (
        lambda: layers.TextVectorization()(STRINGS),
        treadle.StateError,
        ("TextVectorization 'text_vectorization", "has no vocabulary yet", "layer.adapt(x_train)"),
    ),
    "no width": (
        lambda: layers.IntegerLookup(output_mode="count")(treadle.Input((1,), dtype="int64")),
        treadle.StateError,
        ("width of the output", "max_tokens with pad_to_max_tokens=True", "neither"),
    ),
    "vocabulary given": (
        lambda: layers.StringLookup(vocabulary=["a"]).adapt(STRINGS),
        treadle.StateError,
        ("has its vocabulary already", "set_vocabulary"),
    ),
    "a token twice": (
        lambda: layers.StringLookup(vocabulary=["a", "a"]),
        ValueError,
        ("different tokens", "'a' twice"),
    ),
    "no token": (lambda: layers.StringLookup(vocabulary=[]), ValueError, ("no token",)),
    "mask in the middle": (
        lambda: layers.IntegerLookup(vocabulary=[1, 0], mask_token=0),
        ValueError,
        ("the reserved token 0",),
    ),
    "too many tokens": (
        lambda: layers.IntegerLookup(vocabulary=[1, 2], max_tokens=2),
        ValueError,
        ("2 tokens, for which max_tokens=2 has no room",),
    ),
    "no room": (
        lambda: layers.IntegerLookup(max_tokens=1),
        ValueError,
        ("`max_tokens` leaves no room",),
    ),
    "padding to nothing": (
        lambda: layers.StringLookup(pad_to_max_tokens=True),
        ValueError,
        ("`pad_to_max_tokens` needs `max_tokens`",),
    ),
    "inverted vectors": (
        lambda: layers.StringLookup(invert=True, output_mode="count"),
        ValueError,
        ('`invert` goes with output_mode="int" only',),
    ),
    "weights that do not fit": (
        lambda: layers.StringLookup(vocabulary=["a", "b"], idf_weights=[1.0], output_mode="tf_idf"),
        ValueError,
        ("2 numbers, one for each token", "shape (1,)"),
    ),
    "fractions as vocabulary": (
        lambda: layers.IntegerLookup(vocabulary=[1.5]),
        treadle.DataError,
        ("integers", "1.5"),
    ),
    "numbers as strings": (
        lambda: layers.StringLookup(vocabulary=["a"])(np.array([1, 2])),
        treadle.DataError,
        ("takes strings", "a tensor of torch.int64"),
    ),
    "a missing string": (
        lambda: layers.StringLookup(vocabulary=["a"])(np.array(["a", None], dtype=object)),
        treadle.DataError,
        ("takes strings", "None among them", 'x.fillna("")'),
    ),
    "rows of unequal length": (
        lambda: layers.StringLookup(vocabulary=["a"])([["a"], ["b", "c"]]),
        treadle.DataError,
        ("rows of unequal lengths",),
    ),
    "bytes in another encoding": (
        lambda: layers.StringLookup(vocabulary=["a"])(np.array([b"\xff"])),
        treadle.DataError,
        ("bytes in utf-8", "encoding="),
    ),
    "strings to Dense": (
        lambda: layers.Dense(1)(STRINGS),
        treadle.DataError,
        ("cannot compute with strings", "TextVectorization, StringLookup or Hashing"),
    ),
    "texts in columns": (
        lambda: layers.TextVectorization(vocabulary=["a"])(np.array([["a", "b"]])),
        treadle.ShapeError,
        ("one text for each sample", "(1, 2)", "a TextVectorization for each column"),
    ),
    "length of vectors": (
        lambda: layers.TextVectorization(output_mode="count", output_sequence_length=3),
        ValueError,
        ('output_mode="int" with it', "'count'"),
    ),
    "standardize": (
        lambda: layers.TextVectorization(standardize="upper"),
        ValueError,
        ("`standardize` of TextVectorization is not known", '"lower"'),
    ),
    "function of another shape": (
        lambda: layers.TextVectorization(standardize=lambda x: x[:0]).adapt(["a"]),
        treadle.ShapeError,
        ("The function `standardize`", "shape (1,)", "shape (0,)"),
    ),
    "a path in a configuration": (
        lambda: layers.StringLookup.from_config({"vocabulary": "/etc/hostname"}),
        ValueError,
        ("names a file", "'/etc/hostname'", "set_vocabulary"),
    ),
    "a path in the configuration of a text": (
        lambda: layers.TextVectorization.from_config({"vocabulary": "/etc/hostname"}),
        ValueError,
        ("names a file",),
    ),
    "no vocabulary file": (
        lambda: layers.StringLookup(vocabulary="nowhere.txt"),
        FileNotFoundError,
        ("no vocabulary file 'nowhere.txt'", "a token on each line"),
    ),
    "bands beyond the sound": (
        lambda: layers.MelSpectrogram(max_freq=9000),
        ValueError,
        ("max_freq <= 8000", "max_freq=9000"),
    ),
    "a window of another length": (
        lambda: layers.MelSpectrogram(window=[1.0, 2.0]),
        ValueError,
        ("2048 numbers", "shape (2,)"),
    ),
    "a short transform": (
        lambda: layers.STFTSpectrogram(fft_length=100),
        ValueError,
        ("at least frame_length=256", "100"),
    ),
    "a short signal": (
        lambda: layers.STFTSpectrogram()(torch.ones(1, 99, 1)),
        treadle.ShapeError,
        ("at least 256 samples", "99", 'padding="same"'),
    ),
    "a class to wrap": (
        lambda: layers.TorchModuleWrapper(torch.nn.Linear),
        TypeError,
        ("an instance of torch.nn.Module", "the class Linear", "Linear(...)"),
    ),
    "a module without configuration": (
        lambda: layers.TorchModuleWrapper(torch.nn.Linear(1, 1)).get_config(),
        TypeError,
        ("register_keras_serializable", "Linear", "save_weights"),
    ),
    "other weights to a module": (
        lambda: layers.TorchModuleWrapper(torch.nn.Linear(1, 1)).load_own_variables(
            {"weight": np.ones((2, 1)), "other": np.ones(1)}
        ),
        treadle.ShapeError,
        ("2 tensors with the names", "weight, bias, other"),
    ),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_messages(case: str) -> None:
    do, kind, parts = MESSAGES[case]
    with pytest.raises(kind) as caught:
        do()
    for part in parts:
        assert part in str(caught.value)

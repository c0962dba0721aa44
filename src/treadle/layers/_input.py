"""`Input` and `InputLayer`: where a functional model begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from treadle import _core, graph
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer


@FAMILY.member()
class InputLayer(Layer):
    """The entry of a functional model; it passes its input on.

    Args:
        shape: The shape of one sample, without the batch size; None for unknown sizes.
        batch_size: The batch size, where it is fixed.
        dtype: The dtype of the input; `"string"` for NumPy arrays of strings.
        batch_shape: The whole shape, instead of `shape` and `batch_size`.
        name: The input's name.
        sparse: False: sparse tensors are no inputs.
        ragged: False: ragged tensors are no inputs.
        optional: False: every input must be given.

    Example:
        >>> import treadle
        >>> treadle.layers.InputLayer((4,)).output.shape
        (None, 4)

    Reference:
        Keras 3 API, `keras.layers.InputLayer`.
    """

    _plain_call = True

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        batch_shape: Sequence[int | None] | None = None,
        name: str | None = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        optional: bool = False,
    ) -> None:
        super().__init__(name=name)
        _refuse(sparse=sparse, ragged=ragged, optional=optional)
        if (shape is None) == (batch_shape is None):
            raise ValueError(
                _core.explain(
                    "An input needs one shape.",
                    expected="either `shape` (one sample) or `batch_shape` (with the batch size)",
                    got=f"shape={shape!r}, batch_shape={batch_shape!r}",
                    fix="for example Input(shape=(784,))",
                )
            )
        whole = (
            tuple(batch_shape) if batch_shape is not None else (batch_size, *_sample_shape(shape))
        )
        self.batch_shape = tuple(None if size is None else int(size) for size in whole)
        self.input_dtype = str if dtype in ("string", str) else _core.torch_dtype(dtype)
        self.tensor = graph.make_input(self.batch_shape, self.input_dtype, self.name, self)
        self._nodes = [self.tensor.node] if self.tensor.node else []
        self.built = True

    @property
    def output(self) -> graph.SymbolicTensor:
        """The symbolic tensor."""
        graph.watch_modules()
        return self.tensor

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return `inputs`."""
        return inputs

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {key: value for key, value in state.items() if key != "tensor"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.tensor = graph.make_input(self.batch_shape, self.input_dtype, self.name, self)
        self._nodes = [self.tensor.node] if self.tensor.node else []

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this input again."""
        return {
            "batch_shape": list(self.batch_shape),
            "dtype": _core.standardize_dtype(self.input_dtype),
            "name": self.name,
        }


_INSTEAD = {
    "sparse": ("dense tensors", "give x.to_dense(), or ids to an Embedding"),
    "ragged": (
        "tensors of one length",
        "pad the sequences, and mask with Masking or mask_zero=True",
    ),
    "optional": (
        "a tensor for every input",
        "give zeros with a second input that says so, or make two models of the same layers",
    ),
}


def _refuse(**given: Any) -> None:
    for name, value in given.items():
        if value:
            expected, fix = _INSTEAD[name]
            raise ValueError(
                _core.explain(
                    f"`{name}` of Input is not supported.",
                    expected=f"{name}=False: {expected}",
                    got=f"{name}={value!r}",
                    fix=fix,
                )
            )


def _sample_shape(shape: Any) -> tuple[Any, ...]:
    if isinstance(shape, int):
        raise ValueError(
            _core.explain(
                "`shape` is not a shape.",
                expected="a tuple of sizes",
                got=repr(shape),
                fix=f"Input(shape=({shape},))",
            )
        )
    return tuple(shape)


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> graph.SymbolicTensor:
    """Return a symbolic tensor from which a functional model is built.

    Args:
        shape: The shape of one sample, without the batch size; None for unknown sizes.
        batch_size: The batch size, where it is fixed.
        dtype: The dtype of the input, `"float32"` by default; `"string"` for NumPy arrays of strings.
        sparse: False: sparse tensors are no inputs.
        ragged: False: ragged tensors are no inputs.
        batch_shape: The whole shape, instead of `shape` and `batch_size`.
        name: The input's name, by which dicts of data are matched.
        tensor: A symbolic tensor that is to be the input of a new model; it is returned as it is.
        optional: False: every input must be given.

    Returns:
        A symbolic tensor of shape (batch_size, *shape).

    Raises:
        ValueError: when no shape, or both, are given; for sparse, ragged and optional inputs.
        TypeError: for a `tensor` that is not symbolic.

    Example:
        >>> import treadle
        >>> x = treadle.Input((784,), name="digits")
        >>> treadle.layers.Dense(10)(x).shape
        (None, 10)

    Reference:
        Keras 3 API, `keras.Input`.
    """
    if tensor is not None:
        _refuse(sparse=sparse, ragged=ragged, optional=optional)
        if not isinstance(tensor, graph.SymbolicTensor):
            raise TypeError(
                _core.explain(
                    "`tensor` of Input is not symbolic.",
                    expected="what Input(...) or a layer called on it returned",
                    got=type(tensor).__name__,
                    fix="Input(shape=tuple(x.shape[1:])), and call the model on x",
                )
            )
        return tensor
    name = name or _core.unique_name("input_layer")
    return InputLayer(shape, batch_size, dtype, batch_shape, name, sparse, ragged, optional).output

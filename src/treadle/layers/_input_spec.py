"""`InputSpec`: what a layer says about the inputs that it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from treadle import _core


class InputSpec(_core.Recorded):
    """Rank, sizes and dtype of an input; a layer may put one (or a list) into `input_spec`.

    Args:
        dtype: The dtype.
        shape: The shape, None for sizes that may vary.
        ndim: The number of dimensions.
        max_ndim: The largest number of dimensions.
        min_ndim: The smallest number of dimensions.
        axes: Sizes by axis, such as `{-1: 3}`.
        allow_last_axis_squeeze: Whether a last size of 1 may be missing or too many.
        name: The name of the input.
        optional: Whether None may be given.

    Example:
        >>> import treadle
        >>> treadle.layers.InputSpec(shape=(None, 3)).ndim
        2

    Reference:
        Keras 3 API, `keras.layers.InputSpec`.
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = None if dtype is None else _core.standardize_dtype(dtype)
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name = name
        self.optional = optional

    def __repr__(self) -> str:
        given = {key: value for key, value in vars(self).items() if key[0] != "_" and value}
        return f"InputSpec({', '.join(f'{key}={value!r}' for key, value in given.items())})"

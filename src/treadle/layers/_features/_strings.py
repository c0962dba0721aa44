"""Strings as layers take them: NumPy arrays, lists or single ones, of `str` or of encoded bytes."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch

from treadle import _core

P = ParamSpec("P")
R = TypeVar("R")


def not_compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate Python work on strings, which torch.compile leaves to Python."""
    left_out: list[Any] = []

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        # torch's decorator imports its compiler, which takes longer than treadle does: only where it is there.
        if "torch._dynamo" not in sys.modules:
            return function(*args, **kwargs)
        if not left_out:
            left_out.append(torch.compiler.disable(function))
        return left_out[0](*args, **kwargs)

    call._torchdynamo_disable = True  # type: ignore[attr-defined]  # what the decorator tells the compiler by
    return call


def as_strings(layer: Any, inputs: Any, encoding: str = "utf-8") -> np.ndarray:
    """Return `inputs` as an array of `str` objects, of the same shape.

    Raises:
        DataError: for numbers, and for rows of unequal lengths.
    """
    if isinstance(inputs, torch.Tensor):
        raise _core.DataError(_no_strings(layer, f"a tensor of {inputs.dtype}"))
    try:
        array = np.asarray(inputs)
    except ValueError as error:
        raise _core.DataError(_no_strings(layer, "rows of unequal lengths")) from error
    if array.dtype.kind == "U":
        return array.astype(object)
    if array.dtype.kind not in "OS":
        raise _core.DataError(_no_strings(layer, f"values of type {array.dtype}"))
    flat = array.reshape(-1).tolist()
    if set(map(type, flat)) != {str}:
        flat = [_decoded(layer, item, encoding) for item in flat]
    result = np.empty(len(flat), dtype=object)
    result[:] = flat
    return result.reshape(array.shape)


def is_text(inputs: Any) -> bool:
    """Return whether `inputs` are strings, by the first of them."""
    if isinstance(inputs, torch.Tensor):
        return False
    if isinstance(inputs, np.ndarray):
        return inputs.dtype.kind in "US" or (
            inputs.dtype.kind == "O"
            and inputs.size > 0
            and isinstance(inputs.flat[0], (str, bytes))
        )
    while isinstance(inputs, (list, tuple)) and inputs:
        inputs = inputs[0]
    return isinstance(inputs, (str, bytes))


def string_array(texts: Sequence[str], shape: Any) -> np.ndarray:
    """Return texts as an array of strings of a shape."""
    return np.array(texts, dtype=str).reshape(shape)


def _decoded(layer: Any, item: Any, encoding: str) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, bytes):
        try:
            return item.decode(encoding)
        except UnicodeDecodeError as error:
            raise _core.DataError(
                _core.explain(
                    f"The input of {type(layer).__name__} {layer.name!r} cannot be read.",
                    expected=f"bytes in {encoding}",
                    got=f"{item!r:.60}",
                    fix="encoding=, or decode the strings first",
                )
            ) from error
    missing = item is None or item != item
    raise _core.DataError(
        _no_strings(
            layer,
            f"{item!r:.40} among them",
            'fill missing ones: x.fillna("")' if missing else "x.astype(str)",
        )
    )


def _no_strings(layer: Any, got: str, fix: str = "") -> str:
    return _core.explain(
        f"{type(layer).__name__} {layer.name!r} takes strings.",
        expected="a NumPy array or a list of str or bytes, in rows of equal length",
        got=got,
        fix=fix,
    )

"""Functions of single elements: one row for each, a TensorFlow name beside the torch function that computes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from treadle.compat._convert import as_dtype, as_pair, as_tensor
from treadle.graph import Symbolic


def unary(function: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return `function` with TensorFlow's arguments `(x, name=None)`."""

    def look_alike(x: Any, name: str | None = None) -> Any:
        return function(as_tensor(x))

    return look_alike


def binary(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Return `function` with TensorFlow's arguments `(x, y, name=None)`."""

    def look_alike(x: Any, y: Any, name: str | None = None) -> Any:
        return function(*as_pair(x, y))

    return look_alike


def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """Return `x` in another dtype."""
    return as_tensor(x, dtype)


def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Any:
    """Return `value` in another dtype, with values out of its range set to the nearest that is in it."""
    value, wanted = as_tensor(value), as_dtype(dtype)
    assert wanted is not None
    limits = torch.finfo(wanted) if wanted.is_floating_point else torch.iinfo(wanted)
    return value.clamp(limits.min, limits.max).to(wanted)


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Any:
    """Return `t` with its values between two limits."""
    tensor = as_tensor(t)
    limits = (clip_value_min, clip_value_max)
    if any(isinstance(limit, (torch.Tensor, Symbolic)) for limit in limits):
        low, high = (as_tensor(limit, tensor.dtype) for limit in limits)
        return torch.minimum(torch.maximum(tensor, low), high)
    return torch.clamp(tensor, *limits)


def add_n(inputs: Any, name: str | None = None) -> Any:
    """Return the sum of tensors of one shape."""
    return sum(as_tensor(item) for item in inputs)


def stop_gradient(input: Any, name: str | None = None) -> Any:
    """Return the tensor, through which no gradient flows."""
    return as_tensor(input).detach()


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """Return `x` where `condition` holds and `y` elsewhere; without them the positions, as rows."""
    condition = as_tensor(condition).bool()
    if x is None and y is None:
        return torch.argwhere(condition)
    return torch.where(condition, *as_pair(x, y))


def _divide_no_nan(x: Any, y: Any) -> Any:
    return torch.where(y == 0, torch.zeros_like(y), x / torch.where(y == 0, torch.ones_like(y), y))


def _multiply_no_nan(x: Any, y: Any) -> Any:
    return torch.where(y == 0, torch.zeros_like(y), x * y)


def _xlogy(x: Any, y: Any) -> Any:
    return torch.special.xlogy(x, y)


def _squared_difference(x: Any, y: Any) -> Any:
    return torch.square(x - y)


def _truediv(x: Any, y: Any) -> Any:
    return torch.true_divide(x, y)


def _identity(x: Any) -> Any:
    return x.clone() if isinstance(x, torch.Tensor) else x * 1


UNARY: dict[str, Callable[[Any], Any]] = {
    "abs": torch.abs,
    "acos": torch.acos,
    "acosh": torch.acosh,
    "angle": torch.angle,
    "asin": torch.asin,
    "asinh": torch.asinh,
    "atan": torch.atan,
    "atanh": torch.atanh,
    "ceil": torch.ceil,
    "conj": torch.conj,
    "cos": torch.cos,
    "cosh": torch.cosh,
    "digamma": torch.digamma,
    "erf": torch.erf,
    "erfc": torch.erfc,
    "erfinv": torch.erfinv,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "floor": torch.floor,
    "identity": _identity,
    "imag": torch.imag,
    "is_finite": torch.isfinite,
    "is_inf": torch.isinf,
    "is_nan": torch.isnan,
    "lgamma": torch.lgamma,
    "log": torch.log,
    "log1p": torch.log1p,
    "log_sigmoid": torch.nn.functional.logsigmoid,
    "logical_not": torch.logical_not,
    "negative": torch.neg,
    "real": torch.real,
    "reciprocal": torch.reciprocal,
    "rint": torch.round,
    "round": torch.round,
    "rsqrt": torch.rsqrt,
    "sigmoid": torch.sigmoid,
    "sign": torch.sign,
    "sin": torch.sin,
    "sinh": torch.sinh,
    "softplus": torch.nn.functional.softplus,
    "softsign": torch.nn.functional.softsign,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "tan": torch.tan,
    "tanh": torch.tanh,
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": torch.add,
    "atan2": torch.atan2,
    "divide": _truediv,
    "divide_no_nan": _divide_no_nan,
    "equal": torch.eq,
    "floordiv": torch.floor_divide,
    "floormod": torch.remainder,
    "greater": torch.gt,
    "greater_equal": torch.ge,
    "less": torch.lt,
    "less_equal": torch.le,
    "logical_and": torch.logical_and,
    "logical_or": torch.logical_or,
    "logical_xor": torch.logical_xor,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "mod": torch.remainder,
    "multiply": torch.mul,
    "multiply_no_nan": _multiply_no_nan,
    "not_equal": torch.ne,
    "pow": torch.pow,
    "squared_difference": _squared_difference,
    "subtract": torch.sub,
    "truediv": _truediv,
    "xlogy": _xlogy,
}
ELEMENTWISE: dict[str, Any] = {
    **{name: unary(function) for name, function in UNARY.items()},
    **{name: binary(function) for name, function in BINARY.items()},
    "add_n": add_n,
    "cast": cast,
    "clip_by_value": clip_by_value,
    "saturate_cast": saturate_cast,
    "stop_gradient": stop_gradient,
    "where": where,
}


def _like(function: Callable[..., Any]) -> Callable[..., Any]:
    def look_alike(input: Any, dtype: Any = None, name: str | None = None) -> Any:
        return function(as_tensor(input), dtype=as_dtype(dtype))

    return look_alike


ELEMENTWISE["zeros_like"], ELEMENTWISE["ones_like"] = (
    _like(torch.zeros_like),
    _like(torch.ones_like),
)

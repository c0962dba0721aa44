"""`keras.backend`: the functions of old scripts (`K.mean`, `K.std`, `K.clip`), on tensors of torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from treadle import _core, losses
from treadle.compat import _arrays, _elementwise, _linear, _neural, _random, _shapes
from treadle.compat._convert import as_axes, as_dtype, as_pair, as_tensor
from treadle.compat._reductions import REDUCTIONS
from treadle.graph import Symbolic

_E = _elementwise.ELEMENTWISE


def _reduction(name: str) -> Callable[..., Any]:
    function = REDUCTIONS[name]

    def look_alike(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        x = as_tensor(x)
        return function(x.float() if x.dtype == torch.bool and averages else x, axis, keepdims)

    averages = name in ("reduce_mean", "reduce_std", "reduce_variance")
    return look_alike


def argmax(x: Any, axis: int = -1) -> Any:
    """Return where the largest value is along an axis, the last by default."""
    return torch.argmax(as_tensor(x), dim=axis)


def argmin(x: Any, axis: int = -1) -> Any:
    """Return where the smallest value is along an axis, the last by default."""
    return torch.argmin(as_tensor(x), dim=axis)


def flatten(x: Any) -> Any:
    """Return all elements in one axis."""
    return torch.flatten(as_tensor(x))


def batch_flatten(x: Any) -> Any:
    """Return each row's elements in one axis."""
    return torch.flatten(as_tensor(x), 1)


def dot(x: Any, y: Any) -> Any:
    """Return the product over the last axis of `x` and the last but one of `y`."""
    x, y = as_pair(x, y)
    return _linear.tensordot(x, y, ([x.dim() - 1], [max(y.dim() - 2, 0)]))


def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    """Return for each row the product over one axis of `x` and one of `y`."""
    x, y = as_pair(x, y)
    chosen = (x.dim() - 1, max(y.dim() - 2, 1)) if axes is None else axes
    first, second = (chosen, chosen) if isinstance(chosen, int) else chosen
    letters = "bcdefghijk"
    left = list(letters[: x.dim()])
    right = ["b", *"lmnopqrst"[: y.dim() - 1]]
    left[first % x.dim()] = right[second % y.dim()] = "z"
    result = "".join(c for c in left if c != "z") + "".join(c for c in right[1:] if c != "z")
    product = torch.einsum(f"{''.join(left)},{''.join(right)}->{result}", x, y)
    return product[:, None] if product.dim() == 1 else product


def clip(x: Any, min_value: Any, max_value: Any) -> Any:
    """Return `x` with its values between two limits."""
    return _elementwise.clip_by_value(x, min_value, max_value)


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """Return the rectified `x`."""
    x = as_tensor(x)
    above = torch.clamp(x, max=max_value) if max_value is not None else x
    return torch.where(x >= threshold, above, alpha * (x - threshold))


def sigmoid(x: Any) -> Any:
    """Return `1 / (1 + exp(-x))`."""
    return torch.sigmoid(as_tensor(x))


def hard_sigmoid(x: Any) -> Any:
    """Return `0.2 * x + 0.5` between 0 and 1, as old Keras has it."""
    return torch.clamp(0.2 * as_tensor(x) + 0.5, 0.0, 1.0)


def _with_logits(function: Callable[..., Any]) -> Callable[..., Any]:
    def look_alike(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
        return function(as_tensor(target), as_tensor(output), from_logits=from_logits, axis=axis)

    return look_alike


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """Return the binary cross entropy of each element."""
    target, output = as_pair(target, output)
    if from_logits:
        return _neural.sigmoid_cross_entropy_with_logits(target, output)
    output = torch.clamp(output, _core.epsilon(), 1.0 - _core.epsilon())
    return -(target * torch.log(output) + (1.0 - target) * torch.log(1.0 - output))


def concatenate(tensors: Any, axis: int = -1) -> Any:
    """Return tensors joined along an axis, the last by default."""
    return _arrays.concat(tensors, axis)


def squeeze(x: Any, axis: Any) -> Any:
    """Return the tensor without an axis of size 1."""
    return torch.squeeze(as_tensor(x), as_axes(axis))


def repeat(x: Any, n: int) -> Any:
    """Return rows (batch, width) repeated to (batch, n, width)."""
    x = as_tensor(x)
    return torch.unsqueeze(x, 1).expand(-1, n, -1)


def int_shape(x: Any) -> tuple[Any, ...]:
    """Return the sizes, None for unknown ones."""
    return tuple(x.shape)


def random_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: int | None = None
) -> Any:
    """Return numbers from a normal distribution."""
    return _random.normal(shape, mean, stddev, dtype or _core.floatx(), seed)


def random_uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: int | None = None
) -> Any:
    """Return numbers from a uniform distribution."""
    return _random.uniform(shape, minval, maxval, dtype or _core.floatx(), seed)


def random_bernoulli(shape: Any, p: float = 0.0, dtype: Any = None, seed: int | None = None) -> Any:
    """Return ones with probability `p`, zeros elsewhere."""
    drawn = _random.uniform(shape, seed=seed)
    return (drawn < p).to(as_dtype(dtype or _core.floatx()))


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Return a variable of zeros."""
    return variable(_arrays.zeros(shape, dtype or _core.floatx()), name=name)


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Return a variable of ones."""
    return variable(_arrays.ones(shape, dtype or _core.floatx()), name=name)


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Any:
    """Return a new variable."""
    data = as_tensor(value, dtype).detach().clone()
    return _core.Variable(data, data.is_floating_point(), name or "Variable")


def get_value(x: Any) -> Any:
    """Return the values as an array; of one number a NumPy scalar."""
    if not isinstance(x, torch.Tensor):
        return x
    array = x.detach().cpu().numpy()
    return array if array.ndim else array[()]


def batch_get_value(tensors: Any) -> list[Any]:
    """Return the values of several variables."""
    return [get_value(item) for item in tensors]


def set_value(x: Any, value: Any) -> None:
    """Overwrite a variable."""
    x.assign(value)


def batch_set_value(tuples: Any) -> None:
    """Overwrite several variables."""
    for item, value in tuples:
        set_value(item, value)


def cast_to_floatx(x: Any) -> Any:
    """Return an array or tensor in the default floating dtype."""
    if isinstance(x, (torch.Tensor, Symbolic)):
        return as_tensor(x, _core.floatx())
    return np.asarray(x, dtype=_core.floatx())


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """Return one of two values, or of what two functions return, element by element."""

    def value(item: Any) -> Any:
        made: Any = item
        if callable(item) and not isinstance(item, (torch.Tensor, Symbolic)):
            made = item()
        return made

    return _elementwise.where(condition, value(then_expression), value(else_expression))


def manual_variable_initialization(value: bool) -> None:
    """Do nothing: variables hold their values from the start."""


BACKEND: dict[str, Any] = {
    **{
        name: _E[name]
        for name in [
            "abs",
            "cos",
            "equal",
            "exp",
            "greater",
            "greater_equal",
            "identity",
            "less",
            "less_equal",
            "log",
            "maximum",
            "minimum",
            "not_equal",
            "pow",
            "round",
            "sign",
            "sin",
            "softplus",
            "softsign",
            "sqrt",
            "square",
            "stop_gradient",
            "tanh",
            "zeros_like",
            "ones_like",
            "cast",
        ]
    },
    **{
        name: _reduction(f"reduce_{long}")
        for name, long in {
            "all": "all",
            "any": "any",
            "logsumexp": "logsumexp",
            "max": "max",
            "mean": "mean",
            "min": "min",
            "prod": "prod",
            "std": "std",
            "sum": "sum",
            "var": "variance",
        }.items()
    },
    "arange": _arrays.range_,
    "argmax": argmax,
    "argmin": argmin,
    "backend": lambda: "torch",
    "batch_dot": batch_dot,
    "batch_flatten": batch_flatten,
    "batch_get_value": batch_get_value,
    "batch_set_value": batch_set_value,
    "bias_add": _neural.bias_add,
    "binary_crossentropy": binary_crossentropy,
    "cast_to_floatx": cast_to_floatx,
    "categorical_crossentropy": _with_logits(losses.categorical_crossentropy),
    "clear_session": _core.clear_session,
    "clip": clip,
    "concatenate": concatenate,
    "constant": _arrays.constant,
    "count_params": lambda x: x.numel(),
    "cumprod": REDUCTIONS["cumprod"],
    "cumsum": REDUCTIONS["cumsum"],
    "dot": dot,
    "dropout": lambda x, level, noise_shape=None, seed=None: _neural.dropout(
        x, level, noise_shape, seed
    ),
    "dtype": lambda x: _core.standardize_dtype(x.dtype),
    "elu": lambda x, alpha=1.0: torch.nn.functional.elu(as_tensor(x), alpha),
    "epsilon": _core.epsilon,
    "eval": get_value,
    "expand_dims": _arrays.expand_dims,
    "eye": _arrays.eye,
    "flatten": flatten,
    "floatx": _core.floatx,
    "gather": lambda reference, indices: _arrays.gather(reference, indices),
    "get_value": get_value,
    "hard_sigmoid": hard_sigmoid,
    "image_data_format": _core.image_data_format,
    "in_top_k": lambda predictions, targets, k: REDUCTIONS["in_top_k"](targets, predictions, k),
    "int_shape": int_shape,
    "is_keras_tensor": lambda x: isinstance(x, Symbolic),
    "is_tensor": lambda x: isinstance(x, torch.Tensor),
    "l2_normalize": lambda x, axis=None: _linear.l2_normalize(x, axis),
    "manual_variable_initialization": manual_variable_initialization,
    "ndim": lambda x: x.dim(),
    "one_hot": lambda indices, num_classes: _arrays.one_hot(indices, num_classes),
    "ones": ones,
    "permute_dimensions": lambda x, pattern: _arrays.transpose(x, pattern),
    "random_bernoulli": random_bernoulli,
    "random_normal": random_normal,
    "random_uniform": random_uniform,
    "relu": relu,
    "repeat": repeat,
    "repeat_elements": lambda x, rep, axis: _arrays.repeat(x, rep, axis),
    "reshape": _arrays.reshape,
    "reverse": _arrays.reverse,
    "set_epsilon": _core.set_epsilon,
    "set_floatx": _core.set_floatx,
    "set_image_data_format": _core.set_image_data_format,
    "set_value": set_value,
    "shape": _shapes.shape,
    "sigmoid": sigmoid,
    "softmax": lambda x, axis=-1: _neural.softmax(x, axis),
    "sparse_categorical_crossentropy": _with_logits(losses.sparse_categorical_crossentropy),
    "squeeze": squeeze,
    "stack": _arrays.stack,
    "standardize_dtype": _core.standardize_dtype,
    "switch": switch,
    "tile": _arrays.tile,
    "transpose": _arrays.transpose,
    "truncated_normal": _random.truncated_normal,
    "variable": variable,
    "zeros": zeros,
}

"""Every activation against its formula in float64, its gradient, its extremes, and how it is found."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from treadle import activations
from treadle._core import UnknownNameError, recall_logits, register_keras_serializable
from treadle.activations._family import FAMILY

Array = np.ndarray
erf = np.vectorize(math.erf)


def sigmoid(x: Array) -> Array:
    return np.exp(-np.logaddexp(0, -x))


def softplus(x: Array) -> Array:
    return np.logaddexp(0, x)


def softmax(x: Array, axis: int = -1) -> Array:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sparsemax(x: Array, axis: int = -1) -> Array:
    """Find the threshold by bisection: the sum falls as it rises."""
    low, high = x.min(axis, keepdims=True) - 1, x.max(axis, keepdims=True)
    for _ in range(200):
        middle = (low + high) / 2
        above = np.maximum(x - middle, 0).sum(axis, keepdims=True) > 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.maximum(x - low, 0)


def glu(x: Array, axis: int = -1) -> Array:
    a, b = np.split(x, 2, axis)
    return a * sigmoid(b)


def relu(
    x: Array, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Array:
    out = np.where(x >= threshold, x, negative_slope * (x - threshold))
    return out if max_value is None else np.minimum(out, max_value)


def elu(x: Array, alpha: float = 1.0) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def gelu(x: Array, approximate: bool = False) -> Array:
    if approximate:
        return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return x / 2 * (1 + erf(x / np.sqrt(2)))


SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
TABLE: list[tuple[str, dict[str, Any], Callable[..., Array]]] = [
    ("linear", {}, lambda x: x),
    ("relu", {}, relu),
    ("relu", {"negative_slope": 0.1}, relu),
    ("relu", {"max_value": 1.0}, relu),
    ("relu", {"negative_slope": 0.1, "max_value": 1.5, "threshold": 0.5}, relu),
    ("relu6", {}, lambda x: np.clip(x, 0, 6)),
    ("leaky_relu", {}, lambda x: np.where(x > 0, x, 0.2 * x)),
    ("leaky_relu", {"negative_slope": 0.3}, lambda x, negative_slope: np.where(x > 0, x, 0.3 * x)),
    (
        "threshold",
        {"threshold": 0.5, "default_value": -7.0},
        lambda x, threshold, default_value: np.where(x > threshold, x, default_value),
    ),
    ("hard_shrink", {}, lambda x: np.where(np.abs(x) > 0.5, x, 0)),
    ("hard_shrink", {"threshold": 1.0}, lambda x, threshold: np.where(np.abs(x) > 1, x, 0)),
    ("soft_shrink", {}, lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)),
    ("hard_tanh", {}, lambda x: np.clip(x, -1, 1)),
    ("hard_sigmoid", {}, lambda x: np.clip(x + 3, 0, 6) / 6),
    ("hard_silu", {}, lambda x: x * np.clip(x + 3, 0, 6) / 6),
    ("hard_swish", {}, lambda x: x * np.clip(x + 3, 0, 6) / 6),
    ("elu", {}, elu),
    ("elu", {"alpha": 0.5}, elu),
    ("celu", {}, elu),
    (
        "celu",
        {"alpha": 0.5},
        lambda x, alpha: np.maximum(x, 0) + np.minimum(alpha * np.expm1(x / alpha), 0),
    ),
    ("selu", {}, lambda x: SELU_SCALE * elu(x, SELU_ALPHA)),
    ("exponential", {}, np.exp),
    ("gelu", {}, gelu),
    ("gelu", {"approximate": True}, gelu),
    ("mish", {}, lambda x: x * np.tanh(softplus(x))),
    ("silu", {}, lambda x: x * sigmoid(x)),
    ("swish", {}, lambda x: x * sigmoid(x)),
    ("sigmoid", {}, sigmoid),
    ("log_sigmoid", {}, lambda x: -softplus(-x)),
    ("softplus", {}, softplus),
    ("softsign", {}, lambda x: x / (1 + np.abs(x))),
    ("tanh", {}, np.tanh),
    ("tanh_shrink", {}, lambda x: x - np.tanh(x)),
    ("squareplus", {}, lambda x: (x + np.sqrt(x**2 + 4)) / 2),
    ("squareplus", {"b": 1}, lambda x, b: (x + np.sqrt(x**2 + b)) / 2),
    ("sparse_plus", {}, lambda x: np.where(x <= -1, 0, np.where(x >= 1, x, (x + 1) ** 2 / 4))),
    ("sparse_sigmoid", {}, lambda x: np.clip((x + 1) / 2, 0, 1)),
    ("softmax", {}, softmax),
    ("softmax", {"axis": 0}, softmax),
    ("log_softmax", {}, lambda x: np.log(softmax(x))),
    ("log_softmax", {"axis": 1}, lambda x, axis: np.log(softmax(x, axis))),
    ("sparsemax", {}, sparsemax),
    ("sparsemax", {"axis": 0}, sparsemax),
    ("glu", {}, glu),
    ("glu", {"axis": 1}, glu),
]


def case_id(part: Any) -> str | None:
    """Name a test after the activation and its arguments."""
    if isinstance(part, str):
        return part
    return ",".join(f"{k}={v}" for k, v in part.items()) if isinstance(part, dict) else ""


each = pytest.mark.parametrize(("name", "arguments", "reference"), TABLE, ids=case_id)


@each
@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_values(
    name: str, arguments: dict[str, Any], reference: Callable[..., Array], scale: float
) -> None:
    x = scale * np.random.default_rng(1).normal(size=(3, 4, 6))
    out = getattr(activations, name)(torch.from_numpy(x), **arguments)
    np.testing.assert_allclose(out, reference(x, **arguments), rtol=1e-12, atol=1e-14)


@each
def test_gradients(name: str, arguments: dict[str, Any], reference: Callable[..., Array]) -> None:
    x = torch.randn(2, 4, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: getattr(activations, name)(x, **arguments), x)


@each
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_extremes_are_finite(
    name: str, arguments: dict[str, Any], reference: Callable[..., Array], dtype: torch.dtype
) -> None:
    largest = 1e4 if name != "exponential" else 10.0
    x = torch.tensor([[largest, -largest, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]], dtype=dtype)
    if arguments.get("axis") == 1:
        x = x.unsqueeze(0)
    x.requires_grad_()
    out = getattr(activations, name)(x, **arguments)
    out.sum().backward()
    assert out.dtype == dtype
    assert torch.isfinite(out).all()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


@each
def test_arrays_and_lists_are_taken(
    name: str, arguments: dict[str, Any], reference: Callable[..., Array]
) -> None:
    x = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    fn = getattr(activations, name)
    if name == "linear":
        assert fn(x) is x
        return
    torch.testing.assert_close(fn(x, **arguments), fn(torch.from_numpy(x), **arguments))
    assert fn(x.tolist(), **arguments).dtype == torch.float32
    assert fn([[1, 2], [3, 4]], **arguments).dtype == torch.float32


@each
def test_compiles_and_takes_stand_ins(
    name: str, arguments: dict[str, Any], reference: Callable[..., Array]
) -> None:
    class StandIn:
        """Not a tensor, but every torch function takes it."""

        def __init__(self, value: torch.Tensor) -> None:
            self.value = value

        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any, kwargs: Any = None) -> Any:
            plain = torch.utils._pytree.tree_map_only(cls, lambda x: x.value, (args, kwargs or {}))
            return torch.utils._pytree.tree_map_only(torch.Tensor, cls, func(*plain[0], **plain[1]))

        def __getattr__(self, attribute: str) -> Any:
            return wrap_method(attribute, self)

    def wrap_method(attribute: str, owner: Any) -> Any:
        value = getattr(owner.value, attribute)
        if not callable(value):
            return value
        fn = getattr(torch.Tensor, attribute)
        return lambda *a, **k: StandIn.__torch_function__(fn, (), (owner, *a), k)

    for operator in (
        "add",
        "radd",
        "sub",
        "rsub",
        "mul",
        "rmul",
        "truediv",
        "rtruediv",
        "gt",
        "lt",
        "ge",
        "pow",
    ):
        method = f"__{operator}__"
        setattr(StandIn, method, lambda self, other, m=method: wrap_method(m, self)(other))
    x = torch.randn(2, 4)
    fn = getattr(activations, name)
    expected = fn(x, **arguments)
    out = fn(StandIn(x), **arguments)
    assert isinstance(out, StandIn)
    torch.testing.assert_close(out.value, expected)


@each
def test_takes_symbolic_tensors(
    name: str, arguments: dict[str, Any], reference: Callable[..., Array]
) -> None:
    if arguments.get("axis") == 0:
        arguments = {"axis": 1}
    out = getattr(activations, name)(treadle.Input((4, 6)), **arguments)
    expected = getattr(activations, name)(torch.zeros(2, 4, 6), **arguments).shape
    assert tuple(out.shape) == (None, *expected[1:])


@pytest.mark.parametrize("name", sorted(FAMILY.table))
def test_found_by_name(name: str) -> None:
    fn = activations.get(name)
    assert fn is getattr(activations, name)
    assert activations.get(fn) is fn
    assert activations.deserialize(activations.serialize(fn)) is fn
    assert activations.get(activations.serialize(fn)) is fn


def test_none_is_linear() -> None:
    assert activations.get(None) is activations.linear


def test_every_member_has_a_row() -> None:
    assert {name for name, _, _ in TABLE} == set(FAMILY.table)


def test_every_function_has_the_public_path() -> None:
    for name in activations.__all__:
        assert getattr(activations, name).__module__ == "treadle.activations"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [("rellu", "did you mean 'relu'"), ("Softmaxx", "softmax"), ("xyz", "use one of: ")],
)
def test_unknown_names(wrong: str, words: str) -> None:
    with pytest.raises(UnknownNameError, match=words):
        activations.get(wrong)


def test_what_is_no_activation() -> None:
    with pytest.raises(TypeError, match="cannot be read as a"):
        activations.get(3)
    with pytest.raises(TypeError, match="register_keras_serializable"):
        activations.serialize(lambda x: x)


def test_a_registered_function() -> None:
    @register_keras_serializable("test_activations")
    def thrice(x: torch.Tensor) -> torch.Tensor:
        return 3 * x

    name = activations.serialize(thrice)
    assert activations.get(name) is thrice
    assert activations.deserialize("mine", {"mine": thrice}) is thrice


def test_softmax_and_sigmoid_remember_their_logits() -> None:
    x = torch.randn(2, 3)
    assert recall_logits(activations.softmax(x), "softmax") is x
    assert recall_logits(activations.softmax(x, axis=1), "softmax") is x
    assert recall_logits(activations.softmax(x, axis=0), "softmax") is None
    assert recall_logits(activations.sigmoid(x), "sigmoid") is x
    assert recall_logits(activations.sigmoid(x), "softmax") is None


def test_softmax_over_several_axes() -> None:
    x = torch.randn(2, 3, 4)
    out = activations.softmax(x, axis=(1, 2))
    torch.testing.assert_close(out, torch.softmax(x.flatten(1), -1).reshape(2, 3, 4))


def test_softplus_is_right_where_torchs_own_gives_up() -> None:
    x = torch.tensor([21.0, 30.0, 40.0, 700.0], dtype=torch.float64)
    np.testing.assert_allclose(activations.softplus(x), softplus(x.numpy()), rtol=1e-15)


def test_compiles_into_one_graph() -> None:
    def every(x: torch.Tensor) -> list[torch.Tensor]:
        return [
            getattr(activations, name)(x, **arguments)
            for name, arguments, _ in TABLE[:-1]
            if arguments.get("axis") != 1
        ]

    x = torch.randn(3, 4)
    torch.testing.assert_close(torch.compile(every, fullgraph=True, backend="eager")(x), every(x))
    torch._dynamo.reset()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sparsemax_over_many_entries_in_short_dtypes(dtype: torch.dtype) -> None:
    out = activations.sparsemax(torch.zeros(2, 4096, dtype=dtype))
    torch.testing.assert_close(out.float(), torch.full((2, 4096), 1 / 4096), rtol=5e-3, atol=0)

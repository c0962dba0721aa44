"""Symbolic tensors record any torch code, and the model replays exactly that code."""

from __future__ import annotations

import collections
import copy
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules import module as torch_module

import treadle
from treadle import layers


def model_of(function: Callable[[Any], Any], shape: tuple[int | None, ...] = (4,)) -> Any:
    x = treadle.Input(shape)
    return treadle.Model(x, function(x))


ONE_INPUT: dict[str, Callable[[Any], Any]] = {
    "add": lambda x: x + 1,
    "reflected": lambda x: 2 - x / 3 + 1 / (x + 5),
    "power and floor": lambda x: 2.0**x + (x // 2) + x % 3,
    "negation and abs": lambda x: abs(-x),
    "matmul": lambda x: (x @ torch.ones(4, 2)) @ torch.ones(2, 4) + torch.ones(4, 4).T @ x[0],
    "comparison": lambda x: torch.where((x > 0) & ~(x >= 2), x, x * 0),
    "index": lambda x: x[:, 0],
    "slice": lambda x: x[..., 1:3],
    "newaxis": lambda x: x[:, None, :],
    "fancy": lambda x: x[:, [0, 2]],
    "mask": lambda x: x.masked_fill(x < 0.5, 0.0),
    "method": lambda x: x.mean(dim=1, keepdim=True),
    "method chain": lambda x: x.unsqueeze(1).expand(-1, 3, -1).transpose(1, 2).reshape(-1, 12),
    "attribute": lambda x: x.T.T,
    "shape attribute": lambda x: x.view(x.size(0), -1),
    "sizes": lambda x: x.reshape(x.size()[0] * 2, 2),
    "size arithmetic": lambda x: x.sum(0) / x.size(0),
    "expand": lambda x: torch.ones(1, 4).expand((x.size(0), 4)) * x,
    "function": lambda x: torch.std(x),
    "nested function": lambda x: torch.cat([x, torch.stack((x, x)).sum(0)], dim=-1),
    "functional": lambda x: F.softmax(F.gelu(x), dim=-1),
    "tuple result": lambda x: x.max(dim=1)[0] + x.max(dim=1).indices,
    "unpacked": lambda x: operator.sub(*x.split(2, dim=1)),
    "chunks": lambda x: x.chunk(2, 1)[1],
    "topk": lambda x: torch.topk(x, k=2)[0],
    "einsum": lambda x: torch.einsum("bi,bj->bij", x, x),
    "like": lambda x: x + torch.zeros_like(x) + torch.ones_like(x),
    "dtype": lambda x: x.to(torch.float64).float() if x.dtype == torch.float32 else x,
    "linear": lambda x: F.linear(x, torch.ones(3, 4), torch.ones(3)),
    "sort and dict": lambda x: {"a": torch.sort(x)[0], "b": [x, (x + 1,)]},
    "input itself": lambda x: [x, x + 1],
    "numpy number": lambda x: np.float64(2) * x - x * np.float32(3),
    "augmented": lambda x: _augmented(x),
}


def _augmented(x: Any) -> Any:
    x += 1
    x *= 2
    return x


@pytest.mark.parametrize("name", ONE_INPUT)
def test_the_model_computes_what_the_code_computes(name: str) -> None:
    function = ONE_INPUT[name]
    model = model_of(function)
    for batch in (1, 2, 5):
        x = torch.randn(batch, 4).abs()
        expected, got = function(x.clone()), model(x)
        assert str(torch.utils._pytree.tree_structure(got)) == str(
            torch.utils._pytree.tree_structure(expected)
        )
        for a, b in zip(*map(torch.utils._pytree.tree_leaves, (got, expected)), strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize(
    ("shape", "function", "expected"),
    [
        ((4,), lambda x: x, (None, 4)),
        ((4,), lambda x: x.sum(), ()),
        ((None, 3), lambda x: x * 2, (None, None, 3)),
        ((None, 3), lambda x: x.mean(1), (None, 3)),
        ((None, None, 1), lambda x: F.max_pool2d(x[:, 0], 2), (None, None, 0)),
        ((None, 3), lambda x: torch.cat([x, x], 2), (None, None, 6)),
        ((2, 3), lambda x: x.reshape(-1, 3), (None, 3)),
        ((2, 3), lambda x: x.flatten(1), (None, 6)),
    ],
)
def test_unknown_sizes_are_none(shape: Any, function: Any, expected: Any) -> None:
    if expected == (None, None, 0):
        shape, expected = (1, None, None), (None, None, None)
    assert function(treadle.Input(shape)).shape == expected


def test_a_fixed_batch_size_is_known() -> None:
    x = treadle.Input((3,), batch_size=7)
    assert (x + 1).shape == (7, 3)
    assert len(x) == 7
    assert len(list(treadle.Input(batch_shape=(2, 3)))) == 2


def test_what_a_symbolic_tensor_says_of_itself() -> None:
    x = treadle.Input((3, 4), dtype="int64", name="ids")
    assert (x.shape, x.dtype, x.ndim, x.dim(), x.name) == ((None, 3, 4), torch.int64, 3, 3, "ids")
    assert x.size(1) == 3
    assert repr(x) == "<SymbolicTensor shape=(None, 3, 4), dtype=int64, name='ids'>"
    assert "SymbolicValue" in repr(x.size(0) + 1)
    assert (x.float() / 2).dtype == torch.float32
    assert {x: 1}[x] == 1


@pytest.mark.parametrize(
    ("use", "part"),
    [
        (lambda x: bool(x.sum()), "torch.where"),
        (lambda x: x if x.sum() > 0 else -x, "torch.where"),
        (lambda x: float(x.sum()), "float()"),
        (lambda x: int(x.sum()), "int()"),
        (lambda x: np.asarray(x), "NumPy"),
        (lambda x: np.sin(x), "NumPy"),
        (lambda x: len(x), "len()"),
        (lambda x: list(x), "len()"),
        (lambda x: range(x.size(0)), "SymbolicValue"),
    ],
)
def test_what_needs_values_is_told(use: Any, part: str) -> None:
    with pytest.raises(TypeError) as told:
        use(treadle.Input((3,)))
    assert part in str(told.value)


def test_an_unknown_method_is_told_with_the_nearest() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'squeze'.*did you mean 'squeeze'"):
        treadle.Input((3,)).squeze(1)


def test_in_place_methods_are_refused() -> None:
    with pytest.raises(TypeError, match=r"(?s)in-place method 'add_'.*x = x\.add\(\.\.\.\)"):
        treadle.Input((3,)).add_(1)


def test_code_that_torch_refuses_says_where() -> None:
    x = treadle.Input((3,))
    with pytest.raises(RuntimeError) as told:
        x @ torch.ones(4, 2)
    assert any("(None, 3)" in note for note in told.value.__notes__)
    with pytest.raises(TypeError) as told_too:
        x.view(x.shape[0], 3)
    assert any("x.size(0)" in note for note in told_too.value.__notes__)


def test_a_forgotten_input_is_named() -> None:
    a, b = treadle.Input((2,), name="left"), treadle.Input((2,), name="right")
    with pytest.raises(ValueError, match=r"(?s)need the input 'right'.*\['left'\].*add 'right'"):
        treadle.Model(a, a + b)


def test_ends_that_are_not_symbolic_are_told() -> None:
    x = treadle.Input((2,))
    with pytest.raises(TypeError, match=r"(?s)`outputs`.*must be symbolic.*Tensor.*treadle\.Input"):
        treadle.Model(x, torch.zeros(2))
    with pytest.raises(TypeError, match="`inputs`"):
        treadle.Model(torch.zeros(2), x)
    with pytest.raises(ValueError, match=r"(?s)both ends.*only one"):
        treadle.Model(x)


def hooks() -> int:
    return len(torch_module._global_forward_hooks) + len(torch_module._global_forward_pre_hooks)


def test_no_global_hook_stays_behind() -> None:
    x = treadle.Input((4,))
    model = treadle.Model(x, nn.Linear(4, 2)(x))
    assert hooks() == 0
    assert (model.input_shape, model.output_shape) == ((None, 4), (None, 2))
    model.summary(print_fn=lambda text: None)
    assert hooks() == 0
    treadle.Sequential([treadle.Input((4,)), nn.Linear(4, 2)])
    assert hooks() == 0
    treadle.Input((4,))
    model.predict(np.zeros((2, 4)), verbose=0)
    assert hooks() == 0


def test_modules_outside_are_left_alone_while_a_model_is_built() -> None:
    x = treadle.Input((4,))
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    real = torch.randn(2, 4)
    expected = net(real)
    assert torch.equal(net(real), expected)
    model = treadle.Model(x, net(x))
    assert torch.equal(model(real), expected)


# ---- plain torch modules are one node


def nodes(model: Any) -> list[tuple[str, Any]]:
    return [(node.kind, node.target) for node in model._program.nodes]


@pytest.mark.parametrize("net", [nn.Linear(4, 2), nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))])
def test_a_plain_module_is_one_node(net: nn.Module) -> None:
    model = model_of(lambda x: net(x))
    assert nodes(model) == [("module", net)]
    assert {id(p) for p in model.parameters()} == {id(p) for p in net.parameters()}
    x = torch.randn(3, 4)
    assert torch.equal(model(x), net(x))


def test_probing_moves_no_running_statistics_and_no_mode() -> None:
    net = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5), nn.BatchNorm1d(4).eval())
    before = {key: value.clone() for key, value in net.state_dict().items()}
    modes = [part.training for part in net.modules()]
    x = treadle.Input((4,))
    y = net(x)
    assert [part.training for part in net.modules()] == modes
    model = treadle.Model(x, y)
    for key, value in net.state_dict().items():
        assert torch.equal(value, before[key]), key
    model(torch.randn(8, 4) + 3, training=True)
    assert net[0].num_batches_tracked.item() == 1
    assert not any(part.training for part in net.modules()), (
        "in a model all begin in inference mode"
    )


def test_attention_with_named_arguments_and_two_results() -> None:
    net = nn.MultiheadAttention(8, 2, batch_first=True)
    x = treadle.Input((5, 8))
    mixed, weights = net(query=x, key=x, value=x, need_weights=True)
    assert (mixed.shape, weights.shape) == ((None, 5, 8), (None, 5, 5))
    model = treadle.Model(x, [mixed, weights])
    real = torch.randn(3, 5, 8)
    net.eval()
    for got, expected in zip(model(real), net(real, real, real), strict=True):
        torch.testing.assert_close(got, expected)
    assert [kind for kind, _ in nodes(model)] == ["module"]


def test_a_recurrent_module_with_nested_results() -> None:
    net = nn.LSTM(3, 4, batch_first=True)
    x = treadle.Input((None, 3))
    sequence, (hidden, _) = net(x)
    assert sequence.shape == (None, None, 4)
    model = treadle.Model(x, [sequence, hidden[-1]])
    real = torch.randn(2, 6, 3)
    expected = net(real)
    got = model(real)
    torch.testing.assert_close(got[0], expected[0])
    torch.testing.assert_close(got[1], expected[1][0][-1])


def test_a_shared_module_is_registered_once() -> None:
    net = nn.Linear(4, 4)
    model = model_of(lambda x: net(net(x)))
    assert len(list(model.parameters())) == 2
    assert len(nodes(model)) == 2


def test_plain_modules_are_trained() -> None:
    net = nn.Linear(4, 1)
    model = model_of(lambda x: net(x))
    model.compile("sgd", "mse")
    before = net.weight.detach().clone()
    model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)
    assert not torch.equal(net.weight, before)


# ---- parameters and tensors from outside


def test_captured_parameters_are_trained_and_constants_move() -> None:
    scale, shift = nn.Parameter(torch.ones(4)), torch.arange(4.0)
    model = model_of(lambda x: (x * scale + shift).sum(1, keepdim=True))
    assert [id(w) for w in model.trainable_weights] == [id(scale)]
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 4)), np.zeros((8, 1)), verbose=0)
    assert not torch.equal(scale, torch.ones(4))
    model.double()
    assert all(tensor.dtype == torch.float64 for tensor in model._graph_tensors())
    assert model(torch.ones(2, 4)).dtype == torch.float64
    assert "captured_1" not in model.state_dict()


def test_arrays_are_constants_of_the_models_dtype() -> None:
    model = model_of(lambda x: np.ones(4) * x + x * np.arange(4))
    got = model(torch.ones(2, 4))
    assert (got.dtype, got[0].tolist()) == (torch.float32, [1.0, 2.0, 3.0, 4.0])
    assert [tensor.dtype for tensor in model._program.tensors] == [torch.float32, torch.int64]


def test_a_tensor_used_twice_is_captured_once() -> None:
    weight = nn.Parameter(torch.ones(4, 4))
    model = model_of(lambda x: torch.tanh(x @ weight) @ weight)
    assert len(model._program.tensors) == 1


# ---- the generated program


def test_the_program_is_straight_line_code() -> None:
    model = model_of(lambda x: torch.relu(layers.Dense(3, name="d")(x)) * 2 + 1)
    lines = model._program.source.splitlines()
    assert lines[0] == "def replay(module, x0):"
    assert 'm["d"]' in lines[2].replace("'", '"')
    assert len(lines) == 2 + 4 + 1
    for word in ("for ", "if ", "while ", "lambda", "getattr"):
        assert word not in model._program.source


def test_intermediate_values_are_let_go() -> None:
    model = model_of(lambda x: torch.relu(torch.relu(torch.relu(x))))
    assert model._program.source.count("= None") == 3


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "copied"])
def test_a_graph_of_thousands_of_nodes(compiled: bool) -> None:
    x = treadle.Input((2,))
    y = x
    for index in range(3000):
        y = y + index
    model = treadle.Model(x, y)
    if compiled:
        model = copy.deepcopy(model)
    assert model(torch.zeros(1, 2))[0, 0].item() == sum(range(3000))


def test_an_unused_branch_is_not_run() -> None:
    ran: list[int] = []

    class Loud(layers.Layer):
        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            ran.append(1)
            return inputs

    x = treadle.Input((2,))
    Loud()(x)
    model = treadle.Model(x, x + 1)
    ran.clear()
    model(torch.zeros(1, 2))
    assert ran == []
    assert len(model.layers) == 1


# ---- structures


class Pair(NamedTuple):
    left: Any
    right: Any


class Structures(nn.Module):
    """Takes and gives what Python code takes and gives: named tuples, dicts in dicts, None."""

    def forward(self, pair: Any, extra: dict[str, Any], scale: float | None = None) -> Any:
        total = pair.left + pair.right * (scale or 1.0)
        return {
            "total": total,
            "deep": {"pair": Pair(total + 1, (extra["a"], None)), "n": 3},
            "list": [total, [extra["b"][0]]],
        }


@pytest.mark.parametrize("scale", [None, 0.5])
def test_structures_go_in_and_out(scale: float | None) -> None:
    net = Structures()

    def function(x: Any) -> Any:
        extra = collections.OrderedDict(b=[x * 2], a=x)
        got = net(Pair(x, x + 1), extra, scale=scale)
        pair = got["deep"]["pair"]
        return [pair.left, pair.right[0], got["list"][1][0], got["total"] * got["deep"]["n"]]

    model, x = model_of(function), torch.randn(3, 4)
    for a, b in zip(model(x), function(x), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.zeros((x.size(0), 2)) + x[:, :2],
        lambda x: x + torch.arange(x.size(0))[:, None],
        lambda x: torch.ones(3) * x.size(0),
        lambda x: x.new_zeros((x.size(0), 1)) + x,
        lambda x: torch.arange(8.0)[x.size(0)] + x,
        lambda x: x[: x.size(0) - 1],
        lambda x: torch.ones(1, 4).repeat((x.size(0), 1)) + x,
    ],
)
def test_sizes_that_are_not_known_make_tensors(function: Callable[[Any], Any]) -> None:
    model = model_of(function)
    for batch in (1, 4):
        x = torch.randn(batch, 4)
        torch.testing.assert_close(model(x), function(x))


def test_large_images_and_running_statistics() -> None:
    x = treadle.Input((1200, 1200, 3))  # probed without memory
    y = layers.BatchNormalization()(layers.Conv2D(8, 3)(x))
    assert y.shape == (None, 1198, 1198, 8)
    assert torch.equal(y.node.target.moving_variance, torch.ones(8))


@pytest.mark.parametrize("rows", [1, 2, 5, 8])
def test_arithmetic_of_sizes_is_done_anew_for_each_batch(rows: int) -> None:
    x = treadle.Input((4,))
    half, rest = x.size(0) // 2, x.size(0) % 5
    model = treadle.Model(x, x * half + rest)
    expected = torch.full((rows, 4), rows // 2 + rows % 5.0)
    assert torch.equal(model(torch.ones(rows, 4)), expected)

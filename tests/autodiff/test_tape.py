"""`GradientTape`: values against analysis, torch.func and finite differences; TensorFlow's rules; cost."""

from __future__ import annotations

import gc
import threading
import warnings

import pytest
import torch
from torch import nn

import treadle
from treadle.autodiff import GradientTape

D = torch.float64

# name, function, analytic derivative
FUNCTIONS = [
    ("cube", lambda x: x**3, lambda x: 3 * x**2),
    ("sine", torch.sin, torch.cos),
    ("exponential", lambda x: torch.exp(2 * x), lambda x: 2 * torch.exp(2 * x)),
    ("sigmoid", torch.sigmoid, lambda x: torch.sigmoid(x) * (1 - torch.sigmoid(x))),
    ("mixed", lambda x: x * torch.tanh(x), lambda x: torch.tanh(x) + x / torch.cosh(x) ** 2),
]
_ids = [row[0] for row in FUNCTIONS]


@pytest.mark.parametrize(("name", "function", "derivative"), FUNCTIONS, ids=_ids)
def test_gradients_are_the_analytic_ones(name, function, derivative):
    x = torch.randn(5, dtype=D)
    with GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    gradient = tape.gradient(y, x)
    torch.testing.assert_close(gradient, derivative(x))
    assert not gradient.requires_grad and not x.requires_grad
    step = 1e-6
    finite = (function(x + step) - function(x - step)) / (2 * step)
    torch.testing.assert_close(gradient, finite, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("name", "function", "derivative"), FUNCTIONS, ids=_ids)
def test_nested_tapes_go_to_any_order(name, function, derivative):
    x = torch.randn((), dtype=D)

    def nth(order):
        if order == 0:
            return function(x)
        with GradientTape() as tape:
            tape.watch(x)
            y = nth(order - 1)
        return tape.gradient(y, x)

    expected = function
    for order in range(1, 4):
        expected = torch.func.grad(expected)
        torch.testing.assert_close(nth(order), expected(x))
    assert not x.requires_grad


def _model():
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


def test_gradients_of_a_model_are_torchs_whatever_the_structure():
    model = _model()
    parameters = dict(model.named_parameters())
    x = torch.randn(6, 4)
    with GradientTape(persistent=True) as tape:
        loss = model(x).square().mean()
    expected = torch.autograd.grad(model(x).square().mean(), list(parameters.values()))
    for _ in range(2):  # the second goes the short way
        got = tape.gradient(loss, list(parameters.values()))
        assert isinstance(got, list)
        torch.testing.assert_close(got, list(expected))
    by_name = tape.gradient(loss, parameters)
    assert list(by_name) == list(parameters)
    torch.testing.assert_close(list(by_name.values()), list(expected))
    nested = tape.gradient(loss, (model[0].weight, {"b": [model[2].bias]}))
    torch.testing.assert_close(nested[0], expected[0])
    torch.testing.assert_close(nested[1]["b"][0], expected[3])
    torch.testing.assert_close(tape.gradient(loss, model[0].bias), expected[1])


def test_targets_of_any_shape_and_structure_are_summed():
    x = torch.tensor([1.0, 2.0])
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        square, triple = x**2, 3 * x
    torch.testing.assert_close(tape.gradient(square, x), 2 * x)
    torch.testing.assert_close(tape.gradient({"a": square, "b": [triple]}, x), 2 * x + 3)
    weights = torch.tensor([10.0, 100.0])
    torch.testing.assert_close(tape.gradient(square, x, output_gradients=weights), 2 * x * weights)
    torch.testing.assert_close(
        tape.gradient([square, triple], x, output_gradients=[weights, None]), 2 * x * weights + 3
    )
    torch.testing.assert_close(tape.gradient(x, x), torch.ones(2))


def test_results_in_between_can_be_sources():
    x = torch.tensor(2.0)
    with GradientTape() as tape:
        tape.watch(x)
        y = x * x
        z = y * y
    assert [g.item() for g in tape.gradient(z, [x, y])] == [32.0, 8.0]


def test_variables_are_watched_by_themselves():
    v = treadle.Variable([1.0, 2.0])
    with GradientTape() as tape:
        loss = (v * v).sum()
    torch.testing.assert_close(tape.gradient(loss, [v.value])[0], torch.tensor([2.0, 4.0]))


def test_without_watching_accessed_variables_only_watched_ones_count():
    first, second = treadle.Variable(2.0), treadle.Variable(3.0)
    with GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(first)
        half = first * second
        other = second * 2
        loss = half * second + other
    gradient = tape.gradient(loss, [first, second, half, other])
    assert [None if g is None else g.item() for g in gradient] == [9.0, None, 3.0, None]
    assert tape.watched_variables() == (first,)
    with pytest.warns(treadle.TreadleWarning, match="watch_accessed_variables is False"):
        assert tape.gradient(loss, second) is None


def test_watched_variables_are_those_that_were_used_in_order():
    first, second, _ = (treadle.Variable(1.0, name=n) for n in "abc")
    with GradientTape() as tape:
        loss = second * 2 + first
    assert [v.name for v in tape.watched_variables()] == ["b", "a"]
    assert tape.gradient(loss, tape.watched_variables()) == (torch.tensor(2.0), torch.tensor(1.0))
    frozen = treadle.Variable(1.0, requires_grad=False)
    with GradientTape() as tape:
        tape.watch(frozen)
    assert tape.watched_variables() == (frozen,)


def test_watching_gives_a_tensor_back_as_it_was():
    x = torch.ones(3)
    before = id(x)
    with GradientTape() as outer:
        with GradientTape() as inner:
            inner.watch(x)
            outer.watch(x)
            assert x.requires_grad
            y = (x * x).sum()
        assert x.requires_grad  # the outer tape still watches it
        z = (x * 2).sum()
    assert not x.requires_grad and id(x) == before and x.grad is None
    torch.testing.assert_close(inner.gradient(y, x), 2 * x)
    torch.testing.assert_close(outer.gradient(z, x), 2 * torch.ones(3))
    with pytest.raises(ZeroDivisionError), GradientTape() as tape:
        tape.watch(x)
        1 / 0  # noqa: B018
    assert not x.requires_grad


def test_unused_sources_are_none_or_zero():
    used, unused = treadle.Variable(2.0), treadle.Variable([1.0, 1.0])
    with GradientTape(persistent=True) as tape:
        loss = used * 3
    assert tape.gradient(loss, [used, unused])[1] is None
    zero = tape.gradient(loss, [used, unused], unconnected_gradients="zero")
    torch.testing.assert_close(zero, [torch.tensor(3.0), torch.zeros(2)])
    assert not zero[1].requires_grad
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # who asks for zeros is not warned
        tape.gradient(loss, unused, unconnected_gradients="zero")
    with pytest.raises(treadle.UnknownNameError, match="did you mean 'zero'"):
        tape.gradient(loss, used, unconnected_gradients="zeros")


def test_recording_goes_on_under_no_grad_and_inference_mode():
    w = treadle.Variable(3.0)
    for context in (torch.no_grad, torch.inference_mode):
        with context():
            with GradientTape() as tape:
                assert torch.is_grad_enabled()
                loss = w * w
            assert not torch.is_grad_enabled()
            assert tape.gradient(loss, w) == 6.0
        assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


def test_a_gradient_penalty_matches_torch():
    model, x = _model(), torch.randn(5, 4)
    with GradientTape() as outer:
        with GradientTape() as inner:
            inner.watch(x)
            score = model(x).sum()
        slope = inner.gradient(score, x)
        penalty = (slope.norm(dim=1) - 1).square().mean()
    got = outer.gradient(penalty, [model[0].weight, model[2].weight])
    leaf = x.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(model(leaf).sum(), leaf, create_graph=True)
    expected = torch.autograd.grad(
        (slope.norm(dim=1) - 1).square().mean(), [model[0].weight, model[2].weight]
    )
    torch.testing.assert_close(got, list(expected))


def test_a_persistent_tape_records_its_own_gradients_inside():
    x = torch.tensor(2.0, dtype=D)
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x**4
        first = tape.gradient(y, x)
        second = tape.gradient(first, x)
    assert (first.item(), second.item()) == (32.0, 48.0)
    assert tape.gradient(second, x) == 48.0


def test_tapes_that_share_a_graph_both_give_gradients():
    shared, first, second = (treadle.Variable(value) for value in (2.0, 3.0, 4.0))
    with GradientTape() as one, GradientTape() as two:
        common = shared * shared * shared
        losses = common * first * first, common * second * second
    assert [g.item() for g in one.gradient(losses[0], [shared, first])] == [108.0, 48.0]
    assert [g.item() for g in two.gradient(losses[1], [shared, second])] == [192.0, 64.0]


@pytest.mark.parametrize("at_once", [True, False])
def test_jacobians_match_torch_func(at_once):
    x, w = torch.randn(4, 3, dtype=D), torch.randn(3, 2, dtype=D)

    def function(x, w):
        return torch.tanh(x @ w)

    with GradientTape(persistent=True) as tape:
        tape.watch([x, w])
        y = function(x, w)
    got = tape.jacobian(y, {"x": x, "w": w}, experimental_use_pfor=at_once)
    expected = torch.func.jacrev(function, argnums=(0, 1))(x, w)
    torch.testing.assert_close((got["x"], got["w"]), expected)
    rows = tape.batch_jacobian(y, x, experimental_use_pfor=at_once)
    per_row = torch.func.vmap(torch.func.jacrev(lambda row: function(row, w)))(x)
    torch.testing.assert_close(rows, per_row)


def test_jacobians_are_split_into_blocks_without_a_difference(monkeypatch):
    monkeypatch.setattr("treadle.autodiff._jacobian._MOST_ELEMENTS", 20)
    x = torch.randn(7, dtype=D)
    with GradientTape() as tape:
        tape.watch(x)
        y = x.cumsum(0) ** 2
    torch.testing.assert_close(
        tape.jacobian(y, x), torch.func.jacrev(lambda x: x.cumsum(0) ** 2)(x)
    )


def test_a_hessian_is_a_jacobian_of_a_gradient():
    x = torch.randn(3, dtype=D)
    with GradientTape() as outer:
        outer.watch(x)
        with GradientTape() as inner:
            inner.watch(x)
            y = (x**3).prod()
        slope = inner.gradient(y, x)
    expected = torch.func.jacrev(torch.func.jacrev(lambda x: (x**3).prod()))(x)
    torch.testing.assert_close(outer.jacobian(slope, x), expected)


def test_jacobians_of_what_is_not_connected():
    x, other = torch.ones(2, 3), treadle.Variable([1.0, 1.0])
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * 2
    assert tape.jacobian(y, [x, other])[1] is None
    zero = tape.jacobian(y, [x, other], unconnected_gradients="zero")[1]
    assert zero.shape == (2, 3, 2) and not zero.any()
    with pytest.raises(treadle.ShapeError, match=r"use tape.jacobian\(target, source\)"):
        tape.batch_jacobian(y, torch.ones(5, 3))


def test_operations_under_stop_recording_are_not_differentiated():
    x = torch.tensor(3.0)
    with GradientTape() as tape:
        tape.watch(x)
        y = x * x
        with tape.stop_recording():
            z = x * 10
        loss = y + z
    assert tape.gradient(loss, x) == 6.0
    with GradientTape() as outer:
        outer.watch(x)
        with GradientTape() as inner:
            inner.watch(x)
            y = x * x
            with inner.stop_recording():
                z = x * 10  # the outer tape goes on
            loss = y + z
    assert inner.gradient(loss, x) == 6.0
    assert outer.gradient(loss, x) == 16.0


def test_reset_forgets():
    x = torch.tensor(3.0)
    with GradientTape() as tape:
        tape.watch(x)
        y = x * x
        tape.reset()
        assert not x.requires_grad
        tape.watch(x)
        z = x * 2
    del y
    assert tape.gradient(z, x) == 2.0
    tape.reset()
    with pytest.raises(treadle.StateError, match="recorded nothing"):
        tape.gradient(z, x)


def test_weights_may_change_in_place_between_steps():
    model = treadle.Sequential([treadle.Input((4,)), treadle.layers.Dense(3)])
    optimizer = treadle.optimizers.SGD(0.1)
    x, y = torch.randn(8, 4), torch.randn(8, 3)
    losses = []
    for _ in range(5):
        with GradientTape() as tape:
            loss = (model(x, training=True) - y).square().mean()
        gradients = tape.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)


def test_each_thread_has_its_own_tapes():
    w = treadle.Variable(2.0)
    found = []

    def work(factor):
        for _ in range(50):
            with GradientTape() as tape:
                loss = w * w * factor
            found.append(tape.gradient(loss, w).item() == 4.0 * factor)

    with GradientTape() as tape:
        loss = w * w
        threads = [threading.Thread(target=work, args=(n,)) for n in (1.0, 2.0, 3.0)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 150 and all(found)
    gradient = tape.gradient(loss, w)
    assert gradient == 4.0 and not gradient.requires_grad


# ---- cost


def test_memory_is_flat_and_freed():
    w = treadle.Variable(torch.ones(10))

    def step():
        with GradientTape() as tape:
            loss = (w * w).sum()
        tape.gradient(loss, [w])

    def tensors():
        gc.collect()
        return sum(
            issubclass(type(thing), (torch.Tensor, GradientTape)) for thing in gc.get_objects()
        )

    step()
    before = tensors()
    for _ in range(10_000):
        step()
    assert tensors() == before


def test_the_graph_is_freed_by_the_gradient():
    w = treadle.Variable(torch.ones(10))
    with GradientTape() as tape:
        squares = w * w
        loss = (squares * squares).sum()
    tape.gradient(loss, w)
    with pytest.raises(RuntimeError, match="already been freed"):
        _ = loss.grad_fn.next_functions[0][0]._saved_self


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_scalars_get_the_bits_of_torch(dtype):
    model = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    weights = list(model.to(dtype).parameters())
    x = torch.randn(7, 5, dtype=dtype)
    expected = torch.autograd.grad(model(x).square().sum(), weights)
    for _ in range(2):  # the second time the place is trusted
        with GradientTape() as tape:
            loss = model(x).square().sum()
        found = tape.gradient(loss, weights)
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))

"""`function`: the same as eager, Python once per signature, and told where it cannot be."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch
from torch import nn

import treadle
from tests.autodiff.programs import BATCH, PROGRAMS
from treadle.autodiff import GradientTape, function


def _batches(steps):
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        yield (
            torch.randn(BATCH, 12, generator=generator),
            torch.randint(0, 4, (BATCH,), generator=generator),
        )


def _run(name, steps, wrap):
    torch.manual_seed(0)
    step, state = PROGRAMS[name]()
    step = wrap(step)
    results = [step(x, y) for x, y in _batches(steps)]
    return step, results, [one.detach().clone() for one in state]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_function_does_what_the_eager_program_does(name):
    _, eager, expected = _run(name, 100, lambda step: step)
    step, results, state = _run(name, 100, function)
    for a, b in zip(eager, results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7, check_device=False)
    torch.testing.assert_close(state, expected, rtol=1e-5, atol=1e-7)
    assert "eager" not in step.explain(), step.explain()
    assert step.trace_count == 1, step.explain()


def test_effects_of_python_happen_once_per_signature(capsys):
    @function
    def double(x, factor=2):
        print("traced")
        return x * factor

    for _ in range(3):
        assert double(torch.tensor([1.0, 2.0])).tolist() == [2.0, 4.0]
    assert capsys.readouterr().out.count("traced") == 1
    double(torch.ones(3))
    double(torch.ones(3, dtype=torch.float64))
    assert double(torch.ones(3), factor=3).tolist() == [3.0] * 3
    assert double(torch.ones(3), factor=3).tolist() == [3.0] * 3
    assert double.trace_count == capsys.readouterr().out.count("traced") + 1 == 4


def test_it_is_a_decorator_with_arguments():
    @function(reduce_retracing=True, autograph=False, name="tripled")
    def triple(x):
        """Multiply."""
        return 3 * x

    assert triple(torch.ones(2)).tolist() == [3.0, 3.0]
    assert triple.name == "tripled" and triple.__doc__ == "Multiply."
    assert triple.python_function(2) == 6
    assert function(triple).python_function is triple.python_function
    with pytest.raises(TypeError, match="name the arguments"):
        function([1, 2])


def test_structures_arrays_and_constants_go_in_and_come_out():
    @function
    def program(batch, *, scale):
        total = torch.tensor(0.0)
        total += batch["x"].sum() * scale
        return {"total": total, "pair": (batch["x"], [batch["y"] + 1]), "text": "fixed", "no": None}

    for value in (1.0, 2.0):
        x = np.full((2, 2), value, dtype="float32")
        result = program({"x": x, "y": torch.zeros(2)}, scale=10.0)
        assert result["total"] == 40 * value
        assert result["pair"][0].tolist() == x.tolist() and result["pair"][1][0].tolist() == [1, 1]
        assert result["text"] == "fixed" and result["no"] is None
    assert program.trace_count == 1


def test_results_of_calls_do_not_share_memory():
    @function
    def fresh(x):
        return torch.tensor([1.0, 2.0]), x + 1

    first = fresh(torch.zeros(2))
    second = fresh(torch.zeros(2))
    second[0].add_(10), second[1].add_(10)
    third = fresh(torch.zeros(2))
    for result in (first, third):
        assert [one.tolist() for one in result] == [[1.0, 2.0], [1.0, 1.0]]


def test_state_is_read_and_written_as_it_is_at_each_call():
    v = treadle.Variable([1.0, 2.0])

    @function
    def add(x):
        v.assign_add(x)
        return v * 1

    add(torch.ones(2))
    v.assign([10.0, 20.0])
    assert add(torch.ones(2)).tolist() == [11.0, 21.0]
    assert v.tolist() == [11.0, 21.0]


def test_the_learning_rate_can_be_changed_between_calls():
    v = treadle.Variable([1.0])
    optimizer = treadle.optimizers.SGD(1.0)

    @function
    def step():
        optimizer.apply([torch.ones(1)], [v])

    step()
    optimizer.learning_rate = 10.0
    step()
    assert v.tolist() == [-10.0] and int(optimizer.iterations) == 2


def test_state_of_the_optimizer_is_read_after_its_step():
    v = treadle.Variable([1.0])
    schedule = treadle.optimizers.schedules.ExponentialDecay(1.0, 1, 0.5)
    optimizer = treadle.optimizers.SGD(schedule, momentum=0.5)
    metric = treadle.metrics.Sum()

    @function
    def step(x):
        y = x * 2
        optimizer.apply([x + 1], [v])
        metric.update_state(y)
        count = optimizer.iterations * 1
        moment = next(iter(optimizer.state[v].values())) * 1
        return count, moment, v * 1, optimizer.learning_rate * 1

    for number in range(1, 6):
        count, moment, value, rate = step(torch.zeros(1))
        assert (int(count), rate.item()) == (number, 0.5**number)
        assert moment == next(iter(optimizer.state[v].values())) and value == v
    assert step.trace_count == 1


def test_metrics_run_before_the_optimizer_in_one_part():
    torch.manual_seed(0)
    step, _ = PROGRAMS["adam"]()
    step = function(step)
    for x, y in _batches(3):
        step(x, y)
    assert "in 1 part(s)" in step.explain()


def test_random_numbers_go_on_like_eager_ones():
    @function
    def draw(x):
        return torch.randn(3) + x, torch.dropout(torch.ones(8), 0.5, True)

    torch.manual_seed(5)
    compiled = [draw(torch.zeros(3)) for _ in range(4)]
    torch.manual_seed(5)
    eager = [draw.python_function(torch.zeros(3)) for _ in range(4)]
    torch.testing.assert_close(compiled, eager, rtol=0, atol=0)
    assert not torch.equal(compiled[2][0], compiled[3][0])


def test_methods_have_programs_for_each_object():
    class Counter:
        def __init__(self, start):
            self.count = torch.tensor(start)

        @function
        def add(self, x):
            self.count += x
            return self.count + 0

    first, second = Counter(0.0), Counter(100.0)
    for _ in range(3):
        first.add(torch.tensor(1.0))
        last = second.add(torch.tensor(1.0))
    assert first.count == 3 and last == 103


def test_models_layers_and_optimizers_may_be_built_inside():
    model = treadle.Sequential([treadle.layers.Dense(3)])
    optimizer = treadle.optimizers.SGD(0.1)
    loss_fn = treadle.losses.MeanSquaredError()

    @function
    def step(x):
        with GradientTape() as tape:
            loss = loss_fn(torch.zeros(len(x), 3), model(x, training=True))
        weights = model.trainable_weights
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    x = torch.randn(4, 2)
    losses = [float(step(x).detach()) for _ in range(6)]
    assert losses == sorted(losses, reverse=True) and len(set(losses)) == 6
    assert step.trace_count == 1


def test_variables_made_in_the_first_call_are_kept():
    made = []

    @function
    def count(x):
        if not made:
            made.append(treadle.Variable(torch.zeros(2) + 5))
        made[0].assign_add(x)
        return made[0] + 0

    results = [count(torch.ones(2)).tolist() for _ in range(4)]
    assert results == [[6.0] * 2, [7.0] * 2, [8.0] * 2, [9.0] * 2]
    assert count.trace_count == 2


def test_functions_and_tapes_may_hold_functions():
    w = treadle.Variable(3.0)

    @function
    def square(x):
        return w * x * x

    @function
    def outer(x):
        with GradientTape() as tape:
            y = square(x)
        return tape.gradient(y, w)

    for _ in range(3):
        assert outer(torch.tensor(2.0)) == 4.0
        with GradientTape() as tape:
            y = square(torch.tensor(2.0))
        assert tape.gradient(y, w) == 4.0
    assert square.trace_count == 0 and outer.trace_count == 1


@pytest.mark.parametrize("change", ["trainable", "training", "layers", "weights", "memory"])
def test_a_changed_model_is_traced_again(change):
    layers = treadle.layers
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 1))
    hidden = layers.Dense(4)
    hidden.build((None, 4))
    model[0] = hidden
    model.eval()
    optimizer = treadle.optimizers.SGD(0.1)

    @function
    def step(x):
        with GradientTape() as tape:
            loss = model(x).square().mean()
        weights = [p for p in model.parameters() if p.requires_grad]
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    x = torch.randn(3, 4)
    for _ in range(2):
        step(x)
    assert step.trace_count == 1
    before = hidden.kernel.detach().clone()
    if change == "trainable":
        hidden.trainable = False
    elif change == "training":
        model.train()
    elif change == "layers":
        model[1] = nn.Identity()
    elif change == "memory":
        model[2].bias.data = torch.ones(1)
    else:
        optimizer = treadle.optimizers.SGD(0.1)
        model[2].weight = nn.Parameter(torch.ones(1, 4))
    for _ in range(2):
        step(x)
    assert step.trace_count == 2
    assert "retraced because of changed " in step.explain()
    assert torch.equal(before, hidden.kernel) == (change == "trainable")


# ---- what has to stay eager, and wrong use


def test_python_that_depends_on_values_stays_eager_with_the_line_named():
    @function
    def positive(x):
        if x.sum() > 0:  # the line
            return x
        return -x

    with pytest.warns(treadle.TreadleWarning, match=r"if x.sum\(\) > 0: .*\n.*torch.where"):
        positive(torch.ones(2))
    for sign in (1.0, -1.0, 1.0):
        assert positive(torch.full((2,), sign)).tolist() == [1.0, 1.0]
    assert "eager because it reads a value: test_function.py:" in positive.explain()
    assert "`if x.sum() > 0:  # the line`" in positive.explain()
    strict = function(positive.python_function, jit_compile=True)
    with pytest.raises(treadle.StateError, match=r"if x.sum\(\) > 0.*\n.*torch.where"):
        strict(torch.ones(2))
    assert function(lambda x: x + 1, jit_compile=True)(torch.ones(1)) == 2


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("reads a value", lambda x: x * float(x[0])),
        ("calls numpy()", lambda x: x + torch.as_tensor(x.numpy() * 2)),
        ("calls tolist()", lambda x: x * x.tolist()[0]),
        ("compares values", lambda x: x if torch.equal(x, x * 1) else -x),
        ("whose shape depends on values", lambda x: x[x > 1].sum() * len(x[x > 1])),
    ],
)
def test_each_way_to_read_values_is_noticed(what, body):
    program = function(body)
    with pytest.warns(treadle.TreadleWarning, match="stays eager"):
        program(torch.full((3,), 5.0))
    for value in (1.0, 2.0, 3.0):
        x = torch.full((3,), value)
        x[0] = value + 1
        torch.testing.assert_close(program(x), body(x))
    assert "eager" in program.explain() and what in program.explain()


def test_results_kept_in_attributes_and_outer_names_are_noticed():
    class Average(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.zeros(2))

        def forward(self, x):
            self.mean = 0.5 * self.mean + 0.5 * x
            return self.mean

    module, total = Average(), torch.zeros(2)

    @function
    def follow(x):
        return module(x) * 2

    @function
    def count(x):
        nonlocal total
        total = total + x

    with pytest.warns(treadle.TreadleWarning, match=r"Average.mean; write into a tensor .*copy_"):
        follow(torch.ones(2))
    with pytest.warns(treadle.TreadleWarning, match="keeps a result in total"):
        count(torch.ones(2))
    for _ in range(3):
        last = follow(torch.ones(2))
        count(torch.ones(2))
    assert total.tolist() == [4.0, 4.0] and last.tolist() == [2 * 0.9375] * 2


def test_memory_is_flat_and_what_was_recorded_is_freed():
    w = treadle.Variable(torch.ones(10))
    optimizer = treadle.optimizers.SGD(1e-9)

    @function
    def step(x):
        with GradientTape() as tape:
            loss = (w * x * x).sum()
        optimizer.apply(tape.gradient(loss, [w]), [w])
        return loss

    def tensors():
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    x = torch.ones(10)
    optimizer.build([w])
    before = tensors()
    for _ in range(20):
        step(x)
    after = tensors()
    assert after - before <= 3  # what belongs to the function: constants and the optimizer's plan
    for _ in range(2000):
        step(x)
    assert tensors() == after


def test_first_batches_are_checked_inside_too():
    loss_fn = treadle.losses.SparseCategoricalCrossentropy(from_logits=True)

    @function
    def loss(x, y):
        return loss_fn(y, x)

    with pytest.raises(treadle.DataError):
        loss(torch.randn(2, 3), torch.tensor([0, 7]))
    assert loss(torch.randn(2, 3), torch.tensor([0, 1])) > 0


def test_an_error_inside_leaves_nothing_behind():
    @function
    def fail(x):
        raise KeyError("mine")

    for _ in range(2):
        with pytest.raises(KeyError, match="mine"):
            fail(torch.ones(1))
    assert function(lambda x: x + 1)(torch.ones(1)) == 2


def test_a_gradient_through_a_result_is_told():
    w = treadle.Variable(2.0)

    @function
    def forward(x):
        return w * x

    forward(torch.tensor(3.0))
    result = forward(torch.tensor(3.0))
    with pytest.raises(treadle.StateError, match=r"forward.python_function"):
        (result * 2).backward()
    with torch.no_grad():
        assert not forward(torch.tensor(3.0)).requires_grad


def test_input_signatures_are_kept():
    spec = torch.empty(0, 3, device="meta")

    class Spec:
        shape, dtype = (None, 3), torch.float32

    @function(input_signature=[Spec()])
    def total(x):
        return x.sum()

    assert total(torch.ones(2, 3)) == 6 and total(np.ones((4, 3), "float32")) == 12
    for wrong in (torch.ones(2, 4), torch.ones(3), torch.ones(2, 3, dtype=torch.float64)):
        with pytest.raises(treadle.ShapeError, match="input_signature"):
            total(wrong)
    with pytest.raises(TypeError, match="1 tensors"):
        total(spec, spec)
    with pytest.raises(TypeError, match="str"):
        total("text")


def test_many_traces_are_told():
    @function
    def power(x, n):
        return x**n

    with pytest.warns(treadle.TreadleWarning, match=r"torch.tensor\(step\)"):
        for n in range(20):
            power(torch.ones(1), n)
    for n in range(100):
        assert power(torch.full((1,), 2.0), n) == 2.0**n
    assert len(power._entries) <= 64


def test_kernels_run_one_by_one_where_that_is_faster():
    @function
    def program(x):
        parts = (x * 2).split(1)
        return torch.cat([parts[1], parts[0]]).clamp(min=0.5)

    x = torch.tensor([[1.0], [0.1]])
    expected = program(x)
    (entry,) = program._entries.values()
    for engine in ("joined", "one by one"):
        entry.program._running_trials = False
        entry.program._choose(engine)
        torch.testing.assert_close(program(x), expected)
    assert "kernel by kernel" in program.explain()


def test_gradients_that_are_left_in_grad_are_those_of_eager():
    w = nn.Parameter(torch.ones(2))

    @function
    def accumulate(x):
        (w * x).sum().backward()

    for number in range(1, 5):
        accumulate(torch.ones(2))
        assert w.grad.tolist() == [float(number)] * 2
    w.grad = None
    accumulate(torch.ones(2))
    assert w.grad.tolist() == [1.0, 1.0]

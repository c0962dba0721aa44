"""`Layer`: building, weights, losses, the training mode, configuration, casts, threads and cost of a call."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import treadle
from treadle import layers, regularizers
from treadle._core import ShapeError, StateError, StateVariable


class Scale(layers.Layer):
    """Multiplies by a trained factor and counts its calls in a buffer."""

    def __init__(self, start: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight(
            shape=(input_shape[-1],), initializer="ones", name="factor", regularizer="l2"
        )
        self.calls = self.add_weight(dtype="int64", trainable=False, name="calls")
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        self.calls.assign_add(1)
        return inputs * self.factor * self.start


# ---- building


def test_weights_are_made_by_the_first_call() -> None:
    layer = layers.Dense(3)
    assert (layer.built, layer.weights) == (False, [])
    layer(torch.zeros(2, 4))
    assert layer.built
    assert [tuple(weight.shape) for weight in layer.weights] == [(4, 3), (3,)]
    kernel = layer.kernel
    layer(torch.zeros(5, 4))
    assert layer.kernel is kernel


def test_build_sees_none_as_batch_size() -> None:
    seen: list[Any] = []

    class Looks(layers.Layer):
        def build(self, input_shape: Any) -> None:
            seen.append(input_shape)

        def call(self, inputs: Any) -> Any:
            return inputs[0] if isinstance(inputs, list) else inputs

    Looks()(torch.zeros(5, 2, 3))
    Looks()([torch.zeros(5, 2), torch.zeros(5, 1)])
    Looks()(treadle.Input((7,)))
    assert seen == [(None, 2, 3), [(None, 2), (None, 1)], (None, 7)]


def test_a_build_that_fails_on_the_shape_names_the_layer() -> None:
    class Needs(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.w = self.add_weight(shape=(input_shape[3],))

    with pytest.raises(ShapeError, match=r"(?s)Needs 'n' could not be built.*shape \(None, 2\)"):
        Needs(name="n")(torch.zeros(1, 2))


@pytest.mark.parametrize("shape", [(3,), ()])
def test_dense_tells_an_input_without_features(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"(?s)Dense 'd' cannot be built.*x\[None\]"):
        layers.Dense(2, name="d")(torch.zeros(shape))


def test_another_width_than_the_built_one_is_told() -> None:
    layer = layers.Dense(2, name="d")
    layer(torch.zeros(1, 4))
    with pytest.raises(ShapeError, match=r"(?s)Dense 'd' has the wrong width.*4.*\(1, 3\)"):
        layer(torch.zeros(1, 3))


def test_a_layer_built_by_hand_is_as_fast_as_one_built_by_a_call() -> None:
    by_hand, by_call = layers.Dense(2), layers.Dense(2)
    by_hand.build((None, 4))
    x = torch.zeros(1, 4)
    by_hand(x), by_call(x)
    assert python_calls(lambda: by_hand(x)) == python_calls(lambda: by_call(x))


def test_a_layer_without_a_computation_is_told() -> None:
    class Empty(layers.Layer):
        pass

    with pytest.raises(NotImplementedError, match=r"(?s)Empty has no computation.*def call"):
        Empty()(torch.zeros(1))


@pytest.mark.parametrize("name", [3, "", "a.b"])
def test_a_bad_name_is_told(name: Any) -> None:
    with pytest.raises(ValueError, match="`name` cannot name a layer"):
        layers.Dense(1, name=name)


def test_an_unknown_argument_is_told_with_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"(?s)Dense has no argument `kernel_initialiser`.*did you"):
        layers.Dense(1, kernel_initialiser="ones")


# ---- weights


def test_add_weight_registers_under_the_attribute() -> None:
    layer = Scale(name="s")
    layer(torch.ones(1, 2))
    assert list(dict(layer.named_parameters())) == ["factor"]
    assert list(layer.state_dict()) == ["factor", "calls"]
    assert [w.path for w in layer.weights] == ["s/factor", "s/calls"]
    assert isinstance(layer.factor, nn.Parameter) and isinstance(layer.calls, StateVariable)
    assert layer.calls.dtype == torch.int64
    assert layer.count_params() == 3
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights)) == (1, 1)
    assert len(layer.variables) == 2


def test_add_weight_defaults() -> None:
    layer = layers.Layer()
    assert layer.add_weight().shape == ()
    assert layer.add_weight(3).shape == (3,)
    limited = layer.add_weight((2, 2), initializer=lambda shape, dtype: torch.full(shape, 7.0))
    assert limited.unique().tolist() == [7.0]
    assert layer.add_weight((2,), dtype="int32").tolist() == [0, 0]
    assert layer.add_weight((1,), constraint="non_neg").constraint is not None
    assert layer.add_weight((1,), dtype="float64").dtype == torch.float64


def test_trainable_is_requires_grad_below_and_can_be_turned_back() -> None:
    model = treadle.Sequential([layers.Dense(2), nn.Linear(2, 2)])
    model(torch.zeros(1, 3))
    model.trainable = False
    assert model.trainable_weights == [] and len(model.non_trainable_weights) == 4
    assert not any(p.requires_grad for p in model.parameters())
    assert model.layers[0].trainable is False
    model.trainable = True
    assert len(model.trainable_weights) == 4


def test_a_layer_frozen_before_it_is_built_stays_frozen() -> None:
    layer = layers.Dense(2, trainable=False)
    layer(torch.zeros(1, 3))
    assert layer.trainable_weights == []
    assert layer.get_config()["trainable"] is False


def test_weights_can_be_read_and_written() -> None:
    first, second = Scale(), Scale()
    first(torch.ones(1, 2))
    with pytest.raises(ShapeError, match=r"(?s)do not fit.*got:.*2 arrays.*build the layer first"):
        second.set_weights(first.get_weights())
    second(torch.ones(1, 2))
    first.factor.assign([3.0, 4.0])
    second.set_weights(first.get_weights())
    assert second.factor.tolist() == [3.0, 4.0]
    with pytest.raises(ShapeError, match=r"(?s)expected: 2 arrays of shapes \[\(2,\), \(\)\]"):
        second.set_weights(first.get_weights()[:1])
    with pytest.raises(ShapeError, match=r"(?s)variable '.*factor'.*\(2,\).*\(3,\)"):
        second.set_weights([np.zeros(3), 0])
    first.get_weights()[0][:] = 9
    assert first.factor.tolist() == [3.0, 4.0]


def test_weights_of_sublayers_come_in_order_each_once() -> None:
    class Both(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.first = layers.Dense(2)
            self.again = self.first
            self.norm = nn.BatchNorm1d(2)

        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.norm(self.again(self.first(inputs)))

    layer = Both()
    layer(torch.zeros(2, 2))
    paths = [weight.path for weight in layer.weights]
    assert [path.rpartition("/")[2] for path in paths] == [
        "kernel",
        "bias",
        "weight",
        "bias",
        "running_mean",
        "running_var",
        "num_batches_tracked",
    ]
    assert len(layer.trainable_weights) == 4


def test_a_module_that_a_property_would_hide_is_told() -> None:
    class Hides(treadle.Model):
        def __init__(self) -> None:
            super().__init__()
            self.output = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"(?s)attribute 'output' of its own.*output_layer"):
        Hides()


# ---- losses and metrics of calls


class Penal(layers.Layer):
    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        self.add_loss(1e-2 * inputs.sum())
        return inputs


class Outer(layers.Layer):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.penal = Penal()

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.penal(inputs)


def test_losses_are_those_of_the_last_outermost_call() -> None:
    layer = Outer()
    assert layer.losses == []
    for value in (1.0, 2.0, 3.0):
        layer(torch.full((1, 1), value))
        assert [round(loss.item(), 4) for loss in layer.losses] == [round(0.01 * value, 4)]
    assert len(layer.penal.losses) == 1
    layer.penal(torch.ones(1, 1))
    assert len(layer.losses) == 1


def test_a_layer_called_twice_in_one_call_has_two_losses() -> None:
    class Twice(Outer):
        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.penal(self.penal(inputs))

    layer = Twice()
    for _ in range(2):
        layer(torch.ones(1, 1))
        assert len(layer.losses) == 2


def test_regularizers_are_losses() -> None:
    layer = layers.Dense(2, kernel_regularizer=regularizers.L2(0.5), kernel_initializer="ones")
    layer(torch.ones(1, 3))
    assert [loss.item() for loss in layer.losses] == [3.0]
    layer.trainable = False
    assert layer.losses == []


def test_the_activity_regularizer_counts_per_sample() -> None:
    layer = layers.Dense(2, kernel_initializer="ones", activity_regularizer=regularizers.L1(0.1))
    layer(torch.ones(4, 3))
    assert layer.losses[0].item() == pytest.approx(0.1 * 6)


def test_a_loss_that_is_a_list_or_a_number_or_no_scalar() -> None:
    class Adds(layers.Layer):
        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            self.add_loss([inputs.sum(), 2.0, inputs])
            return inputs

    layer = Adds()
    layer(torch.ones(2))
    assert [float(loss) for loss in layer.losses] == [2.0, 2.0, 1.0]


def test_probes_leave_no_losses() -> None:
    layer = Outer()
    layer(treadle.Input((3,)))
    assert layer.losses == []


def test_add_metric_outside_of_a_call_is_told() -> None:
    with pytest.raises(StateError, match=r"(?s)add_metric was called outside.*metrics\.Mean"):
        layers.Layer().add_metric(torch.ones(()), name="m")


def test_an_error_in_a_call_leaves_no_trace() -> None:
    class Fails(layers.Layer):
        def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
            if training:
                raise KeyError("now")
            return inputs

    layer, dropout = Fails(), layers.Dropout(0.9)
    with pytest.raises(KeyError):
        layer(torch.ones(1), training=True)
    assert torch.equal(dropout(torch.ones(100)), torch.ones(100))


X = torch.ones(2, 3)


# ---- dtypes and inputs


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(
    "make",
    [
        lambda: np.ones((2, 3)),
        lambda: np.ones((2, 3), "float32"),
        lambda: np.ones((2, 3), "int64"),
        lambda: np.ones((2, 3), "uint8"),
        lambda: [[1, 1, 1], [1, 1, 1]],
        lambda: torch.ones(2, 3, dtype=torch.float64),
        lambda: torch.ones(2, 3, dtype=torch.int32),
        lambda: torch.ones(2, 3, dtype=torch.bfloat16),
    ],
)
def test_inputs_of_any_kind_become_the_layers_floats(make: Callable[[], Any], times: int) -> None:
    layer = layers.Dense(2, kernel_initializer="ones")
    for _ in range(times):
        outputs = layer(make())
    assert outputs.dtype == torch.float32
    assert outputs[0].tolist() == [3.0, 3.0]


def test_integers_pass_layers_that_take_them() -> None:
    class Ids(layers.Layer):
        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs

    assert Ids()(np.array([1, 2])).dtype == torch.int64


def test_autocast_can_be_switched_off() -> None:
    class Same(layers.Layer):
        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs

    assert Same()(torch.ones(1, dtype=torch.float64)).dtype == torch.float32
    assert Same(autocast=False)(torch.ones(1, dtype=torch.float64)).dtype == torch.float64


def test_a_layer_follows_a_cast() -> None:
    layer = layers.Dense(2)
    layer(X)
    layer.double()
    assert layer(X).dtype == torch.float64
    assert layer(X.double()).dtype == torch.float64
    assert layer.dtype == "float64"
    model = treadle.Sequential([treadle.Input((3,)), layers.Dense(2), layers.ReLU()]).double()
    assert model(X.double()).dtype == model(X).dtype == torch.float64


def test_mixed_precision_keeps_float32_weights() -> None:
    layer = layers.Dense(2, dtype="mixed_bfloat16")
    outputs = layer(X)
    assert (outputs.dtype, layer.kernel.dtype) == (torch.bfloat16, torch.float32)
    outputs.float().sum().backward()
    assert layer.kernel.grad is not None and layer.kernel.grad.dtype == torch.float32
    assert layer.get_config()["dtype"] == "mixed_bfloat16"
    assert (layer.compute_dtype, layer.dtype, layer.variable_dtype) == (
        "bfloat16",
        "float32",
        "float32",
    )


# ---- users' layers, configuration, copies


def test_a_layer_may_define_torchs_forward() -> None:
    class Torchy(layers.Layer):
        def __init__(self, units: int = 2) -> None:
            super().__init__()
            self.linear = nn.Linear(3, units)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.linear(inputs)

    layer = Torchy()
    assert layer(X).shape == layer.call(X).shape == (2, 2)
    assert Torchy(5)(treadle.Input((3,))).shape == (None, 5)
    assert layer.get_config()["units"] == 2


def test_hooks_of_torch_run() -> None:
    layer, heard = layers.Dense(2), []
    layer(X)
    layer.register_forward_hook(lambda *args: heard.append(1))
    layer(X)
    layer(X, training=True)
    assert heard == [1, 1]


def test_several_inputs_and_keywords() -> None:
    class Adds(layers.Layer):
        def call(self, first: torch.Tensor, second: Any = None, *, scale: float = 1.0) -> Any:
            return (first + (0 if second is None else second)) * scale

    layer = Adds()
    assert layer(np.ones(2), np.ones(2), scale=3.0).tolist() == [6.0, 6.0]
    assert layer(first=torch.ones(1)).tolist() == [1.0]
    a, b = treadle.Input((2,)), treadle.Input((2,))
    model = treadle.Model([a, b], layer(a, second=b, scale=2.0))
    assert model([torch.ones(1, 2), torch.ones(1, 2)]).tolist() == [[4.0, 4.0]]


@pytest.mark.parametrize("layer", [Scale(2.0, name="s", dtype="float64"), layers.Dense(3, "relu")])
def test_configurations_make_the_same_layer(layer: layers.Layer) -> None:
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert again.name == layer.name


@pytest.mark.parametrize("how", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies_compute_the_same_on_their_own(how: Callable[[Any], Any]) -> None:
    layer = layers.Dense(2, activation="tanh", kernel_regularizer="l2")
    expected = layer(X)
    again = how(layer)
    assert torch.equal(again(X), expected)
    again.kernel.assign(np.zeros((3, 2)))
    assert torch.equal(layer(X), expected)
    assert len(again.losses) == 1


def test_shapes_can_be_asked_for() -> None:
    layer = layers.Dense(5)
    assert layer.compute_output_shape((None, 7, 3)) == (None, 7, 5)
    assert layer.kernel.shape == (3, 5)
    with pytest.raises(StateError, match=r"(?s)has no symbolic input or output.*Input"):
        _ = layer.output
    x = treadle.Input((3,))
    y = layer(x)
    assert layer.input is x and layer.output is y
    assert layer.compute_mask(x, None) is None


# ---- Input


def test_inputs_need_one_shape() -> None:
    with pytest.raises(ValueError, match=r"(?s)needs one shape.*shape=None, batch_shape=None"):
        treadle.Input()
    with pytest.raises(ValueError, match="needs one shape"):
        treadle.Input((1,), batch_shape=(2, 1))
    with pytest.raises(ValueError, match=r"(?s)not a shape.*Input\(shape=\(784,\)\)"):
        treadle.Input(784)  # type: ignore[arg-type]
    assert treadle.Input((2,), batch_size=3, dtype="int32", name="n").shape == (3, 2)
    config = treadle.layers.InputLayer((2,), name="i").get_config()
    assert config == {"batch_shape": [None, 2], "dtype": "float32", "name": "i"}
    assert treadle.layers.InputLayer.from_config(config).batch_shape == (None, 2)


# ---- cost


def python_calls(function: Callable[[], Any]) -> int:
    """Return how many Python functions one call of `function` enters, itself left out."""
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    gc.disable()  # a collection would run the finalizers of other tests here
    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count - 1


def test_a_built_dense_call_enters_few_python_functions() -> None:
    layer, linear = layers.Dense(3), nn.Linear(3, 3)
    layer(X)
    assert python_calls(lambda: layer(X)) <= 15
    assert python_calls(lambda: layer(X)) <= python_calls(lambda: linear(X)) + 2

"""Models: functional, sequential, subclassed and made of torch modules; structures, copies, errors, summaries."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import treadle
from treadle import layers
from treadle._core import DataError, ShapeError, StateError, UnknownNameError

X4 = torch.linspace(-1, 1, 12).reshape(3, 4)


def chain(**kwargs: Any) -> treadle.Sequential:
    return treadle.Sequential(
        [
            treadle.Input((4,)),
            layers.Dense(3, activation="relu", name="first"),
            layers.Dense(2, name="last"),
        ],
        **kwargs,
    )


def branches() -> treadle.Model:
    a, b = treadle.Input((4,), name="a"), treadle.Input((2,), name="b")
    joined = torch.cat([layers.Dense(3, name="da")(a), b * 2 + 1], dim=-1)
    return treadle.Model([a, b], [layers.Dense(1, name="p")(joined), joined[:, 0]])


class Subclassed(treadle.Model):
    def __init__(self, units: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first = layers.Dense(units, activation="relu", name="first")
        self.last = layers.Dense(2, name="last")

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        return self.last(self.first(inputs))


def functional() -> treadle.Model:
    x = treadle.Input((4,))
    return treadle.Model(
        x, layers.Dense(2, name="last")(layers.Dense(3, activation="relu", name="first")(x))
    )


STYLES: dict[str, Callable[[], treadle.Model]] = {
    "functional": functional,
    "sequential": chain,
    "deferred": lambda: treadle.Sequential(
        [layers.Dense(3, activation="relu", name="first"), layers.Dense(2, name="last")]
    ),
    "subclassed": Subclassed,
}


@pytest.mark.parametrize("style", STYLES)
def test_each_style_is_the_same_model(style: str) -> None:
    model = STYLES[style]()
    model(X4)
    assert [layer.name for layer in model.layers if layer.weights] == ["first", "last"]
    assert [tuple(w.shape) for w in model.weights] == [(4, 3), (3,), (3, 2), (2,)]
    assert model.count_params() == 23
    reference = chain()
    reference.set_weights(model.get_weights())
    assert torch.equal(model(X4), reference(X4))
    assert model.get_layer("last") is model.layers[-1]
    assert isinstance(model, nn.Module) and model.built


# ---- functional


def test_inputs_and_outputs_by_list_dict_and_keyword() -> None:
    model = branches()
    a, b = X4, torch.ones(3, 2)
    for given in ([a, b], (a, b), {"b": b, "a": a}):
        got = model(given)
        assert [tuple(part.shape) for part in got] == [(3, 1), (3,)]
    assert torch.equal(model({"b": b, "a": a})[1], model([a, b])[1])
    assert model.input_names == ["a", "b"]
    assert model.output_names == ["p", "output_2"]
    assert (len(model.inputs), len(model.outputs)) == (2, 2)


def test_dict_outputs_and_inputs_keep_their_keys_and_order() -> None:
    z, a = treadle.Input((2,)), treadle.Input((3,))
    model = treadle.Model({"z": z, "a": a}, {"y": z + 1, "b": {"c": a, "d": [z]}})
    got = model({"a": torch.zeros(1, 3), "z": torch.ones(1, 2)})
    assert list(got) == ["y", "b"] and list(got["b"]) == ["c", "d"]
    assert got["y"].tolist() == [[2.0, 2.0]]
    assert model.output_shape == {"y": (None, 2), "b": {"c": (None, 3), "d": [(None, 2)]}}
    assert model.input_shape == {"z": (None, 2), "a": (None, 3)}


def test_a_model_of_the_middle_shares_its_layers() -> None:
    model = chain()
    features = treadle.Model(model.input, model.get_layer("first").output)
    assert features(X4).shape == (3, 3)
    assert features.layers[-1] is model.get_layer("first")
    every = treadle.Model(model.inputs, [layer.output for layer in model.layers])
    assert torch.equal(every(X4)[1], model(X4))
    head = treadle.Model(model.get_layer("first").output, model.output)
    assert torch.equal(head(features(X4)), model(X4))


def test_shared_layers_have_one_set_of_weights() -> None:
    x, y = treadle.Input((4,)), treadle.Input((4,))
    shared = layers.Dense(2, name="s")
    model = treadle.Model([x, y], shared(x) - shared(y))
    assert len(model.weights) == 2 and len(model.layers) == 3
    assert torch.equal(model([X4, X4]), torch.zeros(3, 2))


def test_models_are_layers() -> None:
    inner = chain(name="inner")
    x = treadle.Input((4,))
    outer = treadle.Model(x, layers.Dense(1)(inner(x)) + inner(x * 2)[:, :1])
    assert outer(X4).shape == (3, 1)
    assert len(outer.weights) == 6
    assert outer.get_layer("inner") is inner
    nested = treadle.Sequential([inner, Subclassed(name="sub"), layers.Dense(1)])
    assert nested(X4).shape == (3, 1)
    assert inner.trainable_weights[0] is nested.weights[0]


@pytest.mark.parametrize(
    "name", ["output", "input", "loss", "optimizer", "metrics", "fit", "training"]
)
def test_a_layer_may_have_the_name_of_an_attribute(name: str) -> None:
    for model in (
        treadle.Sequential([treadle.Input((4,)), layers.Dense(2, name=name)]),
        treadle.Sequential([layers.Dense(2, name=name)]),
    ):
        model.compile("sgd", "mse")
        model.fit(X4, torch.zeros(3, 2), verbose=0)
        assert model.get_layer(name).name == name
        assert callable(model.fit) and model.optimizer.name.startswith("sgd")


@pytest.mark.parametrize(
    ("given", "error", "parts"),
    [
        (torch.zeros(3, 5), ShapeError, ("'x'", "(batch, 4)", "(3, 5)")),
        (torch.zeros(3, 2, 2), ShapeError, ("(3, 2, 2)", "x.reshape(-1, 4)")),
        (torch.zeros(4), ShapeError, ("(batch, 4)", "(4,)")),
        ([X4, X4], DataError, ("wrong number of inputs", "1: ['x']", "2")),
        ({"y": X4}, UnknownNameError, ("Unknown input: 'y'", "x")),
        ({}, DataError, ("'x' is missing",)),
    ],
)
def test_inputs_that_do_not_fit_are_told(given: Any, error: Any, parts: tuple[str, ...]) -> None:
    x = treadle.Input((4,), name="x")
    model = treadle.Model(x, layers.Dense(1)(x))
    with pytest.raises(error) as told:
        model(given)
    for part in parts:
        assert part in str(told.value)


def test_a_missing_last_axis_of_one_is_added() -> None:
    x = treadle.Input((1,))
    model = treadle.Model(x, x * 2)
    assert model(torch.ones(5)).shape == (5, 1)


def test_unknown_sizes_take_any_size() -> None:
    x = treadle.Input((None, 3))
    model = treadle.Model(x, layers.Dense(2)(x))
    assert model(torch.zeros(2, 5, 3)).shape == (2, 5, 2)
    assert model(torch.zeros(2, 7, 3)).shape == (2, 7, 2)
    with pytest.raises(ShapeError, match=r"\(batch, any, 3\)"):
        model(torch.zeros(2, 5, 4))


def test_two_layers_of_one_name_are_told() -> None:
    x = treadle.Input((4,))
    y = layers.Dense(2, name="same")(layers.Dense(2, name="same")(x))
    with pytest.raises(ValueError, match=r"(?s)Two layers.*'same'.*another name="):
        treadle.Model(x, y)
    with pytest.raises(ValueError, match="Two layers"):
        treadle.Sequential([layers.Dense(2, name="same"), layers.Dense(2, name="same")])


# ---- copies, torch.compile, pickles


@pytest.mark.parametrize("style", STYLES)
def test_a_deep_copy_is_independent(style: str) -> None:
    model = STYLES[style]()
    model(X4)
    model.compile("sgd", "mse")
    again = copy.deepcopy(model)
    expected = model(X4)
    assert torch.equal(again(X4), expected)
    again.fit(X4, torch.zeros(3, 2), verbose=0)
    for weight in again.weights:
        weight.assign_add(1)
    assert torch.equal(model(X4), expected)
    assert not {id(w) for w in model.weights} & {id(w) for w in again.weights}


def test_the_ends_of_a_copy_belong_to_the_copy() -> None:
    model = chain()
    again = copy.deepcopy(model)
    assert again.output is not model.output
    assert again.layers[0] is again.get_layer("first") is not model.layers[0]
    assert again.layers[0].output is again.layers[1].input
    features = treadle.Model(again.input, again.layers[0].output)
    again.layers[0].kernel.assign(np.zeros((4, 3)))
    again.layers[0].bias.assign(np.ones(3))
    assert torch.equal(features(X4), torch.ones(3, 3))
    assert not torch.equal(model.layers[0](X4), torch.ones(3, 3))


def test_a_copy_of_a_model_with_shared_layers_and_constants() -> None:
    weight = nn.Parameter(torch.ones(4))
    x = treadle.Input((4,))
    shared = layers.Dense(4, name="s")
    model = treadle.Model(x, shared(shared(x) * weight) + torch.ones(4))
    again = copy.deepcopy(model)
    assert torch.equal(again(X4), model(X4))
    assert len(again.trainable_weights) == 3
    with torch.no_grad():
        weight.zero_()
    assert not torch.equal(again(X4), model(X4))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("training", [False, True])
def test_a_model_compiles_as_one_graph(style: str, training: bool) -> None:
    torch.compiler.reset()
    model = STYLES[style]()
    expected = model(X4)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    assert torch.equal(compiled(X4, training=training), expected)


def test_pickles() -> None:
    model = Subclassed()
    model(X4)
    again = pickle.loads(pickle.dumps(model))
    assert torch.equal(again(X4), model(X4))


@pytest.mark.parametrize("style", STYLES)
def test_state_dicts_go_from_model_to_model(style: str) -> None:
    first, second = STYLES[style](), STYLES[style]()
    first(X4), second(X4)
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(X4), second(X4))
    assert list(first.state_dict()) == [
        "first.kernel",
        "first.bias",
        "last.kernel",
        "last.bias",
    ] or (style == "deferred")


def test_casting_a_model_keeps_its_program() -> None:
    model = chain()
    expected = model(X4)
    model.to(torch.float64)
    torch.testing.assert_close(model(X4).float(), expected)
    assert all(w.dtype == torch.float64 for w in model.weights)


# ---- Sequential


def test_a_sequential_grows_and_shrinks() -> None:
    model = treadle.Sequential(name="s")
    assert (model.layers, model.built) == ([], False)
    model.add(treadle.Input((4,)))
    model.add(layers.Dense(3))
    assert model.built and model.output_shape == (None, 3)
    model.add(nn.ReLU())
    model.add(layers.Dense(1))
    assert model(X4).shape == (3, 1)
    removed = model.pop()
    assert isinstance(removed, layers.Dense) and model(X4).shape == (3, 3)
    assert len(model.weights) == 2
    model.add(layers.Dense(5))
    assert model.output_shape == (None, 5)


def test_a_sequential_without_an_input_waits_for_data() -> None:
    model = treadle.Sequential([layers.Dense(3), layers.Dense(1)])
    assert (model.built, model.weights) == (False, [])
    with pytest.raises(StateError, match=r"(?s)no symbolic inputs and outputs.*Input"):
        _ = model.output_shape
    model.build((None, 4))
    assert model.built and model.input_shape == (None, 4)
    other = treadle.Sequential([layers.Dense(3)])
    other(np.zeros((2, 5)))
    assert other.output_shape == (None, 3)


@pytest.mark.parametrize("argument", [{"input_shape": (4,)}, {"input_dim": 4}])
def test_keras_old_way_to_say_the_input(argument: dict[str, Any]) -> None:
    model = treadle.Sequential([layers.Dense(3, **argument)])
    assert model.built and model.input_shape == (None, 4)


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ([layers.Dense], ("the class Dense", "Dense(...)")),
        (["dense"], ("str", "a layer or torch module")),
        ([lambda x: x], ("function", "layers.Activation")),
    ],
)
def test_what_is_no_layer_is_told(given: list[Any], parts: tuple[str, ...]) -> None:
    with pytest.raises(TypeError) as told:
        treadle.Sequential(given)
    for part in parts:
        assert part in str(told.value)


def test_a_sequential_is_made_again_from_its_configuration() -> None:
    model = chain(name="c")
    again = treadle.Sequential.from_config(model.get_config())
    assert again.name == "c" and again.built
    again.set_weights(model.get_weights())
    assert torch.equal(again(X4), model(X4))


def test_popping_too_often_is_told() -> None:
    with pytest.raises(StateError, match=r"(?s)no layer to remove.*pop"):
        treadle.Sequential().pop()


# ---- subclasses and torch modules


def test_a_subclass_without_a_computation_is_told() -> None:
    class Nothing(treadle.Model):
        pass

    with pytest.raises(NotImplementedError, match=r"(?s)Nothing has no computation.*def call"):
        Nothing()(X4)


def test_a_subclass_may_have_arguments_and_a_shape() -> None:
    model = Subclassed(units=7, name="mine")
    model.build((None, 4))
    assert (model.name, len(model.weights)) == ("mine", 4)
    assert model.weights[0].shape == (4, 7)
    x = treadle.Input((4,))
    assert model(x).shape == (None, 2)
    with pytest.raises(StateError, match="'mine' has no symbolic"):
        _ = model.inputs


def test_a_functional_subclass() -> None:
    class Mine(treadle.Model):
        def extra(self) -> str:
            return "extra"

    x = treadle.Input((4,))
    model = Mine(x, layers.Dense(1)(x))
    assert model.extra() == "extra" and model(X4).shape == (3, 1)

    class Inside(treadle.Model):
        def __init__(self, units: int) -> None:
            x = treadle.Input((4,))
            super().__init__(x, layers.Dense(units)(x))

    assert Inside(5)(X4).shape == (3, 5)


def test_a_torch_module_gets_fit_and_shares_its_parameters() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 1))
    model = treadle.Model.from_torch(net, name="net")
    assert model.module is net and model.name == "net"
    model.compile("adam", "mse", metrics=["mae"])
    before = net[0].weight.detach().clone()
    history = model.fit(X4, torch.ones(3, 1), epochs=2, verbose=0)
    assert not torch.equal(net[0].weight, before)
    assert list(history.history) == ["loss", "mae"]
    assert model.predict(X4, verbose=0).shape == (3, 1)
    assert torch.equal(model(X4), net.eval()(X4))


def test_a_torch_module_of_several_inputs() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Bilinear(4, 2, 1)

        def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
            return self.net(left, right)

    model = treadle.Model.from_torch(Two())
    left, right = X4, torch.ones(3, 2)
    assert torch.equal(model([left, right]), model({"right": right, "left": left}))
    model.compile("sgd", "mse")
    model.fit([X4, right], torch.ones(3, 1), verbose=0)
    model.fit({"left": X4, "right": right}, torch.ones(3, 1), verbose=0)


@pytest.mark.parametrize(
    ("given", "part"), [(nn.Linear, "the class Linear"), (lambda x: x, "function")]
)
def test_what_is_no_torch_module_is_told(given: Any, part: str) -> None:
    with pytest.raises(TypeError, match="from_torch takes a torch module") as told:
        treadle.Model.from_torch(given)
    assert part in str(told.value)


# ---- get_layer, summary


def test_get_layer_by_name_and_index() -> None:
    model = chain()
    assert model.get_layer(index=1) is model.layers[1]
    with pytest.raises(UnknownNameError, match=r"(?s)Unknown layer: 'frist'.*'first'"):
        model.get_layer("frist")
    with pytest.raises(ValueError, match=r"(?s)get_layer.*name.*index"):
        model.get_layer()
    with pytest.raises(ValueError, match=r"(?s)index.*2 layers.*got:.*5"):
        model.get_layer(index=5)


def summary(model: treadle.Model, **kwargs: Any) -> str:
    said: list[str] = []
    model.summary(print_fn=said.append, line_length=100, **kwargs)
    return "\n".join(said)


def test_the_summary_has_shapes_counts_and_connections() -> None:
    text = summary(chain(name="c"))
    for part in ('Model: "c"', "first (Dense)", "(None, 3)", "15", "Total params: 23", "92.00 B"):
        assert part in text
    assert "Connected" not in text
    text = summary(branches(), show_trainable=True)
    for part in ("Connected to", "da", "Trainable", "a (InputLayer)"):
        assert part in text


def test_the_summary_of_frozen_nested_and_unbuilt_models(
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = chain()
    model.layers[0].trainable = False
    assert "Trainable params: 8" in summary(model)
    assert "Non-trainable params: 15" in summary(model)
    outer = treadle.Sequential([treadle.Input((4,)), chain(name="inner")])
    assert "first" not in summary(outer)
    assert "first" in summary(outer, expand_nested=True)
    assert "unbuilt" in summary(treadle.Sequential([layers.Dense(1)]))
    with pytest.raises(UnknownNameError, match="layer in `layer_range`"):
        model.summary(layer_range=("first", "lats"))
    model.summary()
    assert "Total params" in capsys.readouterr().out


def test_the_summary_of_a_called_subclass_knows_its_shapes() -> None:
    model = Subclassed()
    model(X4)
    assert "(None, 2)" in summary(model)

"""Masks that go into models inside of models, and come out of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import treadle
from treadle import layers
from treadle._core import DataError, UnknownNameError

IDS = torch.tensor([[1, 2, 0, 0], [3, 0, 4, 0], [5, 6, 1, 2]])
MASK = IDS != 0
X = torch.randn(3, 4, 3, generator=torch.Generator().manual_seed(0))


def ids_input() -> Any:
    return treadle.Input((4,), dtype="int64")


def embedding() -> Any:
    return layers.Embedding(7, 3, mask_zero=True)


def recurrent_model(name: str = "inner") -> treadle.Model:
    x = treadle.Input((4, 3))
    y = layers.LSTM(2, return_sequences=True, name="lstm")(layers.Dropout(0.1)(x))
    return treadle.Model(x, y, name=name)


def mask_comes_out() -> tuple[treadle.Model, Any]:
    ids, inner_ids = ids_input(), ids_input()
    inner = treadle.Model(inner_ids, embedding()(inner_ids))
    last = layers.GRU(2)
    return treadle.Model(ids, last(inner(ids))), lambda: last(inner(IDS), mask=MASK)


def mask_goes_through() -> tuple[treadle.Model, Any]:
    ids, first, inner, last = ids_input(), embedding(), recurrent_model(), layers.GRU(2)
    model = treadle.Model(ids, last(inner(first(ids))))
    lstm = inner.get_layer("lstm")
    return model, lambda: last(lstm(first(IDS), mask=MASK), mask=MASK)


def sequential_inside() -> tuple[treadle.Model, Any]:
    first, lstm, last = embedding(), layers.LSTM(2, return_sequences=True), layers.GRU(2)
    model = treadle.Sequential([treadle.Input((4,), dtype="int64"), first, layers.Dropout(0.2)])
    model.add(treadle.Sequential([lstm]))
    model.add(last)
    return model, lambda: last(lstm(first(IDS), mask=MASK), mask=MASK)


def twice_nested() -> tuple[treadle.Model, Any]:
    ids, first, inner, last = ids_input(), embedding(), recurrent_model(), layers.GRU(2)
    x = treadle.Input((4, 3))
    middle = treadle.Model(x, inner(x), name="middle")
    model = treadle.Model(ids, last(middle(first(ids))))
    lstm = inner.get_layer("lstm")
    return model, lambda: last(lstm(first(IDS), mask=MASK), mask=MASK)


CASES = [mask_comes_out, mask_goes_through, sequential_inside, twice_nested]


@pytest.mark.parametrize("case", CASES)
def test_masks_cross_the_borders_of_models(case: Callable[[], Any], tmp_path: Path) -> None:
    model, by_hand = case()
    outputs = model(IDS)
    torch.testing.assert_close(outputs, by_hand())
    torch.testing.assert_close(copy.deepcopy(model)(IDS), outputs)
    model.save(tmp_path / "model.keras")
    loaded = treadle.saving.load_model(tmp_path / "model.keras")
    torch.testing.assert_close(loaded(IDS), outputs)


def test_compiles_without_a_graph_break() -> None:
    model, by_hand = twice_nested()
    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(IDS), by_hand())


def test_a_mask_may_be_given_to_a_model() -> None:
    inner = recurrent_model()
    lstm = inner.get_layer("lstm")
    torch.testing.assert_close(inner(X, mask=MASK), lstm(X, mask=MASK))
    torch.testing.assert_close(inner(X, mask={inner.input_names[0]: MASK}), lstm(X, mask=MASK))
    torch.testing.assert_close(inner(X), lstm(X))
    source = inner._program.source if inner._program else ""
    assert "mask" not in source  # a model that is given none has none of it
    own = treadle.Input((4,), dtype="bool")
    x = treadle.Input((4, 3))
    outer = treadle.Model([x, own], inner(x, mask=own))
    torch.testing.assert_close(outer([X, MASK]), lstm(X, mask=MASK))


def test_several_inputs_each_with_its_mask() -> None:
    a, b = treadle.Input((4, 3), name="a"), treadle.Input((4, 3), name="b")
    lstm, gru = layers.LSTM(2), layers.GRU(2, return_sequences=True)
    inner = treadle.Model({"a": a, "b": b}, [lstm(a), gru(b)])
    torch.testing.assert_close(inner({"a": X, "b": X}, mask={"b": MASK})[0], lstm(X))
    torch.testing.assert_close(inner({"a": X, "b": X}, mask=[None, MASK])[1], gru(X, mask=MASK))
    ids, first = ids_input(), embedding()
    x = first(ids)
    plain, masked = inner({"a": layers.Conv1D(3, 1)(x), "b": x})
    assert plain.mask is None and masked.mask is not None
    outer = treadle.Model(ids, [plain, layers.GRU(1)(masked)])
    torch.testing.assert_close(
        outer(IDS)[1], outer.layers[-1](gru(first(IDS), mask=MASK), mask=MASK)
    )


def test_wrong_masks_are_refused() -> None:
    a, b = treadle.Input((4, 3), name="a"), treadle.Input((4, 3), name="b")
    model = treadle.Model([a, b], layers.Add()([a, b]))
    with pytest.raises(DataError, match=r"wrong number of masks.*\n.*2, for the inputs"):
        model([X, X], mask=MASK)
    with pytest.raises(UnknownNameError, match="c"):
        model([X, X], mask={"c": MASK})


def test_layers_keep_their_place_in_the_model_that_users_see() -> None:
    inner = recurrent_model()
    output = inner.get_layer("lstm").output
    inner(X, mask=MASK)
    assert inner.get_layer("lstm").output is output


def test_masks_that_use_tensors_from_outside() -> None:
    class Above(layers.Layer):
        def call(self, inputs: torch.Tensor, mask: Any = None) -> torch.Tensor:
            return inputs

        def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
            limit = torch.tensor([1])
            return None if previous_mask is None else previous_mask & (inputs[..., 0] > limit)

    x = treadle.Input((4, 3))
    shift = torch.tensor(2.0)
    model = treadle.Model(x, layers.GRU(2, name="gru")(Above()(x + shift)))
    torch.testing.assert_close(model(X), model.get_layer("gru")(X + 2))
    # x + shift is a plain operation: the given mask ends there, as in Keras.
    torch.testing.assert_close(model(X, mask=MASK), model(X))
    again = treadle.Model(x, layers.GRU(2, name="other")(Above()(x)) + shift)
    wanted = again.get_layer("other")(X, mask=MASK & (X[..., 0] > 1)) + 2
    torch.testing.assert_close(again(X, mask=MASK), wanted)


def test_losses_leave_out_what_an_inner_model_masks() -> None:
    ids = ids_input()
    inner_ids = ids_input()
    inner = treadle.Model(inner_ids, layers.Dense(1)(embedding()(inner_ids)))
    model = treadle.Model(ids, inner(ids))
    model.compile("sgd", "mse")
    target = torch.randn(3, 4, 1)
    errors = (model(IDS).detach() - target).squeeze(-1)[MASK]
    loss = model.evaluate(IDS, target, verbose=0)
    assert loss == pytest.approx(float(errors.square().mean()), rel=1e-5)

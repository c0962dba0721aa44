"""Bad input gets an error that says what was expected, what was got and the fix; and nothing is lost by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import treadle
from treadle import layers
from treadle._core import DataError, ShapeError, StateError, TreadleError, UnknownNameError

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(100, 4)).astype("float32")
Y = (np.arange(100) % 3).astype("int64")
REAL = X[:, :3].copy()


def changed(array: np.ndarray, row: Any, value: float) -> np.ndarray:
    array = array.copy()
    array[row] = value
    return array


def classifier(**kwargs: Any) -> treadle.Model:
    model = treadle.Sequential([treadle.Input((4,)), layers.Dense(3)])
    model.compile("adam", treadle.losses.SparseCategoricalCrossentropy(from_logits=True), **kwargs)
    return model


def regression(width: int = 3, loss: Any = "mse") -> treadle.Model:
    model = treadle.Sequential([treadle.Input((4,)), layers.Dense(width)])
    model.compile("adam", loss)
    return model


def fit(make: Callable[[], treadle.Model], *data: Any, **kwargs: Any) -> Any:
    """Return a model and a call of its fit; weights and optimizer must be what they were after the error."""
    model = make()
    return model, lambda: model.fit(*data, **{"verbose": 0, "shuffle": False, **kwargs})


def batches(*given: Any) -> Iterator[Any]:
    return iter(given)


Case = tuple[Callable[[], Any], type[Exception], tuple[str, ...]]
BAD: dict[str, Case] = {
    # lengths
    "shorter y": (
        lambda: fit(classifier, X, Y[:50]),
        ShapeError,
        (
            "different numbers of samples",
            "expected: the same length for x, y",
            "x: 100, y: 50",
            "fix:",
        ),
    ),
    "longer sample weights": (
        lambda: fit(classifier, X, Y, sample_weight=np.ones(101)),
        ShapeError,
        ("the same length for x, y, sample_weight", "sample_weight: 101"),
    ),
    "two inputs of other lengths": (
        lambda: fit(classifier, [X, X[:9]], Y),
        ShapeError,
        ("x: 9 and 100, y: 100",),
    ),
    # rank and width of x
    "narrow x": (
        lambda: fit(classifier, X[:, :3], Y),
        ShapeError,
        ("has the wrong shape", "expected: (batch, 4)", "got:      (32, 3)", "shape in Input(...)"),
    ),
    "x of rank 3": (
        lambda: fit(classifier, X.reshape(100, 2, 2), Y),
        ShapeError,
        ("expected: (batch, 4)", "(32, 2, 2)", "x.reshape(-1, 4)"),
    ),
    "x of rank 1": (lambda: fit(classifier, X[:, 0], Y), ShapeError, ("(batch, 4)", "(32,)")),
    "one number as x": (
        lambda: fit(classifier, np.float32(1), Y),
        DataError,
        ("no samples", "single number"),
    ),
    "one input too many": (
        lambda: fit(classifier, [X, X], Y),
        DataError,
        ("wrong number of inputs", "expected: 1", "got:      2", "dict by name"),
    ),
    "x by a wrong name": (
        lambda: fit(classifier, {"foo": X}, Y),
        UnknownNameError,
        ("Unknown input: 'foo'",),
    ),
    # labels
    "label too large": (
        lambda: fit(classifier, X, changed(Y, 3, 7)),
        DataError,
        ("label is out of range", "labels from 0 to 2", "3 classes", "got:      7", "fix:"),
    ),
    "late label too large": (
        lambda: fit(classifier, X, changed(Y, 97, 7)),
        DataError,
        ("labels from 0 to 2", "got:      7"),
    ),
    "late negative label": (
        lambda: fit(classifier, X, changed(Y, 97, -1)),
        DataError,
        ("labels from 0 to 2", "got:      -1"),
    ),
    "late label for torch's loss": (
        lambda: fit(lambda: regression(3, nn.CrossEntropyLoss()), X, changed(Y, 97, 5)),
        DataError,
        ("labels from 0 to 2", "got:      5"),
    ),
    "label that is no integer": (
        lambda: fit(classifier, X, Y + 0.5),
        DataError,
        ("not a whole number", "expected: integers", "0.5"),
    ),
    "one-hot labels for a sparse loss": (
        lambda: fit(classifier, X, np.eye(3)[Y]),
        ShapeError,
        ("class labels of shape (32,)", "(32, 3)", "CategoricalCrossentropy"),
    ),
    "strings": (
        lambda: fit(classifier, X, np.array(["cat", "dog"] * 50)),
        DataError,
        ("`y` holds strings", "integers 0, 1, 2", "'cat'", "np.unique(y, return_inverse=True)"),
    ),
    "strings in a list": (
        lambda: fit(classifier, X, ["cat", "dog"] * 50),
        DataError,
        ("`y` holds strings",),
    ),
    "strings of pandas": (
        lambda: fit(classifier, X, np.array(["cat", "dog"] * 50, dtype=object)),
        DataError,
        ("`y` holds strings", "'cat'"),
    ),
    "strings as x": (
        lambda: fit(classifier, [["a", "b"]] * 100, Y),
        DataError,
        ("`x` holds strings",),
    ),
    "rows of unequal length": (
        lambda: fit(classifier, [[1.0], [1.0, 2.0]], [0, 1]),
        DataError,
        ("cannot be read as an array", "rows of equal length", "pad"),
    ),
    "dates": (
        lambda: fit(classifier, np.zeros((100, 4), "datetime64[s]"), Y),
        DataError,
        ("cannot be read as an array of numbers", "datetime64"),
    ),
    # what is missing
    "y forgotten": (
        lambda: fit(classifier, X),
        DataError,
        ("no target for the output 'dense", "targets for every output", "y=None", "give `y`"),
    ),
    "x forgotten": (
        lambda: fit(classifier, None, Y),
        DataError,
        ("`x` is missing", "got:      None", "give `x`"),
    ),
    "no data": (
        lambda: fit(classifier, X[:0], Y[:0]),
        DataError,
        ("`x` and `y`: no data", "at least one sample", "0 samples", "loaded or filtered"),
    ),
    "empty lists": (lambda: fit(classifier, [], []), DataError, ("no data", "0 samples")),
    "no batch": (
        lambda: fit(classifier, batches()),
        DataError,
        ("yielded no batch", "at least one batch"),
    ),
    "nothing to train on": (
        lambda: fit(lambda: regression(3, None), X, REAL),
        StateError,
        ("nothing to minimize", "a loss in compile", 'loss="mse"'),
    ),
    "no data to validate on": (
        lambda: fit(classifier, X, Y, validation_data=(X[:0], Y[:0])),
        DataError,
        ("`validation_data[0]` and `validation_data[1]`: no data",),
    ),
    "only x to validate on": (
        lambda: fit(classifier, X, Y, validation_data=(X,)),
        ValueError,
        ("(x_val, y_val)", "1 parts"),
    ),
    "data of no kind": (
        lambda: fit(classifier, object(), Y),
        TypeError,
        ("cannot be read as data", "an iterable of batches", "object"),
    ),
    "batch of four": (
        lambda: fit(classifier, batches((X, Y, Y, Y))),
        ValueError,
        ("too many parts", "(x, y, sample_weight)", "4 parts", "([a, b], y)"),
    ),
    "y beside batches": (
        lambda: fit(classifier, batches((X, Y)), Y),
        ValueError,
        ("`y` cannot go with an iterable", "drop `y`"),
    ),
    "weights beside batches": (
        lambda: fit(classifier, batches((X, Y)), sample_weight=np.ones(100)),
        ValueError,
        ("`sample_weight` cannot go with",),
    ),
    "weights without y": (
        lambda: fit(classifier, X, sample_weight=np.ones(100)),
        DataError,
        ("`sample_weight` without `y`",),
    ),
    # numbers that leave nothing to do
    **{
        f"batch_size={size!r}": (
            lambda size=size: fit(classifier, X, Y, batch_size=size),
            ValueError,
            ("`batch_size` cannot be used", "integer > 0", repr(size), "batch_size=32"),
        )
        for size in (0, -1, 1.5, "32", True)
    },
    **{
        f"{name}={value!r}": (
            lambda name=name, value=value: fit(classifier, X, Y, **{name: value}),
            ValueError,
            (f"`{name}` cannot be used", "expected: an integer >=", repr(value)),
        )
        for name, value in [
            ("epochs", 0),
            ("epochs", 1.5),
            ("initial_epoch", -1),
            ("steps_per_epoch", 0),
            ("validation_freq", 0),
        ]
    },
    "no epoch left": (
        lambda: fit(classifier, X, Y, epochs=2, initial_epoch=2),
        ValueError,
        ("There is no epoch to run", "epochs=2, initial_epoch=2", "epochs=4"),
    ),
    **{
        f"validation_split={value!r}": (
            lambda value=value: fit(classifier, X, Y, validation_split=value),
            ValueError,
            ("`validation_split` cannot be used", "(0, 1)", repr(value)),
        )
        for value in (1.0, -0.1)
    },
    "a split that leaves nothing": (
        lambda: fit(classifier, X[:2], Y[:2], validation_split=0.9),
        ValueError,
        ("leaves a part empty", "0 and 2 of 2"),
    ),
    "a split of batches": (
        lambda: fit(classifier, batches((X, Y)), validation_split=0.5),
        ValueError,
        ("cannot split this data", "validation_data"),
    ),
    "verbose": (
        lambda: fit(classifier, X, Y, verbose=7),
        ValueError,
        ("`verbose` cannot be used", "7"),
    ),
    # shapes that would match by broadcasting
    "column against row": (
        lambda: fit(lambda: regression(5), X, X[:, :1]),
        ShapeError,
        ("shapes of targets and output differ", "(32, 5)", "(32, 1)", "fix:"),
    ),
    "row against column": (
        lambda: fit(lambda: regression(1), X, REAL),
        ShapeError,
        ("(32, 1)", "got:      shape (32, 3)", "as wide as the targets"),
    ),
    "vector against square": (
        lambda: fit(lambda: regression(10), X[:10], X[:10, 0], batch_size=10),
        ShapeError,
        ("(10, 10)", "got:      shape (10,)"),
    ),
    "broadcasting in torch's loss": (
        lambda: fit(lambda: regression(5, nn.MSELoss()), X, X[:, :1]),
        ShapeError,
        ("(32, 5)", "(32, 1)"),
    ),
    # values
    "NaN in x": (
        lambda: fit(classifier, changed(X, (90, 1), np.nan), Y),
        DataError,
        (
            "`x` holds NaN or infinity",
            "finite numbers",
            "1 of 100 rows",
            "row 90",
            "np.nan_to_num(x)",
        ),
    ),
    "NaN in y": (
        lambda: fit(regression, X, changed(REAL, (90, 1), np.nan)),
        DataError,
        ("`y` holds NaN", "row 90"),
    ),
    "infinity in a list of inputs": (
        lambda: fit(classifier, [changed(X, (1, 1), np.inf)], Y),
        DataError,
        ("`x[0]` holds NaN or infinity",),
    ),
    "NaN in a dict": (
        lambda: fit(classifier, {"a": changed(X, 0, np.nan)}, Y),
        DataError,
        ("`x['a']` holds NaN",),
    ),
    "NaN in the first batch": (
        lambda: fit(classifier, batches((changed(X, (90, 1), np.nan), Y))),
        DataError,
        ("`batch[0]` holds NaN", "row 90"),
    ),
    "NaN to validate on": (
        lambda: fit(classifier, X, Y, validation_data=(changed(X, (1, 1), np.nan), Y)),
        DataError,
        ("`validation_data[0]` holds NaN",),
    ),
    "negative sample weight": (
        lambda: fit(classifier, X, Y, sample_weight=changed(np.ones(100), 3, -1)),
        DataError,
        ("sample weight is negative", ">= 0"),
    ),
    # losses that train nothing
    "a loss without a gradient": (
        lambda: fit(lambda: regression(3, lambda a, b: (a - b.detach()) ** 2), X, REAL),
        StateError,
        ("does not depend on any trainable weight", ".detach()"),
    ),
    "callback class": (
        lambda: fit(classifier, X, Y, callbacks=[treadle.callbacks.History]),
        TypeError,
        ("must be an instance", "the class History", "History()"),
    ),
    "no callback": (
        lambda: fit(classifier, X, Y, callbacks="x"),
        TypeError,
        ("not a callback", "str"),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_the_error_tells_all_and_nothing_is_lost(name: str) -> None:
    make, error, parts = BAD[name]
    model, call = make()
    weights = [weight.detach().clone() for weight in model.weights]
    with pytest.raises(error) as told:
        call()
    message = str(told.value)
    for part in parts:
        assert part in message
    assert "expected:" in message and "got:" in message
    assert len(message) < 1000 and "[[" not in message, "no array is dumped"
    assert all(map(torch.equal, model.weights, weights)), "the weights are as before"
    assert int(model.optimizer.iterations) == 0
    assert not model.optimizer.state, "the optimizer is as before"
    if model._compiled.given[0] is None:
        model.compile("adam", "mse")
    classes = getattr(model.loss, "name", "") == "sparse_categorical_crossentropy" or isinstance(
        model.loss, nn.CrossEntropyLoss
    )
    if callable(model.loss) and not classes:
        model.compile("adam", "mse")
    width = model.output_shape[-1]
    y = Y if classes else np.zeros((100, width), "float32")
    losses = model.fit(X, y, epochs=2, verbose=0).history["loss"]
    assert len(losses) == 2 and np.isfinite(losses).all(), "and a fit with right data works"
    assert int(model.optimizer.iterations) == 8


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_training_before_compile_is_told(method: str) -> None:
    model = treadle.Sequential([treadle.Input((4,)), layers.Dense(3)])
    with pytest.raises(
        StateError, match=rf"(?s)`{method}` was called before `compile`.*model\.{method}"
    ):
        getattr(model, method)(X, Y)
    assert model.predict(X, verbose=0).shape == (100, 3), "predicting needs no compile"


@pytest.mark.parametrize(
    "call",
    [
        lambda model: model.evaluate(X, verbose=0),
        lambda model: model.evaluate(X, Y[:50], verbose=0),
        lambda model: model.evaluate(X, changed(Y, 3, 9), verbose=0),
        lambda model: model.evaluate(X, Y, batch_size=0, verbose=0),
        lambda model: model.evaluate(X, Y, steps=0, verbose=0),
        lambda model: model.predict(X[:0], verbose=0),
        lambda model: model.predict(changed(X, 3, np.nan), verbose=0),
        lambda model: model.predict(X[:, :2], verbose=0),
        lambda model: model.predict(X, batch_size=-1, verbose=0),
        lambda model: model.predict(X, steps=-1, verbose=0),
        lambda model: model.train_on_batch(X, Y[:3]),
        lambda model: model.train_on_batch(X, changed(Y, 3, 9)),
        lambda model: model.train_on_batch(changed(X, 3, np.inf), Y),
        lambda model: model.test_on_batch(X),
        lambda model: model.predict_on_batch(X[:, :2]),
    ],
)
def test_the_other_ways_in_are_checked_too(call: Callable[[treadle.Model], Any]) -> None:
    model = classifier(metrics=["accuracy"])
    weights = [weight.detach().clone() for weight in model.weights]
    with pytest.raises((TreadleError, ValueError), match=r"(?s)expected:.*got:"):
        call(model)
    assert all(map(torch.equal, model.weights, weights))
    assert model.evaluate(X, Y, verbose=0)


def test_an_optimizer_of_another_model_is_told() -> None:
    model = treadle.Sequential([treadle.Input((4,)), layers.Dense(3)])
    model.compile(torch.optim.SGD(nn.Linear(1, 1).parameters()), "mse")
    with pytest.raises(StateError, match=r"(?s)holds none of the model's.*model\.parameters\(\)"):
        model.fit(X, REAL, verbose=0)


def test_a_model_without_trainable_weights_warns() -> None:
    model = classifier()
    model.trainable = False
    with pytest.warns(treadle.TreadleWarning, match=r"(?s)no trainable weights.*trainable = True"):
        history = model.fit(X, Y, verbose=0)
    assert len(history.history["loss"]) == 1
    model.trainable = True
    model.fit(X, Y, verbose=0)


def test_data_that_end_early_warn() -> None:
    with pytest.warns(treadle.TreadleWarning, match=r"(?s)ended early.*7 batches.*4 in epoch 1"):
        classifier().fit(X, Y, steps_per_epoch=7, verbose=0)


def test_a_second_fit_on_other_labels_is_checked_too() -> None:
    model = classifier()
    model.fit(X, Y, verbose=0)
    before = model.weights[0].detach().clone()
    with pytest.raises(DataError, match="labels from 0 to 2"):
        model.fit(X, changed(Y, 97, 3), shuffle=False, verbose=0)
    assert torch.equal(model.weights[0], before)
    assert model.evaluate(X, Y, verbose=0)

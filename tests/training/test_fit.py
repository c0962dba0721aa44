"""The arguments of `fit`, and what it logs, returns and calls."""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import treadle
from treadle import layers

X = np.arange(20, dtype="float32").reshape(10, 2)
Y = X.sum(1, keepdims=True)


class Recorder(treadle.Model):
    """Remembers the first column of every batch that it is trained and tested on."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(1)
        self.trained: list[list[float]] = []
        self.tested: list[list[float]] = []

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.dense(inputs)

    def train_step(self, data: Any) -> Any:
        self.trained.append(data[0][:, 0].tolist())
        return super().train_step(data)

    def test_step(self, data: Any) -> Any:
        self.tested.append(data[0][:, 0].tolist())
        return super().test_step(data)


def recorder(**kwargs: Any) -> Recorder:
    model = Recorder()
    model.compile(treadle.optimizers.SGD(1e-4), "mse", **kwargs)
    return model


def rows(*indexes: int) -> list[float]:
    return [2.0 * index for index in indexes]


def test_batches_are_in_order_without_shuffling() -> None:
    model = recorder()
    model.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    assert model.trained == [rows(0, 1, 2, 3), rows(4, 5, 6, 7), rows(8, 9)] * 2


def test_shuffling_gives_each_epoch_its_own_order_of_all_rows() -> None:
    model = recorder()
    model.fit(X, Y, batch_size=10, epochs=3, verbose=0)
    assert [sorted(batch) for batch in model.trained] == [rows(*range(10))] * 3
    assert len({tuple(batch) for batch in model.trained}) == 3


def test_the_split_is_the_last_rows_before_shuffling() -> None:
    model = recorder()
    history = model.fit(X, Y, batch_size=8, epochs=2, validation_split=0.3, verbose=0)
    assert sorted(model.trained[0]) == rows(*range(7))
    assert model.tested == [rows(7, 8, 9)] * 2
    assert list(history.history) == ["loss", "val_loss"]


def test_validation_data_win_over_the_split() -> None:
    model = recorder()
    model.fit(X, Y, validation_data=(X[:2], Y[:2]), validation_split=0.5, verbose=0)
    assert sorted(model.trained[0]) == rows(*range(10)) and model.tested == [rows(0, 1)]


def test_validation_data_of_each_kind() -> None:
    pairs = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    for given in ((X, Y), (X, Y, np.ones(10)), torch.utils.data.DataLoader(pairs, 5), [(X, Y)]):
        model = recorder()
        history = model.fit(X, Y, epochs=2, validation_data=given, verbose=0).history
        assert len(history["val_loss"]) == 2
        assert sum(map(len, model.tested)) == 20
        loss = model.evaluate(X, Y, verbose=0)
        assert history["val_loss"][-1] == pytest.approx(loss, rel=1e-5)


def test_validation_batches_and_frequency() -> None:
    model = recorder()
    history = model.fit(
        X, Y, epochs=4, batch_size=2, validation_data=(X, Y), validation_freq=2,
        validation_batch_size=5, verbose=0,
    )  # fmt: skip
    assert [len(batch) for batch in model.tested] == [5, 5, 5, 5]
    assert {name: len(values) for name, values in history.history.items()} == {
        "loss": 4,
        "val_loss": 2,
    }


def test_epochs_that_are_left() -> None:
    model = recorder()
    history = model.fit(X, Y, epochs=5, initial_epoch=3, verbose=0)
    assert history.epoch == [3, 4] and len(history.history["loss"]) == 2
    assert model.history is history


@pytest.mark.parametrize("kind", ["arrays", "list", "generator"])
def test_epochs_of_given_steps_go_on_where_the_last_one_stopped(kind: str) -> None:
    model = recorder()
    batches = [(X[i : i + 2], Y[i : i + 2]) for i in range(0, 10, 2)]
    given: dict[str, Any] = {
        "arrays": {"x": X, "y": Y, "batch_size": 2, "shuffle": False},
        "list": {"x": batches * 2},
        "generator": {"x": iter(batches * 2)},
    }[kind]
    model.fit(**given, epochs=3, steps_per_epoch=2, verbose=0)
    assert [batch[0] // 4 for batch in model.trained] == [0, 1, 2, 3, 4, 0]


def test_evaluating_some_batches_begins_at_the_first() -> None:
    model = recorder()
    for _ in range(2):
        model.evaluate(X, Y, batch_size=2, steps=2, verbose=0)
    assert model.tested == [rows(0, 1), rows(2, 3)] * 2
    assert model.predict(X, batch_size=2, steps=2, verbose=0).shape == (4, 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: (X, Y),
        lambda: (X.astype("float64"), Y.astype("int64")),
        lambda: (X.tolist(), Y.tolist()),
        lambda: (torch.from_numpy(X), torch.from_numpy(Y)),
        lambda: (torch.from_numpy(X).requires_grad_(), torch.from_numpy(Y).double()),
        lambda: (X.astype("uint8"), Y.astype("uint16")),
        lambda: (np.asfortranarray(X)[::-1], Y[::-1]),
        lambda: ([X], [Y]),
        lambda: ({"x": X}, Y),
        lambda: ([(X, Y)],),
        lambda: (iter([[X, Y]]),),
        lambda: (iter([(X, Y, None)]),),
        lambda: (torch.utils.data.DataLoader(list(zip(X, Y, strict=True)), batch_size=5),),
    ],
)
def test_data_of_each_kind(make: Any) -> None:
    x = treadle.Input((2,), name="x")
    model = treadle.Model(x, layers.Dense(1)(x))
    model.compile("sgd", "mse")
    history = model.fit(*make(), verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_data_frames() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": X[:, 0], "b": X[:, 1]})
    model = recorder()
    model.fit(frame, pandas.Series(Y[:, 0]), verbose=0, shuffle=False)
    assert model.trained == [rows(*range(10))]


def test_a_read_only_array_is_not_written_to() -> None:
    frozen = X.copy()
    frozen.flags.writeable = False
    recorder().fit(frozen, Y, verbose=0)
    assert np.array_equal(frozen, X)


# ---- what is shown


@pytest.mark.parametrize(("verbose", "lines"), [(0, 0), (1, 2), (2, 2), ("auto", 2)])
def test_lines_without_a_terminal(
    verbose: Any, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder(metrics=["mae"]).fit(X, Y, epochs=2, validation_data=(X, Y), verbose=verbose)
    said = capsys.readouterr().out
    assert said.count("\n") == lines
    assert "\x1b" not in said and "\r" not in said
    if lines:
        assert "Epoch 2/2 - 1/1" in said
        for name in ("loss: ", "mae: ", "val_loss: ", "val_mae: "):
            assert said.count(name) >= 2


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("how", ["break", "exception", "return"])
def test_a_bar_that_is_broken_off_is_closed_once(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    loop = treadle.Loop((X, Y), epochs=2, batch_size=2, verbose=1)

    def run() -> None:
        for epoch in loop:
            for _ in epoch:
                epoch.log(loss=1.0)
                if how == "exception":
                    raise KeyError("stop")
                if how == "return":
                    return
                break
            break

    if how == "exception":
        with pytest.raises(KeyError):
            run()
    else:
        run()
    assert screen.getvalue().count("\n") == 1


# ---- optimizers and losses of torch, freezing, compiling again


def test_parts_of_torch_in_compile() -> None:
    model = treadle.Sequential([treadle.Input((2,)), layers.Dense(1)])
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    model.compile(optimizer, nn.HuberLoss(), metrics=[nn.functional.l1_loss])
    history = model.fit(X, Y, epochs=3, verbose=0).history
    assert model.optimizer is optimizer
    assert history["loss"][2] < history["loss"][0]


def test_freezing_works_between_and_during_runs() -> None:
    model = treadle.Sequential([treadle.Input((2,)), layers.Dense(2), layers.Dense(1)])
    model.compile(treadle.optimizers.Adam(0.01), "mse")
    model.fit(X, Y, verbose=0)
    model.layers[0].trainable = False
    kept, moved = (layer.kernel.detach().clone() for layer in model.layers)
    model.fit(X, Y, verbose=0)
    assert torch.equal(model.layers[0].kernel, kept)
    assert not torch.equal(model.layers[1].kernel, moved)

    class Thaw(treadle.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.model.layers[0].trainable = epoch == 1

    model.fit(X, Y, epochs=2, callbacks=[Thaw()], verbose=0)
    assert not torch.equal(model.layers[0].kernel, kept)


def test_the_optimizer_goes_on_over_runs() -> None:
    model = recorder()
    for _ in range(3):
        model.fit(X, Y, verbose=0)
    assert int(model.optimizer.iterations) == 3
    model.compile("sgd", "mse")
    assert int(model.optimizer.iterations) == 0


def test_metrics_are_named_as_they_were_given() -> None:
    def distance(y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
        return (y_true - y_pred).abs().mean(-1)

    given = ["mae", "mse", distance, treadle.metrics.RootMeanSquaredError(name="r"), "mae"]
    model = recorder(metrics=given)
    logged = model.fit(X, Y, verbose=0).history
    assert list(logged) == ["loss", "mae", "mse", "distance", "r", "mae_1"]
    assert model.metrics_names == list(logged)
    assert logged["mae"] == logged["mae_1"] == pytest.approx(logged["distance"])
    assert [metric.name for metric in model.metrics][:3] == ["loss", "mae", "mse"]


def test_a_model_that_is_its_own_output() -> None:
    model = treadle.Sequential([treadle.Input((2,)), layers.ReLU()])
    model.compile("sgd", "mse")
    assert model.evaluate(X, X, verbose=0) == 0.0

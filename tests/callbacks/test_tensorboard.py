"""TensorBoard: what its own reader finds in the files."""

from __future__ import annotations

import builtins
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import treadle
from treadle.callbacks import Callback, TensorBoard

pytest.importorskip("tensorboard")
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

X, Y = np.random.default_rng(0).normal(size=(64, 4)).astype("float32"), np.ones((64, 1), "float32")


def small_model() -> Any:
    layers = treadle.layers
    model = treadle.Sequential(
        [treadle.Input((4,)), layers.Dense(3, name="first"), layers.Dense(1)]
    )
    model.compile(treadle.optimizers.SGD(0.1), "mse", metrics=["mae"])
    return model


def read(folder: Path) -> Any:
    events = EventAccumulator(
        str(folder), size_guidance={"images": 0, "scalars": 0, "histograms": 0}
    )
    events.Reload()
    return events


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = read(folder)
    return {
        tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }


def test_scalars_of_epochs_agree_with_the_history(tmp_path: Path) -> None:
    model = small_model()
    history = model.fit(
        X, Y, epochs=3, verbose=0, validation_data=(X, Y), callbacks=TensorBoard(tmp_path)
    ).history
    train, validation = scalars(tmp_path / "train"), scalars(tmp_path / "validation")
    assert set(train) == {"epoch_loss", "epoch_mae", "epoch_learning_rate"}
    assert set(validation) == {
        *("epoch_loss", "epoch_mae"),
        *("evaluation_loss_vs_iterations", "evaluation_mae_vs_iterations"),
    }
    for name in ("loss", "mae"):
        assert [step for step, _ in train[f"epoch_{name}"]] == [0, 1, 2]
        for found, key in ((train, name), (validation, f"val_{name}")):
            values = [value for _, value in found[f"epoch_{name}"]]
            np.testing.assert_allclose(values, history[key], rtol=1e-6)
    assert [step for step, _ in validation["evaluation_loss_vs_iterations"]] == [2, 4, 6]
    assert train["epoch_learning_rate"] == [(e, pytest.approx(0.1)) for e in range(3)]


@pytest.mark.parametrize(
    ("update_freq", "steps"), [("batch", [1, 2, 3, 4]), (3, [3]), ("epoch", [])]
)
def test_scalars_of_batches(update_freq: Any, steps: list[int], tmp_path: Path) -> None:
    board = TensorBoard(tmp_path, update_freq=update_freq, write_steps_per_second=True)
    small_model().fit(X, Y, epochs=2, verbose=0, callbacks=board)
    found = scalars(tmp_path / "train")
    assert [step for step, _ in found.get("batch_loss", [])] == steps
    assert [step for step, _ in found.get("batch_steps_per_second", [])] == steps
    assert all(value > 0 for _, value in found["epoch_steps_per_second"])


def test_histograms_images_and_the_graph(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path, histogram_freq=2, write_images=True)
    small_model().fit(X, Y, epochs=3, verbose=0, callbacks=board)
    events = read(tmp_path / "train")
    assert {"first/kernel/histogram", "first/bias/histogram"} <= set(events.Tags()["histograms"])
    assert [event.step for event in events.Histograms("first/kernel/histogram")] == [0, 2]
    image = events.Images("first/kernel/image")[0]
    assert (image.width, image.height) == (4, 3)
    assert events.Tags()["graph"]


def test_a_convolution_kernel_is_a_grid(tmp_path: Path) -> None:
    model = treadle.Sequential(
        [treadle.Input((6, 6, 2)), treadle.layers.Conv2D(5, (3, 4), name="c")]
    )
    model.compile("sgd", "mse")
    board = TensorBoard(tmp_path, histogram_freq=1, write_images=True)
    model.fit(np.ones((2, 6, 6, 2)), np.zeros((2, 4, 3, 5)), verbose=0, callbacks=board)
    image = read(tmp_path / "train").Images("c/kernel/image")[0]
    assert (image.width, image.height) == (4 * 2, 3 * 5)


def test_nothing_of_it_changes_the_training(tmp_path: Path) -> None:
    layers = treadle.layers
    ends = []
    for callbacks in (None, TensorBoard(tmp_path, 1, write_images=True, update_freq=1)):
        treadle._core.set_random_seed(1)
        model = treadle.Sequential(
            [layers.Dense(8), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(1)]
        )
        model.compile("adam", "mse")
        model.fit(X, Y, epochs=3, verbose=0, validation_split=0.25, callbacks=callbacks)
        ends.append(model.get_weights())
    for one, other in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", ["subclassed", "from_torch", "two_inputs"])
def test_every_kind_of_model_has_a_graph(kind: str, tmp_path: Path) -> None:
    class Own(treadle.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = treadle.layers.Dense(1)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    x: Any = X
    if kind == "two_inputs":
        ends = treadle.Input((4,)), treadle.Input((4,))
        model: Any = treadle.Model(list(ends), treadle.layers.Dense(1)(ends[0] + ends[1]))
        x = [X, X]
    else:
        model = Own() if kind == "subclassed" else treadle.Model.from_torch(nn.Linear(4, 1))
    model.compile("sgd", "mse")
    model.fit(x, Y, verbose=0, callbacks=TensorBoard(tmp_path))
    assert read(tmp_path / "train").Tags()["graph"]
    assert not model.training


def test_a_graph_that_cannot_be_traced_is_told(tmp_path: Path) -> None:
    class Choosy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if torch.jit.is_tracing():
                raise RuntimeError("not like this")
            return self.inner(x)

    model = treadle.Model.from_torch(Choosy())
    model.compile("sgd", "mse")
    with pytest.warns(
        treadle.TreadleWarning, match=r"(?s)no graph.*not like this.*write_graph=False"
    ):
        model.fit(X, Y, verbose=0, callbacks=TensorBoard(tmp_path))


@pytest.mark.parametrize("labels", ["one", "per_layer", "columns"])
def test_embeddings_have_their_labels(labels: str, tmp_path: Path) -> None:
    layers = treadle.layers
    model = treadle.Sequential(
        [
            treadle.Input((2,), dtype="int32"),
            layers.Embedding(5, 3, name="words"),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    file = tmp_path / "words.tsv"
    rows = [f"word{i}\t{i}" if labels == "columns" else f"word{i}" for i in range(5)]
    file.write_text("\n".join((["word\tnumber"] if labels == "columns" else []) + rows))
    metadata = {"words": file} if labels == "per_layer" else str(file)
    board = TensorBoard(
        tmp_path / "logs", write_graph=False, embeddings_freq=1, embeddings_metadata=metadata
    )
    model.fit(np.ones((4, 2), int), np.ones((4, 1)), verbose=0, callbacks=board)
    projector = (tmp_path / "logs" / "train" / "projector_config.pbtxt").read_text()
    assert "words" in projector
    tables = [
        Path(folder) / name for folder, _, names in os.walk(tmp_path / "logs") for name in names
    ]
    vectors = next(path for path in tables if path.name == "tensors.tsv")
    assert np.loadtxt(vectors).shape == (5, 3)
    assert next(path for path in tables if path.name == "metadata.tsv").read_text().split()[-1] in (
        *("word4", "4"),
    )


def test_labels_must_fit(tmp_path: Path) -> None:
    layers = treadle.layers
    model = treadle.Sequential(
        [layers.Embedding(5, 3, name="words"), layers.Flatten(), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    x, y = np.ones((4, 2), int), np.ones((4, 1))
    with pytest.raises(
        treadle.UnknownNameError, match=r"(?s)embedding layer.*did you mean 'words'"
    ):
        model.fit(
            x,
            y,
            verbose=0,
            callbacks=TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"word": "f"}),
        )
    (tmp_path / "short").write_text("a\nb\n")
    board = TensorBoard(
        tmp_path, write_graph=False, embeddings_freq=1, embeddings_metadata=tmp_path / "short"
    )
    with pytest.raises(treadle.DataError, match=r"(?s)do not fit.*5 lines.*2"):
        model.fit(x, y, verbose=0, callbacks=board)
    assert not board._writers


def test_users_write_images_of_their_own(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path, write_graph=False)

    class Pictures(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            board.train_writer.add_image("digit", np.ones((3, 5, 1)), epoch, dataformats="HWC")
            board.validation_writer.add_text("note", f"epoch {epoch}", epoch)

    small_model().fit(X, Y, epochs=2, verbose=0, callbacks=[board, Pictures()])
    assert [event.step for event in read(tmp_path / "train").Images("digit")] == [0, 1]
    assert read(tmp_path / "validation").Tags()["tensors"] == ["note/text_summary"]


def test_a_profile_is_written(tmp_path: Path) -> None:
    small_model().fit(X, Y, verbose=0, callbacks=TensorBoard(tmp_path, profile_batch=(1, 2)))
    assert list((tmp_path / "train").glob("*.pt.trace.json"))


def test_evaluate_alone_writes_and_closes(tmp_path: Path) -> None:
    model, board = small_model(), TensorBoard(tmp_path)
    model.evaluate(X, Y, verbose=0, callbacks=[board])
    assert "evaluation_loss_vs_iterations" in scalars(tmp_path / "validation")
    assert not board._writers


def test_steps_go_on_after_a_restart(tmp_path: Path) -> None:
    model = small_model()
    first, second = TensorBoard(tmp_path, update_freq=1), TensorBoard(tmp_path, update_freq=1)
    model.fit(X, Y, verbose=0, callbacks=first)
    second.load_state_dict(first.state_dict())
    model.fit(X, Y, epochs=2, initial_epoch=1, verbose=0, callbacks=second)
    assert [step for step, _ in scalars(tmp_path / "train")["batch_loss"]] == [1, 2, 3, 4]


def test_files_are_closed_when_training_fails(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path)

    def fail(*_: Any) -> None:
        raise KeyError("broken")

    with pytest.raises(KeyError):
        small_model().fit(
            X,
            Y,
            verbose=0,
            callbacks=[board, treadle.callbacks.LambdaCallback(on_train_batch_end=fail)],
        )
    assert not board._writers
    assert board._tracer is None


def test_a_hand_written_loop_writes_too(tmp_path: Path) -> None:
    net = nn.Linear(4, 1)
    loop = treadle.Loop(
        torch.from_numpy(X), model=net, verbose=0, callbacks=TensorBoard(tmp_path, histogram_freq=1)
    )
    for epoch in loop:
        for (x,) in epoch:
            epoch.log(loss=net(x).mean())
    events = read(tmp_path / "train")
    assert events.Tags()["scalars"] == ["epoch_loss"]
    assert events.Tags()["graph"]
    assert set(events.Tags()["histograms"]) == {"weight/histogram", "bias/histogram"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"update_freq": "step"}, '`update_freq` of TensorBoard.*"epoch", "batch" or a number'),
        ({"update_freq": 0}, "`update_freq` of TensorBoard.*integer >= 1"),
        ({"histogram_freq": -1}, "`histogram_freq` of TensorBoard"),
        ({"embeddings_freq": 1.5}, "`embeddings_freq` of TensorBoard"),
        ({"profile_batch": (5, 2)}, r"`profile_batch` of TensorBoard.*\(10, 20\)"),
        ({"profile_batch": "first"}, "`profile_batch` of TensorBoard"),
    ],
)
def test_wrong_arguments_are_told(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"(?s){message}"):
        TensorBoard(**arguments)


def test_a_missing_tensorboard_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("torch.utils.tensorboard"):
            raise ImportError("No module named 'tensorboard'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModuleNotFoundError, match=r"pip install treadle\[tensorboard\]"):
        TensorBoard()

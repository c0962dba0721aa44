"""What fit, evaluate and predict take as data, and what they refuse; class weights; going on and running dry."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from torch.utils.data import DataLoader, TensorDataset

import treadle
from tests.data.numbered import Numbered, X, Y
from treadle import data
from treadle._core import DataError, TreadleWarning
from treadle.data import Dataset
from treadle.utils import PyDataset


class Table:
    """A table in the manner of Hugging Face."""

    column_names = ("features", "label")
    shape = (60, 2)

    def __len__(self) -> int:
        return 60

    def __iter__(self) -> Any:
        raise AssertionError("row by row")

    def iter(self, batch_size: int) -> Any:
        for i in range(0, 60, batch_size):
            yield {"features": X[i : i + batch_size].tolist(), "label": Y[i : i + batch_size]}


class Foreign:
    """A tensor of another library, that knows how to become an array."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.shape = values.shape

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.values


class ForeignDataset:
    """Batches in the manner of tf.data."""

    element_spec = ("TensorSpec", "TensorSpec")

    def cardinality(self) -> Foreign:
        return Foreign(np.array(6))

    def __iter__(self) -> Any:
        return iter([(Foreign(x), Foreign(y)) for x, y in batches()])


def batches() -> list[Any]:
    return [(X[i : i + 10], Y[i : i + 10]) for i in range(0, 60, 10)]


def model(metrics: Any = None) -> Any:
    treadle.utils.set_random_seed(1)
    made = treadle.Sequential([treadle.Input((3,)), treadle.layers.Dense(2)])
    loss = treadle.losses.SparseCategoricalCrossentropy(from_logits=True)
    made.compile(treadle.optimizers.SGD(0.5), loss, metrics=metrics)
    return made


ROWS = TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "arrays": (lambda: (X, Y), {"batch_size": 10}),
    "tensors": (lambda: (torch.from_numpy(X), torch.from_numpy(Y)), {"batch_size": 10}),
    "lists": (lambda: (X.tolist(), Y.tolist()), {"batch_size": 10}),
    "frame": (lambda: (pd.DataFrame(X), pd.Series(Y)), {"batch_size": 10}),
    "frame of several kinds": (
        lambda: (pd.DataFrame(X).astype({0: "Float64"}), pd.Series(Y)),
        {"batch_size": 10},
    ),
    "sparse": (lambda: (scipy.sparse.csr_matrix(X), Y), {"batch_size": 10}),
    "sparse array": (lambda: (scipy.sparse.coo_array(X), Y), {"batch_size": 10}),
    "Dataset": (lambda: (Dataset.from_tensor_slices((X, Y)).batch(10),), {}),
    "Dataset with threads": (
        lambda: (Dataset.from_tensor_slices((X, Y)).map(lambda x, y: (x, y), 2).batch(10).prefetch(2),),
        {},
    ),
    "DataLoader": (lambda: (DataLoader(ROWS, batch_size=10),), {}),
    "torch data set": (lambda: (ROWS,), {"batch_size": 10}),
    "list of batches": (lambda: (batches(),), {}),
    "list of sparse batches": (
        lambda: ([[scipy.sparse.csr_array(x), y] for x, y in batches()].__iter__(),),
        {},
    ),
    "generator": (lambda: (b for b in [iter(batches())]), {}),
    "PyDataset": (lambda: (Numbered(),), {}),
    "PyDataset with threads": (lambda: (Numbered(workers=2),), {}),
    "PyDataset with processes": (lambda: (Numbered(workers=2, use_multiprocessing=True),), {}),
    "tf.data": (lambda: (ForeignDataset(),), {}),
    "Hugging Face": (lambda: (Table(),), {"batch_size": 10}),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_all_kinds_of_data_train_alike(kind: str) -> None:
    make, options = KINDS[kind]
    expected = model(["accuracy"]).fit(X, Y, batch_size=10, shuffle=False, verbose=0).history
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's about the number of cores
        trained = model(["accuracy"])
        found = trained.fit(*make(), **options, shuffle=False, verbose=0).history
        assert found == expected
        evaluated = trained.evaluate(*make(), **options, verbose=0)
        assert evaluated == pytest.approx(trained.evaluate(X, Y, verbose=0), rel=1e-5)
    assert not [t for t in threading.enumerate() if t.name.startswith("treadle")]


@pytest.mark.parametrize("kind", ["frame", "sparse", "Dataset", "PyDataset", "generator"])
def test_all_kinds_of_data_predict_alike(kind: str) -> None:
    trained = model()
    inputs = {
        "frame": pd.DataFrame(X),
        "sparse": scipy.sparse.csr_matrix(X),
        "Dataset": Dataset.from_tensor_slices(X).batch(7),
        "PyDataset": Numbered(),
        "generator": iter([X[:30], X[30:]]),
    }
    found = trained.predict(inputs[kind], verbose=0)
    np.testing.assert_allclose(found, trained.predict(X, verbose=0), rtol=1e-5)


def test_frames_go_by_row_order_and_one_index() -> None:
    frame, series = pd.DataFrame(X), pd.Series(Y)
    order = np.random.default_rng(1).permutation(60)
    both = model().fit(frame.iloc[order], series.iloc[order], shuffle=False, verbose=0).history
    assert both == model().fit(X[order], Y[order], shuffle=False, verbose=0).history
    with pytest.raises(DataError, match=r"(?s)`x` and `y` have different indexes.*row 0, .*y\.loc"):
        model().fit(frame, series.iloc[order], verbose=0)
    with pytest.raises(DataError, match=r"(?s)columns that are not numbers.*'name'.*get_dummies"):
        model().fit(frame.assign(name="a"), series, verbose=0)


def test_a_pydataset_is_told_of_epochs_and_shuffled_by_batches() -> None:
    numbered = Numbered()
    model().fit(numbered, epochs=2, verbose=0)
    assert numbered.events == ["begin", "end"] * 2
    source = data.make_source(Numbered(), shuffle=True, seed=4)
    firsts = [[batch[0][0, 0].item() for batch in source.epoch(i)] for i in (0, 1, 0)]
    assert firsts[0] == firsts[2] != firsts[1]
    assert sorted(firsts[0]) == sorted(X[::10, 0].tolist())
    assert [b[0][0, 0].item() for b in source.epoch(1, 4)] == firsts[1][4:]


def test_an_unfinished_pydataset_says_what_is_missing() -> None:
    class Nothing(PyDataset):
        def __len__(self) -> int:
            return 1

    with pytest.raises(NotImplementedError, match="Nothing cannot give a batch"):
        model().fit(Nothing(), verbose=0)


WRONG: list[tuple[Any, str]] = [
    (lambda: model().fit(Dataset.from_tensor_slices((X, Y)).batch(5), batch_size=5),
     r"(?s)`batch_size` cannot go.*fix:\s+use dataset\.batch\(5\)"),
    (lambda: model().fit(Dataset.from_tensor_slices((X, Y))), r"(?s)single rows.*fix:\s+dataset\.batch\(32\)"),
    (lambda: model().fit(Dataset.from_tensor_slices((X, Y)).batch(5).repeat()), r"(?s)no end.*steps_per_epoch"),
    (lambda: model().fit(Numbered(), Y), r"(?s)`y` cannot go with an iterable.*drop `y`"),
    (lambda: model().fit(Dataset.from_tensor_slices((X, Y)).batch(5), validation_split=0.2), "validation_split"),
    (lambda: model().fit(Dataset.from_tensor_slices((X, Y)).batch(5).take(0)), "yielded no batch"),
    (lambda: model().fit(iter([])), "yielded no batch"),
    (lambda: model().fit(X, Y, validation_data=iter([])), "yielded no batch"),
    (lambda: model().predict(Dataset.from_tensor_slices(X).batch(5).take(0)), "yielded no batch"),
    (lambda: model().fit(X, Y, class_weight={0: 1.0}), r"(?s)lacks classes.*none for 1.*add \{1: 1\.0\}"),
    (lambda: model().fit(X, Y, class_weight={0: 1.0, 1: 1.0, 7: 2.0}), r"(?s)no sample has.*keys 7"),
    (lambda: model().fit(X, Y, class_weight={0: -1.0, 1: 1.0}), "weight of class 0 cannot be used"),
    (lambda: model().fit(X, Y + 0.5, class_weight={0: 1.0, 1: 1.0}), "needs classes as targets"),
    (lambda: model().fit(iter(batches()), class_weight={1: 1.0}), r"lacks classes"),
]  # fmt: skip


@pytest.mark.parametrize(("run", "message"), WRONG)
def test_wrong_data_are_told(run: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run()


@pytest.mark.parametrize("weights", [{"cat": 1.0, 1: 2.0}, [1.0, 2.0], {}, {True: 1.0}, {0.5: 1.0}])
def test_class_weights_are_a_dict_by_number(weights: Any) -> None:
    with pytest.raises(TypeError, match="`class_weight`"):
        model().fit(X, Y, class_weight=weights, verbose=0)


@pytest.mark.parametrize("form", ["integers", "column", "one-hot", "batches", "with weights"])
def test_class_weights_are_sample_weights(form: str) -> None:
    table, own = {0: 1.0, 1: 5.0}, np.linspace(0.5, 2, 60).astype("float32")
    weights = np.where(Y == 1, 5.0, 1.0).astype("float32")
    if form == "with weights":
        found = data.weigh_classes(data.make_source(X, Y, own, batch_size=60), table)
        expected = own * weights
    elif form == "batches":
        found = data.weigh_classes(data.make_source([(X, Y)]), table)
        expected = weights
    else:
        targets = {"integers": Y, "column": Y[:, None], "one-hot": np.eye(2)[Y]}[form]
        found = data.weigh_classes(data.make_source(X, targets, batch_size=60), table)
        expected = weights
    (batch,) = found.epoch(0)
    np.testing.assert_allclose(batch[2], expected)
    one = model().fit(X, Y, class_weight=table, verbose=0).history
    assert one == model().fit(X, Y, sample_weight=weights, verbose=0).history


def test_class_weights_leave_validation_alone() -> None:
    weighted = model()
    options = {"validation_split": 0.5, "class_weight": {0: 2.0, 1: 9.0}, "verbose": 0}
    run = weighted.fit(X, Y, **options).history
    assert run["val_loss"][0] == pytest.approx(weighted.evaluate(X[30:], Y[30:], verbose=0))


def drawn(source: Any, index: int, count: int) -> list[float]:
    return [batch[0][0, 0].item() for batch in source.some(index, count)]


def test_steps_go_on_where_the_last_epoch_stopped() -> None:
    dataset = Dataset.from_tensor_slices(torch.arange(24.0)[:, None]).batch(4)
    source = data.make_source(dataset)
    assert [drawn(source, i, 2) for i in range(4)] == [[0, 4], [8, 12], [16, 20], [0, 4]]
    looped = data.make_source(dataset.repeat())
    assert [drawn(looped, i, 4) for i in range(3)] == [
        [0, 4, 8, 12],
        [16, 20, 0, 4],
        [8, 12, 16, 20],
    ]


@pytest.mark.parametrize("steps", [None, 2, 4])
@pytest.mark.parametrize("kind", ["Dataset", "PyDataset", "batches"])
def test_a_source_goes_on_from_its_state(kind: str, steps: int | None) -> None:
    def make() -> Any:
        treadle.utils.set_random_seed(2)
        dataset = Dataset.from_tensor_slices((X, Y)).shuffle(20).batch(10).repeat(2)
        return data.make_source(
            {"Dataset": dataset, "PyDataset": Numbered(), "batches": batches()}[kind]
        )

    def run(source: Any, epoch: int, start: int = 0) -> Any:
        return source.epoch(epoch, start) if steps is None else source.some(epoch, steps, start)

    whole = make()
    epochs = [[batch[0].sum().item() for batch in run(whole, epoch)] for epoch in range(3)]
    source = make()
    list(run(source, 0))
    iterator, position = run(source, 1), 2
    for _ in range(position):
        next(iterator)
    state = source.state_dict()
    treadle.utils.set_random_seed(77)
    again = data.make_source(
        Dataset.from_tensor_slices((X, Y)).shuffle(20).batch(10).repeat(2)
    ) if kind == "Dataset" else make()  # fmt: skip
    again.load_state_dict(state)
    assert [batch[0].sum().item() for batch in run(again, 1, position)] == epochs[1][position:]
    assert [batch[0].sum().item() for batch in run(again, 2)] == epochs[2]


def endless() -> Any:
    while True:
        yield X[:10], Y[:10]


def test_a_generator_that_runs_dry_ends_the_training_with_the_numbers() -> None:
    def finite() -> Any:
        yield from batches()

    with pytest.warns(TreadleWarning, match=r"(?s)The data ended early.*4 batches.*2 in epoch 2"):
        run = model().fit(finite(), epochs=9, steps_per_epoch=4, verbose=0)
    assert len(run.history["loss"]) == 2
    with pytest.warns(TreadleWarning, match=r"(?s)training data ran dry.*8 more epochs"):
        run = model().fit(finite(), epochs=9, verbose=0)
    assert len(run.history["loss"]) == 1
    with pytest.warns(TreadleWarning, match=r"(?s)training data ran dry.*6 more epochs"):
        run = model().fit(finite(), epochs=9, steps_per_epoch=2, verbose=0)
    assert len(run.history["loss"]) == 3


def test_a_generator_is_drawn_once_and_nothing_is_lost() -> None:
    seen: list[int] = []

    def numbered() -> Any:
        for number in range(6):
            seen.append(number)
            yield np.full((2, 3), number, "float32"), np.zeros(2, "int64")

    source = data.make_source(numbered())
    assert data.first_batch(source)[0][0, 0] == 0
    assert drawn(source, 0, 2) == [0, 1]
    assert not source.ended()
    assert drawn(source, 1, 4) == [2, 3, 4, 5]
    assert source.ended()
    assert seen == list(range(6))


def test_validation_with_a_generator_that_runs_dry_ends_the_training() -> None:
    with pytest.warns(TreadleWarning, match="(?s)validation data ran dry"):
        run = model().fit(X, Y, epochs=5, validation_data=iter(batches()), verbose=0)
    assert len(run.history["val_loss"]) == 1
    run = model().fit(X, Y, epochs=3, validation_data=endless(), validation_steps=2, verbose=0)
    assert len(run.history["val_loss"]) == 3


def test_validation_steps_take_the_same_batches_each_time() -> None:
    seen: list[float] = []

    class Watched(treadle.Sequential):
        def test_step(self, batch: Any) -> Any:
            seen.append(batch[0][0, 0].item())
            return super().test_step(batch)

    watched = Watched([treadle.layers.Dense(2)])
    loss = treadle.losses.SparseCategoricalCrossentropy(from_logits=True)
    watched.compile("sgd", loss)
    held = Dataset.from_tensor_slices((X, Y)).batch(10)
    watched.fit(X, Y, epochs=2, validation_data=held, validation_steps=2, verbose=0)
    assert seen == [X[0, 0], X[10, 0]] * 2
    with pytest.raises(ValueError, match="`validation_steps` cannot be used"):
        watched.fit(X, Y, validation_data=held, validation_steps=0)


def test_an_endless_generator_without_steps_is_worth_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("treadle.data._streams._LONG", 5)
    source = data.make_source(endless())
    with pytest.warns(TreadleWarning, match="(?s)has not ended.*5 batches in epoch 1"):
        for number, _ in enumerate(source.epoch(0)):
            if number == 8:
                break


def test_adding_validation_leaves_the_order_of_the_data_alone() -> None:
    def run(**options: Any) -> Any:
        treadle.utils.set_random_seed(3)
        dataset = (
            Dataset.from_tensor_slices((X, Y)).shuffle(60).map(lambda x, y: (x + torch.rand(3), y))
        )
        return model().fit(dataset.batch(10), epochs=2, verbose=0, **options).history["loss"]

    held = Dataset.from_tensor_slices((X, Y)).shuffle(60).batch(10)
    assert run() == run(validation_data=held)


class Stop(Exception):
    pass


@pytest.mark.parametrize("steps", [None, 4])
@pytest.mark.parametrize("kind", ["in memory", "mapped", "buffered elements"])
def test_a_run_on_a_dataset_resumes_with_the_same_bits(
    tmp_path: Any, kind: str, steps: int | None
) -> None:
    def run(folder: str, stop_at: int | None = None) -> Any:
        treadle.utils.clear_session()
        treadle.utils.set_random_seed(3 if folder == "whole" or stop_at else 99)
        rows = Dataset.from_tensor_slices((X, Y)).shuffle(15)
        if kind != "in memory":
            rows = rows.map(lambda x, y: (x + torch.rand(3), y), num_parallel_calls=2)
        if kind == "buffered elements":
            rows = rows.shuffle(7)
        dataset = rows.batch(10).prefetch(2)
        made = treadle.Sequential([treadle.Input((3,)), treadle.layers.Dense(2)])
        loss = treadle.losses.SparseCategoricalCrossentropy(from_logits=True)
        made.compile("adam", loss)
        taken = 0
        step = made.train_step

        def counted(batch: Any) -> Any:
            nonlocal taken
            taken += 1
            if taken == stop_at:
                raise Stop
            return step(batch)

        made.train_step = counted
        options = {"steps_per_epoch": steps, "resume": tmp_path / folder, "save_every": 5}
        return made.fit(dataset.repeat(2), epochs=3, verbose=0, **options).history["loss"]

    whole = run("whole")
    with pytest.raises(Stop):
        run("cut", stop_at=6)
    assert run("cut") == whole


IMAGES = np.random.default_rng(2).integers(0, 256, (12, 8, 8, 3)).astype("uint8")
CLASSES = np.arange(12) % 2
LOOKS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "unscaled": (IMAGES, {}, r"(?s)images look unscaled.*/ 255.*Rescaling"),
    "unscaled floats": (IMAGES.astype("float32"), {}, "images look unscaled"),
    "other layout": (IMAGES.transpose(0, 3, 1, 2) / 255, {}, r"(?s)look channels-first.*\(12, 3, 8, 8\)"),
    "sorted": (IMAGES / 255, {"validation_split": 0.25, "y": np.sort(CLASSES)}, "sorted by class"),
    "never validated": (
        IMAGES / 255,
        {"validation_data": (IMAGES / 255, CLASSES), "validation_freq": 3},
        "(?s)never used.*validation_freq=3, epochs=1",
    ),
}  # fmt: skip


def convolving(*before: Any) -> Any:
    kernel = treadle.layers.Conv2D(2, 3, padding="same")
    made = treadle.Sequential([*before, kernel, treadle.layers.Flatten(), treadle.layers.Dense(2)])
    made.compile("sgd", treadle.losses.SparseCategoricalCrossentropy(from_logits=True))
    return made


@pytest.mark.parametrize("name", LOOKS)
def test_what_is_rarely_meant_is_worth_a_word(name: str) -> None:
    x, options, message = LOOKS[name]
    with pytest.warns(TreadleWarning, match=message):
        convolving().fit(x, **{"y": CLASSES, "verbose": 0, **options})


def test_what_is_meant_is_taken_without_a_word() -> None:
    convolving(treadle.layers.Rescaling(1 / 255)).fit(IMAGES, CLASSES, verbose=0)
    scaled = IMAGES.astype("float32") / 255
    held = {"validation_data": (scaled, np.sort(CLASSES))}
    convolving().fit(scaled, CLASSES, validation_split=0.25, verbose=0)
    convolving().fit(scaled, np.sort(CLASSES), verbose=0, **held)

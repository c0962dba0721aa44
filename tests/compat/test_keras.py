"""Old Keras: arguments, methods, the backend's functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from tests.compat.rows import LOGITS, ONE_HOT, POSITIVE, X, Y
from tests.compat.test_values import compare
from treadle import TreadleWarning
from treadle.compat import look_alikes


@pytest.fixture(autouse=True)
def keras() -> Iterator[Any]:
    with look_alikes():
        import keras

        yield keras


def small_model(keras: Any, **kwargs: Any) -> Any:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", **kwargs)
    return model


class TestOldArguments:
    def test_leaky_relu(self, keras: Any) -> None:
        layer = keras.layers.LeakyReLU(alpha=0.2)
        assert type(layer) is treadle.layers.LeakyReLU
        assert isinstance(layer, keras.layers.LeakyReLU)
        assert issubclass(treadle.layers.LeakyReLU, keras.layers.LeakyReLU)
        assert layer.negative_slope == 0.2
        assert layer.get_config()["negative_slope"] == 0.2
        assert keras.layers.LeakyReLU(0.1).negative_slope == 0.1
        assert not isinstance(keras.layers.Dense(1), keras.layers.LeakyReLU)

    def test_the_same_argument_twice(self, keras: Any) -> None:
        with pytest.raises(
            TypeError, match=r"(?s)same argument twice.*alpha and negative_slope.*leave out alpha"
        ):
            keras.layers.LeakyReLU(alpha=0.2, negative_slope=0.1)

    def test_derived_classes(self, keras: Any) -> None:
        class Mine(keras.layers.LeakyReLU):
            def __init__(self) -> None:
                super().__init__(alpha=0.5)

        class Plain(keras.layers.LeakyReLU):
            pass

        assert Mine().negative_slope == 0.5
        assert Plain(alpha=0.25).negative_slope == 0.25
        assert isinstance(Mine(), keras.layers.LeakyReLU)
        assert isinstance(Mine(), treadle.layers.LeakyReLU)
        assert not isinstance(keras.layers.LeakyReLU(), Mine)

    def test_optimizers(self, keras: Any) -> None:
        optimizer = keras.optimizers.Adam(lr=0.1, epsilon=None)
        assert type(optimizer) is treadle.optimizers.Adam
        assert float(optimizer.lr) == float(optimizer.learning_rate) == pytest.approx(0.1)
        assert optimizer.get_config()["epsilon"] == 1e-7
        optimizer.lr = 0.5
        keras.backend.set_value(optimizer.lr, 0.25)
        assert keras.backend.get_value(optimizer.lr) == 0.25
        decayed = keras.optimizers.SGD(lr=0.1, decay=1.0)
        v = keras.backend.variable([0.0])
        for _ in range(2):
            decayed.apply_gradients([(torch.ones(1), v)])
        compare(v, np.float32([-0.1 - 0.05]))
        assert float(keras.optimizers.RMSprop(decay=0.5).learning_rate) == pytest.approx(0.001)
        assert keras.optimizers.get("adam").name

    @pytest.mark.parametrize(
        ("path", "kwargs"),
        [
            ("layers.BatchNormalization", {"fused": True}),
            ("layers.Embedding", {"input_dim": 4, "output_dim": 2, "input_length": 3}),
            ("callbacks.ReduceLROnPlateau", {"epsilon": 0.1}),
            ("regularizers.l2", {"l": 0.1}),
        ],
    )
    def test_others_are_taken(self, keras: Any, path: str, kwargs: dict[str, Any]) -> None:
        room, name = path.split(".")
        assert getattr(getattr(keras, room), name)(**kwargs) is not None

    def test_reductions_of_losses(self, keras: Any) -> None:
        loss = keras.losses.BinaryCrossentropy(reduction=keras.losses.Reduction.NONE)
        assert loss(ONE_HOT, POSITIVE).shape == (2,)


class TestOldMethods:
    def test_loss_weight_is_told(self, keras: Any) -> None:
        with pytest.warns(
            TreadleWarning, match="(?s)no argument `loss_weight`.*fix:.*loss_weights="
        ):
            small_model(keras, loss_weight=[2.0])

    def test_arguments_without_meaning_here(self, keras: Any) -> None:
        model = small_model(keras, experimental_run_tf_function=False)
        model.fit(X, X[:, :1], nb_epoch=2, workers=4, use_multiprocessing=True, verbose=0)
        assert len(model.history.history["loss"]) == 2
        model.evaluate(X, X[:, :1], max_queue_size=3, verbose=0)

    def test_generators(self, keras: Any) -> None:
        def batches() -> Iterator[Any]:
            while True:
                yield X, X[:, :1]

        model = small_model(keras)
        history = model.fit_generator(batches(), 3, epochs=2, verbose=0)
        assert len(history.history["loss"]) == 2
        assert model.evaluate_generator(batches(), 2, verbose=0) >= 0
        assert model.predict_generator(iter([(X, Y)]), 1, verbose=0).shape == (2, 1)

    def test_predict_classes(self, keras: Any) -> None:
        many = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
        assert many.predict_classes(X).tolist() == many.predict(X, verbose=0).argmax(-1).tolist()
        assert small_model(keras).predict_classes(X).shape == (2, 1)

    def test_the_name_of_a_weight_may_come_first(self, keras: Any) -> None:
        class Scale(keras.layers.Layer):
            def build(self, input_shape: Any) -> None:
                self.w = self.add_weight("scale", shape=[int(input_shape[-1])], initializer="ones")
                self.b = self.add_variable("shift", shape=(1,), initializer="zeros")

            def call(self, inputs: Any) -> Any:
                return inputs * self.w + self.b

        layer = Scale()
        compare(layer(torch.tensor(X)), X)
        assert [w.path.rpartition("/")[2] for w in layer.weights] == ["scale", "shift"]

        class Count(keras.metrics.Metric):
            def __init__(self) -> None:
                super().__init__(name="count")
                self.total = self.add_weight("total", initializer="zeros")

            def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
                self.total.assign_add(len(y_true))

            def result(self) -> Any:
                return self.total

        metric = Count()
        metric.update_state([1, 2], [1, 2])
        assert float(metric.result()) == 2
        metric.reset_states()
        assert float(metric.result()) == 0

    def test_minimize(self, keras: Any) -> None:
        v = keras.backend.variable([2.0])
        optimizer = keras.optimizers.SGD(0.5)
        optimizer.minimize(lambda: (v**2).sum(), [v])
        compare(v, [0.0])
        with pytest.raises(ValueError, match=r"(?s)without the tape.*tape="):
            optimizer.minimize((v**2).sum(), [v])

    def test_tensors(self, keras: Any) -> None:
        x = torch.tensor(X, requires_grad=True)
        compare((x * 2).numpy(), X * 2)
        compare(np.asarray(x * 2), X * 2)
        assert x.get_shape().as_list() == [2, 3]
        x.set_shape((None, 3))
        with pytest.raises(treadle.ShapeError):
            x.set_shape((4, 3))
        assert keras.Input((3,)).get_shape().as_list() == [None, 3]
        assert keras.backend.int_shape(keras.Input((3,))) == (None, 3)


BACKEND = [
    ("mean", (X,), X.mean()),
    ("mean", (X > 0,), (X > 0).mean(dtype="float32")),
    ("sum", (X, 1), X.sum(1)),
    ("std", (X, 0), X.std(0)),
    ("var", (X,), X.var()),
    ("max", (X, -1, True), X.max(-1, keepdims=True)),
    ("min", (X,), X.min()),
    ("prod", (X,), X.prod()),
    ("any", (X > 0, 1), (X > 0).any(1)),
    ("all", (X > 0, 1), (X > 0).all(1)),
    ("argmax", (X,), X.argmax(-1)),
    ("argmin", (X,), X.argmin(-1)),
    ("clip", (X, 0, 1), X.clip(0, 1)),
    ("square", (X,), X**2),
    ("dot", (X, Y.T), X @ Y.T),
    ("batch_dot", (X[:, None], Y[:, :, None]), np.einsum("bij,bjk->bik", X[:, None], Y[:, :, None])),
    ("batch_dot", (X, Y, 1), (X * Y).sum(1, keepdims=True)),
    ("flatten", (X,), X.ravel()),
    ("batch_flatten", (X[None],), X.reshape(1, -1)),
    ("concatenate", ([X, Y],), np.concatenate([X, Y], -1)),
    ("permute_dimensions", (X, (1, 0)), X.T),
    ("repeat", (X, 2), np.stack([X, X], 1)),
    ("repeat_elements", (X, 2, 1), np.repeat(X, 2, 1)),
    ("squeeze", (X[None], 0), X),
    ("one_hot", ([1, 0], 3), np.array([[0, 1, 0], [1, 0, 0]], "float32")),
    ("gather", (X, [1]), X[[1]]),
    ("relu", (X, 0.1), np.where(X >= 0, X, X * np.float32(0.1))),
    ("relu", (X, 0.0, 1.0), X.clip(0, 1)),
    ("elu", (X,), np.where(X > 0, X, np.expm1(X))),
    ("sigmoid", (X,), 1 / (1 + np.exp(-X))),
    ("hard_sigmoid", (X,), (0.2 * X + 0.5).clip(0, 1)),
    ("binary_crossentropy", (ONE_HOT, POSITIVE), -(ONE_HOT * np.log(POSITIVE) + (1 - ONE_HOT) * np.log(1 - POSITIVE))),
    ("binary_crossentropy", (ONE_HOT, X, True), np.log1p(np.exp(X)) - ONE_HOT * X),
    ("l2_normalize", (X, 1), X / np.linalg.norm(X, axis=1, keepdims=True)),
    ("switch", (X > 0, X, lambda: Y), np.where(X > 0, X, Y)),
    ("cast_to_floatx", ([1, 2],), np.array([1, 2], "float32")),
    ("in_top_k", (LOGITS, [0, 2], 1), [True, True]),
    ("zeros", ((2, 1),), np.zeros((2, 1), "float32")),
    ("ones", ((2, 1),), np.ones((2, 1), "float32")),
    ("random_uniform", ((2, 2), 3.0, 3.0), np.full((2, 2), 3, "float32")),
    ("random_normal", ((2, 2), 3.0, 0.0), np.full((2, 2), 3, "float32")),
    ("random_bernoulli", ((2, 2), 1.0), np.ones((2, 2), "float32")),
    ("dropout", (X, 0.0), X),
    ("bias_add", (X, [1.0, 1.0, 1.0]), X + 1),
    ("count_params", (torch.tensor(X),), 6),
    ("ndim", (torch.tensor(X),), 2),
    ("eval", (torch.tensor(X),), X),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "expected"), BACKEND, ids=[row[0] for row in BACKEND])
def test_backend(keras: Any, name: str, args: tuple[Any, ...], expected: Any) -> None:
    compare(getattr(keras.backend, name)(*args), expected)


def test_backend_crossentropies_and_settings(keras: Any) -> None:
    backend = keras.backend
    rows = -np.log(POSITIVE[[0, 1], [0, 2]] / POSITIVE.sum(1))
    compare(backend.categorical_crossentropy(ONE_HOT, POSITIVE), rows)
    compare(backend.sparse_categorical_crossentropy([0, 2], POSITIVE), rows)
    assert (backend.backend(), backend.floatx(), backend.epsilon()) == ("torch", "float32", 1e-7)
    assert backend.dtype(torch.ones(1)) == "float32"
    assert backend.is_keras_tensor(keras.Input((1,)))
    assert not backend.is_tensor(X)
    v = backend.variable([1.0])
    backend.batch_set_value([(v, [3.0])])
    assert backend.batch_get_value([v])[0].tolist() == [3.0]
    backend.clear_session()
    assert keras.layers.Dense(1).name == "dense"


def test_data_sets(keras: Any) -> None:
    import tensorflow_datasets as tfds

    (train, test), info = tfds.load(
        "digits:1.0.0",
        split=["train[:10%]", "test"],
        as_supervised=True,
        with_info=True,
        shuffle_files=True,
    )
    image, label = next(iter(train))
    assert tuple(image.shape) == (8, 8, 1)
    assert label.dtype == torch.int64
    assert info.features["label"].num_classes == 10
    assert info.splits["test"].num_examples == len(test)
    assert isinstance(next(iter(tfds.as_numpy(test)))[0], np.ndarray)
    assert "digits" in tfds.list_builders()
    with pytest.raises(ValueError, match="Unknown data set"):
        tfds.load("imagenet")


def test_summaries(tmp_path: Any) -> None:
    pytest.importorskip("tensorboard")
    import tensorflow as tf
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert tf.summary.scalar("loss", 1.0, step=0) is False
    writer = tf.summary.create_file_writer(str(tmp_path))
    with writer.as_default():
        for step in range(3):
            assert tf.summary.scalar("loss", tf.constant(step / 2), step=step)
        assert tf.summary.histogram("weights", X, step=0)
        assert tf.summary.image("digits", np.zeros((1, 4, 4, 1), "float32"), step=0)
        assert tf.summary.text("note", "hello", step=0)
        with pytest.raises(ValueError, match=r"(?s)needs a step.*step=epoch"):
            tf.summary.scalar("loss", 1.0)
    writer.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [event.value for event in events.Scalars("loss")] == [0.0, 0.5, 1.0]


def test_h5_checkpoints(keras: Any, tmp_path: Any) -> None:
    model = small_model(keras)
    checkpoint = keras.callbacks.ModelCheckpoint(
        str(tmp_path / "mymodel_{epoch}.h5"), save_best_only=True, monitor="loss", period=1
    )
    model.fit(X, X[:, :1], epochs=2, callbacks=[checkpoint], verbose=0)
    assert (tmp_path / "mymodel_1.h5").is_file()
    loaded = keras.models.load_model(str(tmp_path / "mymodel_1.h5"))
    assert loaded.predict(X, verbose=0).shape == (2, 1)

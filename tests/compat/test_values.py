"""Look-alikes of TensorFlow's functions give what NumPy says, on tensors, arrays and symbolic tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from tests.compat.rows import ELSEWHERE, ROWS, X, Y
from treadle.compat import look_alikes


@pytest.fixture(autouse=True)
def tf() -> Iterator[Any]:
    with look_alikes():
        import tensorflow

        yield tensorflow


def find(tf: Any, path: str) -> Any:
    for part in path.split("."):
        tf = getattr(tf, part)
    return tf


def compare(got: Any, expected: Any) -> None:
    if (
        isinstance(expected, tuple)
        and not isinstance(got, torch.Tensor)
        and len(expected) == len(got)
    ):
        for one, other in zip(got, expected, strict=True):
            compare(one, other)
        return
    wanted = np.asarray(expected)
    found = np.asarray(got)
    assert found.shape == wanted.shape
    if isinstance(expected, np.ndarray) and isinstance(got, torch.Tensor):
        assert (found.dtype.kind, wanted.dtype.kind) in {("f", "f"), ("c", "c"), ("b", "b")} or (
            found.dtype == wanted.dtype
        )
    exact = wanted.dtype.kind in "bi"
    np.testing.assert_allclose(found, wanted, rtol=0 if exact else 2e-5, atol=0 if exact else 2e-6)


@pytest.mark.parametrize(("name", "args", "kwargs", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_value(
    tf: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], expected: Any
) -> None:
    with np.errstate(all="ignore"):
        got = find(tf, name)(*args, **kwargs)
    if name == "linalg.eigh":
        got = (got[0], abs(got[1]))  # the sign of a vector is free
    if name == "linalg.qr":
        got = tuple(abs(item) for item in got)
    compare(got, expected)


TABLED = ("math", "nn", "linalg", "image")


def test_every_function_of_the_tables_has_a_row(tf: Any) -> None:
    tested = {row[0] for row in ROWS} | ELSEWHERE
    everywhere = {name.rpartition(".")[2] for name in tested}
    missing = [
        f"{room}.{name}"
        for room in TABLED
        for name in dir(getattr(tf, room))
        if f"{room}.{name}" not in tested and name not in everywhere
    ]
    assert missing == []


def test_the_top_has_what_the_rooms_have(tf: Any) -> None:
    for name in ("reduce_sum", "cast", "square", "multiply", "equal", "argmax"):
        assert getattr(tf, name) is getattr(tf.math, name)
    with pytest.raises(AttributeError, match=r"use tensorflow\.math\.log"):
        _ = tf.log  # only tf.math has it in TensorFlow 2


@pytest.mark.parametrize(
    "function",
    [
        lambda tf, x: tf.reduce_sum(x, axis=-1),
        lambda tf, x: tf.reduce_mean(tf.square(x)) * tf.ones_like(x),
        lambda tf, x: tf.concat([x, tf.zeros((tf.shape(x)[0], 2))], axis=1),
        lambda tf, x: tf.cast(tf.equal(x, 1.0), "float32") + tf.nn.softmax(x),
        lambda tf, x: tf.reshape(x, (-1, 3, 1)) * tf.constant([1.0, 2.0]),
        lambda tf, x: tf.math.l2_normalize(x, axis=1),
        lambda tf, x: tf.where(x > 0, x, tf.zeros_like(x)),
        lambda tf, x: tf.one_hot(tf.argmax(x, axis=1), 3),
        lambda tf, x: tf.keras.backend.std(x, axis=1, keepdims=True) + x,
        lambda tf, x: tf.clip_by_value(tf.transpose(x, [0, 1]), -1.0, 1.0),
        lambda tf, x: tf.split(tf.gather(x, [2, 0, 1], axis=1), 3, axis=1)[0],
        lambda tf, x: tf.keras.backend.batch_flatten(tf.expand_dims(x, 1)),
    ],
)
def test_symbolic_tensors_record_the_same(tf: Any, function: Callable[[Any, Any], Any]) -> None:
    inputs = treadle.Input((3,))
    model = treadle.Model(inputs, function(tf, inputs))
    values = torch.tensor(X)
    torch.testing.assert_close(model(values), function(tf, values))


def test_gradients_flow(tf: Any) -> None:
    v = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(tf.multiply(v, 3.0)))
    compare(tape.gradient(loss, v), [18.0, 36.0])


def test_no_gradient_through_stop_gradient(tf: Any) -> None:
    assert not tf.stop_gradient(tf.Variable(1.0)).requires_grad


def test_dtypes_are_those_of_tensorflow(tf: Any) -> None:
    assert tf.constant(1).dtype == tf.int32
    assert tf.constant(1.0).dtype == tf.float32
    assert tf.constant(np.ones(2)).dtype == tf.float64
    assert tf.constant([True]).dtype == tf.bool
    assert tf.argmax(X).dtype == tf.int64
    assert (tf.constant(np.float32(1)) * np.float32(2)).dtype == tf.float32
    assert tf.add(tf.constant(X), np.float64(1)).dtype == tf.float32


def test_strings_are_told(tf: Any) -> None:
    with pytest.raises(TypeError, match=r"(?s)cannot be made a tensor.*lists or NumPy arrays"):
        tf.constant("a")
    with pytest.raises(TypeError, match=r"(?s)no tensors of strings.*keep strings in lists"):
        tf.cast(1, "string")


def test_tensor_shapes(tf: Any) -> None:
    shape = tf.TensorShape([None, 3, 2])
    assert shape.as_list() == [None, 3, 2]
    assert (shape.rank, shape.ndims, shape.dims) == (3, 3, [None, 3, 2])
    assert shape[1:].num_elements() == 6
    assert shape.num_elements() is None
    assert not shape.is_fully_defined()
    assert shape.is_compatible_with((4, 3, 2))
    assert shape.concatenate([5]) == (None, 3, 2, 5)
    with pytest.raises(treadle.ShapeError, match=r"(?s)do not agree.*\(None, 3, 2\).*\(4, 4, 2\)"):
        shape.assert_is_compatible_with((4, 4, 2))


def test_sizes_compute_like_a_tensor(tf: Any) -> None:
    sizes = tf.shape(tf.ones((4, 6, 3)))
    assert sizes[:2] * 2 == (8, 12)
    assert sizes[1:] + (1, 2) == (7, 5)  # noqa: RUF005  a sum, not a join
    assert 10 - sizes == (6, 4, 7)
    assert sizes // 2 == (2, 3, 1)
    assert 2 + sizes == 2 * sizes - sizes + 2
    compare(sizes.numpy(), np.array([4, 6, 3], "int32"))
    assert tf.reshape(tf.ones((4, 6, 3)), sizes * 1).shape == (4, 6, 3)


def test_clip_by_global_norm(tf: Any) -> None:
    clipped, norm = tf.clip_by_global_norm([tf.constant([3.0]), None, tf.constant([4.0])], 1.0)
    assert float(norm) == 5.0
    assert clipped[1] is None
    compare(clipped[2], [0.8])


class TestRandom:
    @pytest.mark.parametrize("name", ["normal", "uniform", "truncated_normal"])
    def test_shape_seed_and_moments(self, tf: Any, name: str) -> None:
        function = getattr(tf.random, name)
        drawn = function((4000, 3))
        assert drawn.shape == (4000, 3)
        assert drawn.dtype == tf.float32
        expected = {"normal": (0, 1), "uniform": (0.5, 12**-0.5), "truncated_normal": (0, 0.88)}[
            name
        ]
        assert float(drawn.mean()) == pytest.approx(expected[0], abs=0.03)
        assert float(drawn.std()) == pytest.approx(expected[1], abs=0.03)
        tf.random.set_seed(3)
        first = function((5,))
        tf.random.set_seed(3)
        assert torch.equal(first, function((5,)))
        assert torch.equal(function((5,), seed=1), function((5,), seed=1))

    def test_integers(self, tf: Any) -> None:
        drawn = tf.random.uniform((1000,), minval=2, maxval=5, dtype=tf.int32)
        assert sorted(set(drawn.tolist())) == [2, 3, 4]
        with pytest.raises(ValueError, match=r"(?s)need an upper limit.*maxval=10"):
            tf.random.uniform((2,), dtype=tf.int32)

    def test_shuffle_categorical_poisson(self, tf: Any) -> None:
        assert sorted(tf.random.shuffle(tf.range(10)).tolist()) == list(range(10))
        assert tf.random.categorical([[0.0, 50.0]], 4).tolist() == [[1] * 4]
        assert float(tf.random.poisson((2000,), 3.0).mean()) == pytest.approx(3, abs=0.2)

    def test_dropout(self, tf: Any) -> None:
        dropped = tf.nn.dropout(tf.ones((1000, 4)), rate=0.25, noise_shape=(None, 1))
        assert torch.unique(dropped).tolist() == [0.0, pytest.approx(1 / 0.75)]
        assert torch.equal(dropped[:, 0], dropped[:, 3])
        assert float((dropped == 0).float().mean()) == pytest.approx(0.25, abs=0.05)

    @pytest.mark.parametrize(("name", "axis"), [("left_right", 1), ("up_down", 0)])
    def test_random_flips(self, tf: Any, name: str, axis: int) -> None:
        image = torch.arange(12.0).reshape(2, 6, 1)
        flips = [getattr(tf.image, f"random_flip_{name}")(image) for _ in range(40)]
        turned = sum(torch.equal(item, image.flip(axis)) for item in flips)
        assert 5 < turned < 35
        assert turned + sum(torch.equal(item, image) for item in flips) == 40


class TestControl:
    def test_branches_and_loops(self, tf: Any) -> None:
        assert tf.cond(tf.constant(True), lambda: 1, lambda: 2) == 1
        assert tf.case([(False, lambda: 1)], default=lambda: 3) == 3
        i, total = tf.while_loop(lambda i, t: i < 4, lambda i, t: (i + 1, t + i), (0, 0))
        assert (i, total) == (4, 6)
        compare(tf.map_fn(lambda row: row * 2, X), X * 2)
        compare(tf.vectorized_map(lambda row: row.sum(), X), X.sum(1))
        compare(tf.scan(lambda a, x: a + x, [1.0, 2.0, 3.0]), [1.0, 3.0, 6.0])
        compare(tf.numpy_function(lambda a: a + 1, [X], tf.float32), X + 1)
        compare(
            tf.py_function(lambda a, b: a + b, [torch.tensor(X), torch.tensor(Y)], tf.float32),
            X + Y,
        )

    def test_scopes_do_nothing(self, tf: Any) -> None:
        with (
            tf.name_scope("a"),
            tf.device("/CPU:0"),
            tf.control_dependencies([]),
            tf.device("/GPU:7"),
        ):
            assert tf.ones(()).device.type in ("cpu", "cuda")
        assert tf.executing_eagerly()
        assert tf.group(1, 2) is None
        assert tf.autograph.experimental.do_not_convert(compare) is compare
        assert tf.config.list_physical_devices("CPU")
        assert len(tf.config.experimental.list_physical_devices("GPU")) == torch.cuda.device_count()

    def test_print(self, tf: Any, capsys: pytest.CaptureFixture[str]) -> None:
        tf.print("loss:", tf.constant(1.5), tf.constant([1, 2]))
        assert capsys.readouterr().err == "loss: 1.5 [1 2]\n"

    def test_debugging(self, tf: Any) -> None:
        tf.debugging.assert_equal([1, 2], [1, 2])
        with pytest.raises(AssertionError, match="assert_less"):
            tf.debugging.assert_less([1, 2], [2, 2])
        with pytest.raises(treadle.DataError, match=r"(?s)bad gradient.*NaN"):
            tf.debugging.check_numerics([float("nan")], "bad gradient")

    def test_variables(self, tf: Any) -> None:
        v = tf.Variable(lambda: [1.0, 2.0], name="v")
        assert isinstance(v, tf.Variable)
        assert isinstance(v, treadle.Variable)
        assert isinstance(v, tf.Tensor)
        v.assign_add([1.0, 1.0])
        compare(v, [2.0, 3.0])
        assert not tf.Variable(3).requires_grad
        assert not tf.Variable(3.0, trainable=False).requires_grad

    def test_modules(self, tf: Any) -> None:
        class Line(tf.Module):
            def __init__(self) -> None:
                super().__init__(name="line")
                self.w = tf.Variable(2.0)
                self.steps = tf.Variable(0, trainable=False)

            def __call__(self, x: Any) -> Any:
                return self.w * x

        line = Line()
        assert float(line(3.0).detach()) == 6.0
        assert (len(line.variables), len(line.trainable_variables)) == (2, 1)

    def test_structures(self, tf: Any) -> None:
        nested = {"a": 1, "b": [2, 3]}
        assert tf.nest.flatten(nested) == [1, 2, 3]
        assert tf.nest.map_structure(lambda x: -x, nested) == {"a": -1, "b": [-2, -3]}
        assert tf.nest.pack_sequence_as(nested, [4, 5, 6]) == {"a": 4, "b": [5, 6]}

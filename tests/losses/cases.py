"""The table of losses: inputs, arguments, and a NumPy reference written from the formulas, in float64."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray
EPS = 1e-7


class Case(NamedTuple):
    """One loss with one set of arguments."""

    function: str
    cls: str
    arguments: dict[str, Any]
    make: Callable[..., tuple[Array, Array]]  # (random generator, shape of the samples) -> inputs
    reference: Callable[..., Array]  # (y_true, y_pred, **arguments) -> loss of each sample
    ranks: tuple[int, ...] = (2, 3, 4)

    @property
    def id(self) -> str:
        return "-".join([self.function, *(f"{k}={v}" for k, v in self.arguments.items())])


def real(rng: np.random.Generator, samples: tuple[int, ...]) -> tuple[Array, Array]:
    return rng.normal(size=(*samples, 4)), rng.normal(size=(*samples, 4))


def positive(rng: np.random.Generator, samples: tuple[int, ...]) -> tuple[Array, Array]:
    return rng.uniform(0.1, 3, (*samples, 4)), rng.uniform(0.1, 3, (*samples, 4))


def softmax(x: Array, axis: int = -1) -> Array:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def distributions(rng: np.random.Generator, samples: tuple[int, ...]) -> tuple[Array, Array]:
    return tuple(softmax(rng.normal(size=(*samples, 4))) for _ in range(2))  # type: ignore[return-value]


def binary(rng: np.random.Generator, samples: tuple[int, ...]) -> tuple[Array, Array]:
    shape = (*samples, 4)
    return rng.integers(0, 2, shape).astype(float), rng.uniform(0.01, 0.99, shape)


def binary_logits(rng: np.random.Generator, samples: tuple[int, ...]) -> tuple[Array, Array]:
    return binary(rng, samples)[0], 2 * rng.normal(size=(*samples, 4))


def signs(rng: np.random.Generator, samples: tuple[int, ...]) -> tuple[Array, Array]:
    return 2 * binary(rng, samples)[0] - 1, rng.normal(size=(*samples, 4))


def one_hot(rng: np.random.Generator, samples: tuple[int, ...]) -> tuple[Array, Array]:
    y_true = np.eye(4)[rng.integers(0, 4, samples)]
    return y_true, softmax(rng.normal(size=(*samples, 4)))


def one_hot_logits(rng: np.random.Generator, samples: tuple[int, ...]) -> tuple[Array, Array]:
    return one_hot(rng, samples)[0], 2 * rng.normal(size=(*samples, 4))


def labels(rng: np.random.Generator, samples: tuple[int, ...]) -> tuple[Array, Array]:
    return rng.integers(0, 4, samples), softmax(rng.normal(size=(*samples, 4)))


def label_logits(rng: np.random.Generator, samples: tuple[int, ...]) -> tuple[Array, Array]:
    return rng.integers(0, 4, samples), 2 * rng.normal(size=(*samples, 4))


def embeddings(rng: np.random.Generator, samples: tuple[int, ...]) -> tuple[Array, Array]:
    vectors = rng.normal(size=(*samples, 6))
    return rng.integers(0, 2, samples), vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def sequences(rng: np.random.Generator, samples: tuple[int, ...]) -> tuple[Array, Array]:
    y_true = rng.integers(1, 3, (*samples, 2))
    y_true[::2, 1] = 0
    return y_true, rng.normal(size=(*samples, 4, 3))


def mse(y: Array, p: Array) -> Array:
    return ((y - p) ** 2).mean(-1)


def mae(y: Array, p: Array) -> Array:
    return np.abs(y - p).mean(-1)


def mape(y: Array, p: Array) -> Array:
    return 100 * (np.abs(y - p) / np.maximum(np.abs(y), EPS)).mean(-1)


def msle(y: Array, p: Array) -> Array:
    return ((np.log(1 + np.maximum(y, EPS)) - np.log(1 + np.maximum(p, EPS))) ** 2).mean(-1)


def huber(y: Array, p: Array, delta: float = 1.0) -> Array:
    d = np.abs(y - p)
    return np.where(d <= delta, d**2 / 2, delta * d - delta**2 / 2).mean(-1)


def log_cosh(y: Array, p: Array) -> Array:
    return np.log(np.cosh(y - p)).mean(-1)


def cosine(y: Array, p: Array, axis: int = -1) -> Array:
    lengths = np.linalg.norm(y, axis=axis) * np.linalg.norm(p, axis=axis)
    return -(y * p).sum(axis) / lengths


def smoothed(y: Array, label_smoothing: float, classes: int) -> Array:
    return (1 - label_smoothing) * y + label_smoothing / classes


def probability(p: Array, from_logits: bool) -> Array:
    return 1 / (1 + np.exp(-p)) if from_logits else np.clip(p, EPS, 1 - EPS)


def bce(
    y: Array, p: Array, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Array:
    y, p = smoothed(y, label_smoothing, 2), probability(p, from_logits)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(axis)


def binary_focal(
    y: Array,
    p: Array,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    y, p = smoothed(y, label_smoothing, 2), probability(p, from_logits)
    values = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    values *= (1 - (y * p + (1 - y) * (1 - p))) ** gamma
    if apply_class_balancing:
        values *= y * alpha + (1 - y) * (1 - alpha)
    return values.mean(axis)


def class_probability(p: Array, from_logits: bool, axis: int) -> Array:
    if from_logits:
        return softmax(p, axis)
    return np.clip(p / p.sum(axis, keepdims=True), EPS, 1 - EPS)


def cce(
    y: Array, p: Array, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Array:
    y = smoothed(y, label_smoothing, p.shape[axis])
    return -(y * np.log(class_probability(p, from_logits, axis))).sum(axis)


def categorical_focal(
    y: Array,
    p: Array,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    y = smoothed(y, label_smoothing, p.shape[axis])
    p = class_probability(p, from_logits, axis)
    return -(np.asarray(alpha) * (1 - p) ** gamma * y * np.log(p)).sum(axis)


def scce(
    y: Array,
    p: Array,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Array:
    p = np.moveaxis(class_probability(p, from_logits, axis), axis, -1)
    values = -np.log(np.take_along_axis(p, y[..., None], -1))[..., 0]
    return values if ignore_class is None else np.where(y == ignore_class, 0.0, values)


def gce(y: Array, p: Array, q: float = 0.5) -> Array:
    p = np.clip(p, EPS, 1 - EPS)
    return (1 - np.take_along_axis(p, y[..., None], -1)[..., 0] ** q) / q


def kld(y: Array, p: Array) -> Array:
    y, p = np.clip(y, EPS, 1), np.clip(p, EPS, 1)
    return (y * np.log(y / p)).sum(-1)


def poisson(y: Array, p: Array) -> Array:
    return (p - y * np.log(p + EPS)).mean(-1)


def hinge(y: Array, p: Array) -> Array:
    y = 2 * y - 1 if np.isin(y, (0, 1)).all() else y
    return np.maximum(1 - y * p, 0).mean(-1)


def squared_hinge(y: Array, p: Array) -> Array:
    y = 2 * y - 1 if np.isin(y, (0, 1)).all() else y
    return (np.maximum(1 - y * p, 0) ** 2).mean(-1)


def categorical_hinge(y: Array, p: Array) -> Array:
    return np.maximum(0, ((1 - y) * p).max(-1) - (y * p).sum(-1) + 1)


def dice(y: Array, p: Array, axis: Any = None) -> Array:
    return 1 - 2 * (y * p).sum(axis) / (y.sum(axis) + p.sum(axis) + EPS)


def tversky(y: Array, p: Array, alpha: float = 0.5, beta: float = 0.5, axis: Any = None) -> Array:
    right, false_positive, false_negative = y * p, (1 - y) * p, y * (1 - p)
    errors = alpha * false_positive.sum(axis) + beta * false_negative.sum(axis)
    return 1 - right.sum(axis) / (right.sum(axis) + errors + EPS)


def circle(
    y: Array, p: Array, gamma: float = 80.0, margin: float = 0.4, remove_diagonal: bool = True
) -> Array:
    values = []
    for i, (label, vector) in enumerate(zip(y, p, strict=True)):
        pull = push = 0.0
        for j, (other_label, other) in enumerate(zip(y, p, strict=True)):
            s = vector @ other
            if label != other_label:
                push += np.exp(gamma * max(s + margin, 0) * (s - margin))
            elif i != j or not remove_diagonal:
                pull += np.exp(-gamma * max(1 + margin - s, 0) * (s - 1 + margin))
        values.append(np.log1p(pull * push))
    return np.array(values)


def ctc(y: Array, p: Array) -> Array:
    """Sum over every path of classes that collapses to the labels."""
    values = []
    for labels_, logits in zip(y, p, strict=True):
        steps = softmax(logits)
        total = 0.0
        for path in itertools.product(range(steps.shape[1]), repeat=len(steps)):
            merged = [c for c, _ in itertools.groupby(path) if c != 0]
            if merged == [c for c in labels_ if c != 0]:
                total += np.prod(steps[np.arange(len(steps)), list(path)])
        values.append(-np.log(total))
    return np.array(values)


def rows(
    function: str,
    cls: str,
    make: Callable[..., tuple[Array, Array]],
    reference: Callable[..., Array],
    *arguments: dict[str, Any],
    ranks: tuple[int, ...] = (2, 3, 4),
) -> list[Case]:
    given = arguments or ({},)
    return [Case(function, cls, kwargs, make, reference, ranks) for kwargs in given]


LOGITS = {"from_logits": True}
BCE, CCE = "binary_crossentropy", "categorical_crossentropy"
FOCAL, SPARSE = "binary_focal_crossentropy", "sparse_categorical_crossentropy"
CFOCAL, GCE = "categorical_focal_crossentropy", "categorical_generalized_cross_entropy"
CASES: list[Case] = [
    *rows("mean_squared_error", "MeanSquaredError", real, mse),
    *rows("mean_absolute_error", "MeanAbsoluteError", real, mae),
    *rows("mean_absolute_percentage_error", "MeanAbsolutePercentageError", positive, mape),
    *rows("mean_squared_logarithmic_error", "MeanSquaredLogarithmicError", positive, msle),
    *rows("huber", "Huber", real, huber, {}, {"delta": 0.3}),
    *rows("log_cosh", "LogCosh", real, log_cosh),
    *rows("cosine_similarity", "CosineSimilarity", real, cosine, {}, {"axis": 1}),
    *rows(BCE, "BinaryCrossentropy", binary, bce, {}, {"label_smoothing": 0.2}, {"axis": 1}),
    *rows(BCE, "BinaryCrossentropy", binary_logits, bce, LOGITS),
    *rows(BCE, "BinaryCrossentropy", binary_logits, bce, {**LOGITS, "label_smoothing": 0.2}),
    *rows(FOCAL, "BinaryFocalCrossentropy", binary, binary_focal, {}, {"gamma": 0.5}, {"axis": 1}),
    *rows(
        FOCAL,
        "BinaryFocalCrossentropy",
        binary,
        binary_focal,
        {"apply_class_balancing": True, "alpha": 0.4},
        {"apply_class_balancing": True, "label_smoothing": 0.1},
    ),
    *rows(FOCAL, "BinaryFocalCrossentropy", binary_logits, binary_focal, LOGITS),
    *rows(CCE, "CategoricalCrossentropy", one_hot, cce, {}, {"label_smoothing": 0.2}),
    *rows(CCE, "CategoricalCrossentropy", one_hot_logits, cce, LOGITS),
    *rows(CCE, "CategoricalCrossentropy", one_hot_logits, cce, {**LOGITS, "label_smoothing": 0.2}),
    *rows(CFOCAL, "CategoricalFocalCrossentropy", one_hot, categorical_focal, {}, {"gamma": 0.5}),
    *rows(
        CFOCAL,
        "CategoricalFocalCrossentropy",
        one_hot,
        categorical_focal,
        {"alpha": [0.1, 0.2, 0.3, 0.4], "label_smoothing": 0.1},
    ),
    *rows(CFOCAL, "CategoricalFocalCrossentropy", one_hot_logits, categorical_focal, LOGITS),
    *rows(SPARSE, "SparseCategoricalCrossentropy", labels, scce, {}, {"ignore_class": 2}),
    *rows(SPARSE, "SparseCategoricalCrossentropy", label_logits, scce, LOGITS),
    *rows(
        SPARSE, "SparseCategoricalCrossentropy", label_logits, scce, {**LOGITS, "ignore_class": 0}
    ),
    *rows(GCE, "CategoricalGeneralizedCrossEntropy", labels, gce, {"q": 0.5}, {"q": 0.9}),
    *rows("kl_divergence", "KLDivergence", distributions, kld),
    *rows("poisson", "Poisson", positive, poisson),
    *rows("hinge", "Hinge", signs, hinge),
    *rows("hinge", "Hinge", binary_logits, hinge),
    *rows("squared_hinge", "SquaredHinge", signs, squared_hinge),
    *rows("categorical_hinge", "CategoricalHinge", one_hot_logits, categorical_hinge),
    *rows("dice", "Dice", binary, dice, {}, {"axis": -1}),
    *rows("dice", "Dice", binary, dice, {"axis": (1, 2)}, ranks=(3, 4)),
    *rows("tversky", "Tversky", binary, tversky, {}, {"alpha": 0.3, "beta": 0.7, "axis": -1}),
    *rows("circle", "Circle", embeddings, circle, {}, {"gamma": 2.0, "margin": 0.1}, ranks=(2,)),
    *rows("circle", "Circle", embeddings, circle, {"remove_diagonal": False}, ranks=(2,)),
    *rows("ctc", "CTC", sequences, ctc, ranks=(2,)),
]
SAMPLES = {2: (5,), 3: (5, 3), 4: (5, 3, 2)}
RANKED = [(case, rank) for case in CASES for rank in case.ranks]
# A weight or mask per sample needs values with the batch as their first axis.
PER_SAMPLE = [
    case
    for case in CASES
    if case.arguments.get("axis", -1 if case.cls not in ("Dice", "Tversky") else None) == -1
]

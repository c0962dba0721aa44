"""`as_metric`: what an entry of `compile(metrics=[...])` means, given targets and outputs."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from treadle import losses
from treadle._core import ShapeError, StateError, explain
from treadle.metrics._accuracy import (
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
)
from treadle.metrics._adapters import (
    LossMetric,
    SklearnMetric,
    TorchmetricsMetric,
    is_sklearn_metric,
    is_torch_loss,
    is_torchmetric,
)
from treadle.metrics._base import Metric
from treadle.metrics._crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from treadle.metrics._family import FAMILY
from treadle.metrics._reduction import MeanMetricWrapper

Shape = Sequence[int | None]

_BY_SHAPE = {
    "accuracy": (BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy),
    "crossentropy": (BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy),
}
_BY_SHAPE["acc"], _BY_SHAPE["ce"] = _BY_SHAPE["accuracy"], _BY_SHAPE["crossentropy"]


def needs_shapes(identifier: Any) -> bool:
    """Return whether `as_metric` must know the shapes of target and output to read `identifier`."""
    return isinstance(identifier, str) and identifier in _BY_SHAPE


def as_metric(
    identifier: Any,
    *,
    output_shape: Shape | None = None,
    target_shape: Shape | None = None,
    loss: Any = None,
) -> Metric:
    """Return the metric object that an entry of `compile(metrics=[...])` means.

    Args:
        identifier: A metric, a name, a configuration, or a function `(y_true, y_pred)`; also a
            function of `sklearn.metrics`, a torchmetrics object, or a treadle or torch loss.
            `"accuracy"` and `"crossentropy"` (or `"acc"`, `"ce"`) mean the binary, categorical or
            sparse form, by the shapes.
        output_shape: Shape of the predictions with the batch axis; sizes may be None.
        target_shape: Shape of the targets, likewise.
        loss: The loss beside it: one with `from_logits=True` tells `"accuracy"` and
            `"crossentropy"` to read logits.

    Returns:
        The metric; one that was given is returned as it is.

    Raises:
        ValueError: for a metric named `loss`, which would hide the loss in the logs.
        UnknownNameError: for a name that is not known.
        StateError: for a name that needs the shapes when they are not given.

    Example:
        >>> import treadle
        >>> treadle.metrics.as_metric("accuracy", output_shape=(None, 10), target_shape=(None,))
        <SparseCategoricalAccuracy name=accuracy>
    """
    if needs_shapes(identifier):
        return _by_shapes(identifier, output_shape, target_shape, loss)
    found = FAMILY.get(identifier) if isinstance(identifier, str) else identifier
    made = found if isinstance(found, Metric) else _wrapped(found)
    if made.name == "loss":
        raise ValueError(
            explain(
                "A metric cannot be named 'loss'.",
                expected="a name of its own: the logs keep the loss under 'loss'",
                got=f"{type(made).__name__}(name='loss')",
                fix="give the metric another name=",
            )
        )
    return made


def _wrapped(found: Any) -> Metric:
    if isinstance(found, (Mapping, type)):
        return FAMILY.get(found)
    if isinstance(found, losses.Loss):
        return LossMetric(found)
    if is_sklearn_metric(found):
        return SklearnMetric(found)
    if is_torchmetric(found):
        return TorchmetricsMetric(found)
    if is_torch_loss(found):
        return LossMetric(losses.as_loss(found))
    if not callable(found):
        return FAMILY.get(found)  # raises
    function = found.func if isinstance(found, functools.partial) else found
    return MeanMetricWrapper(found, getattr(function, "__name__", None))


def _form(output_shape: Shape, target_shape: Shape) -> str:
    """Return `"binary"`, `"categorical"` or `"sparse"`."""
    if len(output_shape) <= 1 or output_shape[-1] == 1:
        return "binary"
    if len(target_shape) == len(output_shape) - 1:
        return "sparse"
    if len(target_shape) == len(output_shape):
        if target_shape[-1] == output_shape[-1]:
            return "categorical"
        if target_shape[-1] == 1:
            return "sparse"
    raise ShapeError(
        explain(
            "Targets and outputs do not fit each other.",
            expected=f"class labels of shape {tuple(output_shape[:-1])} or one-hot rows of shape "
            f"{tuple(output_shape)}",
            got=f"targets of shape {tuple(target_shape)}",
            fix="reshape the targets, or give the output layer another width",
        )
    )


def _reads_logits(loss: Any) -> bool:
    """Return whether `loss` (an object, or a partial) takes logits."""
    if isinstance(loss, functools.partial):
        return bool(loss.keywords.get("from_logits"))
    inner = getattr(loss, "fn", loss)  # a criterion of torch may be wrapped
    logits_only = ("BCEWithLogitsLoss", "CrossEntropyLoss")
    functions = ("binary_cross_entropy_with_logits", "cross_entropy")
    return (
        bool(getattr(loss, "from_logits", False))
        or type(inner).__name__ in logits_only
        or getattr(inner, "__name__", "") in functions
    )


def _by_shapes(
    name: str, output_shape: Shape | None, target_shape: Shape | None, loss: Any
) -> Metric:
    if output_shape is None or target_shape is None:
        raise StateError(
            explain(
                f"What {name!r} means depends on the shapes of targets and outputs.",
                expected="output_shape and target_shape",
                got="none",
                fix="name the metric itself, such as 'sparse_categorical_accuracy'",
            )
        )
    form = _form(output_shape, target_shape)
    cls: Any = _BY_SHAPE[name][("binary", "categorical", "sparse").index(form)]
    logits = _reads_logits(loss)
    if name in ("crossentropy", "ce"):
        return cls(name, from_logits=logits)
    return cls(name, threshold=0.0) if form == "binary" and logits else cls(name)

"""Metrics of others as treadle metrics: functions of scikit-learn, objects of torchmetrics, losses.

Nothing is imported from either library: what is theirs is known by its module's name or its
methods.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from typing import Any

import torch

from treadle._core import DataError, TreadleWarning, explain, snake_case
from treadle.losses import Loss
from treadle.metrics._base import Metric
from treadle.metrics._inputs import pair
from treadle.metrics._reduction import Mean

# These functions of scikit-learn's classification module take probabilities, not labels.
_TAKE_PROBABILITIES = ("log_loss", "d2_log_loss_score", "d2_brier_score", "brier_score_loss")


def is_sklearn_metric(found: Any) -> bool:
    """Return whether `found` is a function of scikit-learn, or a partial of one."""
    function = found.func if isinstance(found, functools.partial) else found
    module = getattr(function, "__module__", None) or ""
    return callable(function) and not isinstance(function, type) and module.startswith("sklearn.")


def is_torchmetric(found: Any) -> bool:
    """Return whether `found` is an object with torchmetrics' methods."""
    methods = ("update", "compute", "reset")
    return not isinstance(found, (type, Metric)) and all(
        callable(getattr(found, method, None)) for method in methods
    )


def is_torch_loss(found: Any) -> bool:
    """Return whether `found` is a criterion or a function of torch, which take (y_pred, y_true)."""
    module = getattr(found, "__module__", None) or type(found).__module__
    return module.startswith("torch.nn.")


def _warn_of_weights(name: str, taker: str) -> None:
    warnings.warn(
        explain(
            f"Metric {name!r} ignores the sample weights and the mask.",
            expected="a metric that takes sample weights",
            got=taker,
            fix="use the metric of treadle.metrics, or leave the weights out",
        ),
        TreadleWarning,
        stacklevel=4,
    )


class LossMetric(Mean):
    """The mean of a loss object over batches, each counting as many samples as it has."""

    def __init__(self, loss: Loss, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name or loss.name, dtype)
        self.loss = loss

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None
    ) -> None:
        """Take the loss of a batch into account."""
        y_true, y_pred = pair(y_true, y_pred)
        value = self.loss(y_true, y_pred, sample_weight, mask)
        batch = y_pred.shape[0] if y_pred.dim() else 1
        self._add(value.expand(batch) if value.dim() == 0 else value, None)


class SklearnMetric(Metric):
    """A function of `sklearn.metrics` over everything since the last reset.

    Targets, predictions and weights are collected where they are, and brought to the CPU when the
    result is read.
    """

    def __init__(self, function: Any, name: str | None = None, dtype: Any = None) -> None:
        plain = function.func if isinstance(function, functools.partial) else function
        super().__init__(dtype, name or plain.__name__)
        self._function = function
        parameters = list(inspect.signature(plain).parameters)
        self._takes_weights = "sample_weight" in parameters
        module = plain.__module__.rpartition(".")[2]
        self._takes_labels = (
            module == "_classification"
            and parameters[1] == "y_pred"
            and plain.__name__ not in _TAKE_PROBABILITIES
        )
        if len(parameters) < 2 or parameters[0] != "y_true":
            raise TypeError(
                explain(
                    f"{plain.__name__} cannot be a metric of a model.",
                    expected="a function of targets and predictions, such as f1_score",
                    got=f"{plain.__name__}({', '.join(parameters[:3])}, ...)",
                )
            )
        self._collected: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]] = []
        self._cached: tuple[int, Any] | None = None

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Keep a batch."""
        y_true, y_pred = pair(y_true, y_pred)
        if sample_weight is not None:
            if not self._takes_weights:
                if not self._collected:
                    _warn_of_weights(self.name, "a function without `sample_weight`")
                sample_weight = None
            else:
                sample_weight = pair(sample_weight, y_pred)[0].reshape(-1).clone()
        # Copies: a caller may write the next batch into the same memory.
        self._collected.append((y_true.clone(), y_pred.clone(), sample_weight))

    def result(self) -> Any:
        """Return what the function says of everything collected; 0 if that is nothing."""
        count = len(self._collected)
        if not count:
            return torch.zeros((), dtype=self._compute_dtype)
        if self._cached is None or self._cached[0] != count:
            self._cached = (count, self._compute())
        return self._cached[1]

    def reset_state(self) -> None:
        """Forget everything collected."""
        self._collected.clear()
        self._cached = None

    def _compute(self) -> Any:
        truths, predictions, weights = zip(*self._collected, strict=True)
        y_true = torch.cat([_column(item) for item in truths]).cpu()
        y_pred = torch.cat([_column(item) for item in predictions]).cpu()
        y_pred = y_pred.float() if y_pred.is_floating_point() else y_pred
        if y_pred.dim() == 1 and y_true.dim() == 2:
            y_true = y_true.reshape(-1)
        if self._takes_labels:
            y_true, y_pred = _as_labels(y_true, y_pred, self.name)
        elif y_pred.dim() == 2 and y_pred.shape[1] == 2 and y_true.dim() == 1:
            y_pred = y_pred[:, 1]  # scikit-learn's binary scores are those of the class 1
        options = {}
        if any(item is not None for item in weights):
            sizes = [item.shape[0] for item in truths]
            filled = [
                torch.ones(size) if item is None else item.cpu()
                for item, size in zip(weights, sizes, strict=True)
            ]
            options["sample_weight"] = torch.cat(filled).numpy()
        return self._function(y_true.numpy(), y_pred.numpy(), **options)


def _column(values: torch.Tensor) -> torch.Tensor:
    """Return (batch, 1) as (batch,)."""
    return values.squeeze(-1) if values.dim() > 1 and values.shape[-1] == 1 else values


def _as_labels(
    y_true: torch.Tensor, y_pred: torch.Tensor, owner: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scores as labels: the largest of a row, or what is above 0.5."""
    one_hot = y_true.dim() == 2 and bool((y_true.sum(-1) == 1).all())
    if y_pred.dim() > 1 and (y_true.dim() < y_pred.dim() or one_hot):
        return (y_true.argmax(-1) if one_hot else y_true.long()), y_pred.argmax(-1)
    if y_pred.is_floating_point() and y_pred.numel():
        lowest, highest = float(y_pred.min()), float(y_pred.max())
        if not (lowest >= -1e-3 and highest <= 1 + 1e-3):
            raise DataError(
                explain(
                    f"{owner}: the predictions are not probabilities, so 0.5 does not part them.",
                    expected="values in [0, 1]",
                    got=f"values from {lowest:g} to {highest:g}",
                    fix="end the model in a sigmoid",
                )
            )
        y_pred = y_pred > 0.5
    return y_true.long(), y_pred.long()


class TorchmetricsMetric(Metric):
    """An object with torchmetrics' `update(preds, target)`, `compute()` and `reset()`."""

    def __init__(self, inner: Any, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(dtype, name or snake_case(type(inner).__name__))
        self.inner = inner
        self._whole_targets = ".classification" in type(inner).__module__
        self._updated = False

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Hand a batch on; torchmetrics takes no weights."""
        y_true, y_pred = pair(y_true, y_pred)
        if sample_weight is not None and not self._updated:
            _warn_of_weights(self.name, f"{type(self.inner).__name__}, which takes none")
        if y_true.dim() == y_pred.dim() and y_true.shape[-1] == 1 != y_pred.shape[-1]:
            y_true = y_true.squeeze(-1)
        elif y_pred.dim() == y_true.dim() + 1 and y_pred.shape[-1] == 1:
            y_pred = y_pred.squeeze(-1)
        if self._whole_targets and y_true.is_floating_point():
            y_true = y_true.long()
        if getattr(self.inner, "device", y_pred.device) != y_pred.device:
            self.inner.to(y_pred.device)
        self.inner.update(y_pred, y_true)
        self._updated = True

    def result(self) -> Any:
        """Return what the object computes; 0 before the first update."""
        return self.inner.compute() if self._updated else torch.zeros(())

    def reset_state(self) -> None:
        """Reset the object."""
        self.inner.reset()
        self._updated = False

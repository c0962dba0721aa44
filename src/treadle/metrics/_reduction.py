"""`Sum`, `Mean`, and `MeanMetricWrapper`: the mean of a function of targets and predictions.

Most metrics are the last. An unweighted update of a mean adds three kernels (sum, and two adds of
one number) to those of the function, and looks at no value.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import torch

from treadle._core import TreadleWarning, explain
from treadle.metrics._base import Metric
from treadle.metrics._checks import check_weights
from treadle.metrics._family import FAMILY, FUNCTIONS, metric
from treadle.metrics._inputs import (
    align_weights,
    as_tensor,
    class_labels,
    combined,
    pair,
    same_shape,
)


def weigh(
    values: torch.Tensor, weights: torch.Tensor, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return `values * weights`, 0 where the weight is 0, and the weights in that rank."""
    missing = values.dim() - weights.dim()
    if missing:
        weights = weights.reshape(weights.shape + (1,) * missing)
    if weights.dtype != dtype:
        weights = weights.to(dtype)
    # What is masked may be NaN or infinite, and must not spoil the sum.
    return torch.where(weights != 0, values * weights, 0.0), weights


@metric()
class Sum(Metric):
    """The weighted sum of the values it is given.

    Args:
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. Sums are kept in float64.

    Example:
        >>> import treadle
        >>> metric = treadle.metrics.Sum()
        >>> metric.update_state([1.0, 3.0], sample_weight=[1.0, 0.5]).result()
        tensor(2.5000)
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable((), name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add `values`, a number or (batch, ...), each times its weight."""
        if not isinstance(values, torch.Tensor):
            values = as_tensor(values)
        self._follow(values)
        if sample_weight is not None:
            sample_weight = align_weights(sample_weight, values, self.name)
            if not self._checked and self._first_update():
                check_weights(sample_weight, self.name)
            values = weigh(values, sample_weight, self._compute_dtype)[0]
        total = self._buffers["total"]
        total.add_(values.sum(dtype=total.dtype))

    def result(self) -> torch.Tensor:
        """Return the sum so far."""
        return self._buffers["total"]


@metric()
class Mean(Metric):
    """The weighted mean of the values it is given.

    Each sample counts as much as its weight, however the samples are split into batches; of a value
    with further axes, the mean over them counts.

    Args:
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. Sums are kept in float64.

    Example:
        >>> import treadle
        >>> metric = treadle.metrics.Mean()
        >>> metric.update_state([1.0, 3.0]).update_state([5.0]).result()
        tensor(3.)
        >>> metric.reset_state()
        >>> metric.update_state([1.0, 3.0], sample_weight=[3.0, 1.0]).result()
        tensor(1.5000)
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable((), name="total")
        self.count = self.add_variable((), name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Take `values`, a number or (batch, ...), into account, each sample with its weight."""
        if not isinstance(values, torch.Tensor):
            values = as_tensor(values)
        if sample_weight is not None:
            sample_weight = align_weights(sample_weight, values, self.name)
            if not self._checked and self._first_update():
                check_weights(sample_weight, self.name)
        self._add(values, sample_weight)

    def _add(self, values: torch.Tensor, weights: torch.Tensor | None) -> None:
        """Add (batch, ...) values; both sums count samples, so further axes are averaged."""
        total, count = self._buffers["total"], self._buffers["count"]
        if total.device != values.device:
            self._follow(values)
        size = values.numel()
        if not size:
            return
        batch = values.shape[0] if values.dim() else 1
        if weights is None:
            total.add_(values.sum(dtype=total.dtype), alpha=batch / size)
            count.add_(batch)
        else:
            values, weights = weigh(values, weights, self._compute_dtype)
            total.add_(values.sum(dtype=total.dtype), alpha=batch / size)
            count.add_(weights.sum(dtype=count.dtype), alpha=batch / weights.numel())

    def result(self) -> torch.Tensor:
        """Return the mean so far; 0 where nothing was counted."""
        total, count = self._buffers["total"], self._buffers["count"]
        return torch.where(count != 0, total / count, 0.0)


@FAMILY.member("mean_metric_wrapper")
class MeanMetricWrapper(Mean):
    """The weighted mean of `fn(y_true, y_pred)`.

    Args:
        fn: A function that returns one value per sample (or per element). One that returns a single
            number is taken as the mean of its batch: it counts as many samples as the batch has,
            and weights cannot reach it.
        name: Name in logs; None means the function's.
        dtype: Dtype that the function's floating inputs are brought to, and of the result.
        **kwargs: Further arguments of `fn`.

    Raises:
        TypeError: when `fn` cannot be called.

    Example:
        >>> import treadle
        >>> metric = treadle.metrics.MeanMetricWrapper(lambda t, p: abs(t - p), name="gap")
        >>> metric.update_state([1.0, 2.0], [1.5, 4.0]).result()
        tensor(1.2500)
    """

    # What targets must look like beside predictions: the "same" shape, class "labels", or whatever
    # `fn` takes.
    _targets: str = "free"
    _warned: ClassVar[set[str]] = set()

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        if not callable(fn):
            raise TypeError(
                explain(
                    "`fn` of MeanMetricWrapper cannot be called.",
                    expected="a function (y_true, y_pred) -> values per sample",
                    got=f"{type(fn).__name__}: {fn!r:.60}",
                )
            )
        super().__init__(name or getattr(fn, "__name__", type(fn).__name__).strip("<>"), dtype)
        self._fn = fn
        self._fn_kwargs = kwargs
        if type(self)._targets == "free" and FUNCTIONS.table.get(self.name) is fn:
            self._targets = "labels" if self.name.startswith("sparse") else "same"

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None
    ) -> None:
        """Take a batch of targets and predictions into account."""
        y_true, y_pred = pair(y_true, y_pred)
        y_true, y_pred = self._prepare(y_true, y_pred)
        if not self._checked and self._first_update():
            # Before the function: on a GPU a label out of range ends the process.
            self._check(y_true, y_pred, combined(sample_weight, mask, y_pred.device))
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        if not isinstance(values, torch.Tensor):
            values = as_tensor(values)
        if sample_weight is not None or mask is not None:
            values, sample_weight = self._weights_for(values, sample_weight, mask, y_pred)
        elif values.dim() == 0 and y_pred.dim():
            values = values.expand(y_pred.shape[0])
        self._add(values, sample_weight)

    def _prepare(
        self, y_true: torch.Tensor, y_pred: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return both in shapes and dtypes that the function takes."""
        dtype = self._compute_dtype
        if y_pred.dtype != dtype and (y_pred.is_floating_point() or self._targets != "free"):
            y_pred = y_pred.to(dtype)
        if self._targets == "labels":
            return class_labels(y_true, y_pred, self.name), y_pred
        if y_true.dtype != dtype and (y_true.is_floating_point() or self._targets == "same"):
            y_true = y_true.to(dtype)
        if self._targets == "same":
            return same_shape(y_true, y_pred, self.name)
        return y_true, y_pred

    def _weights_for(
        self, values: torch.Tensor, weights: Any, mask: Any, y_pred: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return values and weights of fitting shapes, the mask multiplied in."""
        if values.dim() == 0 and y_pred.dim():
            self._warn_of_one_number()
            return values.expand(y_pred.shape[0]), None
        weights = combined(weights, mask, values.device)
        return values, align_weights(weights, values, self.name)

    def _warn_of_one_number(self) -> None:
        if self.name not in MeanMetricWrapper._warned:
            MeanMetricWrapper._warned.add(self.name)
            warnings.warn(
                explain(
                    f"Metric {self.name!r} ignores the sample weights and the mask.",
                    expected="a function that returns one value per sample",
                    got="one number for the whole batch",
                    fix="return the values before their mean is taken",
                ),
                TreadleWarning,
                stacklevel=5,
            )

    def _check(
        self, y_true: torch.Tensor, y_pred: torch.Tensor, weights: torch.Tensor | None
    ) -> None:
        """Look at the values of the first batch."""
        check_weights(weights, self.name)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; a function is named by its registered name."""
        if "fn" not in self._recorded_arguments():
            return super().get_config()
        name = FUNCTIONS.name_of(self._fn)
        function = {"module": "builtins", "class_name": "function", "config": name}
        return {
            "fn": {**function, "registered_name": "function"},
            "name": self.name,
            "dtype": self.dtype,
            **self._fn_kwargs,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return a new object from what `get_config` returned."""
        function = config.get("fn")
        if isinstance(function, Mapping):
            function = function["config"]
        if isinstance(function, str):
            rest = {key: value for key, value in config.items() if key != "fn"}
            return cls(fn=FUNCTIONS.find(function), **rest)
        return super().from_config(config)

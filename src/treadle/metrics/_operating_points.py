"""The best value of one rate where another reaches a bound, among many thresholds."""

from __future__ import annotations

from typing import Any

import torch

from treadle._core import explain
from treadle.metrics._counting import CountingMetric, check_count, ratio
from treadle.metrics._family import metric

_COUNTS = ("true_positives", "false_positives", "true_negatives", "false_negatives")


class _OperatingPoint(CountingMetric):
    """What the four share: counts at evenly spaced thresholds, and the choice among them."""

    _bound_name: str

    def __init__(
        self,
        bound: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        owner = type(self).__name__
        if isinstance(bound, (bool, str)) or bound is None or not 0 <= bound <= 1:
            raise ValueError(
                explain(
                    f"`{self._bound_name}` of {owner} cannot be reached.",
                    expected="a number in [0, 1]",
                    got=repr(bound),
                )
            )
        check_count(num_thresholds, "num_thresholds", owner, 1)
        if class_id is not None:
            check_count(class_id, "class_id", owner, 0)
        self.value, self.class_id, self.num_thresholds = float(bound), class_id, num_thresholds
        last = num_thresholds - 1
        self._set_thresholds([item / last for item in range(num_thresholds)] if last else [0.5])
        for count in _COUNTS:
            setattr(self, count, self._add_counts(count))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch of labels 0 or 1 and scores of one shape."""
        above, whole = self._counts(y_true, y_pred, sample_weight, class_id=self.class_id)
        counts = (above[0], above[1], whole[1] - above[1], whole[0] - above[0])
        for name, count in zip(_COUNTS, counts, strict=True):
            self._buffers[name].add_(count[:, 0])

    def _rates(
        self, tp: torch.Tensor, fp: torch.Tensor, tn: torch.Tensor, fn: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the rate that has the bound, and the rate to maximize."""
        raise NotImplementedError

    def result(self) -> torch.Tensor:
        """Return the best value; 0 where no threshold reaches the bound."""
        bounded, wanted = self._rates(*(self._buffers[name] for name in _COUNTS))
        return torch.where(bounded >= self.value, wanted, 0.0).max()


@metric()
class SensitivityAtSpecificity(_OperatingPoint):
    """The best sensitivity TP / (TP + FN) among thresholds whose specificity reaches a bound.

    Args:
        specificity: The least specificity TN / (TN + FP), in [0, 1].
        num_thresholds: How many thresholds, evenly from 0 to 1; at least 1.
        class_id: Look at this class only: an index into the last axis.
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. Counts are kept in float64.

    Raises:
        ValueError: for an argument outside its range.
        DataError: at the first update, for labels other than 0 and 1 or scores outside [0, 1].

    Example:
        >>> import treadle
        >>> metric = treadle.metrics.SensitivityAtSpecificity(0.5)
        >>> metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
        tensor(0.5000)
    """

    _bound_name = "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)
        self.specificity = specificity

    def _rates(
        self, tp: torch.Tensor, fp: torch.Tensor, tn: torch.Tensor, fn: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return ratio(tn, tn + fp), ratio(tp, tp + fn)


@metric()
class SpecificityAtSensitivity(_OperatingPoint):
    """The best specificity TN / (TN + FP) among thresholds whose sensitivity reaches a bound.

    Args:
        sensitivity: The least sensitivity TP / (TP + FN), in [0, 1].
        num_thresholds: How many thresholds, evenly from 0 to 1; at least 1.
        class_id: Look at this class only: an index into the last axis.
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. Counts are kept in float64.

    Raises:
        ValueError: for an argument outside its range.
        DataError: at the first update, for labels other than 0 and 1 or scores outside [0, 1].

    Example:
        >>> import treadle
        >>> metric = treadle.metrics.SpecificityAtSensitivity(0.5)
        >>> metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
        tensor(0.6667)
    """

    _bound_name = "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity

    def _rates(
        self, tp: torch.Tensor, fp: torch.Tensor, tn: torch.Tensor, fn: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return ratio(tp, tp + fn), ratio(tn, tn + fp)


@metric()
class PrecisionAtRecall(_OperatingPoint):
    """The best precision TP / (TP + FP) among thresholds whose recall reaches a bound.

    Args:
        recall: The least recall TP / (TP + FN), in [0, 1].
        num_thresholds: How many thresholds, evenly from 0 to 1; at least 1.
        class_id: Look at this class only: an index into the last axis.
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. Counts are kept in float64.

    Raises:
        ValueError: for an argument outside its range.
        DataError: at the first update, for labels other than 0 and 1 or scores outside [0, 1].

    Example:
        >>> import treadle
        >>> metric = treadle.metrics.PrecisionAtRecall(0.5)
        >>> metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
        tensor(0.5000)
    """

    _bound_name = "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)
        self.recall = recall

    def _rates(
        self, tp: torch.Tensor, fp: torch.Tensor, tn: torch.Tensor, fn: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return ratio(tp, tp + fn), ratio(tp, tp + fp)


@metric()
class RecallAtPrecision(_OperatingPoint):
    """The best recall TP / (TP + FN) among thresholds whose precision reaches a bound.

    Args:
        precision: The least precision TP / (TP + FP), in [0, 1].
        num_thresholds: How many thresholds, evenly from 0 to 1; at least 1.
        class_id: Look at this class only: an index into the last axis.
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. Counts are kept in float64.

    Raises:
        ValueError: for an argument outside its range.
        DataError: at the first update, for labels other than 0 and 1 or scores outside [0, 1].

    Example:
        >>> import treadle
        >>> metric = treadle.metrics.RecallAtPrecision(0.8)
        >>> metric([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
        tensor(0.5000)
    """

    _bound_name = "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)
        self.precision = precision

    def _rates(
        self, tp: torch.Tensor, fp: torch.Tensor, tn: torch.Tensor, fn: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return ratio(tp, tp + fp), ratio(tp, tp + fn)

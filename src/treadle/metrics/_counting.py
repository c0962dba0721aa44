"""Counting at thresholds: how much weight of each label lies above each of many thresholds.

Each score falls into one bin between sorted thresholds, and sums from the right give every
threshold's count: the cost is that of one histogram, not of one comparison per threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from treadle._core import ShapeError, explain
from treadle.metrics._base import Metric
from treadle.metrics._checks import check_binary_labels, check_probabilities, check_weights
from treadle.metrics._inputs import align_weights, pair, same_shape


def parse_thresholds(thresholds: Any, default: float, owner: str) -> list[float]:
    """Return thresholds (one, several, or None for the default) as floats in [0, 1]."""
    if thresholds is None:
        return [default]
    if hasattr(thresholds, "tolist"):  # an array or a tensor
        thresholds = thresholds.tolist()
    given: list[Any] = list(thresholds) if isinstance(thresholds, Sequence) else [thresholds]
    if not given or any(
        isinstance(item, (bool, str)) or item is None or not 0 <= item <= 1 for item in given
    ):
        raise ValueError(
            explain(
                f"`thresholds` of {owner} cannot be used.",
                expected="one or more numbers in [0, 1]",
                got=f"{thresholds!r:.60}",
                fix="give probabilities; bring logits to [0, 1] by a sigmoid",
            )
        )
    return [float(item) for item in given]


def check_count(value: Any, argument: str, owner: str, minimum: int) -> None:
    """Raise unless `value` is an integer that is large enough."""
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise ValueError(
            explain(
                f"`{argument}` of {owner} cannot be used.",
                expected=f"an integer >= {minimum}",
                got=repr(value),
            )
        )


def counts_above(
    scores: torch.Tensor, mass: torch.Tensor, thresholds: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how much of `mass` has a score above each threshold, and the whole of it.

    Args:
        scores: (samples, columns).
        mass: (kinds, samples, columns): the weight of each sample as positive, as negative.
        thresholds: (thresholds,), sorted, of the dtype of the scores.

    Returns:
        (kinds, thresholds, columns) and (kinds, columns).
    """
    kinds, samples, columns = mass.shape
    if thresholds.numel() == 1:
        return (mass * (scores > thresholds)).sum(1, keepdim=True), mass.sum(1)
    # The bin of a score is the number of thresholds below it.
    bins = torch.searchsorted(thresholds, scores)  # (samples, columns)
    if columns > 1:
        bins = bins * columns + torch.arange(columns, device=bins.device)
    size = thresholds.numel() + 1
    histogram = mass.new_zeros(kinds, size * columns)
    histogram.index_add_(1, bins.reshape(-1), mass.reshape(kinds, samples * columns))
    from_right = histogram.view(kinds, size, columns).flip(1).cumsum(1).flip(1)
    return from_right[:, 1:], from_right[:, 0]


def only_top(scores: torch.Tensor, k: int, owner: str) -> torch.Tensor:
    """Return `scores` with all but the `k` largest of the last axis at minus infinity."""
    if k > scores.shape[-1]:
        raise ShapeError(
            explain(
                f"`top_k` of {owner} is larger than the number of classes.",
                expected=f"top_k <= {scores.shape[-1]}",
                got=str(k),
            )
        )
    top = scores.topk(k, dim=-1)
    return torch.full_like(scores, -torch.inf).scatter_(-1, top.indices, top.values)


def one_class(values: torch.Tensor, class_id: int, owner: str) -> torch.Tensor:
    """Return the column of `class_id`; an axis of 1 belongs to all classes."""
    if values.shape[-1] == 1 and values.dim() > 1:
        return values
    if not 0 <= class_id < values.shape[-1]:
        raise ShapeError(
            explain(
                f"`class_id` of {owner} is not a class of the predictions.",
                expected=f"an integer in [0, {values.shape[-1]})",
                got=str(class_id),
            )
        )
    return values[..., class_id : class_id + 1]


class CountingMetric(Metric):
    """A metric made from the weight of positives and negatives above thresholds."""

    _probability_fix = (
        "end the model in a sigmoid or softmax; metric.checks = False allows any scores"
    )
    _reads_logits = False
    _sorted_thresholds: torch.Tensor
    _original_order: torch.Tensor | None

    def _set_thresholds(self, thresholds: list[float]) -> None:
        self.thresholds = thresholds
        order = sorted(range(len(thresholds)), key=thresholds.__getitem__)
        in_order = order == list(range(len(order)))
        # Plain buffers: they move with the state, but are no state.
        values = torch.tensor([thresholds[item] for item in order], dtype=self._compute_dtype)
        self.register_buffer("_sorted_thresholds", values, persistent=False)
        back = None if in_order else torch.tensor(order).argsort()
        self.register_buffer("_original_order", back, persistent=False)

    def _add_counts(self, name: str, *columns: int) -> Any:
        """Add one float64 count per threshold (and column)."""
        return self.add_variable((len(self.thresholds), *columns), dtype="float64", name=name)

    def _counts(
        self,
        y_true: Any,
        y_pred: Any,
        sample_weight: Any,
        *,
        top_k: int | None = None,
        class_id: int | None = None,
        columns: int | None = None,
        column_weights: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the weight (positive and negative) above each threshold, and in all.

        Returns:
            (2, thresholds, columns) and (2, columns); one column unless `columns` is given.
        """
        y_true, y_pred = pair(y_true, y_pred)
        self._follow(y_pred)
        if y_pred.dtype != self._compute_dtype:
            y_pred = y_pred.to(self._compute_dtype)
        y_true, y_pred = same_shape(y_true, y_pred, self.name)
        if sample_weight is not None:
            sample_weight = align_weights(sample_weight, y_pred, self.name)
            missing = y_pred.dim() - sample_weight.dim()
            sample_weight = sample_weight.reshape(sample_weight.shape + (1,) * missing)
        if not self._checked and self._first_update():
            self._check(y_true, y_pred, sample_weight)
        if self._reads_logits:
            y_pred = y_pred.sigmoid()
        if top_k is not None:
            y_pred = only_top(y_pred, top_k, self.name)
        if class_id is not None:
            y_true = one_class(y_true, class_id, self.name)
            y_pred = one_class(y_pred, class_id, self.name)
            if sample_weight is not None:
                sample_weight = one_class(sample_weight, class_id, self.name)
        mass = self._mass(y_true, sample_weight, column_weights)
        width = columns or 1
        above, whole = counts_above(
            y_pred.reshape(-1, width), mass.reshape(2, -1, width), self._sorted_thresholds
        )
        if self._original_order is not None:
            above = above[:, self._original_order]
        return above, whole

    def _mass(
        self,
        y_true: torch.Tensor,
        weights: torch.Tensor | None,
        column_weights: torch.Tensor | None,
    ) -> torch.Tensor:
        """Return the weight of each value as positive and as negative, (2, batch, ...)."""
        accumulator = torch.float32 if y_true.device.type == "mps" else torch.float64
        positive = y_true.to(accumulator)
        mass = torch.stack((positive, 1 - positive))
        if weights is not None:
            # A masked label may be NaN.
            mass = torch.where(weights != 0, mass * weights, 0.0)
        return mass if column_weights is None else mass * column_weights

    def _check(
        self, y_true: torch.Tensor, y_pred: torch.Tensor, weights: torch.Tensor | None
    ) -> None:
        """Look at the values of the first batch."""
        check_weights(weights, self.name)
        check_binary_labels(y_true, weights, self.name)
        if not self._reads_logits and any(0 < item < 1 for item in self.thresholds):
            check_probabilities(y_pred, weights, self.name, self._probability_fix)


def ratio(numerator: torch.Tensor, denominator: torch.Tensor) -> torch.Tensor:
    """Return the quotient; 0 where the denominator is 0."""
    return torch.where(denominator != 0, numerator / denominator, 0.0)

"""`R2Score`: the coefficient of determination, from running sums per output."""

from __future__ import annotations

from typing import Any

import torch

from treadle._core import ShapeError, explain, unknown_name
from treadle.metrics._base import Metric
from treadle.metrics._checks import check_weights
from treadle.metrics._counting import check_count, ratio
from treadle.metrics._family import metric
from treadle.metrics._inputs import align_weights, pair, same_shape

_SUMS = ("squared_sum", "sum", "residual", "count")


@metric()
class R2Score(Metric):
    """The coefficient of determination, 1 - sum (y - p)^2 / sum (y - mean y)^2.

    A constant target has the score 1 where it is met exactly, else 0.

    Args:
        class_aggregation: `"uniform_average"` over the outputs, `"variance_weighted_average"`, or
            None: one score per output.
        num_regressors: The number p of independent regressors for the adjusted score,
            1 - (1 - R^2) (n - 1) / (n - p - 1) with n samples; 0 means no adjustment.
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. Sums are kept in float64.

    Raises:
        ValueError: for an argument outside its range.
        ShapeError: for inputs that are not (batch, outputs).

    Example:
        >>> import treadle
        >>> treadle.metrics.R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])
        tensor(0.5714)
    """

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        known = ("uniform_average", "variance_weighted_average")
        if class_aggregation is not None and class_aggregation not in known:
            raise unknown_name("`class_aggregation` of R2Score", str(class_aggregation), known)
        check_count(num_regressors, "num_regressors", "R2Score", 0)
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self.add_variable((), dtype="float64", name="num_samples")
        self._columns: int | None = None

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take targets and predictions, both (batch, outputs) or (batch,), into account."""
        y_true, y_pred = pair(y_true, y_pred)
        y_true, y_pred = same_shape(y_true, y_pred, self.name)
        known = self._columns is None or self._columns == y_pred.shape[-1]
        if y_pred.dim() != 2 or not known:
            raise ShapeError(
                explain(
                    f"{self.name}: these are not the outputs that it sums over.",
                    expected=f"shape (batch, {self._columns or 'outputs'})",
                    got=f"shape {tuple(y_pred.shape)}",
                    fix="reshape to (batch, outputs)",
                )
            )
        if self._columns is None:
            self._columns = y_pred.shape[1]
            for name in _SUMS:
                shape = (y_pred.shape[1],)
                setattr(self, name, self.add_variable(shape, dtype="float64", name=name))
        self._follow(y_pred)
        self._add(y_true, y_pred, sample_weight)

    def _add(self, y_true: torch.Tensor, y_pred: torch.Tensor, weights: Any) -> None:
        dtype = self._buffers["sum"].dtype
        looks = not self._checked and self._first_update()
        y_true, residual = y_true.to(dtype), (y_true.to(dtype) - y_pred.to(dtype)).square()
        if weights is None:
            parts = (y_true.square(), y_true, residual, torch.ones_like(y_true))
        else:
            weights = align_weights(weights, y_pred, self.name).to(dtype)
            if looks:
                check_weights(weights, self.name)
            weights = weights.reshape(weights.shape + (1,) * (2 - weights.dim()))
            kept = weights != 0
            y_true, residual = torch.where(kept, y_true, 0.0), torch.where(kept, residual, 0.0)
            parts = (
                weights * y_true.square(),
                weights * y_true,
                weights * residual,
                weights.expand_as(y_true),
            )
        for name, part in zip(_SUMS, parts, strict=True):
            self._buffers[name].add_(part.sum(0))
        self._buffers["num_samples"].add_(y_pred.shape[0])

    def result(self) -> torch.Tensor:
        """Return the score, at most 1; 0 before the first update."""
        if self._columns is None:
            return torch.zeros((), dtype=self._compute_dtype)
        squares, sums, residual, count = (self._buffers[name] for name in _SUMS)
        total = squares - ratio(sums * sums, count)  # (outputs,): variance times count
        # What rounding leaves of a constant target is no variance.
        total = torch.where(total > squares * 1e-14, total, 0.0)
        constant = torch.where((residual == 0) & (count > 0), 1.0, 0.0)
        score = torch.where(total > 0, 1 - residual / total, constant)
        if self.class_aggregation == "uniform_average":
            score = score.mean()
        elif self.class_aggregation == "variance_weighted_average":
            weighted = ratio((score * total).sum(), total.sum())
            score = torch.where((total > 0).any(), weighted, score.mean())
        return self._adjusted(score) if self.num_regressors else score

    def _adjusted(self, score: torch.Tensor) -> torch.Tensor:
        """Return the adjusted score; as it is where there are too few samples for that."""
        samples = self._buffers["num_samples"]
        free = samples - self.num_regressors - 1
        return torch.where(free > 0, 1 - (1 - score) * (samples - 1) / free, score)

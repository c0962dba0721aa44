"""Crossentropies, as running means over samples."""

from __future__ import annotations

from typing import Any

import torch

from treadle import losses
from treadle.metrics._checks import (
    check_class_labels,
    check_one_hot,
    check_probabilities,
)
from treadle.metrics._family import metric
from treadle.metrics._inputs import combined, pair
from treadle.metrics._regression import RegressionMetric


class _Crossentropy(RegressionMetric):
    """What crossentropies share: predictions that must be probabilities unless said otherwise."""

    def _check(
        self, y_true: torch.Tensor, y_pred: torch.Tensor, weights: torch.Tensor | None
    ) -> None:
        super()._check(y_true, y_pred, weights)
        self._check_targets(y_true, y_pred, weights)
        if not self._fn_kwargs["from_logits"]:
            fix = "pass from_logits=True for logits, or end the model in a sigmoid or softmax"
            check_probabilities(y_pred, weights, self.name, fix)

    def _check_targets(
        self, y_true: torch.Tensor, y_pred: torch.Tensor, weights: torch.Tensor | None
    ) -> None:
        """Look at the targets of the first batch."""
        fix = "map labels to 0 and 1"
        check_probabilities(y_true, weights, f"{self.name} (targets)", fix)


@metric("bce", "BCE")
class BinaryCrossentropy(_Crossentropy):
    """The mean of -y log p - (1 - y) log(1 - p).

    Args:
        name: Name in logs.
        dtype: Dtype of computation and result; None means `floatx`.
        from_logits: Whether predictions are logits instead of probabilities.
        label_smoothing: In [0, 1]: how far targets are drawn towards 0.5.

    Example:
        >>> import treadle
        >>> treadle.metrics.BinaryCrossentropy()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]])
        tensor(0.8149)
    """

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(
            losses.binary_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
        )


@metric()
class CategoricalCrossentropy(_Crossentropy):
    """The mean of -sum_c y_c log p_c, for one-hot targets.

    Args:
        name: Name in logs.
        dtype: Dtype of computation and result; None means `floatx`.
        from_logits: Whether predictions are logits instead of probabilities.
        label_smoothing: In [0, 1]: how far targets are drawn towards equal shares.
        axis: The axis of the classes.

    Example:
        >>> import treadle
        >>> metric = treadle.metrics.CategoricalCrossentropy()
        >>> metric([[0, 1, 0], [0, 0, 1]], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]])
        tensor(1.1769)
    """

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )

    def _check_targets(
        self, y_true: torch.Tensor, y_pred: torch.Tensor, weights: torch.Tensor | None
    ) -> None:
        check_one_hot(y_true, self._fn_kwargs["axis"], weights, self.name)


@metric()
class SparseCategoricalCrossentropy(_Crossentropy):
    """The mean of -log p_y, for class labels y.

    Args:
        name: Name in logs.
        dtype: Dtype of computation and result; None means `floatx`.
        from_logits: Whether predictions are logits instead of probabilities.
        ignore_class: Targets of this class are left out of the mean; None leaves none out.
        axis: The axis of the classes.

    Example:
        >>> import treadle
        >>> metric = treadle.metrics.SparseCategoricalCrossentropy()
        >>> metric([1, 2], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]])
        tensor(1.1769)
    """

    # The function itself fits labels to predictions, along any axis.
    _targets = "free"

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.sparse_categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
        self.ignore_class, self.axis = ignore_class, axis

    def update_state(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None
    ) -> None:
        """Take labels (batch, ...) and predictions (batch, ..., classes) into account."""
        y_true, y_pred = pair(y_true, y_pred)
        if self.ignore_class is not None:
            kept = y_true != self.ignore_class
            if kept.dim() == y_pred.dim():
                kept = kept.squeeze(self.axis)
            mask = kept if mask is None else combined(kept, mask, y_pred.device)
        super().update_state(y_true, y_pred, sample_weight, mask)

    def _check_targets(
        self, y_true: torch.Tensor, y_pred: torch.Tensor, weights: torch.Tensor | None
    ) -> None:
        check_class_labels(y_true, y_pred.shape[self.axis], weights, self.name)

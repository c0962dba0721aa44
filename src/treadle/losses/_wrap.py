"""Anything that can be a loss, as a `Loss`: names, functions, torch's criteria and functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from treadle._core import ShapeError, explain
from treadle.losses._checks import check_class_labels, check_whole, visible
from treadle.losses._family import FAMILY, get
from treadle.losses._inputs import same_rank, shape_error, to_tensor
from treadle.losses._loss import Loss

_ELEMENTWISE = (
    nn.BCELoss,
    nn.BCEWithLogitsLoss,
    nn.HuberLoss,
    nn.KLDivLoss,
    nn.L1Loss,
    nn.MSELoss,
    nn.PoissonNLLLoss,
    nn.SmoothL1Loss,
    nn.SoftMarginLoss,
)
_ELEMENTWISE_FUNCTIONS = (
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
)
_CLASSIFIERS = (nn.CrossEntropyLoss, nn.NLLLoss)
_CLASSIFIER_FUNCTIONS = ("cross_entropy", "nll_loss")


class CallableLoss(Loss):
    """A function `fn(y_true, y_pred)` of the user, which returns a value per sample or one number."""

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None), reduction, dtype)
        self.fn = fn

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return self.fn(y_true, y_pred)


class TorchLoss(Loss):
    """A torch criterion or function `fn(y_pred, y_true)`; it reduces as it was made to."""

    _takes_labels = True

    def __init__(
        self,
        fn: Callable[..., Tensor],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", type(fn).__name__), reduction, dtype)
        self.fn = fn
        function = getattr(fn, "__name__", "")
        self._elementwise = isinstance(fn, _ELEMENTWISE) or function in _ELEMENTWISE_FUNCTIONS
        self._classifies = isinstance(fn, _CLASSIFIERS) or function in _CLASSIFIER_FUNCTIONS

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None
    ) -> Tensor:
        weighted = sample_weight is not None or mask is not None
        if weighted and getattr(self.fn, "reduction", "mean") != "none":
            raise ShapeError(
                explain(
                    f"{self.name} returns one number for the whole batch, so weights and masks "
                    "cannot be applied.",
                    expected="a loss with one value per sample",
                    got=f"reduction={getattr(self.fn, 'reduction', 'mean')!r}",
                    fix='make it with reduction="none"; the values are averaged afterwards',
                )
            )
        return super().__call__(y_true, y_pred, sample_weight, mask)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return self.fn(y_pred, y_true)

    def _prepare(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        y_true, y_pred = super()._prepare(y_true, y_pred)
        if not (isinstance(y_true, Tensor) and isinstance(y_pred, Tensor)):
            return y_true, y_pred
        if self._classifies:
            return _class_targets(y_true, y_pred), y_pred
        if not self._elementwise:
            whole = not y_true.is_floating_point()
            return y_true.to(torch.int64 if whole else y_pred.dtype), y_pred
        y_true, y_pred = same_rank(y_true.to(y_pred.dtype), y_pred)
        if y_true.shape != y_pred.shape:
            raise shape_error(y_true, y_pred)
        return y_true, y_pred

    def check(self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> None:
        if self._classifies:
            labels, outputs = to_tensor(y_true), to_tensor(y_pred)
            if labels.shape != outputs.shape:
                check_whole(labels)
        super().check(y_true, y_pred, sample_weight, mask)

    def check_targets(self, y_true: Tensor, y_pred: Tensor) -> None:
        if self.checks and y_true.shape != (y_true.shape[0], *y_pred.shape[1:]):
            self._check_values(y_true, y_pred, None)

    def _check_values(self, y_true: Tensor, y_pred: Tensor, mask: Tensor | None) -> None:
        if self._classifies and not y_true.is_floating_point():
            check_class_labels(
                visible(y_true, mask), y_pred.shape[1], getattr(self.fn, "ignore_index", None)
            )


def _class_targets(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Return labels as int64, one-hot targets in the dtype of the output; torch's class axis is 1."""
    if y_true.shape == y_pred.shape:
        return y_true.to(y_pred.dtype)
    if y_true.dim() == y_pred.dim() and y_true.shape[-1] == 1:
        y_true = y_true.squeeze(-1)
    return y_true.to(torch.int64)


def as_loss(identifier: Any, name: str | None = None) -> Loss:
    """Return whatever can be a loss as a `Loss`.

    Args:
        identifier: A `Loss`; the name or configuration of one; a function `fn(y_true, y_pred)` with a value
            per sample; a torch criterion (any `nn.Module`) or function from `torch.nn.functional`, which is
            called in torch's order, `fn(y_pred, y_true)`.
        name: The name for logs of a loss made here; by default that of the function.

    Returns:
        A loss object.

    Raises:
        ValueError: for an unknown name; the message suggests the nearest.
        TypeError: for anything else.

    Example:
        >>> import torch, treadle
        >>> treadle.losses.as_loss("mse").name
        'mean_squared_error'
        >>> loss = treadle.losses.as_loss(torch.nn.CrossEntropyLoss())
        >>> loss([0, 1], torch.zeros(2, 2))
        tensor(0.6931)
    """
    loss = get(identifier)
    if isinstance(loss, Loss):
        return loss
    if loss is None:
        raise TypeError(
            explain(
                "There is no loss.",
                expected="a name, a Loss, a function or a torch criterion",
                got="None",
                fix='for example loss="mse"',
            )
        )
    for member in FAMILY.table.values():
        if isinstance(member, type) and getattr(member, "_function", None) is loss:
            return member(name=name or loss.__name__)
    if isinstance(loss, nn.Module) or getattr(loss, "__module__", "") == "torch.nn.functional":
        return TorchLoss(loss, name=name)
    return CallableLoss(loss, name=name)

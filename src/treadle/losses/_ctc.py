"""Connectionist temporal classification: label sequences without a known alignment."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from treadle._core import DataError, ShapeError, explain
from treadle.losses import _checks as checks
from treadle.losses._family import FAMILY
from treadle.losses._function_loss import FunctionLoss
from treadle.losses._inputs import to_floating, to_tensor


def check_lengths(labels: Tensor, steps: int) -> None:
    """Refuse labels that do not fit into the steps, or that have a blank inside."""
    given = labels != 0
    if bool((given[:, 1:] & ~given[:, :-1]).any()):
        raise DataError(
            explain(
                "A label sequence has a 0 inside.",
                expected="labels >= 1, then zeros as padding",
                got="a label after a 0",
                fix=f"number the classes from 1; {checks.OPT_OUT}",
            )
        )
    repeats = ((labels[:, 1:] == labels[:, :-1]) & given[:, 1:]).sum(1)
    needed = int((given.sum(1) + repeats).max()) if labels.numel() else 0
    if needed > steps:
        raise DataError(
            explain(
                "A label sequence is longer than the output.",
                expected=f"at most {steps} steps for labels and the blanks between equal ones",
                got=f"{needed} needed",
                fix=f"use longer outputs or shorter labels; {checks.OPT_OUT}",
            )
        )


@FAMILY.member()
def ctc(y_true: Any, y_pred: Any) -> Tensor:
    """Return the negative log-likelihood of label sequences under all their alignments.

    Args:
        y_true: Labels in [1, C), shape (B, L), padded with 0 at the end.
        y_pred: Logits, shape (B, T, C); class 0 is the blank.

    Returns:
        The loss of each sample, shape (B,); infinite where T steps cannot hold its labels.

    Raises:
        ShapeError: when the shapes do not fit.

    Example:
        >>> import treadle
        >>> treadle.losses.ctc([[1, 2]], [[[0, 9, 0], [0, 0, 9], [9, 0, 0]]])
        tensor([0.0006])

    Reference:
        Graves et al., 2006, Connectionist Temporal Classification.
    """
    y_pred = to_floating(y_pred)
    labels = to_tensor(y_true).to(device=y_pred.device, dtype=torch.int64)
    if labels.dim() != 2 or y_pred.dim() != 3 or len(labels) != len(y_pred):
        raise ShapeError(
            explain(
                "The shapes of targets and output do not fit.",
                expected="labels of shape (B, L) and logits of shape (B, T, C)",
                got=f"shapes {tuple(labels.shape)} and {tuple(y_pred.shape)}",
            )
        )
    steps = torch.full((len(y_pred),), y_pred.shape[1], device=y_pred.device)
    lengths = (labels != 0).sum(1)
    log_prob = torch.log_softmax(y_pred, -1).transpose(0, 1)  # (T, B, C)
    return F.ctc_loss(log_prob, labels, steps, lengths, blank=0, reduction="none")


@FAMILY.member()
class CTC(FunctionLoss):
    """The negative log-likelihood of label sequences under all their alignments; see `ctc`.

    Args:
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        dtype: The dtype to compute in.

    Example:
        >>> import treadle
        >>> treadle.losses.CTC()([[1, 2]], [[[0, 9, 0], [0, 0, 9], [9, 0, 0]]])
        tensor(0.0006)

    Reference:
        Graves et al., 2006, Connectionist Temporal Classification.
    """

    _function = staticmethod(ctc)
    _takes_labels = True

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "ctc",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return ctc(y_true, y_pred)

    def _fused(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        return self.call(y_true, y_pred.to(self._fused_dtype(y_pred))).mean()

    def _check_values(self, y_true: Tensor, y_pred: Tensor, mask: Tensor | None) -> None:
        if y_true.dim() != 2 or y_pred.dim() != 3:
            return  # the call says it
        checks.check_class_labels(y_true, y_pred.shape[2], None)
        checks.check_not_softmax(y_pred, "softmax", -1)
        check_lengths(y_true, y_pred.shape[1])

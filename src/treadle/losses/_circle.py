"""Circle loss: embeddings of one class together, of different classes apart."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from treadle._core import ShapeError, explain
from treadle.losses import _checks as checks
from treadle.losses._family import FAMILY
from treadle.losses._function_loss import FunctionLoss
from treadle.losses._inputs import to_floating, to_tensor
from treadle.losses._reduction import align


def log_sum(values: Tensor, chosen: Tensor) -> Tensor:
    """Return the logarithm of the sum of the exponentials of the chosen values, per row."""
    # Not -infinity: a row without any chosen value would have NaN as its gradient.
    nothing = torch.finfo(values.dtype).min / 4
    return torch.logsumexp(values.masked_fill(~chosen, nothing), 1)


def check_references(y_pred: Tensor, labels: Tensor, others: Tensor, other_labels: Tensor) -> None:
    """Raise a ShapeError where embeddings and labels do not belong together."""
    for vectors, names in ((y_pred, labels), (others, other_labels)):
        if vectors.dim() != 2 or len(vectors) != len(names) or vectors.shape[1] != y_pred.shape[-1]:
            raise ShapeError(
                explain(
                    "Embeddings and labels do not fit.",
                    expected="embeddings of shape (B, D) and B labels",
                    got=f"embeddings of shape {tuple(vectors.shape)} and {len(names)} labels",
                )
            )


def check_unit(vectors: Tensor) -> None:
    """Warn where embeddings do not have the length 1 that the loss is made for."""
    lengths = vectors.norm(dim=-1)
    if bool(((lengths - 1).abs() > 0.01).any()):
        checks.warn(
            "The embeddings are not unit vectors.",
            expected="length 1",
            got=f"lengths from {lengths.min():.3g} to {lengths.max():.3g}",
            fix="end the model in UnitNormalization()",
        )


@FAMILY.member()
def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Tensor:
    """Return how much closer samples are to other classes than to their own.

    `log(1 + sum_n exp(gamma a_n (s_n - margin)) * sum_p exp(-gamma a_p (s_p - 1 + margin)))`, `s_n` the
    similarities to other classes and `s_p` those to the own one.

    Args:
        y_true: Integer labels, shape (B,) or (B, 1).
        y_pred: Unit vectors, shape (B, D).
        ref_labels: Labels of the references, shape (R,); by default those of the batch.
        ref_embeddings: Unit vectors to compare with, shape (R, D); by default the batch.
        remove_diagonal: Whether a sample is kept from being its own reference.
        gamma: Scale of the similarities, > 0.
        margin: How far similarities of one class may stay below 1, and others above 0.

    Returns:
        The loss of each sample, shape (B,); 0 where it has no partner or no opponent.

    Raises:
        ShapeError: when the shapes do not fit.

    Example:
        >>> import treadle
        >>> treadle.losses.circle([0, 0, 1], [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], gamma=2)
        tensor([0.5459, 1.2842, 0.0000])

    Reference:
        Sun et al., 2020, Circle Loss, https://arxiv.org/abs/2002.10857
    """
    y_pred = to_floating(y_pred)
    labels = to_tensor(y_true).to(y_pred.device).reshape(-1)
    others = y_pred if ref_embeddings is None else to_tensor(ref_embeddings).to(y_pred)
    other_labels = (
        labels if ref_labels is None else to_tensor(ref_labels).to(labels.device).reshape(-1)
    )
    check_references(y_pred, labels, others, other_labels)
    same = labels.unsqueeze(1) == other_labels.unsqueeze(0)  # (B, R)
    other = ~same
    if remove_diagonal:
        same = same & ~torch.eye(*same.shape, dtype=torch.bool, device=same.device)
    similarity = y_pred @ others.T
    # The paper weights each pair by how far it is from its optimum, and takes no gradient through that.
    pull = torch.relu(1 + margin - similarity).detach() * (similarity - 1 + margin)
    push = torch.relu(similarity + margin).detach() * (similarity - margin)
    return F.softplus(log_sum(-gamma * pull, same) + log_sum(gamma * push, other))


@FAMILY.member()
class Circle(FunctionLoss):
    """How much closer samples are to other classes than to their own; see `circle`.

    Samples without a partner of their class in the batch are left out, of the mean too.

    Args:
        gamma: Scale of the similarities, > 0.
        margin: How far similarities of one class may stay below 1, and others above 0.
        remove_diagonal: Whether a sample is kept from being its own reference.
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        dtype: The dtype to compute in.

    Example:
        >>> import treadle
        >>> treadle.losses.Circle(gamma=2.0)([0, 0, 1], [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
        tensor(0.9150)

    Reference:
        Sun et al., 2020, Circle Loss, https://arxiv.org/abs/2002.10857
    """

    _function = staticmethod(circle)
    _takes_labels = True

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.gamma = gamma
        self.margin = margin
        self.remove_diagonal = remove_diagonal

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return circle(y_true, y_pred, None, None, self.remove_diagonal, self.gamma, self.margin)

    def _fused(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        return None

    def _hide(self, y_true: Any, mask: Any) -> tuple[Any, Any]:
        # A sample without a partner has nothing to be pulled to; it does not count in the mean.
        labels = y_true.reshape(-1)
        partners = (labels.unsqueeze(1) == labels.unsqueeze(0)).sum(1)  # (B, B) -> (B,)
        valid = partners > (1 if self.remove_diagonal else 0)
        if mask is None:
            return y_true, valid
        return y_true, align(to_tensor(mask).to(valid.device, torch.bool), valid, "mask") & valid

    def _check_values(self, y_true: Tensor, y_pred: Tensor, mask: Tensor | None) -> None:
        check_references(y_pred, y_true.reshape(-1), y_pred, y_true.reshape(-1))
        checks.check_whole(checks.visible(y_true, mask))
        check_unit(checks.visible(y_pred, mask))

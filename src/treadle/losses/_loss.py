"""`Loss`: one object that checks, converts, weights and reduces, whatever computes the values."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from treadle._core import Recorded, get_policy, leaves, settings, snake_case, unique_name, untraced
from treadle._core import torch_dtype as to_torch_dtype
from treadle.losses._checks import check_finite, check_weights, readable, visible
from treadle.losses._inputs import check_not_broadcast, convert, same_rank, to_tensor
from treadle.losses._reduction import MEANS, check_reduction, reduce_weighted


class Loss(Recorded):
    """Base of all losses: a subclass writes `call`, this class weights and reduces.

    The first call checks the values of targets, outputs and weights (it waits for the device, once); set
    `checks = False` on an object or a class to opt out. Shapes are always checked.

    Args:
        name: A name for logs; made from the class where None.
        reduction: How the values of the samples become one number. `"sum_over_batch_size"` or `"mean"`: their
            (weighted) sum divided by their number, masked ones not counted. `"mean_with_sample_weight"`: the
            weighted sum divided by the sum of the weights. `"sum"`. `"none"` or None: the values themselves.
        dtype: The dtype to compute in; None means `floatx`, or float64 where the output is float64.

    Raises:
        ValueError: for an unknown reduction; the message suggests the nearest.

    Example:
        >>> import torch, treadle
        >>> class Cubic(treadle.losses.Loss):
        ...     def call(self, y_true, y_pred):
        ...         return (y_true - y_pred).abs().pow(3).mean(-1)
        >>> loss = Cubic()
        >>> loss(torch.zeros(4, 1), 2 * torch.ones(4, 1), sample_weight=[1, 1, 0, 0])
        tensor(4.)

    Reference:
        Keras 3 API, `keras.losses.Loss`.
    """

    checks: bool = True
    _checked = False
    _weights_checked = False
    # Whether targets are class labels, which are not cast to a floating dtype.
    _takes_labels = False

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.reduction = check_reduction(reduction)
        self._dtype = to_torch_dtype(get_policy(dtype or settings.floatx).compute_dtype)
        self._keeps_float64 = dtype is None
        self._fuses = reduction in MEANS
        self._result_checked = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # A fused form computes what the `call` beside it does, not what a subclass writes anew.
        if "call" in cls.__dict__ and not {"_fused", "_function"} & cls.__dict__.keys():
            cls._fused = Loss._fused

    @property
    def dtype(self) -> str:
        """The name of the dtype that the loss computes in."""
        return str(self._dtype).removeprefix("torch.")

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None
    ) -> Tensor:
        """Return the loss.

        Args:
            y_true: Targets: a tensor, array or list, or a structure of them.
            y_pred: Outputs of the model, in the same form.
            sample_weight: A weight per value, or per sample; its axes match the first axes of the values.
            mask: Booleans in the same form; False leaves a value out.
        """
        if self.checks and not (self._checked and (sample_weight is None or self._weights_checked)):
            self._check_first(y_true, y_pred, sample_weight, mask)
        if (
            self._fuses
            and sample_weight is None
            and mask is None
            and type(y_true) is Tensor
            and type(y_pred) is Tensor
        ):
            loss = self._fused(y_true, y_pred)
            if loss is not None:
                return loss
        y_true, y_pred = self._prepare(y_true, y_pred)
        y_true, mask = self._hide(y_true, mask)
        values = self.call(y_true, y_pred)
        if self.checks and not self._result_checked:
            check_not_broadcast(values, y_true, y_pred)
            self._result_checked = True
        return reduce_weighted(values, sample_weight, mask, self.reduction)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """Return the loss of each sample, shape (B, ...), from targets and outputs in one dtype."""
        raise NotImplementedError(f"{type(self).__name__} must define call(self, y_true, y_pred)")

    def check(self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> None:
        """Raise a ShapeError or a DataError, or warn, where a batch cannot be what is meant.

        It waits for the device; the first call of the loss does it by itself.
        """
        with torch.no_grad():
            y_true, y_pred = self._prepare(y_true, y_pred)
            seen = None if mask is None else to_tensor(mask).to(torch.bool)
            if isinstance(y_true, Tensor) and isinstance(y_pred, Tensor):
                check_finite(visible(y_true, seen), "targets")
                self._check_values(y_true, y_pred, seen)
            if sample_weight is not None:
                check_weights(sample_weight)
        self._checked = True
        self._weights_checked = self._weights_checked or sample_weight is not None

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this loss again."""
        config = super().get_config()
        return {**config, "name": self.name} if "name" in config else config

    @untraced
    def _check_first(self, y_true: Any, y_pred: Any, sample_weight: Any, mask: Any) -> None:
        # Values cannot be read while a program is traced; the check then waits for a call that is not.
        if torch.compiler.is_compiling():
            return
        if all(readable(leaf) for leaf in leaves([y_true, y_pred, sample_weight, mask])):
            self.check(y_true, y_pred, sample_weight, mask)

    def _check_values(self, y_true: Tensor, y_pred: Tensor, mask: Tensor | None) -> None:
        """Refuse values that this loss cannot mean, but for masked ones."""

    def check_targets(self, y_true: Tensor, y_pred: Tensor) -> None:
        """Refuse class labels out of range among all targets of a run, given the outputs of any batch."""

    def _prepare(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """Return targets and outputs as tensors of one dtype, device and rank."""
        dtype = self._dtype_for(y_pred)
        y_pred = convert(y_pred, dtype)
        device = y_pred.device if isinstance(y_pred, Tensor) else leaves(y_pred)[0].device
        y_true = convert(y_true, None if self._takes_labels else dtype, device)
        if isinstance(y_true, Tensor) and isinstance(y_pred, Tensor):
            if not self._takes_labels:
                return same_rank(y_true, y_pred)
            if not y_true.is_floating_point():
                return y_true.long(), y_pred  # torch cannot compare uint16
        return y_true, y_pred

    def _dtype_for(self, y_pred: Any) -> torch.dtype:
        given = [y_pred] if isinstance(y_pred, Tensor) else leaves(y_pred)
        wide = self._keeps_float64 and any(
            isinstance(leaf, Tensor) and leaf.dtype is torch.float64 for leaf in given
        )
        return torch.float64 if wide else self._dtype

    def _hide(self, y_true: Any, mask: Any) -> tuple[Any, Any]:
        """Return targets that are safe to compute with, and the mask with what they leave out."""
        if mask is None or not isinstance(y_true, Tensor) or getattr(self, "axis", -1) != -1:
            return y_true, mask
        keep = to_tensor(mask).to(y_true.device, torch.bool)
        if keep.shape == y_true.shape[: keep.dim()]:
            # A NaN in the padding would reach the gradient, though its loss is left out.
            keep = keep.reshape(keep.shape + (1,) * (y_true.dim() - keep.dim()))
            y_true = torch.where(keep | torch.isfinite(y_true), y_true, torch.zeros_like(y_true))
        return y_true, mask

    def _fused(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        """Return the mean loss in one or two kernels, or None where the general way is needed."""
        return None

"""What stays the same from update to update, worked out once for each list of variables.

A plan holds the lists that the kernels take, so that an update costs no Python work per parameter. Gradients are
compared with it in C (shape, strides, dtype): the fused CPU kernels read flat memory and would be silently wrong.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Sequence
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np
import torch
from torch.utils._foreach_utils import _get_fused_kernels_supported_devices

from treadle._core import ShapeError, TreadleWarning, explain

Tensors = list[torch.Tensor]

_size = torch.Tensor.size
_stride = torch.Tensor.stride
_dtype = attrgetter("dtype")
FUSED_DEVICES = frozenset(_get_fused_kernels_supported_devices())


class Bucket:
    """Variables that one call of a kernel updates together: one parameter group, device, dtype and kind.

    Args:
        group: The parameter group that the learning rate comes from.
        variables: The variables.
        positions: Where they stand in the plan's list.
        slots: For each slot name the tensors of these variables.
        kind: What the optimizer told the variables apart by.
        decays: Whether weight decay applies.
        fused: Whether flat-memory kernels may be used.
    """

    __slots__ = (
        "cache",
        "decays",
        "fused",
        "group",
        "kind",
        "orders",
        "pick",
        "slots",
        "steps",
        "variables",
    )

    def __init__(
        self,
        group: dict[str, Any],
        variables: Tensors,
        positions: list[int],
        slots: dict[str, Tensors],
        kind: Hashable,
        decays: bool,
        fused: bool,
    ) -> None:
        self.group, self.variables, self.slots = group, variables, slots
        self.kind, self.decays, self.fused = kind, decays, fused
        self.cache: dict[str, Any] = {}
        getter: Callable[..., Any] = itemgetter(*positions)
        self.pick = getter if len(positions) > 1 else lambda grads: (getter(grads),)
        # Fused kernels want a step count per variable, on its device: one tensor, shared.
        step = torch.zeros((), dtype=torch.float32, device=variables[0].device)
        self.steps = [step] * len(variables)
        orders = [_memory_order(variable) for variable in variables]
        self.orders = orders if any(orders) else None

    def flat(self, tensors: Tensors) -> Tensors:
        """Return tensors of the variables' strides as views that are contiguous.

        The fused kernels of the CPU copy gradients that are not, which takes longer than the update.
        """
        if self.orders is None:
            return tensors
        return [
            tensor if order is None else tensor.permute(order)
            for tensor, order in zip(tensors, self.orders, strict=True)
        ]

    def flat_slot(self, name: str) -> Tensors:
        """Return a slot likewise; its memory stays where it is, so the views are made once."""
        found = self.cache.get(name)
        if found is None:
            found = self.cache[name] = self.flat(self.slots[name])
        return found


def _memory_order(variable: torch.Tensor) -> tuple[int, ...] | None:
    """Return the axes from the outermost in memory to the innermost; None where that is their own order."""
    if variable.is_contiguous():
        return None
    return tuple(sorted(range(variable.dim()), key=variable.stride, reverse=True))


class Plan:
    """One list of variables, in the order in which gradients come, and its buckets."""

    __slots__ = (
        "buckets",
        "by_id",
        "constrained",
        "dtypes",
        "key",
        "shapes",
        "slots",
        "strides",
        "variables",
    )

    def __init__(
        self, variables: Tensors, slots: dict[str, Tensors], buckets: list[Bucket]
    ) -> None:
        self.variables, self.slots, self.buckets = variables, slots, buckets
        self.key = tuple(map(id, variables))
        self.by_id = {id(variable): variable for variable in variables}
        self.shapes = list(map(_size, variables))
        self.strides = [dense_strides(variable) for variable in variables]
        self.dtypes = list(map(_dtype, variables))
        self.constrained = [
            variable for variable in variables if getattr(variable, "constraint", None) is not None
        ]

    def fits(self, grads: Sequence[Any]) -> bool:
        """Return whether the kernels can take `grads` as they are."""
        try:
            return (
                list(map(_stride, grads)) == self.strides
                and list(map(_size, grads)) == self.shapes
                and list(map(_dtype, grads)) == self.dtypes
            )
        except (TypeError, AttributeError, RuntimeError):  # None, an array, a sparse gradient
            return False


def dense_strides(variable: torch.Tensor) -> tuple[int, ...]:
    """Return the strides of a new tensor in the memory order of `variable`."""
    return torch.empty_like(variable, device="meta").stride()


def can_fuse(variable: torch.Tensor) -> bool:
    """Return whether flat-memory kernels may update `variable`."""
    return (
        variable.is_floating_point()
        and variable.device.type in FUSED_DEVICES
        and type(variable.data) is torch.Tensor  # a DTensor is not flat memory
        and variable.stride() == dense_strides(variable)
    )


def name_of(variable: torch.Tensor, position: int) -> str:
    """Return how messages call a variable."""
    path = getattr(variable, "path", None) or f"number {position}"
    return f"{path} {tuple(variable.shape)}"


def check_lengths(grads: Sequence[Any], variables: Sequence[Any]) -> None:
    """Raise unless there is one gradient per variable."""
    if len(grads) != len(variables):
        raise ValueError(
            explain(
                "The gradients do not match the variables one to one.",
                expected=f"{len(variables)} gradients, one per variable",
                got=f"{len(grads)}",
                fix="give the variables that the gradients were taken for: apply(grads, variables)",
            )
        )


def split_missing(
    grads: Sequence[Any], variables: Sequence[torch.Tensor]
) -> tuple[list[Any], Tensors]:
    """Return the gradients that are there, and their variables."""
    kept = [position for position, grad in enumerate(grads) if grad is not None]
    return [grads[position] for position in kept], [variables[position] for position in kept]


def refuse_no_gradients() -> None:
    """Raise the error for an update in which every gradient is None."""
    raise ValueError(
        explain(
            "No variable has a gradient.",
            expected="at least one gradient",
            got="None for every variable",
            fix="compute the loss from the model's output by torch operations (no .item(), .numpy(), "
            ".detach() or rounding on the way), call loss.backward() first, and check `trainable`",
        )
    )


def warn_missing(grads: Sequence[Any], variables: Sequence[torch.Tensor]) -> None:
    """Say which variables the loss does not depend on."""
    names = [
        name_of(variable, position)
        for position, variable in enumerate(variables)
        if grads[position] is None
    ]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    warnings.warn(
        explain(
            "Some variables have no gradient and are left as they are.",
            expected="a loss that depends on every trainable variable",
            got=f"None for {shown}",
            fix="set trainable = False on layers that are not meant to learn",
        ),
        TreadleWarning,
        stacklevel=4,
    )


def fit_gradient(grad: Any, variable: torch.Tensor, position: int) -> torch.Tensor:
    """Return a gradient in the dtype, memory order and device of its variable."""
    if isinstance(grad, (np.ndarray, float, int, list)):
        grad = torch.as_tensor(grad)
    if not isinstance(grad, torch.Tensor):
        raise TypeError(
            explain(
                f"The gradient of {name_of(variable, position)} cannot be read.",
                expected="a tensor or None",
                got=type(grad).__name__,
                fix="give what tape.gradient() or torch.autograd.grad() returned",
            )
        )
    if grad.layout is not torch.strided:
        grad = grad.to_dense()
    if grad.shape != variable.shape:
        raise ShapeError(
            explain(
                f"A gradient does not have the shape of {name_of(variable, position)}.",
                expected=f"shape {tuple(variable.shape)}",
                got=f"shape {tuple(grad.shape)}",
                fix="give gradients and variables in the same order",
            )
        )
    return torch.empty_like(variable).copy_(grad.detach())

"""Adafactor: second moments kept as one row and one column per matrix."""

from __future__ import annotations

import math
from collections.abc import Hashable
from functools import partial
from typing import Any, Unpack

import torch

from treadle._core import StateVariable
from treadle.optimizers._family import member
from treadle.optimizers._optimizer import Optimizer, Rate
from treadle.optimizers._options import Options, check_positive, check_range, takes_options
from treadle.optimizers._plan import Bucket

Tensors = list[torch.Tensor]

# Mapped over lists, these cost no Python frame per variable.
_row_means = partial(torch.mean, dim=-1)
_column_means = partial(torch.mean, dim=-2)
_means = partial(torch.mean, dim=-1, keepdim=True)
_as_column = partial(torch.unsqueeze, dim=-1)
_as_row = partial(torch.unsqueeze, dim=-2)


@member
class Adafactor(Optimizer):
    """Gradients divided by the root of a mean of squares that takes little memory, with relative step sizes.

    With `b = 1 - t^beta_2_decay`, `v` is a running mean of `g² + epsilon_1` with `b`; for matrices and more
    dimensions it is the product of the running means of its rows and columns, over the mean of both.
    `u = g / sqrt(v)`, then `w <- w - max(epsilon_2, rms(w)) * rate * u / max(1, rms(u) / clip_threshold)`.

    Args:
        learning_rate: A number >= 0, a `LearningRateSchedule` or a callable.
        beta_2_decay: At most 0.
        epsilon_1: Added to squared gradients, >= 0.
        epsilon_2: The least size of a variable that counts, >= 0.
        clip_threshold: Upper limit of the root mean square of `u`, > 0.
        relative_step: Whether a constant rate is limited to `1 / sqrt(t)`.
        **options: The arguments that all optimizers share; see `Optimizer`.

    Example:
        >>> import torch, treadle
        >>> w = treadle.Variable([2.0])
        >>> treadle.optimizers.Adafactor(0.25).apply([torch.ones(1)], [w])
        >>> w.numpy()
        array([1.5], dtype=float32)

    Reference:
        Shazeer and Stern, 2018, Adafactor, https://arxiv.org/abs/1804.04235
    """

    @takes_options
    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **options: Unpack[Options],
    ) -> None:
        check_range("Adafactor", -math.inf, 0.0, open_high=False, beta_2_decay=beta_2_decay)
        check_range("Adafactor", 0.0, math.inf, epsilon_1=epsilon_1, epsilon_2=epsilon_2)
        check_positive("Adafactor", clip_threshold=clip_threshold)
        self.beta_2_decay = float(beta_2_decay)
        self.epsilon_1, self.epsilon_2 = float(epsilon_1), float(epsilon_2)
        self.clip_threshold = float(clip_threshold)
        self.relative_step = relative_step
        super().__init__(learning_rate, **options)

    def _kind(self, variable: torch.Tensor) -> Hashable:
        return variable.dim() >= 2

    def _new_slots(self, variable: torch.Tensor) -> dict[str, torch.Tensor]:
        if variable.dim() < 2:
            return {"velocity": torch.zeros_like(variable.detach())}
        shape = tuple(variable.shape)
        return {
            "rows": variable.new_zeros(shape[:-1]),
            "columns": variable.new_zeros((*shape[:-2], shape[-1])),
        }

    @property
    def variables(self) -> list[Any]:
        """Everything that an update changes beside the model, in Keras's order.

        Keras's files hold, for each variable, rows, columns and a mean of squares, of which only rows and columns,
        or only the mean, are used: zeros stand for the others.
        """
        own = self._slot_order()
        found: list[Any] = [self._iterations, *([] if self._schedule else [self.learning_rate])]
        for names in own[:2]:
            held = [self.state[variable] for variable in self._variables]
            found.extend(slots[names[0]] for slots in held if names[0] in slots)
        for variable in self._variables:
            slots = self.state[variable]
            unused = torch.zeros((), dtype=torch.int32), torch.zeros_like(variable.detach())
            for name, zeros in zip(
                ("rows", "columns", "velocity"), (unused[0], unused[0], unused[1]), strict=True
            ):
                found.append(slots[name] if name in slots else StateVariable.wrap(zeros, name))
        return found

    def _update(self, bucket: Bucket, grads: Tensors, rate: float, step: int) -> None:
        if self.relative_step and self._schedule is None:
            rate = min(rate, 1.0 / math.sqrt(step))
        moved = step**self.beta_2_decay
        squares = list(torch._foreach_mul(grads, grads))
        torch._foreach_add_(squares, self.epsilon_1)
        if bucket.kind:
            updates = self._factored(bucket, squares, moved)
        else:
            torch._foreach_lerp_(bucket.slots["velocity"], squares, moved)
            updates = list(torch._foreach_rsqrt(bucket.slots["velocity"]))
        torch._foreach_mul_(updates, grads)
        roots = self._roots(bucket)
        sizes = torch.stack(torch._foreach_norm(bucket.variables)) / roots
        lengths = torch.stack(torch._foreach_norm(updates)) / roots
        factors = sizes.clamp(min=self.epsilon_2) / (lengths / self.clip_threshold).clamp(min=1.0)
        torch._foreach_mul_(updates, list(factors.unbind()))
        torch._foreach_add_(bucket.variables, updates, alpha=-rate)

    def _factored(self, bucket: Bucket, squares: Tensors, moved: float) -> Tensors:
        """Move the means of rows and columns, and return one over the root of their product."""
        rows, columns = bucket.slots["rows"], bucket.slots["columns"]
        torch._foreach_lerp_(rows, list(map(_row_means, squares)), moved)
        torch._foreach_lerp_(columns, list(map(_column_means, squares)), moved)
        shares = list(torch._foreach_div(rows, list(map(_means, rows))))
        # Two roots, so that the product of two small numbers cannot vanish.
        torch._foreach_rsqrt_(shares)
        wide = torch._foreach_rsqrt(columns)
        return list(torch._foreach_mul(list(map(_as_column, shares)), list(map(_as_row, wide))))

    def _roots(self, bucket: Bucket) -> torch.Tensor:
        """Return the root of the number of elements of each variable."""
        if "roots" not in bucket.cache:
            first = bucket.variables[0]
            counts = [math.sqrt(variable.numel()) for variable in bucket.variables]
            bucket.cache["roots"] = torch.tensor(counts, dtype=first.dtype, device=first.device)
        return bucket.cache["roots"]

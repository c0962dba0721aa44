"""Muon: steps along orthogonalized momentum for matrices, Adam for everything else."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Sequence
from typing import Unpack

import torch

from treadle.optimizers._adam import adam_update
from treadle.optimizers._family import member
from treadle.optimizers._optimizer import Optimizer, Rate
from treadle.optimizers._options import (
    OptionsButDecay,
    check_count,
    check_pattern,
    check_range,
    takes_options,
)
from treadle.optimizers._plan import Bucket

Tensors = list[torch.Tensor]


@member
class Muon(Optimizer):
    """Momentum made orthogonal by Newton-Schulz iterations, for matrices; AdamW for other variables.

    `m <- momentum * m + g`; `u = g + momentum * m` (or `m`), divided by its norm; `ns_steps` times
    `u <- a * u + (b * u u' + c * (u u')²) u`; then `w <- w - rate * rms_rate * sqrt(max(rows, columns)) * u`.
    Use AdamW for the output layer too: name it in `exclude_layers`.

    Args:
        learning_rate: A number >= 0, a `LearningRateSchedule` or a callable.
        adam_beta_1: In [0, 1).
        adam_beta_2: In [0, 1).
        adam_weight_decay: Weight decay of the variables that Adam updates.
        epsilon: Adam's, >= 0.
        weight_decay: Weight decay of the matrices.
        exclude_layers: Regular expressions; a variable in whose path one is found is updated by Adam.
        exclude_embeddings: Whether variables with "embedding" in their path are updated by Adam.
        muon_a: The iteration's coefficient `a`.
        muon_b: The iteration's coefficient `b`.
        muon_c: The iteration's coefficient `c`.
        adam_lr_ratio: Adam's rate over Muon's.
        momentum: In [0, 1].
        ns_steps: Iterations.
        nesterov: Whether to look ahead along the momentum.
        rms_rate: The root mean square of a step; None steps along `u` as it is.
        **options: The arguments that all optimizers share; see `Optimizer`.

    Example:
        >>> import torch, treadle
        >>> w = treadle.Variable(torch.ones(2, 2))
        >>> optimizer = treadle.optimizers.Muon(0.1, exclude_layers=["head"])
        >>> optimizer.apply([torch.eye(2)], [w])
        >>> bool(w[0, 0] < w[0, 1])
        True

    Reference:
        Jordan et al., 2024, Muon, https://kellerjordan.github.io/posts/muon/;
        Liu et al., 2025, Muon is scalable for LLM training, https://arxiv.org/abs/2502.16982
    """

    @takes_options
    def __init__(
        self,
        learning_rate: Rate = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.775,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **options: Unpack[OptionsButDecay],
    ) -> None:
        check_range("Muon", 0.0, 1.0, adam_beta_1=adam_beta_1, adam_beta_2=adam_beta_2)
        check_range("Muon", 0.0, 1.0, open_high=False, momentum=momentum)
        check_range(
            "Muon",
            0.0,
            math.inf,
            epsilon=epsilon,
            adam_weight_decay=adam_weight_decay or 0.0,
            adam_lr_ratio=adam_lr_ratio,
        )
        check_count("Muon", 0, ns_steps=ns_steps)
        self.adam_beta_1, self.adam_beta_2 = float(adam_beta_1), float(adam_beta_2)
        self.adam_weight_decay, self.epsilon = adam_weight_decay, float(epsilon)
        self.exclude_layers = list(exclude_layers or ())
        for pattern in self.exclude_layers:
            check_pattern(pattern)
        self.exclude_embeddings = exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = float(muon_a), float(muon_b), float(muon_c)
        self.adam_lr_ratio, self.momentum = float(adam_lr_ratio), float(momentum)
        self.ns_steps, self.nesterov, self.rms_rate = ns_steps, nesterov, rms_rate
        self._layout = (("momentum", "velocity"),)
        super().__init__(learning_rate, weight_decay=weight_decay, **options)

    def _kind(self, variable: torch.Tensor) -> Hashable:
        """Return the shape of a matrix that Muon updates, so that equal ones are one batch; None for Adam."""
        path = str(getattr(variable, "path", ""))
        if variable.dim() != 2 or (self.exclude_embeddings and "embedding" in path.lower()):
            return None
        if any(re.search(pattern, path) for pattern in self.exclude_layers):
            return None
        return tuple(variable.shape)

    def _new_slots(self, variable: torch.Tensor) -> dict[str, torch.Tensor]:
        names = ("momentum", "velocity") if self._kind(variable) is None else ("momentum",)
        return {name: torch.zeros_like(variable.detach()) for name in names}

    def _decay(self, bucket: Bucket) -> float:
        if bucket.kind is not None:
            return super()._decay(bucket)
        return (self.adam_weight_decay or 0.0) if bucket.decays else 0.0

    def _update(self, bucket: Bucket, grads: Tensors, rate: float, step: int) -> None:
        if bucket.kind is None:
            betas = (self.adam_beta_1, self.adam_beta_2)
            adam_update(bucket, grads, rate * self.adam_lr_ratio, step, betas, self.epsilon)
            return
        moments = bucket.slots["momentum"]
        torch._foreach_mul_(moments, self.momentum)
        torch._foreach_add_(moments, grads)
        aims = moments
        if self.nesterov:
            aims = list(torch._foreach_add(grads, moments, alpha=self.momentum))
        steps = list(self._orthogonalize(torch.stack(aims)).unbind())
        if self.rms_rate is not None:
            rate *= self.rms_rate * math.sqrt(max(bucket.variables[0].shape))
        torch._foreach_add_(bucket.variables, steps, alpha=-rate)

    def _orthogonalize(self, matrices: torch.Tensor) -> torch.Tensor:
        """Bring the singular values of (count, rows, columns) matrices near 1."""
        tall = matrices.shape[1] > matrices.shape[2]
        u = matrices.mT if tall else matrices
        u = u / (torch.linalg.matrix_norm(u, keepdim=True) + 1e-7)
        for _ in range(self.ns_steps):
            square = u @ u.mT  # (count, side, side), side the shorter one
            u = self.muon_a * u + (self.muon_b * square + self.muon_c * square @ square) @ u
        return u.mT if tall else u

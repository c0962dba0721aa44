"""Mixed precision and gradient accumulation for hand-written loops."""

from __future__ import annotations

from typing import Any

import torch

from treadle import _core


class Precision:
    """What `Loop.autocast`, `Loop.backward` and `Loop.step` do.

    Args:
        model: The model whose device decides where autocast applies.
        accumulation: Steps whose gradients are added up.
        name: `"bfloat16"`, `"float16"` (or Keras's `"mixed_..."` names), or None.

    Raises:
        UnknownNameError: for another name.
        ValueError: for an accumulation that is no integer > 0.
    """

    def __init__(self, model: Any, accumulation: int, name: str | None) -> None:
        if isinstance(accumulation, bool) or not isinstance(accumulation, int) or accumulation < 1:
            raise ValueError(
                _core.explain(
                    "`accumulation` cannot be used.",
                    expected="an integer > 0",
                    got=repr(accumulation),
                )
            )
        short = (name or "float32").removeprefix("mixed_")
        if short not in ("float32", "bfloat16", "float16"):
            raise _core.unknown_name("precision", str(name), ["bfloat16", "float16", "float32"])
        self.model = model
        self.accumulation = accumulation
        self.dtype = getattr(torch, short)
        self.scaler = torch.amp.GradScaler(self._device_type(), enabled=self.dtype == torch.float16)
        self._waiting = 0

    def _device_type(self) -> str:
        parameters = getattr(self.model, "parameters", None)
        first = next(iter(parameters()), None) if parameters is not None else None
        return "cpu" if first is None else first.device.type

    def autocast(self) -> torch.autocast:
        """Return the autocast context; it does nothing at full precision."""
        return torch.autocast(self._device_type(), self.dtype, enabled=self.dtype != torch.float32)

    def backward(self, loss: torch.Tensor) -> None:
        """Add the gradients of `loss / accumulation` to those that wait."""
        self._waiting += 1
        self.scaler.scale(loss / self.accumulation if self.accumulation > 1 else loss).backward()

    def step(self, steppers: tuple[Any, ...], last: bool) -> bool:
        """Let `steppers` use the gradients, if there are enough or the epoch ends here."""
        if self._waiting < self.accumulation and not last:
            return False
        # Fewer steps than usual at the end of an epoch: their mean, not their part of a full mean.
        missing = self.accumulation / self._waiting if self._waiting else 1.0
        for optimizer in steppers:
            if missing != 1.0:
                _scale_gradients(optimizer, missing)
            self.scaler.step(optimizer)
            optimizer.zero_grad()
        self.scaler.update()
        self._waiting = 0
        return True


def _scale_gradients(optimizer: Any, factor: float) -> None:
    gradients = [
        p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None
    ]
    if gradients:
        torch._foreach_mul_(gradients, factor)

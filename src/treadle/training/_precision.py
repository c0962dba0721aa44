"""Mixed precision and gradient accumulation for hand-written loops."""

from __future__ import annotations

from collections.abc import Mapping
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
        self._steppers: list[Any] = []  # in the order in which they were first seen
        self._waiting: list[int] = []  # steps whose gradients wait, for each of them

    def _device_type(self) -> str:
        parameters = getattr(self.model, "parameters", None)
        first = next(iter(parameters()), None) if parameters is not None else None
        return "cpu" if first is None else first.device.type

    def autocast(self) -> torch.autocast:
        """Return the autocast context; it does nothing at full precision."""
        return torch.autocast(self._device_type(), self.dtype, enabled=self.dtype != torch.float32)

    def backward(self, loss: torch.Tensor) -> None:
        """Add the gradients of `loss / accumulation` to those that wait."""
        self.scaler.scale(loss / self.accumulation if self.accumulation > 1 else loss).backward()

    def step(self, steppers: tuple[Any, ...], last: bool) -> bool:
        """Let `steppers` use the gradients, if there are enough or the epoch ends here; returns whether they did."""
        stepped = False
        for optimizer in steppers:
            number = self._number_of(optimizer)
            self._waiting[number] += 1
            waiting = self._waiting[number]
            if waiting < self.accumulation and not last:
                continue
            if waiting < self.accumulation:
                # Fewer steps than usual at the end of an epoch: their mean, not their part of a full mean.
                _scale_gradients(optimizer, self.accumulation / waiting)
            self.scaler.step(optimizer)
            optimizer.zero_grad()
            self._waiting[number] = 0
            stepped = True
        if stepped:
            self.scaler.update()
        return stepped

    def _number_of(self, optimizer: Any) -> int:
        for number, known in enumerate(self._steppers):
            if known is optimizer:
                return number
        self._steppers.append(optimizer)
        if len(self._waiting) < len(self._steppers):
            self._waiting.append(0)
        return len(self._steppers) - 1

    @property
    def waits(self) -> bool:
        """Whether gradients wait for more steps."""
        return any(self._waiting)

    def state_dict(self) -> dict[str, Any]:
        """Return the scale of the loss, and how many steps wait."""
        return {"scaler": self.scaler.state_dict(), "waiting": list(self._waiting)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state_dict` was taken."""
        if state["scaler"]:
            self.scaler.load_state_dict(dict(state["scaler"]))
        self._steppers, self._waiting = [], list(state["waiting"])


def _scale_gradients(optimizer: Any, factor: float) -> None:
    gradients = [
        p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None
    ]
    if gradients:
        torch._foreach_mul_(gradients, factor)

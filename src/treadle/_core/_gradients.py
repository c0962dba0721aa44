"""Telling that gradients were never cleared: `backward()` adds to `.grad`, so they would grow from step to step."""

from __future__ import annotations

import warnings

import torch

from treadle._core._errors import TreadleWarning, explain

GRADIENT_LOOKS = (
    4  # steps at the beginning of a run that are looked at: whoever forgets does so from the first
)


def warn_if_kept(parameter: torch.Tensor) -> None:
    """Warn when `parameter` was updated with a gradient, and the next `backward()` added to that gradient.

    Call it once per step, always at the same place. A cleared gradient is a new tensor, or has been written to twice
    (cleared, added to) since the last look; one that has been written to once was only added to. Gradients that
    views share (the buckets of a process group) are left alone. Only in that last case is anything read from the
    device.
    """
    gradient = parameter.grad
    if gradient is None or gradient._is_view():
        return
    seen, row = getattr(gradient, "_treadle_seen", (-2, None))
    written = gradient._version
    if seen == written:
        return  # an optimizer and a loop look at the same step
    # Fused kernels change parameters without raising their version, so a few values are kept instead.
    now = parameter.detach()[(0,) * (parameter.ndim - 1)].clone()
    gradient._treadle_seen = (written, now)  # type: ignore[attr-defined]
    if row is not None and written == seen + 1 and not torch.equal(row, now):
        warnings.warn(_kept(parameter), TreadleWarning, stacklevel=3)


def _kept(parameter: torch.Tensor) -> str:
    name = getattr(parameter, "path", None)
    return explain(
        "Gradients were not cleared, so they grow from step to step.",
        expected="the gradients of this step alone",
        got=f"{name or 'a parameter'} with a .grad to which the last two backward() were added, an update between",
        fix="call model.zero_grad() or optimizer.zero_grad() before loss.backward(); to add up on purpose, use "
        "Loop(accumulation=n) or gradient_accumulation_steps=n",
    )

"""Large matrix products on the CPU by oneDNN, which torch carries and uses for convolutions.

On processors that are not Intel's, the library behind torch's float32 products reaches half of what oneDNN does:
measured on a Zen 5, 100-113 GFLOP/s beside 215-250, from products of 64 x 784 x 512 up. Smaller ones lose the gain in
the call. The choice hangs on shape and machine alone, so that a run that is resumed makes it again; it is off where
torch was told to be deterministic, and where a program is compiled or transformed.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import torch

LEAST_WEIGHTS = 784 * 512
_LEAST_ROWS = 32


def suits(x: torch.Tensor, kernel: torch.Tensor) -> bool:
    """Return whether `product` is faster for (rows, in) and a large kernel (in, out)."""
    return (
        x.dtype is torch.float32
        and kernel.dtype is torch.float32
        and x.is_cpu
        and x.shape[0] >= _LEAST_ROWS
        and _is_faster()
        and not torch.are_deterministic_algorithms_enabled()
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
        and not torch.is_autocast_enabled("cpu")
    )


@functools.cache
def _is_faster() -> bool:
    if not (
        torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    ):
        return False
    try:
        return "AuthenticAMD" in Path("/proc/cpuinfo").read_text(encoding="ascii")[:4096]
    except (OSError, UnicodeDecodeError):
        return False


def product(x: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Return `x @ kernel + bias`, to float32 rounding.

    Args:
        x: (rows, in).
        kernel: (in, out); fastest where it is stored as (out, in).
        bias: (out,), or None.
    """
    if torch.is_grad_enabled():
        return _Product.apply(x, kernel, bias)
    return _multiply(x, kernel.t(), bias)


def _multiply(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Return `x @ weight.t() + bias`."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, kernel: torch.Tensor, bias: Any) -> torch.Tensor:
        ctx.save_for_backward(x, kernel)
        return _multiply(x, kernel.t(), bias)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradient,) = gradients  # (rows, out)
        x, kernel = ctx.saved_tensors
        of_x, of_kernel, of_bias = ctx.needs_input_grad
        if torch.is_grad_enabled():  # these gradients will be differentiated themselves
            return (
                gradient @ kernel.t() if of_x else None,
                x.t() @ gradient if of_kernel else None,
                gradient.sum(0) if of_bias else None,
            )
        return (
            _multiply(gradient, kernel, None) if of_x else None,
            # (out, in), and seen as (in, out): in the memory order of the kernel.
            _multiply(gradient.t(), x.t(), None).t() if of_kernel else None,
            gradient.sum(0) if of_bias else None,
        )

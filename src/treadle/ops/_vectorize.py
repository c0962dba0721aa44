"""Making a function of small tensors one of large tensors."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

import torch

from treadle import _core
from treadle.ops._convert import as_tensor


def vectorize(
    pyfunc: Callable[..., Any],
    *,
    excluded: Collection[int | str] | None = None,
    signature: str | None = None,
) -> Callable[..., Any]:
    """Return a function that applies `pyfunc` to the elements (or slices) of tensors, all at once by `torch.vmap`.

    Args:
        pyfunc: A function of tensors without dimensions, or of the dimensions that `signature` names.
        excluded: Positions and names of arguments that are handed on as they are.
        signature: The last dimensions that `pyfunc` takes and returns, such as `"(m,n),(n)->(m)"`.

    Returns:
        A function whose arguments broadcast against each other in the dimensions that `pyfunc` does not take.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.vectorize(lambda a, b: a + b)([1, 2, 3, 4], 2)
        tensor([3, 4, 5, 6], dtype=torch.int32)
        >>> treadle.ops.vectorize(torch.dot, signature="(n),(n)->()")(
        ...     [[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]
        ... )
        tensor([3., 7.])
    """
    kept = set(excluded or ())
    ranks = None if signature is None else _core_ranks(signature)

    def vectorized(*args: Any, **kwargs: Any) -> Any:
        mapped = [position for position in range(len(args)) if position not in kept]
        names = [name for name in kwargs if name not in kept]
        tensors = [as_tensor(args[position]) for position in mapped]
        tensors += [as_tensor(kwargs[name]) for name in names]
        core = [0] * len(tensors) if ranks is None else ranks
        if len(core) != len(tensors):
            raise TypeError(
                _core.explain(
                    "The arguments do not fit the signature.",
                    expected=f"{len(core)} of them for {signature!r}",
                    got=str(len(tensors)),
                )
            )

        def call(*parts: Any) -> Any:
            filled, named = list(args), dict(kwargs)
            for position, part in zip(mapped, parts, strict=False):
                filled[position] = part
            named.update(zip(names, parts[len(mapped) :], strict=True))
            return pyfunc(*filled, **named)

        return _mapped(call, tensors, core)

    return vectorized


def _mapped(call: Callable[..., Any], tensors: list[Any], core: list[int]) -> Any:
    """Return `call` over all leading dimensions; `core` says how many each call takes."""
    loops = [x.shape[: x.ndim - rank] for x, rank in zip(tensors, core, strict=True)]
    common = torch.broadcast_shapes(*loops)
    for _ in common:
        call = torch.vmap(call, randomness="different")
    return call(
        *(x.expand(common + x.shape[len(loop) :]) for x, loop in zip(tensors, loops, strict=True))
    )


def _core_ranks(signature: str) -> list[int]:
    """Return how many dimensions a signature gives each argument."""
    inputs = signature.replace(" ", "").partition("->")[0]
    groups = re.findall(r"\(([^()]*)\)", inputs)
    if "->" not in signature or ",".join(f"({group})" for group in groups) != inputs:
        raise ValueError(
            _core.explain(
                "This is not a signature.", expected='such as "(m,n),(n)->(m)"', got=repr(signature)
            )
        )
    return [len(group.split(",")) if group else 0 for group in groups]

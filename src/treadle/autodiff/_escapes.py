"""Results that a recorded run has left where a replay would not put them: in attributes, buffers, outer names."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from typing import Any

import torch
from torch import nn


def find(
    function: Callable[..., Any],
    owners: Iterable[Any],
    modules: Iterable[nn.Module],
    made: Container[int],
) -> list[str]:
    """Return where results of a run are kept, as sentences.

    Args:
        function: What was run.
        owners: The objects among its arguments.
        modules: The modules that were called.
        made: The identities of the tensors that the run made.
    """
    found: list[str] = []
    for name, value in [*_outer_names(function), *_attributes([*owners, *modules])]:
        if isinstance(value, torch.Tensor) and id(value) in made:
            found.append(f"keeps a result in {name}; write into a tensor instead: x.copy_(result)")
    return list(dict.fromkeys(found))


def _outer_names(function: Any) -> Iterator[tuple[str, Any]]:
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is None:
        return
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    for name in code.co_names:
        if name in function.__globals__:
            yield name, function.__globals__[name]


def _attributes(owners: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    for owner in owners:
        kind = type(owner).__name__
        tables = [getattr(owner, "__dict__", {})]
        if isinstance(owner, nn.Module):
            tables.append(owner._buffers)
        for table in tables:
            yield from ((f"{kind}.{name}", value) for name, value in list(table.items()))

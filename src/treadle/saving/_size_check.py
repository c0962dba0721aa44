"""A configuration is first built on the meta device, which has shapes but no memory, and compared with the weights.

`units: 1e8` is found there, before anything of that size is allocated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from treadle import graph
from treadle.saving._config import build_model
from treadle.saving._errors import CorruptFileError, unsafe
from treadle.saving._keras_weights import slots_of
from treadle.saving._stored import Stored
from treadle.saving._walk import parts_of

_FREE = 2**24  # numbers that may be allocated whatever the file's size


def check_sizes(config: dict[str, Any], stored: Mapping[str, Stored], where: str) -> bool:
    """Raise if the model that `config` describes is larger than what the file holds.

    Returns:
        Whether values between its layers are so large that it is built without memory for them.

    Raises:
        UnsafeFileError: for weights larger than the file's, and for sizes without bounds.
    """
    held = sum(torch.Size(item.shape).numel() for item in stored.values())
    try:
        with torch.device("meta"):
            model = build_model(config, where)
    except CorruptFileError as error:
        if not _needs_values(error):
            raise
        _check_numbers(config, held, where)  # the model's own code reads values while it is built
        return False
    slots = slots_of(parts_of(model))
    declared = sum(slot.variable.numel() for slot in slots)
    if declared > held and declared > _FREE:
        largest = max(slots, key=lambda slot: slot.variable.numel())
        raise unsafe(
            where,
            f"weights of {declared} numbers, such as {largest.label} of shape {tuple(largest.variable.shape)}",
            f"at most the {held} numbers that the file holds",
        )
    return largest_value(model) > _FREE // 4


def _needs_values(error: BaseException) -> bool:
    """Return whether the meta device was the reason of a failure."""
    cause = error.__cause__
    while cause is not None:
        text = str(cause)
        if "meta" in text.lower() or isinstance(cause, NotImplementedError):
            return True
        cause = cause.__cause__
    return False


def _check_numbers(config: Any, held: int, where: str) -> None:
    limit = max(held, 2**16)
    for key, number in _integers(config, ""):
        if abs(number) > limit:
            raise unsafe(f"{where}, `{key}`", str(number), f"numbers up to {limit}")


def _integers(value: Any, key: str) -> Iterator[tuple[str, int]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _integers(part, name)
    elif isinstance(value, list):
        for part in value:
            yield from _integers(part, key)
    elif (
        isinstance(value, int)
        and not isinstance(value, bool)
        and key not in ("seed", "keras_history")
    ):
        yield key, value


def largest_value(model: Any) -> int:
    """Return how many numbers the largest intermediate value of a functional model's probes has."""
    programs = [getattr(part, "_program", None) for part in model.modules()]
    nodes = [node for program in programs if program is not None for node in program.nodes]
    values = [leaf for node in nodes for leaf in _leaves(node.outputs)]
    return max((torch.Size(leaf.sizes[1]).numel() for leaf in values), default=0)


def _leaves(outputs: Any) -> list[graph.SymbolicTensor]:
    if isinstance(outputs, graph.SymbolicTensor):
        return [outputs]
    parts: Any = outputs if isinstance(outputs, (list, tuple)) else ()
    parts = outputs.values() if isinstance(outputs, dict) else parts
    return [leaf for part in parts for leaf in _leaves(part)]

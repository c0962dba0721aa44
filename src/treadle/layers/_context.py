"""What the calls around a layer's call have decided: training or inference, and where extra losses go."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator
from typing import Any

import torch


class CallRecord:
    """The extra losses and metrics of one outermost call; the latest record of a layer has the highest number."""

    __slots__ = ("losses", "metrics", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.losses: list[torch.Tensor] = []
        self.metrics: list[tuple[str, torch.Tensor, str]] = []


class CallContext(threading.local):
    """The state of the calls that are running in this thread.

    Attributes:
        training: What the nearest enclosing call decided, or None.
        record: The record of the outermost running call, or None outside of calls.
        probing: Whether a model is being recorded, whose probes must leave nothing behind.
        mixed: Whether the nearest enclosing call computes in mixed precision.
        calls: How many outermost calls this thread has made.
        loading: Whether weights are made to be overwritten from a file, so that initial values would be a waste.
    """

    def __init__(self) -> None:
        # Set here, not on the class: torch.compile guards on the instance's own attributes.
        self.training: bool | None = None
        self.record: CallRecord | None = None
        self.probing = False
        self.mixed = False
        self.calls = 0
        self.loading = False

    def new_record(self) -> CallRecord:
        """Return a record for a call that begins."""
        self.calls += 1
        return CallRecord(self.calls)


class CallState:
    """What a layer keeps of its latest call; apart from the layer, as setting a module's attributes is slow."""

    __slots__ = ("record",)

    def __init__(self) -> None:
        self.record = CallRecord(0)

    def __reduce__(self) -> Any:
        return CallState, ()  # copies and pickles do not take the losses of the last call along


context = CallContext()


@contextlib.contextmanager
def weights_to_be_loaded() -> Generator[None]:
    """Make weights of zeros inside, whatever their initializers: their values come from a file."""
    before, context.loading = context.loading, True
    try:
        yield
    finally:
        context.loading = before

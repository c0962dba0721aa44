"""What the calls around a layer's call have decided: training or inference, and where extra losses go."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import torch

_numbers = itertools.count(1)


class CallRecord:
    """The extra losses and metrics of one outermost call; the latest record of a layer has the highest number."""

    __slots__ = ("losses", "metrics", "number")

    def __init__(self) -> None:
        self.number = next(_numbers)
        self.losses: list[torch.Tensor] = []
        self.metrics: list[tuple[str, torch.Tensor, str]] = []


class CallContext(threading.local):
    """The state of the calls that are running in this thread.

    Attributes:
        training: What the nearest enclosing call decided, or None.
        record: The record of the outermost running call, or None outside of calls.
    """

    def __init__(self) -> None:
        # Set here, not on the class: torch.compile guards on the instance's own attributes.
        self.training: bool | None = None
        self.record: Any = None


context = CallContext()

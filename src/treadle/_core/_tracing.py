"""Where a program is being recorded for replay, and code that is not part of what is recorded.

The recorder lives in a room above; rooms that must be left out of a recording only ask for it here.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Recorder(Protocol):
    """What records a program."""

    def leave_out(self, function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        """Call `function` now, and never in a replay: for building and for checks of first values."""
        ...

    def call_each_time(self, function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        """Call `function` now, unrecorded, and again in each replay: for state that lives in Python."""
        ...


class Tracing(threading.local):
    """What this thread records, if anything."""

    def __init__(self) -> None:
        # Set here, not on the class: torch.compile guards on the instance's own attributes.
        self.recorder: Recorder | None = None


tracing = Tracing()


def untraced(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate what happens once, such as building: no recorded program repeats it."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        recorder = tracing.recorder
        if recorder is None:
            return function(*args, **kwargs)
        return recorder.leave_out(function, *args, **kwargs)

    return call

"""Batch events once per several steps, for `compile(steps_per_execution=)`: the ends wait, and are heard together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from treadle import _core

Listeners = list[Callable[..., Any]]


class Grouped:
    """Stands between an event of each step and its listeners.

    `begin` lets the first step of a group through; `end` keeps each step's logs until its group is full, or until
    the data end, when `flush` lets what is left through.

    Args:
        every: Steps in a group.
        begin: Who hears that a step begins.
        end: Who hears that it ended.
    """

    def __init__(self, every: int, begin: Listeners, end: Listeners) -> None:
        self.every = every
        self.begin_listeners = begin
        self.end_listeners = end
        self._ended = 0  # steps of this group
        self._waiting: tuple[int, Any] | None = None
        self._outputs: list[Any] = []

    def begin(self, batch: int, logs: Any = None) -> None:
        """Tell the listeners, if a group begins here."""
        if self._ended == 0:
            for listener in self.begin_listeners:
                listener(batch, logs)

    def end(self, batch: int, logs: Any = None) -> None:
        """Tell the listeners, if a group ends here."""
        self._waiting = (batch, logs)
        if isinstance(logs, Mapping) and "outputs" in logs:
            self._outputs.append(logs["outputs"])
        self._ended += 1
        if self._ended >= self.every:
            self.flush()

    def flush(self, *_: Any) -> None:
        """Tell the listeners of a group that is not full, if there is one."""
        waiting, self._waiting, self._ended = self._waiting, None, 0
        if waiting is None:
            return
        batch, logs = waiting
        if self._outputs:
            outputs, self._outputs = self._outputs, []
            logs = {**logs, "outputs": _core.map_structure(_joined, *outputs)}
        for listener in self.end_listeners:
            listener(batch, logs)


def _joined(first: Any, *others: Any) -> torch.Tensor:
    return torch.cat((first, *others)) if others else first


def group_events(listeners: dict[str, Listeners], every: int) -> None:
    """Let the listeners of batch events hear them once per `every` steps, except those of callbacks that count steps.

    Args:
        listeners: Who hears which event; changed in place.
        every: Steps in a group.
    """
    for subject, last in (
        ("train", "on_epoch_end"),
        ("test", "on_test_end"),
        ("predict", "on_predict_end"),
    ):
        begin, end = f"on_{subject}_batch_begin", f"on_{subject}_batch_end"
        begin_counts, begin_rest = _split(listeners[begin])
        end_counts, end_rest = _split(listeners[end])
        if not begin_rest and not end_rest:
            continue
        group = Grouped(every, begin_rest, end_rest)
        if begin_rest:
            listeners[begin] = [*begin_counts, group.begin]
        # Heard even where only beginnings have listeners: the ends say when a group is full.
        listeners[end] = [*end_counts, group.end]
        listeners[last] = [group.flush, *listeners[last]]
        if subject == "train":
            listeners["on_batch_begin"] = listeners[begin]
            listeners["on_batch_end"] = listeners[end]


def _split(listeners: Listeners) -> tuple[Listeners, Listeners]:
    """Return the listeners of callbacks that count steps, and the others."""
    counts = [one for one in listeners if _counts(one)]
    return counts, [one for one in listeners if not _counts(one)]


def _counts(listener: Callable[..., Any]) -> bool:
    return getattr(getattr(listener, "__self__", None), "_counts_steps", False) is True

"""Values that are read from the device only when someone looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

import torch


class LazyLogs(MutableMapping[str, Any]):
    """The current values of metrics by name; each look computes them, none is computed before.

    Args:
        readers: Functions that return a value, or a dict of them, by name.
    """

    def __init__(self, readers: Mapping[str, Callable[[], Any]]) -> None:
        self.readers = readers

    def read(self) -> dict[str, Any]:
        """Return all values; metrics that return dicts are spread out."""
        found: dict[str, Any] = {}
        for name, reader in self.readers.items():
            value = reader()
            found.update(value if isinstance(value, Mapping) else {name: value})
        return found

    def __getitem__(self, name: str) -> Any:
        reader = self.readers.get(name)
        value = self.read()[name] if reader is None else reader()
        return self.read()[name] if isinstance(value, Mapping) else value

    def __setitem__(self, name: str, value: Any) -> None:
        self.readers = {**self.readers, name: lambda: value}

    def __delitem__(self, name: str) -> None:
        self.readers = {key: reader for key, reader in self.readers.items() if key != name}

    def __iter__(self) -> Iterator[str]:
        return iter(self.read())

    def __len__(self) -> int:
        return len(self.read())

    def copy(self) -> dict[str, Any]:
        """Return the values of now."""
        return self.read()


class FloatLogs(Mapping[str, float]):
    """What callbacks get for a batch: the logs as floats, read when looked at."""

    def __init__(self, logs: Mapping[str, Any]) -> None:
        self._logs = logs

    def __getitem__(self, name: str) -> float:
        return as_float(self._logs[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._logs)

    def __len__(self) -> int:
        return len(self._logs)

    def copy(self) -> dict[str, float]:
        """Return the values of now."""
        return as_floats(self._logs)


def as_float(value: Any) -> Any:
    """Return a scalar tensor or array as a float, other values as they are."""
    if isinstance(value, torch.Tensor):
        value = value.detach()
        return value.item() if value.numel() == 1 else value.tolist()
    return float(value) if isinstance(value, (int, float)) or hasattr(value, "__float__") else value


def as_floats(logs: Mapping[str, Any]) -> dict[str, Any]:
    """Return all of `logs` as floats, the loss first."""
    values = logs.read() if isinstance(logs, LazyLogs) else dict(logs.items())
    ordered = {"loss": values.pop("loss")} | values if "loss" in values else values
    return {name: as_float(value) for name, value in ordered.items()}

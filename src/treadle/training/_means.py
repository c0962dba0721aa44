"""Running means of what a loop logs, for little time per step and without a wait for the device.

Values on the CPU are added up as Python floats, which is the cheapest there. Those of a device are stacked into one
row by one kernel; rows are added up in blocks, so that sums depend on the steps alone, never on when somebody looked.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch

from treadle import _core

_BLOCK = 64  # rows on the device that wait to be added up


class RunningMeans:
    """Means of scalars over the steps that logged them, and metrics, which are means already.

    Args:
        check_metric: Called with the name and the metric when a metric is first logged.
    """

    def __init__(self, check_metric: Callable[[str, Any], None] | None = None) -> None:
        self.readers: dict[str, Callable[[], Any]] = {}
        self.metrics: dict[str, Any] = {}
        self._check_metric = check_metric
        self._sums: dict[tuple[Any, ...], Sums] = {}
        self.on_host: dict[tuple[str, ...], Sums] = {}  # those of nothing but tensors on the CPU
        self._restored: list[Sums] = []

    def add(self, values: Mapping[str, Any]) -> None:
        """Take the values of a step into account.

        Raises:
            ValueError: for a value that is no scalar, or a name that was a scalar and is a metric now.
        """
        key = (*values, *map(type, values.values()))
        sums = self._sums.get(key) or self._sort(key, values)
        sums.add(values)
        for name in sums.metrics:
            self.metrics[name] = values[name]

    def _sort(self, key: tuple[Any, ...], values: Mapping[str, Any]) -> Sums:
        """Find out what kinds of values these are, once for each set of names and types."""
        metrics = [name for name, value in values.items() if hasattr(value, "result")]
        for name, value in values.items():
            is_metric = name in metrics
            if name in self.readers and is_metric != (name in self.metrics):
                raise ValueError(_changed_kind(name, is_metric))
            if is_metric and self._check_metric is not None:
                self._check_metric(name, value)
            if not is_metric:
                as_scalar(name, value)
        device = [n for n, v in values.items() if isinstance(v, torch.Tensor) and not v.is_cpu]
        host = [name for name in values if name not in metrics and name not in device]
        same = (
            s for s in self._restored if (s.host, s.device, s.metrics) == (host, device, metrics)
        )
        sums = next(same, None)
        if sums is None:
            sums = Sums(host, device, metrics)
        else:
            self._restored.remove(sums)
        self._sums[key] = sums
        if len(host) == len(values) and all(isinstance(v, torch.Tensor) for v in values.values()):
            self.on_host[tuple(values)] = sums
        for name in values:
            reader = self._result if name in metrics else self._mean
            self.readers.setdefault(name, functools.partial(reader, name))
        return sums

    def _result(self, name: str) -> Any:
        return self.metrics[name].result()

    def _mean(self, name: str) -> float:
        total, count = 0.0, 0
        for sums in (*self._restored, *self._sums.values()):
            if name in sums.host or name in sums.device:
                total += sums.totals()[name]
                count += sums.count
        return total / count

    def state_dict(self) -> list[dict[str, Any]]:
        """Return the sums, for a checkpoint."""
        return [sums.state_dict() for sums in (*self._restored, *self._sums.values())]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Go on from where `state_dict` was taken."""
        self._restored = [Sums.from_state(state) for state in states]
        for sums in self._restored:
            for name in (*sums.host, *sums.device):
                self.readers.setdefault(name, functools.partial(self._mean, name))


class Sums:
    """The sums of one set of names, which are logged together.

    Args:
        host: The names of numbers and of tensors on the CPU.
        device: The names of tensors on a device.
        metrics: The names of metrics, which are not summed.
    """

    def __init__(self, host: list[str], device: list[str], metrics: list[str]) -> None:
        self.host = host
        self.device = device
        self.metrics = metrics
        self.count = 0
        self.host_totals: list[float] = [0.0] * len(host)
        self._rows: list[torch.Tensor] = []
        self._device_totals: torch.Tensor | None = None
        self._read: tuple[int, dict[str, float]] = (-1, {})

    def add(self, values: Mapping[str, Any]) -> None:
        """Add the values of a step."""
        for position, name in enumerate(self.host):
            value = as_scalar(name, values[name])
            self.host_totals[position] += value.item() if isinstance(value, torch.Tensor) else value
        if self.device:
            self._add_row([as_scalar(name, values[name]) for name in self.device])
        self.count += 1

    @torch.no_grad()
    def _add_row(self, scalars: list[torch.Tensor]) -> None:
        first = scalars[0].device
        self._rows.append(torch.stack([scalar.to(first) for scalar in scalars]))
        if len(self._rows) == _BLOCK:
            self._device_totals, self._rows = self._sum(), []

    def _sum(self) -> torch.Tensor | None:
        """Return the sums over the rows so far; nothing is changed."""
        if not self._rows:
            return self._device_totals
        rows = torch.stack(self._rows)  # (rows, names)
        sums = rows.sum(0, dtype=torch.float32 if rows.device.type == "mps" else torch.float64)
        return sums if self._device_totals is None else self._device_totals + sums

    def totals(self) -> dict[str, float]:
        """Return the sums by name, read from the device once per step at most."""
        if self._read[0] != self.count:
            sums = self._sum()
            read = [] if sums is None else sums.tolist()
            names = (*self.host, *self.device)
            self._read = (self.count, dict(zip(names, (*self.host_totals, *read), strict=True)))
        return self._read[1]

    def state_dict(self) -> dict[str, Any]:
        """Return names and sums."""
        return {
            "names": [self.host, self.device, self.metrics],
            "count": self.count,
            "host": list(self.host_totals),
            "device": self._device_totals,
            "rows": torch.stack(self._rows) if self._rows else None,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Sums:
        """Return sums as they were."""
        sums = cls(*state["names"])
        sums.count, sums.host_totals = state["count"], list(state["host"])
        sums._device_totals = state["device"]
        sums._rows = [] if state["rows"] is None else list(state["rows"].unbind())
        return sums


def as_scalar(name: str, value: Any) -> Any:
    """Return a logged value as a tensor of shape () or a float; raise unless it is a scalar."""
    if isinstance(value, torch.Tensor):
        if value.numel() == 1 and not value.is_complex():
            return value.reshape(())
        what = (
            "a complex number" if value.is_complex() else f"a tensor of shape {tuple(value.shape)}"
        )
        raise ValueError(_no_scalar(name, what, f"epoch.log({name}={name}.mean())"))
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        what = f"{type(value).__name__}, {value!r:.40}"
        raise ValueError(_no_scalar(name, what, "log a number or a metric")) from error


def _no_scalar(name: str, got: str, fix: str) -> str:
    return _core.explain(f"`{name}` cannot be logged.", expected="a scalar", got=got, fix=fix)


def _changed_kind(name: str, is_metric: bool) -> str:
    kinds = ("a metric", "a scalar") if is_metric else ("a scalar", "a metric")
    return _core.explain(
        f"`{name}` changed its kind within an epoch.",
        expected=f"{kinds[1]}, as before",
        got=kinds[0],
        fix="log it under another name",
    )

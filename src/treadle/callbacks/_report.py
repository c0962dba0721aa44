"""`Report`: a page about the run, written while it goes on, that opens in any browser without a network."""

from __future__ import annotations

import datetime
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from treadle import display
from treadle._core import leaves
from treadle.callbacks._monitor import Monitor, direction
from treadle.callbacks._rates import get_rates
from treadle.callbacks._report_curves import Points, short
from treadle.callbacks._report_page import ReportData, describe, render, size_text
from treadle.callbacks._resumable import Resumable
from treadle.saving._atomic import replacing_file

_INTERVAL = 1.0  # seconds between two writings
_OWN = ("learning_rate", "gradient_norm")  # curves that stand after losses and metrics


class Report(Resumable):
    """Writes a page with the curves, the learning rate, the throughput, the model's table and the best epoch.

    The page is one file without any link; it is replaced as a whole, at most once a second, and reloads itself while
    the training goes on. Gradient norms are shown where a `GradientMonitor` stands before it.

    Args:
        path: The file, `*.html`.
        title: What is at its top; by default the model's name.
        monitor: The name of the value that tells the best epoch; by default `val_loss`, or `loss` without it.
        mode: `"min"`, `"max"`, or `"auto"` to tell it from the name.

    Raises:
        ValueError: for a mode that cannot be used.
        UnknownNameError: at the end of the first epoch, if a given `monitor` is not logged.

    Example:
        >>> import pathlib, numpy as np, treadle
        >>> model = treadle.Sequential([treadle.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> report = treadle.callbacks.Report("run.html", title="My run")
        >>> _ = model.fit(np.ones((8, 2)), np.ones((8, 1)), verbose=0, callbacks=[report])
        >>> "<h1>My run</h1>" in pathlib.Path("run.html").read_text(encoding="utf8")
        True
    """

    _leaves_traces = True

    _counters = ("epochs", "history", "seconds", "started")

    def __init__(
        self,
        path: str | os.PathLike[str] = "run.html",
        title: str | None = None,
        monitor: str | None = None,
        mode: str = "auto",
    ) -> None:
        super().__init__()
        self.path = Path(path)
        self.title = title
        self._monitor = None if monitor is None else Monitor("Report", monitor, mode)
        self._mode = mode
        self._watch: _Shapes | None = None
        self._reset()

    def _reset(self) -> None:
        self.epochs: list[int] = []
        self.history: dict[str, list[float | None]] = {}
        self.seconds = 0.0  # of training, those of runs before a restart too
        self.started = datetime.datetime.now().strftime("%Y-%m-%d %H:%M")
        self._step, self._speed = 0, 0.0
        self._epoch_start = self._last_step = self._next_writing = time.perf_counter()
        self._running: dict[str, float] = {}

    def on_train_begin(self, logs: Any = None) -> None:
        """Write the page for the first time."""
        super().on_train_begin(logs)
        self._clock = time.perf_counter()
        self._watch = _Shapes(self.model)
        self._shapes = self._watch.of
        self._write("running")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock of the epoch."""
        self._step = 0
        self._epoch_start = self._last_step = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write the page anew, if the last time is a second ago; only then values are read."""
        self._step = batch + 1
        self._last_step = time.perf_counter()
        if self._watch is not None:
            self._watch.release()
        if self._last_step >= self._next_writing:
            values = dict(logs or {})
            self._running = {k: v for k, v in values.items() if isinstance(v, (int, float))}
            self._speed = self._steps_per_second()
            self._write("running")

    def _steps_per_second(self) -> float:
        return self._step / max(self._last_step - self._epoch_start, 1e-9)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Take up the values of the epoch."""
        values = dict(logs or {})
        if self._monitor is not None:
            self._monitor.read(epoch, values, self)
        optimizer = getattr(self.model, "optimizer", None)
        if "learning_rate" not in values and hasattr(optimizer, "param_groups"):
            rates = get_rates(optimizer)
            values |= {"learning_rate": rates[0]} if rates else {}
        if self._step:
            self._speed = self._steps_per_second()
            values["steps per second"] = self._speed
        for name, value in values.items():
            if isinstance(value, (int, float)):
                known = self.history.setdefault(name, [None] * len(self.epochs))
                known.append(float(value))
        self.epochs.append(epoch + 1)
        for known in self.history.values():
            known.extend([None] * (len(self.epochs) - len(known)))
        self._running, self._step = {}, 0
        if time.perf_counter() >= self._next_writing:
            self._write("running")

    def on_train_end(self, logs: Any = None) -> None:
        """Write the page for the last time; an error that ended the training is on it."""
        super().on_train_end(logs)
        if self._watch is None:  # another callback failed before this one began
            return
        self._watch.release()
        error = sys.exc_info()[1]
        failed = error is not None and not isinstance(error, GeneratorExit)
        self._write("failed" if failed else "finished", error if failed else None)
        self.seconds += time.perf_counter() - self._clock

    def state_dict(self) -> dict[str, Any]:
        """Return the curves, and how long training has taken so far."""
        seconds = self.seconds + time.perf_counter() - self._clock if self.epochs else 0.0
        return super().state_dict() | {"seconds": seconds}

    def _write(self, status: str, error: BaseException | None = None) -> None:
        page = ReportData(
            title=self.title or str(getattr(self.model, "name", "") or "Training"),
            status=status,
            share=self._share() if status != "finished" else 1.0,
            when=f"started {self.started}, updated {datetime.datetime.now():%Y-%m-%d %H:%M:%S}",
            error="" if error is None else f"{type(error).__name__}: {error}",
        )
        best = self._best()
        page.facts = self._facts(best)
        page.curves = self._curves()
        if best is not None:
            base, kind = _split(best[0])
            page.best = {base: (best[1], best[2])} if kind in page.curves.get(base, {}) else {}
        page.layers, page.totals = _layer_rows(self.model, self._shapes), _totals(self.model)
        with replacing_file(self.path) as temporary:
            temporary.write_text(render(page), encoding="utf8")
        self.path.chmod(0o644)  # temporary files are for their owner alone
        self._next_writing = time.perf_counter() + _INTERVAL

    def _share(self) -> float:
        epochs, steps = self.params.get("epochs") or 0, self.params.get("steps")
        done = (self.epochs[-1] if self.epochs else 0) + (self._step / steps if steps else 0.0)
        return min(1.0, done / epochs) if epochs else 0.0

    def _best(self) -> tuple[str, int, float] | None:
        """Return the monitored name, the best epoch and its value."""
        names = [self._monitor.name] if self._monitor else ["val_loss", "loss"]
        name = next((name for name in names if name in self.history), None)
        if name is None:
            return None
        monitor = self._monitor or Monitor("Report", name, direction(name) or "min")
        best: tuple[str, int, float] | None = None
        for epoch, value in zip(self.epochs, self.history[name], strict=True):
            if value is not None and monitor.better(value, None if best is None else best[2]):
                best = (name, epoch, value)
        return best

    def _facts(self, best: tuple[str, int, float] | None) -> list[tuple[str, str, str]]:
        epochs = self.params.get("epochs")
        done = self.epochs[-1] if self.epochs else 0
        steps = self.params.get("steps")
        within = f"step {self._step}" + (f" of {steps}" if steps else "") if self._step else ""
        seconds = self.seconds + time.perf_counter() - self._clock
        facts = [("Epochs", f"{done} of {epochs}" if epochs else str(done), within)]
        if best is not None:
            name, epoch, value = best
            facts.append(("Best epoch", str(epoch), f"{name} {short(value)}"))
        if self._running:
            name, value = next(iter(self._running.items()))
            facts.append((f"{name} now", short(value), "epoch so far"))
        speed = f"{self._speed:,.0f}" if self._speed >= 10 else f"{self._speed:.2g}"
        facts.append(("Steps per second", speed if self._speed else "-", "validation left out"))
        left = _left(self._share(), seconds) if self._share() else ""
        facts.append(("Time", display.format_seconds(seconds), left))
        optimizer = getattr(self.model, "optimizer", None)
        if hasattr(optimizer, "param_groups"):
            rates = get_rates(optimizer)
            remark = f"learning rate {rates[0]:.3g}" if rates else ""
            facts.append(("Optimizer", describe(optimizer), remark))
        weights = [] if self.model is None else _weights(self.model)
        if weights:
            facts.append(("Parameters", f"{_size(weights)[0]:,}", f"on {weights[0].device}"))
        return facts

    def _curves(self) -> dict[str, dict[str, Points]]:
        panels: dict[str, dict[str, Points]] = {}
        for name, values in self.history.items():
            base, kind = _split(name)
            points = [
                (float(epoch), value)
                for epoch, value in zip(self.epochs, values, strict=True)
                if value is not None
            ]
            panels.setdefault(base, {})[kind] = points
        return dict(sorted(panels.items(), key=lambda item: _rank(item[0])))


def _split(name: str) -> tuple[str, str]:
    base = name.removeprefix("val_")
    return base, "validation" if base != name else "training"


def _rank(name: str) -> int:
    """Return where a panel stands: losses, metrics, then what tells how training goes."""
    if name == "loss" or name.endswith("_loss"):
        return 0
    return 2 if name in _OWN or name == "steps per second" else 1


def _left(share: float, seconds: float) -> str:
    remaining = seconds / share * (1 - share)
    return f"about {display.format_seconds(remaining)} left" if remaining >= 1 else ""


class _Shapes:
    """The output shapes of a model's layers, seen as they run for the first time."""

    def __init__(self, model: Any) -> None:
        self.of: dict[int, str] = {}
        self._handles = [
            layer.register_forward_hook(self._see) for _, layer in _named_layers(model)
        ]

    def _see(self, layer: Any, inputs: Any, outputs: Any) -> None:
        shapes = [
            str((None, *leaf.shape[1:]))
            for leaf in leaves(outputs)
            if isinstance(leaf, torch.Tensor)
        ]
        self.of.setdefault(id(layer), ", ".join(shapes))

    def release(self) -> None:
        while self._handles:
            self._handles.pop().remove()


def _named_layers(model: Any) -> list[tuple[str, Any]]:
    layers = getattr(model, "layers", None)
    if isinstance(layers, list):
        return [(str(getattr(layer, "name", "")), layer) for layer in layers]
    return list(model.named_children()) if model is not None else []


def _layer_rows(model: Any, shapes: dict[int, str]) -> list[tuple[str, str, str, int]]:
    """Return (name, class, output shape, parameters) of the model's own layers."""
    return [
        (name, type(layer).__name__, shapes.get(id(layer), ""), _size(_weights(layer))[0])
        for name, layer in _named_layers(model)
    ]


def _totals(model: Any) -> dict[str, str]:
    if model is None:
        return {}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return {
        "All parameters": size_text(*_size(_weights(model))),
        "Trainable": size_text(*_size(trained)),
    }


def _weights(module: Any) -> list[torch.Tensor]:
    """Return the weights that Keras counts, moving averages too; of torch's modules the parameters."""
    return list(getattr(module, "weights", None) or module.parameters())


def _size(weights: list[torch.Tensor]) -> tuple[int, int]:
    numbers = sum(weight.numel() for weight in weights)
    return numbers, sum(weight.numel() * weight.element_size() for weight in weights)

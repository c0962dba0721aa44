"""What `compile` was given, resolved against the first batch: one row per loss and per metric."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from treadle import _core, losses, metrics
from treadle.training._outputs import bind, default_names, flat_outputs


@dataclasses.dataclass
class LossRow:
    """The loss of one output."""

    output: int
    name: str
    loss: losses.Loss
    weight: float = 1.0
    tracker: LossTracker | None = None


@dataclasses.dataclass
class MetricRow:
    """A metric of one output."""

    output: int
    metric: metrics.Metric
    name: str


class Compiled:
    """The losses and metrics of `compile`, as given; and as rows once the outputs are known.

    Args:
        loss: A loss (name, object, callable), or a list or dict of them for many outputs.
        loss_weights: Numbers in the same structure.
        given_metrics: A metric, a list of them, or a list or dict of lists for many outputs.
        weighted_metrics: Likewise; kept for Keras's sake, as sample weights reach every metric.
    """

    def __init__(
        self, loss: Any, loss_weights: Any, given_metrics: Any, weighted_metrics: Any
    ) -> None:
        self.given = (loss, loss_weights, given_metrics, weighted_metrics)
        self.loss_rows: list[LossRow] = []
        self.metric_rows: list[MetricRow] = []
        self.names: list[str] = []
        self.resolved = False
        self.tracker = LossTracker()
        self.added: dict[str, metrics.Mean] = {}  # what layers logged with add_metric
        # Names are read now, so that a wrong one is told at `compile`, not an epoch later.
        for leaf in _core.leaves(loss):
            if leaf is not None:
                losses.as_loss(leaf)
        for leaf in _core.leaves([given_metrics, weighted_metrics]):
            if leaf is not None:
                with contextlib.suppress(_core.StateError):  # "accuracy" waits for the shapes
                    metrics.as_metric(leaf)

    @_core.untraced
    def resolve(self, y: Any, y_pred: Any, names: Sequence[str] | None) -> None:
        """Make the rows for outputs like `y_pred` and targets like `y`."""
        self.names = list(names or default_names(y_pred))
        outputs = flat_outputs(y_pred, self.names)
        if len(self.names) != len(outputs):
            self.names = default_names(y_pred)
        loss, loss_weights, given_metrics, weighted_metrics = self.given
        self.loss_rows = self._loss_rows(loss, loss_weights)
        targets = self.targets(y)
        rows: list[MetricRow] = []
        for given, what in ((given_metrics, "metrics"), (weighted_metrics, "weighted_metrics")):
            for position, entries in enumerate(self._metric_lists(given, what)):
                for entry in entries:
                    rows.append(
                        self._metric_row(entry, position, outputs[position], targets[position])
                    )
        self.metric_rows = _with_unique_names(rows)
        self.resolved = True

    def _loss_rows(self, loss: Any, loss_weights: Any) -> list[LossRow]:
        single = not isinstance(loss, (list, tuple, Mapping))
        rows = []
        weights = bind(loss_weights, self.names, "loss_weights", spread=True)
        for position, entry in enumerate(bind(loss, self.names, "loss", spread=single)):
            if entry is None:
                continue
            name = self.names[position]
            weight = 1.0 if weights[position] is None else float(weights[position])
            tracker = LossTracker(f"{name}_loss") if len(self.names) > 1 else None
            rows.append(LossRow(position, name, losses.as_loss(entry), weight, tracker))
        return rows

    def _metric_lists(self, given: Any, what: str) -> list[list[Any]]:
        if len(self.names) == 1 and isinstance(given, (list, tuple)):
            given = [_flattened(given)]
        return [_flattened(entry) for entry in bind(given, self.names, what, spread=True)]

    def _metric_row(
        self, entry: Any, position: int, output: torch.Tensor, target: Any
    ) -> MetricRow:
        loss = next((row.loss for row in self.loss_rows if row.output == position), None)
        shape = None if target is None else tuple(target.shape)
        made = metrics.as_metric(
            entry, output_shape=tuple(output.shape), target_shape=shape, loss=loss
        )
        if isinstance(entry, str):
            made.name = entry  # as in Keras: "mae" is logged as "mae"
        name = f"{self.names[position]}_{made.name}" if len(self.names) > 1 else made.name
        return MetricRow(position, made, name)

    def targets(self, y: Any) -> list[Any]:
        """Return one target (or None) for each output."""
        if y is None or len(self.names) == 1:
            single = next(iter(y.values())) if isinstance(y, Mapping) and len(y) == 1 else y
            if isinstance(single, (list, tuple)) and len(single) == 1:
                single = single[0]
            return [single] * len(self.names)
        if isinstance(y, (list, tuple)) and len(y) == len(self.loss_rows) != len(self.names):
            targets: list[Any] = [None] * len(self.names)
            for row, target in zip(self.loss_rows, y, strict=True):
                targets[row.output] = target
            return targets
        return bind(y, self.names, "y")

    def check_targets(self, y: Any, y_pred: Any) -> None:
        """Refuse class labels that are out of range anywhere in `y`, before a batch of it is trained on."""
        targets, outputs = self.targets(y), self.outputs(y_pred)
        for row in self.loss_rows:
            if isinstance(targets[row.output], torch.Tensor):
                row.loss.check_targets(targets[row.output], outputs[row.output])

    def update_added(self, values: Sequence[tuple[str, torch.Tensor, str]]) -> None:
        """Count what layers logged with `add_metric` in the latest call."""
        for name, value, _ in values:
            if name not in self.added:
                self.added[name] = metrics.Mean(name=name)
            self.added[name].update_state(value)

    def outputs(self, y_pred: Any) -> list[Any]:
        """Return the outputs in the order of `names`."""
        return flat_outputs(y_pred, self.names)

    def weights(self, sample_weight: Any) -> list[Any]:
        """Return the sample weights (or None) of each output."""
        if sample_weight is None:
            return [None] * len(self.names)
        return bind(sample_weight, self.names, "sample_weight", spread=True)


def _flattened(entries: Any) -> list[Any]:
    if isinstance(entries, (list, tuple)):
        return [leaf for entry in entries for leaf in _flattened(entry)]
    return [] if entries is None else [entries]


def _with_unique_names(rows: list[MetricRow]) -> list[MetricRow]:
    seen: dict[str, int] = {}
    for row in rows:
        count = seen[row.name] = seen.get(row.name, 0) + 1
        if count > 1:
            row.name = f"{row.name}_{count - 1}"
    return rows


class LossTracker(metrics.Metric):
    """The running mean of the loss over samples: two small additions per step."""

    def __init__(self, name: str = "loss") -> None:
        super().__init__(name=name)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.samples = self.add_weight(name="samples", initializer="zeros")
        # Of a step of one's own: the loss that `compute_loss` returned, until something counts it.
        self.uncounted: tuple[torch.Tensor, int] | None = None
        self._fed = False

    def update_state(self, value: torch.Tensor, sample_weight: float = 1) -> None:
        """Count `value` as the mean over `sample_weight` samples."""
        self.__dict__["uncounted"], self.__dict__["_fed"] = None, True
        if self.total.device != value.device:
            self.to(value.device)
        self.total.add_(value, alpha=sample_weight)
        self.samples.add_(sample_weight)

    def reset_state(self) -> None:
        """Start anew."""
        super().reset_state()
        self.__dict__["uncounted"], self.__dict__["_fed"] = None, False

    def result(self) -> torch.Tensor:
        """Return the mean so far, 0 before the first value."""
        return self.total / self.samples.clamp(min=1)

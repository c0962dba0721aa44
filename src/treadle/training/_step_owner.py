"""`StepOwner`: a layer that knows its step: `compile`, and the steps to override with their losses and metrics.

What a step does is in `_step.py`; what runs it over data is in `_trainer.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from treadle import _core, layers, metrics, optimizers
from treadle.callbacks import is_scheduler
from treadle.training import _step
from treadle.training._compiled import Compiled
from treadle.training._logs import LazyLogs

_KNOWN_COMPILE = ["optimizer", "loss", "loss_weights", "metrics", "weighted_metrics"]


class StepOwner(layers.Layer):
    """What `Trainer` stands on: the step of training, of evaluation and of prediction."""

    optimizer: Any = None
    output_names: Sequence[str] | None = None
    _compiled: Compiled | None = None
    _scheduler: Any = None
    _unseen_targets: Any = None  # all targets of a run, until its first step has checked them

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        **kwargs: Any,
    ) -> None:
        """Say how the model is trained.

        Args:
            optimizer: A name, a treadle optimizer, a `torch.optim` optimizer of this model's parameters, or a torch
                learning-rate scheduler of one, which then takes a step after each epoch.
            loss: A name, a loss, or a callable `(y_true, y_pred)`; a list or dict of them for many outputs.
            loss_weights: Numbers that the losses of many outputs are multiplied with, in the same structure.
            metrics: Names, metrics or callables; for many outputs a list or dict of lists.
            weighted_metrics: Further metrics; sample weights reach all metrics.
            **kwargs: Nothing yet; an unknown name is told.

        Raises:
            UnknownNameError: for an unknown name; the nearest is suggested.
            TypeError: for an unknown argument.

        Example:
            >>> import treadle
            >>> model = treadle.Sequential([treadle.layers.Dense(10)])
            >>> model.compile("adam", loss="mse", metrics=["mae"])
        """
        _core.reject_unknown("compile", kwargs, _KNOWN_COMPILE)
        scheduler = optimizer if is_scheduler(optimizer) else None
        found = optimizers.get(optimizer if scheduler is None else scheduler.optimizer)
        compiled = Compiled(loss, loss_weights, metrics, weighted_metrics)
        self.optimizer, self._compiled, self._variables_now = found, compiled, None
        self.__dict__["_scheduler"] = scheduler
        if "loss" not in self._modules:
            self.__dict__["loss"] = loss  # past nn.Module: a torch loss is no part of the model

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._compiled is not None

    # ---- the steps, to override

    def train_step(self, data: Any) -> Mapping[str, Any]:
        """Train on a batch `(x, y, sample_weight)` and return what is logged; override it for another algorithm."""
        return _step.run_step(self, data, training=True)

    def test_step(self, data: Any) -> Mapping[str, Any]:
        """Evaluate a batch and return what is logged."""
        return _step.run_step(self, data, training=False)

    def predict_step(self, data: Any) -> Any:
        """Return the outputs for a batch."""
        return self(data[0] if isinstance(data, tuple) else data, training=False)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> torch.Tensor:
        """Return the total loss of a batch: the compiled losses plus those that layers added."""
        return _step.total_loss(self, y, y_pred, sample_weight)

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> Mapping[str, Any]:
        """Update the metrics with a batch and return their (lazy) values."""
        _step.update_metrics(self, y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> Mapping[str, Any]:
        """Return the values of all metrics by name, computed when they are looked at."""
        return LazyLogs(self._metric_readers())

    # ---- metrics

    @property
    def metrics(self) -> list[Any]:
        """The loss tracker, the compiled metrics, and the metrics that the model has as attributes."""
        own = [module for module in self.modules() if isinstance(module, metrics.Metric)]
        known = self._compiled_metrics()
        return known + [metric for metric in own if not any(metric is other for other in known)]

    @property
    def metrics_names(self) -> list[str]:
        """The names under which the metrics are logged."""
        return list(self._metric_readers())

    def reset_metrics(self) -> None:
        """Start all metrics anew."""
        self._variables_now = None
        for metric in self.metrics:
            metric.reset_state()

    def _compiled_metrics(self) -> list[Any]:
        if self._compiled is None:
            return []
        trackers = [row.tracker for row in self._compiled.loss_rows if row.tracker is not None]
        return [
            self._compiled.tracker,
            *trackers,
            *(row.metric for row in self._compiled.metric_rows),
            *self._compiled.added.values(),
        ]

    def _metric_readers(self) -> dict[str, Any]:
        compiled = self._compiled
        if compiled is None:
            return {}
        self._step_variables()
        readers: dict[str, Any] = {"loss": compiled.tracker.result}
        for row in compiled.loss_rows:
            if row.tracker is not None:
                readers[row.tracker.name] = row.tracker.result
        readers.update({row.name: row.metric.result for row in compiled.metric_rows})
        for metric in (*self._own_metrics, *compiled.added.values()):
            readers.setdefault(metric.name, metric.result)
        return readers

    # ---- what the step needs

    def _step_variables(self) -> list[Any]:
        """Return the variables to train; read anew in each epoch, as callbacks may freeze layers."""
        if self._variables_now is None:
            self._variables_now = self.trainable_weights
            _step.check_optimizer(self.optimizer, self._variables_now)
            self._penalized = layers.regularized_weights(self)
            known = self._compiled_metrics()
            self._own_metrics = [m for m in self.metrics if not any(m is k for k in known)]
        return self._variables_now

    def _extra_losses(self) -> list[torch.Tensor]:
        self._step_variables()
        penalties = [weight.regularizer(weight) for weight in self._penalized]
        return [*self._calls.record.losses, *penalties]

    def _compiled_for(self, y: Any, y_pred: Any) -> Compiled:
        compiled = self._compiled
        if compiled is None:
            raise _not_compiled("compute_loss")
        if not compiled.resolved:
            compiled.resolve(y, y_pred, self.output_names)
        return compiled

    def _require_compiled(self, method: str) -> None:
        if self._compiled is None:
            raise _not_compiled(method)


def _not_compiled(method: str) -> _core.StateError:
    return _core.StateError(
        _core.explain(
            f"`{method}` was called before `compile`.",
            expected="a compiled model",
            got="one without optimizer and loss",
            fix=f'model.compile("adam", loss="mse") before model.{method}(...)',
        )
    )

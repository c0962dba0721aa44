"""`StepOwner`: a layer that knows its step: `compile`, and the steps to override with their losses and metrics.

What a step does is in `_step.py`; what runs it over data is in `_trainer.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from treadle import _core, layers, metrics, optimizers
from treadle.callbacks import is_scheduler
from treadle.training import _step
from treadle.training._compiled import Compiled
from treadle.training._execution import Engine, Execution, check_not_both, engine_for
from treadle.training._logs import LazyLogs
from treadle.training._recorded import RecordedStep

_KNOWN_COMPILE = [
    "optimizer",
    "loss",
    "loss_weights",
    "metrics",
    "weighted_metrics",
    "run_eagerly",
    "steps_per_execution",
    "jit_compile",
    "auto_scale_loss",
]


class StepOwner(layers.Layer):
    """What `Trainer` stands on: the step of training, of evaluation and of prediction."""

    optimizer: Any = None
    output_names: Sequence[str] | None = None
    _compiled: Compiled | None = None
    _scheduler: Any = None
    _execution: Execution = Execution()
    _engine: Engine | None = (
        None  # what computes output and loss, where that is not `_step.forward`
    )
    _recorded_step: RecordedStep | None = None  # during `fit`, what may replay its steps
    _unseen_targets: Any = None  # all targets of a run, until its first step has checked them

    _looks_at_gradient = True  # in the first step after `compile`
    _has_own_step = False  # whether a subclass wrote its step anew

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = cls.train_step is not StepOwner.train_step, cls.test_step is not StepOwner.test_step
        cls._has_own_step = any(own)

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int | str = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
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
            run_eagerly: True: steps run as they are written, never recorded or compiled, so that a debugger stops in
                them.
            steps_per_execution: Callbacks hear their batch events once per so many steps; `"auto"` means 1.
                Nothing else changes: steps never wait for each other here.
            jit_compile: True: torch compiles forward pass and loss, for batches of any size. `"auto"`: on the CPU,
                `fit` replays the kernels of a recorded step without the Python between them, where enough steps are
                left and only treadle's and torch's own code is in them; the bits are those of steps as written.
            auto_scale_loss: Whether an optimizer under the policy `"mixed_float16"` is wrapped in a
                `LossScaleOptimizer`.
            **kwargs: None is known; the nearest name is told.

        Raises:
            UnknownNameError: for an unknown name; the nearest is suggested.
            ValueError: for a number of steps below 1, and for `run_eagerly` together with `jit_compile=True`.
            TypeError: for an unknown argument.

        Example:
            >>> import treadle
            >>> model = treadle.Sequential([treadle.layers.Dense(10)])
            >>> model.compile("adam", loss="mse", metrics=["mae"])
        """
        _core.reject_unknown("compile", kwargs, _KNOWN_COMPILE)
        scheduler = optimizer if is_scheduler(optimizer) else None
        found = optimizers.get(optimizer if scheduler is None else scheduler.optimizer)
        check_not_both(run_eagerly, jit_compile)
        how = Execution.of(run_eagerly, steps_per_execution, jit_compile, auto_scale_loss)
        if how.auto_scale_loss and self.dtype_policy.name == "mixed_float16":
            found = scaled(found)
        compiled = Compiled(loss, loss_weights, metrics, weighted_metrics)
        self.optimizer, self._compiled, self._variables_now = found, compiled, None
        self.__dict__["_execution"], self.__dict__["_engine"] = how, engine_for(how)
        self.__dict__["_looks_at_gradient"] = True
        self.__dict__["_scheduler"] = scheduler
        if "loss" not in self._modules:
            self.__dict__["loss"] = loss  # past nn.Module: a torch loss is no part of the model

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._compiled is not None

    @property
    def run_eagerly(self) -> bool:
        """Whether steps run as they are written, whatever else was asked for."""
        return self._execution.run_eagerly

    @run_eagerly.setter
    def run_eagerly(self, value: bool) -> None:
        self._execute(run_eagerly=bool(value))

    @property
    def jit_compile(self) -> bool:
        """Whether torch compiles the step."""
        return self._engine is not None

    @jit_compile.setter
    def jit_compile(self, value: bool | str) -> None:
        self._execute(jit_compile=value)

    @property
    def steps_per_execution(self) -> int:
        """How many steps pass between two calls of the callbacks' batch events."""
        return self._execution.steps_per_execution

    @steps_per_execution.setter
    def steps_per_execution(self, value: int) -> None:
        self._execute(steps_per_execution=value)

    def _execute(self, **changes: Any) -> None:
        how = Execution.of(**{**dataclasses.asdict(self._execution), **changes})
        self.__dict__["_execution"], self.__dict__["_engine"] = how, engine_for(how)

    # ---- the steps, to override

    def train_step(self, data: Any) -> Mapping[str, Any]:
        """Train on a batch `(x, y, sample_weight)` and return what is logged; override it for another algorithm."""
        recorded = self._recorded_step
        return _step.run_step(self, data, training=True) if recorded is None else recorded(data)

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
        readers = self._metric_readers()
        compiled = self._compiled
        if self._has_own_step and compiled is not None and not compiled.tracker._fed:
            readers.pop("loss")  # nobody counted it, so what the step itself says is the loss
        return LazyLogs(readers)

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


def scaled(optimizer: Any) -> Any:
    """Return a treadle optimizer that scales the loss for float16; torch's own are left to their users."""
    plain = isinstance(optimizer, optimizers.Optimizer)
    if not plain or isinstance(optimizer, optimizers.LossScaleOptimizer):
        return optimizer
    return optimizers.LossScaleOptimizer(optimizer)


def _not_compiled(method: str) -> _core.StateError:
    return _core.StateError(
        _core.explain(
            f"`{method}` was called before `compile`.",
            expected="a compiled model",
            got="one without optimizer and loss",
            fix=f'model.compile("adam", loss="mse") before model.{method}(...)',
        )
    )

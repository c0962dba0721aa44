"""`Trainer`: what `Model` inherits for training: `fit`, `evaluate`, `predict`, and the same for one batch.

`fit` is a loop over public parts: a `Loop` and `train_step`. What a step is stands in `_step_owner.py`.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Generator, Mapping
from typing import Any

import torch

from treadle import _core, data, display, graph
from treadle.callbacks import CallbackList, History
from treadle.training import _step
from treadle.training._adapters import (
    join,
    listed,
    one_batch,
    validation_source,
    with_scheduler,
    without_files,
)
from treadle.training._batches import batches_of_epoch, check_count, placement
from treadle.training._check import check_model
from treadle.training._check_report import CheckReport
from treadle.training._execution import warn_if_unused
from treadle.training._first_look import check_validated, look_over
from treadle.training._logs import FloatLogs, as_floats
from treadle.training._loop import Loop
from treadle.training._monitored import check_monitored
from treadle.training._recorded import recorded_step
from treadle.training._step_owner import StepOwner


class Trainer(StepOwner):
    """A layer that can be trained: `compile`, `fit`, `evaluate`, `predict` and their steps; the base of `Model`.

    Example:
        >>> import treadle
        >>> issubclass(treadle.Model, treadle.training.Trainer)
        True
    """

    stop_training: bool = False

    # ---- fit, evaluate, predict

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
        resume: Any = None,
        save_every: int | None = None,
        fast_dev_run: bool = False,
    ) -> History:
        """Train for a number of epochs.

        Args:
            x: Inputs: arrays or tensors (or a list or dict of them), or an iterable of batches `(x, y)`.
            y: Targets, of the same length.
            batch_size: Samples per step; 32 by default. The last batch of an epoch may be smaller.
            epochs: The number of the last epoch.
            verbose: 0 (silent), 1 (a progress bar), 2 (a line per epoch) or `"auto"`.
            callbacks: Listeners on the events of training.
            validation_split: The share of samples, from the end, to validate on instead of training on.
            validation_data: `(x, y)` to validate on after each epoch.
            shuffle: Whether to shuffle arrays in each epoch.
            class_weight: A weight for each class, `{0: 1.0, 1: 5.0}`, which multiplies those of its samples.
            sample_weight: A weight per sample for loss and metrics.
            initial_epoch: The epoch to begin with, from 0.
            steps_per_epoch: Batches per epoch, where not all; the next epoch goes on from there. Data that run dry
                within an epoch end the training, with a warning.
            validation_steps: Batches per validation, where not all: the same ones each time, if the data can.
            validation_batch_size: Samples per step of validation; `batch_size` by default.
            validation_freq: Validate after every so many epochs.
            resume: A folder for checkpoints, or a `Checkpoint`; a run goes on from the newest there (see `Loop`).
            save_every: Steps between checkpoints within an epoch.
            fast_dev_run: One batch of training and one of validation, to see that everything runs. Callbacks that
                write files are left out, `resume` too; the weights take their one step.

        Returns:
            The history: `history.history["loss"]` is a list over the epochs.

        Raises:
            StateError: before `compile`.
            DataError: for data that cannot be trained on.
            ShapeError: for lengths or shapes that do not fit.

        Example:
            >>> import numpy as np, treadle
            >>> model = treadle.Sequential([treadle.layers.Dense(1)])
            >>> model.compile("sgd", "mse")
            >>> history = model.fit(np.ones((64, 3)), np.ones((64, 1)), epochs=2, verbose=0)
            >>> history.history["loss"][1] < history.history["loss"][0]
            True
        """
        self._require_compiled("fit")
        callbacks = with_scheduler(callbacks, self._scheduler)
        if fast_dev_run:
            callbacks, resume = without_files(callbacks, verbose), None
            epochs, steps_per_epoch, validation_steps, validation_freq = initial_epoch + 1, 1, 1, 1
        source = data.make_source(x, y, sample_weight, batch_size=batch_size, shuffle=shuffle)
        if validation_data is not None:
            size = validation_batch_size or batch_size
            validation_data, validation_split = validation_source(validation_data, size), 0.0
        look_over(self, source, validation_split)
        if validation_split:
            source, validation_data = data.split_source(source, validation_split, 0)
        source = data.weigh_classes(source, class_weight)
        check_validated(validation_data, validation_freq, epochs)
        loop = Loop(
            source,
            epochs=epochs,
            model=self,
            validation_data=validation_data,
            callbacks=callbacks,
            verbose=verbose,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_freq=validation_freq,
            validation_steps=validation_steps,
            resume=resume,
            save_every=save_every,
        )
        return self._run(loop)

    def _run(self, loop: Loop) -> History:
        """Take all steps of a loop: what `fit` is, once data and numbers are checked."""
        self.history = loop.history
        self._unseen_targets = data.targets_of(loop.source)
        self.__dict__["_recorded_step"] = recorded_step(self, loop)
        loop.after_first_step = functools.partial(check_monitored, self, loop)
        try:
            for epoch in loop:
                self.reset_metrics()
                for batch in epoch:
                    epoch.log(self.train_step(batch))
                _step.end_epoch(self.optimizer)
            _step.end_run(self.optimizer, self._step_variables())
            warn_if_unused(self._engine)
        finally:
            self._unseen_targets = self.__dict__["_recorded_step"] = None
        return loop.history

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return loss and metrics on data, in inference mode.

        Args:
            x: Inputs, as in `fit`.
            y: Targets.
            batch_size: Samples per step; 32 by default.
            verbose: 0, 1, 2 or `"auto"`, as in `fit`.
            sample_weight: A weight per sample for loss and metrics.
            steps: Batches to use, where not all.
            callbacks: Listeners on the `test` events.
            return_dict: Return a dict by name instead of a list.

        Returns:
            The loss (a float), or a list `[loss, metric, ...]`, or a dict.

        Raises:
            StateError: before `compile`.

        Example:
            >>> import numpy as np, treadle
            >>> model = treadle.Sequential([treadle.layers.Dense(1, kernel_initializer="zeros")])
            >>> model.compile("sgd", "mse")
            >>> model.evaluate(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
            1.0
        """
        self._require_compiled("evaluate")
        check_count("steps", steps)
        source = data.make_source(x, y, sample_weight, batch_size=batch_size)
        listeners = CallbackList(
            callbacks,
            model=self,
            steps=steps or source.batches,
            verbose=verbose,
            shows_progress=True,
        )
        logs = self._evaluate(source, listeners, verbose, steps)
        if return_dict:
            return logs
        values = list(logs.values())
        return values[0] if len(values) == 1 else values

    def _evaluate(
        self,
        source: data.Source,
        callbacks: CallbackList,
        verbose: Any = 0,
        steps: int | None = None,
    ) -> dict[str, float]:
        """Return loss and metrics on a source; running training means are put back afterwards."""
        graph.unwatch_modules()
        progress = display.Progress(verbose)
        progress.begin(None, steps or source.batches)
        hears = callbacks.hears("on_test_batch_end") or callbacks.hears("on_test_batch_begin")
        place = placement(self)
        logs: Mapping[str, Any] = {}
        values: dict[str, float] = {}
        step = 0
        try:
            callbacks.call("on_test_begin", {})
            with self._metrics_kept(), torch.inference_mode():
                for step, batch in enumerate(batches_of_epoch(source, 0, steps, anew=True), 1):
                    if hears:
                        callbacks.call("on_test_batch_begin", step - 1, {})
                    logs = self.test_step(batch if place is None else place(batch))
                    if hears:
                        callbacks.call("on_test_batch_end", step - 1, FloatLogs(logs))
                    if progress.due():
                        progress.update(step, as_floats(logs))
                values = as_floats(logs)
            progress.end(step, values)
        finally:
            progress.close()
            callbacks.call("on_test_end", values)
        return values

    @contextlib.contextmanager
    def _metrics_kept(self) -> Generator[None]:
        """Let metrics start anew inside, and go on from where they were afterwards."""
        kept = {id(metric): [v.clone() for v in metric.variables] for metric in self.metrics}
        self.reset_metrics()
        try:
            yield
        finally:
            for metric in self.metrics:
                before = kept.get(id(metric))
                if before is None or len(before) != len(metric.variables):
                    metric.reset_state()
                else:
                    for variable, value in zip(metric.variables, before, strict=True):
                        variable.assign(value)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Return the model's outputs for `x` as arrays, in inference mode.

        Args:
            x: Inputs, as in `fit`.
            batch_size: Samples per step; 32 by default.
            verbose: 0, 1, 2 or `"auto"`, as in `fit`.
            steps: Batches to use, where not all.
            callbacks: Listeners on the `predict` events.

        Returns:
            An array, or the structure of arrays that the model returns.

        Raises:
            DataError: for no data.

        Example:
            >>> import numpy as np, treadle
            >>> model = treadle.Sequential([treadle.layers.Dense(2)])
            >>> model.predict(np.ones((5, 3)), verbose=0).shape
            (5, 2)
        """
        check_count("steps", steps)
        graph.unwatch_modules()
        source = data.make_source(x, batch_size=batch_size)
        callbacks = CallbackList(
            callbacks,
            model=self,
            steps=steps or source.batches,
            verbose=verbose,
            shows_progress=True,
        )
        progress = display.Progress(verbose)
        progress.begin(None, steps or source.batches)
        hears = callbacks.hears("on_predict_batch_end") or callbacks.hears("on_predict_batch_begin")
        place = placement(self)
        outputs: list[Any] = []
        try:
            callbacks.call("on_predict_begin", {})
            with torch.inference_mode():
                for step, batch in enumerate(batches_of_epoch(source, 0, steps, anew=True)):
                    if hears:
                        callbacks.call("on_predict_batch_begin", step, {})
                    outputs.append(self.predict_step(batch if place is None else place(batch)))
                    if hears:
                        callbacks.call("on_predict_batch_end", step, {"outputs": outputs[-1]})
                    if progress.due():
                        progress.update(step + 1, {})
                joined = _core.map_structure(join, outputs[0], *outputs[1:])
            progress.end(len(outputs), {})
        finally:
            progress.close()
            callbacks.call("on_predict_end", {})
        return joined

    def check(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        steps: int = 100,
    ) -> CheckReport:
        """Look for what keeps training from working: print the report before the first long run.

        One report of: whether one batch can be overfitted, the initial loss against chance, dead or exploding
        layers, unscaled inputs, unbalanced or sorted labels. It trains copies of the model on one batch; the model,
        its optimizer and metrics, random streams and the data are left as they were, bit for bit.

        Args:
            x: Inputs as in `fit`, or `(x, y)`; not a generator, whose first batch would be used up.
            y: Targets.
            sample_weight: A weight per sample.
            batch_size: Samples of arrays in the batch; 32 by default.
            steps: Steps in which the batch should be overfitted, >= 1.

        Returns:
            The report: `print(report)`, `report.ok`, `report.values`.

        Raises:
            StateError: before `compile`.
            DataError: for a generator, and for data that cannot be trained on.

        Example:
            >>> import numpy as np, treadle
            >>> treadle.utils.set_random_seed(0)
            >>> x, y = np.random.default_rng(0).normal(size=(64, 4)) * 300, np.arange(64) % 3
            >>> model = treadle.Sequential([treadle.layers.Dense(3, "softmax")])
            >>> model.compile("adam", "sparse_categorical_crossentropy")
            >>> report = model.check(x, y)
            >>> report.ok, report["inputs"].ok, report["labels"].ok
            (False, False, True)
        """
        self._require_compiled("check")
        check_count("steps", steps)
        if y is None and isinstance(x, tuple):
            x, y, sample_weight = data.unpack(x)
        source = data.make_source(x, y, sample_weight, batch_size=batch_size, shuffle=True)
        return check_model(self, source, steps)

    # ---- one batch

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Take one training step on a batch and return its loss and metrics: a number, a list, or a dict.

        Example:
            >>> import numpy as np, treadle
            >>> model = treadle.Sequential([treadle.layers.Dense(1, kernel_initializer="zeros")])
            >>> model.compile("sgd", "mse")
            >>> model.train_on_batch(np.ones((4, 3)), np.ones((4, 1)))
            1.0
        """
        self._require_compiled("train_on_batch")
        self.reset_metrics()
        logs = as_floats(self.train_step(one_batch(self, x, y, sample_weight)))
        return logs if return_dict else listed(logs)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Return loss and metrics of a batch, in inference mode: a number, a list, or a dict."""
        self._require_compiled("test_on_batch")
        self.reset_metrics()
        with torch.no_grad():
            logs = as_floats(self.test_step(one_batch(self, x, y, sample_weight)))
        return logs if return_dict else listed(logs)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the model's outputs for one batch as arrays."""
        with torch.no_grad():
            outputs = self.predict_step(one_batch(self, x, None, None))
        return _core.map_structure(join, outputs)

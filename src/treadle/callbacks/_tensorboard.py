"""`TensorBoard`: writes what TensorBoard shows, through torch's writer, under the names that Keras users know."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import torch

from treadle._core import explain
from treadle.callbacks._arguments import check_count, need_model
from treadle.callbacks._rates import get_rates
from treadle.callbacks._resumable import Resumable
from treadle.callbacks._tensorboard_parts import (
    GraphTracer,
    embedding_tables,
    named_weights,
    read_labels,
    weight_image,
)


class TensorBoard(Resumable):
    """Writes scalars, histograms, the graph and more for TensorBoard (`tensorboard --logdir logs`).

    Scalars of training go to the folder `train`, those of validation to `validation`: `epoch_loss`, `epoch_accuracy`,
    `epoch_learning_rate` over the epochs (from 0), `batch_loss`, ... over the steps, and
    `evaluation_loss_vs_iterations`. Write your own with `train_writer` and `validation_writer`, which are torch's
    `SummaryWriter`s.

    Args:
        log_dir: The folder.
        histogram_freq: Epochs between histograms of the weights; 0 for none.
        write_graph: Whether to write the model's graph, after the first epoch, where torch can trace it.
        write_images: Whether to write the weights as images too, with each histogram.
        write_steps_per_second: Whether to write `epoch_steps_per_second` (and `batch_steps_per_second`).
        update_freq: `"epoch"`; or `"batch"` or a number of steps between scalars of batches. On an accelerator
            each of these waits for the device.
        profile_batch: A step, or two (first and last), counted from 1, to profile; 0 for none.
        embeddings_freq: Epochs between writing embeddings; 0 for none.
        embeddings_metadata: A file of labels, one line per row (with a first line of names, if there are tabs), or a
            dict of such files by the layer's name.

    Raises:
        ModuleNotFoundError: without TensorBoard.
        ValueError: for frequencies that cannot be used, and labels of unknown layers.

    Example:
        >>> import numpy as np, treadle
        >>> model = treadle.Sequential([treadle.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> board = treadle.callbacks.TensorBoard("logs", write_graph=False)
        >>> _ = model.fit(np.ones((8, 2)), np.ones((8, 1)), verbose=0, callbacks=[board])
        >>> import os
        >>> os.listdir("logs")
        ['train']

    Reference:
        Keras 3 API, `keras.callbacks.TensorBoard`.
    """

    _counts_steps = True
    _leaves_traces = True

    _counters = ("train_step",)

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: int | str = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        self._writer_class = _summary_writer()
        counts = {"histogram_freq": histogram_freq, "embeddings_freq": embeddings_freq}
        check_count("TensorBoard", **counts)
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = _steps_between(update_freq)
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self._profiled: tuple[int, int] | None = _profiled_steps(profile_batch)
        self._writers: dict[str, Any] = {}
        self._tracer: GraphTracer | None = None
        self._profiler: Any = None
        self._epoch_start = (0.0, 0)
        self._batch_start = self._last_step = 0.0
        self._training = False
        self._reset()

    def _reset(self) -> None:
        self.train_step = 0

    @property
    def train_writer(self) -> Any:
        """The writer of the folder `train`, a `torch.utils.tensorboard.SummaryWriter`."""
        return self._writer("train")

    @property
    def validation_writer(self) -> Any:
        """The writer of the folder `validation`, a `torch.utils.tensorboard.SummaryWriter`."""
        return self._writer("validation")

    def _writer(self, folder: str) -> Any:
        if folder not in self._writers:
            self._writers[folder] = self._writer_class(os.path.join(self.log_dir, folder))
        return self._writers[folder]

    def on_train_begin(self, logs: Any = None) -> None:
        """Open the folder, and watch for what the graph is drawn with."""
        super().on_train_begin(logs)
        model = need_model(self, "to write about")
        if self.embeddings_freq:
            embedding_tables(model, self.embeddings_metadata)
        self._training = True
        self._writer("train")
        if self.write_graph:
            self._tracer = GraphTracer(model)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock."""
        self._epoch_start = (time.perf_counter(), self.train_step)
        self._last_step = self._epoch_start[0]

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Start the clock of the step, and the profiler."""
        self._batch_start = time.perf_counter()
        if self._profiled and self._profiler is None and self.train_step + 1 == self._profiled[0]:
            folder = os.path.join(self.log_dir, "train")
            handler = torch.profiler.tensorboard_trace_handler(folder)
            self._profiler = torch.profiler.profile(on_trace_ready=handler)
            self._profiler.start()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write the scalars of the step, if it is time."""
        self.train_step += 1
        self._last_step = time.perf_counter()
        if self._profiler and self._profiled and self.train_step >= self._profiled[1]:
            self._stop_profiler()
        if self.update_freq is None or self.train_step % self.update_freq:
            return
        writer = self.train_writer
        for name, value in (logs or {}).items():
            writer.add_scalar(f"batch_{name}", value, self.train_step)
        if self.write_steps_per_second:
            rate = 1.0 / (self._last_step - self._batch_start)
            writer.add_scalar("batch_steps_per_second", rate, self.train_step)

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Write the values of an evaluation over the updates that were made before it."""
        iterations = getattr(getattr(self.model, "optimizer", None), "iterations", None)
        step = self.train_step if iterations is None else int(iterations)
        for name, value in (logs or {}).items():
            tag = f"evaluation_{name}_vs_iterations"
            self.validation_writer.add_scalar(tag, value, step)
        if not self._training:
            self._close()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write the scalars of the epoch, and histograms, images, embeddings and the graph where it is time."""
        self._write_scalars(epoch, dict(logs or {}))
        if self._tracer is not None:
            self._tracer.write(self.train_writer)
            self._tracer = None
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            for name, table, labels in embedding_tables(self.model, self.embeddings_metadata):
                self.train_writer.add_embedding(
                    table, **read_labels(labels, len(table)), tag=name, global_step=epoch
                )
        for writer in self._writers.values():
            writer.flush()

    def _write_scalars(self, epoch: int, values: dict[str, Any]) -> None:
        optimizer = getattr(self.model, "optimizer", None)
        if "learning_rate" not in values and hasattr(optimizer, "param_groups"):
            rates = get_rates(optimizer)
            values |= {"learning_rate": rates[0]} if rates else {}
        if self.write_steps_per_second:
            start, step = self._epoch_start
            seconds = max(self._last_step - start, 1e-9)  # without the validation
            values["steps_per_second"] = (self.train_step - step) / seconds
        for name, value in values.items():
            if isinstance(value, (int, float)):
                folder = "validation" if name.startswith("val_") else "train"
                self._writer(folder).add_scalar(f"epoch_{name.removeprefix('val_')}", value, epoch)

    def _write_weights(self, epoch: int) -> None:
        writer = self.train_writer
        for name, weight in named_weights(self.model):
            values = weight.detach().float().cpu()
            if torch.isfinite(values).all():  # torch's writer cannot count NaN
                writer.add_histogram(f"{name}/histogram", values, epoch)
                if self.write_images:
                    writer.add_image(f"{name}/image", weight_image(values), epoch)

    def _stop_profiler(self) -> None:
        self._profiler.stop()
        self._profiler = self._profiled = None

    def on_train_end(self, logs: Any = None) -> None:
        """Close the files."""
        super().on_train_end(logs)
        self._training = False
        if self._profiler is not None:
            self._stop_profiler()
        if self._tracer is not None:
            self._tracer.release()
            self._tracer = None
        self._close()

    def _close(self) -> None:
        while self._writers:
            self._writers.popitem()[1].close()


def _summary_writer() -> Any:
    """Return torch's writer class.

    Raises:
        ModuleNotFoundError: without TensorBoard.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ModuleNotFoundError(
            explain(
                "The callback TensorBoard needs TensorBoard, which is not installed.",
                expected="an installed tensorboard",
                got=str(error),
                fix="pip install treadle[tensorboard]",
            )
        ) from error
    return SummaryWriter


def _steps_between(update_freq: Any) -> int | None:
    """Return how many steps are between scalars of batches; None for scalars of epochs only."""
    if update_freq == "epoch":
        return None
    if update_freq == "batch":
        return 1
    if isinstance(update_freq, str):
        raise ValueError(
            explain(
                "`update_freq` of TensorBoard cannot be used.",
                expected='"epoch", "batch" or a number of steps',
                got=repr(update_freq),
            )
        )
    check_count("TensorBoard", 1, update_freq=update_freq)
    return int(update_freq)


def _profiled_steps(given: Any) -> tuple[int, int] | None:
    """Return the first and the last step to profile; None for none."""
    steps = given.split(",") if isinstance(given, str) else given
    try:
        pair = tuple(int(step) for step in (steps if isinstance(steps, (list, tuple)) else [steps]))
    except (TypeError, ValueError):
        pair = (-1,)
    first, last = (pair[0], pair[-1]) if pair else (-1, -1)
    if pair == (0,):
        return None
    if len(pair) > 2 or first < 1 or last < first:
        raise ValueError(
            explain(
                "`profile_batch` of TensorBoard cannot be used.",
                expected="a step > 0, or the first and the last, such as (10, 20); 0 for none",
                got=f"{given!r:.80}",
            )
        )
    return first, last

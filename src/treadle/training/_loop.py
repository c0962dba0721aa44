"""`Loop`: what `fit` is made of, in the user's hands: epochs, batches, progress, callbacks, validation, history.

for epoch in loop:
    for x, y in epoch:
        ...
        epoch.log(loss=loss)
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from treadle import _core, data, display
from treadle.callbacks import CallbackList, History
from treadle.training._logs import FloatLogs, LazyLogs, as_floats

_DATA = 2**62  # keeps the randomness of a generator of batches apart from that of the steps


class Loop:
    """A training loop that keeps what `fit` offers: progress, callbacks, validation, history.

    Iterating it gives epochs; iterating an epoch gives batches; what is logged reaches the progress bar, the
    callbacks and the history. `break`, `return` and exceptions end it properly: the bar is closed and
    `on_train_end` runs once.

    Args:
        train_data: Arrays `(x, y)`, a DataLoader or any iterable of batches, or a source made by `fit`.
        epochs: The number of the last epoch, >= 1.
        model: The model that callbacks are handed; its device is where batches go.
        validation_data: What to validate on after each epoch, if `validate` is given or the model is compiled.
        callbacks: Callbacks, as in `fit`.
        batch_size: Samples per batch for arrays, 32 by default.
        shuffle: Whether arrays are shuffled in each epoch.
        verbose: 0 (silent), 1 (a bar), 2 (a line per epoch) or `"auto"`.
        initial_epoch: The epoch to begin with, from 0.
        steps_per_epoch: Batches per epoch, where not all.
        validation_freq: Validate after every so many epochs.

    Raises:
        ValueError: for numbers that leave nothing to do.

    Example:
        >>> import torch, treadle
        >>> x, y = torch.ones(64, 3), torch.ones(64, 1)
        >>> model = treadle.Sequential([treadle.layers.Dense(1)])
        >>> optimizer, loss_fn = treadle.optimizers.SGD(0.01), treadle.losses.MeanSquaredError()
        >>> loop = treadle.Loop((x, y), epochs=2, model=model, verbose=0)
        >>> for epoch in loop:
        ...     for xb, yb in epoch:
        ...         loss = loss_fn(yb, model(xb, training=True))
        ...         model.zero_grad()
        ...         loss.backward()
        ...         optimizer.apply(
        ...             [v.grad for v in model.trainable_weights], model.trainable_weights
        ...         )
        ...         epoch.log(loss=loss)
        >>> len(loop.history.history["loss"])
        2
    """

    def __init__(
        self,
        train_data: Any,
        *,
        epochs: int = 1,
        model: Any = None,
        validation_data: Any = None,
        callbacks: Any = None,
        batch_size: int | None = None,
        shuffle: bool = True,
        verbose: Any = "auto",
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_freq: int = 1,
    ) -> None:
        check_epochs(epochs, initial_epoch, validation_freq)
        check_count("steps_per_epoch", steps_per_epoch)
        seed = _core.random_state.draw("loop")
        self.source = as_source(train_data, batch_size, shuffle, seed)
        self.epochs = epochs
        self.model = model
        self.validation_data = validation_data
        self.initial_epoch = initial_epoch
        self.steps_per_epoch = steps_per_epoch
        self.validation_freq = validation_freq
        self.verbose = verbose
        self.seed = _core.derive_seed(seed, "step")
        self.stop_training = False
        self.history = History()
        self.progress = display.Progress(verbose)
        self.steps = steps_per_epoch or self.source.batches
        params = {"epochs": epochs, "steps": self.steps, "verbose": verbose}
        given = [] if callbacks is None else callbacks
        given = list(given) if isinstance(given, (list, tuple)) else [given]
        self.callbacks = CallbackList([*given, self.history], model, params)

    def __iter__(self) -> Iterator[Epoch]:
        """Yield the epochs; however the loop is left, it is closed once."""
        self.stop_training = False
        if self.model is not None:
            self.model.stop_training = False
        # Randomness of a step is a function of (seed, step); the user's own stream goes on as if untouched.
        random_state = torch.get_rng_state()
        self.callbacks.call("on_train_begin", {})
        logs: dict[str, Any] = {}
        try:
            for index in range(self.initial_epoch, self.epochs):
                epoch = Epoch(self, index)
                self.callbacks.call("on_epoch_begin", index, {})
                yield epoch
                logs = epoch.finish()
                if self.stopped():
                    break
        finally:
            self.progress.close()
            torch.set_rng_state(random_state)
            self.callbacks.call("on_train_end", logs)

    def stopped(self) -> bool:
        """Return whether a callback or the user asked to stop."""
        return self.stop_training or bool(getattr(self.model, "stop_training", False))

    def validate(self) -> dict[str, Any]:
        """Return the `val_` values of the model on the validation data; {} without either."""
        if self.validation_data is None or self.model is None:
            return {}
        logs = self.model._evaluate(self.validation_data, self.callbacks)
        return {f"val_{name}": value for name, value in logs.items()}


class Epoch:
    """One pass over the training data: iterate it for batches, and log what should be shown and kept.

    Attributes:
        index: The epoch's number, from 0.
        step: How many batches have been given out.

    Example:
        >>> import torch, treadle
        >>> loop = treadle.Loop(torch.arange(6.0), batch_size=2, shuffle=False, verbose=0)
        >>> for epoch in loop:
        ...     for (x,) in epoch:
        ...         epoch.log(mean=x.mean())
        >>> loop.history.history
        {'mean': [2.5]}
    """

    def __init__(self, loop: Loop, index: int) -> None:
        self.loop = loop
        self.index = index
        self.step = 0
        self._logs: Mapping[str, Any] = {}
        self._means: dict[str, tuple[torch.Tensor, int]] = {}
        self._validated: dict[str, Any] = {}
        self._finished = False

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches, on the model's device; between them, callbacks and progress."""
        loop, callbacks, progress = self.loop, self.loop.callbacks, self.loop.progress
        hears_begin = callbacks.hears("on_train_batch_begin")
        hears_end = callbacks.hears("on_train_batch_end")
        place = placement(loop.model)
        seed = _core.derive_seed(loop.seed, self.index) >> 1  # room to add the step
        reseed = torch.default_generator.manual_seed
        reseed(
            seed + _DATA
        )  # a DataLoader draws its order from here, whatever callbacks have drawn
        progress.begin(f"Epoch {self.index + 1}/{loop.epochs}", loop.steps)
        for batch in batches_of_epoch(loop.source, self.index, loop.steps_per_epoch):
            if hears_begin:
                callbacks.call("on_train_batch_begin", self.step, {})
            reseed(seed + self.step)
            yield batch if place is None else place(batch)
            self.step += 1
            if hears_end:
                callbacks.call("on_train_batch_end", self.step - 1, FloatLogs(self._logs))
            if progress.due():
                progress.update(self.step, as_floats(self._logs))
            if loop.stopped():
                break
            reseed(seed + _DATA + self.step)

    def log(self, logs: Mapping[str, Any] | None = None, /, **values: Any) -> None:
        """Show and keep values: scalars as running means over the epoch's steps, metrics by their result.

        Args:
            logs: What a `train_step` returned: values that are means already.
            **values: Scalars (tensors or numbers) of this step, or metrics.
        """
        if logs is not None:
            self._logs = logs
        if values:
            self._log_values(values)

    def _log_values(self, values: Mapping[str, Any]) -> None:
        readers: dict[str, Any] = {}
        for name, value in values.items():
            if hasattr(value, "result"):
                readers[name] = value.result
                continue
            total, count = self._means.get(name, (0.0, 0))
            added = (
                value.detach() if isinstance(value, torch.Tensor) else torch.tensor(float(value))
            )
            if added.numel() != 1:
                raise ValueError(
                    _core.explain(
                        f"`{name}` cannot be logged.",
                        expected="a scalar",
                        got=f"a tensor of shape {tuple(added.shape)}",
                        fix=f"epoch.log({name}={name}.mean())",
                    )
                )
            self._means[name] = (total + added, count + 1)
            readers[name] = lambda name=name: self._means[name][0] / self._means[name][1]
        if isinstance(self._logs, LazyLogs):
            readers = {**self._logs._readers, **readers}
        self._logs = LazyLogs(readers)

    @property
    def logs(self) -> dict[str, Any]:
        """The values of now, as floats."""
        return as_floats(self._logs)

    def finish(self) -> dict[str, Any]:
        """End the epoch: validate, tell the callbacks, draw the last line; returns the epoch's values."""
        loop = self.loop
        values = as_floats(self._logs)
        if (self.index + 1) % loop.validation_freq == 0:
            values |= loop.validate()
        loop.callbacks.call("on_epoch_end", self.index, values)
        loop.progress.end(self.step, values)
        return values


def batches_of_epoch(source: data.Source, index: int, limit: int | None) -> Iterator[Any]:
    """Yield up to `limit` batches of an epoch.

    Raises:
        DataError: when the source yields nothing.
    """
    count = 0
    for batch in source.epoch(index) if limit is None else source.some(index, limit):
        yield batch
        count += 1
    if limit is not None and 0 < count < limit:
        warnings.warn(_ended_early(index, count, limit), _core.TreadleWarning, stacklevel=2)
    if count == 0:
        raise _core.DataError(
            _core.explain(
                "The data yielded no batch.",
                expected="at least one batch in each epoch",
                got=f"none in epoch {index + 1}",
                fix="give an iterable that can be iterated again (a list or DataLoader), or more data",
            )
        )


def _ended_early(index: int, count: int, limit: int) -> str:
    return _core.explain(
        "The data ended early.",
        expected=f"{limit} batches in each epoch, as steps say",
        got=f"{count} in epoch {index + 1}",
        fix="give more data, fewer steps, or data that repeats",
    )


def as_source(given: Any, batch_size: int | None, shuffle: bool, seed: int) -> data.Source:
    """Return the source that a Loop's `train_data` means: `(x, y)` arrays, or an iterable of batches."""
    if isinstance(given, tuple):
        return data.make_source(*given, batch_size=batch_size, shuffle=shuffle, seed=seed)
    source = data.make_source(given, batch_size=batch_size, shuffle=shuffle, seed=seed)
    if isinstance(source, data.ArraySource):
        source.seed = seed
    return source


def placement(model: Any) -> Any:
    """Return a function that moves a batch to the model's device, or None when batches are there already."""
    parameters = getattr(model, "parameters", None)
    first = next(iter(parameters()), None) if parameters is not None else None
    if first is None or first.device.type == "cpu":
        return None

    def move(batch: Any) -> Any:
        return _core.map_structure(
            lambda leaf: (
                leaf.to(first.device, non_blocking=True) if isinstance(leaf, torch.Tensor) else leaf
            ),
            batch,
        )

    return move


def check_count(name: str, value: Any, smallest: int = 1) -> None:
    """Raise unless `value` is None (where that means all) or an integer from `smallest` on."""
    if value is None:
        return
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < smallest:
        raise ValueError(
            _core.explain(
                f"`{name}` cannot be used.",
                expected=f"an integer >= {smallest}",
                got=repr(value),
            )
        )


def check_epochs(epochs: Any, initial_epoch: Any, validation_freq: Any) -> None:
    """Raise when the numbers leave nothing to do."""
    check_count("epochs", 0 if epochs is None else epochs)
    check_count("initial_epoch", -1 if initial_epoch is None else initial_epoch, 0)
    check_count("validation_freq", 0 if validation_freq is None else validation_freq)
    if initial_epoch >= epochs:
        raise ValueError(
            _core.explain(
                "There is no epoch to run.",
                expected="`epochs` (the number of the last one) larger than `initial_epoch`",
                got=f"epochs={epochs}, initial_epoch={initial_epoch}",
                fix=f"epochs={initial_epoch + epochs}",
            )
        )

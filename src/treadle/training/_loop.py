"""`Loop`: what `fit` is made of, in the user's hands: epochs, batches, progress, callbacks, validation, history.

for epoch in loop:
    for x, y in epoch:
        ...
        epoch.log(loss=loss)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from treadle import _core, display, graph, saving
from treadle.callbacks import BackupAndRestore, CallbackList, History
from treadle.training._batches import as_source, check_count, check_epochs, used_up
from treadle.training._epoch import Epoch
from treadle.training._keeper import Keeper
from treadle.training._precision import Precision


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
        validation_steps: Batches per validation, where not all; each begins at the first batch, if the data can.
        resume: A folder for checkpoints, or a `Checkpoint`, which also says how often and how many. A run that finds
            some there goes on from the newest, with the same bits as if it had never stopped; SIGTERM and SIGINT then
            save after the step under way and exit with 128 plus the signal's number; a second one ends it at once.
        save_every: Steps between checkpoints within an epoch; one at the end of each epoch by default.
        accumulation: Steps whose gradients `backward` adds up before `step` uses them.
        precision: `"bfloat16"` or `"float16"` for `autocast` and `backward`; None for full precision.

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

    after_first_step: Callable[[Epoch], None] | None = None
    looks = _core.GRADIENT_LOOKS  # steps that are still checked for gradients never cleared

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
        validation_steps: int | None = None,
        resume: str | Path | saving.Checkpoint | None = None,
        save_every: int | None = None,
        accumulation: int = 1,
        precision: str | None = None,
    ) -> None:
        check_epochs(epochs, initial_epoch, validation_freq)
        check_count("steps_per_epoch", steps_per_epoch)
        check_count("validation_steps", validation_steps)
        check_count("save_every", save_every)
        seed = _core.random_state.draw("loop")
        self.source = as_source(train_data, batch_size, shuffle, seed)
        self.epochs = epochs
        self.model = model
        self.validation_data = validation_data
        self.initial_epoch = initial_epoch
        self.steps_per_epoch = steps_per_epoch
        self.validation_freq = validation_freq
        self.validation_steps = validation_steps
        self.verbose = verbose
        self.seed = _core.derive_seed(seed, "step")
        self.stop_training = False
        self.history = History()
        self.progress = display.Progress(verbose)
        self.steps = steps_per_epoch or self.source.batches
        given = [] if callbacks is None else callbacks
        given = list(given) if isinstance(given, (list, tuple)) else [given]
        self.callbacks = CallbackList(
            [*given, self.history],
            model=model,
            epochs=epochs,
            steps=self.steps,
            verbose=verbose,
            validation_freq=validation_freq,
            shows_progress=True,
        )
        optimizer = getattr(model, "optimizer", None)
        self.tracked: list[Any] = [] if optimizer is None else [optimizer]
        for callback in self.callbacks.callbacks:
            if isinstance(callback, BackupAndRestore) and resume is None:
                resume, save_every = callback.backup_dir, callback.save_every
        self.keeper = None if resume is None else Keeper(self, resume, save_every)
        self.precision = Precision(model, accumulation, precision)
        self._batch_size = batch_size
        self._epoch: Epoch | None = None
        self._validated = False

    def __iter__(self) -> Iterator[Epoch]:
        """Yield the epochs; however the loop is left, it is closed once."""
        graph.unwatch_modules()
        self.stop_training = False
        if self.model is not None:
            self.model.stop_training = False
        # Randomness of a step is a function of (seed, step); the user's own stream goes on as if untouched.
        random_state = torch.get_rng_state()
        logs: dict[str, Any] = {}
        first, begun = self.initial_epoch, None
        try:
            self.callbacks.call("on_train_begin", {})
            if self.keeper is not None:
                first, begun = self.keeper.restore()
                self.keeper.listen()
            for index in range(first, self.epochs):
                if index > first and used_up(self.source, self.epochs - index, "The training data"):
                    break
                self._epoch = epoch = Epoch(self, index, 0 if begun is None else begun["step"])
                if begun is None:
                    self.callbacks.call("on_epoch_begin", index, {})
                yield epoch
                logs, begun = epoch.finish(), None
                if self.keeper is not None:
                    self.keeper.after_epoch(self.epochs if self.stopped() else index + 1)
                if self.stopped():
                    break
        finally:
            self._close(logs, random_state)

    def _close(self, logs: dict[str, Any], random_state: torch.Tensor) -> None:
        """End the run: checkpoint what is unsaved, close the bar, tell the callbacks."""
        try:
            if self.keeper is not None:
                self.keeper.close(self._epoch)
        finally:
            self.progress.close()
            torch.set_rng_state(random_state)
            self.callbacks.call("on_train_end", logs)

    def track(self, *items: Any) -> Any:
        """Keep objects in the checkpoints: anything with `state_dict` and `load_state_dict`; returns the first.

        The model, and the optimizer that it was compiled with, are kept already.

        Raises:
            TypeError: for an object without these methods.
        """
        for item in items:
            if not (hasattr(item, "state_dict") and hasattr(item, "load_state_dict")):
                raise TypeError(
                    _core.explain(
                        "This object cannot be tracked.",
                        expected="methods state_dict() and load_state_dict(state)",
                        got=type(item).__name__,
                        fix="track what it consists of, or give its class these methods",
                    )
                )
            self.tracked.append(item)
        return items[0] if items else None

    def before_batches(self, epoch: Epoch) -> None:
        """Put back what a resumed epoch had begun."""
        if self.keeper is not None:
            self.keeper.before_batches(epoch)

    def look(self, epoch: Epoch) -> None:
        """Warn, in the first steps, when gradients are never cleared; do what is to be done after the first."""
        self.looks -= 1
        if self.after_first_step is not None:
            check, self.after_first_step = self.after_first_step, None
            check(epoch)
        parameters = self.model.parameters() if isinstance(self.model, torch.nn.Module) else ()
        first = next((parameter for parameter in parameters if parameter.grad is not None), None)
        if first is not None:
            _core.warn_if_kept(first)

    def stopped(self) -> bool:
        """Return whether a callback or the user asked to stop."""
        return self.stop_training or bool(getattr(self.model, "stop_training", False))

    def validate(self, validation_data: Any = None) -> dict[str, Any]:
        """Return the `val_` values of a compiled model on the validation data; {} without either."""
        given = self.validation_data if validation_data is None else validation_data
        if given is None or getattr(self.model, "_compiled", None) is None:
            return {}
        batch_size = self._batch_size if isinstance(given, tuple) else None
        source = as_source(given, batch_size, False, 0)
        if self._validated and used_up(source, 1, "The validation data"):
            self.stop_training = True
            return {}
        self._validated = True
        logs = self.model._evaluate(source, self.callbacks, steps=self.validation_steps)
        return {f"val_{name}": value for name, value in logs.items()}

    # ---- mixed precision and accumulation

    def autocast(self) -> torch.autocast:
        """Return the context in which the forward pass runs in the loop's `precision`."""
        return self.precision.autocast()

    def backward(self, loss: torch.Tensor) -> None:
        """Compute the gradients of `loss`, scaled for short floats and divided among accumulated steps."""
        self.precision.backward(loss)

    def step(self, *steppers: Any) -> bool:
        """Let optimizers take their step, once enough gradients are accumulated; returns whether they did."""
        step = 0 if self._epoch is None else self._epoch.step
        last = self.steps is not None and step + 1 == self.steps
        return self.precision.step(steppers, last)

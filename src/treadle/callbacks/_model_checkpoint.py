"""`ModelCheckpoint`: writes the model to files as it trains: each epoch, the best, or the best few."""

from __future__ import annotations

import math
import os
import string
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from treadle._core import StateError, TreadleWarning, UnknownNameError, explain, nearest
from treadle.callbacks._arguments import announce, check_count, check_number, need_model
from treadle.callbacks._monitor import Monitor
from treadle.callbacks._resumable import Resumable

_WEIGHTS = (".weights.h5", ".safetensors")
_MODELS = (".keras", ".h5", ".hdf5")


class ModelCheckpoint(Resumable):
    """Writes the model at the end of each epoch, or every so many steps.

    A file is complete or the old one; a model whose loss is NaN never replaces a file, and is never the best. The best
    value is kept from one training to the next of the same callback, and in checkpoints for resuming.

    Args:
        filepath: The file: `*.keras`, or `*.weights.h5` or `*.safetensors` for weights only. It may hold names of
            logged values: `"{epoch:02d}-{val_loss:.2f}.keras"` (epochs and `{batch}` from 1).
        monitor: The name of the value that tells the best.
        verbose: 1 prints a line for each file.
        save_best_only: Whether to write only when the value has improved.
        save_weights_only: Whether to write the weights only.
        mode: `"min"`, `"max"`, or `"auto"` to tell it from the name.
        save_freq: `"epoch"`, or a number of steps between files.
        initial_value_threshold: The best value so far, which the first file has to beat.
        save_top_k: How many of the best files to keep; the others are deleted. None keeps all.

    Raises:
        ValueError: for another ending, and numbers and modes that cannot be used.
        UnknownNameError: when `monitor`, or a name in `filepath`, is not logged; at the end of the first epoch.

    Example:
        >>> import numpy as np, treadle
        >>> model = treadle.Sequential([treadle.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> save = treadle.callbacks.ModelCheckpoint("best.keras", "loss", save_best_only=True)
        >>> _ = model.fit(np.ones((8, 2)), np.ones((8, 1)), verbose=0, callbacks=[save])
        >>> best = treadle.saving.load_model("best.keras")

    Reference:
        Keras 3 API, `keras.callbacks.ModelCheckpoint`.
    """

    _counts_steps = True
    _leaves_traces = True

    _counters = ("best", "saved", "steps")

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: int | str = "epoch",
        initial_value_threshold: float | None = None,
        save_top_k: int | None = None,
    ) -> None:
        super().__init__()
        owner = "ModelCheckpoint"
        if save_freq != "epoch":
            check_count(owner, 1, save_freq=save_freq)
        if initial_value_threshold is not None:
            limit = initial_value_threshold
            check_number(owner, -math.inf, initial_value_threshold=limit)
        self.filepath = os.fspath(filepath)
        self._names = _check_path(self.filepath, save_weights_only)
        if save_top_k is not None:
            check_count(owner, 1, save_top_k=save_top_k)
            _check_top_k(self._names, save_best_only)
        self._monitor = Monitor(owner, monitor, mode)
        self._monitor.is_used = save_best_only or save_top_k is not None
        self.monitor = monitor
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.save_top_k = save_top_k
        self.best = initial_value_threshold
        self.saved: list[list[Any]] = []  # [value, path] of the files kept by `save_top_k`
        self.steps = 0
        self._epoch = 0
        self._written: set[str] = set()
        self._told = self._asked = False

    def _reset(self) -> None:
        """Keep the best: a training that goes on does not forget it."""

    def on_train_begin(self, logs: Any = None) -> None:
        """See that the model can be saved."""
        super().on_train_begin(logs)
        model = need_model(self, "to save")
        if not hasattr(model, "save_weights" if self.save_weights_only else "save"):
            raise StateError(
                explain(
                    "ModelCheckpoint cannot save this model.",
                    expected="a treadle model",
                    got=type(model).__name__,
                    fix="model = treadle.Model.from_torch(module), or Loop(..., resume=folder)",
                )
            )
        self._asked = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remember the epoch; before the first, tell of a file that this run would replace."""
        self._epoch = epoch
        if not self._asked:  # not earlier: a resumed run knows by now how good the file is
            self._asked = True
            self._tell_of_earlier_run()

    def _tell_of_earlier_run(self) -> None:
        fresh = self.best is None and self.filepath not in self._written
        if self.save_best_only and fresh and not self._names and os.path.exists(self.filepath):
            _warn(
                f"{self.filepath!r} is there already, and how good it is is not known.",
                expected="a new file, or the value that it had",
                got="a file of an earlier run, which the first epoch will replace",
                fix="ModelCheckpoint(..., initial_value_threshold=value), or another file",
            )

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Save, if it is time."""
        if self.save_freq == "epoch":
            return
        self.steps += 1
        if self.steps >= int(self.save_freq):
            self.steps = 0
            self._save(self._epoch, batch, dict(logs or {}))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Save, if it is time."""
        if self.save_freq == "epoch":
            self._save(epoch, None, dict(logs or {}))

    def _save(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> None:
        path = self._path(epoch, batch, logs)
        if not self.save_best_only and self.save_top_k is None:
            self._write(path, logs)
            return
        value = self._value(epoch, batch, logs)
        if value is None:
            return
        better = self._monitor.better(value, self.best)
        if self.save_top_k is not None:
            self._save_among_best(path, value, logs)
        elif better:
            self._write(path, logs, f"{self.monitor} improved to {value:.5g}: ")
        elif self.verbose:
            announce(f"{self._when(epoch, batch)}: {self.monitor} did not improve.")
        if better:
            self.best = value

    def _value(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> float | None:
        if batch is not None and self.monitor not in logs:
            raise UnknownNameError(
                explain(
                    f"ModelCheckpoint monitors {self.monitor!r}, which is not known after a step.",
                    expected="one of " + ", ".join(map(repr, logs)),
                    got=repr(self.monitor),
                    fix='save_freq="epoch", or monitor="loss"',
                )
            )
        return self._monitor.read(epoch, logs, self)

    def _save_among_best(self, path: str, value: float, logs: dict[str, Any]) -> None:
        """Write the model if it is among the best, and delete the file that no longer is."""
        if math.isnan(value):
            return
        full = len(self.saved) >= (self.save_top_k or 0)
        sign = -1.0 if self._monitor.mode == "max" else 1.0
        worst = max(self.saved, key=lambda entry: sign * entry[0]) if full else None
        if worst is not None and not self._monitor.better(value, worst[0]):
            return
        self._write(path, logs, f"{self.monitor} is {value:.5g}: ")
        self.saved = [entry for entry in self.saved if entry[1] != path]
        if worst in self.saved:
            self.saved.remove(worst)
            Path(worst[1]).unlink(missing_ok=True)
        self.saved.append([value, path])

    def _write(self, path: str, logs: dict[str, Any], why: str = "") -> None:
        loss = logs.get("loss")
        if isinstance(loss, float) and math.isnan(loss) and os.path.exists(path):
            if not self._told:
                self._told = True
                _warn(
                    f"The model is not saved: its loss is NaN, and {path!r} would be lost.",
                    expected="a finite loss",
                    got="NaN",
                    fix="add treadle.callbacks.TerminateOnNaN()",
                )
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only or path.endswith(_WEIGHTS):
            self.model.save_weights(path)
        else:
            self.model.save(path)
        self._written.add(path)
        if self.verbose:
            announce(f"Epoch {self._epoch + 1}: {why}the model is saved to {path}.")

    def _path(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> str:
        """Return the file's name with the values filled in."""
        known = {"epoch": epoch + 1, **({} if batch is None else {"batch": batch + 1}), **logs}
        for name in self._names:
            if name not in known:
                close = nearest(name, known)
                raise UnknownNameError(
                    explain(
                        f"`filepath` of ModelCheckpoint names {name!r}, which is not logged.",
                        expected="one of " + ", ".join(map(repr, known)),
                        got=repr(self.filepath),
                        fix=f"did you mean {'{'}{close[0]}{'}'}?" if close else "take it out",
                    )
                )
        return self.filepath.format(**known)

    def _when(self, epoch: int, batch: int | None) -> str:
        return f"Epoch {epoch + 1}" + ("" if batch is None else f", step {batch + 1}")


def _check_path(path: str, weights_only: bool) -> list[str]:
    """Return the names in braces in a path; raise unless its ending says a format."""
    endings = _WEIGHTS if weights_only else (*_MODELS, *_WEIGHTS)
    if not path.endswith(endings) or os.path.basename(path) in endings:
        raise ValueError(
            explain(
                "`filepath` of ModelCheckpoint cannot be used.",
                expected="a file that ends in " + ", ".join(endings),
                got=repr(path),
                fix='"model.weights.h5"' if weights_only else '"model.keras"',
            )
        )
    try:
        parts = list(string.Formatter().parse(path))
    except ValueError as error:
        raise ValueError(
            explain(
                "`filepath` of ModelCheckpoint cannot be filled in.",
                expected="names in braces, such as {epoch:02d}-{val_loss:.2f}",
                got=f"{path!r}: {error}",
            )
        ) from error
    return [name.partition(".")[0].partition("[")[0] for _, name, _, _ in parts if name is not None]


def _check_top_k(names: list[str], save_best_only: bool) -> None:
    if save_best_only or not names:
        raise ValueError(
            explain(
                "`save_top_k` of ModelCheckpoint cannot be used like this.",
                expected="names in `filepath` that tell the files apart, and save_best_only=False",
                got="save_best_only=True" if save_best_only else "one file for all epochs",
                fix='"{epoch:02d}.keras"',
            )
        )


def _warn(what: str, *, expected: str, got: str, fix: str) -> None:
    warnings.warn(explain(what, expected=expected, got=got, fix=fix), TreadleWarning, stacklevel=4)

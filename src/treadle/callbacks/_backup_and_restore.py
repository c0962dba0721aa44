"""`BackupAndRestore`: lets a training that was killed go on where it was; the engine does the work."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Any

from treadle._core import explain
from treadle.callbacks._arguments import check_count, need_model
from treadle.callbacks._callback import Callback


class BackupAndRestore(Callback):
    """Keeps checkpoints of the run in a folder; the same program started again goes on from the newest.

    It is `fit(..., resume=backup_dir)` in the form of a callback: everything that the run depends on is kept, so the
    run ends with the same bits as one that was never stopped. `double_checkpoint` is accepted for Keras's sake: a run
    that ends by an error or a signal always saves.

    Args:
        backup_dir: The folder.
        save_freq: `"epoch"`, or a number of steps between checkpoints.
        double_checkpoint: Whether to save on an error too; it is always done.
        delete_checkpoint: Whether to remove the folder when training has ended as planned.

    Raises:
        ValueError: for numbers that cannot be used.

    Example:
        >>> import os, numpy as np, treadle
        >>> model = treadle.Sequential([treadle.Input((2,)), treadle.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> backup = treadle.callbacks.BackupAndRestore("backup")
        >>> _ = model.fit(np.ones((8, 2)), np.ones((8, 1)), verbose=0, callbacks=[backup])
        >>> os.path.exists("backup")
        False

    Reference:
        Keras 3 API, `keras.callbacks.BackupAndRestore`.
    """

    _leaves_traces = True

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: int | str = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        self.backup_dir = os.fspath(backup_dir)
        if not self.backup_dir:
            raise ValueError(
                explain(
                    "`backup_dir` of BackupAndRestore cannot be used.",
                    expected="the path of a folder",
                    got=repr(self.backup_dir),
                )
            )
        if save_freq != "epoch":
            check_count("BackupAndRestore", 1, save_freq=save_freq)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._epochs_done = 0

    @property
    def save_every(self) -> int | None:
        """Steps between checkpoints within an epoch; None for one per epoch."""
        return None if self.save_freq == "epoch" else int(self.save_freq)

    def on_train_begin(self, logs: Any = None) -> None:
        """See that there is a model to keep."""
        need_model(self, "to keep")
        self._epochs_done = 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Note how far training has come."""
        self._epochs_done = epoch + 1

    def on_train_end(self, logs: Any = None) -> None:
        """Remove the folder, if training has ended as planned: by its last epoch, or because it was asked to stop."""
        asked = getattr(self.model, "stop_training", False)
        ended = asked or self._epochs_done == self.params.get("epochs")
        if self.delete_checkpoint and ended and sys.exc_info()[0] is None:
            shutil.rmtree(self.backup_dir, ignore_errors=True)

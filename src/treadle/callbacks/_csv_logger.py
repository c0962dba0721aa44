"""`CSVLogger`: the values of each epoch as a row of a table that spreadsheets and pandas read."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from treadle._core import explain
from treadle.callbacks._resumable import Resumable
from treadle.saving._atomic import replacing_file

_ABSENT = "NA"


class CSVLogger(Resumable):
    """Writes a row per epoch; each is on the disk when the epoch ends.

    The columns are `epoch` (from 0) and the values by name. A value that appears later, such as those of a
    validation that is not done in each epoch, gets a column of its own, with `NA` in the rows before.

    Args:
        filename: The file; its folder is made if there is none.
        separator: What stands between two values, one character.
        append: Whether to go on with a file that is there, instead of replacing it.

    Raises:
        ValueError: for a separator of another length.
        OSError: at the start, when the file cannot be written.

    Example:
        >>> import pathlib, numpy as np, treadle
        >>> model = treadle.Sequential([treadle.layers.Dense(1, kernel_initializer="zeros")])
        >>> model.compile(treadle.optimizers.SGD(0.5), "mse")
        >>> log = treadle.callbacks.CSVLogger("log.csv")
        >>> _ = model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=2, verbose=0, callbacks=[log])
        >>> print(pathlib.Path("log.csv").read_text())
        epoch,loss
        0,1.0
        1,1.0

    Reference:
        Keras 3 API, `keras.callbacks.CSVLogger`.
    """

    _leaves_traces = True

    _counters = ("_position",)

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        super().__init__()
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(
                explain(
                    "`separator` of CSVLogger cannot be used.",
                    expected="one character",
                    got=f"{separator!r:.80}",
                )
            )
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self._file: TextIO | None = None
        self._columns: list[str] = []
        self._reset()

    def _reset(self) -> None:
        self._position: int | None = None  # where the last row ends

    def state_dict(self) -> dict[str, Any]:
        """Return how long the table was, in bytes."""
        return {"position": self._position}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with the table as it was: rows that were written later are taken back."""
        super().load_state_dict({f"_{name}": value for name, value in state.items()})
        if self._file is not None:
            self._close()
            self._open()

    def on_train_begin(self, logs: Any = None) -> None:
        """Look whether the file can be written; what is in it stays until the first epoch has ended."""
        super().on_train_begin(logs)
        self._columns = []
        self._open()

    def _open(self) -> None:
        path = Path(self.filename)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", newline="", encoding="utf8")
        if self._position is not None and self._file.tell() >= self._position:
            self._file.truncate(self._position)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write a row."""
        if self._file is None:
            self._open()
        values = dict(logs or {})
        if not self._columns:
            self._begin_table(sorted(values))
        added = sorted(set(values) - set(self._columns))
        if added:
            self._add_columns(added)
        assert self._file is not None
        row = [_cell(values.get(name, _ABSENT)) for name in self._columns]
        csv.writer(self._file, delimiter=self.sep, lineterminator="\n").writerow([epoch, *row])
        self._file.flush()
        self._position = self._file.tell()

    def on_train_end(self, logs: Any = None) -> None:
        """Close the file."""
        super().on_train_end(logs)
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin_table(self, names: list[str]) -> None:
        """Take over the header of the file that is gone on with, or write a new one."""
        assert self._file is not None
        if not self.append and self._position is None:
            self._file.truncate(0)
        with open(self.filename, newline="", encoding="utf8") as file:
            header = next(csv.reader(file, delimiter=self.sep), None)
        if header:
            self._columns = header[1:]
            return
        self._columns = names
        writer = csv.writer(self._file, delimiter=self.sep, lineterminator="\n")
        writer.writerow(["epoch", *names])

    def _add_columns(self, names: list[str]) -> None:
        """Write the table anew with more columns."""
        assert self._file is not None
        self._file.flush()
        self._close()
        with open(self.filename, newline="", encoding="utf8") as file:
            rows = list(csv.reader(file, delimiter=self.sep))[1:]
        missing = [_ABSENT] * len(names)
        self._columns += names
        with (
            replacing_file(Path(self.filename)) as path,
            path.open("w", newline="", encoding="utf8") as file,
        ):
            writer = csv.writer(file, delimiter=self.sep, lineterminator="\n")
            writer.writerow(["epoch", *self._columns])
            writer.writerows([*row, *missing] for row in rows)
        self._position = None
        self._open()


def _cell(value: Any) -> Any:
    """Return a value as it stands in the table: lists in quotes, as Keras writes them."""
    if isinstance(value, Iterable) and not isinstance(value, str) and getattr(value, "ndim", 1):
        return f'"[{", ".join(map(str, value))}]"'
    return value

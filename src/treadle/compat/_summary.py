"""`tf.summary`: scalars, images, histograms and text for TensorBoard, written by torch's `SummaryWriter`."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any

from treadle import _core
from treadle.compat._convert import as_tensor


class Writer:
    """A folder of event files; `with writer.as_default():` directs summaries to it.

    Args:
        logdir: The folder.
    """

    def __init__(self, logdir: Any) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ImportError(
                _core.explain(
                    "tf.summary writes files for TensorBoard.",
                    expected="the package tensorboard",
                    got=str(error),
                    fix="pip install 'treadle[tensorboard]'",
                )
            ) from error
        self._files = SummaryWriter(str(logdir))

    @contextlib.contextmanager
    def as_default(self, step: int | None = None) -> Generator[Writer]:
        """Direct summaries inside the block to this writer."""
        _stack.append((self, step))
        try:
            yield self
        finally:
            _stack.pop()
            self._files.flush()

    def set_as_default(self, step: int | None = None) -> None:
        """Direct all summaries from now on to this writer."""
        _stack[:1] = [(self, step)]

    def flush(self) -> None:
        """Write what is held back."""
        self._files.flush()

    def close(self) -> None:
        """Write what is held back, and close the files."""
        self._files.close()


_stack: list[tuple[Writer, int | None]] = []


def _target(step: Any) -> tuple[Any, int] | None:
    """Return the files and the step to write to, or None where no writer is the default, as in TensorFlow."""
    if not _stack:
        return None
    writer, own_step = _stack[-1]
    chosen = next((item for item in (step, own_step) if item is not None), None)
    if chosen is None:
        raise ValueError(
            _core.explain("A summary needs a step.", expected="step=", got="None", fix="step=epoch")
        )
    return writer._files, int(chosen)


def create_file_writer(logdir: Any, *args: Any, **kwargs: Any) -> Writer:
    """Return a writer of event files into a folder."""
    return Writer(logdir)


def scalar(name: str, data: Any, step: Any = None, description: str | None = None) -> bool:
    """Write a number; return whether there was a writer."""
    target = _target(step)
    if target:
        target[0].add_scalar(name, float(as_tensor(data).detach()), target[1])
    return target is not None


def image(
    name: str, data: Any, step: Any = None, max_outputs: int = 3, description: str | None = None
) -> bool:
    """Write the first images of a batch (batch, height, width, channels)."""
    target = _target(step)
    if target:
        images = as_tensor(data).detach()[:max_outputs]
        for index, item in enumerate(images):
            target[0].add_image(f"{name}/{index}", item, target[1], dataformats="HWC")
    return target is not None


def histogram(
    name: str, data: Any, step: Any = None, buckets: int | None = None, description: Any = None
) -> bool:
    """Write the distribution of values."""
    target = _target(step)
    if target:
        target[0].add_histogram(name, as_tensor(data).detach(), target[1])
    return target is not None


def text(name: str, data: Any, step: Any = None, description: str | None = None) -> bool:
    """Write a text."""
    target = _target(step)
    if target:
        target[0].add_text(name, str(data), target[1])
    return target is not None


def flush(writer: Writer | None = None, name: str | None = None) -> None:
    """Write what is held back."""
    for item in [writer] if writer else [entry[0] for entry in _stack]:
        item.flush()


SUMMARY: dict[str, Any] = {
    "SummaryWriter": Writer,
    "create_file_writer": create_file_writer,
    "flush": flush,
    "histogram": histogram,
    "image": image,
    "scalar": scalar,
    "text": text,
}

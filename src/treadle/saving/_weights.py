"""Weights files: written in one step, and compared with the model as a whole before the model is changed.

`.weights.h5` is Keras 3's layout; `.safetensors` holds the `state_dict`, so plain torch reads it.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from treadle import _core, layers
from treadle.saving._stored import Stored, fits, in_range

_MOST_LINES = 40


@dataclasses.dataclass
class Slot:
    """A variable of a model that a file has a tensor for.

    Attributes:
        key: The tensor's name in the file.
        label: How messages call the variable.
        variable: The variable, or a method that takes the tensor.
    """

    key: str
    label: str
    variable: torch.Tensor


def match(
    slots: Sequence[Slot], stored: Mapping[str, Stored], *, partial: bool = False
) -> tuple[list[tuple[Slot, Stored]], list[str]]:
    """Return the pairs of variable and stored tensor that fit, and a line for each difference.

    Args:
        slots: What the model has.
        stored: What the file has.
        partial: Whether either may have more than the other.
    """
    pairs: list[tuple[Slot, Stored]] = []
    differences: list[str] = []
    for slot in slots:
        found = stored.get(slot.key)
        shape, dtype = tuple(slot.variable.shape), slot.variable.dtype
        if found is None:
            if not partial:
                differences.append(f"missing in the file: {slot.label}, shape {shape}")
        elif found.shape != shape:
            differences.append(f"shape of {slot.label}: model {shape}, file {found.shape}")
        elif not fits(found.dtype, dtype):
            names = _core.standardize_dtype(dtype), str(found.dtype).removeprefix("torch.")
            differences.append(f"dtype of {slot.label}: model {names[0]}, file {names[1]}")
        else:
            pairs.append((slot, found))
    if not partial:
        known = {slot.key for slot in slots}
        extra = [key for key in stored if key not in known]
        differences += [f"not in the model: {key}, shape {stored[key].shape}" for key in extra]
    return pairs, differences


def report(path: str, model: nn.Module, differences: list[str], *, skip: bool) -> None:
    """Raise for the differences between a file and a model, or warn if they are to be skipped."""
    if not differences:
        return
    shown = differences[:_MOST_LINES]
    if len(differences) > len(shown):
        shown.append(f"and {len(differences) - len(shown)} more")
    lines = "".join(f"\n    {line}" for line in shown)
    unbuilt = [
        part.name for part in model.modules() if isinstance(part, layers.Layer) and not part.built
    ]
    fix = "make the model that the file was written for, or give skip_mismatch=True"
    if unbuilt:
        fix = f"build the model first, by calling it on data: {unbuilt[0]!r} has no weights yet"
    text = _core.explain(
        f"The weights in {path!r} do not fit the model {getattr(model, 'name', '')!r}.",
        expected="the same tensors, of the same shapes and dtypes",
        got=f"{len(differences)} difference{'s' if len(differences) > 1 else ''}{lines}",
        fix="" if skip else fix,
    )
    if not skip:
        raise _core.ShapeError(text)
    warnings.warn(
        f"{text}\nThese were left as they are.", _core.TreadleWarning, stacklevel=_user_level()
    )


def read_all(pairs: Sequence[tuple[Slot, Stored]], path: str) -> list[torch.Tensor]:
    """Return the values of all pairs; nothing is written to the model before all are read."""
    values = [stored.read() for _, stored in pairs]
    for (slot, _), value in zip(pairs, values, strict=True):
        if not in_range(value, slot.variable.dtype):
            raise _core.DataError(
                _core.explain(
                    f"A tensor in {path!r} does not fit {slot.label}.",
                    expected=f"integers in the range of {slot.variable.dtype}",
                    got=f"values up to {int(value.abs().max())}",
                )
            )
    labels = [slot.label for slot, _ in pairs]
    warn_not_finite(values, labels, f"The weights in {path!r}")
    return values


def write_all(pairs: Sequence[tuple[Slot, Stored]], values: Sequence[torch.Tensor]) -> None:
    """Copy values into the variables; memory order and device stay the variables'."""
    with torch.no_grad():
        for (slot, _), value in zip(pairs, values, strict=True):
            slot.variable.copy_(value)


def warn_not_finite(values: Sequence[Any], labels: Sequence[str], what: str) -> None:
    """Warn about NaN and infinity among tensors."""
    bad = [
        label
        for value, label in zip(values, labels, strict=True)
        if value.is_floating_point() and not _is_finite(value)
    ]
    if bad:
        shown = ", ".join(bad[:5]) + (f" and {len(bad) - 5} more" if len(bad) > 5 else "")
        warnings.warn(
            _core.explain(
                f"{what} are not finite.",
                expected="numbers",
                got=f"NaN or infinity in {shown}",
                fix="go back to weights from before training diverged",
            ),
            _core.TreadleWarning,
            stacklevel=_user_level(),
        )


def _is_finite(value: torch.Tensor) -> bool:
    """Return whether all numbers are finite; their sum tells in one pass, unless it overflows."""
    value = value.detach()
    return math.isfinite(float(value.sum())) or bool(torch.isfinite(value).all())


def _user_level() -> int:
    return 6


def check_target(filepath: Any, overwrite: bool) -> Path:
    """Return the path to write to.

    Raises:
        FileExistsError: when there is a file that must not be overwritten.
    """
    path = Path(filepath).expanduser()
    if not overwrite and path.exists():
        raise FileExistsError(
            _core.explain(
                f"{str(path)!r} is there already.",
                expected="a path where no file is, as overwrite=False",
                got="an existing file",
                fix="give overwrite=True, or another path",
            )
        )
    return path


def check_source(filepath: Any) -> Path:
    """Return the path to read from.

    Raises:
        FileNotFoundError: when there is no file.
    """
    path = Path(filepath).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            _core.explain(
                f"There is no file {str(path)!r}.",
                expected="an existing file",
                got="a folder" if path.is_dir() else "nothing",
                fix="check the path",
            )
        )
    return path

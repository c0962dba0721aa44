"""Binding lists and dicts (of losses, metrics, targets, weights) to the outputs of a model by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from treadle import _core


def flat_outputs(y_pred: Any, names: Sequence[str]) -> list[Any]:
    """Return the outputs of a model as a list in the order of `names`."""
    if isinstance(y_pred, Mapping):
        return [y_pred[name] for name in names]
    return list(y_pred) if isinstance(y_pred, (list, tuple)) else [y_pred]


def default_names(y_pred: Any) -> list[str]:
    """Return names for the outputs of a model that has none: keys, or output_1, output_2, ..."""
    if isinstance(y_pred, Mapping):
        return list(y_pred)
    count = len(y_pred) if isinstance(y_pred, (list, tuple)) else 1
    return [f"output_{i + 1}" for i in range(count)]


def bind(given: Any, names: Sequence[str], what: str, *, spread: bool = False) -> list[Any]:
    """Return one entry of `given` for each output.

    Args:
        given: One value, a list in the order of the outputs, or a dict by output name; None for none.
        names: The names of the outputs.
        what: The argument's name in messages.
        spread: Whether a single value goes to every output.

    Raises:
        UnknownNameError: for a key that is no output; the nearest is suggested.
        ValueError: for a list of another length, or one value for many outputs where it may not be spread.
    """
    if given is None:
        return [None] * len(names)
    if isinstance(given, Mapping):
        for key in given:
            if key not in names:
                raise _core.unknown_name(f"output in `{what}`", str(key), names)
        return [given.get(name) for name in names]
    if isinstance(given, (list, tuple)):
        if len(given) == len(names):
            return list(given)
        raise ValueError(_wrong_count(what, names, f"{len(given)} entries"))
    if len(names) > 1 and not spread:
        raise ValueError(_wrong_count(what, names, "one value"))
    return [given] * len(names)


def _wrong_count(what: str, names: Sequence[str], got: str) -> str:
    return _core.explain(
        f"`{what}` does not fit the model's outputs.",
        expected=f"one entry for each of {list(names)}",
        got=got,
        fix=f"give a list of {len(names)}, or a dict by output name",
    )

"""What a tape says to its user, and the checks that lead to it."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from treadle._core import TreadleWarning, explain, unknown_name

_ROOM = str(Path(__file__).parent)


def warn(message: str, stacklevel: int) -> None:
    """Warn at a line of the user's."""
    warnings.warn(message, TreadleWarning, stacklevel=stacklevel + 1)


def entered_twice() -> str:
    """Return the message for `with tape:` inside `with tape:`."""
    return explain(
        "This tape records already.",
        expected="each tape entered once",
        got="`with tape:` inside `with tape:`",
        fix="make a second tape: with treadle.GradientTape() as inner:",
    )


def not_recording(method: str) -> str:
    """Return the message for a method that belongs inside the `with` block."""
    return explain(
        f"tape.{method} was called while the tape does not record.",
        expected="a call inside `with treadle.GradientTape() as tape:`",
        got="a call outside",
        fix=f"move tape.{method} into the `with` block",
    )


def nothing_recorded(method: str) -> str:
    """Return the message for a tape that was never entered."""
    return explain(
        "The tape has recorded nothing.",
        expected="a forward pass inside `with treadle.GradientTape() as tape:`",
        got=f"tape.{method} before any",
        fix="with treadle.GradientTape() as tape: loss = ...",
    )


def used_twice(method: str) -> str:
    """Return the message for a second gradient."""
    return explain(
        "This tape was used already; what it recorded is gone.",
        expected="one call of gradient, jacobian or batch_jacobian per tape",
        got=f"a second one, tape.{method}",
        fix="treadle.GradientTape(persistent=True), or ask once for all sources: "
        "tape.gradient(loss, [first, second])",
    )


def graph_is_gone() -> str:
    """Return the message for a target that goes back to what another tape has used up."""
    return explain(
        "The target depends on results that an earlier gradient used up.",
        expected="a forward pass inside this tape, from data or parameters",
        got="a tensor that an earlier tape or backward() differentiated, and that leads to the same sources",
        fix="carry values over with .detach(), or use GradientTape(persistent=True) before",
    )


def made_for_inference() -> str:
    """Return the message for watching a tensor that autograd cannot take."""
    return explain(
        "A tensor made under torch.inference_mode() cannot be watched.",
        expected="a tensor that torch can differentiate",
        got="an inference tensor",
        fix="watch a copy of it: x = x.clone() inside the tape",
    )


def not_a_tensor(method: str, leaf: Any) -> str:
    """Return the message for arguments that are no tensors."""
    return explain(
        f"tape.{method} cannot take this.",
        expected="tensors, parameters, or a structure of them",
        got=type(leaf).__name__,
        fix="make it a tensor before the computation: x = torch.as_tensor(x)",
    )


def not_floating(what: str, dtype: torch.dtype) -> str:
    """Return the message for integers."""
    return explain(
        f"Integers have no gradient; a {what} tensor is ignored.",
        expected="a floating dtype",
        got=str(dtype).removeprefix("torch."),
        fix="x = x.float() before the computation",
    )


def check_tensors(what: str, found: Sequence[Any]) -> list[torch.Tensor]:
    """Return `found`, or raise if something in it is no tensor."""
    for leaf in found:
        if not isinstance(leaf, torch.Tensor):
            raise TypeError(
                explain(
                    f"`{what}` of a tape must hold tensors only.",
                    expected="a tensor, or a structure of tensors",
                    got=type(leaf).__name__,
                    fix="keep results as tensors; float(), .item() and .numpy() leave the graph",
                )
            )
    return list(found)


def check_unconnected(value: Any) -> bool:
    """Return whether missing gradients are zeros."""
    name = getattr(value, "value", value)  # TensorFlow's enumeration is taken, too
    if name not in ("none", "zero"):
        raise unknown_name("value of unconnected_gradients", str(name), ("none", "zero"))
    return name == "zero"


def tell_unconnected(
    targets: Sequence[torch.Tensor],
    sources: Sequence[torch.Tensor],
    gradients: Sequence[torch.Tensor | None],
    lost: Sequence[int],
    watches_accessed: bool,
) -> None:
    """Warn where no source has a gradient, or where some have lost theirs to a computation outside of the tape."""
    if lost:
        message = _outside(len(lost), all(one is None for one in gradients))
    elif all(one is None for one in gradients):
        message = _none_at_all(targets, sources, watches_accessed)
    else:
        return
    warn(message, _level_of_user() + 1)


def _level_of_user() -> int:
    """Return the stack level, seen from the caller, of the first line outside of this room."""
    level, frame = 0, sys._getframe(1)
    while frame.f_back is not None and _is_inside(frame.f_code.co_filename):
        level, frame = level + 1, frame.f_back
    return level


def _is_inside(file_name: str) -> bool:
    return file_name.startswith(_ROOM) or file_name == contextlib.__file__


def _outside(count: int, everything: bool) -> str:
    return explain(
        "A forward pass outside the tape was not recorded.",
        expected="every operation between the sources and the target inside `with GradientTape() as tape:`",
        got=f"{'all' if everything else 'part of the'} gradients of {count} source(s) go through operations "
        "before or after it",
        fix="call the model and compute the loss inside the `with` block; .detach() what is meant to be constant",
    )


def _none_at_all(
    targets: Sequence[torch.Tensor], sources: Sequence[torch.Tensor], watches_accessed: bool
) -> str:
    fixes = {
        "integers": "compute the target in a floating dtype",
        "detached": "compute the target inside the tape by torch operations on the sources: no float(), .item(), "
        ".numpy(), .detach() or torch.no_grad() on the way",
        "unwatched": "call tape.watch(x) before x is used, or set trainable = True",
        "unnamed": "call tape.watch(x), as watch_accessed_variables is False",
        "other": "take the sources from the model that computed the target",
    }
    if not any(one.is_floating_point() or one.is_complex() for one in targets):
        got, fix = "integer targets", fixes["integers"]
    elif not any(one.requires_grad for one in sources):
        got, fix = "sources that are neither trainable nor watched", fixes["unwatched"]
    elif not any(one.requires_grad for one in targets):
        got, fix = "a target that depends on nothing that was recorded", fixes["detached"]
    elif not watches_accessed:
        got, fix = "sources that were not watched", fixes["unnamed"]
    else:
        got, fix = "a target that was computed from other tensors", fixes["other"]
    return explain(
        f"No gradient: the target does not depend on any of the {len(sources)} source(s), so all are None.",
        expected="a target computed from the sources inside the tape",
        got=got,
        fix=fix,
    )

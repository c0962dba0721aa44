"""Plain torch modules called on symbolic tensors: recorded as one call of the module, not as its insides.

torch's global module hooks notice such calls. They are installed while a model is being put together (from an
`Input` to the `Model` made of it), since an installed hook slows every module call in the process.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as torch_module

from treadle.graph._symbolic import SymbolicTensor, has_symbolic, map_leaves, record

_handles: list[Any] = []


class _Recorded(tuple[Any, ...]):
    """The arguments that a recorded module is run with once more; carries the result that its caller gets."""

    outputs: Any
    modes: list[tuple[nn.Module, bool]]


class RecordsItself:
    """Marks modules (layers) that handle symbolic inputs in their own `__call__`."""


def watch_modules() -> None:
    """Notice calls of plain modules on symbolic tensors, until `unwatch_modules`."""
    if not _handles:
        _handles.append(torch_module.register_module_forward_pre_hook(_before))
        _handles.append(torch_module.register_module_forward_hook(_after))


def unwatch_modules() -> None:
    """Take the global hooks away again."""
    while _handles:
        _handles.pop().remove()


def _before(module: nn.Module, args: tuple[Any, ...]) -> Any:
    if isinstance(module, RecordsItself) or torch.compiler.is_compiling():
        return None
    if args and not has_symbolic(args, {}):
        return None
    # torch hands global hooks no keyword arguments; they are in the calling frame.
    kwargs = dict(sys._getframe(1).f_locals.get("kwargs", {}))
    if not has_symbolic(args, kwargs):
        return None
    with inference_mode_of(module):
        outputs = record("module", module, args, kwargs)
    # torch calls the module after this hook, whatever it returns: let it run once more on zeros.
    again = _Recorded(map_leaves(_zeros_for, args))
    again.outputs = outputs
    again.modes = [(part, part.training) for part in module.modules()]
    module.eval()
    return again


def _after(module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
    if type(args) is not _Recorded:
        return None
    for part, mode in args.modes:
        part.training = mode
    return args.outputs


def _zeros_for(leaf: Any) -> Any:
    return (
        torch.zeros(leaf.sizes[0], dtype=leaf.dtype) if isinstance(leaf, SymbolicTensor) else leaf
    )


@contextlib.contextmanager
def inference_mode_of(module: nn.Module) -> Generator[None]:
    """Run `module` in inference mode inside, so that probes move no running statistics."""
    modes = [(part, part.training) for part in module.modules()]
    for part, _ in modes:
        part.training = False
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode

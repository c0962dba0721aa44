"""What `get` takes, and torch's own initialization functions as initializers.

Torch fills a weight in place and counts its inputs in the layout (out, in, height, width); here a
function returns a new tensor in the layout (height, width, in, out).
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np
import torch

from treadle._core import unknown_name
from treadle.initializers._constant import Constant
from treadle.initializers._family import INITIALIZERS
from treadle.initializers._initializer import RandomInitializer

_NAMES = (
    "constant_ dirac_ eye_ kaiming_normal_ kaiming_uniform_ normal_ ones_ orthogonal_ sparse_ "
    "trunc_normal_ uniform_ xavier_normal_ xavier_uniform_ zeros_"
)
_FUNCTIONS = {name: getattr(torch.nn.init, name) for name in _NAMES.split()}
_NEEDS_GENERATOR = {
    name for name, fill in _FUNCTIONS.items() if "generator" in inspect.signature(fill).parameters
}


@INITIALIZERS.member()
class TorchInitializer(RandomInitializer):
    """One of the functions of `torch.nn.init`, applied to a weight in torch's layout.

    `get(torch.nn.init.xavier_uniform_)` makes one; `functools.partial` passes arguments.

    Args:
        name: The function's name, such as `"xavier_uniform_"`.
        arguments: Its further arguments, by name.
        seed: As in `RandomNormal`.

    Raises:
        UnknownNameError: for a name that `torch.nn.init` does not have.

    Example:
        >>> import torch, treadle
        >>> fill = treadle.initializers.get(torch.nn.init.eye_)
        >>> fill((2, 3))
        tensor([[1., 0., 0.],
                [0., 1., 0.]])
    """

    def __init__(
        self, name: str, arguments: dict[str, Any] | None = None, seed: Any = None
    ) -> None:
        super().__init__(seed)
        if name not in _FUNCTIONS:
            raise unknown_name("function of torch.nn.init", name, _FUNCTIONS)
        self.name = name
        self.arguments = dict(arguments or {})

    def _fill(self, values: torch.Tensor, generator: torch.Generator) -> None:
        rank = values.dim()
        # (height, width, in, out) -> (out, in, height, width)
        order = (rank - 1, rank - 2, *range(rank - 2)) if rank >= 2 else tuple(range(rank))
        weight = torch.empty_like(values.permute(order), memory_format=torch.contiguous_format)
        options = {"generator": generator} if self.name in _NEEDS_GENERATOR else {}
        _FUNCTIONS[self.name](weight, **self.arguments, **options)
        values.permute(order).copy_(weight)


def get(identifier: Any) -> Any:
    """Return the initializer that `identifier` means.

    Args:
        identifier: A name (`"glorot_uniform"`), an initializer or its class, a configuration, an
            array of values, a function of `torch.nn.init`, any callable `(shape, dtype=None)` that
            returns a tensor, or None.

    Returns:
        A callable `(shape, dtype=None)`; None for None.

    Raises:
        UnknownNameError: for an unknown name; the message suggests the nearest.
        TypeError: for anything else.

    Example:
        >>> import treadle
        >>> treadle.initializers.get("zeros")((2,))
        tensor([0., 0.])
    """
    if isinstance(identifier, np.ndarray | torch.Tensor | list):
        return Constant(identifier)
    function, arguments = identifier, {}
    if isinstance(identifier, functools.partial) and not identifier.args:
        function, arguments = identifier.func, identifier.keywords
    name = getattr(function, "__name__", "")
    if name in _FUNCTIONS and _FUNCTIONS[name] is function:
        return TorchInitializer(name, arguments)
    return INITIALIZERS.get(identifier)

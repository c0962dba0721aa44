"""A torch module as a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from treadle import _core
from treadle.models._model import Model


class TorchModel(Model):
    """A model whose computation is a torch module's; see `Model.from_torch`.

    Args:
        module: The module; its parameters are shared, not copied.
        name: The model's name.

    Example:
        >>> import torch, treadle
        >>> model = treadle.Model.from_torch(torch.nn.Linear(3, 2))
        >>> model(torch.zeros(1, 3)).shape
        torch.Size([1, 2])
    """

    def __init__(self, module: nn.Module, name: str | None = None) -> None:
        if not isinstance(module, nn.Module):
            raise TypeError(
                _core.explain(
                    "from_torch takes a torch module.",
                    expected="an instance of torch.nn.Module",
                    got=f"the class {module.__name__}"
                    if isinstance(module, type)
                    else type(module).__name__,
                    fix=f"{module.__name__}(...)"
                    if isinstance(module, type)
                    else "wrap the function in a module",
                )
            )
        super().__init__(name=name or _core.unique_name(_core.snake_case(type(module).__name__)))
        self.module = module
        self.built = True

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Call the module; a list of inputs becomes positional, a dict named arguments."""
        if isinstance(inputs, Mapping):
            return self.module(**inputs)
        return self.module(*inputs) if isinstance(inputs, (list, tuple)) else self.module(inputs)


Model._torch_model = TorchModel

"""`TorchModuleWrapper`: a torch module under a layer's name, with a layer's mode, weights and place in files."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from treadle import _core
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer


@FAMILY.member()
class TorchModuleWrapper(Layer):
    """A torch module as a layer. Modules may stand where layers do without it; it adds a name and a dtype.

    Args:
        module: The module; parameters of lazy ones are made by the first call.
        name: A name.
        output_shape: Accepted for compatibility; shapes come from running the module.
        **kwargs: `dtype`, `trainable` (see `Layer`).

    Raises:
        TypeError: when `module` is no module; when a configuration is asked for, and the module's class is not
            registered. (Keras pickles the module into the configuration; a file that is unpickled can run code.)

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.TorchModuleWrapper(torch.nn.Linear(3, 2), name="head")
        >>> layer(torch.zeros(4, 3)).shape, layer.count_params()
        (torch.Size([4, 2]), 8)

    Reference:
        Keras 3 API, `keras.layers.TorchModuleWrapper`.
    """

    _stores_parts = True  # files have the module's state under the module's names

    def __init__(
        self, module: nn.Module, name: str | None = None, output_shape: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        if not isinstance(module, nn.Module):
            raise TypeError(
                _core.explain(
                    "TorchModuleWrapper wraps torch modules.",
                    expected="an instance of torch.nn.Module",
                    got=f"the class {module.__name__}"
                    if isinstance(module, type)
                    else type(module).__name__,
                    fix=f"{module.__name__}(...)" if isinstance(module, type) else "",
                )
            )
        self.module = module
        if not self.trainable:
            module.requires_grad_(False)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the module returns for these arguments."""
        return self.module(*args, **kwargs)

    def save_own_variables(self, store: Any) -> None:
        """Write the module's `state_dict` under its names, as Keras does."""
        for name, value in self.module.state_dict().items():
            store[name] = value.detach().cpu().numpy()

    def load_own_variables(self, store: Any) -> None:
        """Read what `save_own_variables` wrote.

        Raises:
            ShapeError: when names or shapes differ.
        """
        own = self.module.state_dict()
        given = {name: torch.as_tensor(np.array(store[name])) for name in store}
        wrong = [
            name
            for name in [*own, *given]
            if name not in own or name not in given or own[name].shape != given[name].shape
        ]
        if wrong:
            raise _core.ShapeError(
                _core.explain(
                    f"The weights for the torch module of {self.name!r} do not fit.",
                    expected=f"{len(own)} tensors with the names and shapes of its state_dict",
                    got=f"differences in {', '.join(dict.fromkeys(wrong))}"[:300],
                )
            )
        self.module.load_state_dict(given)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; the module must be of a registered class with a `get_config`."""
        if not (hasattr(self.module, "get_config") and hasattr(type(self.module), "from_config")):
            raise TypeError(
                _core.explain(
                    f"The torch module of {self.name!r} has no configuration.",
                    expected="a class with get_config() and from_config(config), decorated with "
                    "@treadle.saving.register_keras_serializable()",
                    got=type(self.module).__name__,
                    fix="save_weights and load_weights need no configuration",
                )
            )
        return super().get_config()

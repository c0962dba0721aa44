"""`Sequential`: a model that is a list of layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from treadle import _core, graph, layers, saving
from treadle.models import _functional
from treadle.models._model import Model
from treadle.models._module_keys import register_modules


@layers.FAMILY.member()
class Sequential(Model):
    """A model that calls its layers one after the other.

    Args:
        layers: Layers, plain torch modules, or an `Input(...)` at the front; without one the model is built by
            its first call.
        trainable: Whether the weights are trained.
        name: The model's name.

    Raises:
        TypeError: for something that is not a layer.
        ValueError: for two layers of one name.

    Example:
        >>> import torch, treadle
        >>> model = treadle.Sequential(
        ...     [
        ...         treadle.Input((4,)),
        ...         treadle.layers.Dense(8, activation="relu"),
        ...         torch.nn.Linear(8, 2),
        ...     ]
        ... )
        >>> model(torch.zeros(3, 4)).shape
        torch.Size([3, 2])

    Reference:
        Keras 3 API, `keras.Sequential`.
    """

    _steps: list[nn.Module]
    _entry: layers.InputLayer | None

    def __init__(
        self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.__dict__["_steps"] = []
        self.__dict__["_entry"] = None
        for layer in [layers] if isinstance(layers, nn.Module) else layers or []:
            self._append(layer)
        self._rebuild()

    def add(self, layer: Any) -> None:
        """Append a layer."""
        self._append(layer)
        self._rebuild()

    def pop(self) -> nn.Module:
        """Remove the last layer and return it."""
        if not self._steps:
            raise _core.StateError(
                _core.explain(
                    f"{self.name!r} has no layer to remove.",
                    expected="at least one layer before pop()",
                    got="none",
                )
            )
        removed = self._steps.pop()
        self._rebuild()
        return removed

    def _append(self, layer: Any) -> None:
        if (
            isinstance(layer, graph.SymbolicTensor)
            and layer.node is not None
            and layer.node.kind == "input"
        ):
            layer = layer.node.target
        if isinstance(layer, layers.InputLayer) and not self._steps:
            self.__dict__["_entry"] = layer
            return
        if not isinstance(layer, nn.Module):
            raise TypeError(
                _core.explain(
                    "A Sequential takes layers.",
                    expected="a layer or torch module",
                    got=f"the class {layer.__name__}"
                    if isinstance(layer, type)
                    else f"{type(layer).__name__}",
                    fix=f"{layer.__name__}(...)"
                    if isinstance(layer, type)
                    else "wrap a function in layers.Activation or a Layer",
                )
            )
        self._steps.append(layer)

    def _rebuild(self) -> None:
        """Register the layers, and connect them if the input's shape is known."""
        names = [step.name for step in self._steps if isinstance(step, layers.Layer)]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    _core.explain(
                        f"Two layers of {self.name!r} are named {name!r}.",
                        expected="a different name for each layer",
                        got=f"{names}",
                        fix="give one of them another name=",
                    )
                )
        self._modules.clear()
        self._foreign.clear()
        self._program, self.built = None, False
        self.__dict__.pop("_replay", None)
        entry = self._entry or _entry_from_argument(self._steps)
        if entry is not None and self._steps:
            self._connect(entry.output)
        else:
            register_modules(self, self._steps)

    def _connect(self, start: graph.SymbolicTensor) -> None:
        self._modules.clear()
        self._foreign.clear()
        graph.watch_modules()
        value: Any = start
        for step in self._steps:
            value = step(value)
        self.__dict__["_connected"] = True
        _functional.connect(self, start, value)

    def build(self, input_shape: Any = None) -> None:
        """Connect the layers for inputs of `input_shape` (batch size first)."""
        if self._program is None and input_shape is not None and self._steps:
            self._build_shape = input_shape
            strings = self._built_for_strings or getattr(self._steps[0], "_reads_strings", False)
            start = layers.Input(batch_shape=input_shape, dtype="string" if strings else None)
            if strings and start.node is not None:
                self.__dict__["_entry"] = start.node.target  # a shape alone would not tell
            self._connect(start)
        self.built = self._program is not None

    @property
    def layers(self) -> list[nn.Module]:
        """The layers, without the input."""
        return list(self._steps)

    def get_config(self) -> dict[str, Any]:
        """Return the layers' configurations."""
        steps = [self._entry, *self._steps] if self._entry is not None else self._steps
        config = {
            "name": self.name,
            "trainable": self.trainable,
            "layers": [saving.describe_layer(step) for step in steps],
        }
        shape = getattr(self, "_build_shape", None)
        return config if shape is None else {**config, "build_input_shape": list(shape)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Return a new model (without these weights) from a configuration."""
        with _core.custom_object_scope(custom_objects or {}):
            steps = [saving.make_layer(step) for step in config["layers"]]
        model = cls(steps, config.get("trainable", True), config.get("name"))
        if not model.built and config.get("build_input_shape"):
            model.build(tuple(config["build_input_shape"]))
        return model


def _entry_from_argument(steps: list[nn.Module]) -> layers.InputLayer | None:
    shape = getattr(steps[0], "_input_shape_argument", None) if steps else None
    return None if shape is None else layers.InputLayer(shape)
